"""Tables of slips: the drill whole, bad rows by line and reason, and written files read back."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshaid import limits
from meshaid.core.exports import read_json_lines, write_csv, write_json_lines
from meshaid.core.fields import Value
from meshaid.core.own_tables import read_slips
from meshaid.core.records import Record, complete_record, read_record
from meshaid.core.slips import SlipTable, import_key, normalised_row
from meshaid.errors import InvalidInput
from tests.core import drill
from tests.core.boards import NOW, member_id, record, reference, stored
from tests.core.samples import fields, read

COLUMNS = drill.SLIPS.read_text("utf-8").splitlines()[0].split(",")
NO_FIELDS = ["hub", "fulfilled_by", "closed_minute", "truth_duplicate_of"]


def one(table: SlipTable) -> dict[str, Value]:
    """The fields of a table's only row."""
    assert table.refused == []
    (slip,) = table.rows
    return dict(slip.fields)


def reasons(table: SlipTable) -> list[tuple[int, str]]:
    return [(line, reason.partition(":")[0]) for line, reason in table.refused]


# ---- the drill


def test_the_whole_drill_is_read() -> None:
    table = read_slips(drill.SLIPS.read_bytes(), start=drill.START)
    assert (len(table.rows), table.refused, table.ignored_columns) == (240, [], NO_FIELDS)
    assert [slip.line for slip in table.rows] == list(range(2, 242))
    rows = {row["id"]: row for row in drill.table(drill.SLIPS)}
    for slip in table.rows:
        row = rows[slip.row_id]
        assert slip.kind == row["kind"]
        assert slip.fields["created_at"] == drill.moment(row["minute"])
        assert slip.fields["ref"] == row["ref"]
        assert slip.fields.get("status") == ("closed" if row["closed_reason"] else None)
        assert dict(slip.links) == ({"supersedes": row["supersedes"]} if row["supersedes"] else {})
        assert slip.fields.get("needed_by") == (
            drill.moment(row["needed_by_minute"]) if row["needed_by_minute"] else None
        )
    assert sum(bool(slip.links) for slip in table.rows) == 6


def test_where_takes_rows_by_any_column() -> None:
    data = drill.SLIPS.read_bytes()
    where = {"hub": "R", "intake_channel": "own_device"}
    table = read_slips(data, start=0, where=where)
    wanted = [r["id"] for r in drill.table(drill.SLIPS) if where.items() <= r.items()]
    assert [slip.row_id for slip in table.rows] == wanted
    with pytest.raises(InvalidInput, match="no column 'desk'; it has id, kind"):
        read_slips(data, start=0, where={"desk": "1"})


def test_the_drill_written_and_read_back_is_equal() -> None:
    records = list(drill_records())
    written = write_csv(records)
    again = read_slips(written.encode("utf-8"))
    assert (again.refused, again.ignored_columns) == ([], [])
    assert len(again.rows) == len(records) == 240
    for slip, found in zip(again.rows, records, strict=True):
        assert slip.row_id == found.reference
        assert (slip.kind, dict(slip.links)) == (found.kind, {})
        assert dict(slip.fields) == {n: v for n, v in found.fields.items() if n != "rev"}
    assert write_csv(records, exercise=True).splitlines()[0].endswith(",exercise")
    marked = read_slips(write_csv(records, exercise=True))
    assert (len(marked.rows), marked.ignored_columns) == (240, [])


def drill_records() -> list[Record]:
    table = read_slips(drill.SLIPS.read_bytes(), start=drill.START)
    records = []
    for slip in table.rows:
        links = {name: reference("hub", row_id) for name, row_id in slip.links.items()}
        fields = complete_record(slip.kind, {**slip.fields, **links}, now=0, ref="")
        records.append(stored(reference("hub", slip.row_id), fields))
    return records


def test_importing_twice_gives_the_same_keys_whatever_the_start() -> None:
    first, second = (read_slips(drill.SLIPS.read_bytes(), start=start) for start in (0, 1_000))
    keys = [slip.import_key for slip in first.rows]
    assert keys == [slip.import_key for slip in second.rows]
    assert len(set(keys)) == 240
    assert keys[0] == import_key("N001") == "72b7dpkg5kjukp2aid5gbhawby"


# ---- files that people make


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_separators_line_ends_and_byte_order_mark(separator: str, end: str, mark: str) -> None:
    rows = [["Kind", " title ", "quantity", "unit"], ["need", "Water", "2,5", "litres"]]
    text = mark + end.join(separator.join(f'"{cell}"' for cell in row) for row in rows) + end
    for source in (text, text.encode("utf-8")):
        fields = one(read_slips(source))
        assert (fields["title"], fields["quantity"], fields["unit"]) == ("Water", 2_500, "L")


def test_quoted_cells_hold_anything() -> None:
    text = 'kind,title,text\r\nneed,"a ""b"", c","one\r\ntwo"\r\n\r\noffer,Soup,\r\n'
    table = read_slips(text)
    assert [slip.line for slip in table.rows] == [2, 5]
    assert table.rows[0].fields["title"] == 'a "b", c'
    assert table.rows[0].fields["text"] == "one\ntwo"


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-16-le", "cp1256"])
def test_another_encoding_says_what_to_do(encoding: str) -> None:
    text = "kind,title\nneed,سكر\n" if encoding == "cp1256" else "kind,title\nneed,Caña\n"
    with pytest.raises(InvalidInput, match="CSV UTF-8"):
        read_slips(text.encode(encoding))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "first line must name the columns"),
        ("\n\n", "first line must name the columns"),
        ("need,Water\n", "first line must name the columns"),
        ("kind,title,Title\n", "two columns are named 'title'"),
        ('kind,"title"x\n', "line 1: is no CSV row"),
        ("kind,minute\n", "--start"),
        ("kind\n" + "need\n" * (limits.CSV_ROWS + 1), "more than 20000 rows"),
        ("k" * (limits.CSV_BYTES + 1), "larger than"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(text: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        read_slips(text)


def test_bad_rows_are_named_and_the_rest_goes_in() -> None:
    table = read_slips(
        "kind,title,quantity,urgency,people,minute\n"
        "need,Water,many,,,\n"
        "need,Water,2,soon,,\n"
        "wish,Water,,,,\n"
        "need,,,,,\n"
        "need,Water,,,,noon\n"
        "offer,Soup,,,4,\n"
        "offer,Soup,,no,0,\n"
        'need,"Water"x,,,,\n'
        "need,Water,1,,,,,\n"
        ",,,,,\n"
        "pledge,Water,1,,,\n"
        "need,Water\n",
        start=0,
    )
    assert [slip.line for slip in table.rows] == [8, 13]
    assert reasons(table) == [
        (2, "quantity"),
        (3, "urgency"),
        (4, "kind"),
        (5, "title"),
        (6, "minute"),
        (7, "people"),
        (9, table.refused[6][1].partition(":")[0]),
        (10, "has 8 cells, the header 6"),
        (12, "kind"),
    ]
    assert "check its quotes" in table.refused[6][1]


def test_a_minute_column_that_the_kind_has_not() -> None:
    table = read_slips("kind,title,needed_by_minute\nneed,a,5\noffer,b,5\noffer,c,\n", start=60)
    assert [slip.fields.get("needed_by") for slip in table.rows] == [360, None]
    assert reasons(table) == [(3, "needed_by_minute")]


def test_unknown_columns_are_named_once_and_kept_out() -> None:
    table = read_slips("kind,title,phone,,Shoe Size\nneed,a,1,2,3\nneed,b,,,\n")
    assert table.ignored_columns == ["phone", "shoe size"]
    assert all(slip.fields.keys() == {"title", "import_key"} for slip in table.rows)


@pytest.mark.parametrize("column", ["rev", "need", "letter"])
def test_fields_that_no_table_sets(column: str) -> None:
    table = read_slips(f"kind,title,{column}\nneed,a,1\n")
    assert table.ignored_columns == [column]
    assert column not in table.rows[0].fields


def test_a_closed_reason_alone_closes() -> None:
    table = read_slips(
        "kind,title,status,closed_reason\nneed,a,,received\nneed,b,open,received\nneed,c,paused,\n"
    )
    assert [slip.fields.get("status") for slip in table.rows] == ["closed", "open", "paused"]


def test_a_ref_is_kept_only_if_its_check_digit_fits() -> None:
    table = read_slips("kind,title,ref\nneed,a,c 482 912\nneed,b,C482921\nneed,c,\n")
    assert [slip.fields.get("ref") for slip in table.rows] == ["C482912", None, None]


def test_links_name_rows_or_whole_references() -> None:
    whole = reference("ada", "x")
    table = read_slips(
        "id,kind,title,duplicate_of,supersedes\n"
        f"1,need,a,2,\n2,need,b,{whole},\n3,notice,c,,1\n4,need,d,,3\n"
    )
    assert [dict(slip.links) for slip in table.rows] == [
        {"duplicate_of": "2"},
        {},
        {"supersedes": "1"},
    ]
    assert table.rows[1].fields["duplicate_of"] == whole
    assert reasons(table) == [(5, "supersedes")]


def test_a_row_is_known_by_its_id_else_by_its_cells() -> None:
    table = read_slips("kind,title,note\nneed,a,x\nneed,b,x\nneed, a ,y\n")
    assert [slip.line for slip in table.rows] == [2, 3]
    assert table.refused == [(4, "repeats line 2; give each row an `id` of its own")]
    assert table.rows[0].import_key == import_key(normalised_row({"kind": "need", "title": "a"}))
    with_ids = read_slips("kind,title,id\nneed,a,1\nneed,a,2\nneed,b,1\n")
    assert [slip.import_key for slip in with_ids.rows] == [import_key("1"), import_key("2")]
    assert import_key("1") != import_key("1", format_name="hxl")
    # Another start, another column order: still the same row.
    assert read_slips("title,kind\na,need\n").rows[0].import_key == table.rows[0].import_key


def test_a_repr_holds_no_content() -> None:
    (slip,) = read_slips("kind,title\nneed,SECRET\n").rows
    assert "SECRET" not in repr(slip)


# ---- whatever is in the cells

CELLS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["need", "offer", "notice", "2", "now", "1", "water", "L", "'=x", "closed"]),
)


@given(st.lists(st.lists(CELLS, max_size=len(COLUMNS) + 2), max_size=8))
def test_garbage_gives_refused_rows_only(rows: list[list[str]]) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerows([COLUMNS, *rows])
    table = read_slips(out.getvalue(), start=NOW)
    assert len(table.rows) + len(table.refused) <= len(rows)
    for slip in table.rows:
        fields = complete_record(slip.kind, slip.fields, now=NOW, ref="")
        assert stored(reference("ada", "x"), fields).readable


@given(st.binary() | st.binary().map(b"kind,title\nneed,".__add__))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        table = read_slips(data)
    except InvalidInput:
        return
    assert all(line >= 2 for line, _ in table.refused)


# ---- written files

WRITABLE: dict[str, st.SearchStrategy[object]] = {
    "text": st.text(max_size=40),
    "area": st.text(max_size=40),
    "quantity": st.integers(1, 10**9),
    "unit": st.sampled_from(["L", "pack", "Kiste"]),
    "people": st.integers(1, 10_000),
    "life_threatening": st.booleans(),
    "urgency": st.sampled_from(["now", "any"]),
    "needed_by": st.integers(-(2**53), 2**53),
    "access": st.sampled_from(["hearing", "hearing sight"]),
    "duplicate_of": st.builds(reference, st.just("ada"), st.sampled_from("abc")),
}


@given(
    st.text("'=+-@\t\rab", max_size=6).map("x".__add__)
    | st.text("'=+-@ab", min_size=1, max_size=6),
    st.fixed_dictionaries({}, optional=WRITABLE),
)
def test_what_is_written_is_read_back(title: str, entered: dict[str, object]) -> None:
    cells = {"kind": "need", "title": title, **entered}
    made = read_slips(_csv([list(cells), [_entered(value) for value in cells.values()]]))
    for slip in made.rows:
        found = stored(reference("ada", "a"), complete_record("need", slip.fields, now=NOW, ref=""))
        (again,) = read_slips(write_csv([found])).rows
        assert dict(again.fields) == {n: v for n, v in found.fields.items() if n != "rev"}


def _csv(rows: list[list[str]]) -> str:
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    return out.getvalue()


def _entered(value: object) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


@pytest.mark.parametrize("text", ["=1+1", "+x", "-x", "@x", "'=x", "''-x", "'x", "x=1"])
def test_cells_are_no_formulas_and_come_back(text: str) -> None:
    written = write_csv([record("ada", "a", "need", title=text)])
    (_, cells) = csv.reader(io.StringIO(written, newline=""))
    assert cells[2][0] not in "=+-@"
    assert one(read_slips(written))["title"] == text


def test_numbers_below_zero_are_no_formulas() -> None:
    assert ",-1234" in write_csv([record("hub", "a", "hub", title="Gym", lat=-1234)])


def test_texts_by_language_come_back() -> None:
    texts = {"en": "hello, you", "es": "hola"}
    fields = one(read_slips(write_csv([record("ada", "a", "notice", title="x", texts=texts)])))
    assert fields["texts"] == texts


def test_what_cannot_be_read_is_not_in_a_table() -> None:
    written = write_csv(
        [record("ada", "a", "need", quantity="many"), record("ada", "b", "proposal")]
    )
    assert written.splitlines() == ["id,kind", f"{reference('ada', 'b')},proposal"]


def test_json_lines_lose_nothing() -> None:
    held: dict[str, list[Value]] = {
        "kind": ["need"],
        "created_at": [NOW],
        "quantity": [2_000, 1_000],
        "title": ["a\nb\u2028c\x85d"],
        "of_tomorrow": [b"\x00\xff", 1.5, True, {"en": "x"}],
        "nothing": [None],
    }
    records = [
        read_record(reference("ada", "a"), held),
        read_record(reference("ada", "b"), {"kind": ["Odd Kind"], "title": [7]}),
        record("ben", "c", "notice", title="x", texts={"en": "y"}),
    ]
    written = write_json_lines(records, {member_id("ada"): "Ada"})
    assert len(written.splitlines()) == written.count("\n") == 3
    first = json.loads(written.splitlines()[0])
    assert (first["member"], first["member_name"]) == (member_id("ada"), "Ada")
    again = read_json_lines(written)
    assert [repr(found) for found in again] == [repr(found) for found in records]
    assert [dict(f.fields) for f in again] == [dict(f.fields) for f in records]
    assert [dict(f.conflicts) for f in again] == [dict(f.conflicts) for f in records]


@pytest.mark.parametrize(
    "line", ["{", "[]", "{}", '{"id":"a/b","fields":{},"conflicts":[],"kind":"need"}', "7"]
)
def test_a_line_that_is_no_record_is_named(line: str) -> None:
    with pytest.raises(InvalidInput, match="line 2: is no record"):
        read_json_lines(f"\n{line}\n")


# ---- what is said about a table


def test_a_kind_for_rows_that_say_none() -> None:
    table = read("kind,title\n,a\noffer,b\n", kind="need")
    assert [slip.kind for slip in table.rows] == ["need", "offer"]


def test_a_column_of_our_own_table_by_hand() -> None:
    table = read("kind,hub,title,note\nneed,Quay,a,x\n", columns={"hub": "area", "title": ""})
    assert table.refused[0][1].startswith("title")
    table = read("kind,hub,title,note\nneed,Quay,a,x\n", columns={"Hub": "area", "note": "text"})
    assert fields(table) == [{"title": "a", "area": "Quay", "text": "x"}]
    assert table.columns == {"kind": "kind", "hub": "area", "title": "title", "note": "text"}
    with pytest.raises(InvalidInput, match="two columns give 'title'"):
        read("kind,title,note\nneed,a,b\n", columns={"note": "title"})
    with pytest.raises(InvalidInput, match="--map"):
        read("kind,title\nneed,a\n", columns={"title": "rev"})


def test_json_objects_named_as_fields() -> None:
    rows = [{"kind": "need", "title": "a", "people": 4}, {"kind": "offer", "title": "b"}]
    table = read(json.dumps(rows))
    assert table.format == "csv"
    assert fields(table) == [{"title": "a", "people": 4}, {"title": "b"}]


def test_contacts_in_words_are_told_of() -> None:
    """As at the desk: it warns, and a person decides. Tables of others lose them (crosswalk)."""
    table = read("kind,title,text\nneed,a,call 555 123 456\nneed,b,by 14:30\n")
    assert [slip.fields["text"] for slip in table.rows] == ["call 555 123 456", "by 14:30"]
    ((line, note),) = table.notes
    assert line == 2
    assert "telephone number" in note


# ---- JSON lines brought in


def test_the_drill_as_json_lines_is_read_back_whole() -> None:
    records = list(drill_records())
    table = read(write_json_lines(records, {}))
    assert (table.format, table.refused, table.ignored_columns) == ("jsonl", [], [])
    for slip, found in zip(table.rows, records, strict=True):
        assert (slip.row_id, slip.kind) == (found.reference, found.kind)
        assert dict(slip.fields) == {n: v for n, v in found.fields.items() if n != "rev"}


def test_lines_that_are_no_records_of_ours() -> None:
    records = [
        record("ada", "a", "need", title="a", of_tomorrow=1),
        record("ada", "b", "pledge", need=reference("ada", "a")),
        record("ada", "c", "need", quantity="many"),
        record("ada", "d", "need"),
        record("ada", "a", "need", title="a"),
    ]
    table = read(write_json_lines(records, {}) + "{\n" + "[" * 100_000 + "\n")
    assert table.ignored_columns == ["of_tomorrow"]
    assert [slip.line for slip in table.rows] == [1, 4]  # the fourth says nothing: at writing
    assert [(line, reason.partition(" ")[0]) for line, reason in table.refused] == [
        (2, "kind:"),
        (3, "cannot"),
        (5, "repeats"),
        (6, "is"),
        (7, "is"),
    ]


def test_words_in_json_lines_are_cleaned_as_typed_ones() -> None:
    found = record("ada", "a", "need", title="a\u202eb\x00c")
    assert fields(read(write_json_lines([found], {}))) == [{"title": "a b c", "created_at": NOW}]


def test_json_lines_of_an_exercise() -> None:
    written = write_json_lines([record("ada", "a", "need", title="a")], {}, exercise=True)
    assert read(written).refused[0][1].startswith("exercise:")
    assert len(read(written, exercise=True).rows) == 1


@given(st.lists(st.text(max_size=40) | st.binary(max_size=9).map(repr), max_size=4))
def test_any_lines_are_records_or_refused(lines: list[str]) -> None:
    text = "\n".join(["{}", *lines]).encode("utf-8", "replace")
    try:
        table = read(text)
    except InvalidInput:
        return
    assert table.rows == []


def test_json_lines_that_are_too_many_or_hold_the_wrong_things(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = write_json_lines([record("ada", "a", "need", title="a", category="Odd!")], {})
    assert read(written).refused[0][1].startswith("cannot be read: category")
    newer = write_json_lines([record("ada", "a", "need", title="a", urgency="later")], {})
    assert read(newer).refused[0][1].startswith("urgency: must be one of")
    monkeypatch.setattr(limits, "CSV_ROWS", 1)
    with pytest.raises(InvalidInput, match="more than 1 records"):
        read(written * 2)


def test_a_format_that_is_none() -> None:
    with pytest.raises(InvalidInput, match="format: must be one of csv, hxl, json, jsonl, cap"):
        read("kind,title\nneed,a\n", "pdf")


def test_json_cells_of_every_kind() -> None:
    rows = [["kind", "title", "life_threatening", "people"], ["need", "a", True, 4.0], ["need", 7]]
    table = read(json.dumps(rows))
    assert fields_of(table) == [{"title": "7"}]
    assert [line for line, _ in table.refused] == [2]  # 4.0 is no whole number of people


def fields_of(table: SlipTable) -> list[dict[str, Value]]:
    return [{n: v for n, v in slip.fields.items() if n != "import_key"} for slip in table.rows]
