"""What is asked over HTTP is answered as `Predictor` answers it, and refused in the same words."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lineament.artifacts.dataset import Dataset
from lineament.core.errors import ImageError
from lineament.imaging.decode import decode, encode_jpeg
from lineament.imaging.render import heated
from lineament.runtime.answers import UNKNOWN
from lineament.runtime.predictor import Predictor
from lineament.serving.schemas import Problem, SaidAnswers, SaidExplanation

JPEG = {"content-type": "image/jpeg"}


@pytest.fixture(scope="module")
def predictor(small_bundle: Path) -> Predictor:
    return Predictor(small_bundle, engine="onnxruntime")


def one(response: Any) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    (answer,) = response.json()["answers"]
    return dict(answer)


def refused(response: Any) -> dict[str, Any]:
    assert response.headers["content-type"] == "application/problem+json"
    said = response.json()
    Problem.model_validate(said)
    assert said["status"] == response.status_code
    return dict(said)


def as_forms(files: list[Path]) -> list[tuple[str, tuple[str, bytes]]]:
    return [("photo", (file.name, file.read_bytes())) for file in files]


def test_form_of_several_photos_is_answered_in_order_as_the_predictor_does(
    asked: Any, predictor: Predictor, photo_files: list[Path]
) -> None:
    response = asked.post("/v1/predict?top=3", files=as_forms(photo_files))

    assert response.status_code == 200
    SaidAnswers.model_validate(response.json())
    told = response.json()["answers"]
    assert [each["name"] for each in told] == [file.name for file in photo_files]
    for said, answer in zip(told, predictor.predict(photo_files), strict=True):
        assert said["confidence"] == answer.confidence
        assert said["nearest"] == answer.label
        assert said["familiarity"] == answer.familiarity
        assert said["is_unknown"] == answer.is_unknown
        assert said["label"] == (UNKNOWN if answer.is_unknown else answer.label)
        assert [(each["label"], each["confidence"]) for each in said["top"]] == answer.top(3)


def test_three_ways_to_send_a_photo_give_one_answer(asked: Any, photo_files: list[Path]) -> None:
    data = photo_files[0].read_bytes()
    ways = [
        asked.post("/v1/predict", content=data, headers={"content-type": "image/png"}),
        asked.post(
            "/v1/predict", content=data, headers={"content-type": "application/octet-stream"}
        ),
        asked.post("/v1/predict", files={"photo": ("x", data)}),
        asked.post(
            "/v1/predict",
            json={"photos": [{"data_base64": base64.b64encode(data).decode(), "name": "x"}]},
        ),
    ]

    said = [{**one(way), "name": "", "seconds": 0} for way in ways]
    assert said[1:] == said[:-1]


def test_photo_that_is_no_shape_is_unknown_and_names_the_nearest(asked: Any) -> None:
    blank = encode_jpeg(np.full((50, 50, 3), 255, np.uint8))

    said = one(asked.post("/v1/predict", content=blank, headers=JPEG))

    assert said["label"] == UNKNOWN
    assert said["is_unknown"] is True
    assert said["nearest"] in ("disc", "frame", "stripes")
    assert said["message"] is None


def test_unreadable_photo_beside_others_keeps_its_place_with_its_reason(
    asked: Any, photo_files: list[Path]
) -> None:
    sent = as_forms(photo_files[:2])
    sent.insert(1, ("photo", ("torn.jpg", b"\xff\xd8\xff\xe0")))

    told = asked.post("/v1/predict", files=sent).json()["answers"]

    assert [bool(each["error"]) for each in told] == [False, True, False]
    assert told[1]["label"] is None
    assert told[1]["confidence"] is None
    assert told[1]["top"] == []


def test_photo_that_cannot_be_read_is_refused_with_the_reason_of_the_command_line(
    asked: Any, bad_files: dict[Path, str]
) -> None:
    tried = 0
    for file, reason in bad_files.items():
        if not file.is_file() or file.is_dir():
            continue
        data = file.read_bytes()
        with pytest.raises(ImageError) as caught:
            decode(data)
        said = refused(asked.post("/v1/predict", content=data, headers=JPEG))

        assert said["status"] == 422
        assert said["type"] == "urn:lineament:DataError"
        assert said["at"] == [f"the photo ({caught.value.what})"], reason
        tried += 1
    assert tried >= 3


def test_photo_of_more_pixels_than_allowed_is_refused_before_it_is_decoded(
    opened: Callable[..., Any],
) -> None:
    few = opened(max_megapixels=0.01)
    wide = encode_jpeg(np.zeros((101, 100, 3), np.uint8))
    fits = encode_jpeg(np.zeros((100, 100, 3), np.uint8))

    said = refused(few.post("/v1/predict", content=wide, headers=JPEG))

    assert said["at"] == ["the photo (absurdly large (100 x 101 pixels))"]
    assert one(few.post("/v1/predict", content=fits, headers=JPEG))["error"] is None


@pytest.mark.parametrize("way", ["stated", "in chunks"])
def test_request_of_more_bytes_than_allowed_is_refused(
    opened: Callable[..., Any], way: str
) -> None:
    small = opened(max_megabytes=0.01)

    def parts() -> Any:
        async def flow() -> Any:
            for _ in range(20):
                yield bytes(1000)

        return flow()

    said = refused(
        small.post(
            "/v1/predict",
            content=bytes(10_001) if way == "stated" else parts(),
            headers=JPEG,
        )
    )

    assert (said["status"], said["detail"]) == (413, "A request may have 0.01 MB at most.")
    assert small.rooms.desk.admission.bytes == 0


def test_too_many_photos_are_refused(opened: Callable[..., Any], photo_files: list[Path]) -> None:
    pair = opened(max_photos=2)
    data = base64.b64encode(photo_files[0].read_bytes()).decode()

    form = refused(pair.post("/v1/predict", files=as_forms(photo_files[:3])))
    document = refused(pair.post("/v1/predict", json={"photos": [{"data_base64": data}] * 3}))

    assert form["status"] == document["status"] == 413
    assert form["detail"] == document["detail"] == "A request may have 2 photos at most."


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("text/html", "A request of type text/html is not understood."),
        ("image/", "A request of type image/ is not understood."),
        ("", "The request does not say of which type it is."),
    ],
)
def test_other_types_are_refused(asked: Any, kind: str, what: str) -> None:
    said = refused(asked.post("/v1/predict", content=b"x", headers={"content-type": kind}))

    assert (said["status"], said["detail"]) == (415, what)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"null",
        b"{}",
        b'{"photos": []}',
        b'{"photos": [{}]}',
        b'{"photos": [{"data_base64": 7}]}',
        b'{"photos": [{"data_base64": "AAAA", "path": "/etc/passwd"}]}',
        b'{"photos": [{"data_base64": "A B="}]}',
        b'{"photos": [{"data_base64": "AAAA"}], "more": 1}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_json_that_is_something_else_is_refused(asked: Any, document: bytes) -> None:
    said = refused(
        asked.post("/v1/predict", content=document, headers={"content-type": "application/json"})
    )

    assert said["status"] == 400
    assert said["at"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"nothing of it", "multipart/form-data; boundary=b"),
        (b"--b\r\n\r\n\r\n--b--\r\n", "multipart/form-data; boundary=b"),
        (b"--b--\r\n", "multipart/form-data; boundary=b"),
        (b"", "multipart/form-data"),
        (
            b'--b\r\ncontent-disposition: form-data; name="photo"\r\n\r\ntext\r\n--b--\r\n',
            "multipart/form-data; boundary=b",
        ),
        (
            b'--b\r\ncontent-disposition: form-data; name="other"; filename="a"\r\n\r\n'
            b"text\r\n--b--\r\n",
            "multipart/form-data; boundary=b",
        ),
    ],
)
def test_form_that_holds_no_photo_is_refused(asked: Any, body: bytes, kind: str) -> None:
    said = refused(asked.post("/v1/predict", content=body, headers={"content-type": kind}))

    assert said["status"] == 400


def test_name_of_a_photo_is_shown_and_never_opened(asked: Any, photo_files: list[Path]) -> None:
    name = "../../../etc/passwd\r\n\x1b[31m"
    data = base64.b64encode(photo_files[0].read_bytes()).decode()

    said = one(asked.post("/v1/predict", json={"photos": [{"data_base64": data, "name": name}]}))

    assert said["name"].startswith("../../../etc/passwd")
    assert said["name"].isprintable()
    assert said["error"] is None


def test_model_that_is_not_there_is_told_with_the_nearest_name(
    asked: Any, photo_files: list[Path]
) -> None:
    said = refused(
        asked.post("/v1/predict?model=modle", content=photo_files[0].read_bytes(), headers=JPEG)
    )

    assert said["status"] == 404
    assert said["detail"] == "There is no model `modle`. Did you mean `model`?"


@pytest.mark.parametrize("top", ["0", "1001", "two", ""])
def test_number_of_classes_out_of_range_is_refused(asked: Any, top: str) -> None:
    said = refused(asked.post(f"/v1/predict?top={top}", content=b"x", headers=JPEG))

    assert said["status"] == 400
    assert said["at"][0].startswith("top (")


def test_overlay_is_the_one_that_the_graphs_map_makes(
    asked: Any, predictor: Predictor, photo_files: list[Path]
) -> None:
    image: NDArray[np.uint8] = decode(photo_files[4])
    _, maps = predictor.activation(image)
    drawn = heated(image, maps[1], predictor.preprocessing)

    response = asked.post(
        "/v1/explain?class=frame",
        content=photo_files[4].read_bytes(),
        headers={"content-type": "image/png"},
    )
    told = response.json()
    picture = asked.post(
        "/v1/explain?class=frame",
        content=photo_files[4].read_bytes(),
        headers={"content-type": "image/png", "accept": "image/jpeg"},
    )

    SaidExplanation.model_validate(told)
    assert told["shown_class"] == "frame"
    assert base64.b64decode(told["overlay_jpeg_base64"]) == picture.content
    assert picture.content == encode_jpeg(drawn, quality=90)


def test_class_that_is_not_there_cannot_be_explained(asked: Any, photo_files: list[Path]) -> None:
    data = photo_files[0].read_bytes()

    said = refused(asked.post("/v1/explain?class=disk", content=data, headers=JPEG))

    assert (said["status"], said["detail"]) == (
        404,
        "`model` has no class `disk`. Did you mean `disc`?",
    )


def test_several_photos_are_not_explained_at_once(asked: Any, photo_files: list[Path]) -> None:
    said = refused(asked.post("/v1/explain", files=as_forms(photo_files[:2])))

    assert said["detail"] == "2 photos were sent, and one is explained at a time."


def test_message_of_a_class_is_said_with_it(
    opened: Callable[..., Any], drawn_dataset: Dataset, predictor: Predictor, tmp_path: Path
) -> None:
    files = [drawn_dataset.path(sample) for sample in drawn_dataset.samples("validation")]
    known = next(
        file
        for file, answer in zip(files, predictor.predict(files), strict=True)
        if not answer.is_unknown
    )
    told = {name: f"{name}!" for name in predictor.classes}
    (tmp_path / "messages.yaml").write_text(json.dumps(told), encoding="utf-8")
    speaking = opened(messages=tmp_path / "messages.yaml")

    said = one(
        speaking.post(
            "/v1/predict", content=known.read_bytes(), headers={"content-type": "image/png"}
        )
    )

    assert said["message"] == f"{said['label']}!"
    assert speaking.get("/v1/models").json()["models"][0]["messages"] == told


def test_answers_are_plain_json_without_numbers_that_json_lacks(
    asked: Any, photo_files: list[Path]
) -> None:
    text = asked.post("/v1/predict", files=as_forms(photo_files)).text

    json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
