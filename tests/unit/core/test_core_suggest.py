"""Suggestions name the nearest known word, or stay silent."""

from lineament.core.suggest import did_you_mean


def test_nearest_name_is_suggested() -> None:
    assert did_you_mean("trian", ["train", "export"]) == " Did you mean `train`?"


def test_nothing_near_gives_an_empty_text() -> None:
    assert did_you_mean("xyz", ["train", "export"]) == ""


def test_case_does_not_matter_and_the_known_spelling_is_shown() -> None:
    assert did_you_mean("CAT", ["Cat", "Dog"]) == " Did you mean `Cat`?"


def test_no_known_names_give_an_empty_text() -> None:
    assert did_you_mean("train", []) == ""


def test_empty_word_gives_an_empty_text() -> None:
    assert did_you_mean("", ["train"]) == ""
