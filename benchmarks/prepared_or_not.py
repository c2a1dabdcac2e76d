"""Compare answers to the prepared test photos with answers to the very files they were made from.

    python benchmarks/prepared_or_not.py BUNDLE DATASET SOURCE

Evaluation measures the former, `predict` meets the latter. Prints one JSON document.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.origins import origins
from lineament.runtime.predictor import Predictor


def main() -> None:
    """Answer both and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("source", type=Path)
    options = parser.parse_args()
    predictor = Predictor(options.bundle)
    dataset = Dataset.open(options.dataset)
    sources = {origin.filename: origin.source for origin in origins(options.dataset)}
    samples = dataset.samples("test")
    prepared = list(predictor.predict([dataset.path(each) for each in samples]))
    original = list(
        predictor.predict([options.source / sources[each.filename] for each in samples])
    )
    first = np.stack([each.probabilities for each in prepared if each.probabilities is not None])
    second = np.stack([each.probabilities for each in original if each.probabilities is not None])
    labels = np.asarray([predictor.classes.index(each.class_name) for each in samples])
    difference = np.abs(first - second).max(axis=1)
    print(
        json.dumps(
            {
                "n": len(samples),
                "same_answer": int((first.argmax(1) == second.argmax(1)).sum()),
                "right_prepared": int((first.argmax(1) == labels).sum()),
                "right_original": int((second.argmax(1) == labels).sum()),
                "probability_difference": {
                    "median": float(np.median(difference)),
                    "p99": float(np.quantile(difference, 0.99)),
                    "max": float(difference.max()),
                },
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
