"""Claim codes: with the right one at any device of the hub; wrong ones do nothing, five an hour."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshaid import claims, limits
from meshaid.core import ids
from meshaid.core.board import Board
from meshaid.core.replica import Replica
from meshaid.desk import Desk
from meshaid.errors import InvalidInput, NotFound, RefusedByTrust, StoreFull
from meshaid.testing import MemoryLedger
from tests.core.note_world import DAY, acquainted, attach, meet, tend
from tests.core.real_world import NOW, RealDevice, RealWorld
from tests.shell.test_contacts import desk, need, record_of


@pytest.fixture
def world() -> RealWorld:
    return RealWorld()


@pytest.fixture
def hub(world: RealWorld) -> RealDevice:
    hub = world.found("hub")
    desk(hub).add("hub", {"title": "School", "letter": "C", "type": "hub"}, NOW)
    return hub


@pytest.fixture
def sibling(world: RealWorld, hub: RealDevice) -> RealDevice:
    """A linked device of the hub which has its key."""
    sibling = world.link("sibling", hub)
    meet(sibling, hub)
    tend(hub)
    meet(sibling, hub)
    tend(sibling)
    return sibling


def slip(hub: RealDevice) -> tuple[str, str]:
    ref = need(hub, on_behalf_of="F7")
    return ref, claims.make_code(desk(hub), ref, NOW)


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


def test_at_any_device_of_the_hub_offline(hub: RealDevice, sibling: RealDevice) -> None:
    ref, code = slip(hub)
    assert len(code) == 6
    meet(sibling, hub)
    row = claims.claim(desk(sibling), ref, code, "show", NOW).row
    assert row.record.text("title") == "Insulin"
    edited = claims.claim(desk(sibling), ref, code, "edit", NOW, fields={"title": "Insulin, 2"})
    assert edited.row.record.text("title") == "Insulin, 2"
    closed = claims.claim(desk(sibling), ref, code, "close", NOW, reason="received")
    assert closed.row.standing.status == "closed"
    assert not closed.flagged
    meet(sibling, hub)
    record = desk(hub).board(NOW).find(ref)
    assert record.text("closed_reason") == "received"


def test_a_slip_taken_by_a_device_that_has_no_key_yet(world: RealWorld, hub: RealDevice) -> None:
    """It seals with the key on the member's card; the others check."""
    sibling = world.link("sibling", hub)
    meet(sibling, hub)
    ref, code = slip(sibling)
    with pytest.raises(RefusedByTrust, match="has not received"):
        claims.claim(desk(sibling), ref, code, "show", NOW)
    meet(sibling, hub)
    assert claims.claim(desk(hub), ref, code, "show", NOW).row


def test_nobody_else_can_guess_it_from_what_it_holds(world: RealWorld) -> None:
    hub, member = acquainted(world, "member")
    _, code = slip(hub)
    meet(member, hub)
    (note,) = member.replica.ledger.notes()
    wire = member.replica.ledger.note(note.id)
    assert wire is not None
    assert code.encode() not in wire
    assert len(wire) < 500


def test_a_wrong_code_does_nothing_and_five_close_it(hub: RealDevice) -> None:
    ref, code = slip(hub)
    before = desk(hub).board(NOW).find(ref)
    for number in range(limits.CLAIM_TRIES):
        with pytest.raises(RefusedByTrust, match="not the one of this slip"):
            claims.claim(desk(hub), ref, wrong(code), "close", NOW + number)
    for action in ("show", "close", "edit"):
        with pytest.raises(RefusedByTrust, match="5 wrong codes"):
            claims.claim(desk(hub), ref, code, action, NOW + 60, fields={"title": "x"})  # type: ignore[arg-type]
    assert desk(hub).board(NOW).find(ref).fields == before.fields
    # The first try is an hour old, and one is free again.
    later = NOW + limits.CLAIM_SECONDS
    assert claims.claim(desk(hub), ref, code, "show", later).row


@pytest.mark.parametrize("action", ["Close", "clos", "", "delete"])
def test_a_misspelt_action_does_nothing(hub: RealDevice, action: str) -> None:
    ref, code = slip(hub)
    with pytest.raises(InvalidInput) as error:
        claims.claim(desk(hub), ref, code, action, NOW)  # type: ignore[arg-type]
    assert error.value.fields["action"].startswith("must be one of show, close, edit")
    with pytest.raises(InvalidInput) as error:
        claims.claim(desk(hub), ref, "12345", "show", NOW)
    assert [*error.value.fields] == ["code"]


def test_how_many_tries_are_left_is_told(hub: RealDevice) -> None:
    ref, code = slip(hub)
    for left in ("4 more tries", "3 more tries", "2 more tries", "1 more try", "No more tries"):
        with pytest.raises(RefusedByTrust, match=f"{left} within the hour"):
            claims.claim(desk(hub), ref, wrong(code), "show", NOW)


def test_naming_it_otherwise_gives_no_more_tries(hub: RealDevice) -> None:
    ref, code = slip(hub)
    reference = desk(hub).board(NOW).find(ref).reference
    spoken = f"{ref[0].lower()} {ref[1:4]}-{ref[4:]}"
    names = [ref, spoken, reference, reference.split("/")[1], reference.split("/")[1][:10]]
    for name in names:
        with pytest.raises(RefusedByTrust, match="not the one"):
            claims.claim(desk(hub), name, wrong(code), "show", NOW)
    for name in names:
        with pytest.raises(RefusedByTrust, match="5 wrong codes"):
            claims.claim(desk(hub), name, code, "show", NOW)


def test_a_restart_gives_no_more_tries(hub: RealDevice) -> None:
    ref, code = slip(hub)
    for _ in range(limits.CLAIM_TRIES):
        with pytest.raises(RefusedByTrust):
            claims.claim(desk(hub), ref, wrong(code), "show", NOW)
        ledger = hub.replica.ledger
        assert isinstance(ledger, MemoryLedger)
        hub.replica = Replica(ledger.reopen(), hub.replica.identity, random=hub.dice)
    with pytest.raises(RefusedByTrust, match="5 wrong codes"):
        claims.claim(desk(hub), ref, code, "show", NOW)


def test_a_crash_between_gives_no_more_tries(
    hub: RealDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The try is written down before the code is looked at."""
    ref, code = slip(hub)

    class Killed(BaseException):
        pass

    def die(*_: object) -> bool:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(claims, "_fits", die)
        for _ in range(limits.CLAIM_TRIES):
            with pytest.raises(Killed):
                claims.claim(desk(hub), ref, code, "show", NOW)
    with pytest.raises(RefusedByTrust, match="5 wrong codes"):
        claims.claim(desk(hub), ref, code, "show", NOW)


def test_a_full_disk_gives_no_tries_at_all(
    hub: RealDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref, code = slip(hub)

    def full(*_: object) -> None:
        raise StoreFull("no room")

    monkeypatch.setattr(hub.replica.ledger, "put_setting", full)
    with pytest.raises(StoreFull):
        claims.claim(desk(hub), ref, wrong(code), "show", NOW)


def test_a_clock_turned_back_gives_no_more_tries(hub: RealDevice) -> None:
    ref, code = slip(hub)
    for _ in range(limits.CLAIM_TRIES):
        with pytest.raises(RefusedByTrust):
            claims.claim(desk(hub), ref, wrong(code), "show", NOW)
    with pytest.raises(RefusedByTrust, match="5 wrong codes"):
        claims.claim(desk(hub), ref, code, "show", NOW - DAY)


def test_right_codes_are_not_counted(hub: RealDevice) -> None:
    ref, code = slip(hub)
    for _ in range(limits.CLAIM_TRIES * 2):
        claims.claim(desk(hub), ref, code, "show", NOW)
    assert hub.replica.ledger.setting("claim_tries") is None


def test_each_slip_has_its_own_tries(hub: RealDevice, monkeypatch: pytest.MonkeyPatch) -> None:
    first, code = slip(hub)
    second, other = slip(hub)
    for _ in range(limits.CLAIM_TRIES):
        with pytest.raises(RefusedByTrust):
            claims.claim(desk(hub), first, wrong(code), "show", NOW)
    assert claims.claim(desk(hub), second, other, "show", NOW)
    with pytest.raises(RefusedByTrust):
        claims.claim(desk(hub), second, code if code != other else wrong(other), "show", NOW)
    # The table of tries is bounded, and full it refuses.
    monkeypatch.setattr(limits, "CLAIM_SLIPS", 2)
    third, last = slip(hub)
    with pytest.raises(RefusedByTrust, match="too many slips"):
        claims.claim(desk(hub), third, last, "show", NOW)
    assert claims.claim(desk(hub), third, last, "show", NOW + limits.CLAIM_SECONDS)


@pytest.mark.parametrize("text", ["123 456", "123-456", "١٢٣٤٥٦", "123\u2011456", " 123456 "])
def test_digits_in_any_form(hub: RealDevice, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = need(hub)
    number = (123_456).to_bytes(8, "big")
    mine = Desk(hub.replica, random=lambda size: number if size == 8 else hub.dice(size))
    assert claims.make_code(mine, ref, NOW) == "123456"
    assert claims.claim(desk(hub), ref, text, "show", NOW)


@pytest.mark.parametrize("text", ["", "12345", "1234567", "12345x", "½23456", "-12345"])
def test_what_is_no_code_is_no_try(hub: RealDevice, text: str) -> None:
    ref, code = slip(hub)
    for _ in range(limits.CLAIM_TRIES + 1):
        with pytest.raises(InvalidInput, match="6 digits"):
            claims.claim(desk(hub), ref, text, "show", NOW)
    assert claims.claim(desk(hub), ref, code, "show", NOW)


def test_a_new_code_ends_the_old_one(hub: RealDevice, sibling: RealDevice) -> None:
    ref, first = slip(hub)
    meet(sibling, hub)
    second = claims.make_code(desk(sibling), ref, NOW)
    assert first != second
    with pytest.raises(RefusedByTrust):
        claims.claim(desk(sibling), ref, first, "show", NOW)
    meet(sibling, hub)
    with pytest.raises(RefusedByTrust):
        claims.claim(desk(hub), ref, first, "show", NOW)
    assert claims.claim(desk(hub), ref, second, "show", NOW)


def test_where_no_code_is_known(hub: RealDevice, sibling: RealDevice) -> None:
    ref = need(hub)
    with pytest.raises(NotFound, match="no claim code"):
        claims.claim(desk(hub), ref, "123456", "show", NOW)
    ended, code = slip(hub)
    hub.replica.notes.sweep(NOW + 100 * DAY)
    with pytest.raises(NotFound, match="no claim code"):
        claims.claim(desk(hub), ended, code, "show", NOW)
    other, code = slip(hub)
    with pytest.raises(NotFound):
        claims.claim(desk(sibling), other, code, "show", NOW)


def test_at_another_hub_the_owner_is_asked(world: RealWorld) -> None:
    hub, other = acquainted(world, "other hub")
    ref, code = slip(hub)
    meet(other, hub)
    for action in ("show", "edit"):
        with pytest.raises(InvalidInput, match="another hub keeps this slip"):
            claims.claim(desk(other), ref, code, action, NOW, fields={"title": "x"})  # type: ignore[arg-type]
    said = claims.claim(desk(other), ref, wrong(code), "close", NOW)
    assert said.flagged
    assert said.row.standing.status == "open", "it is for the owner to close it"
    meet(other, hub)
    board: Board = desk(hub).board(NOW)
    flags = board.records_of_kind("flag")
    assert [(f.text("reason"), f.text("target")) for f in flags] == [
        ("seems_done", board.find(ref).reference)
    ]
    assert board.find(ref).text("status") in ("", "open")


def test_a_forged_claim_note_opens_nothing(world: RealWorld) -> None:
    """Another member cannot put a code of its own to the hub's slip."""
    hub, mallory = acquainted(world, "mallory")
    ref, _ = slip(hub)
    meet(mallory, hub)
    own = need(mallory)
    attach(mallory, record_of(own, mallory), hub, kind="claim", text=b"nonsense")
    meet(mallory, hub)
    with pytest.raises(RefusedByTrust):
        claims.claim(desk(hub), ref, "000000", "close", NOW)
    said = claims.claim(desk(hub), own, "000000", "close", NOW)
    assert said.flagged, "mallory's slip is not the hub's to close"


@given(st.integers(0, 10**6 - 1))
def test_codes_have_six_digits(number: int) -> None:
    assert claims._digits(f"{number:06}") == f"{number:06}"


def test_make_code_is_for_own_slips(world: RealWorld) -> None:
    hub, member = acquainted(world, "member")
    ref = need(member)
    meet(member, hub)
    with pytest.raises(InvalidInput, match="another member"):
        claims.make_code(desk(hub), ref, NOW)
    assert ids.parse_reference(desk(hub).board(NOW).find(ref).reference)
