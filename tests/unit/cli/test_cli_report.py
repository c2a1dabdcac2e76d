"""``lineament report``: the answers of the summary, the page, and what comes next."""

import json
from collections.abc import Callable
from pathlib import Path

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.run import Run

Call = Callable[..., tuple[int, str, str]]
QUICK = ("--no-explain", "--description", "Telling shapes apart.")


def test_report_says_the_answers_of_its_summary(
    call: Call, small_run: Run, drawn_dataset: Dataset
) -> None:
    code, said, talked = call(
        *("report", small_run.root, "--data", drawn_dataset.root, "--out", "told", *QUICK)
    )

    assert code == 0, talked
    lines = said.splitlines()
    assert lines[0].startswith(f"told/report.html: run {small_run.root}, ")
    assert lines[0].endswith(" MB")
    assert [line.split("?")[0].strip() for line in lines[1:]] == [
        "What was it trained on",
        "What was left out",
        "How good is it, and how sure is that",
        "Where does it fail",
        "Is it better than the alternative",
        "How is it made again",
    ]
    assert talked.splitlines()[-1].startswith(f"next: lineament export {small_run.root} ")
    assert "Telling shapes apart." in Path("told/report.html").read_text(encoding="utf-8")


def test_json_is_the_document_and_the_folder(
    call: Call, small_run: Run, drawn_dataset: Dataset
) -> None:
    code, said, talked = call(
        *("report", small_run.root, "--data", drawn_dataset.root, "--out", "told", "--json", *QUICK)
    )

    assert code == 0, talked
    document = json.loads(said)
    stored = json.loads(Path("told/report.json").read_text(encoding="utf-8"))
    assert document.pop("out") == "told"
    assert document == {key: stored[key] for key in document}


def test_what_is_no_run_is_refused(call: Call) -> None:
    code, said, talked = call("report", "nowhere", "--out", "told")

    assert (code, said) == (4, "")
    assert talked == (
        "error: nowhere is neither a run nor a study nor a comparison.\n"
        "  fix: Name a folder that `train`, `study` or `compare` wrote.\n"
    )
