"""Gross slowness; what the speed really is stands in `benchmarks/`."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

Result = subprocess.CompletedProcess[str]

ATTEMPTS = 3  # the best of them: others use the machine too


@pytest.mark.parametrize(
    ("arguments", "limit_s"),
    [(("--help",), 1.0), (("predict", "model.onnx", "photos/disc/000.jpg"), 3.0)],
)
def test_short_command_is_short(
    arguments: tuple[str, ...], limit_s: float, chain: Path, lineament: Callable[..., Result]
) -> None:
    durations = []
    for _ in range(ATTEMPTS):
        started = time.monotonic()
        assert lineament(*arguments, cwd=chain).returncode == 0
        durations.append(time.monotonic() - started)

    assert min(durations) < limit_s
