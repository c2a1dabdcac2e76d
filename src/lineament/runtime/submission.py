"""Submission: answers in the form that a competition's sample file asks for, or a refusal.

The first column of the sample is the id of a photo; what stands in the others is an example and is
not read. One further column is the answer: the class, or, where it bears a class's name, that
class's probability. Several are the classes, each with its probability.
"""

import csv
import dataclasses
import io
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from lineament.core.errors import DataError
from lineament.runtime.answers import Answer

# A hundred thousand photos of a thousand classes take half of it: what is larger is another file.
LARGEST_SAMPLE_BYTES = 1 << 30


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sample:
    """What a sample file asks for.

    Attributes:
        name: The file.
        columns: The header, the id first.
        ids: One per row, in order, each once.
        examples: The distinct texts of the answer column, where there is just one.
        line_end: What ends the header: a line feed, a carriage return, or both.
    """

    name: str
    columns: tuple[str, ...]
    ids: tuple[str, ...]
    examples: frozenset[str]
    line_end: str


def read_sample(path: Path) -> Sample:
    """Read a sample file, such as Kaggle's ``sample_submission.csv``.

    Args:
        path: The file: UTF-8, commas, a header.

    Raises:
        DataError: It is absent, no file or too large, is no such table, has no row, or names an id
            twice.
    """
    fix = "Name the competition's own sample file, with a header and one row per photo."
    try:
        # A pipe might be waited for, and a device read, for ever.
        if path.exists() and not path.is_file():
            raise DataError(f"{path} is not a file.", fix=fix)
        if path.stat().st_size > LARGEST_SAMPLE_BYTES:
            raise DataError(f"{path} is larger than any sample, over 1 GiB.", fix=fix)
        return _read(path, fix)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as a CSV file ({error}).", fix=fix) from error


def _read(path: Path, fix: str) -> Sample:
    """Read row by row, and keep of a row no more than is asked for."""
    counts: Counter[str] = Counter()
    examples: set[str] = set()
    uneven: list[str] = []
    with path.open(newline="", encoding="utf-8-sig") as file:
        header = file.readline()
        file.seek(0)
        rows = csv.reader(file, strict=True)
        columns = next(rows, [])
        for row in filter(None, rows):
            counts[row[0]] += 1
            if len(row) != len(columns):
                uneven.append(row[0])
            elif len(row) == 2:
                examples.add(row[1])
    if not counts or len(columns) < 2:
        raise DataError(f"{path} is no sample: it has no row, or no column after the id.", fix=fix)
    if uneven:
        raise DataError(
            f"{path} has rows with other than {len(columns)} cells.", at=uneven, fix=fix
        )
    twice = [name for name, count in Counter(columns).items() if count > 1]
    if twice:
        raise DataError(f"{path} names a column twice.", at=twice, fix=fix)
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        raise DataError(
            f"{path} asks for an id more than once.",
            at=twice,
            fix=f"The first column, `{columns[0]}`, is the id; each may stand there once.",
        )
    return Sample(
        name=str(path),
        columns=tuple(columns),
        ids=tuple(counts),
        examples=frozenset(examples),
        line_end=header[len(header.rstrip("\r\n")) :] or "\n",
    )


def check_columns(sample: Sample, classes: Sequence[str]) -> None:
    """Refuse a sample whose columns the model cannot fill.

    Raises:
        DataError: Of several columns one is no class or a class has none; or the answer is a number
            where the classes have names, or a fraction where they are whole numbers.
    """
    asked = sample.columns[1:]
    if len(asked) == 1:
        if asked[0] not in classes:
            _check_examples(sample, classes)
        return
    unknown = [name for name in asked if name not in classes]
    lacking = [name for name in classes if name not in asked]
    if unknown or lacking:
        raise DataError(
            f"{sample.name} has other columns than the model has classes.",
            at=[f"no class: {name}" for name in unknown]
            + [f"no column: {name}" for name in lacking],
            fix=f"The model knows {', '.join(classes)}; train on classes with the sample's names.",
        )


def _check_examples(sample: Sample, classes: Sequence[str]) -> None:
    """Refuse classes for an answer that is a number and none of theirs."""
    if not all(_is_number(text) for text in sample.examples):
        return
    column = sample.columns[1]
    probability = (
        f"for a probability, call the column `{column}` of a copy of the sample after its class, "
        "and the submission's column back"
    )
    if not any(_is_number(name) for name in classes):
        raise DataError(
            f"{sample.name} wants a number as `{column}`; the model's classes are names.",
            at=sorted(sample.examples),
            fix="Call the classes as the competition counts them (`prepare --rename`) and train "
            f"again; or, {probability}.",
        )
    fractions = [text for text in sample.examples if not float(text).is_integer()]
    if fractions and not set(fractions) & set(classes):
        raise DataError(
            f"{sample.name} has fractions as `{column}`, which no class is.",
            at=sorted(fractions),
            fix=f"{probability[0].upper()}{probability[1:]}.",
        )


def photo_of_each(sample: Sample, sources: Sequence[str]) -> list[int]:
    """Find the photo of each id, before anything is answered.

    A photo has an id if its path ends in it, with or without the file's ending, at the border of a
    folder: ``photos/test/12.jpg`` has ``12``, ``12.jpg``, ``test/12`` and ``test/12.jpg``. Ids are
    texts: ``012`` is not ``12``.

    Args:
        sample: What is asked for.
        sources: Paths of photos.

    Returns:
        Per id the position of its photo.

    Raises:
        DataError: An id has no photo or several, or a photo has several ids.
    """
    found = _found(sample, sources)
    missing = [name for name in sample.ids if not found[name]]
    if missing:
        raise DataError(
            f"{len(missing)} of the {len(sample.ids)} ids of {sample.name} have no photo; nothing "
            "was written.",
            at=missing,
            fix=f"Name all test photos; `{sample.columns[0]}`, the first column, has the names of "
            "files with or without their ending.",
        )
    several = [name for name in sample.ids if len(found[name]) > 1]
    if several:
        raise DataError(
            f"{len(several)} of the ids of {sample.name} fit more than one photo.",
            at=[f"{name}: {' and '.join(sources[at] for at in found[name])}" for name in several],
            fix="Name one folder of test photos, each photo once.",
        )
    chosen = [found[name][0] for name in sample.ids]
    owners: dict[str, list[str]] = {}
    for name, at in zip(sample.ids, chosen, strict=True):
        owners.setdefault(sources[at], []).append(name)
    shared = [f"{source}: {' and '.join(names)}" for source, names in owners.items() if names[1:]]
    if shared:
        raise DataError(
            f"{len(shared)} of the photos fit more than one id of {sample.name}.",
            at=shared,
            fix="Each id needs a photo of its own; name the folder of all test photos.",
        )
    return chosen


def submission_text(
    sample: Sample, answers: Sequence[Answer], classes: Sequence[str]
) -> tuple[str, int]:
    """Fill a sample with answers.

    A photo that the model takes for unknown is answered all the same.

    Args:
        sample: What is asked for.
        answers: What was predicted.
        classes: Class names in the order of the probabilities.

    Returns:
        The file's text, with the sample's ids, order, columns and line ends; and how many photos
        the sample does not ask for.

    Raises:
        DataError: The columns do not fit the classes, ids and photos do not fit each other as
            `photo_of_each` says, or a photo cannot be read.
    """
    check_columns(sample, classes)
    places = photo_of_each(sample, [answer.source for answer in answers])
    chosen = [answers[at] for at in places]
    unreadable = [f"{each.source} ({each.error})" for each in chosen if each.probabilities is None]
    if unreadable:
        raise DataError(
            f"{len(unreadable)} of the photos that {sample.name} asks for cannot be read; nothing "
            "was written.",
            at=unreadable,
            fix="Repair them; a submission has to answer every id.",
        )
    return _text(sample, chosen, classes), len(answers) - len(chosen)


def _found(sample: Sample, sources: Sequence[str]) -> dict[str, list[int]]:
    """Per id the places of its photos: whole names first, else names without their ending."""
    whole: dict[str, list[tuple[str, int]]] = {}
    stems: dict[str, list[tuple[str, int]]] = {}
    for place, source in enumerate(sources):
        path = source.replace("\\", "/")
        for form, forms in ((path, whole), (path.removesuffix(Path(path).suffix), stems)):
            forms.setdefault(form.rpartition("/")[2], []).append((form, place))
    return {name: _ending(name, whole) or _ending(name, stems) for name in sample.ids}


def _ending(name: str, forms: Mapping[str, Sequence[tuple[str, int]]]) -> list[int]:
    """Places of the photos whose path is the id, or ends in it at the border of a folder."""
    wanted = name.replace("\\", "/")
    return [
        place
        for form, place in forms.get(wanted.rpartition("/")[2], ())
        if form == wanted or form.endswith(f"/{wanted}")
    ]


def _text(sample: Sample, chosen: Sequence[Answer], classes: Sequence[str]) -> str:
    """The sample with each answer in its row."""
    asked = sample.columns[1:]
    place = {name: index for index, name in enumerate(classes)}
    wants_class = len(asked) == 1 and asked[0] not in place
    places = [] if wants_class else [place[name] for name in asked]
    # As in `artifacts.table`: the writer would leave a carriage return unquoted.
    returns = any("\r" in text for text in (*sample.columns, *sample.ids))
    quoting: Literal[0, 1] = csv.QUOTE_ALL if returns else csv.QUOTE_MINIMAL
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator=sample.line_end, quoting=quoting)
    writer.writerow(sample.columns)
    for name, answer in zip(sample.ids, chosen, strict=True):
        probabilities = answer.probabilities
        assert probabilities is not None  # else it was refused
        # The shortest text that reads back to the same float32.
        cells = [str(probabilities[index]) for index in places]
        writer.writerow([name, *(cells or [classes[int(probabilities.argmax())]])])
    return buffer.getvalue()


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))  # "nan" stands for an empty cell, or is a word
    except ValueError:
        return False
