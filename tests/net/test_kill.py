"""Kill -9 at any moment of writing and of syncing: nothing acknowledged is lost, nodes converge.

Half of the kills hit a process that writes, half a node in the middle of a big first sync over
TCP, as the one who gives or the one who takes. This process is the witness: it takes down what the
victim has acknowledged before it kills it. Where the blow fell is read from a file that the victim
marks.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from meshaid import limits, opening
from meshaid.core.invite import decode_invite
from meshaid.core.meeting import Meeting
from meshaid.core.noise import Role
from meshaid.core.served import Served
from meshaid.core.slips import Reading
from meshaid.desk import Desk
from meshaid.intake import import_file
from meshaid.node import Node, open_node
from meshaid.opening import OpenHome, open_home
from meshaid.testing.wire import Wire
from tests.shell.store_parts import connection

pytestmark = pytest.mark.kill

VICTIM = Path(__file__).with_name("victim.py")
NOW = 1_700_000_000
SLIPS = 1_500
"""Records that a first sync brings over."""
KILLS_OF_A_HOME = 20
"""After so many a home of its own comes next: a document ends at limits.MAX_EPOCH_CHANGES."""
MOST_DELAY = {"write": 0.15, "sync": 0.25}
"""Seconds after its first words within which a victim is killed."""


class Homes:
    """Two homes to copy from: one holds many slips, the other joined and has met nobody."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        founded = opening.found_home(
            folder / "giver", community_name="Riverside", name="Anna", now=NOW
        )
        invite = decode_invite(founded.steward_invites[0])
        opening.join_home(folder / "taker", invite, name="Ben", now=NOW)
        rows = [f"S{n},need,slip {n},{'some words of a slip ' * 6},0" for n in range(SLIPS)]
        table = "\n".join(["id,kind,title,text,minute", *rows]).encode()
        with open_home(folder / "giver") as home:
            desk = Desk(home.replica, random=os.urandom)
            import_file(desk, table, NOW, reading=Reading(start=NOW))

    def fresh(self, name: str, place: Path) -> Path:
        """A copy of a home in a new place."""
        shutil.copytree(self.folder / name, place)
        return place


class Blow:
    """One victim, what it acknowledged, and where it was when it was killed."""

    def __init__(self, what: str, home: Path, tag: str, *peer: str) -> None:
        self.what = what
        self.home = home
        self.flags = home.with_suffix(".flags")
        self.flags.write_bytes(bytes(2))
        self.words = [sys.executable, str(VICTIM), what, str(home), str(self.flags), tag, *peer]
        self.acknowledged: set[str] = set()
        self.actor = b""
        self.in_transaction = self.in_transfer = False

    async def strike(self, delay: float) -> None:
        """Start it, wait for its first words and then this long, kill it, and read all it said."""
        process = await trio.lowlevel.open_process(self.words, stdout=subprocess.PIPE)
        assert process.stdout is not None
        said = bytearray()
        words = (b'"titles"', b'"transfer"') if self.what == "sync" else (b'"titles"',)
        while not all(word in said for word in words):
            data = await process.stdout.receive_some()
            assert data, "the victim ended by itself"
            said += data
        # Chance decides the moment; what is waited for is nothing but time.
        with trio.move_on_after(delay):
            while data := await process.stdout.receive_some():
                said += data
        process.kill()
        while data := await process.stdout.receive_some():
            said += data
        assert await process.wait() == -9
        self._read(bytes(said))

    def _read(self, said: bytes) -> None:
        for line in said.splitlines(keepends=True):
            if line.endswith(b"\n"):  # the last one may have been cut off: not acknowledged
                told = json.loads(line)
                self.acknowledged.update(told.get("titles", ()))
                self.actor = bytes.fromhex(told["actor"]) if "actor" in told else self.actor
        flags = self.flags.read_bytes()
        self.in_transaction, self.in_transfer = bool(flags[0]), bool(flags[1])


def titles(home: OpenHome) -> Counter[Any]:
    return Counter(row.fields["title"][0] for row in home.store.records())


def check_store(blow: Blow) -> None:
    """The store opens, is sound, holds all that was acknowledged, and goes on as the same actor."""
    with open_home(blow.home) as home:
        assert connection(home.store).pragma("integrity_check") == "ok"
        assert blow.acknowledged, "the victim acknowledged nothing before it was killed"
        held = titles(home)
        assert not blow.acknowledged - held.keys()
        assert set(held.values()) == {1}
        assert home.replica.actor == blow.actor
        genesis = home.replica.own_genesis
        whole = home.replica._documents.get(genesis)
        assert home.replica.document_clock(genesis) == whole.clock()


def meet(one: OpenHome, other: OpenHome) -> None:
    """A meeting in this process."""

    def begin(home: OpenHome, role: Role) -> Meeting:
        return Meeting(
            Served(home.replica),
            role=role,
            ephemeral=os.urandom(32),
            now=0.0,
            once=role == "dialer",
        )

    Wire(begin(one, "dialer"), begin(other, "listener"), now=0.0).run()
    assert one.replica.digest() == other.replica.digest()


def no_forks(home: OpenHome) -> bool:
    documents = home.replica._documents
    return not any(documents.get(genesis)._history.forks for genesis in home.replica.items())


async def kill_while_writing(homes: Homes, number: int, chance: random.Random) -> Blow:
    """The same home is written to, killed and met again and again, until it has enough."""
    generation = number // KILLS_OF_A_HOME
    folder, peer = (homes.folder / f"{name} {generation}" for name in ("writer", "reader"))
    if not folder.exists():
        homes.fresh("taker", folder)
        homes.fresh("giver", peer)
    blow = Blow("write", folder, f"w{number}")
    await blow.strike(chance.uniform(0, MOST_DELAY["write"]))
    check_store(blow)
    with open_home(folder) as victim, open_home(peer) as other:
        meet(victim, other)
        assert no_forks(other)
        assert not blow.acknowledged - titles(other).keys()
    return blow


async def kill_while_syncing(homes: Homes, number: int, chance: random.Random) -> Blow:
    """Fresh homes each time: the victim gives or takes, the other one runs in this process."""
    roles = ["giver", "taker"] if chance.random() < 0.5 else ["taker", "giver"]
    victim, other = (homes.fresh(role, homes.folder / f"{role} {number}") for role in roles)
    async with open_node(other, listen="127.0.0.1:0", mdns=False) as steady:
        (address,) = steady.listening
        blow = Blow("sync", victim, f"s{number}", address)
        await blow.strike(chance.uniform(0, MOST_DELAY["sync"]))
        await trio.to_thread.run_sync(check_store, blow)
        async with open_node(victim, listen="127.0.0.1:0", mdns=False) as again:
            met = await again.sync(address, timeout=60)
            assert met["equal"], met
            for node in (again, steady):
                await node.work(partial(check_node, node, blow))
        assert again.home.replica.digest() == steady.home.replica.digest()
    for folder in (victim, other):
        shutil.rmtree(folder)
    return blow


def check_node(node: Node, blow: Blow) -> None:
    held = titles(node.home)
    assert not blow.acknowledged - held.keys()
    assert len(held) >= SLIPS
    assert set(held.values()) == {1}
    assert no_forks(node.home)


@pytest.fixture
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Homes:
    monkeypatch.setattr(limits, "BALLAST_BYTES", 16)
    return Homes(tmp_path)


async def test_kills_lose_nothing_that_was_acknowledged(
    homes: Homes, kills: int, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(20)
    blows = []
    for number in range(kills):
        kill = kill_while_syncing if number % 2 else kill_while_writing
        blows.append(await kill(homes, number, chance))
    in_transaction = sum(blow.in_transaction for blow in blows)
    in_transfer = sum(blow.in_transfer for blow in blows)
    acknowledged = sum(len(blow.acknowledged) for blow in blows)
    with capsys.disabled():
        print(
            f"\n{kills} kills: {in_transaction} inside a transaction, {in_transfer} inside a "
            f"transfer; {acknowledged} acknowledged records, all there"
        )
    assert in_transaction * 3 >= kills
    assert in_transfer * 3 >= kills
