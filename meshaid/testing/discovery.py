"""A local network in memory: discovery without sockets, threads or waiting.

It is put through the same acceptance suite as multicast DNS. What it leaves out: packets that get
lost, names that expire by age, and networks that change by themselves.

    lan = MemoryLan()
    hub = lan.host("10.77.0.1")
    async with hub.open_discovery(discovery_keys=[key], port=7117, random=random) as events: ...
    hub.down()
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio

from meshaid import limits
from meshaid.addresses import format_address
from meshaid.discovery import Inbox
from meshaid.dns_sd import (
    INSTANCE_BYTES,
    SERVICE_TYPE,
    Announced,
    Discovered,
    DiscoveryEvent,
    Expired,
    instance_tag,
    recognise,
)


@dataclass(slots=True, eq=False)
class _Presence:
    """One open discovery: what it announces, and where its events go."""

    home: MemoryHost
    keys: tuple[bytes, ...]
    port: int
    random: Callable[[int], bytes]
    inbox: Inbox
    instance: str = ""

    def hear(self, other: _Presence) -> None:
        """Judge another announcement by the real rules."""
        name = f"{other.instance}.{SERVICE_TYPE}"
        tag = instance_tag(other.keys[0], other.instance).encode()
        ours = recognise(name, {b"v": b"1", b"t": tag}, self.keys)
        if ours is not None:
            address = format_address(other.home.address, other.port)
            self.inbox.put(Discovered(other.instance, (address,), ours[1]))


class MemoryLan:
    """Hosts that hear each other as long as both are up."""

    def __init__(self) -> None:
        self._presences: list[_Presence] = []

    def host(self, address: str) -> MemoryHost:
        """One more computer on this network, with this IP address."""
        return MemoryHost(self, address)

    def _reached(self, presence: _Presence) -> list[_Presence]:
        others = [other for other in self._presences if other is not presence]
        return [other for other in others if other.home.is_up and presence.home.is_up]

    def _announce(self, presence: _Presence) -> None:
        presence.instance = presence.random(INSTANCE_BYTES).hex()
        home = presence.home
        addresses = (format_address(home.address, presence.port),) if home.is_up else ()
        presence.inbox.put(Announced(presence.instance, addresses))
        for other in self._reached(presence):
            other.hear(presence)
            presence.hear(other)

    def _say_goodbye(self, presence: _Presence) -> None:
        for other in self._reached(presence):
            other.inbox.put(Expired(presence.instance))


class MemoryHost:
    """One computer on a MemoryLan; several homes on it may each open a discovery."""

    def __init__(self, lan: MemoryLan, address: str) -> None:
        self._lan = lan
        self._address = address
        self._is_up = True

    @property
    def address(self) -> str:
        """Its IP address."""
        return self._address

    @property
    def is_up(self) -> bool:
        """Whether its link is up."""
        return self._is_up

    def down(self) -> None:
        """Cut its link. The others are not told, as with a cable that was pulled."""
        self._is_up = False
        self._announce_all()

    def up(self) -> None:
        """Connect it again."""
        self._is_up = True
        self._announce_all()

    def move(self, address: str) -> None:
        """Give it another address; the old announcement is taken back."""
        for presence in self._own():
            self._lan._say_goodbye(presence)
        self._address = address
        self._announce_all()

    @asynccontextmanager
    async def open_discovery(
        self,
        *,
        discovery_keys: Sequence[bytes],
        port: int,
        random: Callable[[int], bytes],
        host: str = "0.0.0.0",  # noqa: ARG002, S104
    ) -> AsyncIterator[trio.MemoryReceiveChannel[DiscoveryEvent]]:
        """As `meshaid.discovery.open_discovery`; `host` is taken for granted."""
        send, receive = trio.open_memory_channel[DiscoveryEvent](limits.MAX_DISCOVERY_EVENTS)
        presence = _Presence(self, tuple(discovery_keys), port, random, Inbox(send))
        self._lan._presences.append(presence)
        self._lan._announce(presence)
        with send, receive:
            try:
                yield receive
            finally:
                self._lan._say_goodbye(presence)
                self._lan._presences.remove(presence)

    def _own(self) -> list[_Presence]:
        return [presence for presence in self._lan._presences if presence.home is self]

    def _announce_all(self) -> None:
        for presence in self._own():
            self._lan._announce(presence)
