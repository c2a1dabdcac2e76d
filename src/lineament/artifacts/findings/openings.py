"""Openings: how often the test photos had been looked at before this figure."""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class Openings:
    """What the dataset's ledger says, this evaluation included.

    Attributes:
        evaluations: How many evaluations of the split there were.
        models: Of how many different models.
        first: When the first was, in ISO 8601, UTC.
        sentence: The same in words, and what it means for the figure.
    """

    evaluations: int
    models: int
    first: str
    sentence: str
