"""Promises: what a member pledges to bring, and how that went.

Each party writes only its own records; who asked answers with receipts (receipts.py). Sums and
marks follow from both by themselves (docs/protocol.md, "Lifecycle"), so what can be shown is not
prevented: a promise of more than was asked is written, and `Said.warnings` tells of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Final

from meshaid import meant
from meshaid.cautions import Caution, Said, contact_cautions, said_of
from meshaid.core.board import Board
from meshaid.core.derivation import HOLD_SECONDS
from meshaid.core.fields import Value
from meshaid.core.promising import promised_against
from meshaid.core.records import Record, validate_fields
from meshaid.desk import Desk
from meshaid.errors import InvalidInput, concerning
from meshaid.quantities import in_unit, said_amount


def pledge(
    desk: Desk,
    need: str,
    now: int,
    *,
    quantity: str | int | Decimal | None = None,
    unit: str = "",
    whole: bool | None = None,
    offer: str = "",
    eta: int | str | None = None,
    hold_until: int | str | None = None,
    text: str = "",
) -> Said:
    """Promise what a need asks for, or a part of it.

    A promise of this member on this need whose hold has run out is renewed instead of a second one.

    Args:
      need: names the need; a whole id may be of one that has not come here yet.
      quantity: text, int or Decimal in `unit`. Without one it is all that is still open, but no
        more than is left of the offer; none if the need says no amount.
      unit: that of the need unless said.
      whole: True for all that is still open; False for a part of which nobody can say how much.
      offer: names an own offer that it is taken from.
      eta, hold_until: when it comes, and how long others may count on it (seconds since 1970, or
        ISO 8601); 24 hours, or until `eta` if that is later.
      text: a few words; everybody reads them.
    Returns:
      Said of the pledge and the need.
    Raises:
      InvalidInput: nothing is open and no quantity is said; the offer is another member's; a field
        does not fit.
      NotFound, Ambiguous: the need or the offer cannot be told.
      StoreError, StoreFull. In all cases nothing was written.
    """
    board = desk.board(now)
    with concerning("need"):
        reference = desk.find_reference(need, now)
        named = meant.need_named(board, reference)
    target = None if named is None else meant.counting(board, named)
    with concerning("offer"):
        drawn = _own_offer(desk, offer, now) if offer else None
    before = meant.own_pledges(desk, board, target.reference if target else reference)
    renewed = _renewable(board, before, drawn)
    said: dict[str, object] = {
        "quantity": quantity,
        "unit": unit or None,
        "whole": whole,
        "offer": drawn.reference if drawn else None,
        "eta": eta,
        "hold_until": hold_until,
        "text": text or None,
    }
    if renewed is None or (quantity, unit, whole) != (None, "", None):
        said |= said_amount(
            quantity, unit, whole, of=target, all_of_it=_left(board, target, drawn), done=_DONE
        )
    written = _with_hold(validate_fields("pledge", said), now)
    against = {"need": reference} if named is None else promised_against(named)
    if renewed is None:
        known = {name: value for name, value in against.items() if value is not None}
        row = desk.write_record("pledge", {**known, **written}, now)
    else:
        row = desk.restate(renewed, {**against, **written}, now)
    cautions = [
        *contact_cautions("pledge", said),
        *_of_need(board, named, target),
        *_of_own(renewed, before),
    ]
    return said_of(desk, row.id, now, cautions)


_DONE = (
    "all that was asked is promised or received already, or nothing is left of the offer; say how "
    "much you bring, if you bring it all the same"
)


def set_state(desk: Desk, ref: str, state: str, now: int) -> Said:
    """Say how an own pledge went: withdrawn, handed_over, failed or returned.

    Args:
      ref: names the pledge, or its need if this member has one pledge there that can be meant.
    Returns:
      Said of the pledge and the need.
    Raises:
      InvalidInput: another member's pledge; no such state; it was received already, so that only
        `returned` says anything more.
      NotFound, Ambiguous: the pledge cannot be told.
      StoreError, StoreFull. In all cases nothing was written.
    """
    record = meant.own_pledge(desk, ref, now, settled=state == "returned")
    board = desk.board(now)
    answer = board.answer(record)
    if answer == "received" and board.promised(record) == 0 and state != "returned":
        raise InvalidInput(
            "who asked has written that this was received: nothing is left to take back or to hand "
            "over; if it came back to you, say `returned`"
        )
    row = desk.edit(record.reference, {"state": state}, now)
    cautions = []
    if record.text("state") == state:
        cautions.append(Caution("unchanged", "It was said before; nothing was changed."))
    if state == "handed_over" and answer == "declined":
        cautions.append(Caution("declined", "Who asked has written that it is no longer wanted."))
    return said_of(desk, row.id, now, cautions)


# ---- what may be promised
def _own_offer(desk: Desk, offer: str, now: int) -> Record:
    record = desk.board(now).find(offer)
    if record.kind != "offer" or record.member != desk.member:
        sentence = "must be an offer of this member; what others offer they promise themselves"
        raise InvalidInput(fields={"offer": sentence})
    return record


def _renewable(board: Board, before: Sequence[Record], drawn: Record | None) -> Record | None:
    """The one pledge among the earlier ones that waits to be renewed, if it is from this offer."""
    stale = [pledge for pledge in before if board.standing(pledge).status == "stale"]
    if len(stale) != 1:
        return None
    source = board.record(stale[0].text("offer"))
    return stale[0] if drawn is None or source is None or source is drawn else None


def _left(board: Board, target: Record | None, drawn: Record | None) -> Fraction | None:
    """What is open of a need in thousandths of its unit, at most what is left of an offer."""
    left = None if target is None else board.standing(target).left
    available = None if drawn is None else board.standing(drawn).left
    if target is None or drawn is None or left is None or available is None:
        return left
    converted = in_unit(available, drawn, target)
    return left if converted is None else min(left, Fraction(int(converted)))


def _with_hold(written: dict[str, Value], now: int) -> dict[str, Value]:
    """The fields with an end of the hold that has not passed."""
    eta, hold_until = written.get("eta"), written.get("hold_until")
    if hold_until is None:
        hold_until = max(now + HOLD_SECONDS, eta if isinstance(eta, int) else 0)
    if not isinstance(hold_until, int) or hold_until <= now:
        raise InvalidInput(fields={"hold_until": "lies in the past; others count on it until then"})
    return {**written, "hold_until": hold_until}


# ---- what to know about it
_NOT_OPEN: Final = {
    "closed": ("need_closed", "Who asked has closed this need: ask before you go."),
    "paused": ("need_paused", "Who asked has paused this need: nothing more is wanted for now."),
    "expired": ("expired", "The term of this need is over: ask whether it is still true."),
}
"""Caution by the state of a need: its code and its words."""


def _of_need(board: Board, named: Record | None, target: Record | None) -> Iterator[Caution]:
    if named is None or target is None:
        yield Caution("not_here_yet", "This need has not come here yet; nothing is known of it.")
        return
    if named is not target:
        yield Caution(
            "duplicate",
            "This need was closed as a duplicate; the promise counts for the one that stays.",
        )
    status = board.standing(target).status
    if status in _NOT_OPEN:
        yield Caution(*_NOT_OPEN[status])
    if board.hidden(target.reference):
        yield Caution("hidden", "Others flagged this need: look at it before you go.")


def _of_own(renewed: Record | None, before: Sequence[Record]) -> Iterator[Caution]:
    if renewed is not None:
        yield Caution("renewed", "An earlier promise of this member was renewed.")
    elif before:
        yield Caution(
            "pledged_before",
            "This member has promised for this need before, and both count; `withdraw` takes one "
            "back.",
        )
