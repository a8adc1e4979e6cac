"""`node.board`: what an app does with the board, as coroutines; each write is durable on return."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol, Self, TypeVar, final
from weakref import WeakSet

import trio

from meshaid.core.rows import Row
from meshaid.desk import Desk
from meshaid.events import BoardEvent

T = TypeVar("T")

WATCH_BUFFER: Final = 1_024
"""Events kept for a watcher that is slow to take them; the oldest go first."""


class Working(Protocol):
    """What the board needs of its node: work is done on the store thread, in turn."""

    async def work(self, work: Callable[[], T]) -> T: ...


@final
class Watcher:
    """The events of one `watch()`: RecordAdded, RecordChanged, RecordRemoved, without an end.

    Bounded: what nobody takes in time is dropped, oldest first, and the next event says `lagged`.
    """

    def __init__(self, size: int = WATCH_BUFFER) -> None:
        self._events: deque[BoardEvent] = deque()
        self._size = size
        self._lagged = False
        self._arrived = trio.Event()

    def put(self, event: BoardEvent) -> None:
        """Keep an event for the watcher; never waits."""
        if len(self._events) >= self._size:
            self._events.popleft()
            self._lagged = True
        self._events.append(event)
        self._arrived.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> BoardEvent:
        while not self._events:
            if self._arrived.is_set():  # else others wait on it too, and are woken with this one
                self._arrived = trio.Event()
            await self._arrived.wait()
        event = self._events.popleft()
        if self._lagged:
            self._lagged = False
            event = event.after_gap()
        return event


@final
class BoardFace:
    """The board of an open node.

    Fields are those of the kind (docs/reference/records.md): `category`, `quantity`, `unit`,
    `urgency`, `area`, `text`, … A record is named by its spoken code, its id, or the beginning of
    its id.
    """

    def __init__(self, node: Working, desk: Desk, clock: Callable[[], float]) -> None:
        self._node = node
        self._desk = desk
        self._clock = clock
        self._watchers: WeakSet[Watcher] = WeakSet()

    async def add_need(self, title: str, **fields: object) -> Row:
        """Write a need. Raises InvalidInput naming the field; StoreError, StoreFull."""
        return await self.add("need", title=title, **fields)

    async def add_offer(self, title: str, **fields: object) -> Row:
        """Write an offer. Raises as `add_need`."""
        return await self.add("offer", title=title, **fields)

    async def add_notice(self, title: str, **fields: object) -> Row:
        """Write a notice. Raises as `add_need`."""
        return await self.add("notice", title=title, **fields)

    async def add(self, kind: str, **fields: object) -> Row:
        """Write a record of any kind. Raises as `add_need`."""
        return await self._node.work(partial(self._desk.add, kind, fields, self._now()))

    async def edit(self, ref: str, **fields: object) -> Row:
        """Change one of this member's own records; a value of None takes a field away.

        Raises InvalidInput, NotFound, Ambiguous; StoreError, StoreFull.
        """
        return await self._node.work(partial(self._desk.edit, ref, fields, self._now()))

    async def close(self, ref: str, reason: str, *, duplicate_of: str = "") -> Row:
        """Close one of this member's own records. Raises as `edit`."""
        close = partial(self._desk.close, ref, reason, self._now(), duplicate_of=duplicate_of)
        return await self._node.work(close)

    async def show(self, ref: str) -> Row:
        """One record, ended or not. Raises NotFound, Ambiguous, InvalidInput."""
        now = self._now()

        def find() -> Row:
            board = self._desk.board(now)
            return board.row(board.find(ref))

        return await self._node.work(find)

    async def records(
        self, *, kind: str = "", category: str = "", status: str = "", text: str = ""
    ) -> list[Row]:
        """The rows of the board in its order; see `core.board.Board.rows`. Raises InvalidInput."""
        now = self._now()

        def read() -> list[Row]:
            board = self._desk.board(now)
            return board.rows(kind=kind, category=category, status=status, text=text)

        return await self._node.work(read)

    def watch(self) -> Watcher:
        """What changes on the board from now on, for `async for event in node.board.watch()`."""
        watcher = Watcher()
        self._watchers.add(watcher)
        return watcher

    @property
    def watched(self) -> bool:
        return bool(self._watchers)

    def publish(self, event: BoardEvent) -> None:
        """Give an event to everybody who watches. For the node."""
        for watcher in self._watchers:
            watcher.put(event)

    def _now(self) -> int:
        return int(self._clock())
