"""Invites as text and as file: all that a newcomer needs to join with nobody else in reach.

The text is `MESHAID1` and then, in upper-case Base32 without padding, the bytes

    version (1) · purpose (0 member, 1 link) · role (0 member, 1 steward) · kinds (1 household,
    2 hub, 4 team, added up) · community id (32) · door key (32) · invite key's seed (32) ·
    for a link: member id (32) · number of addresses · each: length, ASCII `host:port` ·
    check (4): the first bytes of SHA-256 over everything before it

with one byte for each number. All characters belong to a QR code's alphanumeric mode. Reading
ignores case, blanks and line breaks; the check finds typing mistakes, it protects against nobody.
Role and kinds are a hint for the person who joins: the invite *card* decides.

The file is a msgpack array: `"meshaid-invite-v1"`, the text, the chain of cards in wire form.
Source: docs/protocol.md, "Invites".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import msgpack

from meshaid import limits
from meshaid.core.cards import KINDS, Kind
from meshaid.core.ids import ID_BYTES, from_base32, short, to_base32
from meshaid.core.keys import KEY_BYTES
from meshaid.errors import InvalidInput

PREFIX: Final = "MESHAID"
VERSION: Final = 1
CHECK_BYTES: Final = 4
FILE_FORM: Final = "meshaid-invite-v1"

Purpose: TypeAlias = Literal["member", "link"]

_FIXED_BYTES: Final = 4 + ID_BYTES + 2 * KEY_BYTES + 1 + CHECK_BYTES
_AGAIN: Final = "copy or scan it again, whole"


@dataclass(frozen=True, slots=True, repr=False)
class InviteText:
    """What an invite says. It holds two secrets, so its `repr` shows purpose and community only.

    `kinds` is empty exactly for a link; `member` is given exactly for a link; `addresses` are
    `host:port`, at most limits.INVITE_ADDRESSES of them.
    """

    purpose: Purpose
    role: Literal["member", "steward"]
    kinds: tuple[Kind, ...]
    community: bytes
    door_key: bytes
    seed: bytes
    """The seed of the invite key, which signs the newcomer's first card."""
    member: bytes | None = None
    addresses: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<InviteText {self.purpose} of {short(self.community)}>"


def encode_invite(invite: InviteText) -> str:
    """The text of an invite, in one line.

    Raises:
      InvalidInput: an address is not `host:port` in ASCII, or there are too many of them.
      ValueError: a key or id of the wrong length, or fields that do not belong together.
    """
    is_link = invite.purpose == "link"
    secrets = (invite.community, invite.door_key, invite.seed)
    if any(len(part) != KEY_BYTES for part in secrets):
        raise ValueError("an invite holds three values of 32 bytes")
    if is_link != (invite.member is not None) or is_link == bool(invite.kinds):
        raise ValueError("a link names a member and no kinds; an invite kinds and no member")
    kinds = sum(1 << place for place, kind in enumerate(KINDS) if kind in invite.kinds)
    head = bytes((VERSION, is_link, invite.role == "steward", kinds))
    body = head + b"".join(secrets) + (invite.member or b"") + _encode_addresses(invite.addresses)
    return f"{PREFIX}{VERSION}{to_base32(body + _check(body)).upper()}"


def decode_invite(text: str) -> InviteText:
    """Read the text of an invite as a person typed, pasted or scanned it.

    Raises:
      InvalidInput: it is no invite, damaged, or of a newer version; the text says which.
    """
    if len(text) > 2 * limits.INVITE_TEXT_CHARS:
        raise InvalidInput("this is too long for an invite; give the invite text alone")
    plain = "".join(text.split()).upper()
    version = plain[len(PREFIX) : len(PREFIX) + 1]
    if not plain.startswith(PREFIX) or version not in tuple("123456789"):
        raise InvalidInput(f"an invite begins with {PREFIX}{VERSION}; {_AGAIN}")
    if version != str(VERSION):
        raise InvalidInput("another version of meshaid made this invite; update the older one")
    data = _base32(plain.removeprefix(f"{PREFIX}{VERSION}"))
    if len(data) < _FIXED_BYTES:
        raise InvalidInput(f"this invite is too short: a part is missing; {_AGAIN}")
    body, check = data[:-CHECK_BYTES], data[-CHECK_BYTES:]
    if check != _check(body):
        raise InvalidInput(f"this invite has a mistake in it (its check fails); {_AGAIN}")
    if body[0] != VERSION:
        raise InvalidInput("another version of meshaid made this invite; update the older one")
    return _decode_body(body)


def _base32(text: str) -> bytes:
    try:
        return from_base32(text.lower())
    except InvalidInput as error:
        reason = "a character or the end is damaged"
        raise InvalidInput(f"this invite has a mistake in it ({reason}); {_AGAIN}") from error


def _check(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()[:CHECK_BYTES]


def _decode_body(body: bytes) -> InviteText:
    """Read what the check has shown to be as written; other faults are those of its maker."""
    _, purpose, role, mask = body[:4]
    parts = [body[start : start + 32] for start in (4, 36, 68)]
    rest = body[100:]
    is_link = purpose == 1
    member = rest[:ID_BYTES] if is_link else None
    kinds = tuple(kind for place, kind in enumerate(KINDS) if mask >> place & 1)
    sound = (
        purpose in (0, 1)
        and role in (0, 1)
        and mask < 1 << len(KINDS)
        and is_link != bool(kinds)
        and (member is None or len(member) == ID_BYTES)
    )
    if not sound:
        raise InvalidInput("this invite was not made by meshaid; ask for a new one")
    return InviteText(
        purpose="link" if is_link else "member",
        role="steward" if role else "member",
        kinds=kinds,
        community=parts[0],
        door_key=parts[1],
        seed=parts[2],
        member=member,
        addresses=_decode_addresses(rest[ID_BYTES:] if is_link else rest),
    )


# ---- addresses
def _check_address(address: str) -> None:
    host, colon, port = address.rpartition(":")
    if not (address.isascii() and address.isprintable() and host and colon) or " " in address:
        raise InvalidInput("an address is HOST:PORT, such as 192.168.1.20:7440")
    if not (port.isdigit() and 0 < int(port) < 65_536) or len(address) > limits.ADDRESS_CHARS:
        raise InvalidInput("an address ends in a port from 1 to 65535")


def _encode_addresses(addresses: tuple[str, ...]) -> bytes:
    if len(addresses) > limits.INVITE_ADDRESSES:
        raise InvalidInput(f"an invite holds at most {limits.INVITE_ADDRESSES} addresses")
    encoded = bytes((len(addresses),))
    for address in addresses:
        _check_address(address)
        encoded += bytes((len(address),)) + address.encode("ascii")
    return encoded


def _decode_addresses(data: bytes) -> tuple[str, ...]:
    addresses: list[str] = []
    count, place = (data[0] if data else -1), 1
    for _ in range(count):
        length = data[place] if place < len(data) else 0
        addresses.append(data[place + 1 : place + 1 + length].decode("latin-1"))
        place += 1 + length
    if count < 0 or place != len(data) or count > limits.INVITE_ADDRESSES:
        raise InvalidInput("this invite was not made by meshaid; ask for a new one")
    for address in addresses:
        _check_address(address)
    return tuple(addresses)


# ---- files
def encode_invite_file(text: str, cards: Iterable[bytes]) -> bytes:
    """An invite file: the text and the wire forms of the cards that prove it, in their order."""
    return bytes(msgpack.packb([FILE_FORM, text, list(cards)]))


def is_invite_file(data: bytes) -> bool:
    """Whether these bytes begin as an invite file does."""
    return data.startswith(bytes(msgpack.packb([FILE_FORM, "", []]))[: 2 + len(FILE_FORM)])


def read_invite_file(data: bytes) -> tuple[InviteText, tuple[bytes, ...]]:
    """Read an invite file: what it says, and the wire forms of its cards, not judged yet.

    Args:
      data: the whole file, at most limits.INVITE_FILE_BYTES bytes.
    Raises:
      InvalidInput: it is no invite file, or damaged.
    """
    if len(data) > limits.INVITE_FILE_BYTES:
        raise InvalidInput("this file is too large for an invite file; give the right file")
    try:
        parts = msgpack.unpackb(data, max_map_len=0, max_ext_len=0)
    except (ValueError, msgpack.UnpackException) as error:
        raise InvalidInput("this file is no invite file, or damaged; copy it again") from error
    if type(parts) is not list or len(parts) != 3 or parts[0] != FILE_FORM:
        raise InvalidInput("this file is no invite file of this version; ask for a new one")
    _, text, cards = parts
    if type(text) is not str or type(cards) is not list or {type(c) for c in cards} - {bytes}:
        raise InvalidInput("this invite file is damaged; copy it again")
    return decode_invite(text), tuple(cards)
