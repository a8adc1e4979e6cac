"""All needs and offers of a board, laid out so that what fits is found without comparing all.

`MatchIndex(records, …)` reads everything. `advance` takes what was written since, and reads again
only what that bears on and what the time has moved; the result is that of a new index. Lists of the
whole board are found need by need and kept until something in their category changes.
Source: docs/protocol.md, "Matching".
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from heapq import nsmallest
from itertools import chain, islice
from typing import Final, final

from meshaid import limits
from meshaid.core.board import Board
from meshaid.core.matching import (
    NOTHING_RECEIVED,
    Ask,
    Fit,
    Gift,
    Household,
    Match,
    Rank,
    Reading,
    Received,
    Yardstick,
    counts_received,
    household_of,
    minute_of,
    reaches,
    read_need,
    read_offer,
    received_by,
    related_categories,
    tie_break,
)
from meshaid.core.places import Band, Nearness, Place, Places
from meshaid.core.records import Record
from meshaid.core.relations import Relations
from meshaid.core.rows import Author

_MATCHED: Final = ("need", "offer")
_FEW: Final = 32
"""So many written records are followed one by one, however small the board."""


@final
class MatchIndex:
    """What may be matched on one board, and how well."""

    def __init__(
        self, records: Iterable[Record], *, members: Mapping[str, Author], now: int
    ) -> None:
        """Read all records.

        Args:
          records: of all documents, each reference once, in any order, readable or not.
          members: the members whose documents count, by id.
          now: seconds since 1970; matching looks at the beginning of its minute.
        """
        self._relations = Relations(records)
        self._members = members
        self.now = minute_of(now)
        """The minute at which this looks."""
        self._read_all()

    def board(self, references: Iterable[str]) -> Board:
        """A board on which these needs and offers stand as they do on the whole one."""
        return self._board_of(self._relations.around(references))

    def _board_of(self, records: Iterable[Record]) -> Board:
        return Board(records, now=self.now, members=self._members)

    def ask(self, reference: str) -> Ask | None:
        """A need, if it wants something that may be matched."""
        return self._asks.get(reference)

    def gift(self, reference: str) -> Gift | None:
        """An offer, if it has something to give that may be matched."""
        return self._gifts.get(reference)

    def for_need(self, reference: str) -> list[Match]:
        """Every offer that fits a need, the best first; none if it wants nothing."""
        ask = self._asks.get(reference)
        if ask is None:
            return []
        lists = [
            names
            for code in related_categories(ask.category, self._shelves)
            for names in self._shelves[code].values()
        ]
        gifts = (self._gifts[name] for name in chain.from_iterable(lists))
        return sorted(self._matches(ask, gifts))

    def for_offer(self, reference: str) -> list[Match]:
        """Every need that an offer fits, in the order in which they are proposed."""
        gift = self._gifts.get(reference)
        if gift is None:
            return []
        found = [match for ask in self._asking(gift) for match in self._matches(ask, (gift,))]
        return sorted(found, key=lambda match: (self._asks[match.need].rank, match))

    def first(self, count: int) -> list[Match]:
        """The first proposals for the whole board, of the best few offers for each need.

        Returns:
          At least so many, if there are: of needs that come equally early all are there, or of a
          flood of them limits.NEEDS_WEIGHED, taken in turn from every member.
        """
        ranks: defaultdict[Rank, list[Ask]] = defaultdict(list)
        for ask in self._asks.values():
            ranks[ask.rank].append(ask)
        found: list[Match] = []
        for rank in sorted(ranks):
            for several in _in_turns(ranks[rank]):
                found += sorted(chain.from_iterable(map(self._best, several)))
            if len(found) >= count:
                break
        return found

    def nearness(self, ask: Ask, gift: Gift) -> Nearness:
        """How near a need and an offer are."""
        return self._places.nearness(ask.place, gift.place)

    def received_times(self, ask: Ask) -> int:
        """How often the household of a need received something within three days."""
        return self._received[ask.household].times

    # ---- pairs

    def _best(self, ask: Ask) -> list[Match]:
        """The best PROPOSALS_PER_NEED offers for a need, kept until its category changes.

        Nearer ones are better than all that are further away, so most are never weighed.
        """
        best = self._kept.get(ask.reference)
        if best is None:
            best, yardstick = [], Yardstick(ask)
            for band, gifts in self._by_band(ask):
                best += self._best_of(ask, yardstick, band, gifts)
                if len(best) >= limits.PROPOSALS_PER_NEED:
                    break
            best = self._kept[ask.reference] = best[: limits.PROPOSALS_PER_NEED]
        return best

    def _by_band(self, ask: Ask) -> Iterator[tuple[Band, Iterable[Gift]]]:
        """The offers of fitting categories in the same area, then at the same hub, and so on.

        Of a flood of equally near offers only some are weighed, each need beginning elsewhere.
        """
        near: defaultdict[Band, list[list[str]]] = defaultdict(list)
        for code in related_categories(ask.category, self._shelves):
            for place, names in self._shelves[code].items():
                near[self._places.nearness(ask.place, place).band].append(names)
        for band in sorted(near):
            weighed = chain.from_iterable(_some(names, ask.reference) for names in near[band])
            yield band, (self._gifts[name] for name in islice(weighed, limits.OFFERS_WEIGHED))

    def _best_of(
        self, ask: Ask, yardstick: Yardstick, band: Band, gifts: Iterable[Gift]
    ) -> list[Match]:
        """The best of equally near offers, sorted. Only those that may come first are hashed."""
        classes: defaultdict[tuple[Fit, bool], list[str]] = defaultdict(list)
        for gift in gifts:
            fit = _fit(ask, yardstick, band, gift)
            if fit is not None:
                classes[fit, gift.category != ask.category].append(gift.reference)
        best: list[Match] = []
        for fit, group_only in sorted(classes):
            if len(best) >= limits.PROPOSALS_PER_NEED:
                break
            named = classes[fit, group_only]
            matches = (_match(ask, band, fit, group_only, name) for name in named)
            best += nsmallest(limits.PROPOSALS_PER_NEED, matches)
        return best

    def _matches(self, ask: Ask, gifts: Iterable[Gift]) -> Iterator[Match]:
        """Those offers that may be proposed for a need, and how well each fits."""
        yardstick = Yardstick(ask)
        for gift in gifts:
            band = self._places.nearness(ask.place, gift.place).band
            fit = _fit(ask, yardstick, band, gift)
            if fit is not None:
                yield _match(ask, band, fit, gift.category != ask.category, gift.reference)

    def _asking(self, gift: Gift) -> Iterator[Ask]:
        """The needs of the categories that fit an offer's."""
        for code in related_categories(gift.category, self._asks_in):
            yield from (self._asks[name] for name in self._asks_in[code])

    # ---- keeping up

    def advance(
        self, written: Mapping[str, Record | None], *, members: Mapping[str, Author], now: int
    ) -> None:
        """Go on to a later moment.

        Args:
          written: every record that was written since, by reference; None for one that is gone.
          members, now: as for a new index. Time that goes backwards, other members or hubs, and
            many records at once mean that everything is read anew.
        """
        minute, relations = minute_of(now), self._relations
        anew = (
            minute < self.now
            or _weights(members) != _weights(self._members)
            or len(written) > max(_FEW, len(relations) // 8)
            or any(_is_hub(relations.get(name)) or _is_hub(new) for name, new in written.items())
        )
        touched = _Touched() if anew else self._passing(minute)
        for reference, record in written.items():
            if not anew:
                touched.add(relations, reference)
            if record is None:
                relations.remove(reference)
            else:
                relations.put(record)
            if not anew:
                touched.add(relations, reference)
        self.now, self._members = minute, members
        if anew:
            self._read_all()
        else:
            self._read_again(touched)

    def _passing(self, minute: int) -> _Touched:
        """What stands otherwise at a later minute, because of the time alone."""
        touched = _Touched()
        touched.names = {ref for ref, at in self._due.items() if at is not None and at <= minute}
        for flag in self._relations.flags_ending(self.now, minute):
            touched.add(self._relations, flag)
        return touched

    def _read_again(self, touched: _Touched) -> None:
        """Read these again; if what a household received is not the same, all of its needs."""
        names = touched.names
        households = {h for name in touched.received for h in self._households(name)}
        households |= {
            household
            for household, received in self._received.items()
            if received.until is not None and received.until <= self.now
        }
        for household in households:
            self._received.pop(household, None)
            names |= self._needs_of.get(household, set())
        board = self.board(names)
        for reference in names:
            self._enter_household(board, reference)
        for reference in names:
            self._enter(board, reference)

    def _households(self, need: str) -> set[Household]:
        """Whose a need was when it was last read, and whose it is."""
        record = self._relations.get(need)
        was = {self._household[need]} if need in self._household else set()
        return was | ({household_of(record)} if record is not None else set())

    def _read_all(self) -> None:
        board = self._board_of(self._relations.records())
        self._places = Places(board.hubs())
        self._asks: dict[str, Ask] = {}
        self._gifts: dict[str, Gift] = {}
        self._due: dict[str, int | None] = {}
        """The moment from which each need and offer must be read again."""
        self._household: dict[str, Household] = {}
        self._needs_of: defaultdict[Household, set[str]] = defaultdict(set)
        self._received: dict[Household, Received] = {}
        self._asks_in: defaultdict[str, set[str]] = defaultdict(set)
        self._shelves: defaultdict[str, defaultdict[Place, list[str]]]
        self._shelves = defaultdict(lambda: defaultdict(list))
        """Sorted references of offers, by category and place."""
        self._kept: dict[str, list[Match]] = {}
        records = [r for kind in _MATCHED for r in board.records_of_kind(kind)]
        for record in records:
            self._enter_household(board, record.reference)
        for record in records:
            self._enter(board, record.reference)

    def _enter_household(self, board: Board, reference: str) -> None:
        """Note whose a need is: ended ones too, because of what came for them."""
        was = self._household.pop(reference, None)
        if was is not None:
            self._needs_of[was].discard(reference)
        record = _shown(board, reference)
        if record is not None and record.kind == "need":
            household = self._household[reference] = household_of(record)
            self._needs_of[household].add(reference)

    def _enter(self, board: Board, reference: str) -> None:
        """Read a need or an offer again; what is not on the board any more goes."""
        record = _shown(board, reference)
        if record is None:
            self._due.pop(reference, None)
            entry = None
        else:
            entry, self._due[reference] = self._read(board, record)
        self._put_ask(reference, entry if isinstance(entry, Ask) else None)
        self._put_gift(reference, entry if isinstance(entry, Gift) else None)

    def _read(self, board: Board, record: Record) -> Reading:
        if record.kind == "offer":
            return read_offer(board, record, self._places)
        return read_need(board, record, self._places, self._received_by(board, record))

    def _received_by(self, board: Board, need: Record) -> Received:
        household = household_of(need)
        found = self._received.get(household)
        if found is None:
            found = NOTHING_RECEIVED
            if counts_received(board, household):
                found = received_by(board, self._needs_of[household])
            self._received[household] = found
        return found

    def _put_ask(self, reference: str, ask: Ask | None) -> None:
        old = self._asks.pop(reference, None)
        if old is not None and old != ask:
            self._asks_in[old.category].discard(reference)
            self._kept.pop(reference, None)
        if ask is not None:
            self._asks[reference] = ask
            self._asks_in[ask.category].add(reference)

    def _put_gift(self, reference: str, gift: Gift | None) -> None:
        old = self._gifts.get(reference)
        if old == gift:
            return
        if old is not None:
            del self._gifts[reference]
            self._leave_lists(old)
            self._take_off(old)
        if gift is not None:
            self._gifts[reference] = gift
            insort(self._shelves[gift.category][gift.place], reference)
            self._join_lists(gift)

    def _take_off(self, gift: Gift) -> None:
        """Take an offer from its shelf; places and categories go with their last one."""
        shelf = self._shelves[gift.category]
        names = shelf[gift.place]
        del names[bisect_left(names, gift.reference)]
        if not names:
            del shelf[gift.place]
        if not shelf:
            del self._shelves[gift.category]

    def _leave_lists(self, gift: Gift) -> None:
        """Give up the lists that an offer stands in; of a flood all, because others move up."""
        flood = self._is_flood(gift)
        for ask in self._asking(gift) if self._kept else ():
            best = self._kept.get(ask.reference, ())
            if flood or any(match.offer == gift.reference for match in best):
                self._kept.pop(ask.reference, None)

    def _join_lists(self, gift: Gift) -> None:
        """Put an offer into the lists in which it belongs."""
        flood = self._is_flood(gift)
        for ask in self._asking(gift) if self._kept else ():
            best = self._kept.get(ask.reference)
            if flood:
                self._kept.pop(ask.reference, None)
            elif best is not None:
                best += self._matches(ask, (gift,))
                best.sort()
                del best[limits.PROPOSALS_PER_NEED :]

    def _is_flood(self, gift: Gift) -> bool:
        """Whether not all offers beside this one are weighed."""
        codes = related_categories(gift.category, self._shelves)
        beside = sum(len(names) for code in codes for names in self._shelves[code].values())
        return beside >= limits.OFFERS_WEIGHED


@final
class _Touched:
    """What has to be read again."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.received: set[str] = set()
        """Needs for which something came: then it counts for all needs of their household."""

    def add(self, relations: Relations, reference: str) -> None:
        """What a record bears on at present."""
        names = relations.bearing(reference) | {reference}
        self.names |= names
        self.received |= relations.with_receipts(names)


def _in_turns(asks: list[Ask]) -> list[list[Ask]]:
    """All of them at once; or of a flood so many as are weighed, one of each member at a time."""
    if len(asks) <= limits.NEEDS_WEIGHED:
        return [asks]
    turns: defaultdict[int, list[Ask]] = defaultdict(list)
    counts: Counter[str] = Counter()
    for ask in sorted(asks, key=lambda ask: tie_break(ask.reference, "")):
        turns[counts[ask.household[0]]].append(ask)
        counts[ask.household[0]] += 1
    weighed = islice(chain.from_iterable(turns[n] for n in sorted(turns)), limits.NEEDS_WEIGHED)
    kept = {ask.reference for ask in weighed}
    several = ([ask for ask in turns[n] if ask.reference in kept] for n in sorted(turns))
    return [asks for asks in several if asks]


def _fit(ask: Ask, yardstick: Yardstick, band: Band, gift: Gift) -> Fit | None:
    """How much of a need an offer so near covers; None if the two may not be matched."""
    if gift.household == ask.household or gift.reference in ask.pledged or not reaches(gift, band):
        return None
    return yardstick.fit(gift)


def _match(ask: Ask, band: Band, fit: Fit, group_only: bool, offer: str) -> Match:
    return Match(band, fit, group_only, tie_break(ask.reference, offer), ask.reference, offer)


def _some(names: list[str], beginning: str) -> Iterable[str]:
    """All names, or of more than limits.OFFERS_WEIGHED so many that follow on the beginning."""
    if len(names) <= limits.OFFERS_WEIGHED:
        return names
    start = bisect_left(names, beginning)
    return islice(chain(names[start:], names[:start]), limits.OFFERS_WEIGHED)


def _shown(board: Board, reference: str) -> Record | None:
    """The need or offer that a board shows under this reference itself."""
    record = board.record(reference)
    shown = record is not None and record.reference == reference and record.kind in _MATCHED
    return record if shown else None


def _is_hub(record: Record | None) -> bool:
    return record is not None and record.kind == "hub"


def _weights(members: Mapping[str, Author]) -> dict[str, tuple[str, bool]]:
    """What members are, names left aside: this says which of their records count."""
    return {name: (author.kind, author.steward) for name, author in members.items()}
