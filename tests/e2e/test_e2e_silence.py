"""Nobody is told what is answered: libraries that report home leave no trace, and find no way."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Result = subprocess.CompletedProcess[str]


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_answering_leaves_nothing_in_the_users_home(
    engine: str, chain: Path, lineament: Callable[..., Result], tmp_path: Path
) -> None:
    """ONNX Runtime's and OpenVINO's reports begin with an identity that is kept in the home."""
    pytest.importorskip(engine)
    done = lineament(
        *("predict", chain / "model.onnx", chain / "photos", "--engine", engine),
        cwd=chain,
        env={"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")},
    )

    assert done.returncode == 0, done.stderr
    assert list(tmp_path.rglob("*")) == []
