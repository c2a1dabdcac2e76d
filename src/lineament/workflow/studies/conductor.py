"""Conductor: a study under way, one run after the other, each written down as it ends."""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.study import Study, write_study
from lineament.artifacts.study_row import BROKEN, DONE, StudyRow, interval_of
from lineament.artifacts.watching import Watcher
from lineament.core.progress import Progress
from lineament.workflow.studies.isolation import Answer, Isolation, WorkerDied
from lineament.workflow.studies.telling import finished_text


class Conductor:
    """A study under way.

    Args:
        study: As far as it has come.
        datasets: Its datasets, opened, by name.
        worker: Where runs are trained and judged.
    """

    def __init__(self, study: Study, datasets: Mapping[str, Dataset], worker: Isolation) -> None:
        self.study = study
        self.datasets = datasets
        self.worker = worker

    def put(self, row: StudyRow) -> None:
        """Take a row over, without writing it down yet."""
        self.study = self.study.with_row(row)

    def drop(self, row: StudyRow) -> None:
        """Forget a row, and write that down."""
        self.study = self.study.without(row.name)
        self.save()

    def save(self) -> None:
        """Write down how far it has come."""
        write_study(self.study)

    def conduct(self, rows: Sequence[StudyRow], progress: Progress, *, judged: bool) -> None:
        """Do runs in the order given; what breaks is a row and stops nothing.

        Args:
            rows: What is to be done.
            progress: Who listens.
            judged: Whether each is then judged on the test photos.
        """
        progress.start("runs", len(rows))
        try:
            for position, row in enumerate(rows):
                ended = self.attempt(row, judged=judged)
                progress.advance()
                progress.note(finished_text(ended, rows[position + 1 :], pace=self._pace()))
        finally:
            progress.finish()

    def attempt(self, row: StudyRow, *, judged: bool, watcher: Watcher | None = None) -> StudyRow:
        """Do a run, and write down what became of it.

        Args:
            row: The run; a row of that name is replaced.
            judged: Whether it is judged on the test photos.
            watcher: Who is told of its epochs; what it raises stops the run and is raised here.

        Returns:
            The row, done or broken.
        """
        under_way = dataclasses.replace(row, attempts=row.attempts + 1)
        started = time.monotonic()
        try:
            self.worker.start()  # what dies before the run has begun is not the run's doing
            started = time.monotonic()
            self.put(under_way)
            self.save()
            order = self._order(row, judged=judged, watched=watcher is not None)
            ended = _with_answer(under_way, self.worker.ask(order, watcher=watcher))
        except WorkerDied as error:
            ended = dataclasses.replace(under_way, status=BROKEN, reason=str(error))
        except KeyboardInterrupt:
            self.worker.close()
            self.put(row)  # stopping is not the run's doing either
            self.save()
            raise
        took = time.monotonic() - started
        if row.status == DONE:  # trained before, and judged now
            took += row.seconds or 0.0
        ended = dataclasses.replace(ended, seconds=round(took, 1))
        self.put(ended)
        self.save()
        return ended

    def asked(self, order: Mapping[str, object], failed: Callable[[str], None]) -> object:
        """What the worker answers to an order that is no run; ``None`` where it cannot.

        Args:
            order: The order.
            failed: Told why it cannot.
        """
        try:
            answer = self.worker.ask(order)
        except WorkerDied as error:
            failed(str(error))
            return None
        if answer["said"] != "done":
            failed(str(answer["reason"]))
            return None
        return answer["result"]

    def _order(self, row: StudyRow, *, judged: bool, watched: bool) -> dict[str, object]:
        whole = self.study
        return {
            "do": "run",
            "dataset": str(self.datasets[row.dataset].root.absolute()),
            "recipe": dict(row.recipe),
            "out": str(whole.run_path(row).absolute()),
            "report": str(whole.report_path(row).absolute()) if judged else None,
            "log": str(whole.log_path(row).absolute()),
            "watched": watched,
        }

    def _pace(self) -> float:
        """What runs took, as a part of what was expected of them."""
        done = [
            (row.seconds, row.estimate_s)
            for row in self.study.rows
            if row.status == DONE and row.seconds is not None and row.estimate_s is not None
        ]
        expected = sum(estimate for _, estimate in done)
        return sum(seconds for seconds, _ in done) / expected if expected else 1.0


def _with_answer(row: StudyRow, answer: Answer) -> StudyRow:
    """A row with what the worker found."""
    if answer["said"] != "done":
        return dataclasses.replace(row, status=BROKEN, reason=str(answer["reason"]))
    found = answer["result"]
    assert isinstance(found, dict)  # our own worker
    return dataclasses.replace(
        row,
        status=DONE,
        reason="",
        validation_accuracy=found["validation_accuracy"],
        validation_loss=found["validation_loss"],
        validation_photos=found["validation_photos"],
        multiply_adds=found["multiply_adds"],
        test_accuracy=interval_of(found.get("test_accuracy"), name=row.name),
        test_balanced_accuracy=interval_of(found.get("test_balanced_accuracy"), name=row.name),
    )
