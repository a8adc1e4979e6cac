"""The documents' side of a meeting: passes, requests, and what comes in (docs/protocol.md,
"Reconciliation" and "Live").

One *pass* shows both tables and lets each side ask for what differs (reconcile.py). Deltas come as
answers or are pushed. Either way a run that breaks a rule ends the meeting: an honest device stops
such a run, so whoever passes one on is not met any longer. Runs that only lack something are no
fault.

Bounds: a table is shown as often as `Allowance` says; each document of it may be asked for once;
a peer whose deltas bring nothing new for USELESS_BYTES is of no use.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import final

from meshaid import limits
from meshaid.core.answers import PUSHED, Answers
from meshaid.core.delta import decode_delta
from meshaid.core.knowledge import Knowledge, Receipt
from meshaid.core.messages import Delta, DocumentState, Items, Message, Want
from meshaid.core.reconcile import Allowance, Pass, Shown, table_of
from meshaid.core.shapes import NAME_BYTES, Clock
from meshaid.errors import RemoteProtocolError


@final
class DocumentExchange:
    """What one peer and we ask and tell each other about documents."""

    def __init__(self, knowledge: Knowledge, answers: Answers, tables: Allowance) -> None:
        self._knowledge = knowledge
        self._answers = answers
        self._tables = tables
        self._pass: Pass | None = None
        self._next_request = 1
        self._shown = Shown()
        self._useless = 0
        self._actor_noted = False

    # ---- a pass
    @property
    def in_pass(self) -> bool:
        """Whether a pass is under way."""
        return self._pass is not None

    @property
    def waiting(self) -> bool:
        """Whether the peer has our table and owes us its own, or an answer."""
        return self._pass is not None and self._pass.shown and not self._pass.finished

    @property
    def table_due(self) -> bool:
        """Whether the peer waits for our table, which `Allowance` may hold back."""
        return self._pass is not None and not self._pass.shown

    @property
    def useless(self) -> bool:
        """Whether the peer has brought nothing new for too long."""
        return self._useless > limits.USELESS_BYTES

    def begin(self) -> None:
        """Begin a pass, unless the peer has begun one."""
        if self._pass is None:
            self._pass = Pass(self._knowledge, self._next_request)

    def due(self, now: float) -> Iterable[Message]:
        """Our table and requests, as far as they may be sent now."""
        if self._pass is None:
            return
        if not self._pass.shown and self._tables.take(now):
            table = self._pass.show(table_of(self._knowledge.items_by_importance()))
            self._shown.show(table)
            yield Items(tuple(table))
        yield from self._pass.requests()

    def finish(self) -> bool:
        """End the pass if everything in it is done. Whether it was."""
        if self._pass is None or not self._pass.finished:
            return False
        self._next_request = self._pass.next_request
        self._pass = None
        return True

    # ---- what the peer says; each raises RemoteProtocolError when it had no reason to
    def hear_items(self, items: Items) -> None:
        """The peer's table: it begins a pass, or answers ours."""
        self.begin()
        self._open_pass().see(items.table)

    def hear_want(self, want: Want) -> None:
        """The peer asks for documents."""
        self._shown.admit(want)
        for wanted in want.documents:
            self._look_for_own_actor(wanted.genesis, wanted.clock)
        self._answers.request(want)

    def hear_done(self, request: int) -> None:
        """A request of ours is answered."""
        self._open_pass().done(request)

    def hear_state(self, state: DocumentState) -> None:
        """What we pushed is durable there. Whether all is equal, digests will tell."""
        if not self._answers.was_pushed(state.name):
            raise RemoteProtocolError("the peer acknowledges what it was not sent: drop it")

    def hear_delta(self, message: Delta) -> Sequence[Receipt]:
        """Judge deltas; what is accepted is durable, and acknowledged when it was pushed."""
        deltas = [decode_delta(payload) for payload in message.payloads]
        if message.request != PUSHED:
            self._open_pass().check(message.request, {delta.genesis for delta in deltas})
        receipts = self._knowledge.receive(deltas)
        if any(receipt.accepted for receipt in receipts):
            self._useless = 0
        else:
            self._useless += max(limits.USELESS_LEAST, sum(map(len, message.payloads)))
        if message.request == PUSHED:
            self._acknowledge(receipts)
        return receipts

    def _acknowledge(self, receipts: Iterable[Receipt]) -> None:
        for receipt in receipts:
            genesis = receipt.genesis
            # Of other documents nothing was kept, and there is no end to their names.
            if self._knowledge.genesis_named(genesis[:NAME_BYTES]) == genesis:
                self._answers.acknowledge(genesis)

    def _open_pass(self) -> Pass:
        if self._pass is None:
            raise RemoteProtocolError("the peer answered a request that nobody made: drop it")
        return self._pass

    def _look_for_own_actor(self, genesis: bytes, theirs: Clock) -> None:
        """A peer that has more of our own chain than we have met us before a restore.

        Acted upon once a meeting: one new actor serves all documents, and a liar gets no second.
        """
        actor = self._knowledge.actor
        if self._actor_noted or actor not in theirs:
            return
        length, head = theirs[actor]
        our_length, our_head = self._knowledge.document_clock(genesis).get(actor, (0, b""))
        if length > our_length or (length == our_length and head != our_head):
            self._actor_noted = self._knowledge.note_peer_clock(genesis, theirs)
