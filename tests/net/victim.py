"""A process that is there to be killed: it writes, or syncs, and says what it has acknowledged.

python victim.py write|sync HOME FLAGS TAG [PEER]

It prints JSON lines: {"actor"}, {"titles"} after these records were acknowledged, {"transfer"} when
the first records go over. FLAGS is a file of two bytes that others can read when it is dead: is it
inside a transaction, is it inside its first transfer.
"""

from __future__ import annotations

import json
import mmap
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import trio

from meshaid.core import ids
from meshaid.core.document import Edit
from meshaid.core.replica import Replica
from meshaid.desk import Desk
from meshaid.events import NodeEvent, PeerInSync
from meshaid.node import open_node
from meshaid.opening import open_home
from meshaid.store import Store

IN_TRANSACTION, IN_TRANSFER = 0, 1
PILE = 40
"""Records in one large transaction."""


def say(**told: object) -> None:
    print(json.dumps(told), flush=True)


class Flags:
    """What this process is inside of, in a file that outlives it."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._bytes = mmap.mmap(file.fileno(), 2)
        self._synced = False

    def set(self, place: int, inside: bool) -> None:
        self._bytes[place] = inside

    def note(self, event: NodeEvent) -> None:
        """An observer: the first transfer ends when a peer is in sync."""
        if isinstance(event, PeerInSync):
            self._synced = True
            self.set(IN_TRANSFER, False)

    def begin_transfer(self) -> None:
        if not self._synced and not self._bytes[IN_TRANSFER]:
            self.set(IN_TRANSFER, True)
            say(transfer=True)


def watch(flags: Flags) -> None:
    """Let the flags follow what every store and replica of this process does."""
    transaction = Store.transaction

    @contextmanager
    def flagged(store: Store) -> Iterator[None]:
        flags.set(IN_TRANSACTION, True)
        try:
            with transaction(store):
                yield
        finally:
            flags.set(IN_TRANSACTION, False)

    def moving(method: Callable[..., Any]) -> Callable[..., Any]:
        def moved(replica: Replica, *arguments: Any) -> Any:
            flags.begin_transfer()
            return method(replica, *arguments)

        return moved

    Store.transaction = flagged  # type: ignore[assignment, method-assign]
    Replica.receive = moving(Replica.receive)  # type: ignore[method-assign]
    Replica.owed = moving(Replica.owed)  # type: ignore[method-assign]


def write(folder: Path, tag: str) -> None:
    """Write for ever: a pile of records at once, then one as a person does, and so on."""
    with open_home(folder) as opened:
        say(actor=opened.replica.actor.hex())
        desk = Desk(opened.replica, random=os.urandom)
        for number in count():
            now = int(time.time())
            if number % 2:
                titles = [f"{tag} {number}"]
                desk.add("need", {"title": titles[0], "text": "water " * 40}, now)
            else:
                titles = [f"{tag} {number}.{place}" for place in range(PILE)]
                opened.replica.write_all([slip(title, now) for title in titles])
            say(titles=titles)


def slip(title: str, now: int) -> list[Edit]:
    """The edits that make one need."""
    name = ids.record_id(os.urandom(ids.RECORD_BYTES))
    fields = {"kind": "need", "title": title, "text": "water " * 40, "created_at": now}
    return [("make", name), *(("put", name, field, value) for field, value in fields.items())]


async def sync(folder: Path, tag: str, peer: str, flags: Flags) -> None:
    """Run a node that meets one peer, and write all the time."""
    options: dict[str, Any] = {"listen": "127.0.0.1:0", "mdns": False, "observer": flags.note}
    async with open_node(folder, peers=[peer], **options) as node:
        say(actor=node.home.replica.actor.hex())
        for number in count():
            title = f"{tag} {number}"
            await node.board.add_need(title)
            say(titles=[title])
            await trio.sleep(0.02)


def main(what: str, folder: str, flags_file: str, tag: str, *peer: str) -> None:
    """Do it until killed."""
    flags = Flags(Path(flags_file))
    watch(flags)
    if what == "write":
        write(Path(folder), tag)
    else:
        trio.run(sync, Path(folder), tag, peer[0], flags)


if __name__ == "__main__":
    main(*sys.argv[1:])
