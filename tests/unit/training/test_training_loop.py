"""The loop learns what is there to be learned, keeps its best epoch, and says when it diverges."""

import itertools
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from lineament.artifacts.dataset import Dataset
from lineament.core.errors import UsageError
from lineament.core.executor import LocalExecutor
from lineament.core.progress import QUIET
from lineament.models.backbones import create_backbone
from lineament.models.classifier import Classifier
from lineament.preparation.build import PrepareConfig, prepare
from lineament.training.loop import Outcome, Photos, _groups, _rate_factor, fit
from lineament.training.recipe import TrainConfig

COLUMNS = [
    "epoch",
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "learning_rate",
    "seconds",
]
SCRATCH = TrainConfig(
    mode="scratch",
    backbone="test_resnet",
    size_px=32,
    epochs=8,
    batch_size=10,
    learning_rate=3e-3,
)


def chance_bound(n: int, n_classes: int) -> float:
    """The accuracy that guessing reaches or exceeds once in a thousand times, by the binomial."""
    share, tail = 1 / n_classes, 0.0
    for right in range(n, -1, -1):
        tail += math.comb(n, right) * share**right * (1 - share) ** (n - right)
        if tail > 1e-3:
            return (right + 1) / n
    return 0.0


def photos_of(data: Dataset, split: str) -> Photos:
    return [(data.path(sample), sample.label) for sample in data.samples(split)]


def network(config: TrainConfig, seed: int = 0) -> Classifier:
    backbone = create_backbone(config.backbone, "none", size_px=config.size_px, seed=seed)
    torch.manual_seed(seed)
    return Classifier(backbone, 3)


def trained(model: Classifier, data: Dataset, config: TrainConfig) -> Outcome:
    return fit(
        model,
        photos_of(data, "train"),
        photos_of(data, "validation"),
        config,
        executor=LocalExecutor(workers=2),
        progress=QUIET,
    )


def numbers(outcome: Outcome, column: str) -> list[float]:
    return [float(str(row[column])) for row in outcome.history[1:]]


def accuracy_of_best(outcome: Outcome) -> float:
    return float(str(outcome.history[outcome.epoch]["validation_accuracy"]))


@pytest.fixture(scope="module")
def learned(drawn_dataset: Dataset) -> tuple[Classifier, Outcome]:
    model = network(SCRATCH)
    return model, trained(model, drawn_dataset, SCRATCH)


@pytest.fixture(scope="module")
def tuned(
    learned: tuple[Classifier, Outcome], drawn_dataset: Dataset
) -> tuple[dict[str, torch.Tensor], Classifier, Outcome]:
    """A network that is tuned further: what it began with, what it is, how it went."""
    config = TrainConfig(
        mode="finetune",
        backbone="test_resnet",
        weights="file:unused",
        size_px=32,
        epochs=2,
        batch_size=10,
        learning_rate=1e-3,
    )
    model = network(config)
    model.load_state_dict(learned[0].state_dict())
    with torch.no_grad():
        model.head.weight.mul_(0.3)  # less sure of itself, so that there is something to gain
    start = {key: value.clone() for key, value in model.state_dict().items()}
    return start, model, trained(model, drawn_dataset, config)


def test_scratch_learns_drawn_photos(learned: tuple[Classifier, Outcome]) -> None:
    assert accuracy_of_best(learned[1]) >= 0.9


def test_shuffled_labels_stay_at_chance(write_kinds: Callable[..., Path], tmp_path: Path) -> None:
    source = write_kinds(tmp_path / "source", shuffled=True)
    config = PrepareConfig(split=(0.5, 0.25, 0.25))
    data = prepare(source, tmp_path / "dataset", config=config)

    outcome = trained(network(SCRATCH), data, SCRATCH)

    assert accuracy_of_best(outcome) < chance_bound(30, 3) < 0.67


def test_loss_is_a_number_in_every_epoch(learned: tuple[Classifier, Outcome]) -> None:
    assert all(math.isfinite(loss) for loss in numbers(learned[1], "train_loss"))
    assert all(math.isfinite(loss) for loss in numbers(learned[1], "validation_loss"))


def test_history_has_a_row_per_epoch_and_one_for_the_start(
    learned: tuple[Classifier, Outcome],
) -> None:
    history = learned[1].history

    assert [row["epoch"] for row in history] == list(range(9))
    assert all(list(row) == COLUMNS for row in history)
    assert (history[0]["train_loss"], history[0]["train_accuracy"]) == (None, None)


def test_epoch_of_least_validation_loss_is_kept(
    learned: tuple[Classifier, Outcome], drawn_dataset: Dataset
) -> None:
    model, outcome = learned
    losses = [float(str(row["validation_loss"])) for row in outcome.history]
    assert outcome.epoch == losses.index(min(losses))
    assert outcome.validation_loss == min(losses)

    # Its weights are what the model holds: judged again, it has that very loss.
    again = trained(_copy(model), drawn_dataset, _still())

    assert float(str(again.history[0]["validation_loss"])) == pytest.approx(min(losses), rel=1e-5)


def _copy(model: Classifier) -> Classifier:
    twin = network(SCRATCH)
    twin.load_state_dict(model.state_dict())
    return twin


def _still() -> TrainConfig:
    """A recipe that moves nothing: no rate, no decay."""
    return TrainConfig(
        mode="finetune",
        backbone="test_resnet",
        weights="file:unused",
        size_px=32,
        epochs=1,
        batch_size=10,
        learning_rate=0.0,
        weight_decay=0.0,
    )


def test_start_is_kept_when_no_epoch_is_better(
    learned: tuple[Classifier, Outcome], drawn_dataset: Dataset
) -> None:
    model = _copy(learned[0])
    config = TrainConfig(
        mode="finetune",
        backbone="test_resnet",
        weights="file:unused",
        size_px=32,
        epochs=1,
        batch_size=10,
        learning_rate=0.3,  # so high that the epoch does harm
    )

    outcome = trained(model, drawn_dataset, config)

    assert numbers(outcome, "validation_loss")[0] > outcome.validation_loss
    assert outcome.epoch == 0
    for key, value in learned[0].state_dict().items():
        assert torch.equal(model.state_dict()[key], value), key


def test_finetune_lowers_the_loss(
    tuned: tuple[dict[str, torch.Tensor], Classifier, Outcome],
) -> None:
    outcome = tuned[2]

    assert outcome.epoch > 0
    assert outcome.validation_loss < float(str(outcome.history[0]["validation_loss"]))


def test_finetune_moves_every_layer_and_no_statistic_of_batch_norm(
    tuned: tuple[dict[str, torch.Tensor], Classifier, Outcome],
) -> None:
    start, model, _ = tuned

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


def test_same_seed_gives_the_same_weights_whatever_the_workers(drawn_dataset: Dataset) -> None:
    config = TrainConfig(
        mode="scratch", backbone="test_resnet", size_px=32, epochs=1, batch_size=20
    )
    states = []
    for workers in (1, 3):
        model = network(config)
        fit(
            model,
            photos_of(drawn_dataset, "train"),
            photos_of(drawn_dataset, "validation"),
            config,
            executor=LocalExecutor(workers=workers),
            progress=QUIET,
        )
        states.append(model.state_dict())

    for key, value in states[0].items():
        assert torch.equal(value, states[1][key]), key


def test_diverging_rate_is_said_with_a_lower_one(drawn_dataset: Dataset) -> None:
    config = TrainConfig(
        mode="scratch",
        backbone="test_resnet",
        size_px=32,
        epochs=2,
        batch_size=4,
        learning_rate=1e17,
    )

    with pytest.raises(UsageError) as caught:
        trained(network(config), drawn_dataset, config)

    assert caught.value.what in {
        f"Training diverged in epoch {epoch}: the loss is {loss}."
        for epoch in (1, 2)
        for loss in ("nan", "inf")
    }
    assert caught.value.fix == "Lower the rate, for example `--set learning_rate=1e+16`."


def test_last_batch_of_one_photo_is_no_obstacle(drawn_dataset: Dataset) -> None:
    # At 32 pixels the last map has one cell, and batch norm has no spread over a single value.
    config = TrainConfig(
        mode="scratch", backbone="test_resnet", size_px=32, epochs=1, batch_size=10
    )

    outcome = fit(
        network(config),
        photos_of(drawn_dataset, "train")[:21],
        photos_of(drawn_dataset, "validation"),
        config,
        executor=LocalExecutor(workers=2),
        progress=QUIET,
    )

    assert math.isfinite(outcome.validation_loss)


def rates(model: Classifier, config: TrainConfig) -> dict[str, float]:
    """The learning rate of each parameter."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found = {}
    for group in _groups(model, config):
        parameters, rate = group["params"], group["lr"]
        assert isinstance(parameters, list)
        for parameter in parameters:
            found[names[id(parameter)]] = float(str(rate))
    return found


def test_rates_fall_away_from_the_head_in_finetune() -> None:
    config = TrainConfig(
        mode="finetune", backbone="test_resnet", learning_rate=1.0, layer_decay=0.5
    )
    model = network(TrainConfig(mode="scratch", backbone="test_resnet", size_px=32))
    found = rates(model, config)
    stages = ["conv1.0.", "layer1.", "layer2.", "layer3.", "layer4."]
    ordered = [
        [rate for name, rate in found.items() if name.startswith(f"backbone.network.{stage}")]
        for stage in stages
    ]

    assert found.keys() == {name for name, _ in model.named_parameters()}
    assert found["head.weight"] == found["head.bias"] == 1.0
    for earlier, later in itertools.pairwise(ordered):
        assert max(earlier) < min(later)
    assert max(max(some) for some in ordered) <= 1.0


def test_rates_are_all_the_same_from_scratch() -> None:
    config = TrainConfig(mode="scratch", backbone="test_resnet", size_px=32, learning_rate=0.25)

    assert set(rates(network(config), config).values()) == {0.25}


def test_neither_head_nor_biases_nor_norms_decay() -> None:
    config = TrainConfig(mode="finetune", backbone="test_resnet", size_px=32, weight_decay=0.1)
    for group in _groups(network(config), config):
        parameters = group["params"]
        assert isinstance(parameters, list)
        if group["weight_decay"]:
            assert all(parameter.ndim > 1 for parameter in parameters)


def test_rate_rises_then_falls_to_nothing() -> None:
    factors = [_rate_factor(step, 100, 0.1) for step in range(101)]

    assert all(0 < factor < 1 for factor in factors[:10])
    assert factors[10] == max(factors) == 1.0
    assert factors[:11] == sorted(factors[:11])
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert factors[100] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(("steps", "warmup"), [(1, 0.0), (1, 0.9), (2, 0.5), (10, 0.0)])
def test_rate_is_never_nothing_where_a_step_is_taken(steps: int, warmup: float) -> None:
    assert all(0 < _rate_factor(step, steps, warmup) <= 1 for step in range(steps))


def test_batch_norms_of_the_test_network_are_real_ones() -> None:
    modules = list(network(SCRATCH).modules())

    assert any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in modules)
