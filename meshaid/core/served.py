"""What peers may see of a replica, and add to it: the real `Knowledge` that meetings stand on.

All rules about who gets what are here and in roster.py: documents of members that do not stand are
neither shown nor taken, cards of this device's own chain come first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from meshaid.core.cards import Device, read_own_card
from meshaid.core.delta import Run, StrippedDelta
from meshaid.core.documents import Received
from meshaid.core.knowledge import Channel, NotProven, Proven, Removed, Standing
from meshaid.core.noise import channel_prologue
from meshaid.core.note_set import NoteSet
from meshaid.core.replica import Replica
from meshaid.core.shapes import Clock
from meshaid.core.shelf import CardsAdded
from meshaid.errors import RemoteProtocolError

NAME_BYTES = 16


class Served:
    """One replica as its peers meet it. Implements `knowledge.Knowledge`."""

    def __init__(self, replica: Replica) -> None:
        self.replica = replica

    # ---- who
    def channel(self) -> Channel:
        identity = self.replica.identity
        return Channel(identity.static_seed, identity.psks, channel_prologue(identity.community))

    def own_card(self) -> bytes:
        return self.replica.own_device_card()[:NAME_BYTES]

    @property
    def actor(self) -> bytes:
        return self.replica.actor

    def standing(self, static: bytes, card: bytes | None) -> Standing:
        """Who holds this static key. Raises RemoteProtocolError for a card of another key."""
        roster = self.replica.roster
        shown = self.replica.held_card(card) if card else None
        if shown is not None:
            told = shown.card
            if not isinstance(told, Device) or told.static_key != static:
                raise RemoteProtocolError(
                    "the device card named in HELLO is for another static key"
                )
        if card is None:
            view = roster.device_by_static(static)
        else:
            # Anybody can card a copy of a static key: the card that is named decides.
            view = roster.device_by_card(card)
            if view is None and shown is not None and isinstance(shown.card, Device):
                view = roster.devices.get(shown.card.device_key)
        if view is not None and view.static_key == static and self.replica.counts(view.member):
            return Proven(view.key, view.member)
        device = shown.card.device_key if shown and isinstance(shown.card, Device) else b""
        return Removed() if roster.member_of_ever(device) else NotProven()

    # ---- cards
    def effective(self) -> Collection[bytes]:
        return self.replica.roster.hashes

    def card_names(self) -> Sequence[bytes]:
        return self.replica.card_names()

    def card(self, name: bytes) -> bytes | None:
        held = self.replica.held_card(name)
        return held.wire if held is not None else None

    def name_card(self, wire: bytes) -> bytes:
        return read_own_card(wire).hash16

    def add_cards(self, wires: Sequence[bytes]) -> CardsAdded:
        return self.replica.add_cards(wires)

    # ---- documents
    def items(self) -> Mapping[bytes, bytes]:
        return self.replica.items()

    def items_by_importance(self) -> Mapping[bytes, bytes]:
        return self.replica.items_by_importance()

    def genesis_named(self, name: bytes) -> bytes | None:
        genesis = self.replica.genesis_named(name)
        return genesis if genesis is not None and self.replica.takes(genesis) else None

    def document_clock(self, genesis: bytes) -> Clock:
        return self.replica.document_clock(genesis)

    def owed(self, genesis: bytes, theirs: Clock) -> Sequence[Run]:
        return self.replica.owed(genesis, theirs)

    def encode(self, genesis: bytes, runs: Sequence[Run]) -> Iterator[bytes]:
        return self.replica.encode(genesis, runs)

    def receive(self, deltas: Iterable[StrippedDelta]) -> list[Received]:
        return self.replica.receive(deltas)

    def note_peer_clock(self, genesis: bytes, clock: Clock) -> bool:
        return self.replica.note_peer_clock(genesis, clock)

    def digest(self) -> bytes:
        return self.replica.digest()

    # ---- sealed notes
    @property
    def notes(self) -> NoteSet:
        return self.replica.notes
