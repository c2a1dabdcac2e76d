"""Opening: tell what a SOURCE is, as a person wrote it, and give the source that reads it."""

import dataclasses
from pathlib import Path

from lineament.artifacts.collection import is_collection
from lineament.core.errors import UsageError
from lineament.core.suggest import did_you_mean
from lineament.imaging.decode import is_image_name
from lineament.preparation.sources.archive import ArchiveSource, is_archive
from lineament.preparation.sources.arrays import NpzSource
from lineament.preparation.sources.collection import CollectionSource
from lineament.preparation.sources.combined import CombinedSource, read_additions
from lineament.preparation.sources.folder import FolderSource
from lineament.preparation.sources.hub import HubSource
from lineament.preparation.sources.idx import IdxSource, holds_idx
from lineament.preparation.sources.labels import LabelledFolderSource
from lineament.preparation.sources.listing import Source
from lineament.preparation.sources.manifest import ManifestSource
from lineament.preparation.sources.scan import find_files
from lineament.preparation.sources.tables import TABLE_SUFFIXES
from lineament.preparation.sources.videos import VideoFolderSource, holds_videos
from lineament.preparation.sources.vision import TorchvisionSource

HUB, VISION = "hf:", "torchvision:"
NAMES = (
    "Name a folder of class folders, a table, an archive, `hf:OWNER/NAME` or `torchvision:NAME`."
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """How a source is to be read.

    Attributes:
        labelled: Whether folders are classes.
        labels: A table that labels the photos of a folder.
        label_column: Which of its columns, or of a manifest's, is the label.
        fps: Frames taken of each second of video; ``None`` leaves videos beside photos alone.
        added: Texts ``CLASS=FOLDER``.
        extends: The dataset that is extended, whose photos come with those of a collection.
    """

    labelled: bool = True
    labels: str | None = None
    label_column: str | None = None
    fps: float | None = None
    added: tuple[str, ...] = ()
    extends: str | None = None


def open_source(text: str, options: SourceOptions) -> Source:
    """Open a source; nothing of it is read yet, except to tell what it is.

    Args:
        text: A folder, a collection, a table, an archive, a file of arrays, ``hf:OWNER/NAME`` or
            ``torchvision:NAME``.
        options: How to read it.

    Raises:
        UsageError: It is absent or nothing that can be read, or an option does not fit it.
    """
    main = _main(text, options)
    _require_fit(text, main, options)
    added = read_additions(options.added)
    return CombinedSource(main=main, added=added) if added else main


def _main(text: str, options: SourceOptions) -> Source:
    path = Path(text)
    there = _is_there(text)
    if options.labels is not None:
        if not path.is_dir():
            raise UsageError(
                f"`--labels` labels the photos of a folder, which {text} is not.",
                fix="Name the folder that the table's filenames are in.",
            )
        return LabelledFolderSource(
            folder=path, table=Path(options.labels), label_column=options.label_column
        )
    if text.startswith(HUB):
        return HubSource(reference=text.removeprefix(HUB))
    if text.startswith(VISION):
        return TorchvisionSource(reference=text.removeprefix(VISION))
    if path.is_dir():
        return _folder(path, options)
    if not there:
        raise UsageError(
            f"There is no folder or file {text}.{did_you_mean(path.name, _beside(path))}", fix=NAMES
        )
    if path.suffix.lower() in TABLE_SUFFIXES:
        return ManifestSource(path=path, label_column=options.label_column)
    if path.suffix.lower() == ".npz":
        return NpzSource(path=path)
    if is_archive(path):
        return ArchiveSource(path=path)
    if "idx3-ubyte" in path.name:
        return IdxSource(path=path)
    raise UsageError(
        f"{text} is no folder, table, archive or file of arrays.",
        fix="Name a folder of class folders; a .csv, .jsonl or .parquet table; a zip or tar "
        "archive; an .npz or IDX file.",
    )


def _require_fit(text: str, source: Source, options: SourceOptions) -> None:
    """Refuse options that this source has no use for."""
    tables = (ManifestSource, LabelledFolderSource)
    fits = (
        ("label_column", options.label_column is None, tables, "a table of labels"),
        ("fps", options.fps is None, VideoFolderSource, "a folder of videos"),
        ("unlabelled", options.labelled, FolderSource, "a folder of photos"),
    )
    for name, absent, kinds, what in fits:
        if not absent and not isinstance(source, kinds):
            raise UsageError(
                f"`{name}` is about {what}, and {text} is read as something else.",
                fix="Leave it out.",
            )


def _is_there(text: str) -> bool:
    """Whether a text names something on disk; not whether that can be read."""
    if not text:
        raise UsageError("SOURCE is empty.", fix=NAMES)
    try:
        return Path(text).exists()
    except OSError as error:  # a name too long, a folder that may not be looked into
        raise UsageError(f"{text} cannot be opened: {error.strerror}.", fix=NAMES) from error


def _beside(path: Path) -> list[str]:
    try:
        return [each.name for each in path.absolute().parent.iterdir()]
    except OSError:
        return []


def _folder(path: Path, options: SourceOptions) -> Source:
    if is_collection(path):
        return CollectionSource(
            root=path, extends=None if options.extends is None else Path(options.extends)
        )
    if holds_idx(path):
        return IdxSource(path=path)
    if options.fps is not None:
        return VideoFolderSource(folder=path, fps=options.fps)
    if not options.labelled:
        return FolderSource(root=path, labelled=False)
    files = find_files(path)
    photos = any(is_image_name(Path(file.relative)) for file in files)
    if holds_videos(files) and not photos:
        return VideoFolderSource(folder=path, fps=1.0)
    return FolderSource(root=path)
