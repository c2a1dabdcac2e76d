"""A loss is the formula it names, and parts of a batch add up to the whole."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from lineament.training.optimisation.losses import class_weights, make_loss
from lineament.training.recipe import IMBALANCES, TrainConfig

EVEN = np.array([5, 5, 5])
COUNTS = np.array([10, 4, 1])


def answers(n: int = 6, *, seed: int = 0) -> Tensor:
    return torch.randn(n, 3, generator=torch.Generator().manual_seed(seed)) * 3


def labels(n: int = 6) -> Tensor:
    return torch.arange(n) % 3


def cost(config: TrainConfig, logits: Tensor, targets: Tensor, counts: NDArray[np.int64]) -> float:
    return make_loss(config, counts)(logits, targets).item()


def test_plain_loss_is_the_cross_entropy() -> None:
    expected = functional.cross_entropy(answers(), labels()).item()

    assert cost(TrainConfig(), answers(), labels(), EVEN) == pytest.approx(expected, abs=1e-7)


def test_bfloat16_answers_are_judged_in_float32() -> None:
    answered = make_loss(TrainConfig(), EVEN)(answers().bfloat16(), labels())

    assert answered.dtype == torch.float32
    assert answered == functional.cross_entropy(answers().bfloat16().float(), labels())


def test_smoothing_gives_its_part_to_all_classes() -> None:
    config = TrainConfig(label_smoothing=0.3)
    # a target of 0.8, 0.1, 0.1 against probabilities of 1/2, 1/4, 1/4
    logits = torch.log(torch.tensor([[0.5, 0.25, 0.25]]))
    expected = 0.8 * math.log(2) + 0.2 * math.log(4)

    assert cost(config, logits, torch.tensor([0]), EVEN) == pytest.approx(expected, abs=1e-6)


def test_rare_classes_weigh_more_by_their_count() -> None:
    config = TrainConfig(imbalance="weights")
    of_each = functional.cross_entropy(answers(), labels(), reduction="none")
    weights = torch.tensor([15 / (3 * 10), 15 / (3 * 4), 15 / (3 * 1)])
    expected = (of_each * weights[labels()]).sum() / 6

    assert cost(config, answers(), labels(), COUNTS) == pytest.approx(expected.item(), rel=1e-6)


def test_class_without_photos_weighs_nothing() -> None:
    assert class_weights(np.array([3, 0, 1])).tolist() == pytest.approx([4 / 6, 0.0, 2.0])


@given(counts=st.lists(st.integers(0, 1000), min_size=1, max_size=20).filter(any))
def test_weights_are_1_in_the_mean_over_photos(counts: list[int]) -> None:
    weights = class_weights(np.array(counts))

    assert float((weights * counts).sum() / sum(counts)) == pytest.approx(1, rel=1e-5)


def test_focal_loss_is_the_papers_formula() -> None:
    config = TrainConfig(imbalance="focal", focal_gamma=2.0)
    logits = torch.log(torch.tensor([[0.9, 0.05, 0.05], [0.2, 0.5, 0.3]]))
    expected = (0.1**2 * -math.log(0.9) + 0.8**2 * -math.log(0.2)) / 2

    answered = cost(config, logits, torch.tensor([0, 0]), EVEN)

    assert answered == pytest.approx(expected, rel=1e-5)


def test_focal_loss_without_gamma_is_the_cross_entropy() -> None:
    plain = TrainConfig(label_smoothing=0.1)
    focal = TrainConfig(label_smoothing=0.1, imbalance="focal", focal_gamma=0.0)

    assert cost(focal, answers(), labels(), EVEN) == pytest.approx(
        cost(plain, answers(), labels(), EVEN), rel=1e-6
    )


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_focal_gradient_is_finite_for_certain_answers(gamma: float) -> None:
    logits = torch.tensor([[200.0, 0.0, -200.0], [0.0, 0.0, 0.0]], requires_grad=True)
    config = TrainConfig(imbalance="focal", focal_gamma=gamma)

    torch.autograd.backward(make_loss(config, EVEN)(logits, torch.tensor([0, 2])))

    assert logits.grad is not None
    assert bool(torch.isfinite(logits.grad).all())


@pytest.mark.parametrize("imbalance", IMBALANCES)
def test_soft_target_with_one_class_costs_what_the_label_does(imbalance: str) -> None:
    config = TrainConfig(imbalance=imbalance, label_smoothing=0.1)
    soft = functional.one_hot(labels(), 3).float()

    assert cost(config, answers(), soft, COUNTS) == pytest.approx(
        cost(config, answers(), labels(), COUNTS), rel=1e-6
    )


@pytest.mark.parametrize("imbalance", IMBALANCES)
def test_mixed_target_of_plain_and_focal_costs_the_mix(imbalance: str) -> None:
    config = TrainConfig(imbalance=imbalance)
    both = [functional.one_hot(torch.full((1,), label), 3).float() for label in (0, 2)]
    logits = answers(1)
    mixed = cost(config, logits, 0.3 * both[0] + 0.7 * both[1], EVEN)

    assert mixed == pytest.approx(
        0.3 * cost(config, logits, both[0], EVEN) + 0.7 * cost(config, logits, both[1], EVEN),
        rel=1e-5,
    )


@pytest.mark.parametrize("imbalance", IMBALANCES)
@given(cut=st.integers(1, 11), soft=st.booleans(), seed=st.integers(0, 99))
def test_parts_by_their_size_add_up_to_the_whole(
    imbalance: str, cut: int, soft: bool, seed: int
) -> None:
    config = TrainConfig(imbalance=imbalance, label_smoothing=0.1)
    loss = make_loss(config, COUNTS)
    logits = answers(12, seed=seed).double().float().requires_grad_()
    targets = answers(12, seed=seed + 1).softmax(dim=1) if soft else labels(12)
    (whole,) = torch.autograd.grad(loss(logits, targets), logits)
    first = loss(logits[:cut], targets[:cut]) * (cut / 12)
    second = loss(logits[cut:], targets[cut:]) * ((12 - cut) / 12)
    (parts,) = torch.autograd.grad(first + second, logits)

    assert (first + second).item() == pytest.approx(loss(logits, targets).item(), rel=1e-5)
    torch.testing.assert_close(parts, whole, rtol=1e-5, atol=1e-7)
