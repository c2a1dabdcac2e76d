"""Hub: data sets of the Hugging Face hub, or a local folder that its library can read.

The photos are taken as the files that were uploaded, so that they are decoded here like any other.
"""

import contextlib
import dataclasses
import functools
import logging
import os
import re
import socket
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any, Protocol

from lineament.core.errors import DataError, ImageError, UsageError
from lineament.core.extras import require
from lineament.core.progress import QUIET, Progress
from lineament.preparation.sources.listing import NO_LABEL, Candidate, Content, Layout, Rejection
from lineament.preparation.sources.splits import given_splits

DEFAULT_ENDPOINT = "https://huggingface.co"
PATIENCE_S = 5.0
LABEL_COLUMNS = ("label", "labels")  # where no column is declared to hold classes
GROUP_COLUMN = "group"
REVISION = re.compile(r"@([0-9a-f]{40})/")  # of the files that the library has resolved


class _Table(Protocol):
    """What is used of the library's `Dataset`."""

    features: Mapping[str, Any]
    data: Any
    _fingerprint: str

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Mapping[str, Any]: ...

    def select_columns(self, columns: list[str]) -> "_Table": ...

    def cast_column(self, column: str, feature: object) -> "_Table": ...


class _Builder(Protocol):
    """What is used of the library's `DatasetBuilder`."""

    config: Any

    def download_and_prepare(self) -> None: ...

    def as_dataset(self) -> Mapping[str, _Table]: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class HubSource:
    """A data set of the hub.

    Attributes:
        reference: ``OWNER/NAME``, ``OWNER/NAME:CONFIG``, or a local folder.
        revision: A branch, tag or commit; ``None`` is the newest.
    """

    reference: str
    revision: str | None = None

    @property
    def name(self) -> str:
        """The reference as it is written on the command line."""
        return f"hf:{self.reference}"

    def layout(self, *, progress: Progress = QUIET) -> Layout:
        """Fetch the data set and list its rows.

        Rows are named ``split/0000012/name.jpg``, by the file's name where the data set knows it.

        Raises:
            MissingExtraError: The extra ``hub`` is not installed.
            UsageError: There is no such data set or configuration.
            DataError: The hub cannot be reached, or the data set has no photos.
        """
        if not self._is_local:
            progress.note(f"Fetching {self.name}.")  # the library draws bars
        tables = self._tables
        image, label = self._columns
        candidates: list[Candidate] = []
        rejected: list[Rejection] = []
        for word in tables:
            kept, out = self._rows(word, image=image, label=label)
            candidates += kept
            rejected += out
        if not candidates:
            raise DataError(f"{self.name} holds no labelled photo.", fix="Name another data set.")
        # A split of which no photo has a label (some test splits are kept secret) is none.
        words = [word for word in tables if any(each.split == word for each in candidates)]
        splits, more = given_splits(self.name, words)
        without = [word for word in tables if word not in splits]
        notes = [f"No photo of {word} has a label; it is left out." for word in without]
        revision = REVISION.search(str(self._builder.config.data_files))
        if revision:
            notes.append(f"{self.name} is at revision {revision[1]}.")
        candidates = [dataclasses.replace(each, split=splits[each.split]) for each in candidates]
        return Layout(
            candidates=tuple(sorted(candidates, key=lambda each: each.relative)),
            rejected=tuple(sorted(rejected, key=lambda each: each.relative)),
            given={split: word for word, split in splits.items() if split},
            notes=(*notes, *more),
        )

    def contents(self, candidates: Sequence[Candidate]) -> Iterator[tuple[Candidate, Content]]:
        """Give the files of some candidates, in the order of the data set."""
        library, tables, image = _library(), self._tables, self._columns[0]
        plain = {
            word: table.select_columns([image]).cast_column(image, library.Image(decode=False))
            for word, table in tables.items()
        }
        for candidate in sorted(candidates, key=lambda each: each.relative):
            word, index = candidate.relative.split("/")[:2]
            yield candidate, _content(plain[word][int(index)][image])

    @property
    def _is_local(self) -> bool:
        return bool(self.reference) and Path(self.reference).is_dir()

    @functools.cached_property
    def _builder(self) -> _Builder:
        library = _library()
        path, config = self.reference, ""
        if not self._is_local:
            path, _, config = path.partition(":")
            # A bare name may be one of the library's own readers: `csv` would read what lies here.
            if not re.fullmatch(r"[\w.-]+/[\w.-]+", path):
                raise UsageError(
                    f"There is no folder {self.reference}, and no data set can be called that.",
                    fix="Name a data set as `hf:OWNER/NAME` or `hf:OWNER/NAME:CONFIG`.",
                )
        offline = not self._is_local and not _hub_answers()
        with _quiet(library, bars=not self._is_local, offline=offline):
            try:
                builder: _Builder = library.load_dataset_builder(
                    path, config or None, revision=self.revision
                )
                builder.download_and_prepare()
            # The library and what it stands on raise what they please: all of it means that this
            # data set cannot be had.
            except Exception as error:
                raise self._explained(library, error) from error
        return builder

    def _explained(self, library: ModuleType, error: Exception) -> UsageError | DataError:
        reason = (str(error).strip() or type(error).__name__).splitlines()
        if isinstance(error, ConnectionError):
            return DataError(
                f"{self.name} cannot be fetched: the hub does not answer.",
                fix="Connect to the network and run again, or name a folder with a copy of the "
                "data set: `hf:/path/to/folder`.",
            )
        if isinstance(error, library.exceptions.DatasetNotFoundError):
            return UsageError(
                f"{self.name} is not on the hub, or not for everyone.",
                at=reason[:1],
                fix="Check owner and name; log in with `hf auth login` where it is private.",
            )
        if isinstance(error, ValueError) and "onfig" in reason[0]:
            return UsageError(
                f"{self.name} does not name one of the data set's configurations.",
                at=[" ".join(reason[:2])],
                fix="Name one as `hf:OWNER/NAME:CONFIG`.",
            )
        return DataError(
            f"{self.name} cannot be read.",
            at=reason[:1],
            fix="Name another data set, or download its files and name their folder.",
        )

    @functools.cached_property
    def _tables(self) -> Mapping[str, _Table]:
        """The data set's own word for each split, to its rows."""
        builder = self._builder
        with _quiet(_library(), bars=False):
            return {str(word): table for word, table in builder.as_dataset().items()}

    @functools.cached_property
    def _columns(self) -> tuple[str, str]:
        """The columns of photos and labels; the latter empty where there is none."""
        library = _library()
        features = next(iter(self._tables.values())).features
        images = [key for key, kind in features.items() if isinstance(kind, library.Image)]
        if not images:
            raise DataError(
                f"{self.name} has no column of images.",
                at=[f"{key} ({kind})" for key, kind in features.items()],
                fix="Name a data set of images.",
            )
        labels = [key for key, kind in features.items() if isinstance(kind, library.ClassLabel)]
        labels += [key for key in LABEL_COLUMNS if isinstance(features.get(key), library.Value)]
        return images[0], labels[0] if labels else ""

    def _rows(
        self, word: str, *, image: str, label: str
    ) -> tuple[list[Candidate], list[Rejection]]:
        """The rows of a split, those without a label apart; their split is its word for now."""
        table = self._tables[word]
        files = _file_names(table, image)
        columns = {key: _texts(table, key) for key in _scalar_columns(table)}
        labels = columns.pop(label) if label else [""] * len(table)
        groups = columns.pop(GROUP_COLUMN, [""] * len(table))
        kept: list[Candidate] = []
        out: list[Rejection] = []
        for index, file in enumerate(files):
            # Seven digits whatever the number of rows: more of them rename none.
            relative = f"{word}/{index:07d}" + (f"/{file}" if file else "")
            if label and not labels[index].strip():
                out.append(Rejection(relative=relative, kind=NO_LABEL, reason=NO_LABEL))
                continue
            kept.append(
                Candidate(
                    relative=relative,
                    class_name=labels[index],
                    split=word,
                    group=groups[index],
                    metadata={key: texts[index] for key, texts in columns.items()},
                    stamp=table._fingerprint,
                )
            )
        return kept, out


def _library() -> ModuleType:
    return require("datasets", extra="hub", purpose="reading data sets of the hub")


@contextlib.contextmanager
def _quiet(library: ModuleType, *, bars: bool, offline: bool = False) -> Iterator[None]:
    """Keep what the library logs off the terminal; offline, it looks in its cache only."""
    loggers = [library.utils.logging, require("huggingface_hub", extra="hub", purpose="").logging]
    levels = [logger.get_verbosity() for logger in loggers]
    had_bars = not library.are_progress_bars_disabled()
    was_offline = library.config.HF_HUB_OFFLINE
    for logger in loggers:
        logger.set_verbosity(logging.CRITICAL)
    if not bars:
        library.disable_progress_bars()
    library.config.HF_HUB_OFFLINE = was_offline or offline
    try:
        yield
    finally:
        library.config.HF_HUB_OFFLINE = was_offline
        if had_bars:
            library.enable_progress_bars()
        for logger, level in zip(loggers, levels, strict=True):
            logger.set_verbosity(level)


def _hub_answers() -> bool:
    """Ask once: the library would try for half a minute."""
    if urllib.request.getproxies():
        return True  # a proxy resolves names that this machine cannot
    host = urllib.parse.urlsplit(os.environ.get("HF_ENDPOINT", DEFAULT_ENDPOINT))
    try:
        with socket.create_connection((host.hostname or "", host.port or 443), timeout=PATIENCE_S):
            return True
    except OSError:
        return False


def _scalar_columns(table: _Table) -> list[str]:
    library = _library()
    return [
        key
        for key, kind in table.features.items()
        if isinstance(kind, library.ClassLabel)
        or (isinstance(kind, library.Value) and "binary" not in kind.dtype)
    ]


def _texts(table: _Table, column: str) -> list[str]:
    """A column as texts: class names for their numbers, nothing for nothing."""
    kind = table.features[column]
    values = table.data.column(column).to_pylist()
    if isinstance(kind, _library().ClassLabel):
        names = kind.names
        # -1 is the hub's way to say that a label is not given.
        return ["" if value is None or value < 0 else str(names[value]) for value in values]
    return ["" if value is None else str(value) for value in values]


def _file_names(table: _Table, image: str) -> list[str]:
    """What the photos' files were called, without reading the photos; empty where not known."""
    return [
        PurePosixPath((path or "").replace("\\", "/")).name
        for chunk in table.data.column(image).chunks
        for path in chunk.field("path").to_pylist()
    ]


def _content(image: Mapping[str, Any] | None) -> Content:
    if image is None:
        return ImageError("no image in this row")
    data, path = image["bytes"], image["path"]
    if data is not None:
        return bytes(data)
    return Path(path) if path else ImageError("no image in this row")
