"""HXL: libhxl as the second implementation, its own test files, and our row read back."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import hxl  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshaid.core.fields import Value
from meshaid.core.hxl import ROW, Tag, find_tags, parse_tag, write_hxl, write_hxl_json
from meshaid.core.publishing import Choice, Published, publish
from meshaid.core.records import Record
from meshaid.core.rows import Author
from meshaid.core.tabular import Row, csv_rows
from meshaid.errors import InvalidInput
from tests.core.boards import NOW, member_id, record
from tests.core.samples import fields, read, sample

FILES = "hxl-libhxl-tests/"
OUR_TAGS = sample("hxl_sample.csv").decode().splitlines()[1]
FOUR = [
    {
        "title": "Higiene",
        "category": "hygiene.supplies",
        "people": 200,
        "area": "Los Santos, Panamá",
    },
    {"title": "Vacunación", "category": "health", "area": "Cauca, Colombia"},
    {"title": "Formación de enseñadores", "category": "other", "people": 550},
    {"title": "Urbano", "category": "water", "people": 175, "area": "Amazonas, Venezuela"},
]  # fmt: skip


def tags_of(data: bytes) -> list[str]:
    """The tags as libhxl reads them."""
    source = hxl.data(io.BytesIO(data), hxl.InputOptions(allow_local=True))
    return [str(tag) for tag in source.display_tags]


# ---- tags


@pytest.mark.parametrize(
    ("cell", "tag"),
    [
        ("#item", Tag("#item", frozenset())),
        (" #Item +Name ", Tag("#item", frozenset({"name"}))),
        ("#need+num+total", Tag("#need", frozenset({"num", "total"}))),
        ("#need +total +num", Tag("#need", frozenset({"num", "total"}))),
        ("#x_1+v_meshaid", Tag("#x_1", frozenset({"v_meshaid"}))),
        ("item", None),
        ("#", None),
        ("# item", None),
        ("#1item", None),
        ("#item+", None),
        ("#item+1", None),
        ("", None),
    ],
)
def test_tags(cell: str, tag: Tag | None) -> None:
    assert parse_tag(cell) == tag


def test_half_of_the_filled_cells_of_one_of_the_first_25_rows() -> None:
    rows = [Row(line, ["x"]) for line in range(1, 25)]
    tagged = Row(25, ["", "#item", "no tag", " "])
    assert find_tags([*rows, tagged]) == 24
    assert find_tags([Row(0, ["x"]), *rows, tagged]) is None
    assert find_tags([Row(1, ["#item", "a", "b"])]) is None
    assert find_tags([Row(1, ["", ""]), Row(2, [])]) is None


@given(st.lists(st.sampled_from(["#item", "#sector +en", "x", "", "#", "#a+b+c", "1"]), max_size=6))
def test_a_tag_row_is_one_for_libhxl_too(cells: list[str]) -> None:
    out = io.StringIO()
    csv.writer(out).writerows([["head"] * len(cells), cells, ["1"] * len(cells)])
    text = out.getvalue()
    if find_tags(list(csv_rows(text))) is not None:
        tags = tags_of(text.encode())
        ours = [tag for tag in map(parse_tag, cells) if tag]
        assert [parse_tag(tag) for tag in tags if tag] == ours


# ---- files of others


@pytest.mark.parametrize("name", ["valid.csv", "valid.json", "valid-objects.json"])
def test_the_same_rows_in_each_form(name: str) -> None:
    table = read(sample(f"{FILES}input-{name}"), kind="need")
    assert table.format == "hxl"
    found = fields(table)
    assert [row["title"] for row in found] == [row["title"] for row in FOUR]
    assert found[0] == {**FOUR[0], "created_at": 1_425_168_000}  # 1 March 2015
    assert found[1] == FOUR[1]
    assert table.columns == {
        "#subsector+es": "title",
        "#sector+es": "category",
        "#targeted+f": "people",
        "#targeted+m": "people",
        "#adm1": "area",
        "#country": "area",
        "#date+reported": "created_at",
    }
    assert table.ignored_columns == ["#org+es"]


def test_iso_8859_1() -> None:
    table = read(sample(f"{FILES}input-valid-latin1.csv"), kind="need")
    assert fields(table)[0] == {**FOUR[0], "created_at": 1_425_168_000}
    with pytest.raises(InvalidInput, match="CSV UTF-8"):
        read("item\nCaña\n".encode("latin-1"), kind="need")
    with pytest.raises(InvalidInput, match="CSV UTF-8"):
        read(sample(f"{FILES}input-valid-latin1.csv"), "csv", kind="need")


@pytest.mark.parametrize(
    ("name", "kind", "good", "bad"),
    [
        ("valid.csv", "need", 4, 0),
        ("valid-latin1.csv", "need", 4, 0),
        ("valid.json", "need", 4, 0),
        ("valid-objects.json", "need", 4, 0),
        ("fuzzy.csv", "need", 4, 0),
        ("multiline.csv", "notice", 1, 0),
        ("simple.csv", "offer", 8, 0),
        ("status.csv", "need", 8, 0),
    ],
)
def test_counts_of_good_and_bad_rows(name: str, kind: str, good: int, bad: int) -> None:
    table = read(sample(f"{FILES}input-{name}"), kind=kind)
    assert (table.format, len(table.rows), len(table.refused)) == ("hxl", good, bad)
    with pytest.raises(InvalidInput, match="--kind"):
        read(sample(f"{FILES}input-{name}"))


def test_tags_that_say_nothing_of_a_row() -> None:
    source = sample(f"{FILES}input-multiple-headers.csv")
    with pytest.raises(InvalidInput, match="no tag says what the rows are about"):
        read(source, kind="need")
    table = read(source, kind="need", category="food")
    assert [row["people"] for row in fields(table)] == [100, 200]
    assert [row["area"] for row in fields(table)] == ["Coast", "Mountains"]
    assert [slip.line for slip in table.rows] == [4, 5]


def test_a_cell_of_several_lines() -> None:
    (row,) = fields(read(sample(f"{FILES}input-multiline.csv"), kind="notice"))
    assert (row["title"], row["text"]) == ("Line 1", "Line 1\nLine 2\nLine 3")


def test_states_in_words() -> None:
    found = fields(read(sample(f"{FILES}input-status.csv"), kind="need"))
    assert [row.get("status") for row in found] == [
        None, None, "open", "open", "closed", "closed", "open", "open",
    ]  # fmt: skip


@pytest.mark.parametrize("form", ["", "hxl"])
def test_without_hashes_it_is_no_hxl(form: str) -> None:
    with pytest.raises(InvalidInput, match="no tag row in the first 25 rows"):
        read(sample(f"{FILES}input-invalid.csv"), form, kind="need")


def test_needs_and_capacities_tell_the_kind() -> None:
    need = read("item,n\n#item+name,#need+num+total\nWater,5\n")
    offer = read("item,n\n#item+name,#capacity+num\nWater,5\n")
    assert [(slip.kind, slip.fields["quantity"]) for slip in (*need.rows, *offer.rows)] == [
        ("need", 5_000),
        ("offer", 5_000),
    ]
    with pytest.raises(InvalidInput, match="--kind"):
        read("a,b,c\n#item+name,#need+num,#capacity+num\nWater,5,5\n")


def test_what_tags_of_others_give() -> None:
    table = read(
        "a,b,c,d,e,f,g,h\n"
        "#item+name,#item+unit,#item+num,#date+due,#loc+code,#loc+name,#need+num+open,#org\n"
        "Water,litres,5,2027-02-01,X1,Quay,3,ACNUR\n"
    )
    assert fields(table) == [
        {
            "title": "Water",
            "unit": "L",
            "quantity": 5_000,
            "needed_by": 1_801_526_399,
            "area": "Quay",
            "category": "water",
        }
    ]
    assert table.ignored_columns == ["#loc+code", "#need+num+open", "#org"]


def test_rows_of_our_own_table_are_picked_by_tag() -> None:
    source = sample("hxl_sample.csv")
    table = read(source, where={"#loc+name": "Cedar North"})
    assert [slip.row_id for slip in table.rows] == ["need-1", "need-3"]
    with pytest.raises(InvalidInput, match="--where"):
        read(source, where={"#loc+x": "1"})


@pytest.mark.parametrize(
    "text", ["[]", "[", "[1]", '[["#item"],[["x"]]]', '{"#item": 1}', '[{"#item": {"a": 1}}]']
)
def test_json_that_is_no_table(text: str) -> None:
    try:
        table = read(text, "json", kind="need")
    except InvalidInput:
        return
    assert table.rows == []
    assert table.refused


# ---- our own row


def told(*records: Record, exercise: bool = False, **authors: Author) -> list[Published]:
    from meshaid.core.board import Board

    members = {member_id(n): a for n, a in {"ada": Author("ada"), **authors}.items()}
    whole = Board(records, now=NOW, members=members, exercise=exercise)
    return publish(whole, Choice(), ended=True)[0]


def need(**more: Value) -> Record:
    return record("ada", "a", "need", title="Water", category="water.drinking", **more)


def test_our_row_is_the_sample_s() -> None:
    heading, tags = sample("hxl_sample.csv").decode().splitlines()[:2]
    assert ",".join(tag for _, tag, _ in ROW) == tags
    assert ",".join(name for name, _, _ in ROW) == heading
    assert write_hxl(told(need())).splitlines()[:2] == [heading, tags]


def test_the_sample_is_read() -> None:
    table = read(sample("hxl_sample.csv"))
    rows = fields(table)
    assert [slip.kind for slip in table.rows] == ["need", "need", "offer", "need", "need"]
    assert rows[0]["quantity"] == 16_000
    assert (rows[2]["quantity"], rows[2]["unit"]) == (20_000, "gal_us")
    assert (rows[3]["life_threatening"], rows[3]["ref"]) == (True, "X314154")
    assert rows[4] == {
        "category": "private",
        "urgency": "today",
        "life_threatening": False,
        "area": "Lake East",
        "created_at": 1_773_478_920,
    }
    assert "#loc+hub" in table.ignored_columns


def whole_board(text: str = 'a, "b"\nc') -> list[Published]:
    hub = record(
        "hub",
        "h",
        "hub",
        title="Cedar School",
        letter="C",
        areas="Quay; Mill",
        lat=-4132,
        lon=17478,
    )
    return told(
        hub,
        record("hub", "n", "notice", title="Bridge out", text="=SUM(A1)", certainty="confirmed"),
        record(
            "ada", "a", "need", title="=Water", text=text, category="water.drinking",
            quantity=16_000, unit="L", people=4, urgency="now", life_threatening=True, area="Quay",
            needed_by=NOW + 60, lang="en", ref="C482912",
        ),
        record("ada", "p", "pledge", need=need().reference, quantity=6_000, unit="L"),
        record("ada", "o", "offer", title="سكر", category="food", quantity=2_500, unit="kg"),
        record("ada", "c", "need", title="Done", status="closed", closed_reason="received"),
        hub=Author("hub", "hub"),
    )  # fmt: skip


def test_libhxl_finds_nothing_wrong() -> None:
    rows = whole_board("a line break is a warning to it")
    for data in (write_hxl(rows).encode(), write_hxl_json(rows).encode()):
        assert [parse_tag(tag) for tag in tags_of(data)] == [
            parse_tag(tag) for tag in OUR_TAGS.split(",")
        ]
        source = hxl.data(io.BytesIO(data), hxl.InputOptions(allow_local=True))
        assert len(list(source)) == 4
        report = hxl.validate(hxl.data(io.BytesIO(data), hxl.InputOptions(allow_local=True)))
        assert (report["is_valid"], report["issues"]) == (True, [])


def test_amounts_hubs_and_moments() -> None:
    lines = list(csv.reader(io.StringIO(write_hxl(whole_board()), newline="")))
    found: dict[str, dict[str, Any]] = {line[5]: dict(zip(lines[1], line)) for line in lines[2:]}  # noqa: B905
    water = found["'=Water"]
    assert (water["#need+num+total"], water["#capacity+num+total"]) == ("16", "")
    assert (water["#loc+hub"], water["#geo+lat"], water["#geo+lon"]) == (
        "Cedar School",
        "-41.32",
        "174.78",
    )
    assert water["#date+due"] == "2027-01-15T08:01:00Z"
    assert found["سكر"]["#capacity+num+total"] == "2.5"
    assert found["Done"]["#status+code"] == "closed"
    assert found["Bridge out"]["#description"] == "'=SUM(A1)"


@pytest.mark.parametrize("write", [write_hxl, write_hxl_json])
def test_what_is_written_is_read_back(write: Any) -> None:
    rows = whole_board()
    table = read(write(rows))
    assert [slip.row_id for slip in table.rows] == [row.record.reference for row in rows]
    kept = {field for _, _, field in ROW} - {"id", "kind", "exercise", "status"}
    for slip, row in zip(table.rows, rows, strict=True):
        held = {n: v for n, v in row.record.fields.items() if n in kept}
        back = {n: v for n, v in slip.fields.items() if n in kept}
        assert {**back, "life_threatening": back.get("life_threatening", False)} == {
            **held,
            "life_threatening": held.get("life_threatening", False),
        }
    assert table.rows[-1].kind in ("need", "offer", "notice")
    assert sum(slip.fields.get("status") == "closed" for slip in table.rows) == 1


def test_an_exercise_says_so_in_every_row_and_is_refused_elsewhere() -> None:
    written = write_hxl(told(need(), exercise=True))
    assert written.splitlines()[2].endswith(",1")
    assert len(read(written, exercise=True).rows) == 1
    ((line, reason),) = read(written).refused
    assert line == 3
    assert reason.startswith("exercise:")


CELLS = st.text(
    st.characters(exclude_characters="\0", codec="utf-8"), max_size=12
) | st.sampled_from(["need", "2", "1", "2026-03-14T12:00:00Z", "closed"])


@given(st.lists(st.lists(CELLS, max_size=27), max_size=5))
def test_any_cells_under_our_tags(rows: list[list[str]]) -> None:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([OUR_TAGS.split(","), *rows])
    table = read(out.getvalue().encode("utf-8", "replace"))
    assert len(table.rows) + len(table.refused) <= len(rows)


@given(st.recursive(st.text(max_size=8) | st.none() | st.integers(), st.lists, max_leaves=20))
def test_any_json(value: object) -> None:
    try:
        read(json.dumps([["#item+name"], value]), kind="need")
    except InvalidInput as error:
        assert str(error)  # noqa: PT017
