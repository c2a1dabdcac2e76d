"""``lineament runs DIR``."""

import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lineament.cli import flags
from lineament.cli.console import Console, next_command

if TYPE_CHECKING:
    from lineament.workflow.listing import Cell, RunRow

PAGE_COLUMNS = 80  # of what is not a terminal
GAP = "  "
SHOWN_REASONS = 10  # as many as an error shows places
DRAWN = 3  # runs in the next command: more would not fit into a line
# What a person is shown where no columns are asked for, and what gives way first where they are
# more than a line holds.
TABLE = (
    *("name", "status", "mode", "backbone", "weights", "dataset", "seed", "epochs"),
    *("validation_loss", "validation_accuracy", "test_accuracy", "seconds", "stopped"),
)
DISPENSABLE = (
    *("stopped", "weights", "dataset", "seconds", "epochs", "validation_loss", "seed"),
    *("mode", "backbone"),
)


@click.command()
@click.argument("folder", metavar="DIR", type=flags.PATH)
@click.option("--sort", metavar="FIELD", default="name", help="What orders the runs (name).")
@click.option("--reverse", is_flag=True, help="Largest first; empty cells stay last.")
@click.option(
    "--where",
    multiple=True,
    metavar="FIELD=VALUE|FIELD>=NUMBER",
    help="Show only runs that are so; may be given again. Also !=, <, <=, >.",
)
@click.option("--columns", metavar="A,B,C", help="What is shown of each run, beside its name.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Show at most so many.")
@flags.common
def command(
    folder: Path,
    sort: str,
    reverse: bool,
    where: tuple[str, ...],
    columns: str | None,
    limit: int | None,
    as_json: bool,
) -> None:
    """List every run below DIR with what validation chose and, where it was evaluated, test.

    A FIELD is a column, any field of the recipe (learning_rate), or a dotted name of run.json
    (chosen.epoch). Runs that are damaged and trainings that were interrupted are listed with the
    reason. Test figures are those of a report below DIR, or beside it in report*.
    """
    from lineament.workflow.listing import list_runs
    from lineament.workflow.selecting import check_names, condition, ordered

    conditions = [condition(text) for text in where]
    asked = flags.names(columns)
    found = list_runs(folder)
    check_names([sort, *(each.name for each in conditions), *asked], found)
    chosen = [row for row in found if all(each.holds(row) for each in conditions)]
    shown = ordered(chosen, sort, is_reversed=reverse)[:limit]
    document = {
        "folder": str(folder),
        "found": len(found),
        "runs": [_document(row, asked) for row in shown],
    }
    counted = f"{len(shown)} of {len(found)} runs" if len(shown) < len(found) else ""
    lines = [counted] if counted else []
    named = (sort, *(each.name for each in conditions))
    lines += _table(shown, asked, named) if shown else [f"no runs below {folder}"] * (not found)
    Console(as_json=as_json).result(document, "\n".join(lines), following=_following(folder, shown))


def _document(row: "RunRow", asked: Sequence[str]) -> dict[str, object]:
    if not asked:
        return row.as_dict()
    return {name: row.value(name) for name in ("name", *asked)}


def _following(folder: Path, shown: Sequence["RunRow"]) -> str:
    """What one does with these runs: draw them, go on with one, or make one."""
    complete = [row for row in shown if row.status == "complete"]
    drawn = [row.folder for row in complete if row.value("epochs")][:DRAWN]
    if drawn:
        return next_command("curves", *drawn, "--out", "curves.html")
    if complete:
        first = complete[0]
        dataset = str(first.value("dataset.path"))
        dataset = dataset if Path(dataset).is_dir() else "DATASET"
        report = first.folder.parent / "report"
        return next_command("evaluate", first.folder, dataset, "--out", report)
    for row in shown:
        if row.status == "interrupted":
            run = row.folder.parent / Path(row.name).name
            return next_command("train", "DATASET", "--out", run, "--resume")
    return next_command("train", "DATASET", "--out", folder / "run")


# The table


def _table(rows: Sequence["RunRow"], asked: Sequence[str], named: Sequence[str]) -> list[str]:
    """What a person reads: what all runs share in a line, the rest as columns, then reasons.

    Args:
        rows: What is shown, at least one.
        asked: The columns that were asked for, which are then all of them.
        named: The fields that order and choose: they are columns where none were asked for.
    """
    names = tuple(dict.fromkeys(("name", *(asked or (*TABLE, *named)))))
    cells = {name: [_shown(row, name) for row in rows] for name in names}
    lines = []
    if not asked:
        equal = {name: texts[0] for name, texts in cells.items() if len({*texts}) == 1}
        shared = [name for name in names if name != "name" and equal.get(name) and len(rows) > 1]
        empty = [name for name in names if equal.get(name) == ""]
        lines += _wrapped("the same in all", [f"{name} {equal[name]}" for name in shared])
        lines += _wrapped("empty in all", empty)
        names = tuple(name for name in names if name not in (*shared, *empty))
        names, left_out = _fitting(
            names, cells, [each for each in DISPENSABLE if each not in named]
        )
        lines += _wrapped("left out for width, see `--columns`", left_out)
    return [*lines, *_aligned(names, cells, rows), *_reasons(rows)]


def _fitting(
    names: Sequence[str], cells: Mapping[str, Sequence[str]], dispensable: Sequence[str]
) -> tuple[tuple[str, ...], list[str]]:
    """The columns that a line holds, and those that gave way."""
    kept, left_out = list(names), []
    for name in dispensable:
        if sum(_width(each, cells) + len(GAP) for each in kept) - len(GAP) <= _columns():
            break
        if name in kept:
            kept.remove(name)
            left_out.append(name)
    return tuple(kept), left_out


def _aligned(
    names: Sequence[str], cells: Mapping[str, Sequence[str]], rows: Sequence["RunRow"]
) -> list[str]:
    """A head of one or two lines, and a line per run; numbers stand to the right."""
    heads = {name: _head(name) for name in names}
    height = max(len(head) for head in heads.values())
    numeric = {
        name
        for name in names
        if name != "name" and all(not isinstance(row.value(name), (str, bool)) for row in rows)
    }
    lines = []
    for line in range(height):
        parts = {name: ("", *head)[-height:][line] for name, head in heads.items()}
        lines.append(_line(names, parts, cells, numeric))
    for place in range(len(rows)):
        parts = {name: cells[name][place] for name in names}
        lines.append(_line(names, parts, cells, numeric))
    return lines


def _line(
    names: Sequence[str],
    parts: Mapping[str, str],
    cells: Mapping[str, Sequence[str]],
    numeric: set[str],
) -> str:
    padded = [
        f"{parts[name]:>{_width(name, cells)}}"
        if name in numeric
        else f"{parts[name]:{_width(name, cells)}}"
        for name in names
    ]
    return GAP.join(padded).rstrip()


def _reasons(rows: Sequence["RunRow"]) -> list[str]:
    """Why runs are not complete."""
    wrong = [row for row in rows if row.reason]
    lines = [f"{row.name} is {row.status}: {row.reason}" for row in wrong[:SHOWN_REASONS]]
    hidden = len(wrong) - SHOWN_REASONS
    return [*lines, f"and {hidden} more that are not complete"] if hidden > 0 else lines


def _shown(row: "RunRow", name: str) -> str:
    """A cell as a person reads it."""
    value = row.value(name)
    if name == "test_accuracy" and value is not None:
        low, high = row.value("test_low"), row.value("test_high")
        return f"{_text(value, 4)} ({_text(low, 3)} to {_text(high, 3)})"
    return _text(value, 1 if name == "seconds" else 4 if _is_measure(name) else None)


def _is_measure(name: str) -> bool:
    return name.endswith(("_loss", "_accuracy"))


def _text(value: "Cell", decimals: int | None) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return " ".join(value.split())
    if isinstance(value, int):
        return str(value)
    return f"{value:.4g}" if decimals is None else f"{value:.{decimals}f}"


def _head(name: str) -> tuple[str, ...]:
    """A column's name; of a measure, in two lines."""
    if not _is_measure(name):
        return (name,)
    first, _, last = name.rpartition("_")
    return (first, last)


def _width(name: str, cells: Mapping[str, Sequence[str]]) -> int:
    return max(len(text) for text in (*_head(name), *cells[name]))


def _wrapped(title: str, parts: Sequence[str]) -> list[str]:
    """A sentence of parts, broken between them."""
    if not parts:
        return []
    lines, line = [], f"{title}: {parts[0]}"
    for part in parts[1:]:
        if len(line) + len(part) + 3 > _columns():
            lines.append(f"{line},")
            line = f"  {part}"
        else:
            line += f", {part}"
    return [*lines, line]


def _columns() -> int:
    """How long a line may be."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else PAGE_COLUMNS
