"""Costing: counts are those of torch, times are taken in turn, and nothing is guessed."""

import itertools
import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.run import Run
from lineament.core.errors import ArtifactError, MissingExtraError
from lineament.runtime.engines import OnnxRuntimeEngine
from lineament.workflow.costing import Shipped, alternated, costs, multiply_adds, parameters, photo


def header(path: Path, tensors: dict[str, object]) -> Path:
    text = json.dumps(tensors).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text)
    return path


def shipped(run: Run) -> Shipped:
    return Shipped(
        graph=run.graph_path,
        short_side_px=run.card.preprocessing.needed_short_side_px,
        weights=run.weights_path,
        stated=(run.card.training,),
    )


def ticking(*steps: float) -> Callable[[], float]:
    """A clock that goes on by these seconds, over and over."""
    times = itertools.accumulate(itertools.cycle(steps), initial=0.0)
    return lambda: next(times)


def test_parameters_are_counted_from_the_header_without_running_statistics(tmp_path: Path) -> None:
    weights = header(
        tmp_path / "weights.safetensors",
        {
            "__metadata__": {"format": "pt"},
            "conv.weight": {"dtype": "F32", "shape": [8, 3, 3, 3]},
            "norm.bias": {"dtype": "F32", "shape": [8]},
            "norm.running_mean": {"dtype": "F32", "shape": [8]},
            "norm.running_var": {"dtype": "F32", "shape": [8]},
            "norm.num_batches_tracked": {"dtype": "I64", "shape": []},
        },
    )

    assert parameters(weights) == 8 * 27 + 8


def test_parameters_are_those_that_torch_counts(small_run: Run) -> None:
    from safetensors.torch import load_file

    tensors = load_file(small_run.weights_path)
    statistics = ("running_mean", "running_var", "num_batches_tracked")

    assert parameters(small_run.weights_path) == sum(
        tensor.numel() for name, tensor in tensors.items() if not name.endswith(statistics)
    )


@pytest.mark.parametrize("data", [b"", b"short", struct.pack("<Q", 99) + b"{}"])
def test_what_is_no_file_of_weights_is_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(data)

    with pytest.raises(ArtifactError, match=r"is not a file of weights") as caught:
        parameters(path)

    assert caught.value.fix == "Train again."


def test_multiply_adds_of_a_known_graph_are_those_of_the_formula(tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    kernel = numpy_helper.from_array(np.ones((4, 3, 3, 3), np.float32), "kernel")
    matrix = numpy_helper.from_array(np.ones((2, 4), np.float32), "matrix")
    nodes = [
        helper.make_node("Cast", ["image"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["floats"], ["pixels"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["pixels", "kernel"], ["maps"]),
        helper.make_node("GlobalAveragePool", ["maps"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["embedding"]),
        helper.make_node("Gemm", ["embedding", "matrix"], ["probabilities"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", "h", "w", 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 2])],
        [kernel, matrix],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, tmp_path / "tiny.onnx")

    # A photo of 10 x 14 gives maps of 8 x 12 without padding.
    assert multiply_adds(tmp_path / "tiny.onnx", 10) == 4 * 8 * 12 * 27 + 2 * 4


def test_multiply_adds_are_those_that_torch_counts_and_those_of_the_maps(
    drawn_dataset: Dataset, tmp_path: Path
) -> None:
    from lineament.training.recipe import TrainConfig
    from lineament.training.train import train

    config = TrainConfig(
        backbone="custom_cnn", mode="scratch", size_px=32, widths=(4, 8), epochs=1, cache=False
    )
    run = train(drawn_dataset, tmp_path / "run", config=config)
    counted = multiply_adds(run.graph_path, 32)
    stated = run.card.training["multiply_adds"]

    # The graph that ships also computes `activation`: the head at each place of the last maps.
    engine = OnnxRuntimeEngine(run.graph_path, name="run")
    embedding, maps = engine.run(photo(32), ["embedding", "activation"])
    assert counted is not None
    assert counted - maps.size * embedding.shape[1] == pytest.approx(stated, rel=0.01)


def test_multiply_adds_are_not_known_without_onnx(
    small_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(module: str, *, extra: str, purpose: str) -> object:
        raise MissingExtraError(f"{purpose} needs {module} of {extra}.")

    monkeypatch.setattr("lineament.workflow.costing.require", absent)

    assert multiply_adds(small_run.graph_path, 32) is None


def test_what_training_states_is_taken_where_the_graph_cannot_be_counted(
    small_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lineament.workflow.costing.multiply_adds", lambda *_: None)
    model = Shipped(graph=small_run.graph_path, short_side_px=32, stated=({"multiply_adds": 700},))

    assert costs({"a": model}, rounds=0)["a"].multiply_adds == 700


def test_a_file_that_is_no_graph_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "graph.onnx"
    path.write_bytes(b"no graph")

    with pytest.raises(ArtifactError) as caught:
        multiply_adds(path, 32)

    assert str(caught.value) == (
        f"{path} is not an ONNX graph that can be read.\n  fix: Export the bundle again."
    )


def test_calls_take_turns_and_every_other_round_goes_the_other_way_around() -> None:
    order: list[str] = []

    def ready(name: str) -> Callable[[], Callable[[], object]]:
        def make() -> Callable[[], object]:
            order.append(name)
            return lambda: None

        return make

    alternated({name: ready(name) for name in "abc"}, rounds=3, clock=ticking(1.0))

    assert "".join(order) == "abc" + "cba" + "abc"


def test_a_time_is_the_median_of_rounds_in_milliseconds() -> None:
    # A call longer than a turn is timed once in it: two readings of the clock per round.
    clock = ticking(0.5, 0.1, 0.4, 0.1, 0.9, 0.1)

    found = alternated({"a": lambda: lambda: None}, rounds=3, clock=clock)["a"]

    assert (found.value, found.low, found.high) == pytest.approx((500.0, 400.0, 900.0))
    assert (found.method, found.n) == ("median of rounds", 3)


def test_the_limits_of_nine_rounds_are_the_second_from_either_end() -> None:
    seconds = [0.9, 0.1, 0.5, 0.3, 0.7, 0.2, 0.8, 0.4, 0.6]
    clock = ticking(*(step for each in seconds for step in (each + 1, 1.0)))

    found = alternated({"a": lambda: lambda: None}, rounds=9, clock=clock)["a"]

    assert (found.low, found.value, found.high) == pytest.approx((1200.0, 1500.0, 1800.0))


def test_limits_hold_the_median_in_95_of_100_simulations() -> None:
    rng = np.random.default_rng(0)
    draws = np.sort(rng.exponential(size=(4000, 9)), axis=1)
    inside = (draws[:, 1] <= np.log(2)) & (np.log(2) <= draws[:, 7])

    assert 0.95 <= inside.mean() <= 0.975


def test_a_run_is_costed_from_its_files(small_run: Run) -> None:
    cost = costs({"a": shipped(small_run)}, rounds=1)["a"]

    assert cost.file_bytes == small_run.graph_path.stat().st_size
    assert cost.parameters == parameters(small_run.weights_path)
    assert cost.milliseconds is not None
    assert cost.milliseconds.value > 0
    assert cost.training_s is None  # a head states none


def test_training_time_is_the_mean_over_seeds_and_unknown_where_one_does_not_say(
    small_run: Run,
) -> None:
    def of(*stated: dict[str, object]) -> float | None:
        model = Shipped(graph=small_run.graph_path, short_side_px=32, stated=stated)
        return costs({"a": model}, rounds=0)["a"].training_s

    assert of({"seconds": 10.0}, {"seconds": 20}) == 15.0
    assert of({"seconds": 10.0}, {}) is None


def test_the_timed_photo_is_always_the_same() -> None:
    assert photo(30).shape == (1, 30, 40, 3)
    assert np.array_equal(photo(30), photo(30))
