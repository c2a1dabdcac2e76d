"""An engine that is dropped in another thread leaves Ctrl-C what it is."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("openvino", reason="OpenVINO is not installed: its engine was not tried")

PROGRAM = """
import gc, signal, sys, threading
signal.signal(signal.SIGINT, signal.default_int_handler)
import numpy as np
from pathlib import Path
from lineament.artifacts.bundle import read_bundle
from lineament.runtime.openvino_engine import OpenVinoEngine

engines = [OpenVinoEngine(read_bundle(Path(sys.argv[1]))[0], name="model", precision="fp32")]
engines[0].run(np.zeros((1, 64, 64, 3), np.uint8), ["probabilities"])

def drop():
    engines.clear()
    gc.collect()

thread = threading.Thread(target=drop)
thread.start()
thread.join()
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_ctrl_c_after_an_engine_was_dropped_in_another_thread_is_a_ctrl_c(
    small_bundle: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(small_bundle)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert (done.returncode, done.stdout) == (0, "interrupted\n"), done.stderr
