"""Configuration: one frozen dataclass per verb, every field with a default, a unit and a range.

A field is declared with `option`; its range is checked when the object is made, so a configuration
that exists is valid. `resolve` lays layers over the defaults (a file, then ``--set``, then flags)
and refuses unknown fields with a suggestion.
"""

import dataclasses
import math
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from lineament.core.errors import UsageError
from lineament.core.suggest import did_you_mean

T = TypeVar("T")
ConfigT = TypeVar("ConfigT", bound="Config")


def option(
    default: T,
    *,
    help: str,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: Sequence[str] | None = None,
) -> T:
    """Declare a field of a configuration.

    Args:
        default: The value that is right for a first run.
        help: What it means, with its unit; shown by ``--help`` and in the reference.
        minimum: Smallest number allowed.
        maximum: Largest number allowed.
        choices: The words allowed.

    Returns:
        A dataclass field; typed as the default so that the annotation is checked.
    """
    metadata = {"help": help, "minimum": minimum, "maximum": maximum, "choices": choices}
    field: T = dataclasses.field(default=default, metadata=metadata)
    return field


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Base of every configuration: checks types and ranges when it is made."""

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            UsageError: A value has the wrong type or is out of its range; all of them are named.
        """
        annotations = field_types(type(self))
        wrong = []
        for field in dataclasses.fields(self):
            problem = _problem(getattr(self, field.name), annotations[field.name], field.metadata)
            if problem:
                wrong.append(f"`{field.name}` must be {problem}")
        if wrong:
            raise UsageError(
                f"{type(self).__name__}: {'; '.join(wrong)}.",
                fix="Give a value in that range, or leave it out for the default.",
            )

    def as_dict(self) -> dict[str, object]:
        """Every field with its value, for an artifact."""
        return dataclasses.asdict(self)


def field_types(config: type[Config]) -> dict[str, Any]:
    """Resolve the annotations of a configuration class, field by field."""
    return typing.get_type_hints(config)


def resolve(
    config: type[ConfigT], *layers: Mapping[str, object], sets: Sequence[str] = ()
) -> ConfigT:
    """Lay mappings and ``field=value`` texts over the defaults.

    Args:
        config: The configuration class.
        layers: Mappings of field to value, later ones win; ``None`` values are left out.
        sets: Texts of the form ``field=value``, laid between the first layers and the last one.

    Returns:
        A valid configuration.

    Raises:
        UsageError: A field is unknown, a text is not ``field=value``, or a value does not fit.
    """
    known = field_types(config)
    *lower, top = layers or ({},)
    merged: dict[str, object] = {}
    for layer in lower:
        merged.update(layer)
    for text in sets:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(
                f"`--set {text}` is not of the form `field=value`.",
                fix=f"Write for example `--set {next(iter(known))}=...`.",
            )
        merged[name] = _parse(value, known[name]) if name in known else value
    merged.update({name: value for name, value in top.items() if value is not None})
    unknown = [name for name in merged if name not in known]
    if unknown:
        hints = [f"`{name}`.{did_you_mean(name, known)}" for name in unknown]
        raise UsageError(
            f"{config.__name__} has no field {' '.join(hints)}",
            fix=f"Known fields: {', '.join(known)}.",
        )
    return config(**merged)


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return typing.get_args(annotation)
    return (annotation,)


def _parse(text: str, annotation: Any) -> object:
    """Read a text as the annotated type; what cannot be read stays a text for the check."""
    kinds = _alternatives(annotation)
    if type(None) in kinds and text.lower() in ("none", "null", ""):
        return None
    if bool in kinds and text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        if kind in kinds:
            try:
                return kind(text)
            except ValueError:
                continue
    for kind in kinds:
        if typing.get_origin(kind) is tuple:
            inner = typing.get_args(kind)[0]
            return tuple(_parse(part.strip(), inner) for part in text.split(",") if part.strip())
    return text


def _problem(value: object, annotation: Any, rules: Mapping[str, Any]) -> str:
    """Say what a value must be, when it is not; an empty text when it is."""
    kinds = _alternatives(annotation)
    if value is None and type(None) in kinds:
        return ""
    described = _describe(kinds, rules)
    if rules.get("choices") and isinstance(value, str):
        if value in rules["choices"]:
            return ""
        return f"{described}, got {value!r}{_aside(did_you_mean(value, rules['choices']))}"
    if not any(_is(value, kind) for kind in kinds):
        return f"{described}, got {value!r}"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        low, high = rules.get("minimum"), rules.get("maximum")
        outside = (low is not None and value < low) or (high is not None and value > high)
        if outside or not math.isfinite(value):
            return f"{described}, got {value!r}"
    return ""


def _aside(hint: str) -> str:
    """Put a suggestion into brackets, for the middle of a sentence."""
    return f" (did{hint.strip()[3:]})" if hint else ""


def _is(value: object, kind: Any) -> bool:
    if typing.get_origin(kind) is tuple:
        inner = typing.get_args(kind)[0]
        return isinstance(value, tuple) and all(_is(part, inner) for part in value)
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(kind, type) and isinstance(value, kind)


def _describe(kinds: tuple[Any, ...], rules: Mapping[str, Any]) -> str:
    if rules.get("choices"):
        return "one of " + ", ".join(rules["choices"])
    names = {int: "an integer", float: "a number", str: "a text", bool: "true or false"}
    words = []
    for kind in kinds:
        if typing.get_origin(kind) is tuple:
            words.append("a list of " + names.get(typing.get_args(kind)[0], "values") + "s")
        elif kind is not type(None):
            words.append(names.get(kind, getattr(kind, "__name__", str(kind))))
    low, high = rules.get("minimum"), rules.get("maximum")
    limits = ""
    if low is not None and high is not None:
        limits = f" from {low:g} to {high:g}"
    elif low is not None:
        limits = f" of at least {low:g}"
    elif high is not None:
        limits = f" of at most {high:g}"
    return " or ".join(words) + limits
