"""Names of things: communities, members, devices, actors, documents, records.

Every id is a hash with a domain tag or a public key, so nobody can choose one freely; ids are
bytes inside the program and lower-case Base32 without padding for people and files
(docs/protocol.md, "Ids").
"""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from typing import Final

from meshaid.errors import InvalidInput

ID_BYTES: Final = 32
"""A community id, member id, device id, card hash or change hash."""
ID_CHARS: Final = 52
"""The text form of an id."""
SHORT_CHARS: Final = 8
"""Enough of an id to tell the members of one community apart on a screen."""
RECORD_BYTES: Final = 10
"""Random bytes of a record id: 80 bits, never two alike on one board."""
RECORD_CHARS: Final = 16
"""The text form of a record id."""
NONCE_BYTES: Final = 4
"""The install nonce at the end of an actor id."""
GENESIS_NONCE_BYTES: Final = 16
"""The nonce of an epoch, in its card and in its document's first actor."""
RULES_VERSION: Final = 1
"""Version of the rules by which changes are judged; part of every document's name."""

_TEXTS_KEPT: Final = 8_192
"""Text forms at hand, about 2 MB: those of every member's id stand before each of its records."""

_ALPHABET: Final = frozenset("abcdefghijklmnopqrstuvwxyz234567")


def community_id(root_key: bytes) -> bytes:
    """SHA-256 of the tag `meshaid-community-v1`, a zero byte and the 32-byte root public key."""
    return hashlib.sha256(b"meshaid-community-v1\0" + root_key).digest()


def member_id(member_key: bytes) -> bytes:
    """SHA-256 of the tag `meshaid-member-v1`, a zero byte and the 32-byte member public key."""
    return hashlib.sha256(b"meshaid-member-v1\0" + member_key).digest()


def to_base32(data: bytes) -> str:
    """Lower-case Base32 (RFC 4648 section 6) without padding."""
    return base64.b32encode(data).decode("ascii").rstrip("=").lower()


def from_base32(text: str) -> bytes:
    """Read Base32 in lower case without padding; only the one spelling of each value passes.

    Raises:
      InvalidInput: a character outside the alphabet, an impossible length, or bits left over.
    """
    if not _ALPHABET.issuperset(text):
        raise InvalidInput("a character is no lower-case Base32 (a to z, 2 to 7); copy it again")
    try:
        data = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    except ValueError as error:
        raise InvalidInput(f"no Base32 has a length of {len(text)}; copy it again") from error
    if to_base32(data) != text:
        raise InvalidInput("the last character is not possible there; copy it again")
    return data


@lru_cache(_TEXTS_KEPT)
def id_text(value: bytes) -> str:
    """The 52 characters of a 32-byte id. Raises ValueError for any other length."""
    if len(value) != ID_BYTES:
        raise ValueError(f"an id has {ID_BYTES} bytes, not {len(value)}")
    return to_base32(value)


def id_bytes(text: str) -> bytes:
    """The 32 bytes of an id's text form. Raises InvalidInput for anything else."""
    if len(text) != ID_CHARS:
        raise InvalidInput(f"an id has {ID_CHARS} characters, not {len(text)}; copy it again")
    return from_base32(text)


def short(value: bytes) -> str:
    """The first 8 characters of an id's text form: for screens and logs, never for identity."""
    return to_base32(value)[:SHORT_CHARS]


def record_id(random_bytes: bytes) -> str:
    """The 16 characters of a record id from 10 random bytes. Raises ValueError for others."""
    if len(random_bytes) != RECORD_BYTES:
        raise ValueError(f"a record id takes {RECORD_BYTES} bytes, not {len(random_bytes)}")
    return to_base32(random_bytes)


def actor_id(device: bytes, nonce: bytes) -> bytes:
    """The 36 bytes under which a device writes: its key and the 4-byte nonce of this install."""
    if len(device) != ID_BYTES or len(nonce) != NONCE_BYTES:
        raise ValueError("an actor is a 32-byte device key and a 4-byte nonce")
    return device + nonce


def device_of(actor: bytes) -> bytes:
    """The device key in an actor. Raises ValueError unless the actor has 36 bytes."""
    if len(actor) != ID_BYTES + NONCE_BYTES:
        raise ValueError(f"an actor has {ID_BYTES + NONCE_BYTES} bytes, not {len(actor)}")
    return actor[:ID_BYTES]


def genesis_actor(community: bytes, member: bytes, epoch: int, nonce: bytes) -> bytes:
    """The 16-byte actor of a document's genesis change, from which the document has its name.

    It is the start of SHA-256 over the tag `meshaid-genesis-v1`, a zero byte, the rules version
    (one byte), community id, member id, epoch (4 bytes, big-endian) and the epoch's nonce.

    Args:
      epoch: 1 for a member's first document, then the number on the epoch card.
      nonce: 16 bytes; zeros in epoch 1.
    Source: docs/protocol.md, "Genesis".
    """
    if not (len(community) == len(member) == ID_BYTES and len(nonce) == GENESIS_NONCE_BYTES):
        raise ValueError("a genesis takes two 32-byte ids and a 16-byte nonce")
    tag = b"meshaid-genesis-v1\0" + RULES_VERSION.to_bytes(1, "big")
    body = tag + community + member + epoch.to_bytes(4, "big") + nonce
    return hashlib.sha256(body).digest()[:16]


def reference(member: bytes, record: str) -> str:
    """How one record names another: member id, a slash, record id."""
    return f"{id_text(member)}/{record}"


def parse_reference(text: str) -> tuple[bytes, str]:
    """Take a reference apart into member id and record id.

    Raises:
      InvalidInput: it is not `member id/record id`.
    """
    member, slash, record = text.partition("/")
    if not slash or len(record) != RECORD_CHARS:
        raise InvalidInput("a reference is a member id, a slash and a record id of 16 characters")
    from_base32(record)
    return id_bytes(member), record
