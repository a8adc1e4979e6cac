"""Which need or pledge a person means: by its id, the beginning of it, or the need's spoken code.

Pledges have no spoken codes. People name the need and mean the one pledge that it can be; when it
can be several, Ambiguous lists them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from meshaid.core.amounts import show_amount
from meshaid.core.board import Board
from meshaid.core.derivation import DEAD_STATES, DENIALS
from meshaid.core.records import Record
from meshaid.desk import Desk
from meshaid.errors import Ambiguous, InvalidInput, NotFound

_MATCHES_LISTED: Final = 20


def need_named(board: Board, reference: str) -> Record | None:
    """The need with this reference; None while it is not here. Raises InvalidInput for others."""
    record = board.record(reference)
    if record is not None and record.kind != "need":
        raise InvalidInput(f"this is a record of kind {record.kind}; name a need")
    return record


def counting(board: Board, need: Record) -> Record:
    """The need that counts for this one: itself, or what it was closed as a duplicate of."""
    return board.record(board.survivor(need.reference)) or need


def owner_of(need: Record | None, reference: str) -> str:
    """The member whose word counts for a need: its author, held here or not."""
    return need.member if need is not None else reference.partition("/")[0]


def own_pledges(desk: Desk, board: Board, need: str) -> list[Record]:
    """This member's pledges on a need that are not over by its own word, oldest id first."""
    return [
        pledge
        for pledge in pledges_on(board, need)
        if pledge.member == desk.member and pledge.text("state") not in DEAD_STATES
    ]


def pledges_on(board: Board, need: str) -> Sequence[Record]:
    """All pledges that count for a need, held here or not."""
    if board.record(need) is not None:
        return board.pledges_on(need)
    return [r for r in board.records_of_kind("pledge") if r.text("need") == need]


def live_pledges(board: Board, need: str) -> list[Record]:
    """Pledges on a need that promise something; if none does, those whose hold has run out; if
    there are none either, those to which was said that they are not wanted, or did not come."""
    pledges = pledges_on(board, need)
    return (
        [pledge for pledge in pledges if board.promised(pledge) != 0]
        or [pledge for pledge in pledges if board.is_stale(pledge)]
        or [
            pledge
            for pledge in pledges
            if pledge.text("state") not in DEAD_STATES and board.answer(pledge) in DENIALS
        ]
    )


def own_pledge(desk: Desk, ref: str, now: int, *, settled: bool) -> Record:
    """The own pledge that is meant, by its id or by the need that it is for.

    Args:
      settled: whether pledges that were received are looked for, too; what was lent may come back.
    Raises:
      InvalidInput: another member's pledge, or neither pledge nor need.
      NotFound, Ambiguous: no own pledge can be meant, or several.
    """
    board = desk.board(now)
    reference = desk.find_reference(ref, now)
    record = board.record(reference)
    if record is not None and record.kind == "pledge":
        if record.member != desk.member:
            raise InvalidInput(
                "this is another member's promise: only its own devices say how it went; if it is "
                "on your need, answer it: accept, decline, receive or not-received"
            )
        return record
    need = need_named(board, reference)
    mine = own_pledges(desk, board, counting(board, need).reference if need else reference)
    open_ones = [pledge for pledge in mine if _is_unsettled(board, pledge)]
    return _only(board, mine if settled else open_ones or mine, "this member has promised")


def pledge_meant(desk: Desk, ref: str, now: int) -> Record:
    """The pledge that is answered, by its id, or by its need if one pledge is live there.

    Raises InvalidInput, NotFound, Ambiguous.
    """
    board = desk.board(now)
    reference = desk.find_reference(ref, now)
    record = board.record(reference)
    if record is not None and record.kind == "pledge":
        return record
    need = need_named(board, reference)
    found = live_pledges(board, counting(board, need).reference if need else reference)
    return _only(board, found, "somebody has promised")


def only_live_pledge(board: Board, need: Record) -> Record | None:
    """The one live pledge on a need, or None. Raises Ambiguous for several."""
    found = live_pledges(board, counting(board, need).reference)
    return _only(board, found, "") if found else None


def _only(board: Board, found: Sequence[Record], who: str) -> Record:
    if not found:
        raise NotFound(f"there is nothing here that {who}; `meshaid show` lists what there is")
    if len(found) > 1:
        listed = found[:_MATCHES_LISTED]
        raise Ambiguous(
            f"{len(found)} promises can be meant; give the beginning of its id",
            tuple(pledge.reference for pledge in listed),
            tuple(_in_words(board, pledge) for pledge in listed),
        )
    return found[0]


def _is_unsettled(board: Board, pledge: Record) -> bool:
    return board.promised(pledge) != 0 or board.is_stale(pledge)


def _in_words(board: Board, pledge: Record) -> str:
    """What tells a pledge from others on one need."""
    quantity = pledge.number("quantity")
    amount = "" if quantity is None else f"{show_amount(quantity)} {pledge.text('unit')}".strip()
    parts = (board.author(pledge.member).name, amount, board.standing(pledge).status)
    return ", ".join(filter(None, (*parts, board.shown(pledge).text("text"))))
