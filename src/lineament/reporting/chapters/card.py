"""The model card: what it is for, how far it goes, and what it must not be used for.

After Mitchell et al. 2019, "Model cards for model reporting", as far as figures can fill it in.
"""

from collections.abc import Mapping

from lineament.artifacts.report import EvaluationReport
from lineament.artifacts.run import RunCard
from lineament.reporting.documents import listed
from lineament.reporting.numbers import counted, percent
from lineament.reporting.story import Part
from lineament.reporting.trainings import fact

NAMED_CLASSES = 12
WEAK = 0.75  # recall below which a class is named as a limit
# Backbones that were trained on faces; an artifact says its backbone's name, not what it is for.
OF_FACES = ("sface", "vggface", "facenet", "arcface", "insightface")
# Words by which people call classes of emotions, in the datasets that the field uses.
EMOTIONS = {
    *("anger", "angry", "contempt", "disgust", "disgusted", "fear", "fearful", "happy"),
    *("happiness", "joy", "neutral", "sad", "sadness", "surprise", "surprised"),
}
FEWEST_EMOTIONS = 3  # one such word may mean anything; three are a set
OF_PEOPLE = (
    "Deciding about people: hiring, credit, insurance, policing, borders, school or care.",
    "Watching people in public, or finding out who somebody is without their consent.",
    "Opening doors or accounts by itself: a photo of a photo may pass.",
)
OF_EMOTIONS = (
    "Saying what somebody feels: the classes are expressions, posed or as somebody labelled them.",
    "Reading emotions at work or in education, which Article 5(1)(f) of Regulation (EU) 2024/1689 "
    "prohibits in the European Union, but for medical and safety reasons.",
)


def card(part: Part) -> dict[str, object]:
    """Write the card.

    Returns:
        What ``chapter_card.html.j2`` names: ``use``, ``limits``, ``must_not`` and ``facts``.
    """
    run = part.chapter.training.run.card
    evaluation = part.chapter.evaluation
    return {
        "use": _use(part, run),
        "limits": limits(evaluation),
        "must_not": must_not(run),
        "facts": _facts(run, evaluation),
    }


def _use(part: Part, run: RunCard) -> str:
    names = run.classes
    classes = listed(list(names)) if len(names) <= NAMED_CLASSES else f"{len(names):,} classes"
    return (
        f"Telling {classes} apart, on photos like those of {part.name}: taken the same way, of the "
        "same kind of thing, one thing each. For other photos the figures of this page say nothing."
    )


def limits(evaluation: EvaluationReport) -> list[str]:
    """Say what is weak, and what nobody measured; every sentence from a figure or its absence."""
    told = []
    weak = [each for each in evaluation.per_class if each.support and each.recall < WEAK]
    if weak:
        weak.sort(key=lambda each: each.recall)
        named = [f"{each.name} ({percent(each.recall, decimals=0)})" for each in weak[:5]]
        more = f" and {len(weak) - 5} more" if len(weak) > 5 else ""
        told.append(f"Finds less than {WEAK:.0%} of the photos of {listed(named)}{more}.")
    empty = [each.name for each in evaluation.per_class if not each.support]
    if empty:
        told.append(f"Was not measured on {listed(empty[:5])}: there are no test photos of it.")
    error = evaluation.headline.get("expected_calibration_error")
    if error is not None:
        told.append(
            f"Its confidence is off by {percent(error.value)} on average "
            f"({percent(error.low, unit=False)} to {percent(error.high, unit=False)})."
        )
    told.append(
        evaluation.refusals.sentence
        if evaluation.refusals is not None
        else "It has no threshold for photos of something else: every photo is answered with one "
        "of its classes."
    )
    if evaluation.unknowns is None:
        told.append("Photos of something else were not tried (`evaluate --unknown DIR`).")
    if evaluation.robustness is None:
        told.append("Spoilt photos were not tried (`evaluate --robustness 200`).")
    if evaluation.n_groups is None:
        told.append(
            "No groups are known, so the interval takes every photo as independent; if they come "
            "in series, it is too narrow."
        )
    return told


def must_not(run: RunCard) -> list[str]:
    """Say what a model of faces or of emotions must not be used for; nothing of others."""
    told: list[str] = []
    if is_of_faces(run):
        told += OF_PEOPLE
    if is_of_emotions(run):
        told += OF_EMOTIONS
    return told


def is_of_faces(run: RunCard) -> bool:
    """Whether the backbone, a class or a face step says that photos show faces."""
    name = str(run.backbone.get("name", "")).lower()
    words = {word for each in run.classes for word in each.lower().replace("_", " ").split()}
    return name.startswith(OF_FACES) or bool(words & {"face", "faces"}) or is_of_emotions(run)


def is_of_emotions(run: RunCard) -> bool:
    """Whether the classes are called like emotions."""
    return len({each.lower() for each in run.classes} & EMOTIONS) >= FEWEST_EMOTIONS


def _facts(run: RunCard, evaluation: EvaluationReport) -> list[tuple[str, str]]:
    decisions: Mapping[str, object] = {"licence of the weights": run.backbone.get("licence")}
    return [
        ("backbone", fact(run.backbone.get("name"))),
        ("weights", fact(run.backbone.get("tag"))),
        *((name, fact(value)) for name, value in decisions.items()),
        ("classes", counted(len(run.classes), "class")),
        ("calibrated with temperature", f"{run.temperature:.3g}"),
        ("made with Lineament", fact(run.versions.get("lineament"))),
        ("measured with Lineament", fact(evaluation.environment.get("lineament"))),
    ]
