"""The three passes by which the roster is made from a set of cards.

1. *Grants*, blind to removals, give everybody who was ever valid (grants.py), after the caps have
   left out what is too much (caps.py).
2. *Stewards* are those of them whose role no strong set of removals ends, and to whom some way of
   grants through an invite of role "steward" stands against all strong removals (standing.py).
3. *Members and devices* stand when some way to them stands against all removals. Who is a steward
   after pass 2 grants on whatever any single steward says, and is touched by no member removal.

Source: docs/protocol.md, "Roster".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from meshaid.core.caps import (
    RosterCaps,
    cap_doors,
    cap_grants,
    cap_removals,
    newest_member_cards,
)
from meshaid.core.cards import Card, Door, Epoch, Founding, Removal, SignedCard
from meshaid.core.grants import DeviceGrant, Grants, InviteGrant, MemberGrant, grant_of
from meshaid.core.removals import Removals, bits, hands_of
from meshaid.core.roster_views import Status
from meshaid.core.standing import Graph, Regime, Standing

_C = TypeVar("_C", bound=Card)


class Passes:
    """Who was ever valid, who is a steward, which member and device cards stand.

    Attributes:
      dropped: hashes of the cards that were superseded or that a cap left out, for good.
      members: member id to its standing card of the highest (counter, hash).
      devices: the standing device cards, in ascending order of hashes.
    """

    def __init__(
        self,
        community: bytes,
        cards: Iterable[SignedCard],
        founding: Founding | None,
        caps: RosterCaps,
    ) -> None:
        cards = list(cards)
        self.dropped: set[bytes] = set()
        self.grants, removals = self._grant(community, cards, founding, caps)
        self.removals = Removals(self.grants, removals)
        self._graph = Graph(self.grants)
        self._ways = caps.grant_ways
        self.stewards = self._find_stewards()
        self._plain = self._standing(Regime(self.removals, True, self.stewards))
        self.members = self._find_members()
        self.devices = [
            grant
            for grant in self._graph.cards
            if isinstance(grant, DeviceGrant)
            and self.status(grant.card.member) in ("member", "steward")
            and self._plain.stands(grant)
        ]
        self.doors = self._judge_doors(cards, caps)
        self.epochs = self._judge_epochs(cards, caps)

    # ---- pass 1
    def _cap_removals(
        self, cards: list[SignedCard], grants: Grants, caps: RosterCaps
    ) -> list[tuple[SignedCard, Removal]]:
        """Those that act, within the caps. What does not act is shown to nobody, so that it must
        not push out what everybody else holds."""
        acting = [pair for pair in _of_kind(cards, Removal) if hands_of(grants, pair[1])]
        kept = cap_removals(acting, caps)
        self.dropped |= {s.hash for s, _ in acting} - {s.hash for s, _ in kept}
        return kept

    def _grant(
        self,
        community: bytes,
        cards: list[SignedCard],
        founding: Founding | None,
        caps: RosterCaps,
    ) -> tuple[Grants, list[tuple[SignedCard, Removal]]]:
        """The closure of grants within the caps, which look at what is granted without them; and
        the removals that count."""
        found = [grant for grant in map(grant_of, cards) if grant is not None]
        members = [grant for grant in found if isinstance(grant, MemberGrant)]
        newest = newest_member_cards(members)
        self.dropped |= {g.signed.hash for g in members} - {g.signed.hash for g in newest}
        held = [*(g for g in found if not isinstance(g, MemberGrant)), *newest]
        grants = Grants(community, held, founding, depth=caps.grant_depth)
        removals = self._cap_removals(cards, grants, caps)
        capped = cap_grants(grants, removals, caps)
        if not capped:
            return grants, removals
        self.dropped |= {grant.signed.hash for grant in capped}
        kept = [grant for grant in held if grant not in capped]
        return Grants(community, kept, founding, depth=caps.grant_depth), removals

    # ---- passes 2 and 3
    def _standing(self, regime: Regime) -> Standing:
        return Standing(self._graph, regime, ways=self._ways)

    def _find_stewards(self) -> frozenset[bytes]:
        strong = self._standing(Regime(self.removals, False))
        return frozenset(
            grant.member
            for grant in self._graph.cards
            if isinstance(grant, MemberGrant)
            and grant.member in self.grants.stewards
            and not self.removals.strong(self.removals.group(("role", grant.member)))
            and strong.stands_as_steward(grant)
        )

    def _find_members(self) -> dict[bytes, MemberGrant]:
        for_stewards = self._standing(Regime(self.removals, False, self.stewards))
        best: dict[bytes, MemberGrant] = {}
        for grant in self._graph.cards:
            if not isinstance(grant, MemberGrant):
                continue
            standing = for_stewards if grant.member in self.stewards else self._plain
            other = best.get(grant.member)
            if (other is None or _rank(other) < _rank(grant)) and standing.stands(grant):
                best[grant.member] = grant
        return best

    def status(self, member: bytes) -> Status | None:
        """How a member stands; None without a standing card. One steward hides, strong purges."""
        if member not in self.members:
            return None
        if member in self.stewards:
            return "steward"
        removals = self.removals.group(("member", member))
        if self.removals.strong(removals):
            return "purged"
        return "hidden" if removals else "member"

    def invite_stands(self, grant: InviteGrant) -> bool:
        """Whether an invite still brings in members (or a device)."""
        return self._plain.stands(grant)

    def device_stands(self, grant: DeviceGrant) -> bool:
        """Whether a device card stands, be its member hidden or not."""
        return self._plain.stands(grant)

    # ---- what removals of a device let stay
    def acting_cuts(self, member: bytes, device: bytes) -> tuple[frozenset[bytes], ...]:
        """Per removal that acts on this device: the hashes of changes that it lets stay.

        Of a steward's device only a sibling's removal and strong sets act. A change falls when
        those that do not name it are strong among themselves, so for each pair that is strong only
        together it is enough that one of both names it.
        """
        group = self.removals.group(("device", (member, device)))
        cards = {bit: self.removals.cards[bit.bit_length() - 1] for bit in bits(group)}
        if member not in self.stewards:
            return _distinct(frozenset(card.last) for card in cards.values())
        alone = [
            frozenset(card.last)
            for bit, card in cards.items()
            if bit & self.removals.sibling or self.removals.strong(bit)
        ]
        pairs = self.removals.independent_pairs(group & ~self.removals.sibling)
        together = [frozenset((*cards[a].last, *cards[b].last)) for a, b in pairs]
        return _distinct([*alone, *together])

    # ---- door keys and epochs
    def _judge_doors(
        self, cards: list[SignedCard], caps: RosterCaps
    ) -> list[tuple[SignedCard, Door]]:
        """Door key cards whose signer was ever a steward's device, or is the root."""
        signed_by_stewards = [
            (signed, door)
            for signed, door in _of_kind(cards, Door)
            if self.grants.is_root(door.signer_key)
            or self.grants.members_of(door.signer_key) & self.grants.stewards
        ]
        kept = cap_doors(signed_by_stewards, caps)
        self.dropped |= {s.hash for s, _ in signed_by_stewards} - {s.hash for s, _ in kept}
        return sorted(kept, key=lambda pair: (-pair[1].generation, pair[0].hash))

    def _judge_epochs(
        self, cards: list[SignedCard], caps: RosterCaps
    ) -> dict[bytes, list[tuple[SignedCard, Epoch]]]:
        """Member id to its epoch cards with a known chain, the lowest numbers first."""
        known: dict[bytes, tuple[bytes, int]] = {}
        epochs: dict[bytes, list[tuple[SignedCard, Epoch]]] = {}
        for signed, epoch in sorted(
            _of_kind(cards, Epoch), key=lambda pair: (pair[1].number, pair[0].hash)
        ):
            if epoch.member not in self.grants.members_of(epoch.signer_key):
                continue
            parent = known.get(epoch.parent) if epoch.parent else (epoch.member, 1)
            if parent != (epoch.member, epoch.number - 1):
                continue
            known[signed.hash] = (epoch.member, epoch.number)
            of_member = epochs.setdefault(epoch.member, [])
            if len(of_member) < caps.epochs_per_member:
                of_member.append((signed, epoch))
            else:
                self.dropped.add(signed.hash)
        return epochs


def _rank(grant: MemberGrant) -> tuple[int, bytes]:
    return grant.card.counter, grant.signed.hash


def _distinct(cuts: Iterable[frozenset[bytes]]) -> tuple[frozenset[bytes], ...]:
    return tuple(sorted(set(cuts), key=sorted))


def _of_kind(cards: Iterable[SignedCard], kind: type[_C]) -> list[tuple[SignedCard, _C]]:
    return [(signed, signed.card) for signed in cards if isinstance(signed.card, kind)]
