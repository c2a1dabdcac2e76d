"""Names say what a module is for, and none hides another."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "lineament"
MODULES = sorted(SOURCE.rglob("*.py"))
MEANINGLESS = {"utils", "helpers", "common", "manager", "base"}
LONGEST_LINES = 400

each_module = pytest.mark.parametrize(
    "path", MODULES, ids=[path.relative_to(SOURCE).as_posix() for path in MODULES]
)


def exported() -> set[str]:
    """What ``lineament.__all__`` lists, read without importing anything."""
    for node in ast.parse((SOURCE / "__init__.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and "__all__" in [ast.unparse(to) for to in node.targets]:
            return set(ast.literal_eval(node.value))
    return set()


def test_no_public_name_is_that_of_a_module_beside_it() -> None:
    if not exported():
        pytest.skip("lineament has no __all__ yet")
    modules = {path.stem for path in SOURCE.glob("*.py")}
    packages = {path.parent.name for path in SOURCE.glob("*/__init__.py")}

    assert exported() & (modules | packages) == set()


@each_module
def test_module_is_named_for_what_it_does(path: Path) -> None:
    assert not MEANINGLESS & set(path.relative_to(SOURCE).with_suffix("").parts)


@each_module
def test_module_states_its_reason_in_one_sentence(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    first_line_block = docstring.partition("\n\n")[0]

    assert first_line_block.rstrip().endswith((".", "?", "!", "::")), "no first sentence"


@each_module
def test_module_is_no_longer_than_it_should_be(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())

    assert lines <= LONGEST_LINES, f"{lines} lines"
