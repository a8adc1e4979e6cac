"""Standing: whether some way of grants from the root to a card is cut by no removal.

A *way* is a simple path of ever-valid cards from an invite that the root signed down to a card.
Walking it downwards, removals *open* where it passes their target and *close* where it passes a
card that their stay-list names, below the target. What is open at its end holds against the card:

- a removal of an invite or of a device opens at that card;
- a removal of a steward's role opens where a device of this steward grants an invite (no link), and
  so does the removal of a member who was never a steward;
- a removal of a device opens, too, at every device card that the member key signed for a sibling,
  since the member key lies on each of them.

A *regime* says what of this cuts. In the strong one, which decides about stewards, the open
removals of one target must be strong among themselves, or one of them by a sibling device. In the
plain one any open removal cuts, except that devices of a steward keep the strong rule, and that the
role of a steward ends only when all its removals are strong together.

Only the *affected* cards are walked: what lies below no opening removal stands. There, a way is
kept as its open removals, and only the ways that no other beats (fewer open, of a subset). Cards
that grant each other in a circle also remember which cards of the circle a way has passed, since a
way is simple; a way with nothing open on it so far needs no memory. Of one card at most `ways` are
kept, those with the fewest open removals, then the fewest cards passed, then the smallest bits; and
a circle is left after 4 x `ways` steps per grant in it, or limits.MAX_CIRCLE_STEPS. So a crafted
tangle, whose exact answer is as hard as satisfiability, costs bounded time, gives every node the
same answer, and is cut where no answer was found.
Source: docs/protocol.md, "Roster", passes 2 and 3.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TypeAlias

from meshaid import limits
from meshaid.core.circles import circles
from meshaid.core.grants import DeviceGrant, Grant, Grants, InviteGrant, MemberGrant
from meshaid.core.removals import Group, Removals

Way: TypeAlias = tuple[int, int]
"""Open removals, and passed cards of the circle, both as bits."""

CLEAR: Way = (0, 0)


class Graph:
    """The ever-valid cards and what each grants, as numbered nodes in canonical order.

    Between cards lie *joints*, which keep the edges few where many grant many: a member's cards, an
    invite key's cards, a device key's cards.
    """

    def __init__(self, grants: Grants) -> None:
        self.grants = grants
        cards = sorted(grants.ever, key=lambda grant: grant.signed.hash)
        self.cards: list[Grant] = cards
        self.number: dict[Grant, int] = {grant: place for place, grant in enumerate(cards)}
        self.below: list[list[int]] = [[] for _ in cards]
        self.granting: set[int] = set()
        """Joints where devices grant invites, and their members' removals open."""
        self.joints: dict[tuple[str, bytes, bytes], int] = {}
        for place, grant in enumerate(cards):
            if isinstance(grant, InviteGrant):
                self._place_invite(place, grant)
            elif isinstance(grant, MemberGrant):
                self._join("invite", grant.card.invite_key, below=place)
                self._join("member", grant.member, above=place)
            else:
                self._place_device(place, grant)

    def _join(
        self,
        kind: str,
        key: bytes,
        extra: bytes = b"",
        *,
        above: int | None = None,
        below: int | None = None,
    ) -> int:
        """Put a card above or below a joint. A steward invite grants through a joint of its own."""
        name = (kind, key, extra)
        joint = self.joints.get(name)
        if joint is None:
            joint = self.joints[name] = len(self.below)
            self.below.append([])
        if above is not None:
            self.below[above].append(joint)
        if below is not None:
            self.below[joint].append(below)
        return joint

    def _place_invite(self, place: int, grant: InviteGrant) -> None:
        key, signer, role = grant.card.invite_key, grant.card.signer_key, grant.card.role
        if role == "device":
            members = {d.card.member for d in self.grants.cards.devices.get(signer, ())}
            for member in sorted(members):
                self._join("link", key, member, above=place)
        elif role == "steward":
            steward = self._join("steward invite", key, above=place)
            joint = self._join("invite", key)
            if joint not in self.below[steward]:
                self.below[steward].append(joint)
        else:
            self._join("invite", key, above=place)
        if self.grants.is_root(signer):
            return
        if role == "device":
            self._join("device", signer, below=place)
        elif role == "member" and self.grants.may_members_invite:
            self.granting.add(self._join("device of a member", signer, below=place))
        else:
            self.granting.add(self._join("device of a steward", signer, below=place))

    def _place_device(self, place: int, grant: DeviceGrant) -> None:
        key, member = grant.card.device_key, grant.card.member
        self._join("device", key, above=place)
        if member in self.grants.stewards:
            self._join("device of a steward", key, above=place)
        if self.grants.may_members_invite:
            self._join("device of a member", key, above=place)
        if grant.link is None:
            self._join("member", member, below=place)
        else:
            self._join("link", grant.link, member, below=place)


@dataclass(frozen=True, slots=True)
class Regime:
    """What cuts: the removals of each group that can, and those of them that need be strong.

    `stewards` (pass 3) are members whose cards grant whatever is open above them.
    """

    removals: Removals
    plain: bool
    stewards: frozenset[bytes] = frozenset()

    def weight(self, group: Group) -> int:
        """The removals of this target that may cut under this regime, alone or together."""
        acting = self.removals.group(group)
        if not acting or self.removals.strong(acting):
            return acting
        if group[0] == "role" or not self.plain or self._keeps_strong_rule(group):
            return acting & self.removals.sibling
        return acting

    def _keeps_strong_rule(self, group: Group) -> bool:
        return isinstance(group[1], tuple) and group[1][0] in self.stewards

    def cuts(self, opened: int) -> bool:
        """Whether these open removals cut."""
        if opened & self.removals.sibling:
            return True
        while opened:
            bit = opened & -opened
            card = self.removals.cards[bit.bit_length() - 1]
            if self.plain and not self._keeps_strong_rule((card.target_kind, card.target)):
                return True
            together = self.removals.group_of(bit)
            if self.removals.strong(opened & together):
                return True
            opened &= ~together
        return False


class Standing:
    """Which cards of a graph stand under one regime."""

    def __init__(self, graph: Graph, regime: Regime, *, ways: int) -> None:
        self._graph = graph
        self._regime = regime
        self._removals = regime.removals
        self._limit = ways
        size = len(graph.below)
        self._before = [0] * size
        self._after = [0] * size
        self._leaving = [0] * size
        self._ways: dict[int, list[Way]] = {}
        self._home: dict[int, int] = {}
        self._bit: dict[int, int] = {}
        self._weigh()
        self._settle(self._affected())

    # ---- questions
    def stands(self, grant: Grant) -> bool:
        """Whether a way to this card is not cut."""
        ways = self._ways.get(self._graph.number[grant])
        return ways is None or any(not self._regime.cuts(opened) for opened, _ in ways)

    def stands_as_steward(self, grant: MemberGrant) -> bool:
        """Whether a way to a steward's invite card of its key is not cut for this card."""
        joint = self._graph.joints.get(("steward invite", grant.card.invite_key, b""))
        if joint is None:
            return False
        named = self._removals.named.get(grant.label, 0)
        ways = self._ways.get(joint, [CLEAR])
        return any(not self._regime.cuts(opened & ~named) for opened, _ in ways)

    # ---- where removals open
    def _weigh(self) -> None:
        weight = self._regime.weight
        beside: dict[bytes, int] = {}
        for kind, target in self._removals.groups():
            if kind == "device" and isinstance(target, tuple):
                member, device = target
                keyed = self._graph.grants.cards.of_member.get(member, ())
                if any(d.link is None and d.card.device_key == device for d in keyed):
                    beside[member] = beside.get(member, 0) | weight((kind, target))
        for place, grant in enumerate(self._graph.cards):
            if isinstance(grant, InviteGrant):
                self._after[place] = weight(("invite", grant.label))
            elif isinstance(grant, DeviceGrant):
                member = grant.card.member
                self._after[place] = weight(("device", (member, grant.label)))
                if grant.link is None:
                    self._before[place] = beside.get(member, 0) & ~self._after[place]
                kind = "role" if member in self._graph.grants.stewards else "member"
                self._leaving[place] = self._weigh_member(kind, member)

    def _weigh_member(self, kind: str, member: bytes) -> int:
        if kind == "role":
            return self._regime.weight(("role", member))
        return self._regime.weight(("member", member))

    # ---- which cards are affected
    def _is_source(self, place: int) -> bool:
        """A steward after pass 2 grants on, whatever is open above."""
        if place >= len(self._graph.cards):
            return False
        grant = self._graph.cards[place]
        return isinstance(grant, MemberGrant) and grant.member in self._regime.stewards

    def _affected(self) -> set[int]:
        below, granting = self._graph.below, self._graph.granting
        todo = [p for p in range(len(below)) if self._before[p] or self._after[p]]
        for place in range(len(self._graph.cards)):
            if self._leaving[place]:
                todo += (child for child in below[place] if child in granting)
        found = set(todo)
        while todo:
            place = todo.pop()
            if self._is_source(place):
                continue
            for child in below[place]:
                if child not in found:
                    found.add(child)
                    todo.append(child)
        return found

    # ---- walking
    def _settle(self, affected: set[int]) -> None:
        """Find the ways to every affected node, circle by circle from the root downwards."""
        inner = {p: self._below(p, affected) for p in sorted(affected)}
        order = circles(inner)
        for number, members in enumerate(order):
            for place, node in enumerate(sorted(members)):
                self._ways[node] = []
                self._home[node] = number
                self._bit[node] = 1 << place
        if affected:
            self._enter(affected)
        for number, members in enumerate(order):
            if len(members) > 1:
                self._go_round(number, sorted(members), inner)
            for place in members:
                for child in inner[place]:
                    if self._home[child] != number:
                        for way in self._ways[place]:
                            self._arrive(place, way, child)

    def _below(self, place: int, affected: set[int]) -> list[int]:
        if self._is_source(place):
            return []
        return [child for child in self._graph.below[place] if child in affected]

    def _enter(self, affected: set[int]) -> None:
        """Open the ways that reach affected nodes from the root or from cards that are not."""
        grants = self._graph.grants
        for place, children in enumerate(self._graph.below):
            if place not in affected or self._is_source(place):
                for child in children:
                    if child in affected:
                        self._arrive(place, CLEAR, child)
        for place in sorted(affected):
            grant = self._graph.cards[place] if place < len(self._graph.cards) else None
            if isinstance(grant, InviteGrant) and grants.is_root(grant.card.signer_key):
                self._arrive(None, CLEAR, place)

    def _go_round(self, circle: int, members: list[int], inner: dict[int, list[int]]) -> None:
        """Spread ways within a circle until none is new or the steps are used up."""
        inside = {p: [c for c in inner[p] if self._home[c] == circle] for p in members}
        edges = sum(map(len, inside.values()))
        steps = min(4 * self._limit * edges, limits.MAX_CIRCLE_STEPS)
        queue = deque((place, way) for place in members for way in self._ways[place])
        while queue and steps > 0:
            place, way = queue.popleft()
            if way not in self._ways[place]:
                continue
            steps -= len(inside[place])
            for child in inside[place]:
                arrived = self._arrive(place, way, child)
                if arrived is not None:
                    queue.append((child, arrived))

    def _arrive(self, origin: int | None, way: Way, place: int) -> Way | None:
        """Go on to a node; returns the way there when it is new and worth keeping."""
        opened, passed = way
        if origin is None or self._home.get(origin) != self._home[place]:
            passed = 0
        if origin is not None and place in self._graph.granting:
            opened |= self._leaving[origin]
        if place < len(self._graph.cards):
            if passed & self._bit[place]:
                return None
            named = self._removals.named.get(self._graph.cards[place].label, 0)
            opened = ((opened | self._before[place]) & ~named) | self._after[place]
            if opened or passed:
                passed |= self._bit[place]
        arrived = (opened, passed)
        return arrived if self._keep(self._ways[place], arrived) else None

    def _keep(self, ways: list[Way], new: Way) -> bool:
        """Add a way unless another beats it; drop what it beats, and the worst beyond the cap."""
        opened, passed = new
        if any(not (o & ~opened or p & ~passed) for o, p in ways):
            return False
        ways[:] = [(o, p) for o, p in ways if opened & ~o or passed & ~p]
        ways.append(new)
        if len(ways) > self._limit:
            ways.sort(key=lambda w: (w[0].bit_count(), w[1].bit_count(), *w))
            return ways.pop() != new
        return True
