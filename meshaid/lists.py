"""Reading the board: a page of it with what is left out, or one record with all that names it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from meshaid import contacts, limits
from meshaid.cautions import Caution
from meshaid.core import ids
from meshaid.core.board import Board
from meshaid.core.places import area_key, area_names
from meshaid.core.records import Record
from meshaid.core.rows import Row
from meshaid.core.texts import near_words
from meshaid.desk import Desk
from meshaid.errors import InvalidInput


@final
@dataclass(frozen=True, slots=True)
class Page:
    """A list of rows, and what it does not show."""

    rows: tuple[Row, ...]
    total: int
    """How many rows fit what was asked for."""
    left_out: Mapping[str, int]
    """How many records of this kind no list shows unless asked to, by reason (`Board.left_out`)."""
    warnings: tuple[Caution, ...] = ()
    """What is odd: an area that nobody here names; own records that this version cannot read."""

    @property
    def more(self) -> int:
        """How many rows fit besides those listed."""
        return self.total - len(self.rows)

    def as_json(self) -> dict[str, Any]:
        """`records` (rows), `total`, `more`, `left_out` and `warnings`."""
        return {
            "records": [row.as_json() for row in self.rows],
            "total": self.total,
            "more": self.more,
            "left_out": dict(self.left_out),
            "warnings": [caution.as_json() for caution in self.warnings],
        }


@final
@dataclass(frozen=True, slots=True)
class Shown:
    """One record and what others say about it."""

    row: Row
    related: tuple[Row, ...]
    """Pledges, receipts and flags that name it or count for it, each kind the oldest first."""
    related_more: int
    """How many there are besides: they are given only up to limits.RELATED_LISTED."""
    told_with: tuple[Row, ...]
    """Of a need the others that were told in one go with it, on one slip; the oldest first, and no
    more than limits.RELATED_LISTED."""
    contact: bool
    """Whether somebody attached a sealed contact; who may read it is another question."""

    def as_json(self) -> dict[str, Any]:
        """The row's keys, and beside them `related`, `told_with` (rows), `related_more` (a count)
        and `contact`."""
        return {
            **self.row.as_json(),
            "related": [row.as_json() for row in self.related],
            "related_more": self.related_more,
            "told_with": [row.as_json() for row in self.told_with],
            "contact": self.contact,
        }


def page(
    desk: Desk,
    now: int,
    *,
    kind: str = "",
    category: str = "",
    status: str = "",
    text: str = "",
    area: str = "",
    mine: bool = False,
    attention: bool = False,
    sort: str = "urgency",
    hidden: bool = False,
    limit: int = 0,
) -> Page:
    """The rows that fit, in the order asked for; see `Board.rows`.

    Args:
      mine: only this member's records.
      attention: only what asks something of everybody, or of this member.
      limit: at most so many rows, 0 for all. If more fit, few of any other member are shown, so
        that a flood leaves room for everybody.
    Raises:
      InvalidInput: no such kind, category, status or order, too many words, or a limit below 0.
    """
    if limit < 0:
        raise InvalidInput(fields={"limit": "must be 0 for all, or more"})
    board = desk.board(now)
    rows = board.rows(
        kind=kind,
        category=category,
        status=status,
        text=text,
        area=area,
        member=desk.member if mine else "",
        attention=attention,
        viewer=desk.member,
        sort=sort,
        hidden=hidden,
        # The index finds candidates quickly. The board looks at them again: it knows which words
        # are taken out of sight.
        among=_found(desk, text) if text.strip() else None,
    )
    shown = rows
    if 0 < limit < len(rows):
        shown = board.first_page(rows, limit, viewer=desk.member)
    warnings = [] if rows else [*_of_area(board, area)]
    if mine or attention:
        warnings += _of_unreadable(board.unreadable_of(desk.member))
    return Page(tuple(shown), len(rows), board.left_out(kind), tuple(warnings))


def _of_area(board: Board, area: str) -> Iterator[Caution]:
    """One for an area that no record and no hub names: it may be misspelt."""
    if not area or board.knows_area(area):
        return
    served = {area_key(name): name for hub in board.hubs() for name in area_names(hub)}
    near = [served[key] for key in near_words(area_key(area), served)]
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    yield Caution("no_such_area", f"No record and no hub here names this area.{hint}", "area")


def _of_unreadable(records: Sequence[Record]) -> Iterator[Caution]:
    """One for each of a member's own records that this version cannot read, but few at a time."""
    for record in records[: limits.SHOWN_PER_MEMBER]:
        yield Caution(
            "unreadable",
            f"Nobody sees your record {record.id} ({record.reason}). Write it anew, or update "
            "meshaid here if a newer version wrote it.",
        )


def _found(desk: Desk, text: str) -> frozenset[str]:
    found = desk.replica.ledger.search(text)
    return frozenset(ids.reference(member, name) for member, name in found)


def look(desk: Desk, ref: str, now: int) -> Shown:
    """One record, ended or not, with what names it. Raises NotFound, Ambiguous, InvalidInput."""
    board = desk.board(now)
    record = board.find(ref)
    contact = contacts.is_there(desk, record, now)
    related, most = board.related(record), limits.RELATED_LISTED
    listed = related
    if len(related) > most:
        listed = board.first_page(related, most, viewer=record.member)
    return Shown(
        board.row(record),
        tuple(listed),
        len(related) - len(listed),
        tuple(board.told_with(record)[:most]),
        contact,
    )
