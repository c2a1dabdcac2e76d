"""A bundle's card reads back whole, and a damaged one is refused."""

import dataclasses
import json

import pytest

from lineament.artifacts.bundle import (
    INPUT,
    METADATA_KEY,
    OUTPUTS,
    BundleCard,
    GoldenPhoto,
    read_card,
    with_card,
)
from lineament.artifacts.decisions import Decisions
from lineament.artifacts.onnx_file import content_sha256
from lineament.core.errors import ArtifactError
from lineament.imaging.preprocess import Preprocessing

PREPROCESSING = Preprocessing(
    size_px=224,
    fit="letterbox",
    interpolation="bilinear",
    mean=(0.5, 0.5, 0.5),
    std=(0.25, 0.25, 0.25),
)
CARD = BundleCard(
    classes=("cat", 'dög, "x"'),
    preprocessing=PREPROCESSING,
    temperature=1.5,
    provenance={"run": "r", "seed": 7},
    parity={"largest_difference": 1e-6},
    golden=(GoldenPhoto(name="cmyk", data=bytes(range(256)), probabilities=(0.25, 0.75)),),
    messages={"cat": "It is a cat."},
    decisions=Decisions(
        photos=200,
        groups=None,
        unknown_share=0.05,
        unknown_threshold=0.4,
        set_coverage=0.9,
        set_threshold=0.2,
        confidences={"0.99": 0.8, "0.999": None},
    ),
)
FIX = "\n  fix: Export the bundle again."


def changed(**fields: object) -> dict[str, str]:
    document = json.loads(CARD.metadata()[METADATA_KEY])
    return {METADATA_KEY: json.dumps({**document, **fields})}


def golden(**fields: object) -> dict[str, str]:
    photo = {"name": "a", "data_base64": "AA==", "probabilities": [0.5, 0.5]}
    return changed(golden=[{**photo, **fields}])


def refusal(metadata: dict[str, str]) -> str:
    with pytest.raises(ArtifactError) as caught:
        read_card(metadata, name="m.onnx")
    return str(caught.value)


def test_round_trip_keeps_the_card() -> None:
    assert read_card(CARD.metadata(), name="m.onnx") == CARD


def test_card_without_threshold_and_messages_round_trips() -> None:
    card = BundleCard(
        classes=("a",),
        preprocessing=PREPROCESSING,
        temperature=1.0,
        provenance={},
        parity={},
        golden=(),
    )

    assert read_card(card.metadata(), name="m.onnx") == card


def test_other_metadata_beside_the_card_is_ignored() -> None:
    assert read_card({**CARD.metadata(), "author": "x"}, name="m.onnx") == CARD


def test_file_without_a_card_is_refused() -> None:
    assert refusal({"author": "x"}) == (
        "m.onnx is an ONNX file without Lineament's metadata.\n"
        "  fix: Name a bundle made by `lineament export`."
    )


@pytest.mark.parametrize("text", ["", "{", "nonsense"])
def test_damaged_json_is_refused(text: str) -> None:
    assert refusal({METADATA_KEY: text}) == "m.onnx has metadata that is not JSON." + FIX


def test_json_that_is_no_object_is_refused() -> None:
    assert refusal({METADATA_KEY: "[1]"}) == (
        "m.onnx has metadata that is not a JSON object." + FIX
    )


def test_newer_schema_is_refused() -> None:
    assert refusal(changed(schema_version=2)) == (
        "m.onnx has bundle schema 2; this Lineament 0.1.0 reads 1 to 1.\n"
        "  fix: Install the version of Lineament that wrote it, or a newer one."
    )


def test_other_kind_is_refused() -> None:
    assert refusal(changed(kind="run")).startswith("m.onnx is not a bundle but a run.")


@pytest.mark.parametrize(
    "metadata",
    [
        golden(data_base64="!!"),
        golden(data_base64="AAA"),
        golden(probabilities=None),
        golden(probabilities=["x"]),
        changed(golden=["x"]),
        changed(golden=[None]),
        changed(golden=[{}]),
        changed(golden=[[]]),
    ],
)
def test_damaged_golden_photo_is_refused(metadata: dict[str, str]) -> None:
    assert refusal(metadata) == "m.onnx has a damaged golden photo." + FIX


def test_golden_photo_with_answers_for_other_classes_is_refused() -> None:
    assert refusal(golden(probabilities=[1.0])) == "m.onnx has a damaged golden photo." + FIX


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("classes", None),
        ("classes", [1]),
        ("temperature", "1"),
        ("temperature", True),
        ("provenance", []),
        ("parity", None),
        ("messages", []),
        ("golden", {}),
        ("preprocessing", None),
        ("preprocessing", {"size_px": 3}),
    ],
)
def test_damaged_field_is_refused(field: str, value: object) -> None:
    refusal(changed(**{field: value}))


@pytest.mark.parametrize("threshold", ["0.4", True, [], float("nan"), -0.1, 1.1])
def test_damaged_threshold_is_refused(threshold: object) -> None:
    document = json.loads(CARD.metadata()[METADATA_KEY])

    refusal(changed(decisions={**document["decisions"], "unknown_threshold": threshold}))


def test_threshold_that_cannot_be_is_named() -> None:
    document = json.loads(CARD.metadata()[METADATA_KEY])
    confidences = {"0.99": 1.5}

    assert refusal(changed(decisions={**document["decisions"], "confidences": confidences})) == (
        "`confidences.0.99` of a model's decisions must lie from 0 to 1, found 1.5.\n"
        "  fix: The artifact is damaged; make it again."
    )


@pytest.mark.parametrize("temperature", [0, -1.0, float("nan")])
def test_temperature_that_cannot_be_is_refused(temperature: float) -> None:
    refusal(changed(temperature=temperature))


@pytest.mark.parametrize("classes", [[], ["cat", "cat"]])
def test_class_list_that_cannot_be_is_refused(classes: list[str]) -> None:
    refusal(changed(classes=classes, golden=[]))


def test_message_that_is_no_text_is_refused() -> None:
    refusal(changed(messages={"cat": 3}))


def test_card_travels_in_an_onnx_file() -> None:
    onnx = pytest.importorskip("onnx")
    graph = onnx.helper.make_graph([], "g", [], [])
    model = onnx.helper.make_model(graph)

    proto = onnx.load_model_from_string(with_card(model.SerializeToString(), CARD))

    found = {entry.key: entry.value for entry in proto.metadata_props}
    assert read_card(found, name="m.onnx") == dataclasses.replace(
        CARD, content_sha256=content_sha256(model.SerializeToString())
    )


def test_new_card_replaces_the_old_one() -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.helper.make_model(onnx.helper.make_graph([], "g", [], [])).SerializeToString()

    proto = onnx.load_model_from_string(with_card(with_card(model, CARD), CARD))

    assert [entry.key for entry in proto.metadata_props] == [METADATA_KEY]


def test_names_of_input_and_outputs_are_a_promise() -> None:
    assert (INPUT, OUTPUTS) == ("image", ("probabilities", "embedding", "activation"))
