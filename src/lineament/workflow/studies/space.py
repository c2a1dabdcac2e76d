"""Space: the settings that a search may try, declared field by field and checked before it starts.

A number lies between two bounds; anything else, and a number where only some values are meant, is
one of a list. Nothing here needs the extra ``study``: a study file is checked without it.
"""

import dataclasses
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import get_args

from lineament.core.config import field_types, resolve
from lineament.core.errors import UsageError
from lineament.core.suggest import did_you_mean
from lineament.training.recipe import TrainConfig

BOUNDS = ("low", "high", "log", "step")
# A search over what is left to chance, or over what judges, finds luck.
NOT_SEARCHED = ("seed", "fold")
DIGITS = 4  # that a drawn number keeps: more would say nothing and be tedious to type

Draw = Mapping[str, int | float]  # where in each field a trial lies: what the sampler knows


@dataclasses.dataclass(frozen=True, kw_only=True)
class Range:
    """Numbers from ``low`` to ``high``.

    Attributes:
        low: The least, in the field's unit.
        high: The largest.
        is_whole: Whether only whole numbers count.
        log: Whether each factor is as likely as any other, instead of each difference.
        step: Only ``low``, ``low + step`` and so on; ``None`` is every number.
    """

    low: float
    high: float
    is_whole: bool = False
    log: bool = False
    step: float | None = None

    @property
    def places(self) -> range | None:
        """What can be drawn, where it can be counted."""
        if self.step is not None:
            return range(int((_exact(self.high) - _exact(self.low)) / _exact(self.step)) + 1)
        return range(int(self.low), int(self.high) + 1) if self.is_whole else None

    def value(self, drawn: int | float) -> int | float:
        """The number at a place."""
        if self.step is not None:
            number = _exact(self.low) + int(drawn) * _exact(self.step)
            return int(number) if self.is_whole else float(number)
        if self.is_whole:
            return int(drawn)
        if self.log:
            rounded = float(f"{drawn:.{DIGITS}g}")
        else:
            rounded = round(drawn, DIGITS - 1 - math.floor(math.log10(self.high - self.low)))
        return min(max(rounded, self.low), self.high)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice:
    """One of some values.

    Attributes:
        values: In the order in which they were given.
    """

    values: tuple[object, ...]

    @property
    def places(self) -> range:
        """What can be drawn."""
        return range(len(self.values))

    def value(self, drawn: int | float) -> object:
        """The value at a place."""
        return self.values[int(drawn)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Space:
    """The fields that are searched.

    Attributes:
        fields: What each may be, in the order in which they were given.
    """

    fields: Mapping[str, Range | Choice]

    @property
    def size(self) -> int | None:
        """How many different settings there are; ``None`` where they cannot be counted."""
        counts = [len(each.places) if each.places else None for each in self.fields.values()]
        known = [count for count in counts if count is not None]
        return math.prod(known) if len(known) == len(counts) else None

    def draws(self) -> Iterator[Draw]:
        """Every draw of a space whose `size` is known."""
        places = [each.places or () for each in self.fields.values()]
        for drawn in itertools.product(*places):
            yield dict(zip(self.fields, drawn, strict=True))

    def values(self, draw: Draw) -> dict[str, object]:
        """The settings of a draw, as fields of `TrainConfig`."""
        return {name: each.value(draw[name]) for name, each in self.fields.items()}

    def as_dict(self) -> dict[str, object]:
        """The same as it is written in a study file."""
        written: dict[str, object] = {}
        for name, each in self.fields.items():
            if isinstance(each, Choice):
                written[name] = [
                    list(value) if isinstance(value, tuple) else value for value in each.values
                ]
            else:
                bounds = {"low": each.low, "high": each.high}
                log = {"log": True} if each.log else {}
                written[name] = {**bounds, **log, **({"step": each.step} if each.step else {})}
        return written


def read_space(document: Mapping[str, object], *, name: str = "search.space") -> Space:
    """Check what a study file says under ``space``.

    Args:
        document: Field to ``{low, high}``, with ``log: true`` or a ``step`` if wanted, or to a list
            of values.
        name: What to call it in the error.

    Returns:
        The space; every value in it is one that `TrainConfig` takes.

    Raises:
        UsageError: A field is unknown or not one to search, or its range or its values are none
            that it can have; all of them are named.

    Example:
        >>> space = read_space({"dropout": {"low": 0, "high": 0.5, "step": 0.1}, "mode": ["head",
        ...     "finetune"]})
        >>> space.size, space.values({"dropout": 3, "mode": 1})
        (12, {'dropout': 0.3, 'mode': 'finetune'})
    """
    if not isinstance(document, Mapping) or not document:
        raise UsageError(
            f"`{name}` names no field to search.",
            fix="Write for example `learning_rate: {low: 1e-5, high: 1e-2, log: true}`.",
        )
    read: dict[str, Range | Choice] = {}
    problems = []
    for field, said in document.items():
        found = _field(str(field), said)
        if isinstance(found, str):
            problems.append(found)
        else:
            read[str(field)] = found
    if problems:
        text = f"{name}: {'; '.join(problems)}"
        raise UsageError(
            text if text.endswith("?") else f"{text}.",
            fix="Give a number's range as `{low: 1e-5, high: 1e-2}`, with `log: true` or a `step`, "
            "and anything else as a list.",
        )
    return Space(fields=read)


def _field(name: str, said: object) -> Range | Choice | str:
    """One field, or what is wrong with it."""
    kinds = field_types(TrainConfig)
    if name not in kinds:
        hint = did_you_mean(name, kinds)
        return f"there is no field `{name}`.{hint}".removesuffix(".")
    if name in NOT_SEARCHED:
        return f"`{name}` is not searched: what is found would be luck"
    if isinstance(said, (list, tuple)):
        return _choice(name, said)
    if isinstance(said, Mapping):
        kind = {kinds[name], *get_args(kinds[name])}
        if not kind & {int, float}:
            return f"`{name}` is not a number: give a list of values"
        return _range(name, said, is_whole=float not in kind)
    return f"`{name}` must be a range or a list, got {said!r}"


def _choice(name: str, said: Sequence[object]) -> Choice | str:
    values = []
    for each in said:
        value, problem = _fitted(name, each)
        if problem:
            return problem
        values.append(value)
    if len(values) < 2:
        return f"`{name}` needs two or more values to choose from, got {len(values)}"
    twice = [value for place, value in enumerate(values) if value in values[:place]]
    if twice:
        return f"`{name}` has {twice[0]!r} twice"
    return Choice(values=tuple(values))


def _range(name: str, said: Mapping[str, object], *, is_whole: bool) -> Range | str:
    unknown = [str(key) for key in said if key not in BOUNDS]
    if unknown:
        hint = did_you_mean(unknown[0], BOUNDS).removesuffix("?")
        return f"`{name}` has no `{unknown[0]}`, but {', '.join(BOUNDS)}" + (
            f".{hint}?" * bool(hint)
        )
    numbers: dict[str, float] = {}
    for key in ("low", "high", "step"):
        value = said.get(key)
        if value is None and key == "step":
            continue
        wanted = "a whole number" if is_whole else "a number"
        if isinstance(value, bool) or not isinstance(value, int if is_whole else (int, float)):
            return f"`{key}` of `{name}` must be {wanted}, got {value!r}"
        numbers[key] = value if is_whole else float(value)
    for key in ("low", "high"):
        problem = _fitted(name, numbers[key])[1]
        if problem:
            return problem
    low, high, step = numbers["low"], numbers["high"], numbers.get("step")
    log = said.get("log", False)
    if not isinstance(log, bool):
        return f"`log` of `{name}` must be true or false, got {log!r}"
    if low >= high:
        return f"`low` of `{name}` must be below `high`, got {low!r} and {high!r}"
    if log and low <= 0:
        return f"`low` of `{name}` must be above 0 where `log` is true, got {low!r}"
    if log and step is not None:
        return f"`{name}` has both `log` and `step`: leave one of them out"
    if step is not None:
        if not 0 < step <= high - low:
            return f"`step` of `{name}` must be above 0 and at most {high - low:g}, got {step!r}"
        if (_exact(high) - _exact(low)) % _exact(step):
            last = float(_exact(high) - (_exact(high) - _exact(low)) % _exact(step))
            return (
                f"steps of {step:g} lead `{name}` from {low:g} to {last:g} and then past {high:g}"
            )
    if is_whole and not log and step is None:
        step = 1
    return Range(low=low, high=high, is_whole=is_whole, log=log, step=step)


def _fitted(name: str, value: object) -> tuple[object, str]:
    """A value as the field takes it, and what is wrong with it."""
    try:
        found = getattr(resolve(TrainConfig, {name: value}, {}), name)
    except UsageError as error:
        return None, error.what.removeprefix(f"{TrainConfig.__name__}: ").removesuffix(".")
    left_out = value is None and found is not None
    return found, f"`{name}` has an empty value" if left_out else ""


def _exact(number: float) -> Decimal:
    """A number as it was written, so that 0.1 three times is 0.3."""
    return Decimal(repr(number))
