"""The home folder: its key, with and without a passphrase, its modes, its ballast."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshaid import home, limits
from meshaid.errors import (
    InvalidInput,
    MeshaidError,
    NewerStore,
    StoreError,
    StoreFull,
    WrongPassphrase,
)

CHEAP = home.Cost(passes=1, lanes=1, memory_kib=64)
posix = pytest.mark.skipif(os.name == "nt", reason="modes are a matter of POSIX")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def key_file(folder: Path) -> bytes:
    return (folder / home.KEY).read_bytes()


# ---- the key
def test_the_key_comes_back(tmp_path: Path) -> None:
    key = home.create(tmp_path / "new" / "home")
    assert len(key) == home.KEY_BYTES
    assert home.open_key(tmp_path / "new" / "home") == key
    assert home.open_key(tmp_path / "new" / "home", "not needed") == key
    assert not home.has_passphrase(tmp_path / "new" / "home")


def test_no_two_homes_have_one_key(tmp_path: Path) -> None:
    assert home.create(tmp_path / "a") != home.create(tmp_path / "b")


def test_a_passphrase_opens_the_key(tmp_path: Path) -> None:
    key = home.create(tmp_path / "h", "correct horse", cost=CHEAP)
    assert home.has_passphrase(tmp_path / "h")
    assert home.open_key(tmp_path / "h", "correct horse") == key
    assert key not in key_file(tmp_path / "h")


def test_a_passphrase_is_the_same_from_every_keyboard(tmp_path: Path) -> None:
    key = home.create(tmp_path / "h", "caf\u00e9", cost=CHEAP)
    assert home.open_key(tmp_path / "h", "cafe\u0301") == key


@pytest.mark.parametrize("passphrase", ["correct Horse", "correct horse ", "x", "\u00e9"])
def test_another_passphrase_is_refused(tmp_path: Path, passphrase: str) -> None:
    home.create(tmp_path / "h", "correct horse", cost=CHEAP)
    with pytest.raises(WrongPassphrase, match="try again") as caught:
        home.open_key(tmp_path / "h", passphrase)
    assert passphrase not in str(caught.value).split()


def test_a_missing_passphrase_is_asked_for(tmp_path: Path) -> None:
    home.create(tmp_path / "h", "correct horse", cost=CHEAP)
    with pytest.raises(WrongPassphrase, match="--passphrase-file"):
        home.open_key(tmp_path / "h")


@pytest.mark.parametrize("passphrase", ["", "x" * (limits.PASSPHRASE_CHARS + 1)])
def test_an_unusable_passphrase_makes_no_home(tmp_path: Path, passphrase: str) -> None:
    with pytest.raises(InvalidInput, match="1 to 1024 characters"):
        home.create(tmp_path / "h", passphrase, cost=CHEAP)
    assert not (tmp_path / "h").exists()


def test_the_default_cost_is_what_the_threat_model_says(tmp_path: Path) -> None:
    home.create(tmp_path / "h", "correct horse")
    body, _ = msgpack.unpackb(key_file(tmp_path / "h"))
    version, method, salt, passes, lanes, memory_kib, nonce, box = msgpack.unpackb(body)
    assert (version, method, passes, lanes, memory_kib) == (1, "argon2id", 3, 4, 65_536)
    assert (len(salt), len(nonce), len(box)) == (16, 12, 48)
    assert home.open_key(tmp_path / "h", "correct horse")


# ---- a damaged store.key
@pytest.mark.parametrize("passphrase", [None, "correct horse"])
def test_every_damaged_byte_of_the_key_is_noticed(tmp_path: Path, passphrase: str | None) -> None:
    home.create(tmp_path / "h", passphrase, cost=CHEAP)
    (tmp_path / "h" / home.STORE).touch()
    good = key_file(tmp_path / "h")
    for at in range(len(good)):
        damaged = bytearray(good)
        damaged[at] ^= 0x21
        (tmp_path / "h" / home.KEY).write_bytes(damaged)
        with pytest.raises(StoreError, match=r"store\.key is damaged") as caught:
            home.open_key(tmp_path / "h", passphrase)
        assert not isinstance(caught.value, WrongPassphrase)


def test_a_cut_key_file_is_noticed(tmp_path: Path) -> None:
    home.create(tmp_path / "h")
    (tmp_path / "h" / home.STORE).touch()
    good = key_file(tmp_path / "h")
    for length in range(len(good)):
        (tmp_path / "h" / home.KEY).write_bytes(good[:length])
        with pytest.raises(StoreError, match=r"store\.key is damaged"):
            home.open_key(tmp_path / "h")


@given(content=st.binary(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_garbage_is_no_key(tmp_path: Path, content: bytes) -> None:
    (tmp_path / home.STORE).touch()
    (tmp_path / home.KEY).write_bytes(content)
    with pytest.raises(StoreError):
        home.open_key(tmp_path)


def seal(*body: object) -> bytes:
    """A store.key with a right sum over any body."""
    packed = msgpack.packb(body)
    return bytes(msgpack.packb([packed, home._sum(packed)]))


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (seal(2, "raw", bytes(32)), NewerStore),
        (seal(2), NewerStore),
        (seal(1, "raw", bytes(31)), StoreError),
        (seal(1, "raw", "text"), StoreError),
        (seal(1, "rot13", bytes(32)), StoreError),
        (seal(), StoreError),
        (seal(0, "raw", bytes(32)), StoreError),
        (seal(1, "argon2id", bytes(16), 3, 4, 2**32, bytes(12), bytes(48)), StoreError),
        (seal(1, "argon2id", bytes(16), 10**6, 4, 64, bytes(12), bytes(48)), StoreError),
        (seal(1, "argon2id", bytes(16), 3, 0, 64, bytes(12), bytes(48)), StoreError),
        (seal(1, "argon2id", bytes(16), 1, 1, 64, bytes(12), bytes(48)), WrongPassphrase),
    ],
)
def test_a_key_file_of_another_kind(
    tmp_path: Path, content: bytes, error: type[MeshaidError]
) -> None:
    (tmp_path / home.KEY).write_bytes(content)
    with pytest.raises(StoreError) as caught:
        home.open_key(tmp_path, "correct horse")
    assert type(caught.value) is error


def test_a_lost_key_is_named(tmp_path: Path) -> None:
    home.create(tmp_path / "h")
    (tmp_path / "h" / home.STORE).touch()
    (tmp_path / "h" / home.KEY).unlink()
    with pytest.raises(StoreError, match=r"store\.key is missing"):
        home.open_key(tmp_path / "h")


def test_no_home_is_told_from_a_broken_one(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="meshaid init"):
        home.open_key(tmp_path / "nothing")
    with pytest.raises(InvalidInput, match="meshaid init"):
        home.has_passphrase(tmp_path)


# ---- the folder
@posix
def test_nobody_else_may_look(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    for folder in (tmp_path / "open", tmp_path / "new"):
        home.create(folder)
        assert mode(folder) == 0o700
        assert mode(folder / home.KEY) == 0o600
        assert mode(folder / home.BALLAST) == 0o600


@posix
def test_an_open_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o755)
    (folder / "letter.txt").write_text("hello")
    with pytest.raises(InvalidInput, match="chmod 700"):
        home.create(folder)
    assert [path.name for path in folder.iterdir()] == ["letter.txt"]
    assert mode(folder) == 0o755
    folder.chmod(0o700)
    home.create(folder)
    assert home.exists(folder)


@posix
def test_a_home_that_came_from_a_stick_is_tightened(tmp_path: Path) -> None:
    home.create(tmp_path / "h")
    (tmp_path / "h" / home.STORE).touch()
    for path in (tmp_path / "h", tmp_path / "h" / home.KEY, tmp_path / "h" / home.STORE):
        path.chmod(0o777)
    home.tighten(tmp_path / "h")
    assert mode(tmp_path / "h") == 0o700
    assert mode(tmp_path / "h" / home.KEY) == mode(tmp_path / "h" / home.STORE) == 0o600


def test_a_home_is_made_once(tmp_path: Path) -> None:
    key = home.create(tmp_path / "h")
    with pytest.raises(InvalidInput, match="setting up was interrupted"):
        home.create(tmp_path / "h")
    (tmp_path / "h" / home.STORE).touch()
    with pytest.raises(InvalidInput, match="There is a home in this folder already"):
        home.create(tmp_path / "h")
    assert home.open_key(tmp_path / "h") == key


def test_an_empty_key_file_is_a_leftover(tmp_path: Path) -> None:
    (tmp_path / home.KEY).touch()
    assert not home.exists(tmp_path)
    key = home.create(tmp_path)
    assert home.open_key(tmp_path) == key


def test_a_file_is_no_home(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInput, match="must be a folder"):
        home.create(tmp_path / "file")


def test_the_default_folder_is_the_platforms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/somewhere/data")
    assert home.default_folder().name == "meshaid"
    assert not home.default_folder().exists()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="Check the disk"):
        home.create(tmp_path / "file" / "below")


def test_a_full_disk_makes_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StoreFull):
            home.create(tmp_path / "h")
    assert not home.exists(tmp_path / "h")
    assert home.create(tmp_path / "h")


def test_new_files_and_their_names_are_made_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    real = os.fsync

    def remember(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", remember)
    home.create(tmp_path / "h")
    for path in (tmp_path, tmp_path / "h", tmp_path / "h" / home.KEY):
        assert path.stat().st_ino in synced
    in_order = [synced.index((tmp_path / "h" / name).stat().st_ino) for name in (home.KEY, "")]
    assert in_order == sorted(in_order)


# ---- the ballast
def test_the_ballast_can_be_given_up_once(tmp_path: Path) -> None:
    home.create(tmp_path / "h")
    ballast = tmp_path / "h" / home.BALLAST
    assert ballast.stat().st_size == limits.BALLAST_BYTES
    assert home.free_ballast(tmp_path / "h")
    assert not ballast.exists()
    assert not home.free_ballast(tmp_path / "h")
    assert home.fill_ballast(tmp_path / "h")
    assert ballast.stat().st_size == limits.BALLAST_BYTES


def test_no_ballast_where_there_is_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=4 * limits.BALLAST_BYTES - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    home.create(tmp_path / "h")
    assert not (tmp_path / "h" / home.BALLAST).exists()


def test_a_ballast_that_does_not_fit_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert not home.fill_ballast(tmp_path)
    assert list(tmp_path.iterdir()) == []
