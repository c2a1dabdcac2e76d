"""A space holds what a recipe takes, and refuses at once what no training could."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineament.core.config import resolve
from lineament.core.errors import UsageError
from lineament.training.recipe import TrainConfig
from lineament.workflow.studies.space import Choice, Range, Space, read_space

FIX = (
    "\n  fix: Give a number's range as `{low: 1e-5, high: 1e-2}`, with `log: true` or a `step`, "
    "and anything else as a list."
)
DECLARED: dict[str, object] = {
    "learning_rate": {"low": 1e-5, "high": 1e-2, "log": True},
    "dropout": {"low": 0.0, "high": 0.5, "step": 0.1},
    "optimiser": ["adamw", "sgd"],
    "batch_size": {"low": 16, "high": 64, "step": 16},
    "weight_decay": {"low": 0, "high": 1},
    "hidden": {"low": 1, "high": 1000, "log": True},
    "widths": [[8, 16], [8, 16, 32]],
    "average": [None, 0.998],
}


def refusal(name: str, said: object) -> str:
    with pytest.raises(UsageError) as caught:
        read_space({name: said})
    return str(caught.value).removeprefix("search.space: ").removesuffix(FIX)


def test_space_is_what_was_declared() -> None:
    assert read_space(DECLARED).fields == {
        "learning_rate": Range(low=1e-5, high=1e-2, log=True),
        "dropout": Range(low=0.0, high=0.5, step=0.1),
        "optimiser": Choice(values=("adamw", "sgd")),
        "batch_size": Range(low=16, high=64, is_whole=True, step=16),
        "weight_decay": Range(low=0.0, high=1.0),
        "hidden": Range(low=1, high=1000, is_whole=True, log=True),
        "widths": Choice(values=((8, 16), (8, 16, 32))),
        "average": Choice(values=(None, 0.998)),
    }


def test_written_space_is_read_as_the_same() -> None:
    space = read_space(DECLARED)

    assert read_space(space.as_dict()) == space


def test_whole_numbers_without_a_step_are_all_meant() -> None:
    space = read_space({"epochs": {"low": 3, "high": 6}})

    assert [space.values(draw) for draw in space.draws()] == [{"epochs": n} for n in (3, 4, 5, 6)]


def test_steps_are_not_rounded() -> None:
    space = read_space({"dropout": {"low": 0.1, "high": 0.7, "step": 0.2}})

    assert [space.values(draw)["dropout"] for draw in space.draws()] == [0.1, 0.3, 0.5, 0.7]


def test_size_counts_every_combination() -> None:
    counted = {name: DECLARED[name] for name in ("dropout", "optimiser", "batch_size", "widths")}

    assert read_space(counted).size == 6 * 2 * 4 * 2
    assert len(list(read_space(counted).draws())) == 6 * 2 * 4 * 2
    assert read_space(DECLARED).size is None


@pytest.mark.parametrize(
    ("field", "drawn", "value"),
    [
        (Range(low=1e-5, high=1e-2, log=True), 0.000123456789, 0.0001235),
        (Range(low=0.0, high=1.0), 0.123456789, 0.123),
        (Range(low=0.0, high=300.0), 123.456789, 123.5),
        (Range(low=0.12341, high=0.12349), 0.123456, 0.123456),
        (Range(low=0.123449, high=9.0, log=True), 0.123449, 0.123449),
    ],
)
def test_drawn_numbers_keep_few_digits_and_their_bounds(
    field: Range, drawn: float, value: float
) -> None:
    assert field.value(drawn) == value


@given(st.floats(1e-6, 1e3), st.floats(1.001, 1e3), st.floats(0, 1), st.booleans())
def test_no_draw_leaves_its_range(low: float, factor: float, part: float, log: bool) -> None:
    high = low * factor
    drawn = low * math.exp(part * math.log(factor)) if log else low + part * (high - low)

    value = Range(low=low, high=high, log=log).value(min(drawn, high))

    assert low <= value <= high
    assert value == pytest.approx(drawn, rel=1e-3, abs=1e-3 * (high - low))


@given(st.data())
def test_every_draw_is_a_configuration(data: st.DataObject) -> None:
    space = read_space({name: said for name, said in DECLARED.items() if name != "widths"})
    draw: dict[str, int | float] = {}
    for name, field in space.fields.items():
        if field.places:
            draw[name] = data.draw(st.sampled_from(field.places))
        elif isinstance(field, Range):
            draw[name] = data.draw(st.floats(field.low, field.high))

    values = space.values(draw)

    assert resolve(TrainConfig, values, {}).as_dict().items() >= values.items()


@pytest.mark.parametrize(
    ("name", "said", "problem"),
    [
        (
            "learning_rat",
            [1e-3, 1e-2],
            "there is no field `learning_rat`. Did you mean `learning_rate`?",
        ),
        ("seed", [0, 1], "`seed` is not searched: what is found would be luck."),
        ("fold", [1, 2], "`fold` is not searched: what is found would be luck."),
        ("dropout", 0.5, "`dropout` must be a range or a list, got 0.5."),
        (
            "optimiser",
            {"low": 0, "high": 1},
            "`optimiser` is not a number: give a list of values.",
        ),
        (
            "optimiser",
            ["adamw", "sdg"],
            "`optimiser` must be one of adamw, adam, sgd, got 'sdg'. Did you mean `sgd`?",
        ),
        ("optimiser", ["sgd"], "`optimiser` needs two or more values to choose from, got 1."),
        ("optimiser", [], "`optimiser` needs two or more values to choose from, got 0."),
        ("optimiser", ["sgd", "sgd"], "`optimiser` has 'sgd' twice."),
        ("optimiser", ["sgd", None], "`optimiser` has an empty value."),
        (
            "dropout",
            {"low": 0, "most": 0.5},
            "`dropout` has no `most`, but low, high, log, step.",
        ),
        (
            "dropout",
            {"low": 0, "hihg": 0.5},
            "`dropout` has no `hihg`, but low, high, log, step. Did you mean `high`?",
        ),
        ("dropout", {"low": 0}, "`high` of `dropout` must be a number, got None."),
        (
            "dropout",
            {"low": "0", "high": 0.5},
            "`low` of `dropout` must be a number, got '0'.",
        ),
        (
            "batch_size",
            {"low": 1.5, "high": 8},
            "`low` of `batch_size` must be a whole number, got 1.5.",
        ),
        (
            "dropout",
            {"low": 0, "high": 1.5},
            "`dropout` must be a number from 0 to 0.95, got 1.5.",
        ),
        (
            "batch_size",
            {"low": 0, "high": 8},
            "`batch_size` must be an integer of at least 1, got 0.",
        ),
        (
            "dropout",
            {"low": 0.5, "high": 0.5},
            "`low` of `dropout` must be below `high`, got 0.5 and 0.5.",
        ),
        (
            "dropout",
            {"low": 0, "high": 0.5, "log": True},
            "`low` of `dropout` must be above 0 where `log` is true, got 0.0.",
        ),
        (
            "dropout",
            {"low": 0.1, "high": 0.5, "log": "yes"},
            "`log` of `dropout` must be true or false, got 'yes'.",
        ),
        (
            "dropout",
            {"low": 0.1, "high": 0.5, "log": True, "step": 0.1},
            "`dropout` has both `log` and `step`: leave one of them out.",
        ),
        (
            "dropout",
            {"low": 0, "high": 0.5, "step": 0.6},
            "`step` of `dropout` must be above 0 and at most 0.5, got 0.6.",
        ),
        (
            "dropout",
            {"low": 0, "high": 0.5, "step": 0.2},
            "steps of 0.2 lead `dropout` from 0 to 0.4 and then past 0.5.",
        ),
    ],
)
def test_what_cannot_be_searched_is_refused(name: str, said: object, problem: str) -> None:
    assert refusal(name, said) == problem


def test_all_problems_are_said_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        read_space({"seed": [1, 2], "dropout": {"low": 1, "high": 0}}, name="here")

    assert str(caught.value) == (
        "here: `seed` is not searched: what is found would be luck; `dropout` must be a number "
        f"from 0 to 0.95, got 1.0.{FIX}"
    )


def test_empty_space_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        read_space({})

    assert str(caught.value) == (
        "`search.space` names no field to search.\n"
        "  fix: Write for example `learning_rate: {low: 1e-5, high: 1e-2, log: true}`."
    )


def test_space_of_nothing_countable_has_no_size() -> None:
    assert Space(fields={"dropout": Range(low=0.0, high=0.5)}).size is None
