"""Mixed labels say exactly what is in the mixed photos."""

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from torch import Tensor

from lineament.training.augmentation.mixing import mix
from lineament.training.recipe import AugmentationFields

MIXUP = AugmentationFields(mixup=0.4)
CUTMIX = AugmentationFields(cutmix=1.0)
BOTH = AugmentationFields(mixup=0.4, cutmix=1.0)


def flat(count: int, *, side: int = 32) -> tuple[Tensor, Tensor]:
    """Photos of one value each: the photo of class c has the value c everywhere."""
    labels = torch.arange(count)
    return labels.float().view(-1, 1, 1, 1).expand(count, 3, side, side).contiguous(), labels


def was_pasted(images: Tensor) -> bool:
    """Whether every pixel is one photo's, which no blend of whole numbers is."""
    return torch.equal(images, images.round())


def test_without_mixing_photos_and_labels_are_those_given() -> None:
    images, labels = flat(4)

    mixed, targets = mix(images, labels, 4, AugmentationFields(), np.random.default_rng(0))

    assert mixed is images
    assert targets is labels


@pytest.mark.parametrize("fields", [MIXUP, CUTMIX], ids=["mixup", "cutmix"])
def test_target_is_the_share_of_each_photo_in_the_mix(fields: AugmentationFields) -> None:
    images, labels = flat(64)

    mixed, targets = mix(images, labels, 64, fields, np.random.default_rng(0))

    assert targets.shape == (64, 64)
    assert targets.dtype == torch.float32
    value = targets @ torch.arange(64.0)
    assert torch.allclose(mixed.mean(dim=(1, 2, 3)), value, atol=1e-3)


def test_target_of_cutmix_is_the_exact_area() -> None:
    images, labels = flat(64, side=17)

    mixed, targets = mix(images, labels, 64, CUTMIX, np.random.default_rng(0))

    for photo, (image, target) in enumerate(zip(mixed, targets, strict=True)):
        own = (image[0] == photo).sum().item() / 17**2
        assert target[photo].item() == pytest.approx(own, abs=1e-6)


def test_what_is_pasted_is_the_partner_at_the_same_place() -> None:
    generator = np.random.default_rng(5)
    images = torch.from_numpy(generator.random((16, 3, 32, 32), dtype=np.float32))

    mixed, targets = mix(images, torch.arange(16), 16, CUTMIX, generator)

    for photo, target in enumerate(targets):
        inside = (mixed[photo] != images[photo]).all(dim=0)
        for partner in target.nonzero().flatten().tolist():
            if partner != photo:
                assert torch.equal(mixed[photo][:, inside], images[partner][:, inside])


def test_pasted_part_is_one_rectangle() -> None:
    images, labels = flat(64)

    mixed, _ = mix(images, labels, 64, CUTMIX, np.random.default_rng(0))

    for photo, image in enumerate(mixed[:, 0]):
        inside = image != photo
        assert inside.sum() == inside.any(dim=0).sum() * inside.any(dim=1).sum()


@pytest.mark.parametrize("fields", [MIXUP, CUTMIX], ids=["mixup", "cutmix"])
def test_every_photo_has_its_own_share_and_lends_to_one_other(fields: AugmentationFields) -> None:
    images, labels = flat(64)

    _, targets = mix(images, labels, 64, fields, np.random.default_rng(0))

    own = targets.diagonal()
    partner = targets - torch.diag(own)
    assert len(set(own.tolist())) > 50
    assert ((targets > 0).sum(dim=1) <= 2).all()
    assert ((partner > 0).sum(dim=0) <= 1).all()


def test_shares_of_mixup_come_from_the_beta_distribution() -> None:
    images, labels = flat(4000, side=1)

    mixed, _ = mix(images, labels, 4000, AugmentationFields(mixup=0.5), np.random.default_rng(0))

    generator = np.random.default_rng(0)
    partners = torch.from_numpy(generator.permutation(4000))
    apart = partners != labels
    own = ((mixed[:, 0, 0, 0] - partners) / (labels - partners))[apart]
    # Beta(1/2, 1/2) has mean 1/2 and variance 1/8, and a third of it is above 3/4.
    assert abs(own.mean() - 0.5) < 0.02
    assert abs(own.var() - 0.125) < 0.005
    assert abs((own > 0.75).float().mean() - 1 / 3) < 0.03


def test_where_both_are_on_a_fair_coin_decides_for_the_whole_batch() -> None:
    images, labels = flat(8, side=16)

    pasted = [
        was_pasted(mix(images, labels, 8, BOTH, np.random.default_rng(seed))[0])
        for seed in range(400)
    ]

    # A fair coin thrown 400 times falls outside 150 to 250 once in two million tries.
    assert 150 < sum(pasted) < 250


@pytest.mark.parametrize("fields", [MIXUP, CUTMIX, BOTH], ids=["mixup", "cutmix", "both"])
def test_one_photo_alone_is_mixed_with_itself(fields: AugmentationFields) -> None:
    images, labels = flat(1, side=16)

    mixed, targets = mix(images + 7, labels, 3, fields, np.random.default_rng(0))

    assert torch.allclose(mixed, images + 7)
    assert torch.allclose(targets, torch.tensor([[1.0, 0.0, 0.0]]))


@pytest.mark.parametrize("fields", [MIXUP, CUTMIX], ids=["mixup", "cutmix"])
def test_memory_order_and_the_photos_given_are_kept(fields: AugmentationFields) -> None:
    images, labels = flat(6)
    images = images.contiguous(memory_format=torch.channels_last)
    before = images.clone()

    mixed, _ = mix(images, labels, 6, fields, np.random.default_rng(0))

    assert mixed.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(images, before)


@hypothesis.given(
    seed=st.integers(0, 10**6),
    count=st.integers(1, 9),
    n_classes=st.integers(1, 5),
    side=st.sampled_from([1, 16, 33]),
    mixup=st.sampled_from([0.0, 0.01, 0.2, 1.0, 8.0]),
    cutmix=st.sampled_from([0.01, 1.0, 8.0]),
)
def test_targets_are_shares_that_sum_to_one(
    seed: int, count: int, n_classes: int, side: int, mixup: float, cutmix: float
) -> None:
    generator = np.random.default_rng(seed)
    labels = torch.from_numpy(generator.integers(n_classes, size=count))
    images = labels.float().view(-1, 1, 1, 1).expand(count, 3, side, side)
    fields = AugmentationFields(mixup=mixup, cutmix=cutmix)

    mixed, targets = mix(images, labels, n_classes, fields, generator)

    assert mixed.dtype == torch.float32
    assert mixed.shape == images.shape
    assert (targets >= 0).all()
    assert torch.allclose(targets.sum(dim=1), torch.ones(count), atol=1e-5)
    assert torch.allclose(
        mixed.mean(dim=(1, 2, 3)), targets @ torch.arange(float(n_classes)), atol=1e-3
    )
