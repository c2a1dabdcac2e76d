"""The classifier sees what it is said to see, answers alike when stored, and maps exactly."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from lineament.artifacts.run import FIRST_HEAD, RunCard
from lineament.core.errors import ArtifactError
from lineament.imaging.preprocess import FITS, INTERPOLATIONS, Preprocessing
from lineament.imaging.preprocess import preprocess as reference
from lineament.models.backbones import create_backbone
from lineament.models.classifier import Classifier, load_classifier, preprocess
from lineament.models.heads import KINDS, Head, create_head

SIZES = [(1, 1), (1, 7), (3, 200), (31, 33), (97, 13), (77, 44), (100, 200), (180, 133)]


def classifier(kind: str, *, mirrored_view: bool = False) -> Classifier:
    torch.manual_seed(0)
    backbone = create_backbone("test_resnet", "none", size_px=64, seed=5)
    head = create_head(kind, backbone.n_features, 4)
    return Classifier(backbone, head, mirrored_view=mirrored_view).eval()


@pytest.fixture
def model() -> Classifier:
    return classifier("linear")


def noise() -> Tensor:
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("crop_fraction", [1.0, 0.6])
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size_px", [32, 33])
def test_torch_preprocesses_as_the_reference_does(
    size_px: int,
    fit: str,
    interpolation: str,
    crop_fraction: float,
    draw_photo: Callable[..., NDArray[np.uint8]],
) -> None:
    rule = Preprocessing(
        size_px=size_px,
        fit=fit,
        interpolation=interpolation,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        crop_fraction=crop_fraction,
        rounded=False,
    )
    for height, width in SIZES:
        image = draw_photo(0, height, width)

        mine = preprocess(torch.from_numpy(image), rule).numpy()

        assert mine.dtype == np.float32
        assert np.abs(mine - reference(image, rule)).max() < 1e-4, (height, width)


@pytest.mark.parametrize("fit", FITS)
def test_torch_preprocesses_a_very_wide_photo_as_the_reference_does(
    fit: str, draw_photo: Callable[..., NDArray[np.uint8]]
) -> None:
    rule = Preprocessing(
        size_px=32,
        fit=fit,
        interpolation="bicubic",
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        rounded=False,
    )
    image = draw_photo(0, 40, 5000)

    mine = preprocess(torch.from_numpy(image), rule).numpy()

    assert np.abs(mine - reference(image, rule)).max() < 1e-4


def test_mean_of_the_activation_map_is_the_logit(model: Classifier) -> None:
    with torch.no_grad():
        weight = model.head.weight[:, :, None, None]
        maps = torch.nn.functional.conv2d(model.backbone(noise()), weight, model.head.bias)
        logits = model(noise())

    assert maps.shape[2] > 1
    assert torch.allclose(maps.mean(dim=(2, 3)), logits, atol=1e-5)


def test_mirrored_view_answers_a_photo_and_its_mirror_image_alike() -> None:
    model = classifier("linear", mirrored_view=True)

    with torch.no_grad():
        straight, mirrored = model(noise()), model(noise().flip(3))
        features, turned = model.features(noise()), model.features(noise().flip(3)).flip(3)

    assert torch.allclose(straight, mirrored, atol=1e-5)
    assert torch.allclose(features, turned, atol=1e-5)


def test_mirrored_view_of_a_linear_head_is_the_mean_of_both_logits(model: Classifier) -> None:
    both = Classifier(model.backbone, model.head, mirrored_view=True).eval()

    with torch.no_grad():
        mean = (model(noise()) + model(noise().flip(3))) / 2
        assert not torch.allclose(model(noise()), model(noise().flip(3)), atol=1e-3)
        assert torch.allclose(both(noise()), mean, atol=1e-5)


def test_training_sees_no_mirror_image(model: Classifier) -> None:
    seen = []
    model.backbone.register_forward_hook(lambda _, given, __: seen.append(len(given[0])))
    both = Classifier(model.backbone, model.head, mirrored_view=True)

    both.train()(noise())
    both.eval()(noise())

    assert seen == [2, 4]


def test_labels_reach_the_margin_in_training_alone() -> None:
    model = classifier("arcface")
    labels = torch.tensor([1, 2])

    with torch.no_grad():
        assert torch.equal(model(noise(), labels), model(noise()))
        model.head.train()
        model.training = True  # the backbone's batch norm stays as it is
        harder = model(noise()) - model(noise(), labels)

    assert (harder[[0, 1], labels] > 0).all()
    assert int((harder != 0).sum()) == 2


def test_features_are_pooled_in_float32_under_autocast(model: Classifier) -> None:
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        features = model.features(noise())
        given = []
        model.head.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0].dtype))
        model(noise())

    assert features.dtype == torch.bfloat16
    assert given == [torch.float32]


def test_probabilities_sum_to_one(
    model: Classifier, draw_photo: Callable[..., NDArray[np.uint8]]
) -> None:
    with torch.no_grad():
        answer = model.probabilities(torch.from_numpy(draw_photo(0, 50, 70)), temperature=0.5)

    assert answer.shape == (4,)
    assert float(answer.sum()) == pytest.approx(1.0, abs=1e-6)


def test_temperature_divides_the_logits(
    model: Classifier, draw_photo: Callable[..., NDArray[np.uint8]]
) -> None:
    image = torch.from_numpy(draw_photo(0, 50, 70))

    with torch.no_grad():
        plain = model.probabilities(image, temperature=1.0).log()
        soft = model.probabilities(image, temperature=2.5).log()

    assert torch.allclose(soft, torch.log_softmax(plain / 2.5, dim=0), atol=1e-6)


def card(head: Head, preprocessing: Preprocessing, **backbone: object) -> RunCard:
    return RunCard(
        mode="head",
        classes=("a", "b", "c", "d"),
        preprocessing=preprocessing,
        temperature=1.0,
        backbone={"name": "test_resnet", **backbone},
        recipe={},
        dataset={},
        seed=0,
        chosen={},
        versions={},
        machine={},
        head=head.as_dict(),
    )


@pytest.mark.parametrize("mirrored_view", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_stored_classifier_comes_back_with_its_answers(
    kind: str, mirrored_view: bool, tmp_path: Path, draw_photo: Callable[..., NDArray[np.uint8]]
) -> None:
    model = classifier(kind, mirrored_view=mirrored_view)
    save_file(model.state_dict(), tmp_path / "w.safetensors")
    image = torch.from_numpy(draw_photo(0, 50, 70))
    stated = card(model.head, model.backbone.preprocessing)

    loaded = load_classifier(
        dataclasses.replace(stated, mirrored_view=mirrored_view), tmp_path / "w.safetensors"
    )

    with torch.no_grad():
        mine = model.probabilities(image, temperature=1.0)
        theirs = loaded.probabilities(image, temperature=1.0)
    assert torch.equal(mine, theirs)
    assert not loaded.training


def test_weights_of_the_time_before_there_were_heads_still_load(
    model: Classifier, tmp_path: Path
) -> None:
    stored = model.state_dict()
    older = {key: value for key, value in stored.items() if key.startswith("backbone.")}
    older |= {"head.weight": torch.ones(4, 96), "head.bias": torch.arange(4.0)}
    save_file(older, tmp_path / "w.safetensors")
    stated = dataclasses.replace(card(model.head, model.backbone.preprocessing), head=FIRST_HEAD)

    loaded = load_classifier(stated, tmp_path / "w.safetensors")

    assert loaded.head.spec().bias is not None
    assert torch.equal(loaded.head(torch.zeros(1, 96)), torch.arange(4.0)[None])
    assert not loaded.mirrored_view


def test_stored_classifier_keeps_the_preprocessing_of_its_run(
    model: Classifier, tmp_path: Path
) -> None:
    save_file(model.state_dict(), tmp_path / "w.safetensors")
    stated = Preprocessing(
        size_px=40,
        fit="crop",
        interpolation="bilinear",
        mean=(0.1, 0.2, 0.3),
        std=(0.4, 0.5, 0.6),
        crop_fraction=0.75,
    )

    loaded = load_classifier(card(model.head, stated), tmp_path / "w.safetensors")

    assert loaded.backbone.preprocessing == stated


def test_backbone_of_other_widths_comes_back_with_them(tmp_path: Path) -> None:
    backbone = create_backbone("custom_cnn", "none", size_px=32, widths=(4, 8))
    model = Classifier(backbone, create_head("linear", 8, 4))
    save_file(model.state_dict(), tmp_path / "w.safetensors")
    stated = card(model.head, backbone.preprocessing, name="custom_cnn", widths=[4, 8])

    loaded = load_classifier(stated, tmp_path / "w.safetensors")

    assert loaded.backbone.n_features == 8


def test_weights_of_another_number_of_classes_are_refused(
    model: Classifier, tmp_path: Path
) -> None:
    path = tmp_path / "w.safetensors"
    save_file(model.state_dict(), path)
    stated = card(model.head, model.backbone.preprocessing)

    with pytest.raises(ArtifactError) as caught:
        load_classifier(dataclasses.replace(stated, classes=("a", "b", "c")), path)

    assert str(caught.value) == (
        f"{path} does not fit test_resnet with 3 classes.\n"
        "  fix: Train again with the versions that are installed now."
    )


def test_weights_of_another_head_are_refused(model: Classifier, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file(model.state_dict(), path)
    stated = card(create_head("mlp", 96, 4), model.backbone.preprocessing)

    with pytest.raises(ArtifactError, match="does not fit test_resnet with 4 classes"):
        load_classifier(stated, path)


def test_weights_file_that_is_none_is_refused(model: Classifier, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(b"no weights at all")

    with pytest.raises(ArtifactError, match=r"w\.safetensors"):
        load_classifier(card(model.head, model.backbone.preprocessing), path)
