"""Configurations are valid when they exist, and name every problem when they cannot."""

import dataclasses
import math

import pytest

from lineament.core.config import Config, field_types, option, resolve
from lineament.core.errors import UsageError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe(Config):
    """A configuration with a field of every kind."""

    epochs: int = option(5, help="Passes.", minimum=1, maximum=100)
    rate: float = option(0.1, help="Step.", minimum=0.0)
    fit: str = option("squash", help="How.", choices=("squash", "crop", "letterbox"))
    name: str = option("run", help="Name.")
    mirror: bool = option(True, help="Whether.")
    seed: int = option(0, help="Random state.")
    limit: int | None = option(None, help="Most photos.", minimum=1)
    parts: tuple[float, ...] = option((0.7, 0.3), help="Split.", minimum=0.0, maximum=1.0)
    tags: tuple[str, ...] = option((), help="Words.", choices=("day", "night"))
    corner: tuple[int, int] = option((0, 0), help="Place.")
    source: str | None = option(None, help="From where.", none_is_a_word=True)
    top: float | None = option(1.0, help="Largest.")


FIX_RANGE = "\n  fix: Give a value in that range, or leave it out for the default."
FIX_KNOWN = (
    "\n  fix: Known fields: epochs, rate, fit, name, mirror, seed, limit, parts, tags, corner, "
    "source, top."
)


def text_of(error: pytest.ExceptionInfo[UsageError]) -> str:
    return str(error.value)


def test_defaults_are_valid() -> None:
    assert Recipe() == resolve(Recipe)


def test_dictionary_holds_every_field() -> None:
    assert Recipe(epochs=3).as_dict() == {
        "epochs": 3,
        "rate": 0.1,
        "fit": "squash",
        "name": "run",
        "mirror": True,
        "seed": 0,
        "limit": None,
        "parts": (0.7, 0.3),
        "tags": (),
        "corner": (0, 0),
        "source": None,
        "top": 1.0,
    }


def test_annotations_are_resolved_in_order() -> None:
    assert list(field_types(Recipe))[:3] == ["epochs", "rate", "fit"]


def test_value_below_the_range_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        Recipe(epochs=0)

    assert text_of(caught) == (
        "Recipe: `epochs` must be an integer from 1 to 100, got 0." + FIX_RANGE
    )


@pytest.mark.parametrize("epochs", [1, 100])
def test_ends_of_the_range_are_allowed(epochs: int) -> None:
    assert Recipe(epochs=epochs).epochs == epochs


def test_value_below_an_open_range_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        Recipe(rate=-0.5)

    assert text_of(caught) == (
        "Recipe: `rate` must be a number of at least 0, got -0.5." + FIX_RANGE
    )


@pytest.mark.parametrize("rate", [math.nan, math.inf])
def test_number_that_is_not_finite_is_refused(rate: float) -> None:
    with pytest.raises(UsageError) as caught:
        Recipe(rate=rate)

    assert text_of(caught) == (
        f"Recipe: `rate` must be a number of at least 0, got {rate}." + FIX_RANGE
    )


def test_wrong_type_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        Recipe(name=3)  # type: ignore[arg-type]  # the point of the test

    assert text_of(caught) == "Recipe: `name` must be a text, got 3." + FIX_RANGE


@pytest.mark.parametrize("field", ["epochs", "rate"])
def test_truth_value_is_no_number(field: str) -> None:
    with pytest.raises(UsageError, match=rf"`{field}` must be an? .*, got True\."):
        resolve(Recipe, {field: True})


def test_number_is_no_truth_value() -> None:
    with pytest.raises(UsageError) as caught:
        resolve(Recipe, {"mirror": 1})

    assert text_of(caught) == "Recipe: `mirror` must be true or false, got 1." + FIX_RANGE


def test_unknown_word_lists_the_choices() -> None:
    with pytest.raises(UsageError) as caught:
        Recipe(fit="zzz")

    assert text_of(caught) == (
        "Recipe: `fit` must be one of squash, crop, letterbox, got 'zzz'." + FIX_RANGE
    )


def test_misspelt_word_gets_a_suggestion() -> None:
    with pytest.raises(UsageError) as caught:
        Recipe(fit="sqash")

    assert text_of(caught) == (
        "Recipe: `fit` must be one of squash, crop, letterbox, got 'sqash'. "
        "Did you mean `squash`?" + FIX_RANGE
    )


def test_value_of_another_type_lists_the_choices_too() -> None:
    with pytest.raises(UsageError) as caught:
        resolve(Recipe, {"fit": 3})

    assert text_of(caught) == (
        "Recipe: `fit` must be one of squash, crop, letterbox, got 3." + FIX_RANGE
    )


def test_all_problems_are_in_one_error() -> None:
    with pytest.raises(UsageError) as caught:
        resolve(Recipe, {"epochs": 0, "rate": -1.0, "name": 3})

    assert text_of(caught) == (
        "Recipe: `epochs` must be an integer from 1 to 100, got 0; "
        "`rate` must be a number of at least 0, got -1.0; `name` must be a text, got 3." + FIX_RANGE
    )


def test_unknown_field_gets_a_suggestion() -> None:
    with pytest.raises(UsageError) as caught:
        resolve(Recipe, {"epoch": 3})

    assert text_of(caught) == "Recipe has no field `epoch`. Did you mean `epochs`?" + FIX_KNOWN


def test_unknown_field_without_a_near_name_lists_the_fields() -> None:
    with pytest.raises(UsageError) as caught:
        resolve(Recipe, {"zzz": 3})

    assert text_of(caught) == "Recipe has no field `zzz`." + FIX_KNOWN


def test_all_unknown_fields_are_in_one_error() -> None:
    with pytest.raises(UsageError) as caught:
        resolve(Recipe, {"epoch": 3}, {"zzz": 1}, sets=["ratte=1"])

    assert text_of(caught) == (
        "Recipe has no field `epoch`. Did you mean `epochs`? `ratte`. Did you mean `rate`? `zzz`."
        + FIX_KNOWN
    )


def test_field_that_is_not_a_text_is_unknown() -> None:
    with pytest.raises(UsageError, match=r"^Recipe has no field `True`\."):
        resolve(Recipe, {True: 3})  # type: ignore[dict-item]  # the point of the test


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("epochs=7", "epochs", 7),
        ("rate=0.25", "rate", 0.25),
        ("rate=1e-3", "rate", 0.001),
        ("rate=2", "rate", 2.0),
        ("mirror=false", "mirror", False),
        ("mirror=True", "mirror", True),
        ("limit=12", "limit", 12),
        ("limit=none", "limit", None),
        ("limit=None", "limit", None),
        ("limit=", "limit", None),
        ("name=3", "name", "3"),
        ("name=None", "name", "None"),
        ("name=a=b", "name", "a=b"),
        ("name=", "name", ""),
        ("fit=crop", "fit", "crop"),
        ("parts=0.8,0.2", "parts", (0.8, 0.2)),
        ("parts= 0.8 , 0.2 ", "parts", (0.8, 0.2)),
        ("parts=1", "parts", (1.0,)),
        ("parts=", "parts", ()),
        ("tags=day,night", "tags", ("day", "night")),
        ("corner=3,4", "corner", (3, 4)),
        ("source=none", "source", "none"),
        ("source=null", "source", None),
        ("source=", "source", None),
        ("top=none", "top", None),
    ],
)
def test_set_text_is_read_as_the_fields_type(text: str, field: str, value: object) -> None:
    read = getattr(resolve(Recipe, sets=[text]), field)

    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("epochs=many", "`epochs` must be an integer from 1 to 100, got 'many'"),
        ("epochs=3.5", "`epochs` must be an integer from 1 to 100, got '3.5'"),
        ("rate=nan", "`rate` must be a number of at least 0, got nan"),
        ("mirror=1", "`mirror` must be true or false, got '1'"),
        ("limit=0", "`limit` must be an integer of at least 1, got 0"),
    ],
)
def test_set_text_that_cannot_be_read_is_refused(text: str, problem: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(Recipe, sets=[text])

    assert text_of(caught) == f"Recipe: {problem}." + FIX_RANGE


def test_set_text_without_equals_sign_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        resolve(Recipe, sets=["epochs"])

    assert text_of(caught) == (
        "`--set epochs` is not of the form `field=value`.\n"
        "  fix: Write for example `--set epochs=...`."
    )


def test_absurdly_long_number_is_refused_like_any_other() -> None:
    with pytest.raises(UsageError, match="`seed` must be an integer"):
        resolve(Recipe, sets=["seed=1" + "0" * 400])


def test_later_layers_win_over_earlier_ones() -> None:
    merged = resolve(Recipe, {"epochs": 2, "seed": 2}, {"epochs": 3}, {})

    assert (merged.epochs, merged.seed) == (3, 2)


def test_set_texts_win_over_files_and_flags_win_over_set_texts() -> None:
    file, flags = {"epochs": 2, "seed": 2, "rate": 2.0}, {"rate": 4.0}

    merged = resolve(Recipe, file, flags, sets=["seed=3", "rate=3"])

    assert (merged.epochs, merged.seed, merged.rate) == (2, 3, 4.0)


def test_flag_that_was_not_given_leaves_the_file_alone() -> None:
    assert resolve(Recipe, {"epochs": 2}, {"epochs": None}).epochs == 2


def test_empty_value_in_a_file_leaves_the_default_alone() -> None:
    assert resolve(Recipe, {"epochs": None}, {}).epochs == 5


def test_empty_value_in_a_file_is_no_value_where_there_may_be_none() -> None:
    assert resolve(Recipe, {"top": None}, {}).top is None


@pytest.mark.parametrize(("field", "value"), [("top", None), ("source", "none")])
def test_none_in_a_file_is_a_word_only_where_a_text_is_meant(field: str, value: object) -> None:
    assert getattr(resolve(Recipe, {field: "none"}, {}), field) == value


def test_flag_that_was_not_given_is_not_no_value() -> None:
    assert resolve(Recipe, {"top": None}, {"top": None}, sets=["top=3"]).top == 3.0


@pytest.mark.parametrize(
    ("field", "given", "value"),
    [("rate", 2, 2.0), ("top", 2, 2.0), ("parts", [1, 0], (1.0, 0.0)), ("epochs", 2, 2)],
)
def test_whole_number_from_a_file_has_the_type_of_its_field(
    field: str, given: object, value: object
) -> None:
    read = getattr(resolve(Recipe, {field: given}, {}), field)

    assert repr(read) == repr(value)


def test_number_too_large_for_a_float_is_refused_like_any_other() -> None:
    with pytest.raises(
        UsageError, match="`rate` must be a number of at least 0, got 'a huge number'"
    ):
        resolve(Recipe, {"rate": 10**400}, {})


def test_list_from_a_file_fills_a_field_of_several_values() -> None:
    assert resolve(Recipe, {"parts": [0.5, 0.5]}, {}).parts == (0.5, 0.5)


@pytest.mark.parametrize("part", [-0.1, 1.1, math.nan])
def test_each_of_several_values_is_checked_against_the_range(part: float) -> None:
    with pytest.raises(UsageError, match="`parts` must be "):
        Recipe(parts=(0.5, part))


def test_each_of_several_words_is_checked_against_the_choices() -> None:
    with pytest.raises(UsageError, match="`tags` must be "):
        Recipe(tags=("day", "nihgt"))


def test_number_of_values_is_checked_where_the_type_states_it() -> None:
    with pytest.raises(UsageError, match="`corner` must be "):
        Recipe(corner=(1, 2, 3))  # type: ignore[arg-type]  # the point of the test


def test_wrong_list_is_described_in_plain_english() -> None:
    with pytest.raises(UsageError, match="`parts` must be a list of numbers from 0 to 1, got 3"):
        resolve(Recipe, {"parts": 3})
