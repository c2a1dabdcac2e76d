"""Videos: frames of the videos in class folders, taken at a steady rate; photos beside them too.

Which frames there are is read from the container without decoding; they are decoded when they are
asked for, each video once from its beginning to its end.
"""

import bisect
import dataclasses
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lineament.core.errors import ImageError, UsageError
from lineament.core.progress import QUIET, Progress, tracked
from lineament.imaging.decode import IMAGE_SUFFIXES
from lineament.imaging.opencv import quiet_opencv
from lineament.preparation.sources.layout import read_layout
from lineament.preparation.sources.listing import Candidate, Content, Layout
from lineament.preparation.sources.scan import Found, find_files

if TYPE_CHECKING:
    import cv2

VIDEO_SUFFIXES = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm"})
MAX_FPS = 500.0  # names give milliseconds, and two frames must not share one

# A container says how long it is; a video that holds less by more than both of these was cut off.
# Sound that is longer than the picture must not look like that.
MISSING_S = 0.5
MISSING_FRACTION = 0.05

FRAME = re.compile(r"(?P<seconds>\d{6,}\.\d{3})s")  # what the name of a frame ends in

UNREADABLE_VIDEO = "cannot be opened as a video"
NO_FRAME = "the video has no frame that can be decoded at this time"


def holds_videos(files: Sequence[Found]) -> bool:
    """Tell whether there is a video among scanned files."""
    return any(file.regular and _is_video(file.relative) for file in files)


@dataclasses.dataclass(frozen=True, kw_only=True)
class VideoFolderSource:
    """Videos, and photos, in class folders.

    Attributes:
        folder: The folder of class folders, or of splits with class folders.
        fps: How many frames of each second, above 0 and at most `MAX_FPS`; a video that has fewer
            gives each of its frames once.
    """

    folder: Path
    fps: float

    def __post_init__(self) -> None:
        if not 0 < self.fps <= MAX_FPS:
            raise UsageError(
                f"`fps` must be above 0 and at most {MAX_FPS:g}, got {self.fps:g}.",
                fix="Give the frames to take of each second, such as 1 or 0.5.",
            )

    @property
    def name(self) -> str:
        """The folder as it was given."""
        return str(self.folder)

    def layout(self, *, progress: Progress = QUIET) -> Layout:
        """Scan the folder and list the frames to take of each video.

        Frames are named ``class/clip.mp4/000012.400s``, after the time since the first one. A video
        that cannot be opened, or that ends early, is itself listed as a photo that cannot be read.

        Raises:
            MissingExtraError: The extra ``video`` is not installed.
            DataError: There is no photo and no video in class folders.
        """
        opencv = _opencv()
        files = find_files(self.folder, progress=progress)
        whole = read_layout(self.name, files, suffixes=IMAGE_SUFFIXES | VIDEO_SUFFIXES)
        candidates = [each for each in whole.candidates if not _is_video(each.relative)]
        videos = [each for each in whole.candidates if _is_video(each.relative)]
        for video in tracked(videos, progress, "listing frames", len(videos)):
            found = _frames(opencv, _path(video))
            if not found.complete:
                candidates.append(video)
            candidates += [
                dataclasses.replace(
                    video,
                    relative=f"{video.relative}/{time_ms / 1000:010.3f}s",
                    group=video.relative,
                    metadata={"video": video.relative, "time": f"{time_ms / 1000:.3f}"},
                )
                for time_ms in _chosen(found.times_ms, self.fps)
            ]
        return dataclasses.replace(
            whole, candidates=tuple(sorted(candidates, key=lambda each: each.relative))
        )

    def contents(self, candidates: Sequence[Candidate]) -> Iterator[tuple[Candidate, Content]]:
        """Give photos as their files and frames as pixels, each video in one pass."""
        frames: dict[Path, dict[int, Candidate]] = {}
        for candidate in candidates:
            path = _path(candidate)
            frame = FRAME.fullmatch(PurePosixPath(candidate.relative).name)
            if frame is not None:
                frames.setdefault(path, {})[round(1000 * float(frame["seconds"]))] = candidate
            elif _is_video(candidate.relative):
                yield candidate, _fault(_opencv(), path)
            else:
                yield candidate, path
        for path, wanted in frames.items():
            for time_ms, content in _decoded(_opencv(), path, sorted(wanted)):
                yield wanted[time_ms], content


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Frames:
    """When a video has frames, in milliseconds since its first one, and how long it claims to be.

    Attributes:
        times_ms: In rising order, each once; empty for a video that cannot be opened.
        stated_ms: What the container says; 0 where it says nothing.
        complete: Whether the video can be opened and does not end early.
    """

    times_ms: tuple[int, ...]
    stated_ms: int
    complete: bool


def _opencv() -> ModuleType:
    return quiet_opencv("reading videos")


def _is_video(relative: str) -> bool:
    name = PurePosixPath(relative).name
    return not name.startswith(".") and PurePosixPath(name).suffix.lower() in VIDEO_SUFFIXES


def _path(candidate: Candidate) -> Path:
    assert candidate.path is not None  # everything below a folder is a file
    return candidate.path


def _frames(opencv: ModuleType, path: Path) -> _Frames:
    """Find when a video has frames: from its packets, or by decoding where these do not tell."""
    packets = opencv.VideoCapture(
        str(path),
        opencv.CAP_FFMPEG,
        [opencv.CAP_PROP_FORMAT, -1],  # -1: packets, not pixels
    )
    count, rate = packets.get(opencv.CAP_PROP_FRAME_COUNT), packets.get(opencv.CAP_PROP_FPS)
    in_packets = sorted(_times(opencv, packets))
    times = in_packets
    if not in_packets or not _reaches(opencv, path, in_packets[-1]):
        times = sorted(_times(opencv, opencv.VideoCapture(str(path), opencv.CAP_FFMPEG)))
    if not times:
        return _Frames(times_ms=(), stated_ms=0, complete=False)
    stated_ms = round(1000 * count / rate) if count > 0 and rate > 0 else 0
    frame_ms = 1000 / rate if rate > 0 else 0
    # Packets that an editor has hidden are in the file all the same: it was not cut off.
    read_ms = max(times[-1] - times[0], in_packets[-1] - in_packets[0] if in_packets else 0)
    missing_ms = stated_ms - read_ms - frame_ms
    short = missing_ms > max(1000 * MISSING_S, MISSING_FRACTION * stated_ms)
    return _Frames(
        times_ms=tuple(sorted({round(time - times[0]) for time in times})),
        stated_ms=stated_ms,
        complete=not short,
    )


def _times(opencv: ModuleType, capture: "cv2.VideoCapture") -> Iterator[float]:
    """The time of each frame or packet, in milliseconds, in the order of the file."""
    while capture.grab():
        yield float(capture.get(opencv.CAP_PROP_POS_MSEC))


def _reaches(opencv: ModuleType, path: Path, time_ms: float) -> bool:
    """Whether decoding gives a frame at the time of the last packet.

    It does not where an editor has hidden packets, or where the last ones are damaged.
    """
    capture = opencv.VideoCapture(str(path), opencv.CAP_FFMPEG)
    capture.set(opencv.CAP_PROP_POS_MSEC, time_ms)
    return bool(capture.grab()) and abs(capture.get(opencv.CAP_PROP_POS_MSEC) - time_ms) <= 1


def _chosen(times_ms: Sequence[int], fps: float) -> list[int]:
    """The first frame at or after each multiple of ``1 / fps`` seconds.

    Example:
        >>> _chosen([0, 33, 67, 100, 133, 167, 200], 10.0)
        [0, 100, 200]
        >>> _chosen([0, 400, 800], 10.0)
        [0, 400, 800]
    """
    chosen: list[int] = []
    following = 0  # the next multiple that has no frame yet
    for time_ms in times_ms:
        place = math.floor((time_ms + 1) * fps / 1000)  # times are rounded to a millisecond
        if place >= following:
            chosen.append(time_ms)
            following = place + 1
    return chosen


def _decoded(
    opencv: ModuleType, path: Path, wanted_ms: Sequence[int]
) -> Iterator[tuple[int, NDArray[np.uint8] | ImageError]]:
    """Decode a video once and give the frames at some times, in their order."""
    capture = opencv.VideoCapture(str(path), opencv.CAP_FFMPEG)
    first_ms: float | None = None
    following = 0
    while following < len(wanted_ms) and capture.grab():
        position = float(capture.get(opencv.CAP_PROP_POS_MSEC))
        first_ms = position if first_ms is None else first_ms
        time_ms = round(position - first_ms)
        passed = bisect.bisect_left(wanted_ms, time_ms, lo=following)
        for missed in wanted_ms[following:passed]:
            yield missed, ImageError(NO_FRAME)
        following = passed
        if following < len(wanted_ms) and wanted_ms[following] == time_ms:
            whole, frame = capture.retrieve()  # upright: OpenCV turns frames as the video says
            rgb = np.ascontiguousarray(frame[:, :, ::-1]) if whole else ImageError(NO_FRAME)
            yield time_ms, rgb
            following += 1
    for missed in wanted_ms[following:]:
        yield missed, ImageError("the video ends before this frame")


def _fault(opencv: ModuleType, path: Path) -> ImageError:
    """Why a video is not, or not wholly, there."""
    frames = _frames(opencv, path)
    if not frames.times_ms:
        return ImageError(UNREADABLE_VIDEO)
    return ImageError(
        f"ends after {frames.times_ms[-1] / 1000:.1f} of {frames.stated_ms / 1000:.1f} seconds"
    )
