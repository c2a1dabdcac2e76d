"""Rows are written one by one, and an interrupted table is gone on with to the same bytes."""

import contextlib
import csv
import json
import sys
import tracemalloc
from pathlib import Path

import pytest

from lineament.core.errors import ArtifactError, DataError
from lineament.runtime.rows import COLUMNS, Before, TextRows, past_written

NAMES = ("a.jpg", 'b "quoted", c.jpg', "new\nline.jpg", "carriage\r.jpg", "é.jpg", "f.jpg")


def row(name: str) -> dict[str, object]:
    top = [{"label": "cat", "confidence": 0.75}, {"label": "dog", "confidence": 0.25}]
    values = (name, "cat", 0.75, None, 0.5, "cat")
    return dict(zip(COLUMNS, values, strict=True)) | {"top": top}


def bad_row(name: str) -> dict[str, object]:
    return dict.fromkeys(COLUMNS) | {"filename": name, "error": "empty file", "top": []}


ROWS = [*(row(name) for name in NAMES), bad_row("g.jpg")]


def table(
    path: Path, *, resume: bool = False, model: str = "m", overwrite: bool = False
) -> TextRows:
    return TextRows(
        path,
        top=2,
        as_csv=path.suffix == ".csv",
        depends_on={"model": model},
        resume=resume,
        overwrite=overwrite,
        flag="--csv",
    )


def written(path: Path) -> bytes:
    with table(path) as rows:
        for each in ROWS:
            rows.write(each)
    return path.read_bytes()


@pytest.fixture(params=["t.csv", "t.jsonl"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / str(request.param)


def test_csv_reads_back(tmp_path: Path) -> None:
    written(tmp_path / "t.csv")

    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert header == [*COLUMNS, "label_2", "confidence_2"]
    assert rows[1] == [NAMES[1], "cat", "0.75", "", "0.5", "cat", "dog", "0.25"]
    assert [each[0] for each in rows] == [*NAMES, "g.jpg"]
    assert rows[-1] == ["g.jpg", "", "", "empty file", "", "", "", ""]


def test_lines_of_json_read_back(tmp_path: Path) -> None:
    written(tmp_path / "t.jsonl")

    lines = (tmp_path / "t.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == ROWS


def test_nothing_but_the_table_is_left(path: Path) -> None:
    written(path)

    assert list(path.parent.iterdir()) == [path]


def test_target_is_not_there_before_it_is_complete(path: Path) -> None:
    with table(path) as rows:
        rows.write(ROWS[0])
        assert not path.exists()

    assert path.exists()


@pytest.mark.parametrize("at", range(0, 400, 7))
def test_table_cut_anywhere_is_gone_on_with_to_the_same_bytes(at: int, path: Path) -> None:
    whole = written(path)
    path.unlink()
    with contextlib.suppress(KeyboardInterrupt), table(path) as rows:
        for each in ROWS:
            rows.write(each)
        raise KeyboardInterrupt
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(partial.read_bytes()[:at])

    with table(path, resume=True) as rows:
        passed = len(list(past_written(iter([*NAMES, "g.jpg"]), rows)))
        for each in ROWS[passed:]:
            rows.write(each)

    assert path.read_bytes() == whole
    assert passed == rows.n_written <= at // 20


def test_resuming_with_nothing_there_begins(path: Path) -> None:
    with table(path, resume=True) as rows:
        assert rows.n_written == 0
        rows.write(ROWS[0])

    assert path.exists()


def test_resuming_what_was_killed_before_it_said_anything_begins(path: Path) -> None:
    path.with_name(f"{path.name}.partial").touch()

    with table(path, resume=True) as rows:
        assert rows.n_written == 0


def interrupted(path: Path) -> Path:
    with contextlib.suppress(KeyboardInterrupt), table(path) as rows:
        rows.write(ROWS[0])
        rows.write(ROWS[1])
        raise KeyboardInterrupt
    return path.with_name(f"{path.name}.partial")


def test_rows_of_another_model_are_refused(path: Path) -> None:
    partial = interrupted(path)

    with pytest.raises(ArtifactError) as caught:
        table(path, resume=True, model="another")

    assert str(caught.value) == (
        f"{partial} holds answers of another model, or with other settings.\n"
        "  fix: Run again without `--resume`, and it begins anew."
    )


def test_without_resume_it_begins_anew(path: Path) -> None:
    interrupted(path)

    with table(path, model="another") as rows:
        assert rows.n_written == 0
        rows.write(ROWS[3])

    assert NAMES[0].encode() not in path.read_bytes()


@pytest.mark.parametrize(("named", "now"), [(["other.jpg"], "other.jpg"), ([], "none")])
def test_other_photos_than_before_are_refused(named: list[str], now: str, path: Path) -> None:
    interrupted(path)

    with pytest.raises(DataError) as caught, table(path, resume=True) as rows:
        list(past_written(iter([NAMES[0], *named]), rows))

    assert str(caught.value) == (
        f"Row 2 of the table to go on with is of {NAMES[1]}, but photo 2 is now {now}.\n"
        "  fix: Name the same photos in the same order, or run again without `--resume`."
    )


def test_what_rows_from_before_say_can_be_counted(path: Path) -> None:
    with contextlib.suppress(KeyboardInterrupt), table(path) as rows:
        rows.write(ROWS[0])
        rows.write(ROWS[-1])
        raise KeyboardInterrupt

    with table(path, resume=True) as rows:
        assert list(past_written(iter([NAMES[0], "g.jpg"]), rows)) == [
            Before(filename=NAMES[0], label="cat", error="", nearest="cat"),
            Before(filename="g.jpg", label="", error="empty file", nearest=""),
        ]


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("t.csv", b"caf\xe9.jpg,cat\n"),
        ("t.jsonl", b"\xff\xff\n"),
        ("t.jsonl", b"\x00\x00\n"),
        ("t.jsonl", b"{}\n"),
        ("t.jsonl", b"1\n"),
    ],
)
def test_damaged_rows_are_refused(name: str, damage: bytes, tmp_path: Path) -> None:
    partial = interrupted(tmp_path / name)
    with partial.open("ab") as file:
        file.write(damage)

    with pytest.raises(ArtifactError) as caught, table(tmp_path / name, resume=True) as rows:
        list(past_written(iter(NAMES), rows))

    assert str(caught.value) == (
        f"{partial} is damaged and cannot be gone on with.\n"
        "  fix: Run again without `--resume`, and it begins anew."
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps two from writing one file")
@pytest.mark.parametrize("resume", [True, False])
def test_two_do_not_write_one_table(resume: bool, path: Path) -> None:
    whole = written(path)
    path.unlink()

    with table(path) as rows:
        rows.write(ROWS[0])
        with pytest.raises(ArtifactError) as caught:
            table(path, resume=resume)
        for each in ROWS[1:]:
            rows.write(each)

    assert str(caught.value) == (
        f"{path} is being written by another process.\n"
        "  fix: Wait until it has ended, or name another `--csv`."
    )
    assert path.read_bytes() == whole


def test_what_came_to_stand_there_meanwhile_is_not_replaced(path: Path) -> None:
    rows = table(path)
    rows.write(ROWS[0])
    path.write_bytes(b"another's")

    with pytest.raises(ArtifactError, match="exists; nothing was written"), rows:
        pass

    assert path.read_bytes() == b"another's"
    path.unlink()
    with table(path, resume=True) as rows:
        assert rows.n_written == 1


def test_a_long_table_is_never_in_memory(path: Path) -> None:
    with contextlib.suppress(KeyboardInterrupt), table(path) as rows:
        for number in range(20_000):
            rows.write(row(f"{number}.jpg"))
        raise KeyboardInterrupt
    size = path.with_name(f"{path.name}.partial").stat().st_size

    tracemalloc.start()
    with table(path, resume=True) as rows:
        passed = sum(1 for _ in past_written((f"{number}.jpg" for number in range(20_000)), rows))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert passed == 20_000
    assert peak < size / 2


def test_table_without_a_row_leaves_nothing_behind(path: Path) -> None:
    with pytest.raises(DataError), table(path):
        raise DataError("no photo")

    assert list(path.parent.iterdir()) == []


def test_what_stands_there_is_not_replaced_unasked(path: Path) -> None:
    before = written(path)

    with pytest.raises(ArtifactError, match="exists; nothing was written"):
        table(path)
    assert path.read_bytes() == before

    with table(path, overwrite=True) as rows:
        rows.write(ROWS[0])
    assert path.read_bytes() != before
