"""The store on disk: what it promises beyond a ledger in memory."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import apsw
import pytest

from meshaid import home, limits, store_file, store_schema
from meshaid.core.ledger import Ledger
from meshaid.errors import (
    BusyError,
    ClosedError,
    InvalidInput,
    StoreError,
)
from meshaid.store import Store
from tests.core.ledger_suite import (
    GENESIS,
    MEMBER,
    NOTE,
    LedgerSuite,
    record,
)
from tests.shell.store_parts import (
    MARKER,
    Child,
    connection,
    everything,
    fill,
    plain_connection,
)

posix = pytest.mark.skipif(os.name == "nt", reason="modes are a matter of POSIX")


class TestStore(LedgerSuite):
    @pytest.fixture
    def ledger(self, store: Store) -> Ledger:
        return store


# ---- settings in force
def test_the_durability_settings_are_in_force(store: Store) -> None:
    pragma = connection(store).pragma
    assert pragma("cipher") == "chacha20"
    assert pragma("journal_mode") == "wal"
    assert pragma("synchronous") == 2  # FULL
    assert pragma("locking_mode") == "exclusive"
    assert pragma("fullfsync") == pragma("checkpoint_fullfsync") == 1
    assert pragma("secure_delete") == 1
    assert pragma("temp_store") == 2  # MEMORY
    assert pragma("trusted_schema") == 0
    assert pragma("foreign_keys") == 1
    assert pragma("cell_size_check") == 1
    assert pragma("mmap_size") == 0
    assert pragma("wal_autocheckpoint") == limits.WAL_CHECKPOINT_PAGES
    assert pragma("application_id") == store_schema.APPLICATION_ID
    assert pragma("user_version") == store_schema.VERSION


def test_sqlite_is_one_without_the_log_reset_bug() -> None:
    version = tuple(map(int, apsw.sqlite_lib_version().split(".")))
    assert version >= (3, 51, 3)


def test_a_sqlite_that_cannot_encrypt_is_refused(
    folder: Path, key: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Plain(apsw.Connection):
        def pragma(self, name: str, value: object = None, **options: object) -> object:
            return None if name == "cipher" else super().pragma(name, value)

    monkeypatch.setattr(apsw, "Connection", Plain)
    with pytest.raises(StoreError, match="apsw-sqlite3mc"):
        Store.create(folder, key)
    assert not (folder / home.STORE).exists()


def test_every_index_is_used(store: Store) -> None:
    fill(store)
    for column in ("kind", "status", "category", "area"):
        plan = connection(store).execute(
            f"EXPLAIN QUERY PLAN SELECT fields FROM records WHERE {column} = 'x'"  # noqa: S608
        )
        assert f"records_by_{column}" in " ".join(row[3] for row in plan)
    plan = connection(store).execute(
        "EXPLAIN QUERY PLAN SELECT fields FROM records ORDER BY created_at DESC, member, record"
    )
    steps = " ".join(row[3] for row in plan)
    assert "records_by_time" in steps
    assert "TEMP B-TREE" not in steps


# ---- files
@posix
def test_files_are_for_this_user_alone(store: Store, folder: Path, key: bytes) -> None:
    fill(store)
    for path in (folder, folder / home.STORE, folder / home.KEY):
        path.chmod(0o755)  # as after a copy from a stick
    store.close()
    store = Store.open(folder, key)
    fill(store)
    names = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    log = home.STORE + "-wal"
    assert names == dict.fromkeys((home.STORE, log, home.KEY, home.BALLAST), 0o600)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_closing_leaves_one_whole_file(store: Store, folder: Path) -> None:
    fill(store)
    store.close()
    assert {path.name for path in folder.iterdir()} == {home.STORE, home.KEY, home.BALLAST}


def test_the_name_of_the_file_is_made_durable(
    folder: Path, key: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(home, "sync_folder", synced.append)
    Store.create(folder, key).close()
    assert synced == [folder]


def test_what_was_written_is_there_after_opening_again(
    store: Store, folder: Path, key: bytes
) -> None:
    fill(store)
    before = everything(store)
    store.close()
    with Store.open(folder, key) as again:
        assert everything(again) == before
        assert again.search(MARKER) == {(MEMBER, "r")}


def test_a_copy_of_the_closed_home_opens(
    store: Store, folder: Path, key: bytes, tmp_path: Path
) -> None:
    fill(store)
    before = everything(store)
    store.close()
    shutil.copytree(folder, tmp_path / "copy")
    copied_key = home.open_key(tmp_path / "copy")
    with Store.open(tmp_path / "copy", copied_key) as copy, Store.open(folder, key) as original:
        assert everything(copy) == everything(original) == before
        with copy.transaction():
            copy.put_setting("identity", b"went its own way")
        assert original.setting("identity") == MARKER.encode()


def test_a_store_is_made_once(store: Store, folder: Path, key: bytes) -> None:
    fill(store)
    store.close()
    with pytest.raises(InvalidInput, match="a store in this folder already"):
        Store.create(folder, key)
    with Store.open(folder, key) as again:
        assert again.setting("identity") == MARKER.encode()


def test_a_draft_left_by_a_power_cut_is_replaced(folder: Path, key: bytes) -> None:
    program = """
        from meshaid import home, store_file
        draft = folder / (home.STORE + ".new")
        home.write_new(draft, b"")
        connection = store_file._connect(draft, key)
        connection.execute("CREATE TABLE settings (left_behind)")
        print("created", flush=True)
        sys.stdin.read()
    """
    with Child(folder, key, program) as child:
        assert child.line() == "created"
    assert (folder / (home.STORE + ".new-wal")).stat().st_size
    with Store.create(folder, key) as store:
        fill(store)
    assert {path.name for path in folder.iterdir()} == {home.STORE, home.KEY, home.BALLAST}


def test_a_closed_store_says_so(store: Store) -> None:
    store.close()
    store.close()
    for call in (store.cards, lambda: store.search("water"), lambda: store.setting("name")):
        with pytest.raises(ClosedError, match="Open it again"):
            call()
    with pytest.raises(ClosedError), store.transaction():
        store.put_setting("name", b"value")


# ---- nothing in clear
def holders(folder: Path, marker: str) -> set[str]:
    """The files of a folder that hold the marker in any of the usual encodings, or its hex."""
    raw = marker.encode()
    forms = [raw, raw.upper(), marker.encode("utf-16-le"), raw.hex().encode(), raw[::-1]]
    return {
        path.name for path in folder.iterdir() if any(form in path.read_bytes() for form in forms)
    }


def test_the_search_for_clear_text_finds_clear_text(tmp_path: Path) -> None:
    plain = apsw.Connection(str(tmp_path / "plain.db"))
    plain.pragma("journal_mode", "WAL")
    plain.execute("CREATE TABLE t (a)")
    plain.execute("INSERT INTO t VALUES (?)", (MARKER,))
    assert holders(tmp_path, MARKER) == {"plain.db-wal"}
    plain.close()
    assert holders(tmp_path, MARKER) == {"plain.db"}


def test_no_file_of_a_running_or_killed_store_holds_clear_text(folder: Path, key: bytes) -> None:
    Store.create(folder, key).close()
    program = f"""
        store = Store.open(folder, key)
        for n in range(400):  # some of it in the file, some in the log
            with store.transaction():
                store.put_setting("identity", {MARKER!r}.encode())
                store.put_records(b"m" * 32, {{f"r{{n}}": {{"title": ["{MARKER} " * 20]}}}})
        context = store.transaction()
        context.__enter__()
        store.put_setting("unfinished", {MARKER!r}.encode())
        print("inside", flush=True)
        sys.stdin.read()
    """
    with Child(folder, key, program) as child:
        assert child.line() == "inside"
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    assert sizes[home.STORE] > 100_000
    assert sizes[home.STORE + "-wal"] > 10_000
    assert holders(folder, MARKER) == set()
    assert holders(folder, key.hex()) == set()


def test_what_was_deleted_is_gone_from_the_pages(store: Store, folder: Path, key: bytes) -> None:
    """secure_delete, and FTS5's own: looked for in a decrypted copy of the file."""

    def decrypted_holders() -> set[str]:
        store.close()
        copy = folder.parent / "copy"
        shutil.copytree(folder, copy)
        with plain_connection(copy, key) as inner:
            inner.pragma("journal_mode", "DELETE")
            inner.pragma("rekey", "")
        found = holders(copy, MARKER)
        shutil.rmtree(copy)
        return found

    fill(store)
    with store.transaction():
        store.put_records(MEMBER, {f"other{n}": record(title=f"water {n}") for n in range(50)})
    assert decrypted_holders() == {home.STORE}
    store = Store.open(folder, key)
    with store.transaction():
        store.put_setting("identity", None)
        store.drop_card(b"c" * 32)
        store.drop_document(GENESIS)
        store.put_records(MEMBER, {"r": None})
        store.forget_address(f"{MARKER}:7")
        store.drop_note(NOTE.id)
    assert decrypted_holders() == set()


def test_words_of_a_deleted_record_leave_the_index(store: Store) -> None:
    def indexed() -> set[str]:
        return {row[0] for row in inner.execute("SELECT term FROM temp.terms")}

    inner = connection(store)
    inner.execute("CREATE VIRTUAL TABLE temp.terms USING fts5vocab(main, records_fts, row)")
    fill(store)
    with store.transaction():
        store.put_records(MEMBER, {f"other{n}": record(title=f"water {n}") for n in range(50)})
        store.put_records(MEMBER, {"s": record(title="bread")})
    assert {MARKER, "bread", "water", "49"} <= indexed()
    with store.transaction():
        store.put_records(MEMBER, {"r": record(title="salt"), "s": None})
    assert {"salt", "water", "49"} <= indexed()
    blocks = [row[0] for row in inner.execute("SELECT block FROM records_fts_data")]
    assert any(b"water" in block for block in blocks)
    assert not any(word in block for block in blocks for word in (MARKER.encode(), b"bread"))
    with store.transaction():
        inner.execute("INSERT INTO records_fts (records_fts) VALUES ('integrity-check')")
        store.drop_records(MEMBER)
    assert indexed() == set()


# ---- killed processes
def test_kill_9_loses_what_was_not_committed_and_nothing_else(folder: Path, key: bytes) -> None:
    Store.create(folder, key).close()
    program = """
        store = Store.open(folder, key)
        for n in range(1000):
            with store.transaction():
                store.put_setting(f"committed {n}", b"x" * 100)
                store.put_records(b"m" * 32, {f"r{n}": {"title": [f"word{n}"]}})
            print(n, flush=True)
            if n == 30:
                context = store.transaction()
                context.__enter__()
                store.put_setting("uncommitted", b"x")
                # More than the page cache holds, so that pages reach the log before the end.
                for m in range(12):
                    store.put_setting(f"uncommitted {m}", bytes(2_000_000))
                print("inside", flush=True)
                sys.stdin.read()
    """
    with Child(folder, key, program) as child:
        acknowledged = [child.line() for _ in range(31)]
        assert child.line() == "inside"
    assert acknowledged == [str(n) for n in range(31)]
    assert (folder / (home.STORE + "-wal")).stat().st_size > 3_000_000
    with Store.open(folder, key) as store:
        for n in range(31):
            assert store.setting(f"committed {n}") == b"x" * 100
            assert store.search(f"word{n}") == {(b"m" * 32, f"r{n}")}
        assert len(store.records()) == 31
        assert store.setting("uncommitted") is None
        assert store.setting("uncommitted 0") is None
        assert connection(store).pragma("integrity_check") == "ok"


def test_an_unclean_end_is_followed_by_a_check_and_a_clean_one_is_not(
    folder: Path, key: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    Store.create(folder, key).close()
    checks: list[bool] = []
    real = store_file._check

    def remember(inner: apsw.Connection, *, thorough: bool) -> None:
        checks.append(thorough)
        real(inner, thorough=thorough)

    monkeypatch.setattr(store_file, "_check", remember)
    Store.open(folder, key).close()
    program = """
        store = Store.open(folder, key)
        with store.transaction():
            store.put_setting("name", b"value")
        print("done", flush=True)
        sys.stdin.read()
    """
    with Child(folder, key, program) as child:
        assert child.line() == "done"
    Store.open(folder, key).close()
    Store.open(folder, key).close()
    assert checks == [False, True, False]


# ---- two processes
def test_a_second_process_is_told_that_it_is_busy(store: Store, folder: Path, key: bytes) -> None:
    fill(store)
    program = """
        import time
        begun = time.monotonic()
        try:
            Store.open(folder, key)
        except MeshaidError as error:
            print(type(error).__name__, time.monotonic() - begun)
            print(error, flush=True)
    """
    with Child(folder, key, program) as child:
        name, waited = child.line().split()
        text = child.line()
    assert name == "BusyError"
    assert float(waited) >= limits.LOCK_SECONDS * 0.9
    assert text.endswith("Use it through that one, or stop it and try again.")
    with store.transaction():
        store.put_setting("identity", b"still works")


def test_a_second_process_gets_in_when_the_first_leaves(
    store: Store, folder: Path, key: bytes
) -> None:
    fill(store)
    program = """
        print("started", flush=True)
        with Store.open(folder, key) as store:
            print(store.setting("identity").decode(), flush=True)
    """
    with Child(folder, key, program) as child:
        assert child.line() == "started"
        store.close()
        assert child.line() == MARKER


def test_one_process_opens_it_once(
    store: Store, folder: Path, key: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LOCK_SECONDS", 0.01)
    with pytest.raises(BusyError):
        Store.open(folder, key)
    fill(store)
