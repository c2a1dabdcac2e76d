"""Tables as they are read: CSV, JSONL, Parquet, text; every fault by its line or row."""

import csv
import datetime
import io
import sys
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import pytest

from lineament.core.errors import DataError, LineamentError, MissingExtraError, UsageError
from lineament.preparation.sources.tables import Table, read_table


def read(folder: Path, name: str, content: str | bytes) -> Table:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path)


def refusal(
    folder: Path, name: str, content: str | bytes, kind: type[LineamentError] = DataError
) -> str:
    with pytest.raises(kind) as caught:
        read(folder, name, content)
    return str(caught.value).replace(f"{folder}/", "")


def write_parquet(path: Path, columns: dict[str, list[object]]) -> Path:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table(columns), path)
    return path


def test_a_csv_gives_its_columns_and_rows_with_their_lines(tmp_path: Path) -> None:
    table = read(tmp_path, "t.csv", 'path,label\na.jpg,cat\n\n"b,\n1.jpg", dog \nc.jpg,cat\n')
    assert table.columns == ("path", "label")
    assert table.rows == [("a.jpg", "cat"), ("b,\n1.jpg", "dog"), ("c.jpg", "cat")]
    assert [table.place(index) for index in range(3)] == ["line 2", "line 4", "line 6"]


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_the_separator_is_the_one_that_the_header_has(
    mark: str, suffix: str, tmp_path: Path
) -> None:
    table = read(tmp_path, f"t{suffix}", f"path{mark}label\na b.jpg{mark}cat\n")
    assert table.rows == [("a b.jpg", "cat")]


def test_a_mark_before_utf8_and_windows_line_ends_do_not_count(tmp_path: Path) -> None:
    table = read(tmp_path, "t.csv", b"\xef\xbb\xbfpath,label\r\na.jpg,caf\xc3\xa9\r\n")
    assert (table.columns, table.rows) == (("path", "label"), [("a.jpg", "café")])


def test_rows_of_empty_cells_are_no_rows(tmp_path: Path) -> None:
    assert read(tmp_path, "t.csv", "path,label\na.jpg,cat\n,\n , \n").rows == [("a.jpg", "cat")]


def test_a_column_without_a_name_is_left_out(tmp_path: Path) -> None:
    table = read(tmp_path, "t.csv", ",path,label,\n0,a.jpg,cat,\n1,b.jpg,dog,\n")
    assert table.columns == ("path", "label")
    assert table.rows == [("a.jpg", "cat"), ("b.jpg", "dog")]


def test_numbers_in_csv_stay_the_text_they_are(tmp_path: Path) -> None:
    assert read(tmp_path, "t.csv", "path,label\na,007\nb,7.0\n").rows == [
        ("a", "007"),
        ("b", "7.0"),
    ]


@hypothesis.given(
    st.lists(
        st.tuples(*[st.text(st.characters(codec="utf-8", exclude_characters="\0")) for _ in "ab"]),
        min_size=1,
    )
)
def test_what_the_csv_module_writes_is_read_back_without_blanks_around(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, quoting=csv.QUOTE_ALL).writerows([("path", "label"), *rows])
    stripped = [(a.strip(), b.strip()) for a, b in rows]
    filled = [row for row in stripped if any(row)]
    hypothesis.assume(filled)
    folder = tmp_path_factory.mktemp("csv")
    assert read(folder, "t.csv", buffer.getvalue()).rows == filled


def test_rows_of_other_lengths_are_all_named(tmp_path: Path) -> None:
    assert refusal(tmp_path, "t.csv", "path,label\na.jpg\nb.jpg,cat\nc.jpg,cat,9\n") == (
        "t.csv has rows with other than 2 cells.\n"
        "  at:  line 2 (1), line 4 (3)\n"
        "  fix: Put quotes around cells with the separator in them, and leave none out."
    )


def test_a_quote_that_is_never_closed_is_refused_at_its_line(tmp_path: Path) -> None:
    assert refusal(tmp_path, "t.csv", 'path,label\na.jpg,cat\nb.jpg,"dog\nc.jpg,cat\n') == (
        "t.csv cannot be read as CSV.\n"
        "  at:  line 3 (unexpected end of data)\n"
        "  fix: Check the quotes of that line."
    )


def test_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, "t.csv", "path,label,Label\na.jpg,cat,dog\n") == (
        "t.csv has more than one column of the same name.\n"
        "  at:  label and Label\n"
        "  fix: Rename or remove one of them."
    )


def test_text_in_another_encoding_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, "t.csv", "path,label\na.jpg,café\n".encode("latin-1")) == (
        "t.csv is not text in UTF-8 (byte 20).\n  fix: Save it again as UTF-8."
    )


def test_utf16_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path, "t.csv", "path,label\na.jpg,cat\n".encode("utf-16")) == (
        "t.csv is not text in UTF-8 (it is UTF-16).\n  fix: Save it again as UTF-8."
    )


def test_a_zero_byte_is_no_text(tmp_path: Path) -> None:
    assert refusal(tmp_path, "t.csv", b"path,label\na\0.jpg,cat\n") == (
        "t.csv is no text (byte 12 is zero).\n  fix: Save it again as UTF-8."
    )


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.txt"])
@pytest.mark.parametrize("content", ["", "\n \n"])
def test_an_empty_file_is_refused(name: str, content: str, tmp_path: Path) -> None:
    assert refusal(tmp_path, name, content) == (
        f"{name} is empty.\n  fix: Give it a header and one row per photo."
    )


def test_a_header_alone_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, "t.csv", "path,label\n") == (
        "t.csv holds no rows.\n  fix: Give it one row per photo."
    )


def test_an_absent_table_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").touch()
    with pytest.raises(UsageError) as caught:
        read_table(tmp_path / "lables.csv")
    assert str(caught.value) == (
        f"There is no table {tmp_path}/lables.csv. Did you mean `labels.csv`?\n"
        "  fix: Name a .csv, .tsv, .jsonl, .parquet or .txt table."
    )


def test_a_folder_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read_table(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} is no file.\n  fix: Name a .csv, .tsv, .jsonl, .parquet or .txt table."
    )


def test_a_file_of_another_kind_is_no_table(tmp_path: Path) -> None:
    assert refusal(tmp_path, "t.xlsx", b"PK", UsageError) == (
        "t.xlsx is not named like a table.\n"
        "  fix: Name a .csv, .tsv, .jsonl, .parquet or .txt table."
    )


def test_json_lines_may_have_different_fields_and_types(tmp_path: Path) -> None:
    table = read(
        tmp_path,
        "t.jsonl",
        '{"path": "a.jpg", "label": 7}\n\n'
        '{"path": "b.jpg", "label": 7.0, "age": 0.5}\n'
        '{"label": null, "age": NaN, "path": "c\u2028.jpg"}\n',
    )
    assert table.columns == ("path", "label", "age")
    assert table.rows == [("a.jpg", "7", ""), ("b.jpg", "7", "0.5"), ("c\u2028.jpg", "", "")]
    assert table.place(1) == "line 3"


def test_columns_of_lists_and_objects_are_no_text(tmp_path: Path) -> None:
    table = read(tmp_path, "t.jsonl", '{"path": "a", "box": [1, 2]}\n{"path": "b", "box": 3}\n')
    assert (table.nested, table.rows) == (frozenset({"box"}), [("a", ""), ("b", "")])


def test_lines_that_are_no_object_are_all_named(tmp_path: Path) -> None:
    lines = ['{"path": "a"}', "[1]", '"b"', "{'path': 'c'}", "null", "[" * 100_000, "3", '{"a": 1']
    assert refusal(tmp_path, "t.jsonl", "\n".join(lines)) == (
        "t.jsonl has lines that are not a JSON object.\n"
        "  at:  line 2 (a list), line 3 (a text), line 4 (no JSON: Expecting property name "
        "enclosed in double quotes), line 5 (null), line 6 (no JSON: RecursionError), "
        "line 7 (no object), line 8 (no JSON: Expecting ',' delimiter)\n"
        '  fix: Write one object per line, such as {"path": "cat/1.jpg", "label": "cat"}.'
    )


def test_half_characters_and_zero_bytes_that_json_spells_are_refused(tmp_path: Path) -> None:
    lines = '{"path": "a\\ud800"}\n{"path": "b"}\n{"path": "c\\u0000"}\n'
    assert refusal(tmp_path, "t.jsonl", lines) == (
        "t.jsonl has cells that are no text: a zero byte, or half of a character.\n"
        "  at:  line 1, line 3\n"
        "  fix: Write these cells again."
    )


def test_parquet_gives_texts(tmp_path: Path) -> None:
    columns: dict[str, list[object]] = {
        "path": ["a.jpg", "b.jpg"],
        "label": [7.0, None],
        "day": [datetime.date(2021, 5, 1), None],
        "seen": [True, False],
        "box": [[1], [2]],
        "photo": [b"x", b"y"],
    }
    path = write_parquet(tmp_path / "t.parquet", columns)
    table = read_table(path)
    assert table.columns == ("path", "label", "day", "seen", "box", "photo")
    assert table.rows == [
        ("a.jpg", "7", "2021-05-01", "true", "", ""),
        ("b.jpg", "", "", "false", "", ""),
    ]
    assert table.nested == {"box", "photo"}
    assert table.place(0) == "row 1"


def test_a_folder_named_like_a_partition_adds_no_column(tmp_path: Path) -> None:
    (tmp_path / "year=2020").mkdir()
    path = write_parquet(tmp_path / "year=2020" / "t.parquet", {"path": ["a.jpg"]})
    assert read_table(path).columns == ("path",)


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    text = refusal(tmp_path, "t.parquet", b"path,label\na.jpg,cat\n")
    assert text.startswith("t.parquet cannot be read as Parquet (")
    assert text.endswith(").\n  fix: Write it again, or name a .csv or .jsonl table.")


def test_parquet_without_pyarrow_says_which_extra_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    assert refusal(tmp_path, "t.parquet", b"PAR1", MissingExtraError) == (
        "Reading a Parquet table needs pyarrow, which is not installed.\n"
        "  fix: Install it with `pip install 'lineament[report]'`."
    )


def test_a_text_without_header_is_names_and_labels(tmp_path: Path) -> None:
    table = read(tmp_path, "t.txt", "000001.jpg 2880\r\nmy photo 2.jpg   17\r\n")
    assert table.columns == ("filename", "label")
    assert table.rows == [("000001.jpg", "2880"), ("my photo 2.jpg", "17")]


def test_a_text_of_names_alone_has_one_column(tmp_path: Path) -> None:
    table = read(tmp_path, "t.txt", "a.jpg\nb.jpg\n")
    assert (table.columns, table.rows) == (("filename",), [("a.jpg",), ("b.jpg",)])


def test_a_text_may_have_a_header(tmp_path: Path) -> None:
    table = read(tmp_path, "t.txt", "image_id  x  y\na.jpg 1 2\n")
    assert (table.columns, table.rows) == (("image_id", "x", "y"), [("a.jpg", "1", "2")])


def test_a_text_with_commas_is_csv(tmp_path: Path) -> None:
    assert read(tmp_path, "t.txt", "filename,label\na b.jpg,cat\n").rows == [("a b.jpg", "cat")]


def test_a_count_and_a_header_without_the_names_are_celebas(tmp_path: Path) -> None:
    table = read(tmp_path, "t.txt", "2\nMale Smiling\n000001.jpg -1  1\n000002.jpg  1 -1\n")
    assert table.columns == ("filename", "Male", "Smiling")
    assert table.rows == [("000001.jpg", "-1", "1"), ("000002.jpg", "1", "-1")]
    assert table.place(0) == "line 3"


def test_a_count_that_is_not_the_number_of_rows_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, "t.txt", "3\nMale\n000001.jpg -1\n000002.jpg 1\n") == (
        "t.txt holds 2 rows, but its first line says 3.\n  fix: Copy or download it again."
    )
