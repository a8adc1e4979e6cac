"""Worlds of cards in the words of the model, and the same worlds in real, signed cards.

The model (`../shared/model/roster.py`) names keys; here every name has a key pair made from it. A
world is a list of steps:

    ["invite", signer, role, salt]              signer: "root" or a device; role "link" = "device"
    ["member", invite step's number, member, counter, name]
    ["device", member, device, link invite step's number or -1]
    ["removal", signer, kind, target, [stay...]]  target and stay: a name, or an invite's number;
                                                for a device: [member, device]

Outcomes are in names too: members with shown name and status, (member, device) pairs, stewards, and
the numbers of the effective cards.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

from meshaid.core import ids
from meshaid.core.cards import (
    SignedCard,
    decode_card,
    make_device,
    make_founding,
    make_invite,
    make_member,
    make_removal,
)
from meshaid.core.keys import SigningKey, StaticKey
from meshaid.core.roster import Roster, RosterCaps

CAPS = RosterCaps(members_per_invite=3, devices_per_link=1_000)
"""The model's cap of members; it has no cap on the devices of a link."""

Step = tuple[Any, ...]


@cache
def key(name: str) -> SigningKey:
    """The key pair of a name."""
    return SigningKey(hashlib.sha256(name.encode()).digest())


@cache
def exchange_key(name: str) -> bytes:
    """The X25519 public key of a name."""
    return StaticKey(hashlib.sha256(name.encode()).digest()).public


COMMUNITY = ids.community_id(key("root").public)


def member_id(name: str) -> bytes:
    """The member id of a name in the model."""
    return ids.member_id(key(f"member {name}").public)


def device_id(name: str) -> bytes:
    """The device key of a name in the model."""
    return key(f"device {name}").public


def signer_key(name: str) -> SigningKey:
    """The key with which a signer in the model signs."""
    return key("root") if name == "root" else key(f"device {name}")


@cache
def founding(may_invite: str = "stewards") -> SignedCard:
    """The founding card of every world."""
    return make_founding(
        key("root"), name="Riverside", exercise=True, may_invite=may_invite, created=0
    )


def invite_key(signer: str, role: str, salt: str) -> SigningKey:
    """An invite of the model is known by all that it says."""
    return key(f"invite {signer} {role} {salt}")


@cache
def invite_card(signer: str, role: str, salt: str) -> SignedCard:
    """The real card of the model's `Invite`."""
    link = role == "link"
    return checked(
        make_invite(
            signer_key(signer),
            invite_key(signer, role, salt),
            community=COMMUNITY,
            role="device" if link else role,
            kinds=() if link else ("household",),
            uses=1,
            expires=0,
            created=0,
        )
    )


@cache
def member_card(invite: Step, member: str, counter: int, name: str) -> SignedCard:
    """The real card of the model's `Member`; `invite` is (signer, role, salt)."""
    return checked(
        make_member(
            invite_key(*invite),
            key(f"member {member}"),
            community=COMMUNITY,
            counter=counter,
            name=name or "-",
            kind="household",
            sealing_key=exchange_key(f"sealing {member}"),
        )
    )


@cache
def device_card(member: str, device: str, link: Step | None) -> SignedCard:
    """The real card of the model's `Device`; `link` is (signer, role, salt) or None."""
    return checked(
        make_device(
            invite_key(*link) if link else key(f"member {member}"),
            key(f"device {device}"),
            community=COMMUNITY,
            member=member_id(member),
            static_key=exchange_key(f"static {device}"),
            sealing_key=exchange_key(f"sealing {device}"),
            label="",
        )
    )


@cache
def removal_card(
    signer: str, kind: str, target: bytes | tuple[bytes, bytes], stay: frozenset[bytes]
) -> SignedCard:
    """The real card of the model's `Removal`."""
    return checked(
        make_removal(
            signer_key(signer), community=COMMUNITY, target_kind=kind, target=target, stay=stay
        )
    )


def checked(card: SignedCard) -> SignedCard:
    """The card as a peer would get it, signatures checked."""
    assert decode_card(card.wire) == card
    return card


@dataclass(frozen=True)
class World:
    """A world in real cards, with the names that its ids stand for."""

    cards: tuple[SignedCard, ...]
    """One per step, in order; equal steps give equal cards."""
    names: dict[bytes, str]

    @classmethod
    def of(cls, steps: Sequence[Sequence[Any]]) -> World:
        """Make and sign the cards of the steps."""
        cards: list[SignedCard] = []
        names: dict[bytes, str] = {}
        for step in steps:
            cards.append(_card_of(step, steps))
            if step[0] in ("member", "device"):
                member = step[2] if step[0] == "member" else step[1]
                names[member_id(member)] = member
            if step[0] == "device":
                names[device_id(step[2])] = step[2]
        return cls(tuple(cards), names)

    def roster(self, cards: Iterable[SignedCard] | None = None, caps: RosterCaps = CAPS) -> Roster:
        """The real roster of this world, or of other cards."""
        return Roster(COMMUNITY, self.cards if cards is None else cards, caps=caps)

    def outcome(self, roster: Roster) -> dict[str, Any]:
        """The roster in names, as it is kept in the vectors."""
        effective = {h: n for n, h in reversed(list(enumerate(c.hash for c in self.cards)))}
        return {
            "members": sorted(
                [self.names[m], v.name.replace("-", ""), v.status]
                for m, v in roster.members.items()
            ),
            "devices": sorted([self.names[m], self.names[d]] for m, d in roster.pairs),
            "stewards": sorted(self.names[m] for m in roster.stewards),
            "effective": sorted(effective[h] for h in roster.hashes),
        }


def _card_of(step: Sequence[Any], steps: Sequence[Sequence[Any]]) -> SignedCard:
    kind, *rest = step
    if kind == "invite":
        return invite_card(*rest)
    if kind == "member":
        number, member, counter, name = rest
        return member_card(tuple(steps[number][1:]), member, counter, name)
    if kind == "device":
        member, device, number = rest
        return device_card(member, device, tuple(steps[number][1:]) if number >= 0 else None)
    signer, target_kind, target, stay = rest
    return removal_card(
        signer,
        target_kind,
        _target(target_kind, target, steps),
        frozenset(_label(entry, steps) for entry in stay),
    )


def _target(kind: str, target: Any, steps: Sequence[Sequence[Any]]) -> bytes | tuple[bytes, bytes]:
    if kind == "device":
        return member_id(target[0]), device_id(target[1])
    return _label(target, steps)


def _label(name: str | int, steps: Sequence[Sequence[Any]]) -> bytes:
    """What a stay-list calls it: an invite's number, a device (two characters) or a member."""
    if isinstance(name, int):
        return invite_key(*steps[name][1:]).public
    return device_id(name) if len(name) == 2 else member_id(name)


# ---- random worlds
PEOPLE = "fabcd"
DEVICES = [person + number for person in PEOPLE for number in "12"]


def random_world(rng: Random, size: int = 14, *, removals: bool = True) -> list[list[Any]]:
    """Founder f, and up to `size` random steps by five people with two devices each."""
    steps: list[list[Any]] = [
        ["invite", "root", "steward", str(n)] for n in range(rng.randint(1, 2))
    ]
    steps += [["member", 0, "f", 0, ""], ["device", "f", "f1", -1]]
    kinds = ("invite", "member", "member", "member", "device", "device", "removal", "removal")
    kinds = kinds if removals else kinds[:-2]
    for number in range(rng.randint(1, size)):
        steps += random_steps(rng, steps, rng.choice(kinds), str(number))
    return steps


def random_steps(rng: Random, steps: list[list[Any]], kind: str, salt: str) -> list[list[Any]]:
    """One more card of a kind (a member comes with its first device)."""
    person, device = rng.choice(PEOPLE), rng.choice(DEVICES)
    invites = [number for number, step in enumerate(steps) if step[0] == "invite"]
    links = [number for number in invites if steps[number][2] == "link"]
    if kind == "invite":
        return [["invite", device, rng.choice(("member", "steward", "steward", "link")), salt]]
    if kind == "member":
        card = ["member", rng.choice(invites), person, rng.randint(0, 2), salt]
        return [card, ["device", person, person + "1", -1]]
    if kind == "device":
        via = rng.choice(links) if links and rng.random() < 0.5 else -1
        owner = steps[via][1][0] if via >= 0 else person
        return [["device", owner, device, via]]
    return [random_removal(rng, invites)]


def random_removal(rng: Random, invites: list[int]) -> list[Any]:
    """A removal by any device or the root, of anything, with up to three names that stay."""
    kind = rng.choice(("member", "device", "invite", "role"))
    target: Any = rng.choice(PEOPLE)
    if kind == "invite":
        target = rng.choice(invites)
    elif kind == "device":
        device = rng.choice(DEVICES)
        target = [device[0], device]
    names = [*invites, *DEVICES, *PEOPLE]
    stay = [rng.choice(names) for _ in range(rng.randint(0, 3))]
    return ["removal", rng.choice([*DEVICES, "root"]), kind, target, stay]
