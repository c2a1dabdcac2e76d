"""The accuracy without the middle, and with the middle alone, and what that is called."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lineament.core.errors import DataError, UsageError
from lineament.core.executor import LocalExecutor
from lineament.explanation.hiding import hiding, in_words
from lineament.imaging.preprocess import Preprocessing
from lineament.measure.intervals import wilson
from lineament.runtime.predictor import Predictor

DARK, LIT = 0, 1


class PlacePredictor:
    """Answers ``lit`` where a chosen part of the photo is bright."""

    def __init__(self, part: slice) -> None:
        self.part = part
        self.preprocessing = Preprocessing(
            size_px=20, fit="squash", interpolation="bilinear", mean=(0.5,) * 3, std=(0.5,) * 3
        )
        self.executor = LocalExecutor(workers=2)

    def predict_image(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        lit = float(image[self.part, self.part].mean()) > 60
        return np.array([not lit, lit], dtype=np.float32)


def model(part: slice) -> Predictor:
    return cast(Predictor, PlacePredictor(part))


@pytest.fixture
def photos(tmp_path: Path) -> Sequence[tuple[Path, int]]:
    """Forty photos: the lit ones are bright in the middle and at the corner, on a dark ground."""
    made = []
    for number in range(40):
        image = np.zeros((20, 20, 3), dtype=np.uint8)
        kind = number % 2
        if kind == LIT:
            image[8:12, 8:12] = 255
            image[:2, :2] = 255
        path = tmp_path / f"{number:02d}.png"
        Image.fromarray(image).save(path)
        made.append((path, kind))
    return made


def test_model_that_looks_at_the_middle_is_no_alarm(photos: Sequence[tuple[Path, int]]) -> None:
    found = hiding(model(slice(8, 12)), photos)

    assert (found.whole.value, found.centre_hidden.value, found.background_hidden.value) == (
        1,
        0.5,
        1,
    )
    assert found.chance == 0.5
    assert not found.is_alarm


def test_model_that_looks_at_the_corner_is_an_alarm(photos: Sequence[tuple[Path, int]]) -> None:
    found = hiding(model(slice(0, 2)), photos)

    assert (found.whole.value, found.centre_hidden.value, found.background_hidden.value) == (
        1,
        1,
        0.5,
    )
    assert found.is_alarm
    assert found.sentences[1].startswith("Alarm: without the middle")


def test_model_at_chance_is_no_alarm_whatever_it_answers_without_the_middle(
    photos: Sequence[tuple[Path, int]],
) -> None:
    class Misled(PlacePredictor):
        """Goes by the corner, unless something bright in the middle misleads it."""

        def predict_image(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
            return super().predict_image(np.where(image[8:12, 8:12].min() > 200, 0, image))

    corner = np.asarray(Image.open(photos[1][0])).copy()
    corner[8:12, 8:12] = 0
    Image.fromarray(corner).save(photos[1][0])  # the one lit photo that it is right about

    found = hiding(cast(Predictor, Misled(slice(0, 2))), photos)

    assert (found.whole.value, found.centre_hidden.value, found.chance) == (0.525, 1, 0.5)
    assert not found.is_alarm
    assert found.sentences[1].startswith("On whole photos the model is not told from chance")


def test_groups_are_kept_together(photos: Sequence[tuple[Path, int]]) -> None:
    found = hiding(model(slice(0, 2)), photos, units=[number // 4 for number in range(40)])

    assert (found.background_hidden.method, found.background_hidden.n_groups) == (
        "group-wilson",
        10,
    )


def test_one_group_is_one_trial(photos: Sequence[tuple[Path, int]]) -> None:
    found = hiding(model(slice(0, 2)), photos, units=["anna"] * 40)

    assert (found.whole.method, found.whole.n_groups) == ("group-wilson (one group)", 1)
    assert not found.is_alarm


def test_level_is_that_of_every_interval(photos: Sequence[tuple[Path, int]]) -> None:
    found = hiding(model(slice(0, 2)), photos, level=0.8)

    assert {each.level for each in (found.whole, found.centre_hidden, found.background_hidden)} == {
        0.8
    }


def test_chance_is_the_share_of_the_most_frequent_class(
    photos: Sequence[tuple[Path, int]],
) -> None:
    found = hiding(model(slice(0, 2)), [*photos[::2], *photos[1:20:2]])

    assert found.chance == 20 / 30


def test_middle_has_the_proportions_of_the_photo_and_the_paint_its_mean_colour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = np.zeros((20, 40, 3), dtype=np.uint8)
    image[::2], image[1::2] = (200, 100, 0), (100, 100, 200)
    Image.fromarray(image).save(tmp_path / "wide.png")
    predictor, asked = model(slice(0, 2)), []

    def recorded(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        asked.append(image)
        return np.array([0, 1], dtype=np.float32)

    monkeypatch.setattr(predictor, "predict_image", recorded)
    found = hiding(predictor, [(tmp_path / "wide.png", LIT)], centre_fraction=0.5)

    whole, without, alone = asked
    middle = np.zeros((20, 40, 1), dtype=bool)
    middle[5:15, 10:30] = True
    assert found.centre_fraction == 0.5
    assert "(50% of each side)" in found.sentences[0]
    assert np.array_equal(whole, image)
    assert np.array_equal(without, np.where(middle, (150, 100, 100), image))
    assert np.array_equal(alone, np.where(middle, image, (150, 100, 100)))


def test_photo_that_is_gone_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")

    with pytest.raises(DataError) as caught:
        hiding(model(slice(0, 2)), [(tmp_path / "a.png", LIT)])

    assert str(caught.value) == (
        f"{tmp_path / 'a.png'} cannot be read: empty file.\n"
        "  fix: The photo was there when the dataset was prepared; prepare the dataset again."
    )


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (47, 3)])
def test_photos_of_any_shape_have_a_middle(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "odd.png"
    Image.fromarray(np.full((*size, 3), 200, dtype=np.uint8)).save(path)

    assert hiding(model(slice(0, None)), [(path, LIT)]).whole.value == 1


@pytest.mark.parametrize(("n", "fraction"), [(0, 0.5), (2, 0.0), (2, 1.0)])
def test_no_photo_and_no_middle_are_refused(
    photos: Sequence[tuple[Path, int]], n: int, fraction: float
) -> None:
    with pytest.raises(UsageError) as caught:
        hiding(model(slice(0, 2)), photos[:n], centre_fraction=fraction)

    assert str(caught.value) == (
        f"Hiding needs a photo or more and a middle above 0 and below 1, got {n} and {fraction}."
    )


def told(whole: int, no_centre: int, no_background: int, *, n: int, chance: float = 0.5) -> str:
    whole_photos, without, alone = (wilson(right, n) for right in (whole, no_centre, no_background))
    return in_words(whole_photos, without, alone, chance, 0.6)[1]


def test_words_begin_with_the_figures() -> None:
    first = in_words(wilson(1, 1), wilson(0, 1), wilson(1, 1), 1.0, 0.6)[0]

    assert first == (
        "On 1 photo 100.0 % (20.7 to 100.0) are answered rightly; with the middle hidden (60% of "
        "each side) 0.0 % (0.0 to 79.3), with all but the middle hidden 100.0 % (20.7 to 100.0). "
        "Always answering the most frequent class reaches 100.0 %."
    )


def test_model_at_chance_is_told_nothing_about() -> None:
    assert told(52, 50, 50, n=100) == (
        "On whole photos the model is not told from chance, so hiding says nothing."
    )


def test_surroundings_that_carry_the_answer_are_an_alarm() -> None:
    assert told(98, 95, 60, n=100) == (
        "Alarm: without the middle the model keeps more than half of what it can do. If what the "
        "photos show stands in the middle, the model answers by the surroundings: look at the "
        "maps, and for a background, a frame or a watermark that goes with the class."
    )


def test_alarm_of_what_may_fill_the_photo_says_so() -> None:
    assert told(98, 95, 95, n=100).endswith(
        "goes with the class. The middle alone is enough as well: what the photos show may fill "
        "them."
    )


def test_middle_that_carries_the_answer_is_none() -> None:
    assert told(98, 55, 95, n=100) == (
        "Without the middle the model loses more than half of what it can do: it does not answer "
        "by the surroundings alone."
    )


@pytest.mark.parametrize(("kept", "verdict"), [(83, "Alarm"), (82, "Whether"), (60, "Without")])
def test_alarm_needs_more_than_half_of_the_way_with_the_whole_interval(
    kept: int, verdict: str
) -> None:
    # Half of the way from 0.5 to 0.98 is 0.74; the intervals begin at 0.745 and 0.733, and the last
    # ends at 0.69.
    assert told(98, kept, 60, n=100).startswith(verdict)


def test_too_few_photos_are_said_to_be_that() -> None:
    assert told(10, 8, 9, n=10) == (
        "Whether the model keeps more than half of what it can do without the middle cannot be "
        "told from these photos."
    )
