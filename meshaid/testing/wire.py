"""A stream in memory between two meetings, with the faults of real ones.

A stream loses nothing in the middle and repeats nothing: what can go wrong is that it ends early,
that it comes in any pieces, and that either side speaks first. Bytes go over only as fast as the
other side takes them, so a cut hits whatever was under way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, final

from meshaid.core.meeting import Meeting
from meshaid.core.meeting_events import DocumentChanged, Ended, InSync, MeetingEvent, PeerProven

_MOST_TURNS: Final = 100_000
"""Turns after which a conversation will not end by itself."""


@dataclass(frozen=True, slots=True)
class Faults:
    """What is wrong with a stream.

    Attributes:
      cut_after: bytes carried, both ways together, after which the stream ends; the rest is lost.
      piece: bytes handed over at a time.
      listener_first: whether the listener's bytes go before the dialer's in each turn.
    """

    cut_after: int | None = None
    piece: int = 65_536
    listener_first: bool = False


@final
class Wire:
    """Two meetings, dialer first, and the bytes between them."""

    def __init__(
        self,
        dialer: Meeting,
        listener: Meeting,
        *,
        now: float,
        faults: Faults | None = None,
        after_step: Callable[[int], None] | None = None,
    ) -> None:
        """Nothing is carried yet.

        Args:
          now: seconds of the clock that the meetings go by; it stands still while bytes go over.
          after_step: called with 0 (dialer) or 1 (listener) after every call into that meeting.
        """
        self.meetings: Final = (dialer, listener)
        self.events: Final[tuple[list[MeetingEvent], list[MeetingEvent]]] = ([], [])
        self.now = now
        self.carried = 0
        """Bytes handed over so far, both ways together."""
        self.was_cut = False
        self.cut_in_transfer = False
        """Whether the cut came after one side had proven itself and before both were in sync."""
        self._faults = faults or Faults()
        self._after_step = after_step

    def run(self, *, until: int | None = None, patience: float = 300.0) -> None:
        """Carry bytes until both meetings are over, at most `patience` seconds of idle time, or
        until so many bytes were carried.

        Raises AssertionError when the two never come to rest.
        """
        end = self.now + patience
        for _ in range(_MOST_TURNS):
            if until is not None and self.carried >= until:
                return
            if self._turn() or self._close_deserted():
                continue
            due = min(meeting.deadline for meeting in self.meetings)
            if due > end:
                return
            self.now = max(self.now, due)
            for side, meeting in enumerate(self.meetings):
                meeting.tick(self.now)
                self._note(side)
        raise AssertionError("the two never come to rest")

    def end(self) -> None:
        """The stream ends on both sides without a word."""
        for side, meeting in enumerate(self.meetings):
            if not meeting.closed:
                meeting.receive_data(b"", self.now)
                self._note(side)

    @property
    def in_sync(self) -> bool:
        """Whether a side found both in sync."""
        return any(isinstance(event, InSync) for heard in self.events for event in heard)

    def heard(self, side: int, kind: type[MeetingEvent]) -> list[MeetingEvent]:
        """The events of one kind on one side."""
        return [event for event in self.events[side] if isinstance(event, kind)]

    def _turn(self) -> bool:
        """Let each side say something once; whether anything was carried."""
        moved = False
        sides = (1, 0) if self._faults.listener_first else (0, 1)
        for side in sides:
            if self.was_cut:
                return False
            data = self.meetings[side].data_to_send()
            self._note(side)
            if data:
                moved = True
                self._carry(1 - side, data)
        return moved

    def _carry(self, side: int, data: bytes) -> None:
        cut_after = self._faults.cut_after
        for start in range(0, len(data), self._faults.piece):
            piece = data[start : start + self._faults.piece]
            if cut_after is not None and self.carried + len(piece) > cut_after:
                piece = piece[: cut_after - self.carried]
                self._hand_over(side, piece)
                self._cut()
                return
            self._hand_over(side, piece)

    def _hand_over(self, side: int, piece: bytes) -> None:
        self.carried += len(piece)
        if piece and not self.meetings[side].closed:
            self.meetings[side].receive_data(piece, self.now)
            self._note(side)

    def _cut(self) -> None:
        self.was_cut = True
        proven = any(self.heard(side, PeerProven) for side in (0, 1))
        over = any(self.heard(side, Ended) for side in (0, 1))
        self.cut_in_transfer = proven and not self.in_sync and not over
        self.end()

    def _close_deserted(self) -> bool:
        """When one side has ended, the other's stream ends; whether that was so."""
        closed = [meeting.closed for meeting in self.meetings]
        if closed[0] == closed[1]:
            return False
        self.end()
        return True

    def _note(self, side: int) -> None:
        self.events[side].extend(self.meetings[side].events())
        if self._after_step is not None:
            self._after_step(side)

    def accepted(self, side: int) -> int:
        """How often runs from the peer were accepted on this side."""
        return len(self.heard(side, DocumentChanged))
