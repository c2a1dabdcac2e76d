"""Report: what was measured about a model, every figure of it, and the page that shows them.

On disk: ``report.json`` (every figure, and the hashes of the other files); ``report.html``
(self-contained, made from ``report.json`` alone); ``predictions.parquet`` (what was judged).
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from lineament.artifacts.findings.calibration import Calibration
from lineament.artifacts.findings.curves import BinaryCurves
from lineament.artifacts.findings.gap import Gap
from lineament.artifacts.findings.openings import Openings
from lineament.artifacts.findings.robustness import Robustness
from lineament.artifacts.findings.selective import PredictionSets, Selective
from lineament.artifacts.findings.slices import Slices
from lineament.artifacts.findings.unknowns import Refusals, Unknowns
from lineament.artifacts.plain import plain_of, read_plain
from lineament.artifacts.sealed import open_sealed, seal
from lineament.core.errors import ArtifactError
from lineament.measure.intervals import Interval

KIND = "report"
SCHEMA_VERSION = 1
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
        recall_interval: Of the recall, over groups where photos name them, else Wilson's; ``None``
            for a class without photos.
        precision_interval: The same of the precision; ``None`` where no answer names the class.
        f1_interval: The same of F1; ``None`` for a class without photos.
    """

    name: str
    precision: float
    recall: float
    f1: float
    support: int
    recall_interval: Interval | None
    precision_interval: Interval | None = None
    f1_interval: Interval | None = None


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

    def __post_init__(self) -> None:
        """Check that all three are square.

        Raises:
            ArtifactError: One is not.
        """
        for each in dataclasses.fields(self):
            rows = getattr(self, each.name)
            if any(len(row) != len(rows) for row in rows):
                raise ArtifactError(
                    f"A confusion matrix must be square; `{each.name}` is not.",
                    fix="The artifact is damaged; make it again.",
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluationReport:
    """Every figure of one evaluation.

    What follows `environment` is ``None`` or empty where nobody asked or nothing is known.

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
        inflation: What a random split of the same photos would have claimed.
        deviations: Which cells of the confusion matrix deviate most, one sentence each.
        curves: ROC, precision-recall and DET; only where there are two classes.
        selective: Risk against coverage.
        prediction_sets: Sets of classes with a stated coverage.
        refusals: What the threshold for unknown photos does to these.
        unknowns: Against photos of something else.
        slices: Parts of the photos.
        robustness: On photos that were spoilt.
        gap: Validation against test.
        openings: How often the test photos had been looked at.
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
    deviations: tuple[str, ...] = ()
    curves: BinaryCurves | None = None
    selective: Selective | None = None
    prediction_sets: PredictionSets | None = None
    refusals: Refusals | None = None
    unknowns: Unknowns | None = None
    slices: Slices | None = None
    robustness: Robustness | None = None
    gap: Gap | None = None
    openings: Openings | None = None

    def as_dict(self) -> dict[str, object]:
        """Give the fields as ``report.json`` holds them: objects, lists, texts and numbers."""
        return plain_of(self)

    @classmethod
    def from_dict(cls, document: Mapping[str, object], *, name: str) -> "EvaluationReport":
        """Read what `as_dict` gave.

        Args:
            document: The fields; others are not looked at.
            name: What to call the report in an error.

        Raises:
            ArtifactError: A field is absent or of another type.
        """
        return read_plain(cls, document, name=name)


def write_report(folder: Path, report: EvaluationReport, *, page: str) -> None:
    """Write ``report.html`` and ``report.json`` beside what already stands in ``folder``.

    Args:
        folder: The report's folder, usually the partial one of an atomic write; it already holds
            ``predictions.parquet``.
        report: Every figure.
        page: The HTML page made from ``report``.
    """
    (folder / PAGE).write_text(page, encoding="utf-8")
    seal(folder, DOCUMENT, report.as_dict(), kind=KIND, schema_version=SCHEMA_VERSION)


def read_report(folder: Path) -> EvaluationReport:
    """Read a report and check that its files are those that evaluation wrote.

    Args:
        folder: What `write_report` wrote.

    Returns:
        The same report, figure for figure.

    Raises:
        ArtifactError: It is no report, is of a newer schema, is damaged, or a file was changed.
    """
    document = open_sealed(
        folder,
        DOCUMENT,
        kind=KIND,
        schema_version=SCHEMA_VERSION,
        wrote="evaluation",
        fix="Evaluate again; a report is not edited by hand.",
    )
    return EvaluationReport.from_dict(document, name=str(folder))
