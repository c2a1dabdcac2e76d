"""Parity: the same photo files through PyTorch and through the graph that ships."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from lineament.core.errors import GateError
from lineament.imaging.decode import decode
from lineament.models.classifier import Classifier
from lineament.runtime.engines import Engine

# A thousandth of a probability changes no answer that anyone would rely on, and is a thousand times
# what rounding in float32 gives; above it something else is being computed.
MAX_DIFFERENCE = 1e-3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parity:
    """What two engines answered to the same files.

    Attributes:
        expected: PyTorch's probabilities by photo, ``float32 (C,)``.
        shipped: The shipped graph's, by ONNX Runtime.
        differences: Largest absolute difference in any probability, by photo.
    """

    expected: Mapping[str, NDArray[np.float32]]
    shipped: Mapping[str, NDArray[np.float32]]
    differences: Mapping[str, float]

    @property
    def largest(self) -> float:
        """The largest difference in any probability of any photo."""
        return float(np.max(list(self.differences.values())))  # NaN if any is


def compare(
    model: Classifier, engine: Engine, files: Mapping[str, bytes], *, temperature: float
) -> Parity:
    """Run files through both engines, each from its own decode on.

    Args:
        model: The trained network in PyTorch, evaluated in ``float32``.
        engine: The shipped graph.
        files: Image files by name.
        temperature: The run's temperature, which the graph already holds.
    """
    short_side_px = model.backbone.preprocessing.needed_short_side_px
    expected, shipped = {}, {}
    model.eval()
    for name, data in files.items():
        image = decode(data, short_side_px=short_side_px)
        with torch.no_grad():
            tensor = torch.from_numpy(image.copy())
            answer = model.probabilities(tensor, temperature=temperature)
        expected[name] = answer.numpy().astype(np.float32)
        shipped[name] = engine.run(image[None], ["probabilities"])[0][0]
    return Parity(
        expected=expected,
        shipped=shipped,
        differences={name: float(np.abs(expected[name] - shipped[name]).max()) for name in files},
    )


def require_parity(parity: Parity, *, name: str) -> None:
    """Refuse to ship what does not answer like what was trained.

    Raises:
        GateError: A probability differs by more than `MAX_DIFFERENCE`, or is not a number.
    """
    # `not (... <= ...)` also catches a difference that is not a number.
    wrong = [
        f"{photo} ({difference:.2g})"
        for photo, difference in parity.differences.items()
        if not difference <= MAX_DIFFERENCE
    ]
    if wrong:
        raise GateError(
            f"{name} was not exported: its graph answers differently from PyTorch, by more than "
            f"{MAX_DIFFERENCE:g} in a probability.",
            at=wrong,
            fix="Train again; if it happens again, report the backbone, for its graph is wrong.",
        )
