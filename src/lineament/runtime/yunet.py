"""YuNet: finds faces and five landmarks in each, in a few milliseconds on one core.

The network is that of Wu et al. 2023, "YuNet: A Tiny Millisecond-level Face Detector", as OpenCV
Zoo publishes it (2023mar, MIT). ONNX Runtime runs it twice as fast as OpenCV's own engine, from
any number of threads at once; the few lines that turn its maps into faces are therefore ours, and
a test holds them to `cv2.FaceDetectorYN`.
"""

import numpy as np
from numpy.typing import NDArray

from lineament.imaging.faces import Face, as_landmarks
from lineament.runtime.onnx_runtime import onnxruntime

STRIDES = (8, 16, 32)
OUTPUTS = tuple(f"{name}_{stride}" for name in ("cls", "obj", "bbox", "kps") for stride in STRIDES)
# Boxes of one face overlap more than this; two faces side by side hardly touch.
OVERLAP_IOU = 0.3
MOST = 5_000  # candidates of one photo; a wall of faces has fewer


class YuNet:
    """The network and how to read its answer; may be shared by threads.

    Args:
        model: The ONNX file, its sides free.
        threads: Of one call.
    """

    def __init__(self, model: bytes, *, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"]
        )

    def detect(self, image: NDArray[np.uint8], *, score: float) -> list[Face]:
        """Find faces in an image as large as it is.

        Args:
            image: ``uint8 (H, W, 3)``, RGB. Faces of 10 to 300 pixels are found.
            score: The least score, 0 to 1.

        Returns:
            The faces, the surest first, none overlapping another by more than `OVERLAP_IOU`.
        """
        height, width = image.shape[:2]
        # The last map has a place for every 32 pixels; what is missing is black below and right.
        padded = np.zeros((-(-height // 32) * 32, -(-width // 32) * 32, 3), np.float32)
        padded[:height, :width] = image[:, :, ::-1]  # it was trained on blue, green, red
        pixels = np.ascontiguousarray(padded.transpose(2, 0, 1))[None]
        found = dict(zip(OUTPUTS, self._session.run(list(OUTPUTS), {"input": pixels}), strict=True))
        parts = [_decoded(found, stride, padded.shape[1], score) for stride in STRIDES]
        rows = np.concatenate(parts)
        rows = rows[np.argsort(-rows[:, 0], kind="stable")][:MOST]
        return [_face(rows[index]) for index in _apart(rows[:, 1:5])]


def _decoded(
    found: dict[str, NDArray[np.float32]], stride: int, width: int, score: float
) -> NDArray[np.float32]:
    """The sure places of one map: score, left, top, right, bottom and ten coordinates each."""
    certain = found[f"cls_{stride}"][0, :, 0].clip(0, 1) * found[f"obj_{stride}"][0, :, 0].clip(
        0, 1
    )
    sure = np.flatnonzero(certain >= score * score)
    places = np.stack([sure % (width // stride), sure // (width // stride)], axis=1)
    boxes = found[f"bbox_{stride}"][0, sure]
    middle = (places + boxes[:, :2]) * stride
    half = np.exp(boxes[:, 2:]) * stride / 2
    marks = (found[f"kps_{stride}"][0, sure].reshape(-1, 5, 2) + places[:, None]) * stride
    rows = [np.sqrt(certain[sure])[:, None], middle - half, middle + half, marks.reshape(-1, 10)]
    return np.concatenate(rows, axis=1).astype(np.float32)


def _apart(boxes: NDArray[np.float32]) -> list[int]:
    """Of boxes, the best first, those that overlap no better one: non-maximum suppression."""
    left, top, right, bottom = boxes.T
    area = (right - left) * (bottom - top)
    waiting = np.arange(len(boxes))
    kept = []
    while len(waiting):
        best, waiting = waiting[0], waiting[1:]
        kept.append(int(best))
        wide = np.minimum(right[best], right[waiting]) - np.maximum(left[best], left[waiting])
        tall = np.minimum(bottom[best], bottom[waiting]) - np.maximum(top[best], top[waiting])
        shared = wide.clip(0) * tall.clip(0)
        waiting = waiting[shared <= OVERLAP_IOU * (area[best] + area[waiting] - shared)]
    return kept


def _face(row: NDArray[np.float32]) -> Face:
    left, top, right, bottom = (float(each) for each in row[1:5])
    return Face(
        box=(left, top, right, bottom),
        score=float(row[0]),
        landmarks=as_landmarks(row[5:].reshape(5, 2)),
    )
