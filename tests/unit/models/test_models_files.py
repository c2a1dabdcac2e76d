"""A weights file fills the network it was saved from, or the error names what does not fit."""

import pickle
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import save_file

from lineament.core.errors import ArtifactError, DataError, LineamentError
from lineament.models.backbones import Backbone, create_backbone

SameWeights = Callable[[Backbone, Backbone], bool]


def listed(names: object) -> list[object]:
    assert isinstance(names, list)
    return names


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights_file_round_trips(
    same_weights: SameWeights, suffix: str, tiny: Backbone, tmp_path: Path
) -> None:
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
    same_weights: SameWeights, tiny: Backbone, tmp_path: Path
) -> None:
    path = tmp_path / "checkpoint.pth"
    head = {"fc.weight": torch.zeros(10, 96), "fc.bias": torch.zeros(10)}
    torch.save({"epoch": 3, "state_dict": {**tiny.network.state_dict(), **head}}, path)

    assert same_weights(create_backbone("test_resnet", f"file:{path}", size_px=32), tiny)


def test_home_sign_in_the_path_of_a_weights_file_is_understood(
    same_weights: SameWeights, tiny: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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


def test_weights_of_a_run_are_taken_whatever_its_classes(
    same_weights: SameWeights, tiny: Backbone, tmp_path: Path
) -> None:
    tensors = {f"backbone.{key}": value for key, value in tiny.state_dict().items()}
    path = tmp_path / "weights.safetensors"
    save_file({**tensors, "head.weight": torch.zeros(5, 96), "head.bias": torch.zeros(5)}, path)

    assert same_weights(create_backbone("test_resnet", f"file:{path}", size_px=32), tiny)


def test_file_is_not_kept_open(same_weights: SameWeights, tiny: Backbone, tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    save_file(tiny.network.state_dict(), folder / "w.safetensors")

    loaded = create_backbone("test_resnet", f"file:{folder}/w.safetensors", size_px=32)
    shutil.rmtree(folder)

    assert same_weights(loaded, tiny)


@pytest.mark.parametrize("prefix", ["module.", "model.", "module.model.", "encoder.", "network."])
@pytest.mark.parametrize("nest", ["state_dict", "model", "model_state_dict"])
def test_what_training_code_puts_before_the_names_is_looked_through(
    same_weights: SameWeights, prefix: str, nest: str, tiny: Backbone, tmp_path: Path
) -> None:
    path = tmp_path / "checkpoint.pth"
    tensors = {prefix + key: value for key, value in tiny.network.state_dict().items()}
    torch.save({"epoch": 3, nest: tensors}, path)

    assert same_weights(create_backbone("test_resnet", f"file:{path}", size_px=32), tiny)


def test_run_says_how_many_tensors_matched_and_were_left_out(
    tiny: Backbone, tmp_path: Path
) -> None:
    tensors = tiny.network.state_dict()
    path = tmp_path / "w.safetensors"
    save_file({**tensors, "fc.weight": torch.zeros(5, 96), "fc.bias": torch.zeros(5)}, path)

    stated = create_backbone("test_resnet", f"file:{path}", size_px=32).provenance

    assert stated["matched"] == len(tensors)
    assert sorted(map(str, listed(stated["left_out"]))) == ["fc.bias", "fc.weight"]
    assert stated["matched_how"] == "by name"
    assert (stated["licence"], stated["trained_on"]) == ("not stated", None)


def test_file_without_counters_of_batches_is_complete(tiny: Backbone, tmp_path: Path) -> None:
    tensors = {
        key: value
        for key, value in tiny.network.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    path = tmp_path / "w.safetensors"
    save_file(tensors, path)

    loaded = create_backbone("test_resnet", f"file:{path}", size_px=32)

    assert all(torch.equal(loaded.network.state_dict()[key], tensors[key]) for key in tensors)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("mobilenet_v2", "mobilenetv2_100"), ("efficientnet_b0", "efficientnet_b0")],
)
def test_torchvisions_order_of_the_same_network_is_understood(
    theirs: str, ours: str, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    original = getattr(torchvision.models, theirs)(weights=None).eval()
    torch.save(original.state_dict(), tmp_path / "w.pth")

    loaded = create_backbone(ours, f"file:{tmp_path}/w.pth", size_px=64).eval()

    pixels = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.allclose(loaded(pixels), original.features(pixels), atol=1e-5)
    assert loaded.provenance["matched_how"] == "by order"
    assert len(listed(loaded.provenance["left_out"])) == 2


def test_torchvisions_file_of_a_deeper_network_is_refused(tmp_path: Path) -> None:
    torch.save(torchvision.models.resnet34(weights=None).state_dict(), tmp_path / "w.pth")

    with pytest.raises(ArtifactError, match=r"does not hold the weights of `resnet18`"):
        create_backbone("resnet18", f"file:{tmp_path}/w.pth", size_px=32)
