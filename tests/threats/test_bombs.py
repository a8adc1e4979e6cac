"""Attackers 10 to 12: a member whose own, well signed changes and messages are bombs.

Each is thrown at a victim of its own process that may take 64 MiB more memory than it has, and
must come out of it with another member's document unharmed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgpack
import pytest

from meshaid.core import chunk, messages
from meshaid.core.delta import Run, decode_delta, encode_delta, signed_bytes
from tests import forge
from tests.core.meeting_pair import Pair
from tests.core.puppet import Puppet
from tests.core.real_world import RealDevice, RealWorld

ROOT = Path(__file__).resolve().parent.parent.parent
MEMORY = 64 * 2**20
TEN_MILLION = chunk.signed(10_000_000)


def column(spec: int, data: bytes) -> bytes:
    return b"\x01" + chunk.unsigned(spec) + chunk.unsigned(len(data)) + data


BOMBS = {
    "ten million operations": column(forge.ACTION, TEN_MILLION + b"\1"),
    "ten million nulls": column(forge.ACTION, b"\0" + chunk.unsigned(10_000_000)),
    "ten million keys": column(21, TEN_MILLION + b"\1a"),
    "ten million predecessors": column(112, b"\1" + chunk.unsigned(10_000_000)),
    "ten million booleans": column(52, chunk.unsigned(10_000_000)),
    "a deflated column": column(forge.ACTION | 8, zlib.compress(bytes(2**24), 9)),
    "a column longer than the change": b"\x01\x42" + chunk.unsigned(2**31) + b"\1",
    "very many columns": chunk.unsigned(10_000) + b"\x42\x00" * 10_000,
}


def payloads() -> Iterator[tuple[str, bytes]]:
    """A member's delta, its changes replaced by a bomb."""
    author = RealWorld().found("author")
    author.write("honest")
    replica = author.replica
    document = replica._documents.get(replica.own_genesis)
    (honest,) = encode_all(author)
    for name, bomb in BOMBS.items():
        tree = msgpack.unpackb(honest, raw=True)
        for run in tree[2]:
            run[2] = [[*change[:2], bomb] for change in run[2]]
        yield name, msgpack.packb(tree)
    assert document.clock()


def encode_all(author: RealDevice) -> list[bytes]:
    replica = author.replica
    return list(replica.encode(replica.own_genesis, replica.owed(replica.own_genesis, {})))
