"""A msgpack reader of our own, for readers that must not share code with meshaid.

It knows the types that meshaid's messages use (nil, bool, unsigned integers, strings, byte strings,
arrays) and takes nothing but the shortest form of each.
"""

from __future__ import annotations

from typing import Any

_LENGTHS = {0xC4: ("bin", 1), 0xC5: ("bin", 2), 0xC6: ("bin", 4)}
_LENGTHS |= {0xD9: ("str", 1), 0xDA: ("str", 2), 0xDB: ("str", 4)}
_LENGTHS |= {0xDC: ("array", 2), 0xDD: ("array", 4)}
_NUMBERS = {0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8}
_LEAST = {
    ("bin", 1): 0,
    ("bin", 2): 2**8,
    ("bin", 4): 2**16,
    ("str", 1): 32,
    ("str", 2): 2**8,
    ("str", 4): 2**16,
    ("array", 2): 16,
    ("array", 4): 2**16,
    ("number", 1): 128,
    ("number", 2): 2**8,
    ("number", 4): 2**16,
    ("number", 8): 2**32,
}
"""The least length, or number, for which a form is the shortest one."""


def read(data: bytes) -> Any:
    """The one value in these bytes; arrays as lists. ValueError for anything else."""
    value, end = _read(data, 0)
    if end != len(data):
        raise ValueError("bytes behind the value")
    return value


def _take(data: bytes, at: int, size: int) -> tuple[bytes, int]:
    piece = data[at : at + size]
    if len(piece) != size:
        raise ValueError("cut short")
    return piece, at + size


def _read(data: bytes, at: int) -> tuple[Any, int]:
    (code,), at = _take(data, at, 1)
    if code < 0x80:
        return code, at
    if 0x90 <= code <= 0x9F:
        return _read_array(data, at, code - 0x90)
    if 0xA0 <= code <= 0xBF:
        text, at = _take(data, at, code - 0xA0)
        return text.decode(), at
    if code in (0xC0, 0xC2, 0xC3):
        return {0xC0: None, 0xC2: False, 0xC3: True}[code], at
    kind, width = _LENGTHS.get(code) or ("number", _NUMBERS.get(code, 0))
    if not width:
        raise ValueError(f"no type of ours: {code:#x}")
    encoded, at = _take(data, at, width)
    number = int.from_bytes(encoded, "big")
    if number < _LEAST[kind, width]:
        raise ValueError("not the shortest form")
    if kind == "number":
        return number, at
    if kind == "array":
        return _read_array(data, at, number)
    piece, at = _take(data, at, number)
    return (piece.decode() if kind == "str" else piece), at


def _read_array(data: bytes, at: int, count: int) -> tuple[list[Any], int]:
    values = []
    for _ in range(count):
        value, at = _read(data, at)
        values.append(value)
    return values, at
