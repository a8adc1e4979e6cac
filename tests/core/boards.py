"""Small makers of records and boards for the tests of the board."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from meshaid.core import ids
from meshaid.core.board import Board
from meshaid.core.fields import Value
from meshaid.core.records import Record, read_record
from meshaid.core.rows import Author

NOW = 1_800_000_000


def member_id(name: str) -> str:
    return ids.id_text(hashlib.sha256(name.encode()).digest())


def record_id(name: str) -> str:
    """An id as devices draw them, always the same for one name."""
    return ids.record_id(hashlib.sha256(name.encode()).digest()[: ids.RECORD_BYTES])


def reference(member: str, name: str) -> str:
    return f"{member_id(member)}/{record_id(name)}"


def stored(ref: str, fields: Mapping[str, Value]) -> Record:
    """The record that a document with these fields shows; None deletes a field."""
    return read_record(ref, {name: [value] for name, value in fields.items() if value is not None})


def record(member: str, name: str, kind: str, **fields: Value) -> Record:
    return stored(reference(member, name), {"kind": kind, "created_at": NOW, **fields})


def board(*records: Record, now: int = NOW, **authors: Author) -> Board:
    names = {"ada": Author("ada"), "ben": Author("ben"), "hub": Author("hub", "hub")} | authors
    return Board(records, now=now, members={member_id(n): a for n, a in names.items()})
