"""Bundles with a whole card, kept for ever: they load, state, and answer what they did when made.

`make_whole_bundles.py` made them, and the JSON file beside each that says what is expected.
"""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from lineament.artifacts.bundle import METADATA_KEY, read_bundle, read_card, with_card
from lineament.artifacts.onnx_file import content_sha256, join, read_model, split
from lineament.core.errors import ArtifactError
from lineament.runtime.predictor import Predictor
from lineament.runtime.verifying import verify

FOLDER = Path(__file__).parent
NAMES = ["bundle-schema-1-fp32", "bundle-schema-1-int8"]
LARGEST_BYTES = 300_000


@pytest.fixture(params=NAMES)
def bundle(request: pytest.FixtureRequest) -> Path:
    return FOLDER / f"{request.param}.onnx"


@pytest.fixture
def expected(bundle: Path) -> Mapping[str, object]:
    stated = json.loads(bundle.with_suffix(".json").read_text(encoding="utf-8"))
    return cast(Mapping[str, object], stated)


def stored(bundle: Path) -> dict[str, object]:
    """The card as the file holds it."""
    _, metadata = split(read_model(bundle), name=str(bundle))
    document: dict[str, object] = json.loads(metadata[METADATA_KEY])
    return document


def with_document(bundle: Path, target: Path, **changed: object) -> Path:
    """Write a bundle whose card says something else."""
    graph, _ = split(read_model(bundle), name=str(bundle))
    text = json.dumps({**stored(bundle), **changed})
    target.write_bytes(join(graph, {METADATA_KEY: text}))
    return target


def refusal(bundle: Path) -> str:
    with pytest.raises(ArtifactError) as caught:
        read_bundle(bundle)
    return str(caught.value)


def test_every_whole_bundle_is_here_with_what_is_expected() -> None:
    assert sorted(path.stem for path in FOLDER.glob("bundle-schema-1-*.onnx")) == NAMES
    assert sorted(path.stem for path in FOLDER.glob("bundle-schema-1-*.json")) == NAMES


def test_card_states_what_it_stated(bundle: Path, expected: Mapping[str, object]) -> None:
    _, card = read_bundle(bundle)

    found = json.loads(json.dumps(card.as_dict()))
    found["golden"] = [photo["name"] for photo in found["golden"]]
    # Who writes it today may be a newer version, which may state more.
    wanted = cast(dict[str, object], expected["card"])
    assert {**found, "lineament": wanted["lineament"]} == {**found, **wanted}


def test_every_field_of_the_card_is_in_use(bundle: Path) -> None:
    _, card = read_bundle(bundle)

    assert card.content_sha256
    assert card.backbone_sha256
    assert card.unknown_threshold is not None
    assert card.tested is not None
    assert card.tested.headline["accuracy"].n == card.tested.photos
    assert card.tested.graph_sha256 == card.content_sha256
    assert all(photo.familiarity is not None for photo in card.golden)
    assert (card.precision is not None) == (card.arithmetic == "int8")


def test_arithmetic_is_the_one_of_the_name(bundle: Path) -> None:
    assert bundle.stem.endswith(read_bundle(bundle)[1].arithmetic)


def test_golden_photos_are_answered_as_they_were(bundle: Path) -> None:
    found = verify(bundle)

    assert len(found.card.golden) == 13
    assert [proof.wrong for proof in found.proofs] == [[] for _ in found.proofs]
    assert found.passed


def test_drawn_photos_are_answered_as_they_were(
    bundle: Path, expected: Mapping[str, object]
) -> None:
    predictor, allowed = Predictor(bundle), read_bundle(bundle)[1].allowed_difference
    wanted = cast(list[Mapping[str, object]], expected["answers"])
    files = [base64.b64decode(str(each["data_base64"])) for each in wanted]

    answers = list(predictor.predict(files))

    assert [each["is_unknown"] for each in wanted] == [False] * 6 + [True]
    for answer, each in zip(answers, wanted, strict=True):
        stated = np.asarray(each["probabilities"], dtype=np.float64)
        assert answer.probabilities is not None
        assert answer.familiarity is not None
        assert np.abs(answer.probabilities - stated).max() <= allowed
        assert abs(answer.familiarity - cast(float, each["familiarity"])) <= 10 * allowed
        assert (answer.label, answer.is_unknown) == (each["label"], each["is_unknown"])


def test_field_of_a_later_version_is_passed_over(bundle: Path, tmp_path: Path) -> None:
    decisions = {**cast(dict[str, object], stored(bundle)["decisions"]), "later": 1}
    later = with_document(bundle, tmp_path / "m.onnx", later={"a": 1}, decisions=decisions)

    assert read_bundle(later)[1] == read_bundle(bundle)[1]


def test_later_schema_is_refused(bundle: Path, tmp_path: Path) -> None:
    later = with_document(bundle, tmp_path / "m.onnx", schema_version=2)

    assert refusal(later) == (
        f"{later} has bundle schema 2; this Lineament 0.1.0 reads 1 to 1.\n"
        "  fix: Install the version of Lineament that wrote it, or a newer one."
    )


def test_changed_graph_is_refused(bundle: Path, tmp_path: Path) -> None:
    data, name = bytearray(bundle.read_bytes()), b"lineament/familiarity_offsets"
    # An ONNX file holds a constant's name, a tag, a length of one byte, then its numbers.
    data[data.rindex(name) + len(name) + 2] ^= 1
    changed = tmp_path / "m.onnx"
    changed.write_bytes(data)

    assert refusal(changed) == (
        f"{changed} was changed after it was exported.\n"
        "  fix: Export the run again; a bundle is not edited by hand."
    )


def test_card_on_another_graph_is_refused(tmp_path: Path) -> None:
    first, second = (FOLDER / f"{name}.onnx" for name in NAMES)
    graph, _ = split(read_model(first), name="first")
    _, metadata = split(read_model(second), name="second")
    mixed = tmp_path / "m.onnx"
    mixed.write_bytes(join(graph, metadata))

    assert refusal(mixed).startswith(f"{mixed} was changed after it was exported.\n")


def test_bundle_is_written_again_byte_for_byte(bundle: Path) -> None:
    graph, metadata = split(read_model(bundle), name=str(bundle))

    assert join(graph, metadata) == bundle.read_bytes()
    assert content_sha256(graph) == stored(bundle)["content_sha256"]


def test_card_that_is_written_again_reads_the_same(bundle: Path) -> None:
    graph, card = read_bundle(bundle)

    assert read_card(split(with_card(graph, card), name="again")[1], name="again") == card


def test_bundle_is_small_enough_for_a_repository(bundle: Path) -> None:
    size = bundle.stat().st_size + bundle.with_suffix(".json").stat().st_size

    assert size < LARGEST_BYTES
