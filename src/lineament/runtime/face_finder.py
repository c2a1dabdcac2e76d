"""Face finder: every face of a photo, upright landmarks in each, whichever way the photo lies.

A detector looks at the photo at a size where it finds faces of about ten pixels and more. Its
landmarks hardly follow a head that is tilted, and of one upside down it reports an upright face.
So each face is looked at again by itself: small, in four directions, to learn which is up; then
large and turned upright, for landmarks that hold. Measured in `benchmarks/README.md`.
"""

import dataclasses
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.core.config import Config, option
from lineament.imaging.faces import Face, as_landmarks, inverse, warped

CANDIDATE_SCORE = 0.6  # in the whole photo; what counts is the score of the closer look
SECOND_SIDE_PX = 320  # where nothing was found, and the photo may be one large face
# Smaller photos are enlarged: at 48 px it finds 63 % of FER2013's faces, at 192 px 91 %.
SHORT_OF_PX = 192
QUARTERS = (0, 1, 2, 3)  # turns of 90 degrees clockwise
# The look at four directions: a canvas, and how large the face stands in it.
GLANCE_PX, GLANCE_FACE_PX = 160, 80
GLANCE_SCORE = 0.02  # any: they are compared with each other
# What another direction must be better by. Of 782 upright faces one was turned wrongly, of 739
# upside down four were left.
TURN_GAIN = 0.02
REFINE_PX, REFINE_FACE_PX = 384, 190
REFINE_SCORE = 0.3  # less is no face
# Landmarks hardly follow a tilted head: of its roll those of the whole photo show about this share.
FOUND_ROLL = 0.55
SAME_FRACTION = 0.25  # of a face: nearer landmarks are those of one face
OVERHANG = 0.25  # as a fraction of a canvas: how far from its middle the face may be found


class Detector(Protocol):
    """Finds faces in an image as large as it is."""

    def detect(self, image: NDArray[np.uint8], *, score: float) -> list[Face]:
        """Find faces in ``uint8 (H, W, 3)``, RGB, the surest first."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Search(Config):
    """How faces are looked for."""

    score: float = option(
        0.8,
        help="least score of a face; 0.8 for training and enrolment, 0.6 to miss fewer",
        minimum=0.01,
        maximum=1.0,
    )
    long_side_px: int = option(
        640,
        help="a larger photo is looked at in this size; more finds smaller faces, more slowly",
        minimum=64,
        maximum=4096,
    )
    passes: int = option(
        2, help="how often a face's landmarks are looked at again", minimum=0, maximum=3
    )
    turned: bool = option(True, help="recognise sideways and upside-down photos and heads")


class FaceFinder:
    """Finds the faces of photos; may be shared by threads.

    Args:
        detector: What finds faces in an image as large as it is.
        search: How it is used.
    """

    def __init__(self, detector: Detector, search: Search | None = None) -> None:
        self.detector = detector
        self.search = search or Search()

    @property
    def _candidate_score(self) -> float:
        """What a face must have in the whole photo to be looked at by itself."""
        return min(CANDIDATE_SCORE, self.search.score) if self.search.passes else self.search.score

    def find(self, image: NDArray[np.uint8]) -> list[Face]:
        """Find the faces of a photo.

        Args:
            image: ``uint8 (H, W, 3)``, RGB, as decoded.

        Returns:
            Its faces, the largest first, in pixels of ``image``.
        """
        search = self.search
        faces = self._sure(image, self._at(image, search.long_side_px))
        if not faces and max(image.shape[:2]) > SECOND_SIDE_PX < search.long_side_px:
            faces = self._sure(image, self._at(image, SECOND_SIDE_PX))
        if not faces and search.turned:
            turns = (self._at(image, search.long_side_px, quarter=each) for each in QUARTERS[1:])
            faces = max((self._sure(image, each) for each in turns), key=_certainty)
        return sorted(faces, key=lambda face: (-face.side_px, face.box))

    def _sure(self, image: NDArray[np.uint8], candidates: list[Face]) -> list[Face]:
        """Of candidates, those that are faces when each is looked at by itself."""
        faces = [_rolled(face, FOUND_ROLL) for face in candidates]
        if self.search.turned:
            faces = self._upright(image, faces)
        for _ in range(self.search.passes):
            faces = [self._refined(image, face) for face in faces]
        return _apart([face for face in faces if face.score >= self.search.score])

    def _upright(self, image: NDArray[np.uint8], faces: list[Face]) -> list[Face]:
        """Faces whose landmarks know which way is up; of a photo that lies, all of its faces."""
        looks = [self._glance(image, face) for face in faces]
        votes = [quarter for quarter, _ in looks]
        # A head that lies is no photo that lies: with as many upright in it, it stays.
        quarter = max(QUARTERS, key=votes.count)
        if quarter:
            again = self._at(image, self.search.long_side_px, quarter=quarter)
            if len(again) >= len(faces):
                looks = [self._glance(image, _rolled(face, FOUND_ROLL)) for face in again]
        return [face for _, face in looks]

    def _at(self, image: NDArray[np.uint8], long_side_px: int, *, quarter: int = 0) -> list[Face]:
        """Faces of a photo that is scaled and turned clockwise, in its own pixels."""
        height, width = image.shape[:2]
        longest = max(height, width)
        scale = 1.0
        if longest > long_side_px:
            scale = long_side_px / longest
        elif longest < SHORT_OF_PX:
            scale = SHORT_OF_PX / longest
        looked = image
        if scale != 1.0:
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            # Averages over what it skips, and the fastest of Pillow's that does.
            drawn = Image.fromarray(image).resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
            looked = np.asarray(drawn)
        faces = self.detector.detect(np.rot90(looked, -quarter), score=self._candidate_score)
        back = _chained(
            _unscaled((width, height), (looked.shape[1], looked.shape[0])),
            _unturned(looked.shape[1], looked.shape[0], quarter),
        )
        return [face.moved(back) for face in faces]

    def _glance(self, image: NDArray[np.uint8], face: Face) -> tuple[int, Face]:
        """Which quarter turn makes a face upright, and the face with landmarks that know it."""
        frame = _framed(face, GLANCE_PX, GLANCE_FACE_PX)
        canvas = warped(image, frame, GLANCE_PX, border="edge")
        looks = [self._middle(np.rot90(canvas, -each), GLANCE_SCORE) for each in QUARTERS]
        scores = [0.0 if found is None else found.score for found in looks]
        best = scores.index(max(scores))
        if scores[best] < scores[0] + TURN_GAIN:
            best = 0
        found = looks[best]
        if not best or found is None:
            return 0, face
        back = _chained(inverse(frame), _unturned(GLANCE_PX, GLANCE_PX, best))
        return best, dataclasses.replace(face, landmarks=found.moved(back).landmarks)

    def _refined(self, image: NDArray[np.uint8], face: Face) -> Face:
        """The same face with the landmarks that it has when it stands upright and large."""
        frame = _framed(face, REFINE_PX, REFINE_FACE_PX)
        found = self._middle(warped(image, frame, REFINE_PX, border="edge"), REFINE_SCORE)
        if found is None:
            return dataclasses.replace(face, score=0.0)
        better = found.moved(inverse(frame))
        return dataclasses.replace(face, landmarks=better.landmarks, score=found.score)

    def _middle(self, canvas: NDArray[np.uint8], score: float) -> Face | None:
        """The surest face about the middle of a canvas."""
        middle = (len(canvas) - 1) / 2
        near = (
            face
            for face in self.detector.detect(canvas, score=score)
            if _distance(face, middle) <= OVERHANG * len(canvas)
        )
        return max(near, key=lambda face: face.score, default=None)


def _framed(face: Face, side_px: int, face_px: float) -> NDArray[np.float64]:
    """The similarity that puts a face upright into the middle of a canvas."""
    angle = np.radians(-face.roll_degrees)
    scale = face_px / max(face.side_px, 1.0)
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    linear = np.array([[cosine, -sine], [sine, cosine]])
    left, top, right, bottom = face.box
    middle = np.array([left + right, top + bottom]) / 2
    return np.column_stack([linear, (side_px - 1) / 2 - linear @ middle])


def _certainty(faces: list[Face]) -> float:
    return sum(face.score for face in faces)


def _apart(faces: list[Face]) -> list[Face]:
    """Faces without those that a closer look has shown to be another one, less surely."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.score):
        middle = np.mean(face.landmarks, axis=0)
        nearest = min(
            (float(np.hypot(*(np.mean(other.landmarks, axis=0) - middle))) for other in kept),
            default=np.inf,
        )
        if nearest > SAME_FRACTION * face.side_px:
            kept.append(face)
    return kept


def _rolled(face: Face, share: float) -> Face:
    """The face with its landmarks turned to the roll of which they show a share."""
    further = np.radians(face.roll_degrees * (1 / share - 1))
    cosine, sine = np.cos(further), np.sin(further)
    points = np.asarray(face.landmarks)
    middle = points.mean(axis=0)
    turned = (points - middle) @ np.array([[cosine, sine], [-sine, cosine]]) + middle
    return dataclasses.replace(face, landmarks=as_landmarks(turned))


def _distance(face: Face, middle: float) -> float:
    left, top, right, bottom = face.box
    return float(np.hypot((left + right) / 2 - middle, (top + bottom) / 2 - middle))


def _unscaled(size: tuple[int, int], looked: tuple[int, int]) -> NDArray[np.float64]:
    """From pixels of a scaled photo to its own; the two axes' scales differ by rounding."""
    scales = np.array([size[0] / looked[0], size[1] / looked[1]])
    return np.column_stack([np.diag(scales), (scales - 1) / 2])


def _unturned(width: int, height: int, quarter: int) -> NDArray[np.float64]:
    """From pixels of an image that was turned clockwise by quarters to those before."""
    last_x, last_y = width - 1, height - 1
    return np.array(
        {
            0: [[1, 0, 0], [0, 1, 0]],
            1: [[0, 1, 0], [-1, 0, last_y]],
            2: [[-1, 0, last_x], [0, -1, last_y]],
            3: [[0, -1, last_x], [1, 0, 0]],
        }[quarter],
        dtype=np.float64,
    )


def _chained(after: NDArray[np.float64], before: NDArray[np.float64]) -> NDArray[np.float64]:
    """One map that does two, ``before`` first."""
    linear = after[:, :2] @ before[:, :2]
    return np.column_stack([linear, after[:, :2] @ before[:, 2] + after[:, 2]])
