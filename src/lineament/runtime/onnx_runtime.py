"""ONNX Runtime, imported so that it tells nobody what it runs.

From 1.29 on the wheels for Linux and macOS send their maker, from the moment of the import, an
identity of the machine and, of each model, the file's name, hashes and times; only this variable,
set before the import, ends it (https://github.com/microsoft/onnxruntime/pull/27379). Photos of
faces are not to be followed by such a trail. Who wants it sets the variable to 0.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime

__all__ = ["onnxruntime"]
