"""Heads are laid on the backbone that they were trained on and answer as their run did."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from lineament.artifacts.bundle import read_bundle, with_card
from lineament.artifacts.head import head_file, read_head
from lineament.artifacts.run import Run
from lineament.core.errors import ArtifactError, UsageError
from lineament.exporting.heads import export_head
from lineament.runtime.headed import HeadedPredictor
from lineament.runtime.laying import HeadEngine, LaidHead, open_backbone
from lineament.runtime.predictor import Predictor


@pytest.fixture(scope="module")
def head(small_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("heads") / "shapes.head"
    export_head(small_run, out)
    return out


def refusal(*arguments: Path) -> ArtifactError:
    with pytest.raises(ArtifactError) as caught:
        HeadedPredictor([arguments[0]], arguments[1])
    return caught.value


def test_head_answers_as_its_own_bundle(
    head: Path, small_bundle: Path, photo_files: list[Path]
) -> None:
    alone = list(Predictor(small_bundle, engine="onnxruntime").predict(photo_files))
    laid = list(HeadedPredictor([head], small_bundle).predict(photo_files))

    for expected, (found,) in zip(alone, laid, strict=True):
        assert expected.probabilities is not None
        assert found.probabilities is not None
        assert np.abs(found.probabilities - expected.probabilities).max() <= 1e-6
        assert found.familiarity == pytest.approx(expected.familiarity, abs=1e-6)
        assert (found.source, found.label, found.is_unknown) == (
            expected.source,
            expected.label,
            expected.is_unknown,
        )


def test_each_head_answers_in_the_order_of_the_heads(
    head: Path, small_bundle: Path, photo_files: list[Path], tmp_path: Path
) -> None:
    graph, card = read_head(head)
    turned, _ = head_file(graph, dataclasses.replace(card, classes=card.classes[::-1]))
    (tmp_path / "turned.head").write_bytes(turned)

    answers = HeadedPredictor([head, tmp_path / "turned.head"], small_bundle).predict(photo_files)

    for one, other in answers:
        assert one.classes == other.classes[::-1]
        assert one.classes.index(one.label) == other.classes.index(other.label)


def test_file_that_cannot_be_read_is_a_reason_of_each_head(
    head: Path, small_bundle: Path, bad_files: dict[Path, str]
) -> None:
    predictor = HeadedPredictor([head, head], small_bundle)

    for answers, reason in zip(predictor.predict(list(bad_files)), bad_files.values(), strict=True):
        assert [each.error for each in answers] == [reason, reason]


def test_another_backbone_is_refused_by_its_hash(
    head: Path, small_bundle: Path, tmp_path: Path
) -> None:
    graph, card = read_bundle(small_bundle)
    other = tmp_path / "other.onnx"
    other.write_bytes(with_card(graph, dataclasses.replace(card, backbone_sha256="0" * 64)))

    error = refusal(head, other)

    assert error.what == (
        f"{other} holds another backbone (test_resnet, sha256 {'0' * 12}) than a head was trained "
        "on, or shows it other pixels; nothing was answered."
    )
    assert error.at == (
        f"{head} (trained on test_resnet, sha256 {read_head(head)[1].backbone_sha256[:12]})",
    )


def test_bundle_from_before_heads_is_refused(
    head: Path, small_bundle: Path, tmp_path: Path
) -> None:
    graph, card = read_bundle(small_bundle)
    old = tmp_path / "old.onnx"
    old.write_bytes(with_card(graph, dataclasses.replace(card, backbone_sha256="")))

    assert refusal(head, old).what == (
        f"{old} does not say which backbone it holds: it was exported before heads were."
    )


def test_run_is_no_backbone(head: Path, small_run: Run) -> None:
    assert refusal(head, small_run.root).what == (
        f"{small_run.root} is a folder; a head is laid on a bundle."
    )


def test_bundle_is_no_head(small_bundle: Path) -> None:
    refusal(small_bundle, small_bundle)


def test_no_head_is_refused(small_bundle: Path) -> None:
    with pytest.raises(UsageError, match=r"No head was named\."):
        HeadedPredictor([], small_bundle)


def test_classes_that_the_graph_does_not_tell_apart_are_refused(head: Path, tmp_path: Path) -> None:
    graph, card = read_head(head)
    content, _ = head_file(graph, dataclasses.replace(card, classes=("one", "two")))
    (tmp_path / "a.head").write_bytes(content)

    with pytest.raises(ArtifactError) as caught:
        LaidHead.open(tmp_path / "a.head")

    assert caught.value.what == (
        f"{tmp_path / 'a.head'} names 2 classes, and its graph tells 3 apart."
    )


def test_embedding_of_another_width_is_refused(head: Path) -> None:
    engine = HeadEngine(read_head(head)[0], name="a.head")

    with pytest.raises(ArtifactError, match=f"takes embeddings of {engine.n_features} features"):
        engine.run(np.zeros((1, engine.n_features + 1), np.float32))


def test_graph_of_something_else_is_refused(small_bundle: Path) -> None:
    with pytest.raises(ArtifactError, match="but not one that makes probabilities and logits"):
        HeadEngine(read_bundle(small_bundle)[0], name="a.head")


def test_what_is_no_graph_is_refused() -> None:
    with pytest.raises(ArtifactError, match="is not an ONNX model that can be run"):
        HeadEngine(b"nothing", name="a.head")


def test_threshold_without_familiarity_calls_nothing_unknown(
    small_run: Run, small_bundle: Path, photo_files: list[Path], tmp_path: Path
) -> None:
    export_head(small_run, tmp_path / "small.head", with_unknown=False)

    answers = list(HeadedPredictor([tmp_path / "small.head"], small_bundle).predict(photo_files))

    assert {(each.familiarity, each.is_unknown) for (each,) in answers} == {(None, False)}


def test_backbone_of_several_heads_is_opened_once(head: Path, small_bundle: Path) -> None:
    laid = LaidHead.open(head)

    opened = open_backbone(small_bundle, {"a": laid.card, "b": laid.card})

    assert opened.name == str(small_bundle)
