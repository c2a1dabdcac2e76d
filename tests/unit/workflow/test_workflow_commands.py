"""The commands that make a run again name every setting that is not the default."""

import dataclasses
import shlex

import pytest

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.run import Run
from lineament.core.config import resolve
from lineament.preparation.config import PrepareConfig
from lineament.training.recipe import TrainConfig
from lineament.workflow.commands import changed, commands


def sets(command: str) -> list[str]:
    words = shlex.split(command)
    return [words[place + 1] for place, word in enumerate(words) if word == "--set"]


def test_commands_go_from_the_source_to_the_report(small_run: Run, drawn_dataset: Dataset) -> None:
    prepare, train, report = commands(drawn_dataset, small_run.card)

    source = drawn_dataset.document["source"]
    assert prepare == f"lineament prepare {source} --out dataset --set split=0.5,0.25,0.25"
    assert train.startswith("lineament train dataset --out run --set backbone=test_resnet")
    assert report == "lineament report run --data dataset --out report"


def test_settings_that_are_named_make_the_same_configurations(
    small_run: Run, drawn_dataset: Dataset
) -> None:
    prepare, train, _ = commands(drawn_dataset, small_run.card)

    assert resolve(PrepareConfig, {}, {}, sets=sets(prepare)) == PrepareConfig(
        split=(0.5, 0.25, 0.25)
    )
    again = resolve(TrainConfig, {}, {}, sets=sets(train))
    assert {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in dataclasses.asdict(again).items()
    } == dict(small_run.card.recipe)


@pytest.mark.parametrize(
    "config",
    [
        TrainConfig(mode="finetune", flip=True, weights="none", widths=(8, 16), epochs=3),
        TrainConfig(mode="scratch", backbone="custom_cnn", time_budget="20m", patience=None),
        TrainConfig(learning_rate=3e-4, fold=2, seed=9),
    ],
)
def test_every_kind_of_value_comes_back_as_it_was(
    small_run: Run, drawn_dataset: Dataset, config: TrainConfig
) -> None:
    card = dataclasses.replace(small_run.card, recipe=dataclasses.asdict(config))

    assert resolve(TrainConfig, {}, {}, sets=sets(commands(drawn_dataset, card)[1])) == config


def test_source_with_a_blank_is_one_word(small_run: Run, drawn_dataset: Dataset) -> None:
    odd = dataclasses.replace(
        drawn_dataset, document={**drawn_dataset.document, "source": "my photos/a;b"}
    )

    assert shlex.split(commands(odd, small_run.card)[0])[2] == "my photos/a;b"


def test_run_of_another_dataset_is_not_told_how_to_prepare_it(
    small_run: Run, drawn_dataset: Dataset
) -> None:
    other = dataclasses.replace(drawn_dataset, fingerprint="beef")

    assert commands(other, small_run.card)[0].startswith("lineament train")


def test_fields_of_another_version_are_left_out() -> None:
    assert changed(TrainConfig, {"seed": 0, "gone": 5, "mode": "scratch"}) == {"mode": "scratch"}
