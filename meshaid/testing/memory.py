"""A ledger in memory: the same promises as `meshaid.store.Store`, except that nothing lasts."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import final

from meshaid import limits
from meshaid.core import words as text_words
from meshaid.core.fields import Value
from meshaid.core.ledger import (
    AddressRow,
    CardRow,
    DocumentRow,
    Fields,
    HeldChange,
    MeetingRow,
    NoteRow,
    RecordRow,
)
from meshaid.errors import ClosedError


@dataclass(slots=True)
class _Tables:
    """What a transaction copies, so that it can be taken back."""

    settings: dict[str, bytes] = field(default_factory=dict)
    cards: dict[bytes, CardRow] = field(default_factory=dict)
    documents: dict[bytes, DocumentRow] = field(default_factory=dict)
    changes: dict[bytes, dict[bytes, tuple[bytes, bytes | None]]] = field(default_factory=dict)
    records: dict[tuple[bytes, str], RecordRow] = field(default_factory=dict)
    notes: dict[bytes, tuple[NoteRow, bytes]] = field(default_factory=dict)
    addresses: dict[str, AddressRow] = field(default_factory=dict)
    meetings: dict[bytes, MeetingRow] = field(default_factory=dict)

    def snapshot(self) -> _Tables:
        changes = {genesis: dict(held) for genesis, held in self.changes.items()}
        return _Tables(
            dict(self.settings),
            dict(self.cards),
            dict(self.documents),
            changes,
            dict(self.records),
            dict(self.notes),
            dict(self.addresses),
            dict(self.meetings),
        )


@final
class MemoryLedger:
    """A `Ledger` for tests and simulations. Closing it empties nothing: `reopen()` goes on."""

    def __init__(self) -> None:
        self._tables = _Tables()
        self._before: _Tables | None = None  # what is durable while a transaction is open
        self._closed = False

    # ---- life
    def close(self) -> None:
        """From here on every call raises ClosedError. Closing twice is fine."""
        self._closed = True

    def reopen(self) -> MemoryLedger:
        """A ledger of its own with what is durable here, as a restarted process would find it."""
        again = MemoryLedger()
        again._tables = (self._before or self._tables).snapshot()
        return again

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """See `Ledger.transaction`."""
        tables = self._read()
        if self._before is not None:
            raise RuntimeError("a transaction is open already: one applied group, one transaction")
        self._before = before = tables.snapshot()
        try:
            yield
            self._read()  # closed inside: nothing of it is stored
        except BaseException:
            self._tables = before
            raise
        finally:
            self._before = None

    def _read(self) -> _Tables:
        if self._closed:
            raise ClosedError("The ledger is closed. Open it again.")
        return self._tables

    def _write(self) -> _Tables:
        tables = self._read()
        if self._before is None:
            raise RuntimeError("writing needs a transaction")
        return tables

    # ---- settings
    def setting(self, name: str) -> bytes | None:
        """See `Ledger.setting`."""
        return self._read().settings.get(name)

    def put_setting(self, name: str, value: bytes | None) -> None:
        """See `Ledger.put_setting`."""
        settings = self._write().settings
        if value is None:
            settings.pop(name, None)
        else:
            settings[name] = value

    # ---- cards
    def cards(self) -> list[CardRow]:
        """See `Ledger.cards`."""
        return list(self._read().cards.values())

    def put_card(self, card: CardRow) -> None:
        """See `Ledger.put_card`."""
        self._write().cards[card.hash] = card

    def drop_card(self, card_hash: bytes) -> None:
        """See `Ledger.drop_card`."""
        self._write().cards.pop(card_hash, None)

    # ---- documents
    def documents(self) -> list[DocumentRow]:
        """See `Ledger.documents`."""
        return [row for _, row in sorted(self._read().documents.items())]

    def put_document(self, row: DocumentRow) -> None:
        """See `Ledger.put_document`."""
        self._write().documents[row.genesis] = row

    def drop_document(self, genesis: bytes) -> None:
        """See `Ledger.drop_document`."""
        tables = self._write()
        tables.documents.pop(genesis, None)
        tables.changes.pop(genesis, None)

    def changes(self, genesis: bytes) -> list[tuple[bytes, bytes | None]]:
        """See `Ledger.changes`."""
        return list(self._read().changes.get(genesis, {}).values())

    def add_changes(self, genesis: bytes, changes: Iterable[HeldChange]) -> None:
        """See `Ledger.add_changes`."""
        held = self._write().changes.setdefault(genesis, {})
        for change in changes:
            held.setdefault(change.hash, (change.raw, None))

    def put_signature(self, genesis: bytes, change_hash: bytes, signature: bytes | None) -> None:
        """See `Ledger.put_signature`."""
        held = self._write().changes.get(genesis, {})
        if change_hash not in held:
            raise ValueError("no such change is held")
        held[change_hash] = (held[change_hash][0], signature)

    # ---- records
    def put_records(self, member: bytes, records: Mapping[str, Fields | None]) -> None:
        """See `Ledger.put_records`."""
        rows = self._write().records
        for record_id, fields in records.items():
            if fields is None:
                rows.pop((member, record_id), None)
            else:
                values = {name: copy.deepcopy(list(held)) for name, held in fields.items()}
                rows[member, record_id] = RecordRow(member, record_id, values)

    def drop_records(self, member: bytes) -> None:
        """See `Ledger.drop_records`."""
        rows = self._write().records
        for key in [key for key in rows if key[0] == member]:
            del rows[key]

    def record(self, member: bytes, record_id: str) -> RecordRow | None:
        """See `Ledger.record`."""
        return copy.deepcopy(self._read().records.get((member, record_id)))

    def records(
        self,
        member: bytes | None = None,
        *,
        kind: str | None = None,
        status: str | None = None,
        category: str | None = None,
        area: str | None = None,
    ) -> list[RecordRow]:
        """See `Ledger.records`."""
        given = {"kind": kind, "status": status, "category": category, "area": area}
        wanted = {name: value for name, value in given.items() if value is not None}
        rows = [
            row
            for (owner, _), row in sorted(self._read().records.items())
            if member in (None, owner)
            and all(_winner(row, name) == value for name, value in wanted.items())
        ]
        return copy.deepcopy(sorted(rows, key=_newest_first))

    def record_names(self) -> list[tuple[bytes, str]]:
        """See `Ledger.record_names`."""
        return list(self._read().records)

    def each_record(self) -> Iterator[RecordRow]:
        """See `Ledger.each_record`."""
        return iter(copy.deepcopy(list(self._read().records.values())))

    def search(self, words: str) -> set[tuple[bytes, str]]:
        """See `Ledger.search`."""
        wanted = text_words.phrases(words)
        return {
            key
            for key, row in self._read().records.items()
            if text_words.holds(text_words.searchable(row.fields), wanted)
        }

    # ---- sealed notes
    def notes(self) -> list[NoteRow]:
        """See `Ledger.notes`."""
        return [row for _, (row, _) in sorted(self._read().notes.items())]

    def note(self, note_id: bytes) -> bytes | None:
        """See `Ledger.note`."""
        held = self._read().notes.get(note_id)
        return held[1] if held else None

    def put_note(self, row: NoteRow, wire: bytes) -> None:
        """See `Ledger.put_note`."""
        self._write().notes[row.id] = (row, wire)

    def drop_note(self, note_id: bytes) -> None:
        """See `Ledger.drop_note`."""
        self._write().notes.pop(note_id, None)

    def scrub(self) -> None:
        """See `Ledger.scrub`; memory keeps no log."""
        self._read()
        if self._before is not None:
            raise RuntimeError("the log is emptied outside a transaction only")

    # ---- the address book and past meetings
    def addresses(self) -> list[AddressRow]:
        """See `Ledger.addresses`."""
        return list(reversed(self._read().addresses.values()))

    def remember_address(self, row: AddressRow) -> None:
        """See `Ledger.remember_address`."""
        book = self._write().addresses
        book.pop(row.address, None)
        book[row.address] = row
        while len(book) > limits.MAX_ADDRESSES:
            del book[next(iter(book))]

    def forget_address(self, address: str) -> None:
        """See `Ledger.forget_address`."""
        self._write().addresses.pop(address, None)

    def meetings(self) -> list[MeetingRow]:
        """See `Ledger.meetings`."""
        return [row for _, row in sorted(self._read().meetings.items())]

    def put_meeting(self, row: MeetingRow) -> None:
        """See `Ledger.put_meeting`."""
        self._write().meetings[row.device] = row

    def drop_meeting(self, device: bytes) -> None:
        """See `Ledger.drop_meeting`."""
        self._write().meetings.pop(device, None)


def _winner(row: RecordRow, name: str) -> Value:
    values = row.fields.get(name)
    return values[0] if values else None


def _newest_first(row: RecordRow) -> float:
    created = _winner(row, "created_at")
    if isinstance(created, int) and not isinstance(created, bool):
        return -created
    return float("inf")
