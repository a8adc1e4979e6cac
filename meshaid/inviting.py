"""Inviting: a new member of the community, or a second device of this member.

Source: docs/protocol.md, "Invites".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

from meshaid import limits
from meshaid.core import enrol
from meshaid.core.cards import Kind, Role
from meshaid.core.invite import encode_invite_file
from meshaid.desk import Desk
from meshaid.errors import InvalidInput, RefusedByTrust

_TERM = limits.INVITE_HOURS * 3600


@final
@dataclass(frozen=True, slots=True)
class Invitation:
    """What to hand over. Whoever has it can use it, so its repr shows none of it."""

    text: str = field(repr=False)
    """To be typed, read aloud or shown as a QR code; `meshaid join` takes it."""
    file: bytes = field(repr=False)
    """The same with the chain of cards behind it, for a stick."""


def invite(
    desk: Desk,
    now: int,
    *,
    role: str = "member",
    kinds: Sequence[Kind] = ("household",),
    uses: int = 1,
    term: int = _TERM,
    addresses: Sequence[str] = (),
) -> Invitation:
    """Invite new members.

    Args:
      role: member or steward.
      kinds: what they may be: household, hub, team.
      uses: for how many.
      term: seconds from now until it expires; a hint, for clocks may be wrong.
      addresses: HOST:PORT of nodes to try first.
    Raises:
      RefusedByTrust: only a steward's device may invite.
      InvalidInput: an argument does not fit. StoreError, StoreFull: nothing was written.
    """
    if role not in ("member", "steward"):
        raise InvalidInput(fields={"role": "must be member or steward"})
    wanted: Role = "steward" if role == "steward" else "member"
    if not desk.replica.may_invite(wanted):
        raise RefusedByTrust("only a steward's device may invite; ask a steward for an invite")
    return _made(desk, now, wanted, kinds, uses, term, addresses)


def link(desk: Desk, now: int, *, term: int = _TERM, addresses: Sequence[str] = ()) -> Invitation:
    """Invite one more device of this same member. Arguments and errors as `invite`.

    Raises RefusedByTrust: this member has as many devices as it may have.
    """
    if desk.replica.device_count() >= limits.DEVICES_PER_MEMBER:
        raise RefusedByTrust(
            f"this member has {limits.DEVICES_PER_MEMBER} devices; remove one before linking more"
        )
    return _made(desk, now, "device", (), 1, term, addresses)


def _made(
    desk: Desk,
    now: int,
    role: Role,
    kinds: Sequence[Kind],
    uses: int,
    term: int,
    addresses: Sequence[str],
) -> Invitation:
    invited = enrol.invite(
        desk.replica.identity,
        role=role,
        kinds=list(kinds),
        uses=uses,
        expires=now + term,
        addresses=tuple(addresses),
        now=now,
        random=desk.random,
    )
    desk.replica.add_cards([invited.card.wire])
    chain = [*desk.replica.chain(), invited.card.wire]
    return Invitation(invited.text, encode_invite_file(invited.text, chain))
