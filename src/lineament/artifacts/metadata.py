"""Metadata: the further columns of a dataset's source, ``metadata.csv``, by photo."""

import csv
from pathlib import Path

from lineament.artifacts.origins import FIX
from lineament.artifacts.table import read_table
from lineament.core.errors import ArtifactError

METADATA = "metadata.csv"
KEY = "filename"


def metadata(root: Path) -> dict[str, dict[str, str]]:
    """Read what the source's table said of each photo beside its class, group and split.

    Args:
        root: A dataset's folder.

    Returns:
        By filename, each column's text, all columns in every row; empty where the source had none.

    Raises:
        ArtifactError: The table is damaged.
    """
    path = root / METADATA
    if not path.is_file():
        return {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header = next(csv.reader(file), [])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ArtifactError(f"{path} cannot be read ({error}).", fix=FIX) from error
    if header[:1] != [KEY] or len(set(header)) != len(header):
        raise ArtifactError(
            f"{path} must begin with the column `{KEY}` and name each column once.", fix=FIX
        )
    rows = read_table(path, header, fix=FIX)
    return {row[KEY]: {name: row[name] for name in header[1:]} for row in rows}
