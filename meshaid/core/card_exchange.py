"""The roster comes first: how two peers show each other their cards (docs/protocol.md, "Cards on
the wire").

A side lists names of cards (16 bytes each), its own chain first; the other asks for those that it
does not hold, in that order, and gets as many as fit. At the start both list everything, unless
their greetings show that nothing differs; later only what has not been named yet in this session,
so that a new card reaches a live peer at once. What comes is judged by the roster alone: who hands
a card over never matters.

Bounds: a card is asked for once per listing; what an answer leaves out is asked for again only if
that answer brought something; and a card is handed out once per listing of ours.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final, final

from meshaid import limits
from meshaid.core.knowledge import Knowledge
from meshaid.core.messages import CardList, Cards, CardWant
from meshaid.errors import RemoteProtocolError

_ANSWER_BYTES: Final = limits.INFLATE_LIMIT - 8 * limits.CARDS_PER_MESSAGE
"""Cards in one answer: what inflates to INFLATE_LIMIT with a header for each."""


@final
class CardExchange:
    """What one peer and we have told each other about cards."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self._named: set[bytes] = set()
        self._offered: set[bytes] = set()
        self._wanted: deque[bytes] = deque()
        self._pending: set[bytes] = set()
        self._asked: deque[tuple[bytes, ...]] = deque()
        self._list_expected = False
        self._started = False

    @property
    def settled(self) -> bool:
        """Whether nothing is to come: the peer's list was heard, and every card asked for."""
        return self._started and not self._list_expected and not self.asking

    @property
    def asking(self) -> bool:
        """Whether cards are wanted or on their way."""
        return bool(self._wanted or self._asked)

    def start(self, *, differs: bool) -> None:
        """Both greetings are known; when they differ, the peer lists its cards as we do."""
        self._started = True
        self._list_expected = differs

    # ---- our cards
    def list_all(self) -> Iterable[CardList]:
        """Our whole list, in pieces that fit."""
        return self._list(self._knowledge.card_names())

    def list_news(self) -> Iterable[CardList]:
        """What neither side has named yet in this session."""
        names = self._knowledge.card_names()
        return self._list([name for name in names if name not in self._named])

    def note_named(self) -> None:
        """Both sides hold the same cards: none of them is news."""
        self._named.update(self._knowledge.card_names())

    def _list(self, names: Sequence[bytes]) -> Iterable[CardList]:
        self._named.update(names)
        self._offered.update(names)
        for start in range(0, len(names), limits.MAX_CARD_NAMES):
            yield CardList(tuple(names[start : start + limits.MAX_CARD_NAMES]))

    def answer(self, want: CardWant) -> Cards:
        """As many of the wanted cards as are held and fit, in their order."""
        wires: list[bytes] = []
        size = 0
        for name in want.names:
            wire = self._knowledge.card(name) if name in self._offered else None
            if wire is None:
                continue
            size += len(wire)
            if size > _ANSWER_BYTES:
                break
            self._offered.discard(name)
            wires.append(wire)
        return Cards(tuple(wires))

    # ---- the peer's cards
    def hear(self, card_list: CardList) -> None:
        """Want what is listed and not held.

        Raises:
          RemoteProtocolError: it has named more than any community has.
        """
        self._list_expected = False
        self._named.update(card_list.names)
        if len(self._named) > 2 * limits.MAX_CARD_NAMES:
            raise RemoteProtocolError("the peer lists more cards than any community has: drop it")
        fresh = (name for name in card_list.names if name not in self._pending)
        wanted = [name for name in fresh if self._knowledge.card(name) is None]
        self._wanted.extend(wanted)
        self._pending.update(wanted)

    def requests(self) -> Iterable[CardWant]:
        """The requests to send now: as many as may be unanswered."""
        while self._wanted and len(self._asked) < limits.REQUESTS_IN_FLIGHT:
            count = min(len(self._wanted), limits.CARDS_PER_MESSAGE)
            names = tuple(self._wanted.popleft() for _ in range(count))
            self._asked.append(names)
            yield CardWant(names)

    def take(self, cards: Cards) -> bool:
        """The answer to our oldest request. Whether the roster is another one now.

        Raises:
          RemoteProtocolError: nobody asked, or not for these.
        """
        if not self._asked:
            raise RemoteProtocolError("the peer sent cards that nobody asked for: drop it")
        asked = self._asked.popleft()
        self._pending.difference_update(asked)
        got = {self._knowledge.name_card(wire) for wire in cards.wires}
        if len(got) != len(cards.wires) or not got.issubset(asked):
            raise RemoteProtocolError("the peer sent other cards than were asked for: drop it")
        if not got:
            return False
        missing = [name for name in asked if name not in got]
        self._wanted.extendleft(reversed(missing))
        self._pending.update(missing)
        return self._knowledge.add_cards(cards.wires).changed
