"""A damaged TIFF is told by its error alone; nothing is written past it."""

import io
import sys

import numpy as np
import pytest
from PIL import Image

from lineament.core.errors import ImageError
from lineament.imaging.decode import decode
from lineament.imaging.quiet_tiff import silence_libtiff


@pytest.mark.skipif(sys.platform == "win32", reason="Pillow's libtiff cannot be reached there")
def test_libtiff_writes_nothing_about_a_damaged_file(capfd: pytest.CaptureFixture[str]) -> None:
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(noise).save(buffer, "TIFF", compression="tiff_deflate")
    whole = buffer.getvalue()
    assert np.array_equal(decode(whole), noise)
    refused = 0
    for at in range(20, 4000, 97):
        torn = bytearray(whole)
        torn[at : at + 40] = bytes(40)
        try:
            decode(bytes(torn))
        except ImageError:
            refused += 1

    assert refused > 10
    assert capfd.readouterr().err == ""
    assert silence_libtiff()
