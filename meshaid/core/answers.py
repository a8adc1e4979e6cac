"""What a peer is still owed, made only when it can be sent (docs/protocol.md, "Flow").

A request of 100 bytes can ask for megabytes. So nothing is prepared when it is asked for: the
shell fetches what is due, and only then is the next message made. A peer that reads slowly holds a
few generators here and at most QUEUE_BYTES of ready messages, whatever it asked for.

In this order: acknowledgements, cards, what is new here (pushed), answers to requests; then sealed
notes, which are of no use before the records that they belong to.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, final

from meshaid import limits
from meshaid.core.card_exchange import CardExchange
from meshaid.core.knowledge import Knowledge
from meshaid.core.messages import (
    UNKNOWN_STATE,
    CardWant,
    Delta,
    DocumentState,
    Done,
    Message,
    Sealed,
    SealedWant,
    Want,
)
from meshaid.core.shapes import NAME_BYTES, Clock
from meshaid.errors import RemoteProtocolError

PUSHED: Final = 0
"""The request number of a delta that nobody asked for."""


@final
class Answers:
    """Everything that one peer has coming, as work not done yet."""

    def __init__(self, knowledge: Knowledge, cards: CardExchange) -> None:
        self._knowledge = knowledge
        self._cards = cards
        self._states: dict[bytes, None] = {}
        self._card_wants: deque[CardWant] = deque()
        self._pushes: dict[bytes, Clock] = {}
        self._push_under_way: Iterator[Message] | None = None
        self._wants: deque[tuple[int, Iterator[Message]]] = deque()
        self._pushed: set[bytes] = set()
        self._note_wants: deque[SealedWant] = deque()
        self._note_pushes: dict[bytes, None] = {}

    def __bool__(self) -> bool:
        """Whether anything is due."""
        due = self._states or self._card_wants or self._pushes or self._wants
        notes = self._note_wants or self._note_pushes
        return bool(due or notes) or self._push_under_way is not None

    def acknowledge(self, genesis: bytes) -> None:
        """Tell the peer what state this document is in now."""
        self._states[genesis] = None

    def cards(self, want: CardWant) -> None:
        """Answer a request for cards. RemoteProtocolError beyond REQUESTS_IN_FLIGHT."""
        if len(self._card_wants) >= limits.REQUESTS_IN_FLIGHT:
            raise RemoteProtocolError("the peer asks for cards without reading them: drop it")
        self._card_wants.append(want)

    def push(self, genesis: bytes, before: Clock) -> None:
        """Send what is new in a document since its clock was `before`."""
        self._pushes.setdefault(genesis, before)

    def request(self, want: Want) -> None:
        """Answer a request for documents. RemoteProtocolError beyond REQUESTS_IN_FLIGHT."""
        if len(self._wants) >= limits.REQUESTS_IN_FLIGHT:
            raise RemoteProtocolError("the peer asks for documents without reading them: drop it")
        documents = [(wanted.genesis, wanted.clock) for wanted in want.documents]
        self._wants.append((want.request, self._deltas(want.request, documents)))

    def request_notes(self, want: SealedWant) -> None:
        """Answer a request for notes. RemoteProtocolError beyond REQUESTS_IN_FLIGHT."""
        if len(self._note_wants) >= limits.REQUESTS_IN_FLIGHT:
            raise RemoteProtocolError("the peer asks for notes without reading them: drop it")
        self._note_wants.append(want)

    def push_notes(self, names: Iterable[bytes]) -> None:
        """Send notes that are new here."""
        self._note_pushes.update(dict.fromkeys(names))

    def was_pushed(self, name: bytes) -> bool:
        """Whether this document was ever pushed to the peer in this session."""
        return name in self._pushed

    def next(self) -> Message | None:
        """The next message that is due; None when there is none."""
        if self._states:
            genesis = next(iter(self._states))
            del self._states[genesis]
            state = self._knowledge.items().get(genesis, UNKNOWN_STATE)
            return DocumentState(genesis[:NAME_BYTES], state[:NAME_BYTES])
        if self._card_wants:
            return self._cards.answer(self._card_wants.popleft())
        return self._next_push() or self._next_answer() or self._next_notes()

    def _next_push(self) -> Message | None:
        while self._push_under_way or self._pushes:
            if self._push_under_way is None:
                genesis = next(iter(self._pushes))
                documents = [(genesis, self._pushes.pop(genesis))]
                self._push_under_way = self._deltas(PUSHED, documents)
                self._pushed.add(genesis[:NAME_BYTES])
            message = next(self._push_under_way, None)
            if message is not None:
                return message
            self._push_under_way = None
        return None

    def _next_answer(self) -> Message | None:
        if not self._wants:
            return None
        request, deltas = self._wants[0]
        message = next(deltas, None)
        if message is None:
            # Forgotten before DONE goes out: the peer may ask the next as soon as it reads it.
            self._wants.popleft()
            return Done(request)
        return message

    def _next_notes(self) -> Message | None:
        if self._note_wants:
            want = self._note_wants.popleft()
            return Sealed(want.request, self._notes(want.names))
        while self._note_pushes:
            names = tuple(islice(self._note_pushes, limits.NOTES_PER_MESSAGE))
            for name in names:
                del self._note_pushes[name]
            if wires := self._notes(names):  # they may have been erased meanwhile
                return Sealed(PUSHED, wires)
        return None

    def _notes(self, names: Iterable[bytes]) -> tuple[bytes, ...]:
        wires = (self._knowledge.notes.wire(name) for name in names)
        return tuple(wire for wire in wires if wire is not None)

    def _deltas(self, request: int, documents: list[tuple[bytes, Clock]]) -> Iterator[Message]:
        """What these clocks lack, several documents in one message: they compress better so."""
        payloads: list[bytes] = []
        size = 0
        for genesis, theirs in documents:
            runs = self._knowledge.owed(genesis, theirs)
            for payload in self._knowledge.encode(genesis, runs) if runs else ():
                full = size + len(payload) > limits.DELTA_BYTES
                if payloads and (full or len(payloads) == limits.DOCUMENTS_PER_REQUEST):
                    yield Delta(request, tuple(payloads))
                    payloads, size = [], 0
                payloads.append(payload)
                size += len(payload)
        if payloads:
            yield Delta(request, tuple(payloads))
