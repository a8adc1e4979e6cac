"""Cards: small signed statements about who belongs, in seven kinds.

A card's *body* is a msgpack array: the kind's number, the community id, then the fields of its
class below in their order. On the wire a card is the msgpack array
`[body, signature, co-signature or nil]`.

- The signature is Ed25519 by the card's signer over `b"meshaid-card-v1\\0"` + body.
- A card that brings in a key which will sign carries that key's co-signature over
  `b"meshaid-possession-v1\\0"` + body, so nobody can card somebody else's key: the member key on a
  member card, the device key on a device card, the invite key on an invite card.
- The card's hash is SHA-256 of `b"meshaid-card-v1\\0"` + body. Signatures are not part of it, so
  no second valid signature makes a second card.

Every body has exactly one encoding: after decoding it is encoded again and must give the same
bytes. By the limits of their fields, cards without lists stay below limits.MAX_CARD_BYTES; others
have at most limits.MAX_LIST_CARD_BYTES. Since the signer's key stands inside the body, a strict and
bounded decoding comes first; nothing of it is believed before the signatures hold over the bytes
as they came.

What this file does not know: whether a signer may say such a thing. That is roster.py.
Source: docs/protocol.md, "Cards".
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Literal, TypeAlias, cast

from meshaid import limits
from meshaid.core import card_fields as read
from meshaid.core.card_fields import ClosingEntry, Target
from meshaid.core.ids import GENESIS_NONCE_BYTES, community_id, member_id
from meshaid.core.keys import SIGNATURE_BYTES, SigningKey, verify
from meshaid.errors import InvalidInput, RemoteProtocolError

CARD_TAG: Final = b"meshaid-card-v1\0"
POSSESSION_TAG: Final = b"meshaid-possession-v1\0"
HASH16_BYTES: Final = 16

MayInvite: TypeAlias = Literal["stewards", "members"]
Role: TypeAlias = Literal["member", "steward", "device"]
Kind: TypeAlias = Literal["household", "hub", "team"]
TargetKind: TypeAlias = Literal["member", "device", "invite", "role"]

MAY_INVITE: Final[tuple[MayInvite, ...]] = ("stewards", "members")
ROLES: Final[tuple[Role, ...]] = ("member", "steward", "device")
KINDS: Final[tuple[Kind, ...]] = ("household", "hub", "team")
TARGETS: Final[tuple[TargetKind, ...]] = ("member", "device", "invite", "role")


@dataclass(frozen=True, slots=True)
class Founding:
    """Kind 1, signed by the root key: the community's name and settings."""

    community: bytes
    root_key: bytes
    name: str = field(repr=False)
    exercise: bool
    may_invite: MayInvite
    created: int
    """Unix seconds by the founder's clock; shown, never judged by."""

    @property
    def signer(self) -> bytes:
        return self.root_key

    @property
    def possession(self) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Invite:
    """Kind 2: whoever holds the invite key may card members, or (role "device") one device.

    Signed by the root or by a device; co-signed by the invite key, which is the invite's id in the
    roster. `uses` (a count) and `expires` (Unix seconds) are advice: cards know no time.
    """

    community: bytes
    signer_key: bytes
    invite_key: bytes
    role: Role
    kinds: tuple[Kind, ...]
    """Kinds of member that it allows, sorted; empty exactly for role "device"."""
    uses: int
    expires: int
    created: int

    @property
    def signer(self) -> bytes:
        return self.signer_key

    @property
    def possession(self) -> bytes:
        return self.invite_key


@dataclass(frozen=True, slots=True)
class Member:
    """Kind 3, signed by an invite key, co-signed by the member key: a household, hub or team."""

    community: bytes
    invite_key: bytes
    member_key: bytes
    counter: int
    """Of a member's cards under one invite the one with the highest (counter, hash) counts."""
    name: str = field(repr=False)
    kind: Kind
    sealing_key: bytes

    @property
    def signer(self) -> bytes:
        return self.invite_key

    @property
    def possession(self) -> bytes:
        return self.member_key

    @property
    def member(self) -> bytes:
        """The member id."""
        return member_id(self.member_key)


@dataclass(frozen=True, slots=True)
class Device:
    """Kind 4, signed by the member key or a link's invite key, co-signed by the device key."""

    community: bytes
    member: bytes
    signer_key: bytes
    device_key: bytes
    static_key: bytes
    sealing_key: bytes
    label: str = field(repr=False)

    @property
    def signer(self) -> bytes:
        return self.signer_key

    @property
    def possession(self) -> bytes:
        return self.device_key

    @property
    def link(self) -> bytes | None:
        """The link's invite key; None when the member key itself signed."""
        return None if member_id(self.signer_key) == self.member else self.signer_key


@dataclass(frozen=True, slots=True)
class Removal:
    """Kind 5, signed by a device or the root: a member, device, invite or steward role ends."""

    community: bytes
    signer_key: bytes
    target_kind: TargetKind
    target: Target
    """Member id, (member id, device key), invite key, or member id, as `target_kind` says."""
    stay: tuple[bytes, ...]
    """Member ids, device keys and invite keys granted below the target that stay; sorted."""
    last: tuple[bytes, ...]
    """For a device: hashes of its last changes that stay, at most one per actor and document."""

    @property
    def signer(self) -> bytes:
        return self.signer_key

    @property
    def possession(self) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Door:
    """Kind 6, signed by a steward's device or the root: a new door key, by its hash."""

    community: bytes
    signer_key: bytes
    generation: int
    key_hash: bytes
    voided: tuple[bytes, ...]
    """Keys of open invites that carry the old door key and end with it; sorted."""

    @property
    def signer(self) -> bytes:
        return self.signer_key

    @property
    def possession(self) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Epoch:
    """Kind 7, signed by a device of the member: its document goes on in a new one."""

    community: bytes
    signer_key: bytes
    member: bytes
    parent: bytes
    """Hash of the epoch card that it closes; empty for the successor of epoch 1."""
    number: int
    nonce: bytes
    closing: tuple[ClosingEntry, ...]
    """(actor, length, head hash) of what counted in the closed document; sorted by actor."""
    head: bytes
    """The last change of the opening run in the new document."""

    @property
    def signer(self) -> bytes:
        return self.signer_key

    @property
    def possession(self) -> None:
        return None


Card: TypeAlias = Founding | Invite | Member | Device | Removal | Door | Epoch


@dataclass(frozen=True, slots=True)
class SignedCard:
    """A card with the bytes that were signed. Its `repr` names kind and hash only."""

    card: Card
    body: bytes
    signature: bytes
    co_signature: bytes | None
    hash: bytes

    @property
    def hash16(self) -> bytes:
        """The first 16 bytes of the hash: a card's name on the wire."""
        return self.hash[:HASH16_BYTES]

    @property
    def wire(self) -> bytes:
        """The card as it travels and as it is kept."""
        return read.pack([self.body, self.signature, self.co_signature])

    def __repr__(self) -> str:
        return f"<{type(self.card).__name__} card {self.hash[:4].hex()}>"


def decode_card(wire: bytes) -> SignedCard:
    """Read one card and check its signatures.

    Args:
      wire: at most limits.MAX_LIST_CARD_BYTES bytes.
    Raises:
      RemoteProtocolError: wrong form, a weak key, a second encoding, or beyond a limit.
      InvalidSignature: a signature does not fit.
    Source: docs/protocol.md, "Cards".
    """
    signed = read_own_card(wire)
    verify(signed.card.signer, signed.signature, CARD_TAG + signed.body)
    if signed.co_signature is not None and signed.card.possession is not None:
        verify(signed.card.possession, signed.co_signature, POSSESSION_TAG + signed.body)
    return signed


def read_own_card(wire: bytes) -> SignedCard:
    """Read a card whose signatures this device checked before it kept it.

    The form is checked as `decode_card` does, the signatures are not: never for bytes that came
    from a peer or a file. Raises RemoteProtocolError.
    """
    if len(wire) > limits.MAX_LIST_CARD_BYTES:
        raise RemoteProtocolError("a card beyond the size limit")
    parts = read.unpack(wire)
    if type(parts) is not list or len(parts) != 3:
        raise RemoteProtocolError("a card is body, signature and co-signature")
    body, signature, co_signature = parts
    if type(body) is not bytes:
        raise RemoteProtocolError("a card's body is bytes")
    card = _decode_body(body)
    read.exact(SIGNATURE_BYTES, signature)
    if card.possession is None and co_signature is not None:
        raise RemoteProtocolError("a co-signature where none belongs")
    if card.possession is not None:
        read.exact(SIGNATURE_BYTES, co_signature)
    signed = SignedCard(card, body, signature, co_signature, card_hash(body))
    if signed.wire != wire:
        raise RemoteProtocolError("a card in a second encoding")
    return signed


def card_hash(body: bytes) -> bytes:
    """The 32-byte hash under which a card is known."""
    return hashlib.sha256(CARD_TAG + body).digest()


# ---- making cards
def make_founding(
    root: SigningKey, *, name: str, exercise: bool, may_invite: MayInvite, created: int
) -> SignedCard:
    """The founding card. Raises InvalidInput for a name that is empty, long or unprintable."""
    community = community_id(root.public)
    return _sign(Founding(community, root.public, name, exercise, may_invite, created), root)


def make_invite(
    signer: SigningKey,
    invite: SigningKey,
    *,
    community: bytes,
    role: Role,
    kinds: Iterable[Kind],
    uses: int,
    expires: int,
    created: int,
) -> SignedCard:
    """An invite card. Raises InvalidInput for uses beyond limits.INVITE_USES or unfit kinds."""
    wanted = cast("tuple[Kind, ...]", tuple(sorted(set(kinds))))
    card = Invite(community, signer.public, invite.public, role, wanted, uses, expires, created)
    return _sign(card, signer, invite)


def make_member(
    invite: SigningKey,
    member: SigningKey,
    *,
    community: bytes,
    counter: int,
    name: str,
    kind: Kind,
    sealing_key: bytes,
) -> SignedCard:
    """A member card. Raises InvalidInput for a name that is empty, long or unprintable."""
    card = Member(community, invite.public, member.public, counter, name, kind, sealing_key)
    return _sign(card, invite, member)


def make_device(
    signer: SigningKey,
    device: SigningKey,
    *,
    community: bytes,
    member: bytes,
    static_key: bytes,
    sealing_key: bytes,
    label: str,
) -> SignedCard:
    """A device card; the signer is the member key or a link's invite key. Raises InvalidInput."""
    card = Device(community, member, signer.public, device.public, static_key, sealing_key, label)
    return _sign(card, signer, device)


def make_removal(
    signer: SigningKey,
    *,
    community: bytes,
    target_kind: TargetKind,
    target: Target,
    stay: Iterable[bytes] = (),
    last: Iterable[bytes] = (),
) -> SignedCard:
    """A removal card. Raises InvalidInput for `last` without a device, or for lists too long."""
    stay, last = tuple(sorted(set(stay))), tuple(sorted(set(last)))
    return _sign(Removal(community, signer.public, target_kind, target, stay, last), signer)


def make_door(
    signer: SigningKey,
    *,
    community: bytes,
    generation: int,
    key_hash: bytes,
    voided: Iterable[bytes] = (),
) -> SignedCard:
    """A door key card. Raises InvalidInput for a generation below 2."""
    ended = tuple(sorted(set(voided)))
    return _sign(Door(community, signer.public, generation, key_hash, ended), signer)


def make_epoch(
    signer: SigningKey,
    *,
    community: bytes,
    member: bytes,
    parent: bytes,
    number: int,
    nonce: bytes,
    closing: Iterable[ClosingEntry],
    head: bytes,
) -> SignedCard:
    """An epoch card. Raises InvalidInput for a number that does not fit its parent."""
    clock = tuple(sorted(closing))
    card = Epoch(community, signer.public, member, parent, number, nonce, clock, head)
    return _sign(card, signer)


def _sign(card: Card, signer: SigningKey, subject: SigningKey | None = None) -> SignedCard:
    """Sign a card after it has passed the same reading as a received one."""
    try:
        body = _encode_body(card)
        co_signature = subject.sign(POSSESSION_TAG + body) if subject else None
        signature = signer.sign(CARD_TAG + body)
        return read_own_card(read.pack([body, signature, co_signature]))
    except RemoteProtocolError as error:
        raise InvalidInput(f"this card cannot be made: {error}") from error
    except (ValueError, OverflowError) as error:
        raise InvalidInput("this card cannot be made: no such text or number exists") from error


# ---- the body: one reader per field, in the order of the class
_id: Final = read.identifier
_ids: Final = partial(read.ascending, _id)
_time: Final = partial(read.whole, 0, limits.MAX_INTEGER)
_name: Final = partial(read.text, 1, limits.CARD_NAME_CHARS)
_label: Final = partial(read.text, 0, limits.CARD_LABEL_CHARS)
_may_invite: Final = partial(read.word, MAY_INVITE)
_role: Final = partial(read.word, ROLES)
_kind: Final = partial(read.word, KINDS)
_kinds: Final = partial(read.ascending, _kind)
_uses: Final = partial(read.whole, 1, limits.INVITE_USES)
_target_kind: Final = partial(read.word, TARGETS)
_from_2: Final = partial(read.whole, 2, read.LAST_UNSIGNED_32)
_nonce: Final = partial(read.exact, GENESIS_NONCE_BYTES)
_key: Final = read.signing_key
_exchange: Final = read.exchange_key

_SHAPES: Final[dict[int, tuple[Callable[..., Card], tuple[read.Reader, ...]]]] = {
    1: (Founding, (_id, _key, _name, read.boolean, _may_invite, _time)),
    2: (Invite, (_id, _key, _key, _role, _kinds, _uses, _time, _time)),
    3: (Member, (_id, _key, _key, _time, _name, _kind, _exchange)),
    4: (Device, (_id, _id, _key, _key, _exchange, _exchange, _label)),
    5: (Removal, (_id, _key, _target_kind, read.target, _ids, _ids)),
    6: (Door, (_id, _key, _from_2, _id, _ids)),
    7: (Epoch, (_id, _key, _id, read.parent, _from_2, _nonce, read.closing, _id)),
}
_NUMBERS: Final = {shape[0]: number for number, shape in _SHAPES.items()}


def _decode_body(body: bytes) -> Card:
    values = read.array(read.unpack(body))
    shape = _SHAPES.get(values[0]) if values and type(values[0]) is int else None
    if shape is None:
        raise RemoteProtocolError("a card of an unknown kind")
    make, readers = shape
    card = make(*read.fields(readers, values[1:]))
    if _encode_body(card) != body:
        raise RemoteProtocolError("a card's body in a second encoding")
    _check_whole(card)
    return card


def _check_whole(card: Card) -> None:
    """What several fields say together."""
    if isinstance(card, Founding) and card.community != community_id(card.root_key):
        raise RemoteProtocolError("a founding card whose root key is not this community's")
    if isinstance(card, Invite) and (card.role == "device") != (card.kinds == ()):
        raise RemoteProtocolError("an invite names kinds of member, a link names none")
    if isinstance(card, Removal):
        if (card.target_kind == "device") != isinstance(card.target, tuple):
            raise RemoteProtocolError("a removal whose target is not of its kind")
        if card.last and card.target_kind != "device":
            raise RemoteProtocolError("only the removal of a device names last changes")
    if isinstance(card, Epoch) and (card.number == 2) != (card.parent == b""):
        raise RemoteProtocolError("an epoch card's number does not fit its parent")


def _encode_body(card: Card) -> bytes:
    return read.pack([_NUMBERS[type(card)], *(getattr(card, name) for name in card.__slots__)])
