"""Vision: the data sets that torchvision knows, fetched once and kept in the cache."""

import contextlib
import dataclasses
import functools
import inspect
import io
import socket
import urllib.error
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from lineament.core.errors import DataError, UsageError
from lineament.core.extras import require
from lineament.core.files import atomic_folder, cache_folder
from lineament.core.progress import QUIET, Progress
from lineament.core.suggest import did_you_mean
from lineament.preparation.sources.listing import Candidate, Content, Layout

PATIENCE_S = 30.0  # that a server may stay silent

TRAIN_TEST = {"train": "train", "test": "test"}
TRAIN_VAL_TEST = {"train": "train", "validation": "val", "test": "test"}
WHOLE = {"": ""}
# How each is divided: split to what torchvision calls it. Left out is what is no classification,
# cannot be downloaded by torchvision any more, or needs packages that the extra does not bring.
DATASETS: Mapping[str, Mapping[str, str]] = {
    "CIFAR10": TRAIN_TEST,
    "CIFAR100": TRAIN_TEST,
    "Caltech101": WHOLE,
    "Caltech256": WHOLE,
    "Country211": {"train": "train", "validation": "valid", "test": "test"},
    "DTD": TRAIN_VAL_TEST,
    "EuroSAT": WHOLE,
    "FGVCAircraft": TRAIN_VAL_TEST,
    "FashionMNIST": TRAIN_TEST,
    "Flowers102": TRAIN_VAL_TEST,
    "Food101": TRAIN_TEST,
    "GTSRB": TRAIN_TEST,
    "Imagenette": {"train": "train", "validation": "val"},
    "KMNIST": TRAIN_TEST,
    "MNIST": TRAIN_TEST,
    "OxfordIIITPet": {"train": "trainval", "test": "test"},
    "RenderedSST2": TRAIN_VAL_TEST,
    "SEMEION": WHOLE,
    "STL10": TRAIN_TEST,
    "SUN397": WHOLE,
    "SVHN": TRAIN_TEST,
    "USPS": TRAIN_TEST,
}
LABELS = ("targets", "_labels", "labels", "y")  # where the data sets keep one number a photo
FILES = ("_image_files", "_images")
FILES_AND_LABELS = ("samples", "_samples")


class _Part(Protocol):
    """What is used of torchvision's data sets: a photo with its label, and how many there are."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> tuple[Any, Any]: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class TorchvisionSource:
    """A data set that torchvision knows.

    Attributes:
        reference: Its name there, such as ``CIFAR10``.
        root: Where its files are; ``None`` fetches them into the cache.
    """

    reference: str
    root: Path | None = None

    @property
    def name(self) -> str:
        """The reference as it is written on the command line."""
        return f"torchvision:{self.reference}"

    def layout(self, *, progress: Progress = QUIET) -> Layout:
        """Fetch the data set where it is not there yet, and list its photos.

        Photos are named by their files, or ``split/0000012.png`` where they have none.

        Raises:
            MissingExtraError: The extra ``train`` is not installed.
            UsageError: There is no such data set.
            DataError: It cannot be fetched, or its files are damaged.
        """
        if self._is_absent:
            progress.note(f"Fetching {self.name} into {self._root}.")  # torchvision draws bars
        candidates = [each for split in self._parts for each in self._candidates(split)]
        return Layout(
            candidates=tuple(sorted(candidates, key=lambda each: each.relative)),
            given={split: word for split, word in self._splits.items() if split},
        )

    def contents(self, candidates: Sequence[Candidate]) -> Iterator[tuple[Candidate, Content]]:
        """Give files where there are some, and pixels where torchvision keeps arrays."""
        parts = {word: self._parts[split] for split, word in self._splits.items()}
        for candidate in candidates:
            if candidate.path is not None:
                yield candidate, candidate.path
                continue
            word, _, name = candidate.relative.rpartition("/")
            image = parts[word][int(name.removesuffix(".png"))][0]
            grey = image.mode == "L"
            yield candidate, np.asarray(image if grey else image.convert("RGB"), dtype=np.uint8)

    @property
    def _splits(self) -> Mapping[str, str]:
        if self.reference not in DATASETS:
            raise UsageError(
                f"There is no `{self.reference}` among the data sets that can be had from "
                f"torchvision.{did_you_mean(self.reference, DATASETS)}",
                fix=f"Name one of {', '.join(sorted(DATASETS, key=str.lower))}.",
            )
        return DATASETS[self.reference]

    @property
    def _root(self) -> Path:
        return self.root or cache_folder() / "torchvision" / self.reference

    @property
    def _is_absent(self) -> bool:
        return self.root is None and not self._root.exists()

    @functools.cached_property
    def _parts(self) -> Mapping[str, _Part]:
        """Split to torchvision's data set."""
        splits = self._splits  # a name that is not known is told before torch is imported
        library = require("torchvision.datasets", extra="train", purpose=self.name)
        if self._is_absent:
            # Written whole or not at all: torchvision takes a half unpacked folder for a whole one.
            with atomic_folder(self._root) as folder:
                self._opened(library, splits, root=folder, download=True)
        return self._opened(library, splits, root=self._root, download=False)

    def _opened(
        self, library: ModuleType, splits: Mapping[str, str], *, root: Path, download: bool
    ) -> Mapping[str, _Part]:
        kind = getattr(library, self.reference)
        by_flag = "train" in inspect.signature(kind).parameters
        patience = socket.getdefaulttimeout()
        socket.setdefaulttimeout(PATIENCE_S)
        try:
            with contextlib.redirect_stdout(io.StringIO()):  # it prints which mirrors it tried
                return {
                    split: kind(root, download=download, **_choice(split, word, by_flag=by_flag))
                    for split, word in splits.items()
                }
        except (OSError, RuntimeError, ValueError) as error:
            raise self._explained(error, root=root, download=download) from error
        finally:
            socket.setdefaulttimeout(patience)

    def _explained(self, error: Exception, *, root: Path, download: bool) -> DataError:
        said = error.reason if isinstance(error, urllib.error.URLError) else error
        reason = (str(said).strip() or type(error).__name__).splitlines()[0].rstrip(":.")
        if download:
            return DataError(
                f"{self.name} cannot be fetched: {reason}.",
                fix="Connect to the network and run again, or put its files, as torchvision "
                f"names them, into {self._root}.",
            )
        return DataError(
            f"The files of {self.name} in {root} are incomplete or damaged.",
            at=[reason],
            fix="Remove the folder and run again to fetch them anew.",
        )

    def _candidates(self, split: str) -> list[Candidate]:
        part = self._parts[split]
        labels, files = _labels(part), _files(part)
        names = _class_names(part, labels)
        word = f"{self._splits[split]}/" if split else ""
        found = []
        for index, label in enumerate(labels):
            file = files[index] if files else None
            below = file.relative_to(self._root).as_posix() if file else ""
            found.append(
                Candidate(
                    relative=below or f"{word}{index:07d}.png",
                    class_name=names[label],
                    split=split,
                    path=file,
                    stamp=_stamp(file or self._root),
                )
            )
        return found


def _choice(split: str, word: str, *, by_flag: bool) -> dict[str, bool | str]:
    """The argument by which torchvision is asked for a split; none where there is only one."""
    if by_flag:
        return {"train": split == "train"}
    return {"split": word} if word else {}


def _labels(part: _Part) -> list[int]:
    for attribute in LABELS:
        values = getattr(part, attribute, None)
        if values is not None:
            return [int(value) for value in np.asarray(values).tolist()]
    for attribute in FILES_AND_LABELS:
        if hasattr(part, attribute):
            return [int(label) for _, label in getattr(part, attribute)]
    return [int(part[index][1]) for index in range(len(part))]


def _files(part: _Part) -> list[Path]:
    """The photos' files; none where torchvision keeps pixels or finds files as it goes."""
    for attribute in FILES_AND_LABELS:
        if hasattr(part, attribute):
            return [Path(file) for file, _ in getattr(part, attribute)]
    for attribute in FILES:
        if hasattr(part, attribute):
            return [Path(file) for file in getattr(part, attribute)]
    return []


def _class_names(part: _Part, labels: Sequence[int]) -> list[str]:
    """Class names by number; numbers, with zeros in front, where torchvision has no names."""
    names = getattr(part, "classes", None) or getattr(part, "categories", None)
    if not names:
        count = max(labels) + 1
        return [str(number).zfill(len(str(count - 1))) for number in range(count)]
    firsts = [name if isinstance(name, str) else name[0] for name in names]  # Imagenette: synonyms
    # A class is a folder: FashionMNIST has a class T-shirt/top.
    return [name.replace("/", "-") for name in firsts]


def _stamp(path: Path) -> str:
    status = path.stat()
    return f"{status.st_size}-{status.st_mtime_ns}"
