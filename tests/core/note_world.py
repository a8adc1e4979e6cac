"""People with real keys who attach sealed notes to real records."""

from __future__ import annotations

from meshaid import limits, upkeep
from meshaid.core import ids
from meshaid.core.cards import make_removal
from meshaid.core.notes import Note, NoteKind, make_erasure, make_note
from meshaid.core.replica import Replica
from meshaid.core.sealing import unseal
from meshaid.core.served import Served
from meshaid.core.shapes import Clock
from meshaid.sealed import record_subject, seal_note, sealing_key
from meshaid.testing import MemoryLedger
from tests.core.meeting_pair import Pair
from tests.core.real_world import NOW, RealDevice, RealWorld

DAY = 86_400
TEXT = b"Rosa, door code 1234"


def need(device: RealDevice, *, expires_at: int = NOW + 3 * DAY) -> str:
    """A record of this device's member that notes can be about; its id."""
    name = ids.record_id(device.dice(ids.RECORD_BYTES))
    device.replica.write(
        [
            ("make", name),
            ("put", name, "kind", "need"),
            ("put", name, "created_at", NOW),
            ("put", name, "expires_at", expires_at),
        ]
    )
    return name


def renew(device: RealDevice, record: str, expires_at: int) -> tuple[bytes, Clock]:
    genesis = device.replica.own_genesis
    before = device.replica.document_clock(genesis)
    device.replica.write([("put", record, "expires_at", expires_at)])
    return genesis, before


def attach(
    device: RealDevice,
    record: str,
    *readers: RealDevice,
    text: bytes = TEXT,
    kind: NoteKind = "contact",
) -> Note:
    """Seal a text to these readers' members, and the own one."""
    members = {reader.replica.identity.member for reader in (device, *readers)}
    keys = [sealing_key(device.replica, member) for member in sorted(members)]
    return seal_note(device.replica, device.dice, kind, record_subject(record), text, keys)


def forged(
    signer: RealDevice, author: RealDevice, record: str, *, kind: NoteKind = "contact"
) -> Note:
    """A note in `author`'s name, signed by whoever."""
    return make_note(
        signer.replica.identity.signing_key,
        kind=kind,
        community=signer.replica.identity.community,
        author=author.replica.identity.member,
        subject=record_subject(record),
        number=1,
        sealed_keys=[signer.dice(80)],
        content=signer.dice(limits.NOTE_SIZES[0] + 16),
    )


def forged_erasure(signer: RealDevice, author: RealDevice, record: str, *erased: bytes) -> Note:
    """An erasure in `author`'s name, signed by whoever."""
    return make_erasure(
        signer.replica.identity.signing_key,
        community=signer.replica.identity.community,
        author=author.replica.identity.member,
        subject=record_subject(record),
        number=1,
        erased=erased,
    )


def outcomes(device: RealDevice, *notes: Note) -> list[str]:
    """What a device makes of notes that come from anywhere."""
    taken = device.replica.notes.take([note.wire for note in notes])
    assert [each.name for each in taken] == [note.name for note in notes]
    return [each.outcome for each in taken]


def holds(device: RealDevice, note: Note) -> bool:
    """Whether the note's bytes are in the device's ledger, and shown exactly then."""
    held = device.replica.ledger.note(note.id) is not None
    assert (note.name in device.replica.notes.shown()) == held
    return held


def reads(device: RealDevice, note: Note) -> bytes | None:
    """What the device's member can read of a note that it holds."""
    seed = device.replica.identity.member_sealing_seed
    wire = device.replica.notes.wire(note.name)
    assert wire is not None
    assert seed is not None
    return unseal(note, seed)


def meet(one: RealDevice, other: RealDevice) -> Pair:
    pair = Pair(one, other).run()
    assert pair.in_sync
    return pair


def tend(device: RealDevice, now: int = NOW) -> None:
    upkeep.tend(device.replica, now, device.dice)


def remove_device(remover: RealDevice, target: RealDevice) -> None:
    """`remover` signs and keeps a card that removes the target device; its siblings stay, though
    it linked them, and so do its changes."""
    own = target.replica
    pairs = remover.replica.roster.pairs
    siblings = {device for member, device in pairs if member == own.identity.member}
    heads = {
        head
        for actor, (_, head) in own.document_clock(own.own_genesis).items()
        if ids.device_of(actor) == own.identity.device
    }
    remover.keep(
        make_removal(
            remover.replica.identity.signing_key,
            community=own.identity.community,
            target_kind="device",
            target=(own.identity.member, own.identity.device),
            stay=siblings - {own.identity.device},
            last=heads,
        )
    )


def acquainted(world: RealWorld, *names: str) -> list[RealDevice]:
    """A hub, the first steward, and households; each has met the hub twice."""
    hub = world.found("hub")
    others = [world.join(name, hub) for name in names]
    for other in [*others, *others]:
        meet(other, hub)
    return [hub, *others]


def copies(*devices: RealDevice) -> list[RealDevice]:
    return [restored(device) for device in devices]


def restored(device: RealDevice) -> RealDevice:
    """The device as a backup of now would bring it back."""
    again = object.__new__(RealDevice)
    again.dice = device.dice
    ledger = device.replica.ledger
    assert isinstance(ledger, MemoryLedger)
    again.replica = Replica(ledger.reopen(), device.replica.identity, random=device.dice)
    again._served = Served(again.replica)
    return again


def acquainted_late(world: RealWorld, hub: RealDevice) -> RealDevice:
    """Somebody who has all documents and no notes."""
    late = world.join("late", hub)
    late.replica.notes.take = lambda _: []  # type: ignore[method-assign]
    meet(late, hub)
    meet(late, hub)
    del late.replica.notes.take  # type: ignore[attr-defined]
    assert not late.replica.ledger.notes()
    return late
