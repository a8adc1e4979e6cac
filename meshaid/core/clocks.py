"""A document's clock as bytes: how it is kept in the store, and what a state hash is made of.

Source: docs/protocol.md, "Document state".
"""

from __future__ import annotations

import hashlib
from typing import Final

from meshaid.core.chunk import ACTOR_BYTES, HASH_BYTES
from meshaid.core.shapes import Clock

_LENGTH_BYTES: Final = 4
_ENTRY_BYTES: Final = ACTOR_BYTES + _LENGTH_BYTES + HASH_BYTES


def pack_clock(clock: Clock) -> bytes:
    """For each actor, sorted: 36 bytes of actor, length in 4 bytes big-endian, 32 bytes of head."""
    return b"".join(
        actor + length.to_bytes(_LENGTH_BYTES, "big") + head
        for actor, (length, head) in sorted(clock.items())
    )


def unpack_clock(data: bytes) -> dict[bytes, tuple[int, bytes]]:
    """The clock that `pack_clock` packed. Raises ValueError for a wrong length."""
    if len(data) % _ENTRY_BYTES:
        raise ValueError(f"a packed clock has entries of {_ENTRY_BYTES} bytes, not {len(data)}")
    clock = {}
    for start in range(0, len(data), _ENTRY_BYTES):
        actor = data[start : start + ACTOR_BYTES]
        rest = data[start + ACTOR_BYTES : start + _ENTRY_BYTES]
        clock[actor] = (int.from_bytes(rest[:_LENGTH_BYTES], "big"), rest[_LENGTH_BYTES:])
    return clock


def state_hash(clock: Clock) -> bytes:
    """SHA-256 over the packed clock; empty for a document of which nothing counts."""
    if not clock:
        return b""
    return hashlib.sha256(b"meshaid-state-v1\0" + pack_clock(clock)).digest()
