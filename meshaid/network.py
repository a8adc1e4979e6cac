"""A node on its networks: it listens, dials whom `mesh.Links` names, and holds the connections.

What to do is decided elsewhere: whom to dial and which of two links stays in mesh.py, what to say
in core/meeting.py. Here are the sockets, and the bounds on what strangers can open.
"""

from __future__ import annotations

import os
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, Final, Protocol, TypeAlias, TypeVar, final

import trio

from meshaid import limits
from meshaid.addresses import format_address, parse_address
from meshaid.connection import Connection, Owner
from meshaid.core.meeting import Meeting
from meshaid.core.meeting_events import (
    Ended,
    InSync,
    MeetingEvent,
    NotKnownYet,
    PeerProven,
    RunRefused,
)
from meshaid.core.messages import ByeReason
from meshaid.core.noise import Role
from meshaid.core.replica import Replica
from meshaid.core.served import Served
from meshaid.core.session import Ending
from meshaid.discovery import open_discovery
from meshaid.dns_sd import (
    Announced,
    Discovered,
    DiscoveryEvent,
    Expired,
    Unavailable,
)
from meshaid.errors import NotReachable, StoreError
from meshaid.events import (
    ConnectionFailed,
    DiscoveryFailed,
    Listening,
    NodeEvent,
    NotYetKnown,
    PeerConnected,
    PeerFound,
    PeerInSync,
    PeerLost,
    StoreTrouble,
    WentOffline,
    WentOnline,
)
from meshaid.events import RunRefused as RunRefusedEvent
from meshaid.held import Held, peer_row
from meshaid.meet_once import Met, dial, meet, remember_meeting
from meshaid.mesh import Links
from meshaid.met import away_rows, last_syncs, who
from meshaid.sockets import (
    close_all,
    has_address_of,
    not_listening,
    open_listeners,
    own_hosts,
    peer_of,
)

DiscoveryChannel: TypeAlias = trio.abc.ReceiveChannel[DiscoveryEvent]
OpenDiscovery: TypeAlias = Callable[[int], AbstractAsyncContextManager[DiscoveryChannel]]
"""Opens another way to find peers than mDNS, for a node that listens on this port."""

T = TypeVar("T")

_PORT_SETTING: Final = "port"


class NodeSide(Owner, Protocol):
    """What the network needs of its node."""

    async def work(self, work: Callable[[], T]) -> T: ...

    def tell(self, event: NodeEvent) -> None: ...


@final
class Network:
    """Everything of one node that has to do with other machines."""

    def __init__(
        self,
        node: NodeSide,
        replica: Replica,
        *,
        listen: str,
        peers: Sequence[str],
        mdns: bool,
        discovery: OpenDiscovery | None,
        clock: Callable[[], float],
    ) -> None:
        """Raises InvalidInput for an address that is none."""
        self._node = node
        self._replica = replica
        self._served = Served(replica)
        self._host, self._asked_port = parse_address(listen, listening=True)
        self._port = self._asked_port
        self._clock = clock
        self._discovery = discovery or (self._mdns if mdns else None)
        self._links = Links(
            device=replica.identity.device,
            static=replica.identity.static_key.public,
            random=random.SystemRandom().random,
        )
        self._held: dict[int, Held] = {}
        self._arriving: list[str] = []
        self._numbers = 0
        self._nursery: trio.Nursery | None = None
        self._wake = trio.Event()
        self._news = trio.Event()
        self._switching = trio.Lock()
        self._listeners: list[trio.SocketListener] = []
        self._online = trio.Event()
        self._offline = trio.Event()
        self._want_online = trio.Event()
        self.listening: tuple[str, ...] = ()
        for row in replica.ledger.addresses():
            self._links.add(row.address, "remembered", device=row.device)
        for address in peers:
            self._links.add(format_address(*parse_address(address)), "given")

    # ---- for the node
    @property
    def connections(self) -> tuple[Connection, ...]:
        """Every connection held at this moment."""
        return tuple(held.connection for held in self._held.values())

    def add_peer(self, address: str) -> None:
        """Try this address from now on. Raises InvalidInput."""
        self._links.add(format_address(*parse_address(address)), "given")
        self._wake.set()

    def roster_changed(self) -> None:
        """Cards may have proven somebody: those who failed are worth another try."""
        self._links.retry(trio.current_time())
        self._wake.set()

    async def go_offline(self) -> None:
        """End every session with a goodbye and listen no more. Harmless when it is so already."""
        async with self._switching:
            if self._nursery is not None:
                self._nursery.cancel_scope.cancel()
                await self._offline.wait()

    async def go_online(self) -> None:
        """Listen and look for peers again. Harmless when it is so already.

        Raises BusyError when the port that was asked for is taken; the node stays offline.
        """
        async with self._switching:
            if self._nursery is None:
                self._listeners = await self._listen()
                self._want_online.set()
                await self._online.wait()

    def peers(self) -> list[dict[str, Any]]:
        """Connected devices, then those that were met before. Store thread."""
        met, held = last_syncs(self._replica), list(self._held.values())
        rows = [peer_row(one, met.get(one.device) if one.device else None) for one in held]
        return rows + away_rows(self._replica, frozenset(one.device for one in held))

    def statistics(self) -> dict[str, int]:
        """Counts: sessions, bytes of all live sessions, links, candidates."""
        meetings = [held.connection.meeting.statistics() for held in self._held.values()]
        links = self._links.statistics()
        return {
            "sessions": len(meetings),
            "bytes_sent": sum(count.bytes_sent for count in meetings),
            "bytes_received": sum(count.bytes_received for count in meetings),
            "links": links.links,
            "candidates": links.candidates,
        }

    async def sync(self, address: str, timeout: float) -> dict[str, Any]:
        """One meeting with this address, beside the links. Raises as `dial` and `meet`."""
        async with await dial(address) as stream:
            meeting = await self._open_meeting("dialer", once=True)
            met = await meet(stream, meeting, self._node, address, timeout)
        if met.ending is Ending.DUPLICATE and met.device is not None:
            met = await self._await_link(met.device, timeout)
        return met.as_json(await self._node.work(self._replica.digest))

    async def _await_link(self, device: bytes, timeout: float) -> Met:
        """The peer holds another link to us already: wait until that one is in sync."""
        with trio.move_on_after(timeout):
            while not any(
                held.device == device and held.connection.meeting.in_sync
                for held in self._held.values()
            ):
                await self._news.wait()
            return Met(device, equal=True, ending=Ending.DONE)
        return Met(device, equal=False, ending=None)

    # ---- running
    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Be on the network until cancelled; off it while `go_offline` says so.

        Raises BusyError when the port is taken, before it has started.
        """
        self._listeners = await self._listen()
        task_status.started()
        try:
            while True:
                await self._be_online()
                await self._want_online.wait()
                self._links.retry(trio.current_time())
                self._node.tell(WentOnline())
        finally:
            self._nursery, self.listening = None, ()
            self._offline.set()
            with trio.CancelScope(shield=True):
                await close_all(self._listeners)

    async def _be_online(self) -> None:
        """Serve the listeners, dial and discover until `go_offline` or the end of the node."""
        self._want_online, self._offline = trio.Event(), trio.Event()
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            self._online.set()
            nursery.start_soon(trio.serve_listeners, self._accept, self._listeners)
            nursery.start_soon(self._dial_loop, nursery)
            if self._discovery is not None:
                nursery.start_soon(self._discover, self._discovery)
        self._nursery, self._listeners, self.listening = None, [], ()
        self._online = trio.Event()
        self._offline.set()
        self._node.tell(WentOffline())

    async def _listen(self) -> list[trio.SocketListener]:
        """Open the port: the asked one, else that of last time, else any."""
        kept = await self._node.work(partial(self._replica.ledger.setting, _PORT_SETTING))
        wanted = self._port or int.from_bytes(kept or b"\0", "big")
        try:
            listeners = await open_listeners(self._host, wanted)
        except OSError as error:
            if self._asked_port or not wanted:
                raise not_listening(self._host, wanted, error) from error
            listeners = await open_listeners(self._host, 0)
        try:
            self._port = listeners[0].socket.getsockname()[1]
            await self._write_down(partial(self._keep_port, self._port))
            hosts = await trio.to_thread.run_sync(own_hosts, self._host)
        except BaseException:
            with trio.CancelScope(shield=True):
                await close_all(listeners)
            raise
        self.listening = tuple(format_address(host, self._port) for host in hosts)
        self._node.tell(Listening(self.listening))
        return listeners

    def _keep_port(self, port: int) -> None:
        kept = port.to_bytes(2, "big")
        if self._replica.ledger.setting(_PORT_SETTING) != kept:
            with self._replica.ledger.transaction():
                self._replica.ledger.put_setting(_PORT_SETTING, kept)

    async def _write_down(self, work: Callable[[], object]) -> None:
        """Write what the node can do without: trouble with the disk is told, and no more."""
        try:
            await self._node.work(work)
        except StoreError as error:
            self._node.tell(StoreTrouble(str(error)))

    async def _accept(self, stream: trio.SocketStream) -> None:
        """Hold an inbound connection, if there is room for one more."""
        peer = peer_of(stream)
        if peer is None or not self._has_room(peer[0]):
            await trio.aclose_forcefully(stream)
            return
        host, port = peer
        await self._send_oldest_away()
        await self._hold(stream, "listener", format_address(host, port), dialed=None, host=host)

    def _has_room(self, host: str) -> bool:
        """Whether one more inbound connection from this host is held."""
        young = [h for h in self._held.values() if h.connection.meeting.remote_static is None]
        # Only members count as sessions: who says nothing, or proves nothing, takes no places.
        sessions = sum(held.device is not None for held in self._held.values())
        half_open = [*self._arriving, *(held.host for held in young if held.dialed is None)]
        return (
            len(half_open) < limits.MAX_HALF_OPEN
            and half_open.count(host) < limits.MAX_HALF_OPEN_PER_ADDRESS
            and sessions < limits.MAX_SESSIONS
        )

    async def _send_oldest_away(self) -> None:
        """Of those who hold the door key and are not proven, let the newest have the places."""
        unproven = [
            held.number
            for held in self._held.values()
            if held.dialed is None
            and held.device is None
            and held.connection.meeting.remote_static is not None
        ]
        surplus = len(unproven) - limits.MAX_UNPROVEN + 1
        for number in sorted(unproven)[: max(0, surplus)]:
            await self._close(number, ByeReason.BUSY)

    async def _dial_loop(self, nursery: trio.Nursery) -> None:
        while True:
            self._wake = trio.Event()
            now = trio.current_time()
            for number in self._links.surplus(now):
                await self._close(number, ByeReason.DONE)
            for address in self._links.take_due(now):
                nursery.start_soon(self._dial, address)
            due = self._links.next_due(trio.current_time())
            with trio.move_on_at(due) if due is not None else trio.CancelScope():
                await self._wake.wait()

    async def _dial(self, address: str) -> None:
        """Dial one candidate, hold the connection, and tell the links what became of it."""
        try:
            stream = await dial(address)
        except NotReachable:
            self._links.failed(address, trio.current_time())
        else:
            held = await self._hold(stream, "dialer", address, dialed=address, host=address)
            if held.ending is not None and held.ending.ending is Ending.ITSELF:
                self._links.own(address)
            elif held.device is None:
                self._links.failed(address, trio.current_time())
        self._wake.set()

    async def _open_meeting(self, role: Role, *, once: bool = False) -> Meeting:
        start = partial(
            Meeting,
            self._served,
            role=role,
            ephemeral=os.urandom(32),
            now=trio.current_time(),
            once=once,
        )
        return await self._node.work(start)

    async def _arrive(self, stream: trio.SocketStream, role: Role, host: str) -> Meeting:
        """Open the meeting on a new stream, which counts as half open from now on."""
        waiting = [host] if role == "listener" else []
        self._arriving += waiting
        try:
            return await self._open_meeting(role)
        except BaseException:
            await trio.aclose_forcefully(stream)
            raise
        finally:
            for each in waiting:
                self._arriving.remove(each)

    async def _hold(
        self, stream: trio.SocketStream, role: Role, address: str, *, dialed: str | None, host: str
    ) -> Held:
        """Hold one connection until it ends."""
        meeting = await self._arrive(stream, role, host)
        self._numbers += 1
        number = self._numbers
        connection = Connection(
            stream, meeting, self._node, address, lambda event: self._notice(held, event)
        )
        held = Held(connection, number, dialed, host)
        self._held[number] = held
        try:
            await connection.run()
        finally:
            del self._held[number]
            self._links.ended(number, trio.current_time())
            self._wake.set()
            self._spread_news()
            self._tell_end(held)
        return held

    def _tell_end(self, held: Held) -> None:
        ending = held.ending
        reason = ending.ending.value if ending else "left"
        if held.device is not None:
            self._node.tell(PeerLost(held.device, reason, *held.who))
        elif not (ending and ending.ending is Ending.ITSELF):
            self._node.tell(ConnectionFailed(held.connection.address, reason))

    # ---- what meetings tell
    def _notice(self, held: Held, event: MeetingEvent) -> None:
        """Act on one event of a held connection."""
        match event:
            case PeerProven(device, member):
                self._proven(held, device, member)
            case NotKnownYet(by):
                if not held.said_not_known:
                    held.said_not_known = True
                    self._node.tell(NotYetKnown(held.connection.address, by))
            case InSync(digest):
                held.said_not_known = False
                self._node.tell(PeerInSync(held.device or b"", digest.hex(), *held.who))
                self._start_soon(self._remember, held)
            case RunRefused(by, _, rule, _):
                self._node.tell(RunRefusedEvent(held.device or b"", by, rule, *held.who))
            case Ended():
                held.ending = event
        self._spread_news()

    def _spread_news(self) -> None:
        """Wake whoever waits for something to happen to a connection."""
        self._news.set()
        self._news = trio.Event()

    def _proven(self, held: Held, device: bytes, member: bytes) -> None:
        """A peer has proven its device: one link per device stays."""
        if held.device == device:
            return
        held.device, held.member = device, member
        held.who = who(self._replica.roster, device, member)
        doomed = self._links.connected(
            held.number,
            device=device,
            static=held.connection.meeting.remote_static or b"",
            now=trio.current_time(),
            address=held.dialed,
            host=held.host if held.dialed is None else None,
        )
        for number in doomed:
            self._start_soon(self._part, self._held[number], device, member)
        if held.number not in doomed:
            self._node.tell(PeerConnected(device, member, held.connection.address, *held.who))
        self._wake.set()

    async def _part(self, held: Held, device: bytes, member: bytes) -> None:
        """End a link that is one too many, once another of that device has shown that it lives.

        It may be a leftover from before the peer lost its network: closing a new link for its sake
        would cut the peer off until the old one falls silent.
        """
        asked_at = trio.current_time()
        for other in self._links_to(device, held):
            await self._node.step(
                other.connection, partial(other.connection.meeting.probe, asked_at)
            )
        while held.number in self._held:
            others = self._links_to(device, held)
            if any(o.stays and o.connection.heard_at > asked_at for o in others):
                held.stays = False
                await self._close(held.number, ByeReason.DUPLICATE)
                return
            if not others:
                held.device = None
                self._proven(held, device, member)
                return
            with trio.move_on_after(limits.PROBE_SECONDS):
                await others[0].connection.heard.wait()

    def _links_to(self, device: bytes, besides: Held) -> list[Held]:
        return [h for h in self._held.values() if h.device == device and h is not besides]

    async def _remember(self, held: Held) -> None:
        """Keep when, and by which dialed address, this peer was last in sync."""
        met_at = int(self._clock())
        if held.device is None or 0 <= met_at - held.remembered_at < limits.REMEMBER_SECONDS:
            return
        held.remembered_at = met_at
        keep = partial(remember_meeting, self._replica.ledger, held.device, held.dialed, met_at)
        await self._write_down(keep)

    async def _close(self, number: int, reason: ByeReason) -> None:
        """End a link with a goodbye."""
        held = self._held.get(number)
        if held is not None:
            close = partial(held.connection.meeting.close, reason, trio.current_time())
            await self._node.step(held.connection, close)
            held.connection.wake()

    def _start_soon(self, work: Callable[..., Awaitable[Any]], *args: Any) -> None:
        """Start a task of this network; nothing while it is being left."""
        if self._nursery is not None and not self._nursery.cancel_scope.cancel_called:
            self._nursery.start_soon(work, *args)

    # ---- finding others
    def _mdns(self, port: int) -> AbstractAsyncContextManager[DiscoveryChannel]:
        return open_discovery(
            discovery_keys=self._replica.identity.discovery_keys,
            port=port,
            random=os.urandom,
            host=self._host,
        )

    async def _discover(self, discovery: OpenDiscovery) -> None:
        async with discovery(self._port) as events:
            async for event in events:
                self._heard(event)
                if isinstance(event, Announced):
                    await self._drop_stranded()
                self._wake.set()

    async def _drop_stranded(self) -> None:
        """End the links from an address that this device has no more: nothing reaches them."""
        for held in tuple(self._held.values()):
            stream = held.connection.stream
            if isinstance(stream, trio.SocketStream) and not has_address_of(stream):
                await trio.aclose_forcefully(stream)

    def _heard(self, event: DiscoveryEvent) -> None:
        now = trio.current_time()
        match event:
            case Announced(_, addresses):
                self._links.announced(event, now)
                if set(addresses) != set(self.listening) and addresses:
                    self.listening = addresses
                    self._node.tell(Listening(addresses))
            case Discovered(_, addresses):
                self._links.discovered(event, now)
                for address in addresses:
                    self._node.tell(PeerFound(address, "mdns"))
            case Expired():
                self._links.expired(event)
            case Unavailable(reason):
                self._node.tell(DiscoveryFailed(reason))
