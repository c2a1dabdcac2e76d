"""Scores of answers: definitions, classes without samples, and what is refused."""

import numpy as np
import pytest
from numpy.typing import NDArray

from lineament.core.errors import UsageError
from lineament.measure.classification import (
    ClassScores,
    accuracy,
    balanced_accuracy,
    confusion_matrix,
    log_loss,
    log_loss_per_sample,
    macro_f1,
    macro_precision,
    macro_recall,
    per_class,
    ranks_of_truth,
    row_normalised,
    top_k_accuracy,
    z_scored,
)

# Class 2 is answered but has no samples, class 3 occurs nowhere.
UNEVEN = np.array([[3, 1, 0, 0], [0, 4, 2, 0], [0, 0, 0, 0], [0, 0, 0, 0]])


def test_rows_of_the_confusion_matrix_are_the_truth() -> None:
    matrix = confusion_matrix(np.array([0, 0, 2]), np.array([1, 1, 2]), n_classes=3)
    assert matrix.tolist() == [[0, 2, 0], [0, 0, 0], [0, 0, 1]]
    assert matrix.dtype == np.int64


def test_unsigned_labels_are_counted_too() -> None:
    labels: NDArray[np.int64] = np.array([200, 0], dtype=np.uint8)
    assert confusion_matrix(labels, labels, n_classes=201)[200, 200] == 1


def test_each_row_with_samples_is_normalised_to_one() -> None:
    assert row_normalised(UNEVEN).sum(axis=1) == pytest.approx([1, 1, 0, 0])


def test_a_row_without_samples_is_normalised_to_zeros() -> None:
    assert row_normalised(UNEVEN)[2].tolist() == [0, 0, 0, 0]


def test_z_scores_have_mean_0_and_population_deviation_1() -> None:
    scored = z_scored(UNEVEN)
    assert (scored.mean(), scored.std()) == pytest.approx((0, 1))


def test_z_scores_of_equal_cells_are_zero() -> None:
    assert z_scored(np.full((3, 3), 0.1)).tolist() == np.zeros((3, 3)).tolist()


def test_accuracy_is_the_share_of_the_diagonal() -> None:
    assert accuracy(UNEVEN) == 0.7


def test_balanced_accuracy_leaves_classes_without_samples_out() -> None:
    assert balanced_accuracy(UNEVEN) == pytest.approx((3 / 4 + 4 / 6) / 2)


def test_macro_recall_counts_a_class_that_is_only_answered_as_zero() -> None:
    assert macro_recall(UNEVEN) == pytest.approx((3 / 4 + 4 / 6 + 0) / 3)


def test_macro_precision_leaves_a_class_that_occurs_nowhere_out() -> None:
    assert macro_precision(UNEVEN) == pytest.approx((1 + 4 / 5 + 0) / 3)


def test_macro_f1_is_the_mean_of_the_f1_scores() -> None:
    assert macro_f1(UNEVEN) == pytest.approx((6 / 7 + 8 / 11 + 0) / 3)


def test_every_class_is_scored_in_column_order() -> None:
    scores = per_class(UNEVEN, ["a", "b", "c", "d"])
    assert [score.name for score in scores] == ["a", "b", "c", "d"]
    assert [score.support for score in scores] == [4, 6, 0, 0]


def test_the_scores_of_a_class_that_occurs_nowhere_are_zero() -> None:
    nothing = ClassScores(name="d", precision=0.0, recall=0.0, f1=0.0, support=0)
    assert per_class(UNEVEN, ["a", "b", "c", "d"])[3] == nothing


def test_log_loss_is_in_nats() -> None:
    assert log_loss(np.array([[0.5, 0.5]]), np.array([0])) == pytest.approx(np.log(2))


def test_certain_and_wrong_costs_the_epsilon_of_the_dtype() -> None:
    certain = np.array([[1, 0]], dtype=np.float32)
    assert log_loss_per_sample(certain, np.array([1])) == pytest.approx([15.942], abs=1e-3)


def test_equal_probabilities_rank_in_column_order() -> None:
    even = np.full((3, 3), 1 / 3)
    labels = np.array([0, 1, 2])
    assert [top_k_accuracy(even, labels, k=k) for k in (1, 2, 3)] == pytest.approx(
        [1 / 3, 2 / 3, 1]
    )


def test_top_1_is_the_accuracy_of_argmax() -> None:
    probabilities = np.random.default_rng(0).dirichlet(np.ones(5), 200)
    labels = np.random.default_rng(1).integers(0, 5, 200)
    expected = (probabilities.argmax(axis=1) == labels).mean()
    assert top_k_accuracy(probabilities, labels, k=1) == expected


def test_labels_out_of_range_are_named() -> None:
    with pytest.raises(UsageError) as caught:
        confusion_matrix(np.array([0, 3, -1]), np.array([0, 0, 0]), n_classes=3)
    assert str(caught.value) == (
        "`labels` must lie in 0 to 2; 2 of 3 do not.\n"
        "  at:  sample 1 (3), sample 2 (-1)\n"
        "  fix: Give column indices of the classes, in the order of the model."
    )


def test_answers_out_of_range_are_named_as_such() -> None:
    with pytest.raises(UsageError) as caught:
        confusion_matrix(np.array([0]), np.array([7]), n_classes=3)
    assert str(caught.value) == (
        "`predicted` must lie in 0 to 2; 1 of 1 do not.\n"
        "  at:  sample 0 (7)\n"
        "  fix: Give column indices of the classes, in the order of the model."
    )


def test_no_samples_are_refused() -> None:
    nothing = np.array([], dtype=np.int64)
    with pytest.raises(UsageError) as caught:
        confusion_matrix(nothing, nothing, n_classes=2)
    assert str(caught.value) == (
        "`labels` is empty; there is nothing to measure.\n  fix: Give at least one labelled sample."
    )


def test_labels_that_are_not_indices_are_refused() -> None:
    halves: NDArray[np.int64] = np.array([0.5, 1.0])
    with pytest.raises(UsageError) as caught:
        confusion_matrix(halves, halves, n_classes=2)
    assert str(caught.value) == "`labels` must be integers (N,), got float64 (2,)."


def test_different_lengths_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        confusion_matrix(np.array([0, 1]), np.array([0]), n_classes=2)
    assert str(caught.value) == "`labels` has 2 entries, `predicted` has 1; they must match."


def test_no_classes_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        confusion_matrix(np.array([0]), np.array([0]), n_classes=0)
    assert str(caught.value) == "`n_classes` must be 1 or more, got 0."


def test_a_matrix_that_is_not_square_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        accuracy(np.ones((2, 3), dtype=np.int64))
    assert str(caught.value) == "`matrix` must be square (C, C), got (2, 3)."


def test_negative_counts_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        macro_f1(np.array([[1, -1], [0, 1]]))
    assert str(caught.value) == "`matrix` must hold counts; some are negative or not finite."


def test_a_matrix_without_samples_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        balanced_accuracy(np.zeros((2, 2), dtype=np.int64))
    assert str(caught.value) == (
        "`matrix` is empty; there is nothing to measure.\n  fix: Give at least one labelled sample."
    )


def test_names_that_do_not_match_the_matrix_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        per_class(np.eye(2, dtype=np.int64), ["cat"])
    assert str(caught.value) == "`classes` has 1 names, `matrix` has 2 rows; they must match."


def test_probabilities_of_another_shape_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        log_loss(np.array([0.5, 0.5]), np.array([0, 1]))
    assert str(caught.value) == "`probabilities` must be floats (N, C), got float64 (2,)."


def test_probabilities_without_their_labels_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        log_loss(np.array([[0.5, 0.5]]), np.array([0, 1]))
    assert str(caught.value) == (
        "`probabilities` has 1 rows, `labels` has 2 entries; they must match."
    )


def test_nan_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        log_loss(np.array([[0.5, 0.5], [np.nan, 1.0]]), np.array([0, 1]))
    assert str(caught.value) == (
        "`probabilities` holds NaN or infinity in 1 of 2 rows.\n"
        "  at:  row 1\n"
        "  fix: Look for photos or weights that make the model overflow."
    )


def test_logits_passed_as_probabilities_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        log_loss(np.array([[2.0, -1.0], [0.5, 0.5]]), np.array([0, 1]))
    assert str(caught.value) == (
        "`probabilities` must lie in 0 to 1 with rows that sum to 1; 1 of 2 rows do not.\n"
        "  at:  row 0 (from -1 to 2, sum 1)\n"
        "  fix: Turn logits into probabilities with `softmax` first."
    )


@pytest.mark.parametrize("k", [0, 3])
def test_k_out_of_range_is_refused(k: int) -> None:
    with pytest.raises(UsageError) as caught:
        top_k_accuracy(np.array([[0.5, 0.5]]), np.array([0]), k=k)
    assert str(caught.value) == f"`k` must lie in 1 to 2, the number of classes; got {k}."


def test_ranks_of_many_classes_are_those_of_all_rows_at_once() -> None:
    rng = np.random.default_rng(0)
    scores = rng.integers(1, 4, (400, 5000)).astype(np.float32)  # ties in every row, several chunks
    probabilities = scores / scores.sum(axis=1, keepdims=True)
    labels = rng.integers(0, 5000, 400)
    of_truth = probabilities[np.arange(400), labels][:, np.newaxis]
    before = (probabilities == of_truth) & (np.arange(5000) < labels[:, np.newaxis])
    expected = ((probabilities > of_truth) | before).sum(axis=1)
    assert (ranks_of_truth(probabilities, labels) == expected).all()
