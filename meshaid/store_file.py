"""The file under the store: opened, keyed, made durable, checked; SQLite's errors made ours.

Why each setting (DESIGN "Store"; figures in docs/threat-model.md):

* ChaCha20 page encryption: every page carries a Poly1305 tag, so damage is found when it is read.
* WAL and synchronous=FULL: with NORMAL a power cut loses commits that peers have seen already,
  and the next write makes a fork.
* locking_mode=EXCLUSIVE: one process, one connection, no shared memory file beside the store.
* secure_delete, a small log, temporary tables in memory, no mmap: what was deleted is gone, and
  nothing in clear reaches the disk.
* trusted_schema=OFF: a manipulated file runs no functions.

Nothing here repairs, renames or removes a store that does not open.
Never read store.db through Python while it is open: closing any descriptor of a file drops all
POSIX locks that the process has on it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self, TypeAlias, final

import apsw

from meshaid import home, limits, read_model
from meshaid.errors import (
    BusyError,
    ClosedError,
    InvalidInput,
    MeshaidError,
    NewerStore,
    StoreError,
    StoreFull,
)
from meshaid.store_schema import APPLICATION_ID, SCHEMA, UPGRADES, VERSION

logger = logging.getLogger("meshaid.store")

Cell: TypeAlias = str | int | bytes | None

_DAMAGED: Final = (
    "Nothing was changed. Keep a copy of the folder, then make a new home and join again: the "
    "others' records come back from your peers."
)
_SMALLEST_PAGE: Final = 512
_SQLITE_HEADER: Final = b"SQLite format 3\0"

PAGE_BYTES: Final = 4096
"""The page size; `store.db` has whole pages unless something was cut off."""
SETTINGS: Final = {
    "page_size": PAGE_BYTES,
    "locking_mode": "EXCLUSIVE",
    "journal_mode": "WAL",
    "synchronous": "FULL",
    "fullfsync": "ON",  # macOS: fsync alone leaves data in the drive's cache
    "checkpoint_fullfsync": "ON",
    "secure_delete": "ON",
    "temp_store": "MEMORY",
    "trusted_schema": "OFF",
    "cell_size_check": "ON",
    "foreign_keys": "ON",
    "mmap_size": 0,
    "cache_size": -limits.STORE_CACHE_KIB,  # negative: KiB, not pages
    "wal_autocheckpoint": limits.WAL_CHECKPOINT_PAGES,
}


@final
class StoreFile:
    """An open store.db: statements, and transactions that are all or nothing."""

    def __init__(self, connection: apsw.Connection, folder: Path) -> None:
        self._connection: apsw.Connection | None = connection
        self._folder = folder
        self._writing = False

    @classmethod
    def open(cls, folder: Path, key: bytes) -> Self:
        """Open store.db for this process alone, sound and of this version.

        Raises:
          BusyError: another process has it, for more than limits.LOCK_SECONDS.
          NewerStore: a newer meshaid wrote it.
          StoreError: missing, damaged, no store, or of another key; nothing was changed.
        """
        path = folder / home.STORE
        with home.os_errors():
            clean = _looks_clean(path)
        try:
            connection = _connect(path, key)
        except apsw.NotADBError as error:
            raise StoreError(_why_unreadable(path)) from error
        except apsw.Error as error:
            raise our_error(error, folder) from error
        try:
            _check(connection, thorough=not clean)
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)
            _upgrade(connection)
        except (apsw.Error, StoreError) as error:
            connection.close()
            if isinstance(error, StoreError):
                raise
            raise our_error(error, folder) from error
        return cls(connection, folder)

    def close(self) -> None:
        """Write the log into the file and let go of the lock. Closing twice is fine."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except apsw.Error as error:
                raise self._failed(error) from error

    def read(self, sql: str, *cells: Cell) -> list[tuple[Any, ...]]:
        """Run one statement that changes nothing; all its rows."""
        connection = self._opened()
        try:
            return connection.execute(sql, cells).fetchall()
        except apsw.Error as error:
            raise self._failed(error) from error

    def write(self, sql: str, *cells: Cell) -> list[tuple[Any, ...]]:
        """Run one statement in the open transaction; the rows that it returns."""
        self._require_transaction()
        return self.read(sql, *cells)

    def write_all(self, sql: str, rows: Iterable[tuple[Cell, ...]]) -> None:
        """Run one statement in the open transaction once per row."""
        self._require_transaction()
        try:
            self._opened().executemany(sql, rows)
        except apsw.Error as error:
            raise self._failed(error) from error

    def empty_log(self) -> None:
        """Write the whole log into the file and cut it to nothing. See `Ledger.scrub`."""
        if self._writing:
            raise RuntimeError("the log is emptied outside a transaction only")
        connection = self._opened()
        try:
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.Error as error:
            raise self._failed(error) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """See `Ledger.transaction`. The first error inside ends it, also when the body goes on."""
        if self._writing:
            raise RuntimeError("a transaction is open already: one applied group, one transaction")
        self.read("BEGIN IMMEDIATE")
        self._writing = True
        try:
            yield
            if not self._opened().in_transaction:
                raise StoreError("A write failed before, so nothing was stored. Try again.")
            self.read("COMMIT")
        except BaseException:
            self._roll_back()
            raise
        finally:
            self._writing = False

    def _opened(self) -> apsw.Connection:
        if self._connection is None:
            raise ClosedError("The store is closed. Open it again.")
        return self._connection

    def _roll_back(self) -> None:
        """End the transaction unless SQLite did so itself; when even that fails, close."""
        if self._connection is None or not self._connection.in_transaction:
            return
        try:
            self._connection.execute("ROLLBACK")
        except apsw.Error as error:
            logger.error("rolling back failed after %s: closing", type(error).__name__)  # noqa: TRY400
            self._connection.close(True)
            self._connection = None

    def _require_transaction(self) -> None:
        if not self._opened().in_transaction:
            raise RuntimeError("writing needs a transaction, and one that has not failed")

    def _failed(self, error: apsw.Error) -> MeshaidError:
        """A statement failed: its transaction is over. Returns our error, to be raised."""
        self._roll_back()
        ours = our_error(error, self._folder)
        logger.warning("%s after %s", type(ours).__name__, type(error).__name__)
        return ours


def create_file(folder: Path, key: bytes) -> None:
    """Make store.db: empty, whole and durable, or not at all.

    Raises InvalidInput when there is one, StoreFull, StoreError.
    """
    path, draft = folder / home.STORE, folder / (home.STORE + ".new")
    with home.os_errors():
        if path.exists():
            raise InvalidInput("There is a store in this folder already. Choose another folder.")
        draft.unlink(missing_ok=True)  # cut off before: a draft never holds anything
        home.write_new(draft, b"")
    connection = None
    try:
        connection = _connect(draft, key)
        connection.pragma("application_id", APPLICATION_ID)
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)
        with connection:
            connection.execute(SCHEMA)
            connection.pragma("user_version", VERSION)
    except apsw.Error as error:
        raise our_error(error, folder) from error
    finally:
        if connection is not None:
            connection.close()
    with home.os_errors():
        draft.rename(path)
        home.sync_folder(folder)


def our_error(error: apsw.Error, folder: Path) -> MeshaidError:
    """The one place where SQLite's errors become ours; a full disk costs the ballast."""
    match error:
        case apsw.FullError():
            home.free_ballast(folder)
            return StoreFull(
                "The disk is full: nothing was written, reading goes on. Free some space, then "
                "try again."
            )
        case apsw.BusyError() | apsw.LockedError():
            return BusyError(
                "Another meshaid process is using this home. Use it through that one, or stop it "
                "and try again."
            )
        case apsw.ConnectionClosedError():
            return ClosedError("The store is closed. Open it again.")
        case apsw.CorruptError() | apsw.NotADBError() | apsw.FormatError():
            return StoreError(f"store.db is damaged. {_DAMAGED}")
        case apsw.ReadOnlyError() | apsw.CantOpenError() | apsw.PermissionsError():
            return StoreError(
                "store.db may not be written by this user. Check who owns the home and its files."
            )
        case apsw.IOError():
            return StoreError(
                "The disk does not answer as it should. Check it, then start meshaid again."
            )
        case _:
            return StoreError(
                f"The store failed in an unforeseen way ({type(error).__name__}). "
                "Start meshaid again, and report this."
            )


def _looks_clean(path: Path) -> bool:
    """Whether the last process closed the store and nothing was cut off since.

    StoreError when there is nothing to open: SQLite would take an empty file for a new database,
    and write into it.
    """
    if not path.exists():
        raise StoreError(
            "store.db is missing. Put it back; or, when setting up was interrupted, remove the "
            "folder and start again."
        )
    size = path.stat().st_size
    if path.is_file() and size < _SMALLEST_PAGE:
        raise StoreError(f"store.db is no database: {size} bytes are left of it. {_DAMAGED}")
    log = path.with_name(path.name + "-wal")
    return not (log.exists() and log.stat().st_size) and size % PAGE_BYTES == 0


def _connect(path: Path, key: bytes) -> apsw.Connection:
    """A keyed connection with all settings in force; raises apsw.Error or StoreError."""
    if len(key) != home.KEY_BYTES:
        raise ValueError(f"a data key has {home.KEY_BYTES} bytes")
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        connection.set_busy_timeout(round(limits.LOCK_SECONDS * 1000))
        if connection.pragma("cipher", "chacha20") != "chacha20":
            # A plain SQLite ignores the key and would write everything in clear.
            raise StoreError("This SQLite cannot encrypt. Install the package apsw-sqlite3mc.")
        connection.pragma("key", "raw:" + key.hex())
        # Only a store that was found sound may be written, be it by copying its log into it.
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        for name, value in SETTINGS.items():
            connection.pragma(name, value)
        connection.pragma("user_version")  # the first read takes the lock and proves the key
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: apsw.Connection, *, thorough: bool) -> None:
    """Version and soundness; `thorough` reads every page and index.

    That takes 25 ms at 10,000 changes and grows with the store, so it is for what did not end
    cleanly. Otherwise damage shows when a page is read: its tag does not fit.
    """
    version = connection.pragma("user_version")
    if connection.pragma("application_id") != APPLICATION_ID or not version:
        raise StoreError(f"store.db is not a store of meshaid. {_DAMAGED}")
    if version > VERSION:
        raise NewerStore("A newer meshaid wrote this store. Update meshaid on this device.")
    if thorough and connection.pragma("quick_check", 1) != "ok":
        raise StoreError(f"store.db is damaged. {_DAMAGED}")


def _upgrade(connection: apsw.Connection) -> None:
    """Bring an older store to this version, in one transaction."""
    version = connection.pragma("user_version")
    if version == VERSION:
        return
    logger.info("upgrading the store from version %d to %d", version, VERSION)
    with connection:
        for step in range(version, VERSION):
            connection.execute(UPGRADES[step])
        _index_words(connection)
        connection.pragma("user_version", VERSION)


def _index_words(connection: apsw.Connection) -> None:
    """Make the words of every record anew: an older version made them by other rules."""
    records: list[Any] = connection.execute(
        "SELECT id, member, record, fields FROM records"
    ).fetchall()
    for row_id, member, record_id, blob in records:
        words = read_model.indexed_words(read_model.unpack(member, record_id, blob).fields)
        connection.execute(
            "INSERT OR REPLACE INTO records_fts (rowid, words) VALUES (?, ?)", (row_id, words)
        )


def _why_unreadable(path: Path) -> str:
    """What a file is that does not open with a key which is the right one for this home."""
    with path.open("rb") as file:
        head = file.read(len(_SQLITE_HEADER))
    if head == _SQLITE_HEADER:
        return f"store.db is another program's database, not encrypted. {_DAMAGED}"
    return (
        "store.db does not open with the key in store.key: its beginning is damaged, or the two "
        f"come from different homes. Put back the right one. {_DAMAGED}"
    )
