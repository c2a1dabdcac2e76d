import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lineament.artifacts.findings.calibration import Calibration, Uncalibrated
from lineament.artifacts.findings.curves import BinaryCurves
from lineament.artifacts.findings.gap import Gap
from lineament.artifacts.findings.openings import Openings
from lineament.artifacts.findings.robustness import Robustness, Spoilt
from lineament.artifacts.findings.selective import OperatingPoint, PredictionSets, Selective
from lineament.artifacts.findings.slices import Slice, Slices
from lineament.artifacts.findings.unknowns import PassedUnknown, Refusals, Unknowns, UnknownScore
from lineament.artifacts.report import (
    ClassFigures,
    ConfusedPair,
    Confusion,
    EvaluationReport,
    Mistake,
    read_report,
    write_report,
)
from lineament.core.errors import ArtifactError
from lineament.core.version import __version__
from lineament.measure.calibration import ReliabilityBin
from lineament.measure.intervals import wilson

REPORT = EvaluationReport(
    subject={"kind": "run", "path": "runs/a", "trained_on": "f00d", "temperature": 1 / 3},
    dataset={"path": "data/a", "fingerprint": "f00d", "counts": {"test": 5}},
    split="test",
    n_images=5,
    macro={"precision": 0.75, "recall": 0.8, "f1": 0.7},
    n_right=4,
    n_groups=None,
    classes=("cat", "dog", "狐"),
    headline={"accuracy": wilson(4, 5), "log_loss": dataclasses.replace(wilson(1, 3), n_groups=2)},
    per_class=(
        ClassFigures(
            name="cat", precision=1.0, recall=2 / 3, f1=0.8, support=3, recall_interval=wilson(2, 3)
        ),
        ClassFigures(
            name="dog",
            precision=0.5,
            recall=1.0,
            f1=0.1 + 0.2,
            support=2,
            recall_interval=wilson(2, 2),
        ),
        ClassFigures(name="狐", precision=0.0, recall=0.0, f1=0.0, support=0, recall_interval=None),
    ),
    confusion=Confusion(
        raw=((2, 1, 0), (0, 2, 0), (0, 0, 0)),
        row_normalised=((2 / 3, 1 / 3, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 0.0)),
        z_scored=((1.7, 0.5, -0.66), (-0.66, 1.7, -0.66), (-0.66, -0.66, -0.66)),
    ),
    most_confused=(ConfusedPair(truth="cat", answer="dog", count=1, support=3),),
    calibration=Calibration(
        expected_calibration_error=0.07,
        n_bins=15,
        bins=(ReliabilityBin(confidence=0.9, accuracy=0.8, count=5, low=0.7, high=0.99),),
    ),
    mistakes=(
        Mistake(
            sample="a.jpg",
            truth="cat",
            answer="dog",
            confidence=0.9,
            truth_probability=0.1,
            thumbnail="/9j/",
        ),
        Mistake(
            sample="b.jpg",
            truth="cat",
            answer="dog",
            confidence=0.8,
            truth_probability=0.2,
            thumbnail=None,
        ),
    ),
    warnings=("Class dog has only 2 test photos, so its own figures say little.",),
    seed=0,
    resamples=1000,
    environment={"lineament": __version__},
)


INTERVAL = wilson(4, 5)
BIN = ReliabilityBin(confidence=0.9, accuracy=0.8, count=5, low=0.7, high=0.99)
WHOLE = dataclasses.replace(
    REPORT,
    inflation={"sentence": "A random split would have claimed more."},
    deviations=("cat is answered dog more often than chance.",),
    calibration=Calibration(
        expected_calibration_error=0.07,
        n_bins=15,
        bins=(BIN,),
        before=Uncalibrated(
            temperature=1.5,
            expected_calibration_error=INTERVAL,
            log_loss=INTERVAL,
            brier=INTERVAL,
            bins=(BIN,),
            sentence="It helped.",
        ),
    ),
    curves=BinaryCurves(
        positive="cat",
        roc=((0.0, 0.0), (0.5, 1.0), (1.0, 1.0)),
        precision_recall=((0.0, 1.0), (1.0, 0.5)),
        det=((0.0, 1.0), (1.0, 0.0)),
        area_under_roc=INTERVAL,
        average_precision=INTERVAL,
        equal_error_rate=INTERVAL,
    ),
    selective=Selective(
        curve=((0.5, 0.0, 0.9), (1.0, 0.2, 0.1)),
        area=INTERVAL,
        points=(
            OperatingPoint(
                precision=0.9, confidence=0.8, answered=INTERVAL, reached=INTERVAL, sentence="a"
            ),
            OperatingPoint(
                precision=0.99, confidence=None, answered=None, reached=None, sentence="b"
            ),
        ),
    ),
    prediction_sets=PredictionSets(
        asked=0.9,
        threshold=0.2,
        reached=INTERVAL,
        mean_size=INTERVAL,
        sizes=(0, 4, 1),
        sentence="c",
    ),
    refusals=Refusals(
        asked=0.05,
        threshold=0.27,
        refused=INTERVAL,
        refused_right=2,
        answered_right=None,
        sentence="d",
    ),
    unknowns=Unknowns(
        source="elsewhere",
        known=5,
        unknown=3,
        unreadable=1,
        scores=(
            UnknownScore(name="familiarity", area_under_roc=INTERVAL, false_positive_rate=INTERVAL),
        ),
        threshold=0.4,
        known_refused=INTERVAL,
        unknown_refused=INTERVAL,
        open_set_accuracy=INTERVAL,
        passed=(
            PassedUnknown(
                source="x.jpg", answer="dog", confidence=0.7, familiarity=None, thumbnail=None
            ),
        ),
        sentence="d",
    ),
    slices=Slices(
        slices=(
            Slice(
                column="brightness",
                value="below 0.2",
                photos=5,
                groups=None,
                accuracy=INTERVAL,
                difference=dataclasses.replace(INTERVAL, value=-0.1, low=-0.2, high=0.0),
                p_value=1.0,
            ),
        ),
        skipped=("camera: one value",),
        sentences=("e",),
    ),
    robustness=Robustness(
        photos=5,
        clean=INTERVAL,
        spoilt=(Spoilt(corruption="noise", severity=1, accuracy=INTERVAL, loss=INTERVAL),),
        mean_accuracy=INTERVAL,
        sentences=("f",),
        examples=(("noise", "/9j/"),),
    ),
    gap=Gap(
        validation=INTERVAL,
        test=INTERVAL,
        difference=INTERVAL,
        excludes_zero=True,
        sentences=("g",),
    ),
    openings=Openings(evaluations=3, models=2, first="2026-11-23T00:00:00+00:00", sentence="h"),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "predictions.parquet").write_bytes(b"answers")
    write_report(tmp_path, REPORT, page="<!DOCTYPE html>")
    return tmp_path


def test_what_is_read_is_what_was_written(folder: Path) -> None:
    assert read_report(folder) == REPORT


def test_every_section_is_read_back(tmp_path: Path) -> None:
    assert all(
        getattr(WHOLE, each.name) is not None
        for each in dataclasses.fields(WHOLE)
        if each.name != "n_groups"
    )
    write_report(tmp_path, WHOLE, page="")

    assert read_report(tmp_path) == WHOLE


def test_a_report_without_a_confusion_matrix_is_read_back(tmp_path: Path) -> None:
    report = dataclasses.replace(REPORT, confusion=None, n_groups=4)
    write_report(tmp_path, report, page="")
    assert read_report(tmp_path) == report


def test_the_fields_survive_a_passage_through_json() -> None:
    document = json.loads(json.dumps(REPORT.as_dict()))
    assert EvaluationReport.from_dict(document, name="r") == REPORT


def test_the_document_states_its_kind_its_schema_and_its_writer(folder: Path) -> None:
    document = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert (document["kind"], document["schema_version"], document["lineament"]) == (
        "report",
        1,
        __version__,
    )


def test_the_document_hashes_the_page_and_the_predictions(folder: Path) -> None:
    document = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert sorted(document["files"]) == ["predictions.parquet", "report.html"]


def test_a_folder_without_a_report_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        read_report(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} is not a report: it has no report.json.\n"
        "  fix: Name the folder of a report that Lineament wrote."
    )


def test_an_edited_page_and_absent_predictions_are_refused_together(folder: Path) -> None:
    (folder / "report.html").write_text("accuracy 100 %", encoding="utf-8")
    (folder / "predictions.parquet").unlink()
    with pytest.raises(ArtifactError) as caught:
        read_report(folder)
    assert str(caught.value) == (
        f"{folder} has files that are absent or are not those that evaluation wrote.\n"
        "  at:  predictions.parquet, report.html\n"
        "  fix: Evaluate again; a report is not edited by hand."
    )


def _change(**fields: object) -> Callable[[dict[str, object]], None]:
    return lambda document: document.update(fields)


def _drop_support(document: dict[str, object]) -> None:
    entries = document["per_class"]
    assert isinstance(entries, list)
    del entries[1]["support"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(
            _change(kind="run"),
            "{} is not a report but a run.\n  fix: Name a report that Lineament wrote.",
            id="another kind",
        ),
        pytest.param(
            _change(schema_version=2),
            f"{{}} has report schema 2; this Lineament {__version__} reads 1 to 1.\n"
            "  fix: Install the version of Lineament that wrote it, or a newer one.",
            id="a newer schema",
        ),
        pytest.param(
            _change(n_images="five"),
            "{} has no usable field `n_images` (wanted int, found 'five').\n"
            "  fix: The artifact is damaged; make it again.",
            id="a text for a number",
        ),
        pytest.param(
            _drop_support,
            "{} has no usable field `per_class[1].support` (wanted int, found None).\n"
            "  fix: The artifact is damaged; make it again.",
            id="an absent figure of one class",
        ),
        pytest.param(
            _change(mistakes=["a.jpg"]),
            "{} has no usable field `mistakes[0]` (wanted dict, found 'a.jpg').\n"
            "  fix: The artifact is damaged; make it again.",
            id="a text for a mistake",
        ),
        pytest.param(
            _change(confusion={"raw": [[1, 2]], "row_normalised": [], "z_scored": []}),
            "A confusion matrix must be square; `raw` is not.\n"
            "  fix: The artifact is damaged; make it again.",
            id="a matrix that is not square",
        ),
    ],
)
def test_a_damaged_document_is_refused(
    folder: Path, change: Callable[[dict[str, object]], None], expected: str
) -> None:
    path = folder / "report.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ArtifactError) as caught:
        read_report(folder)
    assert str(caught.value) == expected.format(folder)
