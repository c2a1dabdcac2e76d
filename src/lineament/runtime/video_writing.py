"""Video writing: frames into a file that is there when it is complete."""

import contextlib
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from lineament.core.errors import ArtifactError, UsageError
from lineament.core.files import refusals, require_free
from lineament.imaging.opencv import quiet_opencv

if TYPE_CHECKING:
    import cv2

MOST_STILL_S = 10.0  # for which a frame is shown at most: a damaged time would fill the disk
CODECS = {".mp4": "mp4v", ".avi": "MJPG"}  # that OpenCV's wheels write on every system


class VideoWriter:
    """A video of frames; it is there when it is complete.

    Args:
        target: The file, ending in ``.mp4`` or ``.avi``.
        fps: Frames per second.
        overwrite: Replace what stands there.
        flag: How the user named it.

    Raises:
        UsageError: ``target`` ends otherwise.
        ArtifactError: It is in the way.
        MissingExtraError: OpenCV is not installed.
    """

    def __init__(self, target: Path, *, fps: float, overwrite: bool, flag: str) -> None:
        require_codec(target, flag=flag)
        require_free(target, overwrite=overwrite, flag=flag)
        self._module = quiet_opencv("writing videos")
        self._target, self._fps, self._overwrite, self._flag = target, fps, overwrite, flag
        self._partial = target.with_name(f".{target.stem}.partial{target.suffix.lower()}")
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)
        self._n_written, self._left_out_s = 0, 0.0
        self._last: NDArray[np.uint8] | None = None

    def write(self, pixels: NDArray[np.uint8], *, at: float | None = None) -> None:
        """Add a frame.

        Args:
            pixels: ``uint8 (H, W, 3)``, RGB; of the size of the first one, else fitted to it.
            at: When it is shown, in seconds since the first. The one before is shown until then,
                so that a camera's frames, which come at any times, play as fast as they came.
                ``None`` is right after the one before.

        Raises:
            ArtifactError: The video cannot be written.
        """
        height, width = pixels.shape[:2]
        if self._writer is None:
            self._writer = self._opened(width, height)
        if (width, height) != self._size:
            pixels = self._module.resize(pixels, self._size)
        if at is not None:
            gap_s = at - self._left_out_s - self._n_written / self._fps
            self._left_out_s += max(0.0, gap_s - MOST_STILL_S)
            due = round((at - self._left_out_s) * self._fps)
            while self._last is not None and self._n_written < due:
                self._add(self._last)
            if self._n_written > due:
                return  # its time is taken: more frames come than are written in a second
        self._last = np.ascontiguousarray(pixels[:, :, ::-1])
        self._add(self._last)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Put the video into its place, if nothing went wrong and there was a frame."""
        try:
            if self._writer is not None:
                self._writer.release()
            if kind is None and self._writer is not None:
                with refusals(self._target, flag=self._flag):
                    require_free(self._target, overwrite=self._overwrite, flag=self._flag)
                    self._partial.replace(self._target)
        finally:  # also where Ctrl-C came while it was being opened
            with contextlib.suppress(OSError):
                self._partial.unlink(missing_ok=True)

    def _opened(self, width: int, height: int) -> "cv2.VideoWriter":
        self._size = (width, height)
        with refusals(self._target, flag=self._flag):
            self._target.parent.mkdir(parents=True, exist_ok=True)
        codec = self._module.VideoWriter.fourcc(*CODECS[self._target.suffix.lower()])
        writer: cv2.VideoWriter
        writer = self._module.VideoWriter(str(self._partial), codec, self._fps, self._size)
        if not writer.isOpened():
            raise ArtifactError(
                f"{self._target} cannot be written: OpenCV refuses {width} x {height} pixels.",
                fix=f"Name an .avi as `{self._flag}`, or a folder that you may write.",
            )
        return writer

    def _add(self, pixels: NDArray[np.uint8]) -> None:
        assert self._writer is not None  # opened by the first frame
        self._writer.write(pixels)
        self._n_written += 1


def require_codec(target: Path, *, flag: str) -> None:
    """Refuse a name that says no kind of video that can be written.

    Raises:
        UsageError: It ends otherwise than ``.mp4`` or ``.avi``.
    """
    if target.suffix.lower() not in CODECS:
        raise UsageError(
            f"`{flag}` must end in {' or '.join(CODECS)}, got {target}.",
            fix=f"Use `{flag} {target.with_suffix('.mp4')}`.",
        )
