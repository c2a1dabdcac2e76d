"""Make the bundles with a whole card: in ``tests``, ``python -m contract.make_whole_bundles OUT``.

Writes ``bundle-schema-1-fp32.onnx`` and ``bundle-schema-1-int8.onnx``, and beside each a JSON file
of the same name with a few drawn photos, what it answers to them, and what its card states. Run
once and never again for these names: they hold what users have, and must load for ever. A later
schema version gets files of its own.
"""

import base64
import io
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from timm.models import register_model

from contract.make_bundle import contract_net
from lineament import (
    EvaluateConfig,
    Predictor,
    PrepareConfig,
    TrainConfig,
    evaluate,
    export,
    prepare,
    train,
)
from lineament.artifacts.bundle import read_bundle
from lineament.exporting.config import ExportConfig
from lineament.runtime.answers import Answer

CLASSES = ("disc", "square", "stripes")
PER_CLASS = 100
ASKED = 6  # drawn photos that are kept with their answers
BLUE = (0, 0, 255)


def drawn(kind: int, seed: int) -> NDArray[np.uint8]:
    """Draw a noisy light shape on a dark ground, ``uint8 (H, W, 3)``."""
    draw = np.random.default_rng([kind, seed])
    height, width = (int(side) for side in draw.integers(28, 44, 2))
    rows, columns = np.mgrid[0:height, 0:width]
    down, right = rows - height / 2, columns - width / 2
    reach = draw.uniform(9, 13)
    largest = np.maximum(np.abs(down), np.abs(right))
    shape = (
        np.hypot(down, right) < reach,
        (largest < reach) & (largest > reach - 4),
        (largest < reach) & (down % 6 < 3),
    )[kind]
    dark, light = draw.uniform(10, 80, 3), draw.uniform(175, 245, 3)
    noisy = np.where(shape[:, :, None], light, dark) + draw.normal(0, 5, (height, width, 3))
    return np.asarray(noisy.round().clip(0, 255), dtype=np.uint8)


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Encode a photo."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def write_photos(root: Path) -> Path:
    """Write class folders of drawn photos."""
    for kind, name in enumerate(CLASSES):
        (root / name).mkdir(parents=True)
        for seed in range(PER_CLASS):
            (root / name / f"{seed:03d}.png").write_bytes(png(drawn(kind, seed)))
    return root


def expected(bundle: Path) -> dict[str, object]:
    """What a bundle answers to new photos, and what its card states but the golden photos."""
    files = [png(drawn(number % len(CLASSES), 1000 + number)) for number in range(ASKED)]
    files.append(png(np.full((30, 40, 3), BLUE, dtype=np.uint8)))  # shows nothing: unknown
    card = read_bundle(bundle)[1].as_dict()
    card["golden"] = [entry["name"] for entry in json.loads(json.dumps(card["golden"]))]
    return {
        "answers": [
            {
                "data_base64": base64.b64encode(data).decode("ascii"),
                "label": answer.label,
                "is_unknown": answer.is_unknown,
                "probabilities": [probability for _, probability in ranked(answer)],
                "familiarity": answer.familiarity,
            }
            for data, answer in zip(files, Predictor(bundle).predict(files), strict=True)
        ],
        "card": card,
    }


def ranked(answer: Answer) -> list[tuple[str, float]]:
    """Classes with their probability, in the order of the classes."""
    return sorted(answer.top(len(CLASSES)), key=lambda each: CLASSES.index(each[0]))


def main(out: Path) -> None:
    """Prepare, train, export, and evaluate what is shipped, so that its card can state it."""
    register_model(contract_net)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        dataset, run = root / "dataset", root / "run"
        config = PrepareConfig(split=(0.4, 0.3, 0.3))
        prepare(write_photos(root / "photos"), dataset, config=config)
        recipe = TrainConfig(backbone="contract_net", weights="none", size_px=32, crop_fraction=0.9)
        train(dataset, run, config=recipe)
        for precision in ("fp32", "int8"):
            bundle, report = out / f"bundle-schema-1-{precision}.onnx", root / precision
            chosen = ExportConfig(precision=precision, max_drop=10)
            export(run, bundle, config=chosen)
            evaluate(bundle, dataset, report, config=EvaluateConfig(slices=False))
            stating = ExportConfig(precision=precision, max_drop=10, report=str(report))
            export(run, bundle, config=stating, overwrite=True)
            text = json.dumps(expected(bundle), indent=1)
            bundle.with_suffix(".json").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
