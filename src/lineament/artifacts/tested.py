"""Tested: the leading figures of an evaluation, for a card that goes without its report."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from lineament.artifacts.report import DOCUMENT, EvaluationReport, read_report
from lineament.core.errors import ArtifactError
from lineament.core.files import sha256_file
from lineament.measure.intervals import Interval

SPLIT = "test"


@dataclasses.dataclass(frozen=True, kw_only=True)
class FiguresOnTest:
    """What a model reached on photos that had no part in making it.

    Attributes:
        dataset: Name of the folder of the dataset it was tested on.
        fingerprint: Of that dataset; the one of `provenance` where these are its own test photos.
        photos: How many test photos there were.
        right: How many of them were answered rightly.
        groups: How many groups they form; ``None`` where no photo names one.
        headline: The leading figures by name, each with its interval: ``accuracy``,
            ``balanced_accuracy``, ``log_loss`` in nats, ``expected_calibration_error`` ...
        evaluations: How often models had been tested on these photos, this time included; ``None``
            where no ledger says it.
        warnings: What a reader must know before quoting a figure, one sentence each.
        graph_sha256: Of the graph that was tested.
        report_sha256: Of the ``report.json`` that says all this and more.
    """

    dataset: str
    fingerprint: str
    photos: int
    right: int
    groups: int | None
    headline: Mapping[str, Interval]
    evaluations: int | None
    warnings: tuple[str, ...]
    graph_sha256: str
    report_sha256: str


def read_tested(folder: Path) -> FiguresOnTest:
    """Take the leading figures out of the report of an evaluation.

    Args:
        folder: What `evaluate` wrote.

    Raises:
        ArtifactError: It is no report, is damaged or changed, is not of test photos, or says of
            model or photos not which they are.
    """
    report = read_report(folder)
    stated = {
        # Reports of before bundles were told from their runs state one hash alone.
        "graph_sha256": report.subject.get("graph_sha256", report.subject.get("sha256")),
        "fingerprint": report.dataset.get("fingerprint"),
    }
    wrong = [f"it does not state the {name}" for name, value in stated.items() if not value]
    if report.split != SPLIT:
        wrong.append(f"it is of the {report.split} split")
    if wrong:
        raise ArtifactError(
            f"{folder} cannot say how good a bundle is.",
            at=wrong,
            fix="Name what `lineament evaluate` wrote of this run on test photos.",
        )
    return FiguresOnTest(
        dataset=_name(report),
        fingerprint=str(stated["fingerprint"]),
        photos=report.n_images,
        right=report.n_right,
        groups=report.n_groups,
        headline=dict(report.headline),
        evaluations=None if report.openings is None else report.openings.evaluations,
        warnings=report.warnings,
        graph_sha256=str(stated["graph_sha256"]),
        report_sha256=sha256_file(folder / DOCUMENT),
    )


def require_tested(tested: FiguresOnTest, *, graph_sha256: str, name: str) -> None:
    """Refuse figures of another graph.

    Args:
        tested: The figures.
        graph_sha256: Of the graph that is to state them.
        name: What to call the report in the error.

    Raises:
        ArtifactError: They are of another graph.
    """
    if tested.graph_sha256 != graph_sha256:
        raise ArtifactError(
            f"{name} is of another graph than the one that is exported (sha256 "
            f"{tested.graph_sha256[:12]}..., not {graph_sha256[:12]}...).",
            fix="Name the report of this run; of a bundle in int8, that of the bundle itself.",
        )


def _name(report: EvaluationReport) -> str:
    """Of the dataset's folder; where that lies is nobody else's business."""
    return Path(str(report.dataset.get("path", "dataset"))).name
