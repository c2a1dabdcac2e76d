"""Predictor: files in, answers out, one each and in the same order."""

import contextlib
import functools
import threading
import time
from collections.abc import Iterable, Iterator, Sequence, Sized
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from lineament.artifacts.bundle import FAMILIARITY, BundleCard
from lineament.artifacts.dataset import Dataset, decode_photo
from lineament.artifacts.onnx_file import content_sha256
from lineament.artifacts.predictions import UNKNOWN_LABEL, Predictions
from lineament.artifacts.run import RunCard
from lineament.artifacts.table import printable
from lineament.core.errors import DataError, ImageError, UsageError
from lineament.core.executor import Executor, LocalExecutor
from lineament.core.progress import QUIET, Progress, tracked
from lineament.imaging.decode import MAX_PIXELS, Photo, decode
from lineament.imaging.elongated import shortened
from lineament.runtime.answers import Answer
from lineament.runtime.choosing import AUTO, STREAM, check_engine
from lineament.runtime.engines import Engine, is_large
from lineament.runtime.opened import open_model

Image: TypeAlias = "Photo | str | ImageError"


class _Scores(NamedTuple):
    """What the graph says of one image."""

    probabilities: NDArray[np.float32]
    logits: NDArray[np.float32]
    familiarity: float | None


class Looked(NamedTuple):
    """A photo that was looked at.

    Attributes:
        answer: What the model says to it.
        image: Its pixels as they were decoded, ``uint8 (H, W, 3)``; ``None`` where it cannot be
            read.
        maps: Class activation maps over what the model saw of it, ``float32 (C, h, w)``; ``None``
            where they were not asked for, or it cannot be read.
    """

    answer: Answer
    image: NDArray[np.uint8] | None = None
    maps: NDArray[np.float32] | None = None


class Predictor:
    """Answers images with the class probabilities of a bundle or a run; may be shared by threads.

    Args:
        path: A bundle (a file) or a run (a folder).
        engine: ``onnxruntime``; ``openvino``; ``auto`` is ONNX Runtime, and for a stream of 64
            photos or more OpenVINO where it is installed and answers the golden photos rightly.
        threads: How many photos are decoded and run at once; ``None`` is one per core.
        executor: Where that happens; ``None`` is threads of this process.

    Raises:
        ArtifactError: It is absent, damaged, or neither bundle nor run.
        GateError: The engine that was asked for answers the bundle's golden photos otherwise.
        MissingExtraError: OpenVINO was asked for and is not installed.
        UsageError: There is no such engine, or ``threads`` is less than 1.

    Example:
        A bundle answers photos, in the order they were given::

            predictor = Predictor(Path("model.onnx"))
            for answer in predictor.predict(["a.jpg", Path("b.jpg"), jpeg_bytes, pixels]):
                print(answer.source, answer.error or answer.label, answer.confidence)
    """

    def __init__(
        self,
        path: Path | str,
        *,
        engine: str = AUTO,
        threads: int | None = None,
        executor: Executor | None = None,
    ) -> None:
        check_engine(engine)
        if threads is not None and threads < 1:
            raise UsageError(
                f"`threads` must be 1 or more, got {threads}.",
                fix="Leave it out for one per core.",
            )
        self.executor = executor or LocalExecutor(threads)
        self._threads = threads
        self._model = open_model(Path(path))
        card = self._model.card
        self.classes = card.classes
        self.preprocessing = card.preprocessing
        self.temperature = card.temperature
        self.decisions = card.decisions
        self.provenance = self._model.provenance
        self.engine = self._model.engine(engine, threads=threads)
        self._also = tuple({FAMILIARITY} & set(self.engine.outputs))
        self._streaming: Engine | None = None if engine == AUTO else self.engine
        self._choosing = threading.Lock()
        self._one_large = threading.Lock()

    @functools.cached_property
    def graph_sha256(self) -> str:
        """Identity of what answers: the hash of the graph without its metadata."""
        return content_sha256(self._model.graph)

    @property
    def card(self) -> BundleCard | RunCard:
        """What the model says about itself."""
        return self._model.card

    @property
    def unknown_threshold(self) -> float | None:
        """The least familiarity of a photo that is known; ``None`` where all photos are."""
        if self.decisions is None or not self._also:
            return None
        return self.decisions.unknown_threshold

    def predict(
        self, photos: Iterable[Image], *, count: int | None = None, progress: Progress = QUIET
    ) -> Iterator[Answer]:
        """Answer photos, one answer each, in order; one that cannot be read keeps its place.

        Only a few photos are in memory at a time, however many there are.

        Args:
            photos: Files (``Path`` or ``str``), their ``bytes``, what Pillow opened, or pixels
                ``uint8 (H, W, 3)`` in RGB order. An `ImageError` is answered with its reason.
            count: How many there are, where ``photos`` has no length.
            progress: Who listens.

        Raises:
            UsageError: One is of another type.
        """
        total = len(photos) if isinstance(photos, Sized) else count
        one = functools.partial(self._answer, self.engine_for(total))
        answers = self.executor.map(one, enumerate(photos))
        return tracked(answers, progress, "predicting", total)

    def engine_for(self, count: int | None) -> Engine:
        """The engine that answers so many photos; ``None`` is a number that is not known."""
        return self.stream_engine() if count is None or count >= STREAM else self.engine

    def stream_engine(self) -> Engine:
        """The engine that answers streams; what it is says its `title`."""
        with self._choosing:
            if self._streaming is None:
                fast = self._model.stream_engine(threads=self._threads)
                self._streaming = fast or self.engine
            return self._streaming

    def predict_image(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Answer one decoded image ``uint8 (H, W, 3)``, RGB: probabilities ``float32 (C,)``."""
        whole = shortened(image, self.preprocessing)
        return _first(self.engine.run(whole[None], ["probabilities"]))

    def activation(self, image: NDArray[np.uint8]) -> tuple[NDArray[np.float32], ...]:
        """Answer one decoded image with its map.

        Args:
            image: ``uint8 (H, W, 3)``, RGB.

        Returns:
            Probabilities ``float32 (C,)`` and class activation maps ``float32 (C, h, w)``.
        """
        whole = shortened(image, self.preprocessing)
        probabilities, activation = self.engine.run(whole[None], ["probabilities", "activation"])
        return probabilities[0], activation[0]

    def top(self, answer: Answer, *, k: int = 1) -> list[tuple[str, float]]:
        """The ``k`` most probable classes of an answer, as `Answer.top` gives them."""
        return answer.top(k)

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

    def _answer(self, engine: Engine, numbered: tuple[int, Image]) -> Answer:
        number, photo = numbered
        photo = Path(photo) if isinstance(photo, str) else photo
        require_photo(photo)
        source = printable(str(photo)) if isinstance(photo, Path) else f"#{number}"
        return self.answer(photo, source=source, engine=engine)

    def answer(
        self,
        photo: "Photo | ImageError",
        *,
        source: str = "",
        engine: Engine | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> Answer:
        """Answer one photo in the calling thread.

        Args:
            photo: As `predict` takes them, but no text.
            source: What to call it in the answer.
            engine: What computes; ``None`` is the predictor's own for one photo.
            max_pixels: Of the photo; one that states more is not decoded.
        """
        return self._look(photo, source, engine or self.engine, (), max_pixels).answer

    def look(
        self, photo: "Photo | ImageError", *, source: str = "", max_pixels: int = MAX_PIXELS
    ) -> Looked:
        """Answer one photo in the calling thread, with the maps of what spoke for each class.

        Args:
            photo: As `predict` takes them, but no text.
            source: What to call it in the answer.
            max_pixels: Of the photo; one that states more is not decoded.
        """
        return self._look(photo, source, self.engine, ("activation",), max_pixels)

    def _look(
        self,
        photo: "Photo | ImageError",
        source: str,
        engine: Engine,
        further: tuple[str, ...],
        max_pixels: int,
    ) -> Looked:
        began = time.perf_counter()
        try:
            if isinstance(photo, ImageError):
                raise photo
            image = decode(
                photo,
                short_side_px=self.preprocessing.needed_short_side_px,
                max_pixels=max_pixels,
            )
        except ImageError as error:
            return Looked(Answer(source=source, probabilities=None, error=error.what))
        # What a graph makes of several large photos at once does not fit in a gigabyte.
        with self._one_large if is_large(image) else contextlib.nullcontext():
            whole = shortened(image, self.preprocessing)
            wanted = ("probabilities", *self._also, *further)
            found = dict(zip(wanted, engine.run(whole[None], wanted), strict=True))
        familiarity = float(found[FAMILIARITY][0]) if self._also else None
        threshold = self.unknown_threshold
        answer = Answer(
            source=source,
            probabilities=found["probabilities"][0],
            familiarity=familiarity,
            is_unknown=threshold is not None
            and familiarity is not None
            and familiarity < threshold,
            classes=self.classes,
            seconds=time.perf_counter() - began,
        )
        maps = found["activation"][0] if further else None
        return Looked(answer, image, maps)

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
        whole = shortened(image, self.preprocessing)
        probabilities, activation, *also = self.engine.run(
            whole[None], ["probabilities", "activation", *self._also]
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


def require_photo(photo: object) -> None:
    """Refuse what is no photo, before it is half understood.

    Raises:
        UsageError: It is something else, or pixels of another kind.
    """
    if isinstance(photo, np.ndarray):
        shape, is_grey = photo.shape, photo.ndim == 2
        if photo.dtype == np.uint8 and (is_grey or (photo.ndim == 3 and shape[2] in (3, 4))):
            return
        what = f"{photo.dtype} {shape}"
    elif isinstance(photo, Path | bytes | PIL.Image.Image | ImageError):
        return
    else:
        what = type(photo).__name__
    raise UsageError(
        f"A photo is a path, bytes, an image of Pillow or `uint8 (H, W, 3)`, got {what}.",
        fix="Give pixels as they are decoded: RGB, 0 to 255, not yet resized or normalised.",
    )


def _first(outputs: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The first image's row of the first output."""
    row: NDArray[np.float32] = outputs[0][0]
    return row
