"""A map of what the model answers by beats maps that know nothing, and no other does."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lineament.artifacts.findings.faithfulness import Against
from lineament.core.errors import DataError, UsageError
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
def test_map_is_laid_over_what_the_model_sees(
    corner: Corner, quarter: Quarter, lit_photos: Photos, fit: str
) -> None:
    (found,) = faithfulness(corner(fit=fit, crop_fraction=0.8), [quarter(0, 0)], lit_photos).methods

    assert all(each.beats for each in found.against)


@pytest.fixture
def asked_about(
    corner: Corner, flat: MapMaker, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., list[NDArray[np.uint8]]]:
    """Give ``asked_about(path, fit="squash")``: what the model is asked, the four ends first."""

    def ask(path: Path, fit: str = "squash") -> list[NDArray[np.uint8]]:
        asked: list[NDArray[np.uint8]] = []
        predictor = corner(fit=fit)
        answer = predictor.predict_image

        def recorded(image: NDArray[np.uint8]) -> NDArray[np.float32]:
            asked.append(image.copy())
            return answer(image)

        monkeypatch.setattr(predictor, "predict_image", recorded)
        faithfulness(predictor, [flat], [(path, 1)], steps=3)
        return asked

    return ask


def test_photo_comes_out_of_its_blur_and_goes_into_its_mean_colour(
    asked_about: Callable[..., list[NDArray[np.uint8]]], tmp_path: Path
) -> None:
    rows, columns = np.indices((30, 30))
    image = np.where((rows + columns) % 2, 110, 90).astype(np.uint8)
    Image.fromarray(image).save(tmp_path / "checked.png")

    blurred, whole, again, plain = asked_about(tmp_path / "checked.png")[:4]

    assert np.array_equal(whole[..., 0], image)
    assert np.array_equal(again, whole)
    assert (plain == 100).all()
    assert np.ptp(blurred) < 10  # less than half of the pattern, and that at the edges alone


def test_what_the_model_does_not_see_is_never_changed(
    asked_about: Callable[..., list[NDArray[np.uint8]]], tmp_path: Path
) -> None:
    image = np.random.default_rng(0).integers(0, 255, (24, 72, 3), dtype=np.uint8)
    Image.fromarray(image).save(tmp_path / "wide.png")

    blurred, whole, _, _, *steps = asked_about(tmp_path / "wide.png", fit="crop")

    beyond = np.s_[:, [*range(24), *range(48, 72)]]  # a crop sees the square in the middle
    starts = [blurred, blurred, whole, whole] * 3  # of the method and of both baselines
    for step, start in zip(steps, starts, strict=True):
        assert np.array_equal(step[beyond], start[beyond])
        assert not np.array_equal(step, start)


def test_photos_that_stand_and_fall_together_leave_more_open(
    corner: Corner, quarter: Quarter, tmp_path: Path
) -> None:
    photos = []
    for number in range(12):
        image = np.full((20, 20), 10, dtype=np.uint8)
        image[:10, :10] = (60, 62, 64, 200, 202, 204)[number // 2]
        Image.fromarray(image).save(tmp_path / f"{number:02d}.png")
        photos.append((tmp_path / f"{number:02d}.png", 1))

    (alone,), (grouped,) = (
        faithfulness(corner(), [quarter(0, 0)], photos, units=units).methods
        for units in (None, [number // 6 for number in range(12)])
    )

    for one, other in [
        (alone.insertion, grouped.insertion),
        (alone.deletion, grouped.deletion),
        (alone.against[0].insertion, grouped.against[0].insertion),
        (alone.against[1].deletion, grouped.against[1].deletion),
    ]:
        assert other.value == one.value
        assert other.low < one.low
        assert other.high > one.high


def test_level_is_that_of_every_interval(
    corner: Corner, quarter: Quarter, lit_photos: Photos
) -> None:
    found = faithfulness(corner(), [quarter(0, 0)], lit_photos, level=0.8)

    areas = (*found.methods, *found.baselines)
    against = found.methods[0].against
    intervals = [
        *(interval for each in areas for interval in (each.insertion, each.deletion)),
        *(interval for each in against for interval in (each.insertion, each.deletion)),
    ]
    assert [interval.level for interval in intervals] == [0.8] * 10


@pytest.mark.parametrize(
    ("corner_colours", "unlike", "sooner"),
    [
        ((90, 110), 100, "insertion"),  # blurred it is 100, and the photo's mean 160 is not
        ((20, 20), 140, "deletion"),  # blurred it stays 20, and the photo's mean is 140
    ],
)
def test_map_must_beat_a_baseline_by_both_measures(
    corner: Corner,
    quarter: Quarter,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    corner_colours: tuple[int, int],
    unlike: int,
    sooner: str,
) -> None:
    rows, columns = np.indices((32, 32))
    image = np.where((rows + columns) % 2, *corner_colours)
    image[16:], image[:, 16:] = 180, 180
    photos = []
    for number in range(12):
        image[31, 31] = number  # so that each photo has noise of its own
        Image.fromarray(image.astype(np.uint8)).save(tmp_path / f"{number}.png")
        photos.append((tmp_path / f"{number}.png", 1))

    def answer(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        part = float((np.abs(image[:8, :8].astype(int) - unlike) > 5).mean())
        return np.array([1 - part, part], dtype=np.float32)

    predictor = corner()
    monkeypatch.setattr(predictor, "predict_image", answer)

    (found,) = faithfulness(predictor, [quarter(0, 0)], photos).methods

    for each in found.against:
        assert (each.insertion.low > 0, each.deletion.low > 0) == (
            sooner == "insertion",
            sooner == "deletion",
        )
        assert not each.beats


def test_seconds_are_those_of_methods_and_not_of_baselines(
    corner: Corner, flat: MapMaker, lit_photos: Photos
) -> None:
    found = faithfulness(corner(), [flat], lit_photos[:2])

    assert [each.seconds is None for each in (*found.methods, *found.baselines)] == [
        False,
        True,
        True,
    ]


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

    faithfulness(corner(), [Meets()], lit_photos[:4])

    assert meeting.broken


def test_photo_that_is_gone_is_named(corner: Corner, flat: MapMaker, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")

    with pytest.raises(DataError) as caught:
        faithfulness(corner(), [flat], [(tmp_path / "a.png", 1)])

    assert str(caught.value) == (
        f"{tmp_path / 'a.png'} cannot be read: empty file.\n"
        "  fix: The photo was there when the dataset was prepared; prepare the dataset again."
    )


@pytest.mark.parametrize(("n", "methods", "steps"), [(0, 1, 16), (2, 0, 16), (2, 1, 0)])
def test_no_photo_no_method_and_no_step_are_refused(
    corner: Corner, flat: MapMaker, lit_photos: Photos, n: int, methods: int, steps: int
) -> None:
    with pytest.raises(UsageError) as caught:
        faithfulness(corner(), [flat] * methods, lit_photos[:n], steps=steps)

    assert str(caught.value) == (
        f"Faithfulness needs a photo, a method and a step, got {n}, {methods} and {steps}.\n"
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


@pytest.mark.parametrize(("insertion", "deletion"), [((0.1, 0.2), (-1, 1)), ((-1, 1), (0.1, 0.2))])
def test_better_by_one_measure_alone_is_no_victory(
    insertion: tuple[float, float], deletion: tuple[float, float]
) -> None:
    told = in_words("CAM", [against("noise", insertion, deletion)], 1_200)

    assert told.startswith("CAM does not beat every map that knows nothing, on 1,200 photos: ")


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
