"""Parts of the photos against the others, in figures and in words."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from lineament.artifacts.findings.slices import Slice, Slices
from lineament.artifacts.predictions import Predictions
from lineament.core.errors import DataError, UsageError
from lineament.evaluation.slices import slices

CLASSES = ("cat", "dog")


def _predictions(
    labels: Sequence[int], right: Sequence[bool], classes: tuple[str, ...] = CLASSES
) -> Predictions:
    truth = np.array(labels, dtype=np.int64)
    answers = np.where(right, truth, (truth + 1) % len(classes))
    probabilities = np.full((len(truth), len(classes)), 0.1 / (len(classes) - 1), np.float32)
    probabilities[np.arange(len(truth)), answers] = 0.9
    return Predictions(
        samples=tuple(f"{each}.jpg" for each in range(len(truth))),
        classes=classes,
        probabilities=probabilities,
        logits=np.log(probabilities),
        labels=truth,
        groups=("",) * len(truth),
    )


def _blocks(*blocks: tuple[str, int, int, int]) -> tuple[Predictions, list[str]]:
    """Photos of (value, class, right, photos), one block after the other."""
    values = [value for value, _, _, n in blocks for _ in range(n)]
    labels = [label for _, label, _, n in blocks for _ in range(n)]
    right = [each < good for _, _, good, n in blocks for each in range(n)]
    return _predictions(labels, right), values


def _of(found: tuple[Slice, ...], value: str) -> Slice:
    return next(each for each in found if each.value == value)


def test_a_slice_is_compared_with_the_others() -> None:
    predictions, light = _blocks(
        *(("dark", 0, 30, 50), ("dark", 1, 35, 50)),
        *(("bright", 0, 90, 100), ("bright", 1, 92, 100)),
    )
    found = slices(predictions, {"light": light}, units=None)
    dark = _of(found.slices, "dark")
    assert (dark.photos, dark.groups) == (100, None)
    assert dark.accuracy.value == pytest.approx(0.65)
    assert dark.difference.value == pytest.approx(0.65 - 0.91)
    assert dark.difference.high < 0
    assert dark.within_classes is not None
    assert dark.within_classes.value == pytest.approx(0.65 - 0.91)
    assert dark.p_value < 1e-5


def test_a_slice_that_is_weak_in_every_class_is_no_matter_of_classes() -> None:
    predictions, light = _blocks(
        *(("dark", 0, 30, 50), ("dark", 1, 35, 50)),
        *(("bright", 0, 90, 100), ("bright", 1, 92, 100)),
    )
    assert slices(predictions, {"light": light}, units=None).sentences == (
        "Light, dark: 65 % (55 to 74), 26 points (16 to 36) below the others, p < 0.001 after "
        "correction for 2 slices. Within classes as well: 26 points (16 to 36), so it is not a "
        "matter of classes.",
    )


def test_a_slice_of_hard_classes_is_called_that() -> None:
    predictions, light = _blocks(
        *(("dark", 0, 48, 80), ("dark", 1, 19, 20)),
        *(("bright", 0, 12, 20), ("bright", 1, 171, 180)),
    )
    assert slices(predictions, {"light": light}, units=None).sentences == (
        "Light, dark: 67 % (57 to 75), 24 points (15 to 35) below the others, p < 0.001 after "
        "correction for 2 slices. It is mostly a matter of classes: cat, where 60 % are right, "
        "makes 80 % of it and 10 % of the others; within classes it is 0 points (−13 to 14).",
    )


def test_a_slice_that_is_both_is_called_both() -> None:
    predictions, light = _blocks(
        *(("dark", 0, 360, 800), ("dark", 1, 188, 200)),
        *(("bright", 0, 120, 200), ("bright", 1, 784, 800)),
    )
    assert slices(predictions, {"light": light}, units=None).sentences == (
        "Light, dark: 54.8 % (51.7 to 57.9), 35.6 points (32.0 to 39.1) below the others, "
        "p < 0.001 after correction for 2 slices. Within classes it is 9.5 points (4.7 to 14.2): "
        "in part it is its classes (cat, where 48 % are right, makes 80 % of it and 20 % of the "
        "others), in part the slice itself.",
    )


def test_a_slice_whose_classes_are_only_in_it_cannot_be_explained() -> None:
    predictions, kind = _blocks(("wild", 0, 20, 50), ("tame", 1, 48, 50))
    predictions = _predictions([*predictions.labels, 0, 1], [*_right(predictions), True, True])
    kind = [*kind, "", ""]  # so that the column does not say the same as the class
    assert slices(predictions, {"kind": kind}, units=None).sentences == (
        "Kind, wild: 40 % (28 to 54), 56 points (39 to 69) below the others, p < 0.001 after "
        "correction for 2 slices. None of its classes has photos among the others, so whether it "
        "is the slice or its classes cannot be told.",
    )


def _right(predictions: Predictions) -> list[bool]:
    found: list[bool] = (predictions.answers == predictions.labels).tolist()
    return found


def test_where_nothing_stands_out_it_is_said_what_could_have_hidden() -> None:
    predictions, light = _blocks(("dark", 0, 85, 100), ("bright", 0, 88, 100))
    assert slices(predictions, {"light": light}, units=None).sentences == (
        "None of the 2 slices differs from the others by more than chance explains (smallest "
        "p = 1.00 after correction). That rules out large differences alone: a slice of the usual "
        "size would be noticed in four of five draws of photos only if it were 15 points or more "
        "worse.",
    )


def test_p_values_are_corrected_over_all_columns() -> None:
    predictions, light = _blocks(("dark", 0, 75, 100), ("bright", 0, 90, 100))
    random = np.random.default_rng(0)
    others = {f"chance {each}": random.permutation(["a", "b"] * 100).tolist() for each in range(10)}
    alone = slices(predictions, {"light": light}, units=None).slices
    among = slices(predictions, {"light": light, **others}, units=None).slices
    assert len(among) == 22
    dark = _of(alone, "dark").p_value
    assert _of(among, "dark").p_value == pytest.approx(dark / 2 * 22)


def test_weakest_slices_come_first() -> None:
    predictions, light = _blocks(("dark", 0, 20, 40), ("grey", 0, 25, 40), ("bright", 0, 39, 40))
    found = slices(predictions, {"light": light}, units=None)
    assert [each.value for each in found.slices] == ["dark", "grey", "bright"]


def test_a_strong_slice_is_told_where_no_weak_one_is() -> None:
    blocks = [(each, 0, 26, 40) for each in "abcdefgh"]
    predictions, camera = _blocks(*blocks, ("new", 0, 40, 40))
    assert slices(predictions, {"camera": camera}, units=None).sentences == (
        "No slice is weaker than chance explains, but at least one is stronger: camera, new: "
        "100.0 % (91.2 to 100.0), 35 points (25 to 40) above the others, p < 0.001 after "
        "correction for 9 slices. All photos are of one class, so it is not a matter of classes.",
    )


def test_where_all_is_right_no_slice_differs() -> None:
    predictions, light = _blocks(("dark", 0, 20, 20), ("bright", 1, 60, 60), ("bright", 0, 9, 9))
    found = slices(predictions, {"light": light}, units=None)
    assert [each.p_value for each in found.slices] == [1, 1]
    assert found.sentences == (
        "Every photo was answered rightly, so no slice differs from another; the 20 photos of the "
        "smallest slice leave an accuracy as low as 84 % possible.",
    )


def test_where_all_is_wrong_no_slice_differs() -> None:
    predictions, light = _blocks(("dark", 0, 0, 20), ("bright", 1, 0, 60), ("bright", 0, 0, 9))
    assert slices(predictions, {"light": light}, units=None).sentences == (
        "Every photo was answered wrongly, so no slice differs from another; the 20 photos of the "
        "smallest slice leave an accuracy as high as 16 % possible.",
    )


def test_a_column_that_says_the_class_is_skipped() -> None:
    predictions, kind = _blocks(("is a cat", 0, 20, 50), ("is a dog", 1, 48, 50))
    found = slices(predictions, {"kind": kind}, units=None)
    assert (found.slices, found.skipped) == ((), ("kind: says the same as the class.",))
    assert found.sentences == (
        "No column divides these photos into parts that are large enough to compare.",
    )


def test_a_number_that_says_the_class_is_called_a_shortcut() -> None:
    predictions, _ = _blocks(("", 0, 20, 50), ("", 1, 48, 50))
    found = slices(predictions, {"size": [32.0] * 50 + [64.0] * 50}, units=None)
    assert found.skipped == ("size: says the same as the class and may have been learnt instead.",)


def test_one_photo_has_no_slices() -> None:
    found = slices(_predictions([0], [True]), {"light": [0.5]}, units=None)
    assert found.skipped == ("light: all photos have the same value.",)


def test_no_column_makes_no_slices() -> None:
    found = slices(_predictions([0, 1], [True, False]), {}, units=None)
    assert (found.slices, found.skipped) == ((), ())


def test_groups_make_intervals_wider_and_are_counted() -> None:
    predictions, light = _blocks(
        *(("dark", 0, 30, 50), ("bright", 0, 42, 50)),
    )
    alone = _of(slices(predictions, {"light": light}, units=None).slices, "dark")
    units = np.arange(100) // 10  # right answers come first, so groups are alike
    grouped = _of(slices(predictions, {"light": light}, units=units).slices, "dark")
    assert grouped.groups == 5
    assert grouped.accuracy.method == "group-wilson"
    assert _width(grouped) > 1.5 * _width(alone)
    assert grouped.p_value > alone.p_value


def _width(each: Slice) -> float:
    return each.difference.high - each.difference.low


def test_the_order_of_the_photos_changes_nothing() -> None:
    rng = np.random.default_rng(1)
    labels, right = rng.integers(0, 2, 200), rng.random(200) < 0.8
    light, camera = rng.random(200), rng.choice(["a", "b"], 200)
    units = rng.integers(0, 40, 200)
    turned = rng.permutation(200)

    def found(order: NDArray[np.int64]) -> Slices:
        return slices(
            _predictions(labels[order].tolist(), right[order].tolist()),
            {"light": light[order].tolist(), "camera": camera[order].tolist()},
            units=units[order],
        )

    first, second = found(np.arange(200)), found(turned)
    assert first.sentences == second.sentences
    for one, other in zip(first.slices, second.slices, strict=True):
        assert (one.column, one.value, one.photos) == (other.column, other.value, other.photos)
        assert _numbers(one) == pytest.approx(_numbers(other))


def _numbers(each: Slice) -> list[float]:
    intervals = (each.accuracy, each.difference, each.within_classes)
    return [
        each.p_value,
        *(limit for one in intervals if one for limit in (one.value, one.low, one.high)),
    ]


def test_chance_alone_is_rarely_noticed() -> None:
    rng = np.random.default_rng(2)
    alarms = 0
    for _ in range(200):
        predictions = _predictions([0] * 200, (rng.random(200) < 0.85).tolist())
        columns = {name: rng.random(200).tolist() for name in ("a", "b", "c")}
        found = slices(predictions, columns, units=None)
        alarms += any(each.p_value < 0.05 for each in found.slices)
    assert alarms <= 0.05 * 200 + 2 * (0.05 * 0.95 * 200) ** 0.5


def test_a_column_of_other_length_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        slices(_predictions([0, 1], [True, True]), {"light": [0.5]}, units=None)
    assert str(caught.value) == "Column `light` must have one entry per photo (2)."


def test_a_photo_without_a_class_is_refused() -> None:
    with pytest.raises(DataError) as caught:
        slices(_predictions([0, -1], [True, True]), {}, units=None)
    assert str(caught.value) == (
        "1 of 2 photos have no known class.\n"
        "  fix: Compare slices of photos whose every class is one of the model's."
    )
