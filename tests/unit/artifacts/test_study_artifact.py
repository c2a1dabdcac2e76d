"""A study reads back to what was written, and says what is wrong with one that was damaged."""

import csv
import json
from pathlib import Path

import pytest

from lineament.artifacts.comparison import COLUMNS
from lineament.artifacts.study import Study, write_study
from lineament.artifacts.study_row import StudyRow
from lineament.core.errors import ArtifactError
from lineament.measure.intervals import wilson

ROW = StudyRow(
    name="sface-head-s0",
    configuration="sface-head",
    dataset="faces",
    recipe={"backbone": "sface", "mode": "head", "seed": 0},
    identity="abc",
    estimate_s=3.0,
    status="done",
    attempts=1,
    seconds=2.5,
    validation_accuracy=0.75,
    validation_loss=0.5,
    validation_photos=8,
    test_accuracy=wilson(7, 8),
    test_balanced_accuracy=wilson(6, 8),
    multiply_adds=1000,
)
WAITING = StudyRow(
    name="sface-head-s1",
    configuration="sface-head",
    dataset="faces",
    recipe={"backbone": "sface", "mode": "head", "seed": 1},
    identity="abd",
)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    made = Study(root=tmp_path, description="d", plan={"evaluate": True}, rows=(ROW, WAITING))
    write_study(made)
    return made


def damaged(study: Study, **changes: object) -> str:
    path = study.root / "study.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**document, **changes}), encoding="utf-8")
    with pytest.raises(ArtifactError) as caught:
        Study.open(study.root)
    return str(caught.value).replace(str(study.root), "STUDY")


def test_study_reads_back_to_what_was_written(study: Study) -> None:
    assert Study.open(study.root) == study


def test_table_has_a_line_per_configuration(study: Study) -> None:
    with (study.root / "table.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))

    assert [list(row) for row in rows] == [list(COLUMNS)]
    assert (rows[0]["configuration"], rows[0]["status"]) == ("sface-head", "1 waiting")


def test_document_names_the_winner_with_its_sentence(study: Study) -> None:
    document = json.loads((study.root / "study.json").read_text(encoding="utf-8"))

    assert document["winners"] == {
        "faces": {
            "configuration": "sface-head",
            "run": "sface-head-s0",
            "sentence": study.sentences[0],
        }
    }


def test_row_of_a_known_name_is_replaced_in_its_place(study: Study) -> None:
    changed = StudyRow(**{**WAITING.__dict__, "name": "sface-head-s0"})

    assert [row.identity for row in study.with_row(changed).rows] == ["abd", "abd"]


def test_row_of_a_new_name_goes_to_the_end(study: Study) -> None:
    new = StudyRow(**{**WAITING.__dict__, "name": "x"})

    assert [row.name for row in study.with_row(new).rows][-1] == "x"
    assert study.with_row(new).without("x") == study


def test_folder_that_is_no_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        Study.open(tmp_path)

    assert str(caught.value) == (
        f"{tmp_path} is not a study: it has no study.json.\n"
        "  fix: Name the folder of a study that Lineament wrote."
    )


def test_newer_schema_is_refused(study: Study) -> None:
    assert "STUDY has study schema 2; this Lineament" in damaged(study, schema_version=2)


def test_unknown_status_is_refused(study: Study) -> None:
    rows = [{**ROW.as_dict(), "status": "lost", "test_accuracy": None}]

    assert damaged(study, rows=json.loads(json.dumps(rows, default=str))) == (
        "STUDY has a run of unknown status `lost` or role `grid`.\n"
        "  fix: The artifact is damaged; make it again."
    )


def test_rows_that_are_none_are_refused(study: Study) -> None:
    assert damaged(study, rows=[3]) == (
        "STUDY has no usable field `row` (wanted dict, found 3).\n"
        "  fix: The artifact is damaged; make it again."
    )
