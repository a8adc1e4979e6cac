"""Removals: who may remove whom, and when a removal is strong.

A removal acts when its signer was ever valid as one of these *hands*: the root, a steward, or for
a device also a sibling device of the same member. What the signer loses later changes nothing.
Removals of one target add up; they are *strong* together when the root is among their hands, or two
stewards who share no line (grants.py).

Every acting removal has a bit, so that a set of them is an integer. Removals of one target are a
*group*.
Source: docs/protocol.md, "Roster", passes 2 and 3.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeAlias

from meshaid.core.card_fields import Target
from meshaid.core.cards import Removal, SignedCard, TargetKind
from meshaid.core.grants import Grants

Group: TypeAlias = tuple[TargetKind, Target]


class Hands(NamedTuple):
    """As whom a removal acts."""

    root: bool
    sibling: bool
    stewards: frozenset[bytes]


def hands_of(grants: Grants, removal: Removal) -> Hands | None:
    """The hands of a removal's signer; None when it does not act."""
    members = grants.members_of(removal.signer_key)
    root = grants.is_root(removal.signer_key)
    sibling = not root and isinstance(removal.target, tuple) and removal.target[0] in members
    stewards = frozenset(members & grants.stewards)
    return Hands(root, sibling, stewards) if root or sibling or stewards else None


class Removals:
    """The acting removals of a community as sets of bits.

    `named[label]` are the removals whose stay-list names the label; `sibling` those that a sibling
    device of their target signed; `acting` the cards, the bit of each being its place.
    """

    def __init__(self, grants: Grants, removals: Iterable[tuple[SignedCard, Removal]]) -> None:
        self.acting: list[SignedCard] = []
        self.cards: list[Removal] = []
        self.named: defaultdict[bytes, int] = defaultdict(int)
        self.sibling = 0
        self._root = 0
        self._groups: defaultdict[Group, int] = defaultdict(int)
        self._lines: list[frozenset[int]] = []
        self._strong: dict[int, bool] = {}
        for signed, removal in sorted(removals, key=lambda pair: pair[0].hash):
            self._add(grants, signed, removal)

    def _add(self, grants: Grants, signed: SignedCard, removal: Removal) -> None:
        hands = hands_of(grants, removal)
        if not hands:
            return
        bit = 1 << len(self.acting)
        self.acting.append(signed)
        self.cards.append(removal)
        self._lines.append(frozenset(grants.lines[steward] for steward in hands.stewards))
        self._root |= bit * hands.root
        self.sibling |= bit * hands.sibling
        self._groups[removal.target_kind, removal.target] |= bit
        for label in removal.stay:
            self.named[label] |= bit

    def group(self, group: Group) -> int:
        """The acting removals of one target."""
        return self._groups.get(group, 0)

    def groups(self) -> Iterable[Group]:
        """Every target that an acting removal has."""
        return self._groups.keys()

    def group_of(self, bit: int) -> int:
        """All removals with the target of this one (a single bit)."""
        card = self.cards[bit.bit_length() - 1]
        return self._groups[card.target_kind, card.target]

    def strong(self, removals: int) -> bool:
        """Whether the root or two independent stewards are among the hands of these removals."""
        if removals & self._root:
            return True
        known = self._strong.get(removals)
        if known is None:
            lines = {mask for bit in bits(removals) for mask in self._lines[bit.bit_length() - 1]}
            known = any(not a & b for a in lines for b in lines)
            self._strong[removals] = known
        return known

    def independent_pairs(self, removals: int) -> Iterator[tuple[int, int]]:
        """The pairs of these removals that are strong together, none of them strong alone."""
        weak = [bit for bit in bits(removals) if not self.strong(bit)]
        for place, one in enumerate(weak):
            for other in weak[place + 1 :]:
                if self.strong(one | other):
                    yield one, other


def bits(mask: int) -> Iterator[int]:
    """The single bits of a set, lowest first."""
    while mask:
        bit = mask & -mask
        yield bit
        mask ^= bit
