"""A refusal says by how much, and which layers are to blame."""

import pytest

from lineament.artifacts.precision import Precision
from lineament.core.errors import GateError
from lineament.exporting.quantising import Harm
from lineament.exporting.refusing import require_accuracy, require_agreement, require_share

HARMS = [Harm(layer=f"Conv_{n}", difference=1 / (n + 1)) for n in range(8)]


def cost(*, accuracy: float = 0.75, kept: tuple[str, ...] = ()) -> Precision:
    return Precision(
        arithmetic="int8",
        engine="an engine",
        photos=1200,
        accuracy=accuracy,
        exact_accuracy=0.75,
        agreement=1.0,
        largest_difference=0.0,
        log_loss=0.1,
        exact_log_loss=0.1,
        calibration_error=0.01,
        exact_calibration_error=0.01,
        max_drop=0.5,
        kept=kept,
    )


def test_accuracy_that_is_lost_is_said_with_the_layers() -> None:
    with pytest.raises(GateError) as caught:
        require_accuracy(cost(accuracy=0.5), blamed=HARMS[:1])

    assert str(caught.value) == (
        "The bundle was not exported in int8: that costs 25.00 points of accuracy on 1,200 "
        "validation photos (from 75.00 to 50.00 %), more than `max_drop` allows (0.5).\n"
        "  at:  Conv_0 (moves embeddings by 100 %)\n"
        "  fix: Export it in fp32, or allow more with `--max-drop`."
    )


def test_accuracy_within_the_limit_passes() -> None:
    require_accuracy(cost(accuracy=0.7451), blamed=HARMS)


def test_engines_that_disagree_are_named_with_photos_and_layers() -> None:
    with pytest.raises(GateError) as caught:
        require_agreement(
            ["wide (0.4) by Off 1.0, int8"],
            cost(kept=("Conv_0", "Conv_1", "Conv_2", "Conv_3")),
            allowed=0.25,
            blamed=HARMS[:8],
        )

    assert caught.value.what == (
        "The bundle was not exported in int8: engines answer the golden photos differently, by "
        "more than 0.25 in a probability, also with 4 of 8 layers in float32."
    )
    assert caught.value.at == (
        "wide (0.4) by Off 1.0, int8",
        "Conv_0 (moves embeddings by 100 %)",
        "Conv_1 (moves embeddings by 50 %)",
        "Conv_2 (moves embeddings by 33 %)",
        "Conv_3 (moves embeddings by 25 %)",
        "Conv_4 (moves embeddings by 20 %)",
    )
    assert caught.value.fix == "Export it in fp32."


def test_no_layer_is_blamed_where_none_was_chosen() -> None:
    with pytest.raises(GateError) as caught:
        require_agreement(["wide (0.4) by Off 1.0, bf16"], cost(), allowed=0.25, blamed=())

    assert caught.value.what.endswith("by more than 0.25 in a probability.")


def test_little_between_integers_is_not_called_int8() -> None:
    require_share(0.5, HARMS, 2)

    with pytest.raises(GateError) as caught:
        require_share(0.024, HARMS, 2)

    assert str(caught.value) == (
        "The bundle was not exported in int8: only 2 % of its backbone's multiplications would be "
        "between integers, less than 50 %; 2 of 8 layers would stay in float32.\n"
        "  at:  Conv_0 (moves embeddings by 100 %), Conv_1 (moves embeddings by 50 %)\n"
        "  fix: Export it in fp32."
    )
