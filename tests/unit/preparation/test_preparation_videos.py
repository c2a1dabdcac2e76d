"""Videos in class folders as a source of frames."""

import itertools
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lineament.core.errors import DataError, ImageError, MissingExtraError, UsageError
from lineament.preparation.sources.listing import Content
from lineament.preparation.sources.scan import find_files
from lineament.preparation.sources.videos import (
    VideoFolderSource,
    _chosen,
    _opencv,
    holds_videos,
)

pytest.importorskip("cv2")
cv2 = _opencv()  # before anything else uses it: how much its decoders say is asked once

Draw = Callable[..., NDArray[np.uint8]]
Film = Callable[..., Path]
RED = (200, 30, 30)


@pytest.fixture
def film(tmp_path: Path) -> Film:
    """Write a video whose ``n``-th frame is ``5 + 6 n`` bright, or of one colour."""

    def write(
        name: str,
        *,
        frames: int = 30,
        fps: float = 10.0,
        colour: tuple[int, int, int] | None = None,
        codec: str = "mp4v",
    ) -> Path:
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), fps, (64, 48))
        assert writer.isOpened()
        for index in range(frames):
            level = colour or (5 + 6 * index,) * 3
            frame = np.empty((48, 64, 3), dtype=np.uint8)
            frame[:] = level[::-1]
            writer.write(frame)
        writer.release()
        return path

    return write


def frames_of(folder: Path, fps: float) -> dict[str, Content]:
    source = VideoFolderSource(folder=folder, fps=fps)
    candidates = source.layout().candidates
    found = {each.relative: content for each, content in source.contents(candidates)}
    assert found.keys() == {each.relative for each in candidates}
    return found


def level(content: Content) -> int:
    assert isinstance(content, np.ndarray)
    return round((float(content.mean()) - 5) / 6)


def test_frames_are_taken_at_the_rate_that_was_asked_for(film: Film, tmp_path: Path) -> None:
    film("happy/clip.mp4", frames=25, fps=10)
    found = frames_of(tmp_path / "photos", 2.0)
    assert {name: level(content) for name, content in found.items()} == {
        "happy/clip.mp4/000000.000s": 0,
        "happy/clip.mp4/000000.500s": 5,
        "happy/clip.mp4/000001.000s": 10,
        "happy/clip.mp4/000001.500s": 15,
        "happy/clip.mp4/000002.000s": 20,
    }


def test_a_slower_video_gives_every_frame_once(film: Film, tmp_path: Path) -> None:
    film("happy/clip.avi", frames=12, fps=10, codec="MJPG")
    assert [level(each) for each in frames_of(tmp_path / "photos", 60.0).values()] == [*range(12)]


@pytest.mark.parametrize(
    ("name", "codec"), [("clip.avi", "MJPG"), ("clip.mkv", "mp4v"), ("clip.webm", "VP80")]
)
def test_other_containers_are_read(film: Film, tmp_path: Path, name: str, codec: str) -> None:
    film(f"happy/{name}", frames=20, fps=10, codec=codec)
    levels = [level(each) for each in frames_of(tmp_path / "photos", 2.0).values()]
    assert levels == [0, 5, 10, 15]


def test_a_frame_belongs_to_its_video(film: Film, tmp_path: Path) -> None:
    film("happy/day 1/clip.mp4")
    layout = VideoFolderSource(folder=tmp_path / "photos", fps=1.0).layout()
    frame = layout.candidates[1]
    assert (frame.relative, frame.class_name, frame.group, dict(frame.metadata)) == (
        "happy/day 1/clip.mp4/000001.000s",
        "happy",
        "happy/day 1/clip.mp4",
        {"video": "happy/day 1/clip.mp4", "time": "1.000"},
    )


def test_colours_are_in_rgb_order(film: Film, tmp_path: Path) -> None:
    film("happy/clip.mp4", frames=1, colour=RED)
    [content] = frames_of(tmp_path / "photos", 1.0).values()
    assert isinstance(content, np.ndarray)
    np.testing.assert_allclose(content.mean(axis=(0, 1)), RED, atol=4)


def test_a_video_that_says_it_lies_on_its_side_is_turned(film: Film, tmp_path: Path) -> None:
    path = film("happy/clip.mp4", frames=2)
    data = path.read_bytes()
    place = data.index(b"tkhd") + 44  # the matrix of the track header, ISO/IEC 14496-12
    quarter = struct.pack(">9i", 0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
    path.write_bytes(data[:place] + quarter + data[place + len(quarter) :])
    contents = frames_of(tmp_path / "photos", 10.0).values()
    assert [each.shape for each in contents if isinstance(each, np.ndarray)] == [(64, 48, 3)] * 2


def test_given_splits_are_folders_as_for_photos(film: Film, tmp_path: Path) -> None:
    for split, kind in itertools.product(("train", "val"), ("happy", "sad")):
        film(f"{split}/{kind}/clip.mp4", frames=2)
    layout = VideoFolderSource(folder=tmp_path / "photos", fps=1.0).layout()
    assert layout.given == {"train": "train", "validation": "val"}
    assert layout.classes == ("happy", "sad")
    assert layout.candidates[-1].split == "validation"


def test_photos_beside_videos_are_photos(film: Film, tmp_path: Path, draw_photo: Draw) -> None:
    film("happy/clip.mp4", frames=1)
    photo = tmp_path / "photos" / "happy" / "a.png"
    Image.fromarray(draw_photo(0, 9, 8)).save(photo)
    assert frames_of(tmp_path / "photos", 1.0)["happy/a.png"] == photo


def test_other_files_are_rejected(film: Film, tmp_path: Path) -> None:
    film("happy/clip.mp4", frames=1)
    (tmp_path / "photos" / "happy" / "clip.srt").write_text("")
    layout = VideoFolderSource(folder=tmp_path / "photos", fps=1.0).layout()
    assert [(each.relative, each.reason) for each in layout.rejected] == [
        ("happy/clip.srt", "not named like an image")
    ]


def test_a_video_that_cannot_be_opened_spoils_no_other(
    film: Film, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    film("happy/clip.mp4", frames=1)
    path = film("sad/clip.mp4")
    path.write_bytes(path.read_bytes()[:900])  # the index of this container is at its end
    found = frames_of(tmp_path / "photos", 1.0)
    assert sorted(found) == ["happy/clip.mp4/000000.000s", "sad/clip.mp4"]
    assert isinstance(found["sad/clip.mp4"], ImageError)
    assert str(found["sad/clip.mp4"]) == "cannot be opened as a video"
    assert capfd.readouterr() == ("", "")


def test_a_video_that_ends_early_gives_what_it_holds_and_says_so(
    film: Film, tmp_path: Path
) -> None:
    path = film("happy/clip.avi", frames=40, codec="MJPG")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 4])
    found = frames_of(tmp_path / "photos", 1.0)
    assert str(found.pop("happy/clip.avi")) == "ends after 2.5 of 4.0 seconds"
    assert [level(content) for content in found.values()] == [0, 10, 20]


def test_frames_of_a_video_that_was_cut_since_are_told(film: Film, tmp_path: Path) -> None:
    path = film("happy/clip.avi", frames=40, codec="MJPG")
    source = VideoFolderSource(folder=tmp_path / "photos", fps=1.0)
    candidates = source.layout().candidates
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    contents = [content for _, content in source.contents(candidates)]
    assert [str(each) for each in contents[2:]] == ["the video ends before this frame"] * 2


def test_some_frames_may_be_asked_for_alone(film: Film, tmp_path: Path) -> None:
    film("happy/clip.mp4")
    source = VideoFolderSource(folder=tmp_path / "photos", fps=1.0)
    [(_, content)] = source.contents(source.layout().candidates[2:])
    assert level(content) == 20


def test_videos_are_found_among_files(film: Film, tmp_path: Path) -> None:
    (tmp_path / "photos" / "happy").mkdir(parents=True)
    (tmp_path / "photos" / "happy" / "._clip.mp4").write_bytes(b"")
    assert not holds_videos(find_files(tmp_path / "photos"))
    film("happy/CLIP.MP4", frames=1)
    assert holds_videos(find_files(tmp_path / "photos"))


def test_a_folder_without_videos_and_photos_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(DataError) as caught:
        VideoFolderSource(folder=tmp_path, fps=1.0).layout()
    assert str(caught.value) == (
        f"{tmp_path} holds no images.\n"
        "  fix: Name a folder of class folders with files ending in .avi, .avif, .bmp, .gif, "
        ".heic, .heif, .jfif, .jpe, .jpeg, .jpg, .m4v, .mkv, .mov, .mp4, .pbm, .pgm, .png, .pnm, "
        ".ppm, .tif, .tiff, .webm, .webp."
    )


@pytest.mark.parametrize("fps", [0.0, -1.0, 501.0, float("nan")])
def test_an_impossible_rate_is_refused(tmp_path: Path, fps: float) -> None:
    with pytest.raises(UsageError) as caught:
        VideoFolderSource(folder=tmp_path, fps=fps)
    assert str(caught.value) == (
        f"`fps` must be above 0 and at most 500, got {fps:g}.\n"
        "  fix: Give the frames to take of each second, such as 1 or 0.5."
    )


def test_without_the_library_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingExtraError) as caught:
        VideoFolderSource(folder=tmp_path, fps=1.0).layout()
    assert caught.value.fix == "Install it with `pip install 'lineament[video]'`."


@hypothesis.given(native=st.floats(1, 240), asked=st.floats(0.2, 240), seconds=st.floats(0.1, 20))
def test_chosen_frames_are_as_many_as_the_rate_says(
    native: float, asked: float, seconds: float
) -> None:
    times = [round(1000 * index / native) for index in range(int(seconds * native) + 1)]
    chosen = _chosen(times, asked)
    assert chosen[0] == 0
    assert set(chosen) <= set(times)
    expected = times[-1] / 1000 * min(asked, native) + 1
    assert expected * 0.95 - 1.1 <= len(chosen) <= expected + 1
