"""Evaluation measures what ships: run and bundle get the same figures, whole or not at all."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.predictions import Predictions
from lineament.artifacts.report import EvaluationReport, read_report
from lineament.artifacts.run import Run
from lineament.core.errors import ArtifactError, DataError, LineamentError, UsageError
from lineament.core.files import sha256_file
from lineament.preparation.build import PrepareConfig, prepare
from lineament.runtime.predictor import Predictor
from lineament.workflow.evaluating import EvaluateConfig, evaluate


@pytest.fixture(scope="module")
def report_folder(
    small_run: Run, drawn_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("evaluated") / "report"
    evaluate(small_run.root, drawn_dataset, folder)
    return folder


@pytest.fixture(scope="module")
def report(report_folder: Path) -> EvaluationReport:
    return read_report(report_folder)


def figures(report: EvaluationReport) -> dict[str, object]:
    """Everything but what the model is, where it lies, and what was looked at before."""
    others = ("subject", "openings", "gap")  # a bundle does not say how many epochs there were
    return {key: value for key, value in report.as_dict().items() if key not in others}


def test_report_holds_figures_page_and_predictions(report_folder: Path) -> None:
    assert sorted(path.name for path in report_folder.iterdir()) == [
        "predictions.parquet",
        "report.html",
        "report.json",
    ]
    assert json.loads((report_folder / "report.json").read_text(encoding="utf-8"))["n_images"] == 30
    page = (report_folder / "report.html").read_text(encoding="utf-8")
    assert page.lstrip().lower().startswith("<!doctype html>")


def test_page_reaches_for_nothing_outside_itself(report_folder: Path) -> None:
    page = (report_folder / "report.html").read_text(encoding="utf-8")

    for reach in ('src="http', "src='http", 'href="http', "@import", "<link"):
        assert reach not in page


def test_run_and_bundle_get_the_same_figures(
    report: EvaluationReport, small_bundle: Path, drawn_dataset: Dataset, tmp_path: Path
) -> None:
    of_bundle = evaluate(small_bundle, drawn_dataset.root, tmp_path / "report")

    assert figures(of_bundle) == figures(report)
    assert (report.subject["kind"], of_bundle.subject["kind"]) == ("run", "bundle")
    differing = {key for key in report.subject if report.subject[key] != of_bundle.subject[key]}
    assert differing == {"kind", "path", "sha256"}


def test_figures_are_those_of_the_stored_predictions(
    report: EvaluationReport, report_folder: Path, drawn_dataset: Dataset
) -> None:
    stored = Predictions.read_parquet(report_folder / "predictions.parquet")

    assert stored.samples == tuple(each.filename for each in drawn_dataset.samples("test"))
    assert report.n_right == int((stored.answers == stored.labels).sum())
    assert report.headline["accuracy"].value == pytest.approx(report.n_right / 30)


def test_stored_predictions_are_what_predict_says(
    report_folder: Path, small_bundle: Path, drawn_dataset: Dataset
) -> None:
    stored = Predictions.read_parquet(report_folder / "predictions.parquet")
    files = [drawn_dataset.root / name for name in stored.samples]

    answers = [answer.probabilities for answer in Predictor(small_bundle).predict(files)]

    assert np.array_equal(
        stored.probabilities, np.stack([row for row in answers if row is not None])
    )


def test_subject_says_what_was_measured(report: EvaluationReport, small_run: Run) -> None:
    decisions = small_run.card.decisions
    assert decisions is not None
    assert dict(report.subject) == {
        "kind": "run",
        "path": str(small_run.root),
        "sha256": sha256_file(small_run.graph_path),
        "graph_sha256": sha256_file(small_run.graph_path),
        "mode": "head",
        "backbone": "test_resnet",
        "weights": "random",
        "weights_sha256": None,
        "licence": None,
        "trained_on": small_run.card.dataset["fingerprint"],
        "temperature": small_run.card.temperature,
        "decisions": dataclasses.asdict(decisions),
        "seed": 3,
        "preprocessing": {
            **small_run.card.preprocessing.as_dict(),
            "mean": list(small_run.card.preprocessing.mean),
            "std": list(small_run.card.preprocessing.std),
        },
    }


def test_returned_report_is_the_stored_one(
    report: EvaluationReport, small_run: Run, drawn_dataset: Dataset, tmp_path: Path
) -> None:
    returned = evaluate(small_run.root, drawn_dataset, tmp_path / "report")

    assert read_report(tmp_path / "report") == returned
    assert figures(returned) == figures(report)


def test_another_seed_moves_the_intervals_and_not_the_figures(
    report: EvaluationReport, small_run: Run, drawn_dataset: Dataset, tmp_path: Path
) -> None:
    config = EvaluateConfig(seed=1)

    other = evaluate(small_run.root, drawn_dataset, tmp_path / "report", config=config)

    for name, interval in report.headline.items():
        assert other.headline[name].value == interval.value
    assert any(other.headline[name] != interval for name, interval in report.headline.items())


def test_measuring_on_validation_is_warned_of(
    report: EvaluationReport, small_run: Run, drawn_dataset: Dataset, tmp_path: Path
) -> None:
    config = EvaluateConfig(split="validation")

    other = evaluate(small_run.root, drawn_dataset, tmp_path / "report", config=config)

    assert not any("validation" in warning for warning in report.warnings)
    assert any("validation" in warning for warning in other.warnings)
    assert other.split == "validation"


def test_number_of_shown_mistakes_is_that_asked_for(
    small_run: Run, drawn_dataset: Dataset, tmp_path: Path
) -> None:
    config = EvaluateConfig(n_mistakes=0)

    assert evaluate(small_run.root, drawn_dataset, tmp_path / "r", config=config).mistakes == ()


def test_misspelt_split_is_a_usage_error() -> None:
    with pytest.raises(UsageError) as caught:
        EvaluateConfig(split="tset")

    assert caught.value.what == (
        "EvaluateConfig: `split` must be one of train, validation, test, got 'tset'. "
        "Did you mean `test`?"
    )


def test_what_stands_there_is_not_overwritten(
    small_run: Run, drawn_dataset: Dataset, tmp_path: Path
) -> None:
    (tmp_path / "report").mkdir()

    with pytest.raises(ArtifactError) as caught:
        evaluate(small_run.root, drawn_dataset, tmp_path / "report")

    assert str(caught.value) == (
        f"{tmp_path / 'report'} exists; nothing was written.\n"
        "  fix: Name another `--out`, or run again with `--overwrite` to replace it."
    )


@pytest.mark.parametrize("target", ["run", "dataset"])
def test_report_never_takes_the_place_of_what_it_measures(
    target: str, small_run: Run, drawn_dataset: Dataset, tmp_path: Path
) -> None:
    run = shutil.copytree(small_run.root, tmp_path / "run")
    data = shutil.copytree(drawn_dataset.root, tmp_path / "dataset")

    with pytest.raises(LineamentError):
        evaluate(run, data, tmp_path / target, overwrite=True)

    assert (run / "run.json").is_file()
    assert (data / "dataset.json").is_file()


def test_missing_photo_is_named_and_nothing_is_left(
    small_run: Run, drawn_dataset: Dataset, tmp_path: Path
) -> None:
    data = Dataset.open(shutil.copytree(drawn_dataset.root, tmp_path / "dataset"))
    gone = data.path(data.samples("test")[4])
    gone.unlink()
    (tmp_path / "out").mkdir()

    with pytest.raises(ArtifactError) as caught:
        evaluate(small_run.root, data, tmp_path / "out" / "report")

    assert caught.value.at == (f"{gone.relative_to(data.root).as_posix()} (absent)",)
    assert list((tmp_path / "out").iterdir()) == []


def test_error_while_the_page_is_made_leaves_nothing(
    small_run: Run, drawn_dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(report: EvaluationReport) -> str:
        raise RuntimeError("no page today")

    monkeypatch.setattr("lineament.workflow.evaluating.page", broken)

    with pytest.raises(RuntimeError, match="no page today"):
        evaluate(small_run.root, drawn_dataset, tmp_path / "report")

    assert list(tmp_path.iterdir()) == []


def test_dataset_without_a_test_split_says_so(
    small_run: Run, write_kinds: Callable[..., Path], tmp_path: Path
) -> None:
    source = write_kinds(tmp_path / "source", per_class=6)
    data = prepare(source, tmp_path / "data", config=PrepareConfig(split=(0.5, 0.5, 0.0)))

    with pytest.raises(DataError) as caught:
        evaluate(small_run.root, data, tmp_path / "report")

    assert caught.value.what == f"The test split of {data.root} is empty."
    assert not (tmp_path / "report").exists()


def test_dataset_that_is_none_is_named(small_run: Run, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        evaluate(small_run.root, tmp_path, tmp_path / "report")

    assert caught.value.what == f"{tmp_path} is not a dataset: it has no dataset.json."


def test_bundle_that_states_no_origin_is_an_artifact_error(
    small_run: Run, drawn_dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stated = dataclasses.replace(small_run.card, backbone={})
    run = dataclasses.replace(small_run, card=stated)
    monkeypatch.setattr("lineament.runtime.opened.Run.open", lambda root: run)

    with pytest.raises(ArtifactError):
        evaluate(small_run.root, drawn_dataset, tmp_path / "report")


def test_report_on_another_dataset_says_that_it_was_not_trained_on_it(
    report: EvaluationReport, small_run: Run, write_kinds: Callable[..., Path], tmp_path: Path
) -> None:
    source = write_kinds(tmp_path / "source", per_class=8)
    other = prepare(source, tmp_path / "data", config=PrepareConfig(split=(0.5, 0.25, 0.25)))

    judged = evaluate(small_run.root, other, tmp_path / "report")

    assert len(judged.warnings) > len(report.warnings)
