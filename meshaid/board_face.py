"""`node.board`: what an app does with the board, as coroutines; each write is durable on return."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, Self, final
from weakref import WeakSet

import trio

from meshaid.calls import Working
from meshaid.desk import Desk
from meshaid.events import BoardEvent
from meshaid.file_calls import FileCalls
from meshaid.finding_calls import FindingCalls
from meshaid.note_calls import NoteCalls
from meshaid.record_calls import RecordCalls
from meshaid.saying_calls import SayingCalls

WATCH_BUFFER: Final = 1_024
"""Events kept for a watcher that is slow to take them; the oldest go first."""


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
class BoardFace(RecordCalls, SayingCalls, FindingCalls, NoteCalls, FileCalls):
    """The board of an open node.

    Fields are those of the kind (docs/reference/records.md): `category`, `quantity`, `unit`,
    `urgency`, `area`, `text`, … A record is named by its spoken code, its id, or the beginning of
    its id.
    """

    def __init__(self, node: Working, desk: Desk, clock: Callable[[], float]) -> None:
        super().__init__(node, desk, clock)
        self._watchers: WeakSet[Watcher] = WeakSet()

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
