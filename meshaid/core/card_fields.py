"""The fields of a card, each read strictly: exact type, exact length, one encoding.

A reader takes one decoded msgpack value and returns it as a card holds it, or raises
RemoteProtocolError; the text of the error names types and sizes only (docs/protocol.md, "Cards").
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeAlias, cast

import msgpack

from meshaid import limits
from meshaid.core.ids import ID_BYTES
from meshaid.core.keys import KEY_BYTES, check_exchange_key, check_public
from meshaid.errors import RemoteProtocolError

ACTOR_BYTES: Final = 36
LAST_UNSIGNED_32: Final = 2**32 - 1

Reader: TypeAlias = Callable[[object], object]
Target: TypeAlias = bytes | tuple[bytes, bytes]
ClosingEntry: TypeAlias = tuple[bytes, int, bytes]

_UNPRINTABLE: Final = frozenset(
    map(chr, [*range(0x20), *range(0x7F, 0xA0), *range(0x2028, 0x202F), *range(0x2066, 0x206A)])
)
"""Control characters, line separators and the ones that turn the direction of text: a name must
not be able to rewrite the screen that it is shown on. A fixed list, so that no node's Unicode
tables decide."""


def exact(size: int, value: object) -> bytes:
    """Bytes of exactly this length."""
    if type(value) is not bytes or len(value) != size:
        raise RemoteProtocolError(f"a field of a card must be {size} bytes")
    return value


def identifier(value: object) -> bytes:
    """An id, a hash or a key that is only named."""
    return exact(ID_BYTES, value)


def signing_key(value: object) -> bytes:
    """An Ed25519 public key that is neither weak nor oddly encoded."""
    key = exact(KEY_BYTES, value)
    check_public(key)
    return key


def exchange_key(value: object) -> bytes:
    """An X25519 public key that is neither weak nor oddly encoded."""
    key = exact(KEY_BYTES, value)
    check_exchange_key(key)
    return key


def whole(low: int, high: int, value: object) -> int:
    """An integer from `low` to `high`, both included; true and false are none."""
    if type(value) is not int or not low <= value <= high:
        raise RemoteProtocolError(f"a number of a card is outside {low} to {high}")
    return value


def boolean(value: object) -> bool:
    """true or false."""
    if type(value) is not bool:
        raise RemoteProtocolError("a field of a card must be true or false")
    return value


def text(least: int, most: int, value: object) -> str:
    """A text of `least` to `most` characters that can be printed as it is."""
    if type(value) is not str or not least <= len(value) <= most:
        raise RemoteProtocolError(f"a text of a card must have {least} to {most} characters")
    if not _UNPRINTABLE.isdisjoint(value) or value != value.strip(" "):
        raise RemoteProtocolError("a text of a card has control characters or blanks at its ends")
    return value


def word(words: tuple[str, ...], value: object) -> str:
    """One of these words."""
    if type(value) is not str or value not in words:
        raise RemoteProtocolError(f"a field of a card must be one of: {', '.join(words)}")
    return value


def array(value: object) -> list[object]:
    """An array of anything."""
    if type(value) is not list:
        raise RemoteProtocolError("a field of a card must be an array")
    return value


def ascending(reader: Reader, value: object) -> tuple[Any, ...]:
    """An array in strictly ascending order: one set, one encoding."""
    items = tuple(map(reader, array(value)))
    if list(items) != sorted(set(cast("tuple[bytes, ...]", items))):
        raise RemoteProtocolError("a list of a card is not in strictly ascending order")
    return items


def target(value: object) -> Target:
    """What a removal points at: an id, or the pair of member id and device key."""
    if type(value) is bytes:
        return exact(ID_BYTES, value)
    member, device = fields((identifier, identifier), array(value))
    return cast("Target", (member, device))


def parent(value: object) -> bytes:
    """The hash of an epoch card, or nothing."""
    return b"" if value == b"" else identifier(value)


def closing(value: object) -> tuple[ClosingEntry, ...]:
    """A closing clock: (actor, length, head hash), in ascending order of actors."""
    shape = (partial(exact, ACTOR_BYTES), partial(whole, 1, limits.MAX_SEQ), identifier)
    entries = [cast("ClosingEntry", fields(shape, array(entry))) for entry in array(value)]
    actors = [actor for actor, _, _ in entries]
    if actors != sorted(set(actors)):
        raise RemoteProtocolError("a closing clock is not in strictly ascending order")
    return tuple(entries)


def fields(readers: tuple[Reader, ...], values: list[object]) -> tuple[object, ...]:
    """As many values as readers, each read by its own."""
    if len(values) != len(readers):
        raise RemoteProtocolError(f"an array of a card has {len(values)} fields")
    return tuple(read(value) for read, value in zip(readers, values, strict=True))


def pack(value: object) -> bytes:
    """Canonical msgpack: shortest forms, tuples as arrays."""
    return cast("bytes", msgpack.packb(value))


def unpack(data: bytes) -> object:
    """One bounded msgpack value. Raises RemoteProtocolError."""
    try:
        return cast(
            "object",
            msgpack.unpackb(
                data,
                max_array_len=limits.CARD_LIST_ITEMS,
                max_map_len=0,
                max_ext_len=0,
                max_bin_len=len(data),
                max_str_len=limits.MAX_CARD_BYTES,
            ),
        )
    except (ValueError, msgpack.UnpackException) as error:
        raise RemoteProtocolError("bytes that are no card") from error
