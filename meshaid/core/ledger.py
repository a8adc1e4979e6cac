"""What a replica needs of a disk, as a Protocol: `store.Store` and `testing.MemoryLedger` are it.

Rules, the same for every ledger and checked by one suite (`tests/core/ledger_suite.py`):

* Everything is synchronous, and one caller at a time.
* Reads see what the running transaction has written so far; outside one, what is durable.
* Writes happen inside `transaction()` only. Outside, and for a transaction within a transaction,
  RuntimeError: both are bugs, and a write on its own would be a commit of its own.
* A ledger checks no signature and decides nothing: what it is given was accepted before.
* Lists come back in the order named at each method, never in an accidental one.

Source: DESIGN "Store"; docs/protocol.md describes no ledger, for none is on the wire.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from meshaid.core.fields import Value

Fields: TypeAlias = Mapping[str, Sequence[Value]]
"""Field name -> values, the winner first, values in conflict with it after it; never none."""

CardState: TypeAlias = Literal["effective", "pending"]
"""Effective: in the set of cards that makes the roster. Pending: its chain is not proven yet."""


@dataclass(frozen=True, slots=True)
class CardRow:
    """A card as received. `hash` is whatever the cards module names a card by."""

    hash: bytes
    wire: bytes = field(repr=False)
    state: CardState


class HeldChange(Protocol):
    """An accepted change; any object with these two will do."""

    @property
    def hash(self) -> bytes:
        """32 bytes."""

    @property
    def raw(self) -> bytes:
        """The change as its author made it."""


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """One document without its changes: enough for digests and clocks without loading it."""

    genesis: bytes  # 32 bytes, names the document
    member: bytes  # 32 bytes
    epoch: int  # 1 and up
    nonce: bytes  # 16 bytes, from the epoch card; zeros for epoch 1
    clock: bytes  # packed by the document module, opaque here
    state: bytes  # 32 bytes, b"" for an empty clock
    changes: int  # accepted changes, counting or not


@dataclass(frozen=True, slots=True)
class RecordRow:
    """A record as the read model holds it: what counts, of one member's document."""

    member: bytes  # 32 bytes
    record_id: str
    fields: dict[str, list[Value]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class AddressRow:
    """An address at which somebody answered before."""

    address: str  # "HOST:PORT"
    device: bytes | None  # 32 bytes; None when given by hand and nobody has answered there yet
    met_at: int  # seconds since 1970 by this device's clock; shown, decides nothing


@dataclass(frozen=True, slots=True)
class MeetingRow:
    """The last time that this device and a peer had equal digests."""

    device: bytes  # 32 bytes
    in_sync_at: int  # seconds since 1970 by this device's clock


@dataclass(frozen=True, slots=True)
class NoteRow:
    """A sealed note without its bytes: what it is about, and who signed it."""

    id: bytes  # 32 bytes
    author: bytes  # member id, 32 bytes
    subject: bytes  # 10 bytes of a record id, or what names a device
    kind: str
    number: int
    device: bytes  # 32 bytes, the signer
    size: int  # of the note's bytes


class Ledger(Protocol):
    """Everything that a device knows, durable.

    Any call may raise StoreError (damaged, disk gone; the text says what to do), any write
    StoreFull (nothing written, reading goes on), and after closing ClosedError. After an error
    inside a transaction, or at its end, nothing of it is stored: the caller throws away whatever
    it keeps in memory and reads again.
    """

    def transaction(self) -> AbstractContextManager[None]:
        """All that is written inside becomes durable together at the end, or not at all.

        An exception from the body rolls back and goes on. Returning from the block means durable:
        only then may anything be acknowledged or passed on (DESIGN, invariant 3).
        """

    # ---- settings: small named values, the device's identity and keys among them
    def setting(self, name: str) -> bytes | None:
        """The value of a setting; None when it was never put."""

    def put_setting(self, name: str, value: bytes | None) -> None:
        """Set a setting; None removes it."""

    # ---- cards
    def cards(self) -> list[CardRow]:
        """All cards, in the order in which they were first put."""

    def put_card(self, card: CardRow) -> None:
        """Keep a card, or change its state. Its place in the order stays."""

    def drop_card(self, card_hash: bytes) -> None:
        """Forget a card; one that is not held is no error."""

    # ---- documents and their signed changes: the truth
    def documents(self) -> list[DocumentRow]:
        """The rows of all documents, ordered by genesis."""

    def put_document(self, row: DocumentRow) -> None:
        """Keep a document's row, or replace it. Its changes stay."""

    def drop_document(self, genesis: bytes) -> None:
        """Forget a document, its changes and signatures; records are dropped on their own.

        One that is not held is no error.
        """

    def changes(self, genesis: bytes) -> list[tuple[bytes, bytes | None]]:
        """(raw, kept signature or None) of each change, in order of acceptance."""

    def add_changes(self, genesis: bytes, changes: Iterable[HeldChange]) -> None:
        """Add changes behind those held, in the given order; one already held keeps its place.

        The document's row may follow in the same transaction.
        """

    def put_signature(self, genesis: bytes, change_hash: bytes, signature: bytes | None) -> None:
        """Keep the signature (64 bytes) of a held change; None drops it.

        ValueError when the change is not held.
        """

    # ---- records: the read model, built from what counts
    def put_records(self, member: bytes, records: Mapping[str, Fields | None]) -> None:
        """Replace these records (record id -> fields) of a member; None removes one."""

    def drop_records(self, member: bytes) -> None:
        """Remove all records of a member."""

    def record(self, member: bytes, record_id: str) -> RecordRow | None:
        """One record; None when there is none."""

    def records(
        self,
        member: bytes | None = None,
        *,
        kind: str | None = None,
        status: str | None = None,
        category: str | None = None,
        area: str | None = None,
    ) -> list[RecordRow]:
        """The records whose *winning* values equal every one given, as written by the author.

        A record without the field does not match: defaults and derived statuses are the board's.
        Order: `created_at` from late to early, those without a proper one last; then member, id.
        """

    def record_names(self) -> list[tuple[bytes, str]]:
        """(member, record id) of every record, in no order."""

    def each_record(self) -> Iterator[RecordRow]:
        """Every record as it stands at this call, in no order, unpacked one at a time: a whole
        board of rows would take more memory than what is made of them."""

    def search(self, words: str) -> set[tuple[bytes, str]]:
        """(member, record id) of the records that hold all the words (see core/words.py).

        No words find nothing. InvalidInput for more than limits.SEARCH_WORDS words.
        """

    # ---- sealed notes
    def notes(self) -> list[NoteRow]:
        """The rows of all notes, ordered by id."""

    def note(self, note_id: bytes) -> bytes | None:
        """The bytes of a note; None when it is not held."""

    def put_note(self, row: NoteRow, wire: bytes) -> None:
        """Keep a note, or replace it."""

    def drop_note(self, note_id: bytes) -> None:
        """Forget a note; one that is not held is no error. See `scrub`."""

    def scrub(self) -> None:
        """Let nothing that was dropped before linger on the disk, in whatever log it still stands.

        Outside a transaction only: RuntimeError within one. It may wait for the disk.
        """

    # ---- the address book and past meetings
    def addresses(self) -> list[AddressRow]:
        """Remembered addresses, the one remembered last first."""

    def remember_address(self, row: AddressRow) -> None:
        """Remember an address, or renew it; beyond limits.MAX_ADDRESSES the oldest falls out."""

    def forget_address(self, address: str) -> None:
        """Forget an address; one that is not held is no error."""

    def meetings(self) -> list[MeetingRow]:
        """One row per device met, ordered by device."""

    def put_meeting(self, row: MeetingRow) -> None:
        """Keep or replace the row of a device."""

    def drop_meeting(self, device: bytes) -> None:
        """Forget the meetings with a device; one that is not held is no error."""
