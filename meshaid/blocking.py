"""A node for programs that do not run on trio: threads, asyncio, Flask, Tk, Qt.

    with meshaid.blocking.open_node(home) as node:
        node.board.add_need("Water", quantity=10, unit="L")
        for event in node.board.watch(timeout=5): ...

The node runs on trio in a thread of its own. Every method here blocks its caller until it is done
and may be called from any thread, several at once; from asyncio use `asyncio.to_thread`.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, final

import trio

from meshaid.board_face import BoardFace, Watcher
from meshaid.core.rows import Row
from meshaid.errors import ClosedError
from meshaid.events import BoardEvent
from meshaid.node import Node
from meshaid.node import open_node as open_trio_node

T = TypeVar("T")


@final
class BlockingBoard:
    """The board of a node; each method as that of `BoardFace`, but it waits."""

    def __init__(self, node: BlockingNode, board: BoardFace) -> None:
        self._node = node
        self._board = board

    def add_need(self, title: str, **fields: object) -> Row:
        """Write a need. Raises InvalidInput naming the field; StoreError, StoreFull."""
        return self._node.call(partial(self._board.add_need, title, **fields))

    def add_offer(self, title: str, **fields: object) -> Row:
        """Write an offer. Raises as `add_need`."""
        return self._node.call(partial(self._board.add_offer, title, **fields))

    def add_notice(self, title: str, **fields: object) -> Row:
        """Write a notice. Raises as `add_need`."""
        return self._node.call(partial(self._board.add_notice, title, **fields))

    def edit(self, ref: str, **fields: object) -> Row:
        """Change one of this member's own records. Raises as `BoardFace.edit`."""
        return self._node.call(partial(self._board.edit, ref, **fields))

    def close(self, ref: str, reason: str, *, duplicate_of: str = "") -> Row:
        """Close one of this member's own records. Raises as `BoardFace.close`."""
        return self._node.call(partial(self._board.close, ref, reason, duplicate_of=duplicate_of))

    def show(self, ref: str) -> Row:
        """One record, ended or not. Raises NotFound, Ambiguous, InvalidInput."""
        return self._node.call(partial(self._board.show, ref))

    def records(
        self, *, kind: str = "", category: str = "", status: str = "", text: str = ""
    ) -> list[Row]:
        """The rows of the board in its order. Raises InvalidInput."""
        read = partial(self._board.records, kind=kind, category=category, status=status, text=text)
        return self._node.call(read)

    def watch(self, *, timeout: float | None = None) -> Iterator[BoardEvent]:
        """What changes on the board from now on; it ends when nothing comes for `timeout` seconds.

        With None it waits for ever, until the node is closed.
        """
        watcher = self._node.call(self._open_watcher)
        while (event := self._node.call(partial(_next_event, watcher, timeout))) is not None:
            yield event

    async def _open_watcher(self) -> Watcher:
        return self._board.watch()


async def _next_event(watcher: Watcher, timeout: float | None) -> BoardEvent | None:
    if timeout is None:
        return await anext(watcher)
    with trio.move_on_after(timeout):
        return await anext(watcher)
    return None


@final
class BlockingNode:
    """A node that runs in a thread of its own; made by `open_node` of this module."""

    def __init__(self, node: Node, token: trio.lowlevel.TrioToken) -> None:
        self._node = node
        self._token = token
        self.board = BlockingBoard(self, node.board)

    def call(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run a coroutine function of the node and wait for its result. Raises ClosedError."""
        try:
            return trio.from_thread.run(work, trio_token=self._token)
        except (trio.RunFinishedError, trio.Cancelled):
            raise ClosedError("this node was closed") from None

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

    def sync(self, address: str, *, timeout: float = 30.0) -> dict[str, Any]:
        """Meet one address now. Raises as `Node.sync`."""
        return self.call(partial(self._node.sync, address, timeout=timeout))

    def offline(self) -> None:
        """Leave the networks; reading and writing go on."""
        self.call(self._node.offline)

    def online(self) -> None:
        """Come back to the networks."""
        self.call(self._node.online)


@contextmanager
def open_node(home: str | Path, **options: Any) -> Iterator[BlockingNode]:
    """Run a home as a node in a thread of its own for as long as the block lasts.

    Takes the options of `meshaid.open_node` and raises what it raises.
    """
    opened: list[BlockingNode] = []
    failed: list[BaseException] = []
    ready = threading.Event()
    leave: list[Callable[[], None]] = []

    async def run() -> None:
        async with open_trio_node(home, **options) as node:
            token = trio.lowlevel.current_trio_token()
            left = trio.Event()
            leave.append(partial(token.run_sync_soon, left.set))
            opened.append(BlockingNode(node, token))
            ready.set()
            await left.wait()

    def work() -> None:
        try:
            trio.run(run)
        except BaseException as error:  # noqa: BLE001 - it is raised in the thread that waits
            failed.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=work, name="meshaid")
    thread.start()
    ready.wait()
    try:
        if opened:
            yield opened[0]
    finally:
        for ask in leave:
            _ask_quietly(ask)
        thread.join()
    if failed:
        raise failed[0]


def _ask_quietly(ask: Callable[[], None]) -> None:
    """Ask the node's thread to leave; it may have left by itself already."""
    try:
        ask()
    except trio.RunFinishedError:
        return
