"""Report: what was measured about a model, every figure of it, and the page that shows them.

On disk: ``report.json`` (every figure, and the hashes of the other files); ``report.html``
(self-contained, made from ``report.json`` alone); ``predictions.parquet`` (what was judged).
"""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

from lineament.artifacts.schema import check_stamp, field, stamp, texts
from lineament.core.errors import ArtifactError
from lineament.core.files import json_text, read_json, sha256_file
from lineament.measure.calibration import ReliabilityBin
from lineament.measure.intervals import Interval

KIND = "report"
SCHEMA_VERSION = 1
MACRO = ("precision", "recall", "f1")
DOCUMENT = "report.json"
PAGE = "report.html"
PREDICTIONS = "predictions.parquet"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassFigures:
    """How well one class is found.

    Attributes:
        name: The class.
        precision: Of the answers that name it, the fraction that is right; 0.0 when there are none.
        recall: Of its photos, the fraction that is found; 0.0 when there are none.
        f1: Harmonic mean of precision and recall.
        support: Number of its photos.
        recall_interval: Wilson's interval of the recall; ``None`` for a class without photos.
    """

    name: str
    precision: float
    recall: float
    f1: float
    support: int
    recall_interval: Interval | None

    @classmethod
    def from_dict(cls, document: Mapping[str, object], *, name: str) -> "ClassFigures":
        """Read one entry of ``per_class``; errors as `schema.field`."""
        interval = document.get("recall_interval")
        return cls(
            name=field(document, "name", str, name=name),
            precision=field(document, "precision", float, name=name),
            recall=field(document, "recall", float, name=name),
            f1=field(document, "f1", float, name=name),
            support=field(document, "support", int, name=name),
            recall_interval=None
            if interval is None
            else _interval(field(document, "recall_interval", dict, name=name), name),
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Confusion:
    """How often each class was answered with each class; row is the truth, column the answer.

    Attributes:
        raw: Counts, ``C`` rows of ``C``.
        row_normalised: Fractions of each true class; a class without photos is all 0.
        z_scored: Each count in standard deviations from the mean count of the matrix.
    """

    raw: tuple[tuple[int, ...], ...]
    row_normalised: tuple[tuple[float, ...], ...]
    z_scored: tuple[tuple[float, ...], ...]

    @classmethod
    def from_dict(cls, document: Mapping[str, object], *, name: str) -> "Confusion":
        """Read ``confusion``; errors as `schema.field`."""
        raw = _rows(document, "raw", name)
        return cls(
            raw=tuple(tuple(int(cell) for cell in row) for row in raw),
            row_normalised=_rows(document, "row_normalised", name),
            z_scored=_rows(document, "z_scored", name),
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConfusedPair:
    """One class taken for another.

    Attributes:
        truth: What the photos show.
        answer: What was answered.
        count: How many photos.
        support: Of how many photos of ``truth``.
    """

    truth: str
    answer: str
    count: int
    support: int

    @classmethod
    def from_dict(cls, document: Mapping[str, object], *, name: str) -> "ConfusedPair":
        """Read one entry of ``most_confused``; errors as `schema.field`."""
        return cls(
            truth=field(document, "truth", str, name=name),
            answer=field(document, "answer", str, name=name),
            count=field(document, "count", int, name=name),
            support=field(document, "support", int, name=name),
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Calibration:
    """How far stated confidence agrees with how often it is right.

    Attributes:
        expected_calibration_error: A fraction, 0 (agrees) to 1.
        n_bins: How many bins of equal mass were asked for.
        bins: Those that hold photos, lowest confidence first.
    """

    expected_calibration_error: float
    n_bins: int
    bins: tuple[ReliabilityBin, ...]

    @classmethod
    def from_dict(cls, document: Mapping[str, object], *, name: str) -> "Calibration":
        """Read ``calibration``; errors as `schema.field`."""
        return cls(
            expected_calibration_error=field(
                document, "expected_calibration_error", float, name=name
            ),
            n_bins=field(document, "n_bins", int, name=name),
            bins=tuple(
                ReliabilityBin(
                    confidence=field(entry, "confidence", float, name=name),
                    accuracy=field(entry, "accuracy", float, name=name),
                    count=field(entry, "count", int, name=name),
                    low=field(entry, "low", float, name=name),
                    high=field(entry, "high", float, name=name),
                )
                for entry in _entries(document, "bins", name)
            ),
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mistake:
    """A photo that was answered wrongly.

    Attributes:
        sample: The photo's id.
        truth: What it shows.
        answer: What was answered.
        confidence: Probability given to the answer, 0 to 1.
        truth_probability: Probability given to the truth, 0 to 1.
        thumbnail: A small JPEG in base64; ``None`` where there is no picture.
    """

    sample: str
    truth: str
    answer: str
    confidence: float
    truth_probability: float
    thumbnail: str | None

    @classmethod
    def from_dict(cls, document: Mapping[str, object], *, name: str) -> "Mistake":
        """Read one entry of ``mistakes``; errors as `schema.field`."""
        thumbnail = document.get("thumbnail")
        return cls(
            sample=field(document, "sample", str, name=name),
            truth=field(document, "truth", str, name=name),
            answer=field(document, "answer", str, name=name),
            confidence=field(document, "confidence", float, name=name),
            truth_probability=field(document, "truth_probability", float, name=name),
            thumbnail=None if thumbnail is None else field(document, "thumbnail", str, name=name),
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluationReport:
    """Every figure of one evaluation.

    Attributes:
        subject: What was evaluated, as its artifact states it (kind, path, backbone, ``trained_on``
            with the fingerprint of its dataset, licence ...).
        dataset: What it was measured on, as its artifact states it (path, ``fingerprint``, counts).
        split: The split that was measured: ``train``, ``validation`` or ``test``.
        n_images: How many photos were measured.
        n_right: How many of them were answered rightly.
        n_groups: How many groups they form (a photo without one is its own); ``None`` when no photo
            names a group.
        classes: Class names in column order.
        headline: The leading figures by name, each with its interval.
        per_class: One entry per class, in column order.
        macro: ``precision``, ``recall`` and ``f1``, each the mean over the classes that occur.
        confusion: The confusion matrix; ``None`` where it would have too many cells to store.
        most_confused: Pairs of classes with the most mistakes, most first.
        calibration: Confidence against how often it is right.
        mistakes: The most confident mistakes, most confident first.
        warnings: What a reader must know before quoting a figure, one sentence each.
        seed: Seed of the resampling behind the intervals.
        resamples: How many resamples there were.
        environment: Versions and system.
        inflation: What a random split of the same photos would have claimed; ``None`` where that
            was not measured.
    """

    subject: Mapping[str, object]
    dataset: Mapping[str, object]
    split: str
    n_images: int
    n_right: int
    n_groups: int | None
    classes: tuple[str, ...]
    headline: Mapping[str, Interval]
    per_class: tuple[ClassFigures, ...]
    macro: Mapping[str, float]
    confusion: Confusion | None
    most_confused: tuple[ConfusedPair, ...]
    calibration: Calibration
    mistakes: tuple[Mistake, ...]
    warnings: tuple[str, ...]
    seed: int
    resamples: int
    environment: Mapping[str, object]
    inflation: Mapping[str, object] | None = None

    def as_dict(self) -> dict[str, object]:
        """Give the fields as ``report.json`` holds them: objects, lists, texts and numbers."""
        plain: dict[str, object] = json.loads(json_text(dataclasses.asdict(self)))
        return plain

    @classmethod
    def from_dict(cls, document: Mapping[str, object], *, name: str) -> "EvaluationReport":
        """Read what `as_dict` gave.

        Args:
            document: The fields; others are not looked at.
            name: What to call the report in an error.

        Raises:
            ArtifactError: A field is absent or of another type.
        """
        confusion, n_groups = document.get("confusion"), document.get("n_groups")
        headline = field(document, "headline", dict, name=name)
        macro = field(document, "macro", dict, name=name)
        return cls(
            subject=field(document, "subject", dict, name=name),
            dataset=field(document, "dataset", dict, name=name),
            split=field(document, "split", str, name=name),
            n_images=field(document, "n_images", int, name=name),
            n_right=field(document, "n_right", int, name=name),
            n_groups=None if n_groups is None else field(document, "n_groups", int, name=name),
            classes=texts(document, "classes", name=name),
            headline={
                figure: _interval(field(headline, figure, dict, name=name), name)
                for figure in headline
            },
            per_class=tuple(
                ClassFigures.from_dict(entry, name=name)
                for entry in _entries(document, "per_class", name)
            ),
            macro={figure: field(macro, figure, float, name=name) for figure in MACRO},
            confusion=None
            if confusion is None
            else Confusion.from_dict(field(document, "confusion", dict, name=name), name=name),
            most_confused=tuple(
                ConfusedPair.from_dict(entry, name=name)
                for entry in _entries(document, "most_confused", name)
            ),
            calibration=Calibration.from_dict(
                field(document, "calibration", dict, name=name), name=name
            ),
            mistakes=tuple(
                Mistake.from_dict(entry, name=name)
                for entry in _entries(document, "mistakes", name)
            ),
            warnings=texts(document, "warnings", name=name),
            seed=field(document, "seed", int, name=name),
            resamples=field(document, "resamples", int, name=name),
            environment=field(document, "environment", dict, name=name),
            inflation=None
            if document.get("inflation") is None
            else field(document, "inflation", dict, name=name),
        )


def write_report(folder: Path, report: EvaluationReport, *, page: str) -> None:
    """Write ``report.html`` and ``report.json`` beside what already stands in ``folder``.

    Args:
        folder: The report's folder, usually the partial one of an atomic write; it already holds
            ``predictions.parquet``.
        report: Every figure.
        page: The HTML page made from ``report``.
    """
    (folder / PAGE).write_text(page, encoding="utf-8")
    written = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != DOCUMENT)
    files = {path.relative_to(folder).as_posix(): sha256_file(path) for path in written}
    document = {**stamp(KIND, SCHEMA_VERSION), **report.as_dict(), "files": files}
    (folder / DOCUMENT).write_text(json_text(document), encoding="utf-8")


def read_report(folder: Path) -> EvaluationReport:
    """Read a report and check that its files are those that evaluation wrote.

    Args:
        folder: What `write_report` wrote.

    Returns:
        The same report, figure for figure.

    Raises:
        ArtifactError: It is no report, is of a newer schema, is damaged, or a file was changed.
    """
    document = read_json(folder / DOCUMENT, kind=KIND)
    name = str(folder)
    check_stamp(document, kind=KIND, schema_version=SCHEMA_VERSION, name=name)
    changed = [
        file
        for file, stated in field(document, "files", dict, name=name).items()
        if not (folder / file).is_file() or sha256_file(folder / file) != stated
    ]
    if changed:
        raise ArtifactError(
            f"{name} has files that are absent or are not those that evaluation wrote.",
            at=changed,
            fix="Evaluate again; a report is not edited by hand.",
        )
    return EvaluationReport.from_dict(document, name=name)


def _interval(document: Mapping[str, object], name: str) -> Interval:
    n_groups = document.get("n_groups")
    return Interval(
        value=field(document, "value", float, name=name),
        low=field(document, "low", float, name=name),
        high=field(document, "high", float, name=name),
        level=field(document, "level", float, name=name),
        method=field(document, "method", str, name=name),
        n=field(document, "n", int, name=name),
        n_groups=None if n_groups is None else field(document, "n_groups", int, name=name),
    )


def _entries(document: Mapping[str, object], key: str, name: str) -> list[dict[str, object]]:
    entries: list[object] = field(document, key, list, name=name)
    # Each entry goes through `field` under its own number, so that the error names it.
    return [
        field({f"{key}[{i}]": entry}, f"{key}[{i}]", dict, name=name)
        for i, entry in enumerate(entries)
    ]


def _rows(document: Mapping[str, object], key: str, name: str) -> tuple[tuple[float, ...], ...]:
    rows: list[object] = field(document, key, list, name=name)
    if not all(
        isinstance(row, list)
        and len(row) == len(rows)
        and all(isinstance(cell, (int, float)) for cell in row)
        for row in rows
    ):
        raise ArtifactError(
            f"{name} has a field `{key}` that is not a square matrix of numbers.",
            fix="The artifact is damaged; make it again.",
        )
    return tuple(tuple(float(cell) for cell in row) for row in rows if isinstance(row, list))
