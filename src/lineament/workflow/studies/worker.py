"""Worker: the process in which the runs of a study are trained and judged, one after another.

Orders come as lines of JSON on stdin, answers go as lines of JSON to stdout. What is said on the
way goes into the log of the run. When stdin closes, the study is over or gone: the process ends at
once, whatever it is doing, because a study that is resumed must not meet an earlier one's worker.
"""

import dataclasses
import json
import os
import queue
import shutil
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.histograms import LayerValues
from lineament.artifacts.predictions import Predictions
from lineament.artifacts.run import DOCUMENT, Run
from lineament.artifacts.watching import Beginning, Memory
from lineament.core.config import resolve
from lineament.core.errors import ArtifactError, LineamentError
from lineament.training.recipe import TrainConfig

Message = Mapping[str, object]
READY, EPOCH, DONE, FAILED, STOPPED = "ready", "epoch", "done", "failed", "stopped"


class Stop(Exception):  # noqa: N818  # it is no mistake
    """The study has heard enough of a run."""


def serve(orders: IO[str], answers: IO[str]) -> None:
    """Do what is ordered until there are no more orders.

    Args:
        orders: One JSON object per line.
        answers: One JSON object per line.
    """
    import torch  # seconds; before anything is promised

    threads = torch.get_num_threads()
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    def listen() -> None:
        for line in orders:
            lines.put(line)
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()

    def hear() -> Message:
        order: Message = json.loads(lines.get())
        return order

    def say(said: str, **facts: object) -> None:
        answers.write(json.dumps({"said": said, **facts}, default=float) + "\n")
        answers.flush()

    say(READY)
    while True:
        order = hear()
        # An earlier run may have left another number: results depend on how sums are cut.
        torch.set_num_threads(threads)
        try:
            with _spoken_into(order.get("log")):
                result = _DUTIES[str(order["do"])](
                    order, _Told(say, hear, asks=bool(order.get("watched")))
                )
        except Stop:
            say(STOPPED)
        except LineamentError as error:
            say(FAILED, reason=error.what, error=error.as_dict())
        except Exception as error:  # a bug is a row of the study, and its traceback in the log
            say(FAILED, reason=f"{type(error).__name__}: {error}", error=None)
        else:
            say(DONE, result=result)


class _Told:
    """A `Watcher` that writes epochs into the log and, where the study wants them, passes them on.

    Args:
        say: Says something to the study.
        hear: Waits for what it says.
        asks: Whether the study is asked after each epoch if it has heard enough.
    """

    def __init__(self, say: Callable[..., None], hear: Callable[[], Message], asks: bool) -> None:
        self._say, self._hear, self._asks = say, hear, asks

    def begin(self, beginning: Beginning) -> Memory:
        """Remember nothing."""
        return {}

    def epoch(self, row: Mapping[str, object], layers: Sequence[LayerValues]) -> None:
        """Write it down, and ask whether to go on."""
        numbers = [(name, value) for name, value in row.items() if isinstance(value, (int, float))]
        _Log().note(", ".join(f"{name} {value:.4g}" for name, value in numbers))
        if self._asks:  # and waits: a search is then the same, whatever is how fast
            self._say(EPOCH, row=dict(row))
            if not self._hear()["go"]:
                raise Stop

    def end(self, run: Run) -> None:
        """The run is whole: nothing is left to stop."""

    def fail(self, reason: str) -> None:
        """What failed is said where it is caught."""


class _Log:
    """A `Progress` that writes notes to stderr, which is the log."""

    def start(self, task: str, total: int | None) -> None:
        """Say nothing."""

    def advance(self, steps: int = 1) -> None:
        """Say nothing."""

    def finish(self) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Write it down."""
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def check(order: Message, told: _Told) -> object:
    """What does not fit together in each of some recipes; ``None`` where all does."""
    from lineament.training.checking import checked

    problems: list[dict[str, object] | None] = []
    for recipe in _list(order["recipes"]):
        try:
            checked(_config(recipe))
        except LineamentError as error:
            problems.append(error.as_dict())
        else:
            problems.append(None)
    return problems


def measure(order: Message, told: _Told) -> object:
    """The pace of a recipe on a dataset."""
    from lineament.training.forecast import forecast

    data = Dataset.open(Path(str(order["dataset"])))
    return dataclasses.asdict(forecast(data, _config(order["recipe"])))


def run(order: Message, told: _Told) -> object:
    """Train a run, and judge it where a place for the report is given: its figures."""
    from lineament.training.train import train

    config, out = _config(order["recipe"]), Path(str(order["out"]))
    data, progress = Dataset.open(Path(str(order["dataset"]))), _Log()
    whole = _standing(out, config, data)
    if whole is None:
        try:
            whole = train(
                data,
                out,
                config=config,
                overwrite=True,
                resume=True,
                progress=progress,
                watcher=told,
            )
        except Stop:  # nobody will go on with it
            shutil.rmtree(out.parent / f".{out.name}.training", ignore_errors=True)
            raise
    figures = _figures(whole)
    if order.get("report") is not None:
        figures |= _judged(out, data, Path(str(order["report"])), progress)
    return figures


_DUTIES: Mapping[str, Callable[[Message, _Told], object]] = {
    "check": check,
    "measure": measure,
    "run": run,
}


def _standing(out: Path, config: TrainConfig, data: Dataset) -> Run | None:
    """The run that was trained already when the study ended before it could write that down."""
    if not (out / DOCUMENT).is_file():
        return None
    try:
        found = Run.open(out)
    except ArtifactError:
        return None
    wanted = json.loads(json.dumps(config.as_dict()))
    same = found.card.recipe == wanted and found.card.dataset["fingerprint"] == data.fingerprint
    return found if same else None


def _figures(whole: Run) -> dict[str, object]:
    """What validation says of a run."""
    answers = Predictions.read_parquet(whole.root / "predictions" / "validation.parquet")
    return {
        "validation_accuracy": float((answers.answers == answers.labels).mean()),
        "validation_loss": whole.card.chosen["validation_loss_calibrated"],
        "validation_photos": len(answers.samples),
        "multiply_adds": whole.card.training.get("multiply_adds"),
        "chosen": dict(whole.card.chosen),
    }


def _judged(out: Path, data: Dataset, report: Path, progress: _Log) -> dict[str, object]:
    """What the test photos say of it."""
    from lineament.workflow.evaluating import evaluate

    headline = evaluate(out, data, report, overwrite=True, progress=progress).headline
    return {
        "test_accuracy": headline["accuracy"].as_dict(),
        "test_balanced_accuracy": headline["balanced_accuracy"].as_dict(),
    }


def _config(recipe: object) -> TrainConfig:
    assert isinstance(recipe, dict)  # the study writes the orders
    return resolve(TrainConfig, recipe, {})


def _list(value: object) -> list[object]:
    assert isinstance(value, list)  # the study writes the orders
    return value


class _spoken_into:  # noqa: N801  # read as a phrase
    """Let everything that is said in the block go into a log, errors with their traceback."""

    def __init__(self, log: object) -> None:
        self._log = log
        self._before = -1

    def __enter__(self) -> None:
        if self._log is None:
            return
        path = Path(str(self._log))
        path.parent.mkdir(parents=True, exist_ok=True)
        self._before = os.dup(2)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        os.dup2(file, 2)
        os.close(file)

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> None:
        if error is not None and not isinstance(error, Stop):
            text = (
                f"error: {error}"
                if isinstance(error, LineamentError)
                else "".join(traceback.format_exception(error)).rstrip()
            )
            _Log().note(text)
        sys.stderr.flush()
        if self._before >= 0:
            os.dup2(self._before, 2)
            os.close(self._before)


def main() -> None:
    """Be a worker of the study that started this process."""
    warnings.filterwarnings("ignore", module=r"PIL\.")  # a decoder's remark, said otherwise
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no answer
    serve(os.fdopen(os.dup(0), encoding="utf-8"), answers)


if __name__ == "__main__":
    main()
