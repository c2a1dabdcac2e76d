"""The signature of a photo: the small grey picture by which near duplicates are found."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Small enough that 150,000 of them are 600 MB on disk, large enough to keep the grain and texture
# that tell a copy of a photo from another photo of the same thing; 32 px lose that, measured.
SIGNATURE_PX = 64


def signature(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Shrink (or enlarge) a photo to its signature.

    Each side is scaled alone, so the signature shows the whole photo and a copy of other
    proportions has the same one. Grey as ITU-R BT.601 weighs it; antialiased bilinear.

    Args:
        image: ``uint8 (H, W, 3)`` in RGB order, any size from 1 x 1.

    Returns:
        ``uint8 (SIGNATURE_PX, SIGNATURE_PX)``.

    Example:
        >>> signature(np.full((90, 120, 3), 200, dtype=np.uint8))[0, :3].tolist()
        [200, 200, 200]
    """
    grey = Image.fromarray(image).convert("L")
    small = grey.resize((SIGNATURE_PX, SIGNATURE_PX), Image.Resampling.BILINEAR)
    return np.asarray(small, dtype=np.uint8)
