"""The range test proposes a rate that learns, and ends where nothing more is learnt about rates."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch

from lineament.core.errors import UsageError
from lineament.core.progress import QUIET
from lineament.models.backbones import create_backbone
from lineament.models.classifier import Classifier
from lineament.models.heads import create_head
from lineament.training.fitting import rate_range as module
from lineament.training.fitting.checkpoints import Checkpoints
from lineament.training.fitting.estimate import Estimate
from lineament.training.fitting.fit import fit
from lineament.training.fitting.learner import Learner, Step
from lineament.training.fitting.processes import accelerator_for
from lineament.training.fitting.rate_range import HIGHEST, LOWEST, STEPS, RateRange, rate_range
from lineament.training.pixels import Pixels
from lineament.training.recipe import TrainConfig

Draw = Callable[..., Pixels]
SCRATCH = TrainConfig(
    mode="scratch",
    backbone="test_resnet",
    size_px=32,
    epochs=4,
    batch_size=10,
    precision="fp32",
    threads=1,
)


def network() -> Classifier:
    backbone = create_backbone("test_resnet", "none", size_px=32)
    torch.manual_seed(0)
    return Classifier(backbone, create_head("linear", backbone.n_features, 3))


def ranged(draw: Draw, config: TrainConfig = SCRATCH) -> RateRange:
    return rate_range(
        network(),
        draw(60, seed=1),
        config,
        accelerator=accelerator_for(config),
        progress=QUIET,
    )


def ranged_with(
    losses: Sequence[float], draw: Draw, monkeypatch: pytest.MonkeyPatch, *, norm: float = 1.0
) -> RateRange:
    """The test of a network whose steps give these losses, the last one for the rest."""
    given = iter(losses)

    def step(*_: object, **__: object) -> Step:
        return Step(loss=next(given, losses[-1]), right=0, photos=10, norm=norm)

    monkeypatch.setattr(Learner, "step", step)
    return ranged(draw)


@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
def test_proposal_lies_within_a_factor_of_30_of_the_best_rate(
    optimiser: str, draw_shapes: Draw, tmp_path: Path
) -> None:
    config = dataclasses.replace(SCRATCH, optimiser=optimiser)
    losses = {}
    for rate in (1e-5, 1e-4, 1e-3, 1e-2, 1e-1):
        outcome = fit(
            network(),
            draw_shapes(60, seed=1),
            draw_shapes(30, seed=2),
            dataclasses.replace(config, learning_rate=rate),
            accelerator=accelerator_for(config),
            checkpoints=Checkpoints(tmp_path / f"{rate}", {}),
        )
        losses[rate] = outcome.validation_loss
    best = min(losses, key=lambda rate: losses[rate])

    suggestion = ranged(draw_shapes, config).suggestion

    assert best / 30 <= suggestion <= best * 30


def test_same_photos_and_seed_give_the_same_test(draw_shapes: Draw) -> None:
    assert ranged(draw_shapes) == ranged(draw_shapes)


@pytest.mark.parametrize("mode", ["scratch", "finetune"])
def test_measuring_beforehand_changes_nothing(
    mode: str, draw_shapes: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = dataclasses.replace(SCRATCH, mode=mode)  # fine-tuning holds batch norm
    found = ranged(draw_shapes, config)

    def unmeasured(*_: object) -> Estimate:
        return Estimate(
            parameters=1,
            trained=1,
            multiply_adds=1,
            memory_bytes=None,
            threads=1,
            step_s=1.0,
            judge_s=1.0,
        )

    monkeypatch.setattr(module, "estimated", unmeasured)

    assert ranged(draw_shapes, config) == found


def test_rates_rise_evenly_from_far_too_small_to_far_too_large(
    draw_shapes: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = ranged_with([1.0], draw_shapes, monkeypatch)

    assert len(found.rates) == len(found.losses) == STEPS
    assert (found.rates[0], found.rates[-1]) == pytest.approx((LOWEST, HIGHEST))
    steps = [after / before for before, after in zip(found.rates, found.rates[1:], strict=False)]
    assert steps == pytest.approx([steps[0]] * (STEPS - 1))


def test_smoothing_does_not_change_a_loss_that_stays(
    draw_shapes: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ranged_with([0.7], draw_shapes, monkeypatch).losses == pytest.approx([0.7] * STEPS)


def test_tenth_of_the_rate_with_the_least_loss_is_proposed(
    draw_shapes: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    falling = [1.0 - number / 80 for number in range(61)]

    found = ranged_with([*falling, 5.0], draw_shapes, monkeypatch)

    assert found.suggestion == pytest.approx(found.rates[60] / 10)


def test_of_rates_that_are_as_good_the_highest_counts(
    draw_shapes: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    flat = [0.1, 0.11, 0.1, 0.11] * 15  # there was nothing left to learn: its least value is chance

    found = ranged_with([*flat, 9.0], draw_shapes, monkeypatch)

    assert found.suggestion == pytest.approx(found.rates[59] / 10)


def test_it_ends_where_the_loss_shot_up(draw_shapes: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    found = ranged_with([*[1.0] * 30, 1e6], draw_shapes, monkeypatch)

    assert len(found.losses) == 31
    assert found.losses[-1] > 3 * min(found.losses)


def test_loss_that_is_no_number_ends_it_with_what_was_found(
    draw_shapes: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = ranged_with([*[1.0] * 30, math.nan], draw_shapes, monkeypatch)

    assert found.losses == pytest.approx([1.0] * 30)


@pytest.mark.parametrize(("loss", "norm"), [(math.nan, 1.0), (1.0, math.inf)])
def test_numbers_that_are_none_from_the_start_are_said(
    loss: float, norm: float, draw_shapes: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError) as caught:
        ranged_with([loss], draw_shapes, monkeypatch, norm=norm)

    assert str(caught.value) == (
        "The loss is no number even at the smallest rate.\n"
        "  fix: Look at the photos with `lineament recipe preview`, or use `precision=fp32`."
    )
