"""Benching: how fast a bundle is on this machine, by engine and number of threads.

Settings are measured in turns, several rounds of each, and medians are given: what else the machine
does then falls on all of them. Photos are decoded anew for each answer, as they are in use.
"""

import dataclasses
import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lineament.artifacts.bundle import FAMILIARITY, BundleCard, read_bundle
from lineament.core.errors import ArtifactError, DataError, ImageError, UsageError
from lineament.core.executor import available_cores
from lineament.core.progress import QUIET, Progress, tracked
from lineament.imaging.decode import decode
from lineament.runtime.choosing import ONNX_RUNTIME, OPENVINO, arithmetic_here, is_installed
from lineament.runtime.engines import Engine, OnnxRuntimeEngine
from lineament.runtime.openvino_engine import OpenVinoEngine

T = TypeVar("T")

ROUNDS = 5
WARM_UP = 3  # answers before the first that is timed
PERCENTILES = (50, 90, 99)
# A setting that is faster by less than this is not worth another thread or engine.
NOTICEABLE = 1.05
GOLDEN_PHOTO = "turned-jpeg"  # what is measured on where no photo was named


@dataclasses.dataclass(frozen=True, kw_only=True)
class Speed:
    """How fast one setting is.

    Attributes:
        engine: Its word, for `Predictor` and ``--engine``.
        title: Name, version and arithmetic.
        threads: How many photos are worked on at once.
        opening_s: How long it took until it was ready, in seconds.
        latency_ms: Percentiles 50, 90 and 99 of one photo at a time, from its file's bytes to
            probabilities, in milliseconds.
        images_per_s: Photos per second, median of rounds.
        spread: Least and greatest of the rounds' photos per second.
        graph_images_per_s: The same on decoded photos: what decoding costs is the difference.
    """

    engine: str
    title: str
    threads: int
    opening_s: float
    latency_ms: tuple[float, float, float]
    images_per_s: float
    spread: tuple[float, float]
    graph_images_per_s: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bench:
    """What was measured.

    Attributes:
        photos: How many photos took turns.
        pixels: Median number of pixels of a photo.
        speeds: One per setting, in the order they were measured.
    """

    photos: int
    pixels: int
    speeds: tuple[Speed, ...]

    @property
    def best(self) -> Speed:
        """The fastest; of those that are hardly slower the one with fewest threads."""
        fastest = max(speed.images_per_s for speed in self.speeds)
        near = [each for each in self.speeds if each.images_per_s * NOTICEABLE >= fastest]
        return min(near, key=lambda each: (each.threads, -each.images_per_s))


class _Setting:
    """An engine with a number of threads, and what was measured of it so far."""

    def __init__(
        self, engine: Engine, word: str, threads: int, opening_s: float, side: int
    ) -> None:
        self.engine, self.word, self.threads, self.opening_s = engine, word, threads, opening_s
        self._short_side_px = side
        self._outputs = tuple(
            name for name in ("probabilities", FAMILIARITY) if name in engine.outputs
        )
        self.latencies_ms: list[float] = []
        self.rates: list[float] = []
        self.graph_rates: list[float] = []

    def answer(self, data: bytes) -> None:
        self.run(decode(data, short_side_px=self._short_side_px))

    def run(self, image: NDArray[np.uint8]) -> None:
        self.engine.run(image[None], self._outputs)

    def measure(
        self, files: Sequence[bytes], images: Sequence[NDArray[np.uint8]], seconds: float
    ) -> None:
        """Measure one round of about three times ``seconds``."""
        for data in itertools.islice(itertools.cycle(files), WARM_UP):
            self.answer(data)
        ends = time.perf_counter() + seconds
        for data in itertools.cycle(files):
            began = time.perf_counter()
            self.answer(data)
            self.latencies_ms.append(1000 * (time.perf_counter() - began))
            if time.perf_counter() > ends:
                break
        per_answer = statistics.median(self.latencies_ms[-WARM_UP:]) / 1000
        count = max(2 * self.threads, int(seconds * self.threads / per_answer))
        self.rates.append(self._rate(self.answer, files, count))
        self.graph_rates.append(self._rate(self.run, images, count))

    def _rate(self, function: Callable[[T], None], items: Sequence[T], count: int) -> float:
        with ThreadPoolExecutor(self.threads) as pool:
            began = time.perf_counter()
            list(pool.map(function, itertools.islice(itertools.cycle(items), count)))
            return count / (time.perf_counter() - began)

    def speed(self) -> Speed:
        """Sum up."""
        p50, p90, p99 = np.percentile(self.latencies_ms, PERCENTILES)
        return Speed(
            engine=self.word,
            title=self.engine.title,
            threads=self.threads,
            opening_s=self.opening_s,
            latency_ms=(float(p50), float(p90), float(p99)),
            images_per_s=statistics.median(self.rates),
            spread=(min(self.rates), max(self.rates)),
            graph_images_per_s=statistics.median(self.graph_rates),
        )


def bench(
    bundle: Path,
    photos: Sequence[Path] = (),
    *,
    seconds: float = 0.5,
    progress: Progress = QUIET,
) -> Bench:
    """Measure a bundle's speed on this machine.

    Args:
        bundle: The file.
        photos: What is answered, in turns; none is a golden photo of 240 by 180 pixels.
        seconds: How long each of the three figures is measured in each of five rounds, above 0.
        progress: Who listens.

    Raises:
        ArtifactError: It is no bundle.
        DataError: A photo cannot be read.
        UsageError: ``seconds`` is not above 0.
    """
    if not seconds > 0:
        raise UsageError(f"`seconds` must be above 0, got {seconds:g}.")
    graph, card = read_bundle(bundle)
    side = card.preprocessing.needed_short_side_px
    files = [_bytes(path) for path in photos] or [
        photo.data for photo in card.golden if photo.name == GOLDEN_PHOTO
    ]
    if not files:
        raise UsageError("The bundle holds no photo to measure with.", fix="Name some photos.")
    images = [decode(data, short_side_px=side) for data in files]
    settings = list(_settings(graph, card, name=str(bundle)))
    turns = [setting for _ in range(ROUNDS) for setting in settings]
    for setting in tracked(turns, progress, "measuring", len(turns)):
        setting.measure(files, images, seconds)
    return Bench(
        photos=len(files),
        pixels=int(np.median([image.shape[0] * image.shape[1] for image in images])),
        speeds=tuple(setting.speed() for setting in settings),
    )


def _settings(graph: bytes, card: BundleCard, *, name: str) -> Iterator[_Setting]:
    """Every engine with the arithmetic that the bundle allows, on one thread and on all cores."""
    side = card.preprocessing.needed_short_side_px
    cores = available_cores()
    began = time.perf_counter()
    shared = OnnxRuntimeEngine(graph, name=name, arithmetic=card.written)
    opening_s = time.perf_counter() - began
    for threads in dict.fromkeys((1, cores)):
        yield _Setting(shared, ONNX_RUNTIME, threads, opening_s, side)
    if not is_installed(OPENVINO):
        return
    arithmetic = arithmetic_here(card.arithmetic)
    for threads in dict.fromkeys((1, cores)):
        began = time.perf_counter()
        try:
            engine = OpenVinoEngine(graph, name=name, precision=arithmetic, threads=threads)
        except ArtifactError:
            return  # an operator that it lacks
        yield _Setting(engine, OPENVINO, threads, time.perf_counter() - began, side)


def _bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        decode(data)
    except (OSError, ImageError) as error:
        what = error.what if isinstance(error, ImageError) else error.strerror
        raise DataError(f"{path} cannot be read ({what}).", fix="Name another photo.") from error
    return data
