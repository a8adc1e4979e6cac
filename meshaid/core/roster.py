"""The roster: who belongs and who may do what, as a pure function of the set of cards.

Neither the order of arrival nor any clock has a say, so all nodes that hold the same cards have the
same roster. How it is made is in passes.py; this is what the rest of meshaid asks it.

No removal is ever undone; whoever was hit is invited anew. What a removed steward or device signed
as removals still counts.

A card is *effective* when it is part of the community's digest: the founding card, everything ever
valid, the removals that act, the door key cards of ever-valid stewards, and epoch cards of
ever-valid devices whose chain of epochs is known. A card is *pending* while its granter, signer or
parent is not known. What is neither was superseded or capped, and may leave the disk for good.
Source: docs/protocol.md, "Roster".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from typing import TypeAlias

from meshaid import limits
from meshaid.core.caps import DEFAULT_CAPS, RosterCaps
from meshaid.core.cards import KINDS, Device, Founding, Role, SignedCard
from meshaid.core.grants import Cards, DeviceGrant, Grant, InviteGrant, MemberGrant
from meshaid.core.passes import Passes
from meshaid.core.roster_views import DeviceView, DoorView, InviteView, MemberView

__all__ = [
    "DEFAULT_CAPS",
    "DeviceView",
    "DoorView",
    "InviteView",
    "MemberView",
    "Roster",
    "RosterCaps",
]

Cuts: TypeAlias = tuple[frozenset[bytes], ...]


class Roster:
    """Everything that follows from a set of cards; it never changes.

    Attributes:
      founding: the founding card, once it is held.
      members: member id to view, of everybody with a standing member card.
      devices: device key to view, of every standing device. Should one key stand for two members,
        the card with the smaller hash speaks; `pairs` has both.
      pairs: (member id, device key) of every standing device.
      stewards: the member ids of the stewards.
      hashes: the hashes of the effective cards.
      pending: the hashes of the cards that may become effective when more cards are known.
    """

    def __init__(
        self, community: bytes, cards: Iterable[SignedCard], *, caps: RosterCaps = DEFAULT_CAPS
    ) -> None:
        """Build the roster. Signatures were checked by `decode_card`; they are not looked at here.

        Raises:
          ValueError: a card of another community.
        """
        self._held = {signed.hash: signed for signed in cards}
        if any(signed.card.community != community for signed in self._held.values()):
            raise ValueError("a roster is made of the cards of one community")
        self._caps = caps
        foundings = sorted(h for h, s in self._held.items() if isinstance(s.card, Founding))
        self._founding = self._held[foundings[0]] if foundings else None
        card = self._founding.card if self._founding else None
        self.founding = card if isinstance(card, Founding) else None
        self._passes = Passes(community, self._held.values(), self.founding, caps)
        self._grants = self._passes.grants
        self.stewards = self._passes.stewards
        self.hashes = self._effective(foundings)
        gone = self._passes.dropped.union(foundings[1:])
        self.pending = frozenset(self._held.keys() - self.hashes - gone)
        self._views = {g.signed.hash: device_view(g) for g in self._passes.devices}
        self.members = {m: self._member_view(g) for m, g in sorted(self._passes.members.items())}
        self.devices: dict[bytes, DeviceView] = {}
        for view in self._views.values():
            self.devices.setdefault(view.key, view)
        self.pairs = frozenset((view.member, view.key) for view in self._views.values())

    def _effective(self, foundings: list[bytes]) -> frozenset[bytes]:
        passes = self._passes
        hashes = {*foundings[:1], *(grant.signed.hash for grant in passes.grants.ever)}
        hashes.update(signed.hash for signed in passes.removals.acting)
        hashes.update(signed.hash for signed, _ in passes.doors)
        for epochs in passes.epochs.values():
            hashes.update(signed.hash for signed, _ in epochs)
        return frozenset(hashes)

    def _member_view(self, grant: MemberGrant) -> MemberView:
        card = grant.card
        invites = self._grants.cards.invites[card.invite_key]
        invites = [g for g in invites if g.card.role != "device"]
        standing = [g for g in invites if self._passes.invite_stands(g)]
        allowed = {kind for g in standing or invites for kind in g.card.kinds}
        return MemberView(
            id=grant.member,
            name=card.name,
            kind=card.kind if card.kind in allowed else min(allowed),
            role="steward" if grant.member in self.stewards else "member",
            status=self._passes.status(grant.member) or "member",
            sealing_key=card.sealing_key,
            key=card.member_key,
        )

    @property
    def cards(self) -> tuple[SignedCard, ...]:
        """The effective cards, in ascending order of their hashes."""
        return tuple(self._held[card_hash] for card_hash in sorted(self.hashes))

    # ---- members and stewards
    def is_steward(self, member: bytes) -> bool:
        """Whether this member is a steward."""
        return member in self.stewards

    def may_invite(self, device: bytes, role: Role = "member") -> bool:
        """Whether an invite of this role that the device signs now brings anybody in."""
        members = self._members_by_device.get(device, set())
        if role == "device":
            return bool(members)
        if role == "member" and self._grants.may_members_invite:
            return bool(members)
        return bool(members & self.stewards)

    @cached_property
    def _members_by_device(self) -> dict[bytes, set[bytes]]:
        members: defaultdict[bytes, set[bytes]] = defaultdict(set)
        for member, device in self.pairs:
            members[device].add(member)
        return dict(members)

    # ---- devices
    def ever_devices(self, member: bytes) -> frozenset[bytes]:
        """Device keys that were ever valid for this member: whose changes are accepted."""
        return frozenset(g.card.device_key for g in self._grants.cards.of_member.get(member, ()))

    def member_of_ever(self, device: bytes) -> frozenset[bytes]:
        """The members for which this device key was ever valid; more than one by its own doing."""
        return frozenset(self._grants.members_of(device))

    def device_by_card(self, hash16: bytes) -> DeviceView | None:
        """The standing device by the first 16 bytes of its card's hash, as HELLO names it."""
        return self._by_hash16.get(hash16)

    def device_by_static(self, static_key: bytes) -> DeviceView | None:
        """The one standing device with this Noise key; None when there is none, or more than one.

        Nobody proves to hold the static key on a card, so anybody can card a copy. Whom a session
        talks to is the device whose card HELLO names *and* whose static key the handshake proved.
        """
        views = self._by_static.get(static_key, [])
        return views[0] if len({view.key for view in views}) == 1 else None

    @cached_property
    def _by_hash16(self) -> dict[bytes, DeviceView]:
        return {view.card_hash[:16]: view for view in self._views.values()}

    @cached_property
    def _by_static(self) -> dict[bytes, list[DeviceView]]:
        views: defaultdict[bytes, list[DeviceView]] = defaultdict(list)
        for view in self._views.values():
            views[view.static_key].append(view)
        return dict(views)

    def cuts(self, member: bytes, device: bytes) -> Cuts | None:
        """What a removal leaves of a device's changes in its member's documents.

        Returns:
          None when nothing is cut: the device stands, or it cannot be proven yet. Else one set of
          change hashes per removal that acts on it; exactly the changes that every set names, with
          what lies below them, stay. A device that fell with another card takes the removals that
          act on its member's devices; where there are none (a cap), nothing stays.
        """
        if (member, device) in self.pairs:
            return None
        if acting := self._passes.acting_cuts(member, device):
            return acting
        cards = self._grants.cards.devices.get(device, [])
        mine = [grant for grant in cards if grant.card.member == member]
        if not mine and not self._is_dropped_device(member, device):
            return None
        if self._passes.status(member) and any(map(self._passes.device_stands, mine)):
            return None  # only hidden or purged: no document is shown, there is nothing to cut
        devices = sorted(self.ever_devices(member))
        cuts = [cut for other in devices for cut in self._passes.acting_cuts(member, other)]
        return tuple(dict.fromkeys(cuts)) or (frozenset(),)

    def _is_dropped_device(self, member: bytes, device: bytes) -> bool:
        """Whether a cap left out the only cards of this device."""
        return (member, device) in self._dropped_devices

    @cached_property
    def _dropped_devices(self) -> frozenset[tuple[bytes, bytes]]:
        cards = [self._held[card_hash].card for card_hash in self._passes.dropped]
        return frozenset((c.member, c.device_key) for c in cards if isinstance(c, Device))

    # ---- invites, door keys, epochs
    def invite(self, invite_key: bytes) -> InviteView | None:
        """What the ever-valid cards of an invite key say together; None when there are none."""
        grants = self._grants.cards.invites.get(invite_key)
        return self._invite_view(invite_key, grants) if grants else None

    def _invite_view(self, key: bytes, grants: list[InviteGrant]) -> InviteView:
        roles = {grant.card.role for grant in grants}
        kinds = {kind for grant in grants for kind in grant.card.kinds}
        role: Role = (
            "steward" if "steward" in roles else "member" if "member" in roles else "device"
        )
        return InviteView(
            key=key,
            role=role,
            kinds=tuple(kind for kind in KINDS if kind in kinds),
            uses=max(grant.card.uses for grant in grants),
            expires=max(grant.card.expires for grant in grants),
            members=len({grant.member for grant in self._grants.cards.invited.get(key, ())}),
            standing=any(map(self._passes.invite_stands, grants)),
        )

    def overused(self) -> tuple[InviteView, ...]:
        """The invites that brought in more members than they should, to show to stewards."""
        views = (self._invite_view(k, g) for k, g in sorted(self._grants.cards.invites.items()))
        return tuple(view for view in views if view.members > view.uses)

    @cached_property
    def doors(self) -> tuple[DoorView, ...]:
        """The door keys of the newest generations by stewards who stand, the current one first.

        Of two with one generation the smaller card hash is current; both keys still open a session
        (docs/protocol.md, "Door keys"). Empty as long as the door key of the invites holds.
        """
        standing = [
            DoorView(door.generation, door.key_hash, frozenset(door.voided), signed.hash)
            for signed, door in self._passes.doors
            if self._grants.is_root(door.signer_key) or self.may_invite(door.signer_key, "steward")
        ]
        newest = sorted({view.generation for view in standing})[-self._caps.doors_per_issuer :]
        return tuple(view for view in standing if view.generation in newest)

    def door(self) -> DoorView | None:
        """The current door key; None while that of the invites holds (generation 1)."""
        return self.doors[0] if self.doors else None

    def epochs(self, member: bytes) -> tuple[SignedCard, ...]:
        """A member's epoch cards with a known chain, the lowest numbers first."""
        return tuple(signed for signed, _ in self._passes.epochs.get(member, ()))

    # ---- proof
    def chain(self, device: bytes) -> tuple[SignedCard, ...]:
        """The cards that prove a device, from the founding card to its own, as far as held.

        Every way of grants is in it, so that whoever holds the same removals judges alike; at most
        limits.MAX_CHAIN_CARDS, those nearest to the device first to stay.
        """
        proven = device in self._grants.cards.devices
        cards = self._grants.cards if proven else self._grants.held
        found: dict[Grant, None] = dict.fromkeys(cards.devices.get(device, ()))
        queue: list[Grant] = list(found)
        for grant in queue:
            for above in granters(cards, grant):
                if above not in found and len(found) < limits.MAX_CHAIN_CARDS - 1:
                    found[above] = None
                    queue.append(above)
        founding = (self._founding,) if self._founding else ()
        return (*founding, *(grant.signed for grant in reversed(queue)))


def granters(cards: Cards, grant: Grant) -> list[Grant]:
    """The cards one step nearer to the root, of which any can have granted this one."""
    if isinstance(grant, InviteGrant):
        return [*cards.devices.get(grant.card.signer_key, ())]
    if isinstance(grant, MemberGrant):
        return [*cards.invites.get(grant.card.invite_key, ())]
    if grant.link is None:
        return [*cards.members.get(grant.card.member, ())]
    return [*cards.invites.get(grant.link, ())]


def device_view(grant: DeviceGrant) -> DeviceView:
    """A device card as the roster shows it."""
    card = grant.card
    return DeviceView(
        key=card.device_key,
        member=card.member,
        static_key=card.static_key,
        sealing_key=card.sealing_key,
        label=card.label,
        card_hash=grant.signed.hash,
    )
