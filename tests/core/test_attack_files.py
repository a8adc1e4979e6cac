"""Files made to harm: what eats time or memory on the way in, and what runs elsewhere on the way
out."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshaid import limits
from meshaid.core.board import Board
from meshaid.core.exports import write_csv, write_json_lines
from meshaid.core.fields import Value
from meshaid.core.geojson import write_geojson
from meshaid.core.hxl import write_hxl, write_hxl_json
from meshaid.core.imports import read_file
from meshaid.core.publishing import Choice, publish
from meshaid.core.records import Record
from meshaid.core.rows import Author
from meshaid.core.sheets import write_sheet
from meshaid.core.slips import Reading
from meshaid.core.texts import LINE_BREAKS
from meshaid.errors import InvalidInput
from tests.core.boards import NOW, board, member_id, record

WIDE = limits.TABLE_COLUMNS + 1
NEEDS = Reading(kind="need", start=NOW)


# ---- in
@pytest.mark.parametrize(
    "source",
    [
        b"kind,title," + b",".join(b"c%d" % n for n in range(WIDE)) + b"\nneed,a\n",
        b"item," + b",".join(b"item" for _ in range(WIDE)) + b"\nTents\n",
        b"," * WIDE,
        b",".join(b"#item" for _ in range(WIDE)) + b"\nTents\n",
        b"[" + b",".join(b'{"item%d":1}' % n for n in range(WIDE)) + b"]",
        b"[[" + b",".join(b'"item"' for _ in range(WIDE)) + b'],["Tents"]]',
    ],
    ids=["own", "foreign", "blank", "hxl", "json objects", "json rows"],
)
def test_a_table_of_too_many_columns_is_refused_whole(source: bytes) -> None:
    with pytest.raises(InvalidInput, match="more than 512 columns"):
        read_file(source, NEEDS)


def test_a_row_of_too_many_cells_is_refused_alone() -> None:
    table = read_file(b"kind,title\nneed,a\nneed," + b"," * WIDE + b"\nneed,b\n", NEEDS)
    assert [slip.fields["title"] for slip in table.rows] == ["a", "b"]
    assert [line for line, _ in table.refused] == [3]


def test_a_broken_heading_is_not_passed_over() -> None:
    """Else the first row below would be taken for it, and nothing would come in, unsaid."""
    with pytest.raises(InvalidInput, match="line 1: is no CSV row"):
        read_file(b'kind,"title\nneed,a\n'.replace(b'"', b'"' + b"x" * 140_000), NEEDS)


def test_a_line_of_many_fields_is_refused() -> None:
    fields = {f"field_{n}": n for n in range(limits.MAX_RECORD_FIELDS)}
    whole = {"id": "a", "kind": "need", "fields": {"created_at": 1, **fields}, "conflicts": {}}
    table = read_file(json.dumps(whole).encode(), NEEDS)
    assert table.rows == []
    assert table.refused == [(1, "has more than 48 fields")]


def test_fields_that_nobody_knows_are_told_of_once_and_not_without_end() -> None:
    line = '{{"id":"{0}","kind":"need","fields":{{"created_at":1,{1}}},"conflicts":{{}}}}'
    lines = [
        line.format(n, ",".join(f'"of_{n}_{each}":1' for each in range(20))) for n in range(50)
    ]
    table = read_file("\n".join([*lines, *lines]).encode(), NEEDS)
    assert len(table.rows) == 50
    assert len(table.ignored_columns) == len(set(table.ignored_columns)) == limits.TABLE_COLUMNS


@pytest.mark.parametrize(
    "source",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'[{"kind":"need","quantity":' + b"9" * 5_000 + b"}]",
        b'{"id":"a","kind":"need","fields":{"created_at":' + b"9" * 5_000 + b'},"conflicts":{}}',
        b'{"id":"a","kind":"need","fields":{"created_at":1e999},"conflicts":{}}',
        b'{"id":"a","kind":["need"],"fields":{},"conflicts":{}}',
        b"<a>" * 30_000 + b"</a>" * 30_000,
        b'<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><alert>&c;</alert>',
        b"kind,title\nneed,a\0b\n",
        "kind,title\nneed,a\n".encode("utf-16"),
        b"kind,title\nneed," + b"x" * 200_000 + b"\n",
    ],
)
def test_no_file_breaks_the_reader(source: bytes) -> None:
    try:
        table = read_file(source, NEEDS)
    except InvalidInput:
        return
    assert table.rows == []
    assert table.refused


# ---- out
EVIL = "\x1b[31m\x9b31m\u202eevil\x07\u2066\x7f"
FORBIDDEN = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def hostile(words: str) -> Board:
    """A board on which somebody else's program has written these words everywhere."""
    line = "".join(char for char in words if char not in LINE_BREAKS)
    said = {"title": line, "text": words, "area": line, "unit": line[:16], "lang": line[:12]}
    food: dict[str, Value] = {
        "category": "food.meals",
        "ext_code": line,
        "per_unit": line[:16],
        "quantity": 1_000,
    }
    return board(
        record("ada", "n", "need", slip=line[:16], on_behalf_of=line[:24], **food, **said),
        record("ben", "o", "offer", **food, **said),
        record("ben", "m", "notice", ext_id=line, texts={"en": words}, title=line, text=words),
        record("hub", "h", "hub", letter="C", title=line, areas=line, emergency=words),
        hub=Author("hub", "hub"),
    )


def files(shown: Board) -> dict[str, str]:
    rows, left_out = publish(shown, Choice(), ended=True, hubs=True)
    assert "unreadable" not in left_out
    records = [row.record for row in rows]
    return {
        "csv": write_csv(records),
        "hxl": write_hxl(rows),
        "hxl-json": write_hxl_json(rows),
        "geojson": write_geojson(rows, coarse_points=True, exercise=False, left_out=left_out),
        "html": write_sheet(
            rows, community="Riverside", now=NOW, exercise=False, left_out=left_out
        ),
        "jsonl": write_json_lines(records, {}),
    }


def test_no_file_commands_a_terminal_or_turns_a_line_around() -> None:
    for form, text in files(hostile(EVIL)).items():
        assert "evil" in text
        assert not FORBIDDEN.search(text), form


def test_the_lossless_lines_lose_nothing_by_it() -> None:
    evil = record("ada", "n", "need", title=EVIL)
    line = write_json_lines([evil], {})
    assert not FORBIDDEN.search(line)
    assert json.loads(line)["fields"]["title"] == EVIL


@given(words=st.text(st.sampled_from("=+-@\t\r\n '\"|,;1A\x1b\u202e\xa0"), min_size=1, max_size=12))
def test_no_cell_is_run_by_a_spreadsheet(words: str) -> None:
    made = files(hostile(words))
    for form in ("csv", "hxl"):
        for row in csv.reader(io.StringIO(made[form], newline="")):
            for cell in row:
                harmless = re.fullmatch(r"-?\d+(\.\d+)?", cell)
                assert harmless or cell.lstrip("\n")[:1] not in "=+-@\t\r" or not cell


@given(words=st.text(st.sampled_from("<>&\"'/scriptonerror= "), max_size=16))
def test_no_words_become_markup(words: str) -> None:
    page = files(hostile(words))["html"]
    body = page[page.index("<body>") :]
    tags = set(re.findall(r"<\s*/?\s*([a-zA-Z!?][^\s>/]*)", body))
    allowed = {"body", "html", "header", "h1", "p", "table", "thead", "tbody", "tr", "th", "td"}
    assert tags <= allowed | {"span", "strong", "bdi", "br"}
    assert not re.search(r"<[^>]*\son\w+\s*=", body)


def test_a_hubs_hidden_words_are_on_nobodys_row() -> None:
    told = "Rosa 555 0123"
    hub = record("hub", "h", "hub", letter="C", title=told, areas="Hill", type="hub")
    need = record("ada", "n", "need", title="Water", area="Hill", category="water.drinking")
    flags: list[Record] = [
        record(member, "f", "flag", target=hub.reference, reason="personal_data")
        for member in ("ada", "ben")
    ]
    members = {member_id(name): Author(name) for name in ("ada", "ben")}
    members[member_id("hub")] = Author("hub", "hub")
    assert told in files(Board([hub, need], now=NOW, members=members))["geojson"]
    for form, text in files(Board([hub, need, *flags], now=NOW, members=members)).items():
        assert told not in text, form
