"""``lineament compare``: what it says, and what it hands to `--json`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.run import Run
from lineament.cli import application
from lineament.core.version import __version__

Called = tuple[int, str, str]
Call = Callable[..., Called]


@pytest.fixture(autouse=True)
def verb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(application.VERBS, "compare", "Say which of several models to take.")
    monkeypatch.setattr("lineament.evaluation.comparing.RESAMPLES", 20)


def test_one_model_twice_is_no_comparison(call: Call, small_run: Run) -> None:
    code, said, talked = call("compare", small_run.root, small_run.root, "--out", "compared")

    assert (code, said) == (2, "")
    assert talked == (
        f"{small_run.root} is the same model as {small_run.root}; it is compared once.\n"
        "error: A comparison needs two models or more, and this is one: run.\n"
        "  fix: Name another run, bundle or report.\n"
    )


def test_what_is_said_ends_with_what_to_take(call: Call, small_run: Run, packaged_run: Run) -> None:
    code, said, talked = call(
        "compare", small_run.root, packaged_run.root, "--out", "compared", "--set", "rounds=1"
    )

    assert code == 0, talked
    lines = said.splitlines()
    assert lines[0] == "compared/comparison.html: 2 models on 30 test photos"
    assert sum(line.startswith("* ") for line in lines) == 1
    assert lines[-1].startswith("Take ")
    assert talked.splitlines()[-1].startswith("next: lineament export ")
    assert Path("compared/comparison.html").is_file()


def test_json_is_the_document_and_the_folder(
    call: Call, small_run: Run, small_bundle: Path, drawn_dataset: Dataset
) -> None:
    code, said, talked = call(
        *("compare", small_run.root, small_bundle, "--out", "compared", "--no-cost", "--json"),
        *("--data", drawn_dataset.root, "--split", "validation"),
    )

    assert code == 0, talked
    document = json.loads(said)
    stored = json.loads(Path("compared/comparison.json").read_text(encoding="utf-8"))
    assert document.pop("comparison") == "compared"
    assert (stored["kind"], stored["lineament"]) == ("comparison", __version__)
    assert document == {key: stored[key] for key in document}
    assert document["split"] == "validation"
