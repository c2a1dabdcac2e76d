"""``lineament predict BUNDLE PATH...``."""

from collections.abc import Sequence
from pathlib import Path

import click

from lineament.artifacts.table import table_text
from lineament.cli import flags
from lineament.cli.console import Console, ConsoleProgress, next_command
from lineament.core.errors import DataError, UsageError
from lineament.core.files import require_free, write_text
from lineament.runtime.predictor import Answer, Predictor
from lineament.runtime.sources import photo_files


@click.command()
@click.argument("model", type=flags.PATH, metavar="BUNDLE")
@click.argument("paths", type=flags.PATH, nargs=-1, metavar="PATH...")
@click.option("--csv", "csv_file", type=flags.PATH, metavar="FILE", help="Also write a CSV file.")
@click.option("--top", type=int, default=1, show_default=True, help="Classes per photo.")
@click.option("--overwrite", is_flag=True, help="Replace what stands at --csv.")
@flags.common
@click.pass_context
def command(
    context: click.Context,
    model: Path,
    paths: tuple[Path, ...],
    csv_file: Path | None,
    top: int,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Answer each PATH (a photo, or a folder of photos) with BUNDLE: one row per file, in order.

    A file that cannot be read keeps its row, with the reason, and the exit code is then 3. A run
    serves as well as a bundle. Needs no torch.
    """
    files = photo_files(paths)
    if csv_file is not None:
        require_free(csv_file, overwrite=overwrite, flag="--csv")
    predictor = Predictor(model)
    if not 1 <= top <= len(predictor.classes):
        raise UsageError(
            f"`--top` must be from 1 to {len(predictor.classes)}, the number of classes, got "
            f"{top}.",
            fix="Leave it out for the most probable class alone.",
        )
    answers = list(predictor.predict(files, progress=ConsoleProgress()))
    rows = [_row(predictor, answer, top) for answer in answers]
    if csv_file is not None:
        write_text(csv_file, _csv_text(rows, top), overwrite=overwrite, flag="--csv")
    console = Console(as_json=as_json)
    document = {"bundle": str(model), "classes": list(predictor.classes), "predictions": rows}
    console.result(
        document,
        "\n".join(_line(answer, predictor.top(answer, k=top)) for answer in answers),
        following=next_command("explain", model, "PHOTO...", "--out", "overlays"),
    )
    failed = [answer for answer in answers if answer.error]
    if failed:
        error = DataError(
            f"{len(failed)} of {len(answers)} files cannot be read; their rows say why.",
            at=[f"{answer.source} ({answer.error})" for answer in failed],
            fix="Repair them or leave them out.",
        )
        console.talk(f"error: {error}")
        context.exit(error.exit_code)


def _row(predictor: Predictor, answer: Answer, top: int) -> dict[str, object]:
    ranked = predictor.top(answer, k=top)
    label, confidence = ranked[0] if ranked else (None, None)
    row: dict[str, object] = {
        "filename": answer.source,
        "label": label,
        "confidence": confidence,
        "error": answer.error or None,
    }
    if top > 1:
        row["top"] = [{"label": name, "confidence": value} for name, value in ranked]
    return row


def _line(answer: Answer, ranked: Sequence[tuple[str, float]]) -> str:
    said = "\t".join(f"{name}\t{value:.4f}" for name, value in ranked)
    return f"{answer.source}\t{said or f'error: {answer.error}'}"


def _csv_text(rows: Sequence[dict[str, object]], top: int) -> str:
    columns = ["filename", "label", "confidence", "error"]
    for rank in range(2, top + 1):
        columns += [f"label_{rank}", f"confidence_{rank}"]
    cells = []
    for row in rows:
        ranked = row.get("top", [])
        assert isinstance(ranked, list)  # made by `_row`
        further = [value for entry in ranked[1:] for value in entry.values()]
        line = [row[name] for name in columns[:4]] + further
        cells.append(line + [None] * (len(columns) - len(line)))
    return table_text(columns, cells)
