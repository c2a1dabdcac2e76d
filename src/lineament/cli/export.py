"""``lineament export RUN --out model.onnx``."""

from pathlib import Path

import click

from lineament.cli import flags
from lineament.cli.console import Console, ConsoleProgress, next_command
from lineament.core.extras import require_all


@click.command()
@click.argument("run", type=flags.PATH)
@flags.writes("FILE.onnx", "The bundle.")
@flags.common
def command(run: Path, out: Path, overwrite: bool, as_json: bool) -> None:
    """Pack RUN into one ONNX file, from pixels of any size to calibrated probabilities.

    Refuses when ONNX Runtime and PyTorch differ by more than 0.001 in any probability on the
    golden photos, which then travel in the file with their answers.
    """
    require_all("train", purpose="Export")
    from lineament.exporting.export import export

    console = Console(as_json=as_json)
    card = export(run, out, overwrite=overwrite, progress=ConsoleProgress())
    size_mb = out.stat().st_size / 1e6
    lines = [
        f"{out}: {len(card.classes)} classes, {size_mb:.1f} MB",
        f"PyTorch and ONNX Runtime differ by at most {card.parity['largest_difference']:.1e} in a "
        f"probability on {len(card.golden)} golden photos",
    ]
    document = {
        "bundle": str(out),
        "size_bytes": out.stat().st_size,
        "classes": list(card.classes),
        "parity": dict(card.parity),
        "provenance": dict(card.provenance),
    }
    console.result(document, "\n".join(lines), following=next_command("predict", out, "PHOTO..."))
