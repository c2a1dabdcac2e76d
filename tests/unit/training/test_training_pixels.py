"""Photos are decoded once for all runs that need the same bytes, and never wrong."""

import dataclasses
import os
import shutil
import signal
import subprocess
import sys
from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lineament.artifacts.dataset import Dataset, Sample, decode_photo
from lineament.artifacts.origins import Origin
from lineament.core.errors import DataError, UsageError
from lineament.core.executor import LocalExecutor
from lineament.core.files import cache_folder
from lineament.core.progress import QUIET, Quiet
from lineament.imaging.decode import FileFacts
from lineament.imaging.preprocess import Preprocessing
from lineament.imaging.square import square
from lineament.preparation.build import PrepareConfig, prepare
from lineament.training import pixels as module
from lineament.training.pixels import Pixels, open_pixels, seen_pixels

RULE = Preprocessing(
    size_px=24, fit="squash", interpolation="bilinear", mean=(0.5,) * 3, std=(0.25,) * 3
)
Usage = namedtuple("Usage", ["total", "used", "free"])
T = TypeVar("T")
R = TypeVar("R")


class Counting:
    """An executor that counts the photos it is given."""

    def __init__(self) -> None:
        self.photos = 0
        self._local = LocalExecutor(workers=2)

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        tasks = list(items)
        self.photos += sum(len(task) for task in tasks)  # type: ignore[arg-type, misc]
        return self._local.map(function, tasks)


class Listening(Quiet):
    """A listener that remembers."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def start(self, task: str, total: int | None) -> None:
        self.heard.append(f"{task}: {total}")

    def advance(self, steps: int = 1) -> None:
        self.heard.append(f"+{steps}")

    def finish(self) -> None:
        self.heard.append("done")

    def note(self, text: str) -> None:
        self.heard.append(text)


def opened(
    dataset: Dataset,
    split: str = "train",
    spec: Preprocessing = RULE,
    *,
    executor: Counting | None = None,
    progress: Quiet = QUIET,
    cache: bool = True,
) -> Pixels:
    return open_pixels(
        dataset, split, spec, executor=executor or Counting(), progress=progress, cache=cache
    )


def files() -> list[Path]:
    return sorted((cache_folder() / "pixels").glob("*"))


def only_file() -> Path:
    (path,) = files()
    return path


def squares(dataset: Dataset, split: str, spec: Preprocessing = RULE) -> NDArray[np.uint8]:
    side = spec.needed_short_side_px
    return np.stack(
        [
            square(decode_photo(dataset.path(sample), short_side_px=side), spec)
            for sample in dataset.samples(split)
        ]
    )


@pytest.mark.parametrize("cache", [True, False], ids=["stored", "on demand"])
@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_photos_are_those_of_the_split_in_its_order(
    cache: bool, split: str, drawn_dataset: Dataset
) -> None:
    pixels = opened(drawn_dataset, split, cache=cache)

    assert len(pixels) == len(drawn_dataset.samples(split))
    assert pixels.size_px == 24
    assert pixels.labels.dtype == np.int64
    assert pixels.labels.tolist() == [each.label for each in drawn_dataset.samples(split)]
    assert (pixels.read(range(len(pixels))) == squares(drawn_dataset, split)).all()


@pytest.mark.parametrize("fit", ["squash", "crop", "letterbox"])
def test_on_demand_gives_the_same_bytes(fit: str, drawn_dataset: Dataset) -> None:
    spec = dataclasses.replace(RULE, fit=fit, crop_fraction=0.9)
    rows = [5, 0, 17, 5]

    stored, decoded = (opened(drawn_dataset, spec=spec, cache=cache) for cache in (True, False))

    assert (stored.read(rows) == decoded.read(rows)).all()


@pytest.mark.parametrize("cache", [True, False], ids=["stored", "on demand"])
def test_indices_come_as_they_are_asked_for_in_a_copy_of_ones_own(
    cache: bool, drawn_dataset: Dataset
) -> None:
    pixels = opened(drawn_dataset, cache=cache)
    expected = squares(drawn_dataset, "train")

    some = pixels.read(np.asarray([9, 2, 2, 30]))

    assert (some == expected[[9, 2, 2, 30]]).all()
    assert some.dtype == np.uint8
    assert some.flags.c_contiguous
    some[:] = 0
    assert (pixels.read([9, 2]) == expected[[9, 2]]).all()
    assert pixels.read([]).shape == (0, 24, 24, 3)


def test_second_run_decodes_nothing(drawn_dataset: Dataset) -> None:
    first, second = Counting(), Counting()
    before = opened(drawn_dataset, executor=first)

    after = opened(drawn_dataset, executor=second)

    assert first.photos == 90  # train and validation
    assert second.photos == 0
    assert (after.read(range(60)) == before.read(range(60))).all()


def test_second_run_does_not_look_at_the_photos(drawn_dataset: Dataset, tmp_path: Path) -> None:
    root = shutil.copytree(drawn_dataset.root, tmp_path / "dataset")
    data = Dataset.open(root)
    opened(data)
    shutil.rmtree(root / "images")

    assert (opened(data).read(range(60)) == squares(drawn_dataset, "train")).all()


def test_validation_is_in_the_file_of_train_and_test_is_not(drawn_dataset: Dataset) -> None:
    executor = Counting()
    opened(drawn_dataset, "train", executor=executor)
    opened(drawn_dataset, "validation", executor=executor)
    assert len(files()) == 1
    assert executor.photos == 90

    opened(drawn_dataset, "test", executor=executor)

    assert len(files()) == 2
    assert executor.photos == 120


def test_all_folds_share_a_file(write_kinds: Callable[..., Path], tmp_path: Path) -> None:
    source = write_kinds(tmp_path / "source", per_class=12)
    data = prepare(source, tmp_path / "dataset", config=PrepareConfig(folds=3))
    executor = Counting()

    for number in (1, 2, 3):
        fold = data.fold(number)
        for split in ("train", "validation"):
            pixels = opened(fold, split, executor=executor)
            assert pixels.labels.tolist() == [each.label for each in fold.samples(split)]
            assert (pixels.read(range(len(pixels))) == squares(fold, split)).all()

    assert len(files()) == 1
    assert executor.photos == len(data.samples("train")) + len(data.samples("validation"))


def test_copies_of_a_photo_are_stored_once(drawn_dataset: Dataset) -> None:
    train = drawn_dataset.samples("train")
    double = dataclasses.replace(
        drawn_dataset, splits={**drawn_dataset.splits, "train": (*train, *train)}
    )

    pixels = opened(double)

    assert len(pixels) == 120
    assert (pixels.read([3, 63]) == squares(drawn_dataset, "train")[3]).all()
    assert np.load(only_file(), mmap_mode="r").shape == (90, 24, 24, 3)


@pytest.mark.parametrize(
    "changed",
    [
        {"size_px": 25},
        {"fit": "crop"},
        {"fit": "letterbox"},
        {"interpolation": "bicubic"},
        {"crop_fraction": 0.9},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_other_preprocessing_is_another_file(
    changed: dict[str, object], drawn_dataset: Dataset
) -> None:
    opened(drawn_dataset)

    spec = Preprocessing.from_dict({**RULE.as_dict(), **changed})
    pixels = opened(drawn_dataset, spec=spec)

    assert len(files()) == 2
    assert (pixels.read(range(60)) == squares(drawn_dataset, "train", spec)).all()


def test_mean_colour_matters_to_a_letterbox_alone(drawn_dataset: Dataset) -> None:
    for mean in ((0.5, 0.5, 0.5), (0.4, 0.5, 0.5)):
        opened(drawn_dataset, spec=dataclasses.replace(RULE, mean=mean, std=mean))
    assert len(files()) == 1

    for mean in ((0.5, 0.5, 0.5), (0.4, 0.5, 0.5)):
        opened(drawn_dataset, spec=dataclasses.replace(RULE, fit="letterbox", mean=mean))
    assert len(files()) == 3


@pytest.mark.parametrize("name", ["FORMAT", "pillow_version"])
def test_other_version_is_another_file(
    name: str, drawn_dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(drawn_dataset)

    monkeypatch.setattr(module, name, "other")
    opened(drawn_dataset)

    assert len(files()) == 2


def test_other_photos_are_another_file(
    drawn_dataset: Dataset, write_kinds: Callable[..., Path], tmp_path: Path
) -> None:
    source = write_kinds(tmp_path / "source", per_class=12)
    opened(drawn_dataset)

    opened(prepare(source, tmp_path / "dataset"))

    assert len(files()) == 2


def test_same_photos_elsewhere_are_the_same_file(drawn_dataset: Dataset, tmp_path: Path) -> None:
    opened(drawn_dataset)
    executor = Counting()

    copied = shutil.copytree(drawn_dataset.root, tmp_path / "elsewhere")
    opened(Dataset.open(copied), executor=executor)

    assert executor.photos == 0


def test_file_is_an_array_that_numpy_opens(drawn_dataset: Dataset) -> None:
    opened(drawn_dataset)

    array = np.load(only_file())

    assert (array.shape, str(array.dtype)) == ((90, 24, 24, 3), "uint8")
    assert array.flags.c_contiguous


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def longer(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"x")


def empty(path: Path) -> None:
    os.truncate(path, 0)


def without_end(path: Path) -> None:
    """As if the disk had lost the last block, the size being right."""
    size = path.stat().st_size
    os.truncate(path, size - 16)
    os.truncate(path, size)


def without_start(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(bytes(64))


@pytest.mark.parametrize("damage", [cut, longer, empty, without_end, without_start])
def test_damaged_file_is_made_again(damage: Callable[[Path], None], drawn_dataset: Dataset) -> None:
    opened(drawn_dataset)
    damage(only_file())
    executor = Counting()

    pixels = opened(drawn_dataset, executor=executor)

    assert executor.photos == 90
    assert (pixels.read(range(60)) == squares(drawn_dataset, "train")).all()
    assert opened(drawn_dataset, executor=executor) is not None
    assert executor.photos == 90


def test_progress_counts_every_photo_while_the_file_is_made(drawn_dataset: Dataset) -> None:
    progress = Listening()

    opened(drawn_dataset, progress=progress)
    opened(drawn_dataset, progress=progress)

    assert progress.heard == ["decoding photos: 90", "+32", "+32", "+26", "done"]


@pytest.mark.parametrize("cache", [True, False], ids=["stored", "on demand"])
def test_photo_that_cannot_be_read_any_more_is_named(
    cache: bool, drawn_dataset: Dataset, tmp_path: Path
) -> None:
    data = Dataset.open(shutil.copytree(drawn_dataset.root, tmp_path / "dataset"))
    path = data.path(data.samples("train")[7])
    path.write_bytes(b"")

    with pytest.raises(DataError) as caught:
        opened(data, cache=cache).read(range(60))

    assert str(caught.value) == (
        f"{path} cannot be read: empty file.\n"
        "  fix: The photo was there when the dataset was prepared; prepare the dataset again."
    )
    assert files() == []


def test_full_disk_means_decoding_on_demand_and_is_said_once(
    drawn_dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINEAMENT_CACHE_GB", "50")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**12, 10**12, 10**5))
    progress = Listening()

    pixels = [opened(drawn_dataset, split, progress=progress) for split in ("train", "validation")]

    assert progress.heard == [
        f"Decoded photos are not kept: {cache_folder() / 'pixels'} has 1 MB free, 1 MB are needed. "
        "Each epoch decodes them again, which is slower. Make room there, or let `LINEAMENT_CACHE` "
        "name a folder on another disk."
    ]
    assert files() == []
    assert (pixels[0].read(range(60)) == squares(drawn_dataset, "train")).all()
    assert (pixels[1].read(range(30)) == squares(drawn_dataset, "validation")).all()


def test_disk_that_fills_up_meanwhile_means_decoding_on_demand(
    drawn_dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    progress = Listening()

    pixels = opened(drawn_dataset, progress=progress)

    assert progress.heard[-1].startswith("Decoded photos are not kept: ")
    assert "could not be written: No space left on device." in progress.heard[-1]
    assert files() == []
    assert (pixels.read(range(60)) == squares(drawn_dataset, "train")).all()


def test_folder_that_may_not_be_made_means_decoding_on_demand(
    drawn_dataset: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LINEAMENT_CACHE", str(tmp_path / "file"))
    progress = Listening()

    pixels = opened(drawn_dataset, progress=progress)

    assert progress.heard[-1].startswith("Decoded photos are not kept: ")
    assert (pixels.read(range(60)) == squares(drawn_dataset, "train")).all()


def test_nothing_is_kept_where_that_is_asked_for(drawn_dataset: Dataset) -> None:
    progress = Listening()

    opened(drawn_dataset, progress=progress, cache=False).read([1])

    assert files() == []
    assert progress.heard == []


def test_limit_that_is_no_number_is_said_before_photos_are_decoded(
    drawn_dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINEAMENT_CACHE_GB", "all")
    executor = Counting()

    with pytest.raises(UsageError):
        opened(drawn_dataset, executor=executor)

    assert executor.photos == 0


def test_least_recently_used_file_goes_and_those_in_use_stay(
    drawn_dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINEAMENT_CACHE_GB", "0.0004")  # two of these files fit, three do not
    rules = [dataclasses.replace(RULE, crop_fraction=each) for each in (1.0, 0.9, 0.8)]
    held = opened(drawn_dataset, spec=rules[0])
    (first,) = files()
    opened(drawn_dataset, spec=rules[1])
    (second,) = set(files()) - {first}
    os.utime(first, (0, 0))

    opened(drawn_dataset, spec=rules[2])

    assert first in files()
    assert second not in files()
    assert (held.read(range(60)) == squares(drawn_dataset, "train", rules[0])).all()


def test_reader_keeps_a_file_that_was_removed(drawn_dataset: Dataset) -> None:
    pixels = opened(drawn_dataset)
    only_file().unlink()

    assert (pixels.read(range(60)) == squares(drawn_dataset, "train")).all()


def test_pages_that_were_read_are_given_back(
    drawn_dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAPPED_BYTES", 1)
    pixels = opened(drawn_dataset)
    expected = squares(drawn_dataset, "train")

    for row in range(60):
        assert (pixels.read([row]) == expected[row]).all()


class Drawn:
    """An executor that decodes nothing: a photo is its own number, over and over."""

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        for paths in items:
            numbers = np.asarray([int(path.stem) for path in paths])  # type: ignore[attr-defined]
            bytes_ = (numbers[:, None] >> np.asarray([0, 8, 16])) & 255
            yield np.repeat(bytes_[:, None], 4, axis=1).reshape(-1, 2, 2, 3).astype(np.uint8)  # type: ignore[misc]


def test_hundred_thousand_tiny_photos_keep_their_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 100_000
    facts = FileFacts(format="PNG", mode="L", width=2, height=2, size_bytes=9, taken="")
    table = [
        Origin(
            filename=f"images/a/{number}.png",
            source="",
            sha256=f"{number * 7919 % count:064x}",
            pixels="",
            duplicate_set="",
            near_set="",
            facts=facts,
        )
        for number in range(count)
    ]
    monkeypatch.setattr(module, "origins", lambda root: table)
    samples = tuple(
        Sample(filename=row.filename, label=0, class_name="a", group="") for row in table
    )
    data = Dataset(
        root=tmp_path,
        classes=("a",),
        splits={"train": samples[1:], "validation": samples[:1], "test": ()},
        fingerprint="",
        document={},
    )
    spec = dataclasses.replace(RULE, size_px=2)

    pixels = open_pixels(data, "train", spec, executor=Drawn(), progress=QUIET)

    asked = np.random.default_rng(0).integers(0, count - 1, 5000)
    read = pixels.read(asked)
    assert (read.reshape(5000, 4, 3) == read[:, :1, 0]).all()
    assert (read[:, 0, 0].astype(int) @ [1, 256, 65536] == asked + 1).all()


BUILD = """
import sys
from pathlib import Path
from lineament.artifacts.dataset import Dataset
from lineament.core.executor import LocalExecutor
from lineament.core.progress import Quiet
from lineament.imaging.preprocess import Preprocessing
from lineament.training.pixels import open_pixels

class Told(Quiet):
    def advance(self, steps=1):
        print("decoded", flush=True)
        sys.stdin.readline()

rule = Preprocessing(
    size_px=24, fit="squash", interpolation="bilinear", mean=(0.5,) * 3, std=(0.25,) * 3
)
data = Dataset.open(Path(sys.argv[1]))
pixels = open_pixels(data, "train", rule, executor=LocalExecutor(1), progress=Told())
print(int(pixels.read(range(len(pixels))).sum()), flush=True)
"""


def build(dataset: Dataset) -> subprocess.Popen[str]:
    """A process that builds the cache, and waits for a line after each part of it."""
    return subprocess.Popen(
        [sys.executable, "-c", BUILD, str(dataset.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def heard(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_killed_build_leaves_nothing_under_the_name_and_the_next_clears_up(
    drawn_dataset: Dataset,
) -> None:
    with build(drawn_dataset) as process:
        assert heard(process) == "decoded\n"
        process.send_signal(signal.SIGKILL)
    (leftover,) = files()
    assert ".partial-" in leftover.name

    pixels = opened(drawn_dataset)

    assert only_file().suffix == ".npy"
    assert (pixels.read(range(60)) == squares(drawn_dataset, "train")).all()


def test_two_builds_at_once_both_give_the_photos(drawn_dataset: Dataset) -> None:
    with build(drawn_dataset) as one, build(drawn_dataset) as other:
        assert heard(one) == heard(other) == "decoded\n"
        assert len(files()) == 2
        said = [process.communicate("\n" * 9)[0].splitlines()[-1] for process in (one, other)]

    expected = squares(drawn_dataset, "train")
    assert said == [str(int(expected.sum()))] * 2
    assert only_file().suffix == ".npy"
    executor = Counting()
    assert (opened(drawn_dataset, executor=executor).read(range(60)) == expected).all()
    assert executor.photos == 0


def test_reduced_decoding_follows_the_side_that_is_needed(
    draw_photo: Callable[..., NDArray[np.uint8]], tmp_path: Path
) -> None:
    for kind, name in enumerate(("disc", "frame")):
        folder = tmp_path / "source" / name
        folder.mkdir(parents=True)
        for seed in range(6):
            Image.fromarray(draw_photo(seed, 240, 320, kind=kind)).save(folder / f"{seed}.jpg")
    data = prepare(tmp_path / "source", tmp_path / "dataset")
    spec = dataclasses.replace(RULE, fit="crop", crop_fraction=0.4)  # 48 of 60: not below 96

    made = opened(data, spec=spec).read([0])[0]

    photo = decode_photo(data.path(data.samples("train")[0]), short_side_px=60)
    assert photo.shape[:2] == (120, 160)
    assert (made == square(photo, spec)).all()


@pytest.mark.parametrize("fit", ["squash", "letterbox"])
def test_photo_is_seen_at_the_size_of_the_network(
    fit: str, draw_photo: Callable[..., NDArray[np.uint8]], tmp_path: Path
) -> None:
    photo = draw_photo(0, 24, 48)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    rule = Preprocessing(
        size_px=48,
        fit=fit,
        interpolation="bilinear",
        mean=(0.2, 0.4, 0.6),
        std=(0.25, 0.25, 0.25),
    )

    seen = seen_pixels(tmp_path / "photo.png", rule)

    assert seen.shape == (48, 48, 3)
    if fit == "letterbox":
        assert np.array_equal(seen[12:36], photo)
        assert (seen[:12] == [51, 102, 153]).all()
    else:
        assert abs(seen.mean() - photo.mean()) < 1
