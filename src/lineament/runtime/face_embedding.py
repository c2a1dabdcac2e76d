"""Face embedding: what a network for recognising people makes of an aligned face."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lineament.imaging.faces import TEMPLATE_PX, Face, chip
from lineament.runtime.face_weights import SFACE, read_weights
from lineament.runtime.onnx_runtime import onnxruntime

SIZE = 128


class SFaceEmbedder:
    """SFace (Zhong et al. 2021), as OpenCV Zoo publishes it; may be shared by threads.

    Args:
        model: The ONNX file; ``None`` is the one that the extra `faces` brings.
        threads: Of one call.

    Raises:
        MissingExtraError: The extra `faces` is not installed.
        ArtifactError: Its file is not the one that was released.
    """

    name = "sface"
    size = SIZE
    sha256 = SFACE.sha256

    def __init__(self, model: bytes | None = None, *, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            model or read_weights(SFACE), options, providers=["CPUExecutionProvider"]
        )

    def embed(self, chips: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed aligned faces.

        Args:
            chips: ``uint8 (N, 112, 112, 3)``, RGB, aligned to the template without a margin.

        Returns:
            ``float32 (N, 128)``, each of length 1: the product of two is their cosine similarity.
        """
        # The graph takes 0 to 255 and scales by itself.
        pixels = np.ascontiguousarray(chips.transpose(0, 3, 1, 2), dtype=np.float32)
        raw = self._session.run(["fc1"], {"data": pixels})[0]
        return unit(raw)

    def embed_faces(self, image: NDArray[np.uint8], faces: Sequence[Face]) -> NDArray[np.float32]:
        """Embed faces of a photo ``uint8 (H, W, 3)``, RGB: ``float32 (N, 128)`` in their order."""
        if not faces:
            return np.empty((0, SIZE), np.float32)
        # One at a time: on a CPU a batch is no faster, and one of forty takes half a gigabyte.
        rows = [self.embed(chip(image, face, size_px=TEMPLATE_PX)[None]) for face in faces]
        return np.concatenate(rows)


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale rows to length 1; one of zeros stays so."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: NDArray[np.float32] = vectors / np.maximum(lengths, np.float32(1e-12))
    return scaled
