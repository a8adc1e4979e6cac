"""Make `messages.json`, the golden vectors of messages and keyed digests.

    python -m tests.vectors.make_messages            write the file
    python -m tests.vectors.make_messages --check    compare it, exit 1 when it differs

Derived from meshaid itself, verified against tests/message_reader.py, which shares no code with it.
All byte strings are hex.

Format: `messages` holds [what it shows, bytes, name, fields]; a field of names, cards or deltas is
a list, a table a list of [name, state], a request a list of [genesis, [[actor, length, head] ...]].
`refused` holds [what is wrong, bytes]. `digests` holds key, label, items and the keyed digest.
Streams are stored, not compressed: compressors differ, what inflates to the same is the same.
`dictionary` is the preset dictionary of all streams, in Base64.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgpack

from meshaid.core import messages as m
from meshaid.core import shapes
from meshaid.core.note_exchange import NOTES
from meshaid.core.reconcile import CARDS, DOCUMENTS, KeyedDigest
from meshaid.core.session import message_name
from meshaid.core.wire_dictionary import WIRE_DICTIONARY

FILE = Path(__file__).with_name("messages.json")


def octets(name: str, size: int = 32) -> bytes:
    """The bytes that a name stands for."""
    return hashlib.shake_256(name.encode()).digest(size)


NAME, OTHER = octets("name", 16), octets("other", 16)
ACTORS = sorted(octets(f"actor {number}", 36) for number in range(3))
CLOCK = {actor: (number * 200 + 1, octets(f"head {number}")) for number, actor in enumerate(ACTORS)}

MESSAGES: list[tuple[str, m.Message]] = [
    ("greeting of a peer that is not proven", m.Hello(NAME, OTHER, b"")),
    ("greeting of a proven peer", m.Hello(NAME, OTHER, octets("documents", 16))),
    ("a list of one card", m.CardList((NAME,))),
    ("a list of twenty cards", m.CardList(tuple(octets(f"{n}", 16) for n in range(20)))),
    ("a request for two cards", m.CardWant((NAME, OTHER))),
    ("no card is held", m.Cards(())),
    ("two cards", m.Cards((b"card", octets("card", 300)))),
    ("digests", m.Digest(NAME, OTHER)),
    ("nothing is held", m.Items(())),
    ("two documents", m.Items(((NAME, bytes(8)), (OTHER, octets("state", 8))))),
    ("a document of which nothing is held", m.Want(1, (m.Wanted(octets("genesis"), {}),))),
    (
        "two documents, one by three actors",
        m.Want(
            2**32 - 1,
            (m.Wanted(octets("genesis"), CLOCK), m.Wanted(octets("another"), {})),
        ),
    ),
    ("a pushed delta", m.Delta(0, (b"delta",))),
    ("two deltas for a request", m.Delta(300, (octets("first", 70), octets("second", 400)))),
    ("all is sent", m.Done(128)),
    ("a state", m.DocumentState(NAME, OTHER)),
    ("a refusal", m.Refused(NAME, "G15", OTHER)),
    ("not known", m.NotKnown()),
    ("ping", m.Ping()),
    ("pong", m.Pong()),
    *((f"bye, {reason.name.lower()}", m.Bye(reason)) for reason in m.ByeReason),
    ("no note to list", m.SealedList(())),
    ("two notes", m.SealedList(((NAME, bytes(8)), (OTHER, octets("mark", 8))))),
    ("a pushed note", m.Sealed(0, (octets("note", 400),))),
    ("two notes for a request", m.Sealed(7, (octets("first", 330), octets("second", 660)))),
    ("no wanted note is held", m.Sealed(2**32 - 1, ())),
    ("a digest of notes", m.SealedDigest(NAME)),
    ("a request for two notes", m.SealedWant(1, (NAME, OTHER))),
]


def refused() -> Iterator[tuple[str, bytes]]:
    """What nobody may send, and why."""

    def packed(*places: object) -> bytes:
        return bytes(msgpack.packb(list(places)))

    plain = packed(b"x")
    for number in (0, 16, 17, 20, 21, 22, 23, 26, 127):
        yield f"type {number}", packed(number)
    yield "nothing", b""
    yield "no array", packed(9, 1)[1:]
    yield "an empty array", b"\x90"
    yield "bytes behind it", packed(12) + b"\x00"
    yield "cut short", packed(5, NAME, OTHER)[:-1]
    yield "a field too few", packed(5, NAME)
    yield "a field too many", packed(12, 0)
    yield "a type as a boolean", packed(True, NAME, NAME, b"")
    yield "a number not in its shortest form", b"\x92\x09\xcc\x01"
    yield "a length not in its shortest form", b"\x92\x02\xc5\x00\x10" + NAME
    yield "an array not in its shortest form", b"\xdc\x00\x01\x0c"
    yield "text for bytes", packed(5, "name", OTHER)
    yield "a map", packed(9, {})
    yield "a float", packed(9, 1.0)
    yield "a negative number", packed(9, -1)
    yield "a request number of zero", packed(9, 0)
    yield "a request number beyond 32 bits", packed(9, 2**32)
    yield "a digest of 15 bytes", packed(5, NAME[:15], OTHER)
    yield "no card listed", packed(2, b"")
    yield "half a name", packed(2, NAME + OTHER[:8])
    yield "a name twice", packed(2, NAME + NAME)
    yield "257 cards wanted", packed(3, b"".join(octets(f"{n}", 16) for n in range(257)))
    yield "half a row", packed(6, NAME)
    yield "a document twice", packed(6, (NAME + bytes(8)) * 2)
    yield "no document wanted", packed(7, 1, [])
    yield "a document wanted twice", packed(7, 1, [[octets("a"), []]] * 2)
    yield "65 documents wanted", packed(7, 1, [[octets(f"{n}"), []] for n in range(65)])
    entries = [[actor, 1, octets("head")] for actor in ACTORS]
    yield "actors out of order", packed(7, 1, [[octets("a"), entries[::-1]]])
    yield "an actor twice", packed(7, 1, [[octets("a"), entries[:1] * 2]])
    yield "a length of zero", packed(7, 1, [[octets("a"), [[ACTORS[0], 0, octets("head")]]]])
    yield (
        "a length beyond a sequence",
        packed(7, 1, [[octets("a"), [[ACTORS[0], 65536, bytes(32)]]]]),
    )
    yield "a head of 16 bytes", packed(7, 1, [[octets("a"), [[ACTORS[0], 1, NAME]]]])
    yield "an announced size too small", packed(4, len(plain) - 1, zlib.compress(plain, 0))
    yield "an announced size too large", packed(4, len(plain) + 1, zlib.compress(plain, 0))
    yield "an announced size of zero", packed(4, 0, zlib.compress(b"", 0))
    yield "an announced size beyond the limit", packed(4, 2**20 + 1, zlib.compress(plain, 0))
    yield "a stream cut short", packed(4, len(plain), zlib.compress(plain, 0)[:-1])
    yield "bytes behind a stream", packed(4, len(plain), zlib.compress(plain, 0) + b"\x00")
    yield "no stream", packed(4, len(plain), plain)
    yield "text for a stream", packed(4, len(plain), "x")
    yield "a bomb", packed(4, 2**20, zlib.compress(bytes(2**24), 9))
    for what, body in (
        ("an empty delta", packed(b"")),
        ("no delta", packed()),
        ("text for a delta", packed("x")),
        ("65 deltas", packed(*([b"x"] * 65))),
        ("a payload not in its shortest form", b"\xdc\x00\x01\xc4\x01x"),
    ):
        yield what, packed(8, 0, len(body), zlib.compress(body, 0))
    yield "a rule without a name", packed(11, NAME, "", OTHER)
    yield "a rule with a long name", packed(11, NAME, "ninechars", OTHER)
    yield "a rule with signs", packed(11, NAME, "G-1", OTHER)
    yield "a rule with letters of other scripts", packed(11, NAME, "ß", OTHER)
    yield "an unknown reason", packed(15, 7)
    yield "a reason as a boolean", packed(15, False)
    yield "a note listed twice", packed(18, (NAME + bytes(8)) * 2)
    yield "65 notes wanted", packed(25, 1, b"".join(octets(f"{n}", 16) for n in range(65)))
    yield "no note wanted", packed(25, 1, b"")
    yield "a pushed request for notes", packed(25, 0, NAME)
    for what, body in (
        ("a note of 6,145 bytes", packed(octets("long", 6_145))),
        ("65 notes", packed(*([b"x"] * 65))),
        ("an empty note", packed(b"")),
    ):
        yield what, packed(19, 1, len(body), zlib.compress(body, 0))


def digests() -> Iterator[dict[str, Any]]:
    """Keyed digests of cards, documents and sealed notes."""
    key = octets("session key")
    for label, kind in ((CARDS, "cards"), (DOCUMENTS, "documents"), (NOTES, "notes")):
        for count in (0, 1, 20):
            items = {octets(f"{kind} {n}"): octets(f"state {n}") for n in range(count)}
            if kind == "cards":
                items = dict.fromkeys(items, b"")
            if kind == "notes":
                items = {name[:16]: mark[:8] for name, mark in items.items()}
            yield {
                "key": key.hex(),
                "label": label.decode(),
                "items": [(name + state).hex() for name, state in items.items()],
                "digest": KeyedDigest(key, label).of(items).hex(),
            }


def plain_fields(message: m.Message) -> dict[str, Any]:
    """The fields of a message as JSON shows them."""

    def show(value: Any) -> Any:
        if isinstance(value, bytes):
            return value.hex()
        if isinstance(value, m.Wanted):
            clock = value.clock
            return [value.genesis.hex(), [[a.hex(), clock[a][0], clock[a][1].hex()] for a in clock]]
        if isinstance(value, tuple):
            return [show(entry) for entry in value]
        return int(value) if isinstance(value, int) else value

    return {name: show(getattr(message, name)) for name in message.__slots__}


def make() -> str:
    """The file's text."""
    with patch.object(shapes, "_ZLIB_LEVEL", 0):
        made = [
            [what, m.encode(message).hex(), name_of(message), plain_fields(message)]
            for what, message in MESSAGES
        ]
    body = {
        "source": "written for meshaid by tests/vectors/make_messages.py",
        "verified": "against tests/message_reader.py by tests/core/test_messages.py",
        "format": "see the generator",
        "dictionary": base64.b64encode(WIRE_DICTIONARY).decode(),
        "messages": made,
        "refused": [[what, data.hex()] for what, data in refused()],
        "digests": list(digests()),
    }
    return json.dumps(body, indent=1, ensure_ascii=False) + "\n"


def name_of(message: m.Message) -> str:
    """The name by which docs/protocol.md calls a message."""
    return message_name(message).split()[0]


def main() -> int:
    """Write or compare the file."""
    text = make()
    if "--check" in sys.argv:
        return int(FILE.read_text("utf-8") != text)
    FILE.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
