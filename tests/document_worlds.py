"""Small worlds of changes with forks, refused changes, cuts and meetings, for real documents.

A world is a list of abstract changes (who, upon which own one, naming which others, fit for the
gate or not) and a script of events on three stores. Here the changes become real ones, with real
hashes and signatures, and the events happen to real documents. `tests/vectors/
document_worlds.json.gz` holds worlds with the outcomes that the executable model gave; its format:

    {"source": ..., "worlds": [{"changes": [[actor, prev, [dep ...], bad] ...],
                                "events": [[kind, ...] ...]} ...]}

Changes are named by their index; prev is -1 at seq 1; actors are indices into ACTORS. Events:

    ["run", store, [change ...], verdict]      one run is delivered: "ok", "wait" or "no"
    ["drop", store, change, went]              the signature on it is dropped, if that may be
    ["cut", store, device, [change ...]]       a removal becomes known: what it lets stay
    ["view", store, [counted ...], [droppable ...]]
    ["meet", store, store, [counted ...]]      the two sync; afterwards both count this
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

from meshaid import _automerge
from meshaid.core.chunk import ChangeParts, build_change, parse_change
from meshaid.core.delta import Missing, Run, decode_delta, encode_delta, rebuild, signed_bytes
from meshaid.core.document import Document
from meshaid.core.keys import SigningKey

K = 3
"""Longest piece that dropping a signature makes, as in the model."""
KEYS = tuple(SigningKey(bytes([n]) * 32) for n in (1, 2, 3))
"""Devices X, Y and Z of one member."""
ACTORS = (
    KEYS[0].public + b"\0\0\0\0",
    KEYS[0].public + b"\0\0\0\1",
    KEYS[1].public + b"\0\0\0\0",
    KEYS[2].public + b"\0\0\0\0",
)
GENESIS = _automerge.genesis(b"one small world.")
VERDICTS = {"accepted": "ok", "waiting": "wait", "refused": "no"}
ROUNDS = 6
"""More than two honest stores ever need; the model needs at most three."""


class Abstract(NamedTuple):
    """One change of a world; all but `bad` are indices."""

    actor: int
    prev: int
    deps: tuple[int, ...]
    bad: bool


@functools.cache
def _columns() -> tuple[bytes, bytes, int]:
    """Columns of a change that makes one record, the id in them, and how many operations."""
    record = "abcdefghijklmnop"
    raw = _automerge.Document(GENESIS).edit(ACTORS[0], [("make", record)])
    parts = parse_change(raw)
    return parts.columns, record.encode(), parts.ops


def record_id(number: int, *, bad: bool = False) -> bytes:
    """16 characters of base 32; a bad one has capitals, which rule G16 refuses."""
    letters = "abcdefghijklmnopqrstuvwxyz234567"
    text = "".join(letters[number >> shift & 31] for shift in (15, 10, 5, 0)) * 4
    return (text.upper() if bad else text).encode()


class World:
    """Abstract changes made real: each makes one record, upon exactly its predecessors."""

    def __init__(self, changes: Sequence[Abstract]) -> None:
        self.changes = tuple(changes)
        self.raws: list[bytes] = []
        self.hashes: list[bytes] = []
        self.seqs: list[int] = []
        max_ops: list[int] = []
        self.genesis = _automerge.change_hash(GENESIS)
        columns, record, ops = _columns()
        root = parse_change(GENESIS)
        for number, change in enumerate(self.changes):
            below = ([change.prev] if change.prev >= 0 else []) + list(change.deps)
            seq = self.seqs[change.prev] + 1 if change.prev >= 0 else 1
            start_op = 1 + max((max_ops[i] for i in below), default=root.ops)
            parts = ChangeParts(
                deps=tuple(sorted(self.hashes[i] for i in below)) or (self.genesis,),
                actor=ACTORS[change.actor],
                seq=seq,
                start_op=start_op,
                time=0,
                message=b"",
                other_actors=(root.actor,),
                columns=columns.replace(record, record_id(number, bad=change.bad)),
                extra=b"",
                ops=ops,
            )
            raw, digest = build_change(parts)
            self.raws.append(raw)
            self.hashes.append(digest)
            self.seqs.append(seq)
            max_ops.append(start_op + ops - 1)
        self.index = {digest: number for number, digest in enumerate(self.hashes)}
        self._signatures: dict[int, bytes] = {}

    def run(self, numbers: Sequence[int]) -> Run:
        """The run of these changes, signed by its device."""
        last = numbers[-1]
        actor = ACTORS[self.changes[last].actor]
        if last not in self._signatures:
            key = next(key for key in KEYS if key.public == actor[:32])
            message = signed_bytes(self.genesis, actor, self.seqs[last], self.hashes[last])
            self._signatures[last] = key.sign(message)
        return Run(actor, tuple(self.raws[i] for i in numbers), self._signatures[last])

    def numbers(self, run: Run) -> list[int]:
        """The changes of a run by their numbers."""
        return [self.index[_automerge.change_hash(raw)] for raw in run.changes]


class Place:
    """One store of a world: a real document and the cuts that it knows."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.document = Document(GENESIS, run_changes=K)
        self.cuts: dict[bytes, tuple[frozenset[bytes], ...]] = {}

    def deliver(self, run: Run) -> str:
        """Receive one run; "ok", "wait" or "no"."""
        return VERDICTS[self.document.receive(run, "member").kind]

    def miss(self, run: Run) -> None:
        """A run of a peer cannot be rebuilt yet: it waits."""

    def cut(self, device: int, numbers: Sequence[int]) -> None:
        """Learn of one removal."""
        last = frozenset(self.world.hashes[i] for i in numbers)
        key = KEYS[device].public
        if last not in self.cuts.get(key, ()):
            self.cuts[key] = (*self.cuts.get(key, ()), last)
        self.document.set_cuts(self.cuts)

    def learn_cuts(self, other: Place) -> None:
        """Take over the removals that another store knows."""
        for device, lasts in other.cuts.items():
            known = self.cuts.get(device, ())
            self.cuts[device] = (*known, *(last for last in lasts if last not in known))
        self.document.set_cuts(self.cuts)

    def drop(self, number: int) -> bool:
        return self.document.drop(self.world.hashes[number])

    def counted(self) -> list[int]:
        return sorted(self.world.index[h] for h in self.document.counted())

    def droppable(self) -> list[int]:
        signed = self.document.signatures()
        return sorted(self.world.index[h] for h in signed if self.document.droppable(h))

    def check_views(self) -> None:
        """The cache shows what counts, and a fresh store can be sent all that is held."""
        shown = set(self.document.records())
        assert shown == {record_id(number).decode() for number in self.counted()}
        fresh = Place(self.world)
        for run in self.document.whole():
            assert fresh.deliver(run) == "ok"
        assert len(fresh.document) == len(self.document)


def meet(a: Place, b: Place) -> int:
    """Sync two stores as sessions do: cuts, then clocks, then what each owes. Returns the rounds.

    Runs travel stripped, and each is rebuilt upon what the receiver holds by then.
    """
    a.learn_cuts(b)
    b.learn_cuts(a)
    rounds = 0
    while (clock_a := a.document.clock()) != (clock_b := b.document.clock()):
        rounds += 1
        assert rounds <= ROUNDS, "they do not settle"
        to_b, to_a = a.document.owed(clock_b), b.document.owed(clock_a)
        for sender, receiver, runs in ((a, b, to_b), (b, a, to_a)):
            payload = encode_delta(sender.world.genesis, runs, sender.document)
            for run, stripped in zip(runs, decode_delta(payload).runs, strict=True):
                rebuilt = rebuild(stripped, receiver.document)
                if isinstance(rebuilt, Missing):
                    receiver.miss(run)
                else:
                    assert rebuilt == run
                    assert receiver.deliver(run) == "ok"
    return rounds


def replay(world: World, events: Sequence[Sequence[Any]]) -> None:
    """Let the events happen to real stores; every outcome must be the recorded one."""
    places = [Place(world) for _ in range(3)]
    for kind, where, *what in events:
        place = places[where]
        if kind == "run":
            assert place.deliver(world.run(what[0])) == what[1]
        elif kind == "drop":
            assert place.drop(what[0]) == what[1]
        elif kind == "cut":
            place.cut(*what)
        elif kind == "view":
            assert [place.counted(), place.droppable()] == what
        else:
            other = places[what[0]]
            meet(place, other)
            assert place.counted() == other.counted() == what[1]
    for place in places:
        place.check_views()
