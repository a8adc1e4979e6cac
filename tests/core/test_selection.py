"""Lists: filters, orders, first pages, what is left out, and areas that nobody reported on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshaid import limits
from meshaid.core.board import Board
from meshaid.core.fields import Value
from meshaid.core.records import Record, read_record
from meshaid.core.rows import Author, Row
from meshaid.core.selection import STATES
from meshaid.errors import Ambiguous, InvalidInput
from tests.core.boards import NOW, board, member_id, record, reference
from tests.core.neighbourhoods import any_record

HOUR = 3600
KEY = "a" * 26


def need(name: str, member: str = "ada", **fields: Value) -> Record:
    return record(member, name, "need", **{"title": name, **fields})


def titles(rows: list[Row]) -> list[str]:
    return [row.record.text("title") for row in rows]


# ---- filters


def test_an_area_is_found_in_any_case_and_with_or_without_accents() -> None:
    hub = record("hub", "h", "hub", title="Gym", areas="Río Alto; Hill")
    shown = board(need("a", area="Río  Alto"), need("b", area="RIO ALTO"), need("c"), hub)
    assert sorted(titles(shown.rows(area="rio alto"))) == ["a", "b"]
    assert titles(shown.rows(kind="hub", area="RÍO ALTO")) == ["Gym"]
    assert shown.rows(area="Rio") == []


def test_an_area_with_two_answers_is_found_by_both() -> None:
    held: dict[str, list[Value]] = {"kind": ["need"], "created_at": [NOW], "area": ["Hill", "Mill"]}
    shown = board(read_record(reference("ada", "a"), held))
    assert len(shown.rows(area="hill")) == len(shown.rows(area="mill")) == 1


def test_mine_and_others() -> None:
    shown = board(need("a"), need("b", "ben"))
    assert titles(shown.rows(member=member_id("ben"))) == ["b"]
    assert shown.rows(member=member_id("cem")) == []


def test_among_what_a_search_found_also_by_a_folded_copy() -> None:
    first, second = sorted((need(n, import_key=KEY) for n in "ab"), key=lambda found: found.id)
    shown = board(first, second, need("c"))
    assert len(shown.rows(among={second.reference})) == 1
    assert titles(shown.rows(among={reference("ada", "c")})) == ["c"]
    assert shown.rows(among=frozenset()) == []
    assert len(shown.rows(among={second.reference, reference("ada", "c")}, kind="need")) == 2


def test_filters_narrow_each_other() -> None:
    shown = board(
        need("a", area="Hill", category="water.drinking"),
        need("b", area="Hill", category="food.meals"),
        need("c", "ben", area="Hill", category="water.drinking", status="paused"),
        record("ada", "d", "offer", title="d", area="Hill", category="water.drinking"),
    )
    assert len(shown.rows(area="hill", category="water")) == 3
    assert titles(shown.rows(area="hill", category="water", kind="need", status="open")) == ["a"]
    assert titles(shown.rows(area="hill", category="water", member=member_id("ben"))) == ["c"]


def test_what_is_asked_for_must_exist() -> None:
    with pytest.raises(InvalidInput, match="urgency, waiting, newest"):
        board().rows(sort="price")
    with pytest.raises(InvalidInput, match="kind"):
        board().rows(kind="wish")
    with pytest.raises(InvalidInput) as error:
        board().rows(kind="wish", status="promised", category="watr", sort="price")
    told = error.value.fields
    assert [*told] == ["kind", "status", "category", "sort"]
    assert "part-pledged" in told["status"]
    assert "did you mean water" in told["category"]
    assert str(error.value) == "; ".join(f"{name}: {words}" for name, words in told.items())


@pytest.mark.parametrize(
    ("kind", "status", "meant"),
    [
        ("", "pleged", "did you mean pledged"),
        ("", "handed_over", "must be one of open"),
        ("offer", "pledged", "must be one of open, part-taken, taken"),
        ("pledge", "hand_over", "did you mean handed_over"),
    ],
)
def test_a_state_that_no_such_record_can_be_in(kind: str, status: str, meant: str) -> None:
    with pytest.raises(InvalidInput) as error:
        board().rows(kind=kind, status=status)
    assert meant in error.value.fields["status"]


@given(st.lists(any_record(), max_size=12, unique_by=lambda each: each.reference))
def test_every_state_that_is_shown_can_be_asked_for(held: list[Record]) -> None:
    shown = board(*held)
    for kind in STATES:
        for row in shown.rows(kind=kind, status="all", hidden=True):
            assert row.id in {r.id for r in shown.rows(kind=kind, status=row.status, hidden=True)}


def test_an_area_is_known_if_anything_here_names_it() -> None:
    hub = record("hub", "h", "hub", title="Gym", areas="Río Alto; Hill")
    shown = board(need("a", area="Mill", status="closed"), hub)
    assert [area for area in ("mill", "RIO ALTO", "Hill", "Hil") if shown.knows_area(area)] == [
        "mill",
        "RIO ALTO",
        "Hill",
    ]


# ---- orders


def test_three_orders_and_a_life_at_risk_first_in_each() -> None:
    records = [
        need("old", urgency="any", created_at=NOW - 9 * HOUR, expires_at=NOW + HOUR),
        need("urgent", urgency="now", created_at=NOW - HOUR),
        need("new", urgency="week", created_at=NOW - 60),
        need("ahead", urgency="any", created_at=NOW + 9 * HOUR),
        need("life", urgency="any", created_at=NOW - 2 * HOUR, life_threatening=True),
    ]
    for order in (records, records[::-1]):
        shown = board(*order)
        assert titles(shown.rows()) == ["life", "urgent", "new", "ahead", "old"]
        assert titles(shown.rows(sort="waiting")) == ["life", "old", "urgent", "new", "ahead"]
        assert titles(shown.rows(sort="newest")) == ["life", "ahead", "new", "urgent", "old"]


def test_a_first_page_takes_any_order() -> None:
    flood = [need(f"f{i}", "ben", created_at=NOW - 9 * HOUR, expires_at=2**40) for i in range(50)]
    shown = board(*flood, need("quiet"))
    page = shown.first_page(shown.rows(sort="waiting"), 30)
    assert len(page) == limits.SHOWN_PER_MEMBER + 1
    assert shown.first_page(page, 0) == []
    own = shown.first_page(shown.rows(sort="waiting"), 30, viewer=member_id("ben"))
    assert titles(own).count("quiet") == 0
    assert len(own) == 30


# ---- what is left out


def test_all_that_is_left_out_is_counted_by_its_reason() -> None:
    old = record("hub", "b1", "notice", title="old")
    first, second = sorted((need(n, import_key=KEY) for n in "xy"), key=lambda found: found.id)
    shown = board(
        first,
        second,
        need("a", status="closed", closed_reason="given"),
        need("b", expires_at=NOW - 1),
        need("c", quantity="many"),
        need("d"),
        old,
        record("hub", "b2", "notice", title="new", supersedes=old.reference),
        record("ada", "b3", "notice", title="gone", certainty="withdrawn"),
        record("ada", "l", "delivery", vehicle="van"),
        record("ste", "f", "flag", target=reference("ada", "d"), reason="abuse"),
        read_record(reference("ada", "z"), {}),
        ste=Author("ste", steward=True),
    )
    assert shown.left_out() == {
        "closed": 1,
        "copy": 1,
        "expired": 1,
        "hidden": 1,
        "newer": 1,
        "superseded": 1,
        "unreadable": 2,
        "withdrawn": 1,
    }
    assert shown.left_out("need") == {
        "closed": 1,
        "copy": 1,
        "expired": 1,
        "hidden": 1,
        "unreadable": 1,
    }
    assert shown.left_out("offer") == {}


def test_hub_records_that_do_not_count_say_why() -> None:
    twice = [record("hub", name, "hub", title="Gym") for name in "ab"]
    shown = board(*twice, record("ada", "c", "hub", title="Not a hub"))
    assert shown.left_out("hub") == {"no_hub": 1, "second_hub": 1}
    assert shown.left_out() == {}


def test_an_author_sees_which_of_its_records_cannot_be_read_and_why() -> None:
    bad = [need(name, quantity="many") for name in "ab"]
    shown = board(*bad, need("c", "ben", people="?"), need("d"))
    found = shown.unreadable_of(member_id("ada"))
    assert [record.reference for record in found] == sorted(record.reference for record in bad)
    assert all(record.reason.startswith("quantity: ") for record in found)
    assert shown.unreadable_of(member_id("hub")) == []


# ---- not heard from


def heard(*notices: Record, **authors: Author) -> list[str]:
    hubs = [
        record("hub", "h", "hub", title="Gym", areas="Hill; Río Alto"),
        record("gym", "h", "hub", title="Inn", areas="hill; Dock"),
    ]
    shown: Board = board(*hubs, *notices, gym=Author("gym", "hub"), **authors)
    return shown.not_heard_from()


def test_areas_that_nobody_reported_on_are_listed() -> None:
    everything = heard()
    assert [name.casefold() for name in everything] == ["dock", "hill", "río alto"]
    told = record("ada", "n", "notice", title="All fine", area="RIO ALTO")
    assert "Río Alto" not in heard(told)
    for gone in (
        {"certainty": "withdrawn"},
        {"expires_at": NOW - 1},
        {"area": "Elsewhere"},
        {"area": None},
    ):
        assert (
            heard(record("ada", "n", "notice", title="x", **{"area": "Hill", **gone})) == everything
        )
    hidden = record("ste", "f", "flag", target=told.reference, reason="spam")
    assert heard(told, hidden, ste=Author("ste", steward=True)) == everything
    # A need is no news of an area.
    assert heard(need("a", area="Hill")) == everything


# ---- one slip


def test_what_was_told_in_one_go_stays_together() -> None:
    first = need("a", "hub", slip="7", created_at=NOW - 1)
    others = [need("b", "hub", slip="7"), need("c", "hub", slip="7", status="closed")]
    strangers = [need("d", "ada", slip="7"), need("e", "hub"), need("f", "hub", slip="8")]
    shown = board(first, *others, *strangers)
    assert sorted(titles(shown.told_with(first))) == ["b", "c"]
    assert titles(shown.told_with(others[0]))[0] == "a"
    assert shown.told_with(strangers[1]) == []
    assert shown.told_with(record("hub", "o", "offer", title="x")) == []


# ---- names


def test_a_choice_between_several_says_what_each_is() -> None:
    hidden = need("Jo Doe", "ben", ref="C482912", area="number 7")
    records = [
        need("Water", ref="C482912", area="Hill"),
        hidden,
        record("hub", "f", "flag", target=hidden.reference, reason="personal_data"),
    ]
    with pytest.raises(Ambiguous) as caught:
        board(*records).find("C482912")
    told = dict(zip(caught.value.matches, caught.value.words, strict=True))
    assert told[records[0].reference] == "need · C 482 912 · Water · Hill · open"
    assert told[hidden.reference] == "need · C 482 912 · open"
    assert "Water" not in str(caught.value)
