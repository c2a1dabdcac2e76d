"""Selecting: which rows of a listing are shown, in which order, told by the names of fields."""

import dataclasses
import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from lineament.core.errors import UsageError
from lineament.core.suggest import did_you_mean
from lineament.workflow.listing import COLUMNS, RECIPE_FIELDS, Cell, RunRow

ORDERS: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
NOTHING = ("", "none", "null")  # how an empty cell is written
_CONDITION = re.compile(r"\s*([^<>=!\s]+)\s*(!=|<=|>=|==|=|<|>)(.*)", re.DOTALL)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Condition:
    """What a row must be to be shown.

    Attributes:
        name: The field.
        relation: ``=``, ``!=``, ``<``, ``<=``, ``>`` or ``>=``.
        wanted: What is on its other side, as it was written.
    """

    name: str
    relation: str
    wanted: str

    def holds(self, row: RunRow) -> bool:
        """Whether a row is so; of an empty cell no order holds."""
        found = row.value(self.name)
        if self.relation in ORDERS:
            number = _number(found)
            return number is not None and ORDERS[self.relation](number, float(self.wanted))
        return _is_same(found, self.wanted) == (self.relation == "=")


def condition(text: str) -> Condition:
    """Read a condition.

    Raises:
        UsageError: It is none, or asks for an order of something else than numbers.

    Example:
        >>> condition("learning_rate>=1e-4")
        Condition(name='learning_rate', relation='>=', wanted='1e-4')
    """
    found = _CONDITION.fullmatch(text)
    if not found:
        raise UsageError(
            f"`{text}` is no condition.",
            fix="Write for example `--where mode=head` or `--where 'validation_accuracy>=0.9'`.",
        )
    relation, wanted = found[2].replace("==", "="), found[3].strip()
    if relation in ORDERS and _number(wanted) is None:
        raise UsageError(
            f"`{text}` compares with {wanted!r}, which is not a number.",
            fix=f"Give a number, or use `{found[1]}={wanted}`.",
        )
    return Condition(name=found[1], relation=relation, wanted=wanted)


def check_names(names: Sequence[str], rows: Sequence[RunRow]) -> None:
    """Refuse a field that no row could have.

    Args:
        names: As they were written.
        rows: What is listed: their documents say which dotted names there are.

    Raises:
        UsageError: Some are unknown; all of them are named.
    """
    simple = {*COLUMNS, *RECIPE_FIELDS}
    if not (asked := [name for name in names if name not in simple]):
        return
    known = simple.union(*(set(_dotted(row.document)) for row in rows))
    unknown = [name for name in asked if name not in known]
    # Where nothing is listed, nothing says that a dotted name is wrong.
    unknown = [name for name in unknown if rows or "." not in name]
    if unknown:
        hints = [f"`{name}`.{did_you_mean(name, sorted(known))}" for name in unknown]
        raise UsageError(
            f"Runs have no field {' '.join(hints)}",
            fix=f"There are {', '.join(COLUMNS)}, the fields of recipes, and dotted names of "
            "run.json such as chosen.epoch.",
        )


def ordered(rows: Sequence[RunRow], name: str, *, is_reversed: bool = False) -> tuple[RunRow, ...]:
    """Sort by a field: numbers before texts, empty cells last in either direction.

    Args:
        rows: In the order that those with equal cells keep.
        name: The field.
        is_reversed: Whether the largest comes first.
    """
    full = [row for row in rows if row.value(name) is not None]
    empty = [row for row in rows if row.value(name) is None]
    full.sort(key=lambda row: _rank(row.value(name)), reverse=is_reversed)
    return (*full, *empty)


def _rank(value: Cell) -> tuple[bool, float, str]:
    is_text = isinstance(value, str)
    return (is_text, 0.0 if is_text or value is None else float(value), str(value))


def _is_same(found: Cell, wanted: str) -> bool:
    if found is None:
        return wanted.lower() in NOTHING
    if isinstance(found, bool):
        return wanted.lower() == str(found).lower()
    if isinstance(found, str):
        return found == wanted
    number = _number(wanted)
    return number is not None and number == found


def _number(value: Cell) -> float | None:
    """What can be compared as a number."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return None if math.isnan(number) else number


def _dotted(document: Mapping[str, object], prefix: str = "") -> Iterator[str]:
    """The names of everything in a document, its parts included."""
    for name, value in document.items():
        yield f"{prefix}{name}"
        if isinstance(value, dict):
            yield from _dotted(value, f"{prefix}{name}.")
