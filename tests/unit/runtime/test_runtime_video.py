"""Frames come in order with their times; a camera's newest one is given, and none waits."""

import itertools
import struct
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lineament.core.errors import ArtifactError, DataError, UsageError
from lineament.runtime import video
from lineament.runtime.video import Camera, VideoFile
from lineament.runtime.video_writing import VideoWriter

Pixels = NDArray[np.uint8]
cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed: videos were not tried")


def plain(level: int, *, size: tuple[int, int] = (48, 64)) -> Pixels:
    """A plain picture: red, and a shade of it that tells frames apart."""
    return np.full((*size, 3), (200, level, 30), dtype=np.uint8)


@pytest.fixture
def film(tmp_path: Path) -> Callable[..., Path]:
    def write(levels: Sequence[int], *, name: str = "a.mp4", fps: float = 20) -> Path:
        with VideoWriter(tmp_path / name, fps=fps, overwrite=False, flag="--out-video") as writer:
            for level in levels:
                writer.write(plain(level))
        return tmp_path / name

    return write


class FakeCapture:
    """A camera that gives a picture whenever it is told to."""

    def __init__(self, pictures: Sequence[Pixels], *, opens: bool = True) -> None:
        self.pictures, self.opens = list(pictures), opens
        self.go = threading.Semaphore(0)
        self.is_released = False

    def isOpened(self) -> bool:  # noqa: N802
        return self.opens

    def read(self) -> tuple[bool, Pixels | None]:
        self.go.acquire(timeout=5)
        return (True, self.pictures.pop(0)) if self.pictures else (False, None)

    def get(self, property: int, /) -> float:
        return 0.0

    def release(self) -> None:
        self.is_released = True


@pytest.mark.parametrize("name", ["a.mp4", "a.avi"])
def test_what_is_written_is_read_again_in_order(film: Callable[..., Path], name: str) -> None:
    levels = [10, 60, 110, 160, 210]
    source = VideoFile(film(levels, name=name))

    frames = list(source.frames())

    assert [frame.number for frame in frames] == [0, 1, 2, 3, 4]
    assert [frame.seconds for frame in frames] == pytest.approx([0, 0.05, 0.1, 0.15, 0.2], abs=1e-3)
    for frame, level in zip(frames, levels, strict=True):
        assert frame.pixels.dtype == np.uint8
        assert np.abs(frame.pixels.mean((0, 1)) - (200, level, 30)).max() < 12  # red stays first
    assert (source.fps, source.n_frames, source.shortfall()) == (20, 5, None)
    source.close()


def test_video_with_fewer_frames_than_it_says_was_cut_off(film: Callable[..., Path]) -> None:
    whole = film([100] * 200, name="a.avi")
    cut = whole.with_name("cut.avi")
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    source = VideoFile(cut)

    n_read = sum(1 for _ in source.frames())

    assert 0 < n_read < 190
    assert str(source.shortfall()) == (
        f"{cut} was cut off or is damaged: of 200 frames that it says it has, {n_read} could be "
        "read and were answered.\n"
        "  fix: Copy or record it again."
    )


def test_video_that_was_not_read_to_its_end_lacks_nothing(film: Callable[..., Path]) -> None:
    source = VideoFile(film([100] * 50))

    next(source.frames())

    assert source.shortfall() is None


def test_webm_whose_frames_were_estimated_lacks_nothing_where_its_time_is_whole(
    film: Callable[..., Path],
) -> None:
    whole = film([100] * 40)
    source = VideoFile(whole)
    source.n_frames, source.fps = 60, 30.0  # two seconds of pictures that come at any times
    list(source.frames())

    counted = source.shortfall()
    source._is_estimated = True

    assert counted is not None
    assert source.shortfall() is None


def test_video_that_was_filmed_upright_is_read_upright(film: Callable[..., Path]) -> None:
    lying = film([100] * 3)
    content = bytearray(lying.read_bytes())
    track = content.index(b"tkhd") + 4
    turn = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 48 << 16, 0, 1 << 30)
    content[track + 40 : track + 76] = turn
    lying.write_bytes(content)

    assert next(VideoFile(lying).frames()).pixels.shape == (64, 48, 3)


@pytest.mark.parametrize("content", [b"", b"no video", b"\0" * 5000])
def test_what_is_no_video_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(content)

    with pytest.raises(DataError) as caught:
        VideoFile(tmp_path / "a.mp4")

    assert caught.value.what == f"{tmp_path / 'a.mp4'} cannot be opened as a video."


def test_video_that_is_absent_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.mp4 is no file\."):
        VideoFile(tmp_path / "a.mp4")


def test_video_without_a_frame_is_refused(
    film: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = VideoFile(film([1]))
    list(source.frames())
    source.n_read = 0

    with pytest.raises(DataError, match="has no frame that can be decoded"):
        list(source.frames())


def test_camera_gives_the_newest_picture_and_passes_over_the_others() -> None:
    capture = FakeCapture([plain(level) for level in (1, 2, 3, 4)])
    camera = Camera(0, capture=capture)
    frames = camera.frames()

    capture.go.release()
    first = next(frames)
    for _ in range(3):
        capture.go.release()
    while camera._newest is None or camera._newest.number < 3:
        pass
    newest = next(frames)

    assert (first.number, first.seconds) == (0, 0.0)
    assert newest.number == 3
    assert newest.pixels[0, 0].tolist() == [30, 4, 200]  # a capture's blue comes first
    camera.close()
    assert capture.is_released


def test_camera_that_ends_ends_the_frames() -> None:
    capture = FakeCapture([plain(1)])
    camera = Camera(0, capture=capture)
    frames = camera.frames()
    capture.go.release()
    next(frames)

    capture.go.release()

    assert list(frames) == []
    assert str(camera.shortfall()) == (
        "camera 0 gave no more pictures; those before were answered.\n"
        "  fix: See whether it is still connected."
    )
    camera.close()


def test_camera_reads_what_opencv_opens(film: Callable[..., Path]) -> None:
    camera = Camera(0, capture=cv2.VideoCapture(str(film([100] * 30))))

    frames = list(camera.frames())

    camera.close()
    assert frames[-1].number == 29
    assert camera.fps == 20
    assert all(one.number < later.number for one, later in itertools.pairwise(frames))
    assert all(one.seconds <= later.seconds for one, later in itertools.pairwise(frames))


def test_camera_that_is_closed_lacks_nothing() -> None:
    capture = FakeCapture([plain(1)])
    camera = Camera(0, capture=capture)
    frames = camera.frames()
    capture.go.release()
    next(frames)

    capture.go.release()
    camera.close()

    assert (list(frames), camera.shortfall()) == ([], None)


@pytest.mark.parametrize("number", [-1, 100, 5_000_000_000])
def test_number_that_no_camera_has_is_refused(number: int) -> None:
    with pytest.raises(UsageError) as caught:
        Camera(number)

    assert str(caught.value) == (
        f"`--camera` must be from 0 to 99, got {number}.\n"
        "  fix: Cameras are counted from 0: `--camera 0`."
    )


def test_camera_without_a_picture_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "PATIENCE_S", 0.05)
    capture = FakeCapture([])
    camera = Camera(2, capture=capture)

    with pytest.raises(DataError, match=r"camera 2 gives no picture\."):
        next(camera.frames())

    capture.go.release()
    camera.close()


def test_camera_that_is_not_there_is_refused() -> None:
    with pytest.raises(DataError) as caught:
        Camera(7, capture=FakeCapture([], opens=False))

    assert caught.value.what == "There is no camera 7, or another program has it."


def test_video_is_not_there_until_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "a.mp4"
    with VideoWriter(target, fps=10, overwrite=False, flag="--out-video") as writer:
        writer.write(plain(1))
        assert not target.exists()

    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def levels_of(path: Path) -> list[int]:
    return [int(frame.pixels[:, :, 1].mean().round(-1)) for frame in VideoFile(path).frames()]


def write_at(target: Path, times: Sequence[tuple[int, float]]) -> list[int]:
    with VideoWriter(target, fps=10, overwrite=False, flag="--out-video") as writer:
        for level, at in times:
            writer.write(plain(level), at=at)
    return levels_of(target)


def test_frame_is_shown_until_the_next_one_comes(tmp_path: Path) -> None:
    shown = write_at(tmp_path / "a.avi", [(100, 0), (200, 0.31), (50, 0.4)])

    assert shown == [100, 100, 100, 200, 50]


def test_frames_that_come_too_fast_are_left_out(tmp_path: Path) -> None:
    shown = write_at(tmp_path / "a.avi", [(100, 0), (200, 0.02), (50, 0.1)])

    assert shown == [100, 50]


def test_time_that_jumps_does_not_fill_the_disk(tmp_path: Path) -> None:
    shown = write_at(tmp_path / "a.avi", [(100, 0), (200, 1e9), (50, 1e9 + 0.1)])

    assert len(shown) == 101 + 2  # ten seconds after the first
    assert shown[-2:] == [200, 50]


def _broken(writer: VideoWriter) -> None:
    with writer:
        writer.write(plain(1))
        raise RuntimeError("stop")


def test_of_an_error_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        _broken(VideoWriter(tmp_path / "a.mp4", fps=10, overwrite=False, flag="--out-video"))

    assert list(tmp_path.iterdir()) == []


def test_of_a_video_that_was_about_to_be_opened_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(target: str, *_: object) -> None:
        Path(target).touch()
        raise RuntimeError("stop")

    monkeypatch.setattr(cv2, "VideoWriter", interrupted)
    interrupted.fourcc = lambda *_: 0  # type: ignore[attr-defined]

    with pytest.raises(RuntimeError, match="stop"):
        _broken(VideoWriter(tmp_path / "a.mp4", fps=10, overwrite=False, flag="--out-video"))

    assert list(tmp_path.iterdir()) == []


def test_frame_of_another_size_is_fitted(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", fps=10, overwrite=False, flag="--out-video") as writer:
        writer.write(plain(1))
        writer.write(plain(1, size=(96, 128)))

    assert {frame.pixels.shape for frame in VideoFile(tmp_path / "a.mp4").frames()} == {(48, 64, 3)}


def test_other_kinds_of_video_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        VideoWriter(tmp_path / "a.gif", fps=10, overwrite=False, flag="--out-video")

    assert caught.value.what == f"`--out-video` must end in .mp4 or .avi, got {tmp_path}/a.gif."


def test_video_that_is_there_is_not_replaced(film: Callable[..., Path]) -> None:
    path = film([1])

    with pytest.raises(ArtifactError, match="exists"):
        VideoWriter(path, fps=10, overwrite=False, flag="--out-video")
