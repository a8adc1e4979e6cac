"""The board: what is shown, in which order, to whom it answers, and copies of one import."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Hashable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshaid import limits
from meshaid.core import records
from meshaid.core.board import Board
from meshaid.core.fields import Value
from meshaid.core.records import Record, edit_fields, read_record
from meshaid.core.rows import Author, Row
from meshaid.core.spoken import spoken_code
from meshaid.errors import Ambiguous, InvalidInput, NotFound
from tests.core.boards import NOW, board, member_id, record, reference

HOUR = 3600


def need(name: str, member: str = "ada", **fields: Value) -> Record:
    return record(member, name, "need", **{"title": "Water", **fields})


def titles(rows: list[Row]) -> list[str]:
    return [row.record.text("title") for row in rows]


# ---- what is shown


def test_ended_records_are_hidden_unless_asked_for() -> None:
    shown = board(
        need("a", title="open"),
        need("b", title="closed", status="closed", closed_reason="received"),
        need("c", title="expired", expires_at=NOW - 1),
        need("d", title="paused", status="paused"),
        record("ada", "e", "notice", title="withdrawn", certainty="withdrawn"),
        record("ada", "f", "notice", title="old", expires_at=NOW - 1),
        record("hub", "g", "hub", title="moved", expires_at=NOW - 1),
    )
    assert sorted(titles(shown.rows())) == ["open", "paused"]
    for status in ("open", "closed", "paused", "withdrawn"):
        assert titles(shown.rows(status=status)) == [status]
    assert sorted(titles(shown.rows(status="expired"))) == ["expired", "old"]
    assert titles(shown.rows(kind="hub", status="expired")) == ["moved"]
    assert len(shown.rows(status="all")) == 6
    assert shown.rows(status="taken") == []


def test_filters_by_kind_category_and_words() -> None:
    records = [
        need("a", title="Caña de pescar", category="food.groceries"),
        need("b", title="Soup", text="no MEAT, 2 pots", category="food.meals", area="Dockside"),
        record("ada", "c", "offer", title="Soup", category="food.meals"),
        record("ada", "d", "notice", title="Hazard", texts={"es": "sopa"}),
        record("ada", "e", "offer", title="Blanket", category="shelter.bedding"),
    ]
    shown = board(*records)
    assert len(shown.rows(category="food")) == 3
    assert len(shown.rows(kind="need", category="food.meals")) == 1
    assert titles(shown.rows(text="meat soup")) == ["Soup"]
    assert titles(shown.rows(text="DOCKSIDE ٢")) == ["Soup"]
    assert titles(shown.rows(text="caña")) == ["Caña de pescar"]
    assert titles(shown.rows(text="sopa")) == ["Hazard"]
    assert shown.rows(text="soup blanket") == []
    assert shown.rows(text="!") == []
    assert len(shown.rows(text=" ")) == 5
    with pytest.raises(InvalidInput, match="need, offer"):
        shown.rows(kind="wish")


def test_members_who_are_not_valid_are_not_on_the_board() -> None:
    shown = board(need("a"), need("b", "eve"), read_record(reference("eve", "c"), {}))
    assert len(shown.rows()) == 1
    assert shown.unreadable == ()
    assert shown.record(reference("eve", "b")) is None


def test_unreadable_records_are_left_out_and_counted() -> None:
    shown = board(need("a"), need("b", quantity="many"))
    assert len(shown.rows(status="all")) == 1
    assert shown.unreadable == (reference("ada", "b"),)


def test_records_of_a_newer_release_are_kept_but_not_shown() -> None:
    strange = record("ada", "a", "proposal", thing=b"\x01", words={"en": "x"})
    shown = board(strange)
    assert shown.rows(status="all") == []
    row = shown.row(shown.find(strange.reference)).as_json()
    assert (row["kind"], row["thing"], row["words"]) == ("proposal", "01", {"en": "x"})


# ---- urgency and order


@pytest.mark.parametrize(
    ("fields", "after", "tier", "overdue"),
    [
        ({"urgency": "now"}, 0, "now", False),
        ({"urgency": "now"}, 2 * HOUR, "now", False),
        ({"urgency": "now"}, 2 * HOUR + 1, "now", True),
        ({"urgency": "today"}, 0, "today", False),
        ({"urgency": "today"}, 10 * HOUR - 1, "today", False),
        ({"urgency": "today"}, 10 * HOUR, "now", False),
        ({"urgency": "today"}, 30 * HOUR, "now", True),
        ({"urgency": "tomorrow"}, 24 * HOUR, "today", False),
        ({"urgency": "week"}, 7 * 24 * HOUR - 36 * HOUR, "tomorrow", False),
        ({"urgency": "any"}, 999 * HOUR, "any", False),
        ({"urgency": "any", "needed_by": NOW + HOUR}, 0, "now", False),
        ({"urgency": "now", "needed_by": NOW + 200 * HOUR}, 0, "any", False),
        ({"urgency": "of_tomorrow"}, 0, "today", False),
        ({}, 0, "today", False),
        # A clock three hours ahead does not make it less urgent than its word.
        ({"urgency": "now", "created_at": NOW + 3 * HOUR}, 0, "now", False),
    ],
)
def test_urgency_words_age(fields: dict[str, Value], after: int, tier: str, overdue: bool) -> None:
    shown = board(need("a", expires_at=NOW + 9999 * HOUR, **fields), now=NOW + after)
    (row,) = shown.rows()
    assert (row.tier, row.overdue) == (tier, overdue)


def test_the_order_of_the_board() -> None:
    in_order = [
        need("a", title="life", life_threatening=True, urgency="any"),
        record("ada", "b", "notice", title="life notice", life_threatening=True),
        need("c", title="overdue", urgency="now", created_at=NOW - 9 * HOUR),
        need("d", title="now", urgency="now", created_at=NOW - HOUR),
        need("e", title="today", urgency="today"),
        need("f", title="week", urgency="week"),
        need("g", title="any", urgency="any"),
        record("ada", "h", "offer", title="new offer"),
        record("ada", "i", "offer", title="old offer", created_at=NOW - HOUR),
    ]
    expected = [found.text("title") for found in in_order]
    assert titles(board(*in_order).rows()) == expected
    assert titles(board(*reversed(in_order)).rows()) == expected


def test_a_clock_that_is_ahead_does_not_lead() -> None:
    names = sorted("abcdef", key=lambda name: reference("ada", name))
    records = [record("ada", name, "offer", title=name) for name in names[:-1]]
    ahead = record(
        "ada", names[-1], "offer", title=names[-1], created_at=NOW + 10**9, expires_at=2**50
    )
    for sort in ("urgency", "waiting", "newest"):
        assert titles(board(ahead, *records).rows(sort=sort)) == names


def test_a_flood_leaves_room_on_the_first_page() -> None:
    flood = [need(f"f{i}", "ben", title="flood", life_threatening=True) for i in range(100)]
    flood += [need(f"g{i}", "ben", title="flood", on_behalf_of=f"h{i}") for i in range(100)]
    slips = [need(f"s{i}", "hub", title="slip", on_behalf_of=f"h{i}") for i in range(20)]
    shown = board(*flood, *slips, need("a", title="Insulin", urgency="any"))
    page = titles(shown.first_page(shown.rows(), 30))
    assert page.count("flood") == limits.SHOWN_PER_MEMBER
    assert page.count("slip") == 20
    assert "Insulin" in page
    assert len(shown.first_page(shown.rows(), 7)) == 7


# ---- notices and hubs


def test_notices_are_confirmed_on_the_word_of_hubs_and_stewards_only() -> None:
    for author, status in (("ada", "unconfirmed"), ("hub", "confirmed"), ("ste", "confirmed")):
        notice = record(author, "n", "notice", title="Gas", certainty="confirmed")
        (row,) = board(notice, ste=Author("ste", steward=True)).rows()
        assert row.status == status
    (row,) = board(record("hub", "n", "notice", title="Gas")).rows()
    assert row.status == "unconfirmed"


def test_a_superseded_notice_is_folded() -> None:
    old = record("hub", "a", "notice", title="old")
    new = record("hub", "b", "notice", title="new", supersedes=old.reference)
    foreign = record("ben", "c", "notice", title="foreign", supersedes=new.reference)
    itself = record("hub", "d", "notice", title="self", supersedes=reference("hub", "d"))
    shown = board(old, new, foreign, itself)
    assert sorted(titles(shown.rows())) == ["foreign", "new", "self"]
    assert titles(shown.rows(status="superseded")) == ["old"]
    gone = record(
        "hub", "b", "notice", title="new", supersedes=old.reference, certainty="withdrawn"
    )
    assert titles(board(old, gone).rows()) == ["old"]


def test_one_hub_record_a_member_and_only_of_hubs() -> None:
    first, second = sorted(
        (record("hub", name, "hub", title="Gym", letter="R") for name in "ab"), key=lambda r: r.id
    )
    posing = record("ada", "c", "hub", title="Not a hub")
    shown = board(second, posing, first)
    assert [row.id for row in shown.rows(kind="hub")] == [first.reference]
    assert shown.hub_of(member_id("hub")) == first
    assert shown.hub_of(member_id("ada")) is None
    assert shown.rows() == []


# ---- rows for other programs


def test_a_row_as_json() -> None:
    held: dict[str, list[Value]] = {"kind": ["need"], "created_at": [NOW], "title": ["Water"]}
    held |= {"quantity": [2_500, 1_000], "unit": ["L"], "rev": [3, 2], "people": [4], "x": [b"1"]}
    found = read_record(reference("ada", "a"), held)
    pledge = record("hub", "p", "pledge", need=found.reference, quantity=500, unit="L")
    row = board(found, pledge, ada=Author("ada", known=False)).row(found).as_json()
    assert row == {
        "id": found.reference,
        "ref": None,
        "kind": "need",
        "title": "Water",
        "text": None,
        "category": None,
        "quantity": "2.5",
        "unit": "L",
        "urgency": None,
        "tier": "today",
        "overdue": False,
        "life_threatening": False,
        "area": None,
        "status": "part-pledged",
        "closed_reason": None,
        "member": member_id("ada"),
        "member_name": "ada",
        "known_to_others": False,
        "created_at": NOW,
        "expires_at": NOW + 72 * HOUR,
        "exercise": False,
        "conflicts": {"quantity": ["2.5", "1"]},
        "marks": ["two_answers"],
        "hidden": "",
        "waiting_since": None,
        "received": "0",
        "promised": "0.5",
        "still_open": "2",
        "over": "0",
        "stale_pledges": [],
        "people": 4,
        "rev": 3,
    }
    json.dumps(row)


def test_an_exercise_says_so_on_every_row() -> None:
    shown = Board([need("a")], now=NOW, members={member_id("ada"): Author("ada")}, exercise=True)
    assert shown.rows()[0].as_json()["exercise"] is True


# ---- finding


def test_found_by_code_id_or_beginning() -> None:
    found = need("a", ref="C482912", status="closed")
    shown = board(found, need("b", ref="R991203"))
    for text in ("C482912", "c 482-912", found.reference, found.id, found.id[:8], f" {found.id} "):
        assert shown.find(text) == found
    assert shown.codes() == {"C482912", "R991203"}


def test_what_is_not_found_says_how_to_go_on() -> None:
    shown = board(need("a", ref="C482912"))
    for text in ("R991203", "zzz", "", " ", "a/b"):
        with pytest.raises(NotFound, match="meshaid board"):
            shown.find(text)
    with pytest.raises(InvalidInput, match="misheard"):
        shown.find("C482921")


def test_two_records_with_one_code_are_both_named() -> None:
    """Two devices apart drew the same: a code is not an id."""
    twins = [need("a", ref="C482912"), need("b", "ben", ref="C482912")]
    with pytest.raises(Ambiguous) as caught:
        board(*twins).find("C482912")
    assert caught.value.matches == tuple(sorted(twin.reference for twin in twins))
    with pytest.raises(Ambiguous):
        board(need("a"), need("b")).find(member_id("ada"))


def test_an_id_that_looks_like_a_code_is_still_found() -> None:
    code = spoken_code("A", "22222")
    tail = "a" * 9
    wrong = f"{code[:6]}{'7' if code[6] != '7' else '6'}".lower()
    found = read_record(
        f"{member_id('ada')}/{wrong}{tail}", {"kind": ["need"], "created_at": [NOW]}
    )
    assert board(found).find(wrong) == found
    both = need("a", ref=code)
    like_code = read_record(
        f"{member_id('ada')}/{code.lower()}{tail}", {"kind": ["need"], "created_at": [1]}
    )
    assert board(both, like_code).find(code) == both


# ---- copies of one import

KEY = "a" * 26


def test_copies_of_one_import_are_one_row() -> None:
    first, second = sorted(
        (need(name, import_key=KEY, **more) for name, more in (("a", {}), ("b", {}))),
        key=lambda found: found.id,
    )
    first = read_record(
        first.reference,
        {
            "kind": ["need"],
            "created_at": [NOW],
            "import_key": [KEY],
            "quantity": [1_000],
            "rev": [2],
        },
    )
    second = read_record(
        second.reference,
        {
            "kind": ["need"],
            "created_at": [NOW],
            "import_key": [KEY],
            "quantity": [2_000],
            "title": ["Water"],
            "ref": ["C482912"],
            "unit": ["L", "mL"],
            "rev": [1],
        },
    )
    shown = board(second, first)
    (row,) = shown.rows()
    assert row.id == first.reference
    assert row.record.folded == (second.reference,)
    assert row.record.fields["title"] == "Water"
    assert row.as_json()["conflicts"] == {"quantity": ["1", "2"], "unit": ["L", "mL"]}
    for text in (second.reference, second.id, first.id, "C482912"):
        assert shown.find(text).reference == first.reference


def test_many_copies_are_not_compared_each_with_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """A member may write thousands of records with one import key, each a little different."""
    copies = [need(f"n{n}", import_key=KEY, title=f"Water {n}") for n in range(200)]
    looked_at = Counter[Value]()
    real = records._told_apart

    def counted(value: Value) -> Hashable:
        looked_at[value] += 1
        return real(value)

    monkeypatch.setattr(records, "_told_apart", counted)
    (row,) = board(*copies).rows()
    assert len(row.record.conflicts["title"]) == len(copies)
    assert looked_at.total() == sum(len(copy.fields) for copy in copies)


def test_a_table_imported_on_two_devices_an_hour_apart_asks_nothing() -> None:
    """Only their codes differ, and both of them lead to the one row."""
    at = (NOW - HOUR, NOW)
    codes = ("C482912", "C000079")
    copies = [
        need(n, import_key=KEY, created_at=then, expires_at=then + HOUR, ref=code)
        for n, then, code in zip("ab", at, codes, strict=True)
    ]
    for order in (copies, copies[::-1]):
        shown = board(*order, now=NOW + HOUR - 1)
        (row,) = shown.rows()
        assert row.as_json()["conflicts"] == {}
        assert "two_answers" not in row.marks
        assert row.as_json()["expires_at"] == NOW + HOUR
        assert {shown.find(code).reference for code in codes} == {row.id}
        assert shown.codes() == set(codes)


def test_a_pledge_on_a_folded_copy_counts() -> None:
    copies = [need(name, import_key=KEY, quantity=1_000, unit="L") for name in "ab"]
    for copy in copies:
        pledge = record("hub", "p", "pledge", need=copy.reference, quantity=1_000, unit="L")
        (row,) = board(*copies, pledge).rows(kind="need")
        assert row.status == "pledged"


def test_nothing_is_folded_across_members_or_kinds() -> None:
    shown = board(
        need("a", import_key=KEY),
        need("b", "ben", import_key=KEY),
        record("ada", "c", "offer", title="Water", import_key=KEY),
    )
    assert len(shown.rows()) == 3


def test_settling_a_folded_conflict_writes_the_field() -> None:
    copies = [need(n, import_key=KEY, quantity=q) for n, q in (("a", 1_000), ("b", 2_000))]
    (row,) = board(*copies).rows()
    winner = row.as_json()["quantity"]
    assert "quantity" in edit_fields(row.record, {"quantity": winner}, now=NOW)


# ---- order of arrival

FIELDS: dict[str, st.SearchStrategy[Value]] = {
    "title": st.sampled_from(["Water", "Soup"]),
    "quantity": st.integers(1, 5_000),
    "unit": st.sampled_from(["L", "mL", "pack", "crate"]),
    "status": st.sampled_from(["open", "paused", "closed"]),
    "closed_reason": st.sampled_from(["received", "duplicate"]),
    "urgency": st.sampled_from(["now", "today", "any"]),
    "import_key": st.sampled_from([KEY, "b" * 26]),
    "state": st.sampled_from(["offered", "withdrawn", "handed_over"]),
    "result": st.sampled_from(["received", "declined", "accepted"]),
    "certainty": st.sampled_from(["confirmed", "withdrawn"]),
    "letter": st.sampled_from("CR"),
}
PEOPLE = st.sampled_from(["ada", "ben", "hub", "eve"])
RECORD_NAMES = st.sampled_from([f"r{i}" for i in range(12)])
REFERENCES = st.builds(reference, PEOPLE, RECORD_NAMES)
LINKS = dict.fromkeys(("need", "pledge", "offer", "duplicate_of", "supersedes"), REFERENCES)
KINDS = st.sampled_from(["need", "offer", "pledge", "receipt", "notice", "hub", "flag", "proposal"])
RECORDS = st.builds(
    lambda member, name, kind, fields: record(member, name, kind, **fields),
    *(PEOPLE, RECORD_NAMES, KINDS),
    st.fixed_dictionaries({}, optional=FIELDS | LINKS),
)


@given(st.lists(RECORDS, unique_by=lambda r: r.reference), st.randoms(use_true_random=False))
def test_the_board_is_free_of_order(records: list[Record], shuffle: random.Random) -> None:
    shuffled = list(records)
    shuffle.shuffle(shuffled)
    boards = [board(*records), board(*shuffled)]
    for kind in ("", "hub", "pledge", "receipt", "flag"):
        left, right = (
            [row.as_json() for row in shown.rows(kind=kind, status="all")] for shown in boards
        )
        assert left == right
    assert boards[0].unreadable == boards[1].unreadable


# ---- what other parts ask a board


def test_what_is_made_of_records_is_told_by_reference_of_any_copy() -> None:
    first, second = sorted((need(n, import_key=KEY) for n in "ab"), key=lambda found: found.id)
    twin = need("t", status="closed", closed_reason="duplicate", duplicate_of=second.reference)
    offer = record("hub", "o", "offer", title="Water")
    promise = record("hub", "p", "pledge", need=twin.reference, offer=offer.reference)
    came = record("ada", "r", "receipt", need=second.reference, pledge=promise.reference)
    came = read_record(came.reference, {**_held(came), "result": ["accepted"]})
    shown = board(first, second, twin, offer, promise, came)
    assert shown.survivor(twin.reference) == shown.survivor(second.reference) == first.reference
    for copy in (first, second):
        assert [found.id for found in shown.pledges_on(copy.reference)] == [promise.id]
        assert [found.id for found in shown.receipts_on(copy.reference)] == [came.id]
    assert [found.id for found in shown.pledges_from(offer.reference)] == [promise.id]
    assert shown.need_of(promise) == shown.record(first.reference)
    assert shown.offer_of(promise) == offer
    assert (shown.answer(promise), shown.promised(promise)) == ("accepted", None)
    assert not shown.is_stale(promise)
    assert shown.tier(offer) == ("", None)
    assert shown.author(member_id("hub")).kind == "hub"
    assert shown.hidden(reference("ada", "gone")) == ""
    assert shown.linked(first.reference) == ()


def _held(found: Record) -> dict[str, list[Value]]:
    return {"kind": [found.kind], **{name: [value] for name, value in found.fields.items()}}
