"""The bytes of one Automerge change: a chunk of type 1, read and built without Automerge.

A chunk is `magic (4) · checksum (4) · type (1) · length (LEB128) · body`. Its hash is SHA-256 over
type, length and body; the checksum is the first four bytes of that hash. The body holds
dependencies, actor, seq, start op, time, message, other actors, columns, and what is left over.

Only the frame and the header are understood here, plus one number out of the columns: how many
operations there are. What they mean is the gate's business (`meshaid._automerge`).
Source: docs/protocol.md, "Changes"; automerge storage format, "change chunks".
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final, NamedTuple

from meshaid import limits

MAGIC: Final = b"\x85\x6f\x4a\x83"
CHANGE_TYPE: Final = 1
HASH_BYTES: Final = 32
ACTOR_BYTES: Final = 36
_CHECKED_FROM: Final = 8
"""Magic and checksum come first; the hash covers all that follows."""
_ACTION_COLUMN: Final = 66
"""Specification of the column that holds one action per operation."""
_MAX_COLUMNS: Final = 32
"""The gate knows ten; a longer table is not worth walking."""
_MAX_NUMBER: Final = 2**53


class ChangeParts(NamedTuple):
    """The fields of one change, as its bytes hold them.

    `columns` reaches from the count of columns to the end of their data; `extra` is what follows.
    """

    deps: tuple[bytes, ...]
    actor: bytes
    seq: int
    start_op: int
    time: int
    message: bytes
    other_actors: tuple[bytes, ...]
    columns: bytes
    extra: bytes
    ops: int


def change_hash(raw: bytes) -> bytes:
    """The hash (32 bytes) of a whole change chunk; its checksum is not looked at."""
    return sha256(raw[_CHECKED_FROM:]).digest()


def parse_change(raw: bytes) -> ChangeParts:
    """Take one change chunk apart.

    Raises:
      ValueError: not exactly one well-formed chunk of type 1 with the right checksum, or more
        operations or columns than any accepted change has.
    Source: docs/protocol.md, "Changes".
    """
    try:
        return _parse(raw)
    except IndexError:
        raise ValueError("a change ends too early") from None


def _parse(raw: bytes) -> ChangeParts:
    if raw[:4] != MAGIC or raw[8] != CHANGE_TYPE:
        raise ValueError("not a change chunk")
    if raw[4:8] != change_hash(raw)[:4]:
        raise ValueError("the checksum of a change does not fit")
    length, at = read_unsigned(raw, 9)
    if at + length != len(raw):
        raise ValueError("the length of a change does not fit")
    count, at = read_unsigned(raw, at)
    end = at + HASH_BYTES * count
    if end > len(raw):
        raise ValueError("dependencies reach beyond the change")
    deps = tuple(raw[i : i + HASH_BYTES] for i in range(at, end, HASH_BYTES))
    actor, at = _read_bytes(raw, end)
    seq, at = read_unsigned(raw, at)
    start_op, at = read_unsigned(raw, at)
    time, at = read_signed(raw, at)
    message, at = _read_bytes(raw, at)
    count, at = read_unsigned(raw, at)
    others = []
    for _ in range(count):
        other, at = _read_bytes(raw, at)
        others.append(other)
    ops, end = measure_columns(raw, at)
    return ChangeParts(
        deps, actor, seq, start_op, time, message, tuple(others), raw[at:end], raw[end:], ops
    )


def build_change(parts: ChangeParts) -> tuple[bytes, bytes]:
    """The exact bytes of a change, with the right length and checksum, and its hash (32 bytes).

    `parts.ops` is not written: it is a consequence of the columns.
    """
    body = b"".join(
        (
            unsigned(len(parts.deps)),
            *parts.deps,
            unsigned(len(parts.actor)),
            parts.actor,
            unsigned(parts.seq),
            unsigned(parts.start_op),
            signed(parts.time),
            unsigned(len(parts.message)),
            parts.message,
            unsigned(len(parts.other_actors)),
            *(piece for other in parts.other_actors for piece in (unsigned(len(other)), other)),
            parts.columns,
            parts.extra,
        )
    )
    checked = bytes((CHANGE_TYPE,)) + unsigned(len(body)) + body
    digest = sha256(checked).digest()
    return MAGIC + digest[:4] + checked, digest


def measure_columns(data: bytes, at: int) -> tuple[int, int]:
    """How many operations the columns that start at `at` hold, and where their data ends.

    Nothing is decoded: run lengths are added up, and the first excess ends it.

    Raises:
      ValueError: malformed, beyond the end of `data`, or more than MAX_CHANGE_OPS operations.
      IndexError: `data` ends too early.
    """
    count, at = read_unsigned(data, at)
    if count > _MAX_COLUMNS:
        raise ValueError("too many columns")
    table = []
    for _ in range(count):
        spec, at = read_unsigned(data, at)
        length, at = read_unsigned(data, at)
        table.append((spec, length))
    ops = 0
    for spec, length in table:
        end = at + length
        if end > len(data):
            raise ValueError("columns reach beyond the change")
        if spec == _ACTION_COLUMN:
            ops += _count_values(data, at, end)
        at = end
    return ops, at


def _count_values(data: bytes, at: int, end: int) -> int:
    """Values in a run-length column: n times one value, -n values, or 0 and a count of nulls."""
    total = 0
    while at < end:
        run, at = read_signed(data, at)
        if run > 0:
            total += run
            _, at = read_unsigned(data, at)
        elif run == 0:
            nulls, at = read_unsigned(data, at)
            total += nulls
        else:
            total -= run
            if total > limits.MAX_CHANGE_OPS:
                break
            for _ in range(-run):
                _, at = read_unsigned(data, at)
        if total > limits.MAX_CHANGE_OPS:
            break
    if total > limits.MAX_CHANGE_OPS:
        raise ValueError("too many operations in one change")
    if at != end:
        raise ValueError("a column ends inside a value")
    return total


def read_unsigned(data: bytes, at: int) -> tuple[int, int]:
    """One unsigned LEB128 number, shortest form only, at most 2**53, and where it ends."""
    byte = data[at]
    at += 1
    if byte < 0x80:
        return byte, at
    value, shift = byte & 0x7F, 7
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
        if shift > 56:
            raise ValueError("a number is too long")
    if byte == 0 or value > _MAX_NUMBER:
        raise ValueError("a number is not in its shortest form, or too large")
    return value, at


def read_signed(data: bytes, at: int) -> tuple[int, int]:
    """One signed LEB128 number, shortest form only, of at most 10 bytes, and where it ends."""
    value, shift, before = 0, 0, 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
        before = byte
        if shift > 63:
            raise ValueError("a number is too long")
    sign = byte & 0x40
    if shift > 7 and ((byte == 0 and not before & 0x40) or (byte == 0x7F and before & 0x40)):
        raise ValueError("a number is not in its shortest form")
    return (value - (1 << shift) if sign else value), at


def unsigned(value: int) -> bytes:
    """`value` (0 or more) as unsigned LEB128 in its shortest form."""
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def signed(value: int) -> bytes:
    """`value` as signed LEB128 in its shortest form."""
    out = bytearray()
    while not -0x40 <= value < 0x40:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value & 0x7F)
    return bytes(out)


def _read_bytes(data: bytes, at: int) -> tuple[bytes, int]:
    length, at = read_unsigned(data, at)
    end = at + length
    if end > len(data):
        raise ValueError("a field reaches beyond the change")
    return data[at:end], end
