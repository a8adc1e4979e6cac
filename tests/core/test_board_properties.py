"""The board under arbitrary records of all kinds: order, parts, sums, nothing lost from view."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from meshaid.core.board import Board
from meshaid.core.fields import Value
from meshaid.core.records import Record, read_record
from meshaid.core.rows import Author
from meshaid.core.schema import CLOSED_REASONS, KINDS
from tests.core.boards import NOW, member_id, record_id

MEMBERS = {
    "ada": Author("ada"),
    "ben": Author("ben"),
    "hub": Author("hub", "hub"),
    "gym": Author("gym", "hub"),
    "ste": Author("ste", steward=True),
}
VALID = {member_id(name): author for name, author in MEMBERS.items()}
NAMES = "abcdef"
OWNERS = (*MEMBERS, "stranger")
REFERENCES = st.builds(
    lambda member, name: f"{member_id(member)}/{record_id(name)}",
    st.sampled_from(OWNERS),
    st.sampled_from(NAMES),
)
TIMES = st.sampled_from([NOW - 200_000, NOW - 9_000, NOW - 1, NOW, NOW + 1, NOW + 90_000])
AMOUNTS = st.sampled_from([1, 1_000, 2_500, 9_000, 10**12])
UNITS = st.sampled_from(["L", "gal_us", "pack", "piece", "Kiste", ""])
ANYTHING = st.sampled_from(["x", "", 5, True, b"\x01", None])


def some(*words: str) -> st.SearchStrategy[str]:
    return st.sampled_from(words)


FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "status": some("open", "paused", "closed"),
    "closed_reason": st.sampled_from(CLOSED_REASONS) | st.just("duplicate"),
    "duplicate_of": REFERENCES,
    "category": some("water", "water.drinking", "food.meals", "of_tomorrow"),
    "quantity": AMOUNTS,
    "unit": UNITS,
    "per_pack": AMOUNTS,
    "per_unit": UNITS,
    "whole": st.booleans(),
    "more_coming": st.booleans(),
    "inexhaustible": st.booleans(),
    "urgency": some("now", "today", "any", "of_tomorrow"),
    "life_threatening": st.booleans(),
    "needed_by": TIMES,
    "expires_at": TIMES,
    "hold_until": TIMES,
    "available_until": TIMES,
    "need": REFERENCES,
    "offer": REFERENCES,
    "pledge": REFERENCES,
    "state": some("offered", "handed_over", "withdrawn", "failed", "returned", "open"),
    "result": some("accepted", "declined", "received", "not_received"),
    "need_rev": st.integers(1, 3),
    "rev": st.integers(1, 3),
    "need_quantity": AMOUNTS,
    "certainty": some("unconfirmed", "confirmed", "withdrawn"),
    "supersedes": REFERENCES,
    "target": REFERENCES,
    "other": REFERENCES,
    "reason": some("spam", "abuse", "personal_data", "disputes", "confirms", "duplicate"),
    "letter": some("C", "R"),
    "areas": some("Hill", "Hill; Mill"),
    "area": some("Hill", "Mill"),
    "title": some("Water", "Soup"),
    "import_key": some("a" * 26, "b" * 26),
}
KIND_CODES = st.sampled_from([*KINDS, *KINDS, "delivery"])


@st.composite
def _record(draw: st.DrawFn) -> Record:
    """A record of any kind, mostly of the shape that it should have, sometimes half of it."""
    reference = draw(REFERENCES)
    kind = draw(KIND_CODES)
    known = sorted(FIELDS.keys() & KINDS[kind].fields.keys()) if kind in KINDS else ["title"]
    held: dict[str, list[Value]] = {}
    for name in draw(st.lists(st.sampled_from(known), unique=True, max_size=10)):
        values = draw(st.lists(FIELDS[name], min_size=1, max_size=2))
        held[name] = [draw(ANYTHING)] if draw(st.integers(0, 60)) == 0 else values
    held["created_at"] = [draw(TIMES)]
    if draw(st.integers(0, 30)):
        held["kind"] = [kind]
    return read_record(reference, held)


RECORDS = st.lists(_record(), max_size=24, unique_by=lambda found: found.reference)


def view(records: list[Record], now: int = NOW) -> Board:
    return Board(records, now=now, members=VALID)


def everything(shown: Board) -> dict[str, list[dict[str, Any]]]:
    """All that a board says, in its orders."""
    told = {
        f"{kind} {sort}": [
            row.as_json() for row in shown.rows(kind=kind, status="all", hidden=True, sort=sort)
        ]
        for kind in KINDS
        for sort in ("urgency", "waiting", "newest")
    }
    told["attention"] = [row.as_json() for row in shown.rows(attention=True)]
    told["default"] = [row.as_json() for row in shown.rows()]
    told["related"] = [
        row.as_json()
        for kind in KINDS
        for record in shown.records_of_kind(kind)
        for row in shown.related(record)
    ]
    told["counts"] = [shown.left_out(kind) for kind in ("", *KINDS)]
    told["areas"] = [{"areas": shown.not_heard_from()}]
    return told


@given(RECORDS, st.randoms(use_true_random=False), st.integers(0, 24))
def test_any_order_and_any_part_first_and_the_rest_later(
    records: list[Record], shuffle: random.Random, first: int
) -> None:
    expected = everything(view(records))
    shuffled = [*records]
    shuffle.shuffle(shuffled)
    everything(view(shuffled[:first]))  # a look at a part leaves nothing behind
    assert everything(view(shuffled)) == expected


@given(RECORDS, TIMES)
def test_nothing_is_lost_from_view_without_a_reason(records: list[Record], now: int) -> None:
    shown = view(records, now)
    valid = [record for record in records if record.member in VALID]
    for kind in KINDS:
        of_kind = [record for record in valid if record.kind == kind]
        rows = shown.rows(kind=kind)
        assert len(rows) + sum(shown.left_out(kind).values()) == len(of_kind)
        left_out = shown.left_out(kind)
        no_row = sum(left_out.get(why, 0) for why in ("unreadable", "copy", "no_hub", "second_hub"))
        assert len(shown.rows(kind=kind, status="all", hidden=True)) + no_row == len(of_kind)
    listed = [r for r in valid if r.kind in ("need", "offer", "notice") or r.kind not in KINDS]
    assert len(shown.rows()) + sum(shown.left_out().values()) == len(listed)


@given(RECORDS)
def test_sums_are_never_negative_and_states_follow_from_them(records: list[Record]) -> None:
    shown = view(records)
    for kind in ("need", "offer"):
        for row in shown.rows(kind=kind, status="all", hidden=True):
            standing = row.standing
            assert standing.received >= 0
            assert standing.promised >= 0
            if standing.wanted is not None:
                assert standing.left is not None
                assert standing.over is not None
                assert standing.left >= 0
                assert standing.over >= 0
                both = standing.received + standing.promised
                assert standing.left - standing.over == standing.wanted - both
                assert not (standing.left and standing.over)
            if row.status == "received" and standing.wanted is not None:
                assert standing.received >= standing.wanted
            if row.status == "open" and kind == "need":
                assert not standing.promised
                assert not standing.received


@given(RECORDS)
def test_what_a_pledge_promises_is_in_the_sum_of_one_need_alone(records: list[Record]) -> None:
    shown = view(records)
    needs = shown.records_of_kind("need")
    for pledge in shown.records_of_kind("pledge"):
        counted = [need for need in needs if pledge in shown.pledges_on(need.reference)]
        assert len(counted) <= 1
        need = shown.need_of(pledge)
        assert [found.reference for found in counted] == ([need.reference] if need else [])
        promised = shown.promised(pledge)
        assert promised is None or promised >= 0
        if shown.is_stale(pledge):
            assert promised == 0


@given(RECORDS)
def test_no_receipt_counts_in_a_need_of_somebody_else(records: list[Record]) -> None:
    shown = view(records)
    for need in shown.records_of_kind("need"):
        for receipt in shown.receipts_on(need.reference):
            assert receipt.member == need.member


@given(RECORDS)
def test_hidden_words_are_in_no_row(records: list[Record]) -> None:
    shown = view(records)
    for kind in KINDS:
        for row in shown.rows(kind=kind, status="all", hidden=True):
            if row.hidden == "personal_data":
                assert "title" not in row.record.fields
                assert row.as_json()["title"] is None
