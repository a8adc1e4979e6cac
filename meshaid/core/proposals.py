"""A match as people see it: how much to pledge, and the reasons.

Source: docs/protocol.md, "Matching".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final, final

from meshaid.core.amounts import UNITS, show_amount
from meshaid.core.board import Board
from meshaid.core.match_index import MatchIndex
from meshaid.core.matching import Ask, Fit, Gift, Match, rate_between
from meshaid.core.places import Band
from meshaid.core.reasons import Reason, unit_words
from meshaid.core.records import Record
from meshaid.core.shares import UNIT, Want, share_out

_MEASURED: Final = frozenset({"mass", "volume", "length", "area", "time", "energy", "power"})
"""Dimensions of which parts of a unit can be given; all else is counted."""
_COVERS: Final = {Fit.ALL: "covers_all", Fit.HALF: "covers_half", Fit.LESS: "covers_less"}
_NEARNESS: Final = {
    Band.SAME_AREA: "same_area",
    Band.SAME_HUB: "same_hub",
    Band.NEAR_HUBS: "near_hubs",
    Band.FURTHER: "further",
}


@final
@dataclass(frozen=True, slots=True, repr=False)
class Proposal:
    """One suggestion: this offer for that need. Nothing is written by it, and its repr holds no
    content."""

    need: str
    """A reference, as `offer`."""
    offer: str
    quantity: int | None
    """What to pledge, in thousandths of `unit`; None if one of the two says no amount."""
    unit: str
    """The need's unit, but the offer's where less than a thousandth of the need's would come."""
    covers: bool
    """Whether this is all that is still open."""
    reasons: tuple[Reason, ...]

    def __repr__(self) -> str:
        return f"<Proposal {self.offer} for {self.need}>"

    @property
    def amount(self) -> Decimal | None:
        """The quantity in whole units, as `pledge` takes it."""
        return None if self.quantity is None else Decimal(self.quantity) / 1000


def propose(index: MatchIndex, matches: Sequence[Match]) -> list[Proposal]:
    """Matches of `MatchIndex.for_need` or `MatchIndex.first` as proposals, each on its own."""
    board = _board(index, matches)
    return [_proposal(index, board, match, None) for match in matches]


def _board(index: MatchIndex, matches: Sequence[Match]) -> Board:
    return index.board({name for match in matches for name in (match.need, match.offer)})


def propose_split(index: MatchIndex, matches: Sequence[Match]) -> list[Proposal]:
    """Matches of `MatchIndex.for_offer`, with a fair share of the offer for each need.

    Needs for which nothing is left are not proposed. Of an offer that says no amount, or that does
    not run out, each need may have all that it wants.
    """
    gift = index.gift(matches[0].offer) if matches else None
    if gift is None or gift.left is None:
        return propose(index, matches)
    wants, places = [], []
    for place, match in enumerate(matches):
        want = _want(index, match, gift)
        if want is not None:
            wants.append(want)
            places.append(place)
    shares = dict(zip(places, share_out(gift.left, wants), strict=True))
    board = _board(index, matches)
    return [
        _proposal(index, board, match, shares.get(place))
        for place, match in enumerate(matches)
        if place not in shares or shares[place]
    ]


def _want(index: MatchIndex, match: Match, gift: Gift) -> Want | None:
    ask = _ask(index, match)
    rate = rate_between(gift, ask)
    if ask.left is None or not rate:
        return None
    return Want(ask.left / rate, not ask.rank.calm)


def _ask(index: MatchIndex, match: Match) -> Ask:
    ask = index.ask(match.need)
    if ask is None:
        raise LookupError("this match is of another board")
    return ask


def _proposal(index: MatchIndex, board: Board, match: Match, share: Fraction | None) -> Proposal:
    """One proposal; `share` of the offer, in thousandths of its unit, instead of all of it."""
    ask, gift = _ask(index, match), index.gift(match.offer)
    if gift is None:
        raise LookupError("this match is of another board")
    rate = rate_between(gift, ask)
    quantity, unit = _quantity(ask, gift, rate, share)
    covers = ask.left is not None and quantity is not None and _is_all(ask, unit, quantity)
    reasons = tuple(_reasons(index, board, match, ask, gift, share))
    return Proposal(match.need, match.offer, quantity, unit, covers, reasons)


def _is_all(ask: Ask, unit: str, quantity: int) -> bool:
    """Whether a quantity is all that is open, but for parts that no amount can say."""
    return (
        ask.scale is not None
        and unit == ask.scale[0]
        and ask.left is not None
        and quantity >= int(ask.left)
    )


def _quantity(
    ask: Ask, gift: Gift, rate: Fraction | None, share: Fraction | None
) -> tuple[int | None, str]:
    """What to pledge: the smaller of what is open and what is left, in the need's unit."""
    if ask.left is None or ask.scale is None:
        return (None, "") if gift.left is None or gift.scale is None else (None, gift.scale[0])
    unit = ask.scale[0]
    has = gift.left if share is None else share
    if gift.endless or has is None or rate is None:
        return (int(ask.left), unit) if gift.endless else (None, unit)
    wanted = min(ask.left, has * rate)
    if wanted < ask.left and not _is_measured(unit):
        wanted = wanted // UNIT * UNIT or wanted  # no half blankets, unless there is only that
    if int(wanted) or gift.scale is None:
        return int(wanted), unit
    return int(min(has, ask.left / rate)) or 1, gift.scale[0]


def _is_measured(unit: str) -> bool:
    known = UNITS.get(unit)
    return known is not None and known.dimension in _MEASURED


# ---- reasons


def _reasons(
    index: MatchIndex,
    board: Board,
    match: Match,
    ask: Ask,
    gift: Gift,
    share: Fraction | None,
) -> Iterator[Reason]:
    """Why, in the order in which the parts of the order weigh."""
    need, offer = board.record(ask.reference), board.record(gift.reference)
    if need is None or offer is None:
        raise LookupError("this match is of another board")
    yield from _of_need(board, need, index.received_times(ask))
    nearness = index.nearness(ask, gift)
    code = _NEARNESS[nearness.band]
    if code in ("near_hubs", "further") and nearness.tenths is None:
        yield Reason("distance_unknown")
    elif nearness.tenths is None:
        yield Reason(code)
    else:
        yield Reason(code, {"km": f"{nearness.tenths / 10:.1f}"})
    yield from _of_amounts(match, ask, gift, share)
    if match.group_only:
        yield Reason("group_only", {"need": ask.category, "offer": gift.category})
    yield from _of_times(board, offer)


def _of_need(board: Board, need: Record, times: int) -> Iterator[Reason]:
    tier, deadline = board.tier(need)
    if need.flag("life_threatening"):
        yield Reason("life_threatening")
    if deadline is not None and board.now > deadline:
        yield Reason("overdue", {"seconds": board.now - deadline})
    else:
        yield Reason("urgency", {"tier": tier})
    waited = board.now - (need.number("created_at") or 0)
    if waited >= 60:
        yield Reason("waiting", {"seconds": waited})
    if times > 1:
        yield Reason("received_before", {"times": times})
    else:
        yield Reason("received_once" if times else "received_nothing")


def _of_amounts(match: Match, ask: Ask, gift: Gift, share: Fraction | None) -> Iterator[Reason]:
    if ask.left is None or ask.scale is None:
        yield Reason("amount_unknown")
        return
    needs = _amount(ask.left, ask.scale[0])
    if gift.endless:
        yield Reason("endless", {"needs": needs})
        return
    rate = rate_between(gift, ask)
    if gift.left is None or gift.scale is None or rate is None:
        yield Reason("amount_unknown")
        return
    yield Reason(
        _COVERS[match.fit], {"needs": needs, "has": _amount(gift.left * rate, ask.scale[0])}
    )
    if gift.scale[0] != ask.scale[0]:
        yield Reason("converted", {"unit": unit_words(gift.scale[0])})
    if share is not None and share < gift.left and share * rate < ask.left:
        yield Reason("share", {"has": _amount(gift.left, gift.scale[0])})


def _of_times(board: Board, offer: Record) -> Iterator[Reason]:
    begins, ends = offer.number("available_from"), offer.number("available_until")
    if begins is not None and begins > board.now:
        yield Reason("available_from", {"seconds": begins - board.now})
    if ends is not None:
        yield Reason("available_until", {"seconds": ends - board.now})


def _amount(thousandths: Fraction, unit: str) -> str:
    return f"{show_amount(thousandths)} {unit_words(unit)}".strip()
