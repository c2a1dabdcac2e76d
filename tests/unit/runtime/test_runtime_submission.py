"""A submission has exactly the sample's ids, order and columns, or is not written."""

import csv
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from lineament.core.errors import DataError
from lineament.runtime.answers import Answer
from lineament.runtime.submission import (
    LARGEST_SAMPLE_BYTES,
    check_columns,
    read_sample,
    submission_text,
)

CLASSES = ("cat", "dog", "fox")


def answer(source: str, best: int = 0, *, error: str = "") -> Answer:
    if error:
        return Answer(source=source, probabilities=None, error=error)
    probabilities = np.full(3, 0.15, dtype=np.float32)
    probabilities[best] = 0.7
    return Answer(source=source, probabilities=probabilities)


def filled(
    folder: Path, text: str, answers: Sequence[Answer], classes: Sequence[str] = CLASSES
) -> tuple[str, int]:
    path = folder / "sample.csv"
    path.write_bytes(text.encode("utf-8"))
    return submission_text(read_sample(path), answers, classes)


def test_ids_order_and_columns_are_the_samples(tmp_path: Path) -> None:
    answers = [answer("test/1.jpg", 0), answer("test/2.jpg", 1), answer("test/3.jpg", 2)]

    text, left_out = filled(tmp_path, "Id,Category\n3,cat\n1,cat\n2,cat\n", answers)

    assert text == "Id,Category\n3,fox\n1,cat\n2,dog\n"
    assert left_out == 0


@pytest.mark.parametrize(
    "name", ["12", "12.jpg", "test/12", "test/12.jpg", "photos/test/12.jpg", "test\\12.jpg"]
)
def test_an_id_is_the_end_of_a_path_with_or_without_its_ending(name: str, tmp_path: Path) -> None:
    answers = [answer("photos/test/12.jpg", 1), answer("photos/test/112.jpg")]

    text, left_out = filled(tmp_path, f"id,label\n{name},cat\n", answers)

    assert text == f"id,label\n{name},dog\n"
    assert left_out == 1


@pytest.mark.parametrize("name", ["012", "2", "12.png", "est/12.jpg", "12.jpg "])
def test_an_id_that_is_nearly_a_photos_has_none(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        filled(tmp_path, f"id,label\n{name},cat\n", [answer("test/12.jpg")])

    assert caught.value.at == (name,)


def test_a_whole_name_goes_before_a_name_without_its_ending(tmp_path: Path) -> None:
    answers = [answer("12.jpg", 1), answer("12.jpg.png", 2)]

    assert filled(tmp_path, "id,label\n12.jpg,cat\n", answers)[0] == "id,label\n12.jpg,dog\n"


def test_missing_ids_are_named_and_counted(tmp_path: Path) -> None:
    names = [f"{number}.png" for number in range(13)]
    text = "id,label\n" + "".join(f"{name},cat\n" for name in names)

    with pytest.raises(DataError) as caught:
        filled(tmp_path, text, [answer("t/0.png")])

    assert str(caught.value) == (
        f"12 of the 13 ids of {tmp_path}/sample.csv have no photo; nothing was written.\n"
        f"  at:  {', '.join(names[1:11])} and 2 more\n"
        "  fix: Name all test photos; `id`, the first column, has the names of files with or "
        "without their ending."
    )


def test_an_id_of_two_photos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        filled(tmp_path, "id,label\n7,cat\n", [answer("a/7.jpg"), answer("b/7.jpg")])

    assert str(caught.value) == (
        f"1 of the ids of {tmp_path}/sample.csv fit more than one photo.\n"
        "  at:  7: a/7.jpg and b/7.jpg\n"
        "  fix: Name one folder of test photos, each photo once."
    )


@pytest.mark.parametrize(
    ("names", "source"),
    [(("12", "12.jpg"), "t/12.jpg"), (("test/1", "extra/test/1"), "extra/test/1.jpg")],
)
def test_a_photo_of_two_ids_is_refused(names: tuple[str, str], source: str, tmp_path: Path) -> None:
    text = "id,label\n" + "".join(f"{name},cat\n" for name in names)

    with pytest.raises(DataError) as caught:
        filled(tmp_path, text, [answer(source)])

    assert str(caught.value) == (
        f"1 of the photos fit more than one id of {tmp_path}/sample.csv.\n"
        f"  at:  {source}: {names[0]} and {names[1]}\n"
        "  fix: Each id needs a photo of its own; name the folder of all test photos."
    )


def test_a_broken_photo_is_refused_if_it_is_asked_for(tmp_path: Path) -> None:
    answers = [answer("1.jpg"), answer("2.jpg", error="not an image")]

    assert filled(tmp_path, "id,label\n1,cat\n", answers) == ("id,label\n1,cat\n", 1)
    with pytest.raises(DataError) as caught:
        filled(tmp_path, "id,label\n1,cat\n2,cat\n", answers)
    assert caught.value.what == (
        f"1 of the photos that {tmp_path}/sample.csv asks for cannot be read; nothing was written."
    )
    assert caught.value.at == ("2.jpg (not an image)",)


def test_an_unknown_photo_is_answered_with_its_nearest_class(tmp_path: Path) -> None:
    probabilities = np.array([0.2, 0.5, 0.3], dtype=np.float32)
    unknown = Answer(source="1.jpg", probabilities=probabilities, familiarity=0.0, is_unknown=True)

    assert filled(tmp_path, "id,label\n1,cat\n", [unknown])[0] == "id,label\n1,dog\n"


def test_columns_named_as_classes_get_probabilities_in_the_samples_order(tmp_path: Path) -> None:
    text, _ = filled(tmp_path, "id,fox,cat,dog\n1,0,0,0\n", [answer("1.jpg", 1)])

    (header, row) = csv.reader(text.splitlines())
    assert header == ["id", "fox", "cat", "dog"]
    assert [np.float32(cell) for cell in row[1:]] == [
        np.float32(value) for value in (0.15, 0.15, 0.7)
    ]


def test_one_column_named_as_a_class_gets_its_probability(tmp_path: Path) -> None:
    text, _ = filled(tmp_path, "id,dog\n1,0.5\n", [answer("1.jpg", 1)])

    assert text == "id,dog\n1,0.7\n"


@pytest.mark.parametrize(
    ("header", "at"),
    [
        ("id,cat,dog,wolf", ("no class: wolf", "no column: fox")),
        ("id,cat,dog", ("no column: fox",)),
        ("id,cat,dog,fox,width", ("no class: width",)),
        ("id,label,note", ("no class: label", "no class: note", "no column: cat")),
    ],
)
def test_other_columns_are_refused_and_named(
    header: str, at: tuple[str, ...], tmp_path: Path
) -> None:
    row = ",".join("0" for _ in header.split(","))

    with pytest.raises(DataError) as caught:
        filled(tmp_path, f"{header}\n{row}\n", [answer("0.jpg")])

    assert (
        caught.value.what == f"{tmp_path}/sample.csv has other columns than the model has classes."
    )
    assert tuple(caught.value.at)[: len(at)] == at


def test_numbers_for_classes_with_names_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "sample.csv"
    path.write_text("id,label\n1,0\n2,0.5\n")

    with pytest.raises(DataError) as caught:
        check_columns(read_sample(path), CLASSES)

    assert str(caught.value) == (
        f"{path} wants a number as `label`; the model's classes are names.\n"
        "  at:  0, 0.5\n"
        "  fix: Call the classes as the competition counts them (`prepare --rename`) and train "
        "again; or, for a probability, call the column `label` of a copy of the sample after its "
        "class, and the submission's column back."
    )


def test_fractions_for_classes_that_are_whole_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        filled(tmp_path, "id,label\n1,0.5\n", [answer("1.jpg")], ("0", "1", "2"))

    assert str(caught.value) == (
        f"{tmp_path}/sample.csv has fractions as `label`, which no class is.\n"
        "  at:  0.5\n"
        "  fix: For a probability, call the column `label` of a copy of the sample after its "
        "class, and the submission's column back."
    )


def test_classes_called_as_the_sample_counts_are_answered_as_the_model_spells_them(
    tmp_path: Path,
) -> None:
    answers = [answer("1.jpg", 2)]

    assert filled(tmp_path, "id,label\n1,0\n", answers, ("00", "01", "02"))[0] == (
        "id,label\n1,02\n"
    )


@pytest.mark.parametrize("example", ["", "nan", "?", "wolf"])
def test_an_example_that_is_no_number_is_not_read(example: str, tmp_path: Path) -> None:
    text, _ = filled(tmp_path, f"id,label\n1,{example}\n", [answer("1.jpg", 1)])

    assert text == "id,label\n1,dog\n"


def test_ids_with_commas_quotes_and_letters_of_any_language_come_back(tmp_path: Path) -> None:
    names = ["a,b", 'say "no"', "Ärger"]
    sample = tmp_path / "sample.csv"
    with sample.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["image id", "label"], *([name, "cat"] for name in names)])

    text, _ = submission_text(
        read_sample(sample), [answer(f"t/{name}.jpg", 1) for name in names], CLASSES
    )

    assert list(csv.reader(text.splitlines())) == [
        ["image id", "label"],
        *([name, "dog"] for name in names),
    ]


def test_a_carriage_return_within_an_id_comes_back(tmp_path: Path) -> None:
    text, _ = filled(tmp_path, 'id,label\n"a\rb",cat\n', [answer("a\rb.jpg", 1)])

    assert text == '"id","label"\n"a\rb","dog"\n'


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_the_samples_do_and_the_mark_of_utf_8_is_no_part_of_the_id(
    end: str, tmp_path: Path
) -> None:
    text, _ = filled(tmp_path, f"\ufeffid,label{end}1,cat{end}{end}", [answer("1.jpg", 1)])

    assert text == f"id,label{end}1,dog{end}"


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "is no sample: it has no row, or no column after the id."),
        (b"id,label\n", "is no sample: it has no row, or no column after the id."),
        (b"id\n1\n", "is no sample: it has no row, or no column after the id."),
        (b"id,label\n1,cat,dog\n", "has rows with other than 2 cells."),
        (b"id,cat,cat\n1,0,0\n", "names a column twice."),
    ],
)
def test_what_is_no_sample_is_refused(content: bytes, what: str, tmp_path: Path) -> None:
    path = tmp_path / "sample.csv"
    path.write_bytes(content)

    with pytest.raises(DataError) as caught:
        read_sample(path)

    assert caught.value.what == f"{path} {what}"


def test_an_id_that_stands_twice_is_refused_with_the_column_it_was_read_from(
    tmp_path: Path,
) -> None:
    with pytest.raises(DataError) as caught:
        filled(tmp_path, "label,id\ncat,1\ncat,2\ndog,3\n", [])

    assert str(caught.value) == (
        f"{tmp_path}/sample.csv asks for an id more than once.\n"
        "  at:  cat\n"
        "  fix: The first column, `label`, is the id; each may stand there once."
    )


def test_a_column_named_twice_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        filled(tmp_path, "id,cat,dog,cat\n1,0,0,0\n", [])

    assert caught.value.at == ("cat",)


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "sample.csv"
    with path.open("wb") as file:
        file.truncate(LARGEST_SAMPLE_BYTES + 1)  # a hole, which takes no room

    with pytest.raises(DataError) as caught:
        read_sample(path)

    assert str(caught.value) == (
        f"{path} is larger than any sample, over 1 GiB.\n"
        "  fix: Name the competition's own sample file, with a header and one row per photo."
    )


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "sample.csv"
    os.mkfifo(path)

    with pytest.raises(DataError) as caught:
        read_sample(path)

    assert caught.value.what == f"{path} is not a file."


@pytest.mark.parametrize("content", [b"id,label\n\xff\xfe,cat\n", b'id,label\n"1,cat\n', None])
def test_what_is_no_csv_or_not_there_is_refused(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "sample.csv"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(DataError, match="cannot be read as a CSV file"):
        read_sample(path)


def test_a_hundred_thousand_ids_are_matched_in_a_moment(tmp_path: Path) -> None:
    text = "id,label\n" + "".join(f"{number},cat\n" for number in range(100_000))
    one = answer("t/0.jpg").probabilities
    answers = [Answer(source=f"t/{number}.jpg", probabilities=one) for number in range(100_000)]

    assert filled(tmp_path, text, answers) == (text, 0)


def test_a_thousand_classes_are_written_in_the_samples_order(tmp_path: Path) -> None:
    classes = [f"c{number}" for number in range(1000)]
    probabilities = np.arange(1000, dtype=np.float32)
    answers = [Answer(source=f"{number}.jpg", probabilities=probabilities) for number in range(100)]
    header = ",".join(["id", *reversed(classes)])
    zeros = ",".join("0" * 1000)
    text = f"{header}\n" + "".join(f"{number},{zeros}\n" for number in range(100))

    filled_text, _ = filled(tmp_path, text, answers, classes)

    row = ",".join(str(value) for value in reversed(probabilities))
    assert filled_text == f"{header}\n" + "".join(f"{number},{row}\n" for number in range(100))
