"""Features are computed once for all runs that need the same numbers, and never wrong."""

import dataclasses
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image

from lineament.core.errors import DataError, UsageError
from lineament.core.executor import LocalExecutor
from lineament.core.files import cache_folder, sha256_file
from lineament.core.machine import machine
from lineament.core.progress import QUIET, Quiet
from lineament.imaging.preprocess import Preprocessing
from lineament.training import stored_features as module
from lineament.training.stored_features import Photo, StoredFeatures

RULE = Preprocessing(
    size_px=24, fit="squash", interpolation="bilinear", mean=(0.5,) * 3, std=(0.25,) * 3
)
COUNT = 11
Usage = namedtuple("Usage", ["total", "used", "free"])


class Colours:
    """An engine whose embedding is the mean of each channel, and which counts photos."""

    metadata: Mapping[str, str] = {}
    outputs = ("embedding",)

    def __init__(self, title: str = "Colours 1, fp32", *, fails_after: int | None = None) -> None:
        self.title = title
        self.photos = 0
        self._fails_after = fails_after

    def run(self, image: NDArray[np.uint8], outputs: Sequence[str]) -> list[NDArray[np.float32]]:
        if self.photos == self._fails_after:
            raise KeyboardInterrupt
        self.photos += 1
        return [image.mean(axis=(1, 2), dtype=np.float32) / np.float32(3)]


class Listening(Quiet):
    """A listener that remembers."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def start(self, task: str, total: int | None) -> None:
        self.heard.append(f"{task}: {total}")

    def note(self, text: str) -> None:
        self.heard.append(text)


@pytest.fixture
def photos(draw_photo: Callable[..., NDArray[np.uint8]], tmp_path: Path) -> list[Photo]:
    """Photos in the order of their hashes, which is none of any other thing."""
    made = []
    for seed in range(COUNT):
        path = tmp_path / f"{seed}.png"
        Image.fromarray(draw_photo(seed, 20, 30)).save(path)
        made.append(Photo(sha256=sha256_file(path), path=path))
    return sorted(made, key=lambda photo: photo.sha256)


@pytest.fixture(autouse=True)
def _small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEGMENT", 4)


def embedded(
    photos: Sequence[Photo],
    engine: Colours | None = None,
    *,
    graph: bytes = b"graph",
    spec: Preprocessing = RULE,
    progress: Quiet = QUIET,
    cache: bool = True,
) -> NDArray[np.float32]:
    stored = StoredFeatures(graph, spec, progress=progress, cache=cache)
    where = LocalExecutor(workers=1)
    return stored.embed(photos, engine or Colours(), executor=where, task="features")


def n_computed(photos: Sequence[Photo], **settings: object) -> int:
    """How many of the photos are not on disk."""
    engine = Colours()
    embedded(photos, engine, **settings)  # type: ignore[arg-type]
    return engine.photos


def plain(photos: Sequence[Photo]) -> NDArray[np.float32]:
    return embedded(photos, cache=False)


def files() -> list[Path]:
    return sorted(path for path in (cache_folder() / "features").rglob("*") if path.is_file())


# what comes back


def test_features_read_are_bit_for_bit_those_computed(photos: list[Photo]) -> None:
    expected = plain(photos)

    cold, warm = embedded(photos), embedded(photos)

    assert cold.dtype == warm.dtype == np.float32
    assert cold.tobytes() == warm.tobytes() == expected.tobytes()


def test_second_run_computes_nothing(photos: list[Photo]) -> None:
    assert n_computed(photos) == COUNT
    assert n_computed(photos) == 0


def test_second_run_does_not_look_at_the_photos(photos: list[Photo]) -> None:
    expected = embedded(photos)
    for photo in photos:
        photo.path.unlink()

    assert (embedded(photos) == expected).all()


def test_photos_come_as_they_are_asked_for(photos: list[Photo]) -> None:
    expected = plain(photos)
    embedded(photos[:7])
    order = [9, 2, 2, 0, 10, 5]

    some = embedded([photos[each] for each in order])

    assert (some == expected[order]).all()


def test_what_is_on_disk_is_not_computed_among_the_rest(photos: list[Photo]) -> None:
    embedded(photos[3:8])

    assert n_computed(photos) == COUNT - 5
    assert n_computed(photos) == 0


def test_copies_of_a_photo_are_computed_once(photos: list[Photo]) -> None:
    assert n_computed([*photos, *photos]) == COUNT


def test_same_photos_elsewhere_are_found(photos: list[Photo], tmp_path: Path) -> None:
    embedded(photos)
    (tmp_path / "elsewhere").mkdir()
    copies = [
        dataclasses.replace(each, path=Path(shutil.copy(each.path, tmp_path / "elsewhere")))
        for each in photos
    ]

    assert n_computed(copies) == 0


def test_changed_photo_is_computed_anew(photos: list[Photo]) -> None:
    embedded(photos)
    changed = dataclasses.replace(photos[0], sha256=hashlib.sha256(b"other").hexdigest())

    assert n_computed([changed, *photos[1:]]) == 1


@given(
    hnp.arrays(
        np.uint32,
        st.tuples(st.integers(1, 9), st.integers(1, 7)),
        elements=st.integers(0, 2**32 - 1),
    )
)
def test_segment_gives_back_any_bits(bits: NDArray[np.uint32]) -> None:
    names = [hashlib.sha256(bytes([number])).hexdigest() for number in range(len(bits))]
    rows = dict(zip(names, bits.view(np.float32), strict=True))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "some.rows"
        path.write_bytes(module._packed(rows))

        read = module._rows(path)

        assert module._photos(path) == names
        assert read is not None
        assert read.tobytes() == bits.tobytes()


# what makes another shelf


@pytest.mark.parametrize(
    "changed",
    [
        {"graph": b"other graph"},
        {"engine": Colours("Colours 2, fp32")},
        {"spec": dataclasses.replace(RULE, size_px=25)},
        {"spec": dataclasses.replace(RULE, crop_fraction=0.9)},
    ],
    ids=["graph", "engine", "size", "crop"],
)
def test_other_settings_are_another_shelf(changed: dict[str, object], photos: list[Photo]) -> None:
    embedded(photos)
    engine = Colours()

    embedded(photos, **{"engine": engine, **changed})  # type: ignore[arg-type]

    used = changed.get("engine", engine)
    assert isinstance(used, Colours)
    assert used.photos == COUNT


@pytest.mark.parametrize("name", ["FORMAT", "pillow_version"])
def test_other_version_is_another_shelf(
    name: str, photos: list[Photo], monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded(photos)
    monkeypatch.setattr(module, name, "other")

    assert n_computed(photos) == COUNT


@pytest.mark.parametrize("name", ["processor", "features", "architecture"])
def test_other_processor_is_another_shelf(
    name: str, photos: list[Photo], monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded(photos)
    here = machine()
    monkeypatch.setattr(module, "machine", lambda: {**here, name: "other"})

    assert n_computed(photos) == COUNT


# what is on disk


def test_segments_hold_so_many_photos_at_most(photos: list[Photo]) -> None:
    embedded(photos)

    sizes = sorted(path.stat().st_size for path in files())
    assert sizes == [12 + 32 + (32 + 4 * 3) * count for count in (3, 4, 4)]


def test_nothing_is_kept_or_found_where_that_is_asked_for(photos: list[Photo]) -> None:
    assert n_computed(photos, cache=False) == COUNT
    assert files() == []
    embedded(photos)

    assert n_computed(photos, cache=False) == COUNT


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def longer(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"x")


def empty(path: Path) -> None:
    os.truncate(path, 0)


def overwritten(place: int) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        with path.open("r+b") as file:
            file.seek(place, os.SEEK_SET if place >= 0 else os.SEEK_END)
            file.write(b"\xff")

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        cut,
        longer,
        empty,
        overwritten(0),  # the mark
        overwritten(7),  # how many: more than memory could hold
        overwritten(12),  # the first photo's hash
        overwritten(-40),  # the last photo's features
        overwritten(-1),  # the hash of it all
    ],
    ids=["cut", "longer", "empty", "mark", "count", "photo", "features", "hash"],
)
def test_damaged_segment_is_made_again(damage: Callable[[Path], None], photos: list[Photo]) -> None:
    expected = embedded(photos)
    damage(next(path for path in files() if module._photos(path) == hashes(photos[:4])))
    engine = Colours()

    again = embedded(photos, engine)

    assert engine.photos == 4
    assert again.tobytes() == expected.tobytes()
    assert n_computed(photos) == 0


def hashes(photos: Sequence[Photo]) -> list[str]:
    return [photo.sha256 for photo in photos]


def test_segment_that_goes_while_it_is_read_is_made_again(
    photos: list[Photo], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = embedded(photos)

    def then_gone(path: Path) -> list[str]:
        held = found(path)
        path.unlink()
        return held

    found = module._photos
    monkeypatch.setattr(module, "_photos", then_gone)

    assert embedded(photos).tobytes() == expected.tobytes()


def test_use_makes_a_segment_the_most_recently_used(photos: list[Photo]) -> None:
    embedded(photos)
    for path in files():
        os.utime(path, (1, 1))

    embedded(photos[:2])

    used = [path for path in files() if path.stat().st_mtime > 1]
    assert [module._photos(path) for path in used] == [hashes(photos[:4])]


def test_least_recently_used_segment_goes_for_a_new_one(
    photos: list[Photo], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINEAMENT_CACHE_GB", "0.0000005")  # 500 bytes: two segments of four
    embedded(photos[:4])
    embedded(photos[4:8])
    os.utime(next(path for path in files() if module._photos(path) == hashes(photos[:4])), (1, 1))

    embedded(photos[8:])

    assert n_computed(photos[4:]) == 0
    assert n_computed(photos[:4]) == 4


# interruptions


def test_interruption_loses_nothing(photos: list[Photo]) -> None:
    with pytest.raises(KeyboardInterrupt):
        embedded(photos, Colours(fails_after=6))

    assert n_computed(photos) == COUNT - 6


def test_photo_that_cannot_be_read_is_named_and_those_before_it_are_kept(
    photos: list[Photo],
) -> None:
    bad = photos[6]
    bad.path.write_bytes(b"")

    with pytest.raises(DataError) as caught:
        embedded(photos)

    assert str(caught.value) == (
        f"{bad.path} cannot be read: empty file.\n"
        "  fix: The photo was there when the dataset was prepared; prepare the dataset again."
    )
    assert n_computed([each for each in photos if each != bad]) == COUNT - 1 - 6


EMBED = """
import sys
from pathlib import Path
from lineament.core.executor import LocalExecutor
from lineament.core.files import sha256_file
from lineament.core.progress import Quiet
from lineament.training import stored_features as module
from lineament.training.stored_features import Photo, StoredFeatures
sys.path.insert(0, sys.argv[1])
from test_training_stored_features import RULE, Colours

class Told(Quiet):
    def advance(self, steps=1):
        print("embedded", flush=True)
        sys.stdin.readline()

module.SEGMENT = 4
photos = [Photo(sha256=sha256_file(Path(each)), path=Path(each)) for each in sys.argv[2:]]
stored = StoredFeatures(b"graph", RULE, progress=Told())
rows = stored.embed(photos, Colours(), executor=LocalExecutor(1), task="features")
print(rows.tobytes().hex(), flush=True)
"""


def embedding(photos: Sequence[Photo]) -> subprocess.Popen[str]:
    """A process that embeds photos, and waits for a line after each of them."""
    paths = [str(photo.path) for photo in photos]
    return subprocess.Popen(
        [sys.executable, "-c", EMBED, str(Path(__file__).parent), *paths],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def answer(process: subprocess.Popen[str]) -> None:
    """Let a process go on to the next photo."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "embedded\n"


def begin(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "embedded\n"


@pytest.mark.parametrize(("after", "lost"), [(3, 3), (6, 2), (10, 2)])
def test_killed_process_loses_less_than_a_segment(
    after: int, lost: int, photos: list[Photo]
) -> None:
    with embedding(photos) as process:
        begin(process)
        for _ in range(after - 1):
            answer(process)
        process.send_signal(signal.SIGKILL)
    engine = Colours()

    rows = embedded(photos, engine)

    assert engine.photos == COUNT - after + lost
    assert rows.tobytes() == plain(photos).tobytes()


def test_two_processes_at_once_both_give_the_features(photos: list[Photo]) -> None:
    with embedding(photos) as one, embedding(photos[::-1]) as other:
        for process in (one, other):
            begin(process)
        for _ in range(5):
            for process in (one, other):
                answer(process)
        said = [each.communicate("\n" * COUNT)[0].splitlines()[-1] for each in (one, other)]

    expected = plain(photos)
    assert said == [expected.tobytes().hex(), expected[::-1].tobytes().hex()]
    assert {path.suffix for path in files()} == {".rows"}
    assert n_computed(photos) == 0


# no room


def test_full_disk_means_that_nothing_is_kept_and_is_said_once(
    photos: list[Photo], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINEAMENT_CACHE_GB", "50")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**12, 10**12, 300))
    progress = Listening()

    rows = embedded(photos, progress=progress)

    assert progress.heard == [
        f"features: {COUNT}",
        f"Features are not kept: {cache_folder() / 'features'} has 1 MB free, 1 MB are needed. "
        "The next run computes them again. Make room there, or let `LINEAMENT_CACHE` name a folder "
        "on another disk.",
    ]
    assert files() == []
    assert rows.tobytes() == plain(photos).tobytes()


def test_features_that_do_not_fit_together_remove_nothing(
    photos: list[Photo], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINEAMENT_CACHE_GB", "0.0000005")  # 500 bytes: two segments of four
    embedded(photos[:4])

    rows = embedded(photos, graph=b"other")

    assert n_computed(photos[:4]) == 0
    assert rows.tobytes() == plain(photos).tobytes()


def test_disk_that_fills_up_meanwhile_keeps_what_was_written(
    photos: list[Photo], monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[int] = []
    fsync = os.fsync

    def full(handle: int) -> None:
        if done:
            raise OSError(28, "No space left on device")
        done.append(handle)
        fsync(handle)

    progress = Listening()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        rows = embedded(photos, progress=progress)

    assert len(progress.heard) == 2
    assert progress.heard[1].startswith("Features are not kept: ")
    assert "could not be written: No space left on device." in progress.heard[1]
    assert rows.tobytes() == plain(photos).tobytes()
    assert n_computed(photos) == COUNT - 4


def test_folder_that_may_not_be_made_means_that_nothing_is_kept(
    photos: list[Photo], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LINEAMENT_CACHE", str(tmp_path / "file"))
    progress = Listening()

    rows = embedded(photos, progress=progress)

    assert progress.heard[-1].startswith("Features are not kept: ")
    assert rows.tobytes() == plain(photos).tobytes()


def test_limit_that_is_no_number_is_said_before_photos_are_embedded(
    photos: list[Photo], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINEAMENT_CACHE_GB", "all")
    engine = Colours()

    with pytest.raises(UsageError):
        embedded(photos, engine)

    assert engine.photos == 0


# what is said


def test_photos_found_are_those_of_earlier_runs(photos: list[Photo]) -> None:
    embedded(photos[:3])
    stored = StoredFeatures(b"graph", RULE, progress=QUIET)
    where = LocalExecutor(workers=1)

    stored.embed(photos[:5], Colours(), executor=where, task="a few")
    stored.embed(photos, Colours(), executor=where, task="all")

    assert stored.found == set(hashes(photos[:3]))


def test_progress_counts_what_is_computed_and_no_bar_is_shown_for_nothing(
    photos: list[Photo],
) -> None:
    embedded(photos[:4])
    progress = Listening()

    embedded(photos, progress=progress)
    embedded(photos, progress=progress)

    assert progress.heard == ["features: 7"]
