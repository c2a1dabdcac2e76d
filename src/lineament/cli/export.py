"""``lineament export RUN --out model.onnx``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lineament.cli import flags
from lineament.cli.console import Console, ConsoleProgress, next_command
from lineament.core.config import resolve
from lineament.core.extras import require_all

if TYPE_CHECKING:
    from lineament.artifacts.bundle import BundleCard


@click.command()
@click.argument("run", type=flags.PATH)
@flags.writes("FILE.onnx", "The bundle; FILE.pt for TorchScript.")
@click.option("--format", "kind", metavar="onnx|torchscript", help="What is written (onnx).")
@click.option("--precision", metavar="fp32|bf16|int8", help="The arithmetic (fp32).")
@click.option(
    "--max-drop",
    type=float,
    metavar="POINTS",
    help="Validation accuracy that a precision may cost (0.5).",
)
@click.option("--dataset", metavar="DATASET", help="Where the run's dataset is now.")
@click.option(
    "--golden",
    multiple=True,
    metavar="PHOTO",
    help="Prove engines on this photo too; it travels in the bundle.",
)
@flags.settings
@flags.common
def command(
    run: Path,
    out: Path,
    overwrite: bool,
    kind: str | None,
    precision: str | None,
    max_drop: float | None,
    dataset: str | None,
    golden: tuple[str, ...],
    sets: tuple[str, ...],
    as_json: bool,
) -> None:
    """Pack RUN into one ONNX file, from pixels of any size to calibrated probabilities.

    Refuses when an engine and PyTorch differ by more than 0.001 in any probability on the golden
    photos, which then travel in the file with their answers. A precision other than fp32 is
    measured on the validation split, and refused when it costs too much.
    """
    require_all("train", purpose="Export")
    from lineament.exporting.config import ExportConfig
    from lineament.exporting.export import export

    given = {
        "format": kind,
        "precision": precision,
        "max_drop": max_drop,
        "dataset": dataset,
        "golden": golden or None,
    }
    config = resolve(ExportConfig, {}, given, sets=sets)
    console = Console(as_json=as_json)
    card = export(run, out, config=config, overwrite=overwrite, progress=ConsoleProgress())
    document = {
        "bundle": str(out),
        "size_bytes": out.stat().st_size,
        "classes": list(card.classes),
        "parity": dict(card.parity),
        "precision": card.as_dict()["precision"],
        "provenance": dict(card.provenance),
    }
    lines = [f"{out}: {len(card.classes)} classes, {out.stat().st_size / 1e6:.1f} MB"]
    lines += [_parity_line(card), *_precision_lines(card)]
    is_bundle = out.suffix == ".onnx"
    following = next_command("predict", out, "PHOTO...") if is_bundle else "load it with libtorch"
    console.result(document, "\n".join(lines), following=following)


def _parity_line(card: "BundleCard") -> str:
    engines = card.parity["engines"]
    assert isinstance(engines, dict)  # made by `certified`
    found = ", ".join(
        f"{title} {stated['largest_difference']:.1e}" for title, stated in engines.items()
    )
    return (
        f"largest difference from {card.parity['against']} in a probability on {len(card.golden)} "
        f"golden photos: {found}"
    )


def _precision_lines(card: "BundleCard") -> list[str]:
    found = card.precision
    if found is None:
        return []
    n_kept = len(found.kept)
    stay = "layer stays" if n_kept == 1 else "layers stay"
    kept = f"; {n_kept} {stay} in float32" if n_kept else ""
    return [
        f"{found.arithmetic} on {found.photos:,} validation photos ({found.engine}): accuracy "
        f"{100 * found.accuracy:.2f} % (float32: {100 * found.exact_accuracy:.2f} %), same answer "
        f"for {100 * found.agreement:.2f} %, calibration error "
        f"{100 * found.calibration_error:.1f} % "
        f"(float32: {100 * found.exact_calibration_error:.1f} %){kept}"
    ]
