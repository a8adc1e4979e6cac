"""The sealed notes' side of a meeting (docs/protocol.md, "Sealed notes").

Notes are in no digest of documents: that two devices hold other notes never keeps them from being
in sync. They have a keyed digest of their own, which is compared once documents were compared.

Theory of operation
  The listener says its digest. Who hears another one than its own opens a *pass*: it lists all its
  notes, the other lists those that the first did not name, each wants what it lacks and would take,
  and says its digest again when it has got that. Both having done so, the pass is over.
  Afterwards new notes are pushed. A digest is said again, when it is quiet, by whoever has another
  one than it said last.

  Devices may hold other notes for good: one has erased what is over by its clock. So a pass over
  the same *difference* of digests (they are sums) is not repeated before RECHECK_SECONDS, then ever
  later, however many notes come to both meanwhile.

  What a peer lists and nobody here can place yet (its record is not held) is remembered for this
  session, and wanted as soon as it can be placed.

Bounds: lists as often as `Allowance` says; a note may be wanted once each time it was listed or
pushed; whose notes bring nothing new for USELESS_BYTES is of no use.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, final

from meshaid import limits
from meshaid.core.answers import PUSHED, Answers
from meshaid.core.knowledge import Knowledge
from meshaid.core.messages import Message, Sealed, SealedDigest, SealedList, SealedWant
from meshaid.core.reconcile import Allowance, KeyedDigest, Progress
from meshaid.errors import RemoteProtocolError

NOTES: Final = b"meshaid-notes-v1"
"""Personalisation of the keyed hashes: see reconcile.py."""


@dataclass(slots=True)
class _Pass:
    """How far a pass is on both sides."""

    ours_listed: bool = False
    theirs_listed: bool = False
    we_are_through: bool = False
    they_are_through: bool = False

    @property
    def both_listed(self) -> bool:
        return self.ours_listed and self.theirs_listed


@final
class NoteExchange:
    """What one peer and we ask and tell each other about notes."""

    def __init__(
        self, knowledge: Knowledge, answers: Answers, lists: Allowance, *, key: bytes, opens: bool
    ) -> None:
        """Begin it.

        Args:
          key: the digest key of the session (32 bytes).
          opens: whether this side says its digest first.
        """
        self._notes = knowledge.notes
        self._answers = answers
        self._lists = lists
        self._opens = opens
        self._digest = KeyedDigest(key, NOTES)
        self._told: bytes | None = None
        self._heard: bytes | None = None
        self._pass: _Pass | None = None
        self._theirs: frozenset[bytes] = frozenset()
        self._looks = Progress()
        self._look_due = False
        self._tell_due = opens
        self._offered: Counter[bytes] = Counter()
        self._unplaced: dict[bytes, bytes] = {}
        self._wanted: deque[bytes] = deque()
        self._asked: dict[int, frozenset[bytes]] = {}
        self._missed = False
        """Notes that we asked for could not be taken: a card is missing here."""
        self._next_request = 1
        self._useless = 0

    # ---- where it stands
    @property
    def settled(self) -> bool:
        """Whether both have, as far as can be known here, what each would take of the other."""
        if self._pass is not None or self._look_due or self._wanted or self._asked:
            return False
        return (self._told if self._opens else self._heard) is not None

    @property
    def waiting(self) -> bool:
        """Whether the peer owes us its list, its digest at the end of a pass, or an answer."""
        under_way = self._pass is not None and self._pass.ours_listed
        return bool(self._asked) or under_way

    @property
    def list_due(self) -> bool:
        """Whether the peer waits for our list, which `Allowance` may hold back."""
        return self._pass is not None and not self._pass.ours_listed

    def ready_at(self, now: float) -> float:
        """When our list may be sent."""
        return self._lists.ready_at(now)

    @property
    def useless(self) -> bool:
        """Whether the peer has brought nothing new for too long."""
        return self._useless > limits.USELESS_BYTES

    # ---- what we say
    def due(self, now: float) -> Iterable[Message]:
        """Our digest, list and requests, as far as they may be sent now."""
        if self._look_due:
            self._look_due = False
            self._look(now)
        if self._pass is None:
            if self._tell_due:
                yield self._tell()
            yield from self._requests()
            return
        if not self._pass.ours_listed and self._lists.take(now):
            yield self._list(self._pass)
        yield from self._requests()
        if self._pass.both_listed and not (
            self._pass.we_are_through or self._wanted or self._asked
        ):
            self._pass.we_are_through = True
            yield self._tell()
            self._finish()

    def _look(self, now: float) -> None:
        """The peer has said its digest: open a pass, unless it is ours or known to differ."""
        if self._pass is not None or self._heard is None:
            return
        ours = self._current()
        if ours == self._heard:
            self._told = ours  # it hears nothing, and knows by that
            return
        gap = int.from_bytes(ours, "big") - int.from_bytes(self._heard, "big")
        if self._looks.worth_a_look((gap % 2**128, None), now):
            self._pass = _Pass()

    def _current(self) -> bytes:
        return self._digest.of(self._notes.shown())

    def _tell(self) -> SealedDigest:
        self._tell_due = False
        self._told = self._current()
        return SealedDigest(self._told)

    def _list(self, under_way: _Pass) -> SealedList:
        """All our notes; or, if the peer has listed its own, those that it does not hold."""
        under_way.ours_listed = True
        shown = self._notes.shown()
        table = tuple((name, mark) for name, mark in shown.items() if name not in self._theirs)
        table = table[: limits.MAX_NOTES]
        self._offered.update(name for name, _ in table)
        return SealedList(table)

    def _requests(self) -> Iterable[SealedWant]:
        while self._wanted and len(self._asked) < limits.REQUESTS_IN_FLIGHT:
            count = min(len(self._wanted), limits.NOTES_PER_MESSAGE)
            names = tuple(self._wanted.popleft() for _ in range(count))
            request, self._next_request = self._next_request, self._next_request + 1
            self._asked[request] = frozenset(names)
            yield SealedWant(request, names)

    def _finish(self) -> None:
        if self._pass and self._pass.we_are_through and self._pass.they_are_through:
            self._pass = None
            self._theirs = frozenset()

    # ---- what happens here
    def push(self, names: Iterable[bytes]) -> None:
        """Send notes that are new here."""
        several = tuple(names)
        self._offered.update(several)
        self._answers.push_notes(several)

    def roster_changed(self) -> None:
        """What could not be taken may be by now: look again."""
        if self._missed:
            self._missed = False
            self._looks = Progress()
            self._look_due = self._heard is not None

    def reconsider(self) -> None:
        """It is quiet: want what can be placed by now, and say what is held if that has changed."""
        found = [name for name, mark in self._unplaced.items() if self._notes.wants(name, mark)]
        for name in found:
            del self._unplaced[name]
        self._wanted.extend(found)
        if self._pass is None and self._told is not None:
            self._tell_due = self._told != self._current()

    # ---- what the peer says; each raises RemoteProtocolError when it had no reason to
    def hear_digest(self, digest: bytes) -> None:
        """The peer's digest: at the beginning, at the end of a pass, or because it changed."""
        if self._pass is None:
            self._look_due = True
        elif self._pass.theirs_listed:
            self._pass.they_are_through = True
        self._heard = digest
        self._finish()

    def hear_list(self, table: Iterable[tuple[bytes, bytes]]) -> None:
        """The peer's list: it opens a pass, or answers ours."""
        if self._pass is None:
            self._pass = _Pass()
        if self._pass.theirs_listed:
            raise RemoteProtocolError("the peer lists its notes twice in one pass: drop it")
        self._pass.theirs_listed = True
        shown = self._notes.shown()
        marks = dict(table)
        self._theirs = frozenset(marks)
        fresh = {name: mark for name, mark in marks.items() if name not in shown}
        wanted = [name for name, mark in fresh.items() if self._notes.wants(name, mark)]
        self._wanted = deque(wanted)
        unplaced = sorted(fresh.keys() - set(wanted))[: limits.UNPLACED_NOTES]
        self._unplaced = {name: fresh[name] for name in unplaced}

    def hear_want(self, want: SealedWant) -> None:
        """The peer asks for notes."""
        if any(not self._offered[name] for name in want.names):
            raise RemoteProtocolError("the peer asked for notes that it was not shown: drop it")
        # In place: wanting one by one must not cost the square of what was shown.
        self._offered.subtract(want.names)
        self._answers.request_notes(want)

    def hear_notes(self, sealed: Sealed) -> list[bytes]:
        """Notes as an answer or pushed: judge and keep them. The names of those that are new.

        Raises:
          RemoteProtocolError: nobody asked for them, or no honest device would pass one on.
          StoreError: they could not be kept.
        """
        asked = None
        if sealed.request != PUSHED:
            asked = self._asked.pop(sealed.request, None)
            if asked is None:
                raise RemoteProtocolError("the peer sent notes that nobody asked for: drop it")
        taken = self._notes.take(sealed.wires)
        if asked is not None and not asked.issuperset(each.name for each in taken):
            raise RemoteProtocolError("the peer sent other notes than were asked for: drop it")
        late = {each.name: each.mark for each in taken if each.outcome == "later"}
        if asked is not None:
            self._missed |= bool(late)  # it may be asked for again once it is listed again
        elif len(self._unplaced) + len(late) <= limits.UNPLACED_NOTES:
            self._unplaced.update(late)
        new = [each.name for each in taken if each.outcome == "new"]
        size = sum(max(len(wire), limits.USELESS_LEAST) for wire in sealed.wires)
        self._useless = 0 if new else self._useless + size
        return new
