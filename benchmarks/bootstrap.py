"""Time every figure with its interval over many predictions of many classes.

1,000 draws over 100,000 predictions of 1,000 classes: all headline figures, precision, recall and
F1 of every class, once with the photos independent and once in groups, and the figures of a ranking
of as many scores. Made answers, the same for a seed; one thread.

    OMP_NUM_THREADS=1 python benchmarks/bootstrap.py [--photos 100000] [--classes 1000]

Prints one JSON document: seconds, the peak of memory before (Python, NumPy and the predictions) and
after, and how much of it the predictions are.
"""

import argparse
import json
import resource
import time

import numpy as np
from numpy.typing import NDArray

from lineament.core.machine import machine, versions
from lineament.measure.headline import headline_intervals
from lineament.measure.proportions import class_intervals
from lineament.measure.ranking import ranking_intervals

SKILL = 5.0  # added to the logit of the true class: 95 % are answered rightly
PER_GROUP = 20


def answers(
    n: int, n_classes: int, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Made probabilities, ``float32 (n, n_classes)``, and labels."""
    labels = rng.integers(0, n_classes, n)
    probabilities = rng.standard_normal((n, n_classes), dtype=np.float32)
    probabilities[np.arange(n), labels] += SKILL
    for start in range(0, n, 1000):
        rows = probabilities[start : start + 1000]
        np.exp(rows, out=rows)
        rows /= rows.sum(axis=1, keepdims=True)
    return probabilities, labels


def since(start: float) -> float:
    """How many seconds have passed."""
    return round(time.perf_counter() - start, 2)


def peak_mb() -> int:
    """The most memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--resamples", type=int, default=1000)
    options = parser.parse_args()
    n, n_classes, resamples = options.photos, options.classes, options.resamples

    rng = np.random.default_rng(0)
    probabilities, labels = answers(n, n_classes, rng)
    predicted = probabilities.argmax(axis=1)
    groups = np.arange(n) // PER_GROUP
    before = peak_mb()
    taken: dict[str, float] = {}
    for name, of_photos in (("independent", None), ("grouped", groups)):
        start = time.perf_counter()
        headline_intervals(probabilities, labels, groups=of_photos, resamples=resamples)
        taken[f"headline, {name}"] = since(start)
        start = time.perf_counter()
        class_intervals(labels, predicted, n_classes, groups=of_photos)
        taken[f"classes, {name}"] = since(start)
    after = peak_mb()
    half = rng.standard_normal(n // 2)
    start = time.perf_counter()
    ranking_intervals(half + 1, rng.standard_normal(n // 2), resamples=resamples)
    taken["ranking"] = since(start)
    print(
        json.dumps(
            {
                "photos": n,
                "classes": n_classes,
                "resamples": resamples,
                "right": round(float((predicted == labels).mean()), 3),
                "seconds": taken,
                "predictions_mb": probabilities.nbytes // 2**20,
                "peak_before_mb": before,
                "peak_after_mb": after,
                "machine": machine(),
                "versions": versions(),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
