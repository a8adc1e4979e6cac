"""Links that are dead without anybody having been told: they must not stand in a live one's way."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import trio
from trio.testing import open_stream_to_socket_listener

from meshaid.events import PeerConnected, PeerInSync, PeerLost
from meshaid.opening import open_home
from meshaid.sockets import has_address_of
from tests.shell.street import Resident, Street


class Cable:
    """A relay to a node that can stop carrying anything, as when a peer walks out of reach."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = host, int(port)
        self.address = ""
        self.is_cut = False

    @asynccontextmanager
    async def laid(self) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
            self.address = f"127.0.0.1:{listeners[0].socket.getsockname()[1]}"
            nursery.start_soon(trio.serve_listeners, self._carry_both_ways, listeners)
            yield
            nursery.cancel_scope.cancel()

    async def _carry_both_ways(self, near: trio.SocketStream) -> None:
        far = await trio.open_tcp_stream(*self._target)
        async with near, far, trio.open_nursery() as nursery:
            nursery.start_soon(self._carry, near, far)
            nursery.start_soon(self._carry, far, near)

    async def _carry(self, source: trio.SocketStream, sink: trio.SocketStream) -> None:
        while data := await source.receive_some():
            if self.is_cut:
                await trio.sleep_forever()
            await sink.send_all(data)
        await trio.sleep_forever()


@pytest.fixture
def homes(street: Street) -> tuple[Path, Path]:
    """Two homes of one community; the first has the smaller static key, so its links stay."""
    anna = street.found("Anna")
    first, second = sorted((anna, street.join("Ben", anna)), key=static_key)
    return first, second


def static_key(home: Path) -> bytes:
    with open_home(home) as opened:
        key: bytes = opened.replica.identity.static_key.public
        return key


@pytest.mark.parametrize("who", ["the other", "the same"])
async def test_a_dead_link_does_not_win_over_a_live_one(
    street: Street, homes: tuple[Path, Path], who: str
) -> None:
    """By the rules the link that the smaller key started stays; but not where it says nothing."""
    async with street.runs(homes[1]) as larger:
        cable = Cable(larger.address)
        async with cable.laid(), street.runs(homes[0], peers=[cable.address]) as smaller:
            await street.equal(smaller, larger)
            cable.is_cut = True
            dialer, other = (smaller, larger) if who == "the same" else (larger, smaller)
            dialer.node.add_peer(other.address)  # whose it is shows in the handshake alone
            await other.node.board.add_need("Water")
            await dialer.node.board.add_need("Bread")
            await street.until(partial(has_all, dialer))
            await street.until(partial(has_all, other))


async def has_all(resident: Resident) -> bool:
    return await resident.titles() == ["Bread", "Water"]


async def test_a_link_that_lives_stays_the_only_one(
    street: Street, homes: tuple[Path, Path]
) -> None:
    """The new one is closed as soon as something is heard over the old one."""
    async with street.runs(homes[1]) as larger, street.runs(homes[0], larger) as smaller:
        await street.equal(smaller, larger)
        larger.node.add_peer(smaller.address)
        await larger.hears(PeerInSync)
        await smaller.node.board.add_need("Water")
        await street.until(lambda: larger.node.statistics()["sessions"] == 1)
        assert {event.reason for event in larger.events(PeerLost)} <= {"duplicate"}
        assert larger.events(PeerConnected)


async def test_whether_a_connection_stands_on_an_address_of_this_device() -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener, await open_stream_to_socket_listener(listener) as stream:
        assert has_address_of(stream)
        moved = SimpleNamespace(family=socket.AF_INET, getsockname=lambda: ("192.0.2.1", 9))
        assert not has_address_of(cast(trio.SocketStream, SimpleNamespace(socket=moved)))
    assert not has_address_of(stream)
