"""Nodes that meet over TCP on this computer: who finds whom, which link stays, and who is kept out.

Discovery, where a test needs it, is the verified fake of `meshaid.testing.discovery`.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from meshaid import limits
from meshaid.core.enrol import FOUNDING_LABEL
from meshaid.dns_sd import Unavailable
from meshaid.errors import InvalidInput, NotKnownYet, NotReachable
from meshaid.events import (
    CardsChanged,
    ConnectionFailed,
    DiscoveryFailed,
    Listening,
    NotYetKnown,
    PeerConnected,
    PeerFound,
    PeerInSync,
    PeerLost,
)
from meshaid.network import OpenDiscovery
from meshaid.testing.discovery import MemoryHost, MemoryLan
from tests.shell.street import PATIENCE, Resident, Street


@pytest.fixture
def anna(street: Street) -> Path:
    """The founder's home."""
    return street.found("Anna")


def heard(host: MemoryHost, home: Path) -> OpenDiscovery:
    """Discovery on a network in memory, with the key that this home's invite carried."""
    from meshaid.opening import open_home

    with open_home(home) as opened:
        keys = opened.replica.identity.discovery_keys
    return lambda port: host.open_discovery(discovery_keys=keys, port=port, random=os.urandom)


def host_and_port(resident: Resident) -> tuple[str, int]:
    host, _, port = resident.address.rpartition(":")
    return host, int(port)


# ---- the main job
async def test_two_meet_and_hear_of_everything(street: Street, anna: Path) -> None:
    ben = street.join("Ben", anna)
    street.do(ben, "add", {"kind": "offer", "fields": {"title": "Soup"}})
    async with street.runs(anna) as host, street.runs(ben, host) as guest:
        await host.node.board.add_need("Water")
        digest = await street.equal(host, guest)
        assert await host.titles() == await guest.titles() == ["Soup", "Water"]
        assert host.events(PeerInSync)[-1].digest == digest
        watcher = host.node.board.watch()
        await guest.node.board.add_need("Bread")
        assert (await street.next_of(watcher)).id
        (peer,) = await guest.node.peers()
        assert (peer["address"], peer["state"]) == (host.address, "connected")
        assert (peer["member_name"], peer["label"]) == ("Anna", FOUNDING_LABEL)
        for told in (guest.events(PeerConnected)[0], guest.events(PeerInSync)[0]):
            assert (told.member_name, told.label) == ("Anna", FOUNDING_LABEL)
            assert "Anna" not in repr(told)
        assert host.events(PeerConnected)[0].member_name == "Ben"
        assert guest.node.statistics()["links"] == 1


async def test_they_find_each_other_by_discovery_alone(street: Street, anna: Path) -> None:
    lan = MemoryLan()
    homes = [anna, *(street.join(name, anna) for name in ("Ben", "Cleo", "Dora"))]
    found = [heard(lan.host("127.0.0.1"), home) for home in homes]
    async with (
        street.runs(homes[0], discovery=found[0]) as one,
        street.runs(homes[1], discovery=found[1]) as two,
        street.runs(homes[2], discovery=found[2]) as three,
        street.runs(homes[3], discovery=found[3]) as four,
    ):
        everybody = (one, two, three, four)
        for number, resident in enumerate(everybody):
            await resident.node.board.add_need(f"Need {number}")
        await street.equal(*everybody)
        assert await four.titles() == [f"Need {number}" for number in range(4)]
        assert one.events(PeerFound)[0].source == "mdns"
        assert one.events(Listening)


async def test_a_peer_that_moved_is_found_again(street: Street, anna: Path) -> None:
    lan, ben = MemoryLan(), street.join("Ben", anna)
    moving = lan.host("127.0.0.2")
    still = heard(lan.host("127.0.0.1"), anna)
    async with (
        street.runs(anna, discovery=still) as host,
        street.runs(ben, listen="0.0.0.0:0", discovery=heard(moving, ben)) as guest,
    ):
        await street.equal(host, guest)
        moving.move("127.0.0.3")
        port = guest.address.rpartition(":")[2]
        await street.until(lambda: f"127.0.0.3:{port}" in guest.node.listening)
        moved = PeerFound(f"127.0.0.3:{port}", "mdns")
        await street.until(lambda: moved in host.told)
        await guest.node.board.add_need("Water")
        await street.equal(host, guest)


async def test_discovery_that_cannot_be_opened_is_told(street: Street, anna: Path) -> None:
    @asynccontextmanager
    async def unavailable(port: int) -> AsyncIterator[trio.MemoryReceiveChannel[Unavailable]]:
        send, receive = trio.open_memory_channel[Unavailable](1)
        with send, receive:
            send.send_nowait(Unavailable("there is no network; it is tried again"))
            yield receive

    ben = street.join("Ben", anna)
    async with street.runs(anna, discovery=unavailable) as host:
        assert "tried again" in (await host.hears(DiscoveryFailed)).reason
        async with street.runs(ben, host) as guest:
            await street.equal(host, guest)


# ---- links
async def test_both_dial_and_one_link_stays(street: Street, anna: Path) -> None:
    ben = street.join("Ben", anna)
    async with street.runs(anna) as host, street.runs(ben) as guest:
        host.node.add_peer(guest.address)
        guest.node.add_peer(host.address)
        await street.equal(host, guest)
        await street.until(lambda: all(r.node.statistics()["sessions"] == 1 for r in (host, guest)))
        for resident in (host, guest):
            assert resident.node.statistics()["links"] == 1
            (peer,) = await resident.node.peers()
            assert peer["state"] == "connected"
        await host.node.board.add_need("Water")
        await street.equal(host, guest)


async def test_a_peer_that_restarts_is_met_again(street: Street, anna: Path) -> None:
    ben = street.join("Ben", anna)
    async with street.runs(anna) as host:
        async with street.runs(ben, host) as guest:
            await street.equal(host, guest)
        lost = await host.hears(PeerLost)
        assert (lost.reason, lost.member_name) == ("leaving", "Ben")
        await host.node.board.add_need("Water")
        async with street.runs(ben) as guest:  # nobody tells it any address
            await street.equal(host, guest)
            assert await guest.titles() == ["Water"]


async def test_a_node_that_is_told_its_own_address(street: Street, anna: Path) -> None:
    async with street.runs(anna) as host:
        host.node.add_peer(host.address)
        await host.hears(ConnectionFailed)
        await street.until(lambda: host.node.statistics()["sessions"] == 0)
        assert host.node.statistics()["candidates"] == 0
        assert not host.events(PeerConnected)


async def test_an_address_without_anybody_is_tried_again(street: Street, anna: Path) -> None:
    ben = street.join("Ben", anna)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        later = f"127.0.0.1:{free.getsockname()[1]}"
    async with street.runs(ben, peers=[later]) as guest:
        async with street.runs(anna, listen=later) as host:
            await street.equal(host, guest)
        with pytest.raises(InvalidInput):
            guest.node.add_peer("nowhere")


# ---- who is not known yet
async def test_a_joiner_first_meets_a_node_that_lacks_the_card_of_its_invite(
    street: Street, anna: Path
) -> None:
    """Noor has never met Anna since Anna invited Ben; Ben meets Noor first, then Anna."""
    noor = street.join("Noor", anna)
    ben = street.join("Ben", anna)
    async with street.runs(noor) as first, street.runs(ben, first) as guest:
        await guest.node.board.add_need("Water")
        await guest.hears(NotYetKnown)
        await first.hears(NotYetKnown)
        for resident in (first, guest):
            (peer,) = await resident.node.peers()
            assert (peer["state"], peer["in_sync"]) == ("not known yet", False)
        assert await first.titles() == []
        assert await guest.titles() == ["Water"]
        async with street.runs(anna) as host:
            guest.node.add_peer(host.address)
            await street.equal(host, guest)
            first.node.add_peer(host.address)
            await street.equal(host, guest, first)
            assert await first.titles() == ["Water"]
            assert "not known yet" not in {p["state"] for p in await first.node.peers()}
        await first.hears(PeerConnected)


async def test_two_joiners_meet_each_other_first(street: Street, anna: Path) -> None:
    ben, cleo = street.join("Ben", anna), street.join("Cleo", anna)
    async with street.runs(ben) as one, street.runs(cleo, one) as two:
        await one.node.board.add_need("Water")
        await two.node.board.add_need("Bread")
        await one.hears(NotYetKnown)
        await two.hears(NotYetKnown)
        assert [await one.titles(), await two.titles()] == [["Water"], ["Bread"]]
        async with street.runs(anna) as host:
            one.node.add_peer(host.address)
            await street.equal(one, two, host)
        assert await two.titles() == ["Bread", "Water"]


async def test_a_linked_device_meets_a_stranger_to_it_first(street: Street, anna: Path) -> None:
    """The second device of a member meets another joiner before any device of its own member."""
    ben, tablet = street.join("Ben", anna), street.link("tablet", anna)
    async with street.runs(ben) as other, street.runs(tablet, other) as second:
        await second.node.board.add_need("Water")
        await other.hears(NotYetKnown)
        async with street.runs(anna) as host:
            other.node.add_peer(host.address)
            await street.equal(other, second, host)
        assert await other.titles() == ["Water"]
        rows = await other.node.board.records()
        assert rows[0].as_json()["member_name"] == "Anna"


async def test_sync_says_not_known_yet_and_keeps_the_cards(street: Street, anna: Path) -> None:
    ben, cleo = street.join("Ben", anna), street.join("Cleo", anna)
    async with street.runs(ben) as one, street.runs(cleo) as two:
        with pytest.raises(NotKnownYet, match="kept"):
            await two.node.sync(one.address)
        held = two.node.home.replica.held_card(one.node.home.replica.own_device_card()[:16])
        assert held is not None


# ---- sync, beside the links
async def test_sync_through_a_node(street: Street, anna: Path) -> None:
    ben = street.join("Ben", anna)
    async with street.runs(anna) as host, street.runs(ben) as guest:
        await host.node.board.add_need("Water")
        told = await guest.node.sync(host.address)
        assert told == {"digest": await host.digest(), "equal": True, "reason": "equal"}
        guest.node.add_peer(host.address)
        await guest.hears(PeerInSync)
        assert (await guest.node.sync(host.address))["equal"] is True
        await street.until(lambda: host.node.statistics()["links"] == 1)


async def test_sync_with_nobody(street: Street, anna: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        async with street.runs(anna) as host:
            told = await host.node.sync(address, timeout=0.1)
            assert (told["equal"], "--timeout" in told["reason"]) == (False, True)
    async with street.runs(anna) as host:
        with pytest.raises(NotReachable, match="is meshaid running"):
            await host.node.sync(address)
        with pytest.raises(InvalidInput):
            await host.node.sync("nowhere")


async def test_sync_with_another_community(street: Street, tmp_path: Path, anna: Path) -> None:
    elsewhere = Street(tmp_path / "elsewhere")
    async with street.runs(anna) as host, elsewhere.runs(elsewhere.found("Zoe")) as other:
        with pytest.raises(NotReachable, match="no device of this community"):
            await host.node.sync(other.address)
        assert (await host.hears(Listening)).addresses
        assert other.node.statistics()["links"] == 0


# ---- strangers at the door
async def test_a_connection_that_breaks_off_at_once_harms_nobody(
    street: Street, anna: Path
) -> None:
    """The node may see such a connection only after it is gone."""
    ben = street.join("Ben", anna)
    async with street.runs(anna) as host, street.runs(ben, host) as guest:
        for _ in range(50):
            with socket.create_connection(host_and_port(host)) as hasty:
                hasty.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await guest.node.board.add_need("Water")
        await street.equal(host, guest)


async def test_few_half_open_connections_are_held(
    street: Street, anna: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixty strangers come at once, from twenty addresses; a member gets in all the same."""
    monkeypatch.setattr(limits, "MAX_HALF_OPEN", 10)
    monkeypatch.setattr(limits, "HANDSHAKE_SECONDS", 0.5)
    ben = street.join("Ben", anna)
    most = 0

    def count() -> bool:
        nonlocal most
        most = max(most, host.node.statistics()["sessions"])
        return len(host.events(ConnectionFailed)) >= 10

    async with street.runs(anna) as host, trio.open_nursery() as nursery:
        for number in range(60):
            source = (f"127.0.1.{number % 20 + 1}", 0)
            stranger = socket.create_connection(host_and_port(host), source_address=source)
            nursery.start_soon(until_closed, stranger)
        await street.until(count)
        async with street.runs(ben, host) as guest:
            await street.equal(host, guest)
    assert {event.reason for event in host.events(ConnectionFailed)} == {"handshake"}
    assert most <= 10


async def until_closed(stranger: socket.socket) -> None:
    """Say nothing until the node hangs up, as it must."""
    with trio.fail_after(PATIENCE):
        stream = trio.SocketStream(trio.socket.from_stdlib_socket(nonblocking(stranger)))
        async with stream:
            try:
                assert await stream.receive_some() == b""
            except trio.BrokenResourceError:
                return


def nonblocking(raw: socket.socket) -> socket.socket:
    raw.setblocking(False)
    return raw


async def test_one_address_gets_few_places(
    street: Street, anna: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HANDSHAKE_SECONDS", 0.3)
    async with street.runs(anna) as host, trio.open_nursery() as nursery:
        for _ in range(limits.MAX_HALF_OPEN_PER_ADDRESS * 5):
            nursery.start_soon(until_closed, socket.create_connection(host_and_port(host)))
        await host.hears(ConnectionFailed, limits.MAX_HALF_OPEN_PER_ADDRESS)
        assert len(host.events(ConnectionFailed)) == limits.MAX_HALF_OPEN_PER_ADDRESS


async def test_sessions_are_bounded(
    street: Street, anna: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_SESSIONS", 1)
    ben, cleo = street.join("Ben", anna), street.join("Cleo", anna)
    async with street.runs(anna) as host:
        async with street.runs(ben, host) as guest:
            await street.equal(host, guest)
            async with street.runs(cleo, host) as late:
                await late.hears(ConnectionFailed)
                assert host.node.statistics()["sessions"] == 1
        async with street.runs(cleo, host) as late:
            await street.equal(host, late)
        assert host.events(CardsChanged)
