"""Backbones come with the weights that were asked for, or with an error that names the way out."""

from collections.abc import Callable

import pytest
import torch

from lineament.core.errors import UsageError
from lineament.models.backbones import Backbone, backbone_names, create_backbone
from lineament.models.table import TABLE

SameWeights = Callable[[Backbone, Backbone], bool]


def test_misspelt_name_gets_a_suggestion() -> None:
    with pytest.raises(UsageError) as caught:
        create_backbone("efficientnet_light0", None)

    assert str(caught.value) == (
        "There is no backbone `efficientnet_light0`. Did you mean `efficientnet_lite0`?\n"
        "  fix: Use efficientnet_lite0, efficientnet_lite1, efficientnet_lite2, mobilenetv2_100, "
        "sface, vggface, custom_cnn, resnet18, resnet34, resnet50, vgg16, efficientnet_b0, "
        "convnext_tiny or any other name of timm."
    )


@pytest.mark.parametrize("name", ["", "hf-hub:timm/resnet18", "resnet18 ", "../resnet18", "."])
def test_name_that_timm_does_not_know_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"There is no backbone `"):
        create_backbone(name, "none")


@pytest.mark.parametrize("weights", ["none", "hub"])
def test_unknown_tag_of_a_known_network_is_a_usage_error(
    weights: str, hub_is_away: list[float]
) -> None:
    with pytest.raises(UsageError, match=r"^`resnet18` has no weights with the tag `no_such_tag`"):
        create_backbone("resnet18.no_such_tag", weights)


def test_misspelt_kind_of_weights_gets_a_suggestion() -> None:
    with pytest.raises(UsageError) as caught:
        create_backbone("test_resnet", "pakaged")

    assert str(caught.value) == (
        "`weights` must be packaged, hub, none or file:PATH, got 'pakaged'. "
        "Did you mean `packaged`?\n"
        "  fix: Leave it out to take packaged weights where there are any."
    )


def test_seed_determines_random_weights(same_weights: SameWeights, tiny: Backbone) -> None:
    again = create_backbone("test_resnet", "none", size_px=32, seed=11)
    other = create_backbone("test_resnet", "none", size_px=32, seed=12)

    assert same_weights(tiny, again)
    assert not same_weights(tiny, other)


def test_size_and_fit_are_those_asked_for() -> None:
    made = create_backbone("test_resnet", "none", size_px=48, fit="letterbox").preprocessing

    assert (made.size_px, made.fit) == (48, "letterbox")


def test_size_that_the_network_cannot_take_is_a_usage_error() -> None:
    with pytest.raises(UsageError) as caught:
        create_backbone("test_vit", "none", size_px=33)

    assert str(caught.value) == (
        "`test_vit` cannot take photos of 33 pixels (Input height (33) should be divisible by "
        "patch size (16).).\n"
        "  fix: Leave `size_px` out for its own size, 160."
    )


@pytest.mark.parametrize(
    "name", ["test_resnet", "test_convnext", "test_vit", "test_mambaout", "test_byobnet"]
)
def test_features_are_a_square_map_of_the_stated_width(name: str) -> None:
    backbone = create_backbone(name, "none").eval()
    size_px = backbone.preprocessing.size_px

    with torch.no_grad():
        features = backbone(torch.zeros(2, 3, size_px, size_px))

    assert features.ndim == 4
    assert features.shape[:2] == (2, backbone.n_features)
    assert features.shape[2] == features.shape[3]


def test_tokens_of_a_transformer_keep_their_place_on_the_map() -> None:
    backbone = create_backbone("test_vit", "none", size_px=64).eval()
    image = torch.zeros(1, 3, 64, 64)
    marked = image.clone()
    marked[:, :, 16:32, 48:64] = 3.0  # one patch: second row, last column

    with torch.no_grad():
        moved = (backbone(marked) - backbone(image)).abs().sum(dim=1)[0]

    assert divmod(int(moved.argmax()), 4) == (1, 3)


@pytest.mark.parametrize("name", ["coat_tiny", "crossvit_tiny_240"])
def test_network_without_one_map_of_features_is_a_usage_error(name: str) -> None:
    with pytest.raises(UsageError, match=name):
        create_backbone(name, "none")


def test_names_of_the_table_come_first() -> None:
    names = backbone_names()

    assert names[: len(TABLE)] == list(TABLE)
    assert "regnety_040" in names
    assert len(names) == len(set(names))


def test_part_of_the_photo_that_is_seen_is_the_one_asked_for() -> None:
    made = create_backbone("test_resnet", "none", size_px=32, crop_fraction=0.6)

    assert made.preprocessing.crop_fraction == 0.6


def test_timms_name_of_a_known_network_gives_the_known_one() -> None:
    assert create_backbone("tf_efficientnet_lite0", "none").name == "efficientnet_lite0"


def test_random_weights_are_said_to_be_random() -> None:
    assert create_backbone("test_resnet", "none", size_px=32).provenance == {
        "name": "test_resnet",
        "weights": "none",
        "tag": "random",
        "sha256": None,
        "licence": None,
        "trained_on": None,
        "input_px": 32,
    }


def test_widths_of_a_network_that_has_its_own_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        create_backbone("resnet18", "none", widths=(8, 16))

    assert str(caught.value) == (
        "`widths` are those of `custom_cnn`; `resnet18` has its own.\n  fix: Leave `widths` out."
    )


def test_wide_layers_of_vgg_are_no_part_of_the_backbone() -> None:
    backbone = create_backbone("vgg16", "none")

    assert {name.split(".")[0] for name, _ in backbone.network.named_parameters()} == {"features"}
    assert backbone.n_features == 512
