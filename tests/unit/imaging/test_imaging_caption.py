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


def test_letters_that_no_font_has_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caption, "FONTS", ("no-such-font.ttf",))
    monkeypatch.setattr(caption, "_of_matplotlib", list)
    caption._fonts.cache_clear()
    caption._shortened.cache_clear()

    one, other = (captioned(grey(200, 300), [(name, 0.5)]) for name in ("猫", "犬"))

    caption._fonts.cache_clear()
    caption._shortened.cache_clear()
    assert (one != other).any()


@pytest.mark.parametrize("name", ["long", "a name much longer than this picture is wide"])
def test_share_is_readable_on_a_small_picture(name: str) -> None:
    one, other = (captioned(grey(64, 64), [(name, share)]) for share in (0.71, 0.79))

    assert (one != other).any(axis=2).sum() >= 8  # another last figure, and a longer bar


def test_box_is_as_wide_for_any_share() -> None:
    covered = [
        (captioned(grey(480, 640), [("cat", share)]) != GREY).any(axis=(0, 2))
        for share in (0.0, 0.5, 1.0)
    ]

    assert len({int(columns.sum()) for columns in covered}) == 1


@pytest.mark.parametrize("name", ["", " ", "new\nline", "tab\tbed", "\u2028", "כלב", "\ud800"])
def test_any_name_is_drawn(name: str) -> None:
    assert (captioned(grey(64, 64), [(name, 0.5)]) != GREY).any()


def test_newline_in_a_name_is_a_space() -> None:
    one, other = (captioned(grey(200, 300), [(name, 0.5)]) for name in ("a\nb", "a b"))

    assert (one == other).all()


def test_ground_lets_the_picture_through() -> None:
    light, dark = (
        captioned(np.full((200, 300, 3), level, np.uint8), [("x", None)]) for level in (250, 5)
    )

    assert (light[-1, 0] > dark[-1, 0]).all()


def test_long_name_is_cut() -> None:
    marked = captioned(grey(100, 2000), [("n" * 250, None)])

    assert not (marked != GREY).any(axis=2)[:, 1000:].any()
