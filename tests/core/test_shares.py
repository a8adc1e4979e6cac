"""How a large offer is split: never more than there is, never more than is wanted, and fairly."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshaid.core.shares import UNIT, Want, share_out

amounts = st.builds(Fraction, st.integers(0, 60_000), st.sampled_from([1, 3, 7]))
wholes = st.integers(0, 60).map(lambda units: units * UNIT)
wants = st.lists(st.builds(Want, amounts, st.booleans()), max_size=12)


def units(left: int, *wanted: int, life: int | None = None) -> list[Fraction]:
    asked = [Want(open_ * UNIT, place == life) for place, open_ in enumerate(wanted)]
    return [share / UNIT for share in share_out(left * UNIT, asked)]


@pytest.mark.parametrize(
    ("left", "wanted", "shares"),
    [
        (12, (4, 4, 4), [4, 4, 4]),
        (100, (4, 7), [4, 7]),
        (9, (2, 8, 8), [2, 4, 3]),
        (10, (2, 8, 8), [2, 4, 4]),
        (2, (5, 5, 5), [1, 1, 0]),
        (0, (5, 5), [0, 0]),
        (5, (), []),
        (7, (1, 1, 9, 9), [1, 1, 3, 2]),
    ],
)
def test_smallest_wants_are_met_and_the_rest_is_equal(
    left: int, wanted: tuple[int, ...], shares: list[int]
) -> None:
    assert units(left, *wanted) == shares


def test_where_a_life_is_at_risk_comes_first_and_in_full_wherever_it_stands() -> None:
    assert units(10, 8, 9, life=1) == [1, 9]
    assert units(10, 8, 12, life=1) == [0, 10]


def test_parts_of_a_unit_are_given_only_where_they_fill_a_want_or_are_the_last() -> None:
    half = UNIT / 2
    assert share_out(5 * UNIT, [Want(half), Want(9 * UNIT), Want(9 * UNIT)]) == [
        half,
        2 * UNIT + half,
        2 * UNIT,
    ]
    assert share_out(half, [Want(UNIT), Want(UNIT)]) == [half, 0]


@given(left=amounts, asked=wants)
def test_nothing_is_invented_and_nothing_kept_back(left: Fraction, asked: list[Want]) -> None:
    given_ = share_out(left, asked)
    assert len(given_) == len(asked)
    assert all(0 <= share <= want.open for share, want in zip(given_, asked, strict=True))
    assert sum(given_) == min(left, sum(want.open for want in asked))


@given(left=amounts, asked=wants)
def test_nobody_waits_in_danger_while_others_get(left: Fraction, asked: list[Want]) -> None:
    given_ = [*zip(share_out(left, asked), asked, strict=True)]
    if any(want.life_threatening and share < want.open for share, want in given_):
        assert all(share == 0 for share, want in given_ if not want.life_threatening)


@given(left=wholes, asked=st.lists(wholes.map(Want), max_size=12))
def test_who_is_not_filled_has_at_most_a_unit_less_than_anybody(
    left: Fraction, asked: list[Want]
) -> None:
    given_ = share_out(left, asked)
    assert all(share % UNIT == 0 for share in given_)
    unfilled = [share for share, want in zip(given_, asked, strict=True) if share < want.open]
    assert not unfilled or max(given_) - min(unfilled) <= UNIT


@given(left=wholes, asked=st.lists(wholes.map(Want), max_size=8), data=st.data())
def test_the_order_decides_only_who_gets_the_remainder(
    left: Fraction, asked: list[Want], data: st.DataObject
) -> None:
    other = data.draw(st.permutations(asked))
    one = sorted(
        (want.open, share) for want, share in zip(asked, share_out(left, asked), strict=True)
    )
    two = sorted(
        (want.open, share) for want, share in zip(other, share_out(left, other), strict=True)
    )
    assert all(abs(a[1] - b[1]) <= UNIT for a, b in zip(one, two, strict=True))
