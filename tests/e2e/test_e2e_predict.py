"""Predict: one row per file in the order given, and never a neighbour's answer."""

import contextlib
import csv
import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from PIL import Image

from lineament.artifacts.bundle import METADATA_KEY

Result = subprocess.CompletedProcess[str]
Draw = Callable[..., NDArray[np.uint8]]

ODD_NAMES = (
    "comma, and more.png",
    'quote".png',
    "new\nline.png",
    "tab\tbed.png",
    "  spaces  .png",
    "Fußgänger 犬 🦊.png",
    "-rf.png",
    "'; drop.png",
    "%s{0}$HOME.png",
)


@pytest.fixture
def folder(tmp_path: Path, draw: Draw) -> Path:
    """Three photos, one of each kind, and files that are none."""
    for kind, name in enumerate(("disc.png", "square.png", "stripes.png")):
        Image.fromarray(draw(100 + kind, kind)).save(tmp_path / name)
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("this is no photo")
    whole = (tmp_path / "disc.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    return tmp_path


@pytest.fixture
def ask(chain: Path, warm: Callable[..., Result], tmp_path: Path) -> Callable[..., Any]:
    """Give ``ask("a.jpg", "--top", 3)``: the rows of the JSON document."""

    def rows(*arguments: object) -> Any:
        done = warm("predict", chain / "model.onnx", *arguments, "--json", cwd=tmp_path)
        return json.loads(done.stdout)["predictions"]

    return rows


def test_rows_follow_the_order_given_files_and_folders_mixed(
    folder: Path, ask: Callable[..., Any], draw: Draw
) -> None:
    (folder / "album" / "deep").mkdir(parents=True)
    for name in ("b.JPG", "a.jpeg", "deep/c.bmp"):
        Image.fromarray(draw(7, 0)).save(folder / "album" / name)

    rows = ask("stripes.png", "album", "disc.png")

    assert [row["filename"] for row in rows] == [
        "stripes.png",
        "album/a.jpeg",
        "album/b.JPG",
        "album/deep/c.bmp",
        "disc.png",
    ]


def test_photo_named_twice_has_two_rows(folder: Path, ask: Callable[..., Any]) -> None:
    rows = ask("disc.png", "square.png", "disc.png")

    assert [row["filename"] for row in rows] == ["disc.png", "square.png", "disc.png"]
    assert rows[0] == rows[2]


def test_each_row_is_what_the_file_gets_alone(folder: Path, ask: Callable[..., Any]) -> None:
    alone = {name: ask(name)[0] for name in ("disc.png", "square.png", "stripes.png")}

    together = ask("text.jpg", "square.png", "empty.jpg", "cut.png", "disc.png", "no.png")

    assert [row["label"] for row in together] == [
        *(None, alone["square.png"]["label"], None, None, alone["disc.png"]["label"], None)
    ]
    assert together[1] == alone["square.png"]
    assert together[4] == alone["disc.png"]


@pytest.mark.parametrize("place", range(4))
def test_bad_file_keeps_its_row_wherever_it_stands(
    place: int, folder: Path, ask: Callable[..., Any]
) -> None:
    names = ["disc.png", "square.png", "stripes.png"]
    names.insert(place, "text.jpg")

    rows = ask(*names)

    assert [row["filename"] for row in rows] == names
    assert rows[place] == {
        "filename": "text.jpg",
        "label": None,
        "confidence": None,
        "error": "not an image, or an unsupported format",
        "familiarity": None,
        "nearest": None,
    }
    assert all(row["error"] is None for row in rows if row["filename"] != "text.jpg")


def test_bad_files_end_in_exit_code_3_and_a_list_of_reasons(
    folder: Path, chain: Path, lineament: Callable[..., Result]
) -> None:
    size = (folder / "cut.png").stat().st_size

    done = lineament(
        *("predict", chain / "model.onnx", "disc.png", "text.jpg", "empty.jpg", "no.jpg"),
        *("cut.png", "album.jpg"),
        cwd=folder,
    )

    assert done.returncode == 3
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == [
        *("disc.png", "text.jpg", "empty.jpg", "no.jpg", "cut.png", "album.jpg"),
    ]
    assert done.stderr.endswith(
        "error: 5 of 6 files cannot be read; their rows say why.\n"
        "  at:  text.jpg (not an image, or an unsupported format), empty.jpg (empty file), "
        f"no.jpg (no such file), cut.png (truncated after {size} bytes), album.jpg (no such file)\n"
        "  fix: Repair them or leave them out.\n"
    )


def test_bad_files_do_not_hide_the_next_command(
    folder: Path, chain: Path, warm: Callable[..., Result]
) -> None:
    done = warm("predict", chain / "model.onnx", "text.jpg", cwd=folder)

    assert done.stderr.count("next: lineament ") == 1


def test_line_on_stdout_is_file_class_and_probability(
    folder: Path, chain: Path, ask: Callable[..., Any], warm: Callable[..., Result]
) -> None:
    (row,) = ask("disc.png")

    done = warm("predict", chain / "model.onnx", "disc.png", cwd=folder)

    assert done.stdout == f"disc.png\t{row['label']}\t{row['confidence']:.4f}\n"


def test_csv_reads_back_to_the_rows_of_the_json(
    folder: Path, chain: Path, lineament: Callable[..., Result], draw: Draw
) -> None:
    for number, name in enumerate(ODD_NAMES):
        Image.fromarray(draw(number, number % 3)).save(folder / name)
    names = [*ODD_NAMES, "text.jpg"]

    done = lineament(
        *("predict", "--csv", "answers.csv", "--json", chain / "model.onnx", "--", *names),
        cwd=folder,
    )

    rows = json.loads(done.stdout)["predictions"]
    assert [row["filename"] for row in rows] == names
    with (folder / "answers.csv").open(newline="", encoding="utf-8") as file:
        read = list(csv.DictReader(file))
    assert [row["filename"] for row in read] == names
    assert [row["label"] or None for row in read] == [row["label"] for row in rows]
    assert [row["error"] or None for row in read] == [row["error"] for row in rows]
    assert [float(row["confidence"]) for row in read[:-1]] == [
        row["confidence"] for row in rows[:-1]
    ]


def test_name_that_is_not_utf8_is_written_in_a_way_that_every_table_takes(
    folder: Path, chain: Path, lineament: Callable[..., Result]
) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    (folder / name).write_bytes((folder / "disc.png").read_bytes())

    done = lineament(
        "predict", chain / "model.onnx", name, "--csv", "answers.csv", "--json", cwd=folder
    )

    assert (done.returncode, json.loads(done.stdout)["predictions"][0]["error"]) == (0, None)
    with (folder / "answers.csv").open(newline="", encoding="utf-8") as file:
        assert next(csv.DictReader(file))["filename"].isascii()


def test_photo_with_a_name_that_is_not_utf8_can_be_explained(
    folder: Path, chain: Path, lineament: Callable[..., Result]
) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    (folder / name).write_bytes((folder / "disc.png").read_bytes())

    done = lineament("explain", chain / "model.onnx", name, "--out", "overlays", cwd=folder)

    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    said = json.loads((folder / "overlays" / "explanations.json").read_text())
    assert said["explanations"][0]["source"].isascii()


def test_name_that_the_terminal_cannot_show_does_not_cost_the_answer(
    folder: Path, chain: Path, lineament: Callable[..., Result]
) -> None:
    (folder / "犬.png").write_bytes((folder / "disc.png").read_bytes())

    done = lineament(
        *("predict", chain / "model.onnx", "disc.png", "犬.png"),
        cwd=folder,
        env={"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"},  # as when Windows redirects
    )

    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("top", [1, 2, 3])
def test_top_gives_as_many_classes_most_probable_first(
    top: int, folder: Path, chain: Path, warm: Callable[..., Result]
) -> None:
    done = warm(
        *("predict", chain / "model.onnx", "disc.png", "--top", top, "--csv", "answers.csv"),
        cwd=folder,
    )

    _, *said = done.stdout.rstrip("\n").split("\t")
    confidences = [float(value) for value in said[1::2]]
    assert len(set(said[::2])) == len(said[::2]) == top
    assert confidences == sorted(confidences, reverse=True)
    with (folder / "answers.csv").open(newline="", encoding="utf-8") as file:
        header, row = csv.reader(file)
    ranks = [name for rank in range(2, top + 1) for name in (f"label_{rank}", f"confidence_{rank}")]
    columns = ["filename", "label", "confidence", "error", "familiarity", "nearest"]
    assert header == [*columns, *ranks]
    assert row[1::1][0] == said[0]
    assert 0 <= float(row[4]) <= 1
    assert [row[5], *row[6::2]] == said[::2]  # the nearest class, then the further ones


@pytest.fixture(scope="module")
def judging(chain: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle with a threshold between its least and its most familiar photo."""
    model = onnx.load(chain / "model.onnx")
    (entry,) = [each for each in model.metadata_props if each.key == METADATA_KEY]
    document = json.loads(entry.value)
    document["decisions"]["unknown_threshold"] = 0.5
    entry.value = json.dumps(document)
    path = tmp_path_factory.mktemp("judging") / "model.onnx"
    onnx.save(model, path)
    return path


def test_what_is_unlike_the_training_photos_is_unknown_with_its_nearest_class(
    folder: Path, chain: Path, judging: Path, warm: Callable[..., Result]
) -> None:
    (folder / "noise").mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (90, 90, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "noise" / "noise.png")

    arguments = ("predict", judging, "noise/noise.png", "--csv", "u.csv", "--overwrite")
    done = warm(*arguments, cwd=folder)
    document = json.loads(warm(*arguments, "--json", cwd=folder).stdout)
    plain = json.loads(
        warm("predict", chain / "model.onnx", "noise/noise.png", "--json", cwd=folder).stdout
    )

    (row,), (without,) = document["predictions"], plain["predictions"]
    assert row["label"] == "unknown"
    assert row["familiarity"] < 0.5
    assert (row["nearest"], row["confidence"]) == (without["nearest"], without["confidence"])
    assert done.stdout == f"noise/noise.png\tunknown\tnearest: {row['nearest']}\t" + (
        f"{row['confidence']:.4f}\n"
    )
    assert (
        "1 of 1 photos is unlike the training photos (`--never-unknown` answers them)\n"
        in done.stderr
    )
    assert done.returncode == 0
    assert (folder / "u.csv").read_text().splitlines()[1].startswith("noise/noise.png,unknown,")


def test_never_unknown_answers_everything(
    folder: Path, judging: Path, warm: Callable[..., Result]
) -> None:
    (folder / "noise").mkdir(exist_ok=True)
    noise = np.random.default_rng(0).integers(0, 256, (90, 90, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "noise" / "noise.png")

    done = warm("predict", judging, "noise/noise.png", "--never-unknown", "--json", cwd=folder)

    (row,) = json.loads(done.stdout)["predictions"]
    assert row["label"] == row["nearest"]
    assert row["familiarity"] < 0.5
    assert "unlike" not in done.stderr


def test_probabilities_of_all_classes_sum_to_1(folder: Path, ask: Callable[..., Any]) -> None:
    (row,) = ask("disc.png", "--top", 3)

    assert sum(entry["confidence"] for entry in row["top"]) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("top", [0, 4, -1])
def test_top_out_of_range_says_what_is_possible(
    top: int, folder: Path, chain: Path, warm: Callable[..., Result]
) -> None:
    done = warm("predict", chain / "model.onnx", "disc.png", "--top", top, cwd=folder)

    assert done.stderr == (
        f"error: `--top` must be from 1 to 3, the number of classes, got {top}.\n"
        "  fix: Leave it out for the most probable class alone.\n"
    )
    assert (done.returncode, done.stdout) == (2, "")


def test_run_answers_as_the_bundle_that_was_made_of_it(
    chain: Path, spoken: dict[str, Result], warm: Callable[..., Result]
) -> None:
    done = warm("predict", "run", "photos", "--top", "2", "--json", cwd=chain)

    expected = json.loads(spoken["predict"].stdout)
    assert json.loads(done.stdout)["predictions"] == expected["predictions"]


def test_csv_is_not_overwritten(folder: Path, chain: Path, warm: Callable[..., Result]) -> None:
    (folder / "answers.csv").write_text("of last year")

    done = warm("predict", chain / "model.onnx", "disc.png", "--csv", "answers.csv", cwd=folder)

    assert done.stderr == (
        "error: answers.csv exists; nothing was written.\n"
        "  fix: Name another `--csv`, or run again with `--overwrite` to replace it.\n"
    )
    assert (done.returncode, done.stdout) == (4, "")
    assert (folder / "answers.csv").read_text() == "of last year"


def test_csv_is_overwritten_when_asked_for(
    folder: Path, chain: Path, warm: Callable[..., Result]
) -> None:
    (folder / "answers.csv").write_text("of last year")

    done = warm(
        *("predict", chain / "model.onnx", "disc.png", "--csv", "answers.csv", "--overwrite"),
        cwd=folder,
    )

    assert done.returncode == 0
    assert (
        (folder / "answers.csv")
        .read_text()
        .startswith("filename,label,confidence,error,familiarity,nearest\n")
    )


def test_csv_does_not_take_the_place_of_a_pipe(
    folder: Path, chain: Path, warm: Callable[..., Result]
) -> None:
    os.mkfifo(folder / "pipe")  # stands for /dev/stdout or /dev/null, which root could lose

    warm(*("predict", chain / "model.onnx", "disc.png", "--csv", "pipe", "--overwrite"), cwd=folder)

    assert (folder / "pipe").is_fifo()


def test_csv_that_does_not_fit_on_the_disk_is_said_and_leaves_nothing(
    folder: Path, chain: Path, lineament: Callable[..., Result]
) -> None:
    before = sorted(folder.iterdir())

    done = lineament(
        *("predict", chain / "model.onnx", "disc.png", "--csv", "answers.csv"),
        cwd=folder,
        preexec_fn=partial(resource.setrlimit, resource.RLIMIT_FSIZE, (10, 10)),
    )

    assert done.stderr == (
        "error: answers.csv could not be written: File too large.\n"
        "  fix: Give it space or permission, or name another `--csv`; nothing was left under that "
        "name.\n"
    )
    assert done.returncode == 4
    assert sorted(folder.iterdir()) == before


def test_folder_without_photos_is_said(
    tmp_path: Path, chain: Path, warm: Callable[..., Result]
) -> None:
    (tmp_path / "album").mkdir()
    (tmp_path / "album" / "notes.txt").write_text("no photo")

    done = warm("predict", chain / "model.onnx", "album", cwd=tmp_path)

    assert done.stderr == (
        "error: album holds no photo.\n  fix: Name a folder of image files, or the files.\n"
    )
    assert (done.returncode, done.stdout) == (3, "")


def test_no_photo_named_is_said(chain: Path, warm: Callable[..., Result]) -> None:
    done = warm("predict", "model.onnx", cwd=chain)

    assert done.stderr == (
        "error: No photo was named.\n  fix: Name one or more photos or folders.\n"
    )
    assert done.returncode == 2


def test_files_that_systems_leave_in_folders_have_no_row(
    folder: Path, ask: Callable[..., Any], draw: Draw
) -> None:
    album = folder / "album"
    album.mkdir()
    Image.fromarray(draw(3, 1)).save(album / "one.png")
    for name in (".DS_Store", "Thumbs.db", "._one.png", "desktop.ini", "notes.txt"):
        (album / name).write_bytes(b"\0")

    assert [row["filename"] for row in ask("album")] == ["album/one.png"]


def test_pipe_in_a_folder_does_not_hold_up_the_photos(
    folder: Path, chain: Path, program: Path, surroundings: dict[str, str], draw: Draw
) -> None:
    (folder / "album").mkdir()
    os.mkfifo(folder / "album" / "a.png")
    Image.fromarray(draw(3, 1)).save(folder / "album" / "b.png")

    done = subprocess.run(
        [str(program), "predict", str(chain / "model.onnx"), "album"],
        cwd=folder,
        env=surroundings,
        capture_output=True,
        text=True,
        timeout=10,  # nobody writes into the pipe: who reads it waits for ever
        check=False,
    )

    assert "album/b.png\t" in done.stdout


@pytest.mark.parametrize("lines", [1, 0])
def test_reader_that_closes_early_is_no_error(
    lines: int, chain: Path, program: Path, surroundings: dict[str, str]
) -> None:
    writer = subprocess.Popen(
        # 4,500 rows: more than a pipe holds
        [str(program), "predict", "model.onnx", *["photos"] * 100],
        cwd=chain,
        env=surroundings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with writer:
        assert writer.stdout is not None
        assert writer.stderr is not None
        for _ in range(lines):
            assert writer.stdout.readline()
        writer.stdout.close()
        said = [line for line in writer.stderr if not line.startswith(("predicting", "next: "))]

    assert (writer.returncode, said) == (0, [])


def test_full_disk_behind_stdout_is_an_error_and_no_bug(
    folder: Path, chain: Path, program: Path, surroundings: dict[str, str]
) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [str(program), "predict", str(chain / "model.onnx"), "disc.png"],
            cwd=folder,
            env=surroundings,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert "Traceback" not in done.stderr
    assert done.returncode not in (0, 1)


@pytest.mark.skipif(sys.platform != "linux", reason="needs a terminal of its own")
def test_answers_on_a_terminal_stand_above_the_bar_and_not_in_it(
    folder: Path, chain: Path, program: Path, surroundings: dict[str, str]
) -> None:
    names = ["disc.png", "square.png", "stripes.png"]
    screen, end = os.openpty()
    with subprocess.Popen(
        [program, "predict", chain / "model.onnx", *names],
        cwd=folder,
        env={**surroundings, "TERM": "xterm", "COLUMNS": "90"},
        stdout=end,
        stderr=end,
    ):
        os.close(end)
        shown = b""
        with contextlib.suppress(OSError):  # what Linux says when the other end is closed
            while piece := os.read(screen, 65536):
                shown += piece
    os.close(screen)

    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode()).replace("\r", "\n")
    assert "predicting ━" in text
    lines = [line.split()[0] for line in text.splitlines() if ".png" in line]
    assert lines == names


def test_submission_fills_the_sample_and_nothing_else(
    folder: Path, chain: Path, warm: Callable[..., Result]
) -> None:
    (folder / "sample.csv").write_text("id,label\nstripes,disc\ndisc,disc\n")

    done = warm(
        *("predict", chain / "model.onnx", "stripes.png", "square.png", "disc.png"),
        *("--submission", "sample.csv", "--csv", "submission.csv"),
        cwd=folder,
    )

    said = dict(line.split("\t")[:2] for line in done.stdout.splitlines())
    assert (folder / "submission.csv").read_text() == (
        f"id,label\nstripes,{said['stripes.png']}\ndisc,{said['disc.png']}\n"
    )
    assert (
        "submission.csv: the 2 ids of sample.csv; photos that it does not ask for: 1\n"
        in done.stderr
    )
    assert done.returncode == 0


def test_submission_that_cannot_be_filled_is_not_written(
    folder: Path, chain: Path, warm: Callable[..., Result]
) -> None:
    (folder / "sample.csv").write_text("id,label\nstripes,disc\nsquirrel,disc\n")

    done = warm(
        *("predict", chain / "model.onnx", "stripes.png", "--submission", "sample.csv"),
        *("--csv", "submission.csv"),
        cwd=folder,
    )

    assert (
        "error: 1 of the 2 ids of sample.csv have no photo; nothing was written.\n"
        "  at:  squirrel\n" in done.stderr
    )
    assert done.returncode == 3
    assert not (folder / "submission.csv").exists()


def test_submission_wants_a_file_to_write(
    folder: Path, chain: Path, warm: Callable[..., Result]
) -> None:
    (folder / "sample.csv").write_text("id,label\ndisc,disc\n")

    done = warm(
        *("predict", chain / "model.onnx", "disc.png", "--submission", "sample.csv"), cwd=folder
    )

    assert done.stderr == (
        "error: `--submission` needs a file to write.\n  fix: Add `--csv submission.csv`.\n"
    )
    assert done.returncode == 2
