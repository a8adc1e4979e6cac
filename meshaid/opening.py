"""Homes as people meet them: founded, joined, opened. The one place where disk and core are joined.

A home comes into being whole or not at all: what can be refused is refused before anything is
written, and what fails afterwards takes its own files with it.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from meshaid import home
from meshaid.addresses import format_address, parse_address
from meshaid.core import enrol
from meshaid.core.cards import Kind
from meshaid.core.identity import Identity
from meshaid.core.invite import InviteText
from meshaid.core.ledger import AddressRow
from meshaid.core.replica import Replica
from meshaid.desk import Desk
from meshaid.errors import InvalidInput
from meshaid.store import Store

logger = logging.getLogger("meshaid.home")

_MACHINE_ID = Path("/etc/machine-id")


@dataclass(frozen=True, slots=True)
class OpenHome:
    """An open home: its store and the replica upon it. Close it, or use it in `with`."""

    folder: Path
    store: Store
    replica: Replica

    def close(self) -> None:
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def open_home(
    folder: Path, passphrase: str | None = None, *, random: Callable[[int], bytes] = os.urandom
) -> OpenHome:
    """Open an existing home.

    Raises:
      InvalidInput: there is no home in this folder.
      WrongPassphrase, NewerStore, StoreError: see home.open_key and Store.open.
      BusyError: another process has it open.
    """
    store = Store.open(folder, home.open_key(folder, passphrase))
    try:
        data = store.setting("identity")
        if data is None:
            raise InvalidInput(f"{folder} was never finished; move it away and join again")
        replica = Replica(
            store, Identity.decode(data), random=random, install=_install(folder / home.STORE)
        )
    except BaseException:
        store.close()
        raise
    return OpenHome(folder, store, replica)


def found_home(
    folder: Path,
    *,
    community_name: str,
    name: str,
    kind: Kind = "household",
    letter: str | None = None,
    exercise: bool = False,
    stewards: int = 2,
    keep_root: bool = False,
    passphrase: str | None = None,
    now: int,
    random: Callable[[int], bytes] = os.urandom,
) -> enrol.Founded:
    """Found a community in a new home; see `core.enrol.found`.

    Raises:
      InvalidInput: a home exists there already, or a value does not fit; nothing was written.
    """
    check_letter(kind, letter)
    founded = enrol.found(
        community_name=community_name,
        name=name,
        kind=kind,
        exercise=exercise,
        stewards=stewards,
        keep_root=keep_root,
        now=now,
        random=random,
    )
    hub = (name, letter) if letter else None
    _write_home(folder, founded, (), passphrase, hub, now, random)
    return founded


def join_home(
    folder: Path,
    invite: InviteText,
    *,
    name: str | None = None,
    label: str | None = None,
    kind: Kind | None = None,
    letter: str | None = None,
    chain: Sequence[bytes] = (),
    passphrase: str | None = None,
    now: int,
    random: Callable[[int], bytes] = os.urandom,
) -> enrol.Enrolled:
    """Join in a new home, as a member (`name`) or as a second device of one (`label`).

    Args:
      chain: cards that came with an invite file.
    Raises:
      InvalidInput: a home exists there already, or a value does not fit; nothing was written.
      RefusedByTrust: the invite does not allow this kind of member; nothing was written.
    """
    hub = None
    if invite.purpose == "link":
        if label is None:
            raise InvalidInput("this is a link for a second device: give --label instead of --as")
        enrolled = enrol.link(invite, label=label, random=random)
    else:
        if name is None:
            raise InvalidInput("this invites a new member: give --as NAME instead of --label")
        enrolled = enrol.join(invite, name=name, kind=kind, random=random)
        check_letter(kind or invite.kinds[0], letter)
        hub = (name, letter) if letter else None
    _write_home(folder, enrolled, chain, passphrase, hub, now, random, invite.addresses)
    return enrolled


def check_letter(kind: str, letter: str | None) -> None:
    """Raises InvalidInput when a hub has no letter or anybody else has one."""
    if kind == "hub" and letter is None:
        raise InvalidInput("a hub needs its letter, which begins its spoken codes: give --letter")
    if kind != "hub" and letter is not None:
        raise InvalidInput("only a hub has a letter: leave --letter out, or give --kind hub")


def _write_home(
    folder: Path,
    enrolled: enrol.Enrolled,
    chain: Sequence[bytes],
    passphrase: str | None,
    hub: tuple[str, str] | None,
    now: int,
    random: Callable[[int], bytes],
    addresses: Sequence[str] = (),
) -> None:
    """Make the home with its cards, the addresses of its invite and, for a hub, its record."""
    key = home.create(folder, passphrase)
    if (folder / home.STORE).exists():  # another process was quicker: its files are not ours
        raise InvalidInput("There is a home in this folder already. Choose another with --home.")
    with _undone_on_failure(folder), Store.create(folder, key) as store:
        replica = Replica(
            store, enrolled.identity, random=random, install=_install(folder / home.STORE)
        )
        replica.add_cards([*chain, *(card.wire for card in enrolled.cards)])
        if hub is not None:
            title, letter = hub
            entered = {"title": title, "letter": letter, "type": "hub"}
            Desk(replica, random=random).add("hub", entered, now)
        # Last of all: without an identity the home counts as never finished.
        with store.transaction():
            store.put_setting("identity", enrolled.identity.encode())
            for address in _usable(addresses):
                store.remember_address(AddressRow(address, None, now))


def _usable(addresses: Sequence[str]) -> Iterator[str]:
    """The addresses that can be dialed; whoever wrote the invite may have mistyped one."""
    for address in addresses:
        try:
            yield format_address(*parse_address(address))
        except InvalidInput as error:
            logger.warning("an address in the invite cannot be used: %s", error)


@contextmanager
def _undone_on_failure(folder: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        for path in folder.glob(f"{home.STORE}*"):
            path.unlink()
        for name in (home.KEY, home.BALLAST):
            (folder / name).unlink(missing_ok=True)
        raise


def _install(store: Path) -> bytes:
    """What tells this copy of the store from another: the machine and the file itself.

    A copy, or a store restored from a backup as a new file, has another one and goes on under a
    new nonce. A restore over the same file does not show here; peers notice that
    (docs/protocol.md, "Forks").
    """
    try:
        machine = _MACHINE_ID.read_bytes().strip()
    except OSError:
        machine = b""
    inode = store.stat().st_ino
    return hashlib.sha256(b"meshaid-install-v1\0" + machine + inode.to_bytes(8, "big")).digest()
