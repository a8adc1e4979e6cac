"""What cells of other tables say: times, amounts, places, and contacts that are taken out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshaid import limits
from meshaid.core.cells import (
    DateOrder,
    date_order,
    filled,
    is_street,
    read_moment,
    shortened,
    split_amount,
    without_contacts,
)


@pytest.mark.parametrize(
    "cell", ["", " ", "-", "N/A", "n/a", "None", "NULL", "?", "unknown", "TBD"]
)
def test_words_for_nothing(cell: str) -> None:
    assert filled(cell) == ""


@pytest.mark.parametrize("cell", ["0", "no", "Unknown Soldier Street", "x"])
def test_words_for_something(cell: str) -> None:
    assert filled(f" {cell} ") == cell


@pytest.mark.parametrize(
    ("cells", "order"),
    [
        (["3/19/2020", "1/2/2020"], "month"),
        (["19/3/2020", "1/2/2020"], "day"),
        (["1.2.2020"], "day"),
        (["1/2/2020", "3/4/2020"], ""),
        (["3/19/2020", "19/3/2020"], ""),
        (["2020-03-19", "", "soon"], ""),
        ([], ""),
    ],
)
def test_what_comes_first_in_a_column_of_dates(cells: list[str], order: DateOrder) -> None:
    assert date_order(cells) == order


@pytest.mark.parametrize(
    ("cell", "order", "moment"),
    [
        ("3/19/2020 11:14:25", "month", 1_584_616_465),
        ("19/3/2020 11:14:25", "day", 1_584_616_465),
        ("3/19/2020 11:14 PM", "month", 1_584_659_640),
        ("3/19/2020 12:00 AM", "month", 1_584_576_000),
        ("11/16/12", "month", 1_353_024_000),
        ("16.11.2012", "day", 1_353_024_000),
        ("2012-11-16", "", 1_353_024_000),
        ("2012/11/16", "", 1_353_024_000),
        ("2012-11-16T01:00:00+01:00", "", 1_353_024_000),
        ("16 November 2012", "", 1_353_024_000),
        ("16-Nov-2012", "", 1_353_024_000),
        ("٣/١٩/٢٠٢٠", "month", 1_584_576_000),
        ("3/4/2020", "", None),
        ("19/3/2020", "month", None),
        ("30/2/2020", "day", None),
        ("16 Smarch 2012", "", None),
        ("3/19/2020 25:00", "month", None),
        ("199/3/2020", "day", None),
        ("soon", "day", None),
        ("", "day", None),
    ],
)
def test_moments(cell: str, order: DateOrder, moment: int | None) -> None:
    assert read_moment(cell, order) == moment


def test_a_date_alone_can_mean_its_end() -> None:
    assert read_moment("16 November 2012", "", end=True) == 1_353_024_000 + 86_399
    assert read_moment("11/16/12 10:00", "month", end=True) == 1_353_024_000 + 36_000


@given(st.text(max_size=30), st.sampled_from(["day", "month", ""]))
def test_any_cell_is_a_moment_or_none(cell: str, order: DateOrder) -> None:
    moment = read_moment(cell, order, end=True)
    assert moment is None or abs(moment) <= limits.MAX_INTEGER
    assert date_order([cell]) in ("day", "month", "")


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("5 cases", ("5", "cases")),
        ("2.5kg", ("2.5", "kg")),
        ("1,5 L", ("1,5", "L")),
        ("5", ("5", "")),
        ("many", ("many", "")),
        ("5 or 6", ("5 or 6", "")),
        ("20 m2", ("20", "m2")),
        ("", ("", "")),
    ],
)
def test_an_amount_with_its_unit(cell: str, told: tuple[str, str]) -> None:
    assert split_amount(cell) == told


@pytest.mark.parametrize(
    ("place", "street"),
    [
        ("12 Main Street", True),
        ("7 Quay Rd.", True),
        ("Calle Mayor 5", True),
        ("100 5th Ave", True),
        ("Quay", False),
        ("Street of Hope Church", False),
        ("Ward 7", False),
        ("Seattle, WA", False),
        ("St. Clare Hospital", False),
    ],
)
def test_streets_with_numbers_are_addresses(place: str, street: bool) -> None:
    assert is_street(place) is street


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("call +41 79 555 12 34 now", "call […] now"),
        ("(555) 123-4567", "[…]"),
        ("a.b@example.org, please", "[…] please"),
        ("see https://example.org/x?y", "see […]"),
        ("www.example.org", "[…]"),
        ("from 2026-03-14 to 2026-03-15", "from 2026-03-14 to 2026-03-15"),
        (
            "1000 blankets, 4 x 6 m, 160 x 180 x 150 cm",
            "1000 blankets, 4 x 6 m, 160 x 180 x 150 cm",
        ),
        ("1 000 000 masks", "1 000 000 masks"),
        ("14.03.2026", "14.03.2026"),
    ],
)
def test_contacts_are_taken_out_and_amounts_and_dates_stay(text: str, kept: str) -> None:
    assert without_contacts(text) == kept


@given(st.text(max_size=60), st.integers(5, 40))
def test_shortened_text_is_short_and_begins_the_same(text: str, most: int) -> None:
    short = shortened(text, most)
    assert len(short) <= most
    if len(text) <= most:
        assert short == text
    else:
        assert short.endswith("…")
        assert text.startswith(short[:-1])
