"""Predictions: what a model answered, one row per photo in the order it was asked.

On disk a Parquet file or a CSV with the columns ``sample``, ``label`` (the true class, if known),
``group``, ``answer``, ``confidence``, ``familiarity`` (where the model says it), then
``probability:<class>`` and ``logit:<class>`` per class.
"""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lineament.artifacts.table import printable, table_text
from lineament.core.errors import ArtifactError, UsageError
from lineament.core.extras import require

if TYPE_CHECKING:
    import pyarrow

SCHEMA_VERSION = 1
UNKNOWN_LABEL = -1
METADATA_KEY = b"lineament.predictions"
FIX = "Make the run or report again."


@dataclasses.dataclass(frozen=True, kw_only=True)
class Predictions:
    """Answers of one model to a list of photos.

    Attributes:
        samples: The ``N`` ids (a dataset's filenames, or paths as given).
        classes: The ``C`` class names, in column order.
        probabilities: Calibrated, ``float32 (N, C)``, each row sums to 1.
        logits: Before temperature and softmax, ``float32 (N, C)``.
        labels: True class indices, ``int64 (N,)``; -1 where not known.
        groups: The ``N`` groups; empty texts for none.
        familiarity: How like the training photos, ``float32 (N,)``, 0 to 1; ``None`` where the
            model does not say.
    """

    samples: tuple[str, ...]
    classes: tuple[str, ...]
    probabilities: NDArray[np.float32]
    logits: NDArray[np.float32]
    labels: NDArray[np.int64]
    groups: tuple[str, ...]
    familiarity: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        """Check that everything has ``N`` rows and ``C`` columns.

        Raises:
            UsageError: A shape does not fit.
        """
        shape = (len(self.samples), len(self.classes))
        rows_fit = len(self.groups) == self.labels.shape[0] == shape[0]
        if self.probabilities.shape != shape or self.logits.shape != shape or not rows_fit:
            raise UsageError(
                f"Predictions need {shape[0]} rows of {shape[1]} classes, got probabilities "
                f"{self.probabilities.shape}, logits {self.logits.shape}, labels "
                f"{self.labels.shape}, groups ({len(self.groups)},)."
            )
        if self.familiarity is not None and self.familiarity.shape != shape[:1]:
            raise UsageError(
                f"Predictions need the familiarity of {shape[0]} rows, got "
                f"{self.familiarity.shape}."
            )
        if "" in self.classes or len(set(self.classes)) != len(self.classes):
            raise UsageError(f"Class names must be distinct and not empty, got {self.classes}.")
        labels = self.labels
        if len(labels) and not UNKNOWN_LABEL <= labels.min() <= labels.max() < shape[1]:
            raise UsageError(
                f"Labels must be from 0 to {shape[1] - 1}, or {UNKNOWN_LABEL} where not known; "
                f"got {labels.min()} to {labels.max()}."
            )

    @property
    def answers(self) -> NDArray[np.int64]:
        """The most probable class of each row, ``int64 (N,)``; the first of equals."""
        return np.asarray(self.probabilities.argmax(axis=1), dtype=np.int64)

    def write_parquet(self, path: Path) -> None:
        """Write as Parquet; needs the extra `report`.

        Raises:
            MissingExtraError: pyarrow is not installed.
        """
        pyarrow = require("pyarrow", extra="report", purpose="Parquet")
        parquet = require("pyarrow.parquet", extra="report", purpose="Parquet")
        metadata = {METADATA_KEY: str(SCHEMA_VERSION)}
        table = pyarrow.table(self._columns()).replace_schema_metadata(metadata)
        path.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(table, path)

    def csv_text(self) -> str:
        """The same table as CSV; shortest texts that read back to the same ``float32``."""
        columns = self._columns()
        return table_text(list(columns), zip(*columns.values(), strict=True))

    @classmethod
    def read_parquet(cls, path: Path) -> "Predictions":
        """Read what `write_parquet` wrote.

        Raises:
            ArtifactError: The file is absent or holds something else.
            MissingExtraError: pyarrow is not installed.
        """
        parquet = require("pyarrow.parquet", extra="report", purpose="Parquet")
        try:
            table = parquet.read_table(path)
            stated = (table.schema.metadata or {}).get(METADATA_KEY, b"").decode()
        except (OSError, ValueError) as error:
            raise ArtifactError(f"{path} cannot be read as Parquet.", fix=FIX) from error
        if stated != str(SCHEMA_VERSION):
            raise ArtifactError(
                f"{path} holds predictions of schema {stated or 'unknown'}; this version reads "
                f"{SCHEMA_VERSION}.",
                fix=FIX,
            )
        try:
            return cls._from_table(table)
        except (KeyError, ValueError, TypeError, UsageError) as error:
            raise ArtifactError(f"{path} holds other columns than predictions.", fix=FIX) from error

    @classmethod
    def _from_table(cls, table: "pyarrow.Table") -> "Predictions":
        names = [name for name in table.column_names if name.startswith("probability:")]
        classes = tuple(name.removeprefix("probability:") for name in names)
        index = {"": UNKNOWN_LABEL} | {name: label for label, name in enumerate(classes)}
        truths = table.column("label").to_pylist()
        return cls(
            samples=tuple(table.column("sample").to_pylist()),
            classes=classes,
            probabilities=_matrix(table, "probability:", classes),
            logits=_matrix(table, "logit:", classes),
            labels=np.array([index[truth] for truth in truths], np.int64),
            groups=tuple(table.column("group").to_pylist()),
            familiarity=np.asarray(table["familiarity"], dtype=np.float32)
            if "familiarity" in table.column_names
            else None,
        )

    def _columns(self) -> dict[str, list[object]]:
        answers = self.answers
        names = (*self.classes, "")  # the index -1 of an unknown label lands on the empty text
        columns: dict[str, list[object]] = {
            "sample": [printable(sample) for sample in self.samples],
            "label": [names[label] for label in self.labels],
            "group": [printable(group) for group in self.groups],
            "answer": [self.classes[answer] for answer in answers],
            "confidence": list(self.probabilities[np.arange(len(answers)), answers]),
        }
        if self.familiarity is not None:
            columns["familiarity"] = list(self.familiarity)
        for column, name in enumerate(self.classes):
            columns[f"probability:{name}"] = list(self.probabilities[:, column])
        for column, name in enumerate(self.classes):
            columns[f"logit:{name}"] = list(self.logits[:, column])
        return columns


def _matrix(table: "pyarrow.Table", prefix: str, classes: tuple[str, ...]) -> NDArray[np.float32]:
    columns = [np.asarray(table[f"{prefix}{name}"], dtype=np.float32) for name in classes]
    return np.stack(columns, axis=1) if columns else np.zeros((0, 0), np.float32)
