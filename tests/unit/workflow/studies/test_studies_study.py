"""A study does its runs one after the other, whatever breaks, and goes on where it stopped."""

import csv
import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.study import Study
from lineament.artifacts.study_row import StudyRow
from lineament.artifacts.watching import Watcher
from lineament.core.errors import ArtifactError, DataError, UsageError
from lineament.workflow.studies.configuration import StudyConfig
from lineament.workflow.studies.isolation import WorkerDied
from lineament.workflow.studies.plan import planned
from lineament.workflow.studies.reading import read_study
from lineament.workflow.studies.study import foreseen, study

Answered = Callable[[Mapping[str, object]], Mapping[str, object]]

EXAMPLE = Path(__file__).parents[4] / "examples" / "emotion-study.yaml"
GRID = ({"backbone": ["sface", "resnet18"], "mode": ["head", "finetune"]},)
NAMES = ["sface-head", "sface-finetune", "resnet18-head", "resnet18-finetune"]


def figures(accuracy: float, *, loss: float = 0.5, test: float | None = None) -> dict[str, object]:
    """What a worker finds of a run."""
    interval = {
        "value": test,
        "low": (test or 0.0) - 0.1,
        "high": (test or 0.0) + 0.1,
        "level": 0.95,
        "method": "wilson",
        "n": 30,
        "n_groups": None,
    }
    return {
        "validation_accuracy": accuracy,
        "validation_loss": loss,
        "validation_photos": 30,
        "multiply_adds": None,
        "test_accuracy": None if test is None else interval,
        "test_balanced_accuracy": None if test is None else interval,
    }


class Scripted:
    """Stands for `Isolation`: every order is answered by a function, and written down."""

    answered: Answered
    orders: list[Mapping[str, object]]

    def start(self) -> None:
        """Nothing has to start."""

    def ask(
        self, order: Mapping[str, object], *, watcher: Watcher | None = None
    ) -> Mapping[str, object]:
        self.orders.append(order)
        if order["do"] == "check":
            recipes = order["recipes"]
            assert isinstance(recipes, list)
            return {"said": "done", "result": [None] * len(recipes)}
        if order["do"] == "measure":
            return {"said": "done", "result": {"build_s": 1.0, "answer_s": 0.01}}
        told = self.answered(order)
        if told["said"] == "done":  # a run that is done stands there
            out = Path(str(order["out"]))
            out.mkdir(parents=True, exist_ok=True)
            (out / "run.json").write_text("{}", encoding="utf-8")
        return told

    def close(self) -> None:
        """Nothing has to end."""


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answered], type[Scripted]]:
    """Give ``scripted(answered)``: `study` then asks that function instead of a process."""

    def install(answered: Answered) -> type[Scripted]:
        class Worker(Scripted):
            orders: list[Mapping[str, object]] = []  # noqa: RUF012  # of all workers of the test

            def __init__(self) -> None:
                self.answered = answered

        monkeypatch.setattr("lineament.workflow.studies.study.Isolation", Worker)
        return Worker

    return install


Install = Callable[[Answered], type[Scripted]]


class Talk:
    """A `Progress` that keeps its notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def start(self, task: str, total: int | None) -> None: ...
    def advance(self, steps: int = 1) -> None: ...
    def finish(self) -> None: ...
    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def config(drawn_dataset: Dataset) -> StudyConfig:
    return StudyConfig(datasets={"shapes": drawn_dataset.root}, grid=GRID)


def name_of(order: Mapping[str, object]) -> str:
    return Path(str(order["out"])).name


def good(order: Mapping[str, object]) -> Mapping[str, object]:
    """Every configuration reaches something else, always the same."""
    place = next(index for index, name in enumerate(NAMES) if name_of(order).startswith(name))
    test = None if order["report"] is None else 0.5 + place / 10
    return {"said": "done", "result": figures(0.6 + place / 10, test=test)}


def runs_of(worker: type[Scripted]) -> list[str]:
    return [name_of(order) for order in worker.orders if order["do"] == "run"]


def statuses(made: Study) -> dict[str, str]:
    return {row.name: row.status for row in made.rows}


def table(root: Path) -> list[dict[str, str]]:
    """The table but for what depends on how fast the machine was."""
    with (root / "table.csv").open(newline="", encoding="utf-8") as file:
        return [
            {name: cell for name, cell in row.items() if name != "seconds"}
            for row in csv.DictReader(file)
        ]


def test_every_run_is_done_and_has_its_figures(
    config: StudyConfig, scripted: Install, tmp_path: Path
) -> None:
    scripted(good)

    made = study(config, tmp_path / "study")

    row = made.rows[1]
    assert [each.name for each in made.rows] == [f"{name}-s0" for name in NAMES]
    assert (row.status, row.attempts, row.validation_accuracy, row.estimate_s is not None) == (
        "done", 1, 0.7, True
    )  # fmt: skip
    assert row.test_accuracy is not None
    assert row.test_accuracy.value == 0.6
    assert Study.open(tmp_path / "study") == made


def test_runs_are_not_judged_where_that_is_not_wanted(
    config: StudyConfig, scripted: Install, tmp_path: Path
) -> None:
    scripted(good)

    made = study(dataclasses.replace(config, evaluate=False), tmp_path / "study")

    assert [row.test_accuracy for row in made.rows] == [None] * 4


def test_first_seed_of_everything_is_done_first(
    config: StudyConfig, scripted: Install, tmp_path: Path
) -> None:
    worker = scripted(good)

    study(dataclasses.replace(config, seeds=(0, 1)), tmp_path / "study")

    assert [name[-1] for name in runs_of(worker)] == ["0"] * 4 + ["1"] * 4


def test_run_that_raises_is_a_row_with_its_reason_and_the_rest_goes_on(
    config: StudyConfig, scripted: Install, tmp_path: Path
) -> None:
    def answered(order: Mapping[str, object]) -> Mapping[str, object]:
        if name_of(order) == "sface-finetune-s0":
            return {"said": "failed", "reason": "No such weights.", "error": None}
        return good(order)

    scripted(answered)

    made = study(config, tmp_path / "study")

    assert [row.status for row in made.rows] == ["done", "broken", "done", "done"]
    assert (made.rows[1].reason, made.rows[1].attempts) == ("No such weights.", 1)
    assert [line.status for line in made.lines] == ["done", "1 broken", "done", "done"]


def test_run_whose_process_dies_is_a_row_with_its_reason_and_the_rest_goes_on(
    config: StudyConfig, scripted: Install, tmp_path: Path
) -> None:
    def answered(order: Mapping[str, object]) -> Mapping[str, object]:
        if name_of(order) == "sface-head-s0":
            raise WorkerDied("the process was killed (SIGKILL)")
        return good(order)

    scripted(answered)

    made = study(config, tmp_path / "study")

    assert [row.status for row in made.rows] == ["broken", "done", "done", "done"]
    assert made.rows[0].reason == "the process was killed (SIGKILL)"


def test_every_run_that_ended_is_told_with_what_is_left(
    config: StudyConfig, scripted: Install, tmp_path: Path
) -> None:
    talk = Talk()
    scripted(good)

    study(config, tmp_path / "study", progress=talk)

    assert talk.notes[-1] == "sface-head-s0: validation 60.0%, test 50.0% (40.0% to 60.0%), 0 s"
    assert "3 runs left, about " in talk.notes[-4]


def test_study_that_stands_is_not_touched(
    config: StudyConfig, scripted: Install, tmp_path: Path
) -> None:
    worker = scripted(good)
    study(config, tmp_path / "study")
    worker.orders.clear()

    with pytest.raises(ArtifactError) as caught:
        study(config, tmp_path / "study")

    assert str(caught.value) == (
        f"{tmp_path / 'study'} holds a study; nothing was done.\n"
        "  fix: Go on with it by `--resume`, or replace it by `--overwrite`."
    )
    assert worker.orders == []


def test_overwritten_study_begins_anew(
    config: StudyConfig, scripted: Install, tmp_path: Path
) -> None:
    worker = scripted(good)
    study(config, tmp_path / "study")
    worker.orders.clear()

    study(dataclasses.replace(config, grid=({"backbone": "sface"},)), tmp_path / "study",
          overwrite=True)  # fmt: skip

    assert runs_of(worker) == ["sface-head-s0"]
    assert [path.name for path in (tmp_path / "study" / "runs").iterdir()] == ["sface-head-s0"]


def test_folder_of_something_else_is_not_overwritten(
    config: StudyConfig, scripted: Install, tmp_path: Path
) -> None:
    scripted(good)
    (tmp_path / "thesis.txt").write_text("years", encoding="utf-8")

    with pytest.raises(ArtifactError, match=r"it holds no study\.json"):
        study(config, tmp_path, overwrite=True)

    assert (tmp_path / "thesis.txt").is_file()


def stopped_at(name: str, error: type[BaseException]) -> Answered:
    def answered(order: Mapping[str, object]) -> Mapping[str, object]:
        if name_of(order) == name:
            raise error
        return good(order)

    return answered


class Killed(BaseException):
    """Stands for a kill: nothing that the study catches, nothing that it can still do."""


@pytest.fixture
def whole(config: StudyConfig, scripted: Install, tmp_path: Path) -> Path:
    """A study that nothing interrupted."""
    scripted(good)
    study(dataclasses.replace(config, seeds=(0, 1)), tmp_path / "whole")
    return tmp_path / "whole"


@pytest.mark.parametrize("name", [f"{name}-s{seed}" for name in NAMES for seed in (0, 1)])
@pytest.mark.parametrize("error", [Killed, KeyboardInterrupt])
def test_resumed_study_ends_with_the_same_table(
    name: str,
    error: type[BaseException],
    whole: Path,
    config: StudyConfig,
    scripted: Install,
    tmp_path: Path,
) -> None:
    several, out = dataclasses.replace(config, seeds=(0, 1)), tmp_path / "study"
    worker = scripted(stopped_at(name, error))
    with pytest.raises(error):
        study(several, out)
    first = runs_of(worker)
    worker = scripted(good)

    study(several, out, resume=True)

    assert table(out) == table(whole)
    # Only what was under way is done a second time.
    assert sorted([*first, *runs_of(worker)]) == sorted([*statuses(Study.open(whole)), name])


def test_stopping_is_not_counted_as_an_attempt(
    config: StudyConfig, scripted: Install, tmp_path: Path
) -> None:
    talk = Talk()
    scripted(stopped_at("sface-head-s0", KeyboardInterrupt))

    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            study(config, tmp_path / "study", resume=True, progress=talk)

    assert Study.open(tmp_path / "study").rows[0].attempts == 0
    assert talk.notes[-1] == "stopped; the same command with `--resume` goes on"


def test_run_during_which_the_study_died_twice_is_broken(
    config: StudyConfig, scripted: Install, tmp_path: Path
) -> None:
    scripted(stopped_at("sface-head-s0", Killed))
    for _ in range(2):
        with pytest.raises(Killed):
            study(config, tmp_path / "study", resume=True)

    made = study(config, tmp_path / "study", resume=True)

    assert [row.status for row in made.rows] == ["broken", "done", "done", "done"]
    assert made.rows[0].reason == "the study ended twice while this run was under way"


def test_broken_run_is_tried_again_only_when_asked(
    config: StudyConfig, scripted: Install, tmp_path: Path
) -> None:
    scripted(lambda order: {"said": "failed", "reason": "No.", "error": None})
    study(config, tmp_path / "study")
    scripted(good)

    resumed = study(config, tmp_path / "study", resume=True)
    retried = study(config, tmp_path / "study", resume=True, retry_broken=True)

    assert {row.status for row in resumed.rows} == {"broken"}
    assert {row.status for row in retried.rows} == {"done"}


def test_run_whose_folder_is_gone_is_done_again(
    config: StudyConfig, scripted: Install, tmp_path: Path
) -> None:
    worker = scripted(good)
    study(config, tmp_path / "study")
    (tmp_path / "study" / "runs" / "sface-head-s0" / "run.json").unlink()
    worker.orders.clear()

    study(config, tmp_path / "study", resume=True)

    assert runs_of(worker) == ["sface-head-s0"]


def test_runs_can_be_added_and_keep_what_was_done(
    config: StudyConfig, scripted: Install, tmp_path: Path
) -> None:
    worker = scripted(good)
    study(config, tmp_path / "study")
    worker.orders.clear()
    more = dataclasses.replace(config, grid=(*GRID, {"backbone": "sface", "crop_fraction": 0.9}))

    made = study(more, tmp_path / "study", resume=True)

    assert runs_of(worker) == ["sface-head-crop_fraction0.9-s0"]
    assert [row.name for row in made.rows] == [
        *(f"{name}-s0" for name in NAMES), "sface-head-crop_fraction0.9-s0"
    ]  # fmt: skip


def test_changed_study_is_not_resumed(
    config: StudyConfig, scripted: Install, tmp_path: Path
) -> None:
    scripted(good)
    study(config, tmp_path / "study")
    other = dataclasses.replace(
        config,
        evaluate=False,
        grid=(
            {"backbone": "sface", "mode": "finetune", "epochs": 9},
            {"backbone": "resnet18", "mode": ["head", "finetune"]},
        ),
    )

    with pytest.raises(UsageError) as caught:
        study(other, tmp_path / "study", resume=True)

    assert str(caught.value) == (
        f"{tmp_path / 'study'} holds another study than the one to be resumed.\n"
        "  at:  evaluate True then, False now, sface-head-s0: not asked for now, "
        "sface-finetune-s0: epochs None then, 9 now\n"
        "  fix: Ask for the same runs, or for more; or start anew with `--overwrite`."
    )


def test_study_of_other_photos_is_not_resumed(
    config: StudyConfig,
    scripted: Install,
    tmp_path: Path,
    write_kinds: Callable[..., Path],
    drawn_dataset: Dataset,
) -> None:
    from lineament.preparation.build import PrepareConfig, prepare

    scripted(good)
    study(config, tmp_path / "study")
    prepared = PrepareConfig(split=(0.4, 0.3, 0.3))
    data = prepare(write_kinds(tmp_path / "photos", per_class=12), tmp_path / "d", config=prepared)

    with pytest.raises(UsageError) as caught:
        study(
            dataclasses.replace(config, datasets={"shapes": data.root}),
            tmp_path / "study",
            resume=True,
        )

    assert caught.value.at[0] == (
        f"datasets.shapes '{drawn_dataset.fingerprint}' then, '{data.fingerprint}' now"
    )


def test_resuming_where_nothing_is_begins(
    config: StudyConfig, scripted: Install, tmp_path: Path
) -> None:
    scripted(good)
    (tmp_path / "study").mkdir()

    assert len(study(config, tmp_path / "study", resume=True).rows) == 4


def test_two_processes_do_not_do_one_study(
    config: StudyConfig, scripted: Install, tmp_path: Path
) -> None:
    fcntl = pytest.importorskip("fcntl")
    scripted(good)
    study(config, tmp_path / "study")

    with (tmp_path / "study" / ".lock").open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(ArtifactError) as caught:
            study(config, tmp_path / "study", resume=True)

    assert str(caught.value) == (
        f"Another process is at work on the study {tmp_path / 'study'}.\n"
        "  fix: Wait for it, or name another `--out`."
    )


def test_recipes_that_cannot_be_are_refused_before_anything_is_trained(
    config: StudyConfig, scripted: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = scripted(good)

    def ask(self: Scripted, order: Mapping[str, object], **_: object) -> Mapping[str, object]:
        problem = {"what": "Heads have no steps.", "fix": "Leave them out."}
        return {"said": "done", "result": [problem, None, problem, None]}

    monkeypatch.setattr(worker, "ask", ask)

    with pytest.raises(UsageError) as caught:
        study(dataclasses.replace(config, places=("study.yaml, line 4",)), tmp_path / "study")

    assert str(caught.value) == (
        "Runs of the study ask for what cannot be; nothing was trained.\n"
        "  at:  sface-head: Heads have no steps. (study.yaml, line 4), "
        "resnet18-head: Heads have no steps. (study.yaml, line 4)\n"
        "  fix: Leave them out. Fields that suit some runs only go into a block of their own."
    )
    assert not (tmp_path / "study").exists()


def test_dataset_without_test_photos_is_refused_where_runs_are_judged(
    scripted: Install, tmp_path: Path, write_kinds: Callable[..., Path]
) -> None:
    from lineament.preparation.build import PrepareConfig, prepare

    worker = scripted(good)
    prepared = PrepareConfig(split=(0.7, 0.3, 0.0))
    data = prepare(write_kinds(tmp_path / "photos", per_class=12), tmp_path / "d", config=prepared)

    with pytest.raises(DataError, match=r"The test split of .* is empty"):
        study(StudyConfig(datasets={"shapes": data.root}), tmp_path / "study")

    assert worker.orders == []


def test_planning_measures_each_kind_once_and_writes_nothing(
    config: StudyConfig, scripted: Install, tmp_path: Path
) -> None:
    worker = scripted(good)

    made = foreseen(dataclasses.replace(config, seeds=(0, 1)), tmp_path / "study")

    assert [order["do"] for order in worker.orders] == ["check", *["measure"] * 4]
    assert not (tmp_path / "study").exists()
    # The 90 photos of train and validation are embedded once for all runs of a backbone.
    assert [row.estimate_s for row in made.rows[:2]] == [2.2, 1.3]


def test_search_is_a_part_of_the_study(
    config: StudyConfig, scripted: Install, tmp_path: Path
) -> None:
    pytest.importorskip("optuna")

    def answered(order: Mapping[str, object]) -> Mapping[str, object]:
        recipe = order["recipe"]
        assert isinstance(recipe, dict)
        test = None if order["report"] is None else 0.5
        return {"said": "done", "result": figures(0.5, loss=recipe["dropout"], test=test)}

    worker = scripted(answered)
    searching = dataclasses.replace(
        config,
        grid=(),
        seeds=(0, 1),
        search={
            "trials": 3,
            "fixed": {"mode": "finetune", "backbone": "sface"},
            "space": {"dropout": [0.1, 0.3, 0.2]},
        },
    )

    made = study(searching, tmp_path / "study")

    found = {row.configuration: row.recipe["dropout"] for row in made.rows if row.role == "chosen"}
    assert list(found.values()) == [0.1]
    assert sorted((row.role, row.recipe["dropout"], row.seed) for row in made.rows) == [
        ("chosen", 0.1, 0),
        ("chosen", 0.1, 1),
        ("trial", 0.2, 0),
        ("trial", 0.3, 0),
    ]
    assert [row.test_accuracy is not None for row in made.rows if row.role == "trial"] == [
        False,
        False,
    ]
    assert len(runs_of(worker)) == 5  # three trials; what they chose judged, and its second seed


def test_search_that_died_goes_on_with_its_trials(
    config: StudyConfig, scripted: Install, tmp_path: Path
) -> None:
    pytest.importorskip("optuna")
    searching = dataclasses.replace(
        config,
        grid=(),
        search={"trials": 4, "space": {"crop_fraction": {"low": 0.5, "high": 1.0}}},
    )

    def answered(order: Mapping[str, object]) -> Mapping[str, object]:
        recipe = order["recipe"]
        assert isinstance(recipe, dict)
        return {"said": "done", "result": figures(0.5, loss=recipe["crop_fraction"], test=0.5)}

    scripted(answered)
    study(searching, tmp_path / "whole")

    def dying(order: Mapping[str, object]) -> Mapping[str, object]:
        if name_of(order) == "search-003-s0":
            raise Killed
        return answered(order)

    scripted(dying)
    with pytest.raises(Killed):
        study(searching, tmp_path / "study")
    worker = scripted(answered)

    study(searching, tmp_path / "study", resume=True)

    assert table(tmp_path / "study") == table(tmp_path / "whole")
    assert runs_of(worker)[:2] == ["search-003-s0", "search-004-s0"]


def test_search_on_one_of_several_datasets_names_it(
    config: StudyConfig, scripted: Install, tmp_path: Path
) -> None:
    pytest.importorskip("optuna")
    root = config.datasets["shapes"]
    several = StudyConfig(
        datasets={"a": root, "b": root}, search={"trials": 1, "space": {"dropout": [0.1, 0.2]}}
    )

    with pytest.raises(UsageError) as caught:
        study(several, tmp_path / "study")

    assert str(caught.value) == (
        "The search is on one of the study's datasets, and names none.\n"
        "  fix: Write `dataset:` under `search:`, one of a, b."
    )


def test_document_is_plain_json(config: StudyConfig, scripted: Install, tmp_path: Path) -> None:
    scripted(good)

    made = study(config, tmp_path / "study")

    stored = json.loads((tmp_path / "study" / "study.json").read_text(encoding="utf-8"))
    assert stored["rows"] == json.loads(json.dumps([row.as_dict() for row in made.rows]))
    assert StudyRow.from_dict(stored["rows"][0], name="x") == made.rows[0]


def test_study_itself_needs_no_torch() -> None:
    """What dies for want of memory is the worker; the study stays small."""
    program = "import sys, lineament.workflow.studies.study; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_example_can_be_read_and_laid_out() -> None:
    config = read_study(EXAMPLE)

    runs = planned(
        config,
        {
            name: Dataset(root=path, classes=("a", "b"), splits={}, fingerprint=name, document={})
            for name, path in config.datasets.items()
        },
    )

    assert {run.config.backbone for run in runs if run.config.mode == "finetune"} == {
        "sface",
        "efficientnet_lite0",
        "mobilenetv2_100",
    }
    assert len(runs) == 14 * 3
