"""Optimisers: every parameter of a model in a group with its own full rate and weight decay."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

from timm.optim import param_groups_layer_decay
from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from lineament.models.classifier import Classifier
from lineament.models.heads import CosineHead, Head
from lineament.training.recipe import TrainConfig

Group = dict[str, object]


def make_optimiser(model: Classifier, config: TrainConfig) -> Optimizer:
    """Make the recipe's optimiser over all parameters, those that are frozen now included.

    A frozen parameter has no gradient, and torch leaves it alone: no step, no weight decay, no
    memory for moments until it learns. The head has the full rate; in `finetune` each layer of the
    backbone further from it has `layer_decay` times the rate of the next (Clark et al. 2020), in
    timm's order of layers. Weight decay is for matrices and filters, the head's included; not for
    biases, norms, slopes of PReLU, what the network exempts itself, and the class weights of
    cosine heads, whose length changes no answer.

    `adamw` decays the weights themselves (Loshchilov & Hutter 2019); `adam` and `sgd` add the
    decay to the gradient.

    Args:
        model: The classifier, on the device where it will train.
        config: The recipe.

    Returns:
        The optimiser. Each group carries its full rate as ``rate`` beside torch's ``lr``, and the
        head's groups come last.
    """
    return optimiser_over(
        [*_backbone_groups(model.backbone.network, config), *_head_groups(model.head, config)],
        config,
    )


def optimiser_over(groups: Sequence[Group], config: TrainConfig) -> Optimizer:
    """Make the recipe's optimiser over groups, each as `group` makes it."""
    # torch's fused steps are the fastest (resnet18 on one core: AdamW 6 ms, its loop 43, foreach
    # 40) and give the same bits with any number of threads.
    if config.optimiser == "sgd":
        momentum = config.momentum
        return SGD(list(groups), momentum=momentum, nesterov=momentum > 0, fused=True)
    kind = AdamW if config.optimiser == "adamw" else Adam
    return kind(list(groups), fused=True)


def group(parameters: Sequence[nn.Parameter], rate: float, *, weight_decay: float) -> Group:
    """Make a group of parameters.

    Args:
        parameters: Its members.
        rate: Their full rate, which `set_rates` takes a part of.
        weight_decay: The optimiser's, of these.
    """
    return {"params": list(parameters), "lr": rate, "rate": rate, "weight_decay": weight_decay}


def set_rates(optimiser: Optimizer, factor: float) -> None:
    """Set every group's rate to this part of its full rate.

    Args:
        optimiser: From `make_optimiser`.
        factor: As a `Schedule` gives it.
    """
    for each in optimiser.param_groups:
        each["lr"] = each["rate"] * factor


def _backbone_groups(network: nn.Module, config: TrainConfig) -> list[Group]:
    rate = config.resolved_rate
    stated = cast(Any, network)  # timm's interface is not in nn.Module's type
    exempt = stated.no_weight_decay() if hasattr(network, "no_weight_decay") else ()
    with _all_learn(network):  # timm leaves out what is frozen
        decayed = param_groups_layer_decay(
            network,
            weight_decay=config.weight_decay,
            no_weight_decay_list=tuple(exempt),
            layer_decay=config.layer_decay if config.mode == "finetune" else 1.0,
        )
    return [
        group(each["params"], rate * each["lr_scale"], weight_decay=each["weight_decay"])
        for each in decayed
    ]


def _head_groups(head: Head, config: TrainConfig) -> list[Group]:
    decay = 0.0 if isinstance(head, CosineHead) else config.weight_decay
    parameters = list(head.parameters())
    matrices = [parameter for parameter in parameters if parameter.ndim > 1]
    vectors = [parameter for parameter in parameters if parameter.ndim <= 1]
    return [
        group(members, config.resolved_rate, weight_decay=weight_decay)
        for members, weight_decay in ((vectors, 0.0), (matrices, decay))
        if members
    ]


@contextmanager
def _all_learn(network: nn.Module) -> Iterator[None]:
    before = [(parameter, parameter.requires_grad) for parameter in network.parameters()]
    network.requires_grad_(True)
    try:
        yield
    finally:
        for parameter, learned in before:
            parameter.requires_grad_(learned)
