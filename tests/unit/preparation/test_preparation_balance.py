"""Balance: which photos a cap leaves out."""

from collections import Counter

import hypothesis
import hypothesis.strategies as st
import pytest

from lineament.core.errors import UsageError
from lineament.preparation.division.balance import Cap, balance_cap, over_cap
from lineament.preparation.division.grouping import Member


def photos(name: str, count: int) -> list[Member]:
    return [
        Member(key=f"{name}/{n}", class_name=name, content=f"{name}-pixels-{n}")
        for n in range(count)
    ]


def left(members: list[Member], cap: Cap) -> list[Member]:
    out = set(over_cap(members, cap, seed=0))
    return [member for member in members if member.key not in out]


def test_none_is_no_cap() -> None:
    assert balance_cap("none") is None


def test_cap_is_that_of_the_smallest_class() -> None:
    assert balance_cap("cap") == Cap(photos=None)


def test_a_cap_can_be_a_number() -> None:
    assert balance_cap("cap:500") == Cap(photos=500)


@pytest.mark.parametrize(
    "text", ["cap:0", "cap:", "cap:-1", "cap: 5", "cap:1.5", "500", "", "capp"]
)
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        balance_cap(text)
    assert str(caught.value) == (
        f"`balance` must be `none`, `cap` or `cap:N` with N of 1 or more, got `{text}`.\n"
        "  fix: Write for example `--balance cap` to leave every class as many photos as the "
        "smallest has, or `--balance cap:500`."
    )


def test_every_class_keeps_as_many_as_the_smallest_has() -> None:
    members = [*photos("a", 9), *photos("b", 4), *photos("c", 30)]
    counts = Counter(member.class_name for member in left(members, Cap()))
    assert counts == {"a": 4, "b": 4, "c": 4}


def test_a_class_below_the_cap_keeps_all() -> None:
    counts = Counter(
        each.class_name for each in left(photos("a", 9) + photos("b", 4), Cap(photos=6))
    )
    assert counts == {"a": 6, "b": 4}


def test_nothing_is_left_out_of_nothing() -> None:
    assert over_cap([], Cap(), seed=0) == []


def test_copies_go_before_near_duplicates_and_these_before_the_rest() -> None:
    same = [
        Member(key=f"s{n}", class_name="a", content="s", duplicate_set="same") for n in range(3)
    ]
    near = [Member(key=f"n{n}", class_name="a", content=f"n{n}", near_set="near") for n in range(3)]
    members = [*same, *near, *photos("a", 4)]
    assert over_cap(members, Cap(photos=8), seed=0) == ["s1", "s2"]
    assert {key[0] for key in over_cap(members, Cap(photos=6), seed=0)} == {"s", "n"}
    remaining = left(members, Cap(photos=6))
    assert sum(each.duplicate_set != "" for each in remaining) == 1
    assert sum(each.near_set != "" for each in remaining) == 1


def test_a_copy_of_another_class_is_no_copy() -> None:
    members = [
        Member(key="a/1", class_name="a", duplicate_set="same"),
        Member(key="b/1", class_name="b", duplicate_set="same"),
    ]
    assert over_cap(members, Cap(), seed=0) == []


def test_renamed_photos_stay_or_go_as_before() -> None:
    members = photos("a", 40)
    renamed = [
        Member(key=f"x{n:02d}", class_name="a", content=each.content)
        for n, each in enumerate(reversed(members))
    ]
    kept = {each.content for each in left(members, Cap(photos=10))}
    assert kept == {each.content for each in left(renamed, Cap(photos=10))}


def test_another_seed_leaves_out_others() -> None:
    members = photos("a", 40)
    assert over_cap(members, Cap(photos=10), seed=0) != over_cap(members, Cap(photos=10), seed=1)


@hypothesis.given(count=st.integers(1, 60), added=st.integers(0, 10), most=st.integers(1, 40))
def test_each_added_photo_drives_out_one_at_most(count: int, added: int, most: int) -> None:
    grown = photos("a", count + added)
    before = {each.key for each in left(grown[:count], Cap(photos=most))}
    after = {each.key for each in left(grown, Cap(photos=most))}
    assert len(after) == min(most, count + added)
    assert len(before - after) <= added
