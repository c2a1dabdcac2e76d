"""A missing package is named together with the extra that brings it."""

import sys
from pathlib import Path

import pytest

from lineament.core import extras
from lineament.core.errors import MissingExtraError


def test_installed_module_is_given() -> None:
    assert extras.require("json", extra="train", purpose="Training").__name__ == "json"


def test_missing_module_names_purpose_and_extra() -> None:
    with pytest.raises(MissingExtraError) as caught:
        extras.require("absent_package", extra="track", purpose="Tracking")

    assert str(caught.value) == (
        "Tracking needs absent_package, which is not installed.\n"
        "  fix: Install it with `pip install 'lineament[track]'`."
    )


def test_missing_module_is_called_as_on_pypi(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)

    with pytest.raises(MissingExtraError) as caught:
        extras.require("sklearn", extra="train", purpose="Training")

    assert caught.value.what == "Training needs scikit-learn, which is not installed."


def test_missing_submodule_is_called_as_its_package_on_pypi(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.delitem(sys.modules, "sklearn.linear_model", raising=False)

    with pytest.raises(MissingExtraError) as caught:
        extras.require("sklearn.linear_model", extra="train", purpose="Training")

    assert caught.value.what == "Training needs scikit-learn, which is not installed."


def test_package_that_is_there_but_broken_is_not_explained_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_package.py").write_text("import package_that_is_nowhere\n")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(ModuleNotFoundError, match="package_that_is_nowhere"):
        extras.require("broken_package", extra="train", purpose="Training")


def test_all_missing_modules_of_an_extra_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = {"few": ("json", "absent_one", "absent_two")}
    monkeypatch.setattr(extras, "MODULES_BY_EXTRA", absent)

    with pytest.raises(MissingExtraError) as caught:
        extras.require_all("few", purpose="Training")

    assert str(caught.value) == (
        "Training needs absent_one, absent_two, which are not installed.\n"
        "  fix: Install with `pip install 'lineament[few]'`."
    )


def test_complete_extra_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "MODULES_BY_EXTRA", {"few": ("json", "csv")})

    extras.require_all("few", purpose="Training")


def test_looking_for_modules_imports_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "MODULES_BY_EXTRA", {"few": ("this",)})

    assert extras.missing_modules("few") == []
    assert "this" not in sys.modules


def test_table_of_extras_agrees_with_pyproject() -> None:
    import tomllib

    root = Path(__file__).parents[3]
    with (root / "pyproject.toml").open("rb") as file:
        stated = tomllib.load(file)["project"]["optional-dependencies"]
    for extra, modules in extras.MODULES_BY_EXTRA.items():
        listed = {line.split("=")[0].split(">")[0].lower() for line in stated[extra]}
        listed = {name for name in listed if not name.startswith("lineament[")}
        wanted = {extras.DISTRIBUTIONS.get(module, module).lower() for module in modules}
        assert wanted == listed, extra
