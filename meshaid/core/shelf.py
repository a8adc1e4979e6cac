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
from meshaid.core.cards import Device, Member, SignedCard, decode_card, read_own_card
from meshaid.core.ledger import CardRow, Ledger
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
        self._held = {row.hash: read_own_card(row.wire) for row in self._ledger.cards()}
        self._names = {card.hash16: card for card in self._held.values()}
        self.roster = self._judge()

    def _judge(self) -> Roster:
        return Roster(self._community, self._held.values(), caps=self._caps)

    def _is_own(self, card: SignedCard) -> bool:
        """Whether the card brings in this device or its member: never crowded out while pending."""
        match card.card:
            case Member(member=member):
                return member == self._member
            case Device(device_key=device):
                return device == self._device
        return False

    def chain(self) -> list[SignedCard]:
        """The cards from the founding card to this device; only its own while it is not proven."""
        proven = list(self.roster.chain(self._device))
        return proven or [card for card in self._held.values() if self._is_own(card)]

    def named(self, name: bytes) -> SignedCard | None:
        """The held card whose hash begins with these 16 bytes."""
        return self._names.get(name)

    def own_device_card(self) -> SignedCard:
        """This device's own card; a home always holds it. Raises StoreError when it does not."""
        for held in self._held.values():
            if isinstance(held.card, Device) and held.card.device_key == self._device:
                return held
        raise StoreError("this device's own card is missing; join again in a new home")

    def own_member_card(self) -> Member | None:
        """The held card of this device's member with the highest counter."""
        cards = [
            held.card
            for held in self._held.values()
            if isinstance(held.card, Member) and held.card.member == self._member
        ]
        return max(cards, key=lambda card: card.counter, default=None)

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
        self.roster = self._judge()
        self._settle({card.hash for card in new})
        self._names = {card.hash16: card for card in self._held.values()}
        kept = tuple(card.hash for card in new if card.hash in self._held)
        return CardsAdded(kept, tuple(refused), changed=self.roster.hashes != before)

    def _settle(self, fresh: set[bytes]) -> None:
        """Write how each card stands now; drop the superseded, and the oldest pending ones beyond
        the limit."""
        pending = [h for h in self._held if h in self.roster.pending]
        spare = [h for h in pending if not self._is_own(self._held[h])]
        crowded = set(spare[: max(0, len(pending) - self._pending_cards)])
        for card_hash, card in list(self._held.items()):
            if card_hash in self.roster.hashes:
                self._ledger.put_card(CardRow(card_hash, card.wire, "effective"))
            elif card_hash in self.roster.pending and card_hash not in crowded:
                self._ledger.put_card(CardRow(card_hash, card.wire, "pending"))
            else:
                del self._held[card_hash]
                if card_hash not in fresh:
                    self._ledger.drop_card(card_hash)
