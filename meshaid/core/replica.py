"""Everything that one device knows: the community's cards, every member's document, and who it is.

All of it is synchronous and sans-IO: the disk is a `Ledger`, clock and random bytes are arguments.
Each method that changes something has committed it when it returns; when the commit fails, the
caches that ran ahead are thrown away and the error goes up, so memory never shows what the disk
does not hold (DESIGN invariant 3; docs/protocol.md, "Acceptance").

What this file does not do: talk to peers (meeting.py), speak of needs and offers (commands.py).
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from meshaid import _automerge, limits
from meshaid.core import ids
from meshaid.core.clocks import pack_clock, unpack_clock
from meshaid.core.delta import Missing, Run, StrippedDelta, StrippedRun, encode_delta, rebuild
from meshaid.core.document import Document, Edit, Outcome, Standing, Written
from meshaid.core.identity import Identity
from meshaid.core.cards import Founding, Member, Role, SignedCard
from meshaid.core.fields import Value
from meshaid.core.ledger import DocumentRow, Ledger
from meshaid.core.roster import DEFAULT_CAPS, Roster, RosterCaps
from meshaid.core.shapes import Clock
from meshaid.core.shelf import CardsAdded, CardShelf
from meshaid.core.waiting import WaitingRuns

FIRST_EPOCH_NONCE = bytes(ids.GENESIS_NONCE_BYTES)
_IDENTITY = "identity"
_NONCE = "nonce"


@dataclass(frozen=True, slots=True)
class Received:
    """What came of one delta; what was accepted is durable. Implements `knowledge.Receipt`."""

    genesis: bytes
    before: Clock
    accepted: int = 0
    refused: tuple[tuple[str, bytes], ...] = ()
    """(rule, first 16 bytes of the run's signature) of each refused run."""
    rules: tuple[str, ...] = ()
    """The rule behind every verdict that was not a plain acceptance; "G6" for a fork."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A document that shows something else now: its clock before, and the touched records."""

    genesis: bytes
    before: Clock
    records: frozenset[str]


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
        documents_in_memory: int = limits.DOCUMENTS_IN_MEMORY,
    ) -> None:
        self.ledger = ledger
        self.identity = identity
        self._random = random
        self._limit = documents_in_memory
        self._loaded: OrderedDict[bytes, Document] = OrderedDict()
        self._rows: dict[bytes, DocumentRow] = {row.genesis: row for row in ledger.documents()}
        self._items: Mapping[bytes, bytes] | None = None
        self._waiting = WaitingRuns()
        self._changed: dict[bytes, Changed] = {}
        self._followers: list[set[tuple[bytes, str]]] = []
        self._genesis: dict[bytes, tuple[bytes, bytes]] = {}
        self._short: dict[bytes, bytes] = {}
        self._members: dict[bytes, bytes] = {}
        self._shelf = CardShelf(
            ledger,
            identity.community,
            member=identity.member,
            device=identity.device,
            caps=caps,
        )
        self._name_documents()
        self._nonce = self._check_install(install)

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
        return self._members[self.identity.member]

    def is_proven(self) -> bool:
        """Whether this device's own chain of cards is complete here."""
        return self.identity.device in self.roster.devices

    def _check_install(self, install: bytes) -> bytes:
        """The install nonce; a new one when this store was copied to another place or machine."""
        nonce = self.ledger.setting(_NONCE)
        if nonce is not None and self.ledger.setting("install") == install:
            return nonce
        with self.ledger.transaction():
            self.ledger.put_setting("install", install)
            return self._draw_nonce()

    def _draw_nonce(self) -> bytes:
        """Draw and keep a new install nonce (in the open transaction)."""
        self._nonce = self._random(ids.NONCE_BYTES)
        self.ledger.put_setting(_NONCE, self._nonce)
        return self._nonce

    def renew_nonce(self) -> None:
        """Go on as a new actor: this store may lack changes that the old one published."""
        with self.ledger.transaction():
            self._draw_nonce()

    def note_peer_clock(self, genesis: bytes, clock: Clock) -> bool:
        """Look for our own actor in a peer's clock; a longer or other branch means a restored store.

        Returns True when a new nonce was drawn.
        """
        theirs = clock.get(self.actor)
        if theirs is None or genesis != self.own_genesis:
            return False
        if self._document(genesis).holds(theirs[1]):
            return False
        self.renew_nonce()
        return True

    def founding(self) -> Founding | None:
        """The founding card, once it is held."""
        return self.roster.founding

    def own_member_card(self) -> Member | None:
        """This member's own card, proven or not; None on a linked device that lacks it still."""
        return self._shelf.own_member_card()

    # ---- cards
    def add_cards(self, wires: Sequence[bytes]) -> CardsAdded:
        """Keep received cards; documents and waiting runs follow the roster, in one transaction."""
        before = self.roster
        with self._commit():
            added = self._shelf.add(wires)
            if added.changed:
                self._items = None
                self._name_documents()
                self._follow_cuts(before)
                for genesis in self._waiting.documents():
                    self._judge(genesis, self._waiting.take(genesis))
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
    def _name_documents(self) -> None:
        """Compute the document name of every member (epoch 1), also of our own before it is proven."""
        for member in {*self.roster.members, self.identity.member} - self._members.keys():
            actor = ids.genesis_actor(self.identity.community, member, 1, FIRST_EPOCH_NONCE)
            raw = _automerge.genesis(actor)
            name = _automerge.change_hash(raw)
            self._genesis[name] = (member, raw)
            self._short[name[:16]] = name
            self._members[member] = name

    def genesis_named(self, name: bytes) -> bytes | None:
        """The genesis hash, of a known member's document, that begins with these 16 bytes."""
        return self._short.get(name)

    def changes(self) -> int:
        """Accepted changes in all documents that count."""
        return sum(row.changes for row in self._rows.values() if self.counts(row.member))

    def export(self, member: bytes) -> bytes:
        """A member's document as an Automerge file. Raises KeyError for an unknown member."""
        return self._document(self._members[member]).export()

    def member_of(self, genesis: bytes) -> bytes | None:
        """The member whose document this is; None when no known member's document has this name."""
        known = self._genesis.get(genesis)
        return known[0] if known else None

    def counts(self, member: bytes) -> bool:
        """Whether this member's document is part of the board and of the digest."""
        view = self.roster.members.get(member)
        return view is not None and view.status in ("member", "steward")

    def items(self) -> Mapping[bytes, bytes]:
        """Genesis hash to 32-byte state hash of every document in the digest; our own first."""
        if self._items is None:
            rows = [row for row in self._rows.values() if row.state and self.counts(row.member)]
            rows.sort(key=lambda row: (row.member != self.identity.member, row.genesis))
            self._items = {row.genesis: row.state for row in rows}
        return self._items

    def document_clock(self, genesis: bytes) -> Clock:
        """Per actor the length and head of what counts; empty for an unknown document."""
        row = self._rows.get(genesis)
        return unpack_clock(row.clock) if row else {}

    def may_serve(self, genesis: bytes) -> bool:
        member = self.member_of(genesis)
        return member is not None and self.counts(member)

    def owed(self, genesis: bytes, theirs: Clock) -> list[Run]:
        """The runs that bring a peer with this clock up to date, in an order acceptable in turn."""
        if not self.may_serve(genesis) or genesis not in self._rows:
            return []
        return self._document(genesis).owed(dict(theirs))

    def encode(self, genesis: bytes, runs: Sequence[Run]) -> Iterator[bytes]:
        """Delta payloads that carry these runs, each within `limits.INFLATE_LIMIT`."""
        document = self._document(genesis)
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

    def _document(self, genesis: bytes) -> Document:
        """The loaded document, rebuilt from the ledger when it was not in memory."""
        document = self._loaded.pop(genesis, None)
        if document is None:
            member, raw = self._genesis[genesis]
            document = Document.load(raw, self.ledger.changes(genesis))
            document.set_cuts(self._cuts(self.roster, member))
            document.take_changed_records()
        self._loaded[genesis] = document
        while len(self._loaded) > self._limit:
            self._loaded.popitem(last=False)
        return document

    @contextmanager
    def _commit(self) -> Iterator[None]:
        """One transaction; when it fails, every cache that ran ahead of the disk is dropped."""
        try:
            with self.ledger.transaction():
                yield
        except BaseException:
            self._loaded.clear()
            self._items = None
            self._rows = {row.genesis: row for row in self.ledger.documents()}
            self._shelf.reload()
            raise

    # ---- acceptance
    def waiting_runs(self) -> int:
        """How many received runs wait for a card or a predecessor, in all documents."""
        return sum(map(self._waiting.count, self._waiting.documents()))

    def takes(self, genesis: bytes) -> bool:
        """Whether runs of this document are taken: it is shown to peers, or it is our own."""
        return self.may_serve(genesis) or genesis == self.own_genesis

    def receive(self, deltas: Iterable[StrippedDelta]) -> list[Received]:
        """Judge a peer's runs one by one; store what is accepted, in one transaction.

        A run that lacks something waits (bounded). Runs of a document that no known member owns
        are left alone: the peer shows them again once the roster is the same.
        """
        with self._commit():
            return [self._judge(delta.genesis, delta.runs) for delta in deltas]

    def _judge(self, genesis: bytes, runs: Sequence[StrippedRun]) -> Received:
        """Judge runs of one document, and those that waited for them (in the open transaction)."""
        if not self.takes(genesis):
            return Received(genesis, {})
        document = self._document(genesis)
        before = document.clock()
        accepted: list[Outcome] = []
        refused: list[tuple[str, bytes]] = []
        rules: list[str] = []
        queue = list(runs)
        while queue:
            stripped = queue.pop(0)
            outcome = self._judge_one(document, stripped)
            rules += [outcome.rule] if outcome.rule else []
            if outcome.kind == "waiting":
                self._waiting.keep(genesis, stripped)
            elif outcome.kind == "refused":
                refused.append((outcome.rule, stripped.signature[:16]))
            elif outcome.new:
                accepted.append(outcome)
                queue += self._waiting.take(genesis)
        if accepted:
            self._write_down(document, accepted, before)
        return Received(genesis, before, len(accepted), tuple(refused), tuple(rules))

    def _judge_one(self, document: Document, stripped: StrippedRun) -> Outcome:
        run = rebuild(stripped, document)
        if isinstance(run, Missing):
            return Outcome.waiting("G3", "a predecessor is not held yet")
        return document.receive(run, self._standing(document.genesis, ids.device_of(run.actor)))

    def _standing(self, genesis: bytes, device: bytes) -> Standing:
        """What the cards say of a device that signed a run in this document (rule G4)."""
        member, _ = self._genesis[genesis]
        owners = self.roster.member_of_ever(device)
        if member in owners or (member, device) == (self.identity.member, self.identity.device):
            return "member"
        return "other" if owners else "unknown"

    def _write_down(
        self, document: Document, outcomes: Sequence[Outcome | Written], before: Clock
    ) -> None:
        """Put accepted runs, signatures, clock and read model into the open transaction."""
        self._put_row(document)
        for outcome in outcomes:
            self.ledger.add_changes(document.genesis, outcome.new)
            for change_hash, signature in outcome.signed:
                self.ledger.put_signature(document.genesis, change_hash, signature)
        for change_hash in document.thin():
            self.ledger.put_signature(document.genesis, change_hash, None)
        self._show(document, before)

    def _put_row(self, document: Document) -> None:
        row = DocumentRow(
            genesis=document.genesis,
            member=self._genesis[document.genesis][0],
            epoch=1,
            nonce=FIRST_EPOCH_NONCE,
            clock=pack_clock(document.clock()),
            state=document.state_hash(),
            changes=len(document),
        )
        if row != self._rows.get(document.genesis):
            self.ledger.put_document(row)
            self._rows[document.genesis] = row
            self._items = None

    def _show(self, document: Document, before: Clock) -> None:
        """Bring the read model up to date and note for `take_changes` what is different."""
        touched = document.take_changed_records()
        if touched:
            shown = document.records(sorted(touched))
            records = {name: fields_of(shown[name]) if name in shown else None for name in touched}
            member = self._genesis[document.genesis][0]
            self.ledger.put_records(member, records)
            for follower in self._followers:
                follower.update((member, name) for name in touched)
        noted = self._changed.get(document.genesis)
        if noted is not None:
            before, touched = noted.before, touched | noted.records
        self._changed[document.genesis] = Changed(document.genesis, before, frozenset(touched))

    def take_changes_and_heal(self) -> tuple[list[Changed], list[Changed]]:
        """What changed, and what this device wrote again because of it.

        The first need not go back to where it came from; the second is new to everybody.
        """
        changed = self.take_changes()
        own = any(change.genesis == self.own_genesis for change in changed)
        return changed, self.take_changes() if own and self.heal() else []

    def follow_records(self) -> set[tuple[bytes, str]]:
        """A set that from now on gathers (member, record id) of records to read again."""
        follower: set[tuple[bytes, str]] = set()
        self._followers.append(follower)
        return follower

    def take_changes(self) -> list[Changed]:
        """The documents that changed since last asked, whoever wrote: to push, show and announce."""
        changed, self._changed = list(self._changed.values()), {}
        return changed

    # ---- removals
    def _cuts(self, roster: Roster, member: bytes) -> dict[bytes, tuple[frozenset[bytes], ...]]:
        """Per device of the member that does not stand: what each removal of it lets stay."""
        cuts = {}
        for device in roster.ever_devices(member):
            cut = roster.cuts(member, device)
            if cut is not None:
                cuts[device] = cut
        return cuts

    def _follow_cuts(self, before: Roster) -> None:
        """Let every document show what counts under the new roster (in the open transaction)."""
        for genesis, row in list(self._rows.items()):
            cuts = self._cuts(self.roster, row.member)
            if cuts == self._cuts(before, row.member):
                continue
            document = self._document(genesis)
            clock = document.clock()
            if document.set_cuts(cuts):
                self._put_row(document)
                self._show(document, clock)

    # ---- own words
    def write(self, edits: Sequence[Edit]) -> None:
        """Write one change into this member's own document and commit.

        Raises:
          StoreError, StoreFull: nothing was written.
          InvalidInput: the record would break a format rule; nothing was written.
        """
        self.write_all([edits])

    def write_all(self, changes: Sequence[Sequence[Edit]]) -> None:
        """Write several changes, all of them or none, in one transaction. Raises as `write`."""
        self.heal()
        document = self._document(self.own_genesis)
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
                self._write_down(document, written, before)

    def heal(self) -> bool:
        """Write this device's left-out changes again (docs/protocol.md, "Forks").

        Returns whether there were any. The records where values differ show both.
        """
        document = self._document(self.own_genesis)
        if not document.needs_heal(self.identity.device):
            return False
        before = document.clock()
        with self._commit():
            written = document.heal(
                self.identity.device, self.identity.signing_key, self._fresh_actor
            )
            self._draw_nonce()
            self._write_down(document, written, before)
        return True

    def _fresh_actor(self) -> bytes:
        return ids.actor_id(self.identity.device, self._random(ids.NONCE_BYTES))

    # ---- the whole
    def digest(self) -> bytes:
        """SHA-256 over the effective cards and the document states (docs/protocol.md, "Digest")."""
        return digest_of(self.roster.hashes, self.items())


def fields_of(shown: Mapping[str, Any]) -> dict[str, list[Value]]:
    """A record as a document shows it, for the read model: every field's values, winner first."""
    return {
        field: [_plain(value) for value, *_ in values] for field, values in shown["fields"].items()
    }


def _plain(value: Any) -> Value:
    """A value without its op id; of an inner map, every entry's winner."""
    if not isinstance(value, dict):
        scalar: Value = value
        return scalar
    return {key: texts[0][0] for key, texts in value.items()}


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
