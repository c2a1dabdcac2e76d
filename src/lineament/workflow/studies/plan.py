"""Plan: the runs that a study stands for, each with a name, and the order to do them in."""

import dataclasses
import hashlib
import itertools
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.study_row import StudyRow
from lineament.core.config import resolve
from lineament.core.errors import UsageError
from lineament.training.recipe import TrainConfig
from lineament.training.recipes import FIELDS, read_recipe
from lineament.workflow.studies.configuration import OWN, Block, StudyConfig, axis

MOST_RUNS = 10_000  # more were meant to be a search
LONGEST_NAME = 100
# Words that say what they are by themselves; a number needs its field's name.
_PLAIN = ("recipe", "weights", "head", "optimiser", "schedule", "imbalance", "policy", "trainable")
_LAID_OVER = {"epochs": "time_budget", "time_budget": "epochs"}  # either says how long


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlannedRun:
    """A run as the study file asks for it.

    Attributes:
        dataset: The study's name of its dataset.
        recipe: Name or file of what is laid under it.
        config: The resolved configuration, seed included.
        fingerprint: Of the dataset.
        place: Where the study file asks for it.
    """

    dataset: str
    recipe: str
    config: TrainConfig
    fingerprint: str
    place: str

    @property
    def identity(self) -> str:
        """Hash of all that its figures depend on."""
        return _hash(self.fingerprint, self.config.as_dict())

    @property
    def kin(self) -> str:
        """What runs share that differ in their seed alone."""
        return _kin(self.dataset, self.config.as_dict())


def planned(config: StudyConfig, datasets: Mapping[str, Dataset]) -> tuple[PlannedRun, ...]:
    """Lay out every run of the grid, seeds innermost, each once.

    Args:
        config: The study.
        datasets: Its datasets, opened, by name.

    Raises:
        UsageError: A recipe cannot be read, a value does not fit, or there are too many runs.
    """
    found: dict[str, PlannedRun] = {}
    recipes: dict[str, dict[str, object]] = {}  # each is read once, not once per run
    for block, place in config.blocks:
        _require_bearable(block, config, place)
        for dataset, recipe, fields in _cells(block, config):
            if recipe not in recipes:
                recipes[recipe] = read_recipe(recipe)
            for seed in config.seeds:
                run = laid(
                    fields,
                    recipes[recipe],
                    recipe=recipe,
                    seed=seed,
                    dataset=dataset,
                    fingerprint=datasets[dataset].fingerprint,
                    place=place,
                )
                found.setdefault(run.identity, run)
    return tuple(found.values())


def laid(
    fields: Block,
    under: Mapping[str, object],
    *,
    recipe: str,
    seed: int,
    dataset: str,
    fingerprint: str,
    place: str,
) -> PlannedRun:
    """Lay one cell of the grid over what its recipe says.

    Args:
        fields: The cell.
        under: The fields of the recipe.
        recipe: Its name or file.
        seed: Of the run.
        dataset: The study's name of its dataset.
        fingerprint: Of the dataset.
        place: Where the study file asks for it.

    Raises:
        UsageError: A value does not fit.
    """
    replaced = {_LAID_OVER[name] for name in _LAID_OVER if fields.get(name) is not None}
    kept = {name: value for name, value in under.items() if name not in replaced}
    try:
        config = resolve(TrainConfig, kept, fields, {"seed": seed})
    except UsageError as error:
        raise UsageError(error.what, at=[place, *error.at], fix=error.fix) from error
    return PlannedRun(
        dataset=dataset, recipe=recipe, config=config, fingerprint=fingerprint, place=place
    )


def named_rows(
    runs: Sequence[PlannedRun], earlier: Sequence[StudyRow] = ()
) -> tuple[StudyRow, ...]:
    """Name the runs and make rows of them: as short as tells them apart.

    A configuration is called after its backbone and mode, after the dataset where there are
    several, and after further fields where these are not enough.

    Args:
        runs: In the order of the plan.
        earlier: Rows of the same study from before: what had a name keeps it.
    """
    names = {_kin(row.dataset, row.recipe): row.configuration for row in earlier}
    taken = {name.lower() for name in names.values()}
    for kin, name in _told_apart(runs).items():
        if kin not in names:
            names[kin] = _free(name, taken)
            taken.add(names[kin].lower())
    return tuple(
        StudyRow(
            name=f"{names[run.kin]}-s{run.config.seed}",
            configuration=names[run.kin],
            dataset=run.dataset,
            recipe=run.config.as_dict(),
            identity=run.identity,
        )
        for run in runs
    )


def in_order(rows: Sequence[StudyRow]) -> tuple[StudyRow, ...]:
    """Put rows in the order that answers soonest.

    One seed of every configuration comes first, then the next seed. Within a seed what takes
    least comes first; of what takes about as long (within a factor of two) runs of one backbone
    stand together. What could not be measured is tried at once: it will most likely break.

    Args:
        rows: All rows of a study, in the order of its plan; those that are done count, too, when
            it is said which seed of a configuration comes first.
    """
    seeds: dict[str, int] = {}
    keys = {}
    for position, row in enumerate(rows):
        turn = seeds.get(row.configuration, 0)
        seeds[row.configuration] = turn + 1
        cost = -1.0 if row.estimate_s is None else max(row.estimate_s, 1.0)
        size = -1 if cost < 0 else int(math.log2(cost))
        keys[row.name] = (turn, size, str(row.recipe["backbone"]), row.dataset, cost, position)
    return tuple(sorted(rows, key=lambda row: keys[row.name]))


def opened(datasets: Mapping[str, Path]) -> dict[str, Dataset]:
    """Open the datasets of a study.

    Raises:
        UsageError: There are none, or two have one name.
        ArtifactError: One is no dataset, or was changed by hand.
    """
    if not datasets:
        raise UsageError("The study has no dataset.", fix="Name one under `datasets`.")
    return {name: Dataset.open(path) for name, path in datasets.items()}


def _cells(block: Block, config: StudyConfig) -> Iterable[tuple[str, str, dict[str, object]]]:
    """Dataset, recipe and fields of every combination; what is named last changes fastest."""
    whole = {"dataset": tuple(config.datasets), "recipe": config.recipe, **block}
    for values in itertools.product(*(axis(name, value) for name, value in whole.items())):
        cell = dict(zip(whole, values, strict=True))
        fields = {name: value for name, value in cell.items() if name not in OWN}
        yield str(cell["dataset"]), str(cell["recipe"]), fields


def _require_bearable(block: Block, config: StudyConfig, place: str) -> None:
    wrong = [name for name in block if name not in (*OWN, *FIELDS) or name == "seed"]
    if wrong:
        raise UsageError(
            f"A block of a study has no field {', '.join(f'`{name}`' for name in wrong)}.",
            at=[place],
            fix="A block takes `dataset`, `recipe` and the fields of a recipe; `seeds` are the "
            "study's.",
        )
    counts = [len(axis(name, value)) for name, value in block.items()]
    n_runs = math.prod(counts) * len(config.seeds)
    if n_runs > MOST_RUNS:
        raise UsageError(
            f"A block stands for {n_runs:,} runs.",
            at=[place],
            fix=f"Name at most {MOST_RUNS:,}, or search the space with `search`.",
        )
    unknown = [name for name in axis("dataset", block.get("dataset", ())) if name]
    missing = [str(name) for name in unknown if name not in config.datasets]
    if missing:
        raise UsageError(
            f"The study has no dataset {', '.join(f'`{name}`' for name in missing)}.",
            at=[place],
            fix=f"Its datasets are {', '.join(config.datasets)}.",
        )


def _told_apart(seeded: Sequence[PlannedRun]) -> dict[str, str]:
    """The name of each configuration, by what its runs share; two may get the same."""
    runs = list({run.kin: run for run in seeded}.values())
    several = len({run.dataset for run in runs}) > 1
    parts = {
        run.kin: [*([run.dataset] if several else []), run.config.backbone, run.config.mode]
        for run in runs
    }
    for name in ("recipe", *FIELDS):
        groups: dict[str, list[PlannedRun]] = {}
        for run in runs:
            groups.setdefault(_joined(parts[run.kin]), []).append(run)
        for group in groups.values():
            values = [_value(run, name) for run in group]
            if name != "seed" and any(value != values[0] for value in values):
                for run, value in zip(group, values, strict=True):
                    parts[run.kin].append(_said(name, value))
    return {run.kin: _joined(parts[run.kin]) for run in runs}


def _value(run: PlannedRun, name: str) -> object:
    return Path(run.recipe).stem if name == "recipe" else getattr(run.config, name)


def _said(name: str, value: object) -> str:
    """A field's value as a part of a name."""
    if isinstance(value, bool):
        return name if value else f"no-{name}"
    if name in _PLAIN and value is not None:
        text = str(value).removeprefix("file:")
        return text if text == value else Path(text).stem
    if isinstance(value, tuple):
        return "x".join(map(str, value))
    if isinstance(value, float):
        return f"{name}{value:g}"
    return f"{name}{'-default' if value is None else value}"


def _joined(parts: Sequence[str]) -> str:
    """Parts as the name of a folder that every file system takes."""
    text = re.sub(r"[^A-Za-z0-9._-]+", "-", "-".join(parts)).strip("-.")
    return text[:LONGEST_NAME] or "run"


def _free(name: str, taken: set[str]) -> str:
    """The name, with a number where it is taken; some file systems do not tell cases apart."""
    number, found = 1, name
    while found.lower() in taken:
        number += 1
        found = f"{name}-{number}"
    return found


def _kin(dataset: str, fields: Mapping[str, object]) -> str:
    """What runs share that differ in their seed alone."""
    return _hash(dataset, {name: value for name, value in fields.items() if name != "seed"})


def _hash(fingerprint: str, fields: Mapping[str, object]) -> str:
    text = json.dumps([fingerprint, fields], sort_keys=True)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]
