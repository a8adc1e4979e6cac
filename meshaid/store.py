"""The store: a `Ledger` in one encrypted SQLite file. One connection, one caller at a time.

It may be used from different threads, never from two at once: the node sends every call to one
store thread. What the ledger promises stands in core/ledger.py, how the file is opened and kept
sound in store_file.py, its tables in store_schema.py, how a record is laid out in read_model.py.

A disk that fills up: the transaction is rolled back, the ballast is given up (once; it comes back
when the store is opened with room to spare), StoreFull is raised, reading goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Final, Self, final

from meshaid import home, limits, read_model
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
from meshaid.store_file import Cell, StoreFile, create_file

_GENESIS: Final = "(SELECT id FROM geneses WHERE hash = ?)"


@final
class Store:
    """The ledger on disk. Open it with `Store.open` or `Store.create`, close it with `close`."""

    def __init__(self, file: StoreFile) -> None:
        self._file = file

    @classmethod
    def create(cls, folder: Path, key: bytes) -> Self:
        """Make an empty store in a home (`home.create` gives the key) and open it.

        Raises InvalidInput when there is one already, StoreFull, StoreError; then there is none.
        """
        create_file(folder, key)
        return cls.open(folder, key)

    @classmethod
    def open(cls, folder: Path, key: bytes) -> Self:
        """Open the store of a home (`home.open_key` gives the key) for this process alone.

        Raises BusyError after limits.LOCK_SECONDS while another process has it, NewerStore, or
        StoreError; whatever is wrong with the file, it stays as it is.
        """
        home.tighten(folder)
        file = StoreFile.open(folder, key)
        home.fill_ballast(folder)
        return cls(file)

    def close(self) -> None:
        """Write the log into the file and let go of the lock. Closing twice is fine."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def transaction(self) -> AbstractContextManager[None]:
        """See `Ledger.transaction`."""
        return self._file.transaction()

    # ---- settings
    def setting(self, name: str) -> bytes | None:
        """See `Ledger.setting`."""
        rows = self._file.read("SELECT value FROM settings WHERE name = ?", name)
        return rows[0][0] if rows else None

    def put_setting(self, name: str, value: bytes | None) -> None:
        """See `Ledger.put_setting`."""
        if value is None:
            self._file.write("DELETE FROM settings WHERE name = ?", name)
        else:
            self._file.write("INSERT OR REPLACE INTO settings VALUES (?, ?)", name, value)

    # ---- cards
    def cards(self) -> list[CardRow]:
        """See `Ledger.cards`."""
        rows = self._file.read("SELECT hash, wire, state FROM cards ORDER BY id")
        return [CardRow(*row) for row in rows]

    def put_card(self, card: CardRow) -> None:
        """See `Ledger.put_card`."""
        self._file.write(
            "INSERT INTO cards (hash, wire, state) VALUES (?, ?, ?) "
            "ON CONFLICT (hash) DO UPDATE SET wire = excluded.wire, state = excluded.state",
            card.hash,
            card.wire,
            card.state,
        )

    def drop_card(self, card_hash: bytes) -> None:
        """See `Ledger.drop_card`."""
        self._file.write("DELETE FROM cards WHERE hash = ?", card_hash)

    # ---- documents
    def documents(self) -> list[DocumentRow]:
        """See `Ledger.documents`."""
        rows = self._file.read(
            "SELECT hash, member, epoch, nonce, clock, state, changes "
            "FROM documents JOIN geneses ON id = genesis ORDER BY hash"
        )
        return [DocumentRow(*row) for row in rows]

    def put_document(self, row: DocumentRow) -> None:
        """See `Ledger.put_document`."""
        self._name(row.genesis)
        self._file.write(
            f"INSERT OR REPLACE INTO documents VALUES ({_GENESIS}, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            row.genesis,
            row.member,
            row.epoch,
            row.nonce,
            row.clock,
            row.state,
            row.changes,
        )

    def drop_document(self, genesis: bytes) -> None:
        """See `Ledger.drop_document`."""
        self._file.write("DELETE FROM geneses WHERE hash = ?", genesis)

    def _name(self, genesis: bytes) -> None:
        self._file.write("INSERT OR IGNORE INTO geneses (hash) VALUES (?)", genesis)

    def changes(self, genesis: bytes) -> list[tuple[bytes, bytes | None]]:
        """See `Ledger.changes`."""
        return self._file.read(
            f"SELECT raw, signature FROM changes LEFT JOIN heads ON change = id "  # noqa: S608
            f"WHERE genesis = {_GENESIS} ORDER BY id",
            genesis,
        )

    def add_changes(self, genesis: bytes, changes: Iterable[HeldChange]) -> None:
        """See `Ledger.add_changes`."""
        self._name(genesis)
        self._file.write_all(
            f"INSERT OR IGNORE INTO changes (genesis, hash, raw) VALUES ({_GENESIS}, ?, ?)",  # noqa: S608
            ((genesis, change.hash, change.raw) for change in changes),
        )

    def put_signature(self, genesis: bytes, change_hash: bytes, signature: bytes | None) -> None:
        """See `Ledger.put_signature`."""
        held = self._file.write(
            f"SELECT id FROM changes WHERE genesis = {_GENESIS} AND hash = ?",  # noqa: S608
            genesis,
            change_hash,
        )
        if not held:
            raise ValueError("no such change is held")
        if signature is None:
            self._file.write("DELETE FROM heads WHERE change = ?", held[0][0])
        else:
            self._file.write("INSERT OR REPLACE INTO heads VALUES (?, ?)", held[0][0], signature)

    # ---- records
    def put_records(self, member: bytes, records: Mapping[str, Fields | None]) -> None:
        """See `Ledger.put_records`."""
        for record_id, fields in records.items():
            if fields is None:
                self._drop_records("member = ? AND record = ?", member, record_id)
            else:
                self._put_record(member, record_id, fields)

    def _put_record(self, member: bytes, record_id: str, fields: Fields) -> None:
        ((row_id,),) = self._file.write(
            "INSERT INTO records (member, record, kind, status, category, area, created_at, fields)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (member, record) DO UPDATE SET"
            " kind = excluded.kind, status = excluded.status, category = excluded.category,"
            " area = excluded.area, created_at = excluded.created_at, fields = excluded.fields"
            " RETURNING id",
            member,
            record_id,
            *read_model.columns(fields),
            read_model.pack(fields),
        )
        words = read_model.indexed_words(fields)
        self._file.write(
            "INSERT OR REPLACE INTO records_fts (rowid, words) VALUES (?, ?)", row_id, words
        )

    def drop_records(self, member: bytes) -> None:
        """See `Ledger.drop_records`."""
        self._drop_records("member = ?", member)

    def _drop_records(self, where: str, *cells: Cell) -> None:
        dropped = self._file.write(f"DELETE FROM records WHERE {where} RETURNING id", *cells)  # noqa: S608
        for (row_id,) in dropped:
            self._file.write("DELETE FROM records_fts WHERE rowid = ?", row_id)

    def record(self, member: bytes, record_id: str) -> RecordRow | None:
        """See `Ledger.record`."""
        rows = self._file.read(
            "SELECT member, record, fields FROM records WHERE member = ? AND record = ?",
            member,
            record_id,
        )
        return read_model.unpack(*rows[0]) if rows else None

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
        columns: dict[str, Cell] = {
            "member": member,
            "kind": kind,
            "status": status,
            "category": category,
            "area": area,
        }
        wanted = {name: value for name, value in columns.items() if value is not None}
        where = " AND ".join(f"{name} = ?" for name in wanted) or "TRUE"
        rows = self._file.read(
            f"SELECT member, record, fields FROM records WHERE {where} "  # noqa: S608
            "ORDER BY created_at DESC, member, record",
            *wanted.values(),
        )
        return [read_model.unpack(*row) for row in rows]

    def record_names(self) -> list[tuple[bytes, str]]:
        """See `Ledger.record_names`."""
        return self._file.read("SELECT member, record FROM records")

    def each_record(self) -> Iterator[RecordRow]:
        """See `Ledger.each_record`."""
        rows = self._file.read("SELECT member, record, fields FROM records")
        return (read_model.unpack(*row) for row in rows)

    def search(self, words: str) -> set[tuple[bytes, str]]:
        """See `Ledger.search`."""
        expression = read_model.match_expression(words)
        return set(
            self._file.read(
                "SELECT member, record FROM records "
                "WHERE id IN (SELECT rowid FROM records_fts WHERE records_fts MATCH ?)",
                expression,
            )
        )

    # ---- sealed notes
    def notes(self) -> list[NoteRow]:
        """See `Ledger.notes`."""
        rows = self._file.read(
            "SELECT id, author, subject, kind, number, device, length(wire) FROM notes ORDER BY id"
        )
        return [NoteRow(*row) for row in rows]

    def note(self, note_id: bytes) -> bytes | None:
        """See `Ledger.note`."""
        rows = self._file.read("SELECT wire FROM notes WHERE id = ?", note_id)
        return rows[0][0] if rows else None

    def put_note(self, row: NoteRow, wire: bytes) -> None:
        """See `Ledger.put_note`."""
        self._file.write(
            "INSERT OR REPLACE INTO notes (id, author, subject, kind, number, device, wire) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            row.id,
            row.author,
            row.subject,
            row.kind,
            row.number,
            row.device,
            wire,
        )

    def drop_note(self, note_id: bytes) -> None:
        """See `Ledger.drop_note`."""
        self._file.write("DELETE FROM notes WHERE id = ?", note_id)

    def scrub(self) -> None:
        """See `Ledger.scrub`."""
        self._file.empty_log()

    # ---- the address book and past meetings
    def addresses(self) -> list[AddressRow]:
        """See `Ledger.addresses`."""
        rows = self._file.read("SELECT address, device, met_at FROM addresses ORDER BY id DESC")
        return [AddressRow(*row) for row in rows]

    def remember_address(self, row: AddressRow) -> None:
        """See `Ledger.remember_address`."""
        self._file.write(
            "INSERT OR REPLACE INTO addresses (address, device, met_at) VALUES (?, ?, ?)",
            row.address,
            row.device,
            row.met_at,
        )
        self._file.write(
            "DELETE FROM addresses WHERE id NOT IN "
            "(SELECT id FROM addresses ORDER BY id DESC LIMIT ?)",
            limits.MAX_ADDRESSES,
        )

    def forget_address(self, address: str) -> None:
        """See `Ledger.forget_address`."""
        self._file.write("DELETE FROM addresses WHERE address = ?", address)

    def meetings(self) -> list[MeetingRow]:
        """See `Ledger.meetings`."""
        rows = self._file.read("SELECT device, in_sync_at FROM meetings ORDER BY device")
        return [MeetingRow(*row) for row in rows]

    def put_meeting(self, row: MeetingRow) -> None:
        """See `Ledger.put_meeting`."""
        self._file.write(
            "INSERT OR REPLACE INTO meetings VALUES (?, ?)", row.device, row.in_sync_at
        )

    def drop_meeting(self, device: bytes) -> None:
        """See `Ledger.drop_meeting`."""
        self._file.write("DELETE FROM meetings WHERE device = ?", device)
