"""Listed: photos of a source that a file names, for a split that a person chose by hand."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from lineament.core.errors import DataError, UsageError
from lineament.core.suggest import did_you_mean

HEADERS = frozenset({"filename", "path", "file"})
SUGGESTIONS = 3  # each one compares with every name of the source


def read_listed(path: Path, keys: Sequence[str]) -> list[str]:
    """Read which photos a list names.

    A photo is named as the source names it, or by the end of that name (its base name, some of its
    folders), with or without the suffix, as long as only one photo is meant; a name with further
    folders before it is accepted too.

    Args:
        path: A text file with a name per line, or a ``.csv`` with names in its first column; a
            first line ``filename``, ``path`` or ``file`` is a header.
        keys: The photos' names in the source.

    Returns:
        Keys in the order of the list, each once.

    Raises:
        UsageError: There is no such file.
        DataError: The file is no text or names no photo; or names are of no photo or of several,
            and all of those are named.
    """
    lines = _lines(path)
    known = set(keys)
    ends = _unique_ends(keys, with_suffix=True)
    stems = _unique_ends(keys, with_suffix=False)
    found: dict[str, None] = {}
    wrong = []
    for number, text in lines:
        name = text.replace("\\", "/").removeprefix("./")
        longer = _end_in(name, known)
        for key in (text if text in known else name, ends.get(name), stems.get(name), longer):
            if key in known:
                found[key] = None
                break
            if key == "":
                wrong.append(f"line {number} ({text}: more than one photo)")
                break
        else:
            # Beyond a few the list is of another source, and a suggestion is no help.
            near = did_you_mean(name, keys) if len(wrong) < SUGGESTIONS else ""
            wrong.append(f"line {number} ({text}){near}")
    if wrong:
        names = "1 name" if len(wrong) == 1 else f"{len(wrong)} names"
        raise DataError(
            f"{names} in {path} cannot be found among the {len(keys)} photos; nothing was written.",
            at=wrong,
            fix="Name each photo by its path below the source.",
        )
    if not found:
        raise DataError(
            f"{path} names no photo; nothing was written.",
            fix="Write one photo per line, by its path below the source.",
        )
    return list(found)


def _lines(path: Path) -> list[tuple[int, str]]:
    """Read the names with their line numbers."""
    if not path.is_file():
        beside = [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
        raise UsageError(
            f"There is no file {path}.{did_you_mean(path.name, beside)}",
            fix="Name a file that lists photos, one per line.",
        )
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not text in UTF-8 (byte {error.start}).",
            fix="Save it as UTF-8, one photo per line.",
        ) from error
    if path.suffix.lower() == ".csv":
        reader = csv.reader(text.splitlines(keepends=True))
        rows = [(reader.line_num, row[0].strip()) for row in reader if row]
    else:
        rows = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    rows = [(number, name) for number, name in rows if name]
    return rows[1:] if rows and rows[0][1].lower() in HEADERS else rows


def _unique_ends(keys: Iterable[str], *, with_suffix: bool) -> dict[str, str]:
    """Map the ends of every name to the name, or to an empty text where several end so."""
    ends: dict[str, str] = {}
    for key in keys:
        end = key if with_suffix else str(PurePosixPath(key).with_suffix(""))
        while end:
            ends[end] = "" if end in ends else key
            end = end.partition("/")[2]
    return ends


def _end_in(name: str, known: set[str]) -> str | None:
    """The longest end of a name, cut between folders, that is a photo's whole name."""
    end = name
    while end and end not in known:
        end = end.partition("/")[2]
    return end or None
