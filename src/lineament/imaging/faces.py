"""Faces: what is known of one that was found in a photo, and how it is cut out and made upright.

Whatever found a face, `chip` makes the picture that a model sees of it, when preparing and when
predicting. A similarity (turn, one scale, shift) takes the five landmarks as near as possible to
where they stand in ArcFace's template of 112 x 112 pixels (Deng et al. 2019, arXiv:1801.07698).
Coordinates are pixels, x to the right and y down, the centre of the first pixel is (0, 0).
"""

import dataclasses
import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Box = tuple[float, float, float, float]
Landmarks = tuple[tuple[float, float], ...]
Border = Literal["black", "edge"]

TEMPLATE_PX = 112
# Eye, eye, nose, corner of the mouth, corner of the mouth: each pair from left to right as seen.
TEMPLATE: Landmarks = (
    (38.2946, 51.6963),
    (73.5318, 51.5014),
    (56.0252, 71.7366),
    (41.5493, 92.3655),
    (70.7299, 92.2041),
)
GREY = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Face:
    """A face in a photo.

    Attributes:
        box: Left, top, right, bottom in pixels of the photo; may reach over its edge.
        score: How sure the detector is, 0 to 1.
        landmarks: x and y of eye, eye, nose, corner and corner of the mouth, each pair from left to
            right as seen in an upright photo (the person's right eye comes first).
    """

    box: Box
    score: float
    landmarks: Landmarks

    @property
    def side_px(self) -> float:
        """The longer side of its box."""
        return max(self.box[2] - self.box[0], self.box[3] - self.box[1])

    @property
    def roll_degrees(self) -> float:
        """How far the head is turned in the plane of the photo, clockwise, -180 to 180."""
        (left_x, left_y), (right_x, right_y) = self.landmarks[:2]
        return math.degrees(math.atan2(right_y - left_y, right_x - left_x))

    def moved(self, matrix: NDArray[np.float64]) -> "Face":
        """The same face after a similarity ``float64 (2, 3)``; its box is around all corners."""
        left, top, right, bottom = self.box
        corners = moved([(left, top), (right, top), (right, bottom), (left, bottom)], matrix)
        low, high = corners.min(axis=0), corners.max(axis=0)
        return Face(
            box=(float(low[0]), float(low[1]), float(high[0]), float(high[1])),
            score=self.score,
            landmarks=as_landmarks(moved(self.landmarks, matrix)),
        )


def chip(
    image: NDArray[np.uint8],
    face: Face,
    *,
    aligned: bool = True,
    size_px: int = TEMPLATE_PX,
    margin: float = 0.0,
) -> NDArray[np.uint8]:
    """Cut a face out of its photo.

    Args:
        image: ``uint8 (H, W, 3)``, RGB.
        face: Found in it.
        aligned: Turn and scale the face to the template; else it is the square around its box.
        size_px: Side of the result.
        margin: What is shown around the template or the box on each side, as a fraction of it.

    Returns:
        ``uint8 (size_px, size_px, 3)``, RGB; black where the photo ends.

    Example:
        >>> face = Face(box=(0, 0, 112, 112), score=1.0, landmarks=TEMPLATE)
        >>> chip(np.full((112, 112, 3), 9, np.uint8), face)[50, 50].tolist()
        [9, 9, 9]
    """
    frame = framing(face, aligned=aligned, size_px=size_px, margin=margin)
    return warped(image, frame, size_px)


def framing(
    face: Face, *, aligned: bool = True, size_px: int = TEMPLATE_PX, margin: float = 0.0
) -> NDArray[np.float64]:
    """The similarity ``float64 (2, 3)`` from a photo to the chip of a face in it; as `chip`."""
    inner_px = size_px / (1.0 + 2.0 * margin)
    if aligned:
        edge = margin * inner_px
        # From centres of pixels to lengths and back, so that the middle stays the middle.
        target = (np.asarray(TEMPLATE) + 0.5) * (inner_px / TEMPLATE_PX) + edge - 0.5
        return similarity(np.asarray(face.landmarks), target)
    left, top, right, bottom = face.box
    scale = inner_px / max(face.side_px, 1e-6)
    middle = (size_px - 1) / 2
    return np.array(
        [
            [scale, 0.0, middle - scale * (left + right) / 2],
            [0.0, scale, middle - scale * (top + bottom) / 2],
        ]
    )


def similarity(points: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """The turn, scale and shift that take points nearest to others, in least squares.

    Args:
        points: ``float64 (N, 2)``, not all the same.
        target: ``float64 (N, 2)``.

    Returns:
        ``float64 (2, 3)``: what is left of a point ``(x, y, 1)`` after it is where it belongs.

    Source: Umeyama 1991, "Least-squares estimation of transformation parameters between two point
    patterns", equations 38 to 43.

    Example:
        >>> square = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
        >>> np.round(similarity(square, 2 * square + 3), 6).tolist()
        [[2.0, 0.0, 3.0], [0.0, 2.0, 3.0]]
    """
    mean, target_mean = points.mean(axis=0), target.mean(axis=0)
    centred, target_centred = points - mean, target - target_mean
    left, sizes, right = np.linalg.svd(target_centred.T @ centred / len(points))
    signs = np.array([1.0, 1.0 if np.linalg.det(left) * np.linalg.det(right) > 0 else -1.0])
    turn = left @ np.diag(signs) @ right
    spread = max(float(centred.var(axis=0).sum()), 1e-12)  # points in one place: any scale will do
    scale = float(sizes @ signs) / spread
    shift = target_mean - scale * turn @ mean
    return np.column_stack([scale * turn, shift])


def inverse(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The similarity back: ``float64 (2, 3)`` to ``float64 (2, 3)``."""
    back = np.linalg.inv(matrix[:, :2])
    return np.column_stack([back, -back @ matrix[:, 2]])


def moved(
    points: "NDArray[np.float64] | Landmarks | list[tuple[float, float]]",
    matrix: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Points ``(N, 2)`` after a similarity ``float64 (2, 3)``."""
    turned: NDArray[np.float64] = np.asarray(points) @ matrix[:, :2].T + matrix[:, 2]
    return turned


def as_landmarks(points: NDArray[np.float64] | NDArray[np.float32]) -> Landmarks:
    """An array ``(5, 2)`` as a face keeps it."""
    return tuple((float(x), float(y)) for x, y in points)


def warped(
    image: NDArray[np.uint8],
    matrix: NDArray[np.float64],
    size_px: int,
    *,
    border: Border = "black",
) -> NDArray[np.uint8]:
    """Draw the part of a photo that a similarity takes into a square.

    What is shrunk to less than half is averaged over whole squares of pixels first, so that nothing
    is skipped; then each pixel lies between four.

    Args:
        image: ``uint8 (H, W, 3)``.
        matrix: From the photo to the square, ``float64 (2, 3)``.
        size_px: Side of the square.
        border: What is beyond the photo: black, or its nearest pixel.

    Returns:
        ``uint8 (size_px, size_px, 3)``.
    """
    back = inverse(matrix)
    factor = max(1, int(math.hypot(back[0, 0], back[1, 0])))
    height, width = image.shape[:2]
    end = size_px - 0.5
    corners = moved([(-0.5, -0.5), (end, -0.5), (end, end), (-0.5, end)], back)
    # Two pixels more for the neighbours that a pixel is made from.
    low = np.floor(corners.min(axis=0)) - 2 * factor
    high = np.ceil(corners.max(axis=0)) + 2 * factor + 1
    size = np.array([width, height])
    first = np.clip(low, 0, size - 1).astype(int)
    last = np.clip(high, first + 1, size).astype(int)
    part = Image.fromarray(image[first[1] : last[1], first[0] : last[0]])
    if factor > 1:
        part = part.reduce(factor)
    origin = first.astype(np.float64)
    if border == "edge":
        before = np.ceil(np.clip(first - low, 0, None) / factor).astype(int)
        after = np.ceil(np.clip(high - last, 0, None) / factor).astype(int)
        if before.any() or after.any():
            around = ((before[1], after[1]), (before[0], after[0]), (0, 0))
            part = Image.fromarray(np.pad(np.asarray(part), around, mode="edge"))
        origin = origin - before * factor
    # Pillow counts from the corner of the first pixel, we from its centre.
    linear = back[:, :2]
    shift = (back[:, 2] + 0.5 - linear @ (0.5, 0.5) - origin) / factor
    linear = linear / factor
    data = (*linear[0], shift[0], *linear[1], shift[1])
    drawn = part.transform(
        (size_px, size_px),
        Image.Transform.AFFINE,
        tuple(float(each) for each in data),
        Image.Resampling.BILINEAR,
    )
    return np.asarray(drawn)


def sharpness(aligned: NDArray[np.uint8]) -> float:
    """How sharp a chip is: the variance of its Laplacian, in squared grey levels.

    It compares faces of one size. Of LFW's faces at 112 px the middle half lies between the figures
    in benchmarks/README.md; a low one is out of focus, moved, or was small and is enlarged.

    Args:
        aligned: ``uint8 (N, N, 3)``, RGB.

    Source: Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield microscopy".

    Example:
        >>> sharpness(np.full((8, 8, 3), 7, np.uint8))
        0.0
    """
    grey = aligned.astype(np.float32) @ GREY
    middle = grey[1:-1, 1:-1]
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float((around - 4.0 * middle).var())
