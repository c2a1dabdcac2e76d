"""``lineament prepare SOURCE --out DATASET``."""

from pathlib import Path

import click

from lineament.cli import flags
from lineament.cli.console import Console, ConsoleProgress, next_command
from lineament.core.config import resolve
from lineament.core.errors import UsageError


@click.command()
@click.argument("source", type=flags.PATH)
@flags.writes("DATASET", "The dataset's folder.")
@click.option("--size", type=int, help="Longest a photo's shorter side may be, in px (256).")
@click.option("--split", help="Fractions of train, validation, test (0.7,0.15,0.15).")
@click.option("--group-by", metavar="REGEX", help="On the path: what must stay on one side.")
@click.option("--unreadable", metavar="fail|skip", help="What to do about unreadable files (fail).")
@flags.seed
@flags.settings
@flags.common
def command(
    source: Path,
    out: Path,
    overwrite: bool,
    size: int | None,
    split: str | None,
    group_by: str | None,
    unreadable: str | None,
    seed: int | None,
    sets: tuple[str, ...],
    as_json: bool,
) -> None:
    """Turn SOURCE, a folder with one folder of photos per class, into a dataset.

    Every photo is decoded, turned upright, converted to RGB and scaled down; duplicates and groups
    stay on one side of the split. SOURCE may also hold train, validation and test folders.
    """
    from lineament.preparation.build import PrepareConfig, prepare

    config = resolve(
        PrepareConfig,
        {},
        {
            "size_px": size,
            "split": _fractions(split),
            "group_by": group_by,
            "unreadable": unreadable,
            "seed": seed,
        },
        sets=sets,
    )
    console = Console(as_json=as_json)
    dataset = prepare(source, out, config=config, overwrite=overwrite, progress=ConsoleProgress())
    counts = {name: len(samples) for name, samples in dataset.splits.items()}
    document = {"dataset": str(out), "splits": counts, **dataset.document}
    lines = [
        f"{out}: {len(dataset.classes)} classes, {sum(counts.values())} photos "
        f"({', '.join(f'{name} {count}' for name, count in counts.items())})",
    ]
    console.result(
        document,
        "\n".join(lines),
        following=next_command("train", out, "--out", out.parent / "run"),
    )


def _fractions(text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError(
            f"`--split {text}` is not a list of numbers.",
            fix="Write three fractions that sum to 1, as in `--split 0.7,0.15,0.15`.",
        ) from error
