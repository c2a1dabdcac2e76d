"""The classifier's map is exact, and its preprocessing is the reference's, pixel for pixel."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from lineament.core.errors import ArtifactError
from lineament.imaging.preprocess import FITS, INTERPOLATIONS, Preprocessing
from lineament.imaging.preprocess import preprocess as reference
from lineament.models.backbones import create_backbone
from lineament.models.classifier import Classifier, load_classifier, preprocess

SIZES = [(1, 1), (1, 7), (3, 200), (31, 33), (97, 13), (77, 44), (100, 200), (180, 133)]


@pytest.fixture
def model() -> Classifier:
    torch.manual_seed(0)
    return Classifier(create_backbone("test_resnet", "none", size_px=64, seed=5), 4).eval()


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size_px", [32, 33])
def test_torch_preprocesses_as_the_reference_does(
    size_px: int, fit: str, interpolation: str, draw_photo: Callable[..., NDArray[np.uint8]]
) -> None:
    rule = Preprocessing(
        size_px=size_px,
        fit=fit,
        interpolation=interpolation,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
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
        size_px=32, fit=fit, interpolation="bicubic", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)
    )
    image = draw_photo(0, 40, 5000)

    mine = preprocess(torch.from_numpy(image), rule).numpy()

    assert np.abs(mine - reference(image, rule)).max() < 1e-4


def test_mean_of_the_activation_map_is_the_logit(model: Classifier) -> None:
    pixels = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))

    with torch.no_grad():
        weight = model.head.weight[:, :, None, None]
        maps = torch.nn.functional.conv2d(model.backbone(pixels), weight, model.head.bias)
        logits = model(pixels)

    assert maps.shape[2] > 1
    assert torch.allclose(maps.mean(dim=(2, 3)), logits, atol=1e-5)


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


def test_stored_classifier_comes_back_with_its_answers(
    model: Classifier, tmp_path: Path, draw_photo: Callable[..., NDArray[np.uint8]]
) -> None:
    save_file(model.state_dict(), tmp_path / "w.safetensors")
    image = torch.from_numpy(draw_photo(0, 50, 70))

    loaded = load_classifier(
        "test_resnet",
        model.backbone.preprocessing,
        n_classes=4,
        weights=tmp_path / "w.safetensors",
    )

    with torch.no_grad():
        mine = model.probabilities(image, temperature=1.0)
        theirs = loaded.probabilities(image, temperature=1.0)
    assert torch.equal(mine, theirs)
    assert not loaded.training


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
    )

    loaded = load_classifier("test_resnet", stated, n_classes=4, weights=tmp_path / "w.safetensors")

    assert loaded.backbone.preprocessing == stated


def test_weights_of_another_number_of_classes_are_refused(
    model: Classifier, tmp_path: Path
) -> None:
    path = tmp_path / "w.safetensors"
    save_file(model.state_dict(), path)

    with pytest.raises(ArtifactError) as caught:
        load_classifier("test_resnet", model.backbone.preprocessing, n_classes=3, weights=path)

    assert str(caught.value) == (
        f"{path} does not fit test_resnet with 3 classes.\n"
        "  fix: Train again with the versions that are installed now."
    )


def test_weights_file_that_is_none_is_refused(model: Classifier, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(b"no weights at all")

    with pytest.raises(ArtifactError, match=r"w\.safetensors"):
        load_classifier("test_resnet", model.backbone.preprocessing, n_classes=4, weights=path)
