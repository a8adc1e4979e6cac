"""What counts: a pure function of the changes and cuts held, whatever order they came in.

A document keeps every accepted change, also of branches that do not count. Of these count

- of an actor: its changes below its lowest **fork** (two different changes at one seq);
- of a device with **cuts** (removals, each naming the last changes that stay): exactly what every
  one of them names and what lies below that on its branch, its forks or not;
- and a change only if all its predecessors count.

Where removals name two branches of one actor, it counts up to where these part, as with a fork:
nothing that counts ever holds two changes at one seq, so Automerge can always load it.

The ordinary case (no fork, no cut) costs O(1) for a new change. Whatever takes something away, or
brings back a branch, is worked out anew from the whole history when next asked for.
Source: docs/protocol.md, "What counts"; DESIGN section 7.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, Protocol, TypeAlias

DEVICE_BYTES: Final = 32
HASH_BYTES: Final = 32
PREFIX_BYTES: Final = 8

Clock: TypeAlias = Mapping[bytes, tuple[int, bytes]]
"""Actor (36 bytes) to length (a count) and head (32 bytes) of what counts."""
Cuts: TypeAlias = Mapping[bytes, tuple[frozenset[bytes], ...]]
"""Removed device (32 bytes) to the hashes that each of its removals lets stay."""


class ChangeMeta(Protocol):
    """What the gate says of an accepted change; `_automerge.Meta` is one."""

    @property
    def hash(self) -> bytes: ...
    @property
    def actor(self) -> bytes: ...
    @property
    def seq(self) -> int: ...
    @property
    def deps(self) -> Sequence[bytes]: ...
    @property
    def prev(self) -> bytes: ...
    @property
    def max_op(self) -> int: ...
    @property
    def size(self) -> int: ...


class Change(NamedTuple):
    """One held change: its place in the graph, not its bytes.

    `deps` are all its predecessors, its own previous one (`prev`, empty at seq 1) among them;
    `max_op` is the number of its last operation, `size` its raw bytes.
    """

    hash: bytes
    actor: bytes
    seq: int
    deps: tuple[bytes, ...]
    prev: bytes
    max_op: int
    size: int


class History:
    """The accepted changes of one document, all branches, and which of them count.

    Changes are added in causal order, so every predecessor is there before what depends on it.
    """

    def __init__(self, genesis: ChangeMeta) -> None:
        self.genesis: Final = genesis.hash
        self.changes: dict[bytes, Change] = {}
        """By hash, in the order of acceptance; without the genesis."""
        self.named: set[bytes] = set()
        """Hashes that a change of another actor depends on."""
        self.forks: dict[bytes, int] = {}
        """Actor to the lowest seq at which two of its changes are held."""
        self.recounts = 0
        """How often something stopped or began to count other than by arriving."""
        self._above: dict[bytes, tuple[bytes, ...]] = {}
        self._at: dict[bytes, dict[int, tuple[bytes, ...]]] = {}
        self._root = Change(genesis.hash, genesis.actor, 1, (), b"", genesis.max_op, genesis.size)
        self._by_prefix: dict[bytes, tuple[Change, ...]] | None = None
        self._held: dict[bytes, int] = {}
        self._cuts: Cuts = {}
        self._counted: set[bytes] = set()
        self._clock: dict[bytes, tuple[int, bytes]] = {}
        self._stale = False
        self._fresh: list[bytes] = []
        self._lost = False

    # ---- the graph
    def __contains__(self, change_hash: object) -> bool:
        return change_hash in self.changes

    def __len__(self) -> int:
        return len(self.changes)

    def find(self, prefix: bytes) -> Sequence[Change]:
        """All held changes, the genesis among them, whose hash begins with these 8 or 32 bytes."""
        if len(prefix) == HASH_BYTES:
            held = self._root if prefix == self.genesis else self.changes.get(prefix)
            return () if held is None else (held,)
        if self._by_prefix is None:
            self._by_prefix = {}
            for change in (self._root, *self.changes.values()):
                self._index_prefix(change)
        return self._by_prefix.get(prefix, ())

    def _index_prefix(self, change: Change) -> None:
        if self._by_prefix is not None:
            prefix = change.hash[:PREFIX_BYTES]
            self._by_prefix[prefix] = (*self._by_prefix.get(prefix, ()), change)

    def actors(self) -> Iterable[bytes]:
        """Every actor of which a change is held."""
        return self._at.keys()

    def actor_count(self) -> int:
        """How many actors a change is held of."""
        return len(self._at)

    def length(self, actor: bytes) -> int:
        """The highest seq held of this actor, counting or not; 0 when there is none."""
        return max(self._at.get(actor, (0,)))

    def left_out(self, device: bytes) -> int:
        """How many held changes of this device do not count; 0 for one with cuts, whose do not
        come back."""
        if device in self._cuts:
            return 0
        clock = self.clock()
        own = (actor for actor in self._held if actor[:DEVICE_BYTES] == device)
        return sum(self._held[actor] - clock.get(actor, (0, b""))[0] for actor in own)

    def above(self, change_hash: bytes) -> tuple[bytes, ...]:
        """The held changes whose own previous one this is: several where branches part."""
        return self._above.get(change_hash, ())

    def own_chain(self, head: bytes) -> Iterator[bytes]:
        """From `head` down its own branch to seq 1."""
        while head in self.changes:
            yield head
            head = self.changes[head].prev

    # ---- growing
    def add(self, meta: ChangeMeta) -> bool:
        """Enter an accepted change; one that is held already changes nothing.

        Returns whether another change is held at its (actor, seq): a fork.
        """
        change_hash = meta.hash
        if change_hash in self.changes:
            return len(self._at[meta.actor][meta.seq]) > 1
        change = self._compact(meta)
        self.changes[change_hash] = change
        self._index_prefix(change)
        if change.prev:
            self._above[change.prev] = (*self._above.get(change.prev, ()), change_hash)
        if len(change.deps) > 1 or not change.prev:
            self.named.update(dep for dep in change.deps if dep != change.prev)
        at = self._at.setdefault(change.actor, {})
        at[change.seq] = (*at.get(change.seq, ()), change_hash)
        self._held[change.actor] = self._held.get(change.actor, 0) + 1
        forked = len(at[change.seq]) > 1
        if forked:
            self._note_fork(change)
        if not self._stale:
            self._count_new(change)
        return forked

    def _compact(self, meta: ChangeMeta) -> Change:
        """A copy that shares the bytes of actors and hashes that are held already."""
        held = self.changes.get(meta.prev)
        actor, prev = (held.actor, held.hash) if held else (meta.actor, b"")
        names = [self.changes.get(dep, self._root).hash for dep in meta.deps]
        return Change(meta.hash, actor, meta.seq, tuple(names), prev, meta.max_op, meta.size)

    def _note_fork(self, meta: Change) -> None:
        lowest = self.forks.get(meta.actor)
        if lowest is None or meta.seq < lowest:
            self.forks[meta.actor] = meta.seq
            if meta.seq <= self._clock.get(meta.actor, (0, b""))[0]:
                self._stale = True

    def _count_new(self, meta: Change) -> None:
        cuts = self._cuts.get(meta.actor[:DEVICE_BYTES])
        if cuts is not None:
            self._stale = any(meta.hash in last for last in cuts)
        elif meta.seq < self.forks.get(meta.actor, meta.seq + 1) and all(
            dep in self._counted or dep == self.genesis for dep in meta.deps
        ):
            self._counted.add(meta.hash)
            self._clock[meta.actor] = (meta.seq, meta.hash)
            self._fresh.append(meta.hash)

    def set_cuts(self, cuts: Cuts) -> None:
        """Replace what the removals of this member's devices let stay."""
        if cuts != self._cuts:
            self._cuts = {device: tuple(lasts) for device, lasts in cuts.items()}
            self._stale = True

    # ---- counting
    def counted(self) -> set[bytes]:
        """The hashes of what counts. The caller does not change the set."""
        self._recount()
        return self._counted

    def clock(self) -> Clock:
        """Per actor the length and head of what counts; it goes on changing."""
        self._recount()
        return self._clock

    def in_order(self) -> list[bytes]:
        """The hashes of what counts, in the (causal) order of acceptance."""
        counted = self.counted()
        return [change_hash for change_hash in self.changes if change_hash in counted]

    def take_news(self) -> list[bytes] | None:
        """What counts since last asked, in causal order; None when something counts no longer."""
        self._recount()
        fresh, self._fresh = self._fresh, []
        lost, self._lost = self._lost, False
        return None if lost else fresh

    def _recount(self) -> None:
        if not self._stale:
            return
        stay = {device: self._staying(device, lasts) for device, lasts in self._cuts.items()}
        counted: set[bytes] = set()
        clock: dict[bytes, tuple[int, bytes]] = {}
        for change_hash, meta in self.changes.items():
            within = stay.get(meta.actor[:DEVICE_BYTES])
            if within is None:
                counts = meta.seq < self.forks.get(meta.actor, meta.seq + 1)
            else:
                counts = change_hash in within
            if counts and all(dep in counted or dep == self.genesis for dep in meta.deps):
                counted.add(change_hash)
                clock[meta.actor] = (meta.seq, change_hash)
        self._lost = self._lost or not self._counted <= counted
        self._fresh += [h for h in self.changes if h in counted and h not in self._counted]
        self._counted, self._clock, self._stale = counted, clock, False
        self.recounts += 1

    def _staying(self, device: bytes, lasts: tuple[frozenset[bytes], ...]) -> set[bytes]:
        """What all removals of a device let stay; of two branches the part that they share."""
        stay: set[bytes] | None = None
        for last in lasts:
            chains: set[bytes] = set()
            for head in last:
                if head in self.changes and self.changes[head].actor[:DEVICE_BYTES] == device:
                    chains.update(self._chain_until(head, chains))
            stay = chains if stay is None else stay & chains
        stay = stay or set()
        lowest: dict[bytes, int] = {}
        seen: dict[tuple[bytes, int], bytes] = {}
        for change_hash in stay:
            meta = self.changes[change_hash]
            if seen.setdefault((meta.actor, meta.seq), change_hash) != change_hash:
                lowest[meta.actor] = min(meta.seq, lowest.get(meta.actor, meta.seq))
        return {
            change_hash
            for change_hash in stay
            if (meta := self.changes[change_hash]).seq < lowest.get(meta.actor, meta.seq + 1)
        }

    def _chain_until(self, head: bytes, known: set[bytes]) -> list[bytes]:
        """The own chain of `head`, as far as it is not in `known`."""
        chain = []
        for change_hash in self.own_chain(head):
            if change_hash in known:
                break
            chain.append(change_hash)
        return chain

    def proof(self, actor: bytes) -> list[bytes]:
        """What shows a peer why this actor is cut: its changes that removals name, else two changes
        at its lowest fork; nothing when it is not cut."""
        cuts = self._cuts.get(actor[:DEVICE_BYTES])
        if cuts:
            named = frozenset[bytes]().union(*cuts)
            return sorted(h for h in named if h in self.changes and self.changes[h].actor == actor)
        fork = self.forks.get(actor)
        return [] if fork is None else sorted(self._at[actor][fork])[:2]
