"""Maps: where a photo speaks for a class, by the graph that ships; and two that know nothing.

Every method of this package is a `MapMaker`. Those of this module need no torch.
"""

import hashlib
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.runtime.predictor import Predictor

GRID = 14  # side of the grids of the maps that know nothing
CENTRE_WIDTH = 0.25  # standard deviation of the central blob, in sides of the grid
COARSE = 4  # side of the noise that is made smooth


class MapMaker(Protocol):
    """A method of explanation.

    Attributes:
        title: What it is called and where it comes from, for a page.
    """

    title: str

    def __call__(self, image: NDArray[np.uint8], class_index: int) -> NDArray[np.float32]:
        """Map what speaks for a class.

        Args:
            image: ``uint8 (H, W, 3)``, RGB.
            class_index: The class, 0 to ``C - 1``.

        Returns:
            ``float32 (h, w)`` over the part of the image that the model sees
            (`Preprocessing.window`): higher where more speaks for the class. Any grid, any range.
        """
        ...


class ClassActivation:
    """The class activation map of the shipped graph: its mean is the class's logit.

    Source: Zhou et al. 2016, "Learning deep features for discriminative localization"; with a
    hidden layer in the head, Draelos and Carin 2020, "Use HiResCAM instead of Grad-CAM".

    Args:
        predictor: The model.
    """

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor
        head = predictor.provenance.get("head")
        hidden = isinstance(head, dict) and head.get("kind") == "mlp"
        self.title = (
            "HiResCAM (Draelos and Carin 2020)"
            if hidden
            else "class activation map (Zhou et al. 2016)"
        )

    def __call__(self, image: NDArray[np.uint8], class_index: int) -> NDArray[np.float32]:
        """Map what speaks for a class; see `MapMaker`."""
        _, maps = self.predictor.activation(image)
        shown: NDArray[np.float32] = maps[class_index]
        return shown


class Centre:
    """A blob in the middle, whatever the photo: most photographers put there what they mean."""

    title = "a blob in the middle"

    def __call__(self, image: NDArray[np.uint8], class_index: int) -> NDArray[np.float32]:
        """Give the same map for every photo and class; see `MapMaker`."""
        place = (np.arange(GRID, dtype=np.float32) + 0.5) / GRID - 0.5
        distance = place[:, None] ** 2 + place[None, :] ** 2
        blob: NDArray[np.float32] = np.exp(-distance / (2 * CENTRE_WIDTH**2)).astype(np.float32)
        return blob


class Chance:
    """Smooth noise, drawn anew for each photo, and the same for the same photo and seed.

    Smooth, because a map of single pixels would hide so little at a time that any method would look
    better than it.

    Args:
        seed: Of the noise.
    """

    title = "smooth noise"

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def __call__(self, image: NDArray[np.uint8], class_index: int) -> NDArray[np.float32]:
        """Draw by the photo's pixels; see `MapMaker`."""
        digest = hashlib.sha256(f"{self.seed} {image.shape} ".encode() + image.tobytes()).digest()
        drawn = np.random.default_rng(int.from_bytes(digest[:8], "big")).random((COARSE, COARSE))
        coarse = Image.fromarray(drawn.astype(np.float32))
        return np.asarray(coarse.resize((GRID, GRID), Image.Resampling.BICUBIC))
