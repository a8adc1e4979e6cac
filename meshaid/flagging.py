"""Flags: what a member says about another one's record. Nothing is deleted by them.

A steward hides a record with a flag, and shows it again by taking the flag back; nobody edits what
is not theirs (docs/protocol.md, "Flags").
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from meshaid import limits
from meshaid.cautions import Caution, Said, contact_cautions, said_of
from meshaid.core.board import Board
from meshaid.core.flags import HIDING
from meshaid.core.records import Record
from meshaid.core.texts import one_of
from meshaid.desk import Desk
from meshaid.errors import InvalidInput, NotFound, RefusedByTrust, concerning

_JUDGING: Final = ("confirms", "disputes")
"""Reasons that say whether a notice is true."""


def flag(desk: Desk, ref: str, reason: str, now: int, *, other: str = "", text: str = "") -> Said:
    """Point out something about a record. This member's flag of the same reason is opened again.

    Args:
      ref: names the record; a whole id may be of one that has not come here yet.
      reason: one of `schema.KINDS["flag"]`: duplicate, wrong_category, seems_done, confirms, spam …
      other: for a duplicate, names the record that should stay.
      text: a few words; everybody reads them.
    Returns:
      Said of the flag and its target. One on an own record does not count.
    Raises:
      InvalidInput: no such reason; a duplicate without `other`, or of itself; confirms and disputes
        are for notices.
      NotFound, Ambiguous: a record cannot be told.
      StoreError, StoreFull. In all cases nothing was written.
    """
    board = desk.board(now)
    target = desk.find_reference(ref, now)
    named = board.record(target)
    with concerning("other"):
        same = desk.find_reference(other, now) if other else ""
    _check_sense(named, reason, target, same)
    said: dict[str, object] = {"reason": reason, "other": same or None, "text": text or None}
    earlier = _own_flags(desk, board, target, (reason,))
    if earlier:
        told = {name: value for name, value in said.items() if value is not None}
        row = desk.edit(earlier[0].reference, {**told, "state": "open"}, now)
    else:
        row = desk.add("flag", {"target": target, **said}, now)
    cautions = [*contact_cautions("flag", said), *_of_flag(desk, board, named, target, reason)]
    return said_of(desk, row.id, now, cautions)


def hide(desk: Desk, ref: str, reason: str, now: int) -> Said:
    """Hide a record on every board, as a steward: with personal_data its words, else all of it.

    Returns and raises as `flag`; besides InvalidInput for a reason that hides nothing, and
    RefusedByTrust: this member is no steward. Nothing was written then.
    """
    if reason not in HIDING:
        raise InvalidInput(fields={"reason": one_of(reason, HIDING)})
    _check_steward(desk)
    return flag(desk, ref, reason, now)


def unhide(desk: Desk, ref: str, now: int) -> Said:
    """Take back every flag of this member that hides a record.

    Returns Said of one of the flags and the record, which may still be hidden by others' flags.
    Raises RefusedByTrust, NotFound (it has not hidden this record), Ambiguous, InvalidInput.
    """
    _check_steward(desk)
    board = desk.board(now)
    target = desk.find_reference(ref, now)
    mine = [f for f in _own_flags(desk, board, target, HIDING) if f.text("state") != "withdrawn"]
    if not mine:
        raise NotFound("this member hides nothing of that record; whoever did can show it again")
    for record in mine:
        desk.edit(record.reference, {"state": "withdrawn"}, now)
    cautions = []
    if desk.board(now).hidden(target):
        cautions.append(Caution("still_hidden", "It stays hidden: other members flagged it, too."))
    return said_of(desk, mine[0].reference, now, cautions)


def _check_steward(desk: Desk) -> None:
    author = desk.authors()[desk.member]
    if not author.steward:
        raise RefusedByTrust(
            "only stewards hide records and show them again; ask one, or flag the record: enough "
            "flags of several members hide it, too"
        )


def _check_sense(named: Record | None, reason: str, target: str, other: str) -> None:
    """Raise InvalidInput for a flag that says nothing."""
    if reason == "duplicate" and not other:
        raise InvalidInput(fields={"other": "name the record that should stay"})
    if reason != "duplicate" and other:
        raise InvalidInput(fields={"other": "is for duplicates only"})
    if other == target:
        raise InvalidInput(fields={"other": "a record is no duplicate of itself"})
    if named is not None and reason in _JUDGING and named.kind != "notice":
        raise InvalidInput(
            fields={"reason": f"{reason} is said of notices; this is a {named.kind}"}
        )


def _own_flags(desk: Desk, board: Board, target: str, reasons: tuple[str, ...]) -> list[Record]:
    """This member's flags on a record with one of these reasons, the one that counts first."""
    named = board.record(target)
    names = {target} if named is None else {named.reference, *named.folded}
    return [
        record
        for record in board.records_of_kind("flag")
        if record.member == desk.member
        and record.text("target") in names
        and record.text("reason") in reasons
    ]


def _of_flag(
    desk: Desk, board: Board, named: Record | None, target: str, reason: str
) -> Iterator[Caution]:
    if named is None:
        yield Caution("not_here_yet", "This record has not come here yet.", "target")
    if target.partition("/")[0] == desk.member:
        better = "close it as a duplicate" if reason == "duplicate" else "edit it or close it"
        yield Caution(
            "own_record",
            f"A flag on an own record is shown and does not count; {better}.",
            "target",
        )
        return
    open_ones = [
        record
        for record in board.records_of_kind("flag")
        if record.member == desk.member and record.text("state") != "withdrawn"
    ]
    if len(open_ones) >= limits.FLAGS_PER_MEMBER:
        yield Caution(
            "too_many",
            f"At most {limits.FLAGS_PER_MEMBER} open flags of one member count; take back what is "
            "settled.",
        )
