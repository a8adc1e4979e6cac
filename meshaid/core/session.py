"""The session between two peers: bytes in, events out, and a table that says who may say what.

Rules
  - Everything that decides whether a message is legal is in this file: `TABLE` and one rule beside
    it (`DOCUMENT_MESSAGES`). Nobody else looks at a state to decide that.
  - This file does not know what a message means. It never looks at a card, a document or a clock
    of a document; meeting.py does, and may be wrong about it without breaking the session.
  - No I/O, no clock, no chance: bytes, `now` and the ephemeral key are arguments. Everything to be
    sent comes out of `data_to_send`, so that one writer keeps the order.

Theory of operation
  Each *side* has a state of its own, which only what this side says moves: ours moves when we
  send, the peer's when its messages arrive. Both walk through one table. So messages that cross on
  the way are no special case: what a peer may say depends on what it has said, and not on what of
  ours has reached it.

    HANDSHAKE   Noise messages only; the session moves both sides on when the handshake is done
    HELLO       has said nothing yet: HELLO must come first
    ROSTER      cards only. A HELLO with a digest of documents, or a DIGEST, says "you are proven to
                me" and leads to LIVE; NOT_KNOWN says "not yet", and the side stays here
    LIVE        at rest: it has nothing to ask for. It pushes what is new
    RECONCILE   it has shown the table of its documents (ITEMS) and asks for what it lacks (WANT);
                DIGEST says that it has got it, and leads back to LIVE
    CLOSED      it has said BYE; nothing follows

  One rule ties the sides together: whoever sends a message about documents or notes must have been
  told by the other side that it is proven there. A peer that could not have read our DIGEST yet
  (because we have not sent one) therefore breaks the protocol with such a message.

  An illegal message from the peer, or bytes that are none, end the session with BYE (reason 6); an
  illegal `send` is a bug here and raises LocalProtocolError. An end of the stream without a BYE is
  an error, never "up to date". The session ends itself when the handshake or the HELLO takes too
  long, when the peer falls silent, and with BYE (reason 5) when its keys have served long enough.

What the table does not cover
  - Answers must have a question: a DELTA for a request, a DONE, CARDS. Meeting counts those.
  - How much may be asked and said. Meeting and limits.py bound that.
  - Whether the static key belongs to a device of the community: the peer is nobody until meeting.py
    has found its card.

It is longer than other files because table, rules and machine are read together.
Source: docs/protocol.md, "Session".
"""

from __future__ import annotations

import enum
import hmac
import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias, final

from meshaid import limits
from meshaid.core import messages
from meshaid.core.frames import FrameReader, FrameWriter, HandshakeReader, handshake_frame
from meshaid.core.messages import Bye, ByeReason, Hello, Message, Ping, Pong
from meshaid.core.noise import DialedItself, Handshake, Role, StaticKeyLike
from meshaid.core.transport import Transport
from meshaid.errors import BrokenError, LocalProtocolError, MeshaidError, RemoteProtocolError

_DIGEST_KEY_LABEL: Final = b"meshaid-keyed-digest-v1\0"


class State(enum.Enum):
    """Where one side of a session stands; see the top of this file."""

    HANDSHAKE = enum.auto()
    HELLO = enum.auto()
    ROSTER = enum.auto()
    RECONCILE = enum.auto()
    LIVE = enum.auto()
    CLOSED = enum.auto()


PROVING_HELLO: Final = "HELLO with documents"
"""A HELLO that carries a digest of documents counts as HELLO and DIGEST in one."""
_NAMES: Final[Mapping[type[Message], str]] = {
    messages.Hello: "HELLO",
    messages.CardList: "CARD_LIST",
    messages.CardWant: "CARD_WANT",
    messages.Cards: "CARDS",
    messages.Digest: "DIGEST",
    messages.Items: "ITEMS",
    messages.Want: "WANT",
    messages.Delta: "DELTA",
    messages.Done: "DONE",
    messages.DocumentState: "STATE",
    messages.Refused: "REFUSED",
    messages.NotKnown: "NOT_KNOWN",
    messages.Ping: "PING",
    messages.Pong: "PONG",
    messages.Bye: "BYE",
    messages.SealedList: "SEALED_LIST",
    messages.Sealed: "SEALED",
    messages.SealedDigest: "SEALED_DIGEST",
    messages.SealedWant: "SEALED_WANT",
}

# What a side may say in each state, and where that takes it.
TABLE: Final[Mapping[State, Mapping[str, State]]] = {
    State.HANDSHAKE: {},
    State.HELLO: {
        "HELLO": State.ROSTER,
        PROVING_HELLO: State.LIVE,
        "BYE": State.CLOSED,
    },
    State.ROSTER: {
        "CARD_LIST": State.ROSTER,
        "CARD_WANT": State.ROSTER,
        "CARDS": State.ROSTER,
        "NOT_KNOWN": State.ROSTER,
        "DIGEST": State.LIVE,
        "PING": State.ROSTER,
        "PONG": State.ROSTER,
        "BYE": State.CLOSED,
    },
    State.LIVE: {
        "CARD_LIST": State.LIVE,
        "CARD_WANT": State.LIVE,
        "CARDS": State.LIVE,
        "DIGEST": State.LIVE,
        "ITEMS": State.RECONCILE,
        "DELTA": State.LIVE,
        "DONE": State.LIVE,
        "STATE": State.LIVE,
        "REFUSED": State.LIVE,
        "SEALED_LIST": State.LIVE,
        "SEALED": State.LIVE,
        "SEALED_DIGEST": State.LIVE,
        "SEALED_WANT": State.LIVE,
        "PING": State.LIVE,
        "PONG": State.LIVE,
        "BYE": State.CLOSED,
    },
    State.RECONCILE: {
        "CARD_LIST": State.RECONCILE,
        "CARD_WANT": State.RECONCILE,
        "CARDS": State.RECONCILE,
        "DIGEST": State.LIVE,
        "WANT": State.RECONCILE,
        "DELTA": State.RECONCILE,
        "DONE": State.RECONCILE,
        "STATE": State.RECONCILE,
        "REFUSED": State.RECONCILE,
        "SEALED_LIST": State.RECONCILE,
        "SEALED": State.RECONCILE,
        "SEALED_DIGEST": State.RECONCILE,
        "SEALED_WANT": State.RECONCILE,
        "PING": State.RECONCILE,
        "PONG": State.RECONCILE,
        "BYE": State.CLOSED,
    },
    State.CLOSED: {},
}

_NOTE_MESSAGES: Final = frozenset({"SEALED_LIST", "SEALED", "SEALED_DIGEST", "SEALED_WANT"})
DOCUMENT_MESSAGES: Final = _NOTE_MESSAGES | {"ITEMS", "WANT", "DELTA", "DONE", "STATE", "REFUSED"}
"""About documents and the notes beside them: they are legal only while the *other* side stands in
LIVE or RECONCILE too."""


def message_name(message: Message) -> str:
    """The name of a message in the table."""
    if isinstance(message, Hello) and message.documents:
        return PROVING_HELLO
    return _NAMES[type(message)]


def next_state(state: State, other: State, name: str) -> State | None:
    """Where a side in `state` gets by saying `name`, while the other side stands in `other`.

    None when it may not say that.
    """
    if name in DOCUMENT_MESSAGES and other not in (State.LIVE, State.RECONCILE):
        return None
    return TABLE[state].get(name)


def table_text() -> str:
    """The table as text, one line for each state and where it leads: for docs/architecture."""
    lines = []
    for state, row in TABLE.items():
        lines.append(state.name)
        targets: dict[State, list[str]] = {}
        for name, target in row.items():
            targets.setdefault(target, []).append(name)
        if state is State.HANDSHAKE:
            targets[State.HELLO] = ["(the handshake is done)"]
        for target, names in targets.items():
            arrow = "stays" if target is state else f"-> {target.name}"
            lines.append(f"    {arrow:<12}  {', '.join(names)}")
    return "\n".join(lines) + "\n"


# ---- events
class Ending(enum.StrEnum):
    """Why a session is over: the reasons of BYE, and what ends one without it."""

    DONE = "done"
    BUSY = "busy"
    DUPLICATE = "duplicate"
    REMOVED = "removed"
    LEAVING = "leaving"
    REKEY = "rekey"
    PROTOCOL = "protocol"
    #: The stream ended, or sending failed, without a BYE.
    CUT = "cut"
    #: Nothing came for SILENCE_SECONDS.
    SILENT = "silent"
    #: No handshake: another door key or community, no meshaid at all, or too slow.
    HANDSHAKE = "handshake"
    #: This device reached itself, or a copy of its own store.
    ITSELF = "itself"


@dataclass(frozen=True, slots=True)
class HandshakeDone:
    """The channel stands; the peer is still nobody."""

    remote_static: bytes
    """The peer's static key (32 bytes), proven to be held."""
    digest_key: bytes = field(repr=False)
    """32 bytes, the same on both sides and in no other session: the key of the digests."""
    psk_index: int
    """Which of the given psks it was; 0 is the current one."""


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """A message that was legal. Pings do not come up here."""

    message: Message


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The last event. Send what `data_to_send` gives, then close the stream."""

    ending: Ending
    by_peer: bool
    error: MeshaidError | None
    """None when a BYE ended it; else what went wrong."""


Event: TypeAlias = HandshakeDone | MessageReceived | SessionEnded


@final
class Session:
    """One conversation over one stream. Times are seconds of any clock that only advances."""

    def __init__(
        self,
        role: Role,
        *,
        static: StaticKeyLike,
        ephemeral: bytes,
        psks: Sequence[bytes],
        prologue: bytes,
        now: float,
    ) -> None:
        """Begin the handshake: a dialer's first message can be taken from `data_to_send`.

        Args:
          role: who opened the stream is the dialer.
          static: the device's Noise key.
          ephemeral: 32 fresh random bytes.
          psks: the current psk, then those of retired door keys, which only a listener accepts.
          prologue: `channel_prologue(community)`.
        Raises:
          LocalProtocolError: a key of another length, no psk, or an unknown role.
        """
        if not psks:
            raise LocalProtocolError("a session needs at least one psk")
        self.role: Final = role
        self.ours = self.theirs = State.HANDSHAKE
        self._handshakes = [
            Handshake(role, static=static, ephemeral=ephemeral, psk=psk, prologue=prologue)
            for psk in (psks if role == "listener" else psks[:1])
        ]
        self._psk_index = 0
        self._handshake_reader = HandshakeReader()
        self._transport: Transport | None = None
        self._reader: FrameReader | None = None
        self._writer: FrameWriter | None = None
        self._events: deque[Event] = deque()
        self._out = bytearray()
        self._pong_due = False
        self._eof = False
        self._started = self._sent_at = self._received_at = now
        self.bytes_sent = self.bytes_received = 0
        if role == "dialer":
            self._out += handshake_frame(self._handshakes[0].write())

    def __repr__(self) -> str:
        return f"<Session {self.role}, we {self.ours.name}, peer {self.theirs.name}>"

    @property
    def closed(self) -> bool:
        """Nothing more will be said by this side, nothing of the other is listened to."""
        return self.ours is State.CLOSED

    # ---- bytes in
    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes from the stream, cut anywhere; b"" says that it ended. Then ask `next_event`.

        Args:
          data: at most 1 MiB at a time.
        """
        if self.closed:
            return
        self.bytes_received += len(data)
        if not data:
            self._eof = True
        elif self._reader is None:
            self._handshake_reader.feed(data)
        else:
            self._reader.feed(data)
        self._received_at = now

    def next_event(self) -> Event | None:
        """What happened next; None until more bytes come. It never raises for the peer's faults.

        A fault gives SessionEnded with its RemoteProtocolError; the state is CLOSED then, and
        `data_to_send` may hold a last BYE.
        """
        if not self._events and not self.closed:
            try:
                self._advance()
            except DialedItself as error:
                self._end(Ending.ITSELF, error=error)
            except RemoteProtocolError as error:
                self._fail(error)
        return self._events.popleft() if self._events else None

    def _advance(self) -> None:
        """Go on until there is an event or nothing left to read."""
        while not self._events and not self.closed:
            if self._reader is None:
                moved = self._advance_handshake()
            else:
                moved = self._advance_message(self._reader)
            if not moved:
                self._nothing_left()
                return

    def _nothing_left(self) -> None:
        if self._eof:
            self._end_of_stream()
        elif self._transport is not None and self._transport.spent:
            self.close(ByeReason.REKEY, self._received_at)

    def _advance_handshake(self) -> bool:
        message = self._handshake_reader.next()
        if message is None:
            return False
        handshake = self._read_handshake(message)
        if not handshake.done:
            self._out += handshake_frame(handshake.write())
        if handshake.done:
            self._open_channel(handshake)
        return True

    def _read_handshake(self, message: bytes) -> Handshake:
        """Read it under each psk that may still be the peer's; the first that fits stays."""
        failure: RemoteProtocolError | None = None
        for index, handshake in enumerate(self._handshakes):
            try:
                handshake.read(message)
            except DialedItself:
                raise
            except RemoteProtocolError as error:
                failure = error
            else:
                self._psk_index += index
                self._handshakes = [handshake]
                return handshake
        raise failure or RemoteProtocolError("no handshake fits")

    def _open_channel(self, handshake: Handshake) -> None:
        transport = handshake.split()
        self._transport = transport
        self._reader, self._writer = FrameReader(transport), FrameWriter(transport)
        self._reader.feed(self._handshake_reader.rest())
        self.ours = self.theirs = State.HELLO
        key = hmac.digest(handshake.handshake_hash, _DIGEST_KEY_LABEL, "sha256")
        self._events.append(HandshakeDone(handshake.remote_static, key, self._psk_index))

    def _advance_message(self, reader: FrameReader) -> bool:
        try:
            data = reader.next()
        except RemoteProtocolError as error:
            # Bytes that are no frame of this channel: there is nobody to say BYE to.
            self._end(Ending.PROTOCOL, error=error)
            return True
        if data is None:
            return False
        message = messages.decode(data)
        name = message_name(message)
        state = next_state(self.theirs, self.ours, name)
        if state is None:
            raise RemoteProtocolError(self._illegal("peer sent", name))
        self.theirs = state
        if isinstance(message, Bye):
            self._end(Ending[message.reason.name], by_peer=True)
        elif isinstance(message, Ping):
            self._pong_due = True
        elif not isinstance(message, Pong):
            self._events.append(MessageReceived(message))
        return True

    def _illegal(self, who: str, name: str) -> str:
        return (
            f"the {who} {name} as seen by the {self.role}, "
            f"we in {self.ours.name}, peer in {self.theirs.name}"
        )

    def _end_of_stream(self) -> None:
        """The stream is over and no BYE came."""
        text = "the peer went away without a goodbye: what was not received yet is still missing"
        ending = Ending.HANDSHAKE if self._transport is None else Ending.CUT
        self._end(ending, error=BrokenError(text))

    # ---- bytes out
    def send(self, message: Message, now: float) -> None:
        """Queue a message. BYE ends the session, with a SessionEnded event.

        Raises:
          LocalProtocolError: not legal in this state, or malformed; nothing happened.
        """
        name = message_name(message)
        state = next_state(self.ours, self.theirs, name)
        if state is None or self._writer is None:
            raise LocalProtocolError(self._illegal("caller may not send", name))
        self._out += self._writer.frame(messages.encode(message))
        self._sent_at = now
        self.ours = state
        if isinstance(message, Bye):
            self._end(Ending[message.reason.name])

    def data_to_send(self) -> bytes:
        """Everything queued, to be sent in this order; b"" when there is nothing."""
        if self._pong_due and not self.closed and self._writer is not None:
            # Made only now: a flood of pings from a peer that does not read costs one answer.
            self._pong_due = False
            if next_state(self.ours, self.theirs, "PONG"):
                self._out += self._writer.frame(messages.encode(Pong()))
        data = bytes(self._out)
        self._out.clear()
        self.bytes_sent += len(data)
        return data

    @property
    def queued(self) -> int:
        """Bytes that wait in `data_to_send`."""
        return len(self._out)

    def send_failed(self) -> None:
        """Sending broke: an unknown part of it went out, so nothing can follow. CLOSED."""
        self._out.clear()
        if self.closed:
            return
        text = "the connection broke while sending: what was not acknowledged is sent again"
        self._end(Ending.CUT, error=BrokenError(text))

    def close(self, reason: ByeReason, now: float) -> None:
        """Say BYE if there is a channel, and end. Without one, or when it is over: just end."""
        if self.closed:
            return
        if self.ours is State.HANDSHAKE:
            self._end(Ending[reason.name])
        else:
            self.send(Bye(reason), now)

    def fail(self, error: RemoteProtocolError) -> None:
        """The peer broke the protocol in a way that only the caller can see: BYE and end."""
        if not self.closed:
            self._fail(error)

    def _fail(self, error: RemoteProtocolError) -> None:
        if self._writer is None:
            self._out.clear()  # no answer: a stranger learns nothing
            self._end(Ending.HANDSHAKE, error=error)
        else:
            self._out += self._writer.frame(messages.encode(Bye(ByeReason.PROTOCOL)))
            self._end(Ending.PROTOCOL, error=error)

    def _end(
        self, ending: Ending, *, by_peer: bool = False, error: MeshaidError | None = None
    ) -> None:
        self._events.append(SessionEnded(ending, by_peer, error))
        self.ours = self.theirs = State.CLOSED

    # ---- time
    @property
    def deadline(self) -> float:
        """The next moment at which `tick` must be called; infinite when CLOSED."""
        if self.closed:
            return math.inf
        if self.theirs in (State.HANDSHAKE, State.HELLO):
            return self._started + limits.HANDSHAKE_SECONDS
        return min(
            self._sent_at + limits.KEEPALIVE_SECONDS,
            self._received_at + limits.SILENCE_SECONDS,
            self._started + limits.REKEY_SECONDS,
        )

    def tick(self, now: float) -> None:
        """Let time pass: keep alive, or end what takes too long, fell silent or is worn.

        Calling it early or late is harmless. Ask `next_event` and `data_to_send` after it.
        """
        if self.closed:
            return
        if self.theirs in (State.HANDSHAKE, State.HELLO):
            if now >= self.deadline:
                text = f"no greeting within {limits.HANDSHAKE_SECONDS:.0f} s: try again"
                self._end(Ending.HANDSHAKE, error=BrokenError(text))
        elif now >= self._received_at + limits.SILENCE_SECONDS:
            text = f"nothing heard for {limits.SILENCE_SECONDS:.0f} s: the peer is out of reach"
            self._end(Ending.SILENT, error=BrokenError(text))
        elif self._worn(now):
            self.close(ByeReason.REKEY, now)
        elif now >= self._sent_at + limits.KEEPALIVE_SECONDS:
            self.send(Ping(), now)

    def _worn(self, now: float) -> bool:
        spent = self._transport is not None and self._transport.spent
        return spent or now >= self._started + limits.REKEY_SECONDS
