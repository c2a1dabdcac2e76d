"""Freezing: which stages of the backbone learn in which epoch, and what stands still with them."""

import dataclasses
import re

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from lineament.core.errors import UsageError
from lineament.core.suggest import did_you_mean
from lineament.models.backbones import Backbone
from lineament.models.classifier import Classifier
from lineament.training.recipe import TrainConfig

POLICIES = ("all", "head", "last", "gradual")
NUMBERED = ("last", "gradual")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trainable:
    """A recipe's `trainable`, read.

    Attributes:
        policy: ``all``, ``head``, ``last`` or ``gradual``.
        number: Of stages for ``last``, of epochs for ``gradual``; else 0.
    """

    policy: str
    number: int = 0

    def stages(self, epoch: int, *, available: int) -> int:
        """How many stages learn in an epoch, counted from the head.

        Args:
            epoch: From 1.
            available: How many stages the backbone has.
        """
        if self.policy == "all":
            return available
        if self.policy == "last":
            return self.number
        if self.policy == "gradual":
            return min(available, (epoch - 1) // self.number)
        return 0


def checked_trainable(text: str, *, mode: str = "finetune") -> Trainable:
    """Read what a recipe says of `trainable`.

    Args:
        text: ``all``; ``head``; ``last:N``, the N stages next to the head; ``gradual:N``, the head
            alone for N epochs and then one stage more every N epochs.
        mode: The recipe's mode.

    Raises:
        UsageError: It is none of these, or the mode is `scratch` and it is not ``all``.

    Example:
        >>> checked_trainable("last:2")
        Trainable(policy='last', number=2)
    """
    policy, colon, number = text.partition(":")
    numbered = policy in NUMBERED
    if (
        policy not in POLICIES
        or numbered != bool(colon)
        or (numbered and not re.fullmatch(r"[1-9][0-9]{0,5}", number))
    ):
        hint = "" if policy in POLICIES else did_you_mean(policy, POLICIES)
        raise UsageError(
            f"`trainable` must be all, head, last:N or gradual:N with N of 1 or more, got {text!r}."
            f"{hint}",
            fix="Write for example `--set trainable=last:2`, or leave it out to train all layers.",
        )
    if mode == "scratch" and policy != "all":
        raise UsageError(
            f"`trainable={text}` would leave layers as they were drawn at random, "
            "because `mode` is scratch.",
            fix="Leave `trainable` out, or use `--mode finetune`.",
        )
    return Trainable(policy=policy, number=int(number) if numbered else 0)


def checked_stages(config: TrainConfig, backbone: Backbone) -> Trainable:
    """Read a recipe's `trainable` and hold it against the stages of the recipe's backbone.

    Raises:
        UsageError: It cannot be read, or names more stages than there are.
    """
    trainable = checked_trainable(config.trainable, mode=config.mode)
    available = len(backbone.stages())
    if trainable.policy == "last" and trainable.number > available:
        raise UsageError(
            f"`trainable={config.trainable}`: {config.backbone} has {_stages(available)}.",
            fix="Name as many or fewer, or write `--set trainable=all`.",
        )
    return trainable


class Freezing:
    """Which parameters learn, epoch by epoch; the head's always do.

    Args:
        model: The classifier.
        config: The recipe.

    Raises:
        UsageError: `trainable` cannot be read, or names more stages than the backbone has.
    """

    def __init__(self, model: Classifier, config: TrainConfig) -> None:
        self._trainable = checked_stages(config, model.backbone)
        self._holds_batch_norm = config.holds_batch_norm
        self._model = model
        network: nn.Module = model.backbone.network
        parameters = dict(network.named_parameters())
        self._stages = [[parameters[name] for name in names] for names in model.backbone.stages()]
        self._learning = len(self._stages)

    def begin(self, epoch: int) -> bool:
        """Set which parameters learn in an epoch.

        A parameter that stops learning loses its gradient, so that no optimiser moves it.

        Args:
            epoch: From 1.

        Returns:
            Whether anything changed; a model that is wrapped for several processes must then be
            wrapped again.
        """
        self._learning = self._trainable.stages(epoch, available=len(self._stages))
        first = len(self._stages) - self._learning
        changed = False
        for place, stage in enumerate(self._stages):
            for parameter in stage:
                learns = place >= first
                changed |= parameter.requires_grad != learns
                parameter.requires_grad_(learns)
                if not learns:
                    parameter.grad = None
        return changed

    def hold(self, model: nn.Module) -> None:
        """Put what stands still into evaluation mode; call it after every ``model.train()``.

        That is every module whose parameters are all frozen, with what is inside it: statistics of
        batch norm stay, and dropout and drop path let everything through. Where the recipe
        holds batch norm, all of it: statistics of small batches of few photos are worse than
        those of the pretraining.

        Args:
            model: The classifier or a wrapper of it, in training mode.
        """
        for module in model.modules():
            parameters = list(module.parameters())
            frozen = bool(parameters) and not any(each.requires_grad for each in parameters)
            if frozen or (self._holds_batch_norm and isinstance(module, _BatchNorm)):
                module.eval()

    def described(self) -> str:
        """Say in one line what learns now.

        Returns:
            Such as ``training 2 of 7 stages and the head: 1.2 of 3.4 million parameters``.
        """
        sizes = [(each.numel(), each.requires_grad) for each in self._model.parameters()]
        total = sum(size for size, _ in sizes)
        learning = sum(size for size, learns in sizes if learns)
        unit, word = (1e6, "million") if total >= 1e6 else (1e3, "thousand")
        stages = len(self._stages)
        if self._learning == stages:
            return (
                f"training all {_stages(stages)} and the head: "
                f"{_rounded(total / unit)} {word} parameters"
            )
        what = f"{self._learning} of {_stages(stages)} and the head"
        if self._learning == 0:
            what = "the head alone"
        return (
            f"training {what}: {_rounded(learning / unit)} of {_rounded(total / unit)} "
            f"{word} parameters"
        )


def _rounded(number: float) -> str:
    """One decimal, or two digits where that would hide the number: a head is often small."""
    return f"{number:.1f}" if number >= 0.95 else f"{number:.2g}"


def _stages(number: int) -> str:
    return f"{number} stage{'s' * (number != 1)}"
