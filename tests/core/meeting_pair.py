"""Two meetings joined by a stream that a test holds in its hands."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from itertools import count

from meshaid.core.meeting import Meeting
from meshaid.core.meeting_events import CardsChanged, DocumentChanged, Ended, MeetingEvent
from tests.core.meeting_world import Device

_ephemerals = count()


def fresh_ephemeral() -> bytes:
    return hashlib.sha256(b"ephemeral %d" % next(_ephemerals)).digest()


class Pair:
    """A dialer and a listener, and the bytes between them."""

    def __init__(
        self,
        dialer: Device,
        listener: Device,
        *,
        once: bool = False,
        chunk: int | None = None,
        now: float = 0.0,
    ) -> None:
        self.now = now
        self.chunk = chunk
        self.devices = (dialer, listener)
        self.meetings = (
            Meeting(
                dialer.knowledge, role="dialer", ephemeral=fresh_ephemeral(), now=now, once=once
            ),
            Meeting(listener.knowledge, role="listener", ephemeral=fresh_ephemeral(), now=now),
        )
        self.events: tuple[list[MeetingEvent], list[MeetingEvent]] = ([], [])
        self.sent = [0, 0]
        self.on_data: Callable[[bytes], bytes | None] = lambda data: data

    def step(self) -> bool:
        """Carry what is due from each side to the other once. Whether anything moved."""
        moved = False
        for side in (0, 1):
            data = self.meetings[side].data_to_send()
            self.note(side)
            if not data:
                continue
            moved = True
            self.sent[side] += len(data)
            carried = self.on_data(data)
            if carried is None:
                self.cut()
                return False
            self.feed(1 - side, carried)
        return moved

    def feed(self, side: int, data: bytes) -> None:
        size = self.chunk or 65_536
        for start in range(0, len(data), size):
            self.meetings[side].receive_data(data[start : start + size], self.now)
        self.note(side)

    def note(self, side: int) -> None:
        self.events[side].extend(self.meetings[side].events())

    def run(self, rounds: int = 10_000) -> Pair:
        """Carry bytes until neither side has anything to say."""
        for _ in range(rounds):
            if not self.step():
                return self
        raise AssertionError("the two never come to rest")

    def wait(self, seconds: float) -> Pair:
        """Let time pass, from one deadline to the next, carrying bytes at each."""
        end = self.now + seconds
        for _ in range(10_000):
            self.run()
            due = min(meeting.deadline for meeting in self.meetings)
            if due > end:
                self.now = end
                return self
            self.now = max(self.now, due)
            for side, meeting in enumerate(self.meetings):
                meeting.tick(self.now)
                self.note(side)
        raise AssertionError("deadlines do not move on")

    def cut(self) -> None:
        """The stream ends on both sides, without a word."""
        for side, meeting in enumerate(self.meetings):
            meeting.receive_data(b"", self.now)
            self.note(side)

    def tell(self, side: int, genesis: bytes, before: dict[bytes, tuple[int, bytes]]) -> None:
        self.meetings[side].local_change(genesis, before, self.now)
        self.note(side)

    def happened(self, side: int, kind: type[MeetingEvent]) -> list[MeetingEvent]:
        return [event for event in self.events[side] if isinstance(event, kind)]

    def ended(self, side: int) -> Ended:
        (event,) = self.happened(side, Ended)
        assert isinstance(event, Ended)
        return event

    @property
    def in_sync(self) -> bool:
        return all(meeting.in_sync for meeting in self.meetings)

    @property
    def quiet(self) -> bool:
        """No cards or documents went over."""
        return not any(
            isinstance(event, CardsChanged | DocumentChanged)
            for events in self.events
            for event in events
        )
