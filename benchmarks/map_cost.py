"""Time what the activation map costs a prediction, by head and number of classes.

    python benchmarks/map_cost.py [--runs 30]

Each graph takes turns with the same graph without its map; the heads are untrained, which is no
matter to their speed. Prints one JSON document with milliseconds of the thread per photo.
"""

import argparse
import json
import statistics
import time

import numpy as np
import onnx

from lineament.core.machine import machine, versions
from lineament.models.backbones import create_backbone
from lineament.models.graph import backbone_graph, classifier_graph
from lineament.models.heads import create_head
from lineament.runtime.engines import OnnxRuntimeEngine

CASES = [
    *(("linear", n_classes, False) for n_classes in (10, 1000, 7000)),
    *(("mlp", 10, False), ("arcface", 7000, False), ("linear", 10, True)),
]


def without_map(graph: bytes) -> bytes:
    """Take the map off a graph: its output and the last node, which makes it."""
    model = onnx.load_model_from_string(graph)
    kept = [each for each in model.graph.output if each.name != "activation"]
    nodes = [each for each in model.graph.node if "activation" not in each.output]
    del model.graph.output[:], model.graph.node[:]
    model.graph.output.extend(kept)
    model.graph.node.extend(nodes)
    serialised: bytes = model.SerializeToString()
    return serialised


def milliseconds(engine: OnnxRuntimeEngine, photo: np.ndarray) -> float:
    """Time of this thread alone, for another process may want the core."""
    started = time.thread_time()
    engine.run(photo, ["probabilities"])
    return (time.thread_time() - started) * 1000


def main() -> None:
    """Time every case with and without its map, in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=30)
    runs = parser.parse_args().runs
    backbone = create_backbone("efficientnet_lite0", "packaged")
    proto = backbone_graph(backbone)
    photo = np.random.default_rng(0).integers(0, 256, (1, 256, 341, 3), dtype=np.uint8)
    measured = []
    for kind, n_classes, mirrored_view in CASES:
        graph = classifier_graph(
            proto,
            backbone.preprocessing,
            create_head(kind, backbone.n_features, n_classes).spec(),
            temperature=1.0,
            mirrored_view=mirrored_view,
        )
        engines = {
            "with_map": OnnxRuntimeEngine(graph, name="graph"),
            "without_map": OnnxRuntimeEngine(without_map(graph), name="graph"),
        }
        times: dict[str, list[float]] = {name: [] for name in engines}
        for number in range(runs + 3):  # the first three warm up
            for name, engine in engines.items():
                taken = milliseconds(engine, photo)
                if number >= 3:
                    times[name].append(taken)
        measured.append(
            {
                "head": kind,
                "classes": n_classes,
                "mirrored_view": mirrored_view,
                **{
                    name: {
                        "median": round(statistics.median(each), 1),
                        "min": round(min(each), 1),
                        "max": round(max(each), 1),
                    }
                    for name, each in times.items()
                },
            }
        )
    document = {
        "milliseconds": measured,
        "n": runs,
        "machine": machine(),
        "versions": versions(),
    }
    print(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
