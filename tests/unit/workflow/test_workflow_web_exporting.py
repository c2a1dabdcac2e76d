"""A page with its model is a whole folder: the bundle as it is, and nothing from outside."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lineament.artifacts.bundle import read_bundle
from lineament.artifacts.run import Run
from lineament.core.errors import ArtifactError, UsageError
from lineament.exporting.web_runtime import SHA256, WebRuntime
from lineament.serving.page_files import page_files
from lineament.workflow.web_exporting import export_site

RUNTIME = WebRuntime(files=dict.fromkeys(SHA256, b"a runtime"), source="a test")


@pytest.fixture
def site(small_bundle: Path, tmp_path: Path) -> Path:
    made = export_site(small_bundle, tmp_path / "site", runtime=RUNTIME)
    assert made.size_bytes == sum(
        each.stat().st_size for each in made.root.rglob("*") if each.is_file()
    )
    assert not made.is_slow
    return made.root


def test_bundle_is_in_it_byte_for_byte(site: Path, small_bundle: Path) -> None:
    assert (site / "model.onnx").read_bytes() == small_bundle.read_bytes()


def test_page_is_the_services_own_but_for_who_answers(site: Path) -> None:
    pages = page_files()
    index = pages.pop("index.html").decode()
    own = (site / "index.html").read_text(encoding="utf-8")
    (policy,) = set(own.splitlines()) - set(index.splitlines())

    assert "Content-Security-Policy" in policy
    assert "connect-src 'self';" in policy
    assert own.replace(policy + "\n", "") == index
    for name, data in pages.items():
        found = (site / "page" / name).read_bytes()
        assert (found == data) == (name != "answerer.js"), name
    answerer = (site / "page/answerer.js").read_text(encoding="utf-8")
    assert answerer == 'export { open } from "./inside.js";\n'


def test_card_and_golden_photos_are_those_of_the_bundle(site: Path, small_bundle: Path) -> None:
    _, card = read_bundle(small_bundle)

    stated = json.loads((site / "card.json").read_text(encoding="utf-8"))
    golden = json.loads((site / "golden.json").read_text(encoding="utf-8"))["golden"]

    assert stated["classes"] == list(card.classes)
    assert stated["name"] == "model"
    assert stated["allowed_difference"] == card.allowed_difference
    assert stated["golden"] == [photo.name for photo in card.golden]
    assert [each["probabilities"] for each in golden] == [
        list(photo.probabilities) for photo in card.golden
    ]


def test_licence_of_the_runtime_goes_with_it(site: Path) -> None:
    assert "MIT License" in (site / "THIRD_PARTY.md").read_text(encoding="utf-8")


def test_run_is_refused_with_the_way_to_a_bundle(small_run: Run, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a run, and a browser runs a bundle"):
        export_site(small_run.root, tmp_path / "site", runtime=RUNTIME)


def test_folder_of_something_else_is_never_replaced(small_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site/thesis.tex").write_text("years of work")

    for overwrite in (False, True):
        with pytest.raises(ArtifactError):
            export_site(small_bundle, tmp_path / "site", overwrite=overwrite, runtime=RUNTIME)
    assert (tmp_path / "site/thesis.tex").read_text() == "years of work"


def test_site_is_replaced_when_that_is_said(site: Path, small_bundle: Path) -> None:
    (site / "old.txt").write_text("of before")
    with pytest.raises(ArtifactError):
        export_site(small_bundle, site, runtime=RUNTIME)

    export_site(small_bundle, site, overwrite=True, runtime=RUNTIME)

    assert not (site / "old.txt").exists()


def test_bundle_that_was_changed_leaves_nothing(small_bundle: Path, tmp_path: Path) -> None:
    torn = tmp_path / "torn.onnx"
    torn.write_bytes(small_bundle.read_bytes()[:-100])

    with pytest.raises(ArtifactError):
        export_site(torn, tmp_path / "site", runtime=RUNTIME)
    assert [each.name for each in tmp_path.iterdir()] == ["torn.onnx"]


def test_neither_torch_nor_the_extra_of_the_service_is_needed() -> None:
    program = (
        "import sys\n"
        "for name in ('torch', 'fastapi', 'uvicorn', 'onnx'):\n"
        "    sys.modules[name] = None\n"
        "import lineament.workflow.web_exporting\n"
        "import lineament.cli.export\n"
    )

    subprocess.run([sys.executable, "-c", program], check=True)
