"""Caps: which cards leave the set for good, decided by the cards' content alone.

However much a stolen key signs, every node drops the same cards, in whatever order they came:

- Of a member's cards under one invite the one with the highest (counter, hash) stays.
- Under one invite the members with the smallest SHA-256 of `b"meshaid-rank-v1\\0"`, invite key and
  member id stay; the rank does not depend on the counter, so that what is out stays out. Members
  named as staying by a removal of that invite which the root or a signer of the invite signed come
  ahead and always stay, so a thief cannot grind honest members out of it.
- Of an issuer's cards of one kind those with the smallest hashes stay (invites and devices that a
  removal by the root names come ahead and always stay); of the devices under one link likewise
  (ahead: those named by a removal of that link which the root or its signer signed). Links are a
  kind of their own.
- Of a member's linked devices those nearest to the root stay, then the smallest hashes: devices
  link devices, so without this one member could fill everybody's roster.
- Of an issuer's door key cards the highest generations stay, then the smaller hash.
- One founding card stays: the one with the smallest hash.

Caps act only on what is granted: a card whose granter is not known yet is neither capped nor does
it push another out, for nobody can tell yet whether it is more than noise.
Epoch cards have a cap of their own (roster.py). Source: docs/protocol.md, "Caps on cards".
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable
from dataclasses import dataclass
from typing import Final, TypeVar

from meshaid import limits
from meshaid.core.cards import Door, Removal, SignedCard
from meshaid.core.grants import DeviceGrant, Grant, Grants, InviteGrant, MemberGrant

RANK_TAG: Final = b"meshaid-rank-v1\0"


@dataclass(frozen=True, slots=True)
class RosterCaps:
    """The format's caps on cards; tests and the model use smaller ones."""

    members_per_invite: int = limits.INVITE_USES
    cards_per_issuer: int = limits.CARDS_PER_ISSUER
    links_per_issuer: int = limits.LINKS_PER_ISSUER
    devices_per_link: int = 1
    linked_per_member: int = limits.LINKED_PER_MEMBER
    epochs_per_member: int = limits.MAX_EPOCH_CARDS
    doors_per_issuer: int = limits.DOOR_GENERATIONS
    grant_depth: int = limits.MAX_GRANT_DEPTH
    grant_ways: int = limits.MAX_GRANT_WAYS


DEFAULT_CAPS: Final = RosterCaps()

_T = TypeVar("_T")


def member_rank(invite_key: bytes, member: bytes) -> bytes:
    """The place of a member in the cap of an invite: the smallest come first."""
    return hashlib.sha256(RANK_TAG + invite_key + member).digest()


def newest_member_cards(grants: Iterable[MemberGrant]) -> list[MemberGrant]:
    """Per (invite, member) the card with the highest (counter, hash)."""
    best: dict[tuple[bytes, bytes], MemberGrant] = {}
    for grant in grants:
        place = (grant.card.invite_key, grant.member)
        other = best.get(place)
        if other is None or _freshness(other) < _freshness(grant):
            best[place] = grant
    return list(best.values())


def _freshness(grant: MemberGrant) -> tuple[int, bytes]:
    return grant.card.counter, grant.signed.hash


def cap_removals(
    removals: Iterable[tuple[SignedCard, Removal]], caps: RosterCaps
) -> list[tuple[SignedCard, Removal]]:
    """The removals that count: per signer those with the smallest hashes."""
    return _smallest(
        removals,
        caps.cards_per_issuer,
        issuer=lambda pair: pair[1].signer_key,
        rank=lambda pair: pair[0].hash,
    )


def cap_doors(
    doors: Iterable[tuple[SignedCard, Door]], caps: RosterCaps
) -> list[tuple[SignedCard, Door]]:
    """The door key cards that count: per signer the highest generations, then the smaller hash."""
    return _smallest(
        doors,
        caps.doors_per_issuer,
        issuer=lambda pair: pair[1].signer_key,
        rank=lambda pair: (-pair[1].generation, pair[0].hash),
    )


def cap_grants(
    grants: Grants, removals: Collection[tuple[SignedCard, Removal]], caps: RosterCaps
) -> set[Grant]:
    """The ever-valid cards that the caps leave out.

    Args:
      grants: the closure over everything held, before any cap.
      removals: those that `cap_removals` left.
    """
    by_root = {
        label
        for _, removal in removals
        if grants.is_root(removal.signer_key)
        for label in removal.stay
    }
    ahead = _named_by_owner(grants, removals)
    invites: list[InviteGrant] = []
    for is_link in (False, True):
        invites += _smallest(
            (
                g
                for g in grants.ever
                if isinstance(g, InviteGrant) and (g.card.role == "device") == is_link
            ),
            caps.links_per_issuer if is_link else caps.cards_per_issuer,
            issuer=lambda g: g.card.signer_key,
            rank=lambda g: g.signed.hash,
            ahead=lambda g: g.label in by_root,
        )
    members = _smallest(
        (g for g in grants.ever if isinstance(g, MemberGrant)),
        caps.members_per_invite,
        issuer=lambda g: g.card.invite_key,
        rank=lambda g: member_rank(g.card.invite_key, g.member),
        ahead=lambda g: (g.card.invite_key, g.member) in ahead,
    )
    kept: set[Grant] = {*invites, *members}
    devices = [g for g in grants.ever if isinstance(g, DeviceGrant)]
    for linked in (False, True):
        of_kind = _smallest(
            (g for g in devices if (g.link is not None) == linked),
            caps.devices_per_link if linked else caps.cards_per_issuer,
            issuer=lambda g: g.card.signer_key,
            rank=lambda g: g.signed.hash,
            ahead=lambda g: g.label in by_root or (g.card.signer_key, g.label) in ahead,
        )
        if linked:
            # The nearest first, so that what a dropped card granted is dropped with it.
            of_kind = _smallest(
                of_kind,
                caps.linked_per_member,
                issuer=lambda g: g.card.member,
                rank=lambda g: (grants.ever[g], g.signed.hash),
                ahead=lambda g: g.label in by_root,
            )
        kept.update(of_kind)
    return grants.ever.keys() - kept


def _named_by_owner(
    grants: Grants, removals: Iterable[tuple[SignedCard, Removal]]
) -> set[tuple[bytes, bytes]]:
    """(invite key, label) that a removal of the invite by its own signer or the root lets stay."""
    named: set[tuple[bytes, bytes]] = set()
    for _, removal in removals:
        if removal.target_kind == "invite" and isinstance(removal.target, bytes):
            owners = {g.card.signer_key for g in grants.cards.invites.get(removal.target, ())}
            if removal.signer_key in owners or grants.is_root(removal.signer_key):
                named.update((removal.target, label) for label in removal.stay)
    return named


def _smallest(
    cards: Iterable[_T],
    cap: int,
    *,
    issuer: Callable[[_T], Hashable],
    rank: Callable[[_T], tuple[int, bytes] | bytes],
    ahead: Callable[[_T], bool] = lambda _: False,
) -> list[_T]:
    """Per issuer the `cap` cards of smallest rank; those ahead come first and always stay."""
    groups: defaultdict[Hashable, list[_T]] = defaultdict(list)
    for card in cards:
        groups[issuer(card)].append(card)
    kept: list[_T] = []
    for group in groups.values():
        if len(group) <= cap:
            kept += group
            continue
        first = [card for card in group if ahead(card)]
        rest = [card for card in group if not ahead(card)]
        kept += first
        kept += sorted(rest, key=rank)[: max(0, cap - len(first))]
    return kept
