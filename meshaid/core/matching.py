"""Which offers fit which needs, and why. It suggests; a person decides.

A pure function of the board and its minute, so every node that holds the same records shows the
same list, in the same order; who heard of what first plays no part, nor do shown names.

- `Ask` is a need and `Gift` an offer as matching sees them, read from a board that was laid out at
  a whole minute. Both say until when they stand as they are, if no record changes.
- `fitting` tells whether the two may be matched at all, and how well: the filters, and the part of
  the order that both sides make.
- `core.match_index` holds all of them and lists what fits; `core.shares` splits large offers.

Source: docs/protocol.md, "Matching".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from typing import Final, NamedTuple, final

from meshaid.core.amounts import Contents, convert
from meshaid.core.board import Board
from meshaid.core.categories import OTHER, PRIVATE, group_of
from meshaid.core.derivation import HOLD_SECONDS, contents_of
from meshaid.core.flags import COLLAPSED
from meshaid.core.places import Band, Place, Places
from meshaid.core.records import Record, expires_at
from meshaid.core.schema import URGENCIES

MINUTE: Final = 60
"""Matching looks at a board as it was when this minute began."""
OVERDUE_SECONDS: Final = 24 * 3600
"""A need is proposed until this long after its deadline."""
RECEIVED_SECONDS: Final = 72 * 3600
"""How far back it counts what a household has received."""

Household = tuple[str, str]
"""A member and `on_behalf_of`: who asks, or offers."""
Scale = tuple[str, Contents | None]
"""A unit, and what one of it holds."""

_NOT_MATCHED: Final = frozenset({OTHER, PRIVATE})
_WAITING: Final = (12 * 3600, 6 * 3600, 3 * 3600, 3600)
_TIERS: Final = tuple(URGENCIES)
_ASKING: Final = frozenset({"open", "part-pledged", "part-received"})
_GIVING: Final = frozenset({"open", "part-taken"})


class Fit(IntEnum):
    """How much of what is still open an offer covers."""

    ALL = 0
    HALF = 1
    LESS = 2
    UNKNOWN = 3


@final
class Rank(NamedTuple):
    """The part of the order that the need alone makes, the smallest first."""

    calm: bool
    """False where a life is at risk."""
    tier: int
    waiting: int
    received: int


@final
class Match(NamedTuple):
    """How well an offer fits a need: the part of the order that the two make."""

    band: Band
    fit: Fit
    group_only: bool
    tie: bytes
    """The beginning of a hash over both references: equal matches come in no one's favour."""
    need: str
    offer: str


@final
@dataclass(frozen=True, slots=True, repr=False)
class Ask:
    """A need that wants something. Its repr holds no content."""

    reference: str
    household: Household
    category: str
    place: Place
    rank: Rank
    left: Fraction | None
    """What is still open, in thousandths of its unit; None if it says no amount."""
    scale: Scale | None
    """None if it says no amount."""
    pledged: frozenset[str]
    """Offers that a live pledge on this need draws on."""

    def __repr__(self) -> str:
        return f"<Ask {self.reference}>"


@final
@dataclass(frozen=True, slots=True, repr=False)
class Gift:
    """An offer that has something to give. Its repr holds no content."""

    reference: str
    household: Household
    category: str
    place: Place
    range: str
    left: Fraction | None
    """What is left, in thousandths of its unit; None if it says no amount or never runs out."""
    endless: bool
    scale: Scale | None

    def __repr__(self) -> str:
        return f"<Gift {self.reference}>"


@final
class Reading(NamedTuple):
    """What one record is to matching, and the moment from which it must be read again."""

    entry: Ask | Gift | None
    until: int | None


@final
class Received(NamedTuple):
    """How often a household received something lately, and when that count next falls."""

    times: int
    until: int | None = None


NOTHING_RECEIVED: Final = Received(0)


# ---- reading a board


def minute_of(now: int) -> int:
    """The beginning of the minute: lay a board out at this moment to match on it."""
    return now - now % MINUTE


def household_of(record: Record) -> Household:
    """Who a need or an offer is for: a hub writes for many."""
    return record.member, record.text("on_behalf_of")


def counts_received(board: Board, household: Household) -> bool:
    """Whether it plays a part what this household received: a hub that asks for itself has none."""
    member, tag = household
    return bool(tag) or board.author(member).kind != "hub"


def received_by(board: Board, needs: Iterable[str]) -> Received:
    """What came for the needs of one household within RECEIVED_SECONDS, ended needs included.

    Args:
      needs: references of all needs of that household.
    """
    moments = [
        moment
        for need in needs
        for receipt in board.receipts_on(need)
        if receipt.text("result") == "received"
        if (moment := _received_at(receipt) + RECEIVED_SECONDS) >= board.now
    ]
    return Received(len(moments), min(moments) + 1 if moments else None)


def _received_at(receipt: Record) -> int:
    said = receipt.number("received_at")
    return said if said is not None else receipt.number("created_at") or 0


def read_need(board: Board, need: Record, places: Places, received: Received) -> Reading:
    """A need as matching sees it at the board's minute."""
    standing = board.standing(need)
    word, deadline = board.tier(need)
    pledges = board.pledges_on(need.reference)
    until = _next(board.now, _need_moments(need, deadline, pledges, received))
    overdue = deadline is not None and board.now > deadline + OVERDUE_SECONDS
    nothing_left = standing.left is not None and not standing.left
    if standing.status not in _ASKING or nothing_left or overdue or not _may_match(board, need):
        return Reading(None, until)
    rank = Rank(
        not need.flag("life_threatening"),
        _TIERS.index(word),
        _band(board.now - (need.number("created_at") or 0)),
        0 if not received.times else 1 if received.times <= 2 else 2,
    )
    ask = Ask(
        need.reference,
        household_of(need),
        need.text("category"),
        places.of(need),
        rank,
        standing.left,
        _scale(need),
        frozenset(_drawn_on(board, pledges)),
    )
    return Reading(ask, until)


def read_offer(board: Board, offer: Record, places: Places) -> Reading:
    """An offer as matching sees it at the board's minute."""
    standing = board.standing(offer)
    ends = offer.number("available_until")
    moments = [_hold_until(p) + 1 for p in board.pledges_from(offer.reference)]
    moments += [end + 1 for end in (ends, expires_at(offer)) if end is not None]
    until = _next(board.now, moments)
    past = ends is not None and board.now > ends
    if standing.status not in _GIVING or past or not _may_match(board, offer):
        return Reading(None, until)
    gift = Gift(
        offer.reference,
        household_of(offer),
        offer.text("category"),
        places.of(offer),
        offer.text("range") or "anywhere",
        standing.left,
        offer.flag("inexhaustible"),
        _scale(offer),
    )
    return Reading(gift, until)


def _may_match(board: Board, record: Record) -> bool:
    """Not collapsed by flags, and of a category that says what it is about.

    Words that were taken out as somebody's personal data leave amount, category and place.
    """
    category = record.text("category")
    return (
        category != ""
        and group_of(category) not in _NOT_MATCHED
        and board.hidden(record.reference) != COLLAPSED
    )


def _scale(record: Record) -> Scale | None:
    if record.number("quantity") is None:
        return None
    return record.text("unit"), contents_of(record)


def _band(waited: int) -> int:
    return sum(waited < least for least in _WAITING)


def _drawn_on(board: Board, pledges: Iterable[Record]) -> Iterable[str]:
    """The offers that live pledges draw on, as the board shows them."""
    for pledge in pledges:
        offer = board.offer_of(pledge)
        if offer is not None and board.promised(pledge) != 0:
            yield offer.reference


def _need_moments(
    need: Record, deadline: int | None, pledges: Iterable[Record], received: Received
) -> Iterable[int]:
    """Moments at which a need's reading may change by time alone."""
    created_at = need.number("created_at") or 0
    yield from (created_at + least for least in _WAITING)
    if deadline is not None:
        yield from (deadline - reach for reach in URGENCIES.values() if reach is not None)
        yield deadline + OVERDUE_SECONDS + 1
    end = expires_at(need)
    if end is not None:
        yield end + 1
    yield from (_hold_until(pledge) + 1 for pledge in pledges)
    if received.until is not None:
        yield received.until


def _hold_until(pledge: Record) -> int:
    said = pledge.number("hold_until")
    return said if said is not None else (pledge.number("created_at") or 0) + HOLD_SECONDS


def _next(now: int, moments: Iterable[int]) -> int | None:
    return min((moment for moment in moments if moment > now), default=None)


# ---- two of them


def related_categories(category: str, known: Iterable[str]) -> list[str]:
    """Those of the known codes that fit a code: itself, its group, or all below if it is one."""
    group = group_of(category)
    return [
        code
        for code in known
        if code in (category, group) or (category == group and group_of(code) == group)
    ]


def reaches(gift: Gift, band: Band) -> bool:
    """Whether a need that lies so near is within the range that an offer is for."""
    if gift.range == "area":
        return band == Band.SAME_AREA
    if gift.range == "hub":
        return band <= Band.SAME_HUB
    return True


def rate_between(gift: Gift, ask: Ask) -> Fraction | None:
    """How many of the need's unit one of the offer's is; None if that cannot be told."""
    if gift.scale is None or ask.scale is None:
        return None
    (unit, contents), (into, into_contents) = gift.scale, ask.scale
    return convert(Fraction(1), unit, into, contents=contents, into_contents=into_contents)


@final
class Yardstick:
    """What one need still wants, measured in the units of the offers that come."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._wanted: dict[Scale, Fraction | None] = {}

    def fit(self, gift: Gift) -> Fit | None:
        """How much of the need an offer covers; None if one cannot be measured by the other."""
        ask, scale = self._ask, gift.scale
        if ask.left is None or ask.scale is None:
            return Fit.UNKNOWN
        if scale is None:
            return Fit.ALL if gift.endless else Fit.UNKNOWN
        if scale not in self._wanted:
            rate = rate_between(gift, ask)
            self._wanted[scale] = ask.left / rate if rate else None
        wanted = self._wanted[scale]
        if wanted is None:
            return None
        if gift.endless:
            return Fit.ALL
        if gift.left is None:
            return Fit.UNKNOWN
        # In integers: of all that matching does this is done most often.
        has = gift.left.numerator * wanted.denominator
        asked = wanted.numerator * gift.left.denominator
        if has >= asked:
            return Fit.ALL
        return Fit.HALF if 2 * has >= asked else Fit.LESS


def tie_break(need: str, offer: str) -> bytes:
    """Eight bytes that put equal matches in an order which nobody chose."""
    return hashlib.sha256(f"{need}|{offer}".encode()).digest()[:8]
