"""Predictor: files in, answers out, one each and in the same order."""

import dataclasses
import functools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lineament.artifacts.bundle import FAMILIARITY, OUTPUTS, BundleCard, read_card
from lineament.artifacts.dataset import Dataset, decode_photo
from lineament.artifacts.predictions import UNKNOWN_LABEL, Predictions
from lineament.artifacts.run import Run, RunCard
from lineament.artifacts.table import printable
from lineament.core.errors import ArtifactError, DataError, ImageError
from lineament.core.executor import Executor, LocalExecutor
from lineament.core.progress import QUIET, Progress, tracked
from lineament.imaging.decode import decode
from lineament.imaging.preprocess import Preprocessing
from lineament.runtime.engines import Engine, OnnxRuntimeEngine


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """What a model says to one file.

    Attributes:
        source: The file as it was given.
        probabilities: One per class, ``float32 (C,)``; ``None`` where the file cannot be read.
        error: Why it cannot be read; empty where it can.
        familiarity: How like the training photos it is, 0 to 1; ``None`` where the file cannot be
            read or the model does not say.
        is_unknown: Whether it is less familiar than the model's threshold: the classes have then
            little to say about it.
    """

    source: str
    probabilities: NDArray[np.float32] | None
    error: str = ""
    familiarity: float | None = None
    is_unknown: bool = False


class _Scores(NamedTuple):
    """What the graph says of one image."""

    probabilities: NDArray[np.float32]
    logits: NDArray[np.float32]
    familiarity: float | None


class Predictor:
    """Answers images with the class probabilities of a bundle or a run.

    Args:
        path: A bundle (a file) or a run (a folder).
        executor: Where files are decoded and run; ``None`` is one thread per core.

    Raises:
        ArtifactError: It is absent, damaged, or neither bundle nor run.

    Example:
        A bundle answers files, in the order they were given::

            predictor = Predictor(Path("model.onnx"))
            for answer in predictor.predict([Path("a.jpg"), Path("b.jpg")]):
                print(answer.source, predictor.top(answer, k=1) or answer.error)
    """

    def __init__(self, path: Path, *, executor: Executor | None = None) -> None:
        card: RunCard | BundleCard
        if path.is_dir():
            run = Run.open(path)
            card, self.provenance = run.card, run.card.provenance()
            self.engine: Engine = OnnxRuntimeEngine(run.graph_path, name=str(run.graph_path))
        else:
            self.engine = OnnxRuntimeEngine(path, name=str(path))
            card = read_card(self.engine.metadata, name=str(path))
            self.provenance = dict(card.provenance)
        missing = [name for name in OUTPUTS if name not in self.engine.outputs]
        if missing:
            raise ArtifactError(
                f"{path} has a graph that does not compute {', '.join(missing)}.",
                fix="Name a bundle made by `lineament export`.",
            )
        self.classes = card.classes
        self.preprocessing = card.preprocessing
        self.temperature = card.temperature
        self.decisions = card.decisions
        self.executor = executor or LocalExecutor()
        self._also = tuple({FAMILIARITY} & set(self.engine.outputs))

    @property
    def unknown_threshold(self) -> float | None:
        """The least familiarity of a photo that is known; ``None`` where all photos are."""
        if self.decisions is None or not self._also:
            return None
        return self.decisions.unknown_threshold

    def predict(self, sources: Sequence[Path], *, progress: Progress = QUIET) -> Iterator[Answer]:
        """Answer files, one answer each, in order; a file that cannot be read keeps its place."""
        answers = self.executor.map(self._answer, sources)
        return tracked(answers, progress, "predicting", len(sources))

    def predict_image(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Answer one decoded image ``uint8 (H, W, 3)``, RGB: probabilities ``float32 (C,)``."""
        return _first(self.engine.run(image[None], ["probabilities"]))

    def activation(self, image: NDArray[np.uint8]) -> tuple[NDArray[np.float32], ...]:
        """Answer one decoded image with its map.

        Args:
            image: ``uint8 (H, W, 3)``, RGB.

        Returns:
            Probabilities ``float32 (C,)`` and class activation maps ``float32 (C, h, w)``.
        """
        probabilities, activation = self.engine.run(image[None], ["probabilities", "activation"])
        return probabilities[0], activation[0]

    def top(self, answer: Answer, *, k: int = 1) -> list[tuple[str, float]]:
        """The ``k`` most probable classes with their probability, or none where there is no answer.

        Equal probabilities keep the order of the classes.
        """
        if answer.probabilities is None:
            return []
        order = np.argsort(-answer.probabilities, kind="stable")[:k]
        return [(self.classes[index], float(answer.probabilities[index])) for index in order]

    def predict_split(
        self, dataset: Dataset, split: str, *, progress: Progress = QUIET
    ) -> Predictions:
        """Answer every photo of a dataset's split.

        Labels are matched by class name, so a dataset whose classes stand in another order, or
        which has only some of the model's classes, is judged rightly.

        Raises:
            DataError: The dataset has classes that the model does not know, or a photo cannot be
                read.
        """
        unknown = [name for name in dataset.classes if name not in self.classes]
        if unknown:
            raise DataError(
                f"{dataset.root} has classes that the model does not know.",
                at=unknown,
                fix=f"The model knows {', '.join(self.classes)}; use a dataset of these.",
            )
        samples = dataset.samples(split)
        rows = self.executor.map(self._score, [dataset.path(sample) for sample in samples])
        scored = list(tracked(rows, progress, f"predicting the {split} split", len(samples)))
        labels = [self.classes.index(sample.class_name) for sample in samples]
        return self._predictions(
            tuple(sample.filename for sample in samples),
            scored,
            labels=np.asarray(labels, dtype=np.int64),
            groups=tuple(sample.group for sample in samples),
        )

    def predict_files(
        self, paths: Sequence[Path], *, progress: Progress = QUIET
    ) -> tuple[Predictions, list[Answer]]:
        """Answer files whose class is not known.

        Args:
            paths: The files.
            progress: Who listens.

        Returns:
            The answers to those that can be read, in order, each label -1; and, for the others, why
            not.
        """
        scored = self.executor.map(self._score_file, paths)
        names, read, unreadable = [], [], []
        for path, found in zip(
            paths, tracked(scored, progress, "predicting", len(paths)), strict=True
        ):
            name = printable(str(path))
            if isinstance(found, ImageError):
                unreadable.append(Answer(source=name, probabilities=None, error=found.what))
            else:
                names.append(name)
                read.append(found)
        answers = self._predictions(
            tuple(names),
            read,
            labels=np.full(len(read), UNKNOWN_LABEL, dtype=np.int64),
            groups=("",) * len(read),
        )
        return answers, unreadable

    def _answer(self, path: Path) -> Answer:
        source = printable(str(path))
        try:
            image = decode(path, short_side_px=self.preprocessing.needed_short_side_px)
        except ImageError as error:
            return Answer(source=source, probabilities=None, error=error.what)
        probabilities, *also = self.engine.run(image[None], ["probabilities", *self._also])
        familiarity = float(also[0][0]) if also else None
        threshold = self.unknown_threshold
        return Answer(
            source=source,
            probabilities=probabilities[0],
            familiarity=familiarity,
            is_unknown=threshold is not None
            and familiarity is not None
            and familiarity < threshold,
        )

    def _score(self, path: Path) -> _Scores:
        return self._scores(
            decode_photo(path, short_side_px=self.preprocessing.needed_short_side_px)
        )

    def _score_file(self, path: Path) -> _Scores | ImageError:
        try:
            return self._scores(decode(path, short_side_px=self.preprocessing.needed_short_side_px))
        except ImageError as error:
            return error

    def _scores(self, image: NDArray[np.uint8]) -> _Scores:
        probabilities, activation, *also = self.engine.run(
            image[None], ["probabilities", "activation", *self._also]
        )
        return _Scores(
            probabilities[0], activation[0].mean(axis=(1, 2)), float(also[0][0]) if also else None
        )

    def _predictions(
        self,
        samples: tuple[str, ...],
        scored: Sequence[_Scores],
        *,
        labels: NDArray[np.int64],
        groups: tuple[str, ...],
    ) -> Predictions:
        shape = (len(samples), len(self.classes))
        return Predictions(
            samples=samples,
            classes=self.classes,
            probabilities=np.array([row.probabilities for row in scored], np.float32).reshape(
                shape
            ),
            logits=np.array([row.logits for row in scored], np.float32).reshape(shape),
            labels=labels,
            groups=groups,
            familiarity=np.array([row.familiarity for row in scored], np.float32)
            if self._also
            else None,
        )


def embed(
    engine: Engine,
    paths: Iterable[Path],
    preprocessing: Preprocessing,
    *,
    executor: Executor,
) -> Iterator[NDArray[np.float32]]:
    """Compute the embedding of each photo, ``float32 (D,)``, in order.

    Raises:
        DataError: A photo cannot be read.
    """
    return executor.map(functools.partial(_embedding, engine, preprocessing), paths)


def logits_and_embeddings(
    engine: Engine,
    paths: Iterable[Path],
    preprocessing: Preprocessing,
    *,
    executor: Executor,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Compute the logits ``float32 (N, C)`` and the embeddings ``(N, D)`` of photos, in order.

    Raises:
        DataError: A photo cannot be read.
    """
    rows = list(executor.map(functools.partial(_logits, engine, preprocessing), paths))
    return np.stack([logits for logits, _ in rows]), np.stack([row for _, row in rows])


def _logits(
    engine: Engine, preprocessing: Preprocessing, path: Path
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    image = decode_photo(path, short_side_px=preprocessing.needed_short_side_px)
    activation, embedding = engine.run(image[None], ["activation", "embedding"])
    return activation[0].mean(axis=(1, 2)), embedding[0]


def _embedding(engine: Engine, preprocessing: Preprocessing, path: Path) -> NDArray[np.float32]:
    image = decode_photo(path, short_side_px=preprocessing.needed_short_side_px)
    return _first(engine.run(image[None], ["embedding"]))


def _first(outputs: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The first image's row of the first output."""
    row: NDArray[np.float32] = outputs[0][0]
    return row
