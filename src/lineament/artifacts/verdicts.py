"""Verdicts: which of several models is better on the same photos, and what each of them costs.

On disk: ``comparison.json`` (every figure, and the hash of the page); ``comparison.html``
(self-contained, made from ``comparison.json`` alone).
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from lineament.artifacts.plain import plain_of, read_plain
from lineament.artifacts.sealed import open_sealed, seal
from lineament.measure.intervals import Interval

KIND = "comparison"
SCHEMA_VERSION = 1
DOCUMENT = "comparison.json"
PAGE = "comparison.html"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cost:
    """What a model costs; ``None`` where it is not known.

    Attributes:
        parameters: How many weights it has.
        multiply_adds: Of one photo.
        milliseconds: Of one photo in the engine that ships: the median of rounds, and their spread
            as its limits.
        file_bytes: Of the file that ships.
        training_s: What its training took, in seconds; the mean over the seeds.
    """

    parameters: int | None = None
    multiply_adds: int | None = None
    milliseconds: Interval | None = None
    file_bytes: int | None = None
    training_s: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contender:
    """One model, or several that differ only in their seed.

    Attributes:
        name: What it is called.
        runs: Where its runs are, one per seed.
        seeds: The seeds.
        accuracy: The mean over the seeds; its interval is that of photos (or groups), and of seeds
            where there are several.
        by_seed: The accuracy with each seed.
        balanced_accuracy: The mean of the recalls of the classes that occur; as ``accuracy``.
        log_loss: In nats; as ``accuracy``.
        cost: What it costs.
        on_front: Whether no other is as accurate and cheaper, or as cheap and more accurate.
        facts: What else to say of it: backbone, weights, mode ... JSON values only.
    """

    name: str
    runs: tuple[str, ...]
    seeds: tuple[int, ...]
    accuracy: Interval
    by_seed: tuple[float, ...]
    balanced_accuracy: Interval
    log_loss: Interval
    cost: Cost
    on_front: bool
    facts: Mapping[str, object]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verdict:
    """One pair.

    Attributes:
        first: The one with the higher accuracy; of equals, the one that was given first.
        second: The other.
        difference: Accuracy of the first less that of the second, with its interval. The interval
            is of this pair alone: it is not widened for there being other pairs.
        only_first: Photos that the first alone answers rightly; with several seeds the mean over
            all pairs of one of the first and one of the second, rounded.
        only_second: The same of the second.
        test: Which test the p-value comes from.
        p_value: Of no difference, two-sided.
        p_adjusted: After Holm's correction for all pairs of the comparison.
        differ: Whether a difference is told: ``p_adjusted`` is at most 1 less the level.
        needed: How many photos would tell a difference of the size seen with power 0.8 at level
            0.05, as the only pair; ``None`` where the difference seen is 0, or where it would take
            more seeds whatever the number of photos.
        needed_groups: How many groups like these that would be; ``None`` without groups.
        sentence: The same in words.
    """

    first: str
    second: str
    difference: Interval
    only_first: int
    only_second: int
    test: str
    p_value: float
    p_adjusted: float
    differ: bool
    needed: int | None
    needed_groups: int | None
    sentence: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class ComparisonReport:
    """Every figure of one comparison.

    Attributes:
        dataset: What it was measured on, as its artifact states it.
        split: The split that was measured.
        n_images: How many photos.
        n_groups: How many groups they form (a photo without one is its own); ``None`` when no photo
            names a group.
        classes: Class names in column order.
        contenders: Most accurate first.
        verdicts: Every pair, in the order of the contenders: best against second, best against
            third ...
        recommendation: The name of the contender to take.
        sentence: Why, in words, and what that leaves open.
        warnings: What a reader must know before quoting a figure, one sentence each.
        seed: Seed of the resampling.
        resamples: How many resamples there were.
        level: Confidence level of the intervals; a difference is told at 1 less this.
        environment: Versions and system.
    """

    dataset: Mapping[str, object]
    split: str
    n_images: int
    n_groups: int | None
    classes: tuple[str, ...]
    contenders: tuple[Contender, ...]
    verdicts: tuple[Verdict, ...]
    recommendation: str
    sentence: str
    warnings: tuple[str, ...]
    seed: int
    resamples: int
    level: float
    environment: Mapping[str, object]

    def as_dict(self) -> dict[str, object]:
        """Give the fields as ``comparison.json`` holds them: objects, lists, texts and numbers."""
        return plain_of(self)

    @classmethod
    def from_dict(cls, document: Mapping[str, object], *, name: str) -> "ComparisonReport":
        """Read what `as_dict` gave.

        Args:
            document: The fields; others are not looked at.
            name: What to call the comparison in an error.

        Raises:
            ArtifactError: A field is absent or of another type.
        """
        return read_plain(cls, document, name=name)


def write_comparison(folder: Path, report: ComparisonReport, *, page: str) -> None:
    """Write ``comparison.html`` and ``comparison.json``.

    Args:
        folder: The comparison's folder, usually the partial one of an atomic write.
        report: Every figure.
        page: The HTML page made from ``report``.
    """
    (folder / PAGE).write_text(page, encoding="utf-8")
    seal(folder, DOCUMENT, report.as_dict(), kind=KIND, schema_version=SCHEMA_VERSION)


def read_comparison(folder: Path) -> ComparisonReport:
    """Read a comparison and check that its page is the one that `compare` wrote.

    Args:
        folder: What `write_comparison` wrote.

    Returns:
        The same comparison, figure for figure.

    Raises:
        ArtifactError: It is no comparison, is of a newer schema, is damaged, or the page was
            changed.
    """
    document = open_sealed(
        folder,
        DOCUMENT,
        kind=KIND,
        schema_version=SCHEMA_VERSION,
        wrote="the comparison",
        fix="Compare again; a comparison is not edited by hand.",
    )
    return ComparisonReport.from_dict(document, name=str(folder))
