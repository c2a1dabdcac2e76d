"""From JPEG files to labels: the shipped bundle against a plain script in torch, side by side.

The plain script is what one writes first: Pillow, torchvision's resize and normalisation, batches
of 16, float32. The bare engine is the one that the bundle runs on, given ready tensors: what it
does is the limit of what a runtime around it can do.

    python benchmarks/shipped_speed.py PHOTOS BUNDLE... [--rounds 5] [--photos 400]
"""

import argparse
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import openvino  # type: ignore[import-untyped]  # it ships no py.typed
import timm
import torch
from numpy.typing import NDArray
from PIL import Image
from torchvision import transforms

from lineament.artifacts.bundle import read_bundle
from lineament.core.executor import available_cores
from lineament.core.machine import machine, versions
from lineament.runtime.engines import PIXELS
from lineament.runtime.predictor import Predictor
from lineament.runtime.sources import photo_files

BATCH = 16
TIMM = {"efficientnet_lite0": "tf_efficientnet_lite0", "resnet18": "resnet18"}


def plain_torch(name: str, size_px: int, n_classes: int) -> Callable[[list[Path]], None]:
    """The script that one writes first."""
    model = timm.create_model(TIMM[name], num_classes=n_classes).eval()
    prepare = transforms.Compose(
        [
            transforms.Resize((size_px, size_px)),
            transforms.ToTensor(),
            transforms.Normalize((0.5,) * 3, (0.5,) * 3),
        ]
    )

    def run(files: list[Path]) -> None:
        with torch.no_grad():
            for begin in range(0, len(files), BATCH):
                photos = [Image.open(f).convert("RGB") for f in files[begin : begin + BATCH]]
                batch = torch.stack([prepare(photo) for photo in photos])
                model(batch).softmax(dim=1).argmax(dim=1).tolist()

    return run


def bare_engine(bundle: Path, arithmetic: str) -> Callable[[list[Path]], None]:
    """The bundle's graph from ``pixels`` on, in OpenVINO, on one ready tensor."""
    graph, card = read_bundle(bundle)
    core = openvino.Core()
    network = core.read_model(graph)
    (cut,) = (
        output
        for operation in network.get_ordered_ops()
        for output in operation.outputs()
        if PIXELS in output.get_names()
    )
    side = card.preprocessing.size_px
    begin = openvino.opset13.parameter([1, 3, side, side], cut.get_element_type())
    for reader in list(cut.get_target_inputs()):
        reader.replace_source_output(begin.output(0))
    wanted = [r for r in network.get_results() if "probabilities" in r.output(0).get_names()]
    cores = available_cores()
    compiled = core.compile_model(
        openvino.Model(wanted, [begin], "bare"),
        "CPU",
        {
            "NUM_STREAMS": cores,
            "INFERENCE_NUM_THREADS": cores,
            "INFERENCE_PRECISION_HINT": "bf16" if arithmetic == "bf16" else "f32",
            "ENABLE_CPU_PINNING": False,
        },
    )
    draw = np.random.default_rng(0)
    ready: NDArray[np.float32] = draw.normal(0, 1, (1, 3, side, side)).astype(np.float32)

    def run(files: list[Path]) -> None:
        queue = openvino.AsyncInferQueue(compiled, 2 * cores)
        for _ in files:
            queue.start_async([ready], share_inputs=True)
        queue.wait_all()

    return run


def whole_graph(predictor: Predictor, images: list[NDArray[np.uint8]]) -> Callable[..., None]:
    """The bundle's engine on photos that are decoded already."""
    engine = predictor.stream_engine()

    def run(files: list[Path]) -> None:
        with ThreadPoolExecutor(available_cores()) as pool:
            list(pool.map(lambda image: engine.run(image[None], ["probabilities"]), images))

    return run


def shipped(predictor: Predictor) -> Callable[[list[Path]], None]:
    """What a user calls."""

    def run(files: list[Path]) -> None:
        for answer in predictor.predict(files):
            assert answer.label, answer.error

    return run


def main() -> None:
    """Measure in turns and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("bundles", type=Path, nargs="+")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--photos", type=int, default=400)
    options = parser.parse_args()
    found = photo_files([options.folder])
    files = found[:: max(1, len(found) // options.photos)][: options.photos]
    sides: dict[str, Callable[[list[Path]], None]] = {}
    for path in options.bundles:
        predictor = Predictor(path)
        _, card = read_bundle(path)
        name = str(predictor.provenance["backbone"]["name"])  # type: ignore[index]  # any JSON
        images = [answer_pixels(file, predictor) for file in files]
        title = f"{name} {card.arithmetic}"
        torch_title = f"{name} plain torch fp32"
        if torch_title not in sides:
            size, classes = card.preprocessing.size_px, len(card.classes)
            sides[torch_title] = plain_torch(name, size, classes)
        sides[f"{title}: files to labels ({predictor.stream_engine().title})"] = shipped(predictor)
        sides[f"{title}: decoded photos to labels"] = whole_graph(predictor, images)
        sides[f"{title}: bare engine on ready tensors"] = bare_engine(path, card.arithmetic)
    rates: dict[str, list[float]] = {side: [] for side in sides}
    for turn in range(options.rounds + 1):
        for side, run in sides.items():
            # The plain script is so slow that a quarter of the photos says as much.
            some = files[::4] if "plain torch" in side else files
            began = time.perf_counter()
            run(some)
            if turn > 0:  # the first turn warms up
                rates[side].append(len(some) / (time.perf_counter() - began))
    print(f"{machine()['processor']}, {available_cores()} cores, {len(files)} photos, {versions()}")
    print("| | photos/s, median | least to greatest |\n|---|--:|--:|")
    for side, measured in rates.items():
        low, high = min(measured), max(measured)
        print(f"| {side} | {statistics.median(measured):.0f} | {low:.0f} to {high:.0f} |")


def answer_pixels(file: Path, predictor: Predictor) -> NDArray[np.uint8]:
    """Decode a photo as the predictor does."""
    from lineament.imaging.decode import decode

    return decode(file, short_side_px=predictor.preprocessing.needed_short_side_px)


if __name__ == "__main__":
    main()
