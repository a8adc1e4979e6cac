"""A second reader of genesis changes and deltas, written from docs/protocol.md alone.

It shares no code with meshaid: a small msgpack reader of its own, `hashlib`, and the Ed25519 of
`cryptography`. It holds changes by hash and trusts nothing but a run's signature. The tests read
every vector with both and compare.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

RULES_VERSION = 1
MAGIC = bytes.fromhex("856f4a83")


def genesis_actor(community: bytes, member: bytes, epoch: int, nonce: bytes) -> bytes:
    text = b"meshaid-genesis-v1\x00" + bytes([RULES_VERSION]) + community + member
    return hashlib.sha256(text + epoch.to_bytes(4, "big") + nonce).digest()[:16]


def leb(number: int) -> bytes:
    low, high = number % 128, number // 128
    return bytes([low + 128]) + leb(high) if high else bytes([low])


def chunk(body: bytes) -> tuple[bytes, bytes]:
    """Raw bytes of a change with this body, and its hash."""
    hashed = b"\x01" + leb(len(body)) + body
    digest = hashlib.sha256(hashed).digest()
    return MAGIC + digest[:4] + hashed, digest


def genesis_change(actor: bytes) -> tuple[bytes, bytes]:
    """ROOT.records = a new map, by an actor of 16 bytes, at time 0."""
    header = b"\x00" + leb(16) + actor + b"\x01\x01\x00\x00\x00"
    columns = {0x15: b"\x7f\x07records", 0x34: b"\x01", 0x42: b"\x7f\x00"}
    columns |= {0x56: b"\x7f\x00", 0x70: b"\x7f\x00"}
    table = b"".join(leb(spec) + leb(len(data)) for spec, data in columns.items())
    return chunk(header + leb(len(columns)) + table + b"".join(columns.values()))


@dataclass
class Held:
    actor: bytes
    seq: int
    last_op: int


@dataclass
class Reader:
    """One document: what it holds, and the raw changes in the order in which they were read."""

    genesis_actor: bytes
    held: dict[bytes, Held] = field(default_factory=dict)
    raws: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        _, self.genesis = genesis_change(self.genesis_actor)
        self.held[self.genesis] = Held(self.genesis_actor, 1, 1)

    def read(self, payload: bytes) -> list[tuple[bytes, list[bytes], bytes]]:
        """Actor, raw changes and signature of every run; raises where one does not prove itself."""
        tree, end = unpack(payload, 0)
        assert end == len(payload)
        genesis, actors, runs = tree
        assert genesis == self.genesis
        names = [actor or self.genesis_actor for actor in actors]
        return [self._read_run(names, *run) for run in runs]

    def _named(self, start: bytes) -> bytes:
        [full] = [digest for digest in self.held if digest.startswith(start)]
        return full

    def _read_run(
        self, names: list[bytes], index: int, base: bytes, changes: list[Any], signature: bytes
    ) -> tuple[bytes, list[bytes], bytes]:
        actor = names[index]
        previous = self._named(base) if base else b""
        seq = self.held[previous].seq if base else 0
        raws: list[bytes] = []
        for deps, others, columns in changes:
            below = sorted([self._named(dep) for dep in deps] + ([previous] if previous else []))
            first_op = 1 + max(self.held[digest].last_op for digest in below)
            seq += 1
            body = leb(len(below)) + b"".join(below) + leb(len(actor)) + actor
            body += leb(seq) + leb(first_op) + b"\x00\x00" + leb(len(others))
            for other in others:
                body += leb(len(names[other])) + names[other]
            raw, previous = chunk(body + columns)
            self.held[previous] = Held(actor, seq, first_op - 1 + operations(columns))
            raws.append(raw)
        text = b"meshaid-delta-v1\x00" + self.genesis + actor + seq.to_bytes(4, "big") + previous
        Ed25519PublicKey.from_public_bytes(actor[:32]).verify(signature, text)
        self.raws += raws
        return actor, raws, signature

    def forks(self) -> set[tuple[bytes, int]]:
        """Actor and seq of which two changes are held."""
        places = [(change.actor, change.seq) for change in self.held.values()]
        return {place for place in places if places.count(place) > 1}


def operations(columns: bytes) -> int:
    """The length of the action column (66), by its runs."""
    count, at = unleb(columns, 0)
    sizes = []
    for _ in range(count):
        spec, at = unleb(columns, at)
        size, at = unleb(columns, at)
        sizes.append((spec, size))
    total = 0
    for spec, size in sizes:
        data = columns[at : at + size]
        at += size
        place = 0
        while spec == 66 and place < len(data):
            run, place = unleb(data, place, signed=True)
            total += abs(run)
            for _ in range(1 if run > 0 else -run):
                _, place = unleb(data, place)
    return total


def unleb(data: bytes, at: int, *, signed: bool = False) -> tuple[int, int]:
    value = weight = 0
    while True:
        byte = data[at]
        value += (byte % 128) << weight
        weight += 7
        at += 1
        if byte < 128:
            return (value - (1 << weight) if signed and byte & 64 else value), at


def unpack(data: bytes, at: int) -> tuple[Any, int]:
    """One msgpack value of the kinds that deltas have: small integers, bytes, arrays."""
    kind = data[at]
    at += 1
    if kind < 0x80:
        return kind, at
    if kind in (0xC4, 0xC5, 0xC6):
        width = 1 << kind - 0xC4
        size = int.from_bytes(data[at : at + width], "big")
        at += width
        return data[at : at + size], at + size
    if 0x90 <= kind <= 0x9F:
        count = kind - 0x90
    else:
        assert kind in (0xDC, 0xCC, 0xCD)
        width = 1 if kind == 0xCC else 2
        count = int.from_bytes(data[at : at + width], "big")
        at += width
        if kind != 0xDC:
            return count, at
    values = []
    for _ in range(count):
        value, at = unpack(data, at)
        values.append(value)
    return values, at
