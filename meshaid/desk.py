"""What a person does at one device: write records, find them, see the board, bring in slips.

A desk stands on one open replica and is as synchronous as that. Both the command line and a running
node work through it, so a command gives the same result whether a node runs or not.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet

from meshaid.core import ids, spoken
from meshaid.core.board import Board
from meshaid.core.document import Edit
from meshaid.core.fields import REFERENCE, Ref, Value
from meshaid.core.hub_records import counting_hubs
from meshaid.core.ledger import Fields
from meshaid.core.promising import promised_against
from meshaid.core.records import (
    Record,
    close_fields,
    complete_record,
    edit_fields,
    expires_at,
    new_record,
    next_revision,
    same_value,
)
from meshaid.core.replica import Replica
from meshaid.core.roster import Roster
from meshaid.core.rows import Author, Row
from meshaid.core.schema import KINDS
from meshaid.errors import InvalidInput, NotFound, StoreError, concerning
from meshaid.record_cache import RecordCache

_RECORD_ID_BYTES = 10
_CODE_TRIES = 1_000
_SPOKEN_KINDS = ("need", "offer", "notice")
_WITH_STATUS = ("need", "offer", "hub")
"""Kinds whose author opens, pauses and closes them."""
_RESTATED = frozenset({"quantity", "unit", "whole", "hold_until"})
"""Fields with which a pledger says again what to count on."""


class Desk:
    """One device's desk. `random` draws record ids and spoken codes."""

    def __init__(self, replica: Replica, *, random: Callable[[int], bytes]) -> None:
        self.replica = replica
        self.random = random
        self.member = ids.id_text(replica.identity.member)
        """The id of the member whose device this is."""
        self._cache = RecordCache(replica)
        self._roster: Roster | None = None
        self._authors: dict[str, Author] = {}
        self._laid_out: tuple[Board | None, dict[str, Author], tuple[int, int]] = None, {}, (0, 0)

    # ---- seeing
    def board(self, now: int) -> Board:
        """The board at this moment (seconds since 1970); the same one until something changes."""
        authors, generation = self.authors(), self._cache.generation
        board, told, at = self._laid_out
        if board is None or (generation, now) != at or authors != told:
            board = self._board(self._cache.all(), now)
            self._laid_out = board, authors, (generation, now)
        return board

    def board_around(self, references: Iterable[str], now: int) -> Board:
        """A board of these records and of all that plays a part in their rows: quicker to lay out,
        and each of these looks as on the whole one."""
        return self._board(self._cache.around(references), now)

    def rows(self, references: Collection[str], now: int) -> dict[str, Row]:
        """Some records as rows, without laying out the whole board; only readable ones."""
        board = self.board_around(references, now)
        found = {reference: board.record(reference) for reference in references}
        return {name: board.row(record) for name, record in found.items() if record is not None}

    def bearing(self, references: Iterable[str]) -> set[str]:
        """See `RecordCache.bearing`."""
        return self._cache.bearing(references)

    def take_moved(self) -> set[str]:
        """References of what the board may show differently since this was asked last."""
        return self._cache.take_moved()

    def _board(self, records: Iterable[Record], now: int) -> Board:
        return Board(records, now=now, members=self.authors(), exercise=self.is_exercise())

    def records(self, member: bytes | None = None) -> Iterator[Record]:
        """Every record held, or one member's, readable or not."""
        name = None if member is None else ids.id_text(member)
        return (r for r in self._cache.all() if name is None or r.member == name)

    def authors(self) -> dict[str, Author]:
        """Every member whose document counts, and always our own."""
        roster, own = self.replica.roster, self.replica.identity.member
        if roster is not self._roster:
            self._roster = roster
            self._authors = {
                ids.id_text(member): Author(view.name, view.kind, view.role == "steward")
                for member, view in roster.members.items()
                if self.replica.counts(member)
            }
        authors, name = self._authors.copy(), ids.id_text(own)
        if name not in authors:
            card = self.replica.own_member_card()
            kind = card.kind if card else "household"
            authors[name] = Author(card.name if card else "", kind, known=False)
        return authors

    def is_exercise(self) -> bool:
        """Whether the community is an exercise; every screen and export says so."""
        founding = self.replica.founding()
        return founding is not None and founding.exercise

    # ---- writing
    def add(self, kind: str, entered: Mapping[str, object], now: int) -> Row:
        """Write a new record; it is durable when this returns.

        Fields that name a record take its spoken code, too.

        Raises:
          NotFound, Ambiguous: a field names a record by a code that leads to none, or to several.
          InvalidInput: fields do not fit, do not go together or are missing, all of them at once in
            its `fields`. Nothing was written.
          StoreError, StoreFull: nothing was written.
        """
        named = self.with_references(kind, entered, now)
        return self._write(new_record(kind, named, now=now, ref=self._new_code(kind)), now)

    def write_record(self, kind: str, written: Mapping[str, Value], now: int) -> Row:
        """Write a new record of valid fields: as `records.validate_fields` gives them.

        Raises InvalidInput: the fields do not go together; StoreError, StoreFull.
        """
        fields = complete_record(kind, written, now=now, ref=self._new_code(kind))
        return self._write(fields, now)

    def _new_code(self, kind: str) -> str:
        return self.draw_code(self._cache.codes()) if kind in _SPOKEN_KINDS else ""

    def _write(self, fields: Mapping[str, Value], now: int) -> Row:
        name = self.new_id()
        self.replica.write(making(name, fields))
        return self.shown(name, now)

    def edit(self, ref: str, entered: Mapping[str, object], now: int) -> Row:
        """Change fields of one of this member's own records; None takes a field away.

        A pledge whose amount or hold is edited is meant for its need as the need is now.

        Raises:
          InvalidInput, NotFound, Ambiguous: nothing was written.
          StoreError, StoreFull: nothing was written.
        """
        record = self.find_own(ref, now)
        named = self.with_references(record.kind, entered, now)
        changes = edit_fields(record, named, now=now)
        if record.kind == "pledge" and changes.keys() & _RESTATED:
            need = self.board(now).record(record.text("need"))
            changes |= promised_against(need) if need is not None else {}
        self.change(record, changes)
        return self.shown(record.id, now)

    def restate(self, record: Record, written: Mapping[str, Value | None], now: int) -> Row:
        """Write valid fields into an own record, as it stands on the board now."""
        self.change(record, {**written, "rev": next_revision(record)})
        return self.shown(record.id, now)

    def close(self, ref: str, reason: str, now: int, *, duplicate_of: str = "") -> Row:
        """Close one of this member's own needs, offers or hubs; a notice is withdrawn.

        Raises as `edit`.
        """
        record = self.find_own(ref, now)
        with concerning("duplicate_of"):
            other = self.board(now).find(duplicate_of).reference if duplicate_of else ""
        self.change(record, close_fields(record, reason, duplicate_of=other))
        return self.shown(record.id, now)

    def pause(self, ref: str, now: int) -> Row:
        """Ask for nothing more, or give nothing more, for the time being. Raises as `edit`.

        For own needs, offers and hubs.
        """
        record = self.find_own(ref, now)
        if record.kind not in _WITH_STATUS:
            raise InvalidInput(f"a {record.kind} is not paused; close it, or edit its state")
        self.change(record, edit_fields(record, {"status": "paused"}, now=now))
        return self.shown(record.id, now)

    def reopen(self, ref: str, now: int) -> Row:
        """Open again what was closed, paused, withdrawn or expired, and say that it is still true:
        it gets a whole new term from now on. A notice is unconfirmed again. Raises as `edit`.
        """
        record = self.find_own(ref, now)
        opened: dict[str, object] = {"status": "open"}
        if record.kind == "notice":
            opened = {"certainty": "unconfirmed"} if record.text("certainty") == "withdrawn" else {}
        elif record.kind not in _WITH_STATUS:
            raise InvalidInput(f"a {record.kind} is not reopened; write a new one")
        hours = KINDS[record.kind].hours
        if hours is not None:
            opened["expires_at"] = max(now + hours * 3600, expires_at(record) or 0)
        self.change(record, edit_fields(record, opened, now=now))
        return self.shown(record.id, now)

    def find_own(self, ref: str, now: int) -> Record:
        """One of this member's own records. Raises NotFound, Ambiguous, InvalidInput."""
        record = self.board(now).find(ref, member=self.member)
        if record.member != self.member:
            raise InvalidInput("this is another member's record: only its own devices change it")
        return record

    def find_reference(self, ref: str, now: int) -> str:
        """The reference of the record that somebody means; a whole reference is taken as it is
        even if its record has not come here yet. Raises NotFound, Ambiguous, InvalidInput.
        """
        try:
            return self.board(now).find(ref).reference
        except NotFound:
            whole = ref.strip().lower()
            if REFERENCE.fullmatch(whole) is None:
                raise
            return whole

    def with_references(
        self, kind: str, entered: Mapping[str, object], now: int
    ) -> dict[str, object]:
        """What was entered, with the whole reference wherever it names a record of the board.

        Raises NotFound, Ambiguous, InvalidInput as `find_reference`, naming the field.
        """
        named = dict(entered)
        for name, field in KINDS[kind].fields.items() if kind in KINDS else ():
            value = entered.get(name)
            if isinstance(field, Ref) and isinstance(value, str) and value.strip():
                with concerning(name):
                    named[name] = self.find_reference(value, now)
        return named

    def change(self, record: Record, changes: Mapping[str, Value | None]) -> None:
        """Write the same into every copy of one imported row: else the copies would differ, and
        the board show two answers (docs/protocol.md, "Records", import_key)."""
        edits: list[Edit] = []
        differing = {
            name: value
            for name, value in changes.items()
            if name in record.conflicts or not same_value(value, record.fields.get(name))
        }
        for reference in (record.reference, *record.folded):
            member, name = ids.parse_reference(reference)
            held = self.replica.ledger.record(member, name)
            edits += _edits(name, differing, held.fields if held else {})
        if edits:
            self.replica.write(edits)

    def shown(self, name: str, now: int) -> Row:
        """A record of this member, which it has just written, as a row."""
        reference = ids.reference(self.replica.identity.member, name)
        row = self.rows([reference], now).get(reference)
        if row is None:
            raise StoreError("what was just written is not on the board; open this home again")
        return row

    def new_id(self) -> str:
        return ids.record_id(self.random(_RECORD_ID_BYTES))

    def letter(self) -> str:
        """The letter that this member's spoken codes begin with; X unless it is a hub."""
        own = self.records(self.replica.identity.member)
        hubs = [record for record in own if record.kind == "hub" and record.readable]
        hub = counting_hubs(hubs, self.authors()).get(self.member)
        return (hub.text("letter") if hub else "") or spoken.NO_HUB

    def draw_code(self, used: AbstractSet[str]) -> str:
        """A spoken code that this device knows no record for. If somebody has taken nearly all, one
        that is in use: two records may have one code, and no need is turned away for it."""
        letter, code = self.letter(), ""
        for _ in range(_CODE_TRIES):
            number = int.from_bytes(self.random(4), "big") % 10**spoken.DIGITS
            code = spoken.spoken_code(letter, f"{number:0{spoken.DIGITS}}")
            if code not in used:
                break
        return code


def making(name: str, fields: Mapping[str, Value]) -> list[Edit]:
    """The edits that make a record."""
    return [("make", name), *_edits(name, fields, {})]


def _edits(name: str, changes: Mapping[str, Value | None], held: Fields) -> list[Edit]:
    """The edits that set fields of a record which holds these; None takes a field away.

    A map is replaced as a whole: languages that the new one lacks go.
    """
    edits: list[Edit] = []
    for field, value in sorted(changes.items()):
        if value is None:
            edits += [("delete", name, field)] if held.get(field) else []
        elif isinstance(value, Mapping):
            gone = {key for old in held.get(field, ()) if isinstance(old, Mapping) for key in old}
            edits += [("delete_in", name, field, key) for key in sorted(gone - value.keys())]
            edits += [("put_in", name, field, key, text) for key, text in sorted(value.items())]
        else:
            edits.append(("put", name, field, value))
    return edits
