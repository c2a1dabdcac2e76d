"""Submission: answers in the form that a competition's sample file asks for, or a refusal.

The first column of the sample is the id of a photo; what stands in the others is an example and is
not read. One further column is the answer: the class, or, where it bears a class's name, that
class's probability. Several are the classes, each with its probability.
"""

import csv
import dataclasses
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from lineament.core.errors import DataError
from lineament.runtime.predictor import Answer


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sample:
    """What a sample file asks for.

    Attributes:
        name: The file.
        columns: The header, the id first.
        ids: One per row, in order, each once.
        examples: The distinct texts of the answer column, where there is just one.
        line_end: What ends a line, a line feed with or without a carriage return.
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
        DataError: It is absent, is no such table, has no row, or names an id twice.
    """
    fix = "Name the competition's own sample file, with a header and one row per photo."
    try:
        text = path.read_bytes().decode("utf-8-sig")
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as a CSV file ({error}).", fix=fix) from error
    if len(rows) < 2 or len(rows[0]) < 2:
        raise DataError(f"{path} is no sample: it has no row, or no column after the id.", fix=fix)
    columns, *cells = rows
    uneven = [row[0] for row in cells if len(row) != len(columns)]
    if uneven:
        raise DataError(
            f"{path} has rows with other than {len(columns)} cells.", at=uneven, fix=fix
        )
    if len(set(columns)) != len(columns):
        raise DataError(f"{path} names a column twice.", at=columns, fix=fix)
    counts = Counter(row[0] for row in cells)
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        raise DataError(f"{path} asks for an id more than once.", at=twice, fix=fix)
    return Sample(
        name=str(path),
        columns=tuple(columns),
        ids=tuple(counts),
        examples=frozenset(row[1] for row in cells) if len(columns) == 2 else frozenset(),
        line_end="\r\n" if "\r\n" in text else "\n",
    )


def check_columns(sample: Sample, classes: Sequence[str]) -> None:
    """Refuse a sample whose columns the model cannot fill.

    Raises:
        DataError: Of several columns one is no class or a class has none; or the answer is a number
            where the classes have names.
    """
    asked = sample.columns[1:]
    if len(asked) == 1:
        numbers = all(_is_number(text) for text in sample.examples)
        if asked[0] in classes or not numbers or any(_is_number(name) for name in classes):
            return
        raise DataError(
            f"{sample.name} wants a number as `{asked[0]}`; the model's classes are names.",
            at=sorted(sample.examples),
            fix="Call the classes as the competition counts them (`prepare --rename`) and train "
            "again, or call the column after a class for its probability.",
        )
    unknown = [name for name in asked if name not in classes]
    lacking = [name for name in classes if name not in asked]
    if unknown or lacking:
        raise DataError(
            f"{sample.name} has other columns than the model has classes.",
            at=[f"no class: {name}" for name in unknown]
            + [f"no column: {name}" for name in lacking],
            fix=f"The model knows {', '.join(classes)}; train on classes with the sample's names.",
        )


def submission_text(
    sample: Sample, answers: Sequence[Answer], classes: Sequence[str]
) -> tuple[str, int]:
    """Fill a sample with answers.

    A photo has an id if its path ends in it, with or without the file's ending, at the border of a
    folder: ``photos/test/12.jpg`` has ``12``, ``12.jpg``, ``test/12`` and ``test/12.jpg``. Ids are
    texts: ``012`` is not ``12``. A photo that the model takes for unknown is answered all the same.

    Args:
        sample: What is asked for.
        answers: What was predicted.
        classes: Class names in the order of the probabilities.

    Returns:
        The file's text, with the sample's ids, order, columns and line ends; and how many photos
        the sample does not ask for.

    Raises:
        DataError: The columns do not fit the classes, an id has no photo or several, or its photo
            cannot be read.
    """
    check_columns(sample, classes)
    found = _found(sample, answers)
    missing = [name for name in sample.ids if not found[name]]
    if missing:
        raise DataError(
            f"{len(missing)} of the {len(sample.ids)} ids of {sample.name} have no photo; nothing "
            "was written.",
            at=missing,
            fix="Name all test photos; an id is a file's name with or without its ending.",
        )
    several = [name for name in sample.ids if len(found[name]) > 1]
    if several:
        raise DataError(
            f"{len(several)} of the ids of {sample.name} fit more than one photo.",
            at=[f"{name}: {' and '.join(each.source for each in found[name])}" for name in several],
            fix="Name one folder of test photos, each photo once.",
        )
    chosen = [found[name][0] for name in sample.ids]
    unreadable = [f"{each.source} ({each.error})" for each in chosen if each.probabilities is None]
    if unreadable:
        raise DataError(
            f"{len(unreadable)} of the photos that {sample.name} asks for cannot be read; nothing "
            "was written.",
            at=unreadable,
            fix="Repair them; a submission has to answer every id.",
        )
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator=sample.line_end)
    writer.writerow(sample.columns)
    for name, answer in zip(sample.ids, chosen, strict=True):
        writer.writerow([name, *_cells(sample.columns[1:], answer, classes)])
    return buffer.getvalue(), len(answers) - len(chosen)


def _found(sample: Sample, answers: Sequence[Answer]) -> dict[str, list[Answer]]:
    """Per id the answers to its photos: whole names first, else names without their ending."""
    whole: dict[str, list[tuple[str, Answer]]] = {}
    stems: dict[str, list[tuple[str, Answer]]] = {}
    for answer in answers:
        path = answer.source.replace("\\", "/")
        for form, forms in ((path, whole), (path.removesuffix(Path(path).suffix), stems)):
            forms.setdefault(form.rpartition("/")[2], []).append((form, answer))
    return {name: _ending(name, whole) or _ending(name, stems) for name in sample.ids}


def _ending(name: str, forms: Mapping[str, Sequence[tuple[str, Answer]]]) -> list[Answer]:
    """Answers to the photos whose path is the id, or ends in it at the border of a folder."""
    wanted = name.replace("\\", "/")
    return [
        answer
        for form, answer in forms.get(wanted.rpartition("/")[2], ())
        if form == wanted or form.endswith(f"/{wanted}")
    ]


def _cells(asked: Sequence[str], answer: Answer, classes: Sequence[str]) -> list[str]:
    probabilities = answer.probabilities
    assert probabilities is not None  # else it was refused
    if len(asked) == 1 and asked[0] not in classes:
        return [classes[int(probabilities.argmax())]]
    # The shortest text that reads back to the same float32.
    return [str(probabilities[list(classes).index(name)]) for name in asked]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
