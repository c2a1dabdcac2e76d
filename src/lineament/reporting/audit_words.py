"""Audit words: what an audit says in sentences, the one that matters most first."""

from collections.abc import Iterator, Mapping, Sequence

from lineament.artifacts.audit import (
    ALIKE,
    CONFLICT,
    DUPLICATE,
    NEAR,
    SUSPECT,
    UNREADABLE,
    Finding,
)
from lineament.reporting.documents import listed, number, part, parts
from lineament.reporting.numbers import counted

MANY_FRACTION = 0.01  # of the photos with a near duplicate: from here on a split is in question
FORMULA = ("=", "+", "-", "@", "\t", "\r")

# In the order of the page: title, and what it means for the one who decides.
KINDS = {
    CONFLICT: ("Label conflicts", "The same picture under two classes: at most one is right."),
    SUSPECT: ("Likely wrong labels", "A model that had not seen the photo contradicts its label."),
    NEAR: ("Near duplicates", "The same picture, a little changed; kept on one side of a split."),
    DUPLICATE: ("Exact duplicates", "The same pixels; kept on one side of a split."),
    ALIKE: ("Alike", "Perhaps the same scene or person."),
    "blank": ("Blank", "Nothing is to be seen."),
    "dark": ("Dark", "Nearly all of the photo is dark."),
    "bright": ("Bright", "Nearly all of the photo is bright."),
    "blurred": ("Blurred", "No edge is sharp."),
    "tiny": ("Tiny", "Far fewer pixels than a model looks at."),
    "extreme_aspect": ("Extreme shape", "A crop loses most of the photo."),
    UNREADABLE: ("Unreadable files", "They cannot be decoded: repair them, or leave them out."),
}


def lead(
    findings: Sequence[Finding], document: Mapping[str, object], counts: Mapping[str, int]
) -> str:
    """Say the one thing that matters most.

    Args:
        findings: All of them.
        document: The content of ``audit.json``.
        counts: How many findings there are of each kind.
    """
    return next(_leads(findings, document, counts))


def about(document: Mapping[str, object]) -> str:
    """Say what was looked at."""
    scanned, photos = number(document, "n_scanned"), number(document, "n_photos")
    n_classes = len(part(document, "classes"))
    source = document.get("source") or "the source"
    given = part(document, "given")
    text = f"{counted(photos, 'photo')} of {source}"
    if scanned != photos:
        text += f", which holds {counted(scanned, 'file')}"
    text += f", in {counted(n_classes, 'class')}" if n_classes else ", without labels"
    if given:
        text += f"; it comes with the splits {listed([str(split) for split in given])}"
    return text + "."


def looked_for(document: Mapping[str, object]) -> list[str]:
    """Name the kinds of findings of which it can be said that there are none."""
    without = {ALIKE}  # needs embeddings, and nothing states whether they were asked for
    if not part(document, "classes"):
        without.add(CONFLICT)
    if part(document, "labels").get("checked") is not True:
        without.add(SUSPECT)
    return [kind for kind in KINDS if kind not in without]


def warnings(findings: Sequence[Finding], document: Mapping[str, object]) -> list[str]:
    """Say what to know before a model is trained on this, and before the table is opened."""
    across = _across(document)
    suspicious = [str(each["sentence"]) for each in suspicious_shortcuts(document)]
    formulas = {
        cell
        for each in findings
        for cell in (each.filename, each.partner)
        if cell.startswith(FORMULA)
    }
    warning = (
        f"{counted(len(formulas), 'name')} in audit.csv begin{'s' if len(formulas) == 1 else ''} "
        "like a formula of a spreadsheet (=, +, - or @). Such names are written as they are, for "
        "they are the names of files; decide here, or open the table in a text editor."
    )
    return [*([across] if across else []), *suspicious, *([warning] if formulas else [])]


def suspicious_shortcuts(document: Mapping[str, object]) -> list[Mapping[str, object]]:
    """The properties of which a model could learn instead of what the photos show."""
    return [each for each in parts(document, "shortcuts") if each.get("suspicious") is True]


def _leads(
    findings: Sequence[Finding], document: Mapping[str, object], counts: Mapping[str, int]
) -> Iterator[str]:
    """What could be said first, what matters most first; the last always can."""
    if across := _across(document):
        yield across
    for each in suspicious_shortcuts(document):
        yield str(each["sentence"])
    photos = number(document, "n_photos")
    start = f"{counted(photos, 'photo')}: " if photos else ""
    near = number(part(document, "near"), "photos") or len(
        {file for each in findings if each.kind == NEAR for file in (each.filename, each.partner)}
    )
    if near == photos > 0:
        yield f"All {counted(photos, 'photo')} have a near duplicate; a random split would leak."
    if near > photos * MANY_FRACTION:
        yield f"{start}{near:,} have a near duplicate; a random split would leak."
    if n := counts.get(CONFLICT):
        yield f"{start}{counted(n, 'picture')} under two classes, of which one is wrong."
    if n := counts.get(SUSPECT):
        yield f"{start}{counted(n, 'label')} may be wrong."
    if near:
        yield f"{start}{near:,} have a near duplicate; a random split could leak."
    if n := counts.get(DUPLICATE):
        yield f"{start}{counted(n, 'exact duplicate')}; a random split could leak."
    if n := counts.get(UNREADABLE):
        scanned = number(document, "n_scanned")
        yield f"{f'{n:,} of ' if scanned else ''}{counted(scanned or n, 'file')} cannot be read."
    if n := sum(counts.values()):
        yield f"{start}{counted(n, 'finding')}, none of which puts a figure in question."
    yield "Nothing was found that needs a decision."


def _across(document: Mapping[str, object]) -> str:
    """What crosses the splits that the source itself gives."""
    across = part(document, "across_given_splits")
    found = [
        f"{n:,} {'has' if n == 1 else 'have'} {words}"
        for kind, words in ((DUPLICATE, "an exact duplicate"), (NEAR, "a near duplicate"))
        if (n := number(across, kind))
    ]
    if not found:
        return ""
    judged = [split for split in part(document, "given") if split != "train"] or ["other"]
    return (
        f"The given splits leak: of the {listed(judged)} photos, {listed(found)} in the "
        "train split."
    )
