"""Stores of older versions: opened, upgraded in one step, nothing lost; newer ones are refused."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from meshaid import home, store_file, store_schema
from meshaid.errors import NewerStore, StoreError
from meshaid.store import Store
from tests.core.ledger_suite import GENESIS, MEMBER, NOTE
from tests.shell.store_parts import MARKER, connection, everything, fill, plain_connection


@pytest.fixture
def first(folder: Path, key: bytes) -> list[object]:
    """A store as version 1 left it, with something in every table; what it holds."""
    with Store.create(folder, key) as store:
        fill(store)
        held = everything(store)
    with plain_connection(folder, key) as inner:
        inner.execute("DROP TABLE notes")
        inner.pragma("user_version", 1)
    return held


def tables(folder: Path, key: bytes) -> tuple[int, set[str]]:
    with plain_connection(folder, key) as inner:
        names = inner.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        return inner.pragma("user_version"), {name for (name,) in names}


def test_the_first_version_has_these_tables() -> None:
    """What stands in homes out there must not be edited: it is upgraded from."""
    inner = apsw.Connection(":memory:")
    inner.execute(store_schema._FIRST)
    names = {name for (name,) in inner.execute("SELECT name FROM sqlite_schema")}
    assert {"settings", "cards", "geneses", "documents", "changes", "heads", "records"} <= names
    assert "notes" not in names
    for step in range(1, store_schema.VERSION):
        inner.execute(store_schema.UPGRADES[step])
    upgraded = sorted(inner.execute("SELECT type, name, sql FROM sqlite_schema"))
    fresh = apsw.Connection(":memory:")
    fresh.execute(store_schema.SCHEMA)
    assert upgraded == sorted(fresh.execute("SELECT type, name, sql FROM sqlite_schema"))


def test_an_older_store_opens_and_loses_nothing(
    folder: Path, key: bytes, first: list[object]
) -> None:
    with Store.open(folder, key) as store:
        assert everything(store)[:-1] == first[:-1]
        assert store.notes() == []
        assert store.search(MARKER) == {(MEMBER, "r")}
        assert store.changes(GENESIS)
        with store.transaction():
            store.put_note(NOTE, b"the bytes")
    version, names = tables(folder, key)
    assert version == store_schema.VERSION == 2
    assert "notes" in names
    with Store.open(folder, key) as store:
        assert store.notes() == [NOTE]


def test_words_of_an_older_version_are_made_anew(
    folder: Path, key: bytes, first: list[object]
) -> None:
    with plain_connection(folder, key) as inner:
        inner.execute("UPDATE records_fts SET words = 'as before'")
    with Store.open(folder, key) as store:
        assert store.search(MARKER) == {(MEMBER, "r")}
        assert store.search("before") == set()


def test_an_upgrade_that_fails_leaves_the_older_store(
    folder: Path, key: bytes, first: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = {1: store_schema.UPGRADES[1] + "DROP TABLE no_such_table;"}
    with monkeypatch.context() as patch:
        patch.setattr(store_file, "UPGRADES", broken)
        with pytest.raises(StoreError):
            Store.open(folder, key)
    version, names = tables(folder, key)
    assert version == 1
    assert "notes" not in names
    with Store.open(folder, key) as store:
        assert everything(store)[:-1] == first[:-1]


def test_a_newer_store_is_refused_as_it_is(folder: Path, key: bytes, first: list[object]) -> None:
    with plain_connection(folder, key) as inner:
        inner.pragma("user_version", store_schema.VERSION + 1)
    with pytest.raises(NewerStore):
        Store.open(folder, key)
    assert tables(folder, key)[0] == store_schema.VERSION + 1


def test_scrubbing_cuts_the_log_to_nothing(store: Store, folder: Path) -> None:
    fill(store)
    log = folder / (home.STORE + "-wal")
    assert log.stat().st_size > 0
    store.scrub()
    assert log.stat().st_size == 0
    assert connection(store).pragma("integrity_check") == "ok"
    assert store.note(NOTE.id) == MARKER.encode()
