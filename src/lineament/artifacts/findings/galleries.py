"""Galleries: photos chosen by how they were answered, each with what spoke for the answer."""

import dataclasses

RIGHT, WRONG, SUREST, BORDERLINE = "right", "wrong", "surest mistakes", "borderline"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shown:
    """One photo.

    Attributes:
        sample: Its id in the dataset.
        truth: What it shows.
        answer: What was answered.
        confidence: Probability of the answer, 0 to 1.
        truth_probability: Probability of the truth, 0 to 1.
        second: The second most probable class; the answer itself where there is one class alone.
        second_probability: Its probability.
        photo: File of the photo, below the explanation's folder.
        overlay: File of the same with what spoke for the answer laid over it.
        truth_overlay: File of the same with what spoke for the truth; ``None`` of a right answer.
    """

    sample: str
    truth: str
    answer: str
    confidence: float
    truth_probability: float
    second: str
    second_probability: float
    photo: str
    overlay: str
    truth_overlay: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gallery:
    """Photos of one kind.

    Attributes:
        kind: `RIGHT`, `WRONG`, `SUREST` or `BORDERLINE`.
        class_name: Whose photos; ``None`` for all classes.
        n_photos: How many there are of this kind, shown or not.
        shown: Those that are shown; surest first, of borderline ones the closest first.
    """

    kind: str
    class_name: str | None
    n_photos: int
    shown: tuple[Shown, ...]
