"""TorchScript card: what a ``.pt`` file of ours says about itself, read without torch."""

import io
import zipfile

from lineament.artifacts.onnx_card import KEY
from lineament.core.errors import ArtifactError

SUFFIX = ".pt"
ENTRY = f"{KEY}.json"  # of the card, among the file's extra files
FOLDER = "extra"  # where torch.jit.save puts these, below a folder called as the file
SIGNATURE = b"PK\x03\x04"  # a TorchScript is a zip archive
MOST_BYTES = 64_000_000  # of a card; thirteen golden photos are a quarter of one


def torchscript_metadata(data: bytes) -> dict[str, str] | None:
    """Take the card out of a TorchScript file.

    Args:
        data: The file.

    Returns:
        The metadata that an ONNX file of the same run would have; ``None`` where it is no file
        of ours.
    """
    if not data.startswith(SIGNATURE):
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                if name.split("/")[1:] == [FOLDER, ENTRY]:
                    with archive.open(name) as file:
                        return {KEY: file.read(MOST_BYTES).decode()}
    # A damaged archive meets zipfile and zlib with whatever their parsing happens to raise.
    except Exception:
        return None
    return None


def refuse_torchscript(data: bytes, *, name: str) -> None:
    """Say of a TorchScript what it is, where a bundle is wanted.

    Raises:
        ArtifactError: It is one of ours.
    """
    if torchscript_metadata(data) is not None:
        raise ArtifactError(
            f"{name} is a TorchScript, which programs with libtorch run; Lineament runs bundles.",
            fix="Name the .onnx file of the same run, or make it with `lineament export`; "
            f"`lineament card {name}` says which run that is.",
        )
