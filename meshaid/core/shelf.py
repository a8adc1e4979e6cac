"""The cards that this device holds, and the roster that follows from them.

A card is *effective* when the roster lets it count (docs/protocol.md, "Roster"): only these are in
the digest and are shown to peers. A card that cannot be judged yet (its granter is not known) is
*pending*: kept, bounded, oldest out first, and looked at again whenever a card arrives. A card that
a later one supersedes, or that a cap leaves out, leaves the disk; but never this device's own card,
nor the newest card of its member: who this is does not depend on who may take part.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from meshaid import limits
from meshaid.core.cards import Device, Member, SignedCard, decode_card, read_own_card
from meshaid.core.ids import community_id
from meshaid.core.ledger import CardRow, CardState, Ledger
from meshaid.core.roster import DEFAULT_CAPS, Roster, RosterCaps
from meshaid.errors import InvalidSignature, RemoteProtocolError, StoreError


@dataclass(frozen=True, slots=True)
class CardsAdded:
    """What came of some received cards.

    `new` are the hashes of those taken, `refused` a reason for each that was not, and `changed`
    tells whether the roster is another one now.
    """

    new: tuple[bytes, ...]
    refused: tuple[str, ...]
    changed: bool


class CardShelf:
    """All cards held for one community. The ledger's transaction is the caller's."""

    def __init__(
        self,
        ledger: Ledger,
        community: bytes,
        *,
        member: bytes,
        device: bytes,
        caps: RosterCaps = DEFAULT_CAPS,
        pending_cards: int = limits.MAX_PENDING_CARDS,
    ) -> None:
        self._ledger = ledger
        self._community = community
        self._caps = caps
        self._pending_cards = pending_cards
        self._member = member
        self._device = device
        self._held: dict[bytes, SignedCard] = {}
        self.reload()

    def reload(self) -> None:
        """Hold what the ledger holds: at the start, and after a commit that failed."""
        rows = self._ledger.cards()
        self._held = {row.hash: read_own_card(row.wire) for row in rows}
        self._written = {row.hash: row.state for row in rows}
        self._names = {card.hash16: card for card in self._held.values()}
        self._unjudged: set[bytes] = set()
        self._signers_of: Roster | None = None
        self._known_signers: frozenset[bytes] = frozenset()
        self.roster = self._judge()

    def _judge(self) -> Roster:
        return Roster(self._community, self._held.values(), caps=self._caps)

    def _own(self) -> dict[bytes, SignedCard]:
        """The cards that bring in this device and its member, as of now: they are always kept.

        Cards of this device are few, for it signs along on each of them.
        """
        own = {h: c for h, c in self._held.items() if _device_of(c) == self._device}
        newest = max(self._member_cards(), key=_freshness, default=None)
        return own if newest is None else {newest.hash: newest, **own}

    def _member_cards(self) -> list[SignedCard]:
        return [
            held
            for held in self._held.values()
            if isinstance(held.card, Member) and held.card.member == self._member
        ]

    def chain(self) -> list[SignedCard]:
        """The cards from the founding card to this device; only its own while it is not proven."""
        proven = list(self.roster.chain(self._device))
        return proven or list(self._own().values())

    def named(self, name: bytes) -> SignedCard | None:
        """The held card whose hash begins with these 16 bytes."""
        return self._names.get(name)

    def own_device_card(self) -> SignedCard:
        """This device's own card; a home always holds it. Raises StoreError when it does not."""
        for held in self._held.values():
            if _device_of(held) == self._device:
                return held
        raise StoreError("this device's own card is missing; join again in a new home")

    def own_member_card(self) -> Member | None:
        """The held card of this device's member with the highest counter."""
        newest = max(self._member_cards(), key=_freshness, default=None)
        return newest.card if newest is not None and isinstance(newest.card, Member) else None

    def card(self, card_hash: bytes) -> SignedCard:
        """A held card. Raises KeyError."""
        return self._held[card_hash]

    def add(self, wires: Iterable[bytes]) -> CardsAdded:
        """Judge received cards and keep what counts or may count later (in the open transaction).

        A card with a broken signature or form is refused by itself; the others are kept. Raises
        nothing for what a peer sent.
        """
        new: list[SignedCard] = []
        refused: list[str] = []
        for wire in wires:
            try:
                card = decode_card(wire)
            except (InvalidSignature, RemoteProtocolError) as error:
                refused.append(str(error))
                continue
            if card.card.community != self._community:
                refused.append("a card of another community")
            elif card.hash not in self._held:
                self._held[card.hash] = card
                new.append(card)
        if not new:
            return CardsAdded((), tuple(refused), changed=False)
        before = self.roster.hashes
        if any(self._may_count(card) for card in new):
            self.roster = self._judge()
            self._unjudged.clear()
        else:
            self._unjudged.update(card.hash for card in new)
        self._settle()
        self._names = {card.hash16: card for card in self._held.values()}
        kept = tuple(card.hash for card in new if card.hash in self._held)
        return CardsAdded(kept, tuple(refused), changed=self.roster.hashes != before)

    def _may_count(self, card: SignedCard) -> bool:
        """Whether the roster may let this card count: its signer is known, or is the root.

        Cards by keys that nobody knows change nothing, so they cost no roster; the next roster
        judges them with all others.
        """
        signer = card.card.signer
        return community_id(signer) == self._community or signer in self._signers()

    def _signers(self) -> frozenset[bytes]:
        """The keys that effective cards brought in."""
        if self._signers_of is not self.roster:
            effective = (self._held[h].card for h in self.roster.hashes if h in self._held)
            keys = (card.possession for card in effective)
            self._known_signers = frozenset(key for key in keys if key is not None)
            self._signers_of = self.roster
        return self._known_signers

    def _settle(self) -> None:
        """Write down how cards stand now, where that is new; drop the superseded, and the oldest
        pending ones beyond the limit."""
        own = self._own()
        pending = self.roster.pending | self._unjudged
        spare = [h for h in self._held if h in pending and h not in own]
        crowded = set(spare[: max(0, len(spare) - self._pending_cards)])
        for card_hash, card in list(self._held.items()):
            if card_hash in self.roster.hashes:
                self._put(card, "effective")
            elif card_hash in own or (card_hash in pending and card_hash not in crowded):
                self._put(card, "pending")
            else:
                del self._held[card_hash]
                if self._written.pop(card_hash, None):
                    self._ledger.drop_card(card_hash)

    def _put(self, card: SignedCard, state: CardState) -> None:
        if self._written.get(card.hash) != state:
            self._ledger.put_card(CardRow(card.hash, card.wire, state))
            self._written[card.hash] = state


def _device_of(card: SignedCard) -> bytes | None:
    """The device that a device card brings in."""
    return card.card.device_key if isinstance(card.card, Device) else None


def _freshness(card: SignedCard) -> tuple[int, bytes]:
    """As the roster ranks a member's cards."""
    return (card.card.counter if isinstance(card.card, Member) else 0, card.hash)
