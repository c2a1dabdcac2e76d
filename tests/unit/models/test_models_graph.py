"""The graph has the inputs and outputs that a bundle promises, and its export leaves no trace."""

import functools
import logging

import onnx
import pytest
from onnx import TensorProto

from lineament.core.errors import LineamentError
from lineament.core.version import __version__
from lineament.models.backbones import Backbone, create_backbone
from lineament.models.graph import backbone_graph, classifier_graph, feature_graph
from lineament.models.heads import KINDS, create_head


@functools.cache
def exported() -> tuple[Backbone, onnx.ModelProto]:
    backbone = create_backbone("test_resnet", "none", size_px=64, seed=2)
    return backbone, backbone_graph(backbone)


def whole_graph(
    n_classes: int = 3, *, kind: str = "linear", mirrored_view: bool = False
) -> onnx.ModelProto:
    backbone, proto = exported()
    head = create_head(kind, backbone.n_features, n_classes, hidden=7).spec()
    graph = classifier_graph(
        proto, backbone.preprocessing, head, temperature=1.5, mirrored_view=mirrored_view
    )
    return onnx.load_model_from_string(graph)


def shapes(values: "list[onnx.ValueInfoProto]") -> dict[str, tuple[int, list[str | int]]]:
    return {
        value.name: (
            value.type.tensor_type.elem_type,
            [side.dim_param or side.dim_value for side in value.type.tensor_type.shape.dim],
        )
        for value in values
    }


def test_input_is_bytes_of_any_size() -> None:
    assert shapes(whole_graph().graph.input) == {"image": (TensorProto.UINT8, ["N", "H", "W", 3])}


@pytest.mark.parametrize("mirrored_view", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_outputs_are_those_of_a_bundle(kind: str, mirrored_view: bool) -> None:
    assert shapes(whole_graph(kind=kind, mirrored_view=mirrored_view).graph.output) == {
        "probabilities": (TensorProto.FLOAT, ["N", 3]),
        "embedding": (TensorProto.FLOAT, ["N", 96]),
        "activation": (TensorProto.FLOAT, ["N", 3, "h", "w"]),
    }


@pytest.mark.parametrize("mirrored_view", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_graph_is_valid_and_of_the_stated_opset(kind: str, mirrored_view: bool) -> None:
    model = whole_graph(kind=kind, mirrored_view=mirrored_view)

    onnx.checker.check_model(model, full_check=True)
    assert [(each.domain, each.version) for each in model.opset_import] == [("", 18)]
    assert (model.producer_name, model.producer_version) == ("lineament", __version__)


def test_heads_weights_are_in_the_graph_once() -> None:
    few, many = (len(whole_graph(count).SerializeToString()) for count in (1000, 3000))

    assert many - few == pytest.approx(2000 * (96 + 1) * 4, rel=0.01)


def test_graph_for_features_gives_the_embedding_alone() -> None:
    backbone, proto = exported()

    graph = onnx.load_model_from_string(feature_graph(proto, backbone.preprocessing))

    assert [each.name for each in graph.graph.output] == ["embedding"]


def test_graph_names_no_path_of_the_machine_that_made_it() -> None:
    assert b"/site-packages/" not in whole_graph().SerializeToString()


def test_same_backbone_gives_the_same_bytes() -> None:
    backbone, proto = exported()

    assert backbone_graph(backbone).SerializeToString() == proto.SerializeToString()


def test_export_leaves_backbone_and_logger_as_they_were() -> None:
    backbone = create_backbone("test_resnet", "none", size_px=32).train()
    level = logging.getLogger("torch.onnx").level

    backbone_graph(backbone)

    assert all(module.training for module in backbone.modules())
    assert logging.getLogger("torch.onnx").level == level


def test_network_that_torch_cannot_export_is_an_error_that_names_it() -> None:
    backbone = create_backbone("test_vit_relpos", "none")

    with pytest.raises(LineamentError, match="test_vit_relpos"):
        backbone_graph(backbone)
