"""The custom CNN is as deep and wide as asked for, and learns from random weights."""

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from timm.optim import param_groups_layer_decay
from torch import nn

from lineament.core.errors import ArtifactError, UsageError
from lineament.models.backbones import create_backbone
from lineament.models.custom_cnn import WIDTHS, CustomCnn
from lineament.models.graph import backbone_graph


@given(widths=st.lists(st.integers(1, 6), min_size=1, max_size=4))
def test_every_block_halves_the_side_and_has_its_width(widths: list[int]) -> None:
    side = 2 ** len(widths) * 3

    features = CustomCnn(widths).eval().forward_features(torch.zeros(1, 3, side, side))

    assert features.shape == (1, widths[-1], 3, 3)


def test_blocks_are_convolution_batch_norm_relu_and_pooling() -> None:
    kinds = [type(layer) for layer in CustomCnn((4,)).blocks[0].children()]

    assert kinds == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.MaxPool2d]


def test_variance_of_random_weights_is_that_of_he() -> None:
    torch.manual_seed(0)
    weight = CustomCnn((64, 128)).state_dict()["blocks.1.0.weight"]

    assert float(weight.std()) == pytest.approx((2 / (9 * 128)) ** 0.5, rel=0.02)


def test_default_has_four_blocks_and_no_weights() -> None:
    backbone = create_backbone("custom_cnn", None)

    assert backbone.provenance["widths"] == list(WIDTHS) == [32, 64, 128, 256]
    assert (backbone.provenance["weights"], backbone.n_features) == ("none", 256)
    assert backbone.preprocessing.size_px == 64


def test_widths_in_the_provenance_make_the_same_network_again() -> None:
    made = create_backbone("custom_cnn", None, widths=(8, 12), seed=3)
    widths = made.provenance["widths"]
    assert isinstance(widths, list)

    again = create_backbone("custom_cnn", "none", widths=widths, seed=3)

    assert all(map(torch.equal, made.state_dict().values(), again.state_dict().values()))


def test_more_blocks_than_the_side_can_be_halved_are_a_usage_error() -> None:
    with pytest.raises(
        UsageError, match=r"^`custom_cnn` cannot take photos of 16 pixels"
    ) as caught:
        create_backbone("custom_cnn", None, widths=(4,) * 5, size_px=16)

    assert caught.value.fix == "Leave `size_px` out for its own size, 64."


def test_hub_has_no_weights_for_it() -> None:
    with pytest.raises(ArtifactError, match=r"^The hub has no weights for `custom_cnn`"):
        create_backbone("custom_cnn", "hub")


def test_blocks_have_their_own_rates_under_layer_decay() -> None:
    groups = param_groups_layer_decay(CustomCnn((4, 4, 4)), layer_decay=0.5)

    assert sorted({group["lr_scale"] for group in groups}) == [0.25, 0.5, 1.0]


def test_graph_answers_any_batch_as_torch_does() -> None:
    backbone = create_backbone("custom_cnn", None, widths=(4, 8), size_px=16).eval()
    session = onnxruntime.InferenceSession(backbone_graph(backbone).SerializeToString())

    for n in (1, 3):
        pixels = np.random.default_rng(n).normal(size=(n, 3, 16, 16)).astype(np.float32)
        with torch.no_grad():
            mine = backbone(torch.from_numpy(pixels)).numpy()
        assert np.abs(session.run(None, {"pixels": pixels})[0] - mine).max() < 1e-5
