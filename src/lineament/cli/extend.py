"""``lineament extend HEAD DATASET --backbone b.onnx --out new.head``."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lineament.cli import flags
from lineament.cli.console import Console, ConsoleProgress, next_command
from lineament.core.extras import require

if TYPE_CHECKING:
    from lineament.workflow.extending import Extension, Judged


@click.command()
@click.argument("head", type=flags.PATH)
@click.argument("dataset", type=flags.PATH)
@click.option(
    "--backbone",
    type=flags.PATH,
    required=True,
    metavar="BUNDLE",
    help="A bundle with the backbone that HEAD was trained on.",
)
@flags.writes("FILE.head", "The head with more classes.")
@flags.seed
@flags.common
def command(
    head: Path,
    dataset: Path,
    backbone: Path,
    out: Path,
    overwrite: bool,
    seed: int | None,
    as_json: bool,
) -> None:
    """Add the classes of DATASET that HEAD does not know, from some twenty photos each, in seconds.

    Old classes keep their logits. What they look like is recalled from the head, or, better, seen
    in DATASET, where it holds photos of them as well. The validation split of DATASET measures what
    became of both. Needs no torch.
    """
    require("onnx", extra="train", purpose="Extension")
    require("scipy", extra="train", purpose="Extension")
    from lineament.workflow.extending import extend

    console = Console(as_json=as_json)
    done = extend(
        head,
        dataset,
        out,
        backbone=backbone,
        seed=seed or 0,
        overwrite=overwrite,
        progress=ConsoleProgress(),
    )
    document = {
        "head": str(out),
        "size_bytes": out.stat().st_size,
        "classes": list(done.card.classes),
        "added": dict(done.added),
        "recalled": list(done.recalled),
        "old": done.old and dataclasses.asdict(done.old),
        "new": done.new and dataclasses.asdict(done.new),
    }
    following = next_command("predict", out, "--backbone", backbone, "PHOTO...")
    console.result(document, "\n".join(_lines(out, done)), following=following)


def _lines(out: Path, done: "Extension") -> list[str]:
    added = ", ".join(f"{name} ({count:,} photos)" for name, count in done.added.items())
    lines = [f"{out}: {len(done.card.classes)} classes, added {added}"]
    if done.recalled:
        lines.append(
            f"recalled from the head, for want of photos: {len(done.recalled)} of "
            f"{len(done.card.classes) - len(done.added)} old classes"
        )
    lines += [_judged("old", done.old), _judged("new", done.new)]
    if done.card.decisions is not None and not done.card.decisions.confidences:
        lines.append("thresholds of sets and confidences were measured without the new: left out")
    return lines


def _judged(which: str, found: "Judged | None") -> str:
    if found is None:
        return f"{which} classes: no validation photo, so nothing was measured"
    return (
        f"{which} classes: {found.right:,} of {found.photos:,} validation photos right (before: "
        f"{found.right_before:,})"
    )
