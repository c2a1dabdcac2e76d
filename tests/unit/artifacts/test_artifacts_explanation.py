"""An explanation is read back as it was written, or is refused."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lineament.artifacts.explanation import Explanation, read_explanation, write_explanation
from lineament.artifacts.findings.faithfulness import Against, Faithful, Faithfulness
from lineament.artifacts.findings.galleries import SUREST, Gallery, Shown
from lineament.artifacts.findings.hiding import Hiding
from lineament.artifacts.findings.localisation import Localisation, Localised
from lineament.artifacts.findings.sanity import Randomised, SanityCheck
from lineament.core.errors import ArtifactError
from lineament.core.version import __version__
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
INTERVAL = dataclasses.replace(wilson(1, 3), n_groups=2)
BLOB = Faithful(
    title="a blob",
    insertion=INTERVAL,
    deletion=INTERVAL,
    insertion_curve=(0.0, 0.1 + 0.2, 1.0),
    deletion_curve=(1.0, 0.5, 0.0),
)
BEATS = Against(baseline="a blob", insertion=INTERVAL, deletion=INTERVAL, beats=True)
WHOLE = dataclasses.replace(
    EXPLAINED,
    faithfulness=Faithfulness(
        photos=3,
        seed=0,
        fractions=(0.0, 0.5, 1.0),
        methods=(
            dataclasses.replace(
                BLOB, title="a map", seconds=0.25, against=(BEATS,), sentence="It beats it."
            ),
        ),
        baselines=(BLOB,),
    ),
    localisation=Localisation(
        region="faces.csv",
        photos=3,
        area=INTERVAL,
        methods=(
            Localised(
                title="a map",
                hits=INTERVAL,
                energy=INTERVAL,
                surplus=dataclasses.replace(INTERVAL, value=-0.1, low=-0.2, high=0.0),
                sentence="Less than by chance.",
            ),
        ),
    ),
    sanity=(
        SanityCheck(
            title="Grad-CAM",
            photos=3,
            left_out=1,
            seed=0,
            parts=(Randomised(part="head", correlation=INTERVAL, flat=2),),
            verdict="changes",
            sentence="The maps change.",
        ),
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


def test_every_finding_is_read_back(tmp_path: Path) -> None:
    assert all(getattr(WHOLE, each.name) for each in dataclasses.fields(WHOLE))
    write_explanation(tmp_path, WHOLE, page="")

    assert read_explanation(tmp_path) == WHOLE


def test_what_nobody_asked_for_is_read_back_as_absent(tmp_path: Path) -> None:
    bare = dataclasses.replace(EXPLAINED, galleries=(), hiding=None)
    write_explanation(tmp_path, bare, page="")

    assert read_explanation(tmp_path) == bare


def test_document_states_its_kind_its_schema_and_its_writer(folder: Path) -> None:
    document = json.loads((folder / "explanation.json").read_text(encoding="utf-8"))

    assert (document["kind"], document["schema_version"], document["lineament"]) == (
        "explanation",
        1,
        __version__,
    )


def test_document_hashes_the_page_and_every_picture(folder: Path) -> None:
    document = json.loads((folder / "explanation.json").read_text(encoding="utf-8"))

    assert sorted(document["files"]) == ["explanation.html", "photos/0.jpg"]


def test_same_explanation_is_written_in_the_same_bytes(folder: Path) -> None:
    before = (folder / "explanation.json").read_bytes()
    write_explanation(folder, EXPLAINED, page="<p>page</p>")

    assert (folder / "explanation.json").read_bytes() == before


def test_folder_without_an_explanation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        read_explanation(tmp_path)

    assert str(caught.value) == (
        f"{tmp_path} is not an explanation: it has no explanation.json.\n"
        "  fix: Name the folder of an explanation that Lineament wrote."
    )


def test_edited_page_and_absent_picture_are_refused_together(folder: Path) -> None:
    (folder / "explanation.html").write_text("it looks well", encoding="utf-8")
    (folder / "photos" / "0.jpg").unlink()

    with pytest.raises(ArtifactError) as caught:
        read_explanation(folder)

    assert str(caught.value) == (
        f"{folder} has files that are absent or are not those that `explain` wrote.\n"
        "  at:  explanation.html, photos/0.jpg\n"
        "  fix: Explain again; an explanation is not edited by hand."
    )


def _change(**fields: object) -> Callable[[dict[str, object]], None]:
    return lambda document: document.update(fields)


def _text_for_a_limit(document: dict[str, object]) -> None:
    finding = document["faithfulness"]
    assert isinstance(finding, dict)
    finding["methods"][0]["against"][0]["deletion"]["low"] = "a little"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(
            _change(kind="report"),
            "{} is not an explanation but a report.\n"
            "  fix: Name an explanation that Lineament wrote.",
            id="another kind",
        ),
        pytest.param(
            _change(schema_version=2),
            f"{{}} has explanation schema 2; this Lineament {__version__} reads 1 to 1.\n"
            "  fix: Install the version of Lineament that wrote it, or a newer one.",
            id="a newer schema",
        ),
        pytest.param(
            _change(n_images="five"),
            "{} has no usable field `n_images` (wanted int, found 'five').\n"
            "  fix: The artifact is damaged; make it again.",
            id="a text for a number",
        ),
        pytest.param(
            _text_for_a_limit,
            "{} has no usable field `faithfulness.methods[0].against[0].deletion.low` "
            "(wanted float, found 'a little').\n"
            "  fix: The artifact is damaged; make it again.",
            id="a text for a limit",
        ),
        pytest.param(
            _change(sanity=["changes"]),
            "{} has no usable field `sanity[0]` (wanted dict, found 'changes').\n"
            "  fix: The artifact is damaged; make it again.",
            id="a text for a check",
        ),
    ],
)
def test_damaged_document_is_refused(
    tmp_path: Path, change: Callable[[dict[str, object]], None], expected: str
) -> None:
    write_explanation(tmp_path, WHOLE, page="")
    path = tmp_path / "explanation.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")

    with pytest.raises(ArtifactError) as caught:
        read_explanation(tmp_path)

    assert str(caught.value) == expected.format(tmp_path)
