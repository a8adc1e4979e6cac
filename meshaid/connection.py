"""One stream and the meeting on it: a reader, a writer and a clock, and nothing else.

All that is decided is decided in core/meeting.py. The reader hands over what arrives, the writer
sends whatever the meeting has to say, the third task calls it when a deadline has come. Whatever
breaks the stream ends this connection only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, Protocol, final

import trio

from meshaid.core.meeting import Meeting
from meshaid.core.meeting_events import MeetingEvent
from meshaid.core.messages import ByeReason

READ_BYTES: Final = 65_536
FAREWELL_SECONDS: Final = 1.0
"""How long a goodbye may take: a peer that does not read is not waited for."""


class Owner(Protocol):
    """What a connection needs of its node: everything that touches the replica goes through it."""

    async def step(self, connection: Connection, work: Callable[[], object]) -> None:
        """Do `work` where the replica may be used, then act on what came of it.

        Hands the meeting's events to `take_events` and wakes whoever has something to send.
        """

    async def take_outgoing(self, connection: Connection) -> bytes:
        """What this connection's meeting wants to send now; empty when nothing."""


@final
class Connection:
    """A stream with a meeting. `run` returns when the meeting or the stream has ended."""

    def __init__(
        self,
        stream: trio.abc.Stream,
        meeting: Meeting,
        owner: Owner,
        address: str,
        on_event: Callable[[MeetingEvent], None],
    ) -> None:
        self.stream = stream
        self.meeting = meeting
        self.address = address
        self.heard_at = trio.current_time()
        """When something came from the peer last."""
        self.heard = trio.Event()
        """Is set, and replaced by another, when something comes."""
        self._owner = owner
        self._on_event = on_event
        self._wake = trio.Event()
        self._moved = trio.Event()

    def __repr__(self) -> str:
        return f"<Connection {self.address} {self.meeting!r}>"

    def take_events(self, events: Iterable[MeetingEvent]) -> None:
        """Hand on what the owner found in the meeting after a step."""
        for event in events:
            self._on_event(event)

    def wake(self) -> None:
        """Have the writer look for something to send, and the clock for its next deadline."""
        self._wake.set()
        self._moved.set()

    async def run(self) -> None:
        """Hold the conversation until it ends. Raises nothing for the peer's or the stream's fault.

        On cancellation a goodbye is sent, for at most a second.
        """
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._read)
                nursery.start_soon(self._keep_time, nursery.cancel_scope)
                await self._write()
                nursery.cancel_scope.cancel()
        finally:
            try:
                with trio.move_on_after(FAREWELL_SECONDS, shield=True):
                    await self._say_goodbye()
            finally:
                with trio.CancelScope(shield=True):
                    await trio.aclose_forcefully(self.stream)

    async def _step(self, work: Callable[[], object]) -> None:
        await self._owner.step(self, work)

    async def _read(self) -> None:
        """Hand over what arrives; the writer notices when the meeting has ended."""
        while not self.meeting.closed:
            try:
                data = await self.stream.receive_some(READ_BYTES)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                data = b""
            now = trio.current_time()
            if data:
                self.heard_at = now
                self.heard.set()
                self.heard = trio.Event()
            work = partial(self.meeting.receive_data, bytes(data), now)
            await self._step(work)
            self.wake()

    async def _write(self) -> None:
        """Send what there is, whenever there is something; return when the meeting has ended."""
        while True:
            self._wake = trio.Event()
            last = self.meeting.closed  # asked first: what ends the meeting may still have words
            try:
                await self._flush()
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                await self._step(self.meeting.send_failed)
            if last:
                return
            await self._wake.wait()

    async def _flush(self) -> None:
        while data := await self._owner.take_outgoing(self):
            await self.stream.send_all(data)

    async def _keep_time(self, scope: trio.CancelScope) -> None:
        """Call the meeting at its deadlines; once it has ended, see that this has an end, too."""
        while not self.meeting.closed:
            self._moved = trio.Event()
            with trio.move_on_at(self.meeting.deadline):
                await self._moved.wait()
                continue
            await self._step(partial(self.meeting.tick, trio.current_time()))
            self.wake()
        await trio.sleep(FAREWELL_SECONDS)
        scope.cancel()  # the peer does not read our last words

    async def _say_goodbye(self) -> None:
        if self.meeting.closed:
            return
        await self._step(partial(self.meeting.close, ByeReason.LEAVING, trio.current_time()))
        try:
            await self._flush()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            await self._step(self.meeting.send_failed)
