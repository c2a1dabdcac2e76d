"""Headed predictor: several heads on one backbone, which looks at each photo once."""

import contextlib
import threading
import time
from collections.abc import Iterable, Iterator, Sequence, Sized
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineament.artifacts.bundle import FAMILIARITY
from lineament.artifacts.table import printable
from lineament.core.errors import ImageError, UsageError
from lineament.core.executor import Executor, LocalExecutor
from lineament.core.progress import QUIET, Progress, tracked
from lineament.imaging.decode import decode
from lineament.imaging.elongated import shortened
from lineament.runtime.answers import Answer
from lineament.runtime.choosing import AUTO, check_engine
from lineament.runtime.engines import is_large
from lineament.runtime.laying import LaidHead, lay
from lineament.runtime.predictor import Image, require_photo


class HeadedPredictor:
    """Answers images with every head; may be shared by threads.

    The backbone's engine is ONNX Runtime unless OpenVINO is asked for: a bundle's golden photos
    prove an engine for its own head, and say less of another one.

    Args:
        heads: Their files, at least one.
        backbone: A bundle with the backbone that each head was trained on.
        engine: ``onnxruntime`` or ``openvino``; ``auto`` is the first.
        threads: How many photos are decoded and run at once; ``None`` is one per core.
        executor: Where that happens; ``None`` is threads of this process.

    Raises:
        ArtifactError: A file is absent or damaged, or a head was trained on another backbone.
        GateError: The engine that was asked for answers the bundle's golden photos otherwise.
        MissingExtraError: OpenVINO was asked for and is not installed.
        UsageError: There is no head, no such engine, or ``threads`` is less than 1.

    Example:
        Two heads answer each photo, in the order of the heads::

            predictor = HeadedPredictor([Path("face.head"), Path("mood.head")], Path("b.onnx"))
            for who, mood in predictor.predict(["a.jpg", "b.jpg"]):
                print(who.source, who.label, mood.label)
    """

    def __init__(
        self,
        heads: Sequence[Path],
        backbone: Path,
        *,
        engine: str = AUTO,
        threads: int | None = None,
        executor: Executor | None = None,
    ) -> None:
        check_engine(engine)
        if not heads:
            raise UsageError("No head was named.", fix="Name one or more `.head` files.")
        self.executor = executor or LocalExecutor(threads)
        self.heads, self._backbone = lay(heads, backbone)
        self.preprocessing = self._backbone.card.preprocessing
        self.engine = self._backbone.engine(engine, threads=threads)
        self._one_large = threading.Lock()

    def predict(
        self, photos: Iterable[Image], *, progress: Progress = QUIET
    ) -> Iterator[tuple[Answer, ...]]:
        """Answer photos, one answer per head each, in order; unreadable ones keep their place.

        Only a few photos are in memory at a time, however many there are.

        Args:
            photos: Files (``Path`` or ``str``), their ``bytes``, what Pillow opened, or pixels
                ``uint8 (H, W, 3)`` in RGB order. An `ImageError` is answered with its reason.
            progress: Who listens.

        Raises:
            UsageError: One is of another type.
        """
        total = len(photos) if isinstance(photos, Sized) else None
        answers = self.executor.map(self._answer, enumerate(photos))
        return tracked(answers, progress, "predicting", total)

    def _answer(self, numbered: tuple[int, Image]) -> tuple[Answer, ...]:
        number, photo = numbered
        photo = Path(photo) if isinstance(photo, str) else photo
        require_photo(photo)
        source = printable(str(photo)) if isinstance(photo, Path) else f"#{number}"
        began = time.perf_counter()
        try:
            if isinstance(photo, ImageError):
                raise photo
            image = decode(photo, short_side_px=self.preprocessing.needed_short_side_px)
        except ImageError as error:
            unreadable = Answer(source=source, probabilities=None, error=error.what)
            return (unreadable,) * len(self.heads)
        # What a graph makes of several large photos at once does not fit in a gigabyte.
        with self._one_large if is_large(image) else contextlib.nullcontext():
            whole = shortened(image, self.preprocessing)
            (embedding,) = self.engine.run(whole[None], ["embedding"])
        said = [head.engine.run(embedding) for head in self.heads]
        seconds = time.perf_counter() - began
        return tuple(
            _answer_of(head, outputs, source=source, seconds=seconds)
            for head, outputs in zip(self.heads, said, strict=True)
        )


def _answer_of(
    head: LaidHead, outputs: dict[str, NDArray[np.float32]], *, source: str, seconds: float
) -> Answer:
    familiarity = float(outputs[FAMILIARITY][0]) if FAMILIARITY in outputs else None
    threshold = head.unknown_threshold
    return Answer(
        source=source,
        probabilities=outputs["probabilities"][0],
        familiarity=familiarity,
        is_unknown=threshold is not None and familiarity is not None and familiarity < threshold,
        classes=head.card.classes,
        seconds=seconds,
    )
