"""Heads from the command line: written, described, laid on a bundle, and refused elsewhere."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from lineament.artifacts.run import Run
from lineament.exporting.heads import export_head

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def head(small_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("heads") / "shapes.head"
    export_head(small_run, out)
    return out


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    Image.new("RGB", (40, 30), (200, 40, 40)).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def test_one_head_answers_as_its_bundle(
    call: Call, head: Path, small_bundle: Path, photo: Path
) -> None:
    _, alone, _ = call("predict", small_bundle, photo, "--json", "--engine", "onnxruntime")
    code, laid, _ = call("predict", head, "--backbone", small_bundle, photo, "--json")

    assert code == 0
    of_bundle, of_head = json.loads(alone), json.loads(laid)
    assert of_head["classes"] == of_bundle["classes"]
    for name, value in of_bundle["predictions"][0].items():
        found = of_head["predictions"][0][name]
        assert found == (pytest.approx(value, abs=1e-6) if isinstance(value, float) else value)


def test_two_heads_answer_side_by_side(
    call: Call, head: Path, small_bundle: Path, photo: Path, tmp_path: Path
) -> None:
    other = tmp_path / "again.head"
    other.write_bytes(head.read_bytes())

    code, said, talked = call(
        "predict", head, other, "--backbone", small_bundle, photo, "--csv", tmp_path / "rows.csv"
    )

    assert code == 0
    assert "\tshapes: " in said
    assert "\tagain: " in said
    assert talked.splitlines()[-1] == f"next: lineament card {small_bundle}"
    header = (tmp_path / "rows.csv").read_text().splitlines()[0]
    assert header.startswith("filename,error,shapes_label,shapes_confidence,")


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (
            ("--activation", "maps"),
            "`--activation` needs a bundle: a head alone does not see where in a photo.",
        ),
        (
            ("--csv", "s.csv", "--submission", "sample.csv"),
            "`--submission` is answered by one bundle, and heads were named.",
        ),
    ],
)
def test_what_a_head_cannot_give_is_refused(
    call: Call, head: Path, small_bundle: Path, photo: Path, flags: tuple[str, ...], text: str
) -> None:
    code, _, talked = call("predict", head, "--backbone", small_bundle, photo, *flags)

    assert code == 2
    assert talked.splitlines()[0] == f"error: {text}"


def test_card_of_a_head_says_what_it_is_laid_on(call: Call, head: Path) -> None:
    code, said, talked = call("card", head)
    _, document, _ = call("card", head, "--json")

    assert code == 0
    mark = json.loads(document)["backbone_sha256"]
    assert f"laid on      a bundle whose backbone has sha256 {mark}" in said.splitlines()
    assert talked == f"next: lineament predict {head} --backbone BUNDLE PHOTO...\n"


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (
            ("--without-unknown",),
            "`--without-unknown` is for a head alone; a bundle ships what was tested.",
        ),
        (
            ("--head-only", "--max-drop", "1"),
            "`--max-drop` is for a bundle; a head alone is written as it was trained.",
        ),
        (
            ("--head-only", "--set", "precision=int8"),
            "`--set` is for a bundle; a head alone is written as it was trained.",
        ),
    ],
)
def test_export_refuses_what_does_not_fit_a_head(
    call: Call, small_run: Run, tmp_path: Path, flags: tuple[str, ...], text: str
) -> None:
    code, _, talked = call("export", small_run.root, "--out", tmp_path / "x.head", *flags)

    assert code == 2
    assert talked.splitlines()[0] == f"error: {text}"
    assert list(tmp_path.iterdir()) == []


def test_head_without_what_tells_unknown_photos_is_smaller(
    call: Call, small_run: Run, head: Path, tmp_path: Path
) -> None:
    out = tmp_path / "small.head"

    code, said, _ = call("export", small_run.root, "--head-only", "--without-unknown", "--out", out)

    assert code == 0
    assert said.startswith(f"{out}: ")
    assert out.stat().st_size < head.stat().st_size
