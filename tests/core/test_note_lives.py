"""Sealed notes and those who come, go, flood, or hear of things in another order."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshaid import limits
from meshaid.core.notes import device_subject, make_note
from meshaid.errors import InvalidInput, RefusedByTrust
from meshaid.sealed import record_subject, seal_note, sealing_key
from tests.core.meeting_pair import Pair
from tests.core.note_world import (
    TEXT,
    acquainted,
    acquainted_late,
    attach,
    copies,
    forged,
    forged_erasure,
    holds,
    meet,
    need,
    outcomes,
    reads,
    remove_device,
    restored,
    tend,
)
from tests.core.real_world import RealDevice, RealWorld


@pytest.fixture
def world() -> RealWorld:
    return RealWorld()


# ---- members and devices that go
def test_a_removed_devices_notes_go_and_a_siblings_stay(world: RealWorld) -> None:
    hub, other = acquainted(world, "other")
    first = world.join("first", hub)
    meet(first, hub)
    second = world.link("second", first)
    for device in (second, hub, other):
        meet(device, first)
    meet(other, hub)
    record = need(first)
    meet(first, second)
    lost, kept = attach(first, record, hub), attach(second, record, hub)
    meet(second, hub)
    meet(first, other)
    remove_device(hub, first)
    for one, another in ((hub, other), (hub, second), (hub, other)):
        meet(one, another)
    for device in (hub, other, second):
        assert holds(device, kept)
        assert not holds(device, lost), "nobody who stands has vouched for it"
    assert outcomes(hub, lost) == ["later"]
    # The removed device itself keeps what it wrote, and may add nothing.
    meet_cards(first, hub)
    assert first.replica.ledger.note(lost.id) is not None
    with pytest.raises(RefusedByTrust, match="removed"):
        attach(first, record, hub)
    with pytest.raises(RefusedByTrust, match="removed"):
        first.replica.notes.erase([lost])
    assert outcomes(hub, forged(first, first, record)) == ["later"]


def meet_cards(one: RealDevice, other: RealDevice) -> None:
    Pair(one, other).run()


def test_a_sibling_vouches_for_what_it_holds(world: RealWorld) -> None:
    hub, first = acquainted(world, "first")
    second = world.link("second", first)
    for device in (second, second):
        meet(device, first)
    record = need(first)
    note = attach(first, record, hub)
    meet(first, second)
    meet(first, hub)
    meet(second, hub)
    remove_device(second, first)
    assert holds(second, note)
    meet(second, hub)
    assert holds(hub, note)
    assert reads(hub, note) == TEXT
    rows = {row.device for row in hub.replica.ledger.notes() if row.id == note.id}
    assert rows == {second.replica.identity.device}
    # What erases it still names it, whoever signs it by now.
    second.replica.notes.erase([note])
    meet(second, hub)
    assert not holds(hub, note)


def test_an_erasure_of_a_removed_device_still_holds(world: RealWorld) -> None:
    """In either order: erasing is never taken back."""
    hub, first, away = acquainted(world, "first", "away")
    second = world.link("second", first)
    for device in (second, second):
        meet(device, first)
    record = need(first)
    note = attach(second, record, hub)
    for one, other in ((second, first), (first, hub), (hub, away), (second, hub)):
        meet(one, other)
    assert holds(away, note)
    first.replica.notes.erase([note])
    meet(first, second)
    remove_device(second, first)
    for one, other in ((second, hub), (hub, away)):
        meet(one, other)
    for device in (second, hub, away):
        assert not holds(device, note)
        assert outcomes(device, note) == ["erased"]


def test_an_erasure_holds_where_no_sibling_heard_of_it(world: RealWorld) -> None:
    """A steward removes the device that erased: nobody is left to sign the erasure again."""
    hub, poster, away = acquainted(world, "poster", "away")
    record = need(poster)
    note = attach(poster, record, hub)
    meet(poster, hub)
    meet(hub, away)
    assert holds(away, note)
    poster.replica.notes.erase([note])
    meet(poster, hub)
    remove_device(hub, poster)
    meet(hub, away)
    for device in (hub, away):
        assert not holds(device, note)
        assert [row.kind for row in device.replica.ledger.notes()] == ["erasure"]
    late = acquainted_late(world, hub)
    meet(hub, late)
    assert [row.kind for row in late.replica.ledger.notes()] == ["erasure"]


def test_a_removed_members_notes_go(world: RealWorld) -> None:
    hub, poster, other = acquainted(world, "poster", "other")
    record = need(poster)
    note = attach(poster, record, hub)
    for device in (poster, other):
        meet(device, hub)
    world.remove(hub, poster)
    meet(hub, other)
    for device in (hub, other):
        assert not holds(device, note)
        assert outcomes(device, note) == ["later"]
    with pytest.raises(RefusedByTrust):
        sealing_key(hub.replica, poster.replica.identity.member)


def test_rosters_that_differ(world: RealWorld) -> None:
    """The signer's card is not known to one of them; later it is, in the same session."""
    hub, other = acquainted(world, "other")
    poster = world.join("poster", hub)
    record = need(poster)
    note = attach(poster, record)
    assert outcomes(other, note) == ["later"]
    pair = meet(hub, other)
    meet(poster, hub)
    pair.meetings[0].roster_changed(pair.now)
    for change in hub.replica.take_changes():
        pair.meetings[0].local_change(change.genesis, change.before, pair.now)
    pair.meetings[0].notes_changed(hub.replica.notes.take_new(), pair.now)
    pair.wait(limits.RECHECK_SECONDS * 3)
    assert holds(other, note)


# ---- the member's key
def test_a_linked_device_gets_the_key_from_a_sibling_it_never_meets(world: RealWorld) -> None:
    hub, poster = acquainted(world, "poster")
    second = world.link("second", hub)
    assert second.replica.identity.member_sealing_seed is None
    meet(second, hub)  # its cards
    record = need(poster)
    note = attach(poster, record, hub)
    tend(hub)
    tend(hub)
    assert [row.kind for row in hub.replica.ledger.notes()] == ["key"], "once for each device"
    meet(hub, poster)
    meet(poster, second)
    tend(second)
    seed = hub.replica.identity.member_sealing_seed
    assert second.replica.identity.member_sealing_seed == seed
    assert reads(second, note) == TEXT
    # It hands the key on itself; nobody needs the first device any more.
    third = world.link("third", second)
    meet(third, second)
    tend(second)
    meet(third, second)
    tend(third)
    assert third.replica.identity.member_sealing_seed == seed
    stored = second.replica.ledger.setting("identity")
    assert stored is not None
    assert seed is not None
    assert seed in stored


def test_another_key_is_not_taken(world: RealWorld) -> None:
    """A sibling that hands over a key which is not on the member's card."""
    hub = world.found("hub")
    second = world.link("second", hub)
    for _ in range(2):
        meet(second, hub)
    view = hub.replica.roster.devices[second.replica.identity.device]
    for wrong in (bytes(32), b"short", b""):
        subject = device_subject(view.key)
        seal_note(hub.replica, hub.dice, "key", subject, wrong, [view.sealing_key])
    meet(second, hub)
    tend(second)
    assert second.replica.identity.member_sealing_seed is None
    for note in hub.replica.notes.key_notes(view.key):
        hub.replica.notes.erase([note])
    tend(hub)
    meet(second, hub)
    tend(second)
    assert second.replica.identity.member_sealing_seed is not None


def test_the_key_note_goes_with_its_device(world: RealWorld) -> None:
    hub, other = acquainted(world, "other")
    second = world.link("second", hub)
    meet(second, hub)
    tend(hub)
    meet(hub, other)
    (row,) = other.replica.ledger.notes()
    assert row.kind == "key"
    remove_device(hub, second)
    tend(hub)
    meet(hub, other)
    tend(other)
    assert not hub.replica.ledger.notes()
    assert not other.replica.ledger.notes()


# ---- floods
def test_a_flood_harms_its_member_alone(world: RealWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "NOTES_PER_MEMBER", 20)
    hub, victim, mallory = acquainted(world, "victim", "mallory")
    record = need(victim)
    note = attach(victim, record, hub)
    floods = [need(mallory) for _ in range(6)]
    for device in (victim, mallory):
        meet(device, hub)
    flood = [forged(mallory, mallory, floods[number % 6]) for number in range(70)]
    first, second = copies(hub, hub)
    outcomes(first, *flood[:35])
    outcomes(first, *flood[35:])
    for one in reversed(flood):
        outcomes(second, one)
    for device in (first, second):
        held = {row.id for row in device.replica.ledger.notes()} - {note.id}
        assert held == {row.id for row in first.replica.ledger.notes()} - {note.id}
        assert len(held) == 20
        assert holds(device, note)
    assert "full" in outcomes(first, *flood)


def test_per_record_the_smallest_ids_stay(world: RealWorld) -> None:
    hub, mallory = acquainted(world, "mallory")
    record = need(mallory)
    meet(mallory, hub)
    flood = [forged(mallory, mallory, record) for _ in range(limits.NOTES_PER_RECORD * 3)]
    outcomes(hub, *flood)
    smallest = sorted(note.id for note in flood)[: limits.NOTES_PER_RECORD]
    assert [row.id for row in hub.replica.ledger.notes()] == smallest


def test_bytes_are_bounded_per_member_and_in_all(
    world: RealWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub, victim, mallory, other = acquainted(world, "victim", "mallory", "other")
    kept = attach(victim, need(victim), hub)
    records = {person.name: need(person.device) for person in named(mallory=mallory, other=other)}
    for device in (victim, mallory, other):
        meet(device, hub)
    size = len(forged(mallory, mallory, records["mallory"]).wire)
    monkeypatch.setattr(limits, "NOTE_BYTES_PER_MEMBER", 10 * size)
    outcomes(hub, *(forged(mallory, mallory, records["mallory"]) for _ in range(14)))
    assert held_of(hub, mallory) == 10
    monkeypatch.setattr(limits, "MAX_NOTES_BYTES", 16 * size)
    outcomes(hub, *(forged(other, other, records["other"]) for _ in range(9)))
    assert held_of(hub, mallory) + held_of(hub, other) <= 15
    assert abs(held_of(hub, mallory) - held_of(hub, other)) <= 1, "the one with the most loses"
    assert holds(hub, kept)


class Person:
    def __init__(self, name: str, device: RealDevice) -> None:
        self.name, self.device = name, device


def named(**devices: RealDevice) -> list[Person]:
    return [Person(name, device) for name, device in devices.items()]


def held_of(device: RealDevice, author: RealDevice) -> int:
    member = author.replica.identity.member
    return sum(row.author == member for row in device.replica.ledger.notes())


def test_own_words_are_never_pushed_out(world: RealWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stolen device floods its own member: its siblings keep what they wrote."""
    hub = world.found("hub")
    stolen = world.link("stolen", hub)
    for _ in range(2):
        meet(stolen, hub)
    record = need(hub)
    mine = attach(hub, record)
    monkeypatch.setattr(limits, "NOTES_PER_RECORD", 4)
    outcomes(hub, *(forged(stolen, stolen, record) for _ in range(60)))
    assert holds(hub, mine)
    assert held_of(hub, hub) <= 5


def test_a_sibling_that_uses_up_all_numbers(world: RealWorld) -> None:
    hub = world.found("hub")
    stolen = world.link("stolen", hub)
    for _ in range(2):
        meet(stolen, hub)
    record = need(hub)
    last = make_note(
        stolen.replica.identity.signing_key,
        kind="contact",
        community=hub.replica.identity.community,
        author=hub.replica.identity.member,
        subject=record_subject(record),
        number=limits.MAX_INTEGER,
        sealed_keys=[stolen.dice(80)],
        content=stolen.dice(144),
    )
    assert outcomes(hub, last) == ["new"]
    note = attach(hub, record)
    assert holds(hub, note)
    hub.replica.notes.erase([last, note])
    tend(hub)
    assert sorted(row.kind for row in hub.replica.ledger.notes()) == ["erasure", "key"]


def test_a_person_is_told_when_there_are_too_many(world: RealWorld) -> None:
    hub = world.found("hub")
    record = need(hub)
    for _ in range(limits.NOTES_PER_RECORD):
        attach(hub, record)
    with pytest.raises(InvalidInput, match="too many notes"):
        attach(hub, record)
    assert held_of(hub, hub) == limits.NOTES_PER_RECORD


# ---- any order
@given(st.data())
@settings(max_examples=40)
def test_the_same_notes_in_any_order_leave_the_same(data: st.DataObject) -> None:
    """Notes, erasures that overlap, repeats, and messages cut anyhow."""
    wires, base = STORY()
    order = data.draw(st.permutations(wires + wires[:3]))
    device = restored(base)
    while order:
        count = data.draw(st.integers(1, len(order)))
        device.replica.notes.take(order[:count])
        order = order[count:]
    straight = restored(base)
    straight.replica.notes.take(wires)
    assert device.replica.notes.shown() == straight.replica.notes.shown()
    assert restored(device).replica.notes.shown() == device.replica.notes.shown()
    assert device.replica.ledger.notes() == straight.replica.ledger.notes()


class Story:
    """Made once: five notes of two records, some of them erased by erasures that overlap."""

    def __init__(self) -> None:
        self._made: tuple[list[bytes], RealDevice] | None = None

    def __call__(self) -> tuple[list[bytes], RealDevice]:
        if self._made is None:
            hub, poster = acquainted(RealWorld(), "poster")
            one, other = need(poster), need(poster)
            meet(poster, hub)
            notes = [attach(poster, record, hub) for record in (one, one, one, other, other)]
            ends = [note.id for note in notes]
            erasures = [
                forged_erasure(poster, poster, one, ends[0]),
                forged_erasure(poster, poster, one, *ends[:2]),
                forged_erasure(poster, poster, one, *ends[1:2], bytes(32)),
                forged_erasure(poster, poster, other, ends[4], ends[0]),
            ]
            self._made = [note.wire for note in [*notes, *erasures]], hub
        return self._made


STORY = Story()


def test_what_stays_of_the_story() -> None:
    wires, base = STORY()
    device = restored(base)
    device.replica.notes.take(wires)
    kinds = sorted(row.kind for row in device.replica.ledger.notes())
    assert kinds == ["contact", "contact", "erasure", "erasure", "erasure"]


def test_cards_records_and_notes_in_any_order(world: RealWorld) -> None:
    """A device that gets everything hand to hand: what it cannot place yet it takes later."""
    hub, poster = acquainted(world, "poster")
    record = need(poster)
    note = attach(poster, record, hub)
    meet(poster, hub)
    for order in permutations(range(3)):
        late = world.join(f"late {order}", hub)
        for step in order:
            if step == 0:
                meet(late, hub)
            elif step == 1:
                outcomes(late, note)
            else:
                tend(late)
        meet(late, hub)
        assert holds(late, note)
