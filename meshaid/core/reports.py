"""How the neighbourhood is doing: counts by kind, by category and by hub, and how long it waits.

Needs that were closed as duplicates count once, with their survivor. Times are those of the
board's moment, so two nodes with the same records report the same.
Source: docs/protocol.md, "Reports".
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, final

from meshaid.core.board import Board
from meshaid.core.categories import CATEGORIES, OTHER, group_of
from meshaid.core.places import Places
from meshaid.core.records import Record

_COLUMNS: Final = {
    "open": "open",
    "part-pledged": "open",
    "part-received": "open",
    "paused": "paused",
    "pledged": "pledged",
    "received": "received",
    "expired": "expired",
}
"""A need's state to the column in which it is counted; closed ones go by their reason."""
_RECEIVED_REASONS: Final = frozenset({"received", "done_by_others"})
UNANSWERED_SECONDS: Final = 3 * 3600
"""A need that nobody has pledged anything for this long is unanswered."""


@final
@dataclass(slots=True)
class Counts:
    """Needs and offers of one category, one hub, or all of them."""

    needs: Counter[str] = field(default_factory=Counter)
    offers: int = 0
    """Those that still have something to give."""
    hidden: int = 0
    unanswered: int = 0
    waited: list[int] = field(default_factory=list)
    """Seconds, for each need that is still open."""

    def as_json(self) -> dict[str, Any]:
        """Plain values; waiting times in seconds, null where nothing waits."""
        waited = sorted(self.waited)
        return {
            **{column: self.needs[column] for column in dict.fromkeys(_COLUMNS.values())},
            "closed": self.needs["closed"],
            "offers": self.offers,
            "hidden": self.hidden,
            "unanswered": self.unanswered,
            "waiting_median": _median(waited),
            "waiting_longest": waited[-1] if waited else None,
        }


def _median(ordered: Sequence[int]) -> int | None:
    """The middle one; of two middle ones the mean, rounded down."""
    if not ordered:
        return None
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) // 2


def report(board: Board) -> dict[str, Any]:
    """The report as plain values.

    Returns:
      `total`: counts of all; `categories`: one row for each group that has something, with `code`
      and `label`; `hubs`: one row for each hub, with its `id`, `letter` and `name`, the last one
      for what belongs to none; `kinds`: how many records of each kind; `not_heard_from`: areas
      from which no notice came. Counts are needs that are `open` (in part, too), `paused`,
      `pledged`, `received`, `expired` or `closed` otherwise; `offers` that have something left;
      records `hidden` by flags; needs `unanswered` for three hours; and how long the open ones
      wait: `waiting_median`, `waiting_longest`.
    """
    places = Places(board.hubs())
    total = Counts()
    by_group: defaultdict[str, Counts] = defaultdict(Counts)
    by_hub: defaultdict[str, Counts] = defaultdict(Counts)
    kinds: Counter[str] = Counter()
    for record in _counted(board):
        kinds[record.kind] += 1
        if record.kind in ("need", "offer"):
            hub = places.hub_for(record)
            group = group_of(record.text("category")) or OTHER
            for counts in (total, by_group[group], by_hub[hub.reference if hub else ""]):
                _count(board, record, counts)
    return {
        "kinds": [{"kind": kind, "count": count} for kind, count in sorted(kinds.items())],
        "categories": [
            {"code": code, "label": _label(code), **by_group[code].as_json()}
            for code in sorted(by_group, key=_list_order)
        ],
        "hubs": [*_hub_rows(board, by_hub)],
        "total": total.as_json(),
        "not_heard_from": board.not_heard_from(),
    }


def _counted(board: Board) -> Iterable[Record]:
    """Needs, offers and notices, without those that were closed as duplicates."""
    for kind in ("need", "offer", "notice"):
        for record in board.records_of_kind(kind):
            if record.kind == "notice" or board.survivor(record.reference) == record.reference:
                yield record


def _count(board: Board, record: Record, counts: Counts) -> None:
    status = board.standing(record).status
    counts.hidden += bool(board.hidden(record.reference))
    if record.kind == "offer":
        counts.offers += status in ("open", "part-taken")
        return
    done = status == "closed" and record.text("closed_reason") in _RECEIVED_REASONS
    column = "received" if done else _COLUMNS.get(status, "closed")
    counts.needs[column] += 1
    if column == "open":
        waited = max(0, board.now - (record.number("created_at") or 0))
        counts.waited.append(waited)
        nobody = not board.pledges_on(record.reference)
        counts.unanswered += waited >= UNANSWERED_SECONDS and nobody


def _hub_rows(board: Board, by_hub: defaultdict[str, Counts]) -> Iterable[dict[str, Any]]:
    hubs = sorted(board.hubs(), key=lambda hub: (hub.text("letter"), hub.reference))
    for hub in hubs:
        name = hub.text("title") or board.author(hub.member).name
        counts = by_hub[hub.reference].as_json()
        yield {"id": hub.reference, "letter": hub.text("letter"), "name": name, **counts}
    if "" in by_hub:
        yield {"id": None, "letter": None, "name": None, **by_hub[""].as_json()}


def _label(code: str) -> str:
    category = CATEGORIES.get(code)
    return category.label if category else code


def _list_order(code: str) -> tuple[int, str]:
    codes = list(CATEGORIES)
    return codes.index(code) if code in CATEGORIES else len(codes), code
