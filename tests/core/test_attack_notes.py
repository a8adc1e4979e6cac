"""A member against the sealed notes of others: floods, questions, and what is left on the disk."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from meshaid import claims, contacts, limits
from meshaid.core import ids
from meshaid.core.answers import Answers
from meshaid.core.card_exchange import CardExchange
from meshaid.core.ledger import NoteRow
from meshaid.core.messages import SealedList, SealedWant
from meshaid.core.note_exchange import NoteExchange
from meshaid.core.note_index import NoteIndex
from meshaid.core.notes import make_note
from meshaid.core.reconcile import Allowance
from meshaid.desk import Desk
from meshaid.errors import NotFound
from meshaid.sealed import record_subject
from tests.core.meeting_world import FakeWorld
from tests.core.note_world import acquainted, attach, holds, meet, need, restored
from tests.core.real_world import NOW, RealWorld


# ---- floods
def row(author: str, number: int, size: int) -> NoteRow:
    note_id = number.to_bytes(4, "big") + author.encode().ljust(28, b"\0")
    return NoteRow(
        note_id, author.encode().ljust(32), bytes(10), "contact", number, b"device", size
    )


def test_a_flood_of_bytes_harms_who_has_most_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few large notes of a flooder do not push out the many small ones of a hub."""
    monkeypatch.setattr(limits, "NOTES_PER_RECORD", 1_000)
    monkeypatch.setattr(limits, "MAX_NOTES_BYTES", 100_000)
    index = NoteIndex(b"nobody")
    for number in range(100):
        index.add(row("hub", number, 300))
    for number in range(20):
        index.add(row("mallory", number, 6_000))
    gone = index.surplus({(one.author, one.subject) for one in index})
    lost = Counter(one.author.strip() for one in index if one.id in gone)
    assert lost[b"mallory"] > 0
    assert lost[b"hub"] == 0


def steps(work: Callable[[], object]) -> int:
    """How many operations of Python a call takes: its cost, told by no clock."""
    taken = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal taken
        frame.f_trace_opcodes = True
        taken += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return taken


@pytest.mark.parametrize("held", [200, 2_000])
def test_wanting_one_by_one_costs_no_more(held: int) -> None:
    """Whoever is shown many notes may want them one by one: that is not their number squared."""
    world = FakeWorld()
    hub = world.found("hub")
    knowledge = world.join("peer", hub).knowledge
    names = [knowledge.notes.write(f"note {number}") for number in range(held)]
    lists = Allowance(limits.PASSES_AT_ONCE, limits.PASS_SECONDS, 0.0)
    answers = Answers(knowledge, CardExchange(knowledge))
    exchange = NoteExchange(knowledge, answers, lists, key=bytes(32), opens=False)
    exchange.hear_list([])
    assert any(isinstance(said, SealedList) for said in exchange.due(0.0))
    assert steps(lambda: exchange.hear_want(SealedWant(1, (names[0],)))) < 1_000


# ---- readers
def test_a_name_that_is_not_known_never_means_a_strangers_id() -> None:
    """Four letters at the beginning of an id are ground in a second, and two are there by chance;
    who types the name of somebody whose card is not here yet means no stranger."""
    hub, poster = acquainted(RealWorld(), "poster")
    record = need(poster)
    stranger = ids.id_text(hub.replica.identity.member)
    desk = Desk(poster.replica, random=poster.dice)
    for name in (stranger[:2], stranger[:4], stranger[:7]):
        with pytest.raises(NotFound):
            contacts.add(desk, record, "555 0123", [name], NOW)
    assert contacts.add(desk, record, "555 0123", [stranger[:8]], NOW).readers


# ---- a sibling device in wrong hands
def test_the_highest_number_keeps_nobody_from_writing_or_erasing() -> None:
    """A stolen device signs a note with the last number that there is, before it is removed."""
    world = RealWorld()
    hub, first = acquainted(world, "first")
    stolen = world.link("stolen", first)
    for _ in range(2):
        meet(stolen, first)
    record = need(first)
    meet(first, stolen)
    own = stolen.replica.identity
    last = make_note(
        own.signing_key,
        kind="contact",
        community=own.community,
        author=own.member,
        subject=record_subject(record),
        number=limits.MAX_INTEGER,
        sealed_keys=[bytes(80)],
        content=bytes(limits.NOTE_SIZES[0] + 16),
    )
    first.replica.notes.take([last.wire])
    assert holds(first, last)
    note = attach(first, record, hub)
    first.replica.notes.erase([note, last])
    first.replica.notes.erase([attach(first, record, hub)])
    assert not holds(first, note)
    assert not holds(first, last)
    assert claims.make_code(Desk(first.replica, random=first.dice), record, NOW)


def test_an_erasure_outlives_a_fork() -> None:
    """A backup from before the record writes before it meets anybody: its fork takes the record
    away, with all that counted, until it is healed. The erasure must stand when it comes back."""
    world = RealWorld()
    hub, poster, late = acquainted(world, "poster", "late")
    backup = restored(poster)
    record = need(poster)
    note = attach(poster, record, hub)
    meet(poster, hub)
    meet(late, hub)
    poster.replica.notes.erase([note])
    meet(poster, hub)
    need(backup)
    meet(backup, hub)
    assert hub.replica.ledger.record(poster.replica.identity.member, record) is None
    for device in (hub, backup):
        device.replica.notes.sweep(NOW)
    assert backup.replica.heal()
    meet(backup, hub)
    assert hub.replica.ledger.record(poster.replica.identity.member, record) is not None
    assert holds(late, note)
    meet(late, hub)
    assert not holds(hub, note)
    assert not holds(late, note)
