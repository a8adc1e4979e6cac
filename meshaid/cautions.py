"""What somebody should know about what they have just said, or are about to say.

A caution never prevents anything: what is shown, a person decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, final

from meshaid.core.amounts import near_units, show_amount
from meshaid.core.board import Board
from meshaid.core.fields import Text
from meshaid.core.records import Record
from meshaid.core.rows import Row
from meshaid.core.schema import KINDS
from meshaid.core.texts import looks_like_contact
from meshaid.desk import Desk
from meshaid.errors import StoreError
from meshaid.quantities import in_unit

_FREE_TEXT: Final = ("title", "text", "area", "texts")
"""Fields in which people write what they like."""


@final
@dataclass(frozen=True, slots=True)
class Caution:
    """One thing to know."""

    code: str
    """For programs; stays the same when the words change."""
    words: str
    """For people; a sentence or two."""
    field: str = ""
    """The field that it is about, if it is about one."""

    def as_json(self) -> dict[str, str]:
        """Its three parts by name."""
        return {"code": self.code, "field": self.field, "words": self.words}


@final
@dataclass(frozen=True, slots=True)
class Said:
    """A record by which this member says something about another one, as it stands now."""

    row: Row
    """The member's own record: a pledge, a receipt or a flag."""
    about: Row | None
    """What it is about, with its new sums; None while that is not held here."""
    warnings: tuple[Caution, ...]

    def as_json(self) -> dict[str, Any]:
        """The row's keys, and `about` (a row or null) and `warnings` beside them."""
        return {
            **self.row.as_json(),
            "about": None if self.about is None else self.about.as_json(),
            "warnings": [caution.as_json() for caution in self.warnings],
        }


def contact_cautions(kind: str, fields: Mapping[str, object]) -> Iterator[Caution]:
    """One for each field whose free text seems to hold a phone number, an address or a link."""
    known = KINDS[kind].fields if kind in KINDS else {}
    for name, value in fields.items():
        if name not in _FREE_TEXT and not isinstance(known.get(name), Text):
            continue
        texts = value.values() if isinstance(value, Mapping) else [value]
        if any(isinstance(text, str) and looks_like_contact(text) for text in texts):
            yield Caution(
                "contact",
                "Everybody here will read this. It looks like a phone number, an address or a "
                "link: better add it as a sealed contact, for those you choose.",
                name,
            )


def said_of(desk: Desk, reference: str, now: int, cautions: Iterable[Caution]) -> Said:
    """What this member has just written about another record, after it was written.

    To the given cautions come those that follow from how things stand now.
    """
    board = desk.board_around([reference], now)
    record = board.record(reference)
    if record is None:
        raise StoreError("what was just written is not on the board; open this home again")
    about = _about(board, record)
    found = [*cautions]
    if about is not None and record.kind == "pledge":
        found += _of_sums(board, record, about)
    elif about is not None and record.text("result") == "received":
        found += _of_unit(board, record, about) if record.member == about.member else ()
    row = board.row(record)
    return Said(row, None if about is None else board.row(about), tuple(found))


def _about(board: Board, record: Record) -> Record | None:
    if record.kind == "pledge":
        return board.need_of(record)
    named = board.record(record.text("target" if record.kind == "flag" else "need"))
    if named is None or record.kind == "flag":
        return named
    return board.record(board.survivor(named.reference))


def _of_sums(board: Board, pledge: Record, need: Record) -> Iterator[Caution]:
    """What a new pledge makes of its need and its offer."""
    standing = board.standing(need)
    if standing.over and standing.wanted is not None:
        sums = {"promised": standing.promised, "received": standing.received}
        told = [f"{_amount(value, need)} {word}" for word, value in sums.items() if value]
        yield Caution(
            "over_pledged",
            f"{', '.join(told)}, {_amount(standing.wanted, need)} asked: that is more than is "
            "needed. Agree with the others who brings it.",
            "quantity",
        )
    yield from _of_unit(board, pledge, need)
    offer = board.offer_of(pledge)
    if offer is not None:
        yield from _of_offer(board, offer)


def _of_unit(board: Board, said: Record, need: Record) -> Iterator[Caution]:
    """A pledge or a receipt whose amount nobody can tell in the need's unit."""
    pledge = board.record(said.text("pledge")) if said.kind == "receipt" else said
    offer = None if pledge is None else board.offer_of(pledge)
    if need.number("quantity") is not None and not _adds(said, offer, need):
        near = near_units(said.text("unit"))
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        yield Caution(
            "uncounted",
            "Nobody can say how much of the need this is; it shows as a part of it." + hint,
            "unit",
        )


def _amount(thousandths: Fraction, need: Record) -> str:
    return f"{show_amount(thousandths)} {need.text('unit')}".strip()


def _adds(said: Record, offer: Record | None, need: Record) -> bool:
    """Whether an amount can be told in the need's unit. Packs hold what the offer says."""
    quantity = said.number("quantity")
    packed = offer is not None and offer.text("unit") == said.text("unit")
    of = offer if packed and offer is not None else said
    return quantity is not None and in_unit(Fraction(quantity), of, need) is not None


def _of_offer(board: Board, offer: Record) -> Iterator[Caution]:
    standing = board.standing(offer)
    if standing.over:
        yield Caution("over_taken", "More is promised from this offer than there is.", "offer")
    if standing.status in ("paused", "closed", "expired"):
        yield Caution("offer_ended", f"This offer is {standing.status}.", "offer")
