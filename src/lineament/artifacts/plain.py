"""Plain: frozen dataclasses from what JSON gives back, every type checked against the class."""

import dataclasses
import json
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from lineament.artifacts.schema import field
from lineament.core.errors import ArtifactError
from lineament.core.files import json_text

T = TypeVar("T")


def read_plain(kind: type[T], document: Mapping[str, object], *, name: str) -> T:
    """Make a dataclass of the mapping that `dataclasses.asdict` and JSON made of one.

    Fields may be texts, numbers, truth values, mappings from texts, tuples of one kind or of stated
    ones, other dataclasses, and ``None`` beside any of these.

    Args:
        kind: The dataclass.
        document: Its fields; others are not looked at, and absent ones take their default.
        name: What to call the artifact in an error.

    Raises:
        ArtifactError: A field is absent or of another type; it is named with its place.

    Example:
        >>> @dataclasses.dataclass(frozen=True)
        ... class Point:
        ...     at: tuple[float, float]
        ...     label: str | None = None
        >>> read_plain(Point, {"at": [1, 2.5]}, name="a report")
        Point(at=(1.0, 2.5), label=None)
    """
    return _dataclass(kind, document, name, "")


def plain_of(made: object) -> dict[str, object]:
    """Give a dataclass as JSON holds it (objects, lists, texts and numbers), for `read_plain`."""
    plain: dict[str, object] = json.loads(json_text(dataclasses.asdict(typing.cast(Any, made))))
    return plain


def optional(kind: type[T], document: Mapping[str, object], key: str, *, name: str) -> T | None:
    """Take a field that is a dataclass or is not there; errors as `read_plain`."""
    if document.get(key) is None:
        return None
    return read_plain(kind, field(document, key, dict, name=name), name=name)


def _dataclass(kind: type[T], document: Mapping[str, object], name: str, place: str) -> T:
    annotations = typing.get_type_hints(kind)
    values = {}
    for each in dataclasses.fields(typing.cast(Any, kind)):
        if each.name not in document and _has_default(each):
            continue
        at = f"{place}.{each.name}" if place else each.name
        values[each.name] = _value(annotations[each.name], document.get(each.name), name, at)
    made: T = typing.cast(Any, kind)(**values)
    return made


def _has_default(each: "dataclasses.Field[Any]") -> bool:
    missing = dataclasses.MISSING
    return each.default is not missing or each.default_factory is not missing


def _value(annotation: object, value: object, name: str, at: str) -> object:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (types.UnionType, typing.Union):
        kinds = [each for each in arguments if each is not type(None)]
        if value is None and len(kinds) < len(arguments):
            return None
        return _union(kinds, value, name, at)
    if dataclasses.is_dataclass(annotation):
        inner = field({at: value}, at, dict, name=name)
        return _dataclass(typing.cast(type[Any], annotation), inner, name, at)
    if origin is tuple:
        return _tuple(arguments, value, name, at)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        entries = field({at: value}, at, dict, name=name)
        return {
            key: _value(arguments[1], each, name, f"{at}.{key}") for key, each in entries.items()
        }
    if annotation is object:
        return value
    return field({at: value}, at, typing.cast(type[object], annotation), name=name)


def _union(kinds: list[Any], value: object, name: str, at: str) -> object:
    """The first kind that fits; numbers are tried as they stand before they are widened."""
    if type(value) in kinds:
        return value
    for kind in kinds[:-1]:
        try:
            return _value(kind, value, name, at)
        except ArtifactError:
            continue
    return _value(kinds[-1], value, name, at)


def _tuple(arguments: tuple[Any, ...], value: object, name: str, at: str) -> tuple[object, ...]:
    entries: list[object] = field({at: value}, at, list, name=name)
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        kinds = [arguments[0]] * len(entries)
    elif len(arguments) == len(entries):
        kinds = list(arguments)
    else:
        raise ArtifactError(
            f"{name} has a field `{at}` of {len(entries)} entries where {len(arguments)} belong.",
            fix="The artifact is damaged; make it again.",
        )
    return tuple(
        _value(kind, each, name, f"{at}[{i}]")
        for i, (kind, each) in enumerate(zip(kinds, entries, strict=True))
    )
