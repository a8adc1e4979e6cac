"""What two peers say to each other, and the bytes of it (docs/protocol.md, "Messages").

A message is one msgpack array: its type number, then its fields. Decoding is strict: there is one
encoding of every message and nothing else passes. Exact types, arity, lengths and order are
checked, integers and lengths are in their shortest form, nothing repeats, nothing is left over.
(The one freedom is inside a zlib stream: compressors differ, so only what it inflates to counts.)

Each form is a row of `_FORMS`: a class, and the shape of each of its fields (shapes.py). What is
wrong with a value is one and the same thing in both directions: the peer's RemoteProtocolError when
it came in, our LocalProtocolError when it should go out.

What this file does not know: when a message may be sent (session.py) and what it means
(meeting.py). Cards and deltas are opaque byte strings here (cards.py, delta.py).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from meshaid import limits
from meshaid.core.shapes import (
    NAME_BYTES,
    Choice,
    Names,
    Number,
    Octets,
    Packed,
    Rule,
    Shape,
    Table,
    Wanted,
    Wants,
    array_of,
    pack,
    unpack,
)
from meshaid.errors import LocalProtocolError, RemoteProtocolError

UNKNOWN_STATE: Final = bytes(NAME_BYTES)
"""The state of a document of which nothing is held."""


class ByeReason(enum.IntEnum):
    """Why a session ends."""

    DONE = 0
    #: Too many sessions at once: try again in a moment.
    BUSY = 1
    #: These two devices hold another session; or a device reached itself.
    DUPLICATE = 2
    #: The peer is not, or no longer, of this community, as the cards say.
    REMOVED = 3
    #: The node stops or leaves its network.
    LEAVING = 4
    #: The keys of this session are worn: connect again for fresh ones.
    REKEY = 5
    #: The peer broke the protocol or sent what an honest node would not have passed on.
    PROTOCOL = 6


@dataclass(frozen=True, slots=True)
class Hello:
    """Type 1. The first message of each side."""

    card: bytes
    """The sender's device card, by name (16 bytes)."""
    cards: bytes
    """Keyed digest of its effective cards (16 bytes)."""
    documents: bytes
    """Keyed digest of its documents (16 bytes); empty while the peer is not proven to it."""


@dataclass(frozen=True, slots=True)
class CardList:
    """Type 2. Names of effective cards that the peer may not have, the sender's own chain first."""

    names: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class CardWant:
    """Type 3. Please send these cards, at most CARDS_PER_MESSAGE. Answered by exactly one CARDS."""

    names: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Cards:
    """Type 4. As many of the wanted cards, in their order, as are held and fit; perhaps none."""

    wires: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Digest:
    """Type 5. You are proven to me, and this is my state (keyed digests, 16 bytes each)."""

    cards: bytes
    documents: bytes


@dataclass(frozen=True, slots=True)
class Items:
    """Type 6. All documents: name (16 bytes) and state (8 bytes), what matters most first."""

    table: tuple[tuple[bytes, bytes], ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Want:
    """Type 7. Please send what I lack of these documents. Answered by DELTAs, then one DONE."""

    request: int
    documents: tuple[Wanted, ...]


@dataclass(frozen=True, slots=True)
class Delta:
    """Type 8. Deltas, one of a document each: for a request, or pushed (request 0)."""

    request: int
    payloads: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Done:
    """Type 9. All that was asked by this request has been sent."""

    request: int


@dataclass(frozen=True, slots=True)
class DocumentState:
    """Type 10. A pushed delta is durable here; this is the document's state now (16 bytes each)."""

    name: bytes
    state: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """Type 11. A run of this document broke a rule; `run` is what names it (16 bytes)."""

    name: bytes
    rule: str
    run: bytes


@dataclass(frozen=True, slots=True)
class NotKnown:
    """Type 12. After all cards were exchanged the peer's device is still not proven here."""


@dataclass(frozen=True, slots=True)
class Ping:
    """Type 13. Are you there?"""


@dataclass(frozen=True, slots=True)
class Pong:
    """Type 14. Yes."""


@dataclass(frozen=True, slots=True)
class Bye:
    """Type 15. The session ends here, on purpose."""

    reason: ByeReason


@dataclass(frozen=True, slots=True)
class SealedList:
    """Type 18. Sealed notes held: name (16 bytes) and mark (8 bytes, what it is about)."""

    table: tuple[tuple[bytes, bytes], ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sealed:
    """Type 19. Sealed notes: all that are held of those wanted, or pushed (request 0)."""

    request: int
    wires: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class SealedDigest:
    """Type 24. The keyed digest of the sealed notes held here (16 bytes)."""

    digest: bytes


@dataclass(frozen=True, slots=True)
class SealedWant:
    """Type 25. Please send these sealed notes. Answered by exactly one SEALED."""

    request: int
    names: tuple[bytes, ...]


Message: TypeAlias = (
    Hello
    | CardList
    | CardWant
    | Cards
    | Digest
    | Items
    | Want
    | Delta
    | Done
    | DocumentState
    | Refused
    | NotKnown
    | Ping
    | Pong
    | Bye
    | SealedList
    | Sealed
    | SealedDigest
    | SealedWant
)

RESERVED_TYPES: Final[Mapping[int, str]] = {
    16: "MARKER",
    17: "SYMBOLS",
    20: "DOOR_WRAPS",
    21: "CLOSED",
    22: "ANNOUNCE",
    23: "PULL",
}
"""Numbers that have a name already. Version 1 neither sends nor accepts them."""


_NAME: Final = Octets(NAME_BYTES)
_REQUEST: Final = Number(1, limits.MAX_REQUEST)
_CARDS: Final = Packed(0, limits.CARDS_PER_MESSAGE, limits.MAX_LIST_CARD_BYTES)
_DELTAS: Final = Packed(1, limits.DOCUMENTS_PER_REQUEST, limits.INFLATE_LIMIT)

_NOTES: Final = Packed(0, limits.NOTES_PER_MESSAGE, limits.MAX_NOTE_BYTES)

_Form: TypeAlias = tuple[type[Message], tuple[tuple[str, Shape], ...]]
_FORMS: Final[dict[int, _Form]] = {
    1: (Hello, (("card", _NAME), ("cards", _NAME), ("documents", Octets(0, NAME_BYTES)))),
    2: (CardList, (("names", Names(1, limits.MAX_CARD_NAMES)),)),
    3: (CardWant, (("names", Names(1, limits.CARDS_PER_MESSAGE)),)),
    4: (Cards, (("wires", _CARDS),)),
    5: (Digest, (("cards", _NAME), ("documents", _NAME))),
    6: (Items, (("table", Table()),)),
    7: (Want, (("request", _REQUEST), ("documents", Wants()))),
    8: (Delta, (("request", Number(0, limits.MAX_REQUEST)), ("payloads", _DELTAS))),
    9: (Done, (("request", _REQUEST),)),
    10: (DocumentState, (("name", _NAME), ("state", _NAME))),
    11: (Refused, (("name", _NAME), ("rule", Rule()), ("run", _NAME))),
    12: (NotKnown, ()),
    13: (Ping, ()),
    14: (Pong, ()),
    15: (Bye, (("reason", Choice(ByeReason)),)),
    18: (SealedList, (("table", Table(limits.MAX_NOTES)),)),
    19: (Sealed, (("request", Number(0, limits.MAX_REQUEST)), ("wires", _NOTES))),
    24: (SealedDigest, (("digest", _NAME),)),
    25: (SealedWant, (("request", _REQUEST), ("names", Names(1, limits.NOTES_PER_MESSAGE)))),
}
TYPE_NUMBERS: Final[Mapping[type[Message], int]] = {
    form: number for number, (form, _) in _FORMS.items()
}


def encode(message: Message) -> bytes:
    """The one encoding of a message, 1 to MAX_MESSAGE bytes.

    Raises:
      LocalProtocolError: a field has a value that the form does not allow.
    """
    number = TYPE_NUMBERS[type(message)]
    body: list[object] = [number]
    try:
        for name, form in _FORMS[number][1]:
            body += form.write(getattr(message, name))
    except ValueError as error:
        raise LocalProtocolError(f"{type(message).__name__}: {error}") from error
    data = pack(tuple(body))
    if len(data) > limits.MAX_MESSAGE:
        raise LocalProtocolError(f"{type(message).__name__} has {len(data)} bytes: split it")
    return data


def decode(data: bytes) -> Message:
    """Read one message.

    Args:
      data: all bytes of the message, at most MAX_MESSAGE.
    Raises:
      RemoteProtocolError: anything but the one encoding of a message of version 1.
    Source: docs/protocol.md, "Messages".
    """
    if len(data) > limits.MAX_MESSAGE:
        raise RemoteProtocolError(f"a message of {len(data)} bytes is too long: drop the peer")
    try:
        return _read(unpack(data))
    except ValueError as error:
        raise RemoteProtocolError(f"the peer sent a malformed message: {error}") from error


def _read(value: object) -> Message:
    number, *places = array_of(value, 1, limits.MSGPACK_ARRAY, "a message")
    if type(number) is not int or number not in _FORMS:
        reserved = RESERVED_TYPES.get(number) if type(number) is int else None
        raise ValueError(f"no message of version 1 has this type ({reserved or 'unknown'})")
    message, fields = _FORMS[number]
    if len(places) != sum(form.width for _, form in fields):
        raise ValueError(f"{message.__name__} does not have {len(places)} fields")
    values: dict[str, object] = {}
    for name, form in fields:
        values[name] = form.read(*places[: form.width])
        del places[: form.width]
    # The shapes' own checks are what makes the types right; the table cannot say so to mypy.
    return message(**values)  # type: ignore[arg-type]
