"""Grants: who was ever valid, as the closure of invite, member and device cards from the root.

This is the first of the roster's three passes, and it is blind to removals.

- The root grants every invite that it signs. A device grants the links that it signs, and other
  invites when its member was ever a steward; where the founding card says `members`, the device of
  any member grants invites of role "member" too.
- An invite grants the member cards under its key. Several invite cards may have one key, since
  whoever holds the seed can have it signed twice: each is a granter of its own.
- A member card grants the device cards that the member key signed. A link grants the device cards
  under its key for a member whose device signed the link.
- Nothing counts that lies more than `depth` invites below the root, by the shortest way.

Each invite that the root signed begins a *line*, and whoever is invited below belongs to it. Two
stewards are independent when they share no line, so puppets of one hand never are.
Source: docs/protocol.md, "Roster", pass 1.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from meshaid.core.cards import Device, Founding, Invite, Member, SignedCard
from meshaid.core.ids import community_id


@dataclass(slots=True, eq=False, repr=False)
class InviteGrant:
    """An invite card as a step from the root."""

    signed: SignedCard
    card: Invite

    @property
    def label(self) -> bytes:
        """How a stay-list names it."""
        return self.card.invite_key


@dataclass(slots=True, eq=False, repr=False)
class MemberGrant:
    """A member card as a step from the root."""

    signed: SignedCard
    card: Member
    member: bytes

    @property
    def label(self) -> bytes:
        """How a stay-list names it."""
        return self.member


@dataclass(slots=True, eq=False, repr=False)
class DeviceGrant:
    """A device card as a step from the root; `link` is None when the member key signed it."""

    signed: SignedCard
    card: Device
    link: bytes | None

    @property
    def label(self) -> bytes:
        """How a stay-list names it."""
        return self.card.device_key


Grant: TypeAlias = InviteGrant | MemberGrant | DeviceGrant


def grant_of(signed: SignedCard) -> Grant | None:
    """The card as a grant; None for the kinds that grant nothing."""
    card = signed.card
    if isinstance(card, Invite):
        return InviteGrant(signed, card)
    if isinstance(card, Member):
        return MemberGrant(signed, card, card.member)
    if isinstance(card, Device):
        return DeviceGrant(signed, card, card.link)
    return None


class Cards:
    """Grants by what they are looked up by. Every list is in ascending order of card hashes."""

    def __init__(self, grants: Iterable[Grant]) -> None:
        self.invites: defaultdict[bytes, list[InviteGrant]] = defaultdict(list)
        self.signed_invites: defaultdict[bytes, list[InviteGrant]] = defaultdict(list)
        self.members: defaultdict[bytes, list[MemberGrant]] = defaultdict(list)
        self.invited: defaultdict[bytes, list[MemberGrant]] = defaultdict(list)
        self.devices: defaultdict[bytes, list[DeviceGrant]] = defaultdict(list)
        self.of_member: defaultdict[bytes, list[DeviceGrant]] = defaultdict(list)
        self.linked: defaultdict[bytes, list[DeviceGrant]] = defaultdict(list)
        for grant in sorted(grants, key=lambda grant: grant.signed.hash):
            if isinstance(grant, InviteGrant):
                self.invites[grant.card.invite_key].append(grant)
                self.signed_invites[grant.card.signer_key].append(grant)
            elif isinstance(grant, MemberGrant):
                self.members[grant.member].append(grant)
                self.invited[grant.card.invite_key].append(grant)
            else:
                self.devices[grant.card.device_key].append(grant)
                self.of_member[grant.card.member].append(grant)
                if grant.link is not None:
                    self.linked[grant.link].append(grant)


class Grants:
    """The closure. `ever` holds every card that was ever valid, `cards` the same by key."""

    def __init__(
        self, community: bytes, grants: Iterable[Grant], founding: Founding | None, *, depth: int
    ) -> None:
        """Args: depth is the most invites between the root and a card that counts."""
        self.held = Cards(grants)
        self.may_members_invite = founding is not None and founding.may_invite == "members"
        self.ever: dict[Grant, int] = {}
        """Ever-valid cards, each with the invites and links between it and the root's own."""
        self._depth = 0
        self.stewards: set[bytes] = set()
        self._community = community
        self._level: list[Grant] = []
        self._next: list[Grant] = []
        self._steward_keys: set[bytes] = set()
        self._certified: defaultdict[bytes, set[bytes]] = defaultdict(set)
        self._close(depth)
        self.cards = Cards(self.ever)
        self.lines = self._trace_lines()

    def is_root(self, key: bytes) -> bool:
        """Whether this public key is the community's root key."""
        return community_id(key) == self._community

    def members_of(self, device: bytes) -> set[bytes]:
        """The members for which this device key was ever valid."""
        return self._certified.get(device, set())

    def may_grant(self, member: bytes, invite: InviteGrant) -> bool:
        """Whether a device of this ever-valid member grants the invites of this role."""
        role = invite.card.role
        if role == "device" or member in self.stewards:
            return True
        return role == "member" and self.may_members_invite

    # ---- the closure, level by level: a level is a number of invites between root and card
    def _close(self, depth: int) -> None:
        signers = sorted(self.held.signed_invites)
        root = next((key for key in signers if self.is_root(key)), None)
        self._next = list(self.held.signed_invites[root]) if root is not None else []
        for self._depth in range(depth):
            self._level, self._next = self._next, []
            while self._level:
                self._admit(self._level.pop())
            if not self._next:
                return

    def _admit(self, grant: Grant) -> None:
        if grant in self.ever:
            return
        self.ever[grant] = self._depth
        if isinstance(grant, InviteGrant):
            self._admit_invite(grant)
        elif isinstance(grant, MemberGrant):
            if grant.card.invite_key in self._steward_keys:
                self._admit_steward(grant.member)
            self._level += (d for d in self.held.of_member[grant.member] if d.link is None)
        else:
            self._admit_device(grant)

    def _admit_invite(self, grant: InviteGrant) -> None:
        key = grant.card.invite_key
        if grant.card.role == "device":
            members = self.members_of(grant.card.signer_key)
            self._level += (d for d in self.held.linked[key] if d.card.member in members)
            return
        self._level += self.held.invited[key]
        if grant.card.role == "steward" and key not in self._steward_keys:
            self._steward_keys.add(key)
            for invited in self.held.invited[key]:
                if invited in self.ever:
                    self._admit_steward(invited.member)

    def _admit_steward(self, member: bytes) -> None:
        if member in self.stewards:
            return
        self.stewards.add(member)
        for device in self.held.of_member[member]:
            if device in self.ever:
                self._admit_invites_of(member, device.card.device_key)

    def _admit_device(self, grant: DeviceGrant) -> None:
        member, key = grant.card.member, grant.card.device_key
        if member in self._certified[key]:
            return
        self._certified[key].add(member)
        self._admit_invites_of(member, key)
        for link in self.held.signed_invites[key]:
            if link.card.role == "device" and link in self.ever:
                linked = self.held.linked[link.card.invite_key]
                self._level += (d for d in linked if d.card.member == member)

    def _admit_invites_of(self, member: bytes, device: bytes) -> None:
        for invite in self.held.signed_invites[device]:
            if invite not in self.ever and self.may_grant(member, invite):
                self._next.append(invite)

    # ---- lines
    def _trace_lines(self) -> dict[bytes, int]:
        """Member id to its lines, as a bit per root-signed invite key."""
        by_key: defaultdict[bytes, int] = defaultdict(int)
        by_device: defaultdict[tuple[bytes, bool], int] = defaultdict(int)
        lines: defaultdict[bytes, int] = defaultdict(int)
        roots = [
            key
            for key, cards in sorted(self.cards.invites.items())
            if any(self.is_root(c.card.signer_key) and c.card.role != "device" for c in cards)
        ]
        todo: list[bytes] = []

        def reach(key: bytes, mask: int) -> None:
            if mask & ~by_key[key]:
                by_key[key] |= mask
                for invited in self.cards.invited[key]:
                    if mask & ~lines[invited.member]:
                        lines[invited.member] |= mask
                        todo.append(invited.member)

        for number, key in enumerate(roots):
            reach(key, 1 << number)
        while todo:
            member = todo.pop()
            steward, mask = member in self.stewards, lines[member]
            for device in self.cards.of_member[member]:
                hub = (device.card.device_key, steward)
                if not mask & ~by_device[hub] or self.is_root(hub[0]):
                    continue
                by_device[hub] |= mask
                for invite in self.cards.signed_invites[hub[0]]:
                    if invite.card.role != "device" and self.may_grant(member, invite):
                        reach(invite.card.invite_key, by_device[hub])
        return dict(lines)
