"""A search finds what is good, ends what is not, and survives whatever ends it."""

import math
import os
import signal
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
import pytest

from lineament.core.errors import ArtifactError, DataError, MissingExtraError, UsageError
from lineament.workflow.studies import journal
from lineament.workflow.studies.journal import Trial
from lineament.workflow.studies.search import Pruned, Reporter, Search, read_search
from lineament.workflow.studies.space import Space, read_space

if TYPE_CHECKING:
    from lineament.artifacts.dataset import Dataset

SPACE = read_space(
    {
        "learning_rate": {"low": 1e-5, "high": 1e-1, "log": True},
        "dropout": {"low": 0.0, "high": 0.6, "step": 0.1},
        "optimiser": ["adamw", "adam", "sgd"],
    }
)
EPOCHS = 6


def loss(values: Mapping[str, object]) -> float:
    """A made validation loss, least at 1e-3, 0.3 and adamw."""
    rate, dropout = float(str(values["learning_rate"])), float(str(values["dropout"]))
    worse = {"adamw": 0.0, "adam": 0.05, "sgd": 0.2}[str(values["optimiser"])]
    return (math.log10(rate) + 3) ** 2 + (dropout - 0.3) ** 2 + worse


def plain(values: Mapping[str, object], reporter: Reporter) -> float:
    return loss(values)


def trained(values: Mapping[str, object], reporter: Reporter) -> float:
    """Epochs that come nearer to the loss."""
    reporter.epoch({"epoch": 0, "validation_loss": 1e6}, ())
    for epoch in range(1, EPOCHS + 1):
        reporter.epoch({"epoch": epoch, "validation_loss": loss(values) + 1 / epoch}, ())
    return loss(values) + 1 / EPOCHS


def told(trials: tuple[Trial, ...]) -> list[tuple[object, ...]]:
    """Everything but how long it took."""
    return [
        (each.number, dict(each.values), each.state, each.value, each.epochs, each.reason)
        for each in trials
    ]


class Clock:
    """A time that passes when it is told to."""

    def __init__(self) -> None:
        self.time_s = 100.0

    def __call__(self) -> float:
        return self.time_s


class Notes:
    """Keeps what is said."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def start(self, task: str, total: int | None) -> None:
        """Nothing."""

    def advance(self, steps: int = 1) -> None:
        """Nothing."""

    def finish(self) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        self.texts.append(text)


@pytest.fixture
def search(tmp_path: Path) -> Callable[..., Search]:
    """Give ``search(trials=8, space=..., storage="journal", ...)``."""

    def make(
        *,
        space: Space = SPACE,
        storage: str = "journal",
        trials: int | None = 8,
        seed: int = 0,
        metric: str = "validation_loss",
        budget_s: float | None = None,
        now: Callable[[], float] = lambda: 0.0,
    ) -> Search:
        return Search(
            space,
            storage=tmp_path / storage,
            trials=trials,
            seed=seed,
            metric=metric,
            budget_s=budget_s,
            now=now,
        )

    return make


# Finding


def test_trials_are_numbered_and_have_what_was_tried(search: Callable[..., Search]) -> None:
    asked: list[tuple[int, Mapping[str, object]]] = []

    def attempt(values: Mapping[str, object], reporter: Reporter) -> float:
        asked.append((reporter.number, values))
        return loss(values)

    trials = search(trials=3).run(attempt)

    assert [(each.number, each.values) for each in trials] == asked
    assert [each.number for each in trials] == [1, 2, 3]
    assert [each.value for each in trials] == [loss(each.values) for each in trials]
    assert {each.state for each in trials} == {"complete"}


def test_search_finds_better_settings_than_chance(
    search: Callable[..., Search], monkeypatch: pytest.MonkeyPatch
) -> None:
    def best_of(seed: int, *, kind: str) -> float:
        proposer = search(trials=30, seed=seed, storage=f"{kind}-{seed}")
        best = proposer.best(proposer.run(plain))
        assert best is not None
        assert best.value is not None
        return best.value

    proposed = [best_of(seed, kind="proposed") for seed in range(5)]
    monkeypatch.setattr(journal, "RANDOM_TRIALS", 30)
    drawn = [best_of(seed, kind="drawn") for seed in range(5)]

    assert statistics.median(proposed) < statistics.median(drawn)


def test_same_seed_tries_the_same_and_another_seed_other_settings(
    search: Callable[..., Search],
) -> None:
    one, same, other = (
        told(search(trials=14, storage=name, seed=seed).run(trained))
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )

    assert one == same
    assert [row[1] for row in one] != [row[1] for row in other]


def test_best_is_the_first_of_the_complete_ones_with_the_best_metric(
    search: Callable[..., Search],
) -> None:
    values = {1: 0.5, 2: 0.25, 3: 0.75, 4: 0.25, 5: 0.75}

    def attempt(_: Mapping[str, object], reporter: Reporter) -> float:
        return values[reporter.number]

    least = search(trials=5, storage="a")
    most = search(trials=5, storage="b", metric="validation_accuracy")

    assert [each.number for each in (least.best(least.run(attempt)),) if each] == [2]
    assert [each.number for each in (most.best(most.run(attempt)),) if each] == [3]
    assert least.best(()) is None


def test_no_setting_of_a_small_space_is_tried_twice(search: Callable[..., Search]) -> None:
    space = read_space({"optimiser": ["adamw", "adam", "sgd"], "flip": [True, False]})
    notes = Notes()

    trials = search(space=space, trials=30).run(lambda values, _: float(len(str(values))), notes)

    assert len(trials) == 6
    assert len({str(each.values) for each in trials}) == 6
    assert notes.texts[-1] == "all 6 settings of the space were tried"


# Pruning


def test_trials_behind_the_median_are_pruned(search: Callable[..., Search]) -> None:
    trials = search(trials=25).run(trained)

    pruned = [each for each in trials if each.state == "pruned"]
    complete = [each for each in trials if each.state == "complete"]
    assert len(pruned) >= 5
    assert [each.number for each in trials[:5]] == [each.number for each in complete[:5]]
    assert all(2 <= each.epochs < EPOCHS for each in pruned)
    for each in pruned:
        assert each.reason == (
            f"behind the median of the trials before it after epoch {each.epochs}"
        )
        assert each.value == loss(each.values) + 1 / each.epochs


def test_start_of_training_and_tried_regularisations_are_not_reported(
    search: Callable[..., Search],
) -> None:
    def attempt(values: Mapping[str, object], reporter: Reporter) -> float:
        reporter.epoch({"epoch": 0, "validation_loss": 1e6}, ())
        reporter.epoch({"regularisation": 0.1, "validation_loss": 1e6}, ())
        reporter.epoch({"epoch": 1, "validation_loss": math.nan}, ())
        return 0.5

    assert {(each.state, each.epochs) for each in search(trials=8).run(attempt)} == {
        ("complete", 0)
    }


def test_accuracy_is_pruned_from_below(search: Callable[..., Search]) -> None:
    accuracy = {1: 0.8, 2: 0.8, 3: 0.8, 4: 0.8, 5: 0.8, 6: 0.7, 7: 0.9}

    def attempt(_: Mapping[str, object], reporter: Reporter) -> float:
        for epoch in (1, 2, 3):
            row = {"epoch": epoch, "validation_accuracy": accuracy[reporter.number]}
            reporter.epoch(row, ())
        return accuracy[reporter.number]

    trials = search(trials=7, metric="validation_accuracy").run(attempt)

    assert [each.state for each in trials[5:]] == ["pruned", "complete"]


def test_real_training_ends_when_it_is_behind(
    search: Callable[..., Search], drawn_dataset: "Dataset", tmp_path: Path
) -> None:
    from lineament.training.train import TrainConfig, train

    def attempt(values: Mapping[str, object], reporter: Reporter) -> float:
        if reporter.number <= journal.UNPRUNED_TRIALS:
            for epoch in range(1, 4):
                reporter.epoch({"epoch": epoch, "validation_loss": 0.0}, ())
            return 0.0
        config = TrainConfig(
            mode="scratch", backbone="custom_cnn", widths=(4, 8), size_px=16, epochs=3, threads=1
        )
        train(drawn_dataset, tmp_path / "run", config=config, watcher=reporter)
        raise AssertionError("it was not ended")

    last = search(trials=journal.UNPRUNED_TRIALS + 1).run(attempt)[-1]

    assert (last.state, last.epochs) == ("pruned", 2)
    assert not (tmp_path / "run").exists()


# Failing


def test_error_of_an_attempt_is_a_failed_trial_and_the_search_goes_on(
    search: Callable[..., Search],
) -> None:
    def attempt(values: Mapping[str, object], reporter: Reporter) -> float:
        if reporter.number == 2:
            raise DataError("2 photos cannot be read.", at=["a.jpg", "b.jpg"], fix="Repair them.")
        return math.inf if reporter.number == 3 else loss(values)

    trials = search(trials=4).run(attempt)

    assert [each.state for each in trials] == ["complete", "failed", "failed", "complete"]
    assert trials[1].reason == "2 photos cannot be read. a.jpg b.jpg"
    assert trials[2].reason == "its validation_loss was inf"
    assert [each.value for each in trials[1:3]] == [None, None]


def test_bug_of_an_attempt_is_not_hidden_and_its_trial_is_tried_again(
    search: Callable[..., Search],
) -> None:
    def broken(values: Mapping[str, object], reporter: Reporter) -> float:
        if reporter.number == 3:
            raise ZeroDivisionError
        return loss(values)

    with pytest.raises(ZeroDivisionError):
        search(trials=5).run(broken)

    assert told(search(trials=5).run(plain)) == told(search(trials=5, storage="b").run(plain))


# Going on


def test_search_goes_on_with_the_trials_that_it_had(search: Callable[..., Search]) -> None:
    first = search(trials=6).run(trained)
    calls: list[int] = []

    def attempt(values: Mapping[str, object], reporter: Reporter) -> float:
        calls.append(reporter.number)
        return trained(values, reporter)

    whole = search(trials=15).run(attempt)

    assert calls == list(range(7, 16))
    assert told(whole[:6]) == told(first)
    assert told(whole) == told(search(trials=15, storage="b").run(trained))
    assert told(search(trials=15).trials()) == told(whole)


def test_interruption_costs_nothing_but_the_trial_under_way(search: Callable[..., Search]) -> None:
    def interrupted(values: Mapping[str, object], reporter: Reporter) -> float:
        if reporter.number == 12:
            reporter.epoch({"epoch": 1, "validation_loss": loss(values) + 1}, ())
            raise KeyboardInterrupt
        return trained(values, reporter)

    for _ in range(3):  # more often than a trial may die: it is the person who ends it
        with pytest.raises(KeyboardInterrupt):
            search(trials=15).run(interrupted)

    assert told(search(trials=15).run(trained)) == told(search(trials=15, storage="b").run(trained))


KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
from test_studies_search import SPACE, loss, trained
from lineament.workflow.studies.search import Search
from pathlib import Path

def attempt(values, reporter):
    if reporter.number == int(sys.argv[2]):
        reporter.epoch({{"epoch": 1, "validation_loss": loss(values) + 1}}, ())
        os.kill(os.getpid(), signal.SIGKILL)
    return trained(values, reporter)

Search(SPACE, storage=Path(sys.argv[1]), trials=15).run(attempt)
"""


def killed(storage: Path, number: int) -> None:
    """Search in a process that is killed while it tries a trial."""
    program = KILLED.format(tests=str(Path(__file__).parent))
    done = subprocess.run(
        [sys.executable, "-c", program, str(storage), str(number)], check=False, timeout=120
    )
    assert done.returncode == -signal.SIGKILL


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
def test_killed_search_ends_as_if_it_had_not_been(
    search: Callable[..., Search], tmp_path: Path
) -> None:
    for number in (3, 12):
        killed(tmp_path / "journal", number)
        with (tmp_path / "journal").open("ab") as file:
            file.write(b'{"op_code":6,"tri')  # a power cut can leave a part of a line

    assert told(search(trials=15).run(trained)) == told(search(trials=15, storage="b").run(trained))


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
def test_trial_that_kills_the_process_twice_has_failed(
    search: Callable[..., Search], tmp_path: Path
) -> None:
    killed(tmp_path / "journal", 2)
    killed(tmp_path / "journal", 2)

    trials = search(trials=3).run(trained)

    assert [(each.number, each.state) for each in trials] == [
        *((1, "complete"), (2, "failed"), (3, "complete"))
    ]
    assert trials[1].reason == "the process died 2 times while it was tried"


def test_another_search_in_the_same_journal_is_refused(
    search: Callable[..., Search], tmp_path: Path
) -> None:
    search(trials=1).run(plain)

    with pytest.raises(UsageError) as caught:
        search(seed=4).run(plain)

    assert str(caught.value) == (
        f"{tmp_path / 'journal'} holds another search.\n"
        "  at:  search seed: 0 then, 4 now\n"
        "  fix: Search as before, or into another folder."
    )


def test_damaged_journal_is_refused(search: Callable[..., Search], tmp_path: Path) -> None:
    search(trials=1).run(plain)
    content = (tmp_path / "journal").read_bytes()
    (tmp_path / "journal").write_bytes(b"{\n" + content)

    with pytest.raises(ArtifactError) as caught:
        search(trials=1).run(plain)

    assert str(caught.value) == (
        f"{tmp_path / 'journal'} cannot be read (JSONDecodeError): it was damaged after it was "
        "written.\n"
        "  fix: Remove it and search anew."
    )


# Ending


def test_search_ends_when_no_usual_trial_fits_any_more(search: Callable[..., Search]) -> None:
    clock, notes = Clock(), Notes()

    def attempt(values: Mapping[str, object], reporter: Reporter) -> float:
        clock.time_s += 10
        return loss(values)

    trials = search(trials=None, budget_s=45, now=clock).run(attempt, notes)

    assert [each.seconds for each in trials] == [10, 10, 10, 10]
    assert notes.texts[-1] == "the time of the search is used up after 4 trials"


def test_trial_is_cut_when_the_time_is_used_up_and_does_not_count(
    search: Callable[..., Search],
) -> None:
    clock = Clock()
    took: list[str] = []

    def attempt(values: Mapping[str, object], reporter: Reporter) -> float:
        slower = 4 if reporter.number == 3 else 1
        try:
            for epoch in range(1, EPOCHS + 1):
                clock.time_s += slower
                reporter.epoch({"epoch": epoch, "validation_loss": loss(values)}, ())
        except Pruned as order:
            took.append(f"{epoch}: {order}")
            raise
        return loss(values)

    first = search(trials=None, budget_s=20, now=clock).run(attempt)
    whole = search(trials=4, now=clock).run(attempt)

    assert len(first) == 2
    assert took == ["2: the time of the search is used up"]
    assert [(each.number, each.state) for each in whole[2:]] == [(3, "complete"), (4, "complete")]


def test_one_trial_runs_to_its_end_whatever_the_budget(search: Callable[..., Search]) -> None:
    clock = Clock()

    def attempt(values: Mapping[str, object], reporter: Reporter) -> float:
        clock.time_s += 100
        return trained(values, reporter)

    (trial,) = search(trials=None, budget_s=1, now=clock).run(attempt)

    assert (trial.state, trial.epochs) == ("complete", EPOCHS)


def test_time_of_earlier_runs_counts(search: Callable[..., Search]) -> None:
    clock = Clock()

    def attempt(values: Mapping[str, object], reporter: Reporter) -> float:
        clock.time_s += 10
        return loss(values)

    search(trials=2, now=clock).run(attempt)

    assert len(search(trials=None, budget_s=35, now=clock).run(attempt)) == 3


# Saying


def test_each_trial_is_told_in_a_line(search: Callable[..., Search]) -> None:
    notes = Notes()

    def attempt(values: Mapping[str, object], reporter: Reporter) -> float:
        if reporter.number == 2:
            raise UsageError("It diverged.", fix="Lower the rate.")
        return 0.5

    trials = search(trials=2).run(attempt, notes)

    tried = [", ".join(f"{name} {value}" for name, value in each.values.items()) for each in trials]
    assert notes.texts == [
        f"trial 1 of 2 complete, validation_loss 0.5000, {tried[0]}, best so far 0.5000 in trial 1",
        f"trial 2 of 2 failed, It diverged., {tried[1]}, best so far 0.5000 in trial 1",
    ]


@pytest.fixture
def loud() -> Iterator[None]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.INFO)
    yield
    optuna.logging.set_verbosity(before)


@pytest.mark.usefixtures("loud")
def test_optuna_says_nothing_and_is_left_as_it_was(
    search: Callable[..., Search], capfd: pytest.CaptureFixture[str]
) -> None:
    search(trials=12).run(trained)

    assert capfd.readouterr() == ("", "")
    assert optuna.logging.get_verbosity() == optuna.logging.INFO


# Refusing


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (
            {"metric": "validation_los"},
            "A search has no metric `validation_los`. Did you mean `validation_loss`?\n"
            "  fix: Use validation_loss or validation_accuracy: validation chooses, test only "
            "reports.",
        ),
        (
            {"trials": None},
            "A search must be told when to end.\n"
            "  fix: Give `trials: 30`, `budget: 40m`, or both: whichever comes first ends it.",
        ),
        ({"trials": 0}, "`trials` and `budget` must be above 0.\n  fix: Give more, or neither."),
        (
            {"budget_s": 0.0},
            "`trials` and `budget` must be above 0.\n  fix: Give more, or neither.",
        ),
    ],
)
def test_search_without_sense_is_refused(
    search: Callable[..., Search], wrong: Mapping[str, object], text: str
) -> None:
    with pytest.raises(UsageError) as caught:
        search(**wrong)

    assert str(caught.value) == text


def test_study_file_is_read_as_a_search(tmp_path: Path) -> None:
    document = {
        "trials": 30,
        "budget": "40m",
        "metric": "validation_accuracy",
        "space": {"dropout": {"low": 0.0, "high": 0.5, "step": 0.1}},
        "dataset": "faces",
    }

    found = read_search(document, storage=tmp_path / "journal", seed=3)

    assert (found.n_trials, found.budget_s, found.metric) == (30, 2400.0, "validation_accuracy")
    assert (found.space.size, found.seed) == (6, 3)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (
            {"trials": 2.5},
            "`search.trials` must be a whole number of at least 1, got 2.5.\n"
            "  fix: Give how many trainings there are to be.",
        ),
        (
            {"budget": "long"},
            "`search.budget` must be a duration such as 45s, 20m or 1.5h, got 'long'.\n"
            "  fix: Give a number above 0 and s, m or h.",
        ),
        (
            {"budget": 40},
            "`search.budget` must be a duration such as 45s, 20m or 1.5h, got 40.\n"
            "  fix: Give a number above 0 and s, m or h.",
        ),
        (
            {"space": None},
            "`search.space` names no field to search.\n"
            "  fix: Write for example `learning_rate: {low: 1e-5, high: 1e-2, log: true}`.",
        ),
    ],
)
def test_what_a_study_file_cannot_say_is_refused(
    tmp_path: Path, wrong: Mapping[str, object], text: str
) -> None:
    document = {"trials": 3, "space": {"optimiser": ["adamw", "sgd"]}, **wrong}

    with pytest.raises(UsageError) as caught:
        read_search(document, storage=tmp_path / "journal")

    assert str(caught.value) == text


def test_without_optuna_the_extra_is_named(
    search: Callable[..., Search], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lineament.core.extras._found", lambda module: module != "optuna")

    with pytest.raises(MissingExtraError) as caught:
        search().run(plain)

    assert str(caught.value) == (
        "A search needs optuna, which is not installed.\n"
        "  fix: Install with `pip install 'lineament[study]'`."
    )
