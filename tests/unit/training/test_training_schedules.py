"""A rate rises and falls as its schedule says, whatever the steps are."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineament.training.optimisation.schedules import Schedule
from lineament.training.recipe import SCHEDULES, TrainConfig


def factors(config: TrainConfig, *done: float, epoch: int = 1) -> list[float]:
    schedule = Schedule(config)
    return [schedule.factor(done_fraction=each, epoch=epoch) for each in done]


def plateau(*losses: float, epochs: int = 2) -> Schedule:
    schedule = Schedule(TrainConfig(schedule="plateau", warmup_fraction=0.0, plateau_epochs=epochs))
    for loss in losses:
        schedule.observe(loss)
    return schedule


@pytest.mark.parametrize("name", ["cosine", "constant", "step", "plateau"])
def test_warmup_rises_linearly_from_a_tenth(name: str) -> None:
    config = TrainConfig(schedule=name, warmup_fraction=0.2)

    assert factors(config, 0.0, 0.1, 0.2) == pytest.approx([0.1, 0.55, 1.0])


def test_cosine_falls_along_half_a_cosine_to_0() -> None:
    config = TrainConfig(schedule="cosine", warmup_fraction=0.2)

    assert factors(config, 0.4, 0.6, 1.0) == pytest.approx(
        [0.5 + 0.5 * math.cos(math.pi / 4), 0.5, 0.0]
    )


def test_constant_stays() -> None:
    assert factors(TrainConfig(schedule="constant", warmup_fraction=0.0), 0.0, 0.5, 1.0) == [1] * 3


@pytest.mark.parametrize(("epoch", "factor"), [(1, 1.0), (3, 1.0), (4, 0.5), (6, 0.5), (7, 0.25)])
def test_step_falls_every_so_many_epochs(epoch: int, factor: float) -> None:
    config = TrainConfig(schedule="step", step_epochs=3, rate_factor=0.5, warmup_fraction=0.0)

    assert factors(config, 0.5, epoch=epoch) == [factor]


def test_one_cycle_rises_over_30_percent_and_falls_to_0() -> None:
    config = TrainConfig(schedule="onecycle")

    assert factors(config, 0.0, 0.15, 0.3, 0.65, 1.0) == pytest.approx([0.04, 0.52, 1.0, 0.5, 0.0])


def test_one_cycle_ignores_the_warmup() -> None:
    with_warmup = TrainConfig(schedule="onecycle", warmup_fraction=0.5)

    assert factors(with_warmup, 0.1, 0.4) == factors(TrainConfig(schedule="onecycle"), 0.1, 0.4)


@pytest.mark.parametrize(
    ("losses", "factor"),
    [
        ([1.0, 0.9, 0.8], 1.0),
        ([1.0, 1.0], 1.0),
        ([1.0, 1.1, 1.2], 0.1),
        ([1.0, 1.1, 0.9, 1.1], 1.0),
        ([1.0, 1.1, 1.2, 1.3], 0.1),
        ([1.0, 1.1, 1.2, 1.3, 1.4], 0.01),
        ([1.0, math.nan, math.nan], 0.1),
    ],
    ids=str,
)
def test_plateau_falls_after_epochs_without_a_lower_loss(
    losses: list[float], factor: float
) -> None:
    assert plateau(*losses).factor(done_fraction=0.5, epoch=9) == pytest.approx(factor)


@pytest.mark.parametrize("name", [name for name in SCHEDULES if name != "plateau"])
def test_only_plateau_answers_to_the_validation_loss(name: str) -> None:
    schedule = Schedule(TrainConfig(schedule=name))
    before = schedule.factor(done_fraction=0.5, epoch=2)
    for _ in range(9):
        schedule.observe(1.0)

    assert schedule.factor(done_fraction=0.5, epoch=2) == before


@given(
    before=st.lists(st.floats(0, 10), max_size=8),
    after=st.lists(st.floats(0, 10), max_size=8),
    epochs=st.integers(1, 3),
)
def test_restored_schedule_goes_on_as_if_never_stopped(
    before: list[float], after: list[float], epochs: int
) -> None:
    stopped = plateau(*before, epochs=epochs)
    resumed = plateau(epochs=epochs)
    resumed.restore(json.loads(json.dumps(stopped.state())))
    for loss in after:
        stopped.observe(loss)
        resumed.observe(loss)

    assert resumed.state() == stopped.state()
    assert resumed.factor(done_fraction=0.4, epoch=5) == stopped.factor(done_fraction=0.4, epoch=5)


@given(
    name=st.sampled_from(SCHEDULES),
    warmup=st.floats(0, 0.9),
    done=st.floats(-0.5, 1.5),
    epoch=st.integers(1, 100),
)
def test_factor_is_between_0_and_1(name: str, warmup: float, done: float, epoch: int) -> None:
    (factor,) = factors(TrainConfig(schedule=name, warmup_fraction=warmup), done, epoch=epoch)

    assert 0 <= factor <= 1


@given(name=st.sampled_from(["cosine", "onecycle"]), done=st.floats(0.3, 0.99))
def test_rate_falls_after_its_peak(name: str, done: float) -> None:
    earlier, later = factors(TrainConfig(schedule=name), done, done + 0.01)

    assert later < earlier
