"""One conversation between this device and a peer: session and knowledge brought together.

Rules
  - Sans-IO and synchronous. It holds no lock and must be called where its `Knowledge` may be used.
  - Whatever a peer says costs bounded work and ends at worst this meeting. What it handed over and
    was accepted before that stays.
  - One way out: after any call the shell fetches `data_to_send` until it is empty. Answers are made
    only then (answers.py).

Theory of operation
  Every call ends in `_advance`, which looks at where things stand and says what is due: it is the
  whole course of a meeting, in order, and may be called at any moment.

    1. greet        HELLO, with a digest of the documents if the peer's static key is a standing
                    device's
    2. cards        lists, requests and cards, unless the greetings show that nothing differs
    3. judge        is the peer's device proven? No: NOT_KNOWN, and cards are all it gets
    4. pass         tables and requests, when digests differ
    5. compare      digests, in pairs; equal is in sync, different leads back to 2 or 4, as long as
                    something moves
    6. notes        sealed notes, once documents were compared; they have no part in being in sync

  Afterwards both are live: what is new here is pushed, what is pushed is acknowledged, and digests
  are compared again when it is quiet. Steps 2 and 3 are taken again whenever the roster changes.

What this file does not do: it does not decide whom to meet, and it passes nothing on to others. The
shell does, from the events (node.py). It is longer than other files because the course of a meeting
is one thing; what could stand alone does (card_exchange.py, document_exchange.py, reconcile.py).
Source: docs/protocol.md, "Session"; DESIGN sections 9 and 10.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final, final

from meshaid import limits
from meshaid.core import messages
from meshaid.core.answers import PUSHED, Answers
from meshaid.core.card_exchange import CardExchange
from meshaid.core.document_exchange import DocumentExchange
from meshaid.core.knowledge import Knowledge, Proven, Removed
from meshaid.core.meeting_events import (
    CardsChanged,
    DocumentChanged,
    Ended,
    InSync,
    MeetingEvent,
    NotesArrived,
    NotKnownYet,
    OutOfSync,
    PeerProven,
    RunRefused,
    Side,
)
from meshaid.core.messages import ByeReason, Digest, Hello, Items, Message
from meshaid.core.noise import Role
from meshaid.core.note_exchange import NoteExchange
from meshaid.core.reconcile import Allowance, Comparison, Progress, Verdict
from meshaid.core.session import HandshakeDone, MessageReceived, Session, State
from meshaid.core.shapes import NAME_BYTES, Clock
from meshaid.errors import DocumentPoisoned, RemoteProtocolError

_OPEN: Final = (State.LIVE, State.RECONCILE)


@dataclass(frozen=True, slots=True)
class Statistics:
    """Counts of one meeting, on the wire: frames and handshake included."""

    bytes_sent: int
    bytes_received: int
    turns: int
    """How often this side sent something after it had received something."""


@final
class Meeting:
    """One conversation. Times are seconds of any clock that only advances."""

    def __init__(
        self,
        knowledge: Knowledge,
        *,
        role: Role,
        ephemeral: bytes,
        now: float,
        once: bool = False,
    ) -> None:
        """Begin it; a dialer's first bytes are due at once.

        Args:
          role: who opened the stream is the dialer.
          ephemeral: 32 fresh random bytes, never used before and never again.
          once: end it as soon as both are in sync, or it is clear that they will not be.
        """
        channel = knowledge.channel()
        self._knowledge = knowledge
        self._once = once
        self._session = Session(
            role,
            static=channel.static,
            ephemeral=ephemeral,
            psks=channel.psks,
            prologue=channel.prologue,
            now=now,
        )
        self._events: list[MeetingEvent] = []
        self._now = self._progress_at = now
        # 1. greet
        self._remote_static = b""
        self._retired_key = False
        self._comparison = Comparison(knowledge, b"")
        self._our_hello = self._peer_hello = Hello(b"", b"", b"")
        # 2. cards
        self._cards = CardExchange(knowledge)
        self._cards_of_unproven = 0
        # 3. judge
        self._judge_due = False
        self._peer: Proven | None = None
        self._removed = False
        self._we_said_not_known = self._they_said_not_known = False
        self._give_up_at = math.inf
        # 4. pass
        self._answers = Answers(knowledge, self._cards)
        self._tables = Allowance(limits.PASSES_AT_ONCE, limits.PASS_SECONDS, now)
        self._documents = DocumentExchange(knowledge, self._answers, self._tables)
        # 5. compare
        self._must_ask = False
        self._ask_at = self._recheck_at = math.inf
        self._looks = Progress()
        self._passed_despite: object = None
        self._out_of_sync = False
        self.in_sync = False
        """Digests were equal when they were last compared, and nothing has changed here since."""
        # 6. notes
        self._compared = False
        self._parting = False
        self._notes = self._note_exchange(b"")
        self._turns, self._heard_something = 0, False

    def _note_exchange(self, key: bytes) -> NoteExchange:
        lists = Allowance(limits.PASSES_AT_ONCE, limits.PASS_SECONDS, self._now)
        opens = self._session.role == "listener"
        return NoteExchange(self._knowledge, self._answers, lists, key=key, opens=opens)

    def __repr__(self) -> str:
        return f"<Meeting, {self._session!r}>"

    # ---- for the shell
    @property
    def closed(self) -> bool:
        """It is over: send what is due, then close the stream."""
        return self._session.closed

    @property
    def peer_device(self) -> bytes | None:
        """The peer's device id (32 bytes) once it is proven."""
        return self._peer.device if self._peer else None

    @property
    def peer_member(self) -> bytes | None:
        """The peer's member id (32 bytes) once it is proven."""
        return self._peer.member if self._peer else None

    @property
    def remote_static(self) -> bytes | None:
        """The peer's static key after the handshake: tells two links to one device apart from two
        devices, also while it is not proven."""
        return self._remote_static or None

    def statistics(self) -> Statistics:
        """Bytes and turns so far."""
        return Statistics(self._session.bytes_sent, self._session.bytes_received, self._turns)

    def events(self) -> list[MeetingEvent]:
        """What happened since this was last asked, in order."""
        events, self._events = self._events, []
        return events

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes from the stream, at most 1 MiB at a time; b"" says that it ended.

        Raises:
          StoreError: what came could not be kept. Close the stream; what was kept stays.
        """
        self._now = now
        self._heard_something = True
        self._session.receive_data(data, now)
        self._settle()

    def data_to_send(self) -> bytes:
        """What to send next, about QUEUE_BYTES at most. Call it until it gives b"".

        Raises:
          StoreError: what the peer asked for could not be read.
        """
        while not self.closed and self._session.queued < limits.QUEUE_BYTES:
            try:
                message = self._answers.next()
            except DocumentPoisoned:
                # Not the peer's fault: the document is rebuilt, and the peer may come again.
                self.close(ByeReason.BUSY, self._now)
                break
            if message is None:
                break
            self._say(message)
        data = self._session.data_to_send()
        if data and self._heard_something:
            self._turns += 1
            self._heard_something = False
        return data

    def send_failed(self) -> None:
        """Sending broke: nothing more goes out. The meeting is over."""
        self._session.send_failed()
        self._settle()

    @property
    def deadline(self) -> float:
        """The next moment at which `tick` must be called; infinite when it is over."""
        if self.closed:
            return math.inf
        due = [self._session.deadline, self._give_up_at]
        if self._waiting:
            due.append(self._progress_at + limits.ANSWER_SECONDS)
        if self._may_compare:
            if self._documents.table_due:
                due.append(self._tables.ready_at(self._now))
            elif not (self._documents.in_pass or self._comparison.asking):
                due += [self._ask_at, self._recheck_at]
        if self._may_exchange_notes and self._notes.list_due:
            due.append(self._notes.ready_at(self._now))
        return min(due)

    def tick(self, now: float) -> None:
        """Let time pass. Early or late is harmless."""
        self._now = now
        self._session.tick(now)
        if self._waiting and now >= self._progress_at + limits.ANSWER_SECONDS:
            self._session.fail(RemoteProtocolError("the peer leaves every question unanswered"))
        self._settle()

    def local_change(self, genesis: bytes, before: Clock, now: float) -> None:
        """A document changed here, by our hand or another peer's: push what is new since `before`.

        Not for the meeting from which it came.
        """
        self._now = now
        if self._open:
            self._answers.push(genesis, before)
        self._stir()
        self._settle()

    def notes_changed(self, names: Iterable[bytes], now: float) -> None:
        """Sealed notes (16-byte names) are new here: push them. Not for the meeting from which
        they came."""
        self._now = now
        if self._open:
            self._notes.push(names)
        self._settle()

    def roster_changed(self, now: float) -> None:
        """Cards came from elsewhere: show what is new and judge the peer again."""
        self._now = now
        self._judge_due = True
        self._notes.roster_changed()
        if self._greeted and not self.closed:
            self._say_all(self._cards.list_news())
            if self._comparison.changed:
                self._stir()
        self._settle()

    def probe(self, now: float) -> None:
        """Ask a peer that is known for a sign of life; the caller sees whether bytes come."""
        if self._greeted and not self.closed:
            self._session.send(messages.Ping(), now)

    def close(self, reason: ByeReason, now: float) -> None:
        """Say goodbye and end. Harmless when it is over already."""
        self._now = now
        self._session.close(reason, now)
        self._settle()

    # ---- the course of a meeting
    @property
    def _open(self) -> bool:
        """Whether each side has told the other that it is proven."""
        return self._session.ours in _OPEN and self._session.theirs in _OPEN

    @property
    def _greeted(self) -> bool:
        return bool(self._peer_hello.card)

    @property
    def _waiting(self) -> bool:
        """Whether the peer owes us anything but keep-alives."""
        if self.closed or not self._greeted:
            return False
        asking = self._comparison.asking and self._open
        notes = self._notes.waiting or (self._parting and not self._notes.settled)
        return asking or self._documents.waiting or notes or not self._cards.settled

    def _settle(self) -> None:
        """Take what came in, then do what is due."""
        waited = self._waiting
        self._take_events()
        self._guard(self._advance)
        self._take_events()
        if self._waiting and not waited:
            self._progress_at = self._now

    def _take_events(self) -> None:
        while (event := self._session.next_event()) is not None:
            if isinstance(event, HandshakeDone):
                self._greet(event)
            elif isinstance(event, MessageReceived):
                self._progress_at = self._now
                self._guard(partial(self._hear, event.message))
            else:
                self.in_sync = False
                self._events.append(Ended(event.ending, event.by_peer, event.error))

    def _guard(self, step: Callable[[], None]) -> None:
        """What a peer's message breaks ends this meeting, and nothing else."""
        try:
            step()
        except RemoteProtocolError as error:
            self._session.fail(error)
        except DocumentPoisoned as error:
            broken = RemoteProtocolError("a delta could not be applied: the peer is dropped")
            broken.__cause__ = error
            self._session.fail(broken)

    def _say(self, message: Message) -> None:
        self._session.send(message, self._now)

    def _say_all(self, several: Iterable[Message]) -> None:
        for message in several:
            self._say(message)

    def _greet(self, channel: HandshakeDone) -> None:
        self._remote_static = channel.remote_static
        self._retired_key = channel.psk_index > 0
        self._comparison = Comparison(self._knowledge, channel.digest_key)
        self._notes = self._note_exchange(channel.digest_key)
        ours = self._comparison.current()
        known = isinstance(self._knowledge.standing(channel.remote_static, None), Proven)
        documents = ours.documents if known and not self._retired_key else b""
        self._our_hello = Hello(self._knowledge.own_card(), ours.cards, documents)
        self._say(self._our_hello)

    def _advance(self) -> None:
        """The course of a meeting: see the top of this file."""
        if self.closed or not self._greeted:
            return
        self._say_all(self._cards.requests())
        if self._judge_due:
            self._judge()
        if self._may_compare:
            self._advance_pass()
            self._advance_comparison()
            self._advance_notes()
        if self._open:
            self._give_up_at = math.inf
        else:
            self._part_if_unproven()

    @property
    def _may_compare(self) -> bool:
        """The roster comes first: documents are for a proven peer, and while no cards are under
        way."""
        return self._peer is not None and self._cards.settled and not self.closed

    def _judge(self) -> None:
        standing = self._knowledge.standing(self._remote_static, self._peer_hello.card)
        told = self._session.ours in _OPEN
        if not self._cards.settled and not (told and isinstance(standing, Removed)):
            return  # a card that is on its way may decide
        self._judge_due = False
        if isinstance(standing, Proven) and not self._retired_key:
            if self._peer is None:
                self._peer = standing
                self._events.append(PeerProven(standing.device, standing.member))
            return
        self._removed = isinstance(standing, Removed)
        if told:
            # It was told that it is proven, and is not any more: nothing may follow.
            self._session.close(ByeReason.REMOVED, self._now)
        elif not self._we_said_not_known:
            self._we_said_not_known = True
            self._say(messages.NotKnown())
            self._note_not_known("us")

    def _note_not_known(self, by: Side) -> None:
        self._events.append(NotKnownYet(by))
        self._give_up_at = self._now + limits.CARDS_ONLY_SECONDS

    def _part_if_unproven(self) -> None:
        """Cards are exchanged, and one is not proven to the other: when to leave it at that."""
        we_said = self._we_said_not_known or self._session.ours in _OPEN
        they_said = self._they_said_not_known or self._session.theirs in _OPEN
        through = we_said and they_said and self._cards.settled and not self._answers
        if self._now >= self._give_up_at or (through and (self._once or self._removed)):
            reason = ByeReason.REMOVED if self._removed else ByeReason.DONE
            self._session.close(reason, self._now)

    def _advance_pass(self) -> None:
        for message in self._documents.due(self._now):
            if isinstance(message, Items):
                self._comparison.void()
            self._say(message)
        self._must_ask |= self._documents.finish()

    def _advance_comparison(self) -> None:
        if self._documents.in_pass:
            return
        if self._comparison.owes or self._must_ask or self._ask_is_due():
            self._must_ask = False
            if not self._comparison.asking:
                self._ask_at = self._recheck_at = math.inf
                self._say(self._comparison.tell())
        verdict = self._comparison.verdict()
        if verdict is not None:
            self._recheck_at = self._now + limits.RECHECK_SECONDS
            self._weigh(verdict)

    def _ask_is_due(self) -> bool:
        if self._now >= self._recheck_at:
            return True
        if self._now < self._ask_at:
            return False
        self._ask_at = math.inf
        return not self.in_sync

    def _weigh(self, verdict: Verdict) -> None:
        if verdict is Verdict.STALE:
            self._ask_at = self._now + limits.SETTLE_SECONDS
        elif verdict is Verdict.EQUAL:
            self._out_of_sync = False
            if not self.in_sync:
                self.in_sync = True
                self._events.append(InSync(self._knowledge.digest()))
            self._go_on_to_notes()
        else:
            self.in_sync = False
            self._look_into(verdict)

    def _look_into(self, verdict: Verdict) -> None:
        """Digests differ: cards first, else a pass, unless that was in vain before."""
        digests = self._comparison.digests()
        if not self._looks.worth_a_look(digests, self._now):
            if verdict is Verdict.CARDS and self._passed_despite != digests:
                # Rosters that differ for whatever reason must not hold up what people wrote.
                self._passed_despite = digests
                self._documents.begin()
                self._advance_pass()
                return
            if not self._out_of_sync:
                self._out_of_sync = True
                self._events.append(OutOfSync())
            self._go_on_to_notes()
        elif verdict is Verdict.DOCUMENTS:
            self._documents.begin()
            self._advance_pass()
        elif self._tables.take(self._now):
            self._say_all(self._cards.list_all())
            self._ask_at = self._now + limits.SETTLE_SECONDS

    def _go_on_to_notes(self) -> None:
        """Documents are compared, for now; whoever came `once` stays for the notes only."""
        self._compared = True
        self._parting = self._once
        self._notes.reconsider()

    @property
    def _may_exchange_notes(self) -> bool:
        at_rest = self._may_compare and not self._documents.in_pass
        return at_rest and self._compared and self._open

    def _advance_notes(self) -> None:
        if not self._may_exchange_notes:
            return
        self._say_all(self._notes.due(self._now))
        if self._parting and self._notes.settled:
            self._session.close(ByeReason.DONE, self._now)

    def _stir(self) -> None:
        """Something changed here: compare again when it is quiet."""
        if self._greeted and not self.closed:
            self.in_sync = self._out_of_sync = False
            self._ask_at = self._now + limits.SETTLE_SECONDS

    # ---- what the peer says
    def _hear(self, message: Message) -> None:
        match message:
            case Hello():
                self._hear_hello(message)
            case messages.CardList():
                self._cards.hear(message)
            case messages.CardWant():
                self._answers.cards(message)
            case messages.Cards():
                self._hear_cards(message)
            case messages.NotKnown():
                self._they_said_not_known = True
                self._note_not_known("them")
            case Digest():
                self._they_said_not_known = False
                self._comparison.hear(message)
            case _:
                self._hear_of_documents(message)

    def _hear_of_documents(self, message: Message) -> None:
        """All but REFUSED are for the exchange; BYE, PING and PONG stay with the session."""
        match message:
            case messages.Refused(name, rule, run):
                self._events.append(RunRefused("them", name, rule, run))
            case messages.Delta():
                self._hear_delta(message)
            case Items():
                self._comparison.void()
                self._documents.hear_items(message)
            case messages.Want():
                self._documents.hear_want(message)
            case messages.Done(request):
                self._documents.hear_done(request)
            case messages.DocumentState():
                self._documents.hear_state(message)
            case _:
                self._hear_of_notes(message)

    def _hear_of_notes(self, message: Message) -> None:
        match message:
            case messages.SealedDigest(digest):
                self._notes.hear_digest(digest)
            case messages.SealedList(table):
                self._notes.hear_list(table)
            case messages.SealedWant():
                self._notes.hear_want(message)
            case messages.Sealed():
                if names := self._notes.hear_notes(message):
                    self._events.append(NotesArrived(tuple(names)))
                if self._notes.useless:
                    self._session.close(ByeReason.DUPLICATE, self._now)
            case _:  # pragma: no cover - the session lets nothing else pass
                raise AssertionError(type(message).__name__)

    def _hear_hello(self, theirs: Hello) -> None:
        ours = self._our_hello
        self._knowledge.standing(self._remote_static, theirs.card)  # raises if it is another's
        self._peer_hello = theirs
        self._judge_due = True
        differs = ours.cards != theirs.cards or not (ours.documents and theirs.documents)
        self._cards.start(differs=differs)
        if differs:
            self._must_ask = True
            self._say_all(self._cards.list_all())
        else:
            self._cards.note_named()
            told, heard = (Digest(hello.cards, hello.documents) for hello in (ours, theirs))
            self._comparison.greet(told, heard)

    def _hear_cards(self, cards: messages.Cards) -> None:
        changed = self._cards.take(cards)
        standing = self._knowledge.standing(self._remote_static, self._peer_hello.card)
        if not isinstance(standing, Proven):
            self._cards_of_unproven += len(cards.wires)
            if self._cards_of_unproven > limits.MAX_CARD_SESSION_CARDS:
                self._session.close(ByeReason.DONE, self._now)
        if changed:
            self._events.append(CardsChanged())
            self._judge_due = True
            self._notes.roster_changed()
            self._stir()
            if not self.closed:
                self._say_all(self._cards.list_news())

    def _hear_delta(self, delta: messages.Delta) -> None:
        receipts = self._documents.hear_delta(delta)
        for receipt in receipts:
            if receipt.accepted:
                self._events.append(DocumentChanged(receipt.genesis, receipt.before))
        refused = [(r.genesis[:NAME_BYTES], rule, run) for r in receipts for rule, run in r.refused]
        for name, rule, run in refused:
            self._events.append(RunRefused("us", name, rule, run))
        if refused:
            self._say(messages.Refused(*refused[0]))
            raise RemoteProtocolError("the peer passed on a run that breaks a rule: it is dropped")
        if self._documents.useless:
            self._session.close(ByeReason.DUPLICATE, self._now)
        elif delta.request == PUSHED and any(receipt.accepted for receipt in receipts):
            self._stir()
