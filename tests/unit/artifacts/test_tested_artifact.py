"""The leading figures of a report are taken out of it, and those of another graph are refused."""

import dataclasses
from pathlib import Path

import pytest

from lineament.artifacts.findings.calibration import Calibration
from lineament.artifacts.findings.openings import Openings
from lineament.artifacts.report import DOCUMENT, EvaluationReport, write_report
from lineament.artifacts.tested import FiguresOnTest, read_tested, require_tested
from lineament.core.errors import ArtifactError
from lineament.core.files import sha256_file
from lineament.measure.intervals import wilson

GRAPH = "ab" * 32
REPORT = EvaluationReport(
    subject={"kind": "run", "path": "/home/ann/run", "graph_sha256": GRAPH, "sha256": "c" * 64},
    dataset={"path": "/home/ann/photos", "fingerprint": "f00d"},
    split="test",
    n_images=5,
    n_right=4,
    n_groups=3,
    classes=("cat", "dog"),
    headline={"accuracy": wilson(4, 5), "log_loss": wilson(1, 3)},
    per_class=(),
    macro={},
    confusion=None,
    most_confused=(),
    calibration=Calibration(expected_calibration_error=0.1, n_bins=15, bins=()),
    mistakes=(),
    warnings=("Class cat has 2 test photos.",),
    seed=0,
    resamples=1000,
    environment={},
    openings=Openings(evaluations=2, models=1, first="2026-01-01T00:00:00+00:00", sentence="."),
)


def written(folder: Path, **changed: object) -> Path:
    folder.mkdir()
    write_report(folder, dataclasses.replace(REPORT, **changed), page="<p>")  # type: ignore[arg-type]  # of any field
    return folder


def refusal(folder: Path) -> str:
    with pytest.raises(ArtifactError) as caught:
        read_tested(folder)
    return str(caught.value)


def test_figures_are_those_of_the_report(tmp_path: Path) -> None:
    folder = written(tmp_path / "report")

    assert read_tested(folder) == FiguresOnTest(
        dataset="photos",
        fingerprint="f00d",
        photos=5,
        right=4,
        groups=3,
        headline=REPORT.headline,
        evaluations=2,
        warnings=REPORT.warnings,
        graph_sha256=GRAPH,
        report_sha256=sha256_file(folder / DOCUMENT),
    )


def test_report_without_a_ledger_does_not_say_how_often_photos_were_looked_at(
    tmp_path: Path,
) -> None:
    assert read_tested(written(tmp_path / "report", openings=None)).evaluations is None


def test_old_report_states_the_graph_as_its_subjects_hash(tmp_path: Path) -> None:
    folder = written(tmp_path / "report", subject={"kind": "run", "sha256": GRAPH})

    assert read_tested(folder).graph_sha256 == GRAPH


def test_report_of_another_split_is_refused(tmp_path: Path) -> None:
    folder = written(tmp_path / "report", split="validation")

    assert refusal(folder) == (
        f"{folder} cannot say how good a bundle is.\n"
        "  at:  it is of the validation split\n"
        "  fix: Name what `lineament evaluate` wrote of this run on test photos."
    )


def test_report_that_does_not_say_of_what_it_is_is_refused(tmp_path: Path) -> None:
    folder = written(tmp_path / "report", subject={}, dataset={})

    assert refusal(folder) == (
        f"{folder} cannot say how good a bundle is.\n"
        "  at:  it does not state the graph_sha256, it does not state the fingerprint\n"
        "  fix: Name what `lineament evaluate` wrote of this run on test photos."
    )


def test_report_that_was_edited_is_refused(tmp_path: Path) -> None:
    folder = written(tmp_path / "report")
    (folder / "report.html").write_text("<p>100 %", encoding="utf-8")

    assert refusal(folder).startswith(f"{folder} has files that are absent or are not those that ")


def test_folder_that_is_no_report_is_refused(tmp_path: Path) -> None:
    assert "report" in refusal(tmp_path / "absent")


def test_figures_of_this_graph_pass(tmp_path: Path) -> None:
    require_tested(read_tested(written(tmp_path / "report")), graph_sha256=GRAPH, name="report")


def test_figures_of_another_graph_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        require_tested(
            read_tested(written(tmp_path / "report")), graph_sha256="cd" * 32, name="report"
        )

    assert str(caught.value) == (
        "report is of another graph than the one that is exported (sha256 abababababab..., not "
        "cdcdcdcdcdcd...).\n"
        "  fix: Name the report of this run; of a bundle in int8, that of the bundle itself."
    )
