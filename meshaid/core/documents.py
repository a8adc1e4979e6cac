"""Every member's document, as one device keeps them: named, loaded, judged and written down.

The ledger holds the changes; here are the caches upon it: the row of each document (its clock and
state), the documents in memory, the runs that wait. What a removal cuts, or a cap on cards, is
worked out from the roster, which the owner hands over whenever it is another one.

Whatever changes something here happens inside a transaction of the owner (replica.py); when that
fails, `reload` brings the caches back to the disk.
Source: docs/protocol.md, "Acceptance" and "What counts".
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from meshaid import _automerge
from meshaid.core import ids
from meshaid.core.clocks import pack_clock, unpack_clock
from meshaid.core.delta import Missing, StrippedRun, rebuild
from meshaid.core.document import Document, Outcome, Standing, Written
from meshaid.core.fields import Value
from meshaid.core.identity import Identity
from meshaid.core.importance import Importance
from meshaid.core.ledger import DocumentRow, Ledger
from meshaid.core.roster import Roster
from meshaid.core.shapes import Clock
from meshaid.core.waiting import WaitingRuns
from meshaid.errors import RemoteProtocolError

FIRST_EPOCH_NONCE = bytes(ids.GENESIS_NONCE_BYTES)

Verdicts: TypeAlias = dict[bytes, tuple[frozenset[bytes], ...] | None]
"""Device to what the removals of it let stay; None when nothing of it is cut."""
FULL = "LIMIT"
"""Beside the gate's rules: more actors than a document has. Such a run is asked for again later."""
_NOTHING_STAYS = (frozenset[bytes](),)


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


class Documents:
    """All documents of one device. Not safe for use by two threads at once."""

    def __init__(
        self, ledger: Ledger, identity: Identity, roster: Roster, *, in_memory: int
    ) -> None:
        """Find what the ledger holds; at most `in_memory` documents stay loaded."""
        self._ledger = ledger
        self._identity = identity
        self._limit = in_memory
        self._loaded: OrderedDict[bytes, Document] = OrderedDict()
        self._waiting = WaitingRuns()
        self._uncarded = WaitingRuns()
        """Runs of devices that are not known yet: only another roster can help them."""
        self._changed: dict[bytes, Changed] = {}
        self._followers: list[set[tuple[bytes, str]]] = []
        self._genesis: dict[bytes, tuple[bytes, bytes]] = {}
        self._short: dict[bytes, bytes] = {}
        self._members: dict[bytes, bytes] = {}
        self.reload(roster)

    def reload(self, roster: Roster) -> None:
        """Hold what the ledger holds: at the start, and after a commit that failed."""
        self._roster = roster
        self._loaded.clear()
        # `_changed` stays: it tells of commits before this one, too, and of no change at worst.
        self._items: Mapping[bytes, bytes] | None = None
        self._importance: Importance | None = None
        self._rows = {row.genesis: row for row in self._ledger.documents()}
        self._name()

    # ---- names
    def _name(self) -> None:
        """Compute the document name of every member (epoch 1), also of our own before it is proven,
        and of those who were removed."""
        held = {row.member for row in self._rows.values()}
        known = {*self._roster.members, self._identity.member, *held}
        for member in known - self._members.keys():
            actor = ids.genesis_actor(self._identity.community, member, 1, FIRST_EPOCH_NONCE)
            raw = _automerge.genesis(actor)
            name = _automerge.change_hash(raw)
            self._genesis[name] = (member, raw)
            self._short[name[:16]] = name
            self._members[member] = name

    def of_member(self, member: bytes) -> bytes:
        """The name of a known member's document. Raises KeyError."""
        return self._members[member]

    def member_of(self, genesis: bytes) -> bytes | None:
        """The member whose document this is; None when no known member's document has this name."""
        known = self._genesis.get(genesis)
        return known[0] if known else None

    def named(self, name: bytes) -> bytes | None:
        """The genesis hash, of a known member's document, that begins with these 16 bytes."""
        return self._short.get(name)

    # ---- what is held
    def counts(self, member: bytes) -> bool:
        """Whether this member's document is part of the board and of the digest."""
        view = self._roster.members.get(member)
        return view is not None and view.status in ("member", "steward")

    def shown_to_peers(self, genesis: bytes) -> bool:
        """Whether this document is part of the digest, as soon as anything of it is held."""
        member = self.member_of(genesis)
        return member is not None and self.counts(member)

    def items(self) -> Mapping[bytes, bytes]:
        """Genesis hash to 32-byte state hash of every document in the digest."""
        if self._items is None:
            rows = self._rows.values()
            self._items = {r.genesis: r.state for r in rows if r.state and self.counts(r.member)}
        return self._items

    def items_by_importance(self) -> Mapping[bytes, bytes]:
        """The same, in the order in which a peer should ask for them: by what their records say,
        among equals our own first."""
        if self._importance is None:  # read once, and only when there is something to pass on
            self._importance = Importance(self._ledger.each_record())
        own = self._members[self._identity.member]

        def place(genesis: bytes) -> tuple[int, bool, int, bytes]:
            level, newest = importance.rank(self._rows[genesis].member)
            return level, genesis != own, newest, genesis

        items, importance = self.items(), self._importance
        return {genesis: items[genesis] for genesis in sorted(items, key=place)}

    def changes(self) -> int:
        """Accepted changes in all documents that count."""
        return sum(row.changes for row in self._rows.values() if self.counts(row.member))

    def holds(self, genesis: bytes) -> bool:
        """Whether anything of this document is held."""
        return genesis in self._rows

    def clock(self, genesis: bytes) -> Clock:
        """Per actor the length and head of what counts; empty for an unknown document."""
        row = self._rows.get(genesis)
        return unpack_clock(row.clock) if row else {}

    def leaves_out(self, member: bytes) -> bool:
        """Whether changes of this member are held that do not count, now or for good: records that
        are gone may come back, when a fork is healed or another card comes."""
        genesis = self.of_member(member)
        if not self.holds(genesis):
            return False
        document = self.get(genesis)
        return len(document.counted()) < len(document)

    def get(self, genesis: bytes) -> Document:
        """The document, rebuilt from the ledger when it was not in memory. Raises KeyError for a
        name that no known member's document has."""
        return self._get(genesis, self._roster)

    def _get(self, genesis: bytes, roster: Roster) -> Document:
        document = self._loaded.pop(genesis, None)
        if document is None:
            member, raw = self._genesis[genesis]
            document = Document.load(raw, self._ledger.changes(genesis))
            document.set_cuts(_cuts(document, self._verdicts(roster, member)))
            document.take_changed_records()
        self._loaded[genesis] = document
        while len(self._loaded) > self._limit:
            self._loaded.popitem(last=False)
        return document

    # ---- removals
    def follow(self, roster: Roster) -> None:
        """Let every document show what counts under a new roster, and judge again what waits."""
        before, self._roster = self._roster, roster
        self._items = None
        self._name()
        for genesis in dict.fromkeys((*self._rows, *self._loaded)):
            member, _ = self._genesis[genesis]
            verdicts = self._verdicts(roster, member)
            if verdicts == self._verdicts(before, member):
                continue
            document = self._get(genesis, before)
            clock = document.clock()
            if document.set_cuts(_cuts(document, verdicts)):
                self._put_row(document)
                self._show(document, clock)
        for genesis in self._uncarded.documents():
            self.judge(genesis, self._uncarded.take(genesis))
        for genesis in self._waiting.documents():
            self.judge(genesis, self._waiting.take(genesis))

    def _verdicts(self, roster: Roster, member: bytes) -> Verdicts:
        """What is cut of each device that was ever valid for a member; of our own also before."""
        devices = set(roster.ever_devices(member))
        if member == self._identity.member:
            devices.add(self._identity.device)
        return {device: roster.cuts(member, device) for device in devices}

    # ---- acceptance
    def takes(self, genesis: bytes) -> bool:
        """Whether runs of this document are taken: it is shown to peers, or it is our own."""
        return self.shown_to_peers(genesis) or self.member_of(genesis) == self._identity.member

    def waiting_runs(self) -> int:
        """How many received runs wait for a card or a predecessor, in all documents."""
        return len(self._waiting) + len(self._uncarded)

    def judge(self, genesis: bytes, runs: Sequence[StrippedRun]) -> Received:
        """Judge runs of one document, and those that waited for them; store what is accepted."""
        if not self.takes(genesis):
            return Received(genesis, {})
        document = self.get(genesis)
        before = document.clock()
        accepted: list[Outcome] = []
        refused: list[tuple[str, bytes]] = []
        rules: list[str] = []
        queue = [(run, True) for run in runs]
        stirred = False
        while queue:
            stripped, sent = queue.pop(0)
            outcome = self._judge_one(document, stripped)
            rules += [outcome.rule] if outcome.rule else []
            if outcome.rule == FULL:
                continue
            if outcome.kind == "waiting":
                (self._uncarded if outcome.rule == "G4" else self._waiting).keep(genesis, stripped)
            elif outcome.kind == "refused" and sent:
                # One that waited is nobody's fault here: another peer had brought it.
                refused.append((outcome.rule, stripped.signature[:16]))
            elif outcome.new:
                accepted.append(outcome)
                stirred = True
            if stirred and not queue:
                stirred = False
                queue += ((run, False) for run in self._waiting.take(genesis))
        if accepted:
            self.write_down(document, accepted, before)
        return Received(genesis, before, len(accepted), tuple(refused), tuple(rules))

    def _judge_one(self, document: Document, stripped: StrippedRun) -> Outcome:
        try:
            run = rebuild(stripped, document)
        except RemoteProtocolError as error:
            return Outcome.refused("G1", str(error))
        if isinstance(run, Missing):
            return Outcome.waiting("G3", "a predecessor is not held yet")
        if document.is_full(run.actor):
            return Outcome.waiting(FULL, "the document has too many actors already")
        return document.receive(run, self._standing(document.genesis, ids.device_of(run.actor)))

    def _standing(self, genesis: bytes, device: bytes) -> Standing:
        """What the cards say of a device that signed a run in this document (rule G4)."""
        member, _ = self._genesis[genesis]
        owners = self._roster.member_of_ever(device)
        if member in owners or (member, device) == (self._identity.member, self._identity.device):
            return "member"
        return "other" if owners else "unknown"

    # ---- writing down
    def write_down(
        self, document: Document, outcomes: Sequence[Outcome | Written], before: Clock
    ) -> None:
        """Put accepted or written changes, signatures, clock and read model into the ledger."""
        self._put_row(document)
        for outcome in outcomes:
            self._ledger.add_changes(document.genesis, outcome.new)
            for change_hash, signature in outcome.signed:
                self._ledger.put_signature(document.genesis, change_hash, signature)
        for change_hash in document.thin():
            self._ledger.put_signature(document.genesis, change_hash, None)
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
            self._ledger.put_document(row)
            self._rows[document.genesis] = row
            self._items = None

    def _show(self, document: Document, before: Clock) -> None:
        """Bring the read model up to date and note for `take_changes` what is different."""
        touched = document.take_changed_records()
        if touched:
            shown = document.records(sorted(touched))
            records = {name: fields_of(shown[name]) if name in shown else None for name in touched}
            member = self._genesis[document.genesis][0]
            self._ledger.put_records(member, records)
            if self._importance is not None:
                for name, fields in records.items():
                    self._importance.note(member, name, fields)
            for follower in self._followers:
                follower.update((member, name) for name in touched)
        noted = self._changed.get(document.genesis)
        if noted is not None:
            before, touched = noted.before, touched | noted.records
        self._changed[document.genesis] = Changed(document.genesis, before, frozenset(touched))

    def take_changes(self) -> list[Changed]:
        """The documents that changed since last asked, whoever wrote."""
        changed, self._changed = list(self._changed.values()), {}
        return changed

    def follow_records(self) -> set[tuple[bytes, str]]:
        """A set that from now on gathers (member, record id) of records to read again."""
        follower: set[tuple[bytes, str]] = set()
        self._followers.append(follower)
        return follower


def _cuts(document: Document, verdicts: Verdicts) -> dict[bytes, tuple[frozenset[bytes], ...]]:
    """Per device what stays. A device that wrote here, and was never valid by now, was accepted
    before a cap on cards left it out: it counts as removed, with nothing named."""
    cuts = dict.fromkeys(document.devices() - verdicts.keys(), _NOTHING_STAYS)
    return cuts | {device: cut for device, cut in verdicts.items() if cut is not None}


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
