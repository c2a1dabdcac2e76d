"""The chapter that is read first: six questions, each answered from the figures."""

from lineament.artifacts.report import ClassFigures, EvaluationReport
from lineament.measure.intervals import Interval
from lineament.reporting.chapters.data import left_out
from lineament.reporting.documents import listed, number
from lineament.reporting.documents import part as part_of
from lineament.reporting.numbers import counted, interval_texts, percent
from lineament.reporting.story import Part
from lineament.reporting.trainings import fact

NAMED_CLASSES = 8  # more are a list that nobody reads
WIDE = 0.1  # of an interval: ten points leave open what one would do with the model
PERFECT = 1.0


def summary(part: Part) -> dict[str, object]:
    """Answer what a stranger asks first.

    Returns:
        What ``chapter_summary.html.j2`` names: ``answers``, pairs of question and answer.
    """
    evaluation = part.chapter.evaluation
    return {
        "answers": [
            ("What was it trained on?", trained_on(part)),
            ("What was left out?", _left_out(part)),
            ("How good is it, and how sure is that?", how_good(evaluation)),
            ("Where does it fail?", where_it_fails(evaluation)),
            ("Is it better than the alternative?", alternative(part)),
            ("How is it made again?", _again(part)),
        ]
    }


def trained_on(part: Part) -> str:
    """Say on how many photos of which classes, and from where."""
    card = part.chapter.training.run.card
    counts = part_of(card.dataset, "photos")
    n_train = number(counts, "train")
    told = f"On {counted(n_train, 'photo')} of {_classes(card.classes)}"
    source = part.dataset.document.get("source")
    if source and card.dataset.get("fingerprint") == part.dataset.fingerprint:
        told += f", from {source}"
    told += f"; {counted(number(counts, 'validation'), 'more photo')} chose it."
    begun = card.backbone.get("trained_on")
    if begun and card.mode != "scratch":
        told += f" Its backbone, {fact(card.backbone.get('name'))}, had learnt from {fact(begun)}."
    return told


def _classes(names: tuple[str, ...]) -> str:
    if len(names) == 1:
        return f"one class, {names[0]}"
    told = f"{len(names):,} classes"
    return told if len(names) > NAMED_CLASSES else f"{told} ({listed(list(names))})"


def _left_out(part: Part) -> str:
    counts = part_of(part.dataset.document, "counts")
    reasons = left_out(counts)
    scanned = number(counts, "scanned")
    if not scanned:
        return "The dataset does not say."
    if not reasons:
        if scanned == 1:
            return "Nothing: the only file of the source is in."
        return f"Nothing: all {scanned:,} files of the source are in."
    listed_reasons = "; ".join(f"{count} ({why})" for count, why in reasons)
    return f"Of {counted(scanned, 'file')}: {listed_reasons}."


def how_good(evaluation: EvaluationReport) -> str:
    """Say the accuracy with its interval, against what a constant answer reaches."""
    accuracy = evaluation.headline["accuracy"]
    value, low, high = interval_texts(accuracy, is_fraction=True)
    photos = counted(evaluation.n_images, f"{evaluation.split} photo")
    groups = "" if accuracy.n_groups is None else f" from {counted(accuracy.n_groups, 'group')}"
    told = (
        f"{value} of {photos}{groups} that it had never seen are right ({low} to {high} with "
        f"{accuracy.level:.0%} confidence)."
    )
    constant = _constant(evaluation)
    if constant is not None:
        told += f" Always answering {constant[0]} would reach {percent(constant[1])}."
        if accuracy.high < constant[1]:
            told += " The model is right less often than that: do not use it."
        elif accuracy.low <= constant[1]:
            told += " The model is not told from that: do not use it."
    if accuracy.value == PERFECT:
        told += " Not one mistake was seen, which does not mean that there are none."
    if accuracy.high - accuracy.low > WIDE:
        told += " The interval is wide: more test photos are needed to say more."
    return told


def _constant(evaluation: EvaluationReport) -> tuple[str, float] | None:
    """The most frequent class and its share; ``None`` where there is one class alone."""
    present = [each for each in evaluation.per_class if each.support]
    if len(present) < 2:
        return None
    largest = max(present, key=lambda each: each.support)
    return largest.name, largest.support / sum(each.support for each in present)


def where_it_fails(evaluation: EvaluationReport) -> str:
    """Name the weakest class, the most frequent confusion and what stands out among slices."""
    if evaluation.n_right == evaluation.n_images:
        return f"On none of {counted(evaluation.n_images, 'photo')}."
    told = []
    present = [each for each in evaluation.per_class if each.support]
    if len(present) > 1:
        told.append(_weakest(min(present, key=lambda each: each.recall)))
    if evaluation.most_confused:
        pair = evaluation.most_confused[0]
        told.append(
            f"Most often {pair.truth} is answered {pair.answer} ({pair.count:,} of "
            f"{counted(pair.support, 'photo')})."
        )
    if evaluation.slices is not None and evaluation.slices.slices:
        told.append(evaluation.slices.sentences[0])
    if evaluation.robustness is not None and len(evaluation.robustness.sentences) > 1:
        told.append(evaluation.robustness.sentences[1])
    return " ".join(told) or "The report does not say."


def _weakest(weakest: ClassFigures) -> str:
    interval: Interval | None = weakest.recall_interval
    if interval is None:
        return f"Weakest is {weakest.name}."
    value, low, high = interval_texts(interval, is_fraction=True)
    return f"Weakest is {weakest.name}: {value} of its photos are found ({low} to {high})."


def alternative(part: Part) -> str:
    """Say what the comparison recommends, and what of it can be told."""
    if part.comparison is None:
        return (
            "Nobody compared it: no other model was measured on these photos (`lineament compare`)."
        )
    told = f"Of {counted(len(part.comparison.contenders), 'model')}: {part.comparison.sentence}"
    name = part.chapter.name
    # A run of several seeds is called like its contender and its seed.
    if not name.startswith(part.comparison.recommendation):
        told += f" Told in full below is {name}, which the validation photos chose."
    return told


def _again(part: Part) -> str:
    n = len(part.commands)
    if not n:
        return "The artifacts do not say enough to write the commands down."
    commands = "command" if n == 1 else f"{n:,} commands"
    return (
        f"By the {commands} under “How to make it again”, with seed "
        f"{part.chapter.training.run.card.seed}."
    )
