"""Tables fit their terminal, whatever stands in them, and lose nothing without saying so."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from meshaid.cli import tables
from meshaid.cli.layout import MORE, Cell, Column, Entry, fitting, print_table, wrap
from meshaid.cli.screen import END, ISOLATE, on_line
from tests.cli.calls import NOON
from tests.cli.test_screen import row

ARABIC = "\u0645\u064a\u0627\u0647 \u0627\u0644\u0634\u0631\u0628 "
HOSTILE = (
    "Drinking water for ten people behind the old bridge at the river, as soon as possible",
    "\u6c34" * 80,
    (ARABIC * 8)[:80],
    "\u05de\u05d9\u05dd " * 20,
    "e\u0301" * 40,
    "\U0001f469\u200d\U0001f469\u200d\U0001f467" * 16,
    "A" * 80,
    "a \u202e\u2067b\u2069 c" * 8,
    "\u0e19\u0e49\u0e33\u0e14\u0e37\u0e48\u0e21" * 10,
    "[bold]x[/bold] \\[",
    "\u200b\u200d\ufeff" * 20,
    "N\u01b0\u1edbc u\u1ed1ng",
)
TEXTS = (
    st.text(max_size=80) | st.sampled_from(HOSTILE) | st.text("\u0645\u0627 a\u6c34", max_size=60)
)


def is_balanced(line: str) -> bool:
    depth = 0
    for char in line:
        depth += (char == ISOLATE) - (char == END)
        if depth not in (0, 1):
            return False
    return depth == 0


def printed(columns: list[Column], entries: list[Entry], width: int) -> list[str]:
    console = Console(width=width, highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        print_table(console, columns, entries)
    return captured.get().splitlines()


@given(text=TEXTS, width=st.integers(2, 60), lines=st.integers(1, 4))
def test_wrapped_words_fit(text: str, width: int, lines: int) -> None:
    wrapped = wrap(on_line(text), width, lines)
    assert 1 <= len(wrapped) <= lines
    assert all(cell_len(line) <= width for line in wrapped)
    assert all(map(is_balanced, wrapped))


@given(text=TEXTS, width=st.integers(2, 60))
def test_nothing_is_lost_where_there_is_room(text: str, width: int) -> None:
    def bare(words: str) -> str:
        return "".join(char for char in words if char not in (" ", ISOLATE, END))

    told = on_line(text)
    assert bare("".join(wrap(told, width, 1_000))) == bare(told)


@given(text=TEXTS, width=st.integers(2, 20))
def test_what_is_cut_says_so(text: str, width: int) -> None:
    whole = wrap(on_line(text), width, 1_000)
    (line,) = wrap(on_line(text), width, 1)
    assert (len(whole) > 1) == (line.rstrip(END).endswith(MORE) and line != whole[0])


@given(
    rows=st.lists(st.lists(TEXTS, min_size=3, max_size=3), min_size=1, max_size=4),
    width=st.integers(40, 140),
)
def test_tables_fit(rows: list[list[str]], width: int) -> None:
    columns = [Column("One", 9, 9, lines=1), Column("Two", 12), Column("Three", 8, 30)]
    entries = [
        Entry([Cell(on_line(text)) for text in texts], [Cell(on_line(texts[0]))]) for texts in rows
    ]
    lines = printed(columns, entries, width)
    assert lines[0].startswith("One")
    assert all(cell_len(line) <= width for line in lines)
    assert all(map(is_balanced, lines))
    widths = fitting(columns, entries, width)
    assert all(
        column.least >= size or size <= column.most
        for size, column in zip(widths, columns, strict=True)
    )


def test_columns_stand_below_each_other() -> None:
    entries = [Entry((Cell(on_line(text)), Cell("|"))) for text in HOSTILE]
    lines = printed([Column("", 9, 30, lines=3), Column("")], entries, 60)
    places = {cell_len(line.partition("|")[0]) for line in lines if "|" in line}
    assert len(places) == 1


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_board_of_a_thousand_hostile_rows_fits(width: int) -> None:
    rows = [
        row(
            title=HOSTILE[number % len(HOSTILE)],
            area=HOSTILE[(number + 1) % len(HOSTILE)][:40],
            member_name=HOSTILE[(number + 2) % len(HOSTILE)][:60],
            unit=HOSTILE[(number + 3) % len(HOSTILE)][:16],
            quantity=str(10**9),
            still_open=str(10**9 - 1),
            ref=None if number % 2 else "C482912",
            kind=("need", "offer", "notice", "weather")[number % 4],
            status=("open", "part-received", "x" * 32)[number % 3],
            life_threatening=number % 5 == 0,
            available_until=NOON,
            conflicts={"quantity": ["1", "2"]} if number % 7 == 0 else {},
        )
        for number in range(1_000)
    ]
    console = Console(width=width, highlight=False, markup=False, emoji=False)
    left_out = {"hidden": 3, "expired": 40, "unreadable": 1}
    with console.capture() as captured:
        tables.board_page(console, {"records": rows, "more": 7, "left_out": left_out}, NOON)
    lines = captured.get().splitlines()
    assert max(map(cell_len, lines)) <= width
    assert all(map(is_balanced, lines))
    assert not any(unicodedata.category(char) == "Cc" for line in lines for char in line)
    text = " ".join(" ".join(lines).split())
    assert "7 more fit: --limit 0" in text
    assert "3 hidden by flags (--hidden)" in text
    assert "1 not readable" in text
    assert text.count("LIFE AT RISK") == 200
