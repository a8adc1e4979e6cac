"""Marks: what somebody should look at, whom it asks, and when it goes."""

from __future__ import annotations

import pytest

from meshaid.core.attention import MARKS, asks
from meshaid.core.board import Board
from meshaid.core.fields import Value
from meshaid.core.promising import promised_against
from meshaid.core.records import Record, edit_fields, read_record
from meshaid.core.rows import Author
from tests.core.boards import NOW, board, member_id, record, reference, stored

HOUR = 3600
N = reference("ada", "n")
P = reference("hub", "p")


def need(name: str = "n", member: str = "ada", **fields: Value) -> Record:
    return record(member, name, "need", **{"title": "Water", **fields})


def pledge(name: str = "p", member: str = "hub", **fields: Value) -> Record:
    return record(member, name, "pledge", **{"need": N, "state": "offered", **fields})


def receipt(result: str, name: str = "r", member: str = "ada", **fields: Value) -> Record:
    return record(member, name, "receipt", **{"need": N, "result": result, **fields})


def litres(number: int) -> dict[str, Value]:
    return {"quantity": number * 1_000, "unit": "L"}


def marks(*records: Record, of: str = N, now: int = NOW, **authors: Author) -> tuple[str, ...]:
    shown = board(*records, now=now, **authors)
    found = shown.record(of)
    assert found is not None
    return shown.row(found).marks


# ---- the list itself


def test_every_mark_has_words_and_one_place() -> None:
    for code, mark in MARKS.items():
        assert code.replace("_", "").isalpha()
        assert 5 < len(mark.words) < 80
    assert asks(("unanswered", "still_true", "accepted"), author=True) == (
        "unanswered",
        "still_true",
    )
    assert asks(("unanswered", "still_true", "accepted"), author=False) == ("unanswered",)
    assert asks(("flagged", "still_true"), author=False, steward=True) == ("flagged",)


# ---- needs


def test_a_need_that_nobody_answers_is_marked_after_three_hours() -> None:
    assert marks(need(), now=NOW + 3 * HOUR - 1) == ()
    assert marks(need(), now=NOW + 3 * HOUR) == ("unanswered",)
    flag = record("ben", "f", "flag", target=N, reason="seems_done")
    for answer in (pledge(), pledge(state="handed_over"), receipt("received")):
        assert "unanswered" not in marks(need(), answer, now=NOW + 4 * HOUR)
    assert "unanswered" not in marks(need(), flag, now=NOW + 4 * HOUR)
    # What fell through leaves the need as alone as before.
    assert "unanswered" in marks(need(), pledge(state="withdrawn"), now=NOW + 4 * HOUR)
    for status in ("paused", "closed"):
        assert marks(need(status=status), now=NOW + 4 * HOUR) == ()
    assert marks(record("ada", "n", "offer", title="x"), now=NOW + 4 * HOUR) == ()


def test_a_life_at_risk_waits_until_a_pledge_answers() -> None:
    risky = need(life_threatening=True)
    assert marks(risky) == ("life_waiting",)
    assert marks(risky, pledge(text="handed to the fire brigade")) == ()
    row = board(risky).rows()[0]
    assert row.waiting_since == row.as_json()["waiting_since"] == NOW
    assert board(risky, pledge()).rows()[0].waiting_since is None


def test_past_its_time() -> None:
    timed = need(needed_by=NOW + 10)
    assert marks(timed, now=NOW + 10) == ()
    assert marks(timed, now=NOW + 11) == ("past_time",)
    assert "past_time" in marks(timed, pledge(), now=NOW + 11)
    assert marks(timed, receipt("received"), now=NOW + 11) == ()
    offer = record("ada", "n", "offer", title="Soup", available_until=NOW)
    assert marks(offer) == ()
    assert marks(offer, now=NOW + 1) == ("past_time",)


@pytest.mark.parametrize("kind", ["need", "offer", "notice"])
def test_the_author_is_asked_before_and_after_expiry(kind: str) -> None:
    told = record("ada", "n", kind, title="x", expires_at=NOW + 72 * HOUR, urgency=None)
    for hours, asked in ((65, False), (66, True), (72, True), (96, True), (97, False)):
        assert ("still_true" in marks(told, now=NOW + hours * HOUR)) is asked, hours
    short = record("ada", "n", kind, title="x", expires_at=NOW + 4 * HOUR)
    assert "still_true" not in marks(short, now=NOW + 3 * HOUR - 1)
    assert "still_true" in marks(short, now=NOW + 3 * HOUR)
    closed = need(status="closed", expires_at=NOW)
    assert marks(closed) == ()


def test_what_has_expired_comes_back_to_its_author_only_as_a_question() -> None:
    shown = board(need(expires_at=NOW - 1), need("m", "ben", expires_at=NOW - 1))
    assert shown.rows() == []
    assert {row.status for row in shown.rows(attention=True)} == {"expired"}
    (mine,) = shown.rows(attention=True, viewer=member_id("ada"))
    assert (mine.id, mine.marks) == (N, ("still_true",))
    assert shown.left_out() == {"expired": 2}


def test_more_than_was_asked_is_shown_to_the_author_and_to_each_pledger() -> None:
    records = [need(**litres(40)), pledge(**litres(30)), pledge("q", "ben", **litres(30))]
    assert marks(*records) == ("over_promised",)
    for name in (P, reference("ben", "q")):
        assert marks(*records, of=name) == ("need_over",)
    shown = board(*records)
    for member, asked in (("ada", {N}), ("hub", {N, P})):
        found = shown.rows(attention=True, viewer=member_id(member))
        assert {row.id for row in found} == asked
    assert marks(need(**litres(60)), *records[1:]) == ()
    # What has come already is no question to anybody, until somebody promises still more.
    came = receipt("received", **litres(50))
    assert marks(records[0], came) == ()
    assert marks(records[0], came, pledge(**litres(1))) == ("over_promised",)
    stale = pledge("s", "ben", hold_until=NOW - 1, **litres(30))
    assert marks(*records, stale, of=stale.reference) == ("stale",)
    withdrawn = pledge("q", "ben", state="withdrawn", **litres(30))
    assert marks(*records[:2], withdrawn, of=withdrawn.reference) == ()


def test_an_offer_that_is_promised_twice() -> None:
    offer = record("hub", "o", "offer", title="Water", **litres(10))
    twice = [pledge(name, offer=offer.reference, **litres(9)) for name in "pq"]
    assert marks(need(**litres(50)), offer, *twice, of=offer.reference) == ("over_taken",)


def test_a_stale_pledge_is_asked_back_on_both_sides() -> None:
    records = [need(**litres(40)), pledge(hold_until=NOW, **litres(40))]
    assert marks(*records) == marks(*records, of=P) == ()
    assert marks(*records, now=NOW + 1) == ("stale_pledge",)
    assert marks(*records, of=P, now=NOW + 1) == ("stale",)
    renewed = pledge(hold_until=NOW + HOUR, **litres(40))
    assert marks(need(**litres(40)), renewed, of=P, now=NOW + 1) == ()


def test_handed_over_asks_whether_it_arrived() -> None:
    brought = pledge(state="handed_over")
    assert marks(need(), brought) == ("handed_over",)
    came = receipt("received", pledge=P)
    assert marks(need(), brought, came) == ()
    assert marks(need(), brought, came, of=P) == ("received",)


def test_a_foreign_receipt_says_so_and_asks_the_owner() -> None:
    foreign = receipt("received", member="ben")
    assert marks(need(), foreign) == ("said_received",)
    assert marks(need(), foreign, of=foreign.reference) == ("says_handed_over",)
    own = receipt("received")
    assert marks(need(), foreign, own) == ()
    assert marks(need(), own, of=own.reference) == ()
    assert marks(need(), receipt("declined", member="ben")) == ()


def test_two_answers_of_two_devices() -> None:
    held: dict[str, list[Value]] = {"kind": ["need"], "created_at": [NOW], "rev": [2, 3]}
    held["title"] = ["Water"]
    assert marks(read_record(N, held)) == ()
    both = read_record(N, {**held, "quantity": [2_000, 3_000]})
    assert marks(both) == ("two_answers",)
    settled = edit_fields(both, {"quantity": "3"}, now=NOW)
    assert marks(stored(N, {**both.fields, "kind": "need", **settled})) == ()


# ---- pledges


def test_answers_of_the_needs_owner_stand_on_the_pledge() -> None:
    for result in ("accepted", "declined", "not_received", "received"):
        assert marks(need(), pledge(), receipt(result, pledge=P), of=P) == (result,)
    answers = [receipt("accepted", "r1", pledge=P), receipt("declined", "r2", pledge=P)]
    assert marks(need(), pledge(), *answers, of=P) == ("declined",)
    # Nobody else answers for the owner, and a withdrawn pledge needs no "declined".
    assert marks(need(), pledge(), receipt("declined", member="ben", pledge=P), of=P) == ()
    assert marks(need(), pledge(state="withdrawn"), receipt("declined", pledge=P), of=P) == ()


def test_a_part_that_came_is_no_arrival_while_the_rest_is_to_come() -> None:
    part = receipt("received", pledge=P, more_coming=True, **litres(2))
    rest = receipt("received", "r2", pledge=P, more_coming=True, **litres(3))
    asked, promise = need(**litres(40)), pledge(**litres(5))
    assert marks(asked, promise, part, of=P) == ("part_received",)
    assert marks(asked, pledge(), part, of=P) == ("part_received",)
    assert marks(asked, promise, part, rest, of=P) == ("received",)
    settled = receipt("received", pledge=P, **litres(2))
    assert marks(asked, promise, settled, of=P) == ("received",)
    assert asks(("part_received",), author=True, steward=True) == ()


@pytest.mark.parametrize("state", ["failed", "withdrawn"])
def test_what_its_author_has_given_up_has_not_arrived(state: str) -> None:
    part = receipt("received", pledge=P, more_coming=True, **litres(2))
    given_up = pledge(state=state, **litres(5))
    assert marks(need(**litres(40)), given_up, part, of=P) == ("part_received",)
    settled = receipt("received", pledge=P, **litres(2))
    assert marks(need(**litres(40)), given_up, settled, of=P) == ()
    returned = pledge(state="returned", **litres(5))
    assert marks(need(**litres(40)), returned, settled, of=P) == ("received",)


@pytest.mark.parametrize(
    "changes",
    [{"quantity": 9_000}, {"unit": "mL"}, {"category": "water.washing"}, {"quantity": None}],
)
def test_changed_since_you_promised(changes: dict[str, Value]) -> None:
    asked = need(category="water.drinking", rev=1, **litres(40))
    promise = pledge(**litres(5), **promised_against(asked))
    assert marks(asked, promise, of=P) == ()
    changed = stored(N, {**asked.fields, "kind": "need", "rev": 2, **changes})
    assert "changed" in marks(changed, promise, of=P)
    for state in ("withdrawn", "failed", "returned"):
        assert "changed" not in marks(changed, pledge(**{**promise.fields, "state": state}), of=P)
    # Promised anew, or changed back: nothing to ask.
    assert "changed" not in marks(changed, pledge(**promised_against(changed)), of=P)
    back = stored(N, {**asked.fields, "kind": "need", "rev": 3})
    assert marks(back, promise, of=P) == ()


def test_who_is_asked_whether_it_still_comes_is_told_what_has_changed() -> None:
    asked = need(rev=1, category="water.drinking", **litres(40))
    promise = pledge(hold_until=NOW - 1, **litres(5), **promised_against(asked))
    changed = stored(N, {**asked.fields, "kind": "need", "rev": 2, "quantity": 80_000})
    assert marks(changed, promise, of=P) == ("stale", "changed")
    ended = stored(N, {**asked.fields, "kind": "need", "rev": 2, "status": "closed"})
    assert marks(ended, promise, of=P) == ("stale", "need_ended")


def test_an_edit_of_other_words_is_no_change_of_what_was_promised() -> None:
    asked = need(rev=1, category="water.drinking", **litres(40))
    promise = pledge(**promised_against(asked), **litres(5))
    reworded = stored(N, {**asked.fields, "kind": "need", "rev": 2, "title": "Water, please"})
    assert marks(reworded, promise, of=P) == ()
    vague = need(rev=1, category="water.drinking")
    reworded = stored(N, {**vague.fields, "kind": "need", "rev": 2, "title": "Water, please"})
    assert marks(reworded, pledge(**promised_against(vague)), of=P) == ()
    paused = stored(N, {**asked.fields, "kind": "need", "rev": 2, "status": "paused"})
    assert marks(paused, promise, of=P) == ("need_ended",)


def test_two_devices_edit_and_the_count_stays_but_the_change_is_told() -> None:
    """Each counted to 2; the pledger had seen the one with 40 L."""
    seen = need(rev=2, category="water.drinking", **litres(40))
    promise = pledge(**promised_against(seen), **litres(5))
    assert "changed" in marks(need(rev=2, category="water.drinking", **litres(80)), promise, of=P)


def test_a_pledge_that_remembers_only_the_count_is_asked_at_any_edit() -> None:
    old = pledge(need_rev=1)
    assert marks(need(rev=1), old, of=P) == ()
    assert marks(need(rev=2), old, of=P) == ("changed",)
    assert marks(need(rev=2), pledge(), of=P) == ()


def test_a_pledge_whose_need_has_ended_or_is_not_here() -> None:
    for ended in ({"status": "closed", "closed_reason": "received"}, {"expires_at": NOW - 1}):
        assert marks(need(**ended), pledge(), of=P) == ("need_ended",)
        assert marks(need(**ended), pledge(state="withdrawn"), of=P) == ()
    lost = [
        pledge(need=reference("ada", "gone")),
        receipt("received", need=reference("ada", "gone")),
    ]
    assert marks(*lost, of=P) == ("not_here",)
    assert marks(*lost, of=reference("ada", "r")) == ("not_here",)


# ---- hubs


def test_two_hubs_with_one_letter_are_both_shown_and_marked() -> None:
    hubs = [record(name, "h", "hub", title=name, letter="C") for name in ("hub", "gym")]
    other = record("inn", "h", "hub", title="inn", letter="R")
    authors = {name: Author(name, "hub") for name in ("gym", "inn")}
    shown = board(*hubs, other, **authors)
    assert len(shown.rows(kind="hub")) == 3
    told = {row.author.name: row.marks for row in shown.rows(kind="hub")}
    assert told == {"hub": ("letter_taken",), "gym": ("letter_taken",), "inn": ()}
    assert len(shown.rows(attention=True)) == 2
    bare = [record(name, "h", "hub", title=name) for name in ("hub", "gym")]
    assert all(not row.marks for row in board(*bare, **authors).rows(kind="hub"))
    closed = record("gym", "h", "hub", title="gym", letter="C", status="closed")
    assert board(hubs[0], closed, **authors).rows(kind="hub")[0].marks == ()


# ---- what a desk asks for


def test_attention_asks_each_viewer_for_what_it_can_answer() -> None:
    shown = board(
        need(),  # nobody answers: everybody may
        need("m", "ben", needed_by=NOW + 1),  # past its time: only its author knows
        pledge("p", "ben", need=reference("hub", "x"), hold_until=NOW),
        need("x", "hub"),
        now=NOW + 3 * HOUR,
    )

    def seen(member: str) -> set[str]:
        return {row.id for row in shown.rows(attention=True, viewer=member_id(member))}

    everybody = {N, reference("ben", "m"), reference("hub", "x")}
    assert seen("ada") == everybody
    assert seen("ben") == everybody | {reference("ben", "p")}
    assert {row.id for row in shown.rows(attention=True, kind="pledge")} == {reference("ben", "p")}
    assert {row.id for row in shown.rows(attention=True, member=member_id("ada"))} == {N}


def test_rows_of_pledges_receipts_and_flags_name_what_they_are_about() -> None:
    asked = need(ref="C482912", area="Hill", **litres(40))
    came = receipt("received", pledge=P, more_coming=True, **litres(4))
    records = [
        asked,
        pledge(**litres(10)),
        came,
        record("ben", "f", "flag", target=N, reason="spam"),
    ]
    shown = board(*records)
    told = {kind: shown.rows(kind=kind)[0].as_json() for kind in ("pledge", "receipt", "flag")}
    for kind, about in (("pledge", "need"), ("receipt", "need"), ("flag", "target")):
        assert [told[kind][f"{about}_{part}"] for part in ("ref", "kind", "title", "area")] == [
            *("C482912", "need", "Water", "Hill")
        ]
        assert told[kind][f"{about}_status"] == "part-received"
    assert told["pledge"]["promised"] == "6"
    assert told["receipt"]["status"] == "received"
    alone = board(pledge()).rows(kind="pledge")[0].as_json()
    assert (alone["need"], alone["need_title"], alone["promised"]) == (N, None, None)


def related(shown: Board, name: str) -> list[str]:
    found = shown.record(name)
    assert found is not None
    return [row.id for row in shown.related(found)]


def test_what_is_related_comes_in_one_order() -> None:
    twin = need("m", status="closed", closed_reason="duplicate", duplicate_of=N)
    late = pledge("p2", "ben", created_at=NOW + 5, state="withdrawn")
    on_twin = pledge("p3", "ben", created_at=NOW + 9, need=twin.reference)
    came = receipt("received", pledge=P)
    foreign = receipt("received", member="ben", created_at=NOW + 1)
    flag = record("ben", "f", "flag", target=N, reason="spam", state="withdrawn")
    records = [flag, foreign, came, on_twin, late, pledge(), twin, need()]
    expected = [P, late.reference, on_twin.reference, came.reference]
    expected += [foreign.reference, flag.reference]
    assert related(board(*records), N) == related(board(*reversed(records)), N) == expected
    assert related(board(*records), P) == [came.reference]
    assert related(board(*records), twin.reference) == [on_twin.reference]
