"""What is asked beyond the answers: unknown photos, slices, spoilt photos, the gap, the ledger."""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.ledger import LEDGER, read_ledger
from lineament.artifacts.report import read_report
from lineament.artifacts.run import Run
from lineament.core.errors import DataError, LineamentError, UsageError
from lineament.core.progress import Quiet
from lineament.preparation.build import PrepareConfig, prepare
from lineament.workflow.evaluating import EvaluateConfig, evaluate


class Notes(Quiet):
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def fresh(drawn_dataset: Dataset, tmp_path: Path) -> Dataset:
    """A copy of the dataset that nobody has measured on."""
    ignored = shutil.ignore_patterns(LEDGER)
    return Dataset.open(shutil.copytree(drawn_dataset.root, tmp_path / "data", ignore=ignored))


def test_photos_of_something_else_are_set_against_the_measured_ones(
    small_run: Run, fresh: Dataset, photo_files: list[Path], tmp_path: Path
) -> None:
    folder = photo_files[0].parent / "else"
    folder.mkdir()
    for path in photo_files:
        shutil.move(path, folder)
    (folder / "broken.jpg").write_bytes(b"no photo")
    familiar = fresh.path(fresh.samples("train")[0])
    shutil.copy(familiar, folder / f"familiar{familiar.suffix}")

    report = evaluate(
        small_run.root, fresh, tmp_path / "r", config=EvaluateConfig(unknown=str(folder))
    )

    found = report.unknowns
    assert found is not None
    assert (found.known, found.unknown, found.unreadable) == (30, len(photo_files) + 1, 1)
    assert found.source == str(folder)
    assert [score.name for score in found.scores] == [
        "familiarity",
        "maximum probability",
        "energy",
    ]
    assert "familiar" in {Path(each.source).stem for each in found.passed}
    assert all(each.thumbnail for each in found.passed)
    refused = found.unknown_refused
    assert refused is not None
    assert refused.value == 1 - len(found.passed) / found.unknown
    assert read_report(tmp_path / "r") == report
    page = (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
    assert "Photos of something else" in page


def test_folder_without_a_readable_photo_is_named(
    small_run: Run, fresh: Dataset, tmp_path: Path
) -> None:
    folder = tmp_path / "else"
    folder.mkdir()
    (folder / "broken.jpg").write_bytes(b"no photo")

    with pytest.raises(DataError) as caught:
        evaluate(small_run.root, fresh, tmp_path / "r", config=EvaluateConfig(unknown=str(folder)))

    assert caught.value.what == f"{folder} has no photo that can be read."
    assert not (tmp_path / "r").exists()
    assert not (fresh.root / LEDGER).exists()


def test_folder_that_is_not_there_is_said_before_anything_is_measured(
    small_run: Run, fresh: Dataset, tmp_path: Path
) -> None:
    notes = Notes()

    with pytest.raises(UsageError) as caught:
        evaluate(
            small_run.root,
            fresh,
            tmp_path / "r",
            config=EvaluateConfig(unknown=str(tmp_path / "nowhere")),
            progress=notes,
        )

    assert caught.value.what == f"`unknown` must be a folder, got {tmp_path / 'nowhere'}."
    assert notes.said == []


def test_photos_are_divided_by_how_they_look(
    small_run: Run, write_kinds: Callable[..., Path], tmp_path: Path
) -> None:
    config = PrepareConfig(split=(0.2, 0.2, 0.6))
    data = prepare(write_kinds(tmp_path / "source", per_class=60), tmp_path / "data", config=config)

    report = evaluate(small_run.root, data, tmp_path / "r")
    asked = EvaluateConfig(slice_by=("contrast",))
    of_contrast = evaluate(small_run.root, data, tmp_path / "s", config=asked)

    assert report.slices is not None
    assert of_contrast.slices is not None
    columns = {each.column for each in report.slices.slices}
    assert columns <= {"brightness", "contrast", "sharpness", "saturation", "size", "format"}
    assert "contrast" in columns
    assert {each.column for each in of_contrast.slices.slices} == {"contrast"}


def test_too_few_photos_to_divide_are_said_to_be_so(
    small_run: Run, fresh: Dataset, tmp_path: Path
) -> None:
    report = evaluate(small_run.root, fresh, tmp_path / "r")

    assert report.slices is not None
    assert report.slices.slices == ()
    assert any(reason.startswith("brightness: ") for reason in report.slices.skipped)


def test_column_that_is_not_there_is_a_usage_error(
    small_run: Run, fresh: Dataset, tmp_path: Path
) -> None:
    config = EvaluateConfig(slice_by=("brightnes",))

    with pytest.raises(UsageError) as caught:
        evaluate(small_run.root, fresh, tmp_path / "r", config=config)

    assert "brightness" in str(caught.value)


def test_slices_can_be_left_out(small_run: Run, fresh: Dataset, tmp_path: Path) -> None:
    report = evaluate(small_run.root, fresh, tmp_path / "r", config=EvaluateConfig(slices=False))

    assert report.slices is None


def test_photos_are_spoilt_when_asked_for(small_run: Run, fresh: Dataset, tmp_path: Path) -> None:
    config = EvaluateConfig(robustness=6)

    report = evaluate(small_run.root, fresh, tmp_path / "r", config=config)

    assert report.robustness is not None
    assert report.robustness.photos == 6
    assert len(report.robustness.spoilt) == 40
    assert evaluate(small_run.root, fresh, tmp_path / "s").robustness is None


def test_gap_is_that_of_validation_and_test(small_run: Run, fresh: Dataset, tmp_path: Path) -> None:
    report = evaluate(small_run.root, fresh, tmp_path / "r")

    stated = small_run.card.validation
    assert stated is not None
    assert report.gap is not None
    assert report.gap.validation == stated.accuracy
    assert report.gap.test == report.headline["accuracy"]


def test_gap_is_about_test_alone(small_run: Run, fresh: Dataset, tmp_path: Path) -> None:
    config = EvaluateConfig(split="validation")

    assert evaluate(small_run.root, fresh, tmp_path / "r", config=config).gap is None


def test_run_of_before_has_no_gap_and_no_decisions(
    small_run: Run, fresh: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = dataclasses.replace(small_run.card, validation=None, decisions=None)
    run = dataclasses.replace(small_run, card=card)
    monkeypatch.setattr("lineament.runtime.opened.Run.open", lambda root: run)

    report = evaluate(small_run.root, fresh, tmp_path / "r")

    assert (report.gap, report.prediction_sets) == (None, None)
    assert report.selective is not None
    assert report.selective.points == ()


def test_every_evaluation_is_counted(
    small_run: Run, small_bundle: Path, fresh: Dataset, tmp_path: Path
) -> None:
    first = evaluate(small_run.root, fresh, tmp_path / "a")
    second = evaluate(small_run.root, fresh, tmp_path / "b")
    third = evaluate(small_bundle, fresh, tmp_path / "c")

    counts = [
        (each.openings.evaluations, each.openings.models)
        for each in (first, second, third)
        if each.openings is not None
    ]
    assert counts == [(1, 1), (2, 1), (3, 1)]  # a run and its bundle are one model
    assert [each.report for each in read_ledger(fresh.root).openings] == [
        str(tmp_path / name) for name in "abc"
    ]


def test_validation_has_a_count_of_its_own(small_run: Run, fresh: Dataset, tmp_path: Path) -> None:
    evaluate(small_run.root, fresh, tmp_path / "a")

    config = EvaluateConfig(split="validation")
    report = evaluate(small_run.root, fresh, tmp_path / "b", config=config)

    assert report.openings is not None
    assert report.openings.evaluations == 1


def test_dataset_that_cannot_be_written_is_measured_all_the_same(
    small_run: Run, fresh: Dataset, tmp_path: Path
) -> None:
    (fresh.root / LEDGER).mkdir()  # stands for a folder that is read-only, also where root runs
    notes = Notes()

    with pytest.raises(LineamentError):
        read_ledger(fresh.root)
    report = evaluate(small_run.root, fresh, tmp_path / "r", progress=notes)

    assert report.openings is not None
    assert report.openings.evaluations == 1
    assert any(said.startswith(f"{fresh.root / LEDGER} cannot be read") for said in notes.said)
