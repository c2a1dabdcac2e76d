"""Search: trainings that are proposed one after the other, each from how the ones before it went.

What is tried next, `studies.journal` says. A trial that falls behind the median of those before it
is ended early (Golovin et al. 2017, "Google Vizier", section 3.2.2: the median stopping rule).
"""

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lineament.artifacts.histograms import LayerValues
from lineament.artifacts.run import Run
from lineament.artifacts.watching import Beginning, Memory
from lineament.core.config import HUGE
from lineament.core.errors import LineamentError, UsageError
from lineament.core.progress import QUIET, Progress
from lineament.core.suggest import did_you_mean
from lineament.training.fitting.budget import seconds_of
from lineament.workflow.studies.journal import (
    COMPLETE,
    METRICS,
    Journal,
    Proposal,
    Trial,
    opened,
)
from lineament.workflow.studies.space import Space, read_space

Attempt = Callable[[Mapping[str, object], "Reporter"], float]


class Pruned(Exception):  # noqa: N818  # an order to end, not an error
    """Raised by a `Reporter` at the end of an epoch: end this training, it is not worth more."""


class Reporter:
    """The `Watcher` of one trial: hears of its epochs, and raises `Pruned` when it is to end.

    It can be told wherever it is: a training in another process sends its rows over.

    Args:
        proposal: The trial.
        metric: The column of a row that counts.
        is_over: Whether the time of the whole search is used up.
    """

    def __init__(self, proposal: Proposal, metric: str, is_over: Callable[[], bool]) -> None:
        self.number = proposal.number  # stays the same when an interrupted trial is tried again
        self.is_cut = False
        self._proposal = proposal
        self._metric = metric
        self._is_over = is_over

    def begin(self, beginning: Beginning) -> Memory:
        """Remember nothing."""
        return {}

    def epoch(self, row: Mapping[str, object], layers: Sequence[LayerValues]) -> None:
        """Report an epoch.

        The start (epoch 0) says nothing of the settings, and a tried regularisation is no epoch:
        both pass.

        Raises:
            Pruned: The trial is behind, or the time is used up.
        """
        epoch, value = row.get("epoch"), row.get(self._metric)
        if not isinstance(epoch, int) or not isinstance(value, (int, float)):
            return
        if epoch <= self._proposal.epoch or not math.isfinite(value):
            return
        is_behind = self._proposal.report(epoch, float(value))
        if self._is_over():
            self.is_cut = True
            raise Pruned("the time of the search is used up")
        if is_behind:
            raise Pruned(f"behind the median of the trials before it after epoch {epoch}")

    def end(self, run: Run) -> None:
        """Take no notice: the attempt gives the value."""

    def fail(self, reason: str) -> None:
        """Take no notice: the attempt raises."""


class Search:
    """A search for the best settings of a space.

    Args:
        space: What may be tried.
        storage: The journal's file. A search goes on from the trials in it.
        trials: How many there are to be, those of earlier runs included; ``None`` is no limit.
        budget_s: How long all of them may take, those of earlier runs included; ``None`` is no
            limit. A trial is begun only where the usual length of a complete one still fits, and
            is ended, uncounted, with the epoch after which the time is used up; but one runs to
            its end in any case. With a budget the number of trials depends on the machine.
        seed: Of the proposals.
        metric: ``validation_loss``, the less the better, or ``validation_accuracy``.
        now: Tells the time in seconds, from any moment on.

    Raises:
        UsageError: The metric is unknown, neither `trials` nor `budget_s` is given, or one of them
            is not above 0.
    """

    def __init__(
        self,
        space: Space,
        *,
        storage: Path,
        trials: int | None = None,
        budget_s: float | None = None,
        seed: int = 0,
        metric: str = "validation_loss",
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        if metric not in METRICS:
            raise UsageError(
                f"A search has no metric `{metric}`.{did_you_mean(metric, METRICS)}",
                fix=f"Use {' or '.join(METRICS)}: validation chooses, test only reports.",
            )
        if trials is None and budget_s is None:
            raise UsageError(
                "A search must be told when to end.",
                fix="Give `trials: 30`, `budget: 40m`, or both: whichever comes first ends it.",
            )
        if (trials is not None and trials < 1) or (budget_s is not None and budget_s <= 0):
            raise UsageError("`trials` and `budget` must be above 0.", fix="Give more, or neither.")
        self.space, self.metric, self.seed = space, metric, seed
        self.n_trials, self.budget_s = trials, budget_s
        self._storage = storage
        self._now = now

    def run(self, attempt: Attempt, progress: Progress = QUIET) -> tuple[Trial, ...]:
        """Try settings until there are enough trials or the time is used up.

        Args:
            attempt: Trains with some settings, tells the `Reporter` of epochs as `train` tells its
                watcher, and gives the metric of what validation chose. A `LineamentError` that it
                raises makes a failed trial; `Pruned` it lets pass, after it has cleared away what
                the training left. Anything else that it raises ends the search, which can go on
                later: the trial is then tried again.
            progress: Who listens.

        Returns:
            Every trial, those of earlier runs included, in the order of their numbers.

        Raises:
            UsageError: The journal is that of another search.
            ArtifactError: The journal is damaged.
            MissingExtraError: Optuna is not installed.
        """
        with opened(self._storage, self.space, metric=self.metric, seed=self.seed) as journal:
            journal.bury()
            started = self._now() - journal.spent_s
            while self._goes_on(journal.trials(), self._left_s(started), progress):
                proposal = journal.propose()
                if proposal is None:
                    progress.note(f"all {self.space.size} settings of the space were tried")
                    break
                if not self._try(journal, proposal, attempt, started=started):
                    break
                trials = journal.trials()
                progress.note(self._sentence(trials[-1], self.best(trials)))
            return journal.trials()

    def trials(self) -> tuple[Trial, ...]:
        """The trials of earlier runs; errors as `run`."""
        if not self._storage.is_file():
            return ()
        with opened(self._storage, self.space, metric=self.metric, seed=self.seed) as journal:
            return journal.trials()

    def best(self, trials: Sequence[Trial]) -> Trial | None:
        """The best of the complete trials, the earliest of equals; ``None`` where none is."""
        sign = 1 if METRICS[self.metric] == "minimize" else -1
        ranked = [
            (sign * each.value, each.number, each)
            for each in trials
            if each.state == COMPLETE and each.value is not None
        ]
        return min(ranked)[2] if ranked else None

    def _try(
        self, journal: Journal, proposal: Proposal, attempt: Attempt, *, started: float
    ) -> bool:
        """Run one trial and note how it ended; say whether it counts."""
        has_complete = any(each.state == COMPLETE for each in journal.trials())
        begun = self._now()

        def is_over() -> bool:
            return has_complete and self._left_s(started) <= 0

        reporter = Reporter(proposal, self.metric, is_over)
        try:
            value = float(attempt(proposal.values, reporter))
        except Pruned as order:
            if reporter.is_cut:
                journal.fail(proposal, "", self._now() - begun)
                return False
            journal.prune(proposal, str(order), self._now() - begun)
        except LineamentError as error:
            reason = " ".join((error.what, *error.at))
            journal.fail(proposal, reason, self._now() - begun)
        except BaseException:
            journal.fail(proposal, "", self._now() - begun)
            raise
        else:
            if math.isfinite(value):
                journal.complete(proposal, value, self._now() - begun)
            else:
                journal.fail(proposal, f"its {self.metric} was {value}", self._now() - begun)
        return True

    def _goes_on(self, trials: Sequence[Trial], left_s: float, progress: Progress) -> bool:
        if self.n_trials is not None and len(trials) >= self.n_trials:
            return False
        usual = [each.seconds for each in trials if each.state == COMPLETE]
        if left_s <= 0 < len(trials) or (usual and left_s < statistics.median(usual)):
            progress.note(f"the time of the search is used up after {len(trials)} trials")
            return False
        return True

    def _left_s(self, started: float) -> float:
        return math.inf if self.budget_s is None else self.budget_s - (self._now() - started)

    def _sentence(self, trial: Trial, best: Trial | None) -> str:
        """What a person is told of a trial that has ended."""
        of = f" of {self.n_trials}" if self.n_trials is not None else ""
        parts = [f"trial {trial.number}{of} {trial.state}"]
        if trial.value is not None:
            parts.append(f"{self.metric} {trial.value:.4f}")
        if trial.reason:
            parts.append(trial.reason)
        parts += [f"{name} {value}" for name, value in trial.values.items()]
        if best is not None and best.value is not None:
            parts.append(f"best so far {best.value:.4f} in trial {best.number}")
        return ", ".join(parts)


def read_search(
    document: Mapping[str, object], *, storage: Path, seed: int = 0, name: str = "search"
) -> Search:
    """Make the search that a study file describes.

    Args:
        document: ``trials``, ``budget``, ``metric`` and ``space``; other keys are for others.
        storage: As for `Search`.
        seed: As for `Search`.
        name: What to call the document in an error.

    Raises:
        UsageError: A value is none that it can be.
    """
    trials, budget = document.get("trials"), document.get("budget")
    if trials is not None and (type(trials) is not int or not 1 <= trials < HUGE):
        raise UsageError(
            f"`{name}.trials` must be a whole number of at least 1, got {trials!r}.",
            fix="Give how many trainings there are to be.",
        )
    budget_s = None
    if budget is not None:
        try:
            budget_s = seconds_of(str(budget))
        except UsageError as error:
            raise UsageError(
                f"`{name}.budget` must be a duration such as 45s, 20m or 1.5h, got {budget!r}.",
                fix=error.fix,
            ) from error
    space = document.get("space")
    return Search(
        read_space(space if isinstance(space, Mapping) else {}, name=f"{name}.space"),
        storage=storage,
        trials=trials if isinstance(trials, int) else None,
        budget_s=budget_s,
        seed=seed,
        metric=str(document.get("metric", "validation_loss")),
    )
