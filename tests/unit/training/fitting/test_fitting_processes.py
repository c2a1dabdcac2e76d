"""Processes: what a launcher started is what it was asked for, and the hardware is there."""

import pytest

from lineament.core.errors import UsageError
from lineament.training.fitting.processes import accelerator_for
from lineament.training.recipe import TrainConfig

SCRATCH = TrainConfig(mode="scratch", precision="fp32")
LAUNCHED = {"ACCELERATE_MIXED_PRECISION": "no", "MASTER_ADDR": "127.0.0.1"}


@pytest.fixture(autouse=True)
def _not_launched(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*LAUNCHED, "MASTER_PORT", "WORLD_SIZE", "RANK"):
        monkeypatch.delenv(name, raising=False)


def test_launcher_that_started_one_process_of_several_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in LAUNCHED.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(UsageError) as caught:
        accelerator_for(SCRATCH)

    assert str(caught.value) == (
        "`accelerate launch` was asked for several processes and started one.\n"
        "  fix: Add `--multi_gpu` to its flags, which works without GPUs too, or use `torchrun`."
    )


@pytest.mark.parametrize("name", LAUNCHED)
def test_process_that_was_asked_for_alone_trains(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, LAUNCHED[name])

    assert accelerator_for(SCRATCH).num_processes == 1
