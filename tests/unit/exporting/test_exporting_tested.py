"""A bundle states how good it is on test photos, where a report says so of its very graph."""

import dataclasses
from pathlib import Path

import pytest

from lineament.artifacts.bundle import read_bundle
from lineament.artifacts.dataset import Dataset
from lineament.artifacts.report import EvaluationReport, write_report
from lineament.artifacts.run import Run
from lineament.artifacts.tested import FiguresOnTest
from lineament.core.errors import ArtifactError
from lineament.exporting.config import ExportConfig
from lineament.exporting.export import export
from lineament.workflow.evaluating import EvaluateConfig, evaluate


@pytest.fixture(scope="module")
def evaluated(
    small_run: Run, drawn_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, EvaluationReport]:
    folder = tmp_path_factory.mktemp("evaluated") / "report"
    config = EvaluateConfig(slices=False)
    return folder, evaluate(small_run.root, drawn_dataset, folder, config=config)


def stated(run: Run, out: Path, report: Path, **chosen: object) -> FiguresOnTest:
    config = ExportConfig(report=str(report), **chosen)  # type: ignore[arg-type]  # of any field
    returned = export(run, out, config=config)
    assert returned.tested is not None
    return returned.tested


def test_bundle_states_the_figures_of_the_report(
    small_run: Run, evaluated: tuple[Path, EvaluationReport], tmp_path: Path
) -> None:
    folder, report = evaluated

    stated(small_run, tmp_path / "m.onnx", folder)

    _, card = read_bundle(tmp_path / "m.onnx")
    assert card.tested is not None
    assert card.tested.headline == report.headline
    assert (card.tested.photos, card.tested.right) == (report.n_images, report.n_right)
    assert card.tested.graph_sha256 == card.content_sha256
    assert card.tested.fingerprint == small_run.card.dataset["fingerprint"]


def test_bundle_without_a_report_states_none(small_bundle: Path) -> None:
    assert read_bundle(small_bundle)[1].tested is None


def test_report_of_the_bundle_itself_says_the_same(
    small_run: Run, small_bundle: Path, drawn_dataset: Dataset, tmp_path: Path
) -> None:
    report = evaluate(
        small_bundle, drawn_dataset, tmp_path / "report", config=EvaluateConfig(slices=False)
    )

    tested = stated(small_run, tmp_path / "m.onnx", tmp_path / "report")

    assert tested.headline == report.headline


def test_torchscript_states_the_figures_too(
    small_run: Run, evaluated: tuple[Path, EvaluationReport], tmp_path: Path
) -> None:
    folder, report = evaluated

    tested = stated(small_run, tmp_path / "m.pt", folder, format="torchscript")

    assert tested.headline == report.headline


def test_report_of_another_graph_is_refused_and_leaves_no_file(
    small_run: Run, evaluated: tuple[Path, EvaluationReport], tmp_path: Path
) -> None:
    _, report = evaluated
    other = dataclasses.replace(report, subject={**report.subject, "graph_sha256": "ab" * 32})
    folder, graph = tmp_path / "report", str(report.subject["graph_sha256"])
    folder.mkdir()
    write_report(folder, other, page="<p>")

    with pytest.raises(ArtifactError) as caught:
        stated(small_run, tmp_path / "m.onnx", folder)

    assert str(caught.value) == (
        f"{folder} is of another graph than the one that is exported (sha256 abababababab..., not "
        f"{graph[:12]}...).\n"
        "  fix: Name the report of this run; of a bundle in int8, that of the bundle itself."
    )
    assert not (tmp_path / "m.onnx").exists()


def test_report_of_the_run_is_refused_for_the_graph_in_int8(
    small_run: Run, evaluated: tuple[Path, EvaluationReport], tmp_path: Path
) -> None:
    with pytest.raises(ArtifactError, match="is of another graph than the one that is exported"):
        stated(small_run, tmp_path / "m.onnx", evaluated[0], precision="int8", max_drop=30.0)

    assert not (tmp_path / "m.onnx").exists()


def test_bundle_in_int8_states_what_was_measured_of_itself(
    small_run: Run, drawn_dataset: Dataset, tmp_path: Path
) -> None:
    bundle, again = tmp_path / "m.onnx", tmp_path / "again.onnx"
    export(small_run, bundle, config=ExportConfig(precision="int8", max_drop=30))
    evaluate(bundle, drawn_dataset, tmp_path / "report", config=EvaluateConfig(slices=False))

    tested = stated(small_run, again, tmp_path / "report", precision="int8", max_drop=30.0)

    assert tested.graph_sha256 == read_bundle(bundle)[1].content_sha256


def test_unreadable_report_is_said_before_anything_is_compared(
    small_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lineament.exporting.export.load_classifier", None)

    with pytest.raises(ArtifactError, match="report"):
        stated(small_run, tmp_path / "m.onnx", tmp_path / "absent")
