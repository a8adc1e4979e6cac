"""Claim codes: how a visitor without a device sees, corrects or closes a slip at a hub's desk.

Whoever enters a slip for somebody hands over its reference and six digits. A salted, slow hash of
them lies in a note that only the own hub can open: a hash in the document could be guessed by any
member. So the code works at every device of that hub which has the note, offline from the others.

Wrong codes are counted on this device by the record itself, whatever name it was called by, and
written down before the code is looked at, so that neither a restart nor a crash gives more tries.
"""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from meshaid import flagging, limits
from meshaid.core import ids
from meshaid.core.notes import Note
from meshaid.core.records import Record
from meshaid.core.rows import Row
from meshaid.core.shapes import array_of, pack, unpack
from meshaid.core.texts import one_of
from meshaid.desk import Desk
from meshaid.errors import InvalidInput, NotFound, RefusedByTrust
from meshaid.sealed import open_note, record_subject, seal_note, sealing_key

Action = Literal["show", "close", "edit"]
ACTIONS: Final[tuple[Action, ...]] = get_args(Action)

DIGITS: Final = 6
_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32
_COST: Final = 2**12
"""scrypt (RFC 7914) with 8 blocks: 15 ms and 4 MiB for one guess."""
_TRIES: Final = "claim_tries"
DEFAULT_REASON: Final = "no_longer_needed"


@dataclass(frozen=True, slots=True)
class Claimed:
    """What came of a claim."""

    row: Row
    """The slip as it is now; at another hub the slip that was flagged."""
    flagged: bool
    """Another hub's slip: it was flagged as done, and its owner is asked. No code was looked at."""


def make_code(desk: Desk, reference: str, now: int) -> str:
    """Six digits for whoever a slip of this member is for; a code given out before ends.

    Args:
      reference: the slip's whole reference, or any name that `Board.find` takes.
    Raises:
      InvalidInput, NotFound, Ambiguous: it is not a slip of this member.
      RefusedByTrust: this device has not met its siblings yet, or was removed.
      StoreError, StoreFull: nothing was written.
    """
    record = desk.find_own(reference, now)
    before = _notes(desk, record)
    code = f"{int.from_bytes(desk.random(8), 'big') % 10**DIGITS:0{DIGITS}}"
    salt = desk.random(_SALT_BYTES)
    own = desk.replica.identity.member
    _, name = ids.parse_reference(record.reference)
    seal_note(
        desk.replica,
        desk.random,
        "claim",
        record_subject(name),
        pack((salt, _stretched(code, salt))),
        [sealing_key(desk.replica, own)],
    )
    if before:
        desk.replica.notes.erase(before)
    return code


def claim(
    desk: Desk,
    ref: str,
    code: str,
    action: Action,
    now: int,
    *,
    reason: str = DEFAULT_REASON,
    fields: Mapping[str, object] | None = None,
) -> Claimed:
    """See (`show`), correct (`edit`) or close a slip with the code that its visitor brought.

    At a hub that does not keep the slip only `close` does something: it is flagged `seems_done`.

    Raises:
      InvalidInput, NotFound, Ambiguous: no such slip, code or action, or a field does not fit.
      RefusedByTrust: the code is wrong, or there were too many wrong ones; nothing was done.
      StoreError, StoreFull: nothing was written.
    """
    if action not in ACTIONS:
        raise InvalidInput(fields={"action": one_of(action, ACTIONS)})
    record = desk.board(now).find(ref, member=desk.member)
    if record.member != desk.member:
        return _elsewhere(desk, record, action, now)
    _check(desk, record, _digits(code), now)
    if action == "close":
        return Claimed(desk.close(record.reference, reason, now), flagged=False)
    if action == "edit":
        return Claimed(desk.edit(record.reference, fields or {}, now), flagged=False)
    board = desk.board(now)
    return Claimed(board.row(board.find(record.reference)), flagged=False)


def _elsewhere(desk: Desk, record: Record, action: Action, now: int) -> Claimed:
    """Another member keeps this slip: its owner is asked, by a flag."""
    if action != "close":
        raise InvalidInput(
            "another hub keeps this slip, and only its desks can open it with the code. If it is "
            "done, say so with `claim REF CODE close`: then its owner is asked"
        )
    flagging.flag(desk, record.reference, "seems_done", now)
    board = desk.board(now)
    return Claimed(board.row(board.find(record.reference)), flagged=True)


# ---- the code
def _digits(code: str) -> str:
    """The six digits that somebody typed, in any script, with blanks or hyphens between."""
    folded = unicodedata.normalize("NFKC", code)
    digits = "".join(
        str(unicodedata.decimal(char)) if char.isdecimal() else char
        for char in folded
        if not char.isspace() and char not in "-\u2010\u2011\u2012\u2013"
    )
    if len(digits) != DIGITS or not digits.isascii() or not digits.isdecimal():
        raise InvalidInput(fields={"code": f"a claim code has {DIGITS} digits; read it again"})
    return digits


def _check(desk: Desk, record: Record, code: str, now: int) -> None:
    notes = _notes(desk, record)
    if not notes:
        raise NotFound(
            "no claim code of this slip is known here: none was given out, it has ended, or this "
            "device has not synced with the one that gave it"
        )
    opened = [open_note(desk.replica, note) for note in notes]
    left = _begin_try(desk, record.reference, now)
    if not any(plain is not None and _fits(plain, code) for plain in opened):
        raise RefusedByTrust(
            "this code is not the one of this slip. "
            f"{left or 'No'} more {'try' if left == 1 else 'tries'} within the hour"
        )
    _take_back_try(desk, record.reference)


def _notes(desk: Desk, record: Record) -> list[Note]:
    """The claim notes at a slip and at the copies of its import."""
    names = [ids.parse_reference(each) for each in (record.reference, *record.folded)]
    return [
        note for member, name in names for note in desk.replica.notes.about(member, name, "claim")
    ]


def _fits(plain: bytes, code: str) -> bool:
    try:
        salt, stretched = array_of(unpack(plain), 2, 2, "a claim")
    except ValueError:
        return False
    if not isinstance(salt, bytes) or not isinstance(stretched, bytes):
        return False
    return hmac.compare_digest(stretched, _stretched(code, salt))


def _stretched(code: str, salt: bytes) -> bytes:
    return hashlib.scrypt(code.encode(), salt=salt, n=_COST, r=8, p=1, dklen=_HASH_BYTES)


# ---- the tries
def _begin_try(desk: Desk, reference: str, now: int) -> int:
    """Count a try before the code is looked at; how many are left after it. RefusedByTrust when
    there are none."""
    tries = _recent(desk, now)
    mine = tries.setdefault(reference, [])
    if len(mine) >= limits.CLAIM_TRIES:
        raise RefusedByTrust(
            f"{limits.CLAIM_TRIES} wrong codes within the hour: this slip is closed to codes until "
            "an hour has passed. Whoever runs the desk can close or edit it without one"
        )
    if len(tries) > limits.CLAIM_SLIPS:
        raise RefusedByTrust("too many slips were tried with wrong codes; try again in an hour")
    mine.append(now)
    _keep(desk, tries)
    return limits.CLAIM_TRIES - len(mine)


def _take_back_try(desk: Desk, reference: str) -> None:
    """The code was right: it was no wrong one."""
    tries = _read(desk)
    tries[reference].pop()
    _keep(desk, tries)


def _recent(desk: Desk, now: int) -> dict[str, list[int]]:
    """What still counts. A try in the future counts, too: turning a clock back helps nobody."""
    recent = {
        reference: [at for at in times if at > now - limits.CLAIM_SECONDS]
        for reference, times in _read(desk).items()
    }
    return {reference: times for reference, times in recent.items() if times}


def _read(desk: Desk) -> dict[str, list[int]]:
    """Reference to the times of its wrong codes, as this device itself wrote them."""
    data = desk.replica.ledger.setting(_TRIES)
    rows: object = unpack(data) if data else ()
    return {
        reference.decode(): list(times)
        for reference, times in rows  # type: ignore[attr-defined]
    }


def _keep(desk: Desk, tries: Mapping[str, list[int]]) -> None:
    rows = tuple((name.encode(), tuple(times)) for name, times in sorted(tries.items()) if times)
    ledger = desk.replica.ledger
    with ledger.transaction():
        ledger.put_setting(_TRIES, pack(rows) if rows else None)
