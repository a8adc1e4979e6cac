"""What a person does at one device: write records, find them, see the board, bring in slips.

A desk stands on one open replica and is as synchronous as that. Both the command line and a running
node work through it, so a command gives the same result whether a node runs or not.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from meshaid.core import ids, spoken
from meshaid.core.board import Board
from meshaid.core.document import Edit
from meshaid.core.fields import Value
from meshaid.core.ledger import Fields
from meshaid.core.records import (
    Record,
    close_fields,
    complete_record,
    edit_fields,
    new_record,
)
from meshaid.core.replica import Replica
from meshaid.core.roster import Roster
from meshaid.core.rows import Author, Row
from meshaid.core.slips import Slip, import_key, read_slips
from meshaid.errors import InvalidInput, StoreError
from meshaid.record_cache import RecordCache

_RECORD_ID_BYTES = 10
_CODE_TRIES = 1_000
_SPOKEN_KINDS = ("need", "offer", "notice")


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an imported table; `refused` holds (line, reason)."""

    imported: int
    refused: tuple[tuple[int, str], ...]
    ignored_columns: tuple[str, ...]
    unresolved: tuple[tuple[int, str], ...]
    """(line, field) of links to slips that nobody here has imported."""


class Desk:
    """One device's desk. `random` draws record ids and spoken codes."""

    def __init__(self, replica: Replica, *, random: Callable[[int], bytes]) -> None:
        self.replica = replica
        self.random = random
        self._cache = RecordCache(replica)
        self._roster: Roster | None = None
        self._authors: dict[str, Author] = {}

    # ---- seeing
    def board(self, now: int) -> Board:
        """The board at this moment (seconds since 1970)."""
        return self._board(self._cache.all(), now)

    def rows(self, references: Collection[str], now: int) -> dict[str, Row]:
        """Some records as rows, without laying out the whole board; only readable ones."""
        board = self._board(self._cache.around(references), now)
        found = {reference: board.record(reference) for reference in references}
        return {name: board.row(record) for name, record in found.items() if record is not None}

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

        Raises:
          InvalidInput: a field does not fit; it names the field. Nothing was written.
          StoreError, StoreFull: nothing was written.
        """
        ref = self._draw_code(self._cache.codes()) if kind in _SPOKEN_KINDS else ""
        fields = new_record(kind, entered, now=now, ref=ref)
        name = self._new_id()
        self.replica.write(_making(name, fields))
        return self._shown(name, now)

    def edit(self, ref: str, entered: Mapping[str, object], now: int) -> Row:
        """Change fields of one of this member's own records.

        Raises:
          InvalidInput, NotFound, Ambiguous: nothing was written.
        """
        record = self._own(ref, now)
        self._write_changes(record, edit_fields(record, entered, now=now))
        return self._shown(record.id, now)

    def close(self, ref: str, reason: str, now: int, *, duplicate_of: str = "") -> Row:
        """Close one of this member's own records. Raises as `edit`."""
        record = self._own(ref, now)
        other = self.board(now).find(duplicate_of).reference if duplicate_of else ""
        self._write_changes(record, close_fields(record, reason, duplicate_of=other))
        return self._shown(record.id, now)

    def _own(self, ref: str, now: int) -> Record:
        record = self.board(now).find(ref)
        if record.member != ids.id_text(self.replica.identity.member):
            raise InvalidInput("this is another member's record: only its own devices change it")
        return record

    def _write_changes(self, record: Record, changes: Mapping[str, Value | None]) -> None:
        """Write the same into every copy of one imported row: else the copies would differ, and
        the board show two answers (docs/protocol.md, "Records", import_key)."""
        edits: list[Edit] = []
        for reference in (record.reference, *record.folded):
            member, name = ids.parse_reference(reference)
            held = self.replica.ledger.record(member, name)
            edits += _edits(name, changes, held.fields if held else {})
        if changes:
            self.replica.write(edits)

    def _shown(self, name: str, now: int) -> Row:
        """What this member has just written, as a row."""
        reference = ids.reference(self.replica.identity.member, name)
        row = self.rows([reference], now).get(reference)
        if row is None:
            raise StoreError("what was just written is not on the board; open this home again")
        return row

    def _new_id(self) -> str:
        return ids.record_id(self.random(_RECORD_ID_BYTES))

    def letter(self) -> str:
        """The letter that this member's spoken codes begin with; X unless it is a hub."""
        member = self.replica.identity.member
        letters = [
            row.fields["letter"][0]
            for row in self.replica.ledger.records(member, kind="hub")
            if "letter" in row.fields
        ]
        return next((letter for letter in letters if isinstance(letter, str)), spoken.NO_HUB)

    def _draw_code(self, used: AbstractSet[str]) -> str:
        """A spoken code that this device knows no record for."""
        letter = self.letter()
        for _ in range(_CODE_TRIES):
            number = int.from_bytes(self.random(4), "big") % 10**spoken.DIGITS
            code = spoken.spoken_code(letter, f"{number:0{spoken.DIGITS}}")
            if code not in used:
                return code
        raise InvalidInput("nearly all spoken codes are in use; close what is done, then try again")

    # ---- a pile of slips
    def import_slips(
        self, data: bytes, now: int, *, start: int, where: Mapping[str, str]
    ) -> Imported:
        """Bring in a table of slips. Importing it twice changes nothing (`import_key`), nor does
        importing what this board exported: rows whose `id` is a record held here are left alone.

        Args:
          start: the time (seconds since 1970) that `minute` columns count from.
          where: take only rows that have these values in these columns.
        Raises:
          InvalidInput: it is no such table; nothing was written. Bad rows are listed instead.
        """
        table = read_slips(data, start=start, where=where)
        board = self.board(now)
        known = self._imported_before()
        fresh = [
            slip
            for slip in table.rows
            if slip.import_key not in known and board.record(slip.row_id.lower()) is None
        ]
        names = {slip.import_key: self._new_id() for slip in fresh}
        for key, name in names.items():
            known[key] = ids.reference(self.replica.identity.member, name)
        refused = list(table.refused)
        unresolved: list[tuple[int, str]] = []
        codes = set(self._cache.codes())
        made: list[list[Edit]] = []
        for slip in fresh:
            try:
                fields = self._slip_fields(slip, known, unresolved, codes, now)
            except InvalidInput as error:
                refused.append((slip.line, str(error)))
            else:
                made.append(_making(names[slip.import_key], fields))
        self.replica.write_all(made)
        return Imported(
            len(made), tuple(sorted(refused)), tuple(table.ignored_columns), tuple(unresolved)
        )

    def _imported_before(self) -> dict[str, str]:
        """Import key to reference of what any device of this member has imported."""
        member = self.replica.identity.member
        return {
            key: ids.reference(member, row.record_id)
            for row in self.replica.ledger.records(member)
            for key in row.fields.get("import_key", ())
            if isinstance(key, str)
        }

    def _slip_fields(
        self,
        slip: Slip,
        known: Mapping[str, str],
        unresolved: list[tuple[int, str]],
        codes: set[str],
        now: int,
    ) -> dict[str, Value]:
        """The whole record of one slip: its links resolved, its code kept if it is free."""
        written = dict(slip.fields)
        for name, row_id in slip.links.items():
            target = known.get(import_key(row_id))
            if target is not None:
                written[name] = target
            else:
                unresolved.append((slip.line, name))
        ref = written.get("ref")
        if not isinstance(ref, str) or ref in codes:
            written.pop("ref", None)
            ref = self._draw_code(codes)
        codes.add(ref)
        return complete_record(slip.kind, written, now=now, ref=ref)


def _making(name: str, fields: Mapping[str, Value]) -> list[Edit]:
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
