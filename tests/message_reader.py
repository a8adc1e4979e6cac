"""A second reader of messages, written from docs/protocol.md alone.

It shares no code with meshaid: `tests/tiny_msgpack.py`, `zlib`, and the dictionary of the vectors.
The tests read every vector with both and compare, also those that must be refused.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from pathlib import Path
from typing import Any

from tests import tiny_msgpack

MIB = 1_048_576
VECTORS = Path(__file__).parent / "vectors" / "messages.json"
DICTIONARY = base64.b64decode(json.loads(VECTORS.read_text())["dictionary"])
SHAPES = {
    1: ("HELLO", "card:16 cards:16 documents:16?"),
    2: ("CARD_LIST", "names:names60000"),
    3: ("CARD_WANT", "names:names256"),
    4: ("CARDS", "wires:packed"),
    5: ("DIGEST", "cards:16 documents:16"),
    6: ("ITEMS", "table:table"),
    7: ("WANT", "request:number documents:wants"),
    8: ("DELTA", "request:number0 payloads:packed"),
    9: ("DONE", "request:number"),
    10: ("STATE", "name:16 state:16"),
    11: ("REFUSED", "name:16 rule:rule run:16"),
    12: ("NOT_KNOWN", ""),
    13: ("PING", ""),
    14: ("PONG", ""),
    15: ("BYE", "reason:reason"),
    18: ("SEALED_LIST", "table:table"),
    19: ("SEALED", "request:number0 wires:packed"),
    24: ("SEALED_DIGEST", "digest:16"),
    25: ("SEALED_WANT", "request:number names:names64"),
}


def read_message(data: bytes) -> tuple[str, dict[str, Any]]:
    """Name and fields of a message. ValueError when it is none of version 1."""
    require(len(data) <= MIB, "too long")
    value = tiny_msgpack.read(data)
    require(type(value) is list and len(value) > 0, "no array")
    require(type(value[0]) is int and value[0] in SHAPES, "no type")
    name, shape = SHAPES[value[0]]
    fields: dict[str, Any] = {}
    places = value[1:]
    for field, kind in (part.split(":") for part in shape.split()):
        width = 2 if kind == "packed" else 1
        require(len(places) >= width, "too few fields")
        fields[field] = read_field(kind, places[:width], name)
        places = places[width:]
    require(not places, "too many fields")
    return name, fields


def read_field(kind: str, places: list[Any], message: str) -> Any:
    value = places[0]
    if kind in ("16", "16?"):
        require(type(value) is bytes, "no bytes")
        require(len(value) == 16 or (kind == "16?" and not value), "length")
        return value.hex()
    if kind in ("number", "number0"):
        least = 0 if kind == "number0" else 1
        require(type(value) is int and least <= value < 2**32, "number")
        return value
    if kind == "reason":
        require(type(value) is int and 0 <= value <= 6, "reason")
        return value
    if kind == "rule":
        require(type(value) is str and 1 <= len(value) <= 8, "rule")
        require(all(letter.isalnum() and ord(letter) < 128 for letter in value), "rule")
        return value
    if kind == "packed":
        return read_packed(places[0], places[1], message)
    return {"table": read_table, "wants": read_wants}.get(kind, read_names(kind))(value)


def read_names(kind: str) -> Any:
    def read(value: Any) -> list[str]:
        names = pieces(value, 16)
        require(1 <= len(names) <= int(kind.removeprefix("names")), "count")
        require(len(set(names)) == len(names), "twice")
        return names

    return read


def read_table(value: Any) -> list[list[str]]:
    rows = [[row[:32], row[32:]] for row in pieces(value, 24)]
    require(len(rows) <= 40_000, "count")
    require(len({name for name, _ in rows}) == len(rows), "twice")
    return rows


def read_wants(value: Any) -> list[Any]:
    require(type(value) is list and 1 <= len(value) <= 64, "count")
    wants = []
    for row in value:
        require(type(row) is list and len(row) == 2, "shape")
        genesis, clock = row
        require(type(genesis) is bytes and len(genesis) == 32, "genesis")
        require(type(clock) is list and len(clock) <= 4_096, "clock")
        entries = []
        for entry in clock:
            require(type(entry) is list and len(entry) == 3, "entry")
            actor, length, head = entry
            require(type(actor) is bytes and len(actor) == 36, "actor")
            require(type(length) is int and 1 <= length <= 65_535, "length")
            require(type(head) is bytes and len(head) == 32, "head")
            entries.append([actor.hex(), length, head.hex()])
        require(entries == sorted(entries), "order")
        require(len({actor for actor, *_ in entries}) == len(entries), "twice")
        wants.append([genesis.hex(), entries])
    require(len({genesis for genesis, _ in wants}) == len(wants), "twice")
    return wants


def read_packed(size: Any, stream: Any, message: str) -> list[str]:
    require(type(size) is int and 1 <= size <= MIB, "size")
    require(type(stream) is bytes, "no stream")
    inflater = zlib.decompressobj(zdict=DICTIONARY)
    try:
        plain = inflater.decompress(stream, size + 1)
    except zlib.error as error:
        raise ValueError("stream") from error
    require(len(plain) == size and inflater.eof and not inflater.unused_data, "size")
    entries = tiny_msgpack.read(plain)
    least, most, longest = {
        "CARDS": (0, 256, 16_384),
        "DELTA": (1, 64, MIB),
        "SEALED": (0, 64, 6_144),
    }[message]
    require(type(entries) is list and least <= len(entries) <= most, "count")
    for entry in entries:
        require(type(entry) is bytes and 1 <= len(entry) <= longest, "entry")
    return [entry.hex() for entry in entries]


def pieces(value: Any, size: int) -> list[str]:
    require(type(value) is bytes and len(value) % size == 0, "length")
    return [value[at : at + size].hex() for at in range(0, len(value), size)]


def require(condition: bool, what: str) -> None:
    if not condition:
        raise ValueError(what)


def keyed_digest(key: bytes, label: bytes, items: list[bytes]) -> bytes:
    """The sum, modulo 2**128, of the 16-byte keyed BLAKE2b hashes of the items."""
    total = 0
    for item in items:
        digest = hashlib.blake2b(item, key=key, person=label, digest_size=16).digest()
        total = (total + int.from_bytes(digest, "big")) % 2**128
    return total.to_bytes(16, "big")
