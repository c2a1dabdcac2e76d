"""Desk: photos in, answers out, a few at a time in threads of their own."""

import asyncio
import base64
import functools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lineament.core.errors import DataError, ImageError
from lineament.core.executor import available_cores
from lineament.core.suggest import did_you_mean
from lineament.imaging.decode import decode, encode_jpeg
from lineament.imaging.render import from_least_to_greatest, heated
from lineament.runtime.answers import UNKNOWN, Answer
from lineament.runtime.predictor import Looked
from lineament.serving.admission import Admission, Deadline
from lineament.serving.config import ServeConfig
from lineament.serving.metrics import Metrics
from lineament.serving.problems import ProblemError, shown
from lineament.serving.shelf import Served
from lineament.serving.uploads import Upload

T = TypeVar("T")
TOP = 5  # classes per photo where the request does not say


class Desk:
    """Answers photos with the models of a shelf.

    Args:
        config: Limits and threads.
        metrics: Who counts.
    """

    def __init__(self, config: ServeConfig, metrics: Metrics) -> None:
        threads = config.threads or available_cores()
        self.admission = Admission(
            threads=threads,
            queue=config.queue,
            max_bytes=config.max_uploads_bytes,
        )
        self._config, self._metrics = config, metrics
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="lineament")

    async def answers(self, served: Served, photos: Sequence[Upload]) -> list[Answer]:
        """Answer photos, in order.

        Raises:
            ProblemError: Too many wait (429), or these waited too long (503).
            DataError: None of them can be read.
        """
        ask = [functools.partial(self._answer, served, photo) for photo in photos]
        found = await self._done(ask)
        for answer in found:
            self._count(served, answer)
        if all(answer.error for answer in found):
            raise _unreadable([(answer.source, answer.error) for answer in found])
        return found

    async def look(self, served: Served, photo: Upload) -> Looked:
        """Answer a photo with the maps of what spoke for each class; errors as `answers`."""
        (looked,) = await self._done([functools.partial(self._look, served, photo)])
        self._count(served, looked.answer)
        return looked

    async def explain(
        self, served: Served, photo: Upload, of_class: str | None
    ) -> tuple[Answer, str, bytes]:
        """Answer a photo, and lay over it what spoke for a class.

        Args:
            served: The model.
            photo: The photo.
            of_class: Whose evidence; ``None`` is that of the answer.

        Returns:
            The answer, the class that is shown, and the picture as a JPEG file.

        Raises:
            ProblemError: There is no such class (404), or as `answers`.
            DataError: It cannot be read.
        """
        classes = served.predictor.classes
        if of_class is not None and of_class not in classes:
            raise ProblemError(
                404,
                f"`{served.name}` has no class `{shown(of_class)}`."
                f"{did_you_mean(of_class, classes)}",
                fix="`/v1/models` lists the classes.",
            )

        def drawn() -> tuple[Answer, str, bytes]:
            looked = self._look(served, photo)
            if looked.image is None or looked.maps is None:
                return looked.answer, "", b""
            of = of_class or looked.answer.label
            picture = heated(
                looked.image, looked.maps[classes.index(of)], served.predictor.preprocessing
            )
            return looked.answer, of, encode_jpeg(picture, quality=90)

        (found,) = await self._done([drawn])
        self._count(served, found[0])
        if found[0].error:
            raise _unreadable([(found[0].source, found[0].error)])
        return found

    async def pixels(self, photo: Upload) -> NDArray[np.uint8]:
        """Decode a photo, ``uint8 (H, W, 3)``, RGB, upright; errors as `answers`."""

        def decoded() -> NDArray[np.uint8] | str:
            try:
                return decode(photo.data, max_pixels=self._config.max_pixels)
            except ImageError as error:
                return error.what

        (found,) = await self._done([decoded])
        if isinstance(found, str):
            raise _unreadable([(photo.name, found)])
        return found

    async def run(self, work: Callable[[], T]) -> T:
        """Do something else that takes time, in its turn; errors as `answers`."""
        (found,) = await self._done([work])
        return found

    def close(self) -> None:
        """End the threads, when what they do is done."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    async def _done(self, work: Sequence[Callable[[], T]]) -> list[T]:
        deadline = Deadline(self._config.deadline_s)

        def begun(one: Callable[[], T]) -> T:
            deadline.require_time()
            return one()

        loop = asyncio.get_running_loop()
        with self.admission.photos_admitted(len(work)):
            waiting = [loop.run_in_executor(self._pool, begun, one) for one in work]
            # All of them, also after a failure: until then they take threads.
            found = await asyncio.gather(*waiting, return_exceptions=True)
        for each in found:
            if isinstance(each, BaseException):
                raise each
        return [each for each in found if not isinstance(each, BaseException)]

    def _answer(self, served: Served, photo: Upload) -> Answer:
        return served.predictor.answer(
            photo.data,
            source=photo.name,
            engine=served.engine,
            max_pixels=self._config.max_pixels,
        )

    def _look(self, served: Served, photo: Upload) -> Looked:
        return served.predictor.look(
            photo.data, source=photo.name, max_pixels=self._config.max_pixels
        )

    def _count(self, served: Served, answer: Answer) -> None:
        self._metrics.answer(served.name, answer)
        if not answer.error:
            self.admission.took(answer.seconds)


def said(served: Served, answer: Answer, *, top: int = TOP) -> dict[str, object]:
    """An answer as it is sent."""
    label = UNKNOWN if answer.is_unknown else answer.label
    return {
        "name": answer.source,
        "label": None if answer.error else label,
        "nearest": answer.label or None,
        "confidence": answer.confidence,
        "familiarity": answer.familiarity,
        "is_unknown": answer.is_unknown,
        "message": None if answer.is_unknown else served.messages.get(answer.label),
        "top": [{"label": name, "confidence": value} for name, value in answer.top(top)],
        "error": answer.error or None,
        "seconds": round(answer.seconds, 6),
    }


def said_map(served: Served, looked: Looked) -> dict[str, object] | None:
    """The map of what spoke for the answer as it is sent, from 0 to 1; ``None`` without one."""
    if looked.maps is None or looked.image is None:
        return None
    grid = looked.maps[served.predictor.classes.index(looked.answer.label)]
    height, width = looked.image.shape[:2]
    window = served.predictor.preprocessing.window(height, width)
    return {
        "height": grid.shape[0],
        "width": grid.shape[1],
        "values": [round(float(value), 4) for value in from_least_to_greatest(grid).ravel()],
        "window": {
            "left": window.left / width,
            "top": window.top / height,
            "width": window.width / width,
            "height": window.height / height,
        },
    }


def base64_text(data: bytes) -> str:
    """Bytes as JSON carries them."""
    return base64.b64encode(data).decode("ascii")


def _unreadable(photos: Sequence[tuple[str, str]]) -> DataError:
    """The error of photos, of which the name, if they have one, and the reason are known."""
    return DataError(
        "The photo cannot be read." if len(photos) == 1 else "No photo can be read.",
        at=[f"{name or 'the photo'} ({reason})" for name, reason in photos],
        fix="Send JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or PNM files that other programs open.",
    )
