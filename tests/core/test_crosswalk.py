"""Tables of other tools: which columns they give, what stays out, and real files with counts."""

from __future__ import annotations

import csv
import io
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshaid import limits
from meshaid.core.records import complete_record
from meshaid.core.schema import BANNED_FIELDS
from meshaid.errors import InvalidInput
from tests.core import drill
from tests.core.boards import NOW, reference, stored
from tests.core.samples import SITES, START, fields, read, sample

EDEN = "sahana-eden/"

# File, what is said about it, rows taken, rows refused.
COUNTS: list[tuple[str, dict[str, str], int, int]] = [
    (SITES, {}, 470, 0),
    (f"{EDEN}BRCMS_RLP_br_need.csv", {"kind": "need"}, 31, 2),
    (f"{EDEN}IFRC_Train_inv_item.csv", {}, 42, 0),
    (f"{EDEN}IFRC_Train_inv_req.csv", {}, 2, 0),
    (f"{EDEN}IFRC_Train_inv_req_item.csv", {}, 10, 0),
    (f"{EDEN}RMS_Demo_inv_item.csv", {}, 16, 6),
    (f"{EDEN}RMS_Demo_inv_minimum.csv", {"kind": "need"}, 16, 0),
    (f"{EDEN}SAMBRO_Demo_cap_alert.csv", {"kind": "notice"}, 18, 0),
    (f"{EDEN}SAMBRO_Demo_cap_area.csv", {}, 15, 0),
    (f"{EDEN}SAMBRO_Demo_cap_info.csv", {}, 28, 0),
    (f"{EDEN}default_DefaultItems.csv", {"kind": "offer"}, 10, 0),
    (f"{EDEN}default_DefaultSkillList.csv", {"kind": "offer"}, 10, 0),
    (f"{EDEN}historic_NYC_hrm_skill.csv", {"kind": "offer"}, 63, 0),
    (f"{EDEN}historic_NYC_req.csv", {}, 0, 2),
    (f"{EDEN}historic_NYC_req_item.csv", {}, 2, 0),
    (f"{EDEN}historic_SHARE_Demo_aid_req.csv", {}, 9, 0),
    (f"{EDEN}historic_SHARE_Demo_aid_req_item.csv", {}, 4, 0),
    (f"{EDEN}historic_SHARE_LK_supply_item_category.csv", {"kind": "offer"}, 11, 0),
    (f"{EDEN}historic_SHARE_LK_supply_kit_item.csv", {"kind": "offer"}, 67, 0),
]


# ---- the real files


@pytest.mark.parametrize(("name", "said", "good", "bad"), COUNTS)
def test_each_real_file_with_its_good_and_bad_rows(
    name: str, said: dict[str, str], good: int, bad: int
) -> None:
    table = read(sample(name), **said)
    assert (table.format, len(table.rows), len(table.refused)) == ("table", good, bad)
    rows = list(csv.reader(io.StringIO(sample(name).decode(), newline="")))
    assert good + bad == len(rows) - 1
    kinds = {slip.kind for slip in table.rows}
    assert len(kinds) <= 1
    for slip in table.rows:
        made = complete_record(slip.kind, slip.fields, now=NOW, ref="")
        assert stored(reference("ada", "x"), made).readable
        assert made["category"] if slip.kind != "notice" else made["title"]


@pytest.mark.parametrize("name", [name for name, said, _, _ in COUNTS if said])
def test_where_nothing_tells_the_kind_it_is_asked_for(name: str) -> None:
    with pytest.raises(InvalidInput, match=r"--kind need, offer or notice.* -> title"):
        read(sample(name))


def test_places_that_asked_for_masks() -> None:
    rows = fields(read(sample(SITES), columns={"name": "text"}))
    assert rows[0] == {
        "title": "N95s, Surgical Masks",
        "text": "Swedish Ballard",
        "area": "Seattle, WA",
        "category": "health.protective",
        "created_at": 1_584_616_465,  # 3/19/2020 11:14:25: the month first, as other rows show
    }
    assert Counter(row["category"] for row in rows)["health.protective"] >= 465
    longest = max((str(row.get("text")) for row in rows), key=len)
    assert 636 < len(longest) <= 700


def test_columns_that_stay_out_are_named() -> None:
    table = read(sample(SITES))
    assert table.ignored_columns == ["name", "open_box", "org_type", "lat", "lng"]
    assert table.columns == {
        "accepting": "title",
        "city": "area",
        "state": "area",
        "timestamp": "created_at",
    }
    assert table.notes == [
        (0, "taken as needs by the headings; --kind says otherwise"),
        (0, "dates without an offset are taken as UTC"),
    ]


@pytest.mark.parametrize(("name", "said", "good", "bad"), COUNTS)
def test_no_person_and_no_exact_place_is_taken_over(
    name: str, said: dict[str, str], good: int, bad: int
) -> None:
    table = read(sample(name), **said)
    told = " ".join(str(value) for slip in table.rows for value in slip.fields.values())
    for secret in ("Person A", "Person B", "Person C", "POLYGON", "-122.3", "47.6", "96.475"):
        assert secret not in told
    assert not BANNED_FIELDS & {name for slip in table.rows for name in slip.fields}


def test_requests_lie_on_one_slip() -> None:
    rows = fields(read(sample(f"{EDEN}IFRC_Train_inv_req_item.csv")))
    assert rows[0] == {
        "title": "Plastic Sheets",
        "quantity": 2_000_000,
        "unit": "m2",
        "slip": "REQ-LOS-000001",
        "category": "shelter.cover",
    }
    assert Counter(row["slip"] for row in rows) == {"REQ-LOS-000001": 5, "REQ-MAN-000001": 5}


def test_a_request_with_priority_and_dates() -> None:
    first, second = fields(read(sample(f"{EDEN}IFRC_Train_inv_req.csv")))
    assert first["created_at"] == 1_353_024_000  # 11/16/12
    assert first["needed_by"] == 1_358_380_799  # 01/16/13, to its end
    assert (first["urgency"], second["urgency"]) == ("today", "tomorrow")
    assert first["area"] == "Lospalos Warehouse"


def test_a_request_number_that_is_too_long_for_a_slip_is_left_out() -> None:
    (row,) = fields(read("item,request number\nTents,REQUEST-2020-000001\n"))
    assert "slip" not in row


def test_packs_are_units_with_contents() -> None:
    rows = fields(read(sample(f"{EDEN}IFRC_Train_inv_item.csv")))
    assert (rows[0]["quantity"], rows[0]["unit"]) == (5_000_000, "roll")
    assert (rows[0]["per_pack"], rows[0]["per_unit"]) == (10_000, "piece")
    assert "per_pack" not in rows[-1]
    assert (rows[-1]["title"], rows[-1]["unit"]) == ("Comida enlatada", "piece")


def test_one_thing_in_two_bins_is_not_counted_twice() -> None:
    table = read(sample(f"{EDEN}RMS_Demo_inv_item.csv"))
    cans = [slip for slip in table.rows if slip.fields["title"] == "Jerrycan, foldable, 10 L"]
    assert [slip.fields["quantity"] for slip in cans] == [1_000_000, 1_500_000, 220_000]
    assert {line for line, _ in table.refused} == {14, 16, 17, 19, 20, 21}  # none in stock
    assert all(reason.startswith("quantity:") for _, reason in table.refused)


@pytest.mark.parametrize("name", ["drill_events.csv", "drill_expected.csv", "drill_hubs.csv"])
def test_the_drill_s_other_tables_hold_no_slips(name: str) -> None:
    """Pledges and receipts stay with who made them; states and hubs are no rows of the board."""
    source = (drill.SLIPS.parent / name).read_bytes()
    if name == "drill_events.csv":
        table = read(source)
        assert (table.rows, len(table.refused)) == ([], 255)
        assert {reason for _, reason in table.refused} == {
            "kind: must be one of need, offer, notice"
        }
    else:
        with pytest.raises(InvalidInput, match=r"first line must name|--kind"):
            read(source)


def test_rows_that_say_nothing_are_refused_by_line_and_reason() -> None:
    table = read(sample(f"{EDEN}historic_NYC_req.csv"))
    (_, nothing), (_, shifted) = table.refused
    assert [line for line, _ in table.refused] == [2, 3]
    assert "title" in nothing
    assert "shifted" in shifted


def test_a_need_that_must_stay_on_paper_is_refused() -> None:
    table = read(sample(f"{EDEN}BRCMS_RLP_br_need.csv"), kind="need")
    assert [line for line, _ in table.refused] == [19, 21]
    assert all("private" in reason for _, reason in table.refused)


# ---- headings


def test_a_spreadsheet_of_a_neighbour() -> None:
    table = read(
        "Item;Qty;Priority;Where?;Area;Phone;Notes\n"
        "Blankets;5 pairs;HIGH;x;Quay;555 123 456;for us\n"
        "Soup;;somehow;;12 Main Street;;\n",
        kind="need",
    )
    assert fields(table) == [
        {
            "title": "Blankets",
            "quantity": 5_000,
            "unit": "pair",
            "urgency": "today",
            "area": "Quay",
            "text": "for us",
            "category": "shelter.bedding",
        },
        {"title": "Soup", "category": "food.meals"},
    ]
    assert table.ignored_columns == ["where?", "phone"]
    assert {note for _, note in table.notes} == {
        "an address was left out; an area is enough",
        "urgency: the word is not known, and was left out",
    }


@pytest.mark.parametrize("above", ["Needs\n", "Needs,,\n\n,,\n", "List of 3 May,,\n", "sep=,\n"])
def test_headings_below_a_title(above: str) -> None:
    table = read(f"{above}Item,Qty,Area\nTents,3,Quay\n", kind="need")
    assert fields(table) == [
        {"title": "Tents", "quantity": 3_000, "area": "Quay", "category": "shelter.cover"}
    ]
    assert table.rows[0].line == above.count("\n") + 2
    own = read(f"{above}id,kind,title\n1,need,a\n")
    assert (own.format, fields(own)) == ("csv", [{"title": "a"}])


def test_columns_by_hand() -> None:
    text = "Thing,Where,Count\nTents,Quay,3\n"
    said = {"columns": {"Thing": "title", "where": "area", "COUNT": "quantity"}, "kind": "offer"}
    table = read(text, **said)
    assert fields(table) == [
        {"title": "Tents", "area": "Quay", "quantity": 3_000, "category": "shelter.cover"}
    ]
    assert table.columns == {"thing": "title", "where": "area", "count": "quantity"}
    left = read("item,notes\nTents,secret\n", kind="offer", columns={"notes": ""})
    assert fields(left) == [{"title": "Tents", "category": "shelter.cover"}]


@pytest.mark.parametrize("column", ["phone", "Home Address", "E-mail", "lat", "Contact"])
def test_what_is_never_taken_over_cannot_be_asked_for(column: str) -> None:
    with pytest.raises(InvalidInput, match="never taken over"):
        read(f"item,{column}\nTents,x\n", kind="offer", columns={column: "text"})


def test_a_field_that_no_column_can_give() -> None:
    with pytest.raises(InvalidInput, match="--map: a column can give"):
        read("item,x\nTents,1\n", kind="offer", columns={"x": "shoes"})


def test_a_list_of_persons_gives_no_names() -> None:
    with pytest.raises(InvalidInput, match="first line must name the columns"):
        read("Name,Phone,Birthday\nAnna Example,555123,1.2.1980\n", kind="need")
    table = read("Name,Phone,Needs\nAnna Example,555123,Water\n")
    assert fields(table) == [{"title": "Water", "category": "water"}]
    assert table.ignored_columns == ["name", "phone"]


def test_contacts_in_words_are_taken_out() -> None:
    table = read(
        "item,notes\nTents,call +41 79 555 12 34 or a@example.org\nWater,from 2026-03-14 on\n",
        kind="need",
    )
    assert [row["text"] for row in fields(table)] == ["call […] or […]", "from 2026-03-14 on"]
    assert table.notes == [(2, "a telephone number, address or link was left out of its words")]


def test_dates_that_can_be_read_in_two_ways_are_left_out() -> None:
    table = read("item,date\nTents,3/4/2020\nWater,5/6/2020\n", kind="need")
    assert all("created_at" not in row for row in fields(table))
    assert table.notes[1:] == [
        (line, "created_at: the date is not clear, and was left out") for line in (2, 3)
    ]
    told = read("item,date\nTents,3/4/2020\nWater,15/6/2020\n", kind="need")
    assert [row["created_at"] for row in fields(told)] == [1_585_872_000, 1_592_179_200]


def test_a_label_that_was_chosen_comes_first() -> None:
    text = "item,category\nWidget,Odd Things\nTents,Odd Things\nWidget,\n"
    plain = read(text, kind="offer")
    assert [row["category"] for row in fields(plain)] == ["other", "shelter.cover", "other"]
    assert plain.labels == {
        "odd things": ("other", 1),
        "tents": ("shelter.cover", 1),
        "widget": ("other", 1),
    }
    chosen = read(text, kind="offer", labels={"odd  THINGS": "work.hands", "widget": "goods.tools"})
    assert [row["category"] for row in fields(chosen)] == [
        "work.hands",
        "work.hands",
        "goods.tools",
    ]
    given = read(text, kind="offer", category="goods")
    assert [row["category"] for row in fields(given)] == ["goods", "shelter.cover", "goods"]


def test_the_same_table_gives_the_same_keys_whatever_is_said_of_categories() -> None:
    text = "item,category\nWidget,Odd\nTents,\n"
    keys = [slip.import_key for slip in read(text, kind="offer").rows]
    again = read(text, kind="offer", category="goods", labels={"odd": "work"}, start=1)
    assert [slip.import_key for slip in again.rows] == keys
    assert [slip.import_key for slip in read(text, kind="need").rows] != keys


def test_equal_row_numbers_of_two_tables_are_no_copies() -> None:
    one, other = read("id,item\n1,Water\n", kind="need"), read("id,item\n1,Tents\n", kind="need")
    assert one.rows[0].import_key != other.rows[0].import_key


def test_rows_are_picked_by_any_column() -> None:
    table = read("item,phone\nWater,1\nTents,2\n", kind="need", where={"phone": "2"})
    assert [slip.fields["title"] for slip in table.rows] == ["Tents"]
    with pytest.raises(InvalidInput, match="no column 'fax'; it has item, phone"):
        read("item,phone\nWater,1\n", kind="need", where={"fax": "2"})


def test_people_are_a_number_of_persons() -> None:
    table = read("item,people\nWater,4\nTea,many\nSoup,250000\nMilk,\n", kind="need")
    assert [row.get("people") for row in fields(table)] == [4, None, None, None]
    assert [line for line, _ in table.notes] == [3, 4]


def test_the_first_line_of_a_text_is_a_title() -> None:
    table = read('description\n"A long story\nwith lines"\n', kind="need")
    assert fields(table)[0]["title"] == "A long story"
    assert fields(table)[0]["text"] == "A long story\nwith lines"


def test_what_is_too_long_is_shortened_and_said_so() -> None:
    words = "word " * 200
    table = read(f"item,notes,area\nWater,{words},{words}\n", kind="need")
    (row,) = fields(table)
    assert len(str(row["text"])) <= 700
    assert str(row["text"]).endswith("…")
    assert len(str(row["area"])) <= 40
    assert table.notes == [(2, "its text was shortened"), (2, "its area was shortened")]


CELLS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["Water", "5 cases", "N/A", "High", "3/19/2020", "Quay", "a@b.c", "1,000"]),
)
HEADINGS = st.sampled_from(
    ["item", "qty", "unit", "pack", "pack quantity", "priority", "date", "due", "city", "state",
     "notes", "category", "people", "request", "bin", "phone", "name", "lang", "status", "id", ""]
)  # fmt: skip


@given(
    st.lists(HEADINGS, min_size=1, max_size=10),
    st.lists(st.lists(CELLS, max_size=12), max_size=6),
    st.sampled_from(["need", "offer", "notice"]),
)
def test_garbage_gives_readable_records_or_reasons(
    header: list[str], rows: list[list[str]], kind: str
) -> None:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([header, *rows])
    try:
        table = read(out.getvalue().encode("utf-8", "replace"), kind=kind)
    except InvalidInput:
        return
    assert len(table.rows) + len(table.refused) <= len(rows)
    for slip in table.rows:
        made = complete_record(slip.kind, slip.fields, now=START, ref="")
        assert stored(reference("ada", "x"), made).readable


def test_a_table_has_an_end() -> None:
    with pytest.raises(InvalidInput, match="more than 20000 rows"):
        read("item\n" + "Water\n" * (limits.CSV_ROWS + 1), kind="need")
