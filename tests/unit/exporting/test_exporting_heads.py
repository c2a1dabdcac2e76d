"""Runs of every head, with a mirrored view and a part of the photo, export and answer alike."""

import functools
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import save_file

from lineament.artifacts.run import Run, RunCard, write_run
from lineament.core.errors import GateError
from lineament.exporting.export import export
from lineament.imaging.decode import REDUCED_DECODE_MARGIN
from lineament.models.backbones import Backbone, create_backbone
from lineament.models.classifier import Classifier
from lineament.models.graph import backbone_graph, classifier_graph
from lineament.models.heads import KINDS, create_head
from lineament.runtime.engines import OnnxRuntimeEngine
from lineament.runtime.predictor import Predictor

CLASSES = ("a", "b", "c")


@functools.cache
def exported() -> tuple[Backbone, onnx.ModelProto]:
    backbone = create_backbone(
        "test_resnet", "none", size_px=32, fit="crop", crop_fraction=0.5, seed=1
    ).eval()
    return backbone, backbone_graph(backbone)


def write(root: Path, kind: str) -> Run:
    """A run as training leaves it, of a head that was never trained."""
    backbone, proto = exported()
    torch.manual_seed(2)
    head = create_head(kind, backbone.n_features, len(CLASSES), hidden=8, dropout=0.3)
    with torch.no_grad():
        head.weight.mul_(50)  # a random network hardly tells photos apart
    model = Classifier(backbone, head, mirrored_view=True).eval()
    root.mkdir()
    graph = classifier_graph(
        proto, backbone.preprocessing, head.spec(), temperature=0.5, mirrored_view=True
    )
    (root / "graph.onnx").write_bytes(graph)
    save_file(model.state_dict(), root / "weights.safetensors")
    card = RunCard(
        mode="scratch",
        classes=CLASSES,
        preprocessing=backbone.preprocessing,
        temperature=0.5,
        backbone=backbone.provenance,
        recipe={},
        dataset={},
        seed=2,
        chosen={},
        versions={},
        machine={},
        head=head.as_dict(),
        mirrored_view=True,
    )
    write_run(root, card, [])
    return Run.open(root)


@pytest.mark.parametrize("kind", KINDS)
def test_run_of_any_head_passes_the_gate_and_says_what_it_is(kind: str, tmp_path: Path) -> None:
    run = write(tmp_path / "run", kind)

    card = export(run, tmp_path / "m.onnx")

    assert card.provenance["head"] == run.card.head
    assert card.provenance["mirrored_view"] is True
    assert card.preprocessing.crop_fraction == 0.5
    answers = np.array([photo.probabilities for photo in card.golden])
    assert np.ptp(answers, axis=0).max() > 1e-3


def test_view_that_the_run_does_not_state_is_noticed(tmp_path: Path) -> None:
    root = write(tmp_path / "run", "cosface").root
    document = json.loads((root / "run.json").read_text(encoding="utf-8"))
    (root / "run.json").write_text(json.dumps({**document, "mirrored_view": False}))

    with pytest.raises(GateError):
        export(root, tmp_path / "m.onnx")


def test_part_of_a_photo_is_decoded_from_as_many_pixels_as_it_needs(tmp_path: Path) -> None:
    export(write(tmp_path / "run", "linear"), tmp_path / "m.onnx")

    metadata = OnnxRuntimeEngine(tmp_path / "m.onnx", name="m").metadata
    decoding = json.loads(metadata["lineament"])["decoding"]
    assert decoding["jpeg_short_side_px"] == 64 * REDUCED_DECODE_MARGIN
    assert Predictor(tmp_path / "m.onnx").preprocessing.needed_short_side_px == 64
