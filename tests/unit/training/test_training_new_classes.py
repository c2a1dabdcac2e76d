"""A new class gets rows of its own; the rows that are there stay to the bit."""

import numpy as np
import pytest
from numpy.typing import NDArray

from lineament.models.head_spec import HeadSpec
from lineament.training.new_classes import with_rows

FloatArray = NDArray[np.float32]
SIZE = 10


def clouds(n_classes: int, n: int, *, seed: int) -> tuple[FloatArray, NDArray[np.int64]]:
    labels = np.repeat(np.arange(n_classes), n)
    noise = np.random.default_rng(seed).normal(size=(len(labels), SIZE))
    return (4 * np.eye(SIZE)[labels] + noise).astype(np.float32), labels


def head(kind: str) -> HeadSpec:
    """A head that tells the first two clouds apart."""
    weight = 2 * np.eye(SIZE, dtype=np.float32)[:2]
    if kind == "mlp":
        return HeadSpec(
            kind=kind,
            weight=weight,
            bias=np.zeros(2, np.float32),
            hidden_weight=np.eye(SIZE, dtype=np.float32),
            hidden_bias=np.zeros(SIZE, np.float32),
        )
    if kind == "cosface":
        return HeadSpec(kind=kind, weight=weight, scale=10.0)
    return HeadSpec(kind=kind, weight=weight, bias=np.zeros(2, np.float32))


@pytest.mark.parametrize("kind", ["linear", "mlp", "cosface"])
def test_old_logits_stay_and_the_new_class_is_found(kind: str) -> None:
    before = head(kind)
    embeddings, labels = clouds(3, 20, seed=0)
    held, truth = clouds(3, 200, seed=1)

    after = with_rows(before, embeddings, labels, temperature=0.7)

    assert after.n_classes == 3
    assert (after.logits(held)[:, :2] == before.logits(held)).all()
    right = after.logits(held).argmax(axis=1) == truth
    assert right[truth == 2].mean() > 0.95
    assert right[truth < 2].mean() > 0.95


def test_several_classes_are_added_at_once() -> None:
    embeddings, labels = clouds(5, 20, seed=0)
    held, truth = clouds(5, 100, seed=1)

    after = with_rows(head("linear"), embeddings, labels, temperature=1.0)

    assert (after.logits(held).argmax(axis=1) == truth).mean() > 0.95


def test_temperature_of_the_old_logits_does_not_move_the_border() -> None:
    embeddings, labels = clouds(3, 20, seed=0)
    held, _ = clouds(3, 50, seed=1)
    before = head("linear")
    warm = HeadSpec(kind="linear", weight=4 * before.weight, bias=before.bias)

    one = with_rows(before, embeddings, labels, temperature=1.0).logits(held)
    other = with_rows(warm, embeddings, labels, temperature=4.0).logits(held)

    assert np.abs(4 * one - other).max() < 1e-2
