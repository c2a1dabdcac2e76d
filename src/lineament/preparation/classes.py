"""Classes: leave out, rename and merge them, and check that what is left can be learned.

So that no folder is ever copied or renamed by hand: the source stays as it is.
"""

import dataclasses
from collections.abc import Mapping, Sequence

from lineament.artifacts.audit import Decisions
from lineament.core.errors import DataError, UsageError
from lineament.core.suggest import did_you_mean
from lineament.preparation.sources.listing import DECISION, Candidate, Layout, Rejection

EVERY_OTHER = "*"
SHOWN = 20  # classes in an error text
NAME_BYTES = 200  # with the dataset's own folders a path stays within what file systems take


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassRules:
    """What becomes of the source's classes.

    Attributes:
        excluded: Classes that are left out.
        renamed: Class to its new name; several classes with one new name are merged.
        rest: New name of every class that is in neither; empty to keep their own.
    """

    excluded: frozenset[str] = frozenset()
    renamed: Mapping[str, str] = dataclasses.field(default_factory=dict)
    rest: str = ""

    def name_of(self, class_name: str) -> str:
        """What a class of the source is called in the dataset."""
        return self.renamed.get(class_name, self.rest or class_name)


def read_rules(
    exclude: Sequence[str],
    rename: Sequence[str],
    merge: Sequence[str],
    *,
    added: Sequence[str] = (),
) -> ClassRules:
    """Read the rules as a person writes them.

    Args:
        exclude: Classes.
        rename: Texts ``old=new``.
        merge: Texts ``new=a,b``; ``new=*`` for every class that nothing else names.
        added: Classes that photos are added to, which ``new=*`` is not about.

    Raises:
        UsageError: A text is not of its form, a class is in two rules, or there are two ``new=*``.

    Example:
        >>> rules = read_rules(["person"], [], ["non_face=*"])
        >>> sorted(rules.excluded), rules.name_of("car")
        (['person'], 'non_face')
    """
    renamed: dict[str, str] = {}
    named: list[str] = list(exclude)
    rest = ""
    for text in rename:
        old, new = _parts(text, "rename", "old=new")
        renamed[old] = new
        named.append(old)
    for text in merge:
        new, olds = _parts(text, "merge", "new=a,b")
        if olds == EVERY_OTHER:
            rest = new
            named.append(EVERY_OTHER)
            continue
        for old in filter(None, map(str.strip, olds.split(","))):
            renamed[old] = new
            named.append(old)
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice:
        raise UsageError(
            f"`--exclude-class`, `--rename` and `--merge` name {', '.join(twice)} more than once.",
            fix="Say once what becomes of a class.",
        )
    if rest:
        renamed = {**dict(zip(added, added, strict=True)), **renamed}
    return ClassRules(excluded=frozenset(exclude), renamed=renamed, rest=rest)


def check_rules(rules: ClassRules, classes: Sequence[str]) -> None:
    """Refuse rules that do not fit the classes of a source.

    Raises:
        UsageError: A rule names a class that the source does not have, or a class is renamed to one
            that stays.
    """
    unknown = [
        f"{name}{did_you_mean(name, classes)}"
        for name in sorted({*rules.excluded, *rules.renamed})
        if name not in classes
    ]
    if unknown:
        raise UsageError(
            "`--exclude-class`, `--rename` or `--merge` name classes that are not there.",
            at=unknown,
            fix=_say_classes(classes),
        )
    named = {*rules.excluded, *rules.renamed}
    untouched = {name for name in classes if name not in named and rules.name_of(name) == name}
    taken = sorted(untouched & {new for old, new in rules.renamed.items() if old != new})
    if taken:
        raise UsageError(
            f"There is a class {', '.join(taken)} already.",
            fix=f"Merge them by name, as in `--merge {taken[0]}={taken[0]},...`.",
        )


def apply_rules(layout: Layout, rules: ClassRules) -> Layout:
    """Give the candidates their classes, by rules that were checked."""
    kept, out = [], []
    for each in layout.candidates:
        if each.class_name in rules.excluded:
            reason = f"the class {each.class_name} is excluded"
            out.append(Rejection(relative=each.relative, kind=DECISION, reason=reason))
        elif each.class_name:
            kept.append(dataclasses.replace(each, class_name=rules.name_of(each.class_name)))
        else:
            kept.append(each)
    return _with(layout, kept, out)


def apply_decisions(
    layout: Layout, decisions: Decisions, *, name: str, rules: ClassRules | None = None
) -> Layout:
    """Leave out and relabel single photos.

    Args:
        layout: What the source holds.
        decisions: From an ``audit.csv``.
        name: How the user named that table.
        rules: What becomes of the classes afterwards: a label may be a class of the source, or of
            the dataset, whose own audit knows no other names.

    Raises:
        DataError: A decision names a photo that the source does not have.
        UsageError: A decision names a class that there is not.
    """
    there = {each.relative for each in layout.candidates}
    absent = sorted(decisions.files - there - {each.relative for each in layout.rejected})
    if absent:
        raise DataError(
            f"{name} decides about {len(absent)} file{'s' * (len(absent) > 1)} that the source "
            "does not hold.",
            at=absent,
            fix="Use the table that `lineament audit` or `lineament prepare` wrote of this source.",
        )
    rules = rules or ClassRules()
    stays = [each for each in layout.classes if each not in rules.excluded]
    labels = {rules.name_of(each): each for each in stays} | {each: each for each in layout.classes}
    strange = sorted(set(decisions.relabelled.values()) - labels.keys())
    if strange:
        raise UsageError(
            f"{name} gives photos a class that is not there.",
            at=[f"{label}{did_you_mean(label, labels)}" for label in strange],
            fix=_say_classes(sorted(labels)),
        )
    kept, out = [], []
    for each in layout.candidates:
        if each.relative in decisions.dropped:
            reason = f"dropped in {name}"
            out.append(Rejection(relative=each.relative, kind=DECISION, reason=reason))
            continue
        if each.relative in decisions.relabelled:
            label = labels[decisions.relabelled[each.relative]]
            each = dataclasses.replace(each, class_name=label)
        kept.append(each)
    return _with(layout, kept, out)


def require_usable(layout: Layout, source: str, *, one_class: bool = False) -> None:
    """Refuse classes that cannot be learned or named.

    Args:
        layout: What is to be read; photos without labels are always usable.
        source: The source, for error texts.
        one_class: Whether one class alone will do.

    Raises:
        DataError: No photo is left, a class name cannot be a folder's name, there is one class
            only, or given splits differ in their classes.
    """
    if not layout.candidates:
        raise DataError(
            f"No photo of {source} is left; nothing was written.",
            fix="Exclude fewer classes, or drop fewer photos.",
        )
    bad = [repr(name) for name in layout.classes if not _can_be_folder(name)]
    if bad:
        raise DataError(
            "Class names must be able to name a folder.",
            at=bad,
            fix="Rename them, as in `--rename old=new`.",
        )
    alike: dict[str, list[str]] = {}
    for name in layout.classes:
        alike.setdefault(name.casefold(), []).append(name)
    same = [" and ".join(names) for names in alike.values() if len(names) > 1]
    if same:
        raise DataError(
            "Classes differ by capital letters alone, which many file systems cannot tell apart.",
            at=same,
            fix="Merge or rename them, as in `--merge cat=cat,Cat`.",
        )
    _require_same_classes(layout.candidates, layout.given)
    if len(layout.classes) == 1 and not one_class:
        raise DataError(
            f"{source} holds one class only, {layout.classes[0]}; a classifier needs two or more.",
            fix="Put the photos of each class in a folder of their own, all in one folder; or add "
            "a class with `--add NAME=FOLDER`; for `lineament extend`, `--one-class` will do.",
        )


def _with(layout: Layout, kept: Sequence[Candidate], out: Sequence[Rejection]) -> Layout:
    rejected = sorted([*layout.rejected, *out], key=lambda each: each.relative)
    return dataclasses.replace(layout, candidates=tuple(kept), rejected=tuple(rejected))


def _parts(text: str, flag: str, form: str) -> tuple[str, str]:
    left, equals, right = (part.strip() for part in text.partition("="))
    if not (left and equals and right):
        raise UsageError(
            f"`--{flag} {text}` is not of the form `{form}`.",
            fix=f"Write `--{flag} {form}`.",
        )
    return left, right


def _can_be_folder(name: str) -> bool:
    return (
        not any(letter in "/\\\0" or ord(letter) < 32 for letter in name)
        and not name.startswith(".")
        and name == name.strip()
        and len(name.encode("utf-8", "replace")) <= NAME_BYTES
    )


def _say_classes(names: Sequence[str]) -> str:
    if not names:
        return "The photos have no labels, so there are no classes."
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"The classes are {', '.join(names[:SHOWN])}{more}."


def _require_same_classes(candidates: Sequence[Candidate], given: Mapping[str, str]) -> None:
    """Refuse given splits whose classes differ, as names and never as positions."""
    classes: dict[str, set[str]] = {split: set() for split in given}
    for candidate in candidates:
        if candidate.split:
            classes[candidate.split].add(candidate.class_name)
    every = {name for names in classes.values() for name in names}
    shared = {name for name in every if all(name in names for names in classes.values())}
    lacking = []
    for split, names in classes.items():
        odd = sorted(names - shared)
        for name in sorted(every - names):
            hint = did_you_mean(name, odd).strip()
            lacking.append(f"{given[split]} lacks {name}" + (f" ({hint})" if hint else ""))
    if lacking:
        raise DataError(
            f"The given splits {', '.join(given.values())} do not hold the same classes.",
            at=lacking,
            fix="Rename, fill or remove class folders until every split has the same ones.",
        )
