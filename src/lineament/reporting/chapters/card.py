"""The model card: what it is for, how far it goes, and what it must not be used for.

After Mitchell et al. 2019, "Model cards for model reporting", as far as figures can fill it in.
"""

import re
from collections.abc import Sequence

from lineament.artifacts.report import EvaluationReport
from lineament.artifacts.run import RunCard
from lineament.reporting.documents import listed
from lineament.reporting.numbers import counted, percent
from lineament.reporting.story import Part
from lineament.reporting.trainings import fact

NAMED_CLASSES = 12
NAMED_LIMITS = 5  # of classes in one sentence
WEAK = 0.75  # recall below which a class is named as a limit
# Backbones that were trained on faces. A run says what its weights had learnt from, but only where
# they are known: `file:PATH` of another file, and `none`, leave the name alone to tell.
OF_FACES = ("sface", "vggface", "facenet", "arcface", "insightface")
# Words by which people call classes of emotions, in the datasets that the field uses.
EMOTIONS = {
    *("anger", "angry", "contempt", "disgust", "disgusted", "fear", "fearful", "happy"),
    *("happiness", "joy", "neutral", "sad", "sadness", "surprise", "surprised"),
}
# Words by which classes of people are called; somebody's own name cannot be told from others.
PEOPLE = {
    *("face", "faces", "person", "persons", "people", "human", "humans", "man", "men", "woman"),
    *("women", "male", "female", "boy", "girl", "child", "children", "pedestrian"),
}
WORD = re.compile(r"[^\W\d_]+")
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
        named = [f"{each.name} ({percent(each.recall, decimals=0)})" for each in weak]
        told.append(f"Finds less than {WEAK:.0%} of the photos of {_some(named)}.")
    empty = [each.name for each in evaluation.per_class if not each.support]
    if empty:
        them = "it" if len(empty) == 1 else "them"
        told.append(f"Was not measured on {_some(empty)}: there are no test photos of {them}.")
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


def _some(names: Sequence[str]) -> str:
    """Name the first, and count the others."""
    more = len(names) - NAMED_LIMITS
    return listed([*names[:NAMED_LIMITS], *([f"{more:,} more"] if more > 0 else [])])


def must_not(run: RunCard) -> list[str]:
    """Say what a model of faces or of emotions must not be used for; nothing of others."""
    told: list[str] = []
    if is_of_faces(run):
        told += OF_PEOPLE
    if is_of_emotions(run):
        told += OF_EMOTIONS
    return told


def is_of_faces(run: RunCard) -> bool:
    """Whether the backbone, what it had learnt from, or a class says that photos show people."""
    name = str(run.backbone.get("name", "")).lower()
    learnt = set(WORD.findall(str(run.backbone.get("trained_on", "")).lower()))
    is_face_net = name.startswith(OF_FACES) or bool(learnt & {"face", "faces"})
    return is_face_net or bool(_class_words(run) & PEOPLE) or is_of_emotions(run)


def is_of_emotions(run: RunCard) -> bool:
    """Whether the classes are called like emotions."""
    return len(_class_words(run) & EMOTIONS) >= FEWEST_EMOTIONS


def _class_words(run: RunCard) -> set[str]:
    return {word for name in run.classes for word in WORD.findall(name.lower())}


def _facts(run: RunCard, evaluation: EvaluationReport) -> list[tuple[str, str]]:
    return [
        ("backbone", fact(run.backbone.get("name"))),
        ("weights", fact(run.backbone.get("tag"))),
        ("licence of the weights", fact(run.backbone.get("licence"))),
        ("classes", counted(len(run.classes), "class")),
        ("calibrated with temperature", f"{run.temperature:.3g}"),
        ("made with Lineament", fact(run.versions.get("lineament"))),
        ("measured with Lineament", fact(evaluation.environment.get("lineament"))),
    ]
