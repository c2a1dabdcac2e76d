"""Rows are chosen and ordered by any field, and a misspelt one is refused with a suggestion."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineament.core.errors import UsageError
from lineament.workflow.listing import Cell, RunRow
from lineament.workflow.selecting import check_names, condition, ordered

CELLS = st.one_of(st.none(), st.integers(-5, 5), st.floats(-5, 5), st.sampled_from(["a", "B", ""]))


def row(name: str, **recipe: object) -> RunRow:
    document = {"recipe": recipe, "chosen": {"epoch": 3}}
    return RunRow(name=name, folder=Path(name), status="complete", document=document)


def chosen(text: str, rows: Sequence[RunRow]) -> list[str]:
    return [each.name for each in rows if condition(text).holds(each)]


ROWS = (
    row("a", learning_rate=1e-3, optimiser="adamw", flip=True),
    row("b", learning_rate=1e-2, optimiser="sgd", flip=False),
    row("c", learning_rate=None, optimiser="adamw", flip=True),
)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("optimiser=adamw", ["a", "c"]),
        ("optimiser==adamw", ["a", "c"]),
        ("optimiser!=adamw", ["b"]),
        ("learning_rate=0.001", ["a"]),
        ("learning_rate=1e-3", ["a"]),
        ("learning_rate!=1e-3", ["b", "c"]),
        ("learning_rate=none", ["c"]),
        ("learning_rate=", ["c"]),
        ("learning_rate>=1e-2", ["b"]),
        ("learning_rate < 1e-2", ["a"]),
        ("learning_rate>0", ["a", "b"]),
        ("learning_rate<=1", ["a", "b"]),
        ("flip=true", ["a", "c"]),
        ("flip=1", []),
        ("optimiser>0", []),
        ("chosen.epoch=3", ["a", "b", "c"]),
        ("name=b", ["b"]),
    ],
)
def test_condition_chooses(text: str, names: list[str]) -> None:
    assert chosen(text, ROWS) == names


@pytest.mark.parametrize("text", ["mode", "=head", "", "a b=1", ">=3"])
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        condition(text)

    assert str(caught.value) == (
        f"`{text}` is no condition.\n"
        "  fix: Write for example `--where mode=head` or `--where 'validation_accuracy>=0.9'`."
    )


def test_order_of_a_word_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        condition("mode>=head")

    assert str(caught.value) == (
        "`mode>=head` compares with 'head', which is not a number.\n"
        "  fix: Give a number, or use `mode=head`."
    )


def test_empty_cells_come_last_in_either_direction() -> None:
    assert [each.name for each in ordered(ROWS, "learning_rate")] == ["a", "b", "c"]
    assert [each.name for each in ordered(ROWS, "learning_rate", is_reversed=True)] == [
        *("b", "a", "c")
    ]


def test_rows_with_equal_cells_keep_their_order() -> None:
    assert [each.name for each in ordered(ROWS, "optimiser", is_reversed=True)] == ["b", "a", "c"]


@given(st.lists(CELLS), st.booleans())
def test_ordering_loses_nothing_and_is_the_same_for_any_mixture(
    cells: list[Cell], is_reversed: bool
) -> None:
    rows = [row(str(place), learning_rate=cell) for place, cell in enumerate(cells)]

    found = ordered(rows, "learning_rate", is_reversed=is_reversed)

    assert sorted(each.name for each in found) == sorted(each.name for each in rows)
    assert ordered(found, "learning_rate", is_reversed=is_reversed) == found


def test_columns_recipe_fields_and_dotted_names_are_known() -> None:
    check_names(["validation_loss", "dropout", "chosen.epoch", "chosen"], ROWS)


def test_unknown_fields_are_refused_with_a_suggestion() -> None:
    with pytest.raises(UsageError) as caught:
        check_names(["learning_rat", "chosen.epok"], ROWS)

    assert str(caught.value) == (
        "Runs have no field `learning_rat`. Did you mean `learning_rate`? `chosen.epok`. Did you "
        "mean `chosen.epoch`?\n"
        "  fix: There are name, status, mode, backbone, weights, dataset, seed, epochs, "
        "validation_loss, validation_accuracy, test_accuracy, test_low, test_high, test_photos, "
        "seconds, stopped, the fields of recipes, and dotted names of run.json such as "
        "chosen.epoch."
    )


def test_dotted_names_are_not_refused_where_no_run_says_which_there_are() -> None:
    check_names(["chosen.epoch"], ())
    with pytest.raises(UsageError, match="Runs have no field `nonsense`"):
        check_names(["nonsense"], ())
