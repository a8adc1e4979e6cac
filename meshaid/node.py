"""A running node: one home, its board, and its meetings with everybody on the network.

`open_node` is the way in. Every call into the replica runs on one store thread, one at a time, so
the core needs no locks; what came of it (changed documents, another roster, events) is dealt with
in one place, `Node.work`, before the next call.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar, final

import trio

from meshaid import commands, inviting, limits, upkeep
from meshaid.board_face import BoardFace
from meshaid.connection import Connection
from meshaid.control_server import Tell, serve_control
from meshaid.core import ids
from meshaid.core.cards import Kind
from meshaid.core.documents import Changed
from meshaid.core.meeting_events import MeetingEvent
from meshaid.core.replica import Replica
from meshaid.desk import Desk
from meshaid.errors import DocumentPoisoned, InvalidInput, MeshaidError, StoreError
from meshaid.events import (
    BoardEvent,
    CardsChanged,
    NodeEvent,
    NotesChanged,
    RecordAdded,
    RecordChanged,
    RecordRemoved,
    StoreTrouble,
)
from meshaid.file_verbs import asked_import, imported_json
from meshaid.groups import as_itself
from meshaid.inviting import Invitation
from meshaid.network import Network, OpenDiscovery
from meshaid.opening import OpenHome, open_home

T = TypeVar("T")

Observer = Callable[[NodeEvent], None]
Clock = Callable[[], float]

NODE_VERBS: Final = ("peers", "offline", "online", "sync")
"""Verbs beyond `commands.VERBS` that only a running node has."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What came of one piece of work on the store thread."""

    events: tuple[NodeEvent, ...]
    heard: tuple[tuple[Connection, list[MeetingEvent]], ...]
    """Connections that may have something to send now, and what their meetings told."""
    upkeep: bool
    """Whether the member's sealing key may have come, or a sibling that lacks it."""


@final
class Node:
    """An open node; made by `open_node`."""

    def __init__(self, home: OpenHome, clock: Clock, observer: Observer | None) -> None:
        self.home = home
        self._clock = clock
        self._observer = observer
        self._replica: Replica = home.replica
        self._desk = Desk(home.replica, random=os.urandom)
        self._thread = trio.CapacityLimiter(1)
        self._roster = home.replica.roster
        self._counting = self._who_counts()
        authors = self._desk.authors()
        self._shown = {r.reference for r in self._desk.records() if r.member in authors}
        self._upkeep_due = trio.Event()
        self.board = BoardFace(self, self._desk, clock)
        self.network: Network

    def __repr__(self) -> str:
        return f"<Node {self._replica.identity!r}>"

    # ---- the store thread
    async def work(self, work: Callable[[], T]) -> T:
        """Do `work` on the store thread, act on what came of it, and return its result."""
        return await self._on_thread(None, work)

    async def heal(self) -> None:
        """Write again what is left out of this device's changes, if the process that learned of it
        died before it could."""
        try:
            await self.work(self._replica.heal)
        except StoreError as error:
            self.tell(StoreTrouble(str(error)))

    async def tend(self) -> None:
        """Look after the sealed notes as upkeep.py says."""
        tend = partial(upkeep.tend, self._replica, int(self._clock()), os.urandom)
        try:
            await self.work(tend)
        except StoreError as error:
            self.tell(StoreTrouble(str(error)))

    async def keep_up(self) -> None:
        """Do so again from time to time, and when it is due.

        A task of its own: what a peer sends opens no note.
        """
        while True:
            with trio.move_on_after(limits.NOTE_SWEEP_SECONDS):
                await self._upkeep_due.wait()
            self._upkeep_due = trio.Event()
            await self.tend()

    async def step(self, connection: Connection, work: Callable[[], object]) -> None:
        """The same for a connection: trouble with the disk or a document ends only its meeting."""
        try:
            await self._on_thread(connection, work)
        except (StoreError, DocumentPoisoned) as error:
            await self._give_up(connection, error)

    async def _give_up(self, connection: Connection, error: MeshaidError) -> None:
        self.tell(StoreTrouble(str(error)))
        await self._on_thread(connection, connection.meeting.send_failed)

    async def take_outgoing(self, connection: Connection) -> bytes:
        """What a connection's meeting wants to send now; empty when nothing."""
        try:
            return await self._on_thread(connection, connection.meeting.data_to_send)
        except (StoreError, DocumentPoisoned) as error:
            await self._give_up(connection, error)
            return b""

    async def _on_thread(self, source: Connection | None, work: Callable[[], T]) -> T:
        connections = {*self.network.connections, *([source] if source else [])}
        now, wall = trio.current_time(), int(self._clock())

        def job() -> tuple[T, _Outcome]:
            result = work()
            return result, self._outcome(source, connections, now, wall)

        result, outcome = await trio.to_thread.run_sync(job, limiter=self._thread)
        if outcome.upkeep:
            self._upkeep_due.set()
        for event in outcome.events:
            self.tell(event)
        for connection, heard in outcome.heard:
            connection.take_events(heard)
            if connection is not source:  # whose own task goes on by itself
                connection.wake()
        return result

    def _outcome(
        self, source: Connection | None, connections: Iterable[Connection], now: float, wall: int
    ) -> _Outcome:
        """Tell every meeting what is new, and gather what the world should hear. Store thread."""
        events: list[NodeEvent] = []
        changes, healed = self._replica.take_changes_and_heal()
        notes = self._replica.notes.take_new()
        touched = self._touched([*changes, *healed])
        new_roster = self._replica.roster is not self._roster
        if new_roster:
            self._roster, before = self._replica.roster, self._counting
            self._counting = self._who_counts()
            events.append(CardsChanged(len(self._counting)))
            for member in sorted(self._counting ^ before):
                theirs = [record.reference for record in self._desk.records(member)]
                touched += [*theirs, *sorted(self._desk.bearing(theirs))]
        touched += sorted(self._desk.take_moved())
        heard = []
        for connection in connections:
            if new_roster:
                connection.meeting.roster_changed(now)
            for change in healed if connection is source else [*changes, *healed]:
                connection.meeting.local_change(change.genesis, change.before, now)
            if notes and connection is not source:
                connection.meeting.notes_changed(notes, now)
            if new_roster or changes or notes or connection is source:
                heard.append((connection, connection.meeting.events()))
        events += self._board_events(touched, wall)
        if notes:
            events.append(NotesChanged(len(notes)))
        lacks_key = self._replica.identity.member_sealing_seed is None
        return _Outcome(tuple(events), tuple(heard), new_roster or (bool(notes) and lacks_key))

    def _who_counts(self) -> frozenset[bytes]:
        """The members whose records others see."""
        return frozenset(filter(self._replica.counts, self._roster.members))

    def _touched(self, changes: Sequence[Changed]) -> list[str]:
        """The references of all records in these changes."""
        return [
            ids.reference(member, name)
            for change in changes
            for member in [self._replica.member_of(change.genesis)]
            if member is not None
            for name in sorted(change.records)
        ]

    def _board_events(self, touched: Sequence[str], wall: int) -> list[BoardEvent]:
        """What changed on the board, as events with rows, each record once. Store thread.

        A record that others speak of is told of, too: a pledge changes what its need's row shows.
        """
        if not touched:
            return []
        rows = self._desk.rows(touched, wall)
        events: list[BoardEvent] = []
        for reference in dict.fromkeys(touched):
            known, row = reference in self._shown, rows.get(reference)
            if row is not None:
                self._shown.add(reference)
                kind = RecordChanged if known else RecordAdded
                events.append(kind(reference, row))
            elif known:
                self._shown.discard(reference)
                events.append(RecordRemoved(reference))
        return events

    def tell(self, event: NodeEvent) -> None:
        """Tell watchers and the observer of an event."""
        if isinstance(event, CardsChanged):
            self.network.roster_changed()
        if isinstance(event, BoardEvent):
            self.board.publish(event)
        if self._observer is not None:
            self._observer(event)

    # ---- what a person asks
    async def execute(
        self, verb: str, arguments: Mapping[str, Any], now: int | None, tell: Tell | None = None
    ) -> Any:
        """Carry out one verb of the command line; see commands.py. For the control socket."""
        if verb == "peers":
            return {"peers": await self.peers()}
        if verb == "offline":
            await self.offline()
            return {"online": False}
        if verb == "online":
            await self.online()
            return {"online": True}
        if verb == "sync":
            address, timeout = arguments.get("address"), arguments.get("timeout")
            if not isinstance(address, str) or not (
                isinstance(timeout, int | float) and timeout >= 0
            ):
                raise InvalidInput("sync: needs an address, and how many seconds it may take")
            return await self.sync(address, timeout=timeout)
        moment = int(self._clock()) if now is None else now
        if verb == "import":
            source, form, reading = asked_import(arguments, moment)
            done = await self.board.take_in(source, form, reading, moment, tell)
            return imported_json(done)
        result = await self.work(partial(commands.execute, self._desk, verb, arguments, moment))
        if verb == "status":
            result |= {"listening": list(self.listening), "peers": await self.peers()}
        return result

    async def status(self) -> dict[str, Any]:
        """Ids, digest, counts, addresses and peers, as `meshaid status --json` prints them."""
        result: dict[str, Any] = await self.execute("status", {}, None)
        return result

    async def peers(self) -> list[dict[str, Any]]:
        """The devices that this node is connected to or has met, as `meshaid peers` lists them."""
        return await self.work(self.network.peers)

    @property
    def listening(self) -> tuple[str, ...]:
        """HOST:PORT of every listener; empty while offline."""
        return self.network.listening

    async def offline(self) -> None:
        """Leave the networks: sessions end with a goodbye, nothing listens. Writing goes on."""
        await self.network.go_offline()

    async def online(self) -> None:
        """Come back: listen at the same port, look for peers."""
        await self.network.go_online()

    def add_peer(self, address: str) -> None:
        """Try this HOST:PORT from now on. Raises InvalidInput for what is no address."""
        self.network.add_peer(address)

    async def sync(self, address: str, *, timeout: float = limits.SYNC_SECONDS) -> dict[str, Any]:
        """Meet one address now, until both digests are equal: `{digest, equal, reason}`.

        Raises NotReachable; NotKnownYet (the cards received are kept); InvalidInput.
        """
        return await self.network.sync(address, timeout)

    async def invite(
        self,
        *,
        role: str = "member",
        kinds: Sequence[Kind] = ("household",),
        uses: int = 1,
        term: int = limits.INVITE_HOURS * 3600,
        addresses: Sequence[str] = (),
    ) -> Invitation:
        """Invite new members; see `inviting.invite` for arguments and errors."""
        return await self.work(
            partial(
                inviting.invite,
                self._desk,
                int(self._clock()),
                role=role,
                kinds=kinds,
                uses=uses,
                term=term,
                addresses=addresses,
            )
        )

    async def link(
        self, *, term: int = limits.INVITE_HOURS * 3600, addresses: Sequence[str] = ()
    ) -> Invitation:
        """Invite one more device of this member; see `inviting.link`."""
        now = int(self._clock())
        link = partial(inviting.link, self._desk, now, term=term, addresses=addresses)
        return await self.work(link)

    def statistics(self) -> dict[str, int]:
        """Counts of sessions, bytes and candidates, for monitoring."""
        return self.network.statistics()


@asynccontextmanager
async def open_node(
    home: str | Path,
    *,
    passphrase: str | None = None,
    listen: str = ":0",
    peers: Sequence[str] = (),
    mdns: bool = True,
    clock: Clock = time.time,
    observer: Observer | None = None,
    discovery: OpenDiscovery | None = None,
) -> AsyncIterator[Node]:
    """Open a home and run it as a node for as long as the block lasts.

    Args:
      home: an existing home's folder (`meshaid init` or `meshaid join` makes one).
      listen: HOST:PORT to accept connections at; port 0 takes a free one.
      peers: HOST:PORT addresses to try besides those that are found or remembered.
      mdns: whether to announce this node and look for others on the local network.
      clock: seconds since 1970, for what is shown and hidden; sync does not depend on it.
      observer: is called with every NodeEvent, on the event loop; it must not block.
      discovery: another way to find peers than mDNS; for tests.
    Raises:
      InvalidInput, WrongPassphrase, NewerStore, StoreError, BusyError: see opening.open_home.
      BusyError: the port of `listen` is taken.
      InvalidInput: an address is none, or none of this device's.
      MeshaidInternalError: a background task failed. An error of the block comes out as itself.
    """
    opened = await trio.to_thread.run_sync(partial(open_home, Path(home), passphrase))
    try:
        node = Node(opened, clock, observer)
        node.network = Network(
            node,
            opened.replica,
            listen=listen,
            peers=peers,
            mdns=mdns,
            discovery=discovery,
            clock=clock,
        )
        async with as_itself() as nursery:
            await nursery.start(serve_control, opened.folder, node.execute)
            await node.heal()
            await node.tend()
            nursery.start_soon(node.keep_up)
            await nursery.start(node.network.run)
            try:
                yield node
            finally:
                nursery.cancel_scope.cancel()
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(opened.close)
