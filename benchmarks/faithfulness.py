"""Measure how faithful maps are: insertion and deletion, against maps that know nothing.

Photos are drawn evenly over the classes of the test split; followed is the probability of the
model's own answer, by the graph that ships. Methods that need torch are left out of a bundle.

    python benchmarks/faithfulness.py RUN DATASET [--photos 100] [--methods class-activation ...]

Prints one JSON document: of each method and each baseline the areas and curves, of each method also
the paired differences to the baselines, with their 95 % intervals, and the median time of one map.
With `--markdown` a table of the same instead.
"""

import argparse
import dataclasses
import json
from pathlib import Path

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.findings.faithfulness import Faithful, Faithfulness
from lineament.core.executor import LocalExecutor
from lineament.core.machine import machine, versions
from lineament.explanation.faithfulness import STEPS, faithfulness
from lineament.explanation.methods import GRADIENTS, METHODS, method_of
from lineament.measure.intervals import Interval, group_numbers
from lineament.runtime.predictor import Predictor
from lineament.workflow.spoiling import draw

DIGITS = 3  # the spread of an area over 100 photos is some hundredths


def measured(options: argparse.Namespace) -> Faithfulness:
    """Measure the methods that were asked for, on the same photos."""
    predictor = Predictor(options.run, executor=LocalExecutor(workers=options.workers))
    dataset = Dataset.open(options.dataset)
    samples = draw(dataset.samples("test"), options.photos, seed=options.seed)
    paths = [dataset.path(sample) for sample in samples]
    photos = []
    for path, answer in zip(paths, predictor.predict(paths), strict=True):
        if answer.probabilities is None:
            raise SystemExit(f"{path} cannot be read: {answer.error}")
        photos.append((path, int(answer.probabilities.argmax())))
    groups = [sample.group for sample in samples]
    return faithfulness(
        predictor,
        [method_of(name, predictor, options.run) for name in options.methods],
        photos,
        units=group_numbers(groups) if any(groups) else None,
        steps=options.steps,
        seed=options.seed,
    )


def markdown(found: Faithfulness) -> str:
    """Lay the figures out as a table, methods first."""
    baselines = [each.title for each in found.baselines]
    head = ["", "insertion", "deletion"]
    head += [f"{side} over {title}" for title in baselines for side in ("insertion", "deletion")]
    head += ["beats", "ms"]
    rows = [head, ["---"] + ["--:"] * (len(head) - 1)]
    rows += [_row(each, len(baselines)) for each in (*found.methods, *found.baselines)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _row(each: Faithful, n_baselines: int) -> list[str]:
    row = [each.title, _figure(each.insertion), _figure(each.deletion)]
    for against in each.against:
        row += [_figure(against.insertion, sign="+"), _figure(against.deletion, sign="+")]
    if not each.against:
        return row + [""] * (2 * n_baselines + 2)
    beaten = sum(against.beats for against in each.against)
    seconds = "" if each.seconds is None else f"{each.seconds * 1000:.1f}"
    return [*row, f"{beaten} of {n_baselines}", seconds]


def _figure(interval: Interval, *, sign: str = "") -> str:
    value, low, high = (
        f"{each:{sign}.{DIGITS}f}" for each in (interval.value, interval.low, interval.high)
    )
    return f"{value} ({low} to {high})"


def main() -> None:
    """Print the figures of one model."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path, help="a run or a bundle")
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--photos", type=int, default=100)
    parser.add_argument("--methods", nargs="+", choices=METHODS, help="those that the model allows")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, help="threads; one per core if not given")
    parser.add_argument("--markdown", action="store_true", help="print a table")
    options = parser.parse_args()
    if not options.methods:
        is_run = options.run.is_dir()
        options.methods = [name for name in METHODS if is_run or name not in GRADIENTS]
    found = measured(options)
    if options.markdown:
        print(markdown(found))
        return
    document = {
        "run": str(options.run),
        "dataset": str(options.dataset),
        "steps": options.steps,
        "faithfulness": dataclasses.asdict(found),
        "machine": machine(),
        "versions": versions(),
    }
    print(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
