"""The listings of the README and of the how-to pages run and print what the pages show.

Each page runs in a folder of its own with drawn photos. A page shows what real photos gave, so
figures are masked before the comparison; texts are not. ``text`` blocks are not run.
"""

import contextlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageOps

from lineament.cli.application import run
from lineament.runtime.video_writing import VideoWriter

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", *sorted(f"docs/how-to/{each.name}" for each in ROOT.glob("docs/how-to/*.md"))]
READY = {  # what a page's reader has made with the pages before it
    "docs/how-to/train.md": ("dataset",),
    "docs/how-to/recipes.md": ("dataset",),
    "docs/how-to/study.md": ("dataset",),
    "docs/how-to/track.md": ("dataset",),
    "docs/how-to/evaluate.md": ("dataset", "run", "model.onnx", "faces-dataset"),
    "docs/how-to/compare.md": ("dataset",),
    "docs/how-to/explain.md": ("dataset", "run"),
    "docs/how-to/report.md": ("dataset", "run"),
    "docs/how-to/ship.md": ("run",),
    "docs/how-to/heads.md": ("run",),
    "docs/how-to/video.md": ("model.onnx",),
    "docs/how-to/kaggle.md": ("model.onnx",),
    "docs/how-to/browser.md": ("model.onnx",),
    "docs/how-to/serve.md": ("model.onnx",),
    "docs/how-to/collect.md": ("dataset",),
}
RECIPES = {  # how that is made
    "dataset": ("prepare", "photos", "--out", "dataset"),
    "run": ("train", "dataset", "--out", "run"),
    "model.onnx": ("export", "run", "--out", "model.onnx"),
    "faces-dataset": ("prepare", "faces", "--out", "faces-dataset", "--group-by", r"(S\d+)_"),
}
MADE_OF = {"run": "dataset", "model.onnx": "run"}
NOT_RUN = ("make ", "pip ")  # these make the very environment that the tests run in
ANYTHING = "..."  # a line of output that stands for any lines
PER_CLASS = 70  # leaves ten test photos of each class, below which evaluation warns
EXPRESSIONS = ("anger", "contempt", "disgust", "fear", "happy", "sadness", "surprise")
WORLD = (
    *("photos", "camera", "faces", "divided", "flat", "labels.csv", "natural", "celeba", "grown"),
    *("hard.csv", "messy", "sample.csv", "clip.mp4", "portraits"),
)

FENCE = re.compile(r"^```(console|python)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FIGURE = re.compile(r"\d+(,\d{3})*(\.\d+)?(e[-+]\d+)?")
# Said only of work that takes seconds, so it depends on how busy the machine is.
SLOW_WORK = re.compile(r"^[^\n]+: \d+ in \d+ s \([^\n]+\)\n", re.MULTILINE)

Draw = Callable[..., NDArray[np.uint8]]


@dataclass
class Command:
    """A command of a listing and the lines shown below it."""

    line: str
    shown: list[str] = field(default_factory=list)


def listings(page: str) -> Iterator[tuple[str, str]]:
    """The language and text of each listing that runs, in order."""
    for match in FENCE.finditer((ROOT / page).read_text(encoding="utf-8")):
        yield match[1], match[2]


def commands(listing: str) -> list[Command]:
    """Split a console listing into commands with their output."""
    found: list[Command] = []
    for line in listing.splitlines():
        if line.startswith("$ "):
            found.append(Command(line.removeprefix("$ ")))
        else:
            found[-1].shown.append(line)
    return found


def masked(text: str) -> str:
    return FIGURE.sub("#", SLOW_WORK.sub("", text)).strip()


def matches(shown: Sequence[str], printed: str) -> bool:
    """Whether the output is what the page shows, figures apart."""
    parts = [".*" if line == ANYTHING else re.escape(masked(line)) for line in shown]
    lines = "\n".join(line.strip() for line in masked(printed).splitlines())
    return re.fullmatch("\n".join(parts), lines, re.DOTALL) is not None


def called(line: str) -> tuple[int, str]:
    """Run a command line where we are; give its exit code and both streams as a terminal shows."""
    words = shlex.split(line)
    if words[0] != "lineament" or ">" in words:  # what a shell does with it is part of it
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-c", line],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            env={**os.environ, "PATH": path},
        )
        return done.returncode, done.stdout
    # In this process, since each new one would import torch for seconds; e2e tests start real ones.
    terminal = io.StringIO()
    with contextlib.redirect_stdout(terminal), contextlib.redirect_stderr(terminal), calm():
        code = run(words[1:])
    return code, terminal.getvalue()


@contextlib.contextmanager
def calm() -> Iterator[None]:
    """Warnings as a user has them; pytest's are errors, and a user's process is not pytest."""
    with warnings.catch_warnings():
        warnings.resetwarnings()
        warnings.simplefilter("ignore")
        yield


def draw_world(folder: Path, draw: Draw) -> None:
    """Draw the folders that the pages name, with what the pages say of them."""

    def put(name: str, seed: int, kind: int, side_px: int) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # Of many qualities: how well a photo packs must not tell the classes apart.
        quality = 60 + seed % 35
        Image.fromarray(draw(seed, side_px, side_px * 4 // 3, kind=kind)).save(
            path, quality=quality
        )

    (folder / "portraits").mkdir()
    Image.fromarray(skimage.data.astronaut()).save(folder / "portraits" / "ann.png")
    Image.fromarray(skimage.data.chelsea()).save(folder / "portraits" / "cat.png")

    def copy(source: str, target: str) -> None:
        shutil.copyfile(folder / source, folder / target)

    def changed(source: str, target: str, change: Callable[[Image.Image], Image.Image]) -> None:
        with Image.open(folder / source) as photo:
            change(photo.convert("RGB")).save(folder / target, quality=70)

    for kind, name in enumerate(("cat", "dog")):
        for number in range(1, PER_CLASS + 1):
            put(f"photos/{name}/{number:02d}.jpg", number, kind, 72)
            put(f"flat/{PER_CLASS * kind + number:06d}.jpg", number, kind, 24)
        for number in range(10):
            # Of both kinds, for a PNG has no quality.
            put(f"divided/train/{name}/{number}.png", number, (kind + number) % 2, 24)
            put(f"divided/validation/{name}/{number}.png", 100 + number, (kind + number) % 2, 24)
    copy("photos/dog/61.jpg", "photos/dog/62.jpg")
    for number in range(2):
        # Two photos of each thing that `prepare` says about copies, for its plural.
        copy(f"divided/validation/cat/{number}.png", f"divided/train/cat/across-{number}.png")
        copy(f"divided/train/cat/{number}.png", f"divided/train/dog/conflict-{number}.png")
        changed(
            f"divided/validation/dog/{number}.png", f"divided/train/dog/near-{number}.png", brighter
        )
        changed(
            f"divided/train/dog/{number}.png", f"divided/train/dog/bright-{number}.png", brighter
        )
    for kind, name in enumerate(EXPRESSIONS):
        for person in range(10, 30 - 2 * kind):
            photo = f"faces/{name}/S0{person}_00{kind}"
            put(f"{photo}_1.png", 10 * person + kind, kind, 48)
            changed(f"{photo}_1.png", f"{photo}_2.png", brighter)
    shutil.copytree(folder / "photos", folder / "camera")
    cut = folder / "camera/cat/02.jpg"
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    (folder / "camera/dog/05.jpg").write_bytes(b"")
    (folder / "camera/dog/notes.txt").write_text("not a photo", encoding="utf-8")
    (folder / "camera/cat/.DS_Store").write_bytes(b"left by the system")
    shutil.copytree(folder / "photos", folder / "grown")
    for kind, name in enumerate(("cat", "dog")):
        for number in range(201, 221):
            put(f"grown/{name}/{number}.jpg", number, kind, 72)
    draw_tables(folder)
    for kind, name in enumerate(("airplane", "automobile", "cat", "dog", "person")):
        for number in range(1, 21):
            put(f"natural/{name}/{number:02d}.jpg", 300 + number, kind, 48 if kind < 2 else 72)
    for number in range(1, 81):
        put(f"celeba/{number:06d}.jpg", 500 + number, 3, 96)
    draw_mess(folder, changed)
    scenes = [np.asarray(Image.open(folder / f"photos/{name}/01.jpg")) for name in ("cat", "dog")]
    with VideoWriter(folder / "clip.mp4", fps=10, overwrite=False, flag="") as writer:
        for scene in scenes:
            for _ in range(20):
                writer.write(scene)


def brighter(photo: Image.Image) -> Image.Image:
    return ImageEnhance.Brightness(photo).enhance(1.2)


def draw_tables(folder: Path) -> None:
    """Write the tables about photos; one photo has no row and one row no photo."""
    rows = [f"{number:06d}.jpg,cat,{number % 9}" for number in range(1, PER_CLASS + 1)]
    rows += [f"{number:06d}.jpg,dog,3" for number in range(PER_CLASS + 1, 2 * PER_CLASS)]
    table = "\n".join(["filename,animal,age", *rows, "999999.jpg,dog,1"])
    (folder / "labels.csv").write_text(f"{table}\n", encoding="utf-8")
    hard = "filename\ncat/01.jpg\ncat/02.jpg\ndog/61.jpg\n"
    (folder / "hard.csv").write_text(hard, encoding="utf-8")
    sample = "id,label\ncat/03,cat\ndog/01,cat\ncat/01,cat\n"
    (folder / "sample.csv").write_text(sample, encoding="utf-8")


def draw_mess(
    folder: Path, changed: Callable[[str, str, Callable[[Image.Image], Image.Image]], None]
) -> None:
    """Do to a copy of the photos what the page about audits says was done to them."""

    def smaller(photo: Image.Image) -> Image.Image:
        return photo.resize((photo.width * 9 // 10, photo.height * 9 // 10))

    def cropped(photo: Image.Image) -> Image.Image:
        across, down = photo.width // 30, photo.height // 30
        return photo.crop((across, down, photo.width - across, photo.height - down))

    shutil.copytree(folder / "photos", folder / "messy")
    for number in range(1, 6):
        changed(f"photos/cat/{number:02d}.jpg", f"messy/cat/{number:02d}-small.jpg", smaller)
    changed("photos/dog/03.jpg", "messy/dog/03-mirrored.png", ImageOps.mirror)
    changed("photos/dog/04.jpg", "messy/dog/04-cropped.jpg", cropped)
    changed("photos/dog/05.jpg", "messy/dog/05-bright.jpg", brighter)
    changed("photos/dog/06.jpg", "messy/cat/dog-06.jpg", lambda photo: photo)
    for number in (21, 22, 23):
        moved = folder / f"messy/dog/{number}.jpg"
        moved.rename(folder / f"messy/cat/was-dog-{number}.jpg")
    Image.new("RGB", (180, 180), (3, 3, 3)).save(folder / "messy/dog/black.png")
    cut = folder / "messy/cat/41.jpg"
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])


def make_ready(shelf: Path, name: str) -> None:
    """Make what a page needs, unless another page needed it before."""
    if (shelf / name).exists():
        return
    if name in MADE_OF:
        make_ready(shelf, MADE_OF[name])
    with contextlib.chdir(shelf):
        code, printed = called(shlex.join(["lineament", *RECIPES[name]]))
    assert code == 0, printed


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where what several pages need is made once."""
    return tmp_path_factory.mktemp("shelf")


@pytest.fixture
def new_folder(
    shelf: Path, tmp_path: Path, draw_photo: Draw
) -> Callable[[str, Sequence[str]], Path]:
    """Give ``new_folder(name, ready)``: a folder with the drawn photos and what is ready."""
    if not any(shelf.iterdir()):
        draw_world(shelf, draw_photo)

    def make(name: str, ready: Sequence[str]) -> Path:
        for each in ready:
            make_ready(shelf, each)
        target = tmp_path / name
        target.mkdir()
        for each in (*WORLD, *ready):
            if (shelf / each).is_dir():
                shutil.copytree(shelf / each, target / each)
            else:
                shutil.copyfile(shelf / each, target / each)
        return target

    return make


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_listings_of_page_run_and_print_what_it_shows(
    page: str, new_folder: Callable[[str, Sequence[str]], Path]
) -> None:
    folder = new_folder("page", READY.get(page, ()))
    names: dict[str, object] = {"__name__": "listing"}
    for number, (language, listing) in enumerate(listings(page)):
        if language == "python":
            # A program that prepares is a story of its own: it starts where its reader starts.
            if "lineament.prepare(" in listing:
                folder = new_folder(f"story-{number}", ())
            with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()), calm():
                exec(compile(listing, f"{page}, listing {number}", "exec"), names)
            continue
        for command in commands(listing):
            if command.line.startswith(NOT_RUN):
                continue
            with contextlib.chdir(folder):
                code, printed = called(command.line)
            fails = any(line.startswith("error: ") for line in command.shown)
            assert (code != 0) == fails, f"$ {command.line}\n{printed}"
            if command.shown:
                assert matches(command.shown, printed), f"$ {command.line}\n{printed}"


def test_masking_leaves_texts() -> None:
    shown = ["12 of 1,300 photos", "..."]

    assert matches(shown, "7 of 9 photos\nreading photos: 9 in 3 s (3/s)\nnext: x\n")
    assert not matches(shown, "7 of 9 images\nnext: x\n")


def test_every_how_to_page_has_a_listing() -> None:
    assert [page for page in PAGES if not list(listings(page))] == []
