"""A head of any kind learns from frozen features, keeps its best epoch and says where it failed."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from lineament.core.errors import UsageError
from lineament.core.progress import QUIET, Quiet
from lineament.models.heads import KINDS, Head
from lineament.training.head_on_features import LEAST_BATCH, fit_head_on_features
from lineament.training.recipe import OPTIMISERS, TrainConfig

Part = tuple[NDArray[np.float32], NDArray[np.int64]]
Fitted = tuple[Head, list[dict[str, object]], dict[str, object]]


def rings(n: int, *, seed: int = 0, n_classes: int = 3) -> Part:
    """Features like a network's: a direction per class, never negative, of different scales."""
    draw = np.random.default_rng(seed)
    centres = np.random.default_rng(99).uniform(0, 2, (n_classes, 24))
    labels = np.arange(n) % n_classes
    points = np.maximum(centres[labels] + draw.normal(0, 0.7, (n, 24)), 0)
    return (points * np.linspace(0.5, 4, 24)).astype(np.float32), labels.astype(np.int64)


def fitted(
    config: TrainConfig, train: Part | None = None, validation: Part | None = None
) -> Fitted:
    return fit_head_on_features(
        train or rings(300), validation or rings(90, seed=1), config, n_classes=3, progress=QUIET
    )


def answers(head: Head, features: NDArray[np.float32]) -> Tensor:
    with torch.no_grad():
        logits: Tensor = head(torch.from_numpy(features))
    return logits


def accuracy(head: Head, part: Part) -> float:
    return float((answers(head, part[0]).argmax(dim=1).numpy() == part[1]).mean())


def number(value: object) -> float:
    assert isinstance(value, int | float)
    return float(value)


@pytest.mark.parametrize("kind", KINDS)
def test_every_head_learns(kind: str) -> None:
    head, _, _ = fitted(TrainConfig(head=kind, hidden=32))

    assert head.kind == kind
    assert accuracy(head, rings(300, seed=2)) > 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_shuffled_labels_leave_it_at_chance(kind: str) -> None:
    features, labels = rings(300)
    shuffled = np.random.default_rng(5).permutation(labels)

    head, _, _ = fitted(TrainConfig(head=kind, hidden=32), (features, shuffled))

    # Guessing among three is right 140 times in 300 or more once in a million tries (binomial).
    assert accuracy(head, rings(300, seed=2)) < 140 / 300


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_every_optimiser_lowers_the_loss(optimiser: str) -> None:
    _, history, _ = fitted(TrainConfig(optimiser=optimiser, label_smoothing=0.1, epochs=5))

    assert number(history[-1]["train_loss"]) < number(history[0]["train_loss"])


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_scale_and_offset_of_a_feature_change_no_answer(kind: str) -> None:
    train, validation = rings(300), rings(90, seed=1)
    factor, offset = np.float32(64.0), np.float32(8.0)
    config = TrainConfig(head=kind, hidden=16, epochs=4)

    plain, _, _ = fitted(config, train, validation)
    moved, _, _ = fitted(
        config,
        (train[0] * factor + offset, train[1]),
        (validation[0] * factor + offset, validation[1]),
    )

    one, other = answers(plain, validation[0]), answers(moved, validation[0] * factor + offset)
    assert (one.softmax(dim=1) - other.softmax(dim=1)).abs().max() < 1e-3


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_constant_feature_gets_no_weight(kind: str) -> None:
    (features, labels), (others, truths) = rings(300), rings(90, seed=1)
    constant = np.full((len(features), 1), 7.0, np.float32)
    surprising = np.full((len(others), 1), 12.0, np.float32)
    config = TrainConfig(head=kind, hidden=16, epochs=3)

    head, _, _ = fitted(
        config, (np.hstack([features, constant]), labels), (np.hstack([others, surprising]), truths)
    )

    spec = head.spec()
    first = spec.weight if spec.hidden_weight is None else spec.hidden_weight
    assert np.abs(first[:, -1]).max() == 0


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_kept_is_the_epoch_of_least_validation_loss(kind: str) -> None:
    validation = rings(90, seed=1)
    # Fast enough to overfit, so that the best epoch is not the last.
    config = TrainConfig(head=kind, hidden=64, learning_rate=0.3, epochs=8, schedule="constant")

    head, history, chosen = fitted(config, rings(60), validation)

    losses = [number(row["validation_loss"]) for row in history]
    assert [row["epoch"] for row in history] == list(range(1, 9))
    assert chosen == {"epoch": losses.index(min(losses)) + 1, "validation_loss": min(losses)}
    own = torch.nn.functional.cross_entropy(
        answers(head, validation[0]), torch.from_numpy(validation[1])
    )
    assert float(own) == pytest.approx(min(losses), rel=1e-3, abs=1e-6)
    kept = history[losses.index(min(losses))]
    assert accuracy(head, validation) == pytest.approx(number(kept["validation_accuracy"]))


def test_patience_ends_it_after_so_many_epochs_without_a_lower_loss() -> None:
    features, labels = rings(60)
    wrong = np.random.default_rng(3).permutation(labels)  # validation can only get worse
    config = TrainConfig(label_smoothing=0.01, learning_rate=0.1, patience=2, epochs=20)

    _, history, chosen = fitted(config, (features, wrong))

    assert len(history) == number(chosen["epoch"]) + 2 < 20


def test_rate_follows_the_schedule() -> None:
    config = TrainConfig(dropout=0.1, schedule="step", step_epochs=2, rate_factor=0.5, epochs=6)

    _, history, _ = fitted(dataclasses.replace(config, warmup_fraction=0.0))

    rates = [number(row["learning_rate"]) for row in history]
    assert rates == pytest.approx([1e-2, 1e-2, 5e-3, 5e-3, 2.5e-3, 2.5e-3])


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_gives_the_same_head_bit_for_bit(kind: str) -> None:
    config = TrainConfig(head=kind, hidden=16, dropout=0.3, epochs=3, seed=4)

    torch.manual_seed(1)
    one, *first = fitted(config)
    torch.manual_seed(2)
    other, *second = fitted(config)
    third, *_ = fitted(dataclasses.replace(config, seed=5))

    assert first == second
    assert one.weight.detach().numpy().tobytes() == other.weight.detach().numpy().tobytes()
    assert not torch.equal(one.weight, third.weight)


def test_generator_of_torch_is_left_as_it_was() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)

    fitted(TrainConfig(head="mlp", dropout=0.5, epochs=1))

    assert torch.equal(torch.rand(3), expected)


def test_start_of_finetuning_has_epochs_and_rate_of_its_own() -> None:
    config = TrainConfig(head="mlp", hidden=16, dropout=0.2)
    tuning = dataclasses.replace(config, mode="finetune", epochs=1, learning_rate=1e-6)

    one, history, _ = fitted(config)
    other, tuned_history, _ = fitted(tuning)

    assert history == tuned_history
    assert torch.equal(one.weight, other.weight)


@pytest.mark.parametrize("imbalance", ["weights", "sampler"])
def test_rare_class_is_found_more_often_when_it_counts_as_much(imbalance: str) -> None:
    features, labels = rings(900)
    blurred = features + np.random.default_rng(1).normal(0, 6, features.shape).astype(np.float32)
    kept = (labels != 2) | (np.arange(900) % 30 == 2)
    others, truths = rings(300, seed=1)
    validation = (
        others + np.random.default_rng(2).normal(0, 6, others.shape).astype(np.float32),
        truths,
    )
    rare = validation[0][truths == 2]

    def found(how: str) -> int:
        config = TrainConfig(imbalance=how, dropout=0.01, epochs=10)
        head, _, _ = fitted(config, (blurred[kept], labels[kept]), validation)
        return int((answers(head, rare).argmax(dim=1) == 2).sum())

    assert found(imbalance) > found("none") + 10


@pytest.mark.parametrize(("batch_size", "steps"), [(32, 3), (LEAST_BATCH, 3), (400, 2)])
def test_batches_are_as_large_as_asked_for_but_not_small(batch_size: int, steps: int) -> None:
    class Ear(Quiet):
        total: int | None = 0

        def start(self, task: str, total: int | None) -> None:
            self.total = total

    ear = Ear()
    config = TrainConfig(dropout=0.1, epochs=2, batch_size=batch_size)
    fit_head_on_features(rings(600), rings(90, seed=1), config, n_classes=3, progress=ear)

    assert ear.total == 2 * steps


def test_thousands_of_classes_are_no_obstacle() -> None:
    n_classes = 2500
    draw = np.random.default_rng(0)
    centres = draw.normal(0, 1, (n_classes, 16)).astype(np.float32)
    labels = np.arange(2 * n_classes) % n_classes
    train = (centres[labels], labels)
    config = TrainConfig(head="cosface", epochs=8, learning_rate=0.05)

    head, history, _ = fit_head_on_features(
        train, (centres, labels[:n_classes]), config, n_classes=n_classes, progress=QUIET
    )

    assert head.weight.shape == (n_classes, 16)
    assert number(history[-1]["validation_accuracy"]) > 0.9


def test_divergence_is_named_with_its_place_and_the_way_out() -> None:
    config = TrainConfig(dropout=0.1, learning_rate=1e38, warmup_fraction=0.0, clip_norm=None)

    with pytest.raises(UsageError) as caught:
        fitted(config, rings(600))

    assert str(caught.value) == (
        "Training diverged in epoch 1, step 2, at a rate of 1e+38: the loss is nan.\n"
        "  at:  weight: its weights, by an earlier step\n"
        "  fix: Lower the rate, for example `--set learning_rate=1e+37`."
    )


def test_dropout_and_smoothing_make_it_less_sure() -> None:
    def loss(**settings: float) -> float:
        config = dataclasses.replace(TrainConfig(head="mlp", epochs=10), **settings)  # type: ignore[arg-type]
        return number(fitted(config)[1][-1]["train_loss"])

    assert loss() < loss(dropout=0.5)
    assert loss() < loss(label_smoothing=0.2)
    assert math.isfinite(loss())
