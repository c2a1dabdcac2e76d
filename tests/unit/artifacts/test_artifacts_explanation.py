"""An explanation is read back as it was written, or is refused."""

import json
from pathlib import Path

import pytest

from lineament.artifacts.explanation import Explanation, read_explanation, write_explanation
from lineament.artifacts.findings.galleries import SUREST, Gallery, Shown
from lineament.artifacts.findings.hiding import Hiding
from lineament.core.errors import ArtifactError
from lineament.measure.intervals import wilson

EXPLAINED = Explanation(
    subject={"path": "run"},
    dataset={"path": "data", "fingerprint": "f00d"},
    split="test",
    classes=("cat", "dog"),
    n_images=9,
    method="a map",
    galleries=(
        Gallery(
            kind=SUREST,
            class_name=None,
            n_photos=2,
            shown=(
                Shown(
                    sample="a.png",
                    truth="cat",
                    answer="dog",
                    confidence=0.9,
                    truth_probability=0.1,
                    second="cat",
                    second_probability=0.1,
                    photo="photos/0.jpg",
                    overlay="photos/1.jpg",
                ),
            ),
        ),
    ),
    seed=3,
    environment={"lineament": "0.1.0"},
    hiding=Hiding(
        photos=9,
        centre_fraction=0.6,
        whole=wilson(9, 9),
        centre_hidden=wilson(4, 9),
        background_hidden=wilson(8, 9),
        chance=0.5,
        is_alarm=False,
        sentences=("One.", "Two."),
    ),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "0.jpg").write_bytes(b"jpeg")
    write_explanation(tmp_path, EXPLAINED, page="<p>page</p>")
    return tmp_path


def test_explanation_is_read_as_it_was_written(folder: Path) -> None:
    assert read_explanation(folder) == EXPLAINED


@pytest.mark.parametrize("name", ["photos/0.jpg", "explanation.html"])
def test_changed_file_is_refused(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"other")

    with pytest.raises(ArtifactError) as caught:
        read_explanation(folder)

    assert str(caught.value) == (
        f"{folder} has files that are absent or are not those that `explain` wrote.\n"
        f"  at:  {name}\n"
        "  fix: Explain again; an explanation is not edited by hand."
    )


def test_damaged_field_is_named_with_its_place(folder: Path) -> None:
    path = folder / "explanation.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    document["galleries"][0]["shown"][0]["confidence"] = "high"
    path.write_text(json.dumps(document), encoding="utf-8")

    with pytest.raises(ArtifactError) as caught:
        read_explanation(folder)

    assert "galleries[0].shown[0].confidence" in str(caught.value)
