"""Plan: what is to be read and what must stay together, settled before the first photo is read.

What cannot work (one class, groups that cross given splits, a decision about a file that is not
there) is said here, in the first second and not after an hour of reading.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from lineament.artifacts.audit import Decisions, read_decisions
from lineament.core.errors import UsageError
from lineament.core.progress import QUIET, Progress
from lineament.preparation.classes import (
    apply_decisions,
    apply_rules,
    check_rules,
    require_usable,
)
from lineament.preparation.config import PrepareConfig
from lineament.preparation.division.divide import check_division, fractions_to_make
from lineament.preparation.division.grouping import Member, read_groups
from lineament.preparation.division.listed import read_listed
from lineament.preparation.sources.listing import Candidate, Layout, Source


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be done with a source.

    Attributes:
        layout: Its photos, with their classes in the dataset, and what is left out already.
        groups: Photo to group; empty for none.
        given: Split to what the source, or the user, calls it.
        to_make: Split to fraction, for the photos that are in no given split but train.
        decisions: What a person decided about single photos.
        train_only: Corrections, which are in no other split; but of a class that has nothing else
            they are divided like other photos, since it could not be tested at all.
    """

    layout: Layout
    groups: Mapping[str, str]
    given: Mapping[str, str]
    to_make: Mapping[str, float]
    decisions: Decisions
    train_only: frozenset[str] = frozenset()


def make_plan(
    source: Source, config: PrepareConfig, *, divided: bool = True, progress: Progress = QUIET
) -> Plan:
    """List a source and settle what becomes of it.

    Args:
        source: Where photos come from.
        config: What is wanted.
        divided: Whether they are to be split; without, what cannot be split is no error.
        progress: Who listens.

    Raises:
        UsageError: Class rules, groups or decisions name what is not there, or photos without
            labels are to be divided.
        DataError: The source cannot be used as it is.
        ArtifactError: The table of decisions cannot be read.
    """
    layout = source.layout(progress=progress)
    for note in layout.notes:
        progress.note(note)
    decisions, rules = Decisions(), config.rules()
    check_rules(rules, layout.classes)
    if config.decisions is not None:
        decisions = read_decisions(Path(config.decisions))
        layout = apply_decisions(layout, decisions, name=config.decisions, rules=rules)
    layout = apply_rules(layout, rules)
    if divided:
        require_usable(layout, source.name, one_class=config.one_class)
        if not layout.classes:
            _require_undivided(config)
    given = dict(layout.given)
    if config.test_list is not None:
        layout, given = _with_test_list(layout, config.test_list), {"test": config.test_list}
    keys = [each.relative for each in layout.candidates]
    groups = read_groups(
        keys,
        config.group_by,
        given={each.relative: each.group for each in layout.candidates},
        metadata={each.relative: each.metadata for each in layout.candidates},
    )
    ungrouped = sum(not group for group in groups.values()) if config.group_by else 0
    if ungrouped:
        progress.note(f"{ungrouped} of {len(keys)} photos match no group; each is its own.")
    train_only = _corrections(layout)
    to_make = fractions_to_make(given, config.fractions()) if layout.classes else {}
    if layout.classes and divided:
        check_division(
            [
                _member(each, groups)
                for each in layout.candidates
                if each.relative not in train_only
            ],
            {each.relative: each.split for each in layout.candidates},
            to_make,
            groups_whole=config.test_list is None,
        )
    return Plan(
        layout=layout,
        groups=groups,
        given=given,
        to_make=to_make,
        decisions=decisions,
        train_only=train_only,
    )


def _corrections(layout: Layout) -> frozenset[str]:
    """Name the corrections of classes that have other photos too."""
    others = {each.class_name for each in layout.candidates if not each.correction}
    return frozenset(
        each.relative
        for each in layout.candidates
        if each.correction and each.class_name in others and each.split in ("", "train")
    )


def _require_undivided(config: PrepareConfig) -> None:
    """Refuse what has no meaning for photos without labels, which are in one split."""
    asked = ("test_list", "time_by", "folds", "extend", "balance")
    default = PrepareConfig()
    given = [name for name in asked if getattr(config, name) != getattr(default, name)]
    if given:
        raise UsageError(
            f"Photos without labels are not divided, so `{given[0]}` has no meaning for them.",
            fix="Leave it out, or give the photos labels.",
        )


def _with_test_list(layout: Layout, path: str) -> Layout:
    """Put the listed photos in the test split."""
    listed = set(read_listed(Path(path), [each.relative for each in layout.candidates]))
    candidates = [
        dataclasses.replace(each, split="test" if each.relative in listed else "")
        for each in layout.candidates
    ]
    return dataclasses.replace(layout, candidates=tuple(candidates))


def _member(candidate: Candidate, groups: Mapping[str, str]) -> Member:
    return Member(
        key=candidate.relative,
        class_name=candidate.class_name,
        group=groups[candidate.relative],
    )
