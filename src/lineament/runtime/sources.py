"""Sources: what a person names, files and folders, as a list of photo files."""

import os
from collections.abc import Sequence
from pathlib import Path

from lineament.core.errors import DataError, UsageError
from lineament.imaging.decode import is_image_name


def photo_files(paths: Sequence[Path]) -> list[Path]:
    """Put each folder's photos, sorted, in the folder's place; files stay as they were given.

    Args:
        paths: Files (of any name, there or not) and folders.

    Returns:
        Files, in the order of the paths.

    Raises:
        UsageError: There is no path.
        DataError: A folder holds no photo.
    """
    if not paths:
        raise UsageError("No photo was named.", fix="Name one or more photos or folders.")
    files: list[Path] = []
    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        inside = [Path(folder) / name for folder, _, names in os.walk(path) for name in names]
        # A pipe in a folder is no photo, and would be waited for.
        photos = sorted(file for file in inside if is_image_name(file) and not _is_special(file))
        if not photos:
            raise DataError(
                f"{path} holds no photo.", fix="Name a folder of image files, or the files."
            )
        files.extend(photos)
    return files


def _is_special(path: Path) -> bool:
    return path.exists() and not path.is_file()
