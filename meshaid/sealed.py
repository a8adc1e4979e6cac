"""Notes sealed and opened with this device's own keys: what contacts, claims and upkeep stand on.

Only what a person asks for, or this device does for itself, comes here; nothing that handles a
peer's bytes may (an import contract sees to it). What is opened is given back and kept nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from meshaid.core import ids
from meshaid.core.keys import StaticKey
from meshaid.core.notes import Note, NoteKind
from meshaid.core.replica import Replica
from meshaid.core.sealing import CONTENT_KEY_BYTES, binding, seal, unseal
from meshaid.errors import RefusedByTrust

Random = Callable[[int], bytes]


def seal_note(
    replica: Replica,
    random: Random,
    kind: NoteKind,
    subject: bytes,
    plain: bytes,
    keys: Collection[bytes],
) -> Note:
    """Seal for the holders of these sealing keys, sign, keep; it is durable when this returns.

    Raises:
      InvalidInput: too long, too many readers, or too many notes; nothing was written.
      RefusedByTrust, StoreError, StoreFull: nothing was written.
    """
    own = replica.identity
    bound = binding(kind, own.community, own.member, subject)
    sealed_keys, content = seal(plain, keys, bound, random(CONTENT_KEY_BYTES))
    return replica.notes.write(kind, subject, sealed_keys, content)


def sealing_key(replica: Replica, member: bytes) -> bytes:
    """The public sealing key of a member who stands, or of our own.

    Raises RefusedByTrust: its card is not held (yet), or it does not stand any more.
    """
    view = replica.roster.members.get(member)
    if view is not None and replica.counts(member):
        return view.sealing_key
    if member == replica.identity.member:
        if replica.identity.member_sealing_seed is not None:
            return StaticKey(replica.identity.member_sealing_seed).public
        raise RefusedByTrust(
            "this device has not met another device of its member yet, so it cannot seal anything; "
            "let the two sync, then try again"
        )
    raise RefusedByTrust("that member is not known here, or was removed; choose another reader")


def open_note(replica: Replica, note: Note) -> bytes | None:
    """What a note says, if it is sealed to this device's member; else None.

    Raises RefusedByTrust: this device does not hold its member's sealing key yet.
    """
    seed = replica.identity.member_sealing_seed
    if seed is None:
        raise RefusedByTrust(
            "this device has not received its member's key for sealed notes yet; let it sync with "
            "another device of the same member, then try again"
        )
    return unseal(note, seed)


def record_subject(record: str) -> bytes:
    """What a note about this record (its 16 letters) is about."""
    return ids.from_base32(record)
