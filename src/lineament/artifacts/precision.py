"""Precision: the arithmetic that a bundle is meant for, and what it costs on validation photos."""

import dataclasses

from lineament.core.errors import ArtifactError

FP32, BF16, INT8 = "fp32", "bf16", "int8"
ARITHMETICS = (FP32, BF16, INT8)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Precision:
    """How much a faster arithmetic changes answers; all of it measured on the validation split.

    Attributes:
        arithmetic: ``fp32``; ``bf16``, which is used where it is the faster one; ``int8``, which is
            written into the graph.
        engine: With what it was measured.
        photos: How many validation photos there are.
        accuracy: Part of them that is answered rightly, 0 to 1.
        exact_accuracy: The same in float32.
        agreement: Part of them that gets the same class as in float32.
        largest_difference: In any probability of any of them.
        log_loss: In nats.
        exact_log_loss: The same in float32.
        calibration_error: Expected calibration error, 0 to 1.
        exact_calibration_error: The same in float32.
        max_drop: Accuracy that was allowed to be lost, in points.
        kept: Layers that stay in float32, because they lose the most; empty where none does.
    """

    arithmetic: str
    engine: str
    photos: int
    accuracy: float
    exact_accuracy: float
    agreement: float
    largest_difference: float
    log_loss: float
    exact_log_loss: float
    calibration_error: float
    exact_calibration_error: float
    max_drop: float
    kept: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the arithmetic.

        Raises:
            ArtifactError: It is one that this version does not know.
        """
        if self.arithmetic not in ARITHMETICS:
            raise ArtifactError(
                f"The bundle is meant for an arithmetic that this version does not know: "
                f"{self.arithmetic!r}.",
                fix="Use the version of Lineament that made it, or a newer one.",
            )

    @property
    def drop(self) -> float:
        """Accuracy that is lost, in points; negative where some is won."""
        return 100 * (self.exact_accuracy - self.accuracy)
