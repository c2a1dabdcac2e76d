"""Journal: the trials of a search, kept by Optuna in one file that only grows.

Settings come from Optuna's tree-structured Parzen estimator (Bergstra et al. 2011, "Algorithms for
hyper-parameter optimization"; of several fields at once: Falkner et al. 2018, "BOHB"). Each trial
draws from a generator of its own, seeded by the search's seed and the trial's number. So what a
trial tries depends on the finished trials before it and on nothing else: the same seed makes the
same search, and one that was killed goes on as if it had not been.

Optuna numbers whatever it was ever asked for; here a number is the place among the trials that
count. One that was stopped from outside does not: it is tried again under the same number.
"""

import dataclasses
import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lineament.core.errors import ArtifactError, UsageError
from lineament.core.extras import require_all
from lineament.workflow.studies.space import Choice, Draw, Range, Space

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

COMPLETE, PRUNED, FAILED = "complete", "pruned", "failed"
METRICS: Mapping[str, Literal["minimize", "maximize"]] = {
    "validation_loss": "minimize",
    "validation_accuracy": "maximize",
}
RANDOM_TRIALS = 10  # that are drawn by chance before any is proposed
UNPRUNED_TRIALS = 5  # that are complete before any is pruned: the median of fewer says little
# Over the first epoch the rate still rises, and a good trial can look bad.
FIRST_PRUNED_EPOCH = 2
MOST_DRAWN = 10_000  # a space with more settings is hardly drawn from twice
MOST_DEATHS = 2  # of the process in one trial: then it is the trial's fault
LOCK_S = 5  # writing takes milliseconds: an older lock is that of a dead process

# What is noted of a trial, beside what Optuna itself keeps.
NUMBER, SECONDS, FAILURE, PRUNING = "number", "seconds", "failure", "pruning"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trial:
    """One training of a search.

    Attributes:
        number: From 1, in the order of the search.
        values: What was tried, as fields of `TrainConfig`.
        state: ``complete``, ``pruned`` or ``failed``.
        value: The metric; of a pruned trial that of its last epoch, of a failed one ``None``.
        epochs: The last epoch that was judged; 0 where none was.
        seconds: How long it took.
        reason: Why it is not complete; empty where it is.
    """

    number: int
    values: Mapping[str, object]
    state: str
    value: float | None
    epochs: int
    seconds: float
    reason: str = ""


class Proposal:
    """What is to be tried next.

    Args:
        number: As that of the `Trial` it becomes.
        values: The settings, as fields of `TrainConfig`.
        trial: Optuna's.
    """

    def __init__(self, number: int, values: Mapping[str, object], trial: "optuna.Trial") -> None:
        self.number = number
        self.values = values
        self.trial = trial
        self.epoch = 0  # the last one that was reported

    def report(self, epoch: int, value: float) -> bool:
        """Note the metric after an epoch; say whether the trial has fallen behind."""
        self.epoch = epoch
        self.trial.report(value, epoch)
        return self.trial.should_prune()


class Journal:
    """The trials of an opened journal; `opened` makes it."""

    def __init__(self, study: "optuna.Study", space: Space, seed: int) -> None:
        self._study = study
        self._space = space
        self._seed = seed

    @property
    def spent_s(self) -> float:
        """How long everything took that was tried, as far as it was not killed."""
        return math.fsum(_seconds(each) for each in self._all())

    def trials(self) -> tuple[Trial, ...]:
        """The trials that count."""
        return tuple(
            self._told(number, each) for number, each in enumerate(self._counted(), start=1)
        )

    def bury(self) -> None:
        """End what was running when its process died; twice in one trial, and it has failed."""
        for each in self._all("RUNNING"):
            self._study.tell(each.number, state=_state("FAIL"))

    def propose(self) -> Proposal | None:
        """The next settings; ``None`` where a space that can be counted has nothing left."""
        from optuna.samplers import TPESampler

        counted = self._counted()
        number, tried = len(counted) + 1, {_key(each.params) for each in counted}
        chance = self._chance(number)
        self._study.sampler = TPESampler(seed=chance, n_startup_trials=RANDOM_TRIALS)
        fields = {name: _distribution(each) for name, each in self._space.fields.items()}
        trial = self._study.ask(fields)
        size = self._space.size
        if _key(trial.params) in tried and size is not None and size <= MOST_DRAWN:
            # What was tried would give what it gave; another setting says more.
            self._study.tell(trial, state=_state("FAIL"))
            left = [draw for draw in self._space.draws() if _key(draw) not in tried]
            if not left:
                return None
            self._study.enqueue_trial(dict(left[chance % len(left)]))
            trial = self._study.ask(fields)
        trial.set_user_attr(NUMBER, number)
        proposal = Proposal(number, self._values(trial.params), trial)
        # What was heard of it before it was interrupted: its training may go on from there.
        for each in self._all("FAIL"):
            if each.user_attrs.get(NUMBER) == number and each.params == trial.params:
                for epoch, value in sorted(each.intermediate_values.items()):
                    if epoch > proposal.epoch:
                        proposal.report(epoch, value)
        return proposal

    def complete(self, proposal: Proposal, value: float, seconds: float) -> None:
        """Note the metric of a trial that ran to its end."""
        proposal.trial.set_user_attr(SECONDS, seconds)
        self._study.tell(proposal.trial, value)

    def prune(self, proposal: Proposal, reason: str, seconds: float) -> None:
        """Note that a trial was ended because it was behind."""
        proposal.trial.set_user_attr(SECONDS, seconds)
        proposal.trial.set_user_attr(PRUNING, reason)
        self._study.tell(proposal.trial, state=_state("PRUNED"))

    def fail(self, proposal: Proposal, reason: str, seconds: float) -> None:
        """Note that a trial broke; without a reason it does not count."""
        proposal.trial.set_user_attr(SECONDS, seconds)
        if reason:
            proposal.trial.set_user_attr(FAILURE, reason)
        self._study.tell(proposal.trial, state=_state("FAIL"))

    def _all(self, *states: str) -> list["FrozenTrial"]:
        wanted = tuple(_state(name) for name in states)
        return self._study.get_trials(deepcopy=False, states=wanted or None)

    def _counted(self) -> list["FrozenTrial"]:
        """The trials that count, in their order."""
        counted, deaths = [], dict[int, int]()
        for each in self._all("COMPLETE", "PRUNED", "FAIL"):
            if _has_died(each):
                number = int(each.user_attrs[NUMBER])
                deaths[number] = deaths.get(number, 0) + 1
                if deaths[number] == MOST_DEATHS:
                    counted.append(each)
            elif each.state.name != "FAIL" or FAILURE in each.user_attrs:
                counted.append(each)
        return counted

    def _told(self, number: int, trial: "FrozenTrial") -> Trial:
        last, noted = trial.last_step, trial.user_attrs
        value, state, reason = None, COMPLETE, ""
        if trial.state.name == "COMPLETE":
            value = trial.value
        elif trial.state.name == "PRUNED":
            state, reason = PRUNED, str(noted[PRUNING])
            value = None if last is None else trial.intermediate_values[last]
        else:
            state = FAILED
            reason = str(
                noted.get(FAILURE, f"the process died {MOST_DEATHS} times while it was tried")
            )
        return Trial(
            number=number,
            values=self._values(trial.params),
            state=state,
            value=value,
            epochs=last or 0,
            seconds=_seconds(trial),
            reason=reason,
        )

    def _values(self, params: Mapping[str, object]) -> dict[str, object]:
        draw: Draw = {
            name: value for name, value in params.items() if isinstance(value, (int, float))
        }
        return self._space.values(draw)

    def _chance(self, number: int) -> int:
        """The seed of a trial: unrelated to those of other trials and other searches."""
        text = f"{self._seed}:{number}".encode()
        return int.from_bytes(hashlib.sha256(text).digest()[:4], "big")


@contextmanager
def opened(path: Path, space: Space, *, metric: str, seed: int) -> Iterator[Journal]:
    """Open the journal of a search, or begin it.

    Args:
        path: The file, in a folder that is there or is made.
        space: What is searched.
        metric: One of `METRICS`.
        seed: Of the proposals.

    Yields:
        The journal; Optuna says nothing meanwhile.

    Raises:
        UsageError: It is that of another search.
        ArtifactError: It is damaged.
        MissingExtraError: Optuna is not installed.
    """
    require_all("study", purpose="A search")
    import optuna
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        path = path.absolute()
        path.parent.mkdir(parents=True, exist_ok=True)
        _mend(path)
        backend = JournalFileBackend(str(path), JournalFileOpenLock(str(path), LOCK_S))
        try:
            study = optuna.create_study(
                study_name="search",
                storage=optuna.storages.JournalStorage(backend),
                direction=METRICS[metric],
                pruner=optuna.pruners.MedianPruner(UNPRUNED_TRIALS, FIRST_PRUNED_EPOCH),
                load_if_exists=True,
            )
        # A damaged file fails in whatever way its reader happens to.
        except Exception as error:
            raise ArtifactError(
                f"{path} cannot be read ({type(error).__name__}): it was damaged after it was "
                "written.",
                fix="Remove it and search anew.",
            ) from error
        _require_same(
            study, path, {"space": space.as_dict(), "metric": metric, "search seed": seed}
        )
        yield Journal(study, space, seed)
    finally:
        optuna.logging.set_verbosity(before)


def _require_same(study: "optuna.Study", path: Path, own: Mapping[str, object]) -> None:
    """Refuse the journal of a search that would propose other things."""
    earlier, now = study.user_attrs.get("search"), json.loads(json.dumps(own))
    if earlier is None:
        study.set_user_attr("search", now)
        return
    different = [
        f"{name}: {earlier.get(name)} then, {value} now"
        for name, value in now.items()
        if earlier.get(name) != value
    ]
    if different:
        raise UsageError(
            f"{path} holds another search.",
            at=different,
            fix="Search as before, or into another folder.",
        )


def _mend(path: Path) -> None:
    """Cut off a last line that a killed process left unfinished: the next one would join it."""
    if path.is_file():
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            with path.open("r+b") as file:
                file.truncate(whole)


def _distribution(field: Range | Choice) -> "BaseDistribution":
    """Where Optuna draws; steps are counted, so that no sum of them is rounded."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(field, Choice):
        return CategoricalDistribution(tuple(field.places))
    if field.places is None:
        return FloatDistribution(field.low, field.high, log=field.log)
    return IntDistribution(field.places[0], field.places[-1], log=field.log)


def _state(name: str) -> "optuna.trial.TrialState":
    from optuna.trial import TrialState

    return TrialState[name]


def _has_died(trial: "FrozenTrial") -> bool:
    """Whether its process was gone before it could say how it ended."""
    noted = trial.user_attrs
    return trial.state.name == "FAIL" and NUMBER in noted and SECONDS not in noted


def _seconds(trial: "FrozenTrial") -> float:
    return float(trial.user_attrs.get(SECONDS, 0.0))


def _key(params: Mapping[str, object]) -> tuple[tuple[str, object], ...]:
    return tuple(sorted(params.items()))
