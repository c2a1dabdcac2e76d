"""``lineament faces PHOTO... [--out DIR]``."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lineament.cli import flags
from lineament.cli.console import Console, ConsoleProgress, next_command
from lineament.core.config import resolve

if TYPE_CHECKING:
    from lineament.recognition.finding import FoundFace, Searched


@click.command()
@click.argument("photos", type=flags.PATH, nargs=-1, required=True, metavar="PHOTO...")
@click.option("--out", type=flags.PATH, metavar="DIR", help="A table, the faces, and photos drawn.")
@click.option("--overwrite", is_flag=True, help="Replace DIR if this command wrote it.")
@click.option("--score", type=float, metavar="0..1", help="Least score of a face (0.8).")
@flags.settings
@flags.common
def command(
    photos: tuple[Path, ...],
    out: Path | None,
    overwrite: bool,
    score: float | None,
    sets: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show the faces of each PHOTO, or of all photos of a folder: where, how sure, how sharp.

    DIR gets `faces.csv`, every face cut out and upright (`chips/`), and every photo with its faces
    drawn (`photos/`). Sideways and upside-down photos are recognised.
    """
    from lineament.recognition.finding import FindConfig, find_faces

    console = Console(as_json=as_json)
    config = resolve(FindConfig, {}, {"score": score}, sets=sets)
    found = find_faces(photos, out, config=config, overwrite=overwrite, progress=ConsoleProgress())
    following = next_command("prepare", "SOURCE", "--out", "DATASET")
    if out is None:
        following = next_command("faces", *photos[:3], "--out", "DIR")
    document = {"out": str(out) if out else None, "photos": [each.as_dict() for each in found]}
    console.result(document, "\n".join([*_lines(found), _total(found, out)]), following=following)


def _lines(found: Sequence["Searched"]) -> list[str]:
    lines = []
    for photo in found:
        if photo.error:
            lines.append(f"{photo.source}: cannot be read ({photo.error})")
        elif not photo.faces:
            lines.append(f"{photo.source}: no face")
        else:
            lines += [f"{photo.source}: {_words(each)}" for each in photo.faces]
    return lines


def _words(found: "FoundFace") -> str:
    left, top, right, bottom = found.face.box
    return (
        f"{right - left:.0f} x {bottom - top:.0f} px at {left:.0f}, {top:.0f}, "
        f"score {found.face.score:.2f}, roll {found.face.roll_degrees:.0f} degrees, "
        f"sharpness {found.sharpness:.0f}"
    )


def _total(found: Sequence["Searched"], out: Path | None) -> str:
    n_faces = sum(len(photo.faces) for photo in found)
    without = sum(not photo.faces and not photo.error for photo in found)
    unread = sum(bool(photo.error) for photo in found)
    parts = [f"{_counted(n_faces, 'face')} in {_counted(len(found), 'photo')}"]
    parts.append(f"{without:,} without a face")
    if unread:
        parts.append(f"{unread:,} cannot be read")
    return "; ".join(parts) + (f"; see {out}" if out else "")


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
