"""Parity on real photos: the same files through PyTorch and every engine that a bundle runs on.

Golden photos prove an export; these are photos as people have them. A part of them is written again
as PNG, WebP, grey, CMYK, with transparency and turned by EXIF, so that every way of decoding is
met. Nothing is chosen: photos are taken at even distances from each folder.

    python benchmarks/parity.py RUN FOLDER... [--photos 2000]
"""

import argparse
import io
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from lineament.artifacts.run import Run
from lineament.core.executor import LocalExecutor
from lineament.core.machine import machine, versions
from lineament.exporting.config import ExportConfig
from lineament.exporting.export import export
from lineament.exporting.torchscript import TorchScriptEngine
from lineament.imaging.decode import decode
from lineament.models.classifier import load_classifier
from lineament.runtime.engines import Engine, OnnxRuntimeEngine
from lineament.runtime.openvino_engine import OpenVinoEngine
from lineament.runtime.sources import photo_files


def rewritten(number: int, data: bytes) -> bytes:
    """Every other file as it is, the others as another kind of file."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    turned = Image.Exif()
    turned[0x0112] = int(3 + number % 6)
    with_alpha = image.copy()
    with_alpha.putalpha(image.convert("L"))
    ways: list[tuple[Image.Image, str, dict[str, object]]] = [
        (image, "PNG", {}),
        (image, "WEBP", {"quality": 90}),
        (image.convert("L"), "JPEG", {"quality": 90}),
        (image.convert("CMYK"), "JPEG", {"quality": 90}),
        (with_alpha, "PNG", {}),
        (image, "JPEG", {"quality": 90, "exif": turned}),
        (image.resize((4 * image.width, 4 * image.height)), "JPEG", {"progressive": True}),
        (image.quantize(64), "GIF", {}),
    ]
    if number % 2 == 0:
        return data
    picture, kind, how = ways[number // 2 % len(ways)]
    buffer = io.BytesIO()
    picture.save(buffer, kind, **how)
    return buffer.getvalue()


def main() -> None:
    """Answer them by every engine, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--photos", type=int, default=2000)
    options = parser.parse_args()
    each = -(-options.photos // len(options.folders))
    files: list[Path] = []
    for folder in options.folders:
        inside = photo_files([folder])
        files += inside[:: max(1, len(inside) // each)][:each]
    photos = [rewritten(number, file.read_bytes()) for number, file in enumerate(files)]

    run = Run.open(options.run)
    side = run.card.preprocessing.needed_short_side_px
    model = load_classifier(run.card, run.weights_path)

    def by_pytorch(data: bytes) -> NDArray[np.float32]:
        pixels = torch.from_numpy(decode(data, short_side_px=side).copy())
        with torch.no_grad():
            found = model.probabilities(pixels, temperature=run.card.temperature)
        row: NDArray[np.float32] = found.numpy()
        return row

    def by(engine: Engine) -> Callable[[bytes], NDArray[np.float32]]:
        def answer(data: bytes) -> NDArray[np.float32]:
            image = decode(data, short_side_px=side)
            row: NDArray[np.float32] = engine.run(image[None], ["probabilities"])[0][0]
            return row

        return answer

    with tempfile.TemporaryDirectory() as folder:
        scripted = Path(folder) / "m.pt"
        export(run, scripted, config=ExportConfig(format="torchscript"))
        graph = run.graph_path.read_bytes()
        engines: list[Engine] = [
            OnnxRuntimeEngine(graph, name="graph"),
            OpenVinoEngine(graph, name="graph", precision="fp32"),
            TorchScriptEngine(scripted.read_bytes()),
            OpenVinoEngine(graph, name="graph", precision="bf16"),
        ]
    exact = np.stack([by_pytorch(data) for data in photos])
    ranked = np.sort(exact, axis=1)
    print(f"{len(photos)} photos, {machine()['processor']}, {versions()}")
    print(f"closest call of PyTorch: {float((ranked[:, -1] - ranked[:, -2]).min()):.1e}")
    print("| engine | largest | 99 % | median | answers that differ |\n|---|--:|--:|--:|--:|")
    for engine in engines:
        workers = None if not isinstance(engine, TorchScriptEngine) else 1
        found = np.stack(list(LocalExecutor(workers).map(by(engine), photos)))
        apart = np.abs(found - exact).max(axis=1)
        flips = int((found.argmax(axis=1) != exact.argmax(axis=1)).sum())
        share = np.quantile(apart, 0.99)
        print(
            f"| {engine.title} | {apart.max():.1e} | {share:.1e} | {np.median(apart):.1e} | "
            f"{flips} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
