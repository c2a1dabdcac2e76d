"""Video: the frames of a file or of a camera, one after the other."""

import dataclasses
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lineament.core.errors import DataError, UsageError
from lineament.imaging.opencv import quiet_opencv

USUAL_FPS = 25.0  # of a video or camera that does not say
MOST_FPS = 240.0  # a stated rate above is a mistake of the container
# A container says how many frames it has; one that gives less by more than this was cut off.
MISSING_FRACTION = 0.05
MATROSKA = b"\x1a\x45\xdf\xa3"  # begins mkv and webm, whose number of frames is an estimate
CAMERAS = 100  # from there on OpenCV reads a number as another way to reach a camera
PATIENCE_S = 5.0  # until a camera that gives no picture is given up


@dataclasses.dataclass(frozen=True, kw_only=True)
class Frame:
    """One picture of a video.

    Attributes:
        number: From 0; a camera's frames that were passed over are counted.
        seconds: Since the first frame.
        pixels: ``uint8 (H, W, 3)``, RGB, upright.
    """

    number: int
    seconds: float
    pixels: NDArray[np.uint8]


class Capture(Protocol):
    """What this module needs of ``cv2.VideoCapture``."""

    def isOpened(self) -> bool:  # noqa: N802  OpenCV's name
        """Whether there is something to read."""

    def read(self) -> tuple[bool, NDArray[np.uint8] | None]:
        """The next picture, blue first; false at the end."""

    def get(self, property: int, /) -> float:
        """A property; 0 where it is not known."""

    def release(self) -> None:
        """Close it."""


class VideoFile:
    """A video file, read from its beginning to its end.

    Args:
        path: The file.

    Attributes:
        fps: Frames per second, as it says.
        n_frames: How many frames it says it has; 0 where it does not.
        n_read: How many were read by now.

    Raises:
        DataError: It is absent, or no video.
        MissingExtraError: OpenCV is not installed.
    """

    def __init__(self, path: Path | str) -> None:
        path = Path(path)
        module = quiet_opencv("reading videos")
        if not path.is_file():
            raise DataError(f"{path} is no file.", fix="Name a video, such as clip.mp4.")
        self._path = path
        # Its other readers print what they think of a damaged file, whatever they are told.
        has_ffmpeg = module.CAP_FFMPEG in module.videoio_registry.getStreamBackends()
        reader = module.CAP_FFMPEG if has_ffmpeg else module.CAP_ANY
        self._capture: Capture = module.VideoCapture(str(path), reader)
        if not self._capture.isOpened():
            raise DataError(
                f"{path} cannot be opened as a video.",
                fix="Name an mp4, mov, mkv, webm or avi, or convert it with ffmpeg.",
            )
        self._time_ms = module.CAP_PROP_POS_MSEC
        self.fps = _rate(self._capture.get(module.CAP_PROP_FPS))
        self.n_frames = max(0, int(self._capture.get(module.CAP_PROP_FRAME_COUNT)))
        with path.open("rb") as file:
            self._is_estimated = file.read(len(MATROSKA)) == MATROSKA
        self.n_read = 0
        self._read_s, self._has_ended = 0.0, False

    def frames(self) -> Iterator[Frame]:
        """Give its frames.

        Raises:
            DataError: There is none.
        """
        first_s = last_s = 0.0
        while True:
            is_read, pixels = self._capture.read()
            if not is_read or pixels is None:
                break
            at_s = self._capture.get(self._time_ms) / 1000
            if self.n_read == 0:
                first_s = at_s
            elif at_s <= last_s:  # a container without times, or with damaged ones
                at_s = last_s + 1 / self.fps
            last_s = at_s
            self._read_s = at_s - first_s
            yield Frame(number=self.n_read, seconds=at_s - first_s, pixels=_rgb(pixels))
            self.n_read += 1
        self._has_ended = True
        if self.n_read == 0:
            raise DataError(
                f"{self._path} has no frame that can be decoded.",
                fix="See whether a player shows it, or convert it with ffmpeg.",
            )

    def shortfall(self) -> DataError | None:
        """What is missing at its end; ``None`` where nothing is, or where it was not reached."""
        stated_s = (1 - MISSING_FRACTION) * self.n_frames / self.fps
        has_few = self.n_read < (1 - MISSING_FRACTION) * self.n_frames
        is_short = self._read_s + 1 / self.fps < stated_s
        if not (self._has_ended and has_few and (is_short or not self._is_estimated)):
            return None
        return DataError(
            f"{self._path} was cut off or is damaged: of {self.n_frames:,} frames that it says it "
            f"has, {self.n_read:,} could be read and were answered.",
            fix="Copy or record it again.",
        )

    def close(self) -> None:
        """Close the file."""
        self._capture.release()


class Camera:
    """A camera, of which always the newest picture is given and none is kept waiting.

    Args:
        number: Which camera, from 0.
        capture: What reads it; ``None`` opens it.

    Attributes:
        fps: Frames per second, as the camera says.

    Raises:
        UsageError: No camera has such a number.
        DataError: There is no such camera.
        MissingExtraError: OpenCV is not installed.
    """

    def __init__(self, number: int, *, capture: Capture | None = None) -> None:
        if not 0 <= number < CAMERAS:  # of -1 OpenCV crashes
            raise UsageError(
                f"`--camera` must be from 0 to {CAMERAS - 1}, got {number}.",
                fix="Cameras are counted from 0: `--camera 0`.",
            )
        module = quiet_opencv("reading a camera")
        self._name = f"camera {number}"
        self._capture: Capture = module.VideoCapture(number) if capture is None else capture
        if not self._capture.isOpened():
            raise DataError(
                f"There is no {self._name}, or another program has it.",
                fix="Close what uses it, allow access to it, or name another: `--camera 1`.",
            )
        self.fps = _rate(self._capture.get(module.CAP_PROP_FPS))
        self._newest: Frame | None = None
        self._has_ended = self._is_closed = self._is_lost = False
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, name="camera", daemon=True)
        self._reader.start()

    def frames(self) -> Iterator[Frame]:
        """Give the newest picture, each once, until there is none for five seconds.

        Raises:
            DataError: There never was one.
        """
        last = -1
        while True:
            with self._changed:
                is_there = self._changed.wait_for(
                    lambda: self._has_ended or self._is_newer(last),  # noqa: B023  called at once
                    timeout=PATIENCE_S,
                )
                newest = self._newest
                if newest is None or not (is_there and newest.number > last):
                    break
            last = newest.number
            yield newest
        self._is_lost = not self._is_closed
        if last < 0:
            raise DataError(
                f"{self._name} gives no picture.",
                fix="See whether another program shows it, or name another: `--camera 1`.",
            )

    def shortfall(self) -> DataError | None:
        """Why it ended by itself; ``None`` where it was left."""
        if not self._is_lost:
            return None
        return DataError(
            f"{self._name} gave no more pictures; those before were answered.",
            fix="See whether it is still connected.",
        )

    def close(self) -> None:
        """Stop reading."""
        with self._changed:
            self._has_ended = self._is_closed = True
            self._changed.notify_all()
        self._reader.join(timeout=PATIENCE_S)
        self._capture.release()

    def _is_newer(self, than: int) -> bool:
        return self._newest is not None and self._newest.number > than

    def _read(self) -> None:
        began, number = time.monotonic(), 0
        while not self._has_ended:
            is_read, pixels = self._capture.read()
            if not is_read or pixels is None:
                break
            frame = Frame(number=number, seconds=time.monotonic() - began, pixels=_rgb(pixels))
            if number == 0:  # the first picture is the beginning, however long it took
                began += frame.seconds
                frame = dataclasses.replace(frame, seconds=0.0)
            number += 1
            with self._changed:
                self._newest = frame
                self._changed.notify_all()
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()


def _rate(stated: float) -> float:
    return stated if 0 < stated <= MOST_FPS else USUAL_FPS


def _rgb(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(pixels[:, :, ::-1])
