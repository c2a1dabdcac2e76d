"""Configuration of a study: which trainings it compares, from a file, from flags or from Python."""

import dataclasses
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path

from lineament.core.config import field_types, resolve
from lineament.core.errors import UsageError
from lineament.training.recipe import TrainConfig
from lineament.training.recipes import FIELDS, read_recipe

Block = Mapping[str, object]

OWN = ("dataset", "recipe")  # what a block can name beside the fields of a recipe
NO_AXIS = ("seed",)  # what a study sets itself


@dataclasses.dataclass(frozen=True, kw_only=True)
class StudyConfig:
    """What `study` can be told.

    Attributes:
        datasets: Prepared datasets by the name that the study gives them, at least one.
        description: What the study is for.
        recipe: What is laid under every run: a built-in recipe, or the path of a file.
        seeds: Every configuration is trained once with each of them.
        grid: Blocks. Each maps fields of `TrainConfig`, ``dataset`` and ``recipe`` to a value or
            to a list of values, and stands for every combination of these; a ``recipe`` is then
            laid under it instead of the study's. No dataset named means each of them.
        search: What a search is told: ``trials``, ``budget``, ``metric``, ``space``; and what it
            searches around: ``dataset``, ``recipe``, ``fixed`` fields.
        evaluate: Whether each run of the grid is judged on the test photos.
        places: Where each block stands, for errors.

    Example:
        >>> grid = ({"backbone": ["sface", "resnet18"], "mode": "finetune"},)
        >>> StudyConfig(datasets={"faces": Path("faces")}, seeds=(0, 1), grid=grid).recipe
        'default'
    """

    datasets: Mapping[str, Path]
    description: str = ""
    recipe: str = "default"
    seeds: tuple[int, ...] = (0,)
    grid: tuple[Block, ...] = ()
    search: Mapping[str, object] | None = None
    evaluate: bool = True
    places: tuple[str, ...] = ()

    @property
    def blocks(self) -> tuple[tuple[Block, str], ...]:
        """The blocks, each with its place; neither grid nor search is one run per seed."""
        blocks = self.grid or (() if self.search else ({},))
        named = [f"block {number}" for number in range(1, len(blocks) + 1)]
        return tuple(zip(blocks, self.places or named, strict=True))


def axis(name: str, value: object) -> tuple[object, ...]:
    """The values that a field of a block takes.

    A list is several values; where the field itself is a list, a list of lists is.

    Example:
        >>> axis("mode", ["head", "finetune"]), axis("epochs", 5)
        (('head', 'finetune'), (5,))
        >>> axis("widths", [32, 64]), axis("widths", [[32, 64], [16, 32]])
        (([32, 64],), ([32, 64], [16, 32]))
    """
    if not isinstance(value, (list, tuple)):
        return (value,)
    if name in _LISTS and not any(isinstance(part, (list, tuple)) for part in value):
        return (value,)
    return tuple(value)


def from_flags(
    dataset: Path,
    *,
    backbones: Sequence[str] = (),
    weights: Sequence[str] = (),
    modes: Sequence[str] = (),
    recipes: Sequence[str] = (),
    seeds: int = 1,
    time_budget: str | None = None,
    sets: Sequence[str] = (),
) -> StudyConfig:
    """Make the configuration that flags stand for: every combination of what they list.

    The weights ``none`` are training from scratch, whatever the mode; the time budget is for what
    trains layers, as a head takes what it takes.

    Args:
        dataset: A prepared dataset.
        backbones: Names; none is the recipe's.
        weights: Where they come from; none is the recipe's.
        modes: Of training; none is the recipe's.
        recipes: Built-in ones or files; none is ``default``.
        seeds: How many.
        time_budget: Of each run that trains layers.
        sets: Texts ``field=value`` for every run.

    Raises:
        UsageError: A recipe cannot be read, or a text does not fit.
    """
    names = [text.partition("=")[0] for text in sets]
    given = resolve(TrainConfig, {}, {}, sets=sets)
    fixed = {name: getattr(given, name) for name in names}
    blocks: list[Block] = []
    for recipe in recipes or ("default",):
        own = str(fixed.get("mode") or read_recipe(recipe).get("mode") or "head")
        kinds = tuple(kind for kind in weights if kind != "none")
        wanted = list(modes or (own,))
        if weights and not kinds:
            wanted = ["scratch"]
        elif "none" in weights and "scratch" not in wanted:
            wanted.append("scratch")
        for mode in wanted:
            block: dict[str, object] = {"recipe": recipe, "mode": mode}
            if backbones:
                block["backbone"] = tuple(backbones)
            if kinds and mode != "scratch":
                block["weights"] = kinds
            if time_budget is not None and mode != "head":
                block["time_budget"] = time_budget
            blocks.append({**fixed, **block})
    if seeds < 1:
        raise UsageError(f"`--seeds` must be 1 or more, got {seeds}.", fix="Leave it out for one.")
    return StudyConfig(
        datasets={named(dataset): dataset}, seeds=tuple(range(seeds)), grid=tuple(blocks)
    )


def named(dataset: Path) -> str:
    """The name of a dataset that was given none: its folder's."""
    return dataset.resolve().name


def value_problem(name: str, value: object) -> str:
    """What is wrong with one value of a field; empty where nothing is."""
    try:
        config = resolve(TrainConfig, {name: value}, {})
    except UsageError as error:
        return error.what.removeprefix(f"{TrainConfig.__name__}: ").removesuffix(".")
    left_out = value is None and getattr(config, name) is not None
    return f"`{name}` has no value" if left_out else ""


# Fields whose value is a list.
_LISTS = frozenset(
    name
    for name, kind in field_types(TrainConfig).items()
    if any(typing.get_origin(each) is tuple for each in (kind, *typing.get_args(kind)))
)
KEYS = (*OWN, *(name for name in FIELDS if name not in NO_AXIS))
