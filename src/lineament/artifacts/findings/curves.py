"""Binary curves: what every threshold of one class would do."""

import dataclasses

from lineament.measure.intervals import Interval

Points = tuple[tuple[float, float], ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class BinaryCurves:
    """The trade between the two kinds of error, where there are two classes.

    Attributes:
        positive: The class whose probability is thresholded.
        roc: Pairs of false positive rate and true positive rate, from (0, 0) to (1, 1).
        precision_recall: Pairs of recall and precision, recall rising.
        det: Pairs of false positive rate and false negative rate, the first rising.
        area_under_roc: 0 to 1.
        average_precision: 0 to 1.
        equal_error_rate: Where both kinds of error are equally frequent, 0 to 1.
    """

    positive: str
    roc: Points
    precision_recall: Points
    det: Points
    area_under_roc: Interval
    average_precision: Interval
    equal_error_rate: Interval
