"""``lineament predict``: what it reads and writes, and how it goes on after an interruption."""

import csv
import io
import json
import re
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from lineament.artifacts.run import Run
from lineament.runtime.answers import Answer
from lineament.runtime.predictor import Predictor

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def names(photo_files: list[Path], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Five photos below the working folder, by names relative to it."""
    monkeypatch.chdir(photo_files[0].parent)
    return [path.name for path in photo_files]


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """Give ``given(b"a.jpg")``: what stands on standard input."""

    def give(content: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))

    return give


@pytest.fixture
def break_off(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Give ``break_off(3)``: the next predictions are interrupted after three answers."""
    predict = Predictor.predict

    def broken(after: int) -> None:
        def some(self: Predictor, *arguments: object, **keywords: object) -> Iterator[Answer]:
            for number, answer in enumerate(predict(self, *arguments, **keywords)):  # type: ignore[arg-type]
                if number == after:
                    monkeypatch.setattr(Predictor, "predict", predict)
                    raise KeyboardInterrupt
                yield answer

        monkeypatch.setattr(Predictor, "predict", some)

    return broken


def rows_of(path: str) -> list[dict[str, str]]:
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_ids_without_a_photo_are_named_before_anything_is_answered(
    call: Call, small_bundle: Path, photo_files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def answered(*_: object, **__: object) -> None:
        raise AssertionError("photos were answered in vain")

    monkeypatch.setattr(Predictor, "predict", answered)
    Path("sample.csv").write_text("id,label\nnowhere,disc\n", encoding="utf-8")

    code, said, talked = call(
        *("predict", small_bundle, photo_files[0]),
        *("--submission", "sample.csv", "--csv", "out.csv"),
    )

    assert (code, said) == (3, "")
    assert talked == (
        "error: 1 of the 1 ids of sample.csv have no photo; nothing was written.\n"
        "  at:  nowhere\n"
        "  fix: Name all test photos; `id`, the first column, has the names of files with or "
        "without their ending.\n"
    )
    assert not Path("out.csv").exists()


@pytest.mark.parametrize("content", ["{0}\n{1}\n", "{0}\r\n{1}\r\n", "{0}\0{1}\0", "\n{0}\n\n{1}"])
def test_names_on_standard_input_are_answered(
    content: str, call: Call, small_bundle: Path, names: list[str], given: Callable[[bytes], None]
) -> None:
    given(content.format(names[1], names[0]).encode())

    code, said, _ = call("predict", small_bundle, "-", names[2])

    assert code == 0
    found = [line.split("\t")[0] for line in said.splitlines()]
    assert found == [names[1], names[0], names[2]]


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text there")
def test_name_on_standard_input_need_not_be_text(
    call: Call, small_bundle: Path, names: list[str], given: Callable[[bytes], None]
) -> None:
    Path(names[0]).rename("caf\udce9.png")
    given(b"caf\xe9.png\n")

    code, said, _ = call("predict", small_bundle, "-")

    assert code == 0
    assert said.startswith("caf\\udce9.png\t")


def test_photo_in_an_archive_is_answered_as_the_file(
    call: Call, small_bundle: Path, names: list[str]
) -> None:
    with zipfile.ZipFile("p.zip", "w") as archive:
        for name in names:
            archive.write(name, f"x/{name}")

    _, of_files, _ = call("predict", small_bundle, *names)
    code, of_archive, _ = call("predict", small_bundle, "p.zip")

    assert code == 0
    assert of_archive.replace("p.zip/x/", "") == of_files


def test_all_tables_hold_the_same_rows(call: Call, small_bundle: Path, names: list[str]) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    Path("bad.jpg").write_bytes(b"")

    code, said, _ = call(
        *("predict", small_bundle, *names, "bad.jpg", "--top", 2, "--json"),
        *("--csv", "t.csv", "--jsonl", "t.jsonl", "--parquet", "t.parquet"),
    )

    assert code == 3
    stated = json.loads(said)["predictions"]
    lines = Path("t.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == stated
    in_parquet = parquet.read_table("t.parquet").to_pylist()
    in_csv = rows_of("t.csv")
    for each, line, row in zip(stated, in_csv, in_parquet, strict=True):
        assert row["confidence"] == each["confidence"]
        assert row["error"] == each["error"]
        assert {
            name: str(value if value is not None else "") for name, value in row.items()
        } == line


def test_answer_less_confident_than_the_threshold_is_unsure(
    call: Call, small_bundle: Path, names: list[str]
) -> None:
    _, said, _ = call("predict", small_bundle, *names, "--never-unknown", "--json")
    sure = sorted(json.loads(said)["predictions"], key=lambda row: float(row["confidence"]))

    code, said, _ = call(
        *("predict", small_bundle, *names, "--never-unknown", "--json"),
        *("--threshold", sure[2]["confidence"]),
    )

    found = {row["filename"]: row for row in json.loads(said)["predictions"]}
    assert code == 0
    for number, before in enumerate(sure):
        label = "unsure" if number < 2 else before["label"]
        assert found[before["filename"]] == {**before, "label": label}


def test_line_of_an_unsure_answer_names_the_nearest_class(
    call: Call, small_bundle: Path, names: list[str]
) -> None:
    _, said, _ = call("predict", small_bundle, names[0], "--never-unknown", "--threshold", "1")

    assert re.fullmatch(rf"{names[0]}\tunsure\tnearest: (disc|frame|stripes)\t0\.\d{{4}}\n", said)


@pytest.mark.parametrize("value", ["-0.1", "1.5", "nan"])
def test_threshold_out_of_range_is_refused(
    value: str, call: Call, small_bundle: Path, names: list[str]
) -> None:
    code, _, talked = call("predict", small_bundle, names[0], "--threshold", value)

    assert code == 2
    assert talked == (
        f"error: `--threshold` must be from 0 to 1, got {value}.\n"
        "  fix: Leave it out to answer however unsure the model is.\n"
    )


def test_activation_writes_a_picture_per_photo_that_can_be_read(
    call: Call, small_bundle: Path, names: list[str]
) -> None:
    Path("bad.jpg").write_bytes(b"")
    with zipfile.ZipFile("p.zip", "w") as archive:
        archive.write(names[0], "../../up.png")

    call("predict", small_bundle, names[0], "bad.jpg", names[0], "p.zip", "--activation", "deep/o")

    found = sorted(path.name for path in Path("deep/o").iterdir())
    assert found == ["000000-photo-0.jpg", "000002-photo-0.jpg", "000003-up.jpg"]
    with Image.open("deep/o/000003-up.jpg") as picture, Image.open(names[0]) as photo:
        assert picture.size == photo.size
    assert Path("deep/o/000000-photo-0.jpg").read_bytes() != Path(names[0]).read_bytes()


def test_engine_that_is_none_is_refused(call: Call, small_bundle: Path, names: list[str]) -> None:
    code, _, talked = call("predict", small_bundle, names[0], "--engine", "onnxruntim")

    assert code == 2
    assert "onnxruntime" in talked


def test_speed_is_said_of_many_photos(
    call: Call, small_bundle: Path, names: list[str], given: Callable[[bytes], None]
) -> None:
    given("\n".join(names * 13).encode())

    _, said, talked = call("predict", small_bundle, "-", "--engine", "onnxruntime")

    assert len(said.splitlines()) == 65
    assert re.search(r"^65 photos in \d+\.\d s \([\d,]+/s, ONNX Runtime .+\)$", talked, re.M)


def test_only_a_few_of_many_bad_files_are_named(
    call: Call, small_bundle: Path, names: list[str], given: Callable[[bytes], None]
) -> None:
    given("\n".join(f"{number}.jpg" for number in range(1200)).encode())

    code, _, talked = call("predict", small_bundle, names[0], "-")

    assert code == 3
    shown = ", ".join(f"{number}.jpg (no such file)" for number in range(10))
    assert talked.endswith(
        "error: 1,200 of 1,201 files cannot be read; their rows say why.\n"
        f"  at:  {shown} and 1,190 more\n"
        "  fix: Repair them or leave them out.\n"
    )


@pytest.mark.parametrize("tables", [("--csv",), ("--jsonl",), ("--csv", "--jsonl")])
def test_interrupted_table_is_gone_on_with_to_the_same_bytes(
    tables: tuple[str, ...],
    call: Call,
    small_bundle: Path,
    names: list[str],
    break_off: Callable[[int], None],
) -> None:
    named = ["absent.jpg", *names]
    flags = [word for flag in tables for word in (flag, f"t{flag}")]
    whole = [word for flag in tables for word in (flag, f"w{flag}")]
    call("predict", small_bundle, *named, *whole)
    break_off(3)

    code, _, talked = call("predict", small_bundle, *named, *flags)
    assert code == 130
    assert talked.endswith(
        "interrupted; the same command with `--resume` continues where it stopped.\n"
    )
    assert not Path(f"t{tables[0]}").exists()
    code, said, talked = call("predict", small_bundle, *named, *flags, "--resume")

    assert talked.startswith("continuing: 3 of 6 rows are there\n")
    assert "error: 1 of 6 files cannot be read; their rows say why.\n  at:  absent.jpg" in talked
    assert code == 3  # though this time all could be read
    assert [line.split("\t")[0] for line in said.splitlines()] == named[3:]
    for flag in tables:
        assert Path(f"t{flag}").read_bytes() == Path(f"w{flag}").read_bytes()
    assert list(Path().glob("*.partial*")) == []


def test_pictures_go_on_with_their_table(
    call: Call, small_bundle: Path, names: list[str], break_off: Callable[[int], None]
) -> None:
    arguments = ("predict", small_bundle, *names, "--csv", "t.csv", "--activation", "o")
    break_off(2)
    assert call(*arguments)[0] == 130

    assert call(*arguments, "--resume")[0] == 0

    found = sorted(path.name for path in Path("o").iterdir())
    assert found == [f"{number:06d}-photo-{number}.jpg" for number in range(5)]


@pytest.mark.parametrize(
    "flag", [("--top", 2), ("--threshold", 0.5), ("--never-unknown",), ("--activation", "o")]
)
def test_rows_with_other_settings_are_not_gone_on_with(
    flag: tuple[object, ...],
    call: Call,
    small_bundle: Path,
    names: list[str],
    break_off: Callable[[int], None],
) -> None:
    break_off(2)
    call("predict", small_bundle, *names, "--csv", "t.csv")

    code, said, talked = call("predict", small_bundle, *names, "--csv", "t.csv", "--resume", *flag)

    assert (code, said) == (4, "")
    assert talked == (
        "error: t.csv.partial holds answers of another model, or with other settings.\n"
        "  fix: Run again without `--resume`, and it begins anew.\n"
    )


def test_rows_of_another_model_are_not_gone_on_with(
    call: Call,
    small_bundle: Path,
    small_run: Run,
    names: list[str],
    break_off: Callable[[int], None],
) -> None:
    break_off(2)
    call("predict", small_bundle, *names, "--csv", "t.csv")

    code, _, talked = call("predict", small_run.root, *names, "--csv", "t.csv", "--resume")

    assert code == 4
    assert talked.startswith("error: t.csv.partial holds answers of another model, or with other")


@pytest.mark.parametrize("tables", [(), ("--csv", "t.csv", "--parquet", "t.parquet")])
def test_resume_without_rows_to_go_on_with_is_refused(
    tables: tuple[str, ...], call: Call, small_bundle: Path, names: list[str]
) -> None:
    code, _, talked = call("predict", small_bundle, *names, "--resume", *tables)

    assert code == 2
    assert talked == (
        "error: `--resume` goes on with rows of `--csv` or `--jsonl`, and with nothing else.\n"
        "  fix: Write one of these, and convert it when it is complete.\n"
    )


def test_refused_second_table_leaves_nothing_of_the_first(
    call: Call, small_bundle: Path, names: list[str]
) -> None:
    Path("t.jsonl.partial").write_text("{}\n", encoding="utf-8")

    code, _, talked = call(
        *("predict", small_bundle, *names, "--resume", "--csv", "t.csv", "--jsonl", "t.jsonl")
    )

    assert code == 4
    assert talked.startswith("error: t.jsonl.partial holds answers of another model")
    assert list(Path().glob("t.csv*")) == []
