"""Runs on the wire: what the receiver can rebuild is left out, and the signature proves the rest.

**Run**: consecutive changes of one actor, signed over the hash of the last one. Because every
change names its own previous one by hash, that signature fixes all the bytes of the run.
**Delta**: one or more runs of one document, in an order in which the sender could accept them.

*Stripped.* Of an accepted change everything but four things follows from what the receiver holds:
which other changes it depends on, which other actors its operations name, and its columns; actor
and own previous change are said once for the run. So magic, checksum, length, own dependency,
actor, seq, start op, time and message are left out (they are 0 and empty in every accepted change),
rebuilt here, and a wrong rebuilding can end only in a hash that is not the signed one.

*Dependencies* travel as the first 8 bytes of their hash, or whole where the sender holds two
changes that begin alike. Two branches of a fork share actor and seq, so those cannot name a change.
Where the receiver knows two that begin alike and the sender only one, the signature tells which was
meant: a few combinations are tried.

Plain payload, msgpack in its shortest form:

    [genesis 32 B, [actor 36 B, or empty for the genesis' actor ...], [run ...]]
    run    = [actor index, base, [change ...], signature 64 B]
    base   = the first change's own previous one (8 or 32 B), empty at seq 1
    change = [[other dependency 8 or 32 B ...], [index of another actor ...], columns]

What this file does not do: compress, verify in the ordinary case, or judge (document.py does).
Source: docs/protocol.md, "Deltas"; docs/decisions/0003-dependency-prefixes.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Final, Protocol

import msgpack

from meshaid import limits
from meshaid.core.chunk import (
    ACTOR_BYTES,
    HASH_BYTES,
    ChangeParts,
    build_change,
    change_hash,
    measure_columns,
    parse_change,
)
from meshaid.core.keys import KEY_BYTES, SIGNATURE_BYTES, verify
from meshaid.errors import InvalidSignature, LocalProtocolError, RemoteProtocolError

PREFIX_BYTES: Final = 8
_DOMAIN: Final = b"meshaid-delta-v1\0"
_TRIES: Final = 16
"""Combinations tried when prefixes are ambiguous: four pairs, each 2**33 hashes of work to make."""


class KnownChange(Protocol):
    """What must be known of a held change to rebuild one that depends on it."""

    @property
    def hash(self) -> bytes: ...
    @property
    def actor(self) -> bytes: ...
    @property
    def seq(self) -> int: ...
    @property
    def max_op(self) -> int: ...


class Graph(Protocol):
    """The accepted changes of one document, its genesis among them."""

    @property
    def genesis(self) -> bytes: ...
    def find(self, prefix: bytes) -> Sequence[KnownChange]:
        """All held changes whose hash begins with these 8 to 32 bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Run:
    """Raw changes of one actor, in order, and the device's signature (64 bytes) over the last."""

    actor: bytes
    changes: tuple[bytes, ...]
    signature: bytes

    @property
    def size(self) -> int:
        """Raw bytes of all its changes."""
        return sum(map(len, self.changes))


@dataclass(frozen=True, slots=True)
class StrippedChange:
    """What travels of one change: other dependencies (8 or 32 bytes each), the other actors that
    it names (empty for the genesis' one), columns, and how many operations these hold."""

    deps: tuple[bytes, ...]
    other_actors: tuple[bytes, ...]
    columns: bytes
    ops: int


@dataclass(frozen=True, slots=True)
class StrippedRun:
    """A run as it travels; `base` begins the hash of its first change's own previous one."""

    actor: bytes
    base: bytes
    changes: tuple[StrippedChange, ...]
    signature: bytes

    @property
    def size(self) -> int:
        """Bytes that it holds in memory while it waits, objects left out."""
        return sum(
            len(c.columns) + sum(map(len, c.deps)) + ACTOR_BYTES * len(c.other_actors)
            for c in self.changes
        )


@dataclass(frozen=True, slots=True)
class StrippedDelta:
    """Runs of the document that `genesis` (32 bytes) names."""

    genesis: bytes
    runs: tuple[StrippedRun, ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """The run has to wait: no held change begins with these bytes, or too many do."""

    prefixes: tuple[bytes, ...]


def signed_bytes(genesis: bytes, actor: bytes, seq: int, head: bytes) -> bytes:
    """What a device signs: its change `head` is at `seq` of `actor` in this document.

    Source: docs/protocol.md, "Signatures".
    """
    return _DOMAIN + genesis + actor + seq.to_bytes(4, "big") + head


# ---- sending
def encode_delta(genesis: bytes, runs: Sequence[Run], graph: Graph) -> bytes:
    """One plain payload that carries these runs in this order.

    Args:
      graph: holds every change of the runs and all their predecessors.
    Raises:
      LocalProtocolError: a change is not of the form that the gate accepts, or depends on one
        that is not held.
    Source: docs/protocol.md, "Deltas".
    """
    actors: dict[bytes, int] = {}
    try:
        packed = [_strip(run, graph, actors) for run in runs]
    except ValueError as error:
        raise LocalProtocolError(f"a change that cannot be sent: {error}") from error
    payload: bytes = msgpack.packb([genesis, list(actors), packed])
    return payload


def _strip(run: Run, graph: Graph, actors: dict[bytes, int]) -> list[object]:
    index = actors.setdefault(run.actor, len(actors))
    root = _known(graph, graph.genesis).actor
    first = parse_change(run.changes[0])
    own = [dep for dep in first.deps if _known(graph, dep).actor == run.actor]
    prev = own[0] if own else b""
    seq = _known(graph, prev).seq if prev else 0
    base = _shorten(graph, prev) if prev else b""
    changes = []
    for raw in run.changes:
        parts = parse_change(raw)
        seq += 1
        start_op = 1 + max((_known(graph, dep).max_op for dep in parts.deps), default=-1)
        header = (parts.actor, parts.seq, parts.start_op, parts.time, parts.message, parts.extra)
        if header != (run.actor, seq, start_op, 0, b"", b"") or (prev and prev not in parts.deps):
            raise ValueError("its header is not of the one accepted form")
        names = [_shorten(graph, dep) for dep in parts.deps if dep != prev]
        others = [b"" if other == root else other for other in parts.other_actors]
        indices = [actors.setdefault(other, len(actors)) for other in others]
        changes.append([names, indices, parts.columns])
        prev = change_hash(raw)
    return [index, base, changes, run.signature]


def _known(graph: Graph, full: bytes) -> KnownChange:
    found = graph.find(full)
    if len(found) != 1:
        raise ValueError("it depends on a change that is not held")
    return found[0]


def _shorten(graph: Graph, full: bytes) -> bytes:
    prefix = full[:PREFIX_BYTES]
    return prefix if len(graph.find(prefix)) == 1 else full


# ---- receiving
def decode_delta(payload: bytes) -> StrippedDelta:
    """Read one plain payload. It neither rebuilds nor verifies: `rebuild` and the document do.

    Args:
      payload: at most limits.INFLATE_LIMIT bytes, already inflated.
    Raises:
      RemoteProtocolError: wrong type, shape, length or range, surplus bytes, not the shortest
        msgpack form, or beyond a limit on changes, operations or bytes.
    Source: docs/protocol.md, "Deltas".
    """
    if len(payload) > limits.INFLATE_LIMIT:
        raise RemoteProtocolError(f"a delta of {len(payload)} bytes is too long")
    try:
        tree = msgpack.unpackb(
            payload,
            raw=True,
            max_array_len=limits.MSGPACK_ARRAY,
            max_map_len=0,
            max_ext_len=0,
            max_bin_len=limits.MAX_CHANGE_BYTES,
            max_str_len=0,
        )
        if msgpack.packb(tree) != payload:
            raise RemoteProtocolError("a delta is not in its shortest form")
        genesis, actors, runs = _array(tree, 3)
        table = tuple(_bytes(actor, {0, ACTOR_BYTES}) for actor in _array(actors))
        if len(set(table)) != len(table):
            raise RemoteProtocolError("a delta lists an actor twice")
        stripped = tuple(_read_run(run, table) for run in _array(runs))
    except (ValueError, IndexError, msgpack.exceptions.UnpackException) as error:
        raise RemoteProtocolError("a delta is malformed") from error
    return StrippedDelta(_bytes(genesis, {HASH_BYTES}), stripped)


def _read_run(value: object, actors: tuple[bytes, ...]) -> StrippedRun:
    index, base, changes, signature = _array(value, 4)
    actor = _listed(index, actors)
    if not actor:
        raise RemoteProtocolError("a run of the genesis' actor")
    entries = _array(changes)
    if not 1 <= len(entries) <= limits.MAX_RUN_CHANGES:
        raise RemoteProtocolError(f"a run of {len(entries)} changes")
    read = tuple(_read_change(entry, actors) for entry in entries)
    if sum(len(change.columns) for change in read) > limits.MAX_RUN_BYTES:
        raise RemoteProtocolError("a run is too long")
    return StrippedRun(
        actor,
        _bytes(base, {0, PREFIX_BYTES, HASH_BYTES}),
        read,
        _bytes(signature, {SIGNATURE_BYTES}),
    )


def _read_change(value: object, actors: tuple[bytes, ...]) -> StrippedChange:
    deps, others, columns = _array(value, 3)
    names = tuple(_bytes(dep, {PREFIX_BYTES, HASH_BYTES}) for dep in _array(deps))
    if len(names) > limits.MAX_CHANGE_DEPS:
        raise RemoteProtocolError("a change with too many dependencies")
    named = tuple(_listed(index, actors) for index in _array(others))
    if len(named) > limits.MAX_OTHER_ACTORS:
        raise RemoteProtocolError("a change with too many other actors")
    if type(columns) is not bytes:
        raise RemoteProtocolError("columns are bytes")
    ops, end = measure_columns(columns, 0)
    if end != len(columns):
        raise RemoteProtocolError("surplus bytes behind the columns of a change")
    return StrippedChange(names, named, columns, ops)


def _listed(index: object, actors: tuple[bytes, ...]) -> bytes:
    if type(index) is not int or not 0 <= index < len(actors):
        raise RemoteProtocolError("a delta names an actor that it does not list")
    return actors[index]


def _array(value: object, length: int | None = None) -> list[object]:
    if type(value) is not list or (length is not None and len(value) != length):
        raise RemoteProtocolError("a delta has another shape")
    return value


def _bytes(value: object, lengths: set[int]) -> bytes:
    if type(value) is not bytes or len(value) not in lengths:
        raise RemoteProtocolError("a delta holds a field of another length")
    return value


# ---- rebuilding
def rebuild(run: StrippedRun, graph: Graph) -> Run | Missing:
    """The run with its exact raw bytes, or what is missing for that.

    The signature is not verified, except to choose between several held changes that one prefix
    may mean.

    Raises:
      RemoteProtocolError: a rebuilt change or run is longer than any accepted one.
    Source: docs/protocol.md, "Deltas".
    """
    names = dict.fromkeys(dep for change in run.changes for dep in change.deps)
    choices: dict[bytes, list[KnownChange]] = {name: [*graph.find(name)] for name in names}
    bases: list[KnownChange | None] = [None]
    if run.base:
        bases = [known for known in graph.find(run.base) if known.actor == run.actor]
    if not bases:
        return Missing((run.base,))
    if missing := tuple(name for name, found in choices.items() if not found):
        return Missing(missing)
    tries = len(bases) * prod(map(len, choices.values()))
    if tries <= _TRIES:
        for base in bases:
            for chosen in product(*choices.values()):
                known = dict(zip(choices, chosen, strict=True))
                rebuilt, seq, head = _assemble(run, graph, base, known)
                if tries == 1 or _is_signed(rebuilt, graph.genesis, seq, head):
                    return rebuilt
    return Missing(tuple(name for name, found in choices.items() if len(found) > 1) or (run.base,))


def _assemble(
    run: StrippedRun, graph: Graph, base: KnownChange | None, known: dict[bytes, KnownChange]
) -> tuple[Run, int, bytes]:
    """The run, and the seq and hash of its last change."""
    root = graph.find(graph.genesis)[0].actor
    seq, prev, max_op = (base.seq, base.hash, base.max_op) if base else (0, b"", 0)
    changes = []
    size = 0
    for change in run.changes:
        deps = [known[name].hash for name in change.deps]
        start_op = 1 + max((known[name].max_op for name in change.deps), default=0)
        if prev:
            deps.append(prev)
            start_op = max(start_op, 1 + max_op)
        seq += 1
        parts = ChangeParts(
            tuple(sorted(deps)),
            run.actor,
            seq,
            start_op,
            0,
            b"",
            tuple(other or root for other in change.other_actors),
            change.columns,
            b"",
            change.ops,
        )
        raw, prev = build_change(parts)
        max_op = start_op + change.ops - 1
        size += len(raw)
        if len(raw) > limits.MAX_CHANGE_BYTES or size > limits.MAX_RUN_BYTES:
            raise RemoteProtocolError("a rebuilt run is too long")
        changes.append(raw)
    return Run(run.actor, tuple(changes), run.signature), seq, prev


def _is_signed(run: Run, genesis: bytes, seq: int, head: bytes) -> bool:
    try:
        verify(run.actor[:KEY_BYTES], run.signature, signed_bytes(genesis, run.actor, seq, head))
    except InvalidSignature:
        return False
    return True
