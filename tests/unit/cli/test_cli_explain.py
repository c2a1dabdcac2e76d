"""``lineament explain``: photos give overlays, a dataset gives a page, and flags keep apart."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.run import Run

Call = Callable[..., tuple[int, str, str]]
QUICK = ("--faithfulness", "2", "--hiding", "3", "--set", "per_class=1")


def test_dataset_gives_a_page_and_says_what_was_measured(
    call: Call, small_run: Run, drawn_dataset: Dataset
) -> None:
    code, said, talked = call(
        "explain", small_run.root, drawn_dataset.root, "--out", "looked", *QUICK
    )

    assert code == 0, talked
    lines = said.splitlines()
    assert lines[0] == (
        "looked/explanation.html: class activation map (Zhou et al. 2016), 30 test photos"
    )
    assert lines[1].startswith("Class activation map (Zhou et al. 2016) ")
    assert lines[2].startswith("On 3 photos ")
    assert talked.splitlines()[-1].startswith("next: lineament export ")
    assert Path("looked/explanation.html").is_file()


def test_json_is_the_document_and_the_folder(
    call: Call, small_run: Run, drawn_dataset: Dataset
) -> None:
    code, said, talked = call(
        *("explain", small_run.root, drawn_dataset.root, "--out", "looked", "--json", *QUICK),
        *("--split", "validation", "--method", "occlusion"),
    )

    assert code == 0, talked
    document = json.loads(said)
    stored = json.loads(Path("looked/explanation.json").read_text(encoding="utf-8"))
    assert document.pop("out") == "looked"
    assert document == {key: stored[key] for key in document}
    assert (document["split"], document["method"]) == (
        "validation",
        "occlusion (Zeiler and Fergus 2014)",
    )


def test_photos_may_be_explained_by_another_method(
    call: Call, small_run: Run, drawn_dataset: Dataset
) -> None:
    photo = drawn_dataset.path(drawn_dataset.samples("test")[0])

    code, _, talked = call(
        *("explain", small_run.root, photo, "--out", "overlays", "--method", "grad-cam")
    )

    assert code == 0, talked
    document = json.loads(Path("overlays/explanations.json").read_text(encoding="utf-8"))
    assert document["method"] == "Grad-CAM (Selvaraju et al. 2017)"


def test_flags_of_a_dataset_have_no_meaning_for_photos(call: Call, small_run: Run) -> None:
    code, said, talked = call(
        *("explain", small_run.root, "photo.jpg", "--out", "o", "--split", "test", "--hiding", "3")
    )

    assert (code, said) == (2, "")
    assert talked == (
        "error: `--split`, `--hiding` have no meaning for photos.\n"
        "  fix: Name a dataset that `lineament prepare` made, or leave them out.\n"
    )


def test_class_has_no_meaning_for_a_dataset(
    call: Call, small_run: Run, drawn_dataset: Dataset
) -> None:
    code, said, talked = call(
        *("explain", small_run.root, drawn_dataset.root, "--out", "o", "--class", "disc")
    )

    assert (code, said) == (2, "")
    assert talked == (
        "error: `--class` has no meaning for a dataset.\n"
        "  fix: Name photos instead of a dataset, or leave it out.\n"
    )


@pytest.mark.parametrize("method", ["gradcam", "cam"])
def test_method_that_is_none_is_refused(
    call: Call, small_run: Run, drawn_dataset: Dataset, method: str
) -> None:
    code, _, talked = call(
        *("explain", small_run.root, drawn_dataset.root, "--out", "o", "--method", method)
    )

    assert code == 2
    assert "class-activation, occlusion, grad-cam, grad-cam++, integrated-gradients" in talked
