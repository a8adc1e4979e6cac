"""Receipts: what who asked answers to promises, and what came.

A receipt counts only if it is of the member that the need belongs to (docs/protocol.md,
"Lifecycle"). What somebody else says arrived is written and shown as "says it was handed over".
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Final

from meshaid import meant
from meshaid.cautions import Caution, Said, contact_cautions, said_of
from meshaid.core.board import Board
from meshaid.core.derivation import DEAD_STATES, DENIALS
from meshaid.core.records import Record
from meshaid.desk import Desk
from meshaid.errors import Ambiguous, InvalidInput
from meshaid.quantities import in_unit, said_amount

_ANSWERS: Final = ("accepted", "declined", "not_received")
_AMOUNTS: Final = ("quantity", "unit", "whole", "more_coming", "condition", "received_at")
"""What a receipt says only of something that came."""
_DONE: Final = "all of it was received before; say how much came besides"


def answer(desk: Desk, ref: str, result: str, now: int, *, text: str = "") -> Said:
    """Answer a pledge on an own need: accepted, declined or not_received.

    An earlier answer is changed to this one. `not_received` also takes back a receipt that was
    written by mistake.

    Args:
      ref: names the pledge, or the need if one pledge is live there.
      text: a few words; everybody reads them.
    Returns:
      Said of the receipt and the need.
    Raises:
      InvalidInput: the need is another member's, whose word alone counts; or all that was promised
        has been received, and it is answered otherwise; or there is no such answer.
      NotFound, Ambiguous: the pledge, or the receipt to take back, cannot be told.
      StoreError, StoreFull. In all cases nothing was written.
    """
    if result not in _ANSWERS:
        raise InvalidInput(fields={"result": f"must be one of {', '.join(_ANSWERS)}"})
    pledge = meant.pledge_meant(desk, ref, now)
    board = desk.board(now)
    need = board.need_of(pledge)
    if meant.owner_of(need, pledge.text("need")) != desk.member:
        raise InvalidInput(
            "only the household or hub that asked answers its promises; tell it, or flag its need"
        )
    said: dict[str, object] = {"result": result, "text": text or None}
    rows = [
        desk.edit(changed.reference, {**dict.fromkeys(_AMOUNTS), **said}, now)
        for changed in _receipts_to_change(desk, board, pledge, result)
    ] or [desk.add("receipt", {**said, **_naming(desk, need, pledge)}, now)]
    cautions = [*contact_cautions("receipt", said), *_of_pledge(pledge)]
    return said_of(desk, rows[0].id, now, cautions)


def receive(
    desk: Desk,
    ref: str,
    now: int,
    *,
    quantity: str | int | Decimal | None = None,
    unit: str = "",
    whole: bool | None = None,
    more_coming: bool | None = None,
    condition: str = "",
    text: str = "",
) -> Said:
    """Say what came, by a pledge or without one.

    A need that is named without an amount means its one live pledge, if it has any. A need that is
    named with an amount, or with `whole`, gets a receipt without a pledge.

    Args:
      ref: names the pledge or the need; a whole id may be of a need that has not come here yet.
      quantity: text, int or Decimal in `unit`. Without one it is what the pledge still promises,
        or all of the need that has not come yet; none if those say no amount.
      unit: that of the pledge or the need unless said.
      whole: True for all of it; False for a part of which nobody can say how much.
      more_coming: whether the rest of the pledge stays promised; else the receipt settles it.
      condition: good, damaged or wrong.
      text: a few words; everybody reads them.
    Returns:
      Said of the receipt and the need. A receipt on another member's need does not count; it is
      shown as "says it was handed over".
    Raises:
      InvalidInput: all was received before and no amount is said; a field does not fit.
      NotFound, Ambiguous: the need or the pledge cannot be told.
      StoreError, StoreFull. In all cases nothing was written.
    """
    board = desk.board(now)
    reference = desk.find_reference(ref, now)
    pledge = _pledge_received(board, reference, named_alone=quantity is None and whole is None)
    said: dict[str, object] = {
        "result": "received",
        "received_at": now,
        "whole": whole,
        "more_coming": more_coming,
        "condition": condition or None,
        "text": text or None,
    }
    if pledge is not None:
        need, all_of_it = board.need_of(pledge), _still_promised(desk, board, pledge)
        said |= _naming(desk, need, pledge)
    else:
        named = meant.need_named(board, reference)
        need = None if named is None else meant.counting(board, named)
        all_of_it = None if need is None else _not_yet_come(board, need)
        said["need"] = reference if need is None else need.reference
    of = pledge or need
    said |= said_amount(quantity, unit, whole, of=of, all_of_it=all_of_it, done=_DONE)
    denied = [] if pledge is None else own_receipts(desk, board, pledge, DENIALS)
    row = desk.edit(denied[0].reference, said, now) if denied else desk.add("receipt", said, now)
    for receipt in denied[1:]:
        desk.edit(receipt.reference, {"result": "accepted"}, now)
    owner = meant.owner_of(need, str(said["need"]))
    cautions = [*contact_cautions("receipt", said), *_of_receiving(desk, pledge, owner)]
    if pledge is None and need is not None:
        cautions += _of_live(board, need)
    return said_of(desk, row.id, now, cautions)


def own_receipts(
    desk: Desk, board: Board, pledge: Record, results: tuple[str, ...]
) -> list[Record]:
    """This member's receipts on a pledge with one of these results, by reference."""
    return [
        receipt
        for receipt in board.records_of_kind("receipt")
        if receipt.member == desk.member
        and receipt.text("result") in results
        and board.record(receipt.text("pledge")) is pledge
    ]


def _receipts_to_change(desk: Desk, board: Board, pledge: Record, result: str) -> list[Record]:
    """The receipts that say something else so far; none if a new one is to be written.

    Two devices apart may each have written a denial. As long as one stands, nothing is promised, so
    all of them are changed.
    """
    came = own_receipts(desk, board, pledge, ("received",))
    if came and result == "not_received":
        if len(came) > 1:
            raise Ambiguous(
                "several receipts say that it came; change the wrong one: "
                "`meshaid edit RECEIPT result=not_received`",
                tuple(receipt.reference for receipt in came),
            )
        return came
    if came and board.promised(pledge) == 0:
        raise InvalidInput(
            "you have written that all of it came; if that was wrong, say `not-received`"
        )
    denied = own_receipts(desk, board, pledge, DENIALS)
    return denied or own_receipts(desk, board, pledge, ("accepted",))[:1]


def _naming(desk: Desk, need: Record | None, pledge: Record) -> dict[str, object]:
    """The two references of a receipt on a pledge.

    An own need that survived a duplicate is named itself: what came stays received if the
    duplicate is opened again.
    """
    own = need is not None and need.member == desk.member
    named = need.reference if need is not None and own else pledge.text("need")
    return {"need": named, "pledge": pledge.reference}


def _pledge_received(board: Board, reference: str, *, named_alone: bool) -> Record | None:
    """The pledge by which something came; None if it came without one."""
    record = board.record(reference)
    if record is not None and record.kind == "pledge":
        return record
    need = meant.need_named(board, reference)
    return meant.only_live_pledge(board, need) if need is not None and named_alone else None


def _still_promised(desk: Desk, board: Board, pledge: Record) -> Fraction | None:
    """What may come by a pledge in thousandths of its unit, even if it was thought to be over."""
    promised, quantity = board.promised(pledge), pledge.number("quantity")
    if promised is None or quantity is None or promised:
        return promised
    came = own_receipts(desk, board, pledge, ("received",))
    amounts = [(r, r.number("quantity")) for r in came]
    told = [in_unit(Fraction(n), r, pledge) for r, n in amounts if n is not None]
    return quantity - sum((value for value in told if value is not None), Fraction(0))


def _not_yet_come(board: Board, need: Record) -> Fraction | None:
    standing = board.standing(need)
    return None if standing.wanted is None else standing.wanted - standing.received


# ---- what to know about it
def _of_pledge(pledge: Record) -> Iterator[Caution]:
    if pledge.text("state") in DEAD_STATES:
        yield Caution("taken_back", "The pledger has taken this promise back already.")


def _of_receiving(desk: Desk, pledge: Record | None, owner: str) -> Iterator[Caution]:
    if owner == desk.member:
        return
    if pledge is not None and pledge.member == desk.member:
        hint = "say `handed-over` of your own promise"
    else:
        hint = "ask it to say so"
    yield Caution(
        "does_not_count",
        'Only the household or hub that asked can say that it came; this is shown as "says it was '
        f'handed over". Better {hint}.',
    )


def _of_live(board: Board, need: Record) -> Iterator[Caution]:
    if any(board.promised(pledge) != 0 for pledge in board.pledges_on(need.reference)):
        yield Caution(
            "still_promised",
            "This came without a promise, so what is promised still counts. If it came by one, "
            "name that one: `meshaid show` lists them.",
        )
