"""Stages: the parts of a network, from its input to its output, that are frozen or trained."""

from collections.abc import Callable, Sequence
from typing import Any, cast

from timm.models import group_parameters
from timm.models.vgg import VGG
from torch import nn

from lineament.models.files import HEAD_PREFIXES

Stages = tuple[tuple[str, ...], ...]


def stages_of(network: nn.Module) -> Stages:
    """Name a network's parameters stage by stage.

    A stage is what timm groups as one (a ResNet's layer, an EfficientNet's row of blocks), for VGG
    the convolutions between two poolings. The norms of a head that is not there join the last one.

    Args:
        network: One of timm's, or one that has its `group_matcher`.

    Returns:
        Names of parameters, each exactly once.

    Example:
        >>> from lineament.models.custom_cnn import CustomCnn
        >>> [stage[0] for stage in stages_of(CustomCnn((8, 16)))]
        ['blocks.0.0.weight', 'blocks.1.0.weight']
    """
    names = [name for name, _ in network.named_parameters()]
    if isinstance(network, VGG):
        return _between_poolings(network, names)
    matcher = getattr(network, "group_matcher", None)
    if matcher is None:
        return _by_child(names)
    return _headless(_by_matcher(network, matcher))


def _by_matcher(network: nn.Module, matcher: Callable[..., object]) -> Sequence[tuple[str, ...]]:
    groups = cast(Any, group_parameters)(network, matcher(coarse=True))
    return [tuple(groups[key]) for key in sorted(groups)]


def _headless(groups: Sequence[tuple[str, ...]]) -> Stages:
    stages: list[tuple[str, ...]] = []
    for group in groups:
        if stages and all(name.startswith(HEAD_PREFIXES) for name in group):
            stages[-1] += group
        else:
            stages.append(group)
    return tuple(stages)


def _between_poolings(network: VGG, names: Sequence[str]) -> Stages:
    poolings = [
        index for index, layer in enumerate(network.features) if isinstance(layer, nn.MaxPool2d)
    ]
    stages: list[list[str]] = [[] for _ in poolings]
    for name in names:
        index = int(name.split(".")[1]) if name.startswith("features.") else -1
        stages[sum(pooling < index for pooling in poolings)].append(name)
    return tuple(map(tuple, stages))


def _by_child(names: Sequence[str]) -> Stages:
    """Without further knowledge, each of the network's own members is a stage."""
    children: dict[str, list[str]] = {}
    for name in names:
        children.setdefault(name.split(".")[0], []).append(name)
    return tuple(map(tuple, children.values()))
