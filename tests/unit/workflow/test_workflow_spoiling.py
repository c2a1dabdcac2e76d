"""A model on photos that are spoilt on purpose."""

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.findings.robustness import Robustness
from lineament.artifacts.run import Run
from lineament.core.errors import UsageError
from lineament.core.executor import LocalExecutor
from lineament.core.progress import Quiet
from lineament.imaging.corrupt import CORRUPTIONS
from lineament.runtime.predictor import Predictor
from lineament.workflow import spoiling
from lineament.workflow.spoiling import draw, spoil


class _Heard(Quiet):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture(scope="module")
def found(small_bundle: Path, drawn_dataset: Dataset) -> Robustness:
    return spoil(Predictor(small_bundle), drawn_dataset, "test", photos=6)


def test_every_corruption_is_measured_at_every_severity(found: Robustness) -> None:
    assert [(each.corruption, each.severity) for each in found.spoilt] == [
        (name, severity) for name in CORRUPTIONS for severity in range(1, 6)
    ]
    assert found.photos == 6


def test_each_corruption_has_an_example_at_five_severities(found: Robustness) -> None:
    assert [name for name, _ in found.examples] == list(CORRUPTIONS)
    for _, strip in found.examples:
        with Image.open(io.BytesIO(base64.b64decode(strip))) as picture:
            assert picture.format == "JPEG"
            assert picture.width % 5 == 0


def test_the_same_seed_gives_the_same_finding_on_any_number_of_threads(
    found: Robustness, small_bundle: Path, drawn_dataset: Dataset
) -> None:
    again = spoil(
        Predictor(small_bundle),
        drawn_dataset,
        "test",
        photos=6,
        executor=LocalExecutor(workers=1),
    )
    assert again == found


def test_the_clean_answers_are_those_of_the_evaluation(
    packaged_run: Run, drawn_dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spoiling, "KEYS", (("noise", 5),))
    predictor = Predictor(packaged_run.root)
    n = len(drawn_dataset.samples("test"))
    found = spoil(predictor, drawn_dataset, "test", photos=n)
    predictions = predictor.predict_split(drawn_dataset, "test")
    assert found.clean.value == (predictions.answers == predictions.labels).mean()


def test_it_says_how_long_it_will_take(small_bundle: Path, drawn_dataset: Dataset) -> None:
    heard = _Heard()
    spoil(Predictor(small_bundle), drawn_dataset, "test", photos=2, progress=heard)
    assert len(heard.notes) == 1
    assert heard.notes[0].startswith("robustness: 2 photos, 41 answers each, about ")


def test_photos_are_drawn_evenly_over_the_classes(drawn_dataset: Dataset) -> None:
    samples = drawn_dataset.samples("test")
    drawn = draw(samples, 9, seed=0)
    counts = [sum(each.class_name == name for each in drawn) for name in drawn_dataset.classes]
    assert counts == [3, 3, 3]


def test_the_order_of_the_split_changes_no_draw(drawn_dataset: Dataset) -> None:
    samples = drawn_dataset.samples("test")
    assert draw(samples[::-1], 7, seed=0) == draw(samples, 7, seed=0)
    assert draw(samples, 7, seed=1) != draw(samples, 7, seed=0)


def test_a_small_split_is_taken_whole(drawn_dataset: Dataset) -> None:
    samples = drawn_dataset.samples("test")
    assert sorted(each.filename for each in draw(samples, 10_000, seed=0)) == sorted(
        each.filename for each in samples
    )


def test_one_photo_is_refused(small_bundle: Path, drawn_dataset: Dataset) -> None:
    with pytest.raises(UsageError) as caught:
        spoil(Predictor(small_bundle), drawn_dataset, "test", photos=1)
    assert str(caught.value) == "`photos` must be 2 or more, got 1."
