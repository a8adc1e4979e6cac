"""Which records a list shows, and in which order.

Source: docs/protocol.md, "Board".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias, final

from meshaid import limits
from meshaid.core import words
from meshaid.core.attention import asks
from meshaid.core.categories import CATEGORIES, category_matches, no_category
from meshaid.core.derivation import ENDED
from meshaid.core.folding import values_of
from meshaid.core.places import area_key, area_names
from meshaid.core.records import Record
from meshaid.core.rows import Row
from meshaid.core.schema import KINDS
from meshaid.core.texts import one_of
from meshaid.core.urgency import TIERS
from meshaid.errors import InvalidInput

SHOWN_KINDS: Final = ("need", "offer", "notice")
"""Kinds on the board unless one is asked for."""
ASKING_KINDS: Final = (*SHOWN_KINDS, "pledge", "hub")
"""Kinds among which is looked for what needs attention."""
ALL: Final = "all"
"""The status filter that takes every state."""
STATES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "need": (
            "open",
            "part-pledged",
            "pledged",
            "part-received",
            "received",
            "paused",
            "closed",
            "expired",
        ),
        "offer": ("open", "part-taken", "taken", "paused", "closed", "expired"),
        "pledge": (
            "offered",
            "stale",
            "handed_over",
            "withdrawn",
            "failed",
            "returned",
            "expired",
        ),
        "receipt": ("accepted", "declined", "received", "not_received", "expired"),
        "notice": (
            "unconfirmed",
            "confirmed",
            "disputed",
            "withdrawn",
            "superseded",
            "expired",
        ),
        "flag": ("open", "withdrawn", "expired"),
        "hub": ("open", "paused", "closed", "expired"),
    }
)
"""The states that records of a kind may be in, as far as this version knows them."""
SORTS: Final = ("urgency", "waiting", "newest")
"""Orders of a list. What threatens a life stands above all in each."""

Order: TypeAlias = tuple[bool, int, int, int, str]

_UNTIERED: Final = len(TIERS)


@final
@dataclass(frozen=True, slots=True)
class Selection:
    """What a list asks for; `Board.rows` tells the meaning of each."""

    kind: str
    category: str
    status: str
    area: str
    member: str
    attention: bool
    viewer: str
    steward: bool
    sort: str
    hidden: bool
    among: Container[str] | None

    def check(self) -> None:
        """Raise InvalidInput for what does not exist: all of it at once, in its `fields`."""
        faults = {}
        if self.kind and self.kind not in KINDS:
            faults["kind"] = one_of(self.kind, KINDS)
        if fault := status_fault(self.status, () if "kind" in faults else self.kinds()):
            faults["status"] = fault
        if self.category and self.category not in CATEGORIES:
            faults["category"] = no_category(self.category)
        if self.sort not in SORTS:
            faults["sort"] = one_of(self.sort, SORTS)
        if faults:
            raise InvalidInput(fields=faults)

    def kinds(self) -> Sequence[str]:
        """The kinds that are looked through."""
        if self.kind:
            return (self.kind,)
        return ASKING_KINDS if self.attention else SHOWN_KINDS

    def takes(self, record: Record) -> bool:
        """Whether a record fits in what it says itself."""
        return (
            (not self.member or record.member == self.member)
            and (not self.category or category_matches(record.text("category"), self.category))
            and (self.among is None or is_among(record, self.among))
            and (not self.area or is_in(record, self.area))
        )

    def takes_status(self, status: str) -> bool:
        """Whether a list shows this state. What has just expired may still ask its author."""
        if self.status:
            return self.status in (ALL, status)
        return status not in ENDED or (self.attention and status == "expired")

    def takes_marks(self, row: Row) -> bool:
        """Whether a row has something to look at, for whoever looks; without a viewer for all."""
        if not self.attention:
            return True
        if not self.viewer:
            return bool(asks(row.marks, author=True, steward=True))
        own = self.viewer == row.record.member
        return bool(asks(row.marks, author=own, steward=self.steward))

    def order(self, row: Row, now: int) -> Order:
        """What rows are sorted by. The reference comes last: no two rows are equal."""
        record = row.record
        first = not record.flag("life_threatening")
        # Clocks that are ahead lead nowhere.
        created_at = min(record.number("created_at") or 0, now)
        if self.sort == "waiting":
            return first, created_at, 0, 0, record.reference
        if self.sort == "newest":
            return first, -created_at, 0, 0, record.reference
        tier = TIERS.index(row.tier) if row.tier else _UNTIERED
        until = row.deadline if row.deadline is not None else -created_at
        return first, tier, until, -created_at, record.reference


def status_fault(status: str, kinds: Iterable[str]) -> str:
    """What is wrong with a status to be looked for among these kinds, or all; empty if nothing."""
    known = dict.fromkeys(state for kind in kinds or STATES for state in STATES.get(kind, ()))
    return one_of(status, [*known, ALL]) if status and status not in (*known, ALL) else ""


def is_among(record: Record, references: Container[str]) -> bool:
    """Whether a record, or a copy that it stands for, is one of these."""
    return record.reference in references or any(copy in references for copy in record.folded)


def is_in(record: Record, area: str) -> bool:
    """Whether a record names this area, in any case and with or without accents; or serves it."""
    wanted = area_key(area)
    if record.kind == "hub":
        return any(area_key(name) == wanted for name in area_names(record))
    named = values_of(record, "area")
    return any(isinstance(name, str) and area_key(name) == wanted for name in named)


def searched_words(record: Record) -> list[list[str]]:
    """The words by which a record is found, of all values that its fields hold."""
    return words.searchable({name: values_of(record, name) for name in record.fields})


def first_page(rows: Iterable[Row], size: int, viewer: str = "") -> list[Row]:
    """The first rows, but few of one member; see `Board.first_page`."""
    page: list[Row] = []
    shown: Counter[tuple[str, str]] = Counter()
    for row in rows:
        if len(page) == size:
            break
        if row.record.member == viewer:
            page.append(row)
            continue
        household = row.record.text("on_behalf_of") if row.author.kind == "hub" else ""
        shown[row.record.member, household] += 1
        if shown[row.record.member, household] <= limits.SHOWN_PER_MEMBER:
            page.append(row)
    return page


def not_heard_from(hubs: Iterable[Record], notices: Iterable[Record]) -> list[str]:
    """Areas of hubs that none of these notices names, as the hubs write them, sorted.

    Args:
      hubs: the hub records that count.
      notices: those that are neither over nor hidden.
    """
    heard = {area_key(notice.text("area")) for notice in notices}
    areas: Mapping[str, str] = {
        area_key(name): name
        for hub in sorted(hubs, key=lambda hub: hub.reference, reverse=True)
        for name in area_names(hub)
    }
    return [areas[key] for key in sorted(areas) if key not in heard]
