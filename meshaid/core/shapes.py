"""The shapes of a message's fields: each checks, reads and writes one value (docs/protocol.md,
"Messages").

Every check is a ValueError that says what is wrong without showing it; whose fault that is, the
peer's or ours, is for messages.py to say. Nothing is allocated in answer to a number that a peer
announced, only to bytes that it sent, and those are bounded by MAX_MESSAGE and INFLATE_LIMIT.
"""

from __future__ import annotations

import enum
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

import msgpack

from meshaid import limits
from meshaid.core.wire_dictionary import WIRE_DICTIONARY

NAME_BYTES: Final = 16
"""Cards and documents are named by the first 16 bytes of their hash wherever 32 would not help."""
ITEM_STATE_BYTES: Final = 8
"""State hashes in a table: they only have to differ, digests then prove that all is equal."""

_ID_BYTES: Final = 32
_ACTOR_BYTES: Final = 36
_ITEM_BYTES: Final = NAME_BYTES + ITEM_STATE_BYTES
_RULE_CHARS: Final = 8
_ZLIB_LEVEL: Final = 9

Clock: TypeAlias = Mapping[bytes, tuple[int, bytes]]
"""Actor (36 bytes) -> length (changes that count) and head (32-byte hash) of its chain."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A document by its full name (32 bytes), and what the asking side holds of it."""

    genesis: bytes
    clock: Clock = field(repr=False)


class Shape(Protocol):
    """How one field looks. ValueError says what is wrong with a value."""

    width: int
    """How many places of the array it takes."""

    def write(self, value: object) -> tuple[object, ...]:
        """The places that this value takes in the array."""

    def read(self, *places: object) -> object:
        """The value in these places."""


def _bytes(value: object, sizes: tuple[int, ...], what: str) -> bytes:
    if type(value) is not bytes or len(value) not in sizes:
        raise ValueError(f"{what} does not have the right length")
    return value


def array_of(value: object, least: int, most: int, what: str) -> tuple[object, ...]:
    """The value, if it is an array of that many entries, both bounds included."""
    if type(value) is not tuple or not least <= len(value) <= most:
        raise ValueError(f"{what} is no array of {least} to {most} entries")
    return value


def _distinct(names: tuple[bytes, ...], what: str) -> None:
    if len(set(names)) != len(names):
        raise ValueError(f"{what} repeats an entry")


class Octets:
    """A byte string of one of the given lengths."""

    width = 1

    def __init__(self, *sizes: int) -> None:
        self._sizes = sizes

    def read(self, *places: object) -> bytes:
        return _bytes(places[0], self._sizes, "a byte string")

    def write(self, value: object) -> tuple[object, ...]:
        return (self.read(value),)


class Number:
    """An integer within bounds, both included."""

    width = 1

    def __init__(self, least: int, most: int) -> None:
        self._least, self._most = least, most

    def read(self, *places: object) -> int:
        value = places[0]
        if type(value) is not int or not self._least <= value <= self._most:
            raise ValueError(f"a number is not within {self._least} and {self._most}")
        return value

    def write(self, value: object) -> tuple[object, ...]:
        return (self.read(value),)


class Choice:
    """The number of one member of an enumeration."""

    width = 1

    def __init__(self, options: type[enum.IntEnum]) -> None:
        self._options = options

    def read(self, *places: object) -> enum.IntEnum:
        if type(places[0]) is not int:
            raise ValueError("a choice is no number")
        return self._options(places[0])

    def write(self, value: object) -> tuple[object, ...]:
        if not isinstance(value, self._options):
            raise ValueError("a choice is none of its enumeration")  # noqa: TRY004
        return (int(value),)


_LENGTH: Final = Number(1, limits.MAX_SEQ)


class Names:
    """Distinct names in one byte string, 16 bytes each."""

    width = 1

    def __init__(self, least: int, most: int) -> None:
        self._least, self._most = least, most

    def read(self, *places: object) -> tuple[bytes, ...]:
        data = places[0]
        if type(data) is not bytes or len(data) % NAME_BYTES:
            raise ValueError("a list of names is no whole number of 16 bytes")
        starts = range(0, len(data), NAME_BYTES)
        return self._check(tuple(data[at : at + NAME_BYTES] for at in starts))

    def _check(self, names: tuple[bytes, ...]) -> tuple[bytes, ...]:
        array_of(names, self._least, self._most, "a list of names")
        _distinct(names, "a list of names")
        return names

    def write(self, value: object) -> tuple[object, ...]:
        names = array_of(value, self._least, self._most, "a list of names")
        checked = tuple(_bytes(name, (NAME_BYTES,), "a name") for name in names)
        return (b"".join(self._check(checked)),)


class Table:
    """Names (16 bytes) with 8 bytes each, states of documents or marks of notes, in one byte
    string; no name twice."""

    width = 1

    def __init__(self, most: int = limits.MAX_ITEMS) -> None:
        self._most = most

    def read(self, *places: object) -> tuple[tuple[bytes, bytes], ...]:
        data = places[0]
        if type(data) is not bytes or len(data) % _ITEM_BYTES:
            raise ValueError("a table is no whole number of 24 bytes")
        starts = range(0, len(data), _ITEM_BYTES)
        rows = (data[at : at + _ITEM_BYTES] for at in starts)
        table = tuple((row[:NAME_BYTES], row[NAME_BYTES:]) for row in rows)
        array_of(table, 0, self._most, "a table")
        _distinct(tuple(name for name, _ in table), "a table")
        return table

    def write(self, value: object) -> tuple[object, ...]:
        rows = []
        for row in array_of(value, 0, self._most, "a table"):
            name, state = array_of(row, 2, 2, "a row")
            rows.append(_bytes(name, (NAME_BYTES,), "a name"))
            rows.append(_bytes(state, (ITEM_STATE_BYTES,), "a state"))
        data = b"".join(rows)
        self.read(data)
        return (data,)


class Wants:
    """Documents and what is held of them: [[genesis, [[actor, length, head] ...]] ...].

    No document twice; actors strictly ascending.
    """

    width = 1

    def read(self, *places: object) -> tuple[Wanted, ...]:
        rows = array_of(places[0], 1, limits.DOCUMENTS_PER_REQUEST, "a request")
        wants = tuple(self._read_document(row) for row in rows)
        _distinct(tuple(want.genesis for want in wants), "a request")
        return wants

    def _read_document(self, row: object) -> Wanted:
        genesis, entries = array_of(row, 2, 2, "a wanted document")
        clock: dict[bytes, tuple[int, bytes]] = {}
        last = b""
        for entry in array_of(entries, 0, limits.CLOCK_ACTORS, "a clock"):
            actor, length, head = array_of(entry, 3, 3, "a clock's entry")
            actor = _bytes(actor, (_ACTOR_BYTES,), "an actor")
            if actor <= last:
                raise ValueError("a clock's actors do not ascend")
            last = actor
            clock[actor] = (_LENGTH.read(length), _bytes(head, (_ID_BYTES,), "a head"))
        return Wanted(_bytes(genesis, (_ID_BYTES,), "a document's name"), clock)

    def write(self, value: object) -> tuple[object, ...]:
        rows = []
        for want in array_of(value, 1, limits.DOCUMENTS_PER_REQUEST, "a request"):
            if not isinstance(want, Wanted):
                raise ValueError("a request holds something else than documents")  # noqa: TRY004
            clock = tuple((actor, *want.clock[actor]) for actor in sorted(want.clock))
            rows.append((want.genesis, clock))
        self.read(tuple(rows))
        return (tuple(rows),)


class Rule:
    """The short name of a rule: 1 to 8 letters and digits."""

    width = 1

    def read(self, *places: object) -> str:
        rule = places[0]
        if type(rule) is not str or not 1 <= len(rule) <= _RULE_CHARS:
            raise ValueError(f"a rule's name does not have 1 to {_RULE_CHARS} characters")
        if not (rule.isascii() and rule.isalnum()):
            raise ValueError("a rule's name holds something else than letters and digits")
        return rule

    def write(self, value: object) -> tuple[object, ...]:
        return (self.read(value),)


class Packed:
    """Byte strings as one msgpack array in a zlib stream, behind the array's size.

    The stream is made with WIRE_DICTIONARY; one without is read too. The size is announced and
    checked first, and no more than it is ever inflated.
    """

    width = 2

    def __init__(self, least: int, most: int, size: int) -> None:
        self._least, self._most, self._size = least, most, size

    def read(self, *places: object) -> tuple[bytes, ...]:
        size, packed = places
        if type(size) is not int or not 1 <= size <= limits.INFLATE_LIMIT:
            raise ValueError(f"a plain size is not within 1 and {limits.INFLATE_LIMIT}")
        if type(packed) is not bytes:
            raise ValueError("a zlib stream is no byte string")
        return self._check(unpack(_inflate(packed, size)))

    def _check(self, value: object) -> tuple[bytes, ...]:
        entries = array_of(value, self._least, self._most, "a payload")
        for entry in entries:
            if type(entry) is not bytes or not 1 <= len(entry) <= self._size:
                raise ValueError(f"a payload's entry is no byte string of 1 to {self._size}")
        return tuple(entry for entry in entries if isinstance(entry, bytes))

    def write(self, value: object) -> tuple[object, ...]:
        plain = pack(self._check(value))
        if len(plain) > limits.INFLATE_LIMIT:
            raise ValueError(f"a payload of {len(plain)} bytes is too long: split it")
        stream = zlib.compressobj(_ZLIB_LEVEL, zdict=WIRE_DICTIONARY)
        return len(plain), stream.compress(plain) + stream.flush()


def _inflate(packed: bytes, size: int) -> bytes:
    stream = zlib.decompressobj(zdict=WIRE_DICTIONARY)
    try:
        # One byte more than announced: enough to notice that there is more.
        plain = stream.decompress(packed, size + 1)
    except zlib.error as error:
        raise ValueError("a zlib stream is damaged") from error
    if len(plain) != size or not stream.eof or stream.unused_data:
        raise ValueError(f"a zlib stream does not hold the {size} bytes that it announced")
    return plain


def pack(value: tuple[object, ...]) -> bytes:
    """The canonical msgpack form of a value."""
    return bytes(msgpack.packb(value))


def unpack(data: bytes) -> object:
    """One msgpack value in its canonical form, arrays as tuples; ValueError for anything else.

    Tuples instead of lists keep a bomb of a megabyte below 30 MB: empty ones cost nothing.
    """
    try:
        value: object = msgpack.unpackb(
            data,
            use_list=False,
            max_str_len=_RULE_CHARS * 4,
            max_bin_len=limits.MAX_MESSAGE,
            max_array_len=limits.MSGPACK_ARRAY,
            max_map_len=0,
            max_ext_len=0,
        )
        canonical = bytes(msgpack.packb(value))
    except (ValueError, TypeError, OverflowError, RecursionError, msgpack.UnpackException) as error:
        raise ValueError(f"no msgpack within our limits ({type(error).__name__})") from error
    if canonical != data:
        raise ValueError("a value is not in its shortest form")
    return value
