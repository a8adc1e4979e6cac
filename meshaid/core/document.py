"""One member's document: what is accepted, what of it counts, what is sent, and what is written.

The signed change bytes are the truth. This object holds them and three views of them: the gate's
tables and the Automerge cache (both native), the graph and what counts (fork.py), and the kept
signatures (pieces.py). The cache follows what counts when it is next read, so that one delta of
many runs costs one application, and a cut one rebuilding.

*An own change* is edited into the cache, passes the same gate as everybody's, is signed, and
stands here at once; the caller makes it durable before anybody sees it. When that fails, or when a
call raises DocumentPoisoned, the caller throws the object away and loads it again.

What this file does not do: read cards (the caller says how a device stands), or touch a disk.
Source: docs/protocol.md, "Acceptance"; DESIGN sections 6 and 7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from meshaid import limits
from meshaid._automerge import Caps, Meta
from meshaid._automerge import Document as NativeDocument
from meshaid.core.chunk import ACTOR_BYTES, change_hash, parse_change
from meshaid.core.clocks import state_hash
from meshaid.core.delta import Run, signed_bytes
from meshaid.core.fork import DEVICE_BYTES, Change, Clock, Cuts, History
from meshaid.core.heal import Edit, LeftOut, Seen, again, effect_of
from meshaid.core.keys import SigningKey, verify
from meshaid.core.pieces import Pieces
from meshaid.errors import InvalidInput, InvalidSignature, LocalProtocolError, StoreError

__all__ = ["Clock", "Document", "Edit", "Outcome", "Shown", "Standing", "Stored", "Written"]

Standing: TypeAlias = Literal["member", "other", "unknown"]
"""What the cards say of a run's device: ever valid for this member, another's, or not known."""
Shown: TypeAlias = dict[str, dict[str, Any]]
"""Record id to {"maps": count, "fields": {field: [(value, counter, actor, hash), ...]}}."""

SIGNATURE_RULE: Final = "SIG"
"""Named beside the gate's rules: the signature does not fit the run."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A newly accepted change, to be put on disk."""

    hash: bytes
    actor: bytes
    seq: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one run. Unless it was accepted, nothing of it is held.

    `rule` and `detail` say why not, without content; `new` is what was not held before, in order;
    `signed` the signatures that are kept now, each with the hash that it stands on; `forked`
    whether the run shows a fork.
    """

    kind: Literal["accepted", "waiting", "refused"]
    rule: str = ""
    detail: str = ""
    new: tuple[Stored, ...] = ()
    signed: tuple[tuple[bytes, bytes], ...] = ()
    forked: bool = False

    @staticmethod
    def waiting(rule: str, detail: str) -> Outcome:
        """The run lacks a card or a predecessor."""
        return Outcome("waiting", rule, detail)

    @staticmethod
    def refused(rule: str, detail: str) -> Outcome:
        """The run can never be accepted."""
        return Outcome("refused", rule, detail)


@dataclass(frozen=True, slots=True)
class Written:
    """An own change that passed the gate and is signed; durable once the caller has stored it."""

    hash: bytes
    actor: bytes
    seq: int
    raw: bytes
    signature: bytes

    @property
    def new(self) -> tuple[Stored, ...]:
        """As `Outcome.new`."""
        return (Stored(self.hash, self.actor, self.seq, self.raw),)

    @property
    def signed(self) -> tuple[tuple[bytes, bytes], ...]:
        """As `Outcome.signed`."""
        return ((self.hash, self.signature),)


class Document:
    """All accepted changes of one member's epoch. Not safe for use by two threads at once."""

    def __init__(
        self,
        genesis_raw: bytes,
        *,
        run_changes: int = limits.MAX_RUN_CHANGES,
        run_bytes: int = limits.MAX_RUN_BYTES,
        caps: Caps | None = None,
    ) -> None:
        """An empty document.

        Args:
          genesis_raw: bytes of its genesis change, which names it.
          run_changes, run_bytes: the longest piece that dropping a signature may make.
          caps: those of the gate, where a test wants other ones than limits.py.
        Raises:
          ValueError: not a genesis change.
        """
        parts = parse_change(genesis_raw)
        self.genesis: Final = change_hash(genesis_raw)
        self._native = NativeDocument(genesis_raw, caps=caps)
        root = Change(self.genesis, parts.actor, 1, (), b"", parts.ops, len(genesis_raw))
        self._history = History(root)
        self._pieces = Pieces(self._history, run_changes=run_changes, run_bytes=run_bytes)
        self._raws: dict[bytes, bytes] = {}
        self._clock: Clock | None = {}
        self._touched: set[str] = set()
        self._healthy: tuple[object, ...] = ()

    @classmethod
    def load(
        cls,
        genesis_raw: bytes,
        stored: Iterable[tuple[bytes, bytes | None]],
        *,
        run_changes: int = limits.MAX_RUN_CHANGES,
        run_bytes: int = limits.MAX_RUN_BYTES,
        caps: Caps | None = None,
    ) -> Document:
        """The document of changes that were accepted before: raw bytes and kept signature of each,
        in the order of acceptance. They are not judged again.

        Raises:
          DocumentPoisoned: the bytes are not what was accepted.
          StoreError: the end of a branch lacks its signature.
        """
        document = cls(genesis_raw, run_changes=run_changes, run_bytes=run_bytes, caps=caps)
        rows = list(stored)
        history, signatures = document._history, document._pieces.signatures
        metas = document._native.restore([raw for raw, _ in rows])
        for meta, (raw, signature) in zip(metas, rows, strict=True):
            history.add(meta)
            document._raws[meta.hash] = raw
            if signature is not None:
                signatures[meta.hash] = signature
        if any(not history.above(h) and h not in signatures for h in history.changes):
            raise StoreError(
                "a stored document lacks a signature; set the store aside and sync with a peer"
            )
        document._clock = None
        return document

    # ---- reading
    def __len__(self) -> int:
        """How many changes are held, counting or not."""
        return len(self._history)

    def devices(self) -> set[bytes]:
        """The devices (32 bytes) of which a change is held, counting or not."""
        return {actor[:DEVICE_BYTES] for actor in self._history.actors()}

    def holds(self, change: bytes) -> bool:
        """Whether the change with this hash is held, counting or not."""
        return change in self._history

    def find(self, prefix: bytes) -> Sequence[Change]:
        """All held changes whose hash begins with these 8 or 32 bytes, the genesis among them."""
        return self._history.find(prefix)

    def counted(self) -> frozenset[bytes]:
        """The hashes of what counts."""
        return frozenset(self._history.counted())

    def clock(self) -> Clock:
        """Per actor the length and head of what counts. It does not change afterwards."""
        if self._clock is None:
            self._clock = dict(self._history.clock())
        return self._clock

    def state_hash(self) -> bytes:
        """32 bytes, equal exactly when what counts is; empty when nothing does.

        Source: docs/protocol.md, "Document state".
        """
        return state_hash(self.clock())

    def records(self, ids: Sequence[str] | None = None) -> Shown:
        """The records of these ids, or all, of what counts; ids that are not shown are left out."""
        self._settle()
        shown: Shown = self._native.records(ids)
        return shown

    def take_changed_records(self) -> set[str]:
        """The ids of records touched since last asked; all of them after something was cut.

        It brings the cache up to date first: called before what was accepted is committed, a
        change that Automerge cannot hold poisons this object and not the disk.
        """
        self._settle()
        touched, self._touched = self._touched, set()
        return touched

    def export(self) -> bytes:
        """What counts as an ordinary Automerge file."""
        self._settle()
        data: bytes = self._native.export()
        return data

    def _settle(self) -> None:
        """Bring the Automerge cache to what counts."""
        news = self._history.take_news()
        if news is None:
            self._touched.update(self._native.record_ids())
            self._native.rebuild(self._history.in_order())
            self._touched.update(self._native.record_ids())
        elif news:
            self._touched.update(self._native.apply(news))

    # ---- acceptance
    def receive(self, run: Run, standing: Standing) -> Outcome:
        """Judge one run: its signature first, then the gate. All or nothing.

        A run that brings nothing new is accepted as it is, whatever its signature.

        Args:
          run: raw changes, rebuilt from what a peer sent.
          standing: what the cards say of the device that signed it (rule G4).
        Raises:
          DocumentPoisoned: throw this object away.
        Source: docs/protocol.md, "Acceptance".
        """
        if not run.changes or len(run.actor) != ACTOR_BYTES:
            return Outcome.refused("G4", "a run has changes, and an actor of 36 bytes")
        try:
            last = parse_change(run.changes[-1])
        except ValueError as error:
            verdict = self._native.check(run.actor, standing, list(run.changes))
            return Outcome.refused(verdict.rule or "G1", str(error))  # the gate names its rule
        head = change_hash(run.changes[-1])
        if head in self._history:
            return Outcome("accepted")
        if last.actor != run.actor or not 0 < last.seq <= limits.MAX_SEQ:
            return Outcome.refused("G4", "the last change is not of the run's actor")
        message = signed_bytes(self.genesis, run.actor, last.seq, head)
        try:
            verify(run.actor[:DEVICE_BYTES], run.signature, message)
        except InvalidSignature as error:
            return Outcome.refused(SIGNATURE_RULE, str(error))
        verdict = self._native.accept(run.actor, standing, list(run.changes))
        if verdict.outcome == "waiting":
            return Outcome.waiting(verdict.rule, verdict.detail)
        if verdict.outcome != "accepted":
            return Outcome.refused(verdict.rule, verdict.detail)
        return self._enter(verdict.metas, run.changes, run.signature)

    def _enter(self, metas: Sequence[Meta], raws: Sequence[bytes], signature: bytes) -> Outcome:
        """Take what the gate accepted into the graph."""
        new = []
        forked = False
        for meta, raw in zip(metas, raws, strict=True):
            if meta.hash not in self._history:
                new.append(Stored(meta.hash, meta.actor, meta.seq, raw))
                forked = self._history.add(meta) or forked
                self._raws[meta.hash] = raw
        head = metas[-1].hash
        self._pieces.keep([stored.hash for stored in new], signature)
        self._clock = None
        return Outcome("accepted", new=tuple(new), signed=((head, signature),), forked=forked)

    def set_cuts(self, cuts: Cuts) -> bool:
        """Take over what removals let stay of this member's devices.

        Returns whether what counts changed.
        """
        before = self.clock()
        self._history.set_cuts(cuts)
        self._clock = None
        return self.clock() != before

    # ---- sending
    def owed(self, theirs: Clock) -> list[Run]:
        """What a peer with this clock lacks, proofs of cuts included, each run acceptable in turn.

        Source: docs/protocol.md, "What is owed".
        """
        return [self._run(piece) for piece in self._pieces.owed(theirs)]

    def whole(self) -> list[Run]:
        """All that is held, also what does not count, in an order acceptable in turn."""
        pieces = self._pieces.send_order(self._history.changes, lambda _: False)
        return [self._run(piece) for piece in pieces]

    def _run(self, piece: Sequence[bytes]) -> Run:
        raws = tuple(self._raws[change] for change in piece)
        actor = self._history.changes[piece[-1]].actor
        return Run(actor, raws, self._pieces.signatures[piece[-1]])

    def signatures(self) -> Mapping[bytes, bytes]:
        """The kept signatures by the hash that each stands on."""
        return self._pieces.signatures

    def droppable(self, change: bytes) -> bool:
        """Whether the signature kept for this change may go."""
        return self._pieces.droppable(change)

    def drop(self, change: bytes) -> bool:
        """Drop one kept signature if that may be; returns whether it went."""
        return self._pieces.drop(change)

    def thin(self) -> list[bytes]:
        """Drop the signatures that need not be kept any longer; returns what they stood on."""
        return self._pieces.thin()

    # ---- writing
    def is_full(self, actor: bytes) -> bool:
        """Whether this actor would be one too many (`limits.DOCUMENT_ACTORS`)."""
        known = self._history.length(actor)
        return not known and self._history.actor_count() >= limits.DOCUMENT_ACTORS

    def continues(self, actor: bytes) -> bool:
        """Whether this actor may write: nothing that it wrote is left out. Else take a new one."""
        return self._history.length(actor) == self.clock().get(actor, (0, b""))[0]

    def edit(self, actor: bytes, key: SigningKey, edits: Sequence[Edit]) -> Written | None:
        """Write one change upon exactly what counts; None when it would change nothing.

        Args:
          actor: 36 bytes; the device part is `key`'s public key.
          edits: tuples as `_automerge.Document.edit` takes them.
        Raises:
          InvalidInput: the edits do not fit the record or a limit; nothing was written.
          LocalProtocolError: another device's actor, or one whose changes are left out.
          DocumentPoisoned: throw this object away.
        """
        if actor[:DEVICE_BYTES] != key.public:
            raise LocalProtocolError("a device writes as itself only")
        if not self.continues(actor):
            raise LocalProtocolError("this actor's changes are left out; heal, under a new nonce")
        self._settle()
        return self._write(actor, key, edits, self._history.in_order)

    def _write(
        self,
        actor: bytes,
        key: SigningKey,
        edits: Sequence[Edit],
        below: Callable[[], Sequence[bytes]],
    ) -> Written | None:
        """Edit, gate, sign, upon the changes `below`, which the cache holds before and, when
        nothing was written, afterwards."""
        try:
            raw = self._native.edit(actor, list(edits))
        except ValueError as error:
            raise InvalidInput(f"this cannot be written: {error}") from error
        if raw is None:
            return None
        verdict = self._native.accept(actor, "member", [raw])
        if verdict.outcome != "accepted":
            self._native.rebuild(below())
            reason = f"{verdict.rule}: {verdict.detail}"
            raise InvalidInput(f"this cannot be written ({reason}); shorten or split it")
        meta = verdict.metas[0]
        signature = key.sign(signed_bytes(self.genesis, actor, meta.seq, meta.hash))
        self._enter(verdict.metas, (raw,), signature)
        self._touched.update(edit[1] for edit in edits)
        return Written(meta.hash, actor, meta.seq, raw, signature)

    # ---- healing
    def needs_heal(self, device: bytes) -> bool:
        """Whether changes of this device are left out and do not stand again yet."""
        left = self._history.left_out(device)
        state = (device, left, self._history.recounts)
        if not left or state == self._healthy:
            return False
        if LeftOut(self._history, device, self._native.edits).branches():
            return True
        self._healthy = state
        return False

    def heal(
        self, device: bytes, key: SigningKey, fresh_actor: Callable[[], bytes]
    ) -> list[Written]:
        """Write this device's left-out changes again: each branch in order, under an actor of its
        own, upon what counts now of what it had seen, so that all stand side by side.

        What breaks a limit there is passed over until the document is loaded again. Afterwards the
        device goes on under a new nonce.

        Args:
          fresh_actor: draws a new actor of this device at each call.
        Raises:
          LocalProtocolError: an actor that has written before was drawn.
          DocumentPoisoned: throw this object away.
        Source: docs/protocol.md, "Healing".
        """
        written: list[Written] = []
        self._settle()
        left = LeftOut(self._history, device, self._native.edits)
        seen = Seen(self._history)
        for branch in left.branches():
            below: list[bytes] = []
            self._native.rebuild(below)
            seen.start_branch()
            actor = fresh_actor()
            if self._history.length(actor):
                raise LocalProtocolError("a branch is written again by an actor of its own")
            for change in branch:
                if left.is_done(change):
                    continue
                news = seen.more(change)
                self._native.apply(news)
                below += news
                copy = self._write_again(change, actor, key, below)
                if copy is not None:
                    left.note_written(change)
                    below.append(copy.hash)
                    written.append(copy)
        if written:
            self._history.take_news()
            self._native.rebuild(self._history.in_order())
        self._healthy = (device, self._history.left_out(device), self._history.recounts)
        return written

    def _write_again(
        self,
        change: Change,
        actor: bytes,
        key: SigningKey,
        below: list[bytes],
    ) -> Written | None:
        """Write a left-out change again upon these; None when it breaks a limit there."""
        effect = effect_of(self._native.edits(change.hash))
        shown = self._native.records(sorted({target[0] for target in effect}))
        edits = again(effect, {record: view["fields"] for record, view in shown.items()})
        try:
            return self._write(actor, key, edits, lambda: below)
        except InvalidInput:
            return None
