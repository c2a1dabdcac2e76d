"""A caption covers a corner of the picture, says what it is given, and leaves the rest."""

import numpy as np
import pytest
from numpy.typing import NDArray

from lineament.imaging import caption
from lineament.imaging.caption import BAR, captioned

GREY = 120


def grey(height: int, width: int) -> NDArray[np.uint8]:
    return np.full((height, width, 3), GREY, dtype=np.uint8)


@pytest.mark.parametrize("size", [(1, 1), (8, 300), (64, 64), (480, 640), (2160, 3840)])
def test_picture_keeps_its_size_and_the_given_one_its_pixels(size: tuple[int, int]) -> None:
    image = grey(*size)

    marked = captioned(image, [("unknown", None), ("cat", 0.97)])

    assert marked.shape == image.shape
    assert marked.dtype == np.uint8
    assert (image == GREY).all()


def test_only_the_lower_left_corner_changes() -> None:
    changed = (captioned(grey(480, 640), [("cat", 0.97)]) != GREY).any(axis=2)

    assert changed[-40:, :60].all()
    assert not changed[:400].any()
    assert not changed[:, 400:].any()


def bar_px(share: float) -> int:
    marked = captioned(grey(480, 640), [("x", share), ("a much longer name", None)])
    return int((marked == BAR).all(axis=2).any(axis=0).sum())


def test_bar_is_as_long_as_the_share() -> None:
    full, half = bar_px(1.0), bar_px(0.5)

    assert half == pytest.approx(full / 2, abs=2)
    assert bar_px(0.0) <= 1


def test_line_without_a_share_has_no_bar() -> None:
    assert not (captioned(grey(480, 640), [("unknown", None)]) == BAR).all(axis=2).any()


def test_letters_of_other_languages_are_not_all_one_box() -> None:
    pytest.importorskip("matplotlib", reason="no font that is sure to have these letters")

    one, other = (captioned(grey(200, 300), [(name, None)]) for name in ("Жü", "Щß"))

    assert (one != other).any()


def test_without_any_font_of_the_system_something_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caption, "FONTS", ("no-such-font.ttf",))
    monkeypatch.setattr(caption, "_of_matplotlib", list)
    caption._font.cache_clear()

    marked = captioned(grey(200, 300), [("ü", 0.5)])

    caption._font.cache_clear()
    assert (marked != GREY).any()


def test_long_name_is_cut() -> None:
    marked = captioned(grey(100, 2000), [("n" * 500, None)])

    assert not (marked != GREY).any(axis=2)[:, 1000:].any()
