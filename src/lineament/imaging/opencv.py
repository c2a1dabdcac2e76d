"""OpenCV, where it is installed, with its decoders kept from talking to the terminal."""

import os
from types import ModuleType

from lineament.core.extras import require


def quiet_opencv(purpose: str) -> ModuleType:
    """Import OpenCV.

    Args:
        purpose: What needs it, such as ``reading videos``.

    Raises:
        MissingExtraError: It is not installed.
    """
    # What its decoders say of a damaged video goes into our own reasons; read at its first use.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    os.environ.setdefault("OPENCV_FFMPEG_WRITER_LOGLEVEL", "-8")
    module = require("cv2", extra="video", purpose=purpose)
    module.utils.logging.setLogLevel(module.utils.logging.LOG_LEVEL_SILENT)
    return module
