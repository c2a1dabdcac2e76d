"""Study: many trainings compared, from a plan to a table, whatever breaks on the way."""

import contextlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from lineament.artifacts.study import DOCUMENT, LOGS, Study
from lineament.artifacts.study_row import GRID, WAITING
from lineament.core.errors import ArtifactError
from lineament.core.extras import require_all
from lineament.core.files import require_free
from lineament.core.progress import QUIET, Progress
from lineament.workflow.studies.conductor import Conductor
from lineament.workflow.studies.configuration import StudyConfig
from lineament.workflow.studies.foresight import foresee, require_possible
from lineament.workflow.studies.isolation import Isolation
from lineament.workflow.studies.plan import in_order, named_rows, opened, planned
from lineament.workflow.studies.reading import read_study
from lineament.workflow.studies.resuming import taken_over
from lineament.workflow.studies.search import Search, read_search
from lineament.workflow.studies.telling import plan_text
from lineament.workflow.studies.trials import search, searched_dataset

if sys.platform != "win32":
    import fcntl

MEASURING_LOG = "measuring.log"
LOCK = ".lock"
JOURNAL = "search.journal"
NO_LIMITS = ("trials", "budget")  # of a search: it may go on for longer than was said at first


def study(
    config: StudyConfig | Path,
    out: Path,
    *,
    overwrite: bool = False,
    resume: bool = False,
    retry_broken: bool = False,
    progress: Progress = QUIET,
) -> Study:
    """Train and judge every run of a study, each apart from the others, and compare them.

    A run that breaks is a row with its reason. One that was under way when the whole study died is
    tried again when that is resumed, and broken after it died so twice.

    Args:
        config: What is compared, or the file that says so.
        out: The study's folder.
        overwrite: Replace what stands at ``out``.
        resume: Go on with the study at ``out``, if there is one; runs may have been added.
        retry_broken: Of a study that is resumed, try broken runs again.
        progress: Who listens.

    Returns:
        The study, its rows in the order of the plan.

    Raises:
        UsageError: The file or a recipe asks for what cannot be, or another study is to be resumed.
        ArtifactError: A dataset is absent or damaged, ``out`` is in the way, or another process is
            at work on it.
        DataError: A dataset has no photos to train on, to choose by, or to judge by.
        MissingExtraError: What trains, judges or searches is not installed.
    """
    settings = config if isinstance(config, StudyConfig) else read_study(config)
    is_there = (out / DOCUMENT).is_file()
    if is_there and not (resume or overwrite):
        raise ArtifactError(
            f"{out} holds a study; nothing was done.",
            fix="Go on with it by `--resume`, or replace it by `--overwrite`.",
        )
    begun = resume and is_there
    if not begun and not (resume and _is_bare(out)):
        require_free(out, overwrite=overwrite, marker=DOCUMENT)
    under_way = _Beginning(settings, out, Study.open(out) if begun else None, retry_broken)
    with contextlib.closing(Isolation()) as worker:
        conductor = under_way.conductor(worker)
        under_way.require_possible(conductor)
        if not begun and out.exists():
            shutil.rmtree(out)
        out.mkdir(parents=True, exist_ok=True)
        with _alone(out):
            _conduct(conductor, under_way, settings, progress)
    return conductor.study


def _conduct(
    conductor: Conductor, under_way: "_Beginning", settings: StudyConfig, progress: Progress
) -> None:
    """Do what is to be done, writing down every step."""
    try:
        conductor.save()
        log = conductor.study.root / LOGS / MEASURING_LOG
        foresee(conductor, progress, judged=settings.evaluate, log=str(log.absolute()))
        conductor.save()
        ordered = in_order(conductor.study.rows)
        rows = [row for row in ordered if row.status == WAITING and row.role == GRID]
        if rows:
            progress.note(plan_text(rows))
            conductor.conduct(rows, progress, judged=settings.evaluate)
        if under_way.search is not None:
            search(conductor, settings, under_way.search, progress)
    except KeyboardInterrupt:
        progress.note("stopped; the same command with `--resume` goes on")
        raise


def foreseen(config: StudyConfig | Path, out: Path, *, progress: Progress = QUIET) -> Study:
    """Plan a study and measure what it will take; nothing is trained and nothing written.

    Args:
        config: What is compared, or the file that says so.
        out: Where it would stand; what stands there is not looked at.
        progress: Who listens.

    Returns:
        The study before its first run, with ``estimate_s`` in each row.

    Raises:
        UsageError: The file or a recipe asks for what cannot be.
        ArtifactError: A dataset is absent or damaged.
        DataError: A dataset has no photos to train on, to choose by, or to judge by.
        MissingExtraError: What trains or judges is not installed.
    """
    settings = config if isinstance(config, StudyConfig) else read_study(config)
    under_way = _Beginning(settings, out, None, False)
    with contextlib.closing(Isolation()) as worker:
        conductor = under_way.conductor(worker)
        under_way.require_possible(conductor)
        foresee(conductor, progress, judged=settings.evaluate)
    return conductor.study


class _Beginning:
    """A study laid out, before anything is done.

    Args:
        settings: What it was told.
        out: Its folder.
        earlier: The study that is resumed, if one is.
        retry_broken: Whether its broken runs are tried again.
    """

    def __init__(
        self, settings: StudyConfig, out: Path, earlier: Study | None, retry_broken: bool
    ) -> None:
        require_all("train", purpose="A study")
        if settings.evaluate:
            require_all("report", purpose="Evaluation")
        self._settings = settings
        self._datasets = opened(settings.datasets)
        for data in self._datasets.values():
            for split in ("train", "validation", *(["test"] if settings.evaluate else [])):
                data.samples(split)  # an empty split is said before anything is done
        self.search = self._search(out)
        runs = planned(settings, self._datasets)
        rows = named_rows(runs, () if earlier is None else earlier.rows)
        self._places = {row.name: run.place for row, run in zip(rows, runs, strict=True)}
        plan = self._plan()
        if earlier is not None:
            rows = taken_over(earlier, plan, rows, retry_broken=retry_broken)
        self._study = Study(root=out, description=settings.description, plan=plan, rows=rows)

    def conductor(self, worker: Isolation) -> Conductor:
        """Who does it."""
        return Conductor(self._study, self._datasets, worker)

    def require_possible(self, conductor: Conductor) -> None:
        """Refuse recipes whose fields do not fit together."""
        require_possible(conductor, self._places)

    def _search(self, out: Path) -> Search | None:
        """The search that was asked for; a mistake in it is said before anything is done."""
        if self._settings.search is None:
            return None
        require_all("study", purpose="A search")
        searched_dataset(self._settings)
        return read_search(
            self._settings.search, storage=out / JOURNAL, seed=self._settings.seeds[0]
        )

    def _plan(self) -> dict[str, object]:
        """What the figures depend on beside each run's recipe."""
        told = self._settings.search
        return {
            "datasets": {
                name: {
                    "path": str(data.root.absolute()),
                    "fingerprint": data.fingerprint,
                    "photos": {split: len(samples) for split, samples in data.splits.items()},
                }
                for name, data in self._datasets.items()
            },
            "evaluate": self._settings.evaluate,
            "search": told
            and {name: value for name, value in told.items() if name not in NO_LIMITS},
        }


def _is_bare(out: Path) -> bool:
    """Whether this is the folder of a study that ended before anything was written down."""
    return out.is_dir() and all(each.name.startswith(".") for each in out.iterdir())


@contextlib.contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Hold the study's folder; a process that is killed lets go of it.

    Raises:
        ArtifactError: Another process holds it.
    """
    if sys.platform == "win32":
        yield
        return
    with (out / LOCK).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ArtifactError(
                f"Another process is at work on the study {out}.",
                fix="Wait for it, or name another `--out`.",
            ) from error
        except OSError:  # a file system without locks
            pass
        yield
