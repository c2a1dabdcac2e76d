"""Study row: one run of a study, what was asked of it, what became of it and what it reached."""

import dataclasses
from collections.abc import Mapping

from lineament.artifacts.schema import field
from lineament.core.errors import ArtifactError
from lineament.measure.intervals import Interval

DONE, BROKEN, PRUNED, WAITING = "done", "broken", "pruned", "waiting"
STATUSES = (DONE, BROKEN, PRUNED, WAITING)
GRID, TRIAL, CHOSEN = "grid", "trial", "chosen"
ROLES = (GRID, TRIAL, CHOSEN)


@dataclasses.dataclass(frozen=True, kw_only=True)
class StudyRow:
    """One run of a study.

    Attributes:
        name: Of its folder below ``runs`` and ``reports``: the configuration and the seed.
        configuration: What it shares its name with: the same but for the seed.
        dataset: The study's name of its dataset.
        recipe: The resolved configuration, every field of ``TrainConfig``.
        identity: Hash of recipe and dataset: a run with the same one need not be trained again.
        role: ``grid``; ``trial``, proposed by a search; ``chosen``, what the search ended with.
        estimate_s: What it was expected to take; ``None`` where that could not be measured.
        status: ``done``, ``broken``, ``pruned`` (a search gave it up) or ``waiting``.
        reason: Why it is broken or pruned.
        attempts: How often it was begun, without times when someone stopped the study.
        seconds: What it took, of the last attempt, its evaluation included.
        validation_accuracy: Of the photos that chose, a fraction.
        validation_loss: There, after calibration, in nats: comparable between any two recipes.
        validation_photos: How many those photos are.
        test_accuracy: From its report; ``None`` without one.
        test_balanced_accuracy: From its report.
        multiply_adds: Of answering one photo, where training counted them.
    """

    name: str
    configuration: str
    dataset: str
    recipe: Mapping[str, object]
    identity: str
    role: str = GRID
    estimate_s: float | None = None
    status: str = WAITING
    reason: str = ""
    attempts: int = 0
    seconds: float | None = None
    validation_accuracy: float | None = None
    validation_loss: float | None = None
    validation_photos: int | None = None
    test_accuracy: Interval | None = None
    test_balanced_accuracy: Interval | None = None
    multiply_adds: int | None = None

    @property
    def seed(self) -> object:
        """Of everything random in it."""
        return self.recipe["seed"]

    def as_dict(self) -> dict[str, object]:
        """For ``study.json``."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, document: Mapping[str, object], *, name: str) -> "StudyRow":
        """Read what `as_dict` gave.

        Raises:
            ArtifactError: A field is absent or of another type.
        """
        status = field(document, "status", str, name=name)
        role = field(document, "role", str, name=name)
        if status not in STATUSES or role not in ROLES:
            raise ArtifactError(
                f"{name} has a run of unknown status `{status}` or role `{role}`.",
                fix="The artifact is damaged; make it again.",
            )

        def number(key: str) -> float | None:
            return None if document.get(key) is None else field(document, key, float, name=name)

        def count(key: str) -> int | None:
            return None if document.get(key) is None else field(document, key, int, name=name)

        return cls(
            name=field(document, "name", str, name=name),
            configuration=field(document, "configuration", str, name=name),
            dataset=field(document, "dataset", str, name=name),
            recipe=field(document, "recipe", dict, name=name),
            identity=field(document, "identity", str, name=name),
            role=role,
            estimate_s=number("estimate_s"),
            status=status,
            reason=field(document, "reason", str, name=name),
            attempts=field(document, "attempts", int, name=name),
            seconds=number("seconds"),
            validation_accuracy=number("validation_accuracy"),
            validation_loss=number("validation_loss"),
            validation_photos=count("validation_photos"),
            test_accuracy=interval_of(document.get("test_accuracy"), name=name),
            test_balanced_accuracy=interval_of(document.get("test_balanced_accuracy"), name=name),
            multiply_adds=count("multiply_adds"),
        )


def interval_of(document: object, *, name: str) -> Interval | None:
    """Read an interval as JSON has it; ``None`` stays ``None``.

    Raises:
        ArtifactError: It is something else.
    """
    if document is None:
        return None
    whole = field({"interval": document}, "interval", dict, name=name)
    groups = whole.get("n_groups")
    return Interval(
        value=field(whole, "value", float, name=name),
        low=field(whole, "low", float, name=name),
        high=field(whole, "high", float, name=name),
        level=field(whole, "level", float, name=name),
        method=field(whole, "method", str, name=name),
        n=field(whole, "n", int, name=name),
        n_groups=None if groups is None else field(whole, "n_groups", int, name=name),
    )
