"""Traps that other tools fall into: names, modes, orientations, folders, classes, paths."""

import csv
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from lineament.artifacts.origins import origins
from lineament.artifacts.predictions import Predictions

Result = subprocess.CompletedProcess[str]
Draw = Callable[..., NDArray[np.uint8]]

ORIENTATION = 0x0112

SCRIPT = """
# As in a notebook: no function, no `if __name__ == "__main__"`.
import sys
from pathlib import Path

import lineament

photos = Path(sys.argv[1])
dataset = lineament.prepare(photos, Path("dataset"))
recipe = lineament.TrainConfig(backbone="test_resnet", weights="none", size_px=64)
run = lineament.train(dataset, Path("run"), config=recipe)
report = lineament.evaluate(run.root, dataset, Path("report"))
card = lineament.export(run, Path("model.onnx"))
explained = lineament.explain(Path("model.onnx"), [photos / "disc/000.jpg"], Path("overlays"))
predictor = lineament.Predictor(Path("model.onnx"))
for answer in predictor.predict([photos / "disc/000.jpg", Path("none.jpg")]):
    print(predictor.top(answer) or answer.error)
print(report.n_images, card.classes, explained[0].answer)
"""


@pytest.fixture
def ask(chain: Path, warm: Callable[..., Result], tmp_path: Path) -> Callable[..., Any]:
    """Give ``ask("a.jpg")``: the file's classes and probabilities."""

    def answer(name: str) -> Any:
        done = warm("predict", chain / "model.onnx", name, "--top", "3", "--json", cwd=tmp_path)
        (row,) = json.loads(done.stdout)["predictions"]
        assert row["error"] is None
        return row["top"]

    return answer


def same(tmp_path: Path, ask: Callable[..., Any], odd: str, plain: Image.Image) -> bool:
    """Whether a photo gets, bit for bit, what its plain RGB upright twin gets."""
    assert plain.mode == "RGB"
    plain.save(tmp_path / "plain.png")
    return bool(ask(odd) == ask("plain.png"))


@pytest.mark.parametrize("name", ["a.bmp", "a.tif", "a.TIFF", "a.ppm", "a.webp", "a.PNG"])
def test_container_does_not_matter(
    name: str, ask: Callable[..., Any], draw: Draw, tmp_path: Path
) -> None:
    picture = Image.fromarray(draw(50, 1))
    picture.save(tmp_path / name, lossless=True)  # read by WebP alone

    assert same(tmp_path, ask, name, picture)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photo_is_turned_as_its_camera_was_held(
    orientation: int, ask: Callable[..., Any], draw: Draw, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    Image.fromarray(draw(51, 2)).save(tmp_path / "turned.png", exif=exif)

    with Image.open(tmp_path / "turned.png") as stored:
        upright = ImageOps.exif_transpose(stored)
    assert (upright.size == (48, 64)) == (orientation >= 5)

    assert same(tmp_path, ask, "turned.png", upright)


def test_turned_jpeg_gets_what_its_upright_twin_gets(
    ask: Callable[..., Any], draw: Draw, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    Image.fromarray(draw(51, 2)).save(tmp_path / "turned.JPG", exif=exif)

    with Image.open(tmp_path / "turned.JPG") as stored:
        upright = ImageOps.exif_transpose(stored)

    assert same(tmp_path, ask, "turned.JPG", upright)


def test_broken_exif_turns_nothing(ask: Callable[..., Any], draw: Draw, tmp_path: Path) -> None:
    picture = Image.fromarray(draw(52, 0))
    picture.save(tmp_path / "broken.png", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")

    assert same(tmp_path, ask, "broken.png", picture)


def test_alpha_is_laid_over_white(ask: Callable[..., Any], draw: Draw, tmp_path: Path) -> None:
    picture = draw(53, 0)
    alpha = np.zeros(picture.shape[:2], np.uint8)
    alpha[10:40, 10:50] = 255
    Image.fromarray(np.dstack([picture, alpha])).save(tmp_path / "alpha.png")

    twin = np.where(alpha[:, :, None] == 255, picture, 255).astype(np.uint8)

    assert same(tmp_path, ask, "alpha.png", Image.fromarray(twin))


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA"])
def test_grey_palette_and_bilevel_get_what_their_rgb_twin_gets(
    mode: str, ask: Callable[..., Any], draw: Draw, tmp_path: Path
) -> None:
    odd = Image.fromarray(draw(54, 1)).convert(mode)
    odd.save(tmp_path / "odd.png")

    assert same(tmp_path, ask, "odd.png", odd.convert("RGB"))


def test_cmyk_gets_what_its_rgb_twin_gets(
    ask: Callable[..., Any], draw: Draw, tmp_path: Path
) -> None:
    odd = Image.fromarray(draw(55, 1)).convert("CMYK")
    odd.save(tmp_path / "cmyk.tif")

    assert same(tmp_path, ask, "cmyk.tif", odd.convert("RGB"))


def test_16_bits_get_what_their_8_bit_twin_gets(
    ask: Callable[..., Any], draw: Draw, tmp_path: Path
) -> None:
    grey = draw(56, 2)[:, :, 0]
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "deep.png")

    assert same(tmp_path, ask, "deep.png", Image.fromarray(grey).convert("RGB"))


def test_first_frame_of_an_animation_counts(
    ask: Callable[..., Any], draw: Draw, tmp_path: Path
) -> None:
    first, second = (Image.fromarray(draw(57, kind)).convert("P") for kind in (0, 1))
    first.save(tmp_path / "moving.gif", save_all=True, append_images=[second])

    with Image.open(tmp_path / "moving.gif") as stored:
        twin = stored.convert("RGB")

    assert same(tmp_path, ask, "moving.gif", twin)


def test_upper_case_extensions_are_photos_and_system_files_are_none(
    warm: Callable[..., Result], draw: Draw, tmp_path: Path
) -> None:
    for kind, name in enumerate(("cat", "dog")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for seed, suffix in enumerate((".JPG", ".JPEG", ".Png", ".jpg")):
            Image.fromarray(draw(seed, kind)).save(tmp_path / f"photos/{name}/{seed}{suffix}")
        for junk in (".DS_Store", "Thumbs.db", "._0.JPG"):
            (tmp_path / "photos" / name / junk).write_bytes(b"\0\1")
    (tmp_path / "photos" / ".DS_Store").write_bytes(b"\0\1")

    done = warm("prepare", "photos", "--out", "dataset", "--json", cwd=tmp_path)

    counts = json.loads(done.stdout)["counts"]
    assert (counts["scanned"], counts["kept"], counts["rejected"]) == (15, 8, 7)
    assert counts["per_class"] == {"cat": 4, "dog": 4}
    assert {origin.source.rpartition(".")[2] for origin in origins(tmp_path / "dataset")} == {
        *("JPG", "JPEG", "Png", "jpg"),
    }


def test_dataset_with_fewer_classes_is_judged_by_name(
    chain: Path, warm: Callable[..., Result], tmp_path: Path
) -> None:
    # Without disc, square is class 0 here and class 1 of the model.
    for name in ("square", "stripes"):
        (tmp_path / "photos" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "photos" / name).symlink_to(chain / "photos" / name)
    warm("prepare", "photos", "--out", "dataset", cwd=tmp_path)

    done = warm(
        *("evaluate", chain / "model.onnx", "dataset", "--out", "report", "--json"), cwd=tmp_path
    )

    said = json.loads(done.stdout)
    judged = Predictions.read_parquet(tmp_path / "report" / "predictions.parquet")
    truths = [judged.classes[label] for label in judged.labels]
    assert truths == [sample.split("/")[1] for sample in judged.samples]
    assert [each["support"] > 0 for each in said["per_class"]] == [False, True, True]


def test_given_split_is_kept_whatever_the_folders_are_called(
    warm: Callable[..., Result], draw: Draw, tmp_path: Path
) -> None:
    for split, first in (("Train", 0), ("valid", 10), ("TEST", 20)):
        for kind, name in enumerate(("cat", "dog")):
            folder = tmp_path / "photos" / split / name
            folder.mkdir(parents=True)
            for seed in range(first, first + 3):
                Image.fromarray(draw(seed, kind)).save(folder / f"{seed}.png")

    warm("prepare", "photos", "--out", "dataset", cwd=tmp_path)

    for split, given in (("train", "Train"), ("validation", "valid"), ("test", "TEST")):
        with (tmp_path / f"dataset/splits/{split}.csv").open(newline="") as file:
            names = {row["filename"] for row in csv.DictReader(file)}
        sources = {each.source for each in origins(tmp_path / "dataset") if each.filename in names}
        assert {source.split("/")[0] for source in sources} == {given}


def test_copies_are_on_one_side_of_the_split(
    warm: Callable[..., Result], draw: Draw, tmp_path: Path
) -> None:
    for kind, name in enumerate(("cat", "dog")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for seed in range(6):
            picture = Image.fromarray(draw(seed, kind))
            for copy in ("a.png", "b.bmp", "c.tif"):
                picture.save(tmp_path / f"photos/{name}/{seed}{copy}")

    warm("prepare", "photos", "--out", "dataset", cwd=tmp_path)

    sides: dict[str, set[str]] = {}
    sets = {each.filename: each.duplicate_set for each in origins(tmp_path / "dataset")}
    for split in ("train", "validation", "test"):
        with (tmp_path / f"dataset/splits/{split}.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                sides.setdefault(sets[row["filename"]], set()).add(split)
    assert len(sides) == 12
    assert all(len(splits) == 1 for splits in sides.values())


def test_paths_and_classes_may_hold_spaces_commas_markup_and_any_script(
    warm: Callable[..., Result],
    lineament: Callable[..., Result],
    fast: tuple[str, ...],
    draw: Draw,
    tmp_path: Path,
) -> None:
    classes = ("<b>cat & dog", "Füchse, rot", "犬 'n' \"🐕\"")
    for kind, name in enumerate(classes):
        folder = tmp_path / "my phötos" / name
        folder.mkdir(parents=True)
        for seed in range(8):
            Image.fromarray(draw(seed, kind)).save(folder / f"phöto, {seed} 犬.png")
    verbs: tuple[tuple[object, ...], ...] = (
        ("prepare", "my phötos", "--out", "my dàta"),
        ("train", "my dàta", "--out", "my rün", *fast),
        ("evaluate", "my rün", "my dàta", "--out", "my répört"),
        ("export", "my rün", "--out", "my mödel.onnx"),
        (
            *("explain", "my mödel.onnx", f"my phötos/{classes[1]}/phöto, 0 犬.png"),
            *("--class", classes[2], "--out", "my övérlays"),
        ),
    )
    for verb in verbs:
        assert warm(*verb, cwd=tmp_path).returncode == 0

    done = lineament(
        "predict", "my mödel.onnx", "my phötos", "--csv", "my änswers.csv", cwd=tmp_path
    )

    assert done.returncode == 0
    with (tmp_path / "my änswers.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 24
    assert {row["label"] for row in rows} <= set(classes)
    page = (tmp_path / "my répört" / "report.html").read_text(encoding="utf-8")
    assert "<b>cat" not in page
    assert "&lt;b&gt;cat &amp; dog" in page
    assert [path.name for path in (tmp_path / "my övérlays").glob("*.jpg")] == [
        "0000-phöto, 0 犬.jpg"
    ]


def test_answers_do_not_depend_on_where_one_stands(
    chain: Path, spoken: dict[str, Result], warm: Callable[..., Result]
) -> None:
    inside = warm(
        *("predict", "../model.onnx", "../photos", "--top", "2", "--json"), cwd=chain / "run"
    )
    outside = warm(
        *("predict", chain / "model.onnx", chain / "photos", "--top", "2", "--json"),
        cwd=Path("/"),
    )

    expected = json.loads(spoken["predict"].stdout)["predictions"]
    for done, prefix in ((inside, "../"), (outside, f"{chain}/")):
        rows = json.loads(done.stdout)["predictions"]
        assert [row["filename"] for row in rows] == [
            f"{prefix}{row['filename']}" for row in expected
        ]
        assert [row["top"] for row in rows] == [row["top"] for row in expected]


def test_run_and_bundle_work_after_they_were_moved(
    chain: Path, warm: Callable[..., Result], tmp_path: Path
) -> None:
    shutil.copytree(chain / "run", tmp_path / "elsewhere" / "renamed")
    shutil.copytree(chain / "dataset", tmp_path / "other" / "data")

    measured = warm(
        *("evaluate", "elsewhere/renamed", "other/data", "--out", "report"), cwd=tmp_path
    )
    exported = warm("export", "elsewhere/renamed", "--out", "elsewhere/m.onnx", cwd=tmp_path)

    assert (measured.returncode, exported.returncode) == (0, 0)


def test_script_without_main_guard_may_call_every_verb(
    chain: Path, surroundings: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)

    done = subprocess.run(
        [sys.executable, "script.py", str(chain / "photos")],
        cwd=tmp_path,
        env=surroundings,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    first, second, third = done.stdout.splitlines()
    assert re.fullmatch(r"\[\('\w+', [01]\.\d+\)\]", first)
    assert second == "no such file"
    assert third.startswith("7 ('disc', 'square', 'stripes') ")
    assert done.stderr == ""


def test_python_api_has_the_defaults_of_the_command_line(
    chain: Path, surroundings: dict[str, str]
) -> None:
    stated = json.loads((chain / "dataset" / "dataset.json").read_text())["config"]

    done = subprocess.run(
        [
            *(sys.executable, "-c"),
            "import json, lineament; print(json.dumps(lineament.PrepareConfig().as_dict()))",
        ],
        cwd=chain,
        env=surroundings,
        capture_output=True,
        text=True,
        check=True,
    )

    assert json.loads(done.stdout) == stated
