"""Policies draw evenly from their operations, and each operation does what its name says."""

from collections import Counter

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as reference

from lineament.training.augmentation import policy
from lineament.training.augmentation.policy import (
    NARROW,
    OPERATIONS,
    WIDE,
    Space,
    apply_policy,
)
from lineament.training.recipe import AugmentationFields

TRIVIAL = AugmentationFields(policy="trivialaugment")
RAND = AugmentationFields(policy="randaugment")


def noise(count: int = 1, side: int = 32) -> Tensor:
    drawn = np.random.default_rng(0).integers(256, size=(count, 3, side, side), dtype=np.uint8)
    return torch.from_numpy(drawn)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float, int]]:
    """What was done: operation, strength, to how many photos at once."""
    made: list[tuple[str, float, int]] = []

    def watched(name: str) -> policy.Operation:
        def operation(images: Tensor, strength: float, space: Space) -> Tensor:
            made.append((name, strength, len(images)))
            return images

        return operation

    monkeypatch.setattr(policy, "OPERATIONS", {name: watched(name) for name in OPERATIONS})
    return made


def test_trivialaugment_draws_each_operation_as_often(calls: list[tuple[str, float, int]]) -> None:
    for seed in range(20):
        apply_policy(noise(700, 4), TRIVIAL, np.random.default_rng(seed))

    done = Counter[str]()
    for name, _, photos in calls:
        done[name] += photos
    # 1000 of each are expected, those of strength 0 left out; the standard deviation is 31.
    for name in OPERATIONS:
        wanted = 1000 if name in policy.PLAIN else 1000 * 30 / 31
        assert abs(done[name] - wanted) < 130


def test_trivialaugment_draws_its_strength_from_31_levels_to_either_side(
    calls: list[tuple[str, float, int]],
) -> None:
    for seed in range(20):
        apply_policy(noise(700, 4), TRIVIAL, np.random.default_rng(seed))

    levels = {
        name: {round(strength * 30) for called, strength, _ in calls if called == name}
        for name in OPERATIONS
    }
    for name, found in levels.items():
        if name in policy.DIRECTED:
            assert found == set(range(-30, 31)) - {0}
        elif name in policy.GRADED:
            assert found == set(range(1, 31))
        else:
            assert found == {0}
    assert all(abs(strength * 30 - round(strength * 30)) < 1e-9 for _, strength, _ in calls)


def test_randaugment_does_so_many_operations_of_one_strength(
    calls: list[tuple[str, float, int]],
) -> None:
    fields = AugmentationFields(policy="randaugment", policy_operations=3, policy_strength=0.4)

    apply_policy(noise(500, 4), fields, np.random.default_rng(0))

    assert sum(photos for _, _, photos in calls) == 3 * 500
    assert {abs(strength) for _, strength, _ in calls} == {0.0, 0.4}
    assert len(calls) <= 3 * (2 * len(policy.DIRECTED) + len(policy.GRADED) + len(policy.PLAIN))


def test_randaugment_of_no_strength_only_does_what_has_none(
    calls: list[tuple[str, float, int]],
) -> None:
    fields = AugmentationFields(policy="randaugment", policy_strength=0.0)

    apply_policy(noise(200, 4), fields, np.random.default_rng(0))

    assert {name for name, _, _ in calls} == set(policy.PLAIN)


@pytest.mark.parametrize("fields", [TRIVIAL, RAND], ids=["trivialaugment", "randaugment"])
def test_photos_stay_in_their_rows(fields: AugmentationFields) -> None:
    grey = torch.arange(0, 250, 5, dtype=torch.uint8)[:, None, None, None].expand(-1, 3, 16, 16)

    seen = apply_policy(grey, fields, np.random.default_rng(0))

    # Some are moved in from black or inverted; most keep the value of their row.
    assert seen.dtype == torch.uint8
    assert seen.shape == grey.shape
    assert ((seen == grey).float().mean(dim=(1, 2, 3)) > 0.4).float().mean() > 0.5


@pytest.mark.parametrize("name", policy.DIRECTED)
@pytest.mark.parametrize("space", [WIDE, NARROW], ids=["wide", "narrow"])
def test_both_directions_change_a_photo_in_different_ways(name: str, space: Space) -> None:
    photo = noise()

    forth, back = (OPERATIONS[name](photo, strength, space) for strength in (0.9, -0.9))

    assert forth.dtype == back.dtype == torch.uint8
    assert not torch.equal(forth, photo)
    assert not torch.equal(back, photo)
    assert not torch.equal(forth, back)


@pytest.mark.parametrize("name", OPERATIONS)
def test_photos_of_a_batch_do_not_touch_each_other(name: str) -> None:
    photos = noise(3)

    together = OPERATIONS[name](photos, 0.7, WIDE)

    for photo, seen in zip(photos, together, strict=True):
        assert torch.equal(OPERATIONS[name](photo[None], 0.7, WIDE)[0], seen)


@pytest.mark.parametrize(
    ("side", "space", "pixels"), [(224, WIDE, 32), (32, WIDE, 16), (331, NARROW, 150)]
)
def test_translation_goes_as_far_as_published_and_never_out_of_view(
    side: int, space: Space, pixels: int
) -> None:
    white = torch.full((1, 3, side, side), 255, dtype=torch.uint8)

    across = OPERATIONS["translate_across"](white, 1.0, space)
    down = OPERATIONS["translate_down"](white, -1.0, space)

    assert (across[0, 0, 0] == 0).sum() == pixels
    assert across[0, 0, 0, 0] == 0
    assert (down[0, 0, :, 0] == 0).sum() == pixels
    assert down[0, 0, -1, 0] == 0


def test_shear_slides_rows_in_proportion_to_their_depth() -> None:
    white = torch.full((1, 3, 101, 101), 255, dtype=torch.uint8)

    sheared = OPERATIONS["shear_across"](white, 1.0, NARROW)

    black = (sheared[0, 0] == 0).sum(dim=1)
    assert black[0] <= 1
    assert 29 <= black[100] <= 31
    assert 14 <= black[50] <= 16


def test_rotation_goes_as_far_as_published() -> None:
    photo = noise()

    assert torch.equal(OPERATIONS["rotate"](photo, 1.0, WIDE), reference.rotate(photo, 135))
    assert torch.equal(OPERATIONS["rotate"](photo, -1.0, NARROW), reference.rotate(photo, -30))


@pytest.mark.parametrize(("space", "kept"), [(WIDE, 2), (NARROW, 4)], ids=["wide", "narrow"])
def test_posterising_leaves_so_many_bits(space: Space, kept: int) -> None:
    assert len(set(OPERATIONS["posterise"](noise(), 1.0, space).flatten().tolist())) == 2**kept


def test_solarising_turns_what_is_lighter_than_the_threshold() -> None:
    ramp = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(1, 3, 16, 16)

    seen = OPERATIONS["solarise"](ramp, 0.6, WIDE)

    assert torch.equal(seen[ramp < 102], ramp[ramp < 102])
    assert torch.equal(seen[ramp >= 102], 255 - ramp[ramp >= 102])


def test_photos_given_stay_as_they_are() -> None:
    photos = noise(64)
    before = photos.clone()

    apply_policy(photos, TRIVIAL, np.random.default_rng(0))

    assert torch.equal(photos, before)
