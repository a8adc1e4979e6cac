"""The rules of matching once more, read as plainly as they are written: every need, every offer.

It shares the board with the code under test, and nothing of what matching makes of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import asin, cos, radians, sin, sqrt

from meshaid.core.amounts import convert
from meshaid.core.board import Board
from meshaid.core.derivation import contents_of
from meshaid.core.matching import Match
from meshaid.core.records import Record
from meshaid.core.rows import Author

HOUR = 3600
TIERS = ("now", "today", "tomorrow", "week", "any")


def every_match(records: Iterable[Record], members: Mapping[str, Author], now: int) -> list[Match]:
    """All matches of a board, in the order of proposals."""
    board = Board(records, now=now - now % 60, members=members)
    found = [
        (rank(board, need), pair(board, need, offer))
        for need in board.records_of_kind("need")
        for offer in board.records_of_kind("offer")
        if may_match(board, need, offer)
    ]
    return [match for _, match in sorted(found)]


def may_match(board: Board, need: Record, offer: Record) -> bool:
    one, other = need.text("category"), offer.text("category")
    same = one == other or one == other.split(".")[0] or other == one.split(".")[0]
    if not same or one.split(".")[0] in ("", "other", "private"):
        return False
    if "collapsed" in (board.hidden(need.reference), board.hidden(offer.reference)):
        return False
    if need.member == offer.member and need.text("on_behalf_of") == offer.text("on_behalf_of"):
        return False
    return asks(board, need) and gives(board, offer) and fits_together(board, need, offer)


def asks(board: Board, need: Record) -> bool:
    standing, (_, deadline) = board.standing(need), board.tier(need)
    if standing.status in ("closed", "expired", "paused", "received", "pledged"):
        return False
    if standing.left == 0:
        return False
    return deadline is None or board.now <= deadline + 24 * HOUR


def gives(board: Board, offer: Record) -> bool:
    if board.standing(offer).status in ("closed", "expired", "paused", "taken"):
        return False
    until = offer.number("available_until")
    return until is None or board.now <= until


def fits_together(board: Board, need: Record, offer: Record) -> bool:
    amounts = need.number("quantity"), offer.number("quantity")
    if None not in amounts and in_unit_of(need, offer, Fraction(1)) is None:
        return False
    if offer.text("range") == "area" and band(board, need, offer) > 0:
        return False
    if offer.text("range") == "hub" and band(board, need, offer) > 1:
        return False
    for pledge in board.pledges_on(need.reference):
        drawn = board.offer_of(pledge)
        if drawn is not None and drawn.reference == offer.reference and board.promised(pledge) != 0:
            return False
    return True


def in_unit_of(need: Record, offer: Record, amount: Fraction) -> Fraction | None:
    return convert(
        amount,
        offer.text("unit"),
        need.text("unit"),
        contents=contents_of(offer),
        into_contents=contents_of(need),
    )


def rank(board: Board, need: Record) -> tuple[bool, int, int, int]:
    waited = board.now - (need.number("created_at") or 0)
    waiting = next((i for i, h in enumerate((12, 6, 3, 1)) if waited >= h * HOUR), 4)
    times = received_lately(board, need)
    received = 0 if times == 0 else 1 if times <= 2 else 2
    return not need.flag("life_threatening"), TIERS.index(board.tier(need)[0]), waiting, received


def received_lately(board: Board, need: Record) -> int:
    if board.author(need.member).kind == "hub" and not need.text("on_behalf_of"):
        return 0
    times = 0
    for other in board.records_of_kind("need"):
        if (other.member, other.text("on_behalf_of")) == (need.member, need.text("on_behalf_of")):
            for receipt in board.receipts_on(other.reference):
                at = receipt.number("received_at")
                at = receipt.number("created_at") if at is None else at
                assert at is not None
                times += receipt.text("result") == "received" and board.now - at <= 72 * HOUR
    return times


def pair(board: Board, need: Record, offer: Record) -> Match:
    digest = hashlib.sha256(f"{need.reference}|{offer.reference}".encode()).digest()[:8]
    return Match(
        band(board, need, offer),  # type: ignore[arg-type]
        fit(board, need, offer),  # type: ignore[arg-type]
        need.text("category") != offer.text("category"),
        digest,
        need.reference,
        offer.reference,
    )


def fit(board: Board, need: Record, offer: Record) -> int:
    wanted, has = board.standing(need).left, board.standing(offer).left
    if wanted is None:
        return 3
    if offer.flag("inexhaustible"):
        return 0
    if has is None:
        return 3
    given = in_unit_of(need, offer, has)
    assert given is not None
    return 0 if given >= wanted else 1 if given * 2 >= wanted else 2


def band(board: Board, need: Record, offer: Record) -> int:
    one, other = (r.text("area").strip().casefold() for r in (need, offer))
    if one and one == other:
        return 0
    mine, theirs = hubs_of(board, need), hubs_of(board, offer)
    if mine & theirs:
        return 1
    found = [km(board, a, b) for a in mine for b in theirs]
    return 2 if any(distance is not None and distance <= 5.0 for distance in found) else 3


def hubs_of(board: Board, record: Record) -> set[str]:
    area = record.text("area").strip().casefold()
    if not area:
        own = board.hub_of(record.member)
        return {own.reference} if own else set()
    return {
        hub.reference
        for hub in board.hubs()
        if area in [name.strip().casefold() for name in hub.text("areas").split(";")]
    }


def km(board: Board, one: str, other: str) -> float | None:
    places = []
    for name in (one, other):
        hub = board.record(name)
        assert hub is not None
        lat, lon = hub.number("lat"), hub.number("lon")
        if lat is None or lon is None:
            return None
        places.append((radians(lat / 100), radians(lon / 100)))
    (lat, lon), (lat2, lon2) = places
    half = sin((lat2 - lat) / 2) ** 2 + cos(lat) * cos(lat2) * sin((lon2 - lon) / 2) ** 2
    return round(2 * 6371.0 * asin(sqrt(half)), 1)
