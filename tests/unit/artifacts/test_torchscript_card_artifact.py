"""The card of a TorchScript is read without torch, and nothing else is taken for one."""

import io
import json
import zipfile

import pytest

from lineament.artifacts.torchscript_card import (
    MOST_BYTES,
    refuse_torchscript,
    torchscript_metadata,
)
from lineament.core.errors import ArtifactError

CARD = json.dumps({"kind": "bundle", "classes": ["dög"]}, ensure_ascii=False)


def archive(**entries: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, data in entries.items():
            file.writestr(name.replace("__", "/"), data)
    return buffer.getvalue()


OURS = archive(m__data=b"x", **{"m__extra__lineament.json": CARD.encode()})


def test_card_is_taken_out_of_the_archive() -> None:
    assert torchscript_metadata(OURS) == {"lineament": CARD}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x08\x0a",
        b"PK\x03\x04",
        b"PK\x03\x04" + b"\xff" * 100,
        archive(m__data=b"x"),
        archive(**{"lineament.json": b"{}"}),
        archive(**{"m__photos__lineament.json": b"{}"}),
        archive(**{"m__extra__lineament.json": b"\xff"}),
        OURS[:-30],
    ],
)
def test_what_is_no_torchscript_of_ours_has_no_card(data: bytes) -> None:
    assert torchscript_metadata(data) is None
    refuse_torchscript(data, name="m.onnx")


def test_entry_that_unpacks_to_gigabytes_is_not_unpacked_whole() -> None:
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file,
        file.open("m/extra/lineament.json", "w") as entry,
    ):
        for _ in range(65):
            entry.write(b" " * 1_000_000)

    found = torchscript_metadata(buffer.getvalue())

    assert found is not None
    assert len(found["lineament"]) == MOST_BYTES


def test_torchscript_is_refused_where_a_bundle_is_wanted() -> None:
    with pytest.raises(ArtifactError) as caught:
        refuse_torchscript(OURS, name="m.pt")

    assert str(caught.value) == (
        "m.pt is a TorchScript, which programs with libtorch run; Lineament runs bundles.\n"
        "  fix: Name the .onnx file of the same run, or make it with `lineament export`; "
        "`lineament card m.pt` says which run that is."
    )
