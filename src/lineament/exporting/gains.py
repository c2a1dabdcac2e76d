"""Gains: how much faster than float32 a quantised graph is on the machine that exports it."""

import statistics
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lineament.artifacts.precision import FP32, INT8
from lineament.core.progress import Progress
from lineament.exporting.certificate import engines_here, note_unable
from lineament.runtime.engines import Engine

TIMED = 24  # photos on which two engines take turns
UNTIMED = 2  # answers of each before, which warm it up
NOTICEABLE = 1.05  # times as fast; less is what clocks do by themselves


def note_gains(
    graph: bytes, quantised: bytes, photos: Sequence[NDArray[np.uint8]], *, progress: Progress
) -> list[float]:
    """Say how fast a quantised graph is beside the exact one, in each engine.

    It is said and not refused: another machine may multiply bytes faster than this one, and a small
    file may be what is wanted. Nor is it in the card, whose figures hold on every machine.

    Args:
        graph: The graph in float32.
        quantised: The same between integers.
        photos: Decoded photos, ``uint8 (H, W, 3)`` each; one or more.
        progress: Who listens.

    Returns:
        How many times as fast it is, one figure per engine.
    """
    wanted = ("probabilities",)
    exact = {
        _name(each): each for each in engines_here(graph, arithmetic=FP32, outputs=wanted).able
    }
    here = engines_here(quantised, arithmetic=INT8, outputs=wanted)
    note_unable(here, progress=progress)
    gains = []
    for engine in here.able:
        if _name(engine) not in exact:
            continue
        old, new = times_ms([exact[_name(engine)], engine], photos)
        gains.append(old / new)
        progress.note(
            f"{engine.title}: {new:.1f} ms a photo on one core, {old:.1f} ms in fp32; "
            f"{gains[-1]:.2f} times as fast"
        )
    if max(gains) < NOTICEABLE:
        progress.note(
            "int8 is not faster on this machine: export in fp32, unless the bundle must be small "
            "or is for a machine that multiplies bytes fast (x86 with VNNI, Arm with dot products)"
        )
    return gains


def times_ms(engines: Sequence[Engine], photos: Sequence[NDArray[np.uint8]]) -> list[float]:
    """Measure how long each engine takes for a photo: the median, in milliseconds.

    They take turns photo by photo: what else the machine does falls on all of them.

    Args:
        engines: Of any number.
        photos: Decoded, ``uint8 (H, W, 3)`` each; one or more.
    """
    taken: list[list[float]] = [[] for _ in engines]
    for turn in range(UNTIMED + TIMED):
        image = photos[turn % len(photos)][None]
        for engine, times in zip(engines, taken, strict=True):
            begin = time.perf_counter()
            engine.run(image, ["probabilities"])
            times.append(1e3 * (time.perf_counter() - begin))
    return [statistics.median(times[UNTIMED:]) for times in taken]


def _name(engine: Engine) -> str:
    return engine.title.partition(" ")[0]
