"""``lineament prepare SOURCE --out DATASET``."""

from collections.abc import Sequence
from pathlib import Path

import click

from lineament.cli import flags
from lineament.cli.console import Console, ConsoleProgress, next_command
from lineament.core.config import resolve
from lineament.core.errors import UsageError

TEST = "test="


@click.command()
@click.argument("source")
@flags.writes("DATASET", "The dataset's folder.")
@click.option("--size", type=int, help="Longest a photo's shorter side may be, in px (256).")
@click.option(
    "--split",
    "splits",
    multiple=True,
    metavar="A,B,C|test=FILE",
    help="Fractions of train, validation, test (0.7,0.15,0.15), or a list of the test photos.",
)
@click.option("--group-by", metavar="REGEX|column:NAME", help="What must stay on one side.")
@click.option("--time-by", metavar="exif|REGEX|column:NAME", help="Split by time: newest is test.")
@click.option("--folds", type=int, metavar="K", help="Also make folds for cross-validation.")
@click.option("--extend", metavar="DATASET", help="Keep the photos of DATASET in their splits.")
@click.option("--labels", metavar="FILE", help="A table that labels the photos of a folder.")
@click.option("--label-column", metavar="NAME", help="The column of a table that is the label.")
@click.option(
    "--one-class", is_flag=True, default=None, help="Accept a single class, to extend a head by."
)
@click.option("--unlabelled", is_flag=True, default=None, help="Photos without labels, to predict.")
@click.option("--fps", type=float, help="Frames per second of videos in class folders (1).")
@click.option("--exclude-class", multiple=True, metavar="NAME", help="Leave a class out.")
@click.option("--rename", multiple=True, metavar="OLD=NEW", help="Rename a class.")
@click.option(
    "--merge", multiple=True, metavar="NEW=A,B", help="Merge classes; `NEW=*` all others."
)
@click.option("--add", multiple=True, metavar="CLASS=FOLDER", help="Add photos of one class.")
@click.option("--balance", metavar="none|cap|cap:N", help="Most photos per class (none).")
@click.option("--decisions", metavar="FILE", help="Follow the decisions in an audit.csv.")
@click.option("--unreadable", metavar="fail|skip", help="What to do about unreadable files (fail).")
@flags.seed
@flags.settings
@flags.common
def command(
    source: str,
    out: Path,
    overwrite: bool,
    size: int | None,
    splits: tuple[str, ...],
    group_by: str | None,
    time_by: str | None,
    folds: int | None,
    extend: str | None,
    labels: str | None,
    label_column: str | None,
    one_class: bool | None,
    unlabelled: bool | None,
    fps: float | None,
    exclude_class: tuple[str, ...],
    rename: tuple[str, ...],
    merge: tuple[str, ...],
    add: tuple[str, ...],
    balance: str | None,
    decisions: str | None,
    unreadable: str | None,
    seed: int | None,
    sets: tuple[str, ...],
    as_json: bool,
) -> None:
    """Turn SOURCE into a dataset: checked, audited and split so that nothing leaks.

    SOURCE is a folder with one folder of photos (or videos) per class; a .csv, .jsonl or .parquet
    table; a zip or tar archive; an .npz or IDX file; hf:OWNER/NAME; torchvision:NAME; or a folder
    of photos without labels, to be predicted. Every photo is decoded, turned upright, converted to
    RGB and scaled down; duplicates, near duplicates and groups stay on one side of the split.
    SOURCE is only read.
    """
    from lineament.preparation.build import prepare
    from lineament.preparation.config import PrepareConfig

    fractions, test_list = _split(splits)
    config = resolve(
        PrepareConfig,
        {},
        {
            "size_px": size,
            "split": fractions,
            "test_list": test_list,
            "group_by": group_by,
            "time_by": time_by,
            "folds": folds,
            "extend": extend,
            "labels": labels,
            "label_column": label_column,
            "one_class": one_class,
            "unlabelled": unlabelled,
            "fps": fps,
            "exclude_class": exclude_class or None,
            "rename": rename or None,
            "merge": merge or None,
            "add": add or None,
            "balance": balance,
            "decisions": decisions,
            "unreadable": unreadable,
            "seed": seed,
        },
        sets=sets,
    )
    console = Console(as_json=as_json)
    dataset = prepare(source, out, config=config, overwrite=overwrite, progress=ConsoleProgress())
    counts = {name: len(samples) for name, samples in dataset.splits.items()}
    document = {"dataset": str(out), "splits": counts, **dataset.document}
    if not dataset.classes:
        console.result(
            document,
            f"{out}: {sum(counts.values())} photos without labels",
            following=next_command("predict", "BUNDLE", out),
        )
        return
    following = next_command("train", out, "--out", out.parent / "run")
    if len(dataset.classes) == 1:
        following = next_command(
            *("extend", "HEAD", out, "--backbone", "BUNDLE"), *("--out", "more.head")
        )
    console.result(
        document,
        f"{out}: {len(dataset.classes)} classes, {sum(counts.values())} photos "
        f"({', '.join(f'{name} {count}' for name, count in counts.items())})",
        following=following,
    )


def _split(texts: Sequence[str]) -> tuple[tuple[float, ...] | None, str | None]:
    """Read every ``--split``: fractions, and a list of test photos."""
    fractions: tuple[float, ...] | None = None
    test_list = None
    for text in texts:
        if text.startswith(TEST):
            test_list = text.removeprefix(TEST)
            continue
        try:
            fractions = tuple(float(part) for part in text.split(","))
        except ValueError as error:
            raise UsageError(
                f"`--split {text}` is not a list of numbers.",
                fix="Write three fractions that sum to 1, as in `--split 0.7,0.15,0.15`, or "
                "`--split test=FILE`.",
            ) from error
    return fractions, test_list
