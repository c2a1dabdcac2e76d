"""A photo is kept when somebody says what it is and agrees, and otherwise not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lineament.artifacts.collection import Collection
from lineament.imaging.decode import decode, encode_jpeg
from lineament.serving.schemas import Kept

FIELDS = {
    "label": "disc",
    "kind": "feedback",
    "consent": "yes",
    "session": "abc-1",
    "said": "frame",
    "confidence": "0.75",
}


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "kept"


@pytest.fixture
def collecting(opened: Callable[..., Any], kept: Path) -> Any:
    return opened(feedback=str(kept))


def send(asked: Any, photo: Path | bytes, fields: dict[str, str]) -> Any:
    data = photo if isinstance(photo, bytes) else photo.read_bytes()
    return asked.post("/v1/collection", files={"photo": ("my face.jpg", data)}, data=fields)


def test_photo_is_kept_with_what_was_said_of_it(
    collecting: Any, kept: Path, photo_files: list[Path]
) -> None:
    response = send(collecting, photo_files[4], FIELDS)

    assert response.status_code == 201
    Kept.model_validate(response.json())
    (row,) = Collection.open(kept).contents().rows
    photo = row.photo
    assert (photo.label, photo.kind, photo.session) == ("disc", "feedback", "abc-1")
    assert (photo.said, photo.confidence) == ("frame", 0.75)
    assert photo.model == "model"
    assert photo.model_sha256 == collecting.rooms.shelf.find(None).sha256
    file = kept / response.json()["kept"]
    assert decode(file).shape == decode(photo_files[4]).shape
    assert file.read_bytes() == encode_jpeg(decode(photo_files[4]))


def test_where_a_photo_was_taken_is_not_kept(collecting: Any, kept: Path, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a secret place"
    exif[0x0112] = 6
    image = Image.fromarray(np.full((40, 60, 3), 90, np.uint8))
    image.save(tmp_path / "turned.jpg", exif=exif)

    response = send(collecting, tmp_path / "turned.jpg", FIELDS)

    data = (kept / response.json()["kept"]).read_bytes()
    assert b"secret" not in data
    assert decode(data).shape == (60, 40, 3)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"label": ""}, "label (missing)"),
        ({"session": ""}, "session (missing)"),
        ({"kind": "other"}, "kind (one of feedback, capture)"),
        ({"session": "../x"}, "session (1 to 64 letters, digits, - and _)"),
        ({"session": "a" * 65}, "session (1 to 64 letters, digits, - and _)"),
        ({"condition": "../x"}, "condition (at most 32 small letters, digits, - and _)"),
        ({"confidence": "2"}, "confidence (from 0 to 1)"),
        ({"confidence": "nan"}, "confidence (from 0 to 1)"),
        ({"confidence": "very"}, "confidence (from 0 to 1)"),
        ({"label": "x" * 81}, "label (1 to 80 characters that can be printed)"),
        ({"label": "  "}, "label (1 to 80 characters that can be printed)"),
        ({"said": "x" * 81}, "said (at most 80 characters that can be printed)"),
        ({"path": "/etc"}, "path (unknown)"),
    ],
)
def test_field_that_cannot_be_is_named_and_nothing_is_kept(
    collecting: Any, kept: Path, photo_files: list[Path], change: dict[str, str], place: str
) -> None:
    response = send(collecting, photo_files[0], {**FIELDS, **change})

    assert response.status_code == 400
    assert response.json()["at"] == [place]
    assert Collection.open(kept).contents().rows == ()


@pytest.mark.parametrize("consent", ["no", "true", "YES"])
def test_without_consent_nothing_is_kept(
    collecting: Any, kept: Path, photo_files: list[Path], consent: str
) -> None:
    response = send(collecting, photo_files[0], {**FIELDS, "consent": consent})

    assert response.status_code == 400
    assert response.json()["detail"] == "Nobody agreed that the photo is kept."
    assert not list(kept.rglob("*.jpg"))


def test_label_that_cannot_be_printed_is_refused(
    collecting: Any, kept: Path, photo_files: list[Path]
) -> None:
    response = send(collecting, photo_files[0], {**FIELDS, "label": "a\x07b"})

    assert response.status_code == 422
    assert response.json()["detail"].startswith("`a?b` cannot be a class")
    assert not list(kept.rglob("*.jpg"))


@pytest.mark.parametrize("label", ["..", "../../x", "a/b", "CON", ".", " x", "Fuß 犬"])
def test_label_of_any_letters_stays_within_the_folder(
    collecting: Any, kept: Path, photo_files: list[Path], label: str
) -> None:
    response = send(collecting, photo_files[0], {**FIELDS, "label": label})

    assert response.status_code == 201, response.text
    file = (kept / response.json()["kept"]).resolve()
    assert file.is_file()
    assert file.is_relative_to(kept.resolve() / "photos")
    assert not [each for each in kept.parent.rglob("*.jpg") if not each.is_relative_to(kept)]


def test_what_is_no_photo_is_not_kept(collecting: Any, kept: Path) -> None:
    response = send(collecting, b"<?php", FIELDS)

    assert response.status_code == 422
    assert not list(kept.rglob("*php*"))
    assert Collection.open(kept).contents().rows == ()


def test_service_that_keeps_nothing_says_so(asked: Any, photo_files: list[Path]) -> None:
    response = send(asked, photo_files[0], FIELDS)

    assert response.status_code == 404
    assert response.json()["fix"] == "Start it with `--feedback FOLDER`."
    assert asked.get("/v1/service").json()["collects"] is False


def test_full_collection_says_so(
    opened: Callable[..., Any], kept: Path, photo_files: list[Path]
) -> None:
    small = opened(feedback=str(kept), max_kept=2)
    statuses = [send(small, file, FIELDS).status_code for file in photo_files[:3]]

    assert statuses == [201, 201, 409]
    assert len(Collection.open(kept).contents().rows) == 2


def test_kept_photos_are_counted(collecting: Any, photo_files: list[Path]) -> None:
    send(collecting, photo_files[0], FIELDS)
    send(collecting, photo_files[1], {**FIELDS, "kind": "capture", "condition": "dim"})

    counted = collecting.get("/metrics").text
    assert 'lineament_kept_photos_total{kind="feedback"} 1.0' in counted
    assert 'lineament_kept_photos_total{kind="capture"} 1.0' in counted
