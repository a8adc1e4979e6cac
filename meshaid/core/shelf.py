"""The cards that this device holds, and the roster that follows from them.

A card is *effective* when the roster lets it count (docs/protocol.md, "Roster"): only these are in
the digest and are shown to peers. A card that cannot be judged yet (its granter is not known) is
*pending*: kept, bounded, oldest out first, and looked at again whenever a card arrives. A card that
a later one supersedes, or that a cap leaves out, leaves the disk.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from meshaid import limits
from meshaid.core.cards import SignedCard, decode_card, read_own_card
from meshaid.core.ledger import EFFECTIVE, PENDING, Ledger
from meshaid.core.roster import DEFAULT_CAPS, Roster, RosterCaps
from meshaid.errors import InvalidSignature, RemoteProtocolError


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
        caps: RosterCaps = DEFAULT_CAPS,
        pending_cards: int = limits.MAX_PENDING_CARDS,
    ) -> None:
        self._ledger = ledger
        self._community = community
        self._caps = caps
        self._pending_cards = pending_cards
        self._own: frozenset[bytes] = frozenset()
        stored = [read_own_card(wire) for wire, _ in ledger.cards()]
        self._held: dict[bytes, SignedCard] = {card.hash: card for card in stored}
        self.roster = self._judge()

    def _judge(self) -> Roster:
        return Roster(self._community, self._held.values(), caps=self._caps)

    def keep_own(self, hashes: Iterable[bytes]) -> None:
        """Name the cards of this device itself, which are never crowded out while pending."""
        self._own = frozenset(hashes)

    def __contains__(self, card_hash: bytes) -> bool:
        return card_hash in self._held

    def wires(self) -> list[bytes]:
        """All held cards as received, oldest first."""
        return [card.wire for card in self._held.values()]

    def card(self, card_hash: bytes) -> SignedCard:
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
        self.roster = self._judge()
        self._settle({card.hash for card in new})
        kept = tuple(card.hash for card in new if card.hash in self._held)
        return CardsAdded(kept, tuple(refused), changed=self.roster.hashes != before)

    def _settle(self, fresh: set[bytes]) -> None:
        """Write every card's standing; drop what is superseded and the oldest pending beyond the cap."""
        effective = self.roster.hashes
        waiting = [h for h in self._held if h in self.roster.pending]
        spare = [h for h in waiting if h not in self._own]
        crowded = set(spare[: max(0, len(waiting) - self._pending_cards)])
        for card_hash, card in list(self._held.items()):
            if card_hash in effective:
                self._ledger.put_card(card_hash, card.wire, EFFECTIVE)
            elif card_hash in self.roster.pending and card_hash not in crowded:
                self._ledger.put_card(card_hash, card.wire, PENDING)
            else:
                del self._held[card_hash]
                if card_hash not in fresh:
                    self._ledger.drop_card(card_hash)
