"""The store in trouble: what does not open, a full disk, a commit that fails."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import apsw
import pytest

from meshaid import home, store_file, store_schema
from meshaid.errors import (
    BusyError,
    ClosedError,
    NewerStore,
    StoreError,
    StoreFull,
)
from meshaid.store import Store
from tests.core.ledger_suite import (
    GENESIS,
    MEMBER,
    PlannedError,
    fail_after,
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


# ---- what does not open
def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file with something in it; SQLite may leave an empty log."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.stat().st_size}


def spoil(folder: Path, content: bytes) -> None:
    (folder / home.STORE).write_bytes(content)


@pytest.fixture
def closed(store: Store) -> None:
    """A store with more than one page in every corner, closed."""
    fill(store)
    with store.transaction():
        for n in range(100):
            store.put_records(MEMBER, {f"r{n}": record(title=f"water {n}", text="x" * 700)})
    store.close()


@pytest.mark.usefixtures("closed")
class TestWhatDoesNotOpen:
    @pytest.mark.parametrize("length", [0, 1, 100, 511])
    def test_a_stump(self, folder: Path, key: bytes, length: int) -> None:
        spoil(folder, (folder / home.STORE).read_bytes()[:length])
        self.refuses(folder, key, f"no database: {length} bytes are left of it")

    @pytest.mark.parametrize("missing", [1, 4096, 50_000])
    def test_a_file_cut_short(self, folder: Path, key: bytes, missing: int) -> None:
        spoil(folder, (folder / home.STORE).read_bytes()[:-missing])
        self.refuses(folder, key, "damaged")

    def test_garbage(self, folder: Path, key: bytes) -> None:
        spoil(folder, b"\x9d" * 100_000)
        self.refuses(folder, key, "beginning is damaged, or the two come from different homes")

    def test_the_key_of_another_home(self, folder: Path) -> None:
        self.refuses(folder, b"k" * 32, "different homes")

    def test_another_programs_database(self, folder: Path, key: bytes) -> None:
        (folder / home.STORE).unlink()
        other = apsw.Connection(str(folder / home.STORE))
        other.execute("CREATE TABLE t (a)")
        other.close()
        self.refuses(folder, key, "another program's database")

    def test_another_database_under_the_same_key(self, folder: Path, key: bytes) -> None:
        with plain_connection(folder, key) as inner:
            inner.pragma("application_id", 7)
        self.refuses(folder, key, "not a store of meshaid")

    def test_a_newer_store(self, folder: Path, key: bytes) -> None:
        with plain_connection(folder, key) as inner:
            inner.pragma("user_version", store_schema.VERSION + 1)
        self.refuses(folder, key, "Update meshaid", NewerStore)

    def test_a_newer_store_that_did_not_end_cleanly(self, folder: Path, key: bytes) -> None:
        program = """
            from meshaid import store_schema
            store = Store.open(folder, key)
            store._file._connection.pragma("user_version", store_schema.VERSION + 1)
            print("written", flush=True)
            sys.stdin.read()
        """
        with Child(folder, key, program) as child:
            assert child.line() == "written"
        self.refuses(folder, key, "Update meshaid", NewerStore)

    def test_a_missing_file(self, folder: Path, key: bytes) -> None:
        (folder / home.STORE).unlink()
        self.refuses(folder, key, r"store\.db is missing")

    def test_a_folder_in_its_place(self, folder: Path, key: bytes) -> None:
        (folder / home.STORE).unlink()
        (folder / home.STORE).mkdir(0o700)
        with pytest.raises(StoreError, match="Check who owns"):
            Store.open(folder, key)

    def refuses(
        self, folder: Path, key: bytes, text: str, error: type[StoreError] = StoreError
    ) -> None:
        """It does not open, the reason ends with what to do, and nothing at all has changed."""
        before = snapshot(folder)
        with pytest.raises(StoreError, match=text) as caught:
            Store.open(folder, key)
        assert type(caught.value) is error
        assert str(caught.value).endswith(("peers.", "start again.", "this device."))
        assert snapshot(folder) == before

    def test_a_page_damaged_in_the_middle_is_noticed_when_it_is_read(
        self, folder: Path, key: bytes
    ) -> None:
        content = bytearray((folder / home.STORE).read_bytes())
        for page in range(4, len(content) // 4096):
            content[page * 4096 + 2000] ^= 1
        spoil(folder, bytes(content))
        damaged = pytest.raises(StoreError, match=r"store\.db is damaged.*peers\.$")
        with Store.open(folder, key) as store, damaged:
            everything(store)

    def test_damage_is_noticed_at_once_after_an_unclean_end(self, folder: Path, key: bytes) -> None:
        program = """
            store = Store.open(folder, key)
            with store.transaction():
                store.put_setting("only in the log", b"value")
            print("done", flush=True)
            sys.stdin.read()
        """
        with Child(folder, key, program) as child:
            assert child.line() == "done"
        content = bytearray((folder / home.STORE).read_bytes())
        content[-2000] ^= 1
        spoil(folder, bytes(content))
        self.refuses(folder, key, "damaged")

    def test_a_log_left_behind_is_not_harmed_by_a_wrong_key(self, folder: Path, key: bytes) -> None:
        program = """
            store = Store.open(folder, key)
            with store.transaction():
                store.put_setting("only in the log", b"value")
            print("done", flush=True)
            sys.stdin.read()
        """
        with Child(folder, key, program) as child:
            assert child.line() == "done"
        before = snapshot(folder)
        assert before[home.STORE + "-wal"]
        with pytest.raises(StoreError):
            Store.open(folder, b"k" * 32)
        assert snapshot(folder) == before
        with Store.open(folder, key) as store:
            assert store.setting("only in the log") == b"value"


def test_a_folder_of_somebody_else(
    folder: Path, key: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(path: Path, **options: object) -> os.stat_result:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", forbidden)
    for use in (
        lambda: home.open_key(folder),
        lambda: Store.open(folder, key),
        lambda: Store.create(folder, key),
    ):
        with pytest.raises(StoreError, match="Check who owns the folder"):
            use()


def test_a_key_has_32_bytes(folder: Path, key: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Store.create(folder, key + b"x")


# ---- a full disk
def grow(store: Store, amount: int) -> None:
    with store.transaction():
        for n in range(amount // 10_000):
            store.put_setting(f"large {n}", bytes(10_000))


def test_a_full_disk_refuses_the_whole_write_and_costs_the_ballast(
    store: Store, folder: Path
) -> None:
    fill(store)
    before = everything(store)
    pages = connection(store).pragma("page_count")
    connection(store).pragma("max_page_count", pages + 5)
    with pytest.raises(StoreFull, match="reading goes on"):
        grow(store, 200_000)
    assert everything(store) == before
    assert store.setting("large 0") is None
    assert not (folder / home.BALLAST).exists()
    with pytest.raises(StoreFull):
        grow(store, 200_000)
    with store.transaction():
        store.drop_document(GENESIS)
    assert store.documents() == []
    connection(store).pragma("max_page_count", pages + 500)
    grow(store, 200_000)
    assert store.setting("large 0") == bytes(10_000)


def test_a_body_that_goes_on_after_a_failed_write_stores_nothing(store: Store) -> None:
    def swallow(*, then: Callable[[], object]) -> None:
        with store.transaction():
            store.put_setting("before", b"1")
            with pytest.raises(StoreFull):
                store.put_setting("large", bytes(1_000_000))
            then()

    fill(store)
    before = everything(store)
    connection(store).pragma("max_page_count", connection(store).pragma("page_count") + 5)
    with pytest.raises(StoreError, match="nothing was stored"):
        swallow(then=store.cards)
    with pytest.raises(RuntimeError, match="one that has not failed"):
        swallow(then=lambda: store.put_setting("after", b"2"))
    assert everything(store) == before
    assert store.setting("before") is None
    assert store.setting("after") is None


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 24 MiB."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a small disk takes root on Linux")
    place = tmp_path / "small"
    place.mkdir(mode=0o700)
    options = ["-t", "tmpfs", "-o", "size=24m,mode=0700", "tmpfs", str(place)]
    mounted = subprocess.run(["mount", *options], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("this system lets nobody mount a small disk (a container without the right)")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def fill_up(filler: Path, *, leave: int = 0) -> None:
    """Let a file grow until only `leave` bytes are free on its disk."""
    with filler.open("ab", buffering=0) as file:
        if leave:
            for _ in range((shutil.disk_usage(filler.parent).free - leave) // 4096):
                file.write(bytes(4096))
            return
        with suppress(OSError):  # ENOSPC is the aim
            while True:
                file.write(bytes(4096))
    assert shutil.disk_usage(filler.parent).free == 0


def test_a_disk_that_is_really_full(small_disk: Path) -> None:
    folder = small_disk / "home"
    key = home.create(folder)
    with Store.create(folder, key) as store:
        fill(store)
        before = everything(store)
        filler = small_disk / "filler"
        fill_up(filler, leave=300_000)
        assert (folder / home.BALLAST).exists()
        with pytest.raises(StoreFull):
            grow(store, 2_000_000)
        assert everything(store) == before
        assert not (folder / home.BALLAST).exists()

        with store.transaction():  # what the ballast made room for
            store.put_setting("last words", b"received")
            store.drop_document(GENESIS)
        assert store.documents() == []

        fill_up(filler)
        with pytest.raises(StoreFull):
            grow(store, 2_000_000)
        assert store.setting("last words") == b"received"
    with Store.open(folder, key) as store:
        assert store.setting("last words") == b"received"
        assert not (folder / home.BALLAST).exists()
        filler.unlink()
        grow(store, 2_000_000)
    with Store.open(folder, key):
        assert (folder / home.BALLAST).exists()


def test_no_room_for_a_new_store(small_disk: Path) -> None:
    folder = small_disk / "home"
    key = home.create(folder)
    home.free_ballast(folder)
    filler = small_disk / "filler"
    fill_up(filler)
    with pytest.raises(StoreFull, match="try again"):
        Store.create(folder, key)
    assert not (folder / home.STORE).exists()
    filler.unlink()
    with Store.create(folder, key) as store:
        fill(store)


# ---- errors of SQLite
@pytest.mark.parametrize(
    ("foreign", "ours", "text"),
    [
        (apsw.IOError, StoreError, "Check it, then start"),
        (apsw.ReadOnlyError, StoreError, "who owns the home"),
        (apsw.CantOpenError, StoreError, "who owns the home"),
        (apsw.CorruptError, StoreError, "come back from your peers"),
        (apsw.LockedError, BusyError, "try again"),
        (apsw.ConnectionClosedError, ClosedError, "Open it again"),
        (apsw.MisuseError, StoreError, "MisuseError.*report this"),
    ],
)
def test_errors_of_sqlite_become_ours(
    tmp_path: Path, foreign: type[apsw.Error], ours: type[Exception], text: str
) -> None:
    error = store_file.our_error(foreign("SELECT 'somebody' FROM records"), tmp_path)
    assert type(error) is ours
    assert "somebody" not in str(error)
    with pytest.raises(ours, match=text):
        raise error


def test_a_commit_that_fails_stores_nothing(store: Store) -> None:
    fill(store)
    before = everything(store)
    refused = connection(store)
    refused.set_commit_hook(lambda: True)  # SQLite then rolls back itself
    with pytest.raises(StoreError), store.transaction():
        store.put_setting("identity", b"after")
    refused.set_commit_hook(None)
    assert everything(store) == before
    with store.transaction():
        store.put_setting("identity", b"later")
    assert store.setting("identity") == b"later"


def test_a_store_that_cannot_even_roll_back_is_closed(
    store: Store, folder: Path, key: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        """A connection whose disk has gone."""

        in_transaction = True

        def execute(self, *_: object) -> None:
            raise apsw.IOError("disk I/O error")

        def close(self, force: bool) -> None:
            assert force
            real.close()

    real = connection(store)
    fill(store)
    with pytest.raises(StoreError, match="Check it, then start"):
        write_and(store, lambda: setattr(store._file, "_connection", Broken()))
    assert "rolling back failed after IOError" in caplog.text
    with pytest.raises(ClosedError):
        store.cards()
    with Store.open(folder, key) as again:
        assert again.setting("name") is None


def write_and(store: Store, end: Callable[[], None]) -> None:
    with store.transaction():
        store.put_setting("name", b"value")
        end()


def test_closing_inside_a_transaction_stores_nothing(
    store: Store, folder: Path, key: bytes
) -> None:
    with pytest.raises(ClosedError):
        write_and(store, store.close)
    with Store.open(folder, key) as again:
        assert again.setting("name") is None


def test_the_log_of_events_holds_no_content(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    fill(store)
    connection(store).pragma("max_page_count", 1)
    with pytest.raises(StoreFull), store.transaction():
        store.put_setting(MARKER, MARKER.encode() * 10_000)
    with pytest.raises(PlannedError):
        fail_after(store, lambda: store.search(MARKER))
    assert "StoreFull after FullError" in caplog.text
    assert MARKER not in caplog.text
