"""``lineament study``: what its flags stand for, what it prints, and what it refuses."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lineament.artifacts.study import Study
from lineament.artifacts.study_row import StudyRow
from lineament.cli.application import run
from lineament.workflow.studies.configuration import StudyConfig

Called = tuple[int, str, str]
DONE = StudyRow(
    name="sface-head-s0",
    configuration="sface-head",
    dataset="faces",
    recipe={"backbone": "sface", "mode": "head", "seed": 0},
    identity="abc",
    estimate_s=20.0,
    status="done",
    attempts=1,
    seconds=42.0,
    validation_accuracy=0.75,
    validation_loss=0.5,
    validation_photos=8,
)
BROKEN = dataclasses.replace(
    DONE, name="x-s0", configuration="x", status="broken", reason="No such weights."
)


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Called]:
    """Give ``call("study", "d", ...)``: exit code, stdout and stderr; files go to a new folder."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> Called:
        code = run([str(each) for each in arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What `study` was told; it has done all that ``rows`` says, at once."""
    heard: dict[str, object] = {"rows": (DONE,)}

    def study(config: StudyConfig, out: Path, **more: object) -> Study:
        heard.update(more, config=config)
        rows = heard["rows"]
        assert isinstance(rows, tuple)
        return Study(root=out, description="", plan={}, rows=rows)

    def foreseen(config: StudyConfig, out: Path, **more: object) -> Study:
        return study(config, out)

    monkeypatch.setattr("lineament.workflow.studies.study.study", study)
    monkeypatch.setattr("lineament.workflow.studies.study.foreseen", foreseen)
    return heard


def test_flags_stand_for_combinations(call: Callable[..., Called], told: dict[str, object]) -> None:
    code, _, _ = call(
        *("study", "faces", "--out", "s", "--backbones", "sface, resnet18", "--modes", "finetune"),
        *("--seeds", "2", "--time-budget", "10m", "--set", "dropout=0.5", "--resume"),
    )

    config = told["config"]
    assert isinstance(config, StudyConfig)
    assert code == 0
    assert (config.seeds, told["resume"], told["overwrite"]) == ((0, 1), True, False)
    assert config.grid == (
        {
            "dropout": 0.5,
            "recipe": "default",
            "mode": "finetune",
            "backbone": ("sface", "resnet18"),
            "time_budget": "10m",
        },
    )


def test_table_is_printed_and_the_next_command_ships_the_winner(
    call: Callable[..., Called], told: dict[str, object]
) -> None:
    code, out, err = call("study", "faces", "--out", "s")

    assert out == (
        "faces         validation  test        seeds  takes\n"
        "* sface-head  75.0%       not judged      1   42 s\n"
        "\n"
        "faces: sface-head has the highest accuracy on the validation photos, which choose (75.0%, "
        "one seed). It was not judged on test photos.\n"
    )
    assert (code, err) == (
        0,
        "next: lineament export s/runs/sface-head-s0 --out s/sface-head-s0.onnx\n",
    )


def test_json_is_one_document(call: Callable[..., Called], told: dict[str, object]) -> None:
    _, out, _ = call("study", "faces", "--out", "s", "--json")

    said = json.loads(out)
    assert said["winners"]["faces"]["run"] == "sface-head-s0"
    assert [row["name"] for row in said["rows"]] == ["sface-head-s0"]


def test_broken_runs_are_named_last_and_the_exit_code_says_so(
    call: Callable[..., Called], told: dict[str, object]
) -> None:
    told["rows"] = (DONE, BROKEN)

    code, out, err = call("study", "faces", "--out", "s")

    assert "broken: x-s0: No such weights." in out
    assert code == 3
    assert err == (
        "next: lineament export s/runs/sface-head-s0 --out s/sface-head-s0.onnx\n"
        "error: 1 of 2 runs broke; their rows say why.\n"
        "  at:  s/logs/x-s0.log (No such weights.)\n"
        "  fix: Mend what broke them, and go on with `--resume --retry-broken`.\n"
    )


def test_study_without_a_finished_run_leads_to_its_runs(
    call: Callable[..., Called], told: dict[str, object]
) -> None:
    told["rows"] = (BROKEN,)

    assert "next: lineament runs s\n" in call("study", "faces", "--out", "s")[2]


def test_plan_is_printed_with_the_command_that_does_it(
    call: Callable[..., Called], told: dict[str, object]
) -> None:
    waiting = dataclasses.replace(DONE, status="waiting")
    told["rows"] = (waiting,)

    code, out, err = call("study", "faces", "--out", "s", "--modes", "head", "--plan")

    assert (code, out) == (
        0,
        "run            dataset  expected\n"
        "sface-head-s0  faces        20 s\n"
        "1 run, about 20 s in all\n",
    )
    assert err == "next: lineament study faces --out s --modes head\n"


def test_plan_as_json_has_the_seconds(call: Callable[..., Called], told: dict[str, object]) -> None:
    _, out, _ = call("study", "faces", "--out", "s", "--plan", "--json")

    assert json.loads(out) == {
        "runs": [{"name": "sface-head-s0", "dataset": "faces", "estimate_s": 20.0}],
        "estimate_s": 20.0,
        "search": None,
    }


def test_study_file_says_all(call: Callable[..., Called], told: dict[str, object]) -> None:
    Path("study.yaml").write_text("datasets: faces\nseeds: 3\n", encoding="utf-8")

    call("study", "study.yaml", "--out", "s")

    config = told["config"]
    assert isinstance(config, StudyConfig)
    assert (config.seeds, list(config.datasets)) == ((0, 1, 2), ["faces"])


def test_flags_beside_a_study_file_are_refused(
    call: Callable[..., Called], told: dict[str, object]
) -> None:
    code, _, err = call("study", "study.yaml", "--out", "s", "--seeds", "2", "--set", "dropout=1")

    assert (code, err) == (
        2,
        "error: A study file says all that is compared, but --seeds, --set were given.\n"
        "  fix: Write it into the file, or name a dataset instead of the file.\n",
    )


def test_broken_runs_are_tried_again_only_of_a_study_that_goes_on(
    call: Callable[..., Called], told: dict[str, object]
) -> None:
    code, _, err = call("study", "faces", "--out", "s", "--retry-broken")

    assert (code, err) == (
        2,
        "error: `--retry-broken` is for a study that goes on.\n"
        "  fix: Add `--resume`, or leave it out.\n",
    )
