"""Warnings tell vanishing, exploding, torn and dead layers from healthy ones, and name one."""

import math
from collections.abc import Mapping, Sequence

import pytest

from lineament.artifacts.histograms import LayerValues
from lineament.training.instruments.health import (
    EXPLODED,
    GROWN,
    OVERSHOT,
    TORN,
    VANISHED,
    ailments,
)

WELL = [0.4, 2.0, 9.0, 30.0, 0.2, 3.0]


def layers(
    pulls: Sequence[float], ratios: float | Sequence[float | None] = 1e-3
) -> tuple[list[LayerValues], Mapping[str, int]]:
    """Layers a, b, c... of four values each, with these pulls."""
    rows = []
    each = [ratios] * len(pulls) if isinstance(ratios, float) else list(ratios)
    for name, pull, ratio in zip("abcdefghij", pulls, each, strict=False):
        rows.append(row(name, "parameter", 0.5, ratio))
        rows.append(row(name, "gradient", pull / 2))
    return rows, {row.layer: 4 for row in rows}


def row(layer: str, kind: str, rms: float, ratio: float | None = None) -> LayerValues:
    return LayerValues(
        epoch=1,
        layer=layer,
        kind=kind,
        low=-rms,
        high=rms,
        counts=(2, 2),
        rms=rms,
        zero_fraction=0.0,
        update_ratio=ratio,
    )


def said(
    pulls: Sequence[float],
    ratios: float | Sequence[float | None] = 1e-3,
    *,
    before: Sequence[float] = (),
    growths: Sequence[float] = (),
) -> dict[str, str]:
    rows, sizes = layers(pulls, ratios)
    return ailments(rows, layers(before)[0], sizes, dict(zip(sizes, growths, strict=False)))


def test_healthy_layers_are_not_spoken_of() -> None:
    assert said(WELL, before=WELL) == {}


def test_small_gradients_everywhere_are_healthy() -> None:
    assert said([pull * 1e-9 for pull in WELL]) == {}


def test_layers_in_between_may_have_next_to_none() -> None:
    assert said([0.4, 2.0, 1e-9, 1e-9, 0.2, 3.0]) == {}


def test_vanishing_names_layers_figure_and_ways_out() -> None:
    assert said([2e-8, 1e-7, 1e-6, 1e-3, 0.2, 0.1]) == {
        "vanishing": "vanishing gradients: the pull of 2 of 6 layers, next to the input, is at "
        "most 5e-07 of that of the others, a the least; put batch norm or shortcuts between them, "
        "use ReLU, or begin with pretrained weights"
    }


def test_vanishing_begins_at_its_bound() -> None:
    assert set(said([VANISHED * 0.9, 1.0, 1.0, 1.0])) == {"vanishing"}
    assert said([VANISHED * 1.1, 1.0, 1.0, 1.0]) == {}


def test_three_layers_are_too_few_to_vanish() -> None:
    assert said([1e-9, 1.0, 1.0]) == {}


def test_exploding_names_layers_figure_and_ways_out() -> None:
    assert said([2e4, 5e4, 1e3, 40.0], 1e-6) == {
        "exploding": "exploding gradients: in 3 of 4 layers a thousandth of the weights could "
        "change the loss by 1 or more, in b by 50; put batch norm between them, begin with "
        "smaller weights, or lower the rate"
    }


def test_exploding_begins_with_half_of_the_layers() -> None:
    assert set(said([EXPLODED * 1.1] * 2 + [1.0] * 2, 1e-6)) == {"exploding"}
    assert said([EXPLODED * 1.1] + [1.0] * 3, 1e-6) == {}
    assert said([EXPLODED * 0.9] * 4, 1e-6) == {}


def test_gradients_that_are_no_numbers_explode() -> None:
    assert "exploding" in said([math.nan] * 4, 1e-6)


def test_torn_layers_are_named() -> None:
    assert said([1e-3] * 4, [0.2, 0.33, 0.01, 0.16]) == {
        "steps": "exploding steps: one step moves 3 of 4 layers by 15% of their length or more, b "
        "by 33%; lower the rate to a tenth, or let `--find-lr` propose one"
    }


def test_layers_are_torn_from_their_bound_on() -> None:
    assert set(said(WELL, TORN * 1.01)) == {"steps"}
    assert said([pull / 100 for pull in WELL], TORN * 0.99) == {}


def test_head_alone_is_not_torn() -> None:
    assert said([0.1], 0.5) == {}


def test_step_that_could_change_the_loss_far_is_named() -> None:
    assert said([1.0, 2.0, 3.0, 800.0], [1e-3, 1e-3, 1e-3, 0.05]) == {
        "steps": "exploding steps: through 1 of 4 layers one step could change the loss by 10 or "
        "more, through d by 40; lower the rate to a tenth, or let `--find-lr` propose one"
    }


def test_steps_are_too_far_from_their_bound_on() -> None:
    assert set(said([1.0, 500.0], OVERSHOT / 500 * 1.01)) == {"steps"}
    assert said([1.0, 500.0], OVERSHOT / 500 * 0.99) == {}


def test_layers_that_grew_are_named() -> None:
    assert said(WELL, growths=[8.5, 1.0, 4.5, 16.3, 1.2, 1.1]) == {
        "steps": "exploding steps: within an epoch 3 of 6 layers grew to 4 times their length or "
        "more, d to 16 times; lower the rate to a tenth, or let `--find-lr` propose one"
    }


def test_layers_have_grown_from_their_bound_on() -> None:
    assert set(said(WELL, growths=[GROWN * 1.01] * 6)) == {"steps"}
    assert said(WELL, growths=[GROWN * 0.99] * 6) == {}
    assert said(WELL, growths=[GROWN * 2] * 2 + [1.0] * 4) == {}


def test_head_alone_may_grow() -> None:
    assert said([0.1], growths=[9.0]) == {}


def test_dead_layers_are_named() -> None:
    assert said([0.1, 0.0, 0.2, 0.0, 2.0], before=[0.1, 0.0, 0.2, 0.0, 2.0]) == {
        "dead": "dead layers: 2 of 5 layers got no gradient at all at the end of two epochs, the "
        "first of them b; begin anew with a lower rate, or put batch norm before each ReLU"
    }


@pytest.mark.parametrize("before", [(), WELL])
def test_no_gradient_in_one_epoch_alone_is_no_sign(before: Sequence[float]) -> None:
    assert said([0.4, 2.0, 0.0, 0.0, 0.2, 3.0], before=before) == {}


def test_layers_without_a_length_have_no_ratio() -> None:
    assert said(WELL, [None] * 6) == {}


def test_epoch_without_a_watched_step_has_no_ailments() -> None:
    rows, sizes = layers(WELL)

    assert ailments([row for row in rows if row.kind == "parameter"], rows, sizes, {}) == {}


def test_what_is_neither_matrix_nor_filter_does_not_count() -> None:
    rows, sizes = layers([1e-9, 1.0, 1.0, 1.0])

    counted = {name: size for name, size in sizes.items() if name != "a"}
    assert ailments(rows, (), counted, {"a": 99.0, "z": 99.0}) == {}
