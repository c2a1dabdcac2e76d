"""A checkpoint is whole, belongs to one training, and is never thrown away unasked."""

from pathlib import Path

import pytest
import torch

from lineament.core.errors import ArtifactError, UsageError
from lineament.training.fitting.checkpoints import Checkpoints

WEIGHTS = torch.arange(5.0)
STATE = {"weights": WEIGHTS, "step": 3}


def saved(tmp_path: Path, **identity: object) -> Checkpoints:
    checkpoints = Checkpoints(tmp_path / "run", {"dataset": "d", **identity})
    checkpoints.save(STATE)
    return checkpoints


def test_without_one_training_begins_at_the_beginning(tmp_path: Path) -> None:
    for resume in (False, True):
        checkpoints = Checkpoints(tmp_path / "run", {})
        assert checkpoints.begin(resume=resume, overwrite=False) is None


def test_what_was_saved_is_given_back(tmp_path: Path) -> None:
    state = saved(tmp_path).begin(resume=True, overwrite=False)

    assert state is not None
    assert torch.equal(state["weights"], WEIGHTS)
    assert state["step"] == 3


def test_it_stands_hidden_beside_the_run(tmp_path: Path) -> None:
    saved(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == [".run.training"]
    assert [path.name for path in (tmp_path / ".run.training").iterdir()] == ["checkpoint.pt"]


def test_an_interrupted_training_is_not_thrown_away_unasked(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path)

    with pytest.raises(UsageError) as caught:
        checkpoints.begin(resume=False, overwrite=False)

    assert str(caught.value) == (
        f"{tmp_path / '.run.training'} holds a training that was interrupted.\n"
        "  fix: Go on with `--resume`, or start anew with `--overwrite`."
    )
    assert checkpoints.path.is_file()


def test_it_is_thrown_away_when_asked(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path)

    assert checkpoints.begin(resume=False, overwrite=True) is None
    assert list(tmp_path.iterdir()) == []


def test_another_recipe_or_dataset_is_named_and_nothing_is_lost(tmp_path: Path) -> None:
    saved(tmp_path, recipe={"epochs": 5, "seed": 0})
    other = Checkpoints(tmp_path / "run", {"dataset": "e", "recipe": {"epochs": 5, "seed": 1}})

    with pytest.raises(UsageError) as caught:
        other.begin(resume=True, overwrite=False)

    assert str(caught.value) == (
        f"{tmp_path / '.run.training'} holds another training than the one to be resumed.\n"
        "  at:  dataset: 'd' then, 'e' now, seed: 0 then, 1 now\n"
        "  fix: Give the same dataset and recipe, or start anew with `--overwrite`."
    )
    assert other.path.is_file()


@pytest.mark.parametrize("content", [b"", b"no checkpoint", None])
def test_damaged_one_is_named(tmp_path: Path, content: bytes | None) -> None:
    checkpoints = saved(tmp_path)
    whole = checkpoints.path.read_bytes()
    checkpoints.path.write_bytes(whole[: len(whole) // 2] if content is None else content)

    with pytest.raises(ArtifactError) as caught:
        checkpoints.begin(resume=True, overwrite=False)

    assert caught.value.what.startswith(f"{checkpoints.path} cannot be read (")
    assert caught.value.fix == "Start anew with `--overwrite`."


def test_a_process_that_does_not_write_neither_writes_nor_clears(tmp_path: Path) -> None:
    other = Checkpoints(tmp_path / "run", {"dataset": "d"}, writes=False)
    other.save(STATE)
    assert list(tmp_path.iterdir()) == []

    checkpoints = saved(tmp_path)
    other.clear()
    assert checkpoints.path.is_file()


def test_clearing_leaves_nothing(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path)

    checkpoints.clear()

    assert list(tmp_path.iterdir()) == []
