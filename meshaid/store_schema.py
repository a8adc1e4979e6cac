"""What lies in the store: its tables and indexes, and the number of their version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

APPLICATION_ID: Final = 0x6D657368
"""`mesh`: tells a store from another encrypted database that opens with the same key."""
VERSION: Final = 2
"""Rises with every change of the schema. A newer one is refused (NewerStore), never guessed at; an
older one is upgraded when it is opened (UPGRADES)."""

_FIRST: Final = """
CREATE TABLE settings (
    name TEXT PRIMARY KEY, value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE cards (
    id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, wire BLOB NOT NULL, state TEXT NOT NULL
) STRICT;

-- A short number for each document; its row and its changes come in either order.
CREATE TABLE geneses (
    id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE
) STRICT;
CREATE TABLE documents (
    genesis INTEGER PRIMARY KEY REFERENCES geneses ON DELETE CASCADE,
    member BLOB NOT NULL, epoch INTEGER NOT NULL, nonce BLOB NOT NULL,
    clock BLOB NOT NULL, state BLOB NOT NULL, changes INTEGER NOT NULL
) STRICT;

-- The truth. The id is the order of acceptance; actor, seq and forks are read from the bytes.
CREATE TABLE changes (
    id INTEGER PRIMARY KEY,
    genesis INTEGER NOT NULL REFERENCES geneses ON DELETE CASCADE,
    hash BLOB NOT NULL, raw BLOB NOT NULL, UNIQUE (genesis, hash)
) STRICT;
CREATE INDEX changes_in_order ON changes (genesis);

-- The heads of runs: changes whose signature is kept. Apart from them, for signatures come and go.
CREATE TABLE heads (
    change INTEGER PRIMARY KEY REFERENCES changes ON DELETE CASCADE, signature BLOB NOT NULL
) STRICT;

-- The read model: what counts, as the board reads it. Can be built again from the changes.
CREATE TABLE records (
    id INTEGER PRIMARY KEY, member BLOB NOT NULL, record TEXT NOT NULL,
    kind TEXT, status TEXT, category TEXT, area TEXT, created_at INTEGER,
    fields BLOB NOT NULL, UNIQUE (member, record)
) STRICT;
CREATE INDEX records_by_kind ON records (kind) WHERE kind IS NOT NULL;
CREATE INDEX records_by_status ON records (status) WHERE status IS NOT NULL;
CREATE INDEX records_by_category ON records (category) WHERE category IS NOT NULL;
CREATE INDEX records_by_area ON records (area) WHERE area IS NOT NULL;
CREATE INDEX records_by_time ON records (created_at DESC, member, record);
-- The words come made (core/words.py), so `ascii` only has to split at blanks. They are kept a
-- second time as content: a table without it deletes by tombstones, and secure-delete does nothing.
CREATE VIRTUAL TABLE records_fts USING fts5 (words, tokenize = 'ascii');
INSERT INTO records_fts (records_fts, rank) VALUES ('secure-delete', 1);

CREATE TABLE addresses (
    id INTEGER PRIMARY KEY, address TEXT NOT NULL UNIQUE, device BLOB, met_at INTEGER NOT NULL
) STRICT;
CREATE TABLE meetings (
    device BLOB PRIMARY KEY, in_sync_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""

_NOTES: Final = """
-- Sealed notes as they travel. They leave the disk one by one, so nothing of them stands elsewhere.
CREATE TABLE notes (
    id BLOB PRIMARY KEY, author BLOB NOT NULL, subject BLOB NOT NULL, kind TEXT NOT NULL,
    number INTEGER NOT NULL, device BLOB NOT NULL, wire BLOB NOT NULL
) STRICT;
"""

SCHEMA: Final = _FIRST + _NOTES
"""Everything that a new store has."""
UPGRADES: Final[Mapping[int, str]] = {1: _NOTES}
"""What leads from each older version to the next one; what is in the store stays."""
