"""The numpy reference of the preprocessing is torch's antialiased resize."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lineament.imaging.preprocess import INTERPOLATIONS, Preprocessing, preprocess


@pytest.mark.parametrize("size", [(48, 64), (301, 200), (7, 11), (32, 32), (40, 5000), (1, 1)])
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_squash_is_torchs_antialiased_interpolation(
    size: tuple[int, int], interpolation: str, draw_photo: Callable[..., NDArray[np.uint8]]
) -> None:
    image = draw_photo(0, *size)
    rule = Preprocessing(
        size_px=32,
        fit="squash",
        interpolation=interpolation,
        mean=(0.0, 0.0, 0.0),
        std=(1 / 255, 1 / 255, 1 / 255),
        rounded=False,
    )

    pixels = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    theirs = torch.nn.functional.interpolate(
        pixels, size=(32, 32), mode=interpolation, antialias=True, align_corners=False
    ).clamp(0, 255)

    # Both are float32; sums over up to 5000 pixels of 0 to 255 differ in their last digits.
    assert np.abs(preprocess(image, rule) - theirs[0].numpy()).max() < 0.02
