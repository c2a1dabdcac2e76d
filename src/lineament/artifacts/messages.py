"""Messages: a sentence per class, which the page shows over the picture of a camera."""

from collections.abc import Sequence
from pathlib import Path

import yaml

from lineament.core.errors import UsageError
from lineament.core.suggest import did_you_mean

SHOWN_CLASSES = 20
LONGEST = 200  # characters: more do not fit over a picture


def read_messages(path: Path, *, classes: Sequence[str]) -> dict[str, str]:
    """Read sentences from a YAML file of ``class: sentence``.

    Args:
        path: The file.
        classes: What a sentence may be for.

    Raises:
        UsageError: It cannot be read, is something else, names another class, or a sentence is too
            long.
    """
    fix = "Write a line per class, such as `happy: Keep smiling!!`."
    try:
        stated = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(
            f"{path} cannot be read as YAML.", at=[str(error)[:200]], fix=fix
        ) from error
    if not isinstance(stated, dict) or not all(
        isinstance(name, str) and isinstance(text, str) for name, text in stated.items()
    ):
        raise UsageError(f"{path} does not hold a sentence per class.", fix=fix)
    long = [name for name, text in stated.items() if len(text) > LONGEST]
    if long:
        raise UsageError(
            f"{path} has sentences of more than {LONGEST} characters.", at=long, fix="Shorten them."
        )
    strange = [name for name in stated if name not in classes]
    if strange:
        raise UsageError(
            f"There is a message for {strange[0]}, which is no class."
            f"{did_you_mean(strange[0], classes)}",
            fix=f"The classes are {', '.join(classes[:SHOWN_CLASSES])}.",
        )
    return stated
