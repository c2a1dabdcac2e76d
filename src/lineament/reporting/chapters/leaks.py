"""The chapter on leaks: what could have let test photos help in training, and what was found."""

from collections.abc import Mapping

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.report import EvaluationReport
from lineament.reporting.documents import number, part, parts
from lineament.reporting.numbers import counted

TIES = {  # key of the checks, what a test photo would share with a training photo
    "duplicates": "the same pixels as",
    "near": "a near duplicate in",
    "group": "a group with",
}


def leaks(
    dataset: Dataset, audit: Mapping[str, object], evaluation: EvaluationReport
) -> dict[str, object]:
    """Write the chapter.

    Args:
        dataset: The dataset.
        audit: What its ``audit.json`` says; may be empty.
        evaluation: What was measured on its test photos.

    Returns:
        What ``chapter_leaks.html.j2`` names: ``found`` (whether something leaks), ``sentences``,
        ``not_looked`` (what nobody looked for) and ``shortcuts``.
    """
    document = dataset.document
    ties = _ties(document)
    suspicious = [
        str(each.get("sentence"))
        for each in (parts(audit, "shortcuts") or parts(document, "shortcuts"))
        if each.get("suspicious") is True
    ]
    told = [sentence for _, sentence in ties]
    shortcuts = parts(audit, "shortcuts")
    if shortcuts and not suspicious:
        names = ", ".join(str(each.get("property")) for each in shortcuts)
        told.append(f"No property of the picture as such tells the classes apart ({names}).")
    if evaluation.openings is not None:
        told.append(evaluation.openings.sentence)
    if evaluation.inflation is not None:
        told.append(str(evaluation.inflation.get("sentence")))
    return {
        "leaks": any(count for count, _ in ties),
        "sentences": told,
        "shortcuts": suspicious,
        "not_looked": _not_looked(document, shortcuts, evaluation),
    }


def _ties(document: Mapping[str, object]) -> list[tuple[int, str]]:
    """By kind of tie: how many test photos leak, and a sentence."""
    checks, counts = part(document, "checks"), part(document, "counts")
    found = part(checks, "test_photos_with_a_partner_in_train")
    expected = part(checks, "of_a_random_split")
    n_test = number(part(counts, "per_split"), "test")
    told = []
    for key, words in TIES.items():
        if key not in found or (key == "near" and not _near(document)):
            continue
        if key == "group" and not number(part(checks, "groups"), "groups"):
            continue
        count, would = number(found, key), expected.get(key)
        subject = f"{count:,} of {counted(n_test, 'test photo')}" if count else "No test photo"
        verb = "share" if count > 1 else "shares"
        verb = verb if key == "group" else ("have" if count > 1 else "has")
        sentence = f"{subject} {verb} {words} a training photo"
        if key == "near":
            sentence = f"{subject} {verb} {words} training"
        if isinstance(would, int | float) and would >= 0.5:  # rounds to one photo
            sentence += f"; a random split would have had about {would:,.0f}"
        told.append((count, f"{sentence}."))
    return told


def _near(document: Mapping[str, object]) -> bool:
    return part(document, "config").get("near_duplicates") is not False


def _not_looked(
    document: Mapping[str, object],
    shortcuts: list[Mapping[str, object]],
    evaluation: EvaluationReport,
) -> list[str]:
    """What nobody looked for, and how one would."""
    missing = []
    if not _near(document):
        missing.append(
            "Near duplicates were not looked for (`prepare --set near_duplicates=true` does)."
        )
    if not number(part(part(document, "checks"), "groups"), "groups"):
        missing.append(
            "No groups are known: if photos of one person, recording or place are in it, they may "
            "be on both sides (`prepare --group-by`)."
        )
    if not shortcuts:
        missing.append("Shortcuts such as brightness were not looked for (`lineament audit`).")
    if evaluation.inflation is None:
        missing.append(
            "What a random split would have claimed was not measured (`evaluate --inflation`)."
        )
    return missing
