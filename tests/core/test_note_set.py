"""Which sealed notes a device takes, keeps and forgets: real keys, cards and documents."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshaid import limits
from meshaid.core import ids
from meshaid.core.notes import device_subject, mark_of
from meshaid.errors import RemoteProtocolError, StoreFull
from meshaid.sealed import record_subject
from tests.core.meeting_pair import Pair
from tests.core.note_world import (
    DAY,
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
    renew,
    restored,
)
from tests.core.real_world import NOW, RealWorld


@pytest.fixture
def world() -> RealWorld:
    return RealWorld()


# ---- they reach their readers, by whoever carries them
def test_a_relay_carries_what_it_cannot_open(world: RealWorld) -> None:
    hub, poster, reader, relay = acquainted(world, "poster", "reader", "relay")
    for device in (reader, poster, relay):
        meet(device, hub)
    record = need(poster)
    note = attach(poster, record, reader)
    meet(poster, relay)
    meet(relay, reader)
    assert reads(relay, note) is None
    assert reads(reader, note) == reads(poster, note) == TEXT
    meet(reader, hub)
    assert reads(hub, note) is None


def test_notes_are_in_no_digest(world: RealWorld) -> None:
    hub, poster = acquainted(world, "poster")
    record = need(poster)
    meet(poster, hub)
    before = poster.replica.digest(), hub.replica.digest()
    note = attach(poster, record, hub)
    assert (poster.replica.digest(), hub.replica.digest()) == before
    meet(poster, hub)
    assert holds(hub, note)
    assert (poster.replica.digest(), hub.replica.digest()) == before


def test_live_notes_are_pushed(world: RealWorld) -> None:
    hub, poster = acquainted(world, "poster")
    record = need(poster)
    pair = meet(poster, hub)
    note = attach(poster, record, hub)
    pair.meetings[0].notes_changed(poster.replica.notes.take_new(), pair.now)
    pair.run()
    assert reads(hub, note) == TEXT
    assert hub.replica.notes.take_new() == [note.name], "for the hub's other links"
    poster.replica.notes.erase([note])
    pair.meetings[0].notes_changed(poster.replica.notes.take_new(), pair.now)
    pair.run()
    assert not holds(hub, note)


def test_a_note_before_its_record_is_not_kept(world: RealWorld) -> None:
    hub, poster = acquainted(world, "poster")
    record = need(poster)
    note = attach(poster, record, hub)
    assert outcomes(hub, note) == ["later"]
    assert not holds(hub, note)
    assert not hub.replica.notes.wants(note.name, note.mark)
    meet(poster, hub)
    assert holds(hub, note)


def test_cut_in_mid_exchange(world: RealWorld) -> None:
    """At some bytes: what came whole is kept, and the next meeting brings the rest."""
    hub, poster = acquainted(world, "poster")
    notes = [attach(poster, need(poster), hub) for _ in range(3)]
    total = sum(meet(*copies(poster, hub)).sent)
    for end in range(0, total, 97):
        one, other = copies(poster, hub)
        pair = Pair(one, other)
        left = end

        def carry(data: bytes) -> bytes | None:
            nonlocal left
            if left <= 0:
                return None
            data, left = data[:left], left - len(data)
            return data

        pair.on_data = carry
        pair.run()
        pair.cut()
        meet(one, other)
        assert all(holds(other, note) for note in notes)


# ---- forged notes
def test_nobody_writes_in_anothers_name(world: RealWorld) -> None:
    hub, victim, mallory = acquainted(world, "victim", "mallory")
    record, own = need(victim), need(mallory)
    for device in (victim, mallory, victim):
        meet(device, hub)
    wrong_signer = forged(mallory, victim, record)
    anothers_record = forged(mallory, mallory, record)
    no_record = forged(mallory, mallory, "a" * 16)
    key_for_nobody = forged(mallory, mallory, own, kind="key")
    about_a_device = forged(
        mallory, mallory, ids.record_id(device_subject(mallory.replica.identity.device))
    )
    bad = [wrong_signer, anothers_record, no_record, key_for_nobody, about_a_device]
    assert outcomes(hub, *bad) == ["later"] * len(bad)
    assert not any(holds(hub, note) for note in bad)
    assert not hub.replica.notes.take_new()
    for note in bad:
        assert not hub.replica.ledger.notes()
        assert note.name not in hub.replica.notes.shown()
    assert outcomes(hub, forged(mallory, mallory, own)) == ["new"], "its own record it may"


def test_what_no_honest_device_passes_on(world: RealWorld) -> None:
    """Then nothing of the whole message is kept."""
    hub, poster = acquainted(world, "poster")
    record = need(poster)
    meet(poster, hub)
    good = attach(poster, record, hub)
    elsewhere = RealWorld()
    stranger = elsewhere.join("stranger", elsewhere.found("another hub"))
    foreign = attach(stranger, need(stranger))
    moved = replace(good, body=good.body[:-1] + bytes([good.body[-1] ^ 1]))
    for bad in (foreign.wire, moved.wire, good.wire[:-1], b"", b"\x93\xc4\x00\xc4\x00\xc4\x00"):
        with pytest.raises(RemoteProtocolError):
            hub.replica.notes.take([good.wire, bad])
        assert not holds(hub, good)
    assert outcomes(hub, good) == ["new"]
    assert outcomes(hub, good, good) == ["held", "held"]


def test_a_peer_that_passes_on_a_bad_note_is_dropped(world: RealWorld) -> None:
    hub, poster = acquainted(world, "poster")
    note = attach(poster, need(poster), hub)
    row = next(row for row in poster.replica.ledger.notes() if row.id == note.id)
    body = note.body[:-1] + bytes([note.body[-1] ^ 1])
    with poster.replica.ledger.transaction():
        poster.replica.ledger.put_note(row, replace(note, body=body).wire)
    pair = Pair(poster, hub).run()
    assert "signature" in str(pair.ended(1).error)
    assert not holds(hub, note)


# ---- erasing
def test_erased_everywhere_and_for_good(world: RealWorld) -> None:
    hub, poster, other, away = acquainted(world, "poster", "other", "away")
    record = need(poster)
    note = attach(poster, record, hub)
    for device in (poster, other, away, poster):
        meet(device, hub)
    assert all(holds(device, note) for device in (hub, poster, other, away))
    poster.replica.notes.erase([note])
    assert not holds(poster, note)
    meet(poster, hub)
    meet(hub, other)
    assert not holds(hub, note)
    assert not holds(other, note)
    # Who was away brings it back to nobody, and obeys as soon as it hears.
    meet(away, other)
    assert not any(holds(device, note) for device in (hub, poster, other, away))
    assert outcomes(other, note) == ["erased"]
    assert not other.replica.notes.wants(note.name, note.mark)


def test_an_erasure_that_comes_first_keeps_the_note_out(world: RealWorld) -> None:
    hub, poster = acquainted(world, "poster")
    record = need(poster)
    meet(poster, hub)
    note = attach(poster, record, hub)
    poster.replica.notes.erase([note])
    (row,) = poster.replica.ledger.notes()
    wire = poster.replica.ledger.note(row.id)
    assert wire is not None
    (taken,) = hub.replica.notes.take([wire])
    assert taken.outcome == "new"
    assert outcomes(hub, note) == ["erased"]
    assert not holds(hub, note)


def test_nobody_erases_anothers_notes(world: RealWorld) -> None:
    hub, victim, mallory = acquainted(world, "victim", "mallory")
    record, own = need(victim), need(mallory)
    note = attach(victim, record, hub)
    for device in (victim, mallory, victim):
        meet(device, hub)
    in_the_victims_name = forged_erasure(mallory, victim, record, note.id)
    in_its_own = forged_erasure(mallory, mallory, own, note.id)
    assert outcomes(hub, in_the_victims_name, in_its_own) == ["later", "new"]
    assert holds(hub, note)
    assert reads(hub, note) == TEXT
    # Nor can it keep it from coming in.
    late = acquainted_late(world, hub)
    assert outcomes(late, in_its_own) == ["new"]
    assert late.replica.notes.wants(note.name, note.mark)
    assert outcomes(late, note) == ["new"]


def test_a_restored_backup_forgets_again(world: RealWorld) -> None:
    hub, poster = acquainted(world, "poster")
    record = need(poster)
    note = attach(poster, record, hub)
    meet(poster, hub)
    backup_of_hub, backup_of_poster = copies(hub, poster)
    poster.replica.notes.erase([note])
    meet(poster, hub)
    for backup in (backup_of_hub, backup_of_poster):
        assert holds(backup, note)
        meet(backup, poster if backup is backup_of_hub else hub)
        assert not holds(backup, note)
    assert not holds(hub, note)
    assert not holds(poster, note)


def test_correcting_a_contact_often_gathers_no_erasures(world: RealWorld) -> None:
    hub, poster = acquainted(world, "poster")
    record = need(poster)
    for number in range(limits.NOTES_PER_RECORD * 3):
        note = attach(poster, record, hub, text=b"%d" % number)
        meet(poster, hub)
        poster.replica.notes.erase([note])
    meet(poster, hub)
    for device in (hub, poster):
        assert [row.kind for row in device.replica.ledger.notes()] == ["erasure"]


def test_an_erasure_lives_as_long_as_the_records_id(world: RealWorld) -> None:
    hub, poster = acquainted(world, "poster")
    record = need(poster)
    note = attach(poster, record, hub)
    meet(poster, hub)
    poster.replica.notes.erase([note])
    meet(poster, hub)
    for device in (poster, hub):
        assert device.replica.notes.sweep(NOW + 4_000 * DAY) == 0
        assert len(device.replica.ledger.notes()) == 1
        with device.replica.ledger.transaction():
            device.replica.ledger.put_records(poster.replica.identity.member, {record: None})
        again = restored(device)
        assert again.replica.notes.sweep(NOW) == 1
        assert not again.replica.ledger.notes()


# ---- time
def test_erased_days_after_the_record_expired(world: RealWorld) -> None:
    hub, poster = acquainted(world, "poster")
    end = NOW + 3 * DAY
    record = need(poster, expires_at=end)
    note = attach(poster, record, hub)
    meet(poster, hub)
    limit = end + limits.NOTE_DAYS * DAY
    assert hub.replica.notes.sweep(limit - 1) == 0
    assert holds(hub, note)
    assert hub.replica.notes.sweep(limit) == 1
    assert not holds(hub, note)
    assert outcomes(hub, note) == ["later"]
    meet(poster, hub)
    assert not holds(hub, note), "it is not asked for again"
    assert holds(poster, note)


def test_renewed_or_a_wrong_clock_brings_it_back(world: RealWorld) -> None:
    hub, poster = acquainted(world, "poster")
    record = need(poster)
    note = attach(poster, record, hub)
    meet(poster, hub)
    hub.replica.notes.sweep(NOW + 400 * DAY)
    assert not holds(hub, note)
    hub.replica.notes.sweep(NOW)  # the clock is corrected
    meet(poster, hub)
    assert holds(hub, note)
    hub.replica.notes.sweep(NOW + 400 * DAY)  # a year has passed, and the need is renewed
    pair = meet(poster, hub)
    pair.tell(0, *renew(poster, record, NOW + 401 * DAY))
    pair.wait(limits.SETTLE_SECONDS * 2)
    assert holds(hub, note)
    assert reads(hub, note) == TEXT


@pytest.mark.parametrize(
    ("fields", "end"),
    [
        ({"kind": "need"}, NOW + limits.NEED_HOURS * 3600),
        ({"kind": "notice"}, NOW + limits.NOTICE_HOURS * 3600),
        ({"kind": "need", "expires_at": NOW + 5}, NOW + 5),
        ({"kind": "need", "expires_at": "soon"}, NOW + limits.NEED_HOURS * 3600),
        ({"kind": "pledge"}, NOW + limits.NOTE_DAYS * DAY),
        ({"kind": "of a later version"}, NOW + limits.NOTE_DAYS * DAY),
    ],
)
def test_the_term_of_a_note(world: RealWorld, fields: dict[str, object], end: int) -> None:
    poster = world.found("poster")
    name = ids.record_id(poster.dice(ids.RECORD_BYTES))
    puts = [("put", name, field, value) for field, value in fields.items()]
    made = [("make", name), ("put", name, "created_at", NOW), *puts]
    poster.replica.write(made)  # type: ignore[arg-type]
    note = attach(poster, name)
    poster.replica.notes.sweep(end + limits.NOTE_DAYS * DAY - 1)
    assert holds(poster, note)
    poster.replica.notes.sweep(end + limits.NOTE_DAYS * DAY)
    assert not holds(poster, note)


def test_a_record_that_nobody_can_read_keeps_no_notes(world: RealWorld) -> None:
    hub, poster = acquainted(world, "poster")
    record = need(poster)
    note = attach(poster, record, hub)
    poster.replica.write([("put", record, "created_at", "nonsense")])
    meet(poster, hub)
    assert not holds(hub, note)
    assert poster.replica.notes.sweep(NOW) == 1


# ---- trouble
def test_a_failed_commit_leaves_nothing(world: RealWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    hub, poster = acquainted(world, "poster")
    record = need(poster)
    meet(poster, hub)
    kept = attach(poster, record, hub)
    meet(poster, hub)
    note = attach(poster, record, hub)
    shown = hub.replica.notes.shown()

    def full(*_: object) -> None:
        raise StoreFull("no room")

    with monkeypatch.context() as patch:
        patch.setattr(hub.replica.ledger, "put_note", full)
        with pytest.raises(StoreFull):
            outcomes(hub, note)
    assert hub.replica.notes.shown() == shown == {kept.name: kept.mark}
    assert outcomes(hub, note) == ["new"]
    with monkeypatch.context() as patch:
        patch.setattr(poster.replica.ledger, "drop_note", full)
        with pytest.raises(StoreFull):
            poster.replica.notes.erase([note])
    assert holds(poster, note)
    poster.replica.notes.erase([note])
    assert not holds(poster, note)


def test_an_unproven_joiner_keeps_its_own(world: RealWorld) -> None:
    """Nobody has seen its cards yet: it writes, others get it once it is known."""
    hub = world.found("hub")
    joiner = world.join("joiner", hub)
    record = need(joiner)
    note = attach(joiner, record)
    assert joiner.replica.ledger.note(note.id) is not None
    assert note.name not in joiner.replica.notes.shown()
    meet(joiner, hub)
    assert holds(joiner, note)
    meet(joiner, hub)
    assert holds(hub, note)


def test_marks_tell_what_a_note_is_about(world: RealWorld) -> None:
    hub, poster = acquainted(world, "poster")
    record = need(poster)
    note = attach(poster, record, hub)
    member = poster.replica.identity.member
    assert poster.replica.notes.shown() == {
        note.name: mark_of(member, record_subject(record), erasure=False)
    }
    strange = bytes(16)
    meet(poster, hub)
    assert hub.replica.notes.wants(strange, note.mark)
    assert not hub.replica.notes.wants(strange, bytes(8))
    assert hub.replica.notes.wire(strange) is None
