"""Every parameter has its rate and decay, learns with every optimiser, and stands still frozen."""

import copy
from typing import cast

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from lineament.models.backbones import create_backbone
from lineament.models.classifier import Classifier
from lineament.models.custom_cnn import CustomCnn
from lineament.models.heads import create_head
from lineament.training.optimisation.optimisers import make_optimiser, set_rates
from lineament.training.recipe import HEADS, OPTIMISERS, TrainConfig


def network(head: str = "linear", backbone: str = "custom_cnn") -> Classifier:
    widths = (4, 8, 16) if backbone == "custom_cnn" else None
    made = create_backbone(backbone, "none", size_px=32, widths=widths)
    return Classifier(made, create_head(head, made.n_features, 3, hidden=8))


def blocks(model: Classifier) -> nn.Sequential:
    assert isinstance(model.backbone.network, CustomCnn)
    return model.backbone.network.blocks


def stem_of(model: Classifier) -> Tensor:
    """The first filters."""
    return next(model.backbone.parameters())


def of_name(model: Classifier, optimiser: Optimizer, what: str) -> dict[str, float]:
    """A setting of every parameter, by name."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {
        names[id(parameter)]: group[what]
        for group in optimiser.param_groups
        for parameter in group["params"]
    }


def learned(model: Classifier, optimiser: Optimizer, steps: int = 12) -> tuple[float, float]:
    """Loss before and after some steps on the same photos."""
    pixels = torch.randn(6, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    losses = []
    for _ in range(steps):
        loss = functional.cross_entropy(model(pixels), torch.arange(6) % 3)
        losses.append(loss.item())
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
    return losses[0], losses[-1]


@pytest.mark.parametrize("backbone", ["custom_cnn", "test_resnet", "test_vit"])
def test_every_parameter_is_in_exactly_one_group(backbone: str) -> None:
    size = 160 if backbone == "test_vit" else 32
    made = create_backbone(backbone, "none", size_px=size)
    model = Classifier(made, create_head("mlp", made.n_features, 3))
    optimiser = make_optimiser(model, TrainConfig(mode="finetune"))
    members = [id(each) for group in optimiser.param_groups for each in group["params"]]

    assert sorted(members) == sorted(id(each) for each in model.parameters())


def test_rate_falls_from_the_head_to_the_first_layer() -> None:
    model = network()
    config = TrainConfig(mode="finetune", learning_rate=1.0, layer_decay=0.5)
    rates = of_name(model, make_optimiser(model, config), "rate")

    assert [rates[f"backbone.network.blocks.{block}.0.weight"] for block in range(3)] == [
        0.25,
        0.5,
        1.0,
    ]
    assert rates["head.weight"] == rates["head.bias"] == 1.0


def test_from_scratch_all_layers_have_the_full_rate() -> None:
    model = network()
    config = TrainConfig(mode="scratch", layer_decay=0.5)

    assert set(of_name(model, make_optimiser(model, config), "lr").values()) == {1e-3}


@pytest.mark.parametrize("head", HEADS)
def test_only_matrices_decay_and_class_directions_do_not(head: str) -> None:
    model = network(head)
    decays = of_name(model, make_optimiser(model, TrainConfig(weight_decay=0.3)), "weight_decay")
    decayed = {name for name, decay in decays.items() if decay == 0.3}
    exempt = {"head.weight"} if head in ("cosface", "arcface") else set()

    assert decayed == {n for n, each in model.named_parameters() if each.ndim > 1} - exempt
    assert {decays[name] for name in decays.keys() - decayed} == {0.0}


def test_what_a_network_exempts_does_not_decay() -> None:
    made = create_backbone("test_vit", "none")
    model = Classifier(made, create_head("linear", made.n_features, 3))
    decays = of_name(model, make_optimiser(model, TrainConfig()), "weight_decay")

    assert decays["backbone.network.pos_embed"] == 0.0


def test_slope_of_prelu_does_not_decay() -> None:
    model = network()
    cast(nn.Sequential, blocks(model)[0])[2] = nn.PReLU(4)
    decays = of_name(model, make_optimiser(model, TrainConfig()), "weight_decay")

    assert decays["backbone.network.blocks.0.2.weight"] == 0.0


@pytest.mark.parametrize("name", OPTIMISERS)
def test_optimiser_lowers_the_loss(name: str) -> None:
    model = network()
    config = TrainConfig(mode="scratch", optimiser=name, learning_rate=0.02)
    before, after = learned(model, make_optimiser(model, config))

    assert after < 0.7 * before


def test_sgd_can_do_without_momentum() -> None:
    model = network()
    config = TrainConfig(mode="scratch", optimiser="sgd", momentum=0.0, learning_rate=0.05)
    before, after = learned(model, make_optimiser(model, config))

    assert after < before


@pytest.mark.parametrize("name", OPTIMISERS)
def test_frozen_parameter_does_not_move_and_gets_no_moments(name: str) -> None:
    model = network()
    stem = stem_of(model)
    config = TrainConfig(mode="scratch", optimiser=name, learning_rate=0.01, weight_decay=0.5)
    optimiser = make_optimiser(model, config)
    stem.requires_grad_(False)
    before = stem.detach().clone()
    learned(model, optimiser, steps=3)

    assert torch.equal(stem, before)
    assert stem not in optimiser.state


def test_parameter_that_is_frozen_at_the_start_learns_once_it_is_not() -> None:
    model = network()
    model.backbone.requires_grad_(False)
    optimiser = make_optimiser(model, TrainConfig(mode="scratch", learning_rate=0.01))
    assert not any(each.requires_grad for each in model.backbone.parameters())
    learned(model, optimiser, steps=1)
    model.backbone.requires_grad_(True)
    before = stem_of(model).detach().clone()
    learned(model, optimiser, steps=1)

    assert not torch.equal(stem_of(model), before)


@given(factors=st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_rates_are_always_a_part_of_the_full_ones(factors: list[float]) -> None:
    weight = nn.Parameter(torch.zeros(1))
    groups = [{"params": [weight], "lr": 0.3, "rate": 0.3}]
    optimiser = torch.optim.SGD(groups)
    for factor in factors:
        set_rates(optimiser, factor)

    assert optimiser.param_groups[0]["lr"] == 0.3 * factors[-1]


@pytest.mark.parametrize("name", OPTIMISERS)
def test_restored_optimiser_steps_to_the_same_bits(name: str) -> None:
    config = TrainConfig(mode="scratch", optimiser=name, learning_rate=0.01)
    model = network()
    optimiser = make_optimiser(model, config)
    set_rates(optimiser, 0.5)
    learned(model, optimiser, steps=2)
    other = network()
    other.load_state_dict(model.state_dict())
    resumed = make_optimiser(other, config)
    resumed.load_state_dict(copy.deepcopy(optimiser.state_dict()))
    learned(model, optimiser, steps=2)
    learned(other, resumed, steps=2)

    pairs = zip(model.parameters(), other.parameters(), strict=True)
    assert all(torch.equal(one, two) for one, two in pairs)
    assert resumed.param_groups[-1]["rate"] == 0.01


@pytest.mark.parametrize("name", OPTIMISERS)
def test_number_of_threads_changes_no_bit(name: str) -> None:
    def after(threads: int) -> Tensor:
        usual = torch.get_num_threads()
        weight = nn.Parameter(torch.linspace(-1, 1, 200_003))
        model = network()
        model.head.weight = weight
        optimiser = make_optimiser(model, TrainConfig(optimiser=name, learning_rate=0.01))
        torch.set_num_threads(threads)
        try:
            for _ in range(3):
                weight.grad = torch.sin(weight.detach() * 9)
                optimiser.step()
        finally:
            torch.set_num_threads(usual)
        return weight.detach()

    assert torch.equal(after(1), after(2))
