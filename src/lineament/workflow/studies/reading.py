"""Reading: a study written down in YAML.

One mapping: ``description``, ``datasets``, ``recipe``, ``seeds``, ``grid``, ``search``,
``evaluate``. Scalars are read as recipes read them, YAML 1.2: ``1e-4`` is a number and ``no`` is a
word. Paths are meant from the file's folder.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from lineament.core.errors import UsageError
from lineament.core.suggest import did_you_mean
from lineament.training.recipes import LARGEST_BYTES, SUFFIXES, plain
from lineament.workflow.studies.configuration import KEYS as BLOCK_KEYS
from lineament.workflow.studies.configuration import (
    OWN,
    StudyConfig,
    axis,
    named,
    value_problem,
)

KEYS = ("description", "datasets", "recipe", "seeds", "grid", "search", "evaluate")
SEARCH_KEYS = ("dataset", "recipe", "fixed", "trials", "budget", "metric", "space")
DEEPEST = 5  # study, search, space, field, list
MOST_SEEDS = 100
_MAP, _SEQ = "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"  # of what has no tag

Place = tuple[str | int, ...]


def read_study(path: Path) -> StudyConfig:
    """Read a study file.

    Args:
        path: Its name ends in ``.yaml`` or ``.yml``.

    Raises:
        UsageError: It cannot be read, is no mapping, or says what cannot be; all of that is named
            with its lines.
    """
    file = _File(path)
    whole = file.values
    file.check_keys((), whole, KEYS)
    config = StudyConfig(
        datasets=_datasets(file),
        description=file.text(("description",), default=""),
        recipe=file.recipe(("recipe",), default="default"),
        seeds=_seeds(file),
        grid=_grid(file),
        search=_search(file),
        evaluate=file.truth(("evaluate",), default=True),
    )
    blocks = whole.get("grid")
    places = [f"{path}, line {file.lines['grid', index]}" for index in range(len(config.grid))]
    file.finish()
    return dataclasses.replace(config, places=tuple(places) if blocks else ())


def _datasets(file: "_File") -> dict[str, Path]:
    said = file.values.get("datasets")
    if isinstance(said, str) and said:
        return {named(file.beside(said)): file.beside(said)}
    if isinstance(said, dict) and said and all(isinstance(each, str) for each in said.values()):
        return {name: file.beside(where) for name, where in said.items()}
    file.wrong(("datasets",), "`datasets` must be a path, or names with a path each")
    return {}


def _seeds(file: "_File") -> tuple[int, ...]:
    said = file.values.get("seeds", 1)
    if type(said) is int and 1 <= said <= MOST_SEEDS:
        return tuple(range(said))
    if isinstance(said, list) and said and all(type(each) is int and each >= 0 for each in said):
        return tuple(dict.fromkeys(said))
    file.wrong(("seeds",), f"`seeds` must be a number from 1 to {MOST_SEEDS} or a list of seeds")
    return (0,)


def _grid(file: "_File") -> tuple[dict[str, object], ...]:
    said = file.values.get("grid")
    if said is None:
        return ()
    if isinstance(said, dict):
        file.wrong(("grid",), "`grid` must be a list of blocks: write `- ` before the first field")
        return ()
    if not isinstance(said, list) or not said or not all(isinstance(each, dict) for each in said):
        file.wrong(("grid",), "`grid` must be a list of blocks, each of them fields with values")
        return ()
    return tuple(_block(file, ("grid", index), block) for index, block in enumerate(said))


def _block(file: "_File", place: Place, block: Mapping[str, object]) -> dict[str, object]:
    """Check each value of a block by itself; whether they fit together is seen when it is laid."""
    if "seed" in block:
        file.wrong((*place, "seed"), "`seed` is not for a block: `seeds` are for the whole study")
    file.check_keys(place, block, (*BLOCK_KEYS, "seed"))
    datasets = file.values.get("datasets")
    read: dict[str, object] = {}
    for name, value in block.items():
        values = axis(name, value)
        here = (*place, name)
        if not values:
            file.wrong(here, f"`{name}` has no value")
        elif name == "dataset":
            known = list(datasets) if isinstance(datasets, dict) else []
            for each in values:
                if each not in known:
                    hint = did_you_mean(str(each), known)
                    file.wrong(here, f"there is no dataset `{each}`.{hint}".removesuffix("."))
            read[name] = values
        elif name == "recipe":
            read[name] = tuple(file.recipe(here, value=each) for each in values)
        elif name in BLOCK_KEYS:
            problems = dict.fromkeys(value_problem(name, each) for each in values)
            for problem in filter(None, problems):
                file.wrong(here, problem)
            read[name] = values
    return read


def _search(file: "_File") -> dict[str, object] | None:
    said = file.values.get("search")
    if said is None:
        return None
    if not isinstance(said, dict):
        file.wrong(("search",), "`search` must be fields with values, among them `space`")
        return None
    file.check_keys(("search",), said, SEARCH_KEYS)
    read = dict(said)
    if "space" not in said:
        file.wrong(("search",), "`search` has no `space`")
    if "recipe" in said:
        read["recipe"] = file.recipe(("search", "recipe"), value=said["recipe"])
    fixed = said.get("fixed", {})
    if not isinstance(fixed, dict):
        file.wrong(("search", "fixed"), "`fixed` must be fields with a value each")
        return read
    names = [key for key in BLOCK_KEYS if key not in OWN]
    file.check_keys(("search", "fixed"), fixed, names)
    for name, value in fixed.items():
        problem = value_problem(name, value) if name in BLOCK_KEYS else ""
        if problem:
            file.wrong(("search", "fixed", name), problem)
    return read


class _File:
    """A study file: its values, the line of each, and what is wrong with it so far.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: dict[Place, int] = {}
        self._problems: list[tuple[int, str]] = []
        self._nodes: set[int] = set()
        root = self._composed()
        values = self._built(root, ()) if root is not None else None
        if not isinstance(values, dict):
            raise self._unreadable("it is empty" if root is None else "it is not a mapping")
        self.values: dict[str, object] = values

    def beside(self, path: str) -> Path:
        """A path, meant from the file's folder."""
        return self.path.parent / path

    def wrong(self, place: Place, problem: str) -> None:
        """Note a problem; its line is that of the nearest thing that has one."""
        while place and place not in self.lines:
            place = place[:-1]
        self._problems.append((self.lines.get(place, 1), problem))

    def check_keys(self, place: Place, mapping: Mapping[str, object], known: Iterable[str]) -> None:
        """Note every key of a mapping that is not known."""
        names = list(known)
        for key in mapping:
            if key not in names:
                hint = did_you_mean(key, names)
                self.wrong((*place, key), f"there is no field `{key}`.{hint}".removesuffix("."))

    def text(self, place: tuple[str], *, default: str) -> str:
        """A text at the top."""
        value = self.values.get(place[0], default)
        if not isinstance(value, str):
            self.wrong(place, f"`{place[0]}` must be a text, got {value!r}")
            return default
        return value

    def truth(self, place: tuple[str], *, default: bool) -> bool:
        """A truth at the top."""
        value = self.values.get(place[0], default)
        if not isinstance(value, bool):
            self.wrong(place, f"`{place[0]}` must be true or false, got {value!r}")
            return default
        return value

    def recipe(self, place: Place, *, value: object = None, default: str = "") -> str:
        """A recipe's name as it is, or its path, meant from the file's folder."""
        said = self.values.get(str(place[0]), default) if value is None else value
        if not isinstance(said, str) or not said:
            self.wrong(place, f"`recipe` must be a recipe's name or file, got {said!r}")
            return default
        return str(self.beside(said)) if said.endswith(SUFFIXES) else said

    def finish(self) -> None:
        """Raise all problems in one error, in the order of their lines."""
        found = sorted(dict.fromkeys(self._problems))
        if found:
            text = f"{self.path}: {'; '.join(problem for _, problem in found)}"
            raise UsageError(
                text if text.endswith("?") else f"{text}.",
                at=list(dict.fromkeys(f"line {line}" for line, _ in found)),
                fix="docs/how-to/study.md shows what a study may say, "
                "`lineament recipe show default` every field of a recipe.",
            )

    def _composed(self) -> yaml.Node | None:
        try:
            with self.path.open("rb") as stream:
                content = stream.read(LARGEST_BYTES + 1)
        except (OSError, ValueError) as error:  # a name with a null byte is a ValueError
            reason = getattr(error, "strerror", None) or str(error)
            raise UsageError(
                f"The study {self.path} cannot be read: {reason}.",
                fix="Name a file that is there, or a prepared dataset and flags.",
            ) from error
        if len(content) > LARGEST_BYTES:
            raise self._unreadable(f"it has more than {LARGEST_BYTES // 1024} kB")
        try:
            # The composed tree, not objects: no tag is obeyed.
            node: yaml.Node | None = yaml.compose(
                content.decode("utf-8-sig"), Loader=yaml.BaseLoader
            )
            return node
        except UnicodeDecodeError as error:
            raise self._unreadable("it is not UTF-8") from error
        except RecursionError as error:
            raise self._unreadable("it is nested too deep") from error
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            reason = getattr(error, "problem", None) or getattr(error, "reason", None) or error
            line = mark.line + 1 if mark else None
            raise self._unreadable(str(reason).removeprefix("but "), line) from error

    def _built(self, node: yaml.Node, place: Place) -> object:
        """The values of a node, noting the line of each."""
        line = node.start_mark.line + 1
        self.lines.setdefault(place, line)
        if id(node) in self._nodes:  # one text of a few lines can stand for gigabytes
            raise self._unreadable("it has an alias (`*name`), which a study cannot", line)
        self._nodes.add(id(node))
        if len(place) > DEEPEST:
            raise self._unreadable("it is nested too deep", line)
        if isinstance(node, yaml.SequenceNode) and node.tag == _SEQ:
            return [self._built(part, (*place, index)) for index, part in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode) and node.tag == _MAP:
            return self._mapping(node, place)
        value = plain(node)
        if value is node:
            raise self._unreadable("it has a tag (`!name`), which is not obeyed", line)
        return value

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, object]:
        values: dict[str, object] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise self._unreadable("a field has no name", line)
            key = str(key_node.value)
            if key in values:
                raise self._unreadable(f"`{key}` is given twice", line)
            self.lines[(*place, key)] = line
            values[key] = self._built(value_node, (*place, key))
        return values

    def _unreadable(self, reason: str, line: int | None = None) -> UsageError:
        return UsageError(
            f"{self.path} is no study: {reason}.",
            at=[] if line is None else [f"line {line}"],
            fix="docs/how-to/study.md shows what a study may say.",
        )
