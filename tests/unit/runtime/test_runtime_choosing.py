"""Which engine answers: the one that was asked for; for a stream the fast one if it is right."""

import dataclasses
import importlib.util
from pathlib import Path

import numpy as np
import pytest

from lineament.artifacts.bundle import BundleCard, read_bundle, with_card
from lineament.artifacts.run import Run
from lineament.core.errors import GateError, UsageError
from lineament.runtime import choosing
from lineament.runtime.choosing import STREAM, arithmetic_here, check_engine
from lineament.runtime.predictor import Predictor
from lineament.runtime.verifying import verify

needs_openvino = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="openvino is not installed"
)


def moved(probabilities: tuple[float, ...], by: float) -> tuple[float, ...]:
    first, *between, last = probabilities
    return (first - by, *between, last + by)


def with_wrong_answers(bundle: Path, path: Path, *, by: float) -> Path:
    """Write a bundle whose golden photos state other answers than its graph gives."""
    graph, card = read_bundle(bundle)
    golden = tuple(
        dataclasses.replace(photo, probabilities=moved(photo.probabilities, by))
        for photo in card.golden
    )
    path.write_bytes(with_card(graph, dataclasses.replace(card, golden=golden)))
    return path


def test_engine_that_there_is_not_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        check_engine("openvin")

    assert str(caught.value) == (
        "There is no engine `openvin`. Did you mean `openvino`?\n"
        "  fix: The engines are auto, onnxruntime, openvino."
    )


@pytest.mark.parametrize("threads", [0, -1])
def test_threads_below_one_are_refused(threads: int, small_bundle: Path) -> None:
    with pytest.raises(UsageError) as caught:
        Predictor(small_bundle, threads=threads)

    assert str(caught.value) == (
        f"`threads` must be 1 or more, got {threads}.\n  fix: Leave it out for one per core."
    )


def test_few_photos_are_answered_by_onnx_runtime(small_bundle: Path) -> None:
    predictor = Predictor(small_bundle)

    assert predictor.engine_for(STREAM - 1).title.startswith("ONNX Runtime ")


@needs_openvino
@pytest.mark.parametrize("count", [STREAM, None])
def test_stream_of_a_bundle_is_answered_by_openvino(count: int | None, small_bundle: Path) -> None:
    predictor = Predictor(small_bundle)

    assert predictor.engine_for(count).title.startswith("OpenVINO ")
    assert predictor.engine_for(count) is predictor.stream_engine()


@needs_openvino
def test_both_engines_answer_alike(small_bundle: Path, photo_files: list[Path]) -> None:
    by_name = {
        name: np.stack(
            [
                answer.probabilities
                for answer in Predictor(small_bundle, engine=name).predict(photo_files)
                if answer.probabilities is not None
            ]
        )
        for name in ("onnxruntime", "openvino")
    }

    assert np.abs(by_name["openvino"] - by_name["onnxruntime"]).max() < 1e-3
    assert np.ptp(by_name["openvino"], axis=0).max() > 0.1


def test_run_is_answered_as_it_is_judged(small_run: Run) -> None:
    assert Predictor(small_run.root).stream_engine().title.startswith("ONNX Runtime ")


def test_stream_goes_to_onnx_runtime_where_openvino_is_not_installed(
    small_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    assert Predictor(small_bundle).stream_engine().title.startswith("ONNX Runtime ")


@needs_openvino
def test_stream_goes_to_onnx_runtime_where_openvino_answers_golden_photos_otherwise(
    small_bundle: Path, tmp_path: Path
) -> None:
    path = with_wrong_answers(small_bundle, tmp_path / "m.onnx", by=0.002)

    assert Predictor(path).stream_engine().title.startswith("ONNX Runtime ")


@needs_openvino
def test_openvino_that_was_asked_for_and_answers_otherwise_is_refused(
    small_bundle: Path, tmp_path: Path
) -> None:
    path = with_wrong_answers(small_bundle, tmp_path / "m.onnx", by=0.25)

    with pytest.raises(GateError) as caught:
        Predictor(path, engine="openvino")

    assert caught.value.what.endswith(
        f"answers the golden photos of {path} otherwise than they were answered at its export, by "
        "more than 0.001 in a probability."
    )
    assert caught.value.at[0] == "usual (0.25)"


def test_bundle_is_verified(small_bundle: Path) -> None:
    found = verify(small_bundle)

    assert found.passed
    assert found.card == read_bundle(small_bundle)[1]
    assert {proof.engine.split()[0] for proof in found.proofs} <= {"ONNX", "OpenVINO"}
    for proof in found.proofs:
        assert proof.allowed == 1e-3
        assert set(proof.differences) == {photo.name for photo in found.card.golden}
        assert 0 <= proof.largest < 1e-3


@pytest.mark.parametrize(("by", "passes"), [(0.0005, True), (0.002, False), (float("nan"), False)])
def test_answers_that_are_off_do_not_pass(
    by: float, passes: bool, small_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if by == by:
        path = with_wrong_answers(small_bundle, tmp_path / "m.onnx", by=by)
    else:  # JSON holds no such number, but an engine may give one
        path = small_bundle
        graph, card = read_bundle(path)
        golden = tuple(
            dataclasses.replace(each, probabilities=(by,) * len(card.classes))
            for each in card.golden
        )
        odd: BundleCard = dataclasses.replace(card, golden=golden)
        monkeypatch.setattr("lineament.runtime.verifying.read_bundle", lambda path: (graph, odd))

    found = verify(path)

    assert found.passed is passes
    assert all(bool(proof.wrong) is not passes for proof in found.proofs)


@pytest.mark.parametrize(
    ("precision", "is_fast", "expected"),
    [
        ("fp32", True, "fp32"),
        ("bf16", True, "bf16"),
        ("bf16", False, "fp32"),
        ("int8", False, "int8"),
    ],
)
def test_bfloat16_is_used_where_it_is_fast(
    precision: str, is_fast: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing, "has_fast_bf16", lambda: is_fast)

    assert arithmetic_here(precision) == expected
