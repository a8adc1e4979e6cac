"""Founding a community, inviting into it and joining it: who makes which keys and cards.

Everything here works offline and is pure: random bytes and the time are arguments, the cards go to
the caller, who keeps them. A newcomer makes its own keys and signs its own cards with the key that
came in the invite; nobody else needs to be in reach (docs/protocol.md, "Joining").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from meshaid import limits
from meshaid.core import ids
from meshaid.core.cards import (
    KINDS,
    Kind,
    Role,
    SignedCard,
    make_device,
    make_founding,
    make_invite,
    make_member,
)
from meshaid.core.identity import Identity
from meshaid.core.invite import InviteText, encode_invite
from meshaid.core.keys import SigningKey, StaticKey
from meshaid.errors import InvalidInput, RefusedByTrust

Random = Callable[[int], bytes]

SEED_BYTES = 32
FOUNDING_LABEL = "first device"


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A device that belongs, or will once its chain is known: its identity and its own cards."""

    identity: Identity
    cards: tuple[SignedCard, ...]


@dataclass(frozen=True, slots=True)
class Founded(Enrolled):
    """A new community. `recovery` and `steward_invites` are shown once and kept on paper."""

    recovery: str = field(repr=False)
    steward_invites: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Invited:
    """A new invite: the text to hand over, and its card, which peers must get to know."""

    text: str = field(repr=False)
    card: SignedCard


def found(
    *,
    community_name: str,
    name: str,
    kind: Kind,
    exercise: bool,
    stewards: int,
    keep_root: bool,
    now: int,
    random: Random,
) -> Founded:
    """Found a community, with this device's member as its first steward.

    The root key signs the founding card, the founder's own grant and `stewards` further steward
    invites, each a line of its own; then it is only in the recovery text, unless `keep_root`.

    Raises:
      InvalidInput: a name or number that does not fit.
    """
    if not 0 <= stewards <= limits.FOUNDING_STEWARDS:
        raise InvalidInput(f"stewards: from 0 to {limits.FOUNDING_STEWARDS}")
    root_seed = random(SEED_BYTES)
    root = SigningKey(root_seed)
    founding = make_founding(
        root, name=community_name, exercise=exercise, may_invite="stewards", created=now
    )
    community = ids.community_id(root.public)
    door_key = random(SEED_BYTES)
    invites = [
        _invite(root, community, door_key, "steward", KINDS, uses=1, now=now, random=random)
        for _ in range(1 + stewards)
    ]
    own, _ = invites[0]
    enrolled = _new_member(own, name, kind, random, root_seed if keep_root else None)
    return Founded(
        enrolled.identity,
        (founding, *(card for _, card in invites), *enrolled.cards),
        recovery=recovery_text(root_seed),
        steward_invites=tuple(encode_invite(text) for text, _ in invites[1:]),
    )


def recovery_text(root_seed: bytes) -> str:
    """The root key as text to write down: `MESHAIDROOT1` and the seed in upper-case Base32."""
    return "MESHAIDROOT1" + ids.to_base32(root_seed).upper()


def invite(
    identity: Identity,
    *,
    role: Role,
    kinds: Iterable[Kind],
    uses: int,
    expires: int,
    addresses: Sequence[str],
    now: int,
    random: Random,
) -> Invited:
    """Invite a member, or with role "device" one more device of this same member.

    Whether this device may invite is the roster's to say; ask it first. `expires` is in seconds
    since 1970, advisory.

    Raises:
      InvalidInput: kinds, uses or addresses that do not fit.
    """
    text, card = _invite(
        identity.signing_key,
        identity.community,
        identity.door_key,
        role,
        tuple(sorted(set(kinds))),
        uses=uses,
        now=now,
        random=random,
        expires=expires,
        member=identity.member if role == "device" else None,
        addresses=tuple(addresses),
    )
    return Invited(encode_invite(text), card)


def _invite(
    signer: SigningKey,
    community: bytes,
    door_key: bytes,
    role: Role,
    kinds: tuple[Kind, ...],
    *,
    uses: int,
    now: int,
    random: Random,
    expires: int | None = None,
    member: bytes | None = None,
    addresses: tuple[str, ...] = (),
) -> tuple[InviteText, SignedCard]:
    seed = random(SEED_BYTES)
    card = make_invite(
        signer,
        SigningKey(seed),
        community=community,
        role=role,
        kinds=kinds,
        uses=uses,
        expires=now + limits.INVITE_HOURS * 3600 if expires is None else expires,
        created=now,
    )
    text = InviteText(
        purpose="link" if role == "device" else "member",
        role="steward" if role == "steward" else "member",
        kinds=kinds,
        community=community,
        door_key=door_key,
        seed=seed,
        member=member,
        addresses=addresses,
    )
    return text, card


def join(text: InviteText, *, name: str, kind: Kind | None, random: Random) -> Enrolled:
    """Join as a new member by an invite; nobody needs to be in reach.

    Args:
      name: the member's shown name.
      kind: one of the kinds that the invite allows; None takes the first of them.
    Raises:
      RefusedByTrust: the invite does not allow this kind of member.
      InvalidInput: it is the link of another device, or the name does not fit.
    """
    if text.purpose != "member":
        raise InvalidInput("this is a link for a second device: give --label instead of --as")
    if kind is not None and kind not in text.kinds:
        allowed = " or ".join(text.kinds)
        raise RefusedByTrust(f"this invite is for a {allowed}; ask for one that allows a {kind}")
    return _new_member(text, name, kind or text.kinds[0], random, None)


def link(text: InviteText, *, label: str, random: Random) -> Enrolled:
    """Become one more device of the member who made the link.

    Raises:
      InvalidInput: it is the invite of a new member, or the label does not fit.
    """
    if text.purpose != "link" or text.member is None:
        raise InvalidInput("this invites a new member: give --as NAME instead of --label")
    return _new_device(text, SigningKey(text.seed), text.member, label, random)


def _new_member(
    text: InviteText, name: str, kind: Kind, random: Random, root_seed: bytes | None
) -> Enrolled:
    member_seed, sealing_seed = random(SEED_BYTES), random(SEED_BYTES)
    member_key = SigningKey(member_seed)
    member_card = make_member(
        SigningKey(text.seed),
        member_key,
        community=text.community,
        counter=0,
        name=name,
        kind=kind,
        sealing_key=StaticKey(sealing_seed).public,
    )
    member = ids.member_id(member_key.public)
    device = _new_device(text, member_key, member, FOUNDING_LABEL, random)
    identity = Identity(
        text.community,
        member,
        device.identity.device_seed,
        device.identity.static_seed,
        device.identity.sealing_seed,
        device.identity.door_keys,
        member_seed,
        sealing_seed,
        root_seed,
    )
    return Enrolled(identity, (member_card, *device.cards))


def _new_device(
    text: InviteText, signer: SigningKey, member: bytes, label: str, random: Random
) -> Enrolled:
    device_seed, static_seed, sealing_seed = (random(SEED_BYTES) for _ in range(3))
    card = make_device(
        signer,
        SigningKey(device_seed),
        community=text.community,
        member=member,
        static_key=StaticKey(static_seed).public,
        sealing_key=StaticKey(sealing_seed).public,
        label=label,
    )
    door_keys = {1: text.door_key}
    identity = Identity(text.community, member, device_seed, static_seed, sealing_seed, door_keys)
    return Enrolled(identity, (card,))
