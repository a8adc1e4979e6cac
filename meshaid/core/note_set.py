"""The sealed notes that one device holds: taken, written, erased, shown to peers.

A note is taken when it is about a record that its author's own document holds, and its signer is a
standing device of that author. Nothing waits: what cannot be judged yet is not kept, and is asked
for again at a later meeting. An erasure is obeyed when its signer was ever a device of the author:
erasing is never taken back, so it may not depend on who stands when. It stays as long as the
record's id is in the document, and keeps out what it names.

The one clock in it is what `sweep` was told last. A note is erased NOTE_DAYS after its record's
expiry, and not asked for while that is so; renewing the record or correcting the clock makes it
wanted again. Nothing here can open a note.

Whatever changes something runs in a transaction of the owner (replica.py); when that fails,
`reload` brings the index back to the disk. Source: docs/protocol.md, "Sealed notes".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, TypeAlias

from meshaid import limits
from meshaid.core import ids
from meshaid.core.identity import Identity
from meshaid.core.ledger import Ledger, NoteRow
from meshaid.core.note_index import ERASURE, About, NoteIndex
from meshaid.core.note_subjects import NoteSubjects
from meshaid.core.notes import (
    Note,
    NoteKind,
    decode_note,
    device_subject,
    make_erasure,
    make_note,
    mark_of,
    read_own_note,
    signed_again,
)
from meshaid.core.roster import Roster
from meshaid.errors import InvalidInput, RefusedByTrust

Outcome: TypeAlias = Literal["new", "held", "erased", "later", "full"]
"""Later: its record, or its signer's card, is not held (any more). Full: there are too many."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of one received note; what is new is durable."""

    name: bytes
    mark: bytes
    outcome: Outcome


class NoteSet:
    """All notes of one device. Not safe for use by two threads at once."""

    def __init__(
        self,
        ledger: Ledger,
        identity: Identity,
        roster: Roster,
        *,
        counts: Callable[[bytes], bool],
        leaves_out: Callable[[bytes], bool],
        touched: set[tuple[bytes, str]],
        commit: Callable[[], AbstractContextManager[None]],
    ) -> None:
        """Find what the ledger holds.

        Args:
          counts: whether a member's document counts.
          leaves_out: whether changes of a member's document are held that do not count.
          touched: gathers (member, record id) of records to read again.
          commit: one transaction of the owner.
        """
        self._ledger = ledger
        self._identity = identity
        self._counts = counts
        self._leaves_out = leaves_out
        self._subjects = NoteSubjects(ledger, touched)
        self._commit = commit
        self._as_of = 0
        self._new: dict[bytes, None] = {}
        self._scrub_due = True
        """At first, too: a process that was killed may have left erased notes in the log."""
        self.reload(roster)

    def reload(self, roster: Roster) -> None:
        """Hold what the ledger holds: at the start, and after a commit that failed."""
        self._index = NoteIndex(self._identity.device)
        for row in self._ledger.notes():
            self._index.add(row, self._erased_by(row))
        self._subjects.forget()
        self._know(roster)

    def _erased_by(self, row: NoteRow) -> tuple[bytes, ...]:
        wire = self._ledger.note(row.id) if row.kind == ERASURE else None
        return read_own_note(wire).erased if wire is not None else ()

    # ---- the roster
    def _know(self, roster: Roster) -> None:
        self._roster = roster
        self._subjects.know(roster.pairs)
        self._shown: dict[bytes, bytes] | None = None

    def follow(self, roster: Roster) -> None:
        """Keep what stands under a new roster; in the owner's transaction.

        What a removed device of this member wrote is signed again, like the changes that a removal
        lets stay: whoever learns of the removal vouches for what it holds.
        """
        self._know(roster)
        own = self._identity
        for row in self._index:
            if self._stands(row) or row.device == own.device:
                continue
            vouches = row.author == own.member and (own.member, own.device) in roster.pairs
            wire = self._ledger.note(row.id)
            if vouches and wire is not None and self._subjects.has(row.kind, _about(row)):
                self._put(signed_again(read_own_note(wire), own.signing_key))
            else:
                self._drop(row.id)

    def _stands(self, row: NoteRow | Note) -> bool:
        """Whether its signer may speak for its author, as far as the cards say now."""
        if not self._counts(row.author):
            return False
        if row.kind == ERASURE:
            return row.device in self._roster.ever_devices(row.author)
        return (row.author, row.device) in self._roster.pairs

    # ---- for peers
    def shown(self) -> Mapping[bytes, bytes]:
        """Name (16 bytes) to mark (8 bytes) of every note to show, as it is now. Asked often."""
        if self._shown is None:
            self._shown = {
                row.id[:16]: mark_of(row.author, row.subject, erasure=row.kind == ERASURE)
                for row in self._index
                if self._stands(row)
            }
        return self._shown

    def wants(self, name: bytes, mark: bytes) -> bool:
        """Whether a listed note would be taken now."""
        if self._index.named(name) is not None:
            return False
        self._subjects.refresh()
        about = self._subjects.marked(mark)
        if about is None or not self._counts(about[0]):
            return False
        if mark[-1] & 1:
            return True
        erased = self._index.is_erased(about[0], name)
        return not (erased or self._subjects.is_over(about, self._as_of))

    def wire(self, name: bytes) -> bytes | None:
        """The bytes of a note that is shown; None when it is not (any more)."""
        row = self._index.named(name)
        return self._ledger.note(row.id) if row is not None and name in self.shown() else None

    def take(self, wires: Sequence[bytes]) -> list[Taken]:
        """Judge received notes one by one; keep what may be kept, in one transaction.

        Raises:
          RemoteProtocolError: one of them no honest device passes on; nothing was kept.
        """
        notes = [decode_note(wire, self._identity.community) for wire in wires]
        with self._commit():
            self._subjects.refresh()
            outcomes = [self._admit(note) for note in notes]
            gone = self._index.surplus([_about(note) for note in notes])
            for note_id in gone:
                self._drop(note_id)
        self.scrub()
        return [
            Taken(note.name, note.mark, "full" if note.id in gone else outcome)
            for note, outcome in zip(notes, outcomes, strict=True)
        ]

    def _admit(self, note: Note) -> Outcome:
        held = self._index.get(note.id)
        if held is not None and self._stands(held):
            return "held"
        if not (self._stands(note) and self._subjects.has(note.kind, _about(note))):
            return "later"
        if note.kind == ERASURE:
            erased = frozenset(note.erased)
            if any(erased <= held for held in self._index.erasures(note.author, note.subject)):
                return "held"
        elif self._index.is_erased(note.author, note.name):
            return "erased"
        elif self._subjects.is_over(_about(note), self._as_of):
            return "later"
        self._put(note)
        self._new[note.name] = None
        return "new"

    def take_new(self) -> list[bytes]:
        """The names of the notes that came in or were written since last asked: to pass on."""
        new, self._new = list(self._new), {}
        return new

    # ---- for this device
    def about(self, author: bytes, record: str, kind: NoteKind) -> list[Note]:
        """The notes of one kind about one record, the latest first; hidden ones too."""
        rows = [
            row
            for row in self._index.about(author, ids.from_base32(record))
            if row.kind == kind and (self._stands(row) or row.author == self._identity.member)
        ]
        rows.sort(key=lambda row: (-row.number, row.id))
        wires = [self._ledger.note(row.id) for row in rows]
        return [read_own_note(wire) for wire in wires if wire is not None]

    def key_notes(self, device: bytes) -> list[Note]:
        """The notes of own siblings that hand this device of our member its key."""
        subject = device_subject(device)
        return self.about(self._identity.member, ids.record_id(subject), "key")

    def write(
        self, kind: NoteKind, subject: bytes, sealed_keys: Sequence[bytes], content: bytes
    ) -> Note:
        """Sign a note of our own and keep it; it is durable when this returns.

        Raises:
          InvalidInput: there are too many notes about this already; nothing was written.
          RefusedByTrust: this device was removed; nothing was written.
          StoreError, StoreFull: nothing was written.
        """
        own = self._identity
        self._check_own_device()
        note = make_note(
            own.signing_key,
            kind=kind,
            community=own.community,
            author=own.member,
            subject=subject,
            number=self._next_number(),
            sealed_keys=sealed_keys,
            content=content,
        )
        if kind != "key":
            self._check_room(subject)
        with self._commit():
            self._put(note)
            self._new[note.name] = None
        return note

    def _next_number(self) -> int:
        """One more than on any note of this member; a sibling may have used up all numbers."""
        highest = self._index.highest_number(self._identity.member)
        return min(highest + 1, limits.MAX_INTEGER)

    def _check_own_device(self) -> None:
        own = self._identity
        if self._roster.cuts(own.member, own.device) is not None:
            raise RefusedByTrust(
                "this device was removed from its member, so nobody takes notes from it; ask for a "
                "new invite or link and join in a new home"
            )

    def _check_room(self, subject: bytes) -> None:
        own = self._identity.member
        here = [row for row in self._index.about(own, subject) if row.kind != ERASURE]
        mine = [row for row in self._index if row.author == own and row.kind != ERASURE]
        size = sum(row.size for row in mine) + limits.MAX_NOTE_BYTES
        if len(here) >= limits.NOTES_PER_RECORD:
            raise InvalidInput("there are too many notes at this record already; erase some first")
        if len(mine) >= limits.NOTES_PER_MEMBER or size > limits.NOTE_BYTES_PER_MEMBER:
            raise InvalidInput("this member has too many notes already; erase old contacts first")

    def erase(self, notes: Sequence[Note]) -> None:
        """Erase notes of our own member, here and on every honest device; for good.

        Raises RefusedByTrust, StoreError, StoreFull: nothing was erased.
        """
        self._check_own_device()
        with self._commit():
            for subject in sorted({note.subject for note in notes}):
                ends = sorted(note.id for note in notes if note.subject == subject)
                for start in range(0, len(ends), limits.NOTES_PER_ERASURE):
                    self._write_erasure(subject, ends[start : start + limits.NOTES_PER_ERASURE])
        self.scrub()

    def _write_erasure(self, subject: bytes, erased: Iterable[bytes]) -> None:
        own = self._identity
        erasure = make_erasure(
            own.signing_key,
            community=own.community,
            author=own.member,
            subject=subject,
            number=self._next_number(),
            erased=self._joined(subject, erased),
        )
        self._put(erasure)
        self._new[erasure.name] = None

    def _joined(self, subject: bytes, erased: Iterable[bytes]) -> frozenset[bytes]:
        """These ids with those of an earlier erasure that has room: it is redundant then, so that
        a record which is corrected often does not gather erasures."""
        fresh = frozenset(erased)
        joined = (fresh | held for held in self._index.erasures(self._identity.member, subject))
        fitting = (several for several in joined if len(several) <= limits.NOTES_PER_ERASURE)
        return max(fitting, key=len, default=fresh)

    def sweep(self, now: int) -> int:
        """Erase here what is over by this device's clock, and remember the time for `wants`.

        Args:
          now: seconds since 1970.
        Returns: how many notes were erased.
        """
        self._as_of = now
        self._subjects.refresh()
        over = [row.id for row in self._index if self._is_over(row)]
        if over:
            with self._commit():
                for note_id in over:
                    self._drop(note_id)
        self.scrub()
        return len(over)

    def _is_over(self, row: NoteRow) -> bool:
        """An erasure lives as long as the id that it is about, however long ago that ended, and as
        long as that may come back: a fork takes records away until it is healed."""
        if row.kind == ERASURE:
            gone = self._subjects.end(_about(row)) is None
            return gone and not self._leaves_out(row.author)
        return not self._subjects.has(row.kind, _about(row)) or self._subjects.is_over(
            _about(row), self._as_of
        )

    def scrub(self) -> None:
        """Clear the disk's log if notes were erased; outside a transaction."""
        if self._scrub_due:
            self._ledger.scrub()
            self._scrub_due = False

    # ---- in a transaction
    def _put(self, note: Note) -> None:
        wire = note.wire
        row = NoteRow(
            note.id, note.author, note.subject, note.kind, note.number, note.device, len(wire)
        )
        self._ledger.put_note(row, wire)
        self._index.add(row, note.erased)
        if self._shown is not None:  # followed, not made anew: a flood comes note by note
            self._shown.pop(note.name, None)
            if self._stands(row):
                self._shown[note.name] = note.mark
        if note.kind == ERASURE:
            self._obey(note)

    def _obey(self, erasure: Note) -> None:
        """Erase what it names, and the erasures that it makes redundant."""
        named = frozenset(erasure.erased)
        for note_id in named:
            held = self._index.get(note_id)
            if held is not None and held.author == erasure.author and held.kind != ERASURE:
                self._drop(note_id)
        for row in self._index.about(erasure.author, erasure.subject):
            if row.kind == ERASURE and self._index.erased_by(row.id) < named:
                self._drop(row.id)

    def _drop(self, note_id: bytes) -> None:
        self._ledger.drop_note(note_id)
        self._index.drop(note_id)
        self._new.pop(note_id[:16], None)
        if self._shown is not None:
            self._shown.pop(note_id[:16], None)
        self._scrub_due = True


def _about(note: Note | NoteRow) -> About:
    return note.author, note.subject
