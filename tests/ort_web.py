"""ONNX Runtime for browsers, as `.ci/browser.sh` fetches it."""

import os
from pathlib import Path

import pytest

from lineament.exporting.web_runtime import SHA256

UNPACKED = Path(
    os.environ.get("LINEAMENT_ORT_WEB", Path(__file__).parents[1] / "build/ort-web/package")
)
RUNTIME = [UNPACKED / "dist" / name for name in SHA256]

needs_runtime = pytest.mark.skipif(
    not all(path.is_file() for path in RUNTIME),
    reason="onnxruntime-web is not there (run .ci/browser.sh): a browser was not tried",
)
