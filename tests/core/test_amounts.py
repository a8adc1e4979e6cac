"""Amounts and units: what people type, and conversion that is exact both ways."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshaid.core import amounts
from meshaid.core.amounts import (
    UNITS,
    Contents,
    convert,
    near_units,
    parse_amount,
    parse_unit,
    show_amount,
)
from meshaid.core.tables import UNIT_ROWS
from meshaid.errors import InvalidInput

AMOUNTS = st.integers(1, amounts.MAX_THOUSANDTHS)


@pytest.mark.parametrize(
    ("entered", "thousandths"),
    [
        (2, 2_000),
        ("2", 2_000),
        (" 2,5 ", 2_500),
        ("2.5", 2_500),
        ("2.5000", 2_500),
        ("0.001", 1),
        ("0,125", 125),
        ("1.125", 1_125),
        ("\u0662\u066b\u0665", 2_500),
        ("\u0967\u0968", 12_000),
        ("\uff11\uff12\uff0e\uff15", 12_500),
        (Decimal("7.25"), 7_250),
        (Decimal("1E+9"), 10**12),
        ("1000000000", 10**12),
    ],
)
def test_what_people_write(entered: object, thousandths: int) -> None:
    assert parse_amount(entered) == thousandths


@pytest.mark.parametrize(
    "entered",
    [
        *("", "two", "-1", "+1", "0", "0.000", "2.0001", "1e3", "1 000", "½", "²", "2 L", "NaN"),
        *(0, -3, 10**10, True, 2.5, None, b"2", 10**400),
        *(Decimal("0.0001"), Decimal("NaN"), Decimal("Infinity"), Decimal("1E+999999")),
        *("1000000000.001", "99999999999999999999"),
    ],
)
def test_what_is_no_amount(entered: object) -> None:
    with pytest.raises(InvalidInput):
        parse_amount(entered)


def test_a_thousands_comma_is_never_guessed() -> None:
    """Read as a decimal comma it would make a thousand litres one."""
    with pytest.raises(InvalidInput, match="two ways"):
        parse_amount("1,000")


@given(AMOUNTS)
def test_what_is_shown_is_read_back(thousandths: int) -> None:
    assert parse_amount(show_amount(thousandths)) == thousandths


@given(st.fractions(0, 10**9))
def test_showing_rounds_down_by_less_than_a_thousandth(value: Fraction) -> None:
    shown = Fraction(show_amount(value * 1000))
    assert 0 <= value - shown < Fraction(1, 1000)


def test_every_unit_answers_to_its_names() -> None:
    assert len(UNITS) == 44
    owners: dict[str, str] = {}
    for code, label, *_, aliases in UNIT_ROWS:
        assert parse_unit(code) == code
        for name in (label, *aliases):
            assert parse_unit(name) == code
            assert parse_unit(name.upper()) == code
            assert owners.setdefault(name.casefold(), code) == code


@pytest.mark.parametrize("typed", ["litre", "L", "l", " Litres "])
def test_aliases_in_any_case(typed: str) -> None:
    assert parse_unit(typed) == "L"


def test_an_unknown_unit_is_kept_as_typed_and_converts_to_nothing() -> None:
    assert parse_unit("Kisten") == "Kisten"
    assert convert(Fraction(3), "Kisten", "box") is None
    assert convert(Fraction(3), "Kisten", "Kisten") == 3
    assert convert(Fraction(3), "Kisten", "L", contents=Contents(Fraction(9), "L")) is None
    for typed in ("", "a unit of seventeen"):
        with pytest.raises(InvalidInput):
            parse_unit(typed)


def test_a_unit_that_nobody_knows_has_near_ones() -> None:
    assert near_units("litrs") == ["L"]
    assert near_units("peices") == ["piece"]
    assert near_units("L") == near_units("qqqq") == []


def test_packs_convert_through_what_one_holds() -> None:
    nine_litres = Contents(Fraction(9), "L")
    assert convert(Fraction(8), "pack", "L", contents=nine_litres) == 72
    assert convert(Fraction(72), "L", "pack", into_contents=nine_litres) == 8
    assert convert(Fraction(8), "pack", "mL", contents=nine_litres) == 72_000
    assert convert(Fraction(8), "pack", "kg", contents=nine_litres) is None
    assert convert(Fraction(8), "pack", "L") is None
    assert convert(Fraction(8), "pack", "L", contents=Contents(Fraction(9), "crate")) is None
    assert convert(Fraction(8), "L", "mL", contents=nine_litres) == 8_000


@pytest.mark.parametrize(
    ("value", "unit", "into", "result"),
    [
        (1, "lb", "g", Fraction("453.59237")),
        (16, "oz", "lb", Fraction(1)),
        (1, "gal_us", "L", Fraction("3.785411784")),
        (1, "gal_uk", "mL", Fraction("4546.09")),
        (1, "ft", "cm", Fraction("30.48")),
        (1, "ft2", "m2", Fraction("0.09290304")),
        (2, "day", "hour", Fraction(48)),
        (3, "dozen", "pair", Fraction(18)),
    ],
)
def test_factors_are_exact(value: int, unit: str, into: str, result: Fraction) -> None:
    assert convert(Fraction(value), unit, into) == result


@given(AMOUNTS, st.sampled_from(sorted(UNITS)), st.sampled_from(sorted(UNITS)))
def test_conversion_round_trips_exactly_or_not_at_all(value: int, unit: str, into: str) -> None:
    there = convert(Fraction(value), unit, into)
    assert (there is not None) == (UNITS[unit].dimension == UNITS[into].dimension)
    if there is not None:
        assert convert(there, into, unit) == value


@given(AMOUNTS, AMOUNTS, st.sampled_from(["pack", "box", "can"]), st.sampled_from(["g", "lb", "L"]))
def test_packs_round_trip_exactly(value: int, holds: int, pack: str, inner: str) -> None:
    contents = Contents(Fraction(holds, 1000), inner)
    there = convert(Fraction(value), pack, inner, contents=contents)
    assert there is not None
    assert convert(there, inner, pack, into_contents=contents) == value
