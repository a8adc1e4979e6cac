"""A node for programs that do not run on trio: threads, asyncio, Flask, Tk, Qt.

    with meshaid.blocking.open_node(home) as node:
        node.board.add_need("Water", quantity=10, unit="L")
        for event in node.board.watch(timeout=5): ...

The node runs on trio in a thread of its own. Every method here blocks its caller until it is done
and may be called from any thread, several at once; from asyncio use `asyncio.to_thread`. Errors
are those of the method that is called, and ClosedError once the node is closed.
"""

from __future__ import annotations

import itertools
import threading
import time
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from functools import partial, wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar, final

import trio

from meshaid import limits
from meshaid.board_face import BoardFace, Watcher
from meshaid.core.cards import Kind
from meshaid.errors import ClosedError
from meshaid.events import BoardEvent
from meshaid.inviting import Invitation
from meshaid.network import OpenDiscovery
from meshaid.node import Clock, Node, Observer
from meshaid.node import open_node as open_trio_node

P = ParamSpec("P")
T = TypeVar("T")


@final
class BlockingWatcher:
    """The events of one `watch()`: RecordAdded, RecordChanged, RecordRemoved.

    Bounded as `Watcher` is. Events that come while nobody asks are kept for the next `take`.
    """

    def __init__(self, board: BlockingBoard, number: int, timeout: float | None) -> None:
        self._board = board
        self._number = number
        self._timeout = timeout
        weakref.finalize(self, board.forget, number).atexit = False

    def take(self, timeout: float | None = None) -> BoardEvent | None:
        """The next event; None when none came within `timeout` seconds, None waits for ever.

        Raises ClosedError when the node is closed meanwhile.
        """
        return self._board.take(self._number, timeout)

    def __iter__(self) -> Iterator[BoardEvent]:
        """Event after event, until none came for the seconds that `watch` was given."""
        while (event := self.take(self._timeout)) is not None:
            yield event


def _waiting(
    method: Callable[Concatenate[BoardFace, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[BlockingBoard, P], T]:
    """The same call for another thread: it waits until the coroutine is done."""

    @wraps(method)
    def call(self: BlockingBoard, /, *args: P.args, **options: P.kwargs) -> T:
        return self.call(partial(method, self.board, *args, **options))

    return call


@final
class BlockingBoard:
    """The board of a node; each call as that of `BoardFace`, but it waits."""

    def __init__(self, node: BlockingNode, board: BoardFace) -> None:
        self.call = node.call
        """For the calls of this class."""
        self._call_soon = node.call_soon
        self.board = board
        """The same board in the node's thread."""
        # The board counts its watchers in the node's thread: they live and end there alone, and
        # other threads know them by number.
        self._watchers: dict[int, Watcher] = {}
        self._numbers = itertools.count()

    add_need = _waiting(BoardFace.add_need)
    add_offer = _waiting(BoardFace.add_offer)
    add_notice = _waiting(BoardFace.add_notice)
    add = _waiting(BoardFace.add)
    enter = _waiting(BoardFace.enter)
    check = _waiting(BoardFace.check)
    emergency = _waiting(BoardFace.emergency)
    hub = _waiting(BoardFace.hub)
    edit = _waiting(BoardFace.edit)
    close = _waiting(BoardFace.close)
    pause = _waiting(BoardFace.pause)
    reopen = _waiting(BoardFace.reopen)
    show = _waiting(BoardFace.show)
    look = _waiting(BoardFace.look)
    records = _waiting(BoardFace.records)
    page = _waiting(BoardFace.page)

    pledge = _waiting(BoardFace.pledge)
    withdraw = _waiting(BoardFace.withdraw)
    handed_over = _waiting(BoardFace.handed_over)
    failed = _waiting(BoardFace.failed)
    returned = _waiting(BoardFace.returned)
    accept = _waiting(BoardFace.accept)
    decline = _waiting(BoardFace.decline)
    not_received = _waiting(BoardFace.not_received)
    receive = _waiting(BoardFace.receive)
    flag = _waiting(BoardFace.flag)
    hide = _waiting(BoardFace.hide)
    unhide = _waiting(BoardFace.unhide)

    match = _waiting(BoardFace.match)
    duplicates = _waiting(BoardFace.duplicates)
    report = _waiting(BoardFace.report)

    contact_add = _waiting(BoardFace.contact_add)
    contact_show = _waiting(BoardFace.contact_show)
    contact_erase = _waiting(BoardFace.contact_erase)
    claim = _waiting(BoardFace.claim)
    claim_code = _waiting(BoardFace.claim_code)

    import_file = _waiting(BoardFace.import_file)
    export = _waiting(BoardFace.export)

    def watch(self, *, timeout: float | None = None) -> BlockingWatcher:
        """What changes on the board from this call on.

        A loop over it ends when nothing came for `timeout` seconds; with None only when the node
        is closed, by ClosedError. An asyncio program takes one event at a time, with a timeout:
        `await asyncio.to_thread(watcher.take, 1.0)`; asyncio cannot end a thread that waits.
        """
        return BlockingWatcher(self, self.call(self._open_watcher), timeout)

    async def _open_watcher(self) -> int:
        number = next(self._numbers)
        self._watchers[number] = self.board.watch()
        return number

    def take(self, number: int, timeout: float | None) -> BoardEvent | None:
        """For `BlockingWatcher`."""
        return self.call(partial(self._next_event, number, timeout))

    async def _next_event(self, number: int, timeout: float | None) -> BoardEvent | None:
        watcher = self._watchers[number]
        if timeout is None:
            return await anext(watcher)
        with trio.move_on_after(timeout):
            return await anext(watcher)
        return None

    def forget(self, number: int) -> None:
        """For `BlockingWatcher`, whose end may come in any thread at any moment."""
        self._call_soon(partial(self._watchers.pop, number, None))


@final
class BlockingNode:
    """A node that runs in a thread of its own; made by `open_node` of this module."""

    def __init__(self, node: Node, calls: _Calls, token: trio.lowlevel.TrioToken) -> None:
        self._node = node
        self._calls = calls
        self._token = token
        self.board = BlockingBoard(self, node.board)

    def __repr__(self) -> str:
        return f"<BlockingNode of {self._node!r}>"

    def call(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run a coroutine function in the node's thread and wait for its result.

        Raises:
          ClosedError: the node is closed, or was closed before the work was done. What had reached
            the disk by then stays.
          RuntimeError: called in a trio program, or by an observer: both would wait for ever.
        """
        try:
            return trio.from_thread.run(partial(self._calls.do, work), trio_token=self._token)
        except trio.RunFinishedError:
            raise _closed() from None

    def call_soon(self, work: Callable[[], object]) -> None:
        """Run a function in the node's thread some time, or never once the node is closed."""
        with suppress(trio.RunFinishedError):  # then there is nothing left to do it on
            self._token.run_sync_soon(work)

    @property
    def listening(self) -> tuple[str, ...]:
        """HOST:PORT of every listener; empty while offline."""
        return self._node.listening

    def status(self) -> dict[str, Any]:
        """Ids, digest, counts, addresses and peers."""
        return self.call(self._node.status)

    def peers(self) -> list[dict[str, Any]]:
        """The devices that this node is connected to or has met."""
        return self.call(self._node.peers)

    def add_peer(self, address: str) -> None:
        """Try this HOST:PORT from now on. Raises InvalidInput for what is no address."""
        self.call(partial(_at_once, partial(self._node.add_peer, address)))

    def sync(self, address: str, *, timeout: float = limits.SYNC_SECONDS) -> dict[str, Any]:
        """Meet one address now. Raises as `Node.sync`."""
        return self.call(partial(self._node.sync, address, timeout=timeout))

    def invite(
        self,
        *,
        role: str = "member",
        kinds: Sequence[Kind] = ("household",),
        uses: int = 1,
        term: int = limits.INVITE_HOURS * 3600,
        addresses: Sequence[str] = (),
    ) -> Invitation:
        """Invite new members; see `inviting.invite` for arguments and errors."""
        return self.call(
            partial(
                self._node.invite,
                role=role,
                kinds=kinds,
                uses=uses,
                term=term,
                addresses=addresses,
            )
        )

    def link(
        self, *, term: int = limits.INVITE_HOURS * 3600, addresses: Sequence[str] = ()
    ) -> Invitation:
        """Invite one more device of this member; see `inviting.link`."""
        return self.call(partial(self._node.link, term=term, addresses=addresses))

    def offline(self) -> None:
        """Leave the networks; reading and writing go on."""
        self.call(self._node.offline)

    def online(self) -> None:
        """Come back to the networks."""
        self.call(self._node.online)

    def statistics(self) -> dict[str, int]:
        """Counts of sessions, bytes and candidates, for monitoring."""
        return self.call(partial(_at_once, self._node.statistics))


async def _at_once(work: Callable[[], T]) -> T:  # noqa: ASYNC124 - for `call`, which takes these
    return work()


def _closed() -> ClosedError:
    return ClosedError("this node was closed; open it again")


class _Calls:
    """The calls of other threads that are under way. In the node's thread only.

    They end before the node does: none of them may meet a store that is closed already.
    """

    def __init__(self) -> None:
        self._scopes: set[trio.CancelScope] = set()
        self._closing = False
        self._all_ended = trio.Event()

    async def do(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do it unless the node is closing. Raises ClosedError when that comes in between."""
        if self._closing:
            raise _closed()
        with trio.CancelScope() as scope:
            self._scopes.add(scope)
            try:
                return await work()
            finally:
                self._ended(scope)
        raise _closed()

    def _ended(self, scope: trio.CancelScope) -> None:
        self._scopes.discard(scope)
        if self._closing and not self._scopes:
            self._all_ended.set()

    async def end(self) -> None:
        """Cancel them all, and wait until each has ended."""
        self._closing = True
        if self._scopes:
            for scope in self._scopes:
                scope.cancel()
            await self._all_ended.wait()


class _Running:
    """The thread of one node: how it opens, waits to be told to leave, and what it failed of."""

    def __init__(self, opening: Callable[[], AbstractAsyncContextManager[Node]]) -> None:
        self._opening = opening
        self._leave = trio.Event()
        self._leaving = False
        self.ready = threading.Event()
        """Set once `node` is there, or never will be."""
        self.node: BlockingNode | None = None
        self.failure: BaseException | None = None

    def run(self) -> None:
        """Run the node until `leave`; for the thread."""
        try:
            trio.run(self._main)
        except BaseException as error:  # noqa: ASYNC103, BLE001 - raised in the waiting thread
            self.failure = error
        finally:
            self.ready.set()

    async def _main(self) -> None:
        async with self._opening() as node:
            calls = _Calls()
            self.node = BlockingNode(node, calls, trio.lowlevel.current_trio_token())
            self.ready.set()
            try:
                if not self._leaving:  # asked to while it was opening
                    await self._leave.wait()
            finally:
                with trio.CancelScope(shield=True):
                    await calls.end()

    def leave(self) -> None:
        """Ask the node to close; from another thread, whether it is open yet or closed by itself.

        Here the wish is set before the node is looked at, there the other way round: so one of the
        two sides always sees the other.
        """
        self._leaving = True
        if self.node is not None:
            self.node.call_soon(self._leave.set)


@contextmanager
def open_node(
    home: str | Path,
    *,
    passphrase: str | None = None,
    listen: str = ":0",
    peers: Sequence[str] = (),
    mdns: bool = True,
    clock: Clock = time.time,
    observer: Observer | None = None,
    discovery: OpenDiscovery | None = None,
) -> Iterator[BlockingNode]:
    """Run a home as a node in a thread of its own for as long as the block lasts.

    Takes the options of `meshaid.open_node` and raises what it raises; `observer` is called in the
    node's thread. Opening and closing block, too. Calls that other threads still wait for when the
    block ends raise ClosedError there. If the node fails, its error is raised at the end of the
    block, in place of what the block raised because of it.
    """
    running = _Running(
        partial(
            open_trio_node,
            home,
            passphrase=passphrase,
            listen=listen,
            peers=peers,
            mdns=mdns,
            clock=clock,
            observer=observer,
            discovery=discovery,
        )
    )
    thread = threading.Thread(target=running.run, name="meshaid")
    thread.start()
    try:
        running.ready.wait()
        if running.node is not None:
            yield running.node
    finally:
        running.leave()
        thread.join()
        if running.failure is not None:
            raise running.failure
