"""What the tests of figures of trainings share: layers, histories and runs of a few bytes."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from lineament.artifacts.histograms import LayerValues, write_histograms
from lineament.artifacts.run import Run, RunCard, write_run
from lineament.imaging.preprocess import Preprocessing

Row = Mapping[str, object]
PREPROCESSING = Preprocessing(
    size_px=32, fit="squash", interpolation="bicubic", mean=(0.5,) * 3, std=(0.5,) * 3
)


def _layer(
    epoch: int = 1,
    layer: str = "backbone.network.conv1.weight",
    kind: str = "parameter",
    *,
    low: float = -1.0,
    high: float = 1.0,
    counts: Sequence[int] = (1, 6, 2, 1),
    rms: float = 0.1,
    update_ratio: float | None = None,
) -> LayerValues:
    return LayerValues(
        epoch=epoch,
        layer=layer,
        kind=kind,
        low=low,
        high=high,
        counts=tuple(counts),
        rms=rms,
        zero_fraction=0.0,
        update_ratio=update_ratio,
    )


@pytest.fixture(scope="session")
def layer() -> Callable[..., LayerValues]:
    """Give ``layer(epoch, name, kind, low=..., high=..., counts=..., rms=...)``."""
    return _layer


@pytest.fixture(scope="session")
def layers() -> Callable[..., list[LayerValues]]:
    """Give ``layers(n_layers, n_epochs)``: parameters and gradients, from input to output."""

    def make(n_layers: int, n_epochs: int) -> list[LayerValues]:
        return [
            _layer(
                epoch,
                f"backbone.network.stage{number}.weight",
                kind,
                rms=10.0 ** -(number % 4),
                update_ratio=1e-3 if kind == "parameter" else None,
            )
            for epoch in range(1, n_epochs + 1)
            for kind in ("parameter", "gradient")
            for number in range(n_layers)
        ]

    return make


def _losses(*losses: float) -> list[dict[str, object]]:
    """A history of the loop with these validation losses, the first one that of the start."""
    return [
        {
            "epoch": epoch,
            "train_loss": None if epoch == 0 else 0.5 / epoch,
            "train_accuracy": None if epoch == 0 else 0.9,
            "validation_loss": loss,
            "validation_accuracy": 0.5 if epoch == 0 else 0.8,
            "learning_rate": 0.0 if epoch == 0 else 1e-3 / epoch,
            "seconds": 0.0 if epoch == 0 else 2.5,
        }
        for epoch, loss in enumerate(losses)
    ]


@pytest.fixture(scope="session")
def losses() -> Callable[..., list[dict[str, object]]]:
    """Give ``losses(0.7, 0.5, 0.6)``: the rows of such epochs, from the start."""
    return _losses


def _writer(root: Path) -> Callable[..., Run]:

    def make(
        name: str = "run",
        history: Sequence[Row] | None = None,
        *,
        layers: Sequence[LayerValues] = (),
        mode: str = "finetune",
        recipe: Row | None = None,
        dataset: Row | None = None,
        training: Row | None = None,
        chosen: Row | None = None,
        versions: Row | None = None,
    ) -> Run:
        rows = _losses(0.7, 0.4, 0.5) if history is None else list(history)
        folder = root / "runs" / name
        folder.mkdir(parents=True)
        for file in ("graph.onnx", "weights.safetensors"):
            (folder / file).write_bytes(b"bytes")
        if layers:
            write_histograms(folder / "histograms.parquet", layers)
        card = RunCard(
            mode=mode,
            classes=("cat", "dog"),
            preprocessing=PREPROCESSING,
            temperature=1.0,
            backbone={"name": "tiny", "tag": "random"},
            recipe={"mode": mode, "fold": None, **(recipe or {})},
            dataset={
                "fingerprint": "d3de4cc34462",
                "name": "pets",
                "path": "data/pets",
                "photos": {"train": 70, "validation": 20, "test": 20},
                **(dataset or {}),
            },
            seed=0,
            chosen=_chosen(rows) if chosen is None else chosen,
            versions={"torch": "2.14"} if versions is None else versions,
            machine={"cores": 2},
            training={"stopped": "epochs", "seconds": 1234.5, **(training or {})},
        )
        write_run(folder, card, rows)
        return Run.open(folder)

    return make


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Run]:
    """Give ``write("name", history, layers=..., recipe=..., ...)``: an opened run of few bytes.

    The epoch or regularisation of the least finite validation loss is chosen.
    """
    return _writer(tmp_path)


@pytest.fixture(scope="session")
def write_below() -> Callable[[Path], Callable[..., Run]]:
    """Give ``write_below(folder)``, which gives ``write``."""
    return _writer


def _chosen(rows: Sequence[Row]) -> Row:
    finite = [
        (loss, row)
        for row in rows
        if isinstance(loss := row["validation_loss"], float) and math.isfinite(loss)
    ]
    if not finite:
        return {}
    loss, row = min(finite, key=lambda each: each[0])
    axis = next(iter(row))
    return {axis: row[axis], "validation_loss": loss, "validation_loss_calibrated": loss * 0.9}
