"""A grid becomes runs with short names that stay, in the order that answers soonest."""

import dataclasses
import itertools
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.study_row import StudyRow
from lineament.core.errors import UsageError
from lineament.workflow.studies.configuration import Block, StudyConfig
from lineament.workflow.studies.plan import PlannedRun, in_order, named_rows, planned

VALUES: Mapping[str, tuple[object, ...]] = {
    "backbone": ("sface", "resnet18", "hf_hub:timm/resnet18.a1_in1k"),
    "mode": ("head", "finetune"),
    "widths": ([8, 8], [8, 16]),
    "dropout": (0.0, 0.25, 0.5),
    "flip": (True, False),
    "weights": (None, "file:/a/b.safetensors"),
    "dataset": ("faces", "birds"),
}


def opened(*names: str) -> dict[str, Dataset]:
    return {
        name: Dataset(root=Path(name), classes=("a", "b"), splits={}, fingerprint=name, document={})
        for name in names
    }


def laid_out(*grid: Block, seeds: tuple[int, ...] = (0,), **fields: object) -> list[PlannedRun]:
    config = StudyConfig(datasets={"faces": Path("faces")}, grid=grid, seeds=seeds)
    config = dataclasses.replace(config, **fields)  # type: ignore[arg-type]
    return list(planned(config, opened(*config.datasets)))


def names(*grid: Block, **fields: object) -> list[str]:
    return [row.configuration for row in named_rows(laid_out(*grid, **fields))]  # type: ignore[arg-type]


def row(name: str, seed: int, estimate_s: float | None, backbone: str = "b") -> StudyRow:
    return StudyRow(
        name=f"{name}-s{seed}",
        configuration=name,
        dataset="faces",
        recipe={"seed": seed, "backbone": backbone},
        identity=f"{name}{seed}",
        estimate_s=estimate_s,
    )


def test_block_stands_for_every_combination_with_every_seed() -> None:
    runs = laid_out({"backbone": ["sface", "resnet18"], "dropout": [0.0, 0.5]}, seeds=(0, 4))

    assert [(run.config.backbone, run.config.dropout, run.config.seed) for run in runs] == list(
        itertools.product(("sface", "resnet18"), (0.0, 0.5), (0, 4))
    )


def test_run_that_two_blocks_ask_for_is_done_once() -> None:
    assert len(laid_out({"backbone": ["sface", "resnet18"]}, {"backbone": "sface"})) == 2


def test_block_without_a_dataset_is_for_each() -> None:
    datasets = {"faces": Path("faces"), "birds": Path("birds")}

    assert [run.dataset for run in laid_out({}, datasets=datasets)] == ["faces", "birds"]


def test_recipe_of_a_block_takes_the_place_of_the_study_s() -> None:
    runs = laid_out({"recipe": "augmented"}, {}, recipe="emotion")

    assert [run.config.label_smoothing for run in runs] == [0.0, 0.1]


def test_time_budget_takes_the_place_of_the_recipe_s_epochs() -> None:
    run = laid_out({"recipe": "emotion", "time_budget": "10m"})[0]

    assert (run.config.epochs, run.config.time_budget) == (None, "10m")


def test_value_that_does_not_fit_is_named_with_its_place() -> None:
    with pytest.raises(UsageError) as caught:
        laid_out({"dropout": 3.0}, places=("study.yaml, line 7",))

    assert str(caught.value) == (
        "TrainConfig: `dropout` must be a number from 0 to 0.95, got 3.0.\n"
        "  at:  study.yaml, line 7\n"
        "  fix: Give a value in that range, or leave it out for the default."
    )


def test_unknown_field_of_a_block_is_named() -> None:
    with pytest.raises(UsageError) as caught:
        laid_out({}, {"seed": 3})

    assert str(caught.value) == (
        "A block of a study has no field `seed`.\n"
        "  at:  block 2\n"
        "  fix: A block takes `dataset`, `recipe` and the fields of a recipe; `seeds` are the "
        "study's."
    )


def test_unknown_dataset_of_a_block_is_named() -> None:
    with pytest.raises(UsageError) as caught:
        laid_out({"dataset": "birds"})

    assert str(caught.value) == (
        "The study has no dataset `birds`.\n  at:  block 1\n  fix: Its datasets are faces."
    )


def test_more_runs_than_anyone_waits_for_are_refused() -> None:
    rates = [index / 1e6 for index in range(6000)]

    with pytest.raises(UsageError) as caught:
        laid_out({"learning_rate": rates, "flip": [True, False]})

    assert str(caught.value) == (
        "A block stands for 12,000 runs.\n"
        "  at:  block 1\n"
        "  fix: Name at most 10,000, or search the space with `search`."
    )


def test_name_is_backbone_and_mode_where_these_tell_apart() -> None:
    grid = (
        {"backbone": ["sface", "resnet18"], "mode": ["head", "finetune"]},
        {"backbone": "resnet18", "mode": "scratch", "epochs": 10},
    )

    assert names(*grid) == [
        "sface-head",
        "sface-finetune",
        "resnet18-head",
        "resnet18-finetune",
        "resnet18-scratch",
    ]


def test_dataset_is_in_the_name_where_there_are_several() -> None:
    datasets = {"faces": Path("faces"), "birds": Path("birds")}

    assert names({"backbone": "sface"}, datasets=datasets) == [
        "faces-sface-head",
        "birds-sface-head",
    ]


def test_name_goes_on_with_what_else_differs() -> None:
    grid = (
        {"backbone": "custom_cnn", "mode": "scratch", "widths": [[8, 8], [8, 16]]},
        {"backbone": "custom_cnn", "mode": "scratch", "flip": False},
        {"backbone": "sface", "dropout": [0.0, 0.5], "head": "mlp"},
        {"backbone": "sface", "recipe": "thorough"},
    )

    assert names(*grid) == [
        "custom_cnn-scratch-8x8",
        "custom_cnn-scratch-8x16",
        "custom_cnn-scratch-widths-default",
        "sface-head-dropout0",
        "sface-head-dropout0.5",
        "sface-finetune",
    ]


def test_name_of_a_run_ends_with_its_seed() -> None:
    rows = named_rows(laid_out({"backbone": "sface"}, seeds=(0, 7)))

    assert [each.name for each in rows] == ["sface-head-s0", "sface-head-s7"]


def test_names_stay_when_runs_are_added() -> None:
    first = named_rows(laid_out({"backbone": "sface"}))

    rows = named_rows(laid_out({"backbone": "sface", "dropout": [0.0, 0.5], "head": "mlp"},
                               {"backbone": "sface"}), first)  # fmt: skip

    assert [each.configuration for each in rows] == [
        "sface-head-mlp-dropout0",
        "sface-head-mlp-dropout0.5",
        "sface-head",
    ]


def test_name_that_is_taken_gets_a_number() -> None:
    first = named_rows(laid_out({"backbone": "sface"}))

    rows = named_rows(laid_out({"backbone": "sface", "crop_fraction": 0.9}), first)

    assert [each.configuration for each in rows] == ["sface-head-2"]


@settings(max_examples=40)  # each lays out hundreds of runs
@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                name: st.lists(
                    st.sampled_from(range(len(values))), min_size=1, max_size=2, unique=True
                )
                for name, values in VALUES.items()
            },
        ),
        min_size=1,
        max_size=2,
    )
)
def test_every_run_has_a_name_of_its_own_that_is_a_folder_s(
    picked: list[dict[str, list[int]]],
) -> None:
    grid = [
        {name: [VALUES[name][index] for index in some] for name, some in block.items()}
        for block in picked
    ]
    datasets = {"faces": Path("faces"), "birds": Path("birds")}

    rows = named_rows(laid_out(*grid, seeds=(0, 1), datasets=datasets))

    assert len({each.name.lower() for each in rows}) == len(rows)
    assert len({each.identity for each in rows}) == len(rows)
    assert all(Path(each.name).name == each.name for each in rows)


def test_one_seed_of_everything_comes_before_the_next() -> None:
    rows = [row("a", 0, 5), row("a", 1, 5), row("b", 0, 900), row("b", 1, 900)]

    assert [each.name for each in in_order(rows)] == ["a-s0", "b-s0", "a-s1", "b-s1"]


def test_seed_of_a_run_that_is_done_counts() -> None:
    rows = [
        dataclasses.replace(row("a", 0, 5), status="done"), row("a", 1, 5), row("b", 0, 900)
    ]  # fmt: skip

    assert [each.name for each in in_order(rows)][1:] == ["b-s0", "a-s1"]


def test_what_takes_least_comes_first() -> None:
    rows = [row("a", 0, 900), row("b", 0, 50), row("c", 0, 3)]

    assert [each.name for each in in_order(rows)] == ["c-s0", "b-s0", "a-s0"]


def test_of_what_takes_about_as_long_one_backbone_stands_together() -> None:
    rows = [row("a", 0, 33, "x"), row("b", 0, 40, "y"), row("c", 0, 50, "x")]

    assert [each.name for each in in_order(rows)] == ["a-s0", "c-s0", "b-s0"]


def test_what_could_not_be_measured_is_tried_at_once() -> None:
    rows = [row("a", 0, 1), row("b", 0, None)]

    assert [each.name for each in in_order(rows)] == ["b-s0", "a-s0"]
