"""How much of maps lies inside given regions, against what their area would have."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lineament.core.errors import DataError
from lineament.explanation.localising import in_words, localisation
from lineament.explanation.maps import MapMaker
from lineament.explanation.regions import Region
from lineament.measure.intervals import Interval
from lineament.runtime.predictor import Predictor

Corner = Callable[..., Predictor]
Quarter = Callable[[int, int], MapMaker]
Photos = Sequence[tuple[Path, int]]

UPPER_LEFT = Region(right=0.5, bottom=0.5)


def test_map_of_the_region_lies_inside_it(
    corner: Corner, quarter: Quarter, lit_photos: Photos
) -> None:
    found = localisation(
        corner(), [quarter(0, 0)], lit_photos, [UPPER_LEFT] * 12, region="boxes.csv"
    )

    (method,) = found.methods
    assert (found.photos, found.area.value) == (12, 0.25)
    assert method.hits.value == 1
    assert method.energy.value > 0.9  # what a smooth edge lets over
    assert method.surplus.value == pytest.approx(method.energy.value - 0.25)
    assert method.sentence == (
        "A quarter: 95% of a map lies inside the regions of boxes.csv, which are 25% of the area: "
        "more than by chance (+70 to +70 points, 12 photos)."
    )


def test_map_of_elsewhere_lies_outside(
    corner: Corner, quarter: Quarter, lit_photos: Photos
) -> None:
    (method,) = localisation(
        corner(), [quarter(1, 1)], lit_photos, [UPPER_LEFT] * 12, region="boxes.csv"
    ).methods

    assert method.hits.value == 0
    assert method.surplus.high < 0


def test_flat_map_is_worth_the_area(corner: Corner, flat: MapMaker, lit_photos: Photos) -> None:
    (method,) = localisation(
        corner(), [flat], lit_photos, [UPPER_LEFT] * 12, region="boxes.csv"
    ).methods

    assert (method.hits.value, method.energy.value, method.surplus.value) == (0.25, 0.25, 0)


def test_what_the_model_does_not_see_of_a_region_does_not_count(
    corner: Corner, flat: MapMaker, lit_photos: Photos
) -> None:
    edge = Region(right=0.1)  # of which the middle half shows nothing

    with pytest.raises(DataError) as caught:
        localisation(corner(crop_fraction=0.5), [flat], lit_photos, [edge] * 12, region="boxes.csv")

    assert str(caught.value) == (
        "boxes.csv has no region that the model sees in 12 photos.\n"
        "  fix: Name regions of the photos of this split."
    )


def test_photos_without_a_seen_region_are_left_out_with_their_groups(
    corner: Corner, flat: MapMaker, lit_photos: Photos
) -> None:
    regions = [Region(right=0.1)] * 4 + [UPPER_LEFT] * 8

    found = localisation(
        corner(crop_fraction=0.5),
        [flat],
        lit_photos,
        regions,
        region="boxes.csv",
        units=[0] * 4 + [1, 1, 2, 2] * 2,
    )

    assert (found.photos, found.area.n_groups) == (8, 2)


def test_area_is_the_part_of_what_the_model_sees(
    corner: Corner, flat: MapMaker, lit_photos: Photos
) -> None:
    region = Region(left=0.1, top=0.1, right=0.5, bottom=0.5)  # the crop begins at a quarter

    found = localisation(
        corner(crop_fraction=0.5), [flat], lit_photos, [region] * 12, region="boxes.csv"
    )

    assert found.area.value == 0.25
    assert found.methods[0].energy.value == 0.25


def test_each_method_has_figures_of_its_own(
    corner: Corner, quarter: Quarter, flat: MapMaker, lit_photos: Photos
) -> None:
    found = localisation(
        corner(), [flat, quarter(0, 0)], lit_photos, [UPPER_LEFT] * 12, region="boxes.csv"
    )

    assert [each.title for each in found.methods] == ["nothing", "a quarter"]
    assert [each.hits.value for each in found.methods] == [0.25, 1]


def test_groups_and_level_are_those_of_every_interval(
    corner: Corner, flat: MapMaker, lit_photos: Photos
) -> None:
    regions = [Region(right=right) for right in (0.2, 0.3, 0.5, 0.8) for _ in range(3)]
    alone, grouped = (
        localisation(
            corner(), [flat], lit_photos, regions, region="boxes.csv", units=units, level=0.8
        )
        for units in (None, [number // 3 for number in range(12)])
    )

    for one, other in [
        (alone.area, grouped.area),
        (alone.methods[0].hits, grouped.methods[0].hits),
        (alone.methods[0].energy, grouped.methods[0].energy),
    ]:
        assert (one.level, other.level, other.n_groups) == (0.8, 0.8, 4)
        assert other.high - other.low > one.high - one.low
    assert (grouped.methods[0].surplus.level, grouped.methods[0].surplus.n_groups) == (0.8, 4)


def test_one_group_says_nothing_about_the_next(
    corner: Corner, quarter: Quarter, lit_photos: Photos
) -> None:
    found = localisation(
        corner(),
        [quarter(0, 0)],
        lit_photos,
        [UPPER_LEFT] * 12,
        region="boxes.csv",
        units=["anna"] * 12,
    )

    assert (found.area.low, found.area.high, found.area.n_groups) == (0, 1, 1)
    assert (found.methods[0].surplus.low, found.methods[0].surplus.high) == (-1, 1)


def test_one_map_is_made_at_a_time(corner: Corner, lit_photos: Photos) -> None:
    meeting = threading.Barrier(2)

    class Meets:
        title = "meets"

        def __call__(self, image: NDArray[np.uint8], class_index: int) -> NDArray[np.float32]:
            try:
                meeting.wait(timeout=0.1)  # the first to wait in vain breaks it for all
            except threading.BrokenBarrierError:
                return np.zeros((2, 2), dtype=np.float32)
            raise AssertionError("two maps were made at once")

    localisation(corner(), [Meets()], lit_photos[:4], [UPPER_LEFT] * 4, region="boxes.csv")

    assert meeting.broken


def test_photo_that_is_gone_is_named(corner: Corner, flat: MapMaker, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")

    with pytest.raises(DataError) as caught:
        localisation(corner(), [flat], [(tmp_path / "a.png", 1)], [UPPER_LEFT], region="boxes.csv")

    assert str(caught.value) == (
        f"{tmp_path / 'a.png'} cannot be read: empty file.\n"
        "  fix: The photo was there when the dataset was prepared; prepare the dataset again."
    )


def test_one_photo_says_nothing_about_the_next(
    corner: Corner, flat: MapMaker, lit_photos: Photos
) -> None:
    (method,) = localisation(
        corner(), [flat], lit_photos[:1], [UPPER_LEFT], region="boxes.csv"
    ).methods

    assert (method.surplus.low, method.surplus.high) == (-1, 1)
    assert method.sentence.endswith("can be told (-100 to +100 points, 1 photo).")


def told(low: float, high: float) -> str:
    inside = Interval(value=0.5, low=0.4, high=0.6, method="student", n=9)
    surplus = Interval(value=0.2, low=low, high=high, method="student", n=9)
    return in_words("CAM", inside, surplus, "faces.csv")


@pytest.mark.parametrize(
    ("limits", "verdict"),
    [
        ((0.1, 0.3), "more than by chance (+10 to +30 points, 9 photos)."),
        ((-0.3, -0.1), "less than by chance (-30 to -10 points, 9 photos)."),
        ((-0.1, 0.3), "no more than by chance can be told (-10 to +30 points, 9 photos)."),
    ],
)
def test_sentence_says_what_chance_would_reach(limits: tuple[float, float], verdict: str) -> None:
    assert told(*limits) == (
        "CAM: 50% of a map lies inside the regions of faces.csv, which are 30% of the area: "
        + verdict
    )
