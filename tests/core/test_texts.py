"""Texts that people type: cleaning, the scan for contact details, times and durations."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshaid.core.own_tables import read_slips
from meshaid.core.texts import clean_line, clean_text, looks_like_contact, unify_digits
from meshaid.core.times import parse_duration, parse_time, show_time
from meshaid.errors import InvalidInput
from tests.core import drill


@pytest.mark.parametrize(
    "text",
    [
        "call 555 0123",
        "+49 (30) 123-456",
        "٠١٢٣٤٥٦",
        "write to ada@example.org",
        "ada\uff20example.org",
        "https://example.org/x",
        "see www.example.org",
        "my page: example.org",
    ],
)
def test_contact_details_are_noticed(text: str) -> None:
    assert looks_like_contact(text)


@pytest.mark.parametrize(
    "text", ["12 vials, 500 mg", "2 packs of 9 L", "at 14:30, floor 3", "5 @ 3", "etc.", "", "v1.2"]
)
def test_ordinary_words_are_not(text: str) -> None:
    assert not looks_like_contact(text)


def test_no_false_alarm_in_the_drill() -> None:
    table = read_slips(drill.SLIPS.read_bytes(), start=drill.START)
    assert not [
        slip.row_id
        for slip in table.rows
        for name in ("title", "text")
        if looks_like_contact(str(slip.fields.get(name, "")))
    ]


def test_overrides_and_controls_become_blanks() -> None:
    assert clean_line("a\u202eb\tc\nd\u2069 \x07e") == "a b c d e"
    assert clean_text(" one \r\ntwo\rthree\u2028four\x00 \n") == "one\ntwo\nthree\nfour"
    assert clean_line("e\u0301") == "\u00e9"
    assert clean_line("\u0645\u200c\u06cc") == "\u0645\u200c\u06cc"
    assert clean_line("x\ud800y") == "x\ufffdy"


@given(st.text())
def test_cleaning_is_done_once_and_can_be_written(text: str) -> None:
    line = clean_line(text)
    assert clean_line(line) == line
    assert len(line.splitlines()) <= 1
    assert clean_text(clean_text(text)) == clean_text(text)
    assert "\r" not in clean_text(text)
    clean_text(text).encode("utf-8")


def test_digits_of_every_script_are_one() -> None:
    assert unify_digits("٣/३/3") == "3/3/3"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("1800000000", 1_800_000_000),
        ("2026-03-01T14:30+01:00", 1_772_371_800),
        ("2026-03-01T13:30:00Z", 1_772_371_800),
        ("1969-12-31T23:59:59.5+00:00", -1),
    ],
)
def test_times(text: str, seconds: int) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize("text", ["", "noon", "2026-03-01T14:30", "2026-03-01", str(2**53 + 1)])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_time(text)


@given(st.integers(-(2**53), 2**53))
def test_times_are_read_back(seconds: int) -> None:
    assert parse_time(show_time(seconds)) == seconds


def test_durations() -> None:
    assert [parse_duration(t) for t in ("90m", "72h", "3d", "3 D")] == [
        5_400,
        259_200,
        259_200,
        259_200,
    ]
    for text in ("", "72", "h", "-1h", "0h", "1w", "1.5h"):
        with pytest.raises(InvalidInput):
            parse_duration(text)
