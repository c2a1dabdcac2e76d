"""What the tests of verbs share: the command line, called in this process."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lineament.cli.application import run

Called = tuple[int, str, str]


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Called]:
    """Give ``call("train", ...)``: exit code, stdout and stderr; files go to a new folder."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> Called:
        code = run([str(each) for each in arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call
