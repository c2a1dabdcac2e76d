"""Augmenting leaves alone what nobody asked for, and the same draw gives the same bytes."""

import dataclasses
from collections.abc import Callable

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from lineament.training.augmentation import augment as module
from lineament.training.augmentation.augment import augment
from lineament.training.recipe import POLICIES, AugmentationFields

OFF = AugmentationFields(flip=False)
ALL = AugmentationFields(
    rotation=15.0,
    shift=0.1,
    zoom=0.2,
    brightness=0.3,
    contrast=0.3,
    saturation=0.3,
    hue=0.1,
    policy="trivialaugment",
    erasing=0.5,
)
EACH = {
    "flip": AugmentationFields(),
    "rotation": AugmentationFields(flip=False, rotation=30.0),
    "shift": AugmentationFields(flip=False, shift=0.2),
    "zoom": AugmentationFields(flip=False, zoom=0.3),
    "brightness": AugmentationFields(flip=False, brightness=0.5),
    "contrast": AugmentationFields(flip=False, contrast=0.5),
    "saturation": AugmentationFields(flip=False, saturation=0.9),
    "hue": AugmentationFields(flip=False, hue=0.3),
    "policy": AugmentationFields(flip=False, policy="randaugment"),
    "erasing": AugmentationFields(flip=False, erasing=1.0),
}


@pytest.fixture
def photos(draw_photo: Callable[..., NDArray[np.uint8]]) -> Tensor:
    drawn = np.stack([draw_photo(seed, 32, 32, kind=seed % 4) for seed in range(12)])
    return torch.from_numpy(drawn).permute(0, 3, 1, 2)


def test_nothing_asked_for_is_nothing_done(photos: Tensor) -> None:
    assert torch.equal(augment(photos, OFF, np.random.default_rng(0)), photos.to(torch.float32))


@pytest.mark.parametrize("fields", [OFF, ALL, *EACH.values()], ids=["off", "all", *EACH])
def test_batch_is_what_convolutions_like(fields: AugmentationFields, photos: Tensor) -> None:
    seen = augment(photos, fields, np.random.default_rng(0))

    assert seen.shape == photos.shape
    assert seen.dtype == torch.float32
    assert seen.is_contiguous(memory_format=torch.channels_last)
    assert seen.min() >= 0
    assert seen.max() <= 255


@pytest.mark.parametrize("fields", EACH.values(), ids=EACH)
def test_each_field_alone_changes_photos(fields: AugmentationFields, photos: Tensor) -> None:
    seen = augment(photos, fields, np.random.default_rng(0))

    assert not torch.equal(seen, photos.to(torch.float32))


@pytest.mark.parametrize("fields", [ALL, *EACH.values()], ids=["all", *EACH])
def test_photos_given_stay_as_they_are(fields: AugmentationFields, photos: Tensor) -> None:
    before = photos.clone()

    augment(photos, fields, np.random.default_rng(0))

    assert torch.equal(photos, before)


def test_same_generator_gives_the_same_bytes_and_leaves_global_chance_alone(
    photos: Tensor,
) -> None:
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = augment(photos, ALL, np.random.default_rng([3, 1, 4]))
    torch.manual_seed(1)

    assert torch.equal(augment(photos, ALL, np.random.default_rng([3, 1, 4])), first)
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(augment(photos, ALL, np.random.default_rng([3, 1, 5])), first)


@pytest.mark.parametrize(
    "fields",
    [each for name, each in EACH.items() if name not in ("flip", "policy")],
    ids=[name for name in EACH if name not in ("flip", "policy")],
)
def test_every_photo_has_its_own_draw(fields: AugmentationFields, photos: Tensor) -> None:
    alike = photos[:1].expand(6, -1, -1, -1)

    seen = augment(alike, fields, np.random.default_rng(0))

    assert len({each.numpy().tobytes() for each in seen}) == 6


def test_memory_order_of_the_photos_does_not_matter(photos: Tensor) -> None:
    plain = photos.contiguous()

    assert torch.equal(
        augment(plain, ALL, np.random.default_rng(0)),
        augment(photos, ALL, np.random.default_rng(0)),
    )


def test_large_batch_is_worked_on_in_parts_without_losing_a_photo(
    photos: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CACHED_PIXELS", 5 * 32 * 32)
    brighter = dataclasses.replace(OFF, brightness=0.01)

    seen = augment(photos, brighter, np.random.default_rng(0))

    assert (seen - photos).abs().amax(dim=(1, 2, 3)).max() <= 2.56
    assert not torch.equal(seen, photos.to(torch.float32))


@hypothesis.settings(max_examples=40)
@hypothesis.given(
    seed=st.integers(0, 10**6),
    count=st.integers(1, 5),
    side=st.sampled_from([16, 17, 32]),
    rotation=st.floats(0, 180),
    shift=st.floats(0, 0.5),
    zoom=st.floats(0, 0.9),
    hue=st.floats(0, 0.5),
    jitter=st.floats(0, 1),
    policy=st.sampled_from(POLICIES),
    strength=st.floats(0, 1),
    erasing=st.floats(0, 1),
)
def test_whatever_is_asked_for_photos_stay_photos(
    seed: int,
    count: int,
    side: int,
    rotation: float,
    shift: float,
    zoom: float,
    hue: float,
    jitter: float,
    policy: str,
    strength: float,
    erasing: float,
) -> None:
    noise = np.random.default_rng(seed).integers(256, size=(count, 3, side, side), dtype=np.uint8)
    fields = AugmentationFields(
        rotation=rotation,
        shift=shift,
        zoom=zoom,
        hue=hue,
        brightness=jitter,
        contrast=jitter,
        saturation=jitter,
        policy=policy,
        policy_strength=strength,
        erasing=erasing,
    )

    seen = augment(torch.from_numpy(noise), fields, np.random.default_rng(seed))

    assert seen.shape == (count, 3, side, side)
    assert torch.isfinite(seen).all()
    assert seen.min() >= 0
    assert seen.max() <= 255
