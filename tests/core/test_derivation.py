"""Derived states of needs and offers: examples by hand, and the drill's answer key."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshaid.core.board import Board
from meshaid.core.derivation import Standing
from meshaid.core.fields import Value
from meshaid.core.records import Record
from tests.core import drill
from tests.core.boards import NOW, board, record, reference

HOUR = 3600


def need(name: str = "n", member: str = "ada", **fields: Value) -> Record:
    return record(member, name, "need", **{"title": "Water", **fields})


def litres(amount: int) -> dict[str, Value]:
    return {"quantity": amount * 1000, "unit": "L"}


def pledge(name: str = "p", member: str = "hub", to: str = "", **fields: Value) -> Record:
    return record(member, name, "pledge", need=to or reference("ada", "n"), **fields)


def receipt(
    result: str,
    name: str = "r",
    member: str = "ada",
    *,
    on: str = "",
    to: str = "",
    **fields: Value,
) -> Record:
    target = {"need": to or reference("ada", "n")} | ({"pledge": on} if on else {})
    return record(member, name, "receipt", result=result, **target, **fields)


P = reference("hub", "p")


def standing(*records: Record, of: str = "", now: int = NOW) -> Standing:
    shown = board(*records, now=now)
    found = shown.record(of or reference("ada", "n"))
    assert found is not None
    return shown.row(found).standing


def sums(found: Standing) -> tuple[str, Fraction | int, Fraction | int]:
    return found.status, found.received / 1000, found.promised / 1000


def test_from_open_to_received() -> None:
    wanted = need(**litres(20))
    assert sums(standing(wanted)) == ("open", 0, 0)
    part = pledge(**litres(15))
    assert sums(standing(wanted, part)) == ("part-pledged", 0, 15)
    more = pledge("p2", "ben", **litres(5))
    assert sums(standing(wanted, part, more)) == ("pledged", 0, 20)
    came = receipt("received", on=P, **litres(15))
    assert sums(standing(wanted, part, more, came)) == ("part-received", 15, 5)
    rest = receipt("received", "r2", **litres(5))
    assert sums(standing(wanted, part, more, came, rest)) == ("received", 20, 5)


def test_over_pledging_is_shown() -> None:
    found = standing(need(**litres(40)), pledge(**litres(35)), pledge("p2", "ben", **litres(25)))
    assert sums(found) == ("pledged", 0, 60)
    assert (found.left, found.over) == (0, 20_000)


def test_amounts_are_added_in_the_needs_unit_exactly() -> None:
    third = {"quantity": 1, "unit": "gal_us"}
    found = standing(need(**litres(1)), *(pledge(f"p{i}", **third) for i in range(3)))
    assert found.promised == 3 * Fraction("3.785411784")
    assert found.left == 1000 - 3 * Fraction("3.785411784")


@pytest.mark.parametrize("state", ["withdrawn", "failed", "returned"])
def test_a_dead_pledge_promises_nothing(state: str) -> None:
    found = standing(need(**litres(20)), pledge(state=state, **litres(20)))
    assert sums(found) == ("open", 0, 0)
    assert not found.stale


@pytest.mark.parametrize("result", ["declined", "not_received"])
def test_a_refusing_receipt_settles_its_pledge(result: str) -> None:
    assert sums(standing(need(**litres(20)), pledge(**litres(20)), receipt(result, on=P))) == (
        "open",
        0,
        0,
    )


def test_accepted_settles_nothing_and_keeps_a_pledge_fresh() -> None:
    wanted, promise = need(**litres(20)), pledge(**litres(20))
    late = NOW + 25 * HOUR
    assert sums(standing(wanted, promise, receipt("accepted", on=P), now=late)) == (
        "pledged",
        0,
        20,
    )
    assert sums(standing(wanted, promise, now=late)) == ("open", 0, 0)


def test_a_received_part_settles_the_pledge_unless_more_is_coming() -> None:
    wanted, promise = need(**litres(20)), pledge(**litres(20))
    part = receipt("received", on=P, **litres(8))
    assert sums(standing(wanted, promise, part)) == ("part-received", 8, 0)
    part = receipt("received", on=P, more_coming=True, **litres(8))
    assert sums(standing(wanted, promise, part)) == ("part-received", 8, 12)
    last = receipt("received", "r2", on=P, **litres(4))
    assert sums(standing(wanted, promise, part, last)) == ("part-received", 12, 0)
    much = receipt("received", on=P, more_coming=True, **litres(30))
    assert sums(standing(wanted, promise, much)) == ("received", 30, 0)


def test_a_pledge_goes_stale_after_its_hold() -> None:
    wanted = need(**litres(20))
    for fields, end in (({}, NOW + 24 * HOUR), ({"hold_until": NOW + 60}, NOW + 60)):
        promise = pledge(**litres(20), **fields)
        assert sums(standing(wanted, promise, now=end)) == ("pledged", 0, 20)
        found = standing(wanted, promise, now=end + 1)
        assert sums(found) == ("open", 0, 0)
        assert found.stale == (P,)
    handed_over = pledge(state="handed_over", hold_until=NOW, **litres(20))
    assert sums(standing(wanted, handed_over, now=NOW + 9)) == ("pledged", 0, 20)


def test_what_cannot_be_converted_adds_nothing_but_shows() -> None:
    wanted = need(**litres(20))
    crates = {"quantity": 2_000, "unit": "crate"}
    assert sums(standing(wanted, pledge(**crates))) == ("part-pledged", 0, 0)
    assert sums(standing(wanted, pledge())) == ("part-pledged", 0, 0)
    assert sums(standing(wanted, receipt("received", **crates))) == ("part-received", 0, 0)
    assert sums(standing(wanted, pledge(state="failed", **crates))) == ("open", 0, 0)
    full = [pledge("p2", "ben", **litres(20)), pledge(**crates)]
    assert sums(standing(wanted, *full)) == ("pledged", 0, 20)


def test_a_need_without_an_amount() -> None:
    wanted = need()
    assert standing(wanted, pledge()).status == "pledged"
    assert standing(wanted, pledge(whole=False)).status == "part-pledged"
    assert standing(wanted, pledge(whole=False), pledge("p2", whole=True)).status == "pledged"
    assert standing(wanted, pledge(), receipt("received", on=P)).status == "received"
    assert standing(wanted, receipt("received", whole=False)).status == "part-received"
    assert standing(wanted, pledge(), receipt("declined", on=P)).status == "open"
    found = standing(wanted, pledge(**litres(3)))
    assert (found.wanted, found.left, found.over) == (None, None, None)


def test_closed_paused_and_expired_win() -> None:
    came = receipt("received", **litres(20))
    for fields, now, status in (
        ({"status": "closed"}, NOW, "closed"),
        ({"status": "closed"}, NOW + 999 * HOUR, "closed"),
        ({"status": "paused"}, NOW, "paused"),
        ({"status": "paused"}, NOW + 999 * HOUR, "expired"),
        ({}, NOW + 73 * HOUR, "expired"),
        ({"status": "of_tomorrow"}, NOW, "received"),
    ):
        assert standing(need(**litres(20), **fields), came, now=now).status == status


def test_a_receipt_in_a_foreign_document_never_counts() -> None:
    wanted, promise = need(**litres(20)), pledge(**litres(20))
    for forged in ("received", "declined", "not_received", "accepted"):
        foreign = receipt(forged, member="ben", on=P, **litres(20))
        assert sums(standing(wanted, promise, foreign)) == ("pledged", 0, 20)
        assert standing(wanted, promise, foreign, now=NOW + 25 * HOUR).stale == (P,)


def test_a_receipt_on_an_own_need_never_settles_a_pledge_to_another() -> None:
    own = need("m", "ben", **litres(1))
    forged = receipt("declined", member="ben", on=P, to=own.reference)
    assert sums(standing(need(**litres(20)), pledge(**litres(20)), own, forged)) == (
        "pledged",
        0,
        20,
    )


def test_pledges_to_what_is_not_here_or_is_no_need_count_nowhere() -> None:
    lost = pledge(to=reference("ada", "gone"), **litres(20))
    offer = record("ada", "o", "offer", title="Water", **litres(20))
    astray = pledge("p2", to=offer.reference, **litres(20))
    answer = receipt("received", to=reference("ada", "gone"), on=lost.reference, **litres(20))
    assert sums(standing(need(**litres(20)), lost, offer, astray, answer)) == ("open", 0, 0)


# ---- offers


def test_an_offer_is_taken_by_its_own_documents_pledges() -> None:
    packs_of_nine: dict[str, Value] = {"unit": "pack", "per_pack": 9_000, "per_unit": "L"}
    water = record("hub", "o", "offer", title="Water", quantity=8_000, **packs_of_nine)
    wanted = need(**litres(72))
    packs = pledge(offer=water.reference, quantity=4_000, unit="pack")
    found = standing(water, wanted, packs, of=water.reference)
    assert (found.status, found.promised, found.left) == ("part-taken", 4_000, 4_000)
    # Four packs of nine litres, by the offer that they come from.
    assert sums(standing(water, wanted, packs)) == ("part-pledged", 0, 36)
    rest = pledge("p2", offer=water.reference, **litres(36))
    assert standing(water, wanted, packs, rest, of=water.reference).status == "taken"
    foreign = pledge("p3", "ben", offer=water.reference, **litres(36))
    assert standing(water, wanted, packs, foreign, of=water.reference).status == "part-taken"
    came = receipt("received", on=P, **litres(9))
    assert standing(water, wanted, packs, came, of=water.reference).promised == 1_000
    coming = receipt("received", on=P, more_coming=True, quantity=1_000, unit="pack")
    assert standing(water, wanted, packs, coming, of=water.reference).promised == 4_000


def test_what_is_returned_is_free_again() -> None:
    boat = record("hub", "o", "offer", title="Boat", quantity=1_000, unit="piece", returnable=True)
    for state, status in (("handed_over", "taken"), ("returned", "open"), ("withdrawn", "open")):
        lent = pledge(offer=boat.reference, quantity=1_000, unit="piece", state=state)
        assert standing(boat, need(), lent, of=boat.reference).status == status


def test_an_inexhaustible_offer_stays_open() -> None:
    table = record(
        "hub", "o", "offer", title="Sockets", quantity=1_000, unit="seat", inexhaustible=True
    )
    taken = pledge(offer=table.reference, quantity=9_000, unit="seat")
    found = standing(table, need(), taken, of=table.reference)
    assert (found.status, found.left, found.promised) == ("open", None, 9_000)


# ---- duplicates


def duplicate(name: str, of: str, member: str = "ada", **fields: Value) -> Record:
    ends: dict[str, Value] = {"status": "closed", "closed_reason": "duplicate", "duplicate_of": of}
    return need(name, member, **ends, **fields)


def test_pledges_and_receipts_on_a_duplicate_count_for_its_survivor() -> None:
    twin = duplicate("m", reference("ada", "n"), **litres(5))
    promise = pledge(to=twin.reference, **litres(5))
    wanted = need(**litres(20))
    assert sums(standing(wanted, twin, promise)) == ("part-pledged", 0, 5)
    came = receipt("received", on=P, to=twin.reference, **litres(5))
    assert sums(standing(wanted, twin, promise, came)) == ("part-received", 5, 0)
    answer = receipt("received", on=P, **litres(5))
    assert sums(standing(wanted, twin, promise, answer)) == ("part-received", 5, 0)
    assert standing(wanted, twin, promise, of=twin.reference).status == "closed"
    reopened = need("m", **litres(5))
    assert sums(standing(wanted, reopened, promise)) == ("open", 0, 0)


def test_nobody_receives_in_anothers_place_through_a_duplicate() -> None:
    """Ben calls a need of his a duplicate of Ada's, then says that it was received."""
    twin = duplicate("m", reference("ada", "n"), "ben", **litres(20))
    promise = pledge(**litres(20))
    forged = receipt("received", member="ben", to=twin.reference, **litres(20))
    settling = receipt("declined", "r2", "ben", to=twin.reference, on=P)
    found = standing(need(**litres(20)), twin, promise, forged, settling)
    assert sums(found) == ("pledged", 0, 20)


def test_chains_are_followed_eight_steps() -> None:
    for steps, counts in ((8, True), (9, False)):
        links = [duplicate(f"d{i}", reference("ada", f"d{i + 1}")) for i in range(steps - 1)]
        links.append(duplicate(f"d{steps - 1}", reference("ada", "n")))
        promise = pledge(to=links[0].reference, **litres(20))
        assert (standing(need(**litres(20)), *links, promise).status == "pledged") is counts


def test_in_a_loop_the_smallest_reference_survives_and_stays_on_the_board() -> None:
    names = ["a", "b", "c"]
    ring = [
        duplicate(name, reference("ada", names[(i + 1) % 3]), **litres(20))
        for i, name in enumerate(names)
    ]
    smallest, *others = sorted(record.reference for record in ring)
    tail = duplicate("t", ring[0].reference, **litres(20))
    promise = pledge(to=tail.reference, **litres(20))
    assert sums(standing(*ring, tail, promise, of=smallest)) == ("pledged", 0, 20)
    for other in others:
        assert sums(standing(*ring, tail, promise, of=other)) == ("closed", 0, 0)
    alone = duplicate("s", reference("ada", "s"), **litres(20))
    assert standing(alone, of=alone.reference).status == "open"


@pytest.mark.parametrize("kind", ["none", "offer"])
def test_an_unknown_survivor_changes_nothing(kind: str) -> None:
    target = record("ada", "n", "offer", title="Water")
    there = [target] if kind == "offer" else []
    twin = duplicate("m", target.reference, **litres(5))
    promise = pledge(to=twin.reference, **litres(5))
    assert sums(standing(twin, promise, *there, of=twin.reference)) == ("closed", 0, 5)


def test_an_offers_duplicate_hands_over_within_one_document_only() -> None:
    soup: dict[str, Value] = {"title": "Soup", "quantity": 5_000, "unit": "meal"}
    ends: dict[str, Value] = {"status": "closed", "closed_reason": "duplicate"}
    for member, taken in (("hub", 5_000), ("ada", 0)):
        kept = record(member, "o", "offer", **soup)
        twin = record("hub", "o2", "offer", duplicate_of=kept.reference, **ends, **soup)
        promise = pledge(offer=twin.reference, quantity=5_000, unit="meal")
        assert standing(kept, twin, need(), promise, of=kept.reference).promised == taken


# ---- the whole drill

REPLAYED = drill.Replay()


def test_the_drill_ends_in_its_answer_key() -> None:
    shown = Board(REPLAYED.records.values(), now=drill.END, members=drill.members())
    expected = drill.table(drill.EXPECTED)
    assert len(expected) == 210
    assert list(drill.states(shown, REPLAYED)) == sorted(
        expected, key=lambda row: list(REPLAYED.records).index(row["id"])
    )
    stale = [row for row in shown.rows(kind="pledge") if row.status == "stale"]
    over = [row for row in shown.rows(kind="need", status="all") if row.standing.over]
    assert (len(stale), len(over)) == (2, 6)


@given(st.randoms(use_true_random=False), st.integers(0, 200))
def test_the_derivation_is_free_of_order(shuffle: random.Random, minute: int) -> None:
    records = list(REPLAYED.records.values())
    shuffle.shuffle(records)
    now = drill.START + 60 * minute
    assert rows(records, now) == rows(list(REPLAYED.records.values()), now)


def rows(records: list[Record], now: int) -> list[dict[str, object]]:
    shown = Board(records, now=now, members=drill.members())
    return [row.as_json() for kind in ("need", "offer", "notice") for row in shown.rows(kind=kind)]
