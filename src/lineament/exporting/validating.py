"""Validating: the validation photos, answered in float32 and by faster arithmetics."""

import functools
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineament.artifacts.bundle import BundleCard
from lineament.artifacts.dataset import Dataset, decode_photo
from lineament.artifacts.precision import Precision
from lineament.artifacts.run import Run
from lineament.core.errors import ArtifactError
from lineament.core.executor import LocalExecutor
from lineament.core.progress import Progress, tracked
from lineament.exporting.config import ExportConfig
from lineament.measure.calibration import expected_calibration_error
from lineament.measure.classification import log_loss
from lineament.runtime.engines import Engine, OnnxRuntimeEngine


class Validation:
    """The validation split, answered in float32 once and in other arithmetics as often as asked.

    Args:
        run: Whose split it is.
        named: The dataset, where it is no longer where the run was trained on it.
        graph: The run's graph, in float32.
        card: What it is read by.
        progress: Who listens.

    Raises:
        ArtifactError: The dataset is gone or another one.
    """

    def __init__(
        self,
        run: Run,
        named: str | None,
        graph: bytes,
        card: BundleCard,
        *,
        progress: Progress,
    ) -> None:
        dataset = _dataset(run, named)
        samples = dataset.samples("validation")
        self._short_side_px = card.preprocessing.needed_short_side_px
        self._paths = [dataset.path(sample) for sample in samples]
        self._labels = np.array([card.classes.index(each.class_name) for each in samples], np.int64)
        self._progress = progress
        self._exact = self.answers(OnnxRuntimeEngine(graph, name=str(run.graph_path)))

    def sample(self, most: int) -> list[NDArray[np.uint8]]:
        """Decode photos that are spread evenly over the split."""
        step = max(1, len(self._paths) // most)
        chosen = self._paths[::step][:most]
        return [decode_photo(path, short_side_px=self._short_side_px) for path in chosen]

    def answers(self, engine: Engine) -> NDArray[np.float32]:
        """Answer every photo: probabilities ``float32 (N, C)``."""
        one = functools.partial(_probabilities, engine, self._short_side_px)
        rows = LocalExecutor().map(one, self._paths)
        task = f"answering validation photos ({engine.title})"
        return np.stack(list(tracked(rows, self._progress, task, len(self._paths))))

    def measured(
        self,
        answers: NDArray[np.float32],
        engine: str,
        arithmetic: str,
        config: ExportConfig,
        *,
        kept: tuple[str, ...],
    ) -> Precision:
        """Say what answers in another arithmetic cost.

        Args:
            answers: To every photo, ``float32 (N, C)``.
            engine: Whose, by its title.
            arithmetic: In which.
            config: How much it may cost.
            kept: Layers that stay in float32.
        """
        exact, labels = self._exact, self._labels
        return Precision(
            arithmetic=arithmetic,
            engine=engine,
            photos=len(labels),
            accuracy=float((answers.argmax(axis=1) == labels).mean()),
            exact_accuracy=float((exact.argmax(axis=1) == labels).mean()),
            agreement=float((answers.argmax(axis=1) == exact.argmax(axis=1)).mean()),
            largest_difference=float(np.abs(answers - exact).max()),
            log_loss=log_loss(answers, labels),
            exact_log_loss=log_loss(exact, labels),
            calibration_error=expected_calibration_error(answers, labels),
            exact_calibration_error=expected_calibration_error(exact, labels),
            max_drop=config.max_drop,
            kept=kept,
        )


def _probabilities(engine: Engine, short_side_px: int, path: Path) -> NDArray[np.float32]:
    image = decode_photo(path, short_side_px=short_side_px)
    row: NDArray[np.float32] = engine.run(image[None], ["probabilities"])[0][0]
    return row


def _dataset(run: Run, named: str | None) -> Dataset:
    stated = Path(named or str(run.card.dataset.get("path")))
    fix = "Name the dataset that the run was trained on with `--dataset DATASET`."
    if not stated.is_dir():
        raise ArtifactError(
            f"{run.root} was trained on {stated}, which is gone; its validation photos are wanted.",
            fix=fix,
        )
    found = Dataset.open(stated)
    if found.fingerprint != run.card.dataset.get("fingerprint"):
        raise ArtifactError(f"{stated} is not what {run.root} was trained on.", fix=fix)
    return found
