"""Something to put into a store, ways to look inside it, and processes that hold one open."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import apsw

from meshaid import home
from meshaid.core.ledger import AddressRow, CardRow, Ledger
from meshaid.store import Store
from tests.core.ledger_suite import DOCUMENT, FIRST, GENESIS, MEMBER, NOTE, SECOND, Change, record

MARKER = "zebrafinch"
"""A word that stands nowhere else."""


def connection(store: Store) -> apsw.Connection:
    """SQLite itself, to read back what the store relies on."""
    inner = store._file._connection
    assert inner is not None
    return inner


@contextmanager
def plain_connection(folder: Path, key: bytes) -> Iterator[apsw.Connection]:
    """The closed store's file, opened with the key and nothing else."""
    inner = apsw.Connection(str(folder / home.STORE), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        inner.pragma("cipher", "chacha20")
        inner.pragma("key", "raw:" + key.hex())
        yield inner
    finally:
        inner.close()


def fill(store: Store) -> None:
    """Something in every table, with the marker wherever people's words or keys may be."""
    with store.transaction():
        store.put_setting("identity", MARKER.encode())
        store.put_card(CardRow(b"c" * 32, MARKER.encode(), "effective"))
        store.put_document(DOCUMENT)
        store.add_changes(GENESIS, [FIRST, Change(SECOND.hash, MARKER.encode())])
        store.put_signature(GENESIS, FIRST.hash, b"x" * 64)
        store.put_records(MEMBER, {"r": record(kind=MARKER, lang=MARKER, title=MARKER)})
        store.remember_address(AddressRow(f"{MARKER}:7", None, 5))
        store.put_note(NOTE, MARKER.encode())


def everything(ledger: Ledger) -> list[object]:
    return [
        ledger.setting("identity"),
        ledger.cards(),
        ledger.documents(),
        ledger.changes(GENESIS),
        ledger.records(),
        ledger.addresses(),
        ledger.meetings(),
        ledger.notes(),
    ]


class Child:
    """A process of its own that runs a program on a home; `line()` waits for what it prints."""

    def __init__(self, folder: Path, key: bytes, program: str) -> None:
        start = f"""
            import sys
            from pathlib import Path
            from meshaid.errors import MeshaidError
            from meshaid.store import Store
            folder, key = Path({str(folder)!r}), bytes.fromhex({key.hex()!r})
        """
        code = textwrap.dedent(start) + textwrap.dedent(program)
        path = os.pathsep.join([str(Path(home.__file__).parents[1]), *filter(None, sys.path)])
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
