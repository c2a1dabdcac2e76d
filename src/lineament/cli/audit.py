"""``lineament audit SOURCE|DATASET --out DIR``."""

from pathlib import Path

import click

from lineament.cli import flags
from lineament.cli.console import Console, ConsoleProgress, next_command
from lineament.core.config import resolve

WORDS = {  # what a person reads for each kind of finding
    "unreadable": "cannot be read",
    "label_conflict": "the same picture under two classes",
    "exact_duplicate": "the same pixels as another",
    "near_duplicate": "nearly the same as another",
    "alike": "the same scene as another, by embedding",
    "label_suspect": "likely of another class",
    "extreme_aspect": "of an extreme aspect ratio",
}

SURE = 0.8  # below, half of the suspects and more were right labels on FER2013 and CK+48


@click.command()
@click.argument("source", metavar="SOURCE|DATASET")
@flags.writes("DIR", "The audit's folder.")
@click.option("--group-by", metavar="REGEX|column:NAME", help="Photos that belong together.")
@click.option("--labels", metavar="FILE", help="A table that labels the photos of a folder.")
@click.option("--label-column", metavar="NAME", help="The column of a table that is the label.")
@click.option("--unlabelled", is_flag=True, default=None, help="Photos without labels.")
@click.option("--fps", type=float, help="Frames per second of videos in class folders (1).")
@click.option("--check-labels", metavar="auto|on|off", help="Look for wrong labels (auto).")
@click.option("--embeddings", is_flag=True, default=None, help="Name photos of the same scene.")
@flags.seed
@flags.settings
@flags.common
def command(
    source: str,
    out: Path,
    overwrite: bool,
    group_by: str | None,
    labels: str | None,
    label_column: str | None,
    unlabelled: bool | None,
    fps: float | None,
    check_labels: str | None,
    embeddings: bool | None,
    seed: int | None,
    sets: tuple[str, ...],
    as_json: bool,
) -> None:
    """Look at every photo of SOURCE or DATASET, and write down what needs a person's decision.

    Finds unreadable files, duplicates and near duplicates, the same picture under two classes,
    likely wrong labels, blank, dark, bright, blurred, tiny and extreme photos, and properties that
    would tell the classes apart without a look at the subject. Writes audit.html to look at and
    audit.csv to decide in; nothing is ever deleted.
    """
    from lineament.artifacts.dataset import DOCUMENT
    from lineament.preparation.config import PrepareConfig
    from lineament.workflow.auditing import PAGE, AuditConfig, audit

    config = resolve(
        AuditConfig,
        {},
        {"check_labels": check_labels, "embeddings": embeddings, "seed": seed},
        sets=sets,
    )
    preparation = resolve(
        PrepareConfig,
        {
            "group_by": group_by,
            "labels": labels,
            "label_column": label_column,
            "unlabelled": unlabelled,
            "fps": fps,
        },
    )
    console = Console(as_json=as_json)
    found = audit(
        source,
        out,
        config=config,
        preparation=preparation,
        overwrite=overwrite,
        progress=ConsoleProgress(),
    )
    counts = found.document["counts"]
    assert isinstance(counts, dict)
    lines = [f"{out / PAGE}: {found.document['n_photos']} photos"]
    lines += [f"  {count:6} {WORDS.get(kind, kind)}" for kind, count in counts.items() if count]
    # What is prepared again is the source that a dataset was made of, not the dataset.
    prepared_from = found.document["source"] if (Path(source) / DOCUMENT).is_file() else source
    checked = found.document["labels"]
    assert isinstance(checked, dict)
    if checked["checked"] and checked["accuracy"] < SURE:
        console.talk(
            f"note: labels were checked by a head that is right on {checked['accuracy']:.0%} of "
            "the photos that it had not seen, so most of its suspects are merely hard."
        )
    console.result(
        {"audit": str(out), **found.document},
        "\n".join(lines),
        following=next_command(
            "prepare",
            prepared_from,
            "--decisions",
            out / "audit.csv",
            "--out",
            "dataset",
        ),
    )
