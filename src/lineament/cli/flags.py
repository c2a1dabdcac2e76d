"""Flags that several verbs share, and how flags become a configuration."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., object])

# Whether a path can be read is for the verb to say: one bad photo of many keeps its own row.
PATH = click.Path(path_type=Path, readable=False)


def common(command: Command) -> Command:
    """Add the flags that every verb has."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print exactly one JSON document on stdout."
    )(command)


def writes(metavar: str, help: str) -> Callable[[Command], Command]:
    """Add the flags of a verb that writes an artifact.

    Args:
        metavar: What is written, such as ``DATASET``.
        help: What it is, for ``--help``.
    """

    def decorate(command: Command) -> Command:
        command = click.option("--overwrite", is_flag=True, help="Replace what stands at --out.")(
            command
        )
        return click.option("--out", type=PATH, required=True, metavar=metavar, help=help)(command)

    return decorate


def track(command: Command) -> Command:
    """Add ``--track wandb,mlflow,tensorboard``."""
    return click.option(
        "--track",
        metavar="NAMES",
        help="Tell trackers as well: wandb, mlflow, tensorboard, or several with commas.",
    )(command)


def names(text: str | None) -> tuple[str, ...]:
    """The names in a text with commas; none where nothing was given.

    Example:
        >>> names("wandb, mlflow")
        ('wandb', 'mlflow')
    """
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def settings(command: Command) -> Command:
    """Add ``--set field=value``."""
    return click.option(
        "--set",
        "sets",
        multiple=True,
        metavar="FIELD=VALUE",
        help="Set any field of the configuration; may be given again.",
    )(command)


def seed(command: Command) -> Command:
    """Add ``--seed``."""
    return click.option("--seed", type=int, default=None, help="Of everything random (0).")(command)
