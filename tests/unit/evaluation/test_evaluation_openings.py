"""How often a split was measured, in words."""

import dataclasses

import pytest

from lineament.artifacts.ledger import Opening
from lineament.core.errors import UsageError
from lineament.evaluation.openings import opened

FIRST = Opening(
    time="2026-11-20T10:00:00+00:00",
    fingerprint="f00d",
    split="test",
    kind="run",
    path="runs/a",
    sha256="a",
    report="reports/a",
    photos=200,
    accuracy=0.9,
    low=0.851,
    high=0.949,
    lineament="0.1.0",
)
AGAIN = dataclasses.replace(FIRST, time="2026-11-21T10:00:00+00:00")
OTHER = dataclasses.replace(FIRST, time="2026-11-22T10:00:00+00:00", sha256="b")


def test_the_first_look_is_the_first() -> None:
    found = opened([FIRST])
    assert (found.evaluations, found.models, found.first) == (1, 1, FIRST.time)
    assert found.sentence == "This is the first evaluation of these test photos."


def test_the_same_model_measured_again_chooses_nothing() -> None:
    found = opened([FIRST, AGAIN])
    assert (found.evaluations, found.models) == (2, 1)
    assert found.sentence == (
        "This is the 2nd evaluation of these test photos since 2026-11-20, all of one model."
    )


def test_choosing_among_models_is_bounded_by_their_standard_error() -> None:
    found = opened([FIRST, AGAIN, OTHER])
    assert (found.evaluations, found.models) == (3, 2)
    # 0.098 / (2 x 1.96) = 2.5 points of standard error, times 0.564 for the better of two.
    assert found.sentence == (
        "This is the 3rd evaluation of these test photos since 2026-11-20, of 2 models. If the "
        "best of them is kept for this figure, its figure is too good by up to about 1.4 points on "
        "average; less, the more their mistakes are the same. A fair figure of the one that is "
        "kept needs photos that none of them was measured on."
    )


def test_validation_photos_are_there_to_choose_by() -> None:
    ours = [dataclasses.replace(each, split="validation") for each in (FIRST, OTHER)]
    assert opened(ours).sentence == (
        "This is the 2nd evaluation of these validation photos since 2026-11-20, of 2 models."
    )


def test_the_order_of_the_lines_does_not_matter() -> None:
    assert opened([OTHER, FIRST, AGAIN]) == opened([FIRST, AGAIN, OTHER])


def test_the_latest_figure_of_a_model_counts() -> None:
    wide = dataclasses.replace(FIRST, low=0.5, high=1.0)
    assert opened([wide, AGAIN, OTHER]).sentence == opened([FIRST, AGAIN, OTHER]).sentence


def test_damaged_lines_are_told() -> None:
    assert opened([FIRST], damaged=1).sentence == (
        "This is the first evaluation of these test photos. 1 line of the ledger cannot be read "
        "and is not counted."
    )
    assert opened([FIRST], damaged=2).sentence.endswith(
        " 2 lines of the ledger cannot be read and are not counted."
    )


def test_no_evaluation_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        opened([])
    assert str(caught.value) == (
        "`openings` must be one or more of one split of one dataset, got 0 of 0 splits."
    )


def test_evaluations_of_several_splits_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        opened([FIRST, dataclasses.replace(FIRST, split="validation")])
    assert str(caught.value) == (
        "`openings` must be one or more of one split of one dataset, got 2 of 2 splits."
    )
