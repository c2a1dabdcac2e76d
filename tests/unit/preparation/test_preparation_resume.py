"""An interrupted preparation continues, and its dataset is the one that no interruption gives."""

import functools
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.origins import origins
from lineament.core.errors import ArtifactError, DataError
from lineament.core.executor import LocalExecutor
from lineament.preparation import journal
from lineament.preparation.build import prepare
from lineament.preparation.config import PrepareConfig
from lineament.preparation.reading import PORTION

T = TypeVar("T")
R = TypeVar("R")

PHOTOS = 60  # several portions, and more than the journal keeps in memory


class Interrupted:
    """An executor that is interrupted after so many portions, and counts what it was given."""

    def __init__(self, portions: float = float("inf")) -> None:
        self.portions = portions
        self.read: list[object] = []

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        for number, item in enumerate(items):
            if number >= self.portions:
                raise KeyboardInterrupt
            self.read += item if isinstance(item, list) else [item]
            yield function(item)


class InterruptedListener:
    """A listener that interrupts where one of its tasks begins or ends."""

    def __init__(self, at: int) -> None:
        self.left = at
        self.notes: list[str] = []

    def start(self, task: str, total: int | None) -> None:
        self.step()

    def advance(self, steps: int = 1) -> None:
        self.step()

    def finish(self) -> None:
        pass

    def note(self, text: str) -> None:
        self.notes.append(text)
        self.step()

    def step(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def draw(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def build(root: Path) -> Path:
    for label, name in enumerate(("cat", "dog")):
        for n in range(PHOTOS // 2):
            draw(root / name / f"{n:02}.png", 100 * label + n)
    draw(root / "dog" / "copy.png", 3)
    return root


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return build(tmp_path / "photos")


def interrupted(source: Path, out: Path, *, portions: int, config: PrepareConfig) -> Path:
    """Start and interrupt; give the hidden folder that is left."""
    with pytest.raises(KeyboardInterrupt):
        prepare(source, out, config=config, executor=Interrupted(portions))
    assert not out.exists()
    (left,) = out.parent.glob(f".{out.name}.partial-*")
    return left


def files(root: Path) -> dict[str, str]:
    """Path below a folder to a hash of the file's content."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }


def folders(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_dir()}


def same(one: Path, other: Path) -> bool:
    return files(one) == files(other) and folders(one) == folders(other)


CONFIG = PrepareConfig()


def test_an_interrupted_run_leaves_nothing_under_its_name(source: Path, tmp_path: Path) -> None:
    interrupted(source, tmp_path / "out", portions=2, config=CONFIG)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert [name.split("-")[0] for name in names] == [".out.partial", "photos"]


def test_the_next_run_reads_only_what_is_left(source: Path, tmp_path: Path) -> None:
    interrupted(source, tmp_path / "out", portions=2, config=CONFIG)
    counting = Interrupted()
    prepare(source, tmp_path / "out", executor=counting)
    assert len(counting.read) == PHOTOS + 1 - 2 * PORTION


def test_the_next_run_says_that_it_continues(source: Path, tmp_path: Path) -> None:
    interrupted(source, tmp_path / "out", portions=2, config=CONFIG)
    listener = InterruptedListener(at=-1)
    prepare(source, tmp_path / "out", progress=listener)
    assert listener.notes[0] == "continuing: 32 of 61 photos were read before."


def test_a_continued_dataset_is_byte_for_byte_the_uninterrupted_one(
    source: Path, tmp_path: Path
) -> None:
    interrupted(source, tmp_path / "out", portions=2, config=CONFIG)
    continued = prepare(source, tmp_path / "out")
    whole = prepare(source, tmp_path / "whole")
    assert continued.fingerprint == whole.fingerprint
    assert same(tmp_path / "out", tmp_path / "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "photos", "whole"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("resume")
    prepare(build(root / "photos"), root / "whole")
    return root


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.integers(1, 12), min_size=1, max_size=3))
def test_whenever_it_is_interrupted_the_dataset_is_the_same(whole: Path, steps: list[int]) -> None:
    for step in steps:
        try:
            prepare(
                whole / "photos",
                whole / "out",
                overwrite=True,
                progress=InterruptedListener(at=step),
                executor=LocalExecutor(workers=1),
            )
        except KeyboardInterrupt:
            continue
    prepare(whole / "photos", whole / "out", overwrite=True)
    assert same(whole / "out", whole / "whole")
    assert sorted(path.name for path in whole.iterdir()) == ["out", "photos", "whole"]


def test_work_that_was_interrupted_while_it_was_flushed_is_continued(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "sync", stop)
        with pytest.raises(KeyboardInterrupt):
            prepare(source, tmp_path / "out")
    counting = Interrupted()
    prepare(source, tmp_path / "out", executor=counting)
    prepare(source, tmp_path / "whole")
    assert counting.read == []
    assert same(tmp_path / "out", tmp_path / "whole")


def test_a_changed_photo_is_read_again(source: Path, tmp_path: Path) -> None:
    interrupted(source, tmp_path / "out", portions=2, config=CONFIG)
    draw(source / "cat" / "00.png", 999)
    os.utime(source / "cat" / "00.png", ns=(1, 1))
    counting = Interrupted()
    dataset = prepare(source, tmp_path / "out", executor=counting)
    assert source / "cat" / "00.png" in counting.read
    assert len(counting.read) == PHOTOS + 1 - 2 * PORTION + 1
    prepare(source, tmp_path / "whole")
    assert dataset.fingerprint == Dataset.open(tmp_path / "whole").fingerprint
    assert same(tmp_path / "out", tmp_path / "whole")


def test_a_photo_that_is_gone_is_not_in_the_dataset(source: Path, tmp_path: Path) -> None:
    interrupted(source, tmp_path / "out", portions=2, config=CONFIG)
    (source / "cat" / "00.png").unlink()
    prepare(source, tmp_path / "out")
    prepare(source, tmp_path / "whole")
    assert same(tmp_path / "out", tmp_path / "whole")


def test_photos_of_a_renamed_class_are_moved(source: Path, tmp_path: Path) -> None:
    interrupted(source, tmp_path / "out", portions=3, config=CONFIG)
    config = PrepareConfig(rename=("cat=tiger",))
    prepare(source, tmp_path / "out", config=config)
    prepare(source, tmp_path / "whole", config=config)
    assert same(tmp_path / "out", tmp_path / "whole")


def test_labelled_work_continued_without_labels_leaves_no_class_folder(
    source: Path, tmp_path: Path
) -> None:
    interrupted(source, tmp_path / "out", portions=2, config=CONFIG)
    config = PrepareConfig(unlabelled=True)
    prepare(source, tmp_path / "out", config=config)
    prepare(source, tmp_path / "whole", config=config)
    assert same(tmp_path / "out", tmp_path / "whole")


def test_tables_of_interrupted_work_do_not_stay(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "sync", stop)
        with pytest.raises(KeyboardInterrupt):
            prepare(source, tmp_path / "out", config=PrepareConfig(folds=3))
    prepare(source, tmp_path / "out")
    assert not (tmp_path / "out" / "folds.csv").exists()


def test_another_size_is_read_anew(source: Path, tmp_path: Path) -> None:
    interrupted(source, tmp_path / "out", portions=2, config=CONFIG)
    counting = Interrupted()
    prepare(source, tmp_path / "out", config=PrepareConfig(size_px=8), executor=counting)
    assert len(counting.read) == PHOTOS + 1
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_another_source_is_read_anew(source: Path, tmp_path: Path) -> None:
    shutil.copytree(source, tmp_path / "other")
    interrupted(source, tmp_path / "out", portions=2, config=CONFIG)
    counting = Interrupted()
    prepare(tmp_path / "other", tmp_path / "out", executor=counting)
    assert len(counting.read) == PHOTOS + 1


def test_another_split_goes_on_with_the_same_photos(source: Path, tmp_path: Path) -> None:
    interrupted(source, tmp_path / "out", portions=2, config=CONFIG)
    counting = Interrupted()
    prepare(source, tmp_path / "out", config=PrepareConfig(seed=3), executor=counting)
    assert len(counting.read) == PHOTOS + 1 - 2 * PORTION


def test_an_error_leaves_nothing_to_continue(source: Path, tmp_path: Path) -> None:
    (source / "dog" / "bad.png").write_bytes(b"")
    with pytest.raises(DataError):
        prepare(source, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos"]


def torn(left: Path) -> None:
    lines = left / ".resume" / "photos.jsonl"
    lines.write_bytes(lines.read_bytes()[:-20])


def flipped(name: str, at: int, left: Path) -> None:
    path = left / ".resume" / name
    data = bytearray(path.read_bytes())
    data[at] ^= 4
    path.write_bytes(data)


def cut(left: Path) -> None:
    rows = left / ".resume" / "signatures.bin"
    rows.write_bytes(rows.read_bytes()[: journal.ROW_BYTES * 7 + 100])


def without_rows(left: Path) -> None:
    (left / ".resume" / "signatures.bin").unlink()


def zeros(left: Path) -> None:
    lines = left / ".resume" / "photos.jsonl"
    data = lines.read_bytes()
    lines.write_bytes(data[:300] + bytes(len(data) - 300))


def without_photo(left: Path) -> None:
    next(iter((left / "images" / "cat").iterdir())).unlink()


def with_other_photo(left: Path) -> None:
    next(iter((left / "images" / "cat").iterdir())).write_bytes(b"half")


def doubled(left: Path) -> None:
    lines = left / ".resume" / "photos.jsonl"
    lines.write_bytes(lines.read_bytes() * 2)


@pytest.mark.parametrize(
    "harm",
    [
        torn,
        functools.partial(flipped, "photos.jsonl", 5),
        functools.partial(flipped, "photos.jsonl", 700),
        functools.partial(flipped, "photos.jsonl", -1),
        functools.partial(flipped, "signatures.bin", 0),
        functools.partial(flipped, "signatures.bin", -1),
        cut,
        without_rows,
        zeros,
        without_photo,
        with_other_photo,
        doubled,
    ],
)
def test_what_was_damaged_is_read_again(
    source: Path, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    harm(interrupted(source, tmp_path / "out", portions=3, config=CONFIG))
    prepare(source, tmp_path / "out")
    prepare(source, tmp_path / "whole")
    assert same(tmp_path / "out", tmp_path / "whole")


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 10**6), bit=st.integers(0, 7), rows=st.booleans())
def test_a_flipped_bit_of_the_journal_changes_nothing(
    whole: Path, at: int, bit: int, rows: bool
) -> None:
    left = interrupted(whole / "photos", whole / "flipped", portions=3, config=CONFIG)
    path = left / ".resume" / ("signatures.bin" if rows else "photos.jsonl")
    data = bytearray(path.read_bytes())
    data[at % len(data)] ^= 1 << bit
    path.write_bytes(data)
    prepare(whole / "photos", whole / "flipped")
    assert same(whole / "flipped", whole / "whole")
    shutil.rmtree(whole / "flipped")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{}"])
def test_work_that_does_not_say_what_it_depends_on_is_cleared(
    source: Path, tmp_path: Path, content: bytes
) -> None:
    left = interrupted(source, tmp_path / "out", portions=2, config=CONFIG)
    (left / ".resume" / "depends_on").write_bytes(content)
    counting = Interrupted()
    prepare(source, tmp_path / "out", executor=counting)
    assert len(counting.read) == PHOTOS + 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "photos"]


def test_photos_that_were_left_out_after_reading_are_not_in_a_continued_dataset(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    config = PrepareConfig(balance="cap:20")
    with monkeypatch.context() as patched:
        patched.setattr(os, "sync", stop)
        with pytest.raises(KeyboardInterrupt):
            prepare(source, tmp_path / "out", config=config)
    prepare(source, tmp_path / "out", config=config)
    prepare(source, tmp_path / "whole", config=config)
    assert same(tmp_path / "out", tmp_path / "whole")
    assert len(origins(tmp_path / "out")) == 40


def test_a_photo_that_cannot_be_read_is_tried_again(source: Path, tmp_path: Path) -> None:
    (source / "cat" / "0x.png").write_bytes(b"")
    config = PrepareConfig(unreadable="skip")
    interrupted(source, tmp_path / "out", portions=2, config=config)
    draw(source / "cat" / "0x.png", 998)
    dataset = prepare(source, tmp_path / "out", config=config)
    assert "cat/0x.png" in {each.source for each in origins(dataset.root)}


def test_of_two_runs_to_one_place_the_later_is_refused_and_the_first_stays(
    source: Path, tmp_path: Path
) -> None:
    class Slow:
        """Prepares the same dataset elsewhere while it reads."""

        def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
            for number, item in enumerate(items):
                if number == 1:
                    prepare(source, tmp_path / "out", config=PrepareConfig(seed=7))
                yield function(item)

    with pytest.raises(ArtifactError) as caught:
        prepare(source, tmp_path / "out", executor=Slow())
    assert str(caught.value) == (
        f"{tmp_path / 'out'} exists; nothing was written.\n"
        "  fix: Name another `--out`, or run again with `--overwrite` to replace it."
    )
    said = json.loads((tmp_path / "out" / "dataset.json").read_text(encoding="utf-8"))
    assert said["split"]["seed"] == 7
    Dataset.open(tmp_path / "out").verify()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "photos"]
