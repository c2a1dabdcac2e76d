"""Checking what `prepare` is told, before anything is done."""

import pytest

from lineament.core.config import resolve
from lineament.core.errors import UsageError
from lineament.preparation.config import PrepareConfig
from lineament.preparation.sources.opening import SourceOptions


@pytest.mark.parametrize(
    ("split", "given"),
    [
        ((0.7, 0.3), "0.7,0.3"),
        ((0.7, 0.2, 0.2), "0.7,0.2,0.2"),
        ((0.0, 0.5, 0.5), "0,0.5,0.5"),
        ((0.8, 0.0, 0.2), "0.8,0,0.2"),
        ((1.2, 0.1, -0.3), "1.2,0.1,-0.3"),
    ],
)
def test_fractions_that_are_no_split_are_refused(split: tuple[float, ...], given: str) -> None:
    with pytest.raises(UsageError) as caught:
        PrepareConfig(split=split)
    assert str(caught.value) == (
        "`split` must be three fractions of train, validation and test that sum to 1, the first "
        f"two above 0, got {given}.\n"
        "  fix: Write for example `--split 0.7,0.15,0.15`, or `--split 0.8,0.2,0` for no test "
        "split."
    )


def test_thirds_rounded_to_seven_digits_pass() -> None:
    assert PrepareConfig(split=(0.3333333,) * 3).fractions()["test"] == 0.3333333


def test_a_broken_group_expression_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        PrepareConfig(group_by="(S")
    assert str(caught.value) == (
        "`group_by` is `(S`, which is not a regular expression: missing ), unterminated subpattern "
        "at position 0.\n"
        "  fix: Write for example `--group-by '(S\\d+)_'`, and put a backslash before a bracket "
        "that is meant as such."
    )


def test_the_defaults_are_valid() -> None:
    assert PrepareConfig().fractions() == {"train": 0.7, "validation": 0.15, "test": 0.15}


def test_a_broken_time_expression_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        PrepareConfig(time_by="[0-9")
    assert str(caught.value) == (
        "`time_by` is `[0-9`, which is not a regular expression: unterminated character set at "
        "position 0.\n"
        "  fix: Write for example `--time-by '(\\d{8})_'`, and put a backslash before a bracket "
        "that is meant as such."
    )


@pytest.mark.parametrize("rule", ["column:(", "column:taken at"])
def test_the_name_of_a_column_is_no_expression(rule: str) -> None:
    assert PrepareConfig(group_by=rule, time_by=rule).group_by == rule


def test_the_word_exif_is_a_time() -> None:
    assert PrepareConfig(time_by="exif").time_by == "exif"


def test_one_fold_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        PrepareConfig(folds=1)
    assert str(caught.value) == ("`folds` must be 2 or more, got 1.\n  fix: Write `--folds 5`.")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"time_by": "exif", "extend": "old"}, "`time_by` and `extend`"),
        ({"time_by": "exif", "test_list": "hard.csv"}, "`time_by` and `test_list`"),
        ({"extend": "old", "test_list": "hard.csv"}, "`extend` and `test_list`"),
    ],
)
def test_two_ways_to_choose_the_test_split_are_refused(given: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(PrepareConfig, given)
    assert str(caught.value) == (
        f"{said} each say which photos are tested.\n  fix: Leave one of them out."
    )


def test_a_balance_of_another_form_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        PrepareConfig(balance="cap:none")
    assert str(caught.value).startswith(
        "`balance` must be `none`, `cap` or `cap:N` with N of 1 or more, got `cap:none`.\n"
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"size_px": 0}, "`size_px` must be an integer of at least 1, got 0"),
        ({"folds": -1}, "`folds` must be an integer of at least 0, got -1"),
        ({"seed": -1}, "`seed` must be an integer of at least 0, got -1"),
        ({"fps": 0.0}, "`fps` must be a number from 0.001 to 1000, got 0.0"),
        ({"fps": float("nan")}, "`fps` must be a number from 0.001 to 1000, got nan"),
        (
            {"unreadable": "skp"},
            "`unreadable` must be one of fail, skip, got 'skp'. Did you mean `skip`?",
        ),
    ],
)
def test_a_value_out_of_its_range_is_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(PrepareConfig, given)
    whole = said if said.endswith("?") else f"{said}."
    assert str(caught.value) == (
        f"PrepareConfig: {whole}\n"
        "  fix: Give a value in that range, or leave it out for the default."
    )


def test_rules_are_checked_with_the_rest() -> None:
    with pytest.raises(UsageError, match=r"^`--rename cat` is not of the form `old=new`\."):
        PrepareConfig(rename=("cat",))


def test_a_class_that_is_added_to_is_not_every_other_class() -> None:
    config = PrepareConfig(merge=("non_face=*",), add=("face = celeba",))
    assert config.rules().name_of("face") == "face"
    assert config.rules().name_of("car") == "non_face"


def test_what_concerns_the_source_is_handed_to_it() -> None:
    config = PrepareConfig(
        unlabelled=True, labels="l.csv", label_column="smiling", fps=2, add=("face=celeba",)
    )
    assert config.options() == SourceOptions(
        labelled=False, labels="l.csv", label_column="smiling", fps=2, added=("face=celeba",)
    )
