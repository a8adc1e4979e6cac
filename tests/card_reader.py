"""A second reader of cards and invites, written from docs/protocol.md alone.

It shares no code with meshaid: a small msgpack reader and writer of its own, `hashlib`, and the
Ed25519 of `cryptography`. The tests read every vector with both and compare.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FIELDS = {
    1: ("founding", "community root_key name exercise may_invite created"),
    2: ("invite", "community signer_key invite_key role kinds uses expires created"),
    3: ("member", "community invite_key member_key counter name kind sealing_key"),
    4: ("device", "community member signer_key device_key static_key sealing_key label"),
    5: ("removal", "community signer_key target_kind target stay last"),
    6: ("door", "community signer_key generation key_hash voided"),
    7: ("epoch", "community signer_key member parent number nonce closing head"),
}
SIGNER = {1: 2, 2: 2, 3: 2, 4: 3, 5: 2, 6: 2, 7: 2}
"""Place of the signer's key in the body, the kind being at 0."""
SUBJECT = {2: 3, 3: 3, 4: 4}
"""Place of the key that co-signs."""


def read_msgpack(data: bytes) -> Any:
    """One msgpack value of the types that cards use, with nothing after it."""
    value, end = _read(data, 0)
    if end != len(data):
        raise ValueError("bytes after the value")
    return value


def _read(data: bytes, at: int) -> tuple[Any, int]:
    code, at = data[at], at + 1
    if code < 0x80:
        return code, at
    if 0x90 <= code <= 0x9F:
        return _read_items(data, at, code - 0x90)
    if 0xA0 <= code <= 0xBF:
        return data[at : at + code - 0xA0].decode(), at + code - 0xA0
    if code in (0xC0, 0xC2, 0xC3):
        return {0xC0: None, 0xC2: False, 0xC3: True}[code], at
    sizes = {0xC4: 1, 0xC5: 2, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD9: 1, 0xDA: 2, 0xDC: 2}
    number, at = int.from_bytes(data[at : at + sizes[code]], "big"), at + sizes[code]
    if code in (0xCC, 0xCD, 0xCE, 0xCF):
        return number, at
    if code == 0xDC:
        return _read_items(data, at, number)
    piece = data[at : at + number]
    if len(piece) != number:
        raise ValueError("cut short")
    return (piece.decode() if code in (0xD9, 0xDA) else piece), at + number


def _read_items(data: bytes, at: int, count: int) -> tuple[list[Any], int]:
    items = []
    for _ in range(count):
        item, at = _read(data, at)
        items.append(item)
    return items, at


def write_msgpack(value: Any) -> bytes:
    """The shortest encoding of a value, which is the only one that cards use."""
    if value is None or isinstance(value, bool):
        return {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[value]
    if isinstance(value, int):
        return _write_int(value)
    if isinstance(value, bytes):
        size = len(value)
        head = b"\xc4" + bytes([size]) if size < 256 else b"\xc5" + size.to_bytes(2, "big")
        return head + value
    if isinstance(value, str):
        text = value.encode()
        size = len(text)
        return (bytes([0xA0 + size]) if size < 32 else b"\xd9" + bytes([size])) + text
    count = len(value)
    head = bytes([0x90 + count]) if count < 16 else b"\xdc" + count.to_bytes(2, "big")
    return head + b"".join(map(write_msgpack, value))


def _write_int(value: int) -> bytes:
    if value < 128:
        return bytes([value])
    for code, size in ((0xCC, 1), (0xCD, 2), (0xCE, 4), (0xCF, 8)):
        if value < 256**size:
            return bytes([code]) + value.to_bytes(size, "big")
    raise ValueError("too large")


def read_card(wire: bytes) -> dict[str, Any]:
    """The fields of a card by name, with `card` (its kind) and `hash`.

    Raises `cryptography.exceptions.InvalidSignature` or ValueError.
    """
    body, signature, co_signature = read_msgpack(wire)
    values = read_msgpack(body)
    if write_msgpack([body, signature, co_signature]) != wire or write_msgpack(values) != body:
        raise ValueError("a second encoding")
    kind = values[0]
    name, fields = FIELDS[kind]
    signer = Ed25519PublicKey.from_public_bytes(values[SIGNER[kind]])
    signer.verify(signature, b"meshaid-card-v1\0" + body)
    if kind in SUBJECT:
        subject = Ed25519PublicKey.from_public_bytes(values[SUBJECT[kind]])
        subject.verify(co_signature, b"meshaid-possession-v1\0" + body)
    elif co_signature is not None:
        raise ValueError("a co-signature where none belongs")
    card = dict(zip(fields.split(), values[1:], strict=True))
    return {"card": name, "hash": hashlib.sha256(b"meshaid-card-v1\0" + body).digest(), **card}


def read_invite(text: str) -> dict[str, Any]:
    """The parts of an invite text by name."""
    plain = "".join(text.split()).upper()
    if not plain.startswith("MESHAID1"):
        raise ValueError("no invite")
    coded = plain[8:]
    data = base64.b32decode(coded + "=" * (-len(coded) % 8))
    body, check = data[:-4], data[-4:]
    if hashlib.sha256(body).digest()[:4] != check:
        raise ValueError("damaged")
    version, purpose, role, mask = body[:4]
    at = 100 + 32 * purpose
    addresses = []
    count, at = body[at], at + 1
    for _ in range(count):
        addresses.append(body[at + 1 : at + 1 + body[at]].decode("ascii"))
        at += 1 + body[at]
    if version != 1 or at != len(body):
        raise ValueError("another form")
    return {
        "purpose": ("member", "link")[purpose],
        "role": ("member", "steward")[role],
        "kinds": [kind for bit, kind in ((1, "household"), (2, "hub"), (4, "team")) if mask & bit],
        "community": body[4:36],
        "door_key": body[36:68],
        "seed": body[68:100],
        "member": body[100:132] if purpose else None,
        "addresses": addresses,
    }
