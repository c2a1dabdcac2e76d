"""VGG-Face's weights fit in each of their layouts, and always take R G B."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lineament.core.errors import ArtifactError
from lineament.models.backbones import Backbone, create_backbone
from lineament.models.table import TABLE

PLACES = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]
NAMES = [f"{block}_{at}" for block, n in enumerate((2, 2, 3, 3, 3), 1) for at in range(1, n + 1)]

# Each layout: what convolution number k is called, and the three layers that are left out.
LAYOUTS: dict[str, tuple[Callable[[int], str], list[str], bool]] = {
    "MatConvNet, RGB": (lambda k: f"conv{NAMES[k]}", ["fc6", "fc7", "fc8"], False),
    "torchvision, RGB": (
        lambda k: f"features.{PLACES[k]}",
        ["classifier.0", "classifier.3", "classifier.6"],
        False,
    ),
    "Lua Torch, BGR": (lambda k: f"{PLACES[k]}", ["32.1", "35.1", "38.1"], True),
}


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return create_backbone("vggface", "none", seed=4)


def released(backbone: Backbone, layout: str) -> dict[str, Tensor]:
    """The backbone's weights as that conversion would have written them."""
    named, wide, is_bgr = LAYOUTS[layout]
    tensors = backbone.network.state_dict()
    stored = {
        f"{named(k)}.{leaf}": tensors[f"features.{place}.{leaf}"]
        for k, place in enumerate(PLACES)
        for leaf in ("weight", "bias")
    }
    if is_bgr:
        first = f"{named(0)}.weight"
        stored[first] = stored[first].flip(1)
    for layer in wide:
        stored |= {f"{layer}.weight": torch.zeros(6, 5), f"{layer}.bias": torch.zeros(6)}
    return stored


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_network(
    layout: str, prefix: str, backbone: Backbone, tmp_path: Path
) -> None:
    stored = released(backbone, layout)
    torch.save({prefix + key: value for key, value in stored.items()}, tmp_path / "w.pth")

    loaded = create_backbone("vggface", f"file:{tmp_path}/w.pth")

    mine, theirs = backbone.network.state_dict(), loaded.network.state_dict()
    assert all(torch.equal(mine[key], theirs[key]) for key in mine)
    assert loaded.provenance["layout"] == layout
    assert loaded.provenance["matched"] == 26
    left = loaded.provenance["left_out"]
    assert isinstance(left, list)
    assert len(left) == 6


def test_names_with_another_underscore_are_lua_torchs(backbone: Backbone, tmp_path: Path) -> None:
    tensors = released(backbone, "Lua Torch, BGR")
    named = {str(place): f"features.conv_{name}" for place, name in zip(PLACES, NAMES, strict=True)}
    stored = {
        f"{named[layer]}.{leaf}": value
        for layer, leaf, value in ((*key.rsplit(".", 1), value) for key, value in tensors.items())
        if layer in named
    }
    torch.save(stored, tmp_path / "w.pth")

    loaded = create_backbone("vggface", f"file:{tmp_path}/w.pth")

    assert loaded.provenance["layout"] == "Lua Torch, BGR"
    first = loaded.network.state_dict()["features.0.weight"]
    assert torch.equal(first, backbone.network.state_dict()["features.0.weight"])


def test_licence_of_the_release_goes_with_the_weights(backbone: Backbone, tmp_path: Path) -> None:
    torch.save(released(backbone, "MatConvNet, RGB"), tmp_path / "w.pth")

    loaded = create_backbone("vggface", f"file:{tmp_path}/w.pth")

    assert loaded.provenance["licence"] == TABLE["vggface"].licence
    assert loaded.provenance["trained_on"] == TABLE["vggface"].trained_on


def test_preprocessing_subtracts_the_mean_face_and_divides_by_nothing(backbone: Backbone) -> None:
    stated = backbone.preprocessing

    assert [255 * mean for mean in stated.mean] == pytest.approx([129.1863, 104.7624, 93.5940])
    assert [255 * std for std in stated.std] == pytest.approx([1.0, 1.0, 1.0])
    assert stated.size_px == 224


@pytest.mark.parametrize("weights", [None, "hub"])
def test_without_a_file_the_error_says_where_to_get_it_and_under_which_licence(
    weights: str | None,
) -> None:
    with pytest.raises(ArtifactError) as caught:
        create_backbone("vggface", weights)

    assert str(caught.value) == (
        "The weights of vggface cannot be fetched: they are released for non-commercial research "
        "purposes, Creative Commons Attribution.\n"
        "  fix: Get `vgg_face_dag.pth` from "
        "https://www.robots.ox.ac.uk/~albanie/pytorch-models.html (or VGG_FACE from "
        "https://www.robots.ox.ac.uk/~vgg/software/vgg_face/, converted to PyTorch) and name it: "
        "`--weights file:vgg_face_dag.pth`. `sface` needs no such file."
    )


def test_file_of_another_shape_is_refused_and_named(backbone: Backbone, tmp_path: Path) -> None:
    stored = released(backbone, "MatConvNet, RGB")
    stored["conv1_2.weight"] = torch.zeros(64, 64, 1, 1)
    torch.save(stored, tmp_path / "w.pth")

    with pytest.raises(ArtifactError) as caught:
        create_backbone("vggface", f"file:{tmp_path}/w.pth")

    assert str(caught.value) == (
        f"{tmp_path}/w.pth does not hold the weights of `vggface`.\n"
        "  at:  features.2.weight ((64, 64, 1, 1), wanted (64, 64, 3, 3))\n"
        "  fix: Name the backbone that the file was saved from."
    )
