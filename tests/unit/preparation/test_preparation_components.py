"""Connected components: named by their lowest number, whatever the order of ties."""

from hypothesis import given
from hypothesis import strategies as st

from lineament.preparation.components import components


def test_things_without_ties_are_alone() -> None:
    assert components(3, []) == [0, 1, 2]


def test_nothing_has_no_components() -> None:
    assert components(0, []) == []


def test_ties_reach_through_others() -> None:
    assert components(5, [(4, 2), (2, 0), (3, 3)]) == [0, 1, 0, 3, 0]


def test_a_long_chain_is_one_component() -> None:
    n = 20_000
    assert set(components(n, [(index, index + 1) for index in reversed(range(n - 1))])) == {0}


TIES = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=20)


@given(ties=TIES, order=st.randoms(use_true_random=False))
def test_the_order_of_ties_and_of_their_ends_does_not_matter(
    ties: list[tuple[int, int]], order: st.DataObject
) -> None:
    turned = [(other, one) for one, other in ties]
    order.shuffle(turned)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    assert components(12, turned) == components(12, ties)


@given(ties=TIES)
def test_components_are_what_walking_along_ties_reaches(ties: list[tuple[int, int]]) -> None:
    reached = {index: {index} for index in range(12)}
    for _ in range(12):
        for one, other in ties:
            both = reached[one] | reached[other]
            for index in both:
                reached[index] = reached[index] | both
    assert components(12, ties) == [min(reached[index]) for index in range(12)]
