"""Spreadsheets as volunteers write them: their headings and words, their blank and total rows."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshaid.core.fields import Value
from tests.core.samples import fields, read

COMMAS = """\
What,Where,How much,Unit,Urgent
Soup,North,3,litres,yes
,,,,
Tents,South,4,,no
"""
SEMICOLONS = """\
NR;NEED;AMOUNT;PLACE;HOW SOON;WHO FOR;TAKEN BY
1;Water;40 L;North;today;h07;Anna
;;;;;;
2;Nappies;3 packs;Quay;ASAP;Smith family;
;Total;43;;;;
"""
TABS = """\
Needs of 3 May
No.\tThing\tHow much\tWhere\tWhen\tHousehold
1\tDrinking water\t3 litres\tNorth\tThis week\tH7
2\tRice\t10kg\tQuay\tany time\tMaria
\t\t\t\t\t
TOTAL\t\t13\t\t\t
"""
BOARD = """\
Code,What,How much,When,State,Where,From
C 482 912,Water,40 L,by tomorrow,open,North,Anna
"""
SHEETS: list[tuple[str, list[dict[str, Value]], list[str]]] = [
    (
        COMMAS,
        [
            {"title": "Soup", "area": "North", "quantity": 3_000, "unit": "L", "urgency": "now"},
            {"title": "Tents", "area": "South", "quantity": 4_000},
        ],
        [],
    ),
    (
        SEMICOLONS,
        [
            {
                "title": "Water", "quantity": 40_000, "unit": "L", "area": "North",
                "urgency": "today", "on_behalf_of": "h07",
            },
            {
                "title": "Nappies", "quantity": 3_000, "unit": "pack", "area": "Quay",
                "urgency": "now",
            },
        ],
        ["taken by"],
    ),
    (
        TABS,
        [
            {
                "title": "Drinking water", "quantity": 3_000, "unit": "L", "area": "North",
                "urgency": "week", "on_behalf_of": "H7",
            },
            {"title": "Rice", "quantity": 10_000, "unit": "kg", "area": "Quay", "urgency": "any"},
        ],
        [],
    ),
    (
        BOARD,
        [
            {
                "title": "Water", "quantity": 40_000, "unit": "L", "area": "North",
                "urgency": "tomorrow", "status": "open", "ext_code": "C 482 912",
            }
        ],
        ["from"],
    ),
]  # fmt: skip


def told(text: str, **said: object) -> list[dict[str, Value]]:
    """What the rows give but for the category, which words tell; no row may be refused."""
    table = read(text, **said)
    assert [reason for _, reason in table.refused if "sums up" not in reason] == []
    return [
        {name: v for name, v in slip.fields.items() if name not in ("import_key", "category")}
        for slip in table.rows
    ]


@pytest.mark.parametrize(("text", "rows", "ignored"), SHEETS)
def test_a_sheet_of_volunteers(text: str, rows: list[dict[str, Value]], ignored: list[str]) -> None:
    assert told(text, kind="need") == rows
    assert read(text, kind="need").ignored_columns == ignored


def test_a_row_of_sums_is_refused_and_told_of() -> None:
    for last in ("Total,43", "TOTAL:,43", "Sum,43", "Grand total,43"):
        table = read(f"What,How many\nWater,43\n{last}\n", kind="need")
        assert [slip.fields["title"] for slip in table.rows] == ["Water"]
        assert table.refused == [(3, "this row sums up others")]
    kept = told("What,How many\nTotal loss of roof,1\n", kind="need")
    assert kept[0]["title"] == "Total loss of roof"


def test_a_household_is_a_tag_and_never_a_name() -> None:
    cells = ["h07", "H 12", "hh-3", "Maria", "Smith", "Smith 2", "4", "h07 Maria", "Anna7"]
    sheet = "What,Household\n" + "".join(f"Thing {cell},{cell}\n" for cell in cells)
    table = read(sheet, kind="need")
    tags = [slip.fields.get("on_behalf_of") for slip in table.rows]
    assert tags == ["h07", "H 12", "hh-3", *[None] * 6]
    note = "on_behalf_of: only a tag such as h07 is taken, never a name; it was left out"
    assert [text for line, text in table.notes if line] == [note] * 6


@given(st.from_regex(r"[^\W\d_]{4,12}( [^\W\d_]{1,12})?", fullmatch=True))
def test_no_name_becomes_a_tag(name: str) -> None:
    for heading in ("Household", "Who for", "on_behalf_of"):
        table = read(f"What,{heading}\nWater,{name}\n", kind="need")
        assert "on_behalf_of" not in table.rows[0].fields


@pytest.mark.parametrize(
    ("cell", "urgency", "notes"),
    [
        ("yes", "now", 0), ("Y", "now", 0), ("x", "now", 0), ("no", None, 0), ("", None, 0),
        ("now", "now", 0), ("immediately", "now", 0), ("by tomorrow", "tomorrow", 0),
        ("This week", "week", 0), ("whenever", "any", 0), ("Tuesday", None, 1), ("14:30", None, 1),
    ],
)  # fmt: skip
def test_words_for_how_urgent_it_is(cell: str, urgency: str | None, notes: int) -> None:
    table = read(f"What,Urgent\nWater,{cell}\n", kind="need")
    assert table.rows[0].fields.get("urgency") == urgency
    assert len([line for line, _ in table.notes if line]) == notes


@pytest.mark.parametrize(
    ("heading", "cells"),
    [
        ("Kind", ["need", "OFFER", "Needs", "offers"]),
        ("Need/Offer", ["Need", "Offer", "request", "have"]),
        ("need or offer", ["I need", "I can give", "needed", "donation"]),
    ],
)
def test_a_column_of_kinds_beside_other_headings(heading: str, cells: Sequence[str]) -> None:
    sheet = f"{heading},What,Where\n" + "".join(f"{cell},Soup {cell},North\n" for cell in cells)
    table = read(sheet)
    assert [slip.kind for slip in table.rows] == ["need", "offer", "need", "offer"]
    assert {slip.fields["area"] for slip in table.rows} == {"North"}
    assert all("taken as" not in text for _, text in table.notes)
    mixed = read(f"{heading},What\nneed,Soup\nwhat?,Tea\n,Rice\n")
    assert [line for line, _ in mixed.refused] == [3, 4]
    assert len(read(f"{heading},What\nneed,Soup\n,Rice\n", kind="offer").rows) == 2


def test_a_state_beside_a_town_is_part_of_the_place() -> None:
    assert told("What,City,State\nSoup,Seattle,WA\n", kind="need")[0]["area"] == "Seattle, WA"


@pytest.mark.parametrize(
    ("cell", "quantity", "unit"),
    [("3 litres", 3_000, "L"), ("40 L", 40_000, "L"), ("10kg", 10_000, "kg"),
     ("2 boxes", 2_000, "box"), ("5 packs", 5_000, "pack"), ("2.5 l", 2_500, "L"),
     ("7 gizmos", 7_000, "gizmos")],
)  # fmt: skip
def test_an_amount_with_its_unit_in_one_cell(cell: str, quantity: int, unit: str) -> None:
    (row,) = fields(read(f"What,How much\nThing,{cell}\n", kind="need"))
    assert (row["quantity"], row["unit"]) == (quantity, unit)
