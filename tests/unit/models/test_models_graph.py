"""The graph has the inputs and outputs that a bundle promises, and its export leaves no trace."""

import functools
import logging

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from lineament.core.errors import LineamentError
from lineament.core.version import __version__
from lineament.models.backbones import Backbone, create_backbone
from lineament.models.graph import backbone_graph, classifier_graph, feature_graph


@functools.cache
def exported() -> tuple[Backbone, onnx.ModelProto]:
    backbone = create_backbone("test_resnet", "none", size_px=64, seed=2)
    return backbone, backbone_graph(backbone)


def whole_graph(n_classes: int = 3) -> onnx.ModelProto:
    backbone, proto = exported()
    weight = np.ones((n_classes, backbone.n_features), np.float32)
    bias = np.zeros(n_classes, np.float32)
    graph = classifier_graph(proto, backbone.preprocessing, weight, bias, temperature=1.5)
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


def test_outputs_are_those_of_a_bundle() -> None:
    assert shapes(whole_graph().graph.output) == {
        "probabilities": (TensorProto.FLOAT, ["N", 3]),
        "embedding": (TensorProto.FLOAT, ["N", 96]),
        "activation": (TensorProto.FLOAT, ["N", 3, "h", "w"]),
    }


def test_graph_is_valid_and_of_the_stated_opset() -> None:
    model = whole_graph()

    onnx.checker.check_model(model, full_check=True)
    assert [(each.domain, each.version) for each in model.opset_import] == [("", 18)]
    assert (model.producer_name, model.producer_version) == ("lineament", __version__)


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
