"""The chapter on the recipe: what was trained how, from what, and what it cost."""

from collections.abc import Mapping

from lineament.artifacts.run import RunCard
from lineament.measure.intervals import Interval
from lineament.reporting.documents import number
from lineament.reporting.numbers import counted, interval_texts
from lineament.reporting.trainings import Training, fact, kept_words

MODES = {
    "head": "Only the head was trained, on features of a frozen backbone",
    "finetune": "The backbone was fine-tuned with a new head",
    "scratch": "All layers were trained from scratch",
}


def recipe(training: Training, changed: Mapping[str, object]) -> dict[str, object]:
    """Write the chapter.

    Args:
        training: The run, opened.
        changed: Settings that are not the defaults.

    Returns:
        What ``chapter_recipe.html.j2`` names.
    """
    card = training.run.card
    return {
        "sentences": [_how(card), _chosen(training), *_cost(card)],
        "changed": [(_words(name), fact(value)) for name, value in changed.items()],
        "all": [(_words(name), fact(value)) for name, value in card.recipe.items()],
        "backbone": [(_words(name), fact(value)) for name, value in card.backbone.items()],
    }


def _how(card: RunCard) -> str:
    begun = card.backbone
    told = f"{MODES.get(card.mode, card.mode)}: {fact(begun.get('name'))}"
    if begun.get("tag"):
        told += f", weights {fact(begun['tag'])}"
    told += f"; photos are seen at {card.preprocessing.size_px} pixels ({card.preprocessing.fit})."
    if begun.get("licence"):
        told += f" Licence of the weights: {fact(begun['licence'])}."
    return f"{told} Head: {fact(card.head.get('kind'))}; seed {card.seed}."


def _chosen(training: Training) -> str:
    told = f"Validation photos chose {kept_words(training)}"
    found: Interval | None = training.accuracy
    if training.run.card.validation is not None:
        found = training.run.card.validation.accuracy
    if found is None:
        return f"{told}."
    value, low, high = interval_texts(found, is_fraction=True)
    return (
        f"{told}, with {value} of {counted(found.n, 'validation photo')} right ({low} to {high}). "
        "That figure chose the model, so it is no test."
    )


def _cost(card: RunCard) -> list[str]:
    cost = card.training
    told = []
    seconds = cost.get("seconds")
    if isinstance(seconds, int | float):
        processor, cores = card.machine.get("processor"), number(card.machine, "cores")
        told.append(
            f"Training took {_duration(float(seconds))} on {fact(processor)} with "
            f"{counted(cores, 'core')}."
        )
    parameters, trained = number(cost, "parameters"), number(cost, "trained")
    if parameters:
        share = "all of them trained" if trained == parameters else f"{trained:,} of them trained"
        told.append(f"{parameters:,} parameters, {share}.")
    adds = number(cost, "multiply_adds")
    if adds:
        told.append(f"{adds / 1e6:,.0f} million multiply-adds per photo.")
    stopped = cost.get("stopped")
    if stopped and stopped != "epochs":
        told.append(f"It stopped early: {fact(stopped)}.")
    return told


def _duration(seconds: float) -> str:
    """Write a time as a person says it.

    Example:
        >>> _duration(7.4), _duration(868.0), _duration(9000.0)
        ('7 s', '14.5 minutes', '2.5 hours')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} minutes" if seconds < 7200 else f"{seconds / 3600:.1f} hours"


def _words(name: str) -> str:
    return name.replace("_", " ")
