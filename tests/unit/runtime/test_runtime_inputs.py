"""A predictor answers whatever holds a photo, in order, however many there are."""

import io
import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lineament.core.errors import ImageError, UsageError
from lineament.imaging.elongated import LONGEST_PX
from lineament.runtime import engines
from lineament.runtime.engines import OnnxRuntimeEngine
from lineament.runtime.predictor import Image as Image_
from lineament.runtime.predictor import Predictor


@pytest.fixture(scope="module")
def predictor(small_bundle: Path) -> Predictor:
    return Predictor(small_bundle)


@pytest.fixture
def photo(draw_photo: Callable[..., NDArray[np.uint8]]) -> NDArray[np.uint8]:
    return draw_photo(4, 40, 50, kind=1)


def png(photo: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_photo_is_answered_alike_in_every_form(
    predictor: Predictor, photo: NDArray[np.uint8], tmp_path: Path
) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(png(photo))
    forms: list[Image_] = [path, str(path), png(photo), Image.open(path), photo]

    answers = list(predictor.predict(forms))

    assert [answer.source for answer in answers] == [str(path), str(path), "#2", "#3", "#4"]
    first = answers[0].probabilities
    assert first is not None
    for answer in answers:
        assert answer.error == ""
        assert np.array_equal(np.asarray(answer.probabilities), first)
        assert answer.seconds > 0


def test_answer_names_its_class(predictor: Predictor, photo: NDArray[np.uint8]) -> None:
    (answer,) = predictor.predict([photo])

    assert answer.probabilities is not None
    assert answer.label == predictor.classes[int(answer.probabilities.argmax())]
    assert answer.confidence == float(answer.probabilities.max())
    assert answer.top(2)[0] == (answer.label, answer.confidence)


def test_answer_without_one_names_none(predictor: Predictor) -> None:
    (answer,) = predictor.predict([b"no photo"])

    assert (answer.source, answer.label, answer.confidence) == ("#0", "", None)
    assert answer.error == "not an image, or an unsupported format"
    assert answer.top(3) == []


def test_reason_is_handed_on_as_the_answer(predictor: Predictor, photo: NDArray[np.uint8]) -> None:
    first, second = predictor.predict([ImageError("encrypted"), photo])

    assert (first.error, first.probabilities) == ("encrypted", None)
    assert second.error == ""


def test_grey_pixels_and_pixels_with_alpha_are_answered(
    predictor: Predictor, photo: NDArray[np.uint8]
) -> None:
    grey = photo[:, :, 0]
    opaque = np.dstack([photo, np.full(photo.shape[:2], 255, np.uint8)])

    as_grey, as_three, as_rgb, as_rgba = predictor.predict(
        [grey, np.dstack([grey] * 3), photo, opaque]
    )

    assert np.array_equal(np.asarray(as_grey.probabilities), np.asarray(as_three.probabilities))
    assert np.array_equal(np.asarray(as_rgb.probabilities), np.asarray(as_rgba.probabilities))


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (np.zeros((4, 4, 3), np.float32), "float32 (4, 4, 3)"),
        (np.zeros((3, 4, 5), np.uint8), "uint8 (3, 4, 5)"),
        (np.zeros((1, 4, 4, 3), np.uint8), "uint8 (1, 4, 4, 3)"),
        (7, "int"),
        (None, "NoneType"),
    ],
)
def test_what_is_no_photo_is_refused(other: object, what: str, predictor: Predictor) -> None:
    with pytest.raises(UsageError) as caught:
        list(predictor.predict([other]))  # type: ignore[list-item]  # that is the point

    assert str(caught.value) == (
        f"A photo is a path, bytes, an image of Pillow or `uint8 (H, W, 3)`, got {what}.\n"
        "  fix: Give pixels as they are decoded: RGB, 0 to 255, not yet resized or normalised."
    )


def test_endless_stream_is_answered_as_it_comes(
    predictor: Predictor, photo: NDArray[np.uint8]
) -> None:
    taken = 0

    def endless() -> Iterator[NDArray[np.uint8]]:
        nonlocal taken
        for _ in itertools.count():
            taken += 1
            yield photo

    answers = list(itertools.islice(predictor.predict(endless(), count=3), 20))

    assert len(answers) == 20
    assert taken < 20 + 50


def test_threads_may_share_a_predictor(predictor: Predictor, photo: NDArray[np.uint8]) -> None:
    together = threading.Barrier(4, timeout=30)
    photos = [np.roll(photo, shift, axis=1) for shift in range(8)]
    alone = [answer.probabilities for answer in predictor.predict(photos)]

    def ask(_: int) -> list[NDArray[np.float32] | None]:
        together.wait()
        return [answer.probabilities for answer in predictor.predict(photos)]

    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(ask, range(4)):
            assert all(
                np.array_equal(np.asarray(a), np.asarray(b))
                for a, b in zip(alone, found, strict=True)
            )


@pytest.mark.parametrize(("limit", "most_allowed"), [("LARGE_BYTES", 5999), ("LARGE_COLUMNS", 49)])
def test_large_photos_are_answered_one_after_the_other(
    limit: str,
    most_allowed: int,
    small_bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
    photo: NDArray[np.uint8],
) -> None:
    monkeypatch.setattr(engines, limit, most_allowed)
    running, most = 0, 0
    lock, run = threading.Lock(), OnnxRuntimeEngine.run

    def counted(self: object, *arguments: object) -> object:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        found = run(self, *arguments)  # type: ignore[arg-type]  # passed through
        with lock:
            running -= 1
        return found

    monkeypatch.setattr(OnnxRuntimeEngine, "run", counted)

    several = Predictor(small_bundle, threads=4)
    assert len(list(several.predict([photo] * 40))) == 40
    assert most == 1


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_no_engine_sees_a_photo_of_too_many_columns(
    engine: str, small_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine == "openvino":
        pytest.importorskip("openvino")
    predictor = Predictor(small_bundle, engine=engine)
    kind = type(predictor.engine)
    run, seen = kind.run, []

    def noted(self: object, image: NDArray[np.uint8], outputs: Sequence[str]) -> object:
        seen.append(image.shape[1:3])
        return run(self, image, outputs)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr(kind, "run", noted)
    long = np.zeros((2, LONGEST_PX + 1, 3), np.uint8)
    path = tmp_path / "long.png"
    path.write_bytes(png(long))

    list(predictor.predict([long]))
    predictor.predict_image(long)
    predictor.activation(long)
    predictor.predict_files([path])

    assert seen == [(2, LONGEST_PX)] * 4
