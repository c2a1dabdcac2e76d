"""The loop learns what is there, keeps its best epoch, and survives being killed or starved."""

import dataclasses
import math
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lineament.core.errors import UsageError
from lineament.core.progress import QUIET
from lineament.models.backbones import create_backbone
from lineament.models.classifier import Classifier
from lineament.models.heads import create_head
from lineament.training.fitting import fit as module
from lineament.training.fitting.budget import Clock
from lineament.training.fitting.checkpoints import Checkpoints
from lineament.training.fitting.estimate import Estimate
from lineament.training.fitting.fit import Outcome, fit
from lineament.training.fitting.learner import Learner
from lineament.training.fitting.processes import accelerator_for
from lineament.training.pixels import Pixels
from lineament.training.recipe import TrainConfig

COLUMNS = [
    "epoch",
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "learning_rate",
    "gradient_norm",
    "update_ratio",
    "size_px",
    "seconds",
    "images_per_second",
    "waiting_fraction",
]
SCRATCH = TrainConfig(
    mode="scratch",
    backbone="test_resnet",
    size_px=32,
    epochs=8,
    batch_size=10,
    learning_rate=3e-3,
    precision="fp32",
    threads=1,
)
TUNE = dataclasses.replace(
    SCRATCH, mode="finetune", weights="file:unused", epochs=2, learning_rate=1e-3
)
Draw = Callable[..., Pixels]


class Told:
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.steps = 0

    def start(self, task: str, total: int | None) -> None: ...

    def advance(self, steps: int = 1) -> None:
        self.steps += steps

    def finish(self) -> None: ...

    def note(self, text: str) -> None:
        self.notes.append(text)


class Killed(BaseException):
    """What stands for a process that ends without a word."""


def chance_bound(n: int, n_classes: int) -> float:
    """The accuracy that guessing reaches or exceeds once in a thousand times, by the binomial."""
    share, tail = 1 / n_classes, 0.0
    for right in range(n, -1, -1):
        tail += math.comb(n, right) * share**right * (1 - share) ** (n - right)
        if tail > 1e-3:
            return (right + 1) / n
    return 0.0


def network(config: TrainConfig, seed: int = 0) -> Classifier:
    backbone = create_backbone(config.backbone, "none", size_px=config.size_px, seed=seed)
    torch.manual_seed(seed)
    head = create_head(config.head, backbone.n_features, 3, dropout=config.dropout)
    return Classifier(backbone, head, mirrored_view=config.mirrored_view)


def trained(
    model: Classifier,
    config: TrainConfig,
    draw: Draw,
    root: Path,
    *,
    resume: bool = False,
    told: Told | None = None,
    train: Pixels | None = None,
) -> Outcome:
    checkpoints = Checkpoints(root / "run", {"recipe": config.as_dict()})
    return fit(
        model,
        train or draw(60, seed=1),
        draw(30, seed=2),
        config,
        accelerator=accelerator_for(config),
        checkpoints=checkpoints,
        state=checkpoints.begin(resume=resume, overwrite=False),
        clock=Clock(),
        progress=told or QUIET,
    )


def numbers(outcome: Outcome, column: str) -> list[float]:
    return [float(str(row[column])) for row in outcome.history[1:]]


def accuracy_of_best(outcome: Outcome) -> float:
    return float(str(outcome.history[outcome.epoch]["validation_accuracy"]))


@pytest.fixture(scope="module")
def learned(
    draw_shapes: Draw, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Classifier, Outcome]:
    model = network(SCRATCH)
    return model, trained(model, SCRATCH, draw_shapes, tmp_path_factory.mktemp("learned"))


def test_it_learns_drawn_photos(learned: tuple[Classifier, Outcome]) -> None:
    assert accuracy_of_best(learned[1]) >= 0.9


def test_shuffled_labels_stay_at_chance(draw_shapes: Draw, tmp_path: Path) -> None:
    shuffled = draw_shapes(60, seed=1)
    shuffled.labels = np.random.default_rng(0).permutation(shuffled.labels)

    outcome = trained(network(SCRATCH), SCRATCH, draw_shapes, tmp_path, train=shuffled)

    assert accuracy_of_best(outcome) < chance_bound(30, 3) < 0.67


def test_history_has_a_row_per_epoch_and_one_for_the_start(
    learned: tuple[Classifier, Outcome],
) -> None:
    history = learned[1].history

    assert [row["epoch"] for row in history] == list(range(9))
    assert all(list(row) == COLUMNS for row in history)
    assert (history[0]["train_loss"], history[0]["train_accuracy"]) == (None, None)
    assert all(math.isfinite(loss) for loss in numbers(learned[1], "train_loss"))


def test_epoch_of_least_validation_loss_is_kept(
    learned: tuple[Classifier, Outcome], draw_shapes: Draw, tmp_path: Path
) -> None:
    model, outcome = learned
    losses = [float(str(row["validation_loss"])) for row in outcome.history]
    assert outcome.epoch == losses.index(min(losses))
    assert outcome.validation_loss == min(losses)

    # Its weights are what the model holds: judged again, it has that very loss.
    still = dataclasses.replace(TUNE, epochs=1, learning_rate=0.0, weight_decay=0.0)
    again = trained(_copy(model), still, draw_shapes, tmp_path)

    assert float(str(again.history[0]["validation_loss"])) == pytest.approx(min(losses), rel=1e-5)


def _copy(model: Classifier) -> Classifier:
    twin = network(SCRATCH)
    twin.load_state_dict(model.state_dict())
    return twin


def test_start_is_kept_and_said_when_no_epoch_is_better(
    learned: tuple[Classifier, Outcome], draw_shapes: Draw, tmp_path: Path
) -> None:
    model, told = _copy(learned[0]), Told()
    harmful = dataclasses.replace(TUNE, epochs=1, learning_rate=0.3)

    outcome = trained(model, harmful, draw_shapes, tmp_path, told=told)

    assert outcome.epoch == 0
    assert told.notes[-1] == (
        "no epoch lowered the validation loss: the model is kept as it was at the start; try "
        "`--set learning_rate=0.06` or more epochs"
    )
    for key, value in learned[0].state_dict().items():
        assert torch.equal(model.state_dict()[key], value), key


def test_finetune_moves_every_layer_and_no_statistic_of_batch_norm(
    learned: tuple[Classifier, Outcome], draw_shapes: Draw, tmp_path: Path
) -> None:
    model = _copy(learned[0])
    with torch.no_grad():
        model.head.weight.mul_(0.3)  # less sure of itself, so that there is something to gain
    start = {key: value.clone() for key, value in model.state_dict().items()}

    outcome = trained(model, TUNE, draw_shapes, tmp_path)

    assert outcome.epoch > 0
    for key, value in model.state_dict().items():
        statistic = key.rpartition(".")[2] in ("running_mean", "running_var", "num_batches_tracked")
        assert torch.equal(value, start[key]) == statistic, key


def test_scratch_adapts_the_statistics_of_batch_norm(learned: tuple[Classifier, Outcome]) -> None:
    fresh = network(SCRATCH).state_dict()

    for key, value in learned[0].state_dict().items():
        if key.endswith("running_mean"):
            assert not torch.equal(value, fresh[key]), key


def test_model_is_left_in_evaluation_mode(learned: tuple[Classifier, Outcome]) -> None:
    assert not any(module.training for module in learned[0].modules())


@pytest.mark.parametrize("trainable", ["head", "last:1", "gradual:1"])
def test_frozen_layers_do_not_move(
    trainable: str, learned: tuple[Classifier, Outcome], draw_shapes: Draw, tmp_path: Path
) -> None:
    model = _copy(learned[0])
    with torch.no_grad():
        model.head.weight.mul_(0.3)
    config = dataclasses.replace(TUNE, trainable=trainable, weight_decay=0.5)

    trained(model, config, draw_shapes, tmp_path)

    moved = {
        key.split(".")[2] if key.startswith("backbone") else "head"
        for key, value in model.state_dict().items()
        if not torch.equal(value, learned[0].state_dict()[key])
    }
    assert "head" in moved
    assert moved <= ({"head"} if trainable == "head" else {"head", "layer4"})
    assert ("layer4" in moved) == (trainable != "head")


RICH = dataclasses.replace(
    SCRATCH,
    epochs=4,
    batch_size=8,
    dropout=0.3,
    average=0.9,
    rotation=15.0,
    mixup=0.2,
    accumulate=2,
    imbalance="sampler",
    schedule="plateau",
    plateau_epochs=1,
)


@pytest.mark.parametrize("when", ["between two epochs", "within an epoch"])
@pytest.mark.parametrize(
    "config",
    [
        RICH,
        dataclasses.replace(RICH, optimiser="sgd", schedule="onecycle", average=None),
        dataclasses.replace(TUNE, epochs=4, trainable="gradual:1", cutmix=0.5),
    ],
    ids=["everything random", "sgd", "gradual"],
)
def test_killed_and_resumed_is_the_same_run_to_the_last_bit(
    when: str,
    config: TrainConfig,
    draw_shapes: Draw,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = network(config)
    outcome = trained(whole, config, draw_shapes, tmp_path / "whole")

    steps = 0
    last = 7 if when == "within an epoch" else 8
    step = Learner.step

    def dying(self: Learner, *args: Any, **kwargs: Any) -> Any:
        nonlocal steps
        steps += 1
        if steps > last:
            raise Killed
        return step(self, *args, **kwargs)

    if when == "within an epoch":
        monkeypatch.setattr(module, "CHECKPOINT_EVERY_S", 0.0)
    monkeypatch.setattr(Learner, "step", dying)
    with pytest.raises(Killed):
        trained(network(config), config, draw_shapes, tmp_path / "killed")
    monkeypatch.setattr(Learner, "step", step)
    torch.rand(7)  # whatever the new process drew before
    resumed = network(config, seed=99)
    again = trained(resumed, config, draw_shapes, tmp_path / "killed", resume=True)

    assert again.epoch == outcome.epoch
    for row, other in zip(again.history, outcome.history, strict=True):
        for column in COLUMNS[: COLUMNS.index("seconds")]:  # what follows is about time
            assert row[column] == other[column], (row["epoch"], column)
    for key, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[key], value), key


def press_at(last: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Press Ctrl-C during a step; give the steps that are taken, as they come."""
    step = Learner.step
    steps: list[int] = []

    def pressing(self: Learner, *args: Any, **kwargs: Any) -> Any:
        steps.append(len(steps) + 1)
        if steps[-1] == last:
            signal.raise_signal(signal.SIGINT)
        return step(self, *args, **kwargs)

    monkeypatch.setattr(Learner, "step", pressing)
    return steps


def test_ctrl_c_ends_with_the_best_epoch_so_far(
    draw_shapes: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = press_at(15, monkeypatch)  # in the third epoch of six steps each

    outcome = trained(network(SCRATCH), SCRATCH, draw_shapes, tmp_path)

    assert outcome.stopped == "interrupted"
    assert steps[-1] == 15
    assert [row["epoch"] for row in outcome.history] == [0, 1, 2]


def test_ctrl_c_in_the_first_epoch_keeps_what_was_learnt(
    draw_shapes: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    press_at(4, monkeypatch)

    outcome = trained(network(SCRATCH), SCRATCH, draw_shapes, tmp_path)

    assert [row["epoch"] for row in outcome.history] == [0, 1]


def test_patience_ends_it(draw_shapes: Draw, tmp_path: Path) -> None:
    config = dataclasses.replace(
        TUNE, epochs=9, learning_rate=0.0, weight_decay=0.0, flip=False, patience=2
    )

    outcome = trained(network(config), config, draw_shapes, tmp_path)

    assert outcome.stopped == "patience"
    assert [row["epoch"] for row in outcome.history] == [0, 1, 2, 3]


def test_out_of_memory_halves_the_photos_at_a_time_and_goes_on(
    draw_shapes: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, told = network(SCRATCH), Told()
    forward, seen = Classifier.forward, []

    def greedy(self: Classifier, pixels: torch.Tensor, labels: torch.Tensor | None = None) -> Any:
        if self.training:
            seen.append(len(pixels))
            if len(pixels) > 4:
                raise RuntimeError(
                    "[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: can't allocate "
                    "memory: you tried to allocate 1 bytes. Error code 12 (Cannot allocate memory)"
                )
        return forward(self, pixels, labels)

    config = dataclasses.replace(SCRATCH, epochs=2, batch_size=16)
    monkeypatch.setattr(module, "estimated", _no_estimate)
    monkeypatch.setattr(Classifier, "forward", greedy)
    outcome = trained(model, config, draw_shapes, tmp_path, told=told)

    assert seen[:3] == [16, 8, 4]
    assert max(seen[3:]) <= 4
    assert [note for note in told.notes if note.startswith("out of memory")] == [
        "out of memory: going on with 8 photos at a time, in as many more parts per step",
        "out of memory: going on with 4 photos at a time, in as many more parts per step",
    ]
    assert outcome.cost["photos_at_a_time"] == 4
    assert len(outcome.history) == 3


def _no_estimate(*_: object) -> Estimate:
    return Estimate(
        parameters=1,
        trained=1,
        multiply_adds=1,
        memory_bytes=None,
        threads=1,
        step_s=1.0,
        judge_s=1.0,
    )


def test_an_error_that_is_not_about_memory_is_not_hidden(
    draw_shapes: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("something else")

    monkeypatch.setattr(module, "estimated", _no_estimate)
    monkeypatch.setattr(Learner, "_gradients", broken)
    with pytest.raises(RuntimeError, match="something else"):
        trained(network(SCRATCH), SCRATCH, draw_shapes, tmp_path)


def test_parts_of_a_step_add_up_to_the_whole(draw_shapes: Draw, tmp_path: Path) -> None:
    # Batch norm's statistics are held, so that nothing but the cutting differs.
    config = dataclasses.replace(SCRATCH, epochs=1, freeze_batch_norm=True, batch_size=12)
    parts = dataclasses.replace(config, batch_size=4, accumulate=3)
    one, other = network(config), network(parts)

    trained(one, config, draw_shapes, tmp_path / "one")
    trained(other, parts, draw_shapes, tmp_path / "other")

    for key, value in one.state_dict().items():
        assert torch.allclose(other.state_dict()[key], value, atol=2e-5), key


def test_divergence_says_where_and_leaves_nothing_to_resume(
    draw_shapes: Draw, tmp_path: Path
) -> None:
    config = dataclasses.replace(SCRATCH, epochs=2, batch_size=4, learning_rate=1e17)

    with pytest.raises(UsageError) as caught:
        trained(network(config), config, draw_shapes, tmp_path)

    assert caught.value.what.startswith("Training diverged in epoch ")
    assert caught.value.at
    assert caught.value.fix.startswith("Lower the rate, for example `--set learning_rate=")
    assert list(tmp_path.iterdir()) == []


def test_last_batch_of_one_photo_is_no_obstacle(draw_shapes: Draw, tmp_path: Path) -> None:
    # At 32 pixels the last map has one cell, and batch norm has no spread over a single value.
    config = dataclasses.replace(SCRATCH, epochs=1)

    outcome = trained(network(config), config, draw_shapes, tmp_path, train=draw_shapes(21, seed=1))

    assert math.isfinite(outcome.validation_loss)


def test_what_it_will_cost_is_said_first(draw_shapes: Draw, tmp_path: Path) -> None:
    told = Told()
    config = dataclasses.replace(SCRATCH, epochs=1)

    outcome = trained(network(config), config, draw_shapes, tmp_path, told=told)

    model = network(config)
    n_parameters = sum(each.numel() for each in model.parameters())
    assert outcome.cost["parameters"] == outcome.cost["trained"] == n_parameters
    assert "million multiply-adds per photo" in told.notes[1]
    assert "1 epoch of 6 steps in about" in told.notes[1]


def test_measuring_beforehand_changes_nothing(draw_shapes: Draw, tmp_path: Path) -> None:
    config = dataclasses.replace(SCRATCH, epochs=1, dropout=0.3, average=0.9)
    models = [network(config), network(config)]

    trained(models[0], config, draw_shapes, tmp_path / "one")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "estimated", _no_estimate)
        trained(models[1], config, draw_shapes, tmp_path / "other")

    for key, value in models[0].state_dict().items():
        assert torch.equal(models[1].state_dict()[key], value), key


def test_photos_grow_when_asked(draw_shapes: Draw, tmp_path: Path) -> None:
    config = dataclasses.replace(SCRATCH, size_px=64, start_size_px=32, epochs=3)
    photos = draw_shapes(30, seed=1, side_px=64)
    checkpoints = Checkpoints(tmp_path / "run", {})

    outcome = fit(
        network(config),
        photos,
        photos,
        config,
        accelerator=accelerator_for(config),
        checkpoints=checkpoints,
    )

    assert [row["size_px"] for row in outcome.history[1:]] == [32, 32, 64]


@pytest.mark.parametrize(
    ("step_s", "stopped", "epochs", "seconds"),
    [
        # 95 of the 100 s are for training. Judging takes 10 s, an epoch six steps more.
        (1.0, "epochs", [0, 1, 2, 3, 4, 5], 90.0),
        (3.0, "epochs", [0, 1, 2, 3], 94.0),
        (20.0, "time", [0, 1], 120.0),  # not one epoch: the fifth step ends too late
    ],
)
def test_time_budget_is_kept_whatever_steps_take(
    step_s: float,
    stopped: str,
    epochs: list[int],
    seconds: float,
    draw_shapes: Draw,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    step, judge = Learner.step, Learner.judge

    def stepping(self: Learner, *args: Any, **kwargs: Any) -> Any:
        nonlocal now
        now += step_s
        return step(self, *args, **kwargs)

    def judging(self: Learner, *args: Any, **kwargs: Any) -> Any:
        nonlocal now
        now += 10.0
        return judge(self, *args, **kwargs)

    monkeypatch.setattr(Learner, "step", stepping)
    monkeypatch.setattr(Learner, "judge", judging)
    monkeypatch.setattr(module, "estimated", _no_estimate)
    monkeypatch.setattr("time.perf_counter", lambda: now)
    config = dataclasses.replace(SCRATCH, epochs=None, time_budget="100s")

    outcome = fit(
        network(config),
        draw_shapes(60, seed=1),
        draw_shapes(30, seed=2),
        config,
        accelerator=accelerator_for(config),
        checkpoints=Checkpoints(tmp_path / "run", {}),
        clock=Clock(100.0, now=lambda: now),
    )

    assert outcome.stopped == stopped
    assert [row["epoch"] for row in outcome.history] == epochs
    assert outcome.cost["seconds"] == seconds


def test_batch_norms_of_the_test_network_are_real_ones() -> None:
    modules = list(network(SCRATCH).modules())

    assert any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in modules)
