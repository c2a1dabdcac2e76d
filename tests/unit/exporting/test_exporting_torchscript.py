"""TorchScript answers as the bundle does, and holds the same card."""

from pathlib import Path

import numpy as np
import pytest
import torch

from lineament.artifacts.bundle import read_bundle, read_card
from lineament.artifacts.run import Run
from lineament.core.errors import UsageError
from lineament.exporting.config import ExportConfig
from lineament.exporting.export import export
from lineament.exporting.torchscript import TorchScriptEngine
from lineament.runtime.engines import OnnxRuntimeEngine
from lineament.runtime.proving import prove


@pytest.fixture(scope="module")
def engine(small_run: Run, tmp_path_factory: pytest.TempPathFactory) -> TorchScriptEngine:
    path = tmp_path_factory.mktemp("scripted") / "m.pt"
    export(small_run, path, config=ExportConfig(format="torchscript"))
    return TorchScriptEngine(path.read_bytes())


def test_golden_photos_are_answered_as_in_pytorch(
    engine: TorchScriptEngine, small_bundle: Path
) -> None:
    proof = prove(read_bundle(small_bundle)[1], engine)

    assert proof.largest < 1e-5
    assert max(proof.familiarity_differences.values()) < 1e-3
    assert proof.engine == f"TorchScript {torch.__version__}, fp32"


def test_photos_of_any_size_and_number_are_answered_as_by_the_bundle(
    engine: TorchScriptEngine, small_bundle: Path
) -> None:
    bundle = OnnxRuntimeEngine(small_bundle, name="m")
    draw = np.random.default_rng(0)
    names = ["probabilities", "embedding", "familiarity"]
    for shape in ((1, 1, 1, 3), (1, 50, 33, 3), (3, 20, 90, 3)):
        image = draw.integers(0, 256, shape, dtype=np.uint8)

        mine, theirs = engine.run(image, names), bundle.run(image, names)

        for one, other in zip(mine, theirs, strict=True):
            assert one.shape == other.shape
            assert np.abs(one - other).max() < 1e-3


def test_file_holds_the_card(engine: TorchScriptEngine, small_bundle: Path) -> None:
    stated = read_card(engine.metadata, name="m.pt")
    _, card = read_bundle(small_bundle)

    assert (stated.classes, stated.golden) == (card.classes, card.golden)
    assert list(stated.parity["engines"]) == [engine.title]  # type: ignore[call-overload]  # JSON


@pytest.mark.parametrize(
    ("name", "kind", "text"),
    [
        ("m.onnx", "torchscript", "The name of a TorchScript ends in .pt, got {}.\n"),
        ("m.pt", "onnx", "A bundle's name ends in .onnx, got {}.\n"),
    ],
)
def test_name_that_does_not_fit_the_format_is_refused(
    name: str, kind: str, text: str, small_run: Run, tmp_path: Path
) -> None:
    out = tmp_path / name
    with pytest.raises(UsageError) as caught:
        export(small_run, out, config=ExportConfig(format=kind))

    suffix = ".pt" if kind == "torchscript" else ".onnx"
    assert str(caught.value) == text.format(out) + f"  fix: Use `--out {out}{suffix}`."
