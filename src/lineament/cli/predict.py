"""``lineament predict BUNDLE PATH...``."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import click

from lineament.artifacts.table import printable, table_text
from lineament.cli import flags
from lineament.cli.console import Console, ConsoleProgress, next_command
from lineament.core.errors import DataError, UsageError
from lineament.core.files import require_free, write_text
from lineament.runtime.answers import Answer
from lineament.runtime.predictor import Predictor
from lineament.runtime.sources import photo_files
from lineament.runtime.submission import (
    check_columns,
    photo_of_each,
    read_sample,
    submission_text,
)

UNKNOWN = "unknown"
# What every row has; `confidence` is that of `nearest`, the most probable class.
COLUMNS = ("filename", "label", "confidence", "error", "familiarity", "nearest")


@click.command()
@click.argument("model", type=flags.PATH, metavar="BUNDLE")
@click.argument("paths", type=flags.PATH, nargs=-1, metavar="PATH...")
@click.option("--csv", "csv_file", type=flags.PATH, metavar="FILE", help="Also write a CSV file.")
@click.option(
    "--submission",
    "sample_file",
    type=flags.PATH,
    metavar="SAMPLE",
    help="Write --csv as this sample of a competition has it: its ids, order and columns.",
)
@click.option("--top", type=int, default=1, show_default=True, help="Classes per photo.")
@click.option("--never-unknown", is_flag=True, help="Answer also what the model does not know.")
@click.option("--overwrite", is_flag=True, help="Replace what stands at --csv.")
@flags.common
@click.pass_context
def command(
    context: click.Context,
    model: Path,
    paths: tuple[Path, ...],
    csv_file: Path | None,
    sample_file: Path | None,
    top: int,
    never_unknown: bool,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Answer each PATH (a photo, or a folder of photos) with BUNDLE: one row per file, in order.

    A photo that is too unlike the training photos is answered "unknown", with the class that it is
    nearest to beside it.
    A file that cannot be read keeps its row, with the reason, and the exit code is then 3. A run
    serves as well as a bundle. Needs no torch.
    """
    if sample_file is not None and csv_file is None:
        raise UsageError("`--submission` needs a file to write.", fix="Add `--csv submission.csv`.")
    files = photo_files(paths)
    if csv_file is not None:
        require_free(csv_file, overwrite=overwrite, flag="--csv")
    sample = None if sample_file is None else read_sample(sample_file)
    predictor = Predictor(model)
    if sample is not None:
        # Before an hour of photos.
        check_columns(sample, predictor.classes)
        photo_of_each(sample, [printable(str(file)) for file in files])
    if not 1 <= top <= len(predictor.classes):
        raise UsageError(
            f"`--top` must be from 1 to {len(predictor.classes)}, the number of classes, got "
            f"{top}.",
            fix="Leave it out for the most probable class alone.",
        )
    answers = list(predictor.predict(files, progress=ConsoleProgress()))
    if never_unknown:
        answers = [dataclasses.replace(answer, is_unknown=False) for answer in answers]
    rows = [_row(predictor, answer, top) for answer in answers]
    console = Console(as_json=as_json)
    if csv_file is not None:
        text = _csv_text(rows, top)
        if sample is not None:
            text, left_out = submission_text(sample, answers, predictor.classes)
            console.talk(
                f"{csv_file}: the {len(sample.ids):,} ids of {sample_file}"
                + (f"; photos that it does not ask for: {left_out:,}" if left_out else "")
            )
        write_text(csv_file, text, overwrite=overwrite, flag="--csv")
    document = {"bundle": str(model), "classes": list(predictor.classes), "predictions": rows}
    console.result(
        document,
        "\n".join(_line(answer, predictor.top(answer, k=top)) for answer in answers),
        following=next_command("explain", model, "PHOTO...", "--out", "overlays"),
    )
    unknown = sum(answer.is_unknown for answer in answers)
    if unknown:
        console.talk(
            f"{unknown} of {len(answers)} photos {'is' if unknown == 1 else 'are'} unlike the "
            "training photos (`--never-unknown` answers them)"
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
    nearest, confidence = ranked[0] if ranked else (None, None)
    row: dict[str, object] = {
        "filename": answer.source,
        "label": UNKNOWN if answer.is_unknown else nearest,
        "confidence": confidence,
        "error": answer.error or None,
        "familiarity": answer.familiarity,
        "nearest": nearest,
    }
    if top > 1:
        row["top"] = [{"label": name, "confidence": value} for name, value in ranked]
    return row


def _line(answer: Answer, ranked: Sequence[tuple[str, float]]) -> str:
    said = "\t".join(f"{name}\t{value:.4f}" for name, value in ranked)
    if answer.is_unknown:
        said = f"{UNKNOWN}\tnearest: {said}"
    return f"{answer.source}\t{said or f'error: {answer.error}'}"


def _csv_text(rows: Sequence[dict[str, object]], top: int) -> str:
    columns = list(COLUMNS)
    for rank in range(2, top + 1):
        columns += [f"label_{rank}", f"confidence_{rank}"]
    cells = []
    for row in rows:
        ranked = row.get("top", [])
        assert isinstance(ranked, list)  # made by `_row`
        further = [value for entry in ranked[1:] for value in entry.values()]
        line = [row[name] for name in COLUMNS] + further
        cells.append(line + [None] * (len(columns) - len(line)))
    return table_text(columns, cells)
