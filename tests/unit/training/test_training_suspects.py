"""Wrong labels that were planted are listed, worst first, and right ones are left alone."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies
from numpy.typing import NDArray

from lineament.core.errors import UsageError
from lineament.training.crossfit import out_of_sample_probabilities
from lineament.training.suspects import Suspect, label_suspects

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


def answers(labels: Ints, n_classes: int, *, sure: float = 0.9) -> Floats:
    """Answers that give every label the probability ``sure``."""
    rows = np.full((len(labels), n_classes), (1 - sure) / (n_classes - 1), dtype=np.float32)
    rows[np.arange(len(labels)), labels] = sure
    return rows


def photos(n: int, n_classes: int) -> tuple[Floats, Ints]:
    """Features in which classes overlap a little, and the true labels."""
    labels = np.arange(n) % n_classes
    centres = np.random.default_rng(7).normal(0, 1, (n_classes, 32))
    noise = np.random.default_rng(0).normal(0, 1, (n, 32))
    return (centres[labels] + noise).astype(np.float32), labels


def planted(labels: Ints, count: int, n_classes: int) -> tuple[Ints, set[int]]:
    """The labels with some of them wrong, and which."""
    draw = np.random.default_rng(3)
    wrong = draw.choice(len(labels), count, replace=False)
    given = labels.copy()
    given[wrong] = (labels[wrong] + draw.integers(1, n_classes, count)) % n_classes
    return given, set(wrong.tolist())


def judged(features: Floats, given: Ints, n_classes: int) -> list[Suspect]:
    units = np.arange(len(given))
    rows = out_of_sample_probabilities(features, given, units, n_classes=n_classes)
    return label_suspects(rows, given)


@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_wrong_labels_are_among_the_first(n_classes: int) -> None:
    features, labels = photos(1000, n_classes)
    given, wrong = planted(labels, 30, n_classes)

    suspects = judged(features, given, n_classes)

    assert len(wrong & {each.index for each in suspects[:60]}) >= 24


@pytest.mark.parametrize("n_classes", [2, 4])
def test_right_labels_are_left_alone(n_classes: int) -> None:
    features, labels = photos(1000, n_classes)

    assert len(judged(features, labels, n_classes)) <= 10


def test_wrong_labels_among_many_classes_are_found() -> None:
    features, labels = photos(1000, 100)
    given, wrong = planted(labels, 30, 100)

    suspects = judged(features, given, 100)

    assert len(wrong & {each.index for each in suspects}) >= 24


def test_suspect_names_the_class_that_it_should_have() -> None:
    labels = np.arange(30) % 3
    rows = answers(labels, 3)
    given = labels.copy()
    given[4] = 0

    (suspect,) = label_suspects(rows, given)

    assert (suspect.index, suspect.given, suspect.suggested) == (4, 0, 1)
    assert suspect.score == pytest.approx(0.05)


def test_worst_comes_first_and_equal_ones_keep_their_order() -> None:
    labels = np.arange(60) % 2
    rows = answers(labels, 2)
    given = labels.copy()
    given[[10, 20, 30, 40]] = 1
    rows[30] = (0.99, 0.01)

    assert [each.index for each in label_suspects(rows, given)] == [30, 10, 20, 40]


def test_photo_that_was_not_judged_is_no_suspect() -> None:
    labels = np.arange(30) % 2
    rows = answers(labels, 2)
    given = labels.copy()
    given[[4, 6]] = 1
    rows[4] = np.nan

    assert [each.index for each in label_suspects(rows, given)] == [6]


def test_only_photo_of_a_class_is_no_suspect() -> None:
    features, labels = photos(200, 2)
    labels[17] = 2

    assert 17 not in {each.index for each in judged(features, labels, 3)}


def test_class_of_few_photos_is_not_listed_whole() -> None:
    features, labels = photos(303, 3)
    rare = labels == 2
    kept = np.flatnonzero(~rare | (np.cumsum(rare) <= 4))

    suspects = judged(features[kept], labels[kept], 3)

    assert sum(each.given == 2 for each in suspects) < 4


@pytest.mark.parametrize("n", [0, 1, 5])
def test_one_class_has_no_suspects(n: int) -> None:
    assert label_suspects(np.full((n, 2), 0.5, np.float32), np.zeros(n, np.int64)) == []


def test_nothing_judged_gives_nothing() -> None:
    assert label_suspects(np.full((6, 2), np.nan, np.float32), np.arange(6) % 2) == []


@hypothesis.given(
    strategies.integers(2, 5), strategies.integers(1, 30), strategies.integers(0, 10**6)
)
def test_any_answers_are_taken(n_classes: int, n: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    rows = draw.dirichlet(np.full(n_classes, 0.3), n).astype(np.float32)
    given = draw.integers(0, n_classes, n)

    suspects = label_suspects(rows, given)

    scores = [each.score for each in suspects]
    assert scores == sorted(scores)
    assert len({each.index for each in suspects}) == len(suspects)
    assert all(each.given == given[each.index] != each.suggested for each in suspects)


def test_library_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    features, labels = photos(100, 4)

    judged(features, planted(labels, 10, 4)[0], 4)

    assert capfd.readouterr() == ("", "")


def test_labels_of_another_length_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        label_suspects(np.full((3, 2), 0.5, np.float32), np.zeros(4, np.int64))

    assert str(caught.value) == "`probabilities` and `labels` must be of one length, got 3 and 4."
