"""Everything that one device knows: the community's cards, every member's document, and who it is.

All of it is synchronous and sans-IO: the disk is a `Ledger`, clock and random bytes are arguments.
Each method that changes something has committed it when it returns; when the commit fails, the
caches that ran ahead are thrown away and the error goes up, so memory never shows what the disk
does not hold (DESIGN invariant 3; docs/protocol.md, "Acceptance").

Cards are kept in shelf.py, documents in documents.py; here they are brought together, and this
device's own words are written. What this file does not do: talk to peers (meeting.py), speak of
needs and offers (commands.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from meshaid import limits
from meshaid.core import ids
from meshaid.core.cards import Founding, Member, Role, SignedCard
from meshaid.core.delta import Run, StrippedDelta, encode_delta
from meshaid.core.document import Edit
from meshaid.core.documents import Changed, Documents, Received
from meshaid.core.identity import Identity
from meshaid.core.keys import KEY_BYTES, StaticKey
from meshaid.core.ledger import Ledger
from meshaid.core.note_set import NoteSet
from meshaid.core.roster import DEFAULT_CAPS, Roster, RosterCaps
from meshaid.core.shapes import Clock
from meshaid.core.shelf import CardsAdded, CardShelf
from meshaid.errors import RefusedByTrust

_NONCE = "nonce"


class Replica:
    """One device's knowledge. Not safe for use by two threads at once."""

    def __init__(
        self,
        ledger: Ledger,
        identity: Identity,
        *,
        random: Callable[[int], bytes],
        install: bytes = b"",
        caps: RosterCaps = DEFAULT_CAPS,
        pending_cards: int = limits.MAX_PENDING_CARDS,
        documents_in_memory: int = limits.DOCUMENTS_IN_MEMORY,
    ) -> None:
        """Find what the ledger holds.

        Args:
          random: gives that many random bytes, for nonces.
          install: what tells this copy of the ledger from every other; a new one draws a new nonce.
        """
        self.ledger = ledger
        self.identity = identity
        self._random = random
        self._shelf = CardShelf(
            ledger,
            identity.community,
            member=identity.member,
            device=identity.device,
            caps=caps,
            pending_cards=pending_cards,
        )
        self._renewed_on_hearsay = False
        self._documents = Documents(ledger, identity, self.roster, in_memory=documents_in_memory)
        self.notes = NoteSet(
            ledger,
            identity,
            self.roster,
            counts=self.counts,
            leaves_out=self._documents.leaves_out,
            touched=self.follow_records(),
            commit=self._commit,
        )
        """The sealed notes; see `note_set.NoteSet`."""
        self._nonce = ledger.setting(_NONCE) or b""
        self._check_install(install)

    @contextmanager
    def _commit(self) -> Iterator[None]:
        """One transaction; when it fails, every cache that ran ahead of the disk is dropped."""
        try:
            with self.ledger.transaction():
                yield
        except BaseException:
            self._shelf.reload()
            self._documents.reload(self.roster)
            self.notes.reload(self.roster)
            self._nonce = self.ledger.setting(_NONCE) or b""
            raise

    # ---- who this is
    @property
    def roster(self) -> Roster:
        return self._shelf.roster

    @property
    def actor(self) -> bytes:
        """The actor that this device writes as (36 bytes)."""
        return ids.actor_id(self.identity.device, self._nonce)

    @property
    def own_genesis(self) -> bytes:
        """The name of this member's document."""
        return self._documents.of_member(self.identity.member)

    def is_proven(self) -> bool:
        """Whether this device's own chain of cards is complete here."""
        return self.identity.device in self.roster.devices

    def is_removed(self) -> bool:
        """Whether this device was removed from its member, or a cap on cards left it out: what it
        writes counts nowhere."""
        return self.roster.cuts(self.identity.member, self.identity.device) is not None

    def founding(self) -> Founding | None:
        """The founding card, once it is held."""
        return self.roster.founding

    def own_member_card(self) -> Member | None:
        """This member's own card, proven or not; None on a linked device that lacks it still."""
        return self._shelf.own_member_card()

    def learn_sealing_seed(self, seed: bytes) -> bool:
        """Keep the member's sealing key, which a sibling device has handed over.

        Returns whether it is the one on the member's card; another one is not kept.
        """
        view = self.roster.members.get(self.identity.member)
        if view is None or len(seed) != KEY_BYTES or StaticKey(seed).public != view.sealing_key:
            return False
        identity = replace(self.identity, member_sealing_seed=seed)
        with self._commit():
            self.ledger.put_setting("identity", identity.encode())
        self.identity = identity
        return True

    # ---- the install nonce
    def _check_install(self, install: bytes) -> None:
        """Draw a new nonce when this store was copied to another place or machine."""
        if not self._nonce or self.ledger.setting("install") != install:
            with self._commit():
                self.ledger.put_setting("install", install)
                self._draw_nonce()

    def _draw_nonce(self) -> None:
        """Draw and keep a new install nonce (in the open transaction)."""
        self._nonce = self._random(ids.NONCE_BYTES)
        self.ledger.put_setting(_NONCE, self._nonce)

    def renew_nonce(self) -> None:
        """Go on as a new actor: this store may lack changes that the old one published."""
        with self._commit():
            self._draw_nonce()

    def note_peer_clock(self, genesis: bytes, clock: Clock) -> bool:
        """Look for our own actor in a peer's clock; a longer or other branch means that this store
        was restored. Returns True when a new nonce was drawn.

        Believed once: of a nonce drawn since this start nobody can know anything but from here.
        """
        theirs = clock.get(self.actor)
        if theirs is None or genesis != self.own_genesis or self._renewed_on_hearsay:
            return False
        if self._documents.get(genesis).holds(theirs[1]):
            return False
        self._renewed_on_hearsay = True
        self.renew_nonce()
        return True

    # ---- cards
    def add_cards(self, wires: Sequence[bytes]) -> CardsAdded:
        """Keep received cards; documents and waiting runs follow the roster, in one transaction."""
        with self._commit():
            added = self._shelf.add(wires)
            if added.changed:
                self._documents.follow(self.roster)
                self.notes.follow(self.roster)
        self.notes.scrub()
        return added

    def held_card(self, name: bytes) -> SignedCard | None:
        """The held card, effective or pending, whose hash begins with these 16 bytes."""
        return self._shelf.named(name)

    def own_device_card(self) -> bytes:
        """The hash of this device's own card. A home always holds it."""
        return self._shelf.own_device_card().hash

    def may_invite(self, role: Role) -> bool:
        return self.roster.may_invite(self.identity.device, role)

    def device_count(self) -> int:
        """Standing devices of this member."""
        return sum(device.member == self.identity.member for device in self.roster.devices.values())

    def chain(self) -> list[bytes]:
        """The wire forms from the founding card to this device; its own only, while not proven."""
        return [card.wire for card in self._shelf.chain()]

    def card_names(self) -> list[bytes]:
        """The first 16 bytes of the hash of every card for peers: this device's chain first."""
        chain = {card.hash16: None for card in self._shelf.chain()}
        return [*chain, *(h[:16] for h in sorted(self.roster.hashes) if h[:16] not in chain)]

    # ---- documents
    def genesis_named(self, name: bytes) -> bytes | None:
        """The genesis hash, of a known member's document, that begins with these 16 bytes."""
        return self._documents.named(name)

    def changes(self) -> int:
        """Accepted changes in all documents that count."""
        return self._documents.changes()

    def export(self, member: bytes) -> bytes:
        """A member's document as an Automerge file. Raises KeyError for an unknown member."""
        return self._documents.get(self._documents.of_member(member)).export()

    def member_of(self, genesis: bytes) -> bytes | None:
        """The member whose document this is; None when no known member's document has this name."""
        return self._documents.member_of(genesis)

    def counts(self, member: bytes) -> bool:
        """Whether this member's document is part of the board and of the digest."""
        return self._documents.counts(member)

    def items(self) -> Mapping[bytes, bytes]:
        """Genesis hash to 32-byte state hash of every document in the digest."""
        return self._documents.items()

    def items_by_importance(self) -> Mapping[bytes, bytes]:
        """The same, in the order in which a peer should ask for them."""
        return self._documents.items_by_importance()

    def document_clock(self, genesis: bytes) -> Clock:
        """Per actor the length and head of what counts; empty for an unknown document."""
        return self._documents.clock(genesis)

    def takes(self, genesis: bytes) -> bool:
        """Whether runs of this document are taken: it is shown to peers, or it is our own."""
        return self._documents.takes(genesis)

    def owed(self, genesis: bytes, theirs: Clock) -> list[Run]:
        """The runs that bring a peer with this clock up to date, in an order acceptable in turn."""
        if not self._documents.shown_to_peers(genesis) or not self._documents.holds(genesis):
            return []
        return self._documents.get(genesis).owed(dict(theirs))

    def encode(self, genesis: bytes, runs: Sequence[Run]) -> Iterator[bytes]:
        """Delta payloads that carry these runs, each within `limits.INFLATE_LIMIT`."""
        document = self._documents.get(genesis)
        group: list[Run] = []
        size = 0
        for run in runs:
            weight = sum(map(len, run.changes))
            if group and size + weight > limits.DELTA_BYTES:
                yield encode_delta(genesis, group, document)
                group, size = [], 0
            group.append(run)
            size += weight
        if group:
            yield encode_delta(genesis, group, document)

    def receive(self, deltas: Iterable[StrippedDelta]) -> list[Received]:
        """Judge a peer's runs one by one; store what is accepted, in one transaction.

        A run that lacks something waits (bounded). Runs of a document that no known member owns
        are left alone: the peer shows them again once the roster is the same.
        """
        with self._commit():
            return [self._documents.judge(delta.genesis, delta.runs) for delta in deltas]

    def waiting_runs(self) -> int:
        """How many received runs wait for a card or a predecessor, in all documents."""
        return self._documents.waiting_runs()

    # ---- what changed
    def take_changes(self) -> list[Changed]:
        """The documents that changed since last asked, whoever wrote: to push, show, announce."""
        return self._documents.take_changes()

    def take_changes_and_heal(self) -> tuple[list[Changed], list[Changed]]:
        """What changed, and what this device wrote again because of it.

        The first need not go back to where it came from; the second is new to everybody.
        """
        changed = self.take_changes()
        own = any(change.genesis == self.own_genesis for change in changed)
        return changed, self.take_changes() if own and self.heal() else []

    def follow_records(self) -> set[tuple[bytes, str]]:
        """A set that from now on gathers (member, record id) of records to read again."""
        return self._documents.follow_records()

    # ---- own words
    def write(self, edits: Sequence[Edit]) -> None:
        """Write one change into this member's own document and commit.

        Raises:
          StoreError, StoreFull: nothing was written.
          InvalidInput: the record would break a format rule; nothing was written.
          RefusedByTrust: this device was removed; nothing was written.
        """
        self.write_all([edits])

    def write_all(self, changes: Sequence[Sequence[Edit]]) -> None:
        """Write several changes, all of them or none, in one transaction. Raises as `write`."""
        if self.is_removed():
            raise RefusedByTrust(
                "this device was removed from its member, so nobody would see what it writes; ask "
                "for a new invite or link and join in a new home"
            )
        self.heal()
        document = self._documents.get(self.own_genesis)
        before = document.clock()
        with self._commit():
            if not document.continues(self.actor):
                self._draw_nonce()
            written = [
                change
                for edits in changes
                if (change := document.edit(self.actor, self.identity.signing_key, edits))
            ]
            if written:
                self._documents.write_down(document, written, before)

    def heal(self) -> bool:
        """Write this device's left-out changes again (docs/protocol.md, "Healing").

        Returns whether there were any. The records where values differ show both. What a removal
        of this device left out stays out: writing it again would be in vain, for ever.
        """
        document = self._documents.get(self.own_genesis)
        if self.is_removed() or not document.needs_heal(self.identity.device):
            return False
        before = document.clock()
        with self._commit():
            written = document.heal(
                self.identity.device, self.identity.signing_key, self._fresh_actor
            )
            self._draw_nonce()
            self._documents.write_down(document, written, before)
        return True

    def _fresh_actor(self) -> bytes:
        return ids.actor_id(self.identity.device, self._random(ids.NONCE_BYTES))

    # ---- the whole
    def digest(self) -> bytes:
        """SHA-256 over the effective cards and the document states (docs/protocol.md, "Digest")."""
        return digest_of(self.roster.hashes, self.items())


def digest_of(cards: frozenset[bytes], items: Mapping[bytes, bytes]) -> bytes:
    """The community's digest: equal on two devices means equal roster and equal documents."""
    digest = hashlib.sha256(b"meshaid-digest-v1\0")
    digest.update(len(cards).to_bytes(4, "big"))
    for card_hash in sorted(cards):
        digest.update(card_hash)
    digest.update(len(items).to_bytes(4, "big"))
    for genesis, state in sorted(items.items()):
        digest.update(genesis + state)
    return digest.digest()
