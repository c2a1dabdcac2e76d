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

HUGE = 10**18  # no count, seed or rate is meant to be larger; what is was typed by mistake


def option(
    default: T,
    *,
    help: str,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: Sequence[str] | None = None,
    none_is_a_word: bool = False,
) -> T:
    """Declare a field of a configuration.

    Args:
        default: The value that is right for a first run.
        help: What it means, with its unit; shown by ``--help`` and in the reference.
        minimum: Smallest number allowed.
        maximum: Largest number allowed.
        choices: The words allowed.
        none_is_a_word: Whether ``none`` is a value of its own. Else it stands for no value where
            the field may have none; an empty text and ``null`` always do.

    Returns:
        A dataclass field; typed as the default so that the annotation is checked.
    """
    metadata = {
        "help": help,
        "minimum": minimum,
        "maximum": maximum,
        "choices": choices,
        "none_is_a_word": none_is_a_word,
    }
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
            text = f"{type(self).__name__}: {'; '.join(wrong)}"
            raise UsageError(
                text if text.endswith("?") else f"{text}.",
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
        layers: Mappings of field to value, later ones win. ``None`` in the last one is a flag that
            was not given; below it is a file's word for no value, where the field may have none.
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
        merged.update(
            (name, value)
            for name, value in layer.items()
            if value is not None or _may_be_none(known.get(name))
        )
    rules = {field.name: field.metadata for field in dataclasses.fields(config)}
    for text in sets:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(
                f"`--set {text}` is not of the form `field=value`.",
                fix=f"Write for example `--set {next(iter(known))}=...`.",
            )
        merged[name] = _parse(value, known[name], rules[name]) if name in known else value
    merged.update({name: value for name, value in top.items() if value is not None})
    unknown = [name for name in merged if name not in known]
    if unknown:
        hints = [f"`{name}`.{did_you_mean(str(name), known)}" for name in unknown]
        raise UsageError(
            f"{config.__name__} has no field {' '.join(hints)}",
            fix=f"Known fields: {', '.join(known)}.",
        )
    return config(**{name: _fitted(value, known[name]) for name, value in merged.items()})


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return typing.get_args(annotation)
    return (annotation,)


def _may_be_none(annotation: Any) -> bool:
    return type(None) in _alternatives(annotation)


def _parse(text: str, annotation: Any, rules: Mapping[str, Any]) -> object:
    """Read a text as the annotated type; what cannot be read stays a text for the check."""
    kinds = _alternatives(annotation)
    words = ("null", "") if rules["none_is_a_word"] else ("none", "null", "")
    if type(None) in kinds and text.lower() in words:
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
            parts = (part.strip() for part in text.split(","))
            return tuple(_parse(part, inner, rules) for part in parts if part)
    return text


def _fitted(value: object, annotation: Any) -> object:
    """Give a file's list as a tuple, its whole number as a float, its ``none`` as no value."""
    kinds = _alternatives(annotation)
    if value == "none" and type(None) in kinds and str not in kinds:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        meant = float in kinds and int not in kinds and abs(value) < HUGE
        return float(value) if meant else value
    several = [kind for kind in kinds if typing.get_origin(kind) is tuple]
    if several and isinstance(value, (list, tuple)):
        return tuple(_fitted(part, typing.get_args(several[0])[0]) for part in value)
    return value


def _problem(value: object, annotation: Any, rules: Mapping[str, Any]) -> str:
    """Say what a value must be, when it is not; an empty text when it is."""
    kinds = _alternatives(annotation)
    if any(_fits(value, kind, rules) for kind in kinds):
        return ""
    wrong = next((part for part in _parts(value) if isinstance(part, str)), "")
    hint = did_you_mean(wrong, rules["choices"]) if rules.get("choices") else ""
    shown = value if not isinstance(value, int) or abs(value) < HUGE else "a huge number"
    return f"{_describe(kinds, rules)}, got {shown!r}" + (f".{hint}" if hint else "")


def _fits(value: object, kind: Any, rules: Mapping[str, Any]) -> bool:
    """Whether a value is of a kind, and within the rules."""
    if kind is type(None) or value is None:
        return kind is type(None) and value is None
    if typing.get_origin(kind) is tuple:
        inner = typing.get_args(kind)
        counted = inner[-1] is not Ellipsis
        if not isinstance(value, tuple) or (counted and len(value) != len(inner)):
            return False
        return all(_fits(part, inner[0], rules) for part in value)
    if kind is float or kind is int:
        allowed = (int, float) if kind is float else (int,)
        if isinstance(value, bool) or not isinstance(value, allowed):
            return False
        low, high = rules.get("minimum"), rules.get("maximum")
        if isinstance(value, float) and not math.isfinite(value):
            return False
        if isinstance(value, int) and abs(value) >= HUGE:
            return False
        return (low is None or value >= low) and (high is None or value <= high)
    if kind is str and rules.get("choices"):
        return value in rules["choices"]
    return isinstance(kind, type) and isinstance(value, kind)


def _parts(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else (value,)


def _describe(kinds: tuple[Any, ...], rules: Mapping[str, Any]) -> str:
    if rules.get("choices"):
        return "one of " + ", ".join(rules["choices"])
    one = {int: "an integer", float: "a number", str: "a text", bool: "true or false"}
    many = {int: "integers", float: "numbers", str: "texts"}
    words = []
    for kind in kinds:
        if typing.get_origin(kind) is tuple:
            inner = typing.get_args(kind)
            count = "" if inner[-1] is Ellipsis else f"{len(inner)} "
            words.append(f"a list of {count}{many.get(inner[0], 'values')}")
        elif kind is not type(None):
            words.append(one.get(kind, getattr(kind, "__name__", str(kind))))
    low, high = rules.get("minimum"), rules.get("maximum")
    limits = ""
    if low is not None and high is not None:
        limits = f" from {low:g} to {high:g}"
    elif low is not None:
        limits = f" of at least {low:g}"
    elif high is not None:
        limits = f" of at most {high:g}"
    return " or ".join(words) + limits
