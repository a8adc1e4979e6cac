"""The home: one folder with everything that a device keeps.

    store.db      the encrypted store (meshaid/store.py)
    store.key     its 32-byte data key, raw or wrapped with a passphrase
    ballast       4 MiB that are given up first when the disk is full
    control.sock  where a running node listens (meshaid/control.py)

`store.key` is msgpack [body, SHA-256(tag + body)]; body is msgpack [1, "raw", key] or
[1, "argon2id", salt 16, passes, lanes, KiB, nonce 12, key sealed with ChaCha20-Poly1305 48], where
the sealing key is Argon2id(passphrase in NFC, UTF-8; RFC 9106) and all that stands before the box
is bound to it. So three things are told apart before the store is touched: a damaged key file (the
sum is wrong), a wrong passphrase (the box does not open), and a store that does not fit its key.

The folder is 0700, its files are 0600. A raw key protects nobody who hands in the whole laptop; it
is there so that `wipe` can destroy 32 bytes instead of a database. Source: DESIGN "Store".
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import secrets
import shutil
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgpack
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from meshaid import limits
from meshaid.errors import InvalidInput, NewerStore, StoreError, StoreFull, WrongPassphrase

STORE: Final = "store.db"
KEY: Final = "store.key"
BALLAST: Final = "ballast"
CONTROL: Final = "control.sock"

KEY_BYTES: Final = 32
logger = logging.getLogger("meshaid.home")

_KEY_VERSION: Final = 1
_SUM_TAG: Final = b"meshaid-store-key-v1\0"
_BAD_KEY_FILE: Final = (
    "store.key is damaged, and without it store.db cannot be read. Put back a copy of store.key, "
    "or make a new home and join again."
)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one guess of a passphrase costs. Written into store.key, so it may rise later.

    StoreError when it is beyond what any version writes: unwrapping would take hours or all memory.
    """

    passes: int = limits.ARGON2_PASSES
    lanes: int = limits.ARGON2_LANES
    memory_kib: int = limits.ARGON2_MEMORY_KIB

    def __post_init__(self) -> None:
        ceiling = 16
        if (
            not 1 <= self.passes <= ceiling * limits.ARGON2_PASSES
            or not 1 <= self.lanes <= ceiling * limits.ARGON2_LANES
            or not 8 * self.lanes <= self.memory_kib <= ceiling * limits.ARGON2_MEMORY_KIB
        ):
            raise StoreError(_BAD_KEY_FILE)


def default_folder() -> Path:
    """The platform's data folder for meshaid; nothing is created."""
    from platformdirs import user_data_path

    return user_data_path("meshaid", appauthor=False)


def exists(folder: Path) -> bool:
    """Whether there is a home in this folder, whole or not."""
    return any((folder / name).exists() for name in (STORE, KEY) if not _is_leftover(folder, name))


def create(folder: Path, passphrase: str | None = None, *, cost: Cost | None = None) -> bytes:
    """Make a home: the folder, a fresh data key, the ballast. The store comes next (Store.create).

    Returns the data key (32 bytes).
    Raises InvalidInput when there is a home already, when the folder is somebody else's, or for
    an unusable passphrase; StoreFull; StoreError.
    """
    key = secrets.token_bytes(KEY_BYTES)
    body: list[object] = [_KEY_VERSION, "raw", key]
    if passphrase is not None:
        body = _wrapped(key, passphrase, cost or Cost())
    with os_errors():
        _make_folder(folder)
        packed: bytes = msgpack.packb(body)
        if _is_leftover(folder, KEY):
            (folder / KEY).unlink()
        write_new(folder / KEY, msgpack.packb([packed, _sum(packed)]))
        sync_folder(folder)
    fill_ballast(folder)
    return key


def has_passphrase(folder: Path) -> bool:
    """Whether opening this home takes a passphrase. Raises as `open_key` does."""
    return _read_key_file(folder)[1] == "argon2id"


def open_key(folder: Path, passphrase: str | None = None) -> bytes:
    """The data key of a home; a passphrase that it does not need is ignored.

    Raises:
      InvalidInput: no home in this folder.
      WrongPassphrase: it needs one, and none or another one was given.
      NewerStore: a newer meshaid wrote store.key.
      StoreError: store.key is damaged or cannot be read.
    """
    body = _read_key_file(folder)
    match body:
        case [_, "raw", bytes(key)] if len(key) == KEY_BYTES:
            return key
        case [_, "argon2id", bytes(salt), int(p), int(lanes), int(kib), bytes(nonce), bytes(box)]:
            if passphrase is None:
                raise WrongPassphrase(
                    "This home is locked with a passphrase. Give it with --passphrase-file."
                )
            head = msgpack.packb(body[:-1])
            sealing = _stretched(passphrase, salt, Cost(p, lanes, kib))
            try:
                return ChaCha20Poly1305(sealing).decrypt(nonce, box, head)
            except InvalidTag:
                raise WrongPassphrase(
                    "The passphrase does not open this home. Check it and try again."
                ) from None
        case _:
            raise StoreError(_BAD_KEY_FILE)


def tighten(folder: Path) -> None:
    """Take away what others may do with the home, as after a copy from a stick."""
    with os_errors():
        for path, mode in ((folder, 0o700), (folder / STORE, 0o600), (folder / KEY, 0o600)):
            if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
                path.chmod(mode)


# ---- the ballast
def fill_ballast(folder: Path) -> bool:
    """Put the ballast in place if it is missing and the disk has plenty; True when it is there."""
    path = folder / BALLAST
    try:
        if not path.exists() and shutil.disk_usage(folder).free >= 4 * limits.BALLAST_BYTES:
            # Random bytes, for a file system that compresses would keep zeros for free.
            write_new(path, os.urandom(limits.BALLAST_BYTES))
    except OSError as error:
        logger.warning("no ballast: %s", errno.errorcode.get(error.errno or 0, "unknown"))
    return path.exists()


def free_ballast(folder: Path) -> bool:
    """Give up the ballast; True when there was one."""
    try:
        (folder / BALLAST).unlink()
    except OSError as error:
        logger.warning("no ballast to free: %s", errno.errorcode.get(error.errno or 0, "unknown"))
        return False
    return True


# ---- files
def write_new(path: Path, content: bytes) -> None:
    """Create a file (0600) that must not exist yet, with this content, durable.

    Raises OSError; then no file is left.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink()
        raise


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable: a new file can vanish in a power cut otherwise."""
    if os.name == "nt":
        return  # no such call there; NTFS journals names
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make_folder(folder: Path) -> None:
    if (folder / STORE).exists():
        raise InvalidInput("There is a home in this folder already. Choose another with --home.")
    if exists(folder):
        raise InvalidInput(
            "This folder holds store.key without store.db: setting up was interrupted, or store.db "
            "was moved away. Put it back, or remove the folder and start again."
        )
    if folder.exists() and not folder.is_dir():
        raise InvalidInput("The home must be a folder, and this is a file. Choose another name.")
    new = not folder.exists()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.name != "nt" and stat.S_IMODE(folder.stat().st_mode) & 0o077:
        if any(folder.iterdir()):
            raise InvalidInput(
                "Other users may look into this folder, and it holds other files. Choose a new "
                "folder for the home, or make this one private first (chmod 700)."
            )
        folder.chmod(0o700)
    if new:
        sync_folder(folder.parent)


def _is_leftover(folder: Path, name: str) -> bool:
    """An empty store.key: the power went while it was made, and it never held a key."""
    path = folder / name
    return name == KEY and path.is_file() and path.stat().st_size == 0


@contextmanager
def os_errors() -> Iterator[None]:
    """The one place where errors of the operating system about a home become ours."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreFull("The disk is full. Free some space, then try again.") from error
        if isinstance(error, PermissionError):
            raise StoreError(
                "The home may not be read or written by this user. Check who owns the folder."
            ) from error
        reason = os.strerror(error.errno) if error.errno else type(error).__name__
        raise StoreError(f"The home cannot be used ({reason}). Check the disk.") from error


# ---- store.key
def _read_key_file(folder: Path) -> list[object]:
    """The body of store.key, its sum and version checked."""
    path = folder / KEY
    with os_errors():
        if not exists(folder):
            raise InvalidInput(
                "There is no home in this folder. Make one with `meshaid init` or `meshaid join`, "
                "or name another folder with --home."
            )
        if not path.exists():
            raise StoreError(
                "store.key is missing, and without it store.db cannot be read. Put it back, or "
                "make a new home and join again."
            )
        with path.open("rb") as file:
            content = file.read(limits.KEY_FILE_BYTES + 1)
    body = _checked_body(content)
    version = body[0] if body else None
    if isinstance(version, int) and version > _KEY_VERSION:
        raise NewerStore("A newer meshaid made this home. Update meshaid on this device.")
    if len(body) < 3 or version != _KEY_VERSION:
        raise StoreError(_BAD_KEY_FILE)
    return body


def _checked_body(content: bytes) -> list[object]:
    with suppress(ValueError, TypeError, msgpack.exceptions.UnpackException):
        packed, total = msgpack.unpackb(content)
        if isinstance(packed, bytes) and total == _sum(packed):
            body = msgpack.unpackb(packed)
            if isinstance(body, list):
                return body
    raise StoreError(_BAD_KEY_FILE)


def _sum(packed: bytes) -> bytes:
    """Finds damage, not forgery: whoever can write here can replace the whole home."""
    return hashlib.sha256(_SUM_TAG + packed).digest()


def _wrapped(key: bytes, passphrase: str, cost: Cost) -> list[object]:
    salt, nonce = secrets.token_bytes(16), secrets.token_bytes(12)
    head = [_KEY_VERSION, "argon2id", salt, cost.passes, cost.lanes, cost.memory_kib, nonce]
    sealing = _stretched(passphrase, salt, cost)
    return [*head, ChaCha20Poly1305(sealing).encrypt(nonce, key, msgpack.packb(head))]


def _stretched(passphrase: str, salt: bytes, cost: Cost) -> bytes:
    if not 1 <= len(passphrase) <= limits.PASSPHRASE_CHARS:
        raise InvalidInput(f"A passphrase has 1 to {limits.PASSPHRASE_CHARS} characters.")
    stretch = Argon2id(
        salt=salt,
        length=KEY_BYTES,
        iterations=cost.passes,
        lanes=cost.lanes,
        memory_cost=cost.memory_kib,
    )
    return stretch.derive(unicodedata.normalize("NFC", passphrase).encode("utf-8"))
