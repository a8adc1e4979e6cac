"""Attackers 2 to 5, 9, 17, 19 and 25, and the logs, with whole nodes over TCP on this computer.

What one meeting or one roster does against them is in the other files; here are the sockets, the
store thread and everything that a node tells.
"""

from __future__ import annotations

import base64
import logging
import os
import random
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from meshaid import limits
from meshaid.core.cards import make_device
from meshaid.core.invite import decode_invite
from meshaid.core.keys import SigningKey, StaticKey
from meshaid.core.session import HandshakeDone, Session
from meshaid.desk import Desk
from meshaid.errors import MeshaidError, NotKnownYet, NotReachable
from meshaid.events import ConnectionFailed, PeerConnected, PeerInSync, PeerLost
from meshaid.opening import OpenHome, open_home
from tests.shell.street import NOON, PATIENCE, Resident, Street

YEAR = 31_536_000


@pytest.fixture
def street(tmp_path: Path) -> Street:
    """Homes to come, and nodes in them."""
    return Street(tmp_path)


@pytest.fixture
def anna(street: Street) -> Path:
    """The founder's home."""
    return street.found("Anna")


@pytest.fixture
def member(street: Street, anna: Path) -> Iterator[OpenHome]:
    """The keys of somebody who has joined, in the hands of an attacker."""
    with closing(open_home(street.join("Mallory", anna))) as opened:
        yield opened


def host_and_port(resident: Resident) -> tuple[str, int]:
    host, _, port = resident.address.rpartition(":")
    return host, int(port)


async def dialed(resident: Resident) -> trio.SocketStream:
    return await trio.open_tcp_stream(*host_and_port(resident))


async def until_hung_up(stream: trio.SocketStream) -> bytes:
    """All that the node says until it hangs up."""
    heard = bytearray()
    with trio.fail_after(PATIENCE):
        async with stream:
            try:
                while data := await stream.receive_some():
                    heard += data
            except trio.BrokenResourceError:
                return bytes(heard)
    return bytes(heard)


def session_of(home: OpenHome, *, psk: bytes | None = None) -> Session:
    """A conversation begun with the keys of a home."""
    identity = home.replica.identity
    return Session(
        "dialer",
        static=identity.static_seed,
        ephemeral=os.urandom(32),
        psks=[psk] if psk else identity.psks,
        prologue=b"meshaid/1" + identity.community,
        now=0.0,
    )


async def still_works(street: Street, host: Resident, guest: Resident) -> None:
    """Both still talk to each other, and show one board."""
    need = await guest.node.board.add_need("Water")
    await street.equal(host, guest)
    assert need.id in {row.id for row in await host.node.board.records()}


# ---- 2: a stranger connects
async def test_02_a_stranger_hears_nothing_at_all(
    street: Street, anna: Path, member: OpenHome
) -> None:
    """He knows the community's id and everything else, but not its door key."""
    async with street.runs(anna) as host:
        for psk in (bytes(32), b"x" * 32):
            stream = await dialed(host)
            await stream.send_all(session_of(member, psk=psk).data_to_send())
            assert await until_hung_up(stream) == b""
        await host.hears(ConnectionFailed, 2)
        assert {event.reason for event in host.events(ConnectionFailed)} == {"handshake"}
        assert not host.events(PeerConnected)


# ---- 3: a stranger opens very many sockets
async def test_03_three_hundred_idle_sockets_stop_nobody(
    street: Street, anna: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HANDSHAKE_SECONDS", 0.5)
    ben, cleo = street.join("Ben", anna), street.join("Cleo", anna)
    most = 0

    def count() -> bool:
        nonlocal most
        most = max(most, host.node.statistics()["sessions"])
        return len(host.events(ConnectionFailed)) >= limits.MAX_HALF_OPEN

    async with (
        street.runs(anna) as host,
        street.runs(ben, host) as guest,
        street.runs(cleo) as late,
    ):
        await street.equal(host, guest)
        async with trio.open_nursery() as nursery:
            for number in range(300):
                source = (f"127.0.{number // 100 + 1}.{number % 100 + 1}", 0)
                idle = socket.create_connection(host_and_port(host), source_address=source)
                nursery.start_soon(until_hung_up, _as_stream(idle))
            await still_works(street, host, guest)
            host.node.add_peer(late.address)
            await street.equal(host, guest, late)
            await street.until(count)
        assert most <= limits.MAX_HALF_OPEN + 2
        await street.until(lambda: host.node.statistics()["sessions"] == 2)


def _as_stream(raw: socket.socket) -> trio.SocketStream:
    raw.setblocking(False)
    return trio.SocketStream(trio.socket.from_stdlib_socket(raw))


# ---- 4 and 5: somebody in between records, replays and changes
class Between:
    """A relay in the hands of an attacker: he sees and may change everything that goes by."""

    def __init__(self, target: Resident, change: Callable[[bytes], bytes] = lambda d: d) -> None:
        self._target = target
        self._change = change
        self.heard: list[bytes] = []
        """What the dialers said, piece by piece."""

    async def serve(self, task_status: trio.TaskStatus[str]) -> None:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        task_status.started(f"127.0.0.1:{listener.socket.getsockname()[1]}")
        await trio.serve_listeners(self._relay, [listener])

    async def _relay(self, near: trio.SocketStream) -> None:
        async with near, await dialed(self._target) as far, trio.open_nursery() as nursery:
            nursery.start_soon(self._carry, near, far, self._note, nursery)
            nursery.start_soon(self._carry, far, near, self._change, nursery)

    async def _carry(
        self,
        source: trio.SocketStream,
        sink: trio.SocketStream,
        see: Callable[[bytes], bytes],
        nursery: trio.Nursery,
    ) -> None:
        try:
            while data := bytes(await source.receive_some()):
                await sink.send_all(see(data))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            nursery.cancel_scope.cancel()
        nursery.cancel_scope.cancel()

    def _note(self, data: bytes) -> bytes:
        self.heard.append(data)
        return self._change(data)


async def test_04_a_recorded_meeting_played_again_acts_on_nothing(
    street: Street, anna: Path
) -> None:
    ben = street.join("Ben", anna)
    street.do(ben, "add", {"kind": "need", "fields": {"title": "Water"}})
    async with street.runs(anna) as host, trio.open_nursery() as nursery:
        between = Between(host)
        middle = await nursery.start(between.serve)
        async with street.runs(ben, peers=[middle]) as guest:
            await street.equal(host, guest)
        await host.hears(PeerLost)
        before = await host.digest()
        for start in range(len(between.heard)):
            stream = await dialed(host)
            await stream.send_all(b"".join(between.heard[start:]))
            await until_hung_up(stream)
        await host.hears(ConnectionFailed, len(between.heard))
        assert len(host.events(PeerConnected)) == 1
        assert await host.digest() == before
        nursery.cancel_scope.cancel()


async def test_05_whoever_changes_a_joining_on_its_way_only_breaks_it(
    street: Street, anna: Path
) -> None:
    """One bit of every meeting is turned; when he gives up, the newcomer is in, and only that."""
    dice = random.Random(5)
    left = 12

    def turn(data: bytes) -> bytes:
        nonlocal left
        if left == 0 or dice.random() < 0.5:
            return data
        left -= 1
        changed = bytearray(data)
        changed[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        return bytes(changed)

    ben = street.join("Ben", anna)
    async with street.runs(anna) as host, trio.open_nursery() as nursery:
        middle = await nursery.start(Between(host, turn).serve)
        async with street.runs(ben) as guest:
            while left:
                with trio.fail_after(PATIENCE):
                    await _try_sync(guest, middle)
                devices = set(host.node.home.replica.roster.devices)
                assert devices <= {_device(host), _device(guest)}
            await guest.node.sync(middle)
            assert set(host.node.home.replica.roster.devices) == {_device(host), _device(guest)}
        nursery.cancel_scope.cancel()


async def _try_sync(guest: Resident, address: str) -> None:
    try:
        await guest.node.sync(address)
    except (NotReachable, NotKnownYet):
        return


def _device(resident: Resident) -> bytes:
    return resident.node.home.replica.identity.device


async def test_05_a_card_with_another_device_key_is_refused(
    street: Street, anna: Path, member: OpenHome
) -> None:
    """He has seen the newcomer's cards, and shows the member's device card with a key of his."""
    identity = member.replica.identity
    forged = make_device(
        SigningKey(b"z" * 32),
        SigningKey(b"y" * 32),
        community=identity.community,
        member=identity.member,
        static_key=StaticKey(b"w" * 32).public,
        sealing_key=StaticKey(b"v" * 32).public,
        label="mine",
    )
    async with street.runs(anna) as host:
        replica = host.node.home.replica
        cards = [*member.replica.chain(), forged.wire]
        await host.node.work(partial(replica.add_cards, cards))
        assert set(replica.roster.devices) == {_device(host), identity.device}


# ---- 9: a member's malware
@pytest.mark.parametrize("seed", range(6))
async def test_09_bad_frames_of_a_member_end_its_session_and_nothing_else(
    street: Street, anna: Path, member: OpenHome, seed: int
) -> None:
    dice = random.Random(seed)
    ben = street.join("Ben", anna)
    async with street.runs(anna) as host, street.runs(ben, host) as guest:
        await street.equal(host, guest)
        for _ in range(8):
            await throw(host, session_of(member), dice)
        await still_works(street, host, guest)
        assert host.node.statistics()["sessions"] == 1


async def throw(host: Resident, session: Session, dice: random.Random) -> None:
    """Shake hands as a member, then say something that no honest device says."""
    stream = await dialed(host)
    await stream.send_all(session.data_to_send())
    while not isinstance(session.next_event(), HandshakeDone):
        session.receive_data(bytes(await stream.receive_some()), 0.0)
    writer = session._writer
    assert writer is not None
    await stream.send_all(session.data_to_send())
    frame = bytearray(writer.frame(dice.choice(JUNK)(dice)))
    if dice.random() < 0.3:
        frame[dice.randrange(len(frame))] ^= 1
    await stream.send_all(frame)
    await until_hung_up(stream)


JUNK: list[Callable[[random.Random], bytes]] = [
    lambda dice: dice.randbytes(dice.randrange(1, 400)),
    lambda dice: bytes([0x90 + dice.randrange(16)]) + dice.randbytes(40),
    lambda dice: b"\x92" + bytes([dice.randrange(40)]) + b"\xc4\xff" + dice.randbytes(255),
    lambda dice: b"\xdd\xff\xff\xff\xff" + dice.randbytes(30),
    lambda dice: b"\x81" * dice.randrange(1, 2_000),
]


# ---- 7 and 17: more than anybody can read
async def test_07_addresses_without_end_leave_the_table_small(street: Street, anna: Path) -> None:
    async with street.runs(anna) as host:
        for number in range(3_000):
            host.node.add_peer(f"127.7.{number // 250}.{number % 250 + 1}:9")
        assert host.node.statistics()["candidates"] <= limits.MAX_ADDRESSES


async def test_17_a_flood_of_needs_leaves_those_of_others_in_sight(
    street: Street, anna: Path
) -> None:
    rows = "".join(f"need,{number},flood {number},yes,5\n" for number in range(300))
    table = base64.b64encode(f"kind,id,title,life_threatening,minute\n{rows}".encode()).decode()
    ben = street.join("Ben", anna)
    assert street.do(ben, "import", {"data": table})["imported"] == 300
    async with street.runs(anna) as host, street.runs(ben, host) as guest:
        await host.node.board.add_need("Insulin", urgency="any")
        await street.equal(host, guest)
        desk = Desk(guest.node.home.replica, random=os.urandom)

        def first_page() -> list[str]:
            board = desk.board(NOON)
            return [row.record.text("title") for row in board.first_page(board.rows(), 20)]

        page = await guest.node.work(first_page)
    assert "Insulin" in page
    assert len(page) == limits.SHOWN_PER_MEMBER + 1


# ---- 19: a removed member
async def test_19_a_removal_ends_a_live_session_and_hides_what_was_written(
    street: Street, anna: Path
) -> None:
    ben, cleo = street.join("Ben", anna), street.join("Cleo", anna)
    async with (
        street.runs(anna) as host,
        street.runs(ben, host) as bad,
        street.runs(cleo, host, bad) as house,
    ):
        await bad.node.board.add_need("seen until now")
        await street.equal(host, bad, house)
        await street.remove(host, bad)
        for other in (host, house):
            await street.until(partial(_gone_from, other, bad))
            assert await other.titles() == []
        await bad.hears(PeerLost, 2)
        await bad.node.board.add_need("still writing")
        await house.node.board.add_need("not for him")
        with trio.fail_after(PATIENCE):
            await _try_sync(bad, house.address)
        await street.equal(host, house)
        assert await host.titles() == await house.titles() == ["not for him"]
        assert "not for him" not in await bad.titles()


def _gone_from(other: Resident, bad: Resident) -> bool:
    return any(event.device == _device(bad) for event in other.events(PeerLost))


# ---- 25: clocks that are wrong
@pytest.mark.parametrize("wrong", [0, NOON - YEAR, NOON + YEAR, 2**40])
async def test_25_a_clock_that_is_wrong_by_years_stops_nothing(
    street: Street, anna: Path, wrong: int
) -> None:
    ben = street.join("Ben", anna)
    async with (
        street.runs(anna) as host,
        street.runs(ben, host, clock=lambda: float(wrong)) as guest,
    ):
        await host.node.board.add_need("Water")
        await guest.node.board.add_need("Bread")
        await street.equal(host, guest)
        for resident in (host, guest):
            rows = await resident.node.board.records(status="all")
            assert len(rows) == 2
        await guest.node.status()
        assert (await guest.node.peers())[0]["state"] == "connected"


# ---- logs and events: nothing that people wrote, nothing that opens a door
async def test_logs_and_events_hold_no_words_and_no_keys(
    street: Street, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    anna = street.found("MARKERanna", kind="hub", letter="A")
    text = street.invite(anna, "invite", {"uses": 9})
    ben = street.join_by("MARKERben", text)
    tablet = street.link("MARKERtablet", anna)
    said: list[str] = []
    async with (
        street.runs(anna) as host,
        street.runs(ben, host) as guest,
        street.runs(tablet, host) as second,
    ):
        fields = {"text": "MARKERtext", "area": "MARKERarea"}
        need = await host.node.board.add_need("MARKERtitle", **fields)
        await street.equal(host, guest, second)
        await second.node.board.edit(need.id, title="MARKERedited")
        await street.equal(host, guest, second)
        said += [
            await refusal(partial(host.node.board.edit, need.id, urgency="MARKERwrong")),
            await refusal(partial(host.node.board.edit, "MARKERref", title="x")),
            await refusal(partial(host.node.sync, "MARKERaddress")),
        ]
        await guest.hears(PeerInSync)
        residents = (host, guest, second)
        said += [repr(event) for resident in residents for event in resident.told]
        said += [f"{r.node!r}{r.node.home.replica.identity!r}" for r in residents]
        said += [repr(connection) for connection in host.node.network.connections]
        said += [repr(row) for row in await host.node.board.records()]
        secrets = [secret for resident in residents for secret in secrets_of(resident)]
    everything = caplog.text + "\n".join(said)
    assert "PeerInSync" in everything
    assert "MARKER" not in everything.replace(str(tmp_path), "")
    for secret in (*secrets, text, decode_invite(text).seed.hex()):
        assert secret not in everything


async def refusal(call: Callable[[], Awaitable[Any]]) -> str:
    """What a person is told who asks for something wrong."""
    with pytest.raises(MeshaidError) as raised:
        await call()
    return str(raised.value)


def secrets_of(resident: Resident) -> list[str]:
    """The private keys of a home, in every form in which they might be printed."""
    identity = resident.node.home.replica.identity
    keys = [identity.device_seed, identity.static_seed, identity.door_key, *identity.psks]
    keys += [key for key in (identity.member_seed, identity.root_seed) if key]
    return [form for key in keys for form in (key.hex(), repr(key)[2:-1])]
