"""Gap: how far the validation figure, which chose the model, lies above the test figure."""

import dataclasses

from lineament.measure.intervals import Interval


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gap:
    """Validation against test.

    Attributes:
        validation: The accuracy there.
        test: The accuracy here.
        difference: Validation less test.
        excludes_zero: Whether the interval of the difference does.
        sentences: What that means; where zero is excluded, which reasons the artifacts speak for
            (a leak, a shift, a selection) and which they speak against.
    """

    validation: Interval
    test: Interval
    difference: Interval
    excludes_zero: bool
    sentences: tuple[str, ...]
