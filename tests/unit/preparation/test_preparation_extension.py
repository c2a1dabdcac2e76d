"""Extension: old photos stay where they are, whatever is added."""

import random
from collections import Counter

import pytest

from lineament.core.errors import DataError
from lineament.preparation.division.extension import kept_sides, retied
from lineament.preparation.division.grouping import Member, connected
from lineament.preparation.division.split import split_photos
from lineament.preparation.sources.listing import TIED

THREE = {"train": 0.7, "validation": 0.15, "test": 0.15}


def member(key: str, *, group: str = "", near: str = "", same: str = "") -> Member:
    """A photo whose content is its key."""
    return Member(
        key=key, class_name="cat", group=group, near_set=near, duplicate_set=same, content=key
    )


def test_an_old_photo_is_known_by_its_pixels_and_not_by_its_name() -> None:
    renamed = Member(key="z", class_name="cat", content="a")
    assert kept_sides([renamed], {"a": "test"}) == ({"z": "test"}, [])


def test_a_new_photo_that_is_tied_to_nothing_has_no_side_yet() -> None:
    assert kept_sides([member("a"), member("b")], {"a": "test"}) == ({"a": "test"}, [])


def test_what_is_tied_to_a_new_photo_that_follows_follows_too() -> None:
    members = [member("a", group="g"), member("b", group="g", near="n"), member("c", near="n")]
    assert kept_sides(members, {"a": "validation"})[0] == dict.fromkeys("abc", "validation")


def test_a_new_photo_that_joins_two_splits_is_left_out_and_names_both() -> None:
    members = [member("a", group="g"), member("b", group="g", near="n"), member("c", near="n")]
    sides, out = kept_sides(members, {"a": "train", "c": "test"})
    assert sides == {"a": "train", "c": "test"}
    assert [(each.relative, each.kind, each.reason) for each in out] == [
        (
            "b",
            TIED,
            "same group as a, which is in the train split; near duplicate of c, which is in the "
            "test split",
        )
    ]


def test_of_new_photos_that_join_splits_as_few_as_can_be_are_left_out() -> None:
    members = [
        *(member(f"new{n}", group="g", near="n" if n == 0 else "") for n in range(5)),
        member("a", group="g"),
        member("b", near="n"),
    ]
    sides, out = kept_sides(members, {"a": "train", "b": "test"})
    assert [each.relative for each in out] == ["new0"]
    assert {sides[f"new{n}"] for n in range(1, 5)} == {"train"}


def test_a_new_photo_that_joins_splits_through_another_says_so() -> None:
    members = [
        member("a", near="n"),
        member("new1", near="n", group="g"),
        member("new2", group="g", same="s"),
        member("b", same="s"),
    ]
    sides, out = kept_sides(members, {"a": "train", "b": "test"})
    assert [(each.relative, each.reason) for each in out] == [
        (
            "new2",
            "same pixels as b, which is in the test split; tied through other new photos to "
            "another split",
        )
    ]
    assert sides == {"a": "train", "new1": "train", "b": "test"}


def test_what_was_tied_only_through_a_photo_that_is_left_out_is_free() -> None:
    members = [member("new1", group="g", near="n"), member("a", group="g"), member("b", near="n")]
    members[0:0] = [member("new2", same="s"), member("new0", same="s", group="g", near="n")]
    sides, out = kept_sides(members, {"a": "train", "b": "test"})
    assert [each.relative for each in out] == ["new0", "new1"]
    assert sides == {"a": "train", "b": "test"}


def test_old_photos_that_are_tied_across_splits_are_refused_by_name() -> None:
    members = [member("a", group="g"), member("b", group="g"), member("c", near="n")]
    members.append(member("d", near="n"))
    with pytest.raises(DataError) as caught:
        kept_sides(members, {"a": "test", "b": "train", "c": "validation", "d": "train"})
    assert str(caught.value) == (
        "2 ties are between photos of different splits of the dataset that is to be extended; "
        "nothing was written.\n"
        "  at:  group g: b in train, a in test, near: d in train, c in validation\n"
        "  fix: Prepare anew without `--extend`, or group the photos as that dataset did; a pair "
        "that is no near duplicate is marked `different` in a `--decisions` table."
    )


def test_with_pairs_a_new_photo_between_two_old_ones_is_left_out() -> None:
    members = [member(key, near="n") for key in ("a", "b", "new")]
    pairs = [("a", "new"), ("b", "new")]
    sides, out = kept_sides(members, {"a": "train", "b": "test"}, near=pairs)
    assert (sides, [each.relative for each in out]) == ({"a": "train", "b": "test"}, ["new"])
    assert [each.near_set for each in retied(members[:2], pairs)] == ["", ""]


def test_with_pairs_two_old_photos_that_are_a_pair_are_refused() -> None:
    members = [member(key, near="n") for key in ("a", "b")]
    with pytest.raises(DataError, match="1 tie is between photos of different splits"):
        kept_sides(members, {"a": "train", "b": "test"}, near=[("a", "b")])


def test_a_pair_with_a_photo_that_is_left_out_already_ties_nothing() -> None:
    assert kept_sides([member("a")], {"a": "test"}, near=[("a", "gone")]) == ({"a": "test"}, [])


def test_near_sets_are_made_anew_from_the_pairs_that_are_left() -> None:
    members = [member(key, near="old") for key in "abcde"]
    sets = [each.near_set for each in retied(members, [("b", "a"), ("b", "c"), ("d", "x")])]
    assert sets == ["near-a", "near-a", "near-a", "", ""]


def drawn(rng: random.Random, count: int) -> tuple[list[Member], list[tuple[str, str]]]:
    """Photos of two classes with groups, copies and near pairs, their sets made of the pairs."""
    members = [
        Member(
            key=f"p{n:03d}",
            class_name=rng.choice("ab"),
            group=f"g{rng.randrange(count)}" if rng.random() < 0.6 else "",
            duplicate_set=f"s{rng.randrange(count)}" if rng.random() < 0.1 else "",
            content=f"p{n:03d}",
        )
        for n in range(count)
    ]
    keys = [each.key for each in members]
    pairs = [(rng.choice(keys), rng.choice(keys)) for _ in range(count // 8)]
    pairs = [(one, other) for one, other in pairs if one != other]
    return retied(members, pairs), pairs


@pytest.mark.parametrize("seed", range(40))
def test_old_photos_never_move_and_no_unit_crosses(seed: int) -> None:
    rng = random.Random(seed)
    members, pairs = drawn(rng, 160)
    known = {each.key for each in members[:100]}
    before = split_photos(retied(members[:100], pairs), THREE, seed=0)
    shuffled = rng.sample(members, len(members))
    sides, out = kept_sides(shuffled, before, near=pairs)
    gone = {each.relative for each in out}
    assert not gone & known
    left = retied([each for each in shuffled if each.key not in gone], pairs)
    after = split_photos(left, THREE, seed=0, fixed=sides)
    assert before.items() <= after.items()
    assert sides.items() <= after.items()
    for unit in connected(left):
        assert len({after[each.key] for each in unit}) == 1
    assert kept_sides(members, before, near=pairs) == (sides, out)


@pytest.mark.parametrize("seed", range(20))
def test_only_photos_that_join_splits_are_left_out(seed: int) -> None:
    rng = random.Random(seed)
    members, pairs = drawn(rng, 160)
    before = split_photos(retied(members[:100], pairs), THREE, seed=0)
    _, out = kept_sides(members, before, near=pairs)
    gone = {each.relative for each in out}
    for unit in connected(members):
        splits = Counter(before[each.key] for each in unit if each.key in before)
        if len(splits) < 2:
            assert not gone & {each.key for each in unit}
