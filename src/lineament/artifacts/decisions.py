"""Decisions: what a model does with how sure it is, all of it settled on validation photos."""

import dataclasses
from collections.abc import Mapping

from lineament.core.errors import ArtifactError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decisions:
    """Thresholds of a model and the promises that they were chosen for.

    Attributes:
        photos: How many validation photos they were chosen on.
        groups: How many groups these form; ``None`` where no photo names one.
        unknown_share: The part of known photos that may be called unknown, 0 to 1.
        unknown_threshold: The least familiarity of a photo that is answered, 0 to 1; ``None`` where
            there were too few photos to choose it, or ``unknown_share`` is 0.
        set_coverage: How often a set of classes is to hold the true one, 0 to 1.
        set_threshold: The least probability of a class in the set, 0 to 1; ``None`` where there
            were too few photos to choose it.
        confidences: Per precision that was asked for, as text (``0.99``), the least confidence of
            an answer; ``None`` where validation never reached it.
    """

    photos: int
    groups: int | None
    unknown_share: float
    unknown_threshold: float | None
    set_coverage: float
    set_threshold: float | None
    confidences: Mapping[str, float | None]

    def __post_init__(self) -> None:
        """Check that shares and thresholds lie from 0 to 1.

        Raises:
            ArtifactError: One does not.
        """
        values = {
            "unknown_share": self.unknown_share,
            "unknown_threshold": self.unknown_threshold,
            "set_coverage": self.set_coverage,
            "set_threshold": self.set_threshold,
            **{f"confidences.{precision}": each for precision, each in self.confidences.items()},
        }
        for name, value in values.items():
            if value is not None and not 0 <= value <= 1:
                raise ArtifactError(
                    f"`{name}` of a model's decisions must lie from 0 to 1, found {value}.",
                    fix="The artifact is damaged; make it again.",
                )
