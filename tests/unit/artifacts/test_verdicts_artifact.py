import dataclasses
import json
from pathlib import Path

import pytest

from lineament.artifacts.verdicts import (
    ComparisonReport,
    Contender,
    Cost,
    Verdict,
    read_comparison,
    write_comparison,
)
from lineament.core.errors import ArtifactError
from lineament.core.version import __version__
from lineament.measure.intervals import Interval, wilson

TIMED = Interval(value=3.5, low=3.1, high=4.2, method="median of rounds", n=9)


def contender(name: str, **changes: object) -> Contender:
    whole = Contender(
        name=name,
        runs=(f"runs/{name}-0", f"runs/{name}-1"),
        seeds=(0, 1),
        accuracy=wilson(8, 9),
        by_seed=(8 / 9, 8 / 9),
        balanced_accuracy=wilson(7, 9),
        log_loss=wilson(1, 3),
        cost=Cost(parameters=3, multiply_adds=9, milliseconds=TIMED, file_bytes=5, training_s=1.5),
        on_front=True,
        facts={"backbone": "resnet18", "epochs": 3},
    )
    return dataclasses.replace(whole, **changes)  # type: ignore[arg-type]  # any field of it


REPORT = ComparisonReport(
    dataset={"path": "data/a", "openings": 3},
    split="test",
    n_images=9,
    n_groups=None,
    classes=("cat", "狐"),
    contenders=(contender("a"), contender("b", cost=Cost(), on_front=False)),
    verdicts=(
        Verdict(
            first="a",
            second="b",
            difference=wilson(1, 9),
            only_first=2,
            only_second=1,
            test="mcnemar",
            p_value=1.0,
            p_adjusted=1.0,
            differ=False,
            needed=200,
            needed_groups=None,
            sentence="No difference can be told.",
        ),
    ),
    recommendation="a",
    sentence="Take a.",
    warnings=("Few photos.",),
    seed=0,
    resamples=1000,
    level=0.95,
    environment={"python": "3.11"},
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_comparison(tmp_path, REPORT, page="<html></html>")
    return tmp_path


def test_a_comparison_reads_back_as_it_was_written(folder: Path) -> None:
    assert read_comparison(folder) == REPORT


def test_the_document_states_what_it_is(folder: Path) -> None:
    document = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))
    stated = (document["kind"], document["schema_version"], document["lineament"])
    assert stated == ("comparison", 1, __version__)


def test_the_page_is_written_beside_it(folder: Path) -> None:
    assert (folder / "comparison.html").read_text(encoding="utf-8") == "<html></html>"


def test_a_page_that_was_changed_is_refused(folder: Path) -> None:
    (folder / "comparison.html").write_text("better", encoding="utf-8")
    with pytest.raises(ArtifactError) as caught:
        read_comparison(folder)
    assert str(caught.value) == (
        f"{folder} has files that are absent or are not those that the comparison wrote.\n"
        "  at:  comparison.html\n"
        "  fix: Compare again; a comparison is not edited by hand."
    )


def test_a_damaged_figure_is_named_with_its_place(folder: Path) -> None:
    document = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))
    document["contenders"][1]["accuracy"]["low"] = "much"
    (folder / "comparison.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ArtifactError) as caught:
        read_comparison(folder)
    assert str(caught.value) == (
        f"{folder} has no usable field `contenders[1].accuracy.low` (wanted float, found 'much').\n"
        "  fix: The artifact is damaged; make it again."
    )


def test_another_artifact_is_named(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ArtifactError) as caught:
        read_comparison(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} is a report, not a comparison.\n"
        "  fix: Name a comparison there; `lineament VERB --help` shows the order."
    )
