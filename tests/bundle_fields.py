"""What ``docs/reference/bundle.md`` says of a card's fields, and what a card has beyond that."""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "bundle.md"
ROW = re.compile(r"^\| `([^`]+)` \| ([^|]+) \| (1|1, later|1, some|1, early) \| ([^|]+) \|$", re.M)
ANYTHING = ("provenance.recipe", "provenance.chosen", "provenance.head")  # read on other pages


@dataclasses.dataclass(frozen=True)
class Listed:
    """A row of the page."""

    kind: str
    since: str
    meaning: str


def listed() -> dict[str, Listed]:
    """Every row by its field."""
    rows = ROW.findall(PAGE.read_text(encoding="utf-8"))
    return {field: Listed(*(cell.strip() for cell in cells)) for field, *cells in rows}


def fields(document: Mapping[str, object], rows: Mapping[str, Listed]) -> Iterator[tuple[str, str]]:
    """The fields of a card as the page would call them, each with the type that it has."""
    yield from _inside(document, "", rows)


def _inside(value: object, place: str, rows: Mapping[str, Listed]) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and place not in ANYTHING:
        for key, each in value.items():
            exact = f"{place}.{key}" if place else key
            named = exact if exact in rows or f"{place}.*" not in rows else f"{place}.*"
            yield named, kind_of(each)
            yield from _inside(each, named, rows)
    elif isinstance(value, list):
        for each in value:
            yield from _inside(each, f"{place}[]", rows)


def kind_of(value: object) -> str:
    """The type of a JSON value, in the page's words."""
    if value is None:
        return "null"
    if isinstance(value, list):
        kinds = {kind_of(each) for each in value} or {"anything"}
        return f"list of {'number' if kinds <= {'number', 'whole number'} else min(kinds)}s"
    names = {bool: "true or false", int: "whole number", float: "number", str: "text"}
    return names.get(type(value), "object")


def fits(kind: str, stated: str) -> bool:
    """Whether a value's type is one that the page states."""
    allowed = stated.split(" or ") if stated != "true or false" else [stated]
    if "number" in allowed:
        allowed.append("whole number")  # JSON knows one kind of number
    return kind in allowed or (
        kind == "list of anythings" and any(each.startswith("list") for each in allowed)
    )


def wrong_fields(document: Mapping[str, object]) -> list[str]:
    """What a card has that the page does not list, or lists as another type."""
    rows = listed()
    found = set(fields(document, rows))
    unlisted = [f"{field} is not listed" for field, _ in sorted(found) if field not in rows]
    return unlisted + [
        f"{field} is {kind}, listed as {rows[field].kind}"
        for field, kind in sorted(found)
        if field in rows and not fits(kind, rows[field].kind)
    ]
