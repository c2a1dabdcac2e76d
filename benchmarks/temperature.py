"""Measure whether a temperature fitted on few photos serves photos that nobody saw.

    python benchmarks/temperature.py [--draws 100] [RUN=REPORT ...]

Draws logits that would be calibrated at a known temperature, fits on 30 to 1,000 of them and judges
on 10,000 others: without a temperature, by plain likelihood, with Platt's smoothed targets, and as
`fit_temperature` does. With pairs of a run and its report on the test split, the same with parts of
the run's validation answers. Prints one line per case; needs no torch.
"""

import argparse
import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineament.artifacts.predictions import Predictions
from lineament.measure.calibration import (
    MAX_TEMPERATURE,
    MIN_TEMPERATURE,
    expected_calibration_error,
    fit_temperature,
    softmax,
)

GRID = np.exp(np.linspace(np.log(MIN_TEMPERATURE), np.log(MAX_TEMPERATURE), 400))
SIZES = (30, 60, 200, 1000)
JUDGED = 10_000

Answers = tuple[NDArray[np.float32], NDArray[np.int64]]
Draw = Callable[[int, int], Answers]


def drawn(n: int, seed: int, *, n_classes: int, spread: float, temperature: float) -> Answers:
    """Draw logits that are calibrated at a temperature, and labels."""
    rng = np.random.default_rng([seed, n])
    logits = rng.normal(size=(n, n_classes)) * spread
    labels = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    return (logits * temperature).astype(np.float32), labels


def losses(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give per temperature of the grid the mean loss of the labels and of all other classes."""
    found = []
    for temperature in GRID:
        scores = logits.astype(np.float64) / temperature
        scores -= scores.max(axis=1, keepdims=True)
        scores -= np.log(np.exp(scores).sum(axis=1, keepdims=True))
        own = scores[np.arange(len(labels)), labels]
        others = (scores.sum(axis=1) - own) / (scores.shape[1] - 1)
        found.append((-own.mean(), -others.mean()))
    return np.array(found)


def temperatures(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> dict[str, float]:
    """Fit in each way."""
    own, others = losses(logits, labels).T
    doubt = 1 / (len(labels) + 2)
    at_one = np.interp(0.0, np.log(GRID), own)
    ways = {"likelihood": own, "platt": (1 - doubt) * own + doubt * others}
    found = {way: int(loss.argmin()) for way, loss in ways.items()}
    return {
        "none": 1.0,
        **{way: float(GRID[at]) if own[at] < at_one else 1.0 for way, at in found.items()},
        "lineament": fit_temperature(logits, labels).value,
    }


def study(name: str, draw: Draw, judged: Answers, *, sizes: tuple[int, ...], draws: int) -> None:
    """Print what each way of fitting does to the loss and the calibration error of the judged."""
    curve = losses(*judged)[:, 0]
    points = GRID[::8]
    errors = [
        expected_calibration_error(softmax(judged[0], temperature=t), judged[1]) for t in points
    ]
    best = float(curve.min())
    for n in sizes:
        fits = [temperatures(*draw(n, seed)) for seed in range(draws)]
        for way in fits[0]:
            chosen = np.log([fit[way] for fit in fits])
            loss = np.interp(chosen, np.log(GRID), curve)
            error = np.interp(chosen, np.log(points), errors)
            print(
                f"{name:38} n {n:5} {way:10} temperature {np.exp(np.median(chosen)):5.2f}  "
                f"loss above the best {loss.mean() - best:.4f} (worst of 20: "
                f"{np.quantile(loss, 0.95) - best:.4f})  calibration error {error.mean():.4f} "
                f"(worst of 20: {np.quantile(error, 0.95):.4f})",
                flush=True,
            )


def part(answers: Predictions, n: int, seed: int) -> Answers:
    """Draw a part of the answers."""
    rows = np.random.default_rng(seed).choice(len(answers.labels), n, replace=False)
    return answers.logits[rows], answers.labels[rows]


def main() -> None:
    """Run the cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", nargs="*", metavar="RUN=REPORT")
    parser.add_argument("--draws", type=int, default=100)
    options = parser.parse_args()
    for pair in options.pairs:
        run, _, report = pair.partition("=")
        validation = Predictions.read_parquet(Path(run) / "predictions" / "validation.parquet")
        test = Predictions.read_parquet(Path(report) / "predictions.parquet")
        sizes = tuple(n for n in SIZES if n <= len(validation.labels))
        draw = functools.partial(part, validation)
        study(run[-38:], draw, (test.logits, test.labels), sizes=sizes, draws=options.draws)
    if options.pairs:
        return
    for n_classes, spread in ((2, 3.0), (2, 8.0), (10, 4.0), (10, 12.0)):
        for temperature in (0.5, 1.0, 1.5, 2.5):
            draw = functools.partial(
                drawn, n_classes=n_classes, spread=spread, temperature=temperature
            )
            judged = draw(JUDGED, 10**6)
            right = float((judged[0].argmax(axis=1) == judged[1]).mean())
            name = f"{n_classes} classes, {right:.0%} right, best at {temperature}"
            study(name, draw, judged, sizes=SIZES, draws=options.draws)


if __name__ == "__main__":
    main()
