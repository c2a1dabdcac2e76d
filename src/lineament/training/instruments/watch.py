"""Watch: what the layers hold after each epoch, and what its last step did to them.

One step of each epoch is watched, the last that is planned. Which one follows from the place alone,
so a training that was killed and goes on watches the same steps.
"""

import statistics
from collections.abc import Iterator
from typing import Any

from torch import nn

from lineament.artifacts.histograms import LayerValues
from lineament.training.instruments.health import ailments
from lineament.training.instruments.rows import Packed, packed, unpacked
from lineament.training.instruments.spread import (
    FloatArray,
    Spread,
    root_mean_square,
    sampled,
    spread,
)


class Instruments:
    """What is measured in one training; it reads the model and changes nothing.

    Of several processes only the first one measures: gradients are the same in all of them.
    """

    def __init__(self) -> None:
        self._epochs: list[tuple[LayerValues, ...]] = []
        self._packed: list[Packed] = []  # the same, packed once and not for every checkpoint
        self._warnings: dict[str, str] = {}
        self._lengths: dict[str, float] = {}  # rms of each layer when the last epoch ended
        self._before: dict[str, FloatArray] = {}
        self._gradients: dict[str, Spread] = {}
        self._ratios: dict[str, float | None] = {}

    @property
    def layers(self) -> tuple[LayerValues, ...]:
        """Of all epochs so far."""
        return tuple(row for rows in self._epochs for row in rows)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was said of unhealthy layers, one sentence of each kind."""
        return tuple(self._warnings.values())

    def begin(self, model: nn.Module) -> None:
        """Note how long the layers are before the first step, also those that are frozen yet."""
        self._lengths = {
            name: root_mean_square(sampled(parameter))
            for name, parameter in model.named_parameters()
            if parameter.numel()
        }

    def before(self, model: nn.Module, *, shrunk: float) -> None:
        """Look at gradients and weights when the watched step is about to be made.

        Args:
            model: The model that is trained, not wrapped for several processes.
            shrunk: What clipping multiplied the gradients by; they are recorded without it.
        """
        for name, parameter in _trained(model):
            self._before[name] = sampled(parameter)
            if parameter.grad is not None:
                self._gradients[name] = spread(parameter.grad).scaled(1 / shrunk)

    def after(self, model: nn.Module) -> None:
        """See how far the step moved each layer."""
        for name, parameter in _trained(model):
            before = self._before.pop(name)
            length = root_mean_square(before)
            moved = root_mean_square(sampled(parameter) - before)
            self._ratios[name] = moved / length if length else None

    def update_ratio(self, model: nn.Module) -> float | None:
        """How far the watched step moved the middle one of the matrices and filters.

        Biases and norms are left out: many begin at 0, so that any step is far for them.

        Returns:
            A part of the layer's length; ``None`` where no step was watched.
        """
        ratios = [self._ratios.get(name) for name in _matrices(model)]
        known = [ratio for ratio in ratios if ratio is not None]
        return statistics.median(known) if known else None

    def epoch(self, model: nn.Module, epoch: int) -> tuple[tuple[LayerValues, ...], list[str]]:
        """Close an epoch.

        Args:
            model: The model that is trained.
            epoch: From 1.

        Returns:
            Its rows, parameters before gradients, each in the model's order; where the epoch was
            cut short, before its last step, there are no gradients. And warnings of kinds that
            were not given before.
        """
        rows = [
            _row(spread(parameter), epoch, name, "parameter", self._ratios.get(name))
            for name, parameter in _trained(model)
        ]
        rows += [_row(each, epoch, name, "gradient") for name, each in self._gradients.items()]
        self._gradients, self._ratios = {}, {}
        self._epochs.append(tuple(rows))
        self._packed.append(packed(rows))
        lengths = {row.layer: row.rms for row in rows if row.kind == "parameter"}
        growths = {
            layer: length / self._lengths[layer]
            for layer, length in lengths.items()
            if self._lengths.get(layer)
        }
        self._lengths |= lengths
        before = self._epochs[-2] if len(self._epochs) > 1 else ()
        found = ailments(rows, before, _matrices(model), growths)
        news = {kind: text for kind, text in found.items() if kind not in self._warnings}
        self._warnings |= news
        return self._epochs[-1], list(news.values())

    def state(self) -> dict[str, Any]:
        """For a checkpoint between steps of an epoch, none of which was watched yet."""
        return {
            "epochs": list(self._packed),
            "lengths": dict(self._lengths),
            "warnings": dict(self._warnings),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what `state` gave."""
        self._packed = list(state["epochs"])
        self._epochs = [unpacked(rows) for rows in self._packed]
        self._lengths = dict(state["lengths"])
        self._warnings = dict(state["warnings"])


def _matrices(model: nn.Module) -> dict[str, int]:
    """The trained matrices and filters, with how many values each has: no biases, norms, tokens."""
    return {
        name: parameter.numel()
        for name, parameter in _trained(model)
        if sum(side > 1 for side in parameter.shape) > 1
    }


def _trained(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and parameter.numel():
            yield name, parameter


def _row(
    values: Spread, epoch: int, layer: str, kind: str, ratio: float | None = None
) -> LayerValues:
    return LayerValues(
        epoch=epoch,
        layer=layer,
        kind=kind,
        low=values.low,
        high=values.high,
        counts=values.counts,
        rms=values.rms,
        zero_fraction=values.zero_fraction,
        update_ratio=ratio,
    )
