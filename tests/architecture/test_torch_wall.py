"""The packages that serve and judge never import torch, whatever of them is imported."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "lineament"
TORCH_FREE = (
    *("core", "measure", "imaging", "artifacts", "runtime", "preparation", "evaluation"),
    *("recognition", "reporting", "serving", "explanation", "tracking"),
)
# Asked for by name alone: gradients need the network itself.
BEHIND = ("lineament.explanation.gradients", "lineament.explanation.sanity")
WALLED = """
    import importlib
    import importlib.abc
    import sys

    class Wall(importlib.abc.MetaPathFinder):
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] in ("torch", "torchvision", "timm"):
                raise ImportError(f"{name} is behind the wall")
            return None

    sys.meta_path.insert(0, Wall())
    for module in sys.argv[1:]:
        importlib.import_module(module)
"""


def modules_of(package: str) -> list[str]:
    """Every module of a package, by its file."""
    names = []
    for path in sorted((SOURCE / package).rglob("*.py")):
        parts = path.relative_to(SOURCE.parent).with_suffix("").parts
        names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return [name for name in names if name not in BEHIND]


def import_behind_the_wall(modules: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(WALLED), *modules],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("package", TORCH_FREE)
def test_package_imports_where_torch_does_not(package: str) -> None:
    modules = modules_of(package)
    if not modules:
        pytest.skip(f"there is no lineament.{package} yet")

    done = import_behind_the_wall(modules)

    assert done.returncode == 0, done.stderr


def test_wall_holds() -> None:
    assert "torch is behind the wall" in import_behind_the_wall(["torch"]).stderr
