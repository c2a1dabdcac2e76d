"""Class rules and decisions: leaving out, renaming, merging, and what cannot be learned."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineament.artifacts.audit import Decisions
from lineament.core.errors import DataError, LineamentError, UsageError
from lineament.preparation.classes import (
    ClassRules,
    apply_decisions,
    apply_rules,
    check_rules,
    read_rules,
    require_usable,
)
from lineament.preparation.sources.listing import Candidate, Layout, Rejection


def layout_of(*names: str, **given: str) -> Layout:
    """A layout of photos named ``class/photo`` or, with given splits, ``split/class/photo``."""
    candidates = []
    for name in sorted(names):
        *above, class_name, _ = name.split("/")
        split = above[0] if above else ""
        candidates.append(Candidate(relative=name, class_name=class_name, split=split))
    return Layout(candidates=tuple(candidates), given=given)


ANIMALS = layout_of("cat/1", "cat/2", "dog/1", "car/1")


def classes_of(layout: Layout) -> dict[str, str]:
    return {each.relative: each.class_name for each in layout.candidates}


def refusal(kind: type[LineamentError], call: Callable[[], object]) -> str:
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value)


def ruled(
    *, exclude: tuple[str, ...] = (), rename: tuple[str, ...] = (), merge: tuple[str, ...] = ()
) -> Layout:
    rules = read_rules(exclude, rename, merge)
    check_rules(rules, ANIMALS.classes)
    return apply_rules(ANIMALS, rules)


def test_without_rules_nothing_changes() -> None:
    assert ruled() == ANIMALS


def test_photos_of_an_excluded_class_are_left_out_by_decision() -> None:
    layout = ruled(exclude=("car",))
    assert layout.classes == ("cat", "dog")
    assert layout.rejected == (
        Rejection(
            relative="car/1", kind="left out by decision", reason="the class car is excluded"
        ),
    )
    assert layout.scanned == ANIMALS.scanned


def test_a_class_is_renamed() -> None:
    assert classes_of(ruled(rename=("cat = tiger",)))["cat/2"] == "tiger"


def test_classes_are_merged() -> None:
    assert ruled(merge=("animal=cat, dog",)).classes == ("animal", "car")


def test_a_class_is_merged_into_another_one() -> None:
    assert ruled(merge=("cat=cat,dog",)).classes == ("car", "cat")


def test_names_can_be_exchanged() -> None:
    layout = ruled(rename=("cat=dog", "dog=cat"))
    assert classes_of(layout) == {"car/1": "car", "cat/1": "dog", "cat/2": "dog", "dog/1": "cat"}


def test_a_star_merges_every_class_that_nothing_else_names() -> None:
    layout = ruled(exclude=("car",), rename=("cat=tiger",), merge=("other=*",))
    assert classes_of(layout) == {"cat/1": "tiger", "cat/2": "tiger", "dog/1": "other"}


def test_a_star_does_not_take_the_classes_that_photos_are_added_to() -> None:
    rules = read_rules(["car"], [], ["non_face=*"], added=["face"])
    layout = apply_rules(layout_of("cat/1", "dog/1", "car/1", "face/1"), rules)
    assert layout.classes == ("face", "non_face")


def test_a_rule_about_an_added_class_is_followed() -> None:
    rules = read_rules([], ["face=person"], ["other=*"], added=["face"])
    assert apply_rules(layout_of("cat/1", "face/1"), rules).classes == ("other", "person")


def test_empty_parts_of_a_merge_are_passed_over() -> None:
    assert ruled(merge=("animal=cat,,dog,",)).classes == ("animal", "car")


def test_photos_without_labels_keep_none() -> None:
    bare = Layout(candidates=(Candidate(relative="1.png", class_name=""),))
    assert apply_rules(bare, read_rules([], [], ["other=*"])) == bare


@pytest.mark.parametrize("text", ["cat", "cat=", "=cat", " = "])
def test_a_rule_of_another_form_is_refused(text: str) -> None:
    assert refusal(UsageError, lambda: read_rules([], [text], [])) == (
        f"`--rename {text}` is not of the form `old=new`.\n  fix: Write `--rename old=new`."
    )
    assert refusal(UsageError, lambda: read_rules([], [], [text])) == (
        f"`--merge {text}` is not of the form `new=a,b`.\n  fix: Write `--merge new=a,b`."
    )


def test_a_class_in_two_rules_is_refused() -> None:
    said = refusal(UsageError, lambda: read_rules(["cat"], ["cat=x", "dog=y"], ["z=dog"]))
    assert said == (
        "`--exclude-class`, `--rename` and `--merge` name cat, dog more than once.\n"
        "  fix: Say once what becomes of a class."
    )


def test_two_names_for_every_other_class_are_refused() -> None:
    assert refusal(UsageError, lambda: read_rules([], [], ["a=*", "b=*"])) == (
        "`--exclude-class`, `--rename` and `--merge` name * more than once.\n"
        "  fix: Say once what becomes of a class."
    )


def test_rules_about_absent_classes_are_all_named() -> None:
    said = refusal(UsageError, lambda: ruled(exclude=("carr",), merge=("x=cat,wolf",)))
    assert said == (
        "`--exclude-class`, `--rename` or `--merge` name classes that are not there.\n"
        "  at:  carr Did you mean `car`?, wolf\n"
        "  fix: The classes are car, cat, dog."
    )


def test_of_many_classes_twenty_are_named() -> None:
    many = layout_of(*(f"c{n:02}/1" for n in range(23)))
    said = refusal(UsageError, lambda: check_rules(read_rules(["x"], [], []), many.classes))
    assert said.endswith(", c19 and 3 more.")


def test_a_rule_for_photos_without_labels_is_refused() -> None:
    assert refusal(UsageError, lambda: check_rules(read_rules(["cat"], [], []), ())) == (
        "`--exclude-class`, `--rename` or `--merge` name classes that are not there.\n"
        "  at:  cat\n"
        "  fix: The photos have no labels, so there are no classes."
    )


@pytest.mark.parametrize("rule", [{"rename": ("cat=dog",)}, {"merge": ("dog=cat,car",)}])
def test_a_new_name_that_is_a_class_already_is_refused(rule: dict[str, tuple[str, ...]]) -> None:
    assert refusal(UsageError, lambda: ruled(**rule)) == (
        "There is a class dog already.\n  fix: Merge them by name, as in `--merge dog=dog,...`."
    )


def test_the_name_of_an_excluded_class_is_free() -> None:
    assert ruled(exclude=("dog",), rename=("cat=dog",)).classes == ("car", "dog")


NAMES = st.sampled_from(["a", "b", "c", "d", "new"])


@given(
    exclude=st.sets(NAMES, max_size=2),
    rename=st.lists(st.tuples(NAMES, NAMES), max_size=2),
    rest=st.booleans(),
)
def test_whatever_the_rules_every_photo_is_kept_or_left_out(
    exclude: set[str], rename: list[tuple[str, str]], rest: bool
) -> None:
    layout = layout_of("a/1", "b/1", "b/2", "c/1", "d/1")
    try:
        rules = read_rules(
            sorted(exclude), [f"{old}={new}" for old, new in rename], ["rest=*"] if rest else []
        )
        check_rules(rules, layout.classes)
        after = apply_rules(layout, rules)
    except UsageError:
        return
    kept = {each.relative for each in after.candidates}
    out = {each.relative for each in after.rejected}
    assert kept | out == {each.relative for each in layout.candidates}
    assert not kept & out
    assert out == {each.relative for each in layout.candidates if each.class_name in exclude}
    assert ("rest" in after.classes) <= rest


def decided(layout: Layout, rules: ClassRules | None = None, **decisions: object) -> Layout:
    made = Decisions(**decisions)  # type: ignore[arg-type]
    return apply_decisions(layout, made, name="audit.csv", rules=rules)


def test_a_dropped_photo_is_left_out_by_decision() -> None:
    layout = decided(ANIMALS, dropped=frozenset({"cat/1"}))
    assert layout.rejected == (
        Rejection(relative="cat/1", kind="left out by decision", reason="dropped in audit.csv"),
    )
    assert len(layout.candidates) == 3


def test_a_relabelled_photo_has_its_new_class() -> None:
    assert classes_of(decided(ANIMALS, relabelled={"cat/1": "dog"}))["cat/1"] == "dog"


def test_a_label_may_be_a_class_that_the_rules_make() -> None:
    rules = read_rules(["car"], [], ["animal=cat,dog"])
    layout = apply_rules(decided(ANIMALS, rules, relabelled={"car/1": "animal"}), rules)
    assert classes_of(layout)["car/1"] == "animal"


def test_a_photo_that_is_given_an_excluded_class_is_left_out_with_it() -> None:
    rules = read_rules(["car"], [], [])
    layout = apply_rules(decided(ANIMALS, rules, relabelled={"cat/1": "car"}), rules)
    assert [each.relative for each in layout.rejected] == ["car/1", "cat/1"]


def test_decisions_about_absent_photos_are_all_named() -> None:
    said = refusal(
        DataError,
        lambda: decided(
            ANIMALS,
            dropped=frozenset({"cat/9"}),
            relabelled={"cow/1": "cat"},
            different=frozenset({("cat/1", "dog/7")}),
        ),
    )
    assert said == (
        "audit.csv decides about 3 files that the source does not hold.\n"
        "  at:  cat/9, cow/1, dog/7\n"
        "  fix: Use the table that `lineament audit` or `lineament prepare` wrote of this source."
    )


def test_a_decision_about_a_file_that_is_rejected_anyway_is_no_error() -> None:
    hidden = Rejection(relative="cat/.x", kind="hidden file", reason="hidden file")
    layout = Layout(candidates=ANIMALS.candidates, rejected=(hidden,))
    assert decided(layout, dropped=frozenset({"cat/.x"})).rejected == (hidden,)


def test_a_label_that_is_no_class_is_refused_with_a_suggestion() -> None:
    assert refusal(UsageError, lambda: decided(ANIMALS, relabelled={"cat/1": "dgo"})) == (
        "audit.csv gives photos a class that is not there.\n"
        "  at:  dgo Did you mean `dog`?\n"
        "  fix: The classes are car, cat, dog."
    )


def test_two_classes_can_be_learned() -> None:
    require_usable(ANIMALS, "photos")


def test_one_class_is_refused() -> None:
    assert refusal(DataError, lambda: require_usable(layout_of("cat/1", "cat/2"), "photos")) == (
        "photos holds one class only, cat; a classifier needs two or more.\n"
        "  fix: Put the photos of each class in a folder of their own, all in one folder; or add "
        "a class with `--add NAME=FOLDER`; for `lineament extend`, `--one-class` will do."
    )


def test_one_class_is_enough_where_it_is_said() -> None:
    require_usable(layout_of("cat/1", "cat/2"), "photos", one_class=True)


def test_no_photo_at_all_is_refused() -> None:
    assert refusal(DataError, lambda: require_usable(ruled(exclude=ANIMALS.classes), "photos")) == (
        "No photo of photos is left; nothing was written.\n"
        "  fix: Exclude fewer classes, or drop fewer photos."
    )


def test_photos_without_labels_are_usable() -> None:
    require_usable(Layout(candidates=(Candidate(relative="1.png", class_name=""),)), "photos")


@pytest.mark.parametrize(
    "name", ["a\\b", ".hidden", "..", " cat", "cat ", "two\nlines", "nul\0", "x" * 201, "é" * 101]
)
def test_a_class_that_cannot_name_a_folder_is_refused(name: str) -> None:
    odd = Layout(
        candidates=(
            Candidate(relative="1", class_name="cat"),
            Candidate(relative="2", class_name=name),
        )
    )
    assert refusal(DataError, lambda: require_usable(odd, "photos.csv")) == (
        "Class names must be able to name a folder.\n"
        f"  at:  {name!r}\n"
        "  fix: Rename them, as in `--rename old=new`."
    )


def test_a_class_with_a_slash_of_a_table_is_refused() -> None:
    odd = Layout(
        candidates=(
            Candidate(relative="1", class_name="a/b"),
            Candidate(relative="2", class_name="cat"),
        )
    )
    assert "  at:  'a/b'\n" in refusal(DataError, lambda: require_usable(odd, "photos.csv"))


def test_classes_that_differ_by_capitals_alone_are_refused() -> None:
    odd = layout_of("Cat/1", "cat/1", "dog/1", "straße/1", "STRASSE/1")
    assert refusal(DataError, lambda: require_usable(odd, "photos")) == (
        "Classes differ by capital letters alone, which many file systems cannot tell apart.\n"
        "  at:  Cat and cat, STRASSE and straße\n"
        "  fix: Merge or rename them, as in `--merge cat=cat,Cat`."
    )


def test_a_given_split_that_lacks_a_class_is_refused() -> None:
    split = layout_of("train/cat/1", "train/dog/1", "test/cat/2", train="train", test="eval")
    assert refusal(DataError, lambda: require_usable(split, "photos")) == (
        "The given splits train, eval do not hold the same classes.\n"
        "  at:  eval lacks dog\n"
        "  fix: Rename, fill or remove class folders until every split has the same ones."
    )


def test_a_misspelt_class_of_a_split_is_recognised_from_both_sides() -> None:
    split = layout_of(
        *("train/cat/1", "train/dog/1"),
        *("validation/cats/1", "validation/dog/1", "validation/owl/1"),
        train="train",
        validation="val",
    )
    with pytest.raises(DataError) as caught:
        require_usable(split, "photos")
    assert caught.value.at == (
        "train lacks cats (Did you mean `cat`?)",
        "train lacks owl",
        "val lacks cat (Did you mean `cats`?)",
    )


def test_a_rule_mends_a_misspelt_class_of_a_split() -> None:
    split = layout_of(
        "train/cat/1", "train/dog/1", "test/cats/1", "test/dog/1", train="train", test="test"
    )
    require_usable(apply_rules(split, read_rules([], [], ["cat=cat,cats"])), "photos")


def test_a_folder_is_named_in_the_refusal(tmp_path: Path) -> None:
    said = refusal(DataError, lambda: require_usable(layout_of("cat/1"), str(tmp_path)))
    assert said.startswith(f"{tmp_path} holds one class only, cat;")
