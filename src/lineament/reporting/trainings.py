"""Trainings: what runs say of how they went, in words and figures that can be laid side by side."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from lineament.artifacts.run import Run
from lineament.core.errors import UsageError
from lineament.measure.intervals import Interval, wilson
from lineament.reporting.numbers import counted
from lineament.reporting.training_figures import Row

FINGERPRINT_LETTERS = 8  # enough to tell two datasets apart


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training:
    """How one run was made.

    Attributes:
        name: What tells it from the others on the page: its folder, with as many of those above as
            that takes.
        run: The run.
        history: Its rows; each begins with its place, an epoch or a regularisation.
    """

    name: str
    run: Run
    history: tuple[Row, ...]

    @property
    def axis(self) -> str:
        """What the rows of the history are of, such as ``epoch``."""
        return next(iter(self.history[0]), "row") if self.history else "row"

    @property
    def kept(self) -> float | None:
        """The place that validation chose; ``None`` where the run does not say."""
        return _number(self.run.card.chosen.get(self.axis))

    @property
    def kept_row(self) -> Row:
        """The row of what was kept; empty where there is none."""
        return next((row for row in self.history if row.get(self.axis) == self.kept), {})

    @property
    def tried(self) -> int:
        """How many epochs or regularisations; the start, epoch 0, is none."""
        is_epoch = self.axis == "epoch"
        return sum(1 for row in self.history if row.get(self.axis) or not is_epoch)

    @property
    def loss(self) -> float | None:
        """On validation, in nats, calibrated as it ships where the run says so."""
        calibrated = self.run.card.chosen.get("validation_loss_calibrated")
        return _number(self.kept_row.get("validation_loss") if calibrated is None else calibrated)

    @property
    def n_validation(self) -> int | None:
        """How many photos judged it."""
        photos = self.run.card.dataset.get("photos")
        count = photos.get("validation") if isinstance(photos, Mapping) else None
        return count if isinstance(count, int) and count > 0 else None

    @property
    def accuracy(self) -> Interval | None:
        """On validation, of what was kept; photos are taken as independent."""
        value = _number(self.kept_row.get("validation_accuracy"))
        if value is None or self.n_validation is None or not 0 <= value <= 1:
            return None
        return wilson(round(value * self.n_validation), self.n_validation)

    @property
    def judged_by(self) -> tuple[str, str]:
        """What the validation photos depend on: of equals the figures can be compared."""
        card = self.run.card
        return str(card.dataset.get("fingerprint")), str(card.recipe.get("fold"))

    def as_dict(self) -> dict[str, object]:
        """For ``--json``: what it reached, and each row of the history."""
        card, accuracy = self.run.card, self.accuracy
        return {
            "name": self.name,
            "run": str(self.run.root),
            "mode": card.mode,
            "backbone": card.backbone.get("name"),
            "seed": card.seed,
            "over": self.axis,
            "kept": self.kept,
            "tried": self.tried,
            "validation_loss": _number(self.kept_row.get("validation_loss")),
            "validation_loss_calibrated": _number(card.chosen.get("validation_loss_calibrated")),
            "validation_accuracy": None if accuracy is None else accuracy.as_dict(),
            "stopped": card.training.get("stopped"),
            "warnings": warnings_of(self),
            "history": [
                {key: _number(value) for key, value in row.items()} for row in self.history
            ],
        }


def read_trainings(runs: Sequence[Path | Run]) -> tuple[Training, ...]:
    """Open runs and read how they went.

    Args:
        runs: Runs or their folders, at least one, each once.

    Returns:
        One each, in the order given.

    Raises:
        UsageError: There is none, or one is given twice.
        ArtifactError: One is no run, is damaged, or its history cannot be read.
    """
    if not runs:
        raise UsageError("There is no run to draw.", fix="Name at least one run.")
    opened = [run if isinstance(run, Run) else Run.open(run) for run in runs]
    roots = [run.root.resolve() for run in opened]
    twice = sorted({str(run.root) for run in opened if roots.count(run.root.resolve()) > 1})
    if twice:
        raise UsageError("A run is given twice.", at=twice, fix="Name each run once.")
    return tuple(
        Training(name=name, run=run, history=run.history())
        for name, run in zip(_names(roots), opened, strict=True)
    )


def ranked(trainings: Sequence[Training]) -> tuple[Training, ...]:
    """The least validation loss first; those without one last."""
    return tuple(
        sorted(trainings, key=lambda each: (each.loss is None, each.loss or 0.0, each.name))
    )


def differing(trainings: Sequence[Training]) -> dict[str, tuple[str, ...]]:
    """What the trainings were given that is not the same in all of them.

    Args:
        trainings: At least one.

    Returns:
        By name of the field, a text for each training, in their order: first the dataset, then
        fields of the recipe in its order, then versions of libraries.
    """
    told = [_told(each.run) for each in trainings]
    fields = dict.fromkeys(field for each in told for field in each)
    table = {field: tuple(each.get(field, "not stated") for each in told) for field in fields}
    return {field: texts for field, texts in table.items() if len(set(texts)) > 1}


def warnings_of(training: Training) -> list[str]:
    """What the instruments said of its layers."""
    said = training.run.card.training.get("warnings")
    return [str(each) for each in said] if isinstance(said, Sequence) else []


def fact(value: object) -> str:
    """Write a value of a recipe for a person.

    Example:
        >>> fact(None), fact(True), fact(0.0003), fact([32, 64])
        ('none', 'yes', '0.0003', '32, 64')
    """
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return ", ".join(
            f"{str(key).replace('_', ' ')}: {fact(each)}" for key, each in value.items()
        )
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(fact(each) for each in value) or "none"
    return str(value)


def kept_words(training: Training) -> str:
    """What was kept of what was tried, such as ``epoch 5 of 8``.

    Of regularisations the count comes after the value, which is no number of one.
    """
    kept = training.kept
    if not training.history:
        return "what is not recorded"
    if kept is None:
        return f"one of {counted(training.tried, training.axis)}"
    if training.axis == "epoch":
        return f"epoch {kept:g} of {training.tried}"
    return f"{training.axis.replace('_', ' ')} {kept:g}, of {training.tried} tried"


def _told(run: Run) -> dict[str, str]:
    card = run.card
    name, mark = card.dataset.get("name"), str(card.dataset.get("fingerprint", ""))
    return {
        "dataset": f"{fact(name)} ({mark[:FINGERPRINT_LETTERS]})",
        **{key.replace("_", " "): fact(value) for key, value in card.recipe.items()},
        "weights tag": fact(card.backbone.get("tag")),
        **{f"{key} (version)": fact(value) for key, value in card.versions.items()},
    }


def _names(roots: Sequence[Path]) -> list[str]:
    """The ends of paths, as short as they can be and still differ."""
    for length in range(1, max(len(root.parts) for root in roots) + 1):
        names = [str(Path(*root.parts[-length:])) for root in roots]
        if len(set(names)) == len(names):
            return names
    return [str(root) for root in roots]


def _number(value: object) -> float | None:
    """A finite number, or none: JSON has no others."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) else None
