"""Multiplications are counted where they are, also where nothing is constant."""

import numpy as np
import onnx
from numpy.typing import NDArray

from lineament.exporting.products import products, share
from lineament.exporting.quantising import Quantiser
from lineament.exporting.wiring import Wiring

PHOTO = np.zeros((12, 16, 3), np.uint8)


def counted(graph: bytes) -> dict[str, int]:
    model = onnx.load_model_from_string(graph)
    return products(model, Wiring(model), PHOTO)


def test_convolutions_multiply_each_place_by_their_weights(layered: bytes) -> None:
    places = 12 * 16

    assert counted(layered) == {
        "first": 8 * places * 3 * 9,
        "depthwise": 8 * places * 9,
        "narrow": 8 * places * 8,
        "last": 8 * places * 8,
    }


def test_products_of_tokens_by_tokens_are_counted(tokens: bytes) -> None:
    n = 12 * 16

    assert counted(tokens) == {
        "patches": 8 * n * 3,
        "similar": n * n * 8,
        "wide": n * 16 * 8,
        "back": n * 8 * 16,
        "mixing": n * 8 * n,
    }


def test_share_is_of_all_multiplications() -> None:
    assert share({"a": 30, "b": 10}, ["b"]) == 0.25
    assert share({"a": 30, "b": 10}, []) == 0.0


def test_quantiser_says_what_share_is_between_integers(
    tokens: bytes, noise: list[NDArray[np.uint8]]
) -> None:
    quantiser = Quantiser(tokens, noise)
    found = counted(tokens)
    chosen = found["patches"] + found["wide"] + found["back"]

    assert quantiser.share() == chosen / sum(found.values())  # the first of the noise is 12 x 16
    assert quantiser.share(kept=quantiser.layers) == 0.0
