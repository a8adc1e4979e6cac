"""Kept signatures, and how a document is cut into runs that never wait for each other.

A **piece** reaches from a kept signature down its actor's own branch to right above the previous
kept one. A signature may be dropped unless its change is the end of a branch, or its piece holds a
change that another actor names, or a piece would grow beyond the caps. Pieces of two branches share
their stem. Sent so that every predecessor is known, sent before, or in the piece itself, they are
accepted one after the other; cut at other places they can wait for each other in a circle.

Of a piece only the part travels that the receiver lacks by then: a run continues any branch that
is held. So a live push of one change is that change alone, and a branch above a long stem is sent
no longer than it was received. For the latter an actor that has forked keeps all its signatures.

What a peer holds is read off its clock: what counts there is complete below. Where a peer is ahead
of us on an actor, by a head that we do not hold, it is taken to continue ours. If it is another
branch, the peer's own changes show the fork, and the next comparison sends the proof.
Source: docs/protocol.md, "Kept signatures" and "What is owed"; DESIGN sections 6 and 7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from heapq import heappop, heappush

from meshaid import limits
from meshaid.core.fork import Clock, History
from meshaid.errors import MeshaidInternalError

Piece = tuple[bytes, ...]
"""Hashes of consecutive changes of one actor, lowest first; a signature is kept for the last."""


class Pieces:
    """The signatures kept for a history: one per piece."""

    def __init__(
        self,
        history: History,
        *,
        run_changes: int = limits.MAX_RUN_CHANGES,
        run_bytes: int = limits.MAX_RUN_BYTES,
    ) -> None:
        """`run_changes` and `run_bytes` bound what dropping a signature may join into one piece."""
        self._history = history
        self._run_changes = run_changes
        self._run_bytes = run_bytes
        self.signatures: dict[bytes, bytes] = {}
        """Hash of a change to the kept signature (64 bytes) over it."""
        self._thinnable: dict[bytes, None] = {}

    def keep(self, new: Sequence[bytes], signature: bytes) -> None:
        """Keep the signature over the last of these changes, just entered into the history."""
        self.signatures[new[-1]] = signature
        for change_hash in new:
            prev = self._history.changes[change_hash].prev
            if prev in self.signatures:
                self._thinnable[prev] = None

    # ---- cutting
    def piece(self, end: bytes) -> Piece:
        """The piece that ends at this kept signature."""
        return self._down(end, lambda _: False)

    def _down(self, end: bytes, known: Callable[[bytes], bool]) -> Piece:
        """The piece, or as much of its upper part as is not known."""
        found = [end]
        for change_hash in self._history.own_chain(self._history.changes[end].prev):
            if change_hash in self.signatures or known(change_hash):
                break
            found.append(change_hash)
        return tuple(reversed(found))

    def droppable(self, change_hash: bytes) -> bool:
        """Whether the signature kept for this change may go."""
        history = self._history
        if change_hash not in self.signatures or not history.above(change_hash):
            return False
        piece = self.piece(change_hash)
        if not history.named.isdisjoint(piece):
            return False
        size = sum(history.changes[h].size for h in piece)
        return self._fits_above(change_hash, len(piece), size)

    def _fits_above(self, change_hash: bytes, count: int, size: int) -> bool:
        """Whether every piece right above, joined with `count` changes below it, keeps the caps."""
        history = self._history
        todo = [(above, count, size) for above in history.above(change_hash)]
        while todo:
            change_hash, count, size = todo.pop()
            count, size = count + 1, size + history.changes[change_hash].size
            if count > self._run_changes or size > self._run_bytes:
                return False
            if change_hash not in self.signatures:
                todo += [(above, count, size) for above in history.above(change_hash)]
        return True

    def drop(self, change_hash: bytes) -> bool:
        """Drop this kept signature if that may be; returns whether it went."""
        if not self.droppable(change_hash):
            return False
        del self.signatures[change_hash]
        return True

    def thin(self) -> list[bytes]:
        """Drop what became droppable since last asked; returns the hashes whose signature went."""
        changes, forks = self._history.changes, self._history.forks
        candidates = sorted(self._thinnable, key=lambda h: changes[h].seq)
        self._thinnable.clear()
        return [h for h in candidates if changes[h].actor not in forks and self.drop(h)]

    # ---- sending
    def owed(self, theirs: Clock) -> list[Piece]:
        """What a peer with this clock lacks, in an order in which it can accept each at once.

        Per actor that differs: what counts here, and the proof of its cut, with their past.
        """
        history = self._history
        known = self._known_to(theirs)
        mine = history.clock()
        wanted: list[bytes] = []
        for actor in history.actors():
            length, head = mine.get(actor, (0, b""))
            if theirs.get(actor, (0, b"")) == (length, head):
                continue
            for change_hash in history.own_chain(head):
                if known(change_hash):
                    break
                wanted.append(change_hash)
            wanted += history.proof(actor)
        return self.send_order(wanted, known)

    def _known_to(self, theirs: Clock) -> Callable[[bytes], bool]:
        """Tells of a held change whether a peer with this clock holds it."""
        history = self._history
        mine = history.clock()
        lengths: dict[bytes, int] = {}
        chains: dict[bytes, set[bytes]] = {}
        for actor, (length, head) in theirs.items():
            held = history.changes.get(head)
            if held is not None and held.actor == actor:
                lengths[actor] = held.seq
                if actor in history.forks:
                    chains[actor] = set(history.own_chain(head))
            elif held is None and actor not in history.forks:
                ahead = length > mine.get(actor, (0, b""))[0]
                lengths[actor] = length if ahead else 0

        def known(change_hash: bytes) -> bool:
            meta = history.changes[change_hash]
            chain = chains.get(meta.actor)
            if chain is not None:
                return change_hash in chain
            return meta.seq <= lengths.get(meta.actor, 0)

        return known

    def send_order(self, wanted: Iterable[bytes], known: Callable[[bytes], bool]) -> list[Piece]:
        """The runs that bring `wanted` with its past to one who holds `known` (closed downwards),
        each acceptable in its turn.

        Raises:
          MeshaidInternalError: a branch end has no signature, or pieces wait for each other;
            neither can come of runs that were accepted.
        """
        tails = self._choose(wanted, known)
        waits: dict[bytes, int] = {}
        wakes: dict[bytes, list[bytes]] = {}
        for end, tail in tails.items():
            needs = {dep for h in tail for dep in self._history.changes[h].deps}
            needs.difference_update(tail)
            needs = {dep for dep in needs if dep != self._history.genesis and not known(dep)}
            waits[end] = len(needs)
            for dep in needs:
                wakes.setdefault(dep, []).append(end)
        order = _Order(self, tails, waits, wakes)
        runs = order.runs()
        if len(runs) != len(tails):
            raise MeshaidInternalError("pieces of a document wait for each other; report this")
        return runs

    def _choose(
        self, wanted: Iterable[bytes], known: Callable[[bytes], bool]
    ) -> dict[bytes, Piece]:
        """The pieces that hold `wanted` or its past, each without its known lower part."""
        history = self._history
        tails: dict[bytes, Piece] = {}
        seen = {history.genesis}
        todo = [change_hash for change_hash in wanted if not known(change_hash)]
        while todo:
            climb = [todo.pop()]
            while climb:
                change_hash = climb.pop()
                if change_hash in seen:
                    continue
                seen.add(change_hash)
                if change_hash in self.signatures:
                    tail = tails[change_hash] = self._down(change_hash, known)
                    deps = {dep for h in tail for dep in history.changes[h].deps} - seen
                    todo += [dep for dep in deps if not known(dep)]
                elif above := history.above(change_hash):
                    climb += above
                else:
                    raise MeshaidInternalError("the end of a branch is not signed; report this")
        return tails

    def trim(self, tail: Piece, sent: set[bytes]) -> Piece:
        """The part of a piece above what was sent already."""
        at = len(tail)
        while at and tail[at - 1] not in sent:
            at -= 1
        return tail[at:]

    def fits(self, run: Piece) -> bool:
        """Whether a run keeps the caps."""
        size = sum(self._history.changes[h].size for h in run)
        return len(run) <= self._run_changes and size <= self._run_bytes

    def height(self, end: bytes) -> int:
        """The seq of a held change."""
        return self._history.changes[end].seq


class _Order:
    """Brings pieces into an order in which none lacks anything when its turn comes.

    A piece that would still be too long waits until others have brought its stem.
    """

    def __init__(
        self,
        pieces: Pieces,
        tails: dict[bytes, Piece],
        waits: dict[bytes, int],
        wakes: dict[bytes, list[bytes]],
    ) -> None:
        self._pieces = pieces
        self._tails = tails
        self._waits = waits
        self._wakes = wakes
        self._ready: list[tuple[int, bytes]] = []
        self._parked: dict[bytes, list[bytes]] = {}
        self._sent: set[bytes] = set()

    def runs(self) -> list[Piece]:
        """All pieces that can be sent, in order, trimmed."""
        runs: list[Piece] = []
        for end, count in self._waits.items():
            if not count:
                self._push(end)
        while self._ready or self._parked:
            runs.append(self._next())
        return runs

    def _push(self, end: bytes) -> None:
        heappush(self._ready, (self._pieces.height(end), end))

    def _next(self) -> Piece:
        """Send the lowest ready piece that fits; when none does, the lowest of those."""
        while self._ready:
            _, end = heappop(self._ready)
            run = self._pieces.trim(self._tails[end], self._sent)
            if self._pieces.fits(run):
                return self._send(end, run)
            self._parked.setdefault(self._tails[end][0], []).append(end)
        end = min((end for ends in self._parked.values() for end in ends), key=self._pieces.height)
        self._parked[self._tails[end][0]].remove(end)
        return self._send(end, self._pieces.trim(self._tails[end], self._sent))

    def _send(self, end: bytes, run: Piece) -> Piece:
        self._sent.update(run)
        for parked in self._parked.pop(self._tails[end][0], ()):
            self._push(parked)
        for change_hash in run:
            for waiting in self._wakes.pop(change_hash, ()):
                self._waits[waiting] -= 1
                if not self._waits[waiting]:
                    self._push(waiting)
        return run
