"""The README shows how the demo ends."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FIGURE = re.compile(r"\d+(,\d{3})*(\.\d+)?(e[-+]\d+)?")


def shown_ending() -> str:
    """The block of the README that follows ``make demo``."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```text\n(Made in .*?)^```$", readme, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 1
    return str(blocks[0])


@pytest.mark.slow
def test_demo_ends_as_the_readme_shows(tmp_path: Path) -> None:
    shown = shown_ending()

    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "demo.py")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    ending = done.stdout[done.stdout.index("Made in ") :]
    assert FIGURE.sub("#", ending) == FIGURE.sub("#", shown)
    assert (tmp_path / "build" / "demo" / "report.html").is_file()
