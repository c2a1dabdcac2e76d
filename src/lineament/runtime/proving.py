"""Proving: does an engine answer a bundle's golden photos as they were answered at its export?"""

import dataclasses
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lineament.artifacts.bundle import FAMILIARITY, MAX_DIFFERENCE, BundleCard, GoldenPhoto
from lineament.artifacts.precision import FP32, INT8
from lineament.core.errors import GateError
from lineament.imaging.decode import decode
from lineament.runtime.engines import Engine


@dataclasses.dataclass(frozen=True, kw_only=True)
class Proof:
    """What an engine answered to the golden photos.

    Attributes:
        engine: Its title.
        differences: Largest absolute difference in any probability, by photo.
        familiarity_differences: The same of familiarity; empty where the model says none.
        allowed: The largest that a probability may differ.
    """

    engine: str
    differences: Mapping[str, float]
    familiarity_differences: Mapping[str, float]
    allowed: float

    @property
    def largest(self) -> float:
        """The largest difference in any probability of any photo."""
        return float(np.max([0.0, *self.differences.values()]))  # NaN if any is

    @property
    def wrong(self) -> list[str]:
        """The photos that are answered otherwise, with their difference."""
        return [
            f"{photo} ({difference:.2g})"
            for photo, difference in self.differences.items()
            if not difference <= self.allowed  # also what is not a number
        ]

    def as_dict(self) -> dict[str, object]:
        """What a card or a document says of it."""
        return {
            "largest_difference": self.largest,
            "photos": dict(self.differences),
            "familiarity": dict(self.familiarity_differences),
        }


def golden_answer(
    photo: GoldenPhoto, card: BundleCard, engine: Engine
) -> tuple[NDArray[np.float32], float | None]:
    """Answer a golden photo, from its file on.

    Returns:
        Probabilities ``float32 (C,)``, and familiarity, if photo and engine have one.
    """
    image = decode(photo.data, short_side_px=card.preprocessing.needed_short_side_px)
    has_familiarity = photo.familiarity is not None and FAMILIARITY in engine.outputs
    wanted = ["probabilities", FAMILIARITY] if has_familiarity else ["probabilities"]
    probabilities, *also = engine.run(image[None], wanted)
    return probabilities[0], float(also[0][0]) if also else None


def prove(card: BundleCard, engine: Engine) -> Proof:
    """Run the golden photos, from their files on.

    Args:
        card: The bundle's card, which holds them.
        engine: What is to be proved, with the bundle's graph in it.
    """
    differences, familiarity_differences = {}, {}
    for photo in card.golden:
        probabilities, familiarity = golden_answer(photo, card, engine)
        expected = np.asarray(photo.probabilities, dtype=np.float64)
        differences[photo.name] = float(np.abs(probabilities - expected).max())
        if familiarity is not None and photo.familiarity is not None:
            familiarity_differences[photo.name] = abs(familiarity - photo.familiarity)
    # A bundle for bfloat16 holds the exact answers: an exact engine gives these.
    is_exact = card.arithmetic != INT8 and engine.title.endswith(f", {FP32}")
    return Proof(
        engine=engine.title,
        differences=differences,
        familiarity_differences=familiarity_differences,
        allowed=MAX_DIFFERENCE if is_exact else card.allowed_difference,
    )


def require_proof(proof: Proof, *, name: str) -> None:
    """Refuse an engine that answers otherwise.

    Raises:
        GateError: A probability of a golden photo differs by more than is allowed.
    """
    if proof.wrong:
        raise GateError(
            f"{proof.engine} answers the golden photos of {name} otherwise than they were answered "
            f"at its export, by more than {proof.allowed:g} in a probability.",
            at=proof.wrong,
            fix="Use another engine, or another version of this one; report it with both versions.",
        )
