"""What a meeting needs of the device that holds it: the seam between protocol and knowledge.

`Replica` is the real one; tests have a small honest one of their own, and both go through the same
suite (tests/core/test_meeting.py). A meeting uses nothing else of a replica.

Names: a document's *name* on the wire is the first 16 bytes of its genesis hash, a card's the first
16 bytes of its hash. Any method may raise StoreError; a meeting lets it pass to its caller.
Source: docs/protocol.md, "Session" and "Reconciliation".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from meshaid.core.delta import Run, StrippedDelta
from meshaid.core.shapes import Clock


@dataclass(frozen=True, slots=True)
class Channel:
    """What a handshake needs. The first psk is the current one, then those of retired door keys."""

    static: bytes = field(repr=False)
    """The device's Noise key: 32 private bytes."""
    psks: tuple[bytes, ...] = field(repr=False)
    prologue: bytes


@dataclass(frozen=True, slots=True)
class Proven:
    """A standing device of a standing member: it may have everything."""

    device: bytes
    member: bytes


@dataclass(frozen=True, slots=True)
class NotProven:
    """Its card, or what grants that card, is not held (yet): cards only."""


@dataclass(frozen=True, slots=True)
class Removed:
    """It belonged once and was removed: cards only, so that it learns of that, then goodbye."""


Standing: TypeAlias = Proven | NotProven | Removed


class CardsTaken(Protocol):
    """What came of some received cards."""

    @property
    def changed(self) -> bool:
        """Whether the roster is another one now."""


class Receipt(Protocol):
    """What came of one received delta; what was accepted is durable."""

    @property
    def genesis(self) -> bytes: ...
    @property
    def before(self) -> Clock:
        """The document's clock before this delta."""

    @property
    def accepted(self) -> int:
        """How many runs were new and are accepted."""

    @property
    def refused(self) -> Collection[tuple[str, bytes]]:
        """(rule, 16 bytes that name the run) of every run that no honest device would pass on.

        Runs that only lack something, or that nobody here wants, are not among them.
        """


class NoteTaken(Protocol):
    """What came of one received note; what is new is durable."""

    @property
    def name(self) -> bytes: ...
    @property
    def mark(self) -> bytes: ...
    @property
    def outcome(self) -> Literal["new", "held", "erased", "later", "full"]:
        """Later: it cannot be judged yet, or is over here; ask again when something changed."""


class Notes(Protocol):
    """The sealed notes of this device, as far as a peer may ask or add. None is opened here.

    A note's *name* is the first 16 bytes of its id, its *mark* 8 bytes that say what it is about.
    """

    def shown(self) -> Mapping[bytes, bytes]:
        """Name to mark of every note to show. Asked often: a cached mapping is best."""

    def wants(self, name: bytes, mark: bytes) -> bool:
        """Whether a note that a peer lists would be taken now."""

    def wire(self, name: bytes) -> bytes | None:
        """The bytes of a note that is shown; None when it is not (any more)."""

    def take(self, wires: Sequence[bytes]) -> Sequence[NoteTaken]:
        """Judge notes in one transaction; one outcome for each, in their order.

        Raises:
          RemoteProtocolError: one of them no honest device passes on; nothing was kept.
        """


class Knowledge(Protocol):
    """Everything that this device knows, as far as a peer may ask or add."""

    # ---- who
    def channel(self) -> Channel:
        """The keys of a new handshake."""

    def own_card(self) -> bytes:
        """The name of this device's own card."""

    @property
    def actor(self) -> bytes:
        """The actor (36 bytes) that this device writes as."""

    def standing(self, static: bytes, card: bytes | None) -> Standing:
        """Who holds this static key (32 bytes), as far as the cards say now.

        Args:
          card: the name of the device card that the peer claims; None while it has not said.
        Raises:
          RemoteProtocolError: that card is held, and it is for another static key.
        """

    # ---- cards
    def effective(self) -> Collection[bytes]:
        """The hashes (32 bytes) of all effective cards: what digests are made of."""

    def card_names(self) -> Sequence[bytes]:
        """The names of all cards to show: this device's own chain first, as far as it is held."""

    def card(self, name: bytes) -> bytes | None:
        """The wire form of a card that is held, effective or pending; None when it is not."""

    def name_card(self, wire: bytes) -> bytes:
        """The name of a card. RemoteProtocolError when it has not the form of one."""

    def add_cards(self, wires: Sequence[bytes]) -> CardsTaken:
        """Judge cards and keep what counts or may count later."""

    # ---- documents
    def items(self) -> Mapping[bytes, bytes]:
        """Genesis hash to state hash (32 bytes each) of every document in the digest.

        Asked often: a cached mapping is best.
        """

    def items_by_importance(self) -> Mapping[bytes, bytes]:
        """The same in the order in which a peer should ask for them. Asked once a pass."""

    def genesis_named(self, name: bytes) -> bytes | None:
        """The genesis hash of a document that this device takes; None for any other name."""

    def document_clock(self, genesis: bytes) -> Clock:
        """What counts of a document; empty when nothing of it is held."""

    def owed(self, genesis: bytes, theirs: Clock) -> Sequence[Run]:
        """The runs that a peer with this clock lacks, in an order in which it can accept them.

        None for a document that is not shown to anybody (any more).
        """

    def encode(self, genesis: bytes, runs: Sequence[Run]) -> Iterable[bytes]:
        """These runs as delta payloads, each well below INFLATE_LIMIT, made one by one."""

    def receive(self, deltas: Sequence[StrippedDelta]) -> Sequence[Receipt]:
        """Judge deltas of different documents in one transaction; one receipt for each."""

    def note_peer_clock(self, genesis: bytes, clock: Clock) -> bool:
        """A peer shows a branch of `actor` that may not be held here: look, and go on under
        another actor if so. Whether that was done."""

    def digest(self) -> bytes:
        """SHA-256 over effective cards and document states (docs/protocol.md, "Digest")."""

    # ---- sealed notes
    @property
    def notes(self) -> Notes:
        """The notes beside the documents."""
