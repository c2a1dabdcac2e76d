"""Finding: photos in, their faces out, as a table, as pictures and drawn into the photos."""

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineament.artifacts.table import printable, write_table
from lineament.core.config import option
from lineament.core.errors import ImageError
from lineament.core.executor import LocalExecutor
from lineament.core.files import atomic_folder, require_free
from lineament.core.progress import QUIET, Progress, tracked
from lineament.imaging.decode import decode, encode_jpeg, encode_png
from lineament.imaging.face_drawing import outlined
from lineament.imaging.faces import Face, chip, sharpness
from lineament.runtime.face_finder import FaceFinder, Search
from lineament.runtime.face_opening import open_finder
from lineament.runtime.sources import photo_files

TABLE = "faces.csv"
MARKS = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")
COLUMNS = (
    *("filename", "face", "left", "top", "right", "bottom", "score", "roll_degrees", "sharpness"),
    *(f"{mark}_{axis}" for mark in MARKS for axis in "xy"),
    "chip",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FindConfig(Search):
    """What `find_faces` can be told."""

    mode: str = option(
        "align",
        help="how faces are cut out: turned to the template, or the square around the box",
        choices=("align", "crop"),
    )
    size_px: int = option(224, help="side of a face that is cut out", minimum=16, maximum=1024)
    margin: float = option(
        0.3, help="shown around a face on each side, as a fraction of it", minimum=0.0, maximum=2.0
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class FoundFace:
    """One face of a photo.

    Attributes:
        face: Where it is, in pixels of the upright photo.
        sharpness: As `lineament.imaging.faces.sharpness` defines it.
    """

    face: Face
    sharpness: float

    def as_dict(self) -> dict[str, object]:
        """The face as a document."""
        return {
            "box": [round(each, 2) for each in self.face.box],
            "score": round(self.face.score, 4),
            "landmarks": [[round(x, 2), round(y, 2)] for x, y in self.face.landmarks],
            "roll_degrees": round(self.face.roll_degrees, 1),
            "sharpness": round(self.sharpness, 1),
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class Searched:
    """A photo that was searched for faces.

    Attributes:
        source: The photo as it was given.
        faces: Its faces, the largest first.
        error: Why it cannot be read; empty if it can.
    """

    source: str
    faces: tuple[FoundFace, ...] = ()
    error: str = ""

    def as_dict(self) -> dict[str, object]:
        """The photo as a document."""
        if self.error:
            return {"source": self.source, "error": self.error}
        return {"source": self.source, "faces": [each.as_dict() for each in self.faces]}


def find_faces(
    photos: Sequence[Path],
    out: Path | None = None,
    *,
    config: FindConfig | None = None,
    overwrite: bool = False,
    progress: Progress = QUIET,
) -> list[Searched]:
    """Find the faces of photos.

    Args:
        photos: Files and folders.
        out: Where `faces.csv`, the faces cut out (`chips/`) and the photos with their faces drawn
            (`photos/`) go; ``None`` writes nothing.
        config: How faces are looked for and cut out.
        overwrite: Replace an `out` that an earlier call wrote.
        progress: Who listens.

    Returns:
        Every photo in order, also those without a face and those that cannot be read.

    Raises:
        UsageError: No photo was named.
        DataError: A folder holds no photo.
        ArtifactError: `out` is in the way.
        MissingExtraError: The extra `faces` is not installed.
    """
    settings = config or FindConfig()
    paths = photo_files(photos)
    if out is None:
        return _searched(paths, None, settings, progress)
    require_free(out, overwrite=overwrite, marker=TABLE)
    with atomic_folder(out, overwrite=overwrite, marker=TABLE) as folder:
        for name in ("chips", "photos"):
            (folder / name).mkdir()
        found = _searched(paths, folder, settings, progress)
        rows = [
            row for number, photo in enumerate(found) for row in _rows(number, photo, paths[number])
        ]
        write_table(folder / TABLE, COLUMNS, rows)
    return found


def _searched(
    paths: Sequence[Path], folder: Path | None, settings: FindConfig, progress: Progress
) -> list[Searched]:
    finder = open_finder(settings)
    one = functools.partial(_search_one, finder, settings, folder)
    found = LocalExecutor().map(one, enumerate(paths))
    return list(tracked(found, progress, "finding faces", len(paths)))


def _search_one(
    finder: FaceFinder, settings: FindConfig, folder: Path | None, numbered: tuple[int, Path]
) -> Searched:
    number, path = numbered
    source = printable(str(path))
    try:
        image = decode(path)
    except ImageError as error:
        return Searched(source=source, error=error.what)
    faces = finder.find(image)
    if folder is not None:
        _write(folder, _stem(number, path), image, faces, settings)
    return Searched(
        source=source,
        faces=tuple(FoundFace(face=each, sharpness=sharpness(chip(image, each))) for each in faces),
    )


def _write(
    folder: Path, stem: str, image: NDArray[np.uint8], faces: list[Face], settings: FindConfig
) -> None:
    (folder / "photos" / f"{stem}.jpg").write_bytes(encode_jpeg(outlined(image, faces)))
    for place, face in enumerate(faces):
        cut = chip(
            image,
            face,
            aligned=settings.mode == "align",
            size_px=settings.size_px,
            margin=settings.margin,
        )
        (folder / "chips" / f"{stem}-{place}.png").write_bytes(encode_png(cut))


def _rows(number: int, photo: Searched, path: Path) -> list[list[object]]:
    return [
        [
            photo.source,
            place,
            *(round(each, 2) for each in found.face.box),
            round(found.face.score, 4),
            round(found.face.roll_degrees, 1),
            round(found.sharpness, 1),
            *(round(each, 2) for mark in found.face.landmarks for each in mark),
            f"chips/{_stem(number, path)}-{place}.png",
        ]
        for place, found in enumerate(photo.faces)
    ]


def _stem(number: int, path: Path) -> str:
    """The number keeps photos of the same name apart."""
    return f"{number:04d}-{printable(path.stem)[:60]}"
