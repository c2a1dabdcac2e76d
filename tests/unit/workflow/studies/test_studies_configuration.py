"""Flags stand for the same blocks that a study file would say."""

from pathlib import Path

import pytest

from lineament.core.errors import UsageError
from lineament.workflow.studies.configuration import StudyConfig, from_flags

DATA = Path("faces")


def blocks(config: StudyConfig) -> list[dict[str, object]]:
    return [dict(block) for block, _ in config.blocks]


def test_flags_not_given_leave_everything_to_the_recipe() -> None:
    config = from_flags(DATA)

    assert blocks(config) == [{"recipe": "default", "mode": "head"}]
    assert (config.datasets, config.seeds) == ({"faces": DATA}, (0,))


def test_recipe_decides_the_mode_where_no_flag_does() -> None:
    assert [each["mode"] for each in blocks(from_flags(DATA, recipes=("emotion", "default")))] == [
        "finetune",
        "head",
    ]


def test_weights_none_are_training_from_scratch() -> None:
    config = from_flags(DATA, backbones=("a", "b"), weights=("packaged", "none"), modes=("head",))

    assert blocks(config) == [
        {
            "recipe": "default",
            "mode": "head",
            "backbone": ("a", "b"),
            "weights": ("packaged",),
        },
        {"recipe": "default", "mode": "scratch", "backbone": ("a", "b")},
    ]


def test_weights_none_alone_are_nothing_but_scratch() -> None:
    config = from_flags(DATA, weights=("none",), modes=("head", "finetune"))

    assert [each["mode"] for each in blocks(config)] == ["scratch"]


def test_time_budget_is_for_what_trains_layers() -> None:
    config = from_flags(DATA, modes=("head", "finetune"), time_budget="10m")

    assert [each.get("time_budget") for each in blocks(config)] == [None, "10m"]


def test_settings_are_laid_into_every_block_as_they_are_typed() -> None:
    config = from_flags(DATA, modes=("finetune",), sets=("widths=8,16", "dropout=0.5"))

    assert blocks(config) == [
        {"widths": (8, 16), "dropout": 0.5, "recipe": "default", "mode": "finetune"}
    ]


def test_no_seeds_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        from_flags(DATA, seeds=0)

    assert str(caught.value) == (
        "`--seeds` must be 1 or more, got 0.\n  fix: Leave it out for one."
    )
