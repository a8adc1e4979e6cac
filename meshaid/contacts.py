"""Contacts: how to reach whoever a record is for, sealed to those that its author chose.

A contact is never in a document. It is a sealed note beside its author's record: all who sync carry
it, only its readers can open it. It is hidden when the record expires, and erased some days later,
or at once when its author says so. What somebody has read meanwhile nobody can take back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from meshaid import limits
from meshaid.core import ids
from meshaid.core.board import Board
from meshaid.core.note_subjects import end_of
from meshaid.core.notes import Note
from meshaid.core.records import Record
from meshaid.core.shapes import array_of, pack, unpack
from meshaid.core.texts import clean_text
from meshaid.desk import Desk
from meshaid.errors import Ambiguous, InvalidInput, NotFound
from meshaid.sealed import open_note, record_subject, seal_note, sealing_key

STEWARDS: Final = "stewards"
"""Names all stewards where a reader is asked for."""
_ID_CHARS: Final = 8
"""Least characters of a member's id that name a reader, as many as lists show. Whoever types a name
that is not known here must not hit an id by chance, or one that somebody ground to begin so."""
_READER_BYTES: Final = 16
"""Readers stand in a contact by the beginnings of their member ids."""


@dataclass(frozen=True, slots=True)
class Contact:
    """One contact that this device's member may read. Its `repr` does not show it."""

    text: str = field(repr=False)
    readers: tuple[str, ...]
    """Ids of the members that it was sealed to, as far as they are known here; its author too."""

    def as_json(self, board: Board) -> dict[str, Any]:
        """For programs: readers with their names as this board knows them."""
        readers = [{"member": one, "name": board.author(one).name} for one in self.readers]
        return {"text": self.text, "readers": readers}


@dataclass(frozen=True, slots=True)
class Contacts:
    """What there is at one record."""

    reference: str
    contacts: tuple[Contact, ...]
    """Those that this member may read, the latest first; none while they are hidden."""
    sealed: int
    """How many more notes there are that it may not read."""
    hidden: bool
    """Whether the record has expired: contacts are hidden, and erased after limits.NOTE_DAYS."""

    def as_json(self, board: Board) -> dict[str, Any]:
        """For programs; see `Contact.as_json`."""
        return {
            "id": self.reference,
            "contacts": [contact.as_json(board) for contact in self.contacts],
            "sealed": self.sealed,
            "hidden": self.hidden,
        }


def add(desk: Desk, ref: str, text: str, to: str | Sequence[str], now: int) -> Contact:
    """Attach a contact to one of this member's own records, or let more members read it.

    Args:
      text: at most limits.CONTACT_CHARS characters; empty: the latest contact that is there.
      to: who may read it, one or several: `stewards`, a hub's letter, a member's shown name, or 8
        characters or more of a member's id. This member itself always may.
    Raises:
      InvalidInput, NotFound, Ambiguous: no such record or reader, another member's record, too
        long, too many readers; nothing was written.
      RefusedByTrust: a reader's card is not held, or this device lacks its member's key.
      StoreError, StoreFull: nothing was written.
    """
    record = desk.find_own(ref, now)
    if _is_hidden(desk, record, now):
        raise InvalidInput("this record has expired, so nobody would see the contact; reopen it")
    readers = _readers(desk, [to] if isinstance(to, str) else to, now)
    text = clean_text(text) or _latest_own(desk, record)
    if len(text) > limits.CONTACT_CHARS:
        most = limits.CONTACT_CHARS
        raise InvalidInput(fields={"text": f"at most {most} characters; shorten the contact"})
    plain = pack((text.encode(), tuple(sorted(member[:_READER_BYTES] for member in readers))))
    keys = [sealing_key(desk.replica, member) for member in readers]
    _, name = ids.parse_reference(record.reference)
    seal_note(desk.replica, desk.random, "contact", record_subject(name), plain, keys)
    return Contact(text, tuple(map(ids.id_text, readers)))


def show(desk: Desk, ref: str, now: int) -> Contacts:
    """The contacts at any record, opened with this device's keys.

    Raises InvalidInput, NotFound, Ambiguous; RefusedByTrust while this device lacks its member's
    key and there is something to open.
    """
    return _at(desk, desk.board(now).find(ref), now)


def erase(desk: Desk, ref: str, now: int) -> int:
    """Erase every contact of this member at its record, here and on every honest device, for good.

    Returns: how many there were.
    Raises:
      InvalidInput, NotFound, Ambiguous: there is none; nothing was erased.
      RefusedByTrust, StoreError, StoreFull: nothing was erased.
    """
    notes = list(_notes(desk, desk.find_own(ref, now)))
    if not notes:
        raise NotFound("there is no contact at this record, or it is erased already")
    desk.replica.notes.erase(notes)
    return len(notes)


# ---- what is there
def is_there(desk: Desk, record: Record, now: int) -> bool:
    """Whether there is a contact at this record, whoever may read it; opens nothing."""
    return any(True for _ in _notes(desk, record)) and not _is_hidden(desk, record, now)


def _at(desk: Desk, record: Record, now: int) -> Contacts:
    notes = list(_notes(desk, record))
    if _is_hidden(desk, record, now):
        return Contacts(record.reference, (), 0, hidden=bool(notes))
    readable: dict[str, dict[str, None]] = {}
    sealed = 0
    for note in notes:
        said = _open(desk, note)
        if said is None:
            sealed += 1
        else:
            text, readers = said
            readable.setdefault(text, {}).update(dict.fromkeys(readers))
    contacts = tuple(Contact(text, tuple(readers)) for text, readers in readable.items())
    return Contacts(record.reference, contacts, sealed, hidden=False)


def _notes(desk: Desk, record: Record) -> Iterator[Note]:
    """The contact notes at a record and at the copies of its import, each the latest first."""
    for reference in (record.reference, *record.folded):
        member, name = ids.parse_reference(reference)
        yield from desk.replica.notes.about(member, name, "contact")


def _is_hidden(desk: Desk, record: Record, now: int) -> bool:
    member, name = ids.parse_reference(record.reference)
    held = desk.replica.ledger.record(member, name)
    return held is None or end_of(held.fields) <= now


def _open(desk: Desk, note: Note) -> tuple[str, list[str]] | None:
    """The text and the readers; None for what is sealed to others, or was sealed wrongly."""
    plain = open_note(desk.replica, note)
    if plain is None:
        return None
    try:
        text, named = array_of(unpack(plain), 2, 2, "a contact")
        known = {ids.id_bytes(member)[:_READER_BYTES]: member for member in desk.authors()}
        several = array_of(named, 0, limits.NOTE_RECIPIENTS, "readers")
        readers = [known[name] for name in several if isinstance(name, bytes) and name in known]
        if not isinstance(text, bytes):
            return None
        return clean_text(text.decode()), readers
    except ValueError:
        return None  # whatever its author's program meant by it


def _latest_own(desk: Desk, record: Record) -> str:
    for contact in _at(desk, record, now=0).contacts:
        return contact.text
    sentence = "is empty, and there is no contact yet; say how to reach them"
    raise InvalidInput(fields={"text": sentence})


# ---- who may read
def _readers(desk: Desk, to: Sequence[str], now: int) -> list[bytes]:
    """The members named, and our own, in a fixed order."""
    if not to:
        sentence = "say who may read it: `stewards`, a hub's letter, or a member's name or id"
        raise InvalidInput(fields={"to": sentence})
    board = desk.board(now)
    chosen = {desk.member}
    for who in to:
        chosen.update(_named(desk, board, who.strip()))
    return [ids.id_bytes(member) for member in sorted(chosen)]


def _named(desk: Desk, board: Board, who: str) -> list[str]:
    """Ids of the members that somebody means."""
    authors = desk.authors()
    if who.casefold() == STEWARDS:
        found = [member for member, author in authors.items() if author.steward]
        if not found:
            sentence = "no steward is known here yet; sync with the others first"
            raise NotFound(fields={"to": sentence})
        return found
    if len(who) == 1:
        wanted = who.upper()
        hubs = {hub.member for hub in board.hubs() if hub.text("letter") == wanted}
        return _the_one(sorted(hubs), "no hub has this letter; `meshaid board --kind hub`")
    same_name = [m for m, author in authors.items() if author.name.casefold() == who.casefold()]
    by_id = [m for m in authors if len(who) >= _ID_CHARS and m.startswith(who.lower())]
    return _the_one(same_name or by_id, "no member has this name, or an id that begins so")


def _the_one(found: list[str], missing: str) -> list[str]:
    if not found:
        raise NotFound(fields={"to": missing})
    if len(found) > 1:
        sentence = f"{len(found)} members answer to that; give the id"
        raise Ambiguous(matches=tuple(found), fields={"to": sentence})
    return found
