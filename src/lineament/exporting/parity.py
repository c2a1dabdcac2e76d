"""Parity: the same photo files through PyTorch and through the graph that ships."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from lineament.artifacts.bundle import FAMILIARITY, MAX_DIFFERENCE
from lineament.core.errors import GateError
from lineament.imaging.decode import decode
from lineament.measure.familiarity import Familiarity
from lineament.models.classifier import Classifier, preprocess
from lineament.runtime.engines import Engine

# Familiarity divides by how little known photos scatter, so the same rounding moves it further.
MAX_FAMILIARITY_DIFFERENCE = 1e-2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parity:
    """What two engines answered to the same files.

    Attributes:
        expected: PyTorch's probabilities by photo, ``float32 (C,)``.
        shipped: The shipped graph's, by ONNX Runtime.
        differences: Largest absolute difference in any probability, by photo.
        familiarity: What PyTorch's embedding makes it, by photo; empty where the graph says none.
        familiarity_differences: By how much the shipped graph's is another, by photo.
    """

    expected: Mapping[str, NDArray[np.float32]]
    shipped: Mapping[str, NDArray[np.float32]]
    differences: Mapping[str, float]
    familiarity: Mapping[str, float] = dataclasses.field(default_factory=dict)
    familiarity_differences: Mapping[str, float] = dataclasses.field(default_factory=dict)

    @property
    def largest(self) -> float:
        """The largest difference in any probability of any photo."""
        return float(np.max(list(self.differences.values())))  # NaN if any is


def compare(
    model: Classifier,
    engine: Engine,
    files: Mapping[str, bytes],
    *,
    temperature: float,
    familiarity: Familiarity | None = None,
) -> Parity:
    """Run files through both engines, each from its own decode on.

    Args:
        model: The trained network in PyTorch, evaluated in ``float32``.
        engine: The shipped graph.
        files: Image files by name.
        temperature: The run's temperature, which the graph already holds.
        familiarity: What the graph holds of the training photos, computed here by numpy.
    """
    spec = model.backbone.preprocessing
    expected, shipped, familiar, shipped_familiar = {}, {}, {}, {}
    wanted = ["probabilities", *([FAMILIARITY] if familiarity is not None else [])]
    model.eval()
    for name, data in files.items():
        image = decode(data, short_side_px=spec.needed_short_side_px)
        with torch.no_grad():
            tensor = torch.from_numpy(image.copy())
            answer = model.probabilities(tensor, temperature=temperature)
            features = model.features(preprocess(tensor, spec).unsqueeze(0))
        expected[name] = answer.numpy().astype(np.float32)
        probabilities, *also = engine.run(image[None], wanted)
        shipped[name] = probabilities[0]
        if familiarity is not None:
            familiar[name] = float(familiarity(features.mean(dim=(2, 3)).numpy())[0])
            shipped_familiar[name] = float(also[0][0])
    return Parity(
        expected=expected,
        shipped=shipped,
        differences={name: float(np.abs(expected[name] - shipped[name]).max()) for name in files},
        familiarity=familiar,
        familiarity_differences={
            name: abs(value - shipped_familiar[name]) for name, value in familiar.items()
        },
    )


def require_parity(parity: Parity, *, name: str) -> None:
    """Refuse to ship what does not answer like what was trained.

    Raises:
        GateError: A probability differs by more than `MAX_DIFFERENCE`, familiarity by more than
            `MAX_FAMILIARITY_DIFFERENCE`, or one is not a number.
    """
    for differences, allowed, of in (
        (parity.differences, MAX_DIFFERENCE, "a probability"),
        (parity.familiarity_differences, MAX_FAMILIARITY_DIFFERENCE, "familiarity"),
    ):
        # `not (... <= ...)` also catches a difference that is not a number.
        wrong = [
            f"{photo} ({difference:.2g})"
            for photo, difference in differences.items()
            if not difference <= allowed
        ]
        if wrong:
            raise GateError(
                f"{name} was not exported: its graph answers differently from PyTorch, by more "
                f"than {allowed:g} in {of}.",
                at=wrong,
                fix="Train again; if it happens again, report the backbone: its graph is wrong.",
            )
