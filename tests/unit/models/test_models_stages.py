"""Stages name every parameter once, from the input to the output."""

import pytest
import timm
import torch
from torch import nn

from lineament.models.backbones import create_backbone
from lineament.models.stages import stages_of

NAMES = [
    "custom_cnn", "sface", "resnet18", "efficientnet_lite0", "vgg16", "test_resnet",
    "test_convnext", "test_vit", "test_mambaout", "test_byobnet", "test_efficientnet",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_stages_name_every_parameter_exactly_once(name: str) -> None:
    backbone = create_backbone(name, "none")

    listed = [parameter for stage in backbone.stages() for parameter in stage]

    assert sorted(listed) == sorted(
        parameter for parameter, _ in backbone.network.named_parameters()
    )
    assert len(set(listed)) == len(listed)


@pytest.mark.parametrize(
    ("name", "starts"),
    [
        ("resnet18", ["conv1", "layer1", "layer2", "layer3", "layer4"]),
        ("custom_cnn", ["blocks.0", "blocks.1", "blocks.2", "blocks.3"]),
        ("test_convnext", ["stem.0", "stages.0", "stages.1", "stages.2", "stages.3"]),
        ("vgg16", [f"features.{place}." for place in (0, 5, 10, 17, 24)]),
        ("sface", [*(f"steps.{step}." for step in (0, 2, 4, 6, 12)), "norm"]),
    ],
)
def test_stages_go_from_the_input_to_the_output(name: str, starts: list[str]) -> None:
    stages = create_backbone(name, "none").stages()

    assert len(stages) == len(starts)
    assert all(stage[0].startswith(start) for stage, start in zip(stages, starts, strict=True))


@pytest.mark.parametrize("name", ["test_convnext", "test_mambaout", "custom_cnn", "test_resnet"])
def test_last_stage_learns(name: str) -> None:
    backbone = create_backbone(name, "none", size_px=64).train()
    size = backbone.preprocessing.size_px

    backbone(torch.randn(2, 3, size, size)).square().mean().backward()

    parameters = dict(backbone.network.named_parameters())
    assert any(parameters[each].grad is not None for each in backbone.stages()[-1])


def test_network_that_groups_nothing_has_a_stage_per_member() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, 1))

    assert stages_of(network) == (("0.weight", "0.bias"), ("2.weight", "2.bias"))


def test_timms_norms_of_a_head_that_is_not_there_join_the_last_stage() -> None:
    network = timm.create_model("test_convnext", pretrained=False, num_classes=0)

    assert {"head.norm.weight", "head.norm.bias"} < set(stages_of(network)[-1])
