"""Reading photos: portions, order, what is written, and what is refused."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lineament.core.errors import DataError, ImageError
from lineament.core.executor import LocalExecutor
from lineament.core.progress import QUIET, Progress
from lineament.imaging.decode import encode_png
from lineament.preparation.journal import Journal
from lineament.preparation.photo import Photo
from lineament.preparation.reading import (
    PORTION,
    PORTION_BYTES,
    leave_out,
    read_photos,
    require_every_class,
    require_readable,
)
from lineament.preparation.sources.listing import Candidate, Content, Layout, Rejection

T = TypeVar("T")
R = TypeVar("R")


def noise(seed: int, *, height: int = 9, width: int = 12) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


class Given:
    """A source that gives its contents in another order than they are named."""

    name = "given"

    def __init__(self, contents: dict[str, Content]) -> None:
        self.by_name = contents
        self.candidates = tuple(
            Candidate(relative=name, class_name=name.split("/")[0]) for name in sorted(contents)
        )

    def layout(self, *, progress: Progress = QUIET) -> Layout:
        return Layout(candidates=self.candidates)

    def contents(self, candidates: Sequence[Candidate]) -> Iterator[tuple[Candidate, Content]]:
        for each in reversed(candidates):
            yield each, self.by_name[each.relative]


class Noting:
    """An executor that notes the portions it is given."""

    def __init__(self) -> None:
        self.portions: list[int] = []

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        for item in items:
            assert isinstance(item, list)
            self.portions.append(len(item))
            yield function(item)


class Bar:
    def __init__(self) -> None:
        self.told: list[object] = []

    def start(self, task: str, total: int | None) -> None:
        self.told.append((task, total))

    def advance(self, steps: int = 1) -> None:
        self.told.append(steps)

    def finish(self) -> None:
        self.told.append("end")

    def note(self, text: str) -> None:
        self.told.append(text)


def read(
    source: Given, folder: Path, *, workers: int = 2, progress: Progress = QUIET
) -> tuple[list[Photo], list[Rejection]]:
    with contextlib.closing(Journal(folder)) as journal:
        return read_photos(
            source,
            source.candidates,
            folder,
            journal,
            size_px=64,
            executor=LocalExecutor(workers=workers),
            progress=progress,
        )


def test_photos_come_in_order_of_their_names_whatever_order_they_are_read_in(
    tmp_path: Path,
) -> None:
    source = Given({f"cat/{n:02}": encode_png(noise(n)) for n in range(40)})
    photos, unreadable = read(source, tmp_path)
    assert [photo.relative for photo in photos] == [f"cat/{n:02}" for n in range(40)]
    assert unreadable == []


def test_the_number_of_workers_changes_no_file(tmp_path: Path) -> None:
    source = Given({f"cat/{n:02}": encode_png(noise(n)) for n in range(40)})
    written = []
    for workers in (1, 3):
        (tmp_path / str(workers)).mkdir()
        photos, _ = read(source, tmp_path / str(workers), workers=workers)
        written.append([(each.filename, each.sha256, each.pixels, each.row) for each in photos])
    assert written[0] == written[1]


def test_files_bytes_and_arrays_of_the_same_pixels_are_the_same_photo(tmp_path: Path) -> None:
    Image.fromarray(noise(1)).save(tmp_path / "file.png")
    source = Given(
        {
            "cat/array": noise(1),
            "cat/bytes": encode_png(noise(1)),
            "cat/file": tmp_path / "file.png",
        }
    )
    (tmp_path / "out").mkdir()
    photos, _ = read(source, tmp_path / "out")
    assert len({(each.sha256, each.pixels, each.look) for each in photos}) == 1
    assert [each.facts.format for each in photos] == ["", "PNG", "PNG"]


def test_a_grey_array_is_a_photo(tmp_path: Path) -> None:
    photos, _ = read(Given({"cat/1": noise(1)[:, :, 0]}), tmp_path)
    assert (photos[0].facts.mode, photos[0].facts.size_bytes) == ("L", 108)


def test_what_a_source_cannot_give_has_its_reason(tmp_path: Path) -> None:
    source = Given({"cat/1": noise(1), "cat/2": ImageError("the archive ends"), "cat/3": b""})
    _, unreadable = read(source, tmp_path)
    assert unreadable == [
        Rejection(relative="cat/2", kind="cannot be read", reason="the archive ends"),
        Rejection(relative="cat/3", kind="cannot be read", reason="empty file"),
    ]


def test_photos_without_a_class_lie_in_the_folder_of_images(tmp_path: Path) -> None:
    source = Given({"1": noise(1)})
    source.candidates = (Candidate(relative="1", class_name=""),)
    photos, _ = read(source, tmp_path)
    assert Path(photos[0].filename).parent == Path("images")
    assert (tmp_path / photos[0].filename).is_file()


def test_small_photos_are_handed_over_several_at_a_time(tmp_path: Path) -> None:
    source = Given({f"cat/{n:02}": noise(n) for n in range(PORTION * 2 + 3)})
    noting = Noting()
    with contextlib.closing(Journal(tmp_path)) as journal:
        read_photos(source, source.candidates, tmp_path, journal, size_px=64, executor=noting)
    assert noting.portions == [PORTION, PORTION, 3]


def test_what_is_large_in_memory_is_handed_over_alone(tmp_path: Path) -> None:
    side = int((PORTION_BYTES / 3) ** 0.5) + 1
    large = np.zeros((side, side, 3), np.uint8)
    source = Given({"cat/1": large, "cat/2": large, "cat/3": noise(3)})
    noting = Noting()
    with contextlib.closing(Journal(tmp_path)) as journal:
        read_photos(source, source.candidates, tmp_path, journal, size_px=64, executor=noting)
    assert noting.portions == [2, 1]


def test_the_bar_counts_photos(tmp_path: Path) -> None:
    bar = Bar()
    read(Given({f"cat/{n:02}": noise(n) for n in range(PORTION + 2)}), tmp_path, progress=bar)
    assert bar.told == [("reading photos", PORTION + 2), PORTION, 2, "end"]


def test_readable_photos_are_no_error() -> None:
    require_readable([], tried=3)


def test_left_out_photos_lose_their_file(tmp_path: Path) -> None:
    photos, _ = read(Given({"cat/1": noise(1), "cat/2": noise(2)}), tmp_path)
    left = leave_out(tmp_path, photos, [Rejection(relative="cat/1", kind="x", reason="x")])
    assert left == photos[1:]
    assert [path.name for path in (tmp_path / "images" / "cat").iterdir()] == [
        Path(photos[1].filename).name
    ]


def test_every_class_and_split_that_lost_its_photos_is_named(tmp_path: Path) -> None:
    candidates = tuple(
        Candidate(relative=f"{split}/{name}/1", class_name=name, split=split)
        for split in ("train", "test")
        for name in ("cat", "dog")
    )
    layout = Layout(candidates=candidates, given={"train": "Train", "test": "eval"})
    rejected = [
        Rejection(relative=each.relative, kind="cannot be read", reason="empty file")
        for each in candidates
    ]
    with pytest.raises(DataError) as caught:
        require_every_class(layout, [], rejected)
    assert str(caught.value) == (
        "4 classes have no photo left; nothing was written.\n"
        "  at:  Train/cat (1 cannot be read), Train/dog (1 cannot be read), eval/cat (1 cannot be "
        "read), eval/dog (1 cannot be read)\n"
        "  fix: Add photos to these classes, or leave them out with `--exclude-class`."
    )
