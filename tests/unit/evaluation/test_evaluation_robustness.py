"""What is lost on spoilt photos, in figures and in words."""

import numpy as np
import pytest
from numpy.typing import NDArray

from lineament.core.errors import UsageError
from lineament.evaluation.robustness import robustness
from lineament.measure.intervals import wilson

Right = NDArray[np.bool_]


def _right(count: int, n: int = 100) -> Right:
    return np.arange(n) < count


def _graded(name: str, *counts: int) -> dict[tuple[str, int], Right]:
    return {(name, severity): _right(count) for severity, count in enumerate(counts, start=1)}


def test_each_corruption_and_severity_has_its_accuracy_and_loss() -> None:
    found = robustness(_right(90), _graded("blur", 85, 60), units=None, examples={})
    assert [(each.corruption, each.severity) for each in found.spoilt] == [("blur", 1), ("blur", 2)]
    assert [each.accuracy.value for each in found.spoilt] == [0.85, 0.6]
    assert [each.loss.value for each in found.spoilt] == pytest.approx([0.05, 0.3])
    assert (found.photos, found.clean.value) == (100, 0.9)
    assert found.mean_accuracy.value == pytest.approx(0.725)


def test_corruptions_keep_their_order_and_severities_rise() -> None:
    answers = {("noise", 2): _right(9), ("blur", 1): _right(8), ("noise", 1): _right(7)}
    found = robustness(_right(90), answers, units=None, examples={})
    assert [(each.corruption, each.severity) for each in found.spoilt] == [
        *(("noise", 1), ("noise", 2)),
        ("blur", 1),
    ]


def test_losses_are_paired() -> None:
    # The same 6 photos are lost, so the loss is surer than two accuracies of 100 photos each.
    found = robustness(_right(50), _graded("blur", 44), units=None, examples={})
    loss = found.spoilt[0].loss
    assert 0 < loss.low < 0.06 < loss.high < 0.13


def test_examples_follow_the_corruptions() -> None:
    answers = {**_graded("noise", 9), **_graded("blur", 8)}
    found = robustness(_right(90), answers, units=None, examples={"blur": "b", "noise": "a"})
    assert found.examples == (("noise", "a"), ("blur", "b"))


def test_the_worst_and_the_harmless_are_named() -> None:
    answers = {
        **_graded("blur", 89, 60, 40),
        **_graded("jpeg", 90, 90, 89),
        **_graded("noise", 89, 70, 50),
    }
    assert robustness(_right(90), answers, units=None, examples={}).sentences[1:] == (
        "Most is lost to blur: 27.0 points on average over its severities; from severity 2 on it "
        "can be told (30 points there, 22 to 40).",
        "No loss can be told for JPEG compression, at any severity; up to 5 points are not "
        "excluded.",
    )


def test_the_mildest_is_named_where_all_harm() -> None:
    answers = {**_graded("blur", 50), **_graded("noise", 60)}
    assert robustness(_right(90), answers, units=None, examples={}).sentences[2] == (
        "Least is lost to noise: 30.0 points on average over its severities."
    )


def test_the_first_sentence_says_what_the_figures_are_of() -> None:
    found = robustness(_right(90), _graded("blur", 60, 30), units=None, examples={})
    clean, mean = found.clean, found.mean_accuracy
    assert found.sentences[0] == (
        f"Of 100 photos, drawn evenly over the classes, 90 % ({clean.low * 100:.0f} to "
        f"{clean.high * 100:.0f}) are right as they are, and 45 % ({mean.low * 100:.0f} to "
        f"{mean.high * 100:.0f}) on average over 2 ways of spoiling them."
    )


def test_a_model_that_loses_nothing_is_called_that() -> None:
    found = robustness(_right(90), _graded("blur", 90, 91), units=None, examples={})
    assert found.sentences[1:] == ("No corruption lowers the accuracy on average.",)


def test_a_loss_that_chance_explains_is_not_told() -> None:
    found = robustness(_right(90), _graded("blur", 89), units=None, examples={})
    assert found.sentences[1] == (
        "Most is lost to blur: 1.0 points on average over its severities; at no single severity "
        "can a loss be told."
    )


@pytest.mark.parametrize("count", [0, 100])
def test_all_right_or_all_wrong_still_has_a_width(count: int) -> None:
    found = robustness(_right(count), _graded("blur", count), units=None, examples={})
    expected = wilson(count, 100)
    for interval in (found.clean, found.mean_accuracy, found.spoilt[0].accuracy):
        assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))
    loss = found.spoilt[0].loss
    assert loss.low < 0 == loss.value < loss.high


def test_groups_make_the_intervals_wider() -> None:
    answers = _graded("blur", 70)
    alone = robustness(_right(90), answers, units=None, examples={})
    grouped = robustness(_right(90), answers, units=np.arange(100) // 10, examples={})
    assert grouped.spoilt[0].loss.n_groups == 10
    for one, other in (
        (alone.spoilt[0].loss, grouped.spoilt[0].loss),
        (alone.mean_accuracy, grouped.mean_accuracy),
    ):
        assert other.high - other.low > 1.3 * (one.high - one.low)


def test_photos_of_one_group_count_as_independent() -> None:
    answers = _graded("blur", 70)
    one_group = robustness(_right(90), answers, units=["anna"] * 100, examples={})
    assert one_group == robustness(_right(90), answers, units=None, examples={})


def test_one_photo_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        robustness(_right(1, 1), {("blur", 1): _right(1, 1)}, units=None, examples={})
    assert str(caught.value) == (
        "Robustness needs two photos or more and one corruption or more, got 1 and 1."
    )


def test_answers_of_other_length_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        robustness(_right(90), {("blur", 3): _right(5, 9)}, units=None, examples={})
    assert str(caught.value) == (
        "Each corruption must have one answer per photo (100).\n  at:  blur 3"
    )
