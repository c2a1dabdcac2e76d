"""Commands: the command lines that make a run again, from what its artifacts say."""

import dataclasses
import shlex
from collections.abc import Mapping

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.run import RunCard
from lineament.core.config import Config
from lineament.preparation.config import PrepareConfig
from lineament.training.recipe import TrainConfig

DATASET, RUN, REPORT = "dataset", "run", "report"  # what the commands call their artifacts


def commands(dataset: Dataset, card: RunCard) -> tuple[str, ...]:
    """Give the commands from the source to the report, in order.

    Every setting that is not the default is named, so they do not depend on what a later version
    has as default for those; versions and hashes on the page say whether it came out the same.

    Args:
        dataset: What the run was measured on.
        card: What the run says of itself.

    Returns:
        One line each; without `prepare` where the run was trained on another dataset.
    """
    config = dataset.document.get("config")
    source = dataset.document.get("source")
    told = []
    if (
        isinstance(config, Mapping)
        and source
        and (card.dataset.get("fingerprint") == dataset.fingerprint)
    ):
        told.append(
            f"lineament prepare {shlex.quote(str(source))} --out {DATASET}"
            f"{_sets(changed(PrepareConfig, config))}"
        )
    told.append(f"lineament train {DATASET} --out {RUN}{_sets(changed(TrainConfig, card.recipe))}")
    told.append(f"lineament report {RUN} --data {DATASET} --out {REPORT}")
    return tuple(told)


def changed(kind: type[Config], stated: Mapping[str, object]) -> dict[str, object]:
    """Give the settings that are not the defaults.

    Args:
        kind: The configuration.
        stated: Its fields as an artifact holds them; those that it does not know are left out.
    """
    defaults = {each.name: each.default for each in dataclasses.fields(kind)}
    return {
        name: value
        for name, value in stated.items()
        if name in defaults and _plain(value) != _plain(defaults[name])
    }


def _plain(value: object) -> object:
    """JSON has no tuples."""
    return list(value) if isinstance(value, tuple) else value


def _sets(settings: Mapping[str, object]) -> str:
    return "".join(f" --set {shlex.quote(f'{name}={_text(v)}')}" for name, v in settings.items())


def _text(value: object) -> str:
    """As ``--set`` reads it back."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ",".join(map(_text, value))
    return str(value)
