"""Resuming: the rows of a study as it was, taken over into the plan as it is asked for now."""

import dataclasses
import json
from collections.abc import Mapping, Sequence

from lineament.artifacts.run import DOCUMENT
from lineament.artifacts.study import Study
from lineament.artifacts.study_row import BROKEN, DONE, GRID, TRIAL, WAITING, StudyRow
from lineament.core.errors import UsageError

MOST_ATTEMPTS = 2  # a run that takes the whole study down twice is not tried a third time
DIED_TWICE = "the study ended twice while this run was under way"


def taken_over(
    earlier: Study, plan: Mapping[str, object], rows: Sequence[StudyRow], *, retry_broken: bool
) -> tuple[StudyRow, ...]:
    """Give the rows of the plan what is known of them, and keep those that a search proposed.

    Args:
        earlier: The study as it was left.
        plan: What its figures depend on now.
        rows: The runs that are asked for now, with the names that they had.
        retry_broken: Whether broken runs are to be tried again.

    Raises:
        UsageError: Runs were taken away or changed. Runs that were added are welcome.
    """
    different = _differences(earlier, plan, rows)
    if different:
        raise UsageError(
            f"{earlier.root} holds another study than the one to be resumed.",
            at=different,
            fix="Ask for the same runs, or for more; or start anew with `--overwrite`.",
        )
    known = {row.name: row for row in earlier.rows}
    merged = [_continued(earlier, known.get(row.name, row), retry_broken) for row in rows]
    proposed = [_continued(earlier, row, False) for row in earlier.rows if row.role != GRID]
    # What a search left unfinished it proposes again, and then it is a new row.
    merged += [row for row in proposed if row.status != WAITING or row.role != TRIAL]
    return tuple(merged)


def _continued(earlier: Study, row: StudyRow, retry_broken: bool) -> StudyRow:
    """What becomes of a row now that the study goes on."""
    lost = row.status == DONE and not (earlier.run_path(row) / DOCUMENT).is_file()
    if lost or (row.status == BROKEN and retry_broken):
        return dataclasses.replace(row, status=WAITING, reason="", attempts=0)
    if row.status == WAITING and row.attempts >= MOST_ATTEMPTS:
        return dataclasses.replace(row, status=BROKEN, reason=DIED_TWICE)
    return row


def _differences(earlier: Study, plan: Mapping[str, object], rows: Sequence[StudyRow]) -> list[str]:
    found = _changes(_plain(earlier.plan), _plain(plan), "")
    asked = {row.identity for row in rows}
    by_name = {row.name: row for row in rows}
    for row in earlier.rows:
        if row.role != GRID or row.identity in asked:
            continue
        now = by_name.get(row.name) or _nearest(row, rows)
        changes = [] if now is None else _changes(row.recipe, now.recipe, "")
        found.append(f"{row.name}: {', '.join(changes) or 'not asked for now'}")
    return found


def _nearest(row: StudyRow, rows: Sequence[StudyRow]) -> StudyRow | None:
    """The run that this one has most likely become: fewest fields differ, and not where it is."""
    alike = [
        each
        for each in rows
        if each.dataset == row.dataset
        and all(each.recipe[name] == row.recipe[name] for name in ("backbone", "mode", "seed"))
    ]
    return min(alike, key=lambda each: len(_changes(row.recipe, each.recipe, "")), default=None)


def _plain(plan: Mapping[str, object]) -> dict[str, object]:
    """The plan without the places of its datasets, which may move, as JSON gives it back."""
    datasets = plan.get("datasets")
    assert isinstance(datasets, Mapping)  # written by `study`
    prints = {name: each["fingerprint"] for name, each in datasets.items()}
    plain: dict[str, object] = json.loads(json.dumps({**plan, "datasets": prints}))
    return plain


def _changes(then: Mapping[str, object], now: Mapping[str, object], before: str) -> list[str]:
    changed: list[str] = []
    for name in sorted({*then, *now}):
        one, other = _listed(then.get(name)), _listed(now.get(name))
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            changed += _changes(one, other, f"{before}{name}.")
        elif one != other and not (before == "datasets." and one is None):  # one more may come
            changed.append(f"{before}{name} {one!r} then, {other!r} now")
    return changed


def _listed(value: object) -> object:
    """A value as JSON gives it back."""
    return list(value) if isinstance(value, tuple) else value
