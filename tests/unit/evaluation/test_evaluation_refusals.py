"""What the threshold for unknown photos does to known ones is measured and said as it is."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from lineament.artifacts.decisions import Decisions
from lineament.artifacts.findings.unknowns import Refusals
from lineament.artifacts.predictions import Predictions
from lineament.evaluation.refusals import refusals


def answers(familiarity: Sequence[float] | None, right: Sequence[bool]) -> Predictions:
    """Answers to photos of the first class."""
    n = len(right)
    probabilities = np.array([(0.8, 0.2) if each else (0.2, 0.8) for each in right], np.float32)
    return Predictions(
        samples=tuple(f"{i}.png" for i in range(n)),
        classes=("cat", "dog"),
        probabilities=probabilities,
        logits=np.log(probabilities),
        labels=np.zeros(n, dtype=np.int64),
        groups=("",) * n,
        familiarity=None if familiarity is None else np.array(familiarity, dtype=np.float32),
    )


def decided(threshold: float | None, *, photos: int = 500, groups: int | None = None) -> Decisions:
    return Decisions(
        photos=photos,
        groups=groups,
        unknown_share=0.05,
        unknown_threshold=threshold,
        set_coverage=0.9,
        set_threshold=None,
        confidences={},
    )


def measured(
    familiarity: Sequence[float],
    right: Sequence[bool],
    decisions: Decisions,
    *,
    units: NDArray[np.int64] | None = None,
) -> Refusals:
    finding = refusals(answers(familiarity, right), decisions, units=units)
    assert finding is not None
    return finding


def test_without_threshold_or_familiarity_nothing_is_refused() -> None:
    known = answers([0.5, 0.1], [True, True])

    assert refusals(known, None, units=None) is None
    assert refusals(known, decided(None), units=None) is None
    assert refusals(answers(None, [True, True]), decided(0.3), units=None) is None


def test_photos_below_the_threshold_are_refused_and_at_it_answered() -> None:
    finding = measured([0.1, 0.2, 0.25, 0.9], [True, False, True, False], decided(0.25))

    assert finding.refused.value == 0.5
    assert finding.refused_right == 1
    assert finding.answered_right is not None
    assert (finding.answered_right.value, finding.answered_right.n) == (0.5, 2)
    assert (finding.asked, finding.threshold) == (0.05, 0.25)


def test_sentence_says_what_is_refused_and_what_that_costs() -> None:
    finding = measured([0.1] * 5 + [0.9] * 95, [True] * 3 + [False] * 2 + [True] * 95, decided(0.3))

    assert finding.sentence == (
        "The model calls 5.0 % (2.2 to 11.2) of these photos unknown, where validation allowed for "
        "5 %. Of the 5 photos, 3 would have been answered rightly. Of the others, 100 % (96.1 to "
        "100) are right."
    )


def test_none_refused_says_nothing_of_the_refused() -> None:
    finding = measured([0.9] * 40, [True] * 40, decided(0.3))

    assert finding.refused.value == 0
    assert "Of the 0" not in finding.sentence
    assert finding.sentence.endswith("Of the answers, 100 % (91.2 to 100) are right.")


def test_all_refused_leaves_no_answer() -> None:
    finding = measured([0.1] * 40, [True] * 40, decided(0.3))

    assert finding.answered_right is None
    assert finding.sentence.endswith("Of the 40 photos, 40 would have been answered rightly.")


@pytest.mark.parametrize(
    ("photos", "said"),
    [
        (
            30,
            "That is more, but a threshold that was chosen on 30 validation photos may be off by "
            "so much by chance.",
        ),
        (
            50_000,
            "That is more, and more than the chance of 50,000 validation photos explains: these "
            "photos are harder than those of validation.",
        ),
    ],
)
def test_more_refused_than_allowed_is_explained_by_chance_or_not(photos: int, said: str) -> None:
    finding = measured([0.1] * 12 + [0.9] * 88, [True] * 100, decided(0.3, photos=photos))

    assert said in finding.sentence


def test_groups_widen_the_interval() -> None:
    familiarity, right = [0.1] * 10 + [0.9] * 90, [True] * 100

    alone = measured(familiarity, right, decided(0.3))
    grouped = measured(familiarity, right, decided(0.3), units=np.arange(100) // 10)

    assert grouped.refused.high - grouped.refused.low > alone.refused.high - alone.refused.low
    assert grouped.refused.n_groups == 10
