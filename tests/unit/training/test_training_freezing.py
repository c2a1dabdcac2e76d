"""What a recipe freezes stands still wholly; what it lets learn, learns from its epoch on."""

from typing import cast

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from lineament.core.errors import UsageError
from lineament.models.backbones import create_backbone
from lineament.models.classifier import Classifier
from lineament.models.custom_cnn import CustomCnn
from lineament.models.heads import create_head
from lineament.training.optimisation.freezing import Freezing, Trainable, checked_trainable
from lineament.training.optimisation.optimisers import make_optimiser
from lineament.training.recipe import TrainConfig


def network(widths: tuple[int, ...] = (4, 8, 16)) -> Classifier:
    backbone = create_backbone("custom_cnn", "none", size_px=32, widths=widths)
    return Classifier(backbone, create_head("linear", widths[-1], 3, dropout=0.5))


def blocks(model: Classifier) -> nn.Sequential:
    assert isinstance(model.backbone.network, CustomCnn)
    return model.backbone.network.blocks


def recipe(trainable: str, *, freeze_batch_norm: bool | None = None) -> TrainConfig:
    return TrainConfig(
        mode="finetune",
        backbone="custom_cnn",
        trainable=trainable,
        freeze_batch_norm=freeze_batch_norm,
    )


def learning(model: Classifier) -> list[bool]:
    """Of each block whether it learns; a block that half learns fails."""
    found = []
    for block in blocks(model):
        flags = {each.requires_grad for each in block.parameters()}
        assert len(flags) == 1
        found.append(flags.pop())
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("all", [True, True, True]),
        ("head", [False, False, False]),
        ("last:1", [False, False, True]),
        ("last:3", [True, True, True]),
        ("gradual:2", [False, False, False]),
    ],
)
def test_first_epoch_trains_what_the_recipe_names(text: str, expected: list[bool]) -> None:
    model = network()
    Freezing(model, recipe(text)).begin(1)

    assert learning(model) == expected
    assert all(each.requires_grad for each in model.head.parameters())


def test_gradual_adds_a_stage_every_so_many_epochs() -> None:
    model = network()
    freezing = Freezing(model, recipe("gradual:2"))
    stages = []
    for epoch in range(1, 10):
        freezing.begin(epoch)
        stages.append(sum(learning(model)))

    assert stages == [0, 0, 1, 1, 2, 2, 3, 3, 3]


def test_begin_says_whether_anything_changed() -> None:
    freezing = Freezing(network(), recipe("gradual:2"))

    assert [freezing.begin(epoch) for epoch in range(1, 6)] == [True, False, True, False, True]


def test_training_all_layers_changes_nothing() -> None:
    assert not Freezing(network(), recipe("all")).begin(1)


def test_epoch_of_a_resumed_run_needs_none_before_it() -> None:
    one, other = network(), network()
    Freezing(one, recipe("gradual:1")).begin(3)
    freezing = Freezing(other, recipe("gradual:1"))
    for epoch in (1, 2, 3):
        freezing.begin(epoch)

    assert learning(one) == learning(other)


def test_gradient_of_what_stops_learning_is_dropped() -> None:
    model = network()
    torch.autograd.backward(model(torch.zeros(2, 3, 32, 32)).sum())
    Freezing(model, recipe("head")).begin(1)

    assert [each.grad for each in model.backbone.parameters()] == [None] * 9
    assert model.head.weight.grad is not None


def test_only_what_learns_is_changed_by_steps_with_weight_decay() -> None:
    model = network()
    config = recipe("last:1")
    optimiser = make_optimiser(model, config)
    freezing = Freezing(model, config)
    freezing.begin(1)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for _ in range(2):
        model.train()
        freezing.hold(model)
        pixels = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
        loss = functional.cross_entropy(model(pixels), torch.tensor([0, 1, 2, 0]))
        torch.autograd.backward(loss)
        optimiser.step()
        optimiser.zero_grad()
    changed = {n for n, tensor in model.state_dict().items() if not torch.equal(tensor, before[n])}

    assert changed == {
        "backbone.network.blocks.2.0.weight",
        "backbone.network.blocks.2.1.weight",
        "backbone.network.blocks.2.1.bias",
        "head.weight",
        "head.bias",
    }


def in_training(model: Classifier) -> list[bool]:
    """Of each batch norm whether it is in training mode."""
    return [each.training for each in model.modules() if isinstance(each, nn.BatchNorm2d)]


@pytest.mark.parametrize(
    ("freeze_batch_norm", "expected"),
    [(None, [False, False, False]), (True, [False] * 3), (False, [False, True, True])],
)
def test_batch_norm_is_held_where_asked_and_where_frozen(
    freeze_batch_norm: bool | None, expected: list[bool]
) -> None:
    model = network()
    freezing = Freezing(model, recipe("last:2", freeze_batch_norm=freeze_batch_norm))
    freezing.begin(1)
    freezing.hold(model.train())

    assert in_training(model) == expected


def test_dropout_in_a_frozen_stage_is_held_and_that_of_the_head_is_not() -> None:
    model = network()
    dropouts = [nn.Dropout(0.5), nn.Dropout(0.5)]
    for block, dropout in zip((0, 2), dropouts, strict=True):
        cast(nn.Sequential, blocks(model)[block]).append(dropout)
    freezing = Freezing(model, recipe("last:1"))
    freezing.begin(1)
    freezing.hold(model.train())

    assert [each.training for each in dropouts] == [False, True]
    assert model.training
    assert model.head.dropout.training


def test_backbone_that_is_wholly_frozen_answers_as_in_evaluation() -> None:
    model = network()
    freezing = Freezing(model, recipe("head", freeze_batch_norm=False))
    freezing.begin(1)
    freezing.hold(model.train())

    assert not any(module.training for module in model.backbone.modules())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("all", "training all 3 stages and the head: 1.7 thousand parameters"),
        ("last:1", "training 1 of 3 stages and the head: 1.2 of 1.7 thousand parameters"),
        ("head", "training the head alone: 0.051 of 1.7 thousand parameters"),
    ],
)
def test_description_counts_stages_and_parameters(text: str, expected: str) -> None:
    freezing = Freezing(network(), recipe(text))
    freezing.begin(1)

    assert freezing.described() == expected


def test_large_networks_are_counted_in_millions() -> None:
    freezing = Freezing(network((64, 256, 512)), recipe("last:1"))
    freezing.begin(1)

    assert freezing.described() == (
        "training 1 of 3 stages and the head: 1.2 of 1.3 million parameters"
    )


def test_more_stages_than_there_are_is_refused_with_their_number() -> None:
    with pytest.raises(UsageError) as caught:
        Freezing(network(), recipe("last:4"))

    assert str(caught.value) == (
        "`trainable=last:4`: custom_cnn has 3 stages.\n"
        "  fix: Name as many or fewer, or write `--set trainable=all`."
    )


@pytest.mark.parametrize(
    "text", ["", "last", "last:", "last:0", "last:-1", "last:1.5", "gradual", "all:1", "head:", "²"]
)
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        checked_trainable(text)

    assert str(caught.value) == (
        f"`trainable` must be all, head, last:N or gradual:N with N of 1 or more, got {text!r}.\n"
        "  fix: Write for example `--set trainable=last:2`, or leave it out to train all layers."
    )


def test_misspelt_policy_gets_a_suggestion() -> None:
    with pytest.raises(UsageError, match=r"got 'lats:2'\. Did you mean `last`\?"):
        checked_trainable("lats:2")


def test_from_scratch_nothing_can_be_frozen() -> None:
    with pytest.raises(UsageError) as caught:
        checked_trainable("last:2", mode="scratch")

    assert str(caught.value) == (
        "`trainable=last:2` would leave layers as they were drawn at random, because `mode` is "
        "scratch.\n"
        "  fix: Leave `trainable` out, or use `--mode finetune`."
    )


@given(
    policy=st.sampled_from(["last", "gradual"]),
    number=st.integers(1, 99),
    epoch=st.integers(1, 300),
    available=st.integers(1, 40),
)
def test_stages_are_read_back_and_never_fall(
    policy: str, number: int, epoch: int, available: int
) -> None:
    trainable = checked_trainable(f"{policy}:{number}")

    assert trainable == Trainable(policy=policy, number=number)
    now, later = (trainable.stages(each, available=available) for each in (epoch, epoch + 1))
    assert 0 <= now <= later
