"""Recipes as files: a training written down in YAML, built in by name or a file of the user's.

A recipe is one mapping of fields of `TrainConfig` to a number, a word, or a list of these.
``extends`` lays it over another recipe and ``description`` says what it is for. Scalars are read as
YAML 1.2 says: ``1e-4`` is a number, ``no``, ``010`` and ``1:30`` are no surprises, and no tag is
obeyed.
"""

import dataclasses
import importlib.resources
import inspect
import math
import os
import re
import textwrap
from collections.abc import Iterator, Mapping
from importlib.resources.abc import Traversable
from pathlib import Path

import yaml

from lineament.core.config import resolve
from lineament.core.errors import UsageError
from lineament.core.suggest import did_you_mean
from lineament.training.recipe import TrainConfig

SUFFIXES = (".yaml", ".yml")
LARGEST_BYTES = 32 * 1024  # every field with its comment takes a fifth of it
COLUMNS = 96  # of a comment: the lines of a terminal and of this code are not much longer

FIELDS = tuple(field.name for field in dataclasses.fields(TrainConfig))
KEYS = ("description", "extends", *FIELDS)

_STRING, _LIST = "tag:yaml.org,2002:str", "tag:yaml.org,2002:seq"  # of what has no tag
_WORDS: Mapping[str, object] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_WHOLE = re.compile(r"[-+]?[0-9]{1,18}")  # with more digits it is a float, which is refused by name
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_RESERVED = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}  # of any reader
_PLAIN = re.compile(r"[A-Za-z_]([A-Za-z0-9_:./-]*[A-Za-z0-9_./-])?")


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Written:
    """One file: what it says, and on which lines."""

    values: Mapping[str, object]
    lines: Mapping[str, int]


def recipe_names() -> tuple[str, ...]:
    """The names of the built-in recipes: ``default`` first, the others in alphabetical order."""
    names = sorted(
        each.name.removesuffix(SUFFIXES[0])
        for each in _builtin().iterdir()
        if each.name.endswith(SUFFIXES[0])
    )
    return tuple(sorted(names, key=lambda name: name != "default"))


def read_recipe(name_or_path: str | Path) -> dict[str, object]:
    """Read a recipe, with what it extends below it.

    Args:
        name_or_path: A built-in recipe, or a file whose name ends in ``.yaml`` or ``.yml``.

    Returns:
        The fields that are given, for `lineament.core.config.resolve`; ``None`` is no value.

    Raises:
        UsageError: There is no such recipe, it cannot be read, it is no mapping of fields to
            values, a field is unknown, given twice or has a value that it cannot have, or it
            extends itself.

    Example:
        >>> read_recipe("augmented")["dropout"]
        0.5
    """
    fields: dict[str, object] = {}
    for written in reversed(list(_chain(str(name_or_path)))):
        fields.update({name: value for name, value in written.values.items() if name in FIELDS})
    return fields


def load_recipe(
    name_or_path: str | Path, *, changes: Mapping[str, object] | None = None
) -> TrainConfig:
    """Give the configuration that a recipe is, for ``train(..., config=...)``.

    Args:
        name_or_path: A built-in recipe, or a file whose name ends in ``.yaml`` or ``.yml``.
        changes: Fields of `TrainConfig` that are laid over the recipe; ``None`` is no value.

    Raises:
        UsageError: As `read_recipe`, or a changed field is unknown or has a value that it cannot
            have.

    Example:
        >>> load_recipe("augmented", changes={"dropout": 0.3}).dropout
        0.3
    """
    return resolve(TrainConfig, read_recipe(name_or_path), changes or {}, {})


def read_description(name_or_path: str | Path) -> str:
    """What a recipe says it is for, without what it extends; empty where it says nothing."""
    written = next(_chain(str(name_or_path)))
    return str(written.values.get("description", ""))


def shown(config: TrainConfig, *, description: str = "") -> str:
    """Write every field of a configuration as a recipe that gives this configuration again.

    Args:
        config: What is shown.
        description: What the recipe is to say about itself.

    Returns:
        YAML, field by field below what each means, in the groups of `lineament.training.recipe`.
    """
    parts = [f"description: {_scalar(description)}"] if description else []
    before: set[str] = set()
    for group in (*reversed(TrainConfig.__bases__), TrainConfig):
        title = "Everything else." if group is TrainConfig else inspect.getdoc(group)
        parts.append(_comment(title or "", mark="## "))
        for field in dataclasses.fields(group):
            if field.name not in before:
                value = _scalar(getattr(config, field.name))
                parts.append(f"{_comment(_meaning(field.metadata))}\n{field.name}: {value}")
        before.update(field.name for field in dataclasses.fields(group))
    return "\n\n".join(parts) + "\n"


# Finding


def _builtin() -> Traversable:
    return importlib.resources.files("lineament.training") / "builtin"


def _chain(name_or_path: str) -> Iterator[_Written]:
    """A recipe, then what it extends, and so on."""
    seen: list[str] = []
    name: str | None = name_or_path
    while name is not None:
        identity = os.path.normpath(name) if name.endswith(SUFFIXES) else name
        if identity in seen:
            raise UsageError(
                f"The recipe {name_or_path} extends itself.",
                at=[" -> ".join([*seen[seen.index(identity) :], identity])],
                fix="Take one `extends` out.",
            )
        try:
            written = _read(name)
        except UsageError as error:
            at = [f"extended by {seen[-1]}"] if seen else []
            raise UsageError(error.what, at=[*at, *error.at], fix=error.fix) from error
        seen.append(identity)
        yield written
        name = _extended(written, below=name)


def _extended(written: _Written, *, below: str) -> str | None:
    """The name of what a recipe extends; a path is meant from its own folder."""
    name = written.values.get("extends")
    if isinstance(name, str) and name.endswith(SUFFIXES):
        return str(Path(below).parent / name)
    return None if name is None else str(name)


def _read(name: str) -> _Written:
    file: Traversable
    if name.endswith(SUFFIXES):
        file = Path(name)
    elif name in recipe_names():
        file = _builtin() / f"{name}{SUFFIXES[0]}"
    else:
        raise UsageError(
            f"There is no recipe `{name}`.{did_you_mean(name, recipe_names())}",
            fix=f"Use {', '.join(recipe_names())}, or name a file that ends in .yaml.",
        )
    try:
        with file.open("rb") as stream:
            content = stream.read(LARGEST_BYTES + 1)
    except (OSError, ValueError) as error:  # a name with a null byte is a ValueError
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(
            f"The recipe {name} cannot be read: {reason}.",
            fix=f"Name a file that is there, or one of {', '.join(recipe_names())}.",
        ) from error
    if len(content) > LARGEST_BYTES:
        raise UsageError(
            f"{name} is no recipe: it has more than {LARGEST_BYTES // 1024} kB.",
            fix="Name a YAML file of fields and values.",
        )
    return _checked(_parsed(content, name), name)


# Reading


def _parsed(content: bytes, name: str) -> _Written:
    """The scalars and lists of scalars of one YAML mapping."""
    try:
        # The composed tree, not objects: what is no scalar is never built, however large.
        root = yaml.compose(content.decode("utf-8-sig"), Loader=yaml.BaseLoader)
    except UnicodeDecodeError as error:
        raise _unreadable(name, "it is not UTF-8", []) from error
    except RecursionError as error:
        raise _unreadable(name, "it is nested too deep", []) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        place = [f"line {mark.line + 1}"] if mark else []
        raise _unreadable(name, str(reason).removeprefix("but "), place) from error
    if not isinstance(root, yaml.MappingNode):
        reason = "it is empty" if root is None else "it is not a mapping of fields to values"
        raise _unreadable(name, reason, [])
    values: dict[str, object] = {}
    lines: dict[str, int] = {}
    for key_node, value_node in root.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise _unreadable(name, "a field has no name", [f"line {line}"])
        key = key_node.value
        if key in values:
            place = [f"line {lines[key]}", f"line {line}"]
            raise _unreadable(name, f"`{key}` is given twice", place)
        values[key], lines[key] = _value(value_node), line
        if values[key] is value_node:
            reason = f"`{key}` is neither a value nor a list of values"
            raise _unreadable(name, reason, [f"line {line}"])
    return _Written(values=values, lines=lines)


def _unreadable(name: str, reason: str, at: list[str]) -> UsageError:
    return UsageError(
        f"{name} is no recipe: {reason}.",
        at=at,
        fix="Write one `field: value` per line; `lineament recipe show default` has all fields.",
    )


def _value(node: yaml.Node) -> object:
    """A scalar, or a list of scalars; anything else comes back as it is."""
    if isinstance(node, yaml.SequenceNode) and node.tag == _LIST:
        parts = [plain(part) for part in node.value]
        return node if any(isinstance(part, yaml.Node) for part in parts) else parts
    return plain(node)


def plain(node: yaml.Node) -> object:
    """A scalar as the core schema of YAML 1.2 reads it; anything else comes back as it is."""
    if not isinstance(node, yaml.ScalarNode) or node.tag != _STRING:
        return node
    text: str = node.value
    if node.style is not None:  # quoted
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text


def _checked(written: _Written, name: str) -> _Written:
    """Refuse what no configuration could take, all of it in one error."""
    problems = {key: _problem(key, value) for key, value in written.values.items()}
    wrong = [key for key, problem in problems.items() if problem]
    if wrong:
        text = f"{name}: {'; '.join(problems[key] for key in wrong)}"
        raise UsageError(
            text if text.endswith("?") else f"{text}.",
            at=[f"line {written.lines[key]}" for key in wrong],
            fix="`lineament recipe show default` has every field and says what it may be.",
        )
    return written


def _problem(key: str, value: object) -> str:
    """What is wrong with one line; empty where nothing is."""
    if key in ("description", "extends"):
        return "" if isinstance(value, str) and value else f"`{key}` must be a text, got {value!r}"
    if key not in FIELDS:
        return f"there is no field `{key}`.{did_you_mean(key, KEYS)}".removesuffix(".")
    try:
        config = resolve(TrainConfig, {key: value}, {})
    except UsageError as error:
        return error.what.removeprefix(f"{TrainConfig.__name__}: ").removesuffix(".")
    left_out = value is None and getattr(config, key) is not None
    return f"`{key}` has no value" if left_out else ""


# Writing


def _meaning(rules: Mapping[str, object]) -> str:
    """What a field means, with the words it takes where the help does not name them."""
    meaning, choices = str(rules["help"]), rules["choices"]
    if not isinstance(choices, tuple) or all(choice in meaning for choice in choices):
        return meaning
    return f"{meaning} ({', '.join(choices)})"


def _comment(text: str, *, mark: str = "# ") -> str:
    paragraph = " ".join(text.split())
    return textwrap.fill(
        paragraph, COLUMNS, initial_indent=mark, subsequent_indent=mark, break_on_hyphens=False
    )


def _scalar(value: object) -> str:
    """A value as `_value` reads it again, and as any other reader of YAML does."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        text = repr(value)
        return text if "." in text else text.replace("e", ".0e")  # YAML 1.1 wants the point
    if isinstance(value, tuple):
        return f"[{', '.join(_scalar(part) for part in value)}]"
    if not isinstance(value, str):
        return str(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _RESERVED:
        return value
    quoted: str = yaml.safe_dump(value, default_style='"', width=math.inf, allow_unicode=True)
    return quoted.strip()
