"""Which documents differ, and how two peers find that out (docs/protocol.md, "Reconciliation").

Rules
  - An *item* is a document: its genesis hash and the hash of its state. Two devices with equal
    items and equal cards show the same board. Only what counts is an item.
  - Everything here is bookkeeping over what both sides said. Nothing is trusted: a peer that lies
    about its digest, its table or its clocks gets at worst what it asked for once per table that we
    show it, and we ask it at worst for what we lack.

Theory of operation: layers, and the first that answers is the last one used
  L0  *Keyed digests*, 16 bytes for the cards and 16 for the documents. Equal: done, in one round
      trip. Each is a sum, modulo 2**128, of one keyed hash per item; so a change costs one
      subtraction and one addition. Sums of that kind could be shaped by an insider who knows the
      key; therefore the key comes from the handshake and serves one session.
  L1  *What changed since the last meeting*. Reserved: message MARKER.
  L2  *The full table*: name and state of every document, 24 bytes each. Who has the peer's table
      already answers with the rows that differ; two full tables may cross. Each then asks for the
      documents that differ, with its own clocks, and gets the runs that it lacks.
      The rateless IBLT that shortens the table on slow links is reserved: message SYMBOLS.

  A *pass* is one exchange of tables with all that follows. After it digests are compared again,
  and another pass follows only while something moves: `Progress` remembers the pair of digests of
  the last fruitless look, and leaves that pair alone, for RECHECK_SECONDS and then ever longer.
  Thus every exchange ends: in sync, or out of sync until something changes. A peer that makes
  something move all the time is held to the pace of `Allowance`.

What this file does not do: it sends nothing and keeps no time (meeting.py), and knows no runs
(answers.py, document_exchange.py).
"""

from __future__ import annotations

import enum
import hashlib
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice
from typing import Final, final

from meshaid import limits
from meshaid.core.knowledge import Knowledge
from meshaid.core.messages import Digest, Want
from meshaid.core.shapes import ITEM_STATE_BYTES, NAME_BYTES, Clock, Wanted
from meshaid.errors import RemoteProtocolError

CARDS: Final = b"meshaid-cards-v1"
DOCUMENTS: Final = b"meshaid-items-v1"
"""Personalisation of the keyed hashes: what a digest is about."""

_MODULUS: Final = 2**128
_ENTRY_BYTES: Final = 80
"""Upper bound of one clock entry on the wire: 36 + 32 bytes, a number, and their headers."""

Table = Sequence[tuple[bytes, bytes]]
"""(name, 8 bytes of state) of every document, in the order of importance."""


# ---- L0: keyed digests
def keyed_hash(key: bytes, kind: bytes, item: bytes) -> int:
    """BLAKE2b (RFC 7693) of one item, keyed with the session's 32-byte key, as a number."""
    return int.from_bytes(
        hashlib.blake2b(item, digest_size=16, key=key, person=kind).digest(), "big"
    )


@final
class KeyedDigest:
    """The keyed digest of a changing set of items; what stayed is not hashed again."""

    def __init__(self, key: bytes, kind: bytes) -> None:
        """Begin with nothing. `key` has 32 bytes, `kind` is CARDS or DOCUMENTS."""
        self._key, self._kind = key, kind
        self._seen: dict[bytes, bytes] = {}
        self._sum = 0

    def of(self, items: Mapping[bytes, bytes]) -> bytes:
        """16 bytes for these items (genesis to state; for cards, hash to nothing)."""
        if items != self._seen:
            before, after = self._seen.items(), items.items()
            gone = sum(self._hash(name + state) for name, state in before - after)
            come = sum(self._hash(name + state) for name, state in after - before)
            self._sum = (self._sum - gone + come) % _MODULUS
            self._seen = dict(items)
        return self._sum.to_bytes(16, "big")

    def of_set(self, hashes: Collection[bytes]) -> bytes:
        """The same for a set of hashes."""
        return self.of(dict.fromkeys(hashes, b""))

    def _hash(self, item: bytes) -> int:
        return keyed_hash(self._key, self._kind, item)


class Verdict(enum.Enum):
    """What a pair of digests says, one from each side."""

    EQUAL = enum.auto()
    #: The rosters differ; documents are not worth a look before they are one.
    CARDS = enum.auto()
    DOCUMENTS = enum.auto()
    #: Something changed here since we told ours: it says nothing.
    STALE = enum.auto()


@final
class Comparison:
    """The conversation by DIGEST: they come in pairs, a question and its answer, or two that cross.

    Whoever hears one that it did not ask for owes one. A table (ITEMS) makes every digest before it
    void, on both sides, for the pass that follows ends with new ones.
    """

    def __init__(self, knowledge: Knowledge, key: bytes) -> None:
        self._knowledge = knowledge
        self._cards = KeyedDigest(key, CARDS)
        self._documents = KeyedDigest(key, DOCUMENTS)
        self._told: Digest | None = None
        self._heard: Digest | None = None
        self._pair = False
        self.asking = False
        """We told ours and wait for the peer's."""
        self.owes = False
        """The peer told its own and waits for ours."""

    def current(self) -> Digest:
        """The digest of what we hold now."""
        cards = self._cards.of_set(self._knowledge.effective())
        return Digest(cards, self._documents.of(self._knowledge.items()))

    @property
    def changed(self) -> bool:
        """Whether our digest is another one than the peer was told last."""
        return self.current() != self._told

    def greet(self, told: Digest, heard: Digest) -> None:
        """Both greetings carried a digest, and no cards have to be exchanged first."""
        self._told, self._heard, self._pair = told, heard, True

    def tell(self) -> Digest:
        """Our digest, to be sent now: the answer that we owe, or else a question."""
        self._told = self.current()
        if self.owes:
            self.owes, self._pair = False, True
        else:
            self.asking = True
        return self._told

    def hear(self, digest: Digest) -> None:
        """The peer's digest: an answer, or else a question."""
        self._heard = digest
        if self.asking:
            self.asking, self._pair = False, True
        else:
            self.owes = True

    def void(self) -> None:
        """A table was sent or came in."""
        self.asking = self.owes = self._pair = False

    def verdict(self) -> Verdict | None:
        """What the pair that has just become complete says; None when there is no new one."""
        if not self._pair or self._told is None or self._heard is None:
            return None
        self._pair = False
        if self.changed:
            return Verdict.STALE
        if self._told == self._heard:
            return Verdict.EQUAL
        return Verdict.CARDS if self._told.cards != self._heard.cards else Verdict.DOCUMENTS

    def digests(self) -> tuple[Digest | None, Digest | None]:
        """Ours and the peer's, as last told."""
        return self._told, self._heard


@final
class Progress:
    """Whether looking again can help.

    A pair of digests that was looked at in vain is left alone: for RECHECK_SECONDS, then twice as
    long, and so on up to 32 times as long. Any other pair is worth a look at once.
    """

    _DOUBLINGS: Final = 5

    def __init__(self) -> None:
        self._last: tuple[object, object] | None = None
        self._again_at = 0.0
        self._in_vain = 0

    def worth_a_look(self, digests: tuple[object, object], now: float) -> bool:
        """Whether to compare cards or tables over this pair, which this call takes as done."""
        if digests != self._last:
            self._last, self._in_vain = digests, 0
        elif now < self._again_at:
            return False
        self._again_at = now + limits.RECHECK_SECONDS * 2**self._in_vain
        self._in_vain = min(self._in_vain + 1, self._DOUBLINGS)
        return True


# ---- L2: tables
def table_of(items: Mapping[bytes, bytes]) -> Table:
    """The table to show: at most MAX_ITEMS documents."""
    rows = islice(items.items(), limits.MAX_ITEMS)
    return tuple((genesis[:NAME_BYTES], state[:ITEM_STATE_BYTES]) for genesis, state in rows)


def differing(ours: Table, theirs: Table, first: Collection[bytes] = ()) -> list[bytes]:
    """The names of the peer's documents that we hold in another state or not at all.

    Args:
      first: names to be asked for ahead of all others; these, and the rest, stay in the order of
        the peer's table, which knows what is urgent in a document that we have not seen.
    """
    held = dict(ours)
    names = [name for name, state in theirs if held.get(name) != state]
    ahead = set(first)
    return sorted(names, key=lambda name: name not in ahead)


def trim_clock(clock: Clock) -> Clock:
    """The clock as a request can carry it: at most CLOCK_ACTORS actors, the smallest ones.

    What is left out is sent once more and changes nothing.
    """
    if len(clock) <= limits.CLOCK_ACTORS:
        return clock
    return {actor: clock[actor] for actor in sorted(clock)[: limits.CLOCK_ACTORS]}


@final
class Pass:
    """One pass, seen from our side: from the first table to the last DONE of what we asked for."""

    def __init__(self, knowledge: Knowledge, first_request: int) -> None:
        self._knowledge = knowledge
        self._ours: Table | None = None
        self._theirs: Table | None = None
        self._wanted: deque[bytes] = deque()
        self._open: dict[int, frozenset[bytes]] = {}
        self.next_request = first_request
        """The number that the next request will have."""

    @property
    def shown(self) -> bool:
        """Whether the peer has our table."""
        return self._ours is not None

    @property
    def finished(self) -> bool:
        """Whether both tables were shown, and all that we lack was asked for and answered."""
        both = self._ours is not None and self._theirs is not None
        return both and not self._wanted and not self._open

    def show(self, table: Table) -> Table:
        """Our table goes out. What of it to send: only what differs, if the peer's is here."""
        self._ours = table
        self._plan()
        if self._theirs is None:
            return table
        theirs = dict(self._theirs)
        return tuple(row for row in table if theirs.get(row[0]) != row[1])

    def see(self, table: Table) -> None:
        """The peer's table. RemoteProtocolError for a second one in this pass."""
        if self._theirs is not None:
            raise RemoteProtocolError("the peer shows a second table in one pass: drop it")
        self._theirs = table
        self._plan()

    def _plan(self) -> None:
        """Want every document of the peer's table that differs; the rest is up to the peer."""
        if self._ours is not None and self._theirs is not None:
            self._wanted.extend(differing(self._ours, self._theirs))

    def requests(self) -> Iterable[Want]:
        """The requests to send now: as many as may be unanswered."""
        while self._wanted and len(self._open) < limits.REQUESTS_IN_FLIGHT:
            documents = tuple(self._take())
            if documents:
                number = self.next_request
                self.next_request += 1
                self._open[number] = frozenset(want.genesis for want in documents)
                yield Want(number, documents)

    def _take(self) -> Iterable[Wanted]:
        """Documents for one request; clocks are read only now, when they are as new as can be."""
        size = count = 0
        while self._wanted and count < limits.DOCUMENTS_PER_REQUEST and size < limits.REQUEST_BYTES:
            genesis = self._knowledge.genesis_named(self._wanted.popleft())
            if genesis is not None:
                clock = trim_clock(self._knowledge.document_clock(genesis))
                count += 1
                size += _ENTRY_BYTES * len(clock)
                yield Wanted(genesis, clock)

    def check(self, request: int, geneses: Iterable[bytes]) -> None:
        """RemoteProtocolError unless all these documents were asked for by this open request."""
        asked = self._open.get(request)
        if asked is None or not asked.issuperset(geneses):
            raise RemoteProtocolError("the peer sent a delta that nobody asked for: drop it")

    def done(self, request: int) -> None:
        """A request was answered. RemoteProtocolError when it was not open."""
        if self._open.pop(request, None) is None:
            raise RemoteProtocolError("the peer answered a request that nobody made: drop it")


@final
class Shown:
    """What the peer may ask for in one pass: each document of the table that we showed, once."""

    def __init__(self) -> None:
        self._names: set[bytes] = set()

    def show(self, table: Table) -> None:
        """A new table replaces what was left of the last one."""
        self._names = {name for name, _ in table}

    def admit(self, want: Want) -> None:
        """RemoteProtocolError for a document that was not shown, or asked for twice."""
        names = {wanted.genesis[:NAME_BYTES] for wanted in want.documents}
        if len(names) != len(want.documents) or not names <= self._names:
            raise RemoteProtocolError("the peer asked for what it was not shown, or twice: drop it")
        self._names -= names


# ---- bounds over time
@final
class Allowance:
    """So many at once, then one per interval: a bucket that fills up with time."""

    def __init__(self, most: int, interval: float, now: float) -> None:
        self._most, self._interval = most, interval
        self._full_at = now

    def ready_at(self, now: float) -> float:
        """When the next one may be taken; `now` or earlier means at once."""
        return max(self._full_at, now) - (self._most - 1) * self._interval

    def take(self, now: float) -> bool:
        """Take one, if there is one."""
        if self.ready_at(now) > now:
            return False
        self._full_at = max(self._full_at, now) + self._interval
        return True
