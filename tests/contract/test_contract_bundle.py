"""Bundles of every released schema version still load, and answer what they answered then.

`make_bundle.py` made the files; the names below say which schema version.
"""

from pathlib import Path

import numpy as np
import pytest

from lineament.artifacts.bundle import BundleCard, read_bundle
from lineament.explanation.explain import explain
from lineament.imaging.decode import decode
from lineament.runtime.predictor import Predictor

STORED = sorted(Path(__file__).parent.glob("bundle-schema-[0-9].onnx"))
IDS = [path.stem for path in STORED]


def card_of(path: Path) -> BundleCard:
    return read_bundle(path)[1]


def test_every_schema_version_has_its_bundle() -> None:
    assert IDS == ["bundle-schema-1"]


@pytest.mark.parametrize("path", STORED, ids=IDS)
def test_stored_bundle_states_its_classes_and_preprocessing(path: Path) -> None:
    card = card_of(path)

    assert card.classes == ("dark", "light")
    assert (card.preprocessing.size_px, card.preprocessing.fit) == (32, "letterbox")
    assert card.preprocessing.interpolation == "bicubic"
    assert card.temperature > 0
    assert card.provenance["mode"] == "head"


@pytest.mark.parametrize("path", STORED, ids=IDS)
def test_stored_bundle_answers_its_golden_photos_as_it_did(path: Path) -> None:
    card, predictor = card_of(path), Predictor(path)

    assert len(card.golden) == 12
    for photo in card.golden:
        image = decode(photo.data, short_side_px=card.preprocessing.needed_short_side_px)

        answer = predictor.predict_image(image)

        assert np.abs(answer - np.asarray(photo.probabilities)).max() <= 1e-3, photo.name


@pytest.mark.parametrize("path", STORED, ids=IDS)
def test_stored_bundle_tells_its_golden_photos_apart(path: Path) -> None:
    answers = np.array([photo.probabilities for photo in card_of(path).golden])

    assert np.ptp(answers, axis=0).max() > 0.2


@pytest.mark.parametrize("path", STORED, ids=IDS)
def test_stored_bundle_predicts_files(path: Path, tmp_path: Path) -> None:
    card, predictor = card_of(path), Predictor(path)
    files = []
    for photo in card.golden:
        files.append(tmp_path / photo.name)
        files[-1].write_bytes(photo.data)

    for answer, photo in zip(predictor.predict(files), card.golden, strict=True):
        assert answer.error == ""
        expected = np.asarray(photo.probabilities)
        assert answer.probabilities is not None
        assert np.abs(answer.probabilities - expected).max() <= 1e-3


@pytest.mark.parametrize("path", STORED, ids=IDS)
def test_stored_bundle_explains_files(path: Path, tmp_path: Path) -> None:
    photo = tmp_path / "usual.png"
    photo.write_bytes(card_of(path).golden[0].data)

    (explained,) = explain(path, [photo], tmp_path / "out")

    assert explained.answer in ("dark", "light")


@pytest.mark.parametrize("path", STORED, ids=IDS)
def test_stored_bundle_is_small_enough_for_a_repository(path: Path) -> None:
    assert path.stat().st_size < 400_000
