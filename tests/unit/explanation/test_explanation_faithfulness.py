"""A map of what the model answers by beats maps that know nothing, and no other does."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from lineament.artifacts.findings.faithfulness import Against
from lineament.core.errors import UsageError
from lineament.core.executor import LocalExecutor
from lineament.explanation.faithfulness import faithfulness, in_words
from lineament.explanation.maps import MapMaker
from lineament.measure.intervals import Interval
from lineament.runtime.predictor import Predictor

Corner = Callable[..., Predictor]
Quarter = Callable[[int, int], MapMaker]
Photos = Sequence[tuple[Path, int]]


def test_map_of_what_the_model_looks_at_beats_both_baselines(
    corner: Corner, quarter: Quarter, lit_photos: Photos
) -> None:
    (found,) = faithfulness(corner(), [quarter(0, 0)], lit_photos).methods

    assert [each.baseline for each in found.against] == ["a blob in the middle", "smooth noise"]
    assert all(each.beats for each in found.against)
    assert found.sentence == (
        "A quarter marks what the model answers by: by insertion and by deletion it beats a blob "
        "in the middle and smooth noise on 12 photos."
    )


def test_map_of_everything_else_is_told_worse(
    corner: Corner, elsewhere: MapMaker, lit_photos: Photos
) -> None:
    (found,) = faithfulness(corner(), [elsewhere], lit_photos).methods

    assert all(each.insertion.high < 0 and each.deletion.high < 0 for each in found.against)
    assert found.sentence == (
        "Elsewhere does not beat every map that knows nothing, on 12 photos: it is worse than a "
        "blob in the middle and smooth noise. Take what it marks with care."
    )


def test_map_that_says_nothing_is_measured_as_noise(
    corner: Corner, flat: MapMaker, lit_photos: Photos
) -> None:
    found = faithfulness(corner(), [flat], lit_photos)

    (nothing,), (_, noise) = found.methods, found.baselines
    assert nothing.insertion_curve == noise.insertion_curve
    assert nothing.deletion_curve == noise.deletion_curve
    assert not any(each.beats for each in nothing.against)


def test_curves_begin_and_end_with_the_same_photos_for_every_map(
    corner: Corner, quarter: Quarter, lit_photos: Photos
) -> None:
    found = faithfulness(corner(), [quarter(0, 0)], lit_photos, steps=4)

    every = (*found.methods, *found.baselines)
    assert list(found.fractions) == [0, 0.25, 0.5, 0.75, 1]
    assert len({each.insertion_curve[0] for each in every}) == 1
    assert len({each.insertion_curve[-1] for each in every}) == 1
    assert {each.deletion_curve[0] for each in every} == {every[0].insertion_curve[-1]}
    assert len({each.deletion_curve[-1] for each in every}) == 1


def test_right_quarter_is_whole_after_a_quarter_of_the_way(
    corner: Corner, quarter: Quarter, lit_photos: Photos
) -> None:
    (found,) = faithfulness(corner(), [quarter(0, 0)], lit_photos, steps=2).methods

    assert found.insertion_curve[1] == pytest.approx(found.insertion_curve[2], abs=0.01)
    assert found.deletion_curve[1] == pytest.approx(found.deletion_curve[2], abs=0.01)


def test_same_photos_and_seed_give_the_same_figures(
    corner: Corner, flat: MapMaker, lit_photos: Photos
) -> None:
    one, other = (faithfulness(corner(), [flat], lit_photos, seed=7) for _ in range(2))

    assert [each.insertion for each in one.methods] == [each.insertion for each in other.methods]


def test_order_of_the_photos_and_number_of_workers_change_no_figure(
    corner: Corner, flat: MapMaker, lit_photos: Photos
) -> None:
    alone = corner()
    alone.executor = LocalExecutor(workers=1)

    one = faithfulness(corner(), [flat], lit_photos)
    other = faithfulness(alone, [flat], lit_photos[::-1])

    for first, second in zip(one.methods, other.methods, strict=True):
        assert second.insertion_curve == pytest.approx(first.insertion_curve, abs=1e-12)
        assert second.deletion_curve == pytest.approx(first.deletion_curve, abs=1e-12)


def test_groups_are_kept_together(corner: Corner, quarter: Quarter, lit_photos: Photos) -> None:
    units = [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]

    (found,) = faithfulness(corner(), [quarter(0, 0)], lit_photos, units=units).methods

    assert (found.insertion.method, found.insertion.n_groups) == ("group-student", 4)


def test_one_group_says_nothing_about_the_next(
    corner: Corner, quarter: Quarter, lit_photos: Photos
) -> None:
    (found,) = faithfulness(corner(), [quarter(0, 0)], lit_photos, units=[5] * 12).methods

    assert (found.insertion.low, found.insertion.high) == (0, 1)
    assert (found.insertion.method, found.insertion.n_groups) == ("one group", 1)
    assert not any(each.beats for each in found.against)


def test_one_photo_tells_nothing_apart(
    corner: Corner, quarter: Quarter, lit_photos: Photos
) -> None:
    (found,) = faithfulness(corner(), [quarter(0, 0)], lit_photos[:1]).methods

    assert (found.against[0].insertion.low, found.against[0].insertion.high) == (-1, 1)
    assert found.sentence == (
        "A quarter does not beat every map that knows nothing, on 1 photo: against a blob in the "
        "middle it is not told apart by insertion and not told apart by deletion; against smooth "
        "noise it is not told apart by insertion and not told apart by deletion. Take what it "
        "marks with care."
    )


@pytest.mark.parametrize("fit", ["crop", "letterbox"])
def test_what_the_model_does_not_see_is_never_changed(
    corner: Corner, quarter: Quarter, lit_photos: Photos, fit: str
) -> None:
    (found,) = faithfulness(corner(fit=fit, crop_fraction=0.8), [quarter(0, 0)], lit_photos).methods

    assert all(each.beats for each in found.against)


def test_no_photo_is_refused(corner: Corner, flat: MapMaker) -> None:
    with pytest.raises(UsageError) as caught:
        faithfulness(corner(), [flat], [])

    assert str(caught.value) == (
        "Faithfulness needs a photo, a method and a step, got 0, 1 and 16.\n"
        "  fix: Give one of each, or more."
    )


def against(
    baseline: str, insertion: tuple[float, float], deletion: tuple[float, float]
) -> Against:
    first, second = (
        Interval(value=(low + high) / 2, low=low, high=high, method="student", n=9)
        for low, high in (insertion, deletion)
    )
    return Against(
        baseline=baseline,
        insertion=first,
        deletion=second,
        beats=first.low > 0 and second.low > 0,
    )


def test_half_a_victory_is_said_as_that() -> None:
    told = in_words(
        "CAM", [against("noise", (0.1, 0.2), (0.1, 0.2)), against("a blob", (0.1, 0.2), (-1, 1))], 9
    )

    assert told == (
        "CAM does not beat every map that knows nothing, on 9 photos: it beats noise; against a "
        "blob it is better by insertion and not told apart by deletion. Take what it marks with "
        "care."
    )


def test_better_by_one_and_worse_by_the_other_is_said_as_that() -> None:
    told = in_words("CAM", [against("a blob", (-0.2, -0.1), (0.1, 0.2))], 9)

    assert told == (
        "CAM does not beat every map that knows nothing, on 9 photos: against a blob it is worse "
        "by insertion and better by deletion. Take what it marks with care."
    )
