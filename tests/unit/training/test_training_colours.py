"""Brightness, contrast and saturation are torchvision's; hue turns colours and keeps luma."""

import dataclasses

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as reference

from lineament.training.augmentation.colours import YIQ, Colours, draw_colours, recolour
from lineament.training.recipe import AugmentationFields


def colours(
    *, brightness: float = 1.0, contrast: float = 1.0, saturation: float = 1.0, hue: float = 0.0
) -> Colours:
    return Colours(
        brightness=np.array([brightness]),
        contrast=np.array([contrast]),
        saturation=np.array([saturation]),
        hue=np.array([hue]),
    )


def photo(low: int = 0, high: int = 256) -> Tensor:
    drawn = np.random.default_rng(0).integers(low, high, size=(1, 3, 24, 24), dtype=np.uint8)
    drawn[:, :, :12] //= 2  # not the same mean everywhere
    return torch.from_numpy(drawn)


def flat(*values: float) -> Tensor:
    return torch.tensor(values).view(1, 3, 1, 1).expand(1, 3, 4, 4)


@pytest.mark.parametrize("factor", [0.0, 0.4, 1.0, 1.7])
@pytest.mark.parametrize("kind", ["brightness", "contrast", "saturation"])
def test_factor_means_what_it_means_in_torchvision(kind: str, factor: float) -> None:
    image = photo()
    change = getattr(reference, f"adjust_{kind}")

    seen = recolour(image.float(), colours(**{kind: factor}))

    # Torchvision's luma weights have four digits and sum to 0.9999; on uint8 it cuts to whole ones.
    assert (seen / 255 - change(image / 255, factor)).abs().max() < 2e-4
    assert (seen - change(image, factor)).abs().max() < 2


def test_all_together_are_torchvisions_one_after_another_where_nothing_is_clamped() -> None:
    image = photo(90, 150)

    seen = recolour(image.float(), colours(brightness=1.1, contrast=0.8, saturation=1.3))

    one_by_one = reference.adjust_saturation(image / 255, 1.3)
    one_by_one = reference.adjust_contrast(one_by_one, 0.8)
    one_by_one = reference.adjust_brightness(one_by_one, 1.1)
    assert (seen / 255 - one_by_one).abs().max() < 2e-4


def test_hue_turns_from_red_to_green_to_blue() -> None:
    red = flat(120.0, 60.0, 60.0)

    greenish, bluish = (recolour(red, colours(hue=part))[0, :, 0, 0] for part in (1 / 3, 2 / 3))

    assert greenish.argmax() == 1
    assert bluish.argmax() == 2


@pytest.mark.parametrize("hue", [-0.5, -0.1, 0.05, 0.3])
def test_hue_keeps_luma_and_greys(hue: float) -> None:
    muted = photo(100, 156).float()
    weights = torch.from_numpy(YIQ[0]).float().view(1, 3, 1, 1)

    seen = recolour(muted, colours(hue=hue))

    assert ((seen - muted) * weights).sum(dim=1).abs().max() < 0.01
    assert (recolour(flat(77.0, 77.0, 77.0), colours(hue=hue)) - 77).abs().max() < 0.01


def test_hue_turned_all_the_way_round_is_the_photo() -> None:
    image = photo().float()

    assert (recolour(image, colours(hue=1.0)) - image).abs().max() < 0.01


def test_contrast_of_each_photo_is_about_its_own_mean() -> None:
    dark_and_light = torch.cat([flat(40.0, 40.0, 40.0), flat(200.0, 200.0, 200.0)])
    twice = Colours(
        brightness=np.ones(2),
        contrast=np.array([0.0, 0.0]),
        saturation=np.ones(2),
        hue=np.zeros(2),
    )

    seen = recolour(dark_and_light, twice)

    assert (seen - dark_and_light).abs().max() < 0.01


def test_factors_are_drawn_evenly_within_their_range() -> None:
    fields = AugmentationFields(brightness=0.2, contrast=0.4, saturation=1.0, hue=0.1)

    drawn = draw_colours(5000, fields, np.random.default_rng(0))

    for values, middle, width in (
        (drawn.brightness, 1, 0.2),
        (drawn.contrast, 1, 0.4),
        (drawn.saturation, 1, 1.0),
        (drawn.hue, 0, 0.1),
    ):
        assert middle - width <= values.min() < middle - 0.99 * width
        assert middle + 0.99 * width < values.max() <= middle + width
        assert abs(values.mean() - middle) < 0.03 * width


def test_field_that_is_off_changes_nothing() -> None:
    drawn = draw_colours(4, AugmentationFields(hue=0.5), np.random.default_rng(0))

    unchanged = dataclasses.replace(drawn, hue=np.zeros(4))
    image = photo().float().expand(4, -1, -1, -1)
    assert (recolour(image, unchanged) - image).abs().max() < 1e-3


@hypothesis.given(
    brightness=st.floats(0, 2),
    contrast=st.floats(0, 2),
    saturation=st.floats(0, 2),
    hue=st.floats(-0.5, 0.5),
    grey=st.floats(0, 255),
)
def test_grey_stays_grey(
    brightness: float, contrast: float, saturation: float, hue: float, grey: float
) -> None:
    change = colours(brightness=brightness, contrast=contrast, saturation=saturation, hue=hue)

    seen = recolour(flat(grey, grey, grey), change)

    # A photo of one colour is its own mean, so contrast leaves it: only brightness is seen.
    assert (seen - min(255.0, brightness * grey)).abs().max() < 0.02
