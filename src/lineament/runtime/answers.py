"""Answer: what a model says to one photo, or why it says nothing."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

UNKNOWN = "unknown"  # what is said of a photo in place of a class


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """What a model says to one photo.

    Attributes:
        source: The file as it was given; of what came from no file its place, such as ``#3``, from
            0.
        probabilities: One per class, ``float32 (C,)``; ``None`` where the photo cannot be read.
        error: Why it cannot be read; empty where it can.
        familiarity: How like the training photos it is, 0 to 1; ``None`` where the photo cannot be
            read or the model does not say.
        is_unknown: Whether it is less familiar than the model's threshold: the classes have then
            little to say about it.
        classes: The ``C`` class names, in the order of the probabilities.
        seconds: How long decoding and the model took, of one core's time.
    """

    source: str
    probabilities: NDArray[np.float32] | None
    error: str = ""
    familiarity: float | None = None
    is_unknown: bool = False
    classes: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def label(self) -> str:
        """The most probable class, also of an unknown photo; empty where there is no answer."""
        ranked = self.top(1)
        return ranked[0][0] if ranked else ""

    @property
    def confidence(self) -> float | None:
        """The probability of the most probable class."""
        return None if self.probabilities is None else float(self.probabilities.max())

    def top(self, k: int = 1) -> list[tuple[str, float]]:
        """The ``k`` most probable classes with their probability, or none where there is no answer.

        Equal probabilities keep the order of the classes.
        """
        if self.probabilities is None:
            return []
        order = np.argsort(-self.probabilities, kind="stable")[:k]
        return [(self.classes[index], float(self.probabilities[index])) for index in order]
