"""The connections that a node holds, and the rows of `meshaid peers`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from meshaid import limits
from meshaid.connection import Connection
from meshaid.core.meeting_events import Ended
from meshaid.met import NOBODY, Who, row_of


@dataclass(eq=False, slots=True)
class Held:
    """A connection that is being held, and what is known of the peer so far."""

    connection: Connection
    number: int
    dialed: str | None
    """The address that was dialed; None where the peer dialed us."""
    host: str
    device: bytes | None = None
    member: bytes | None = None
    who: Who = NOBODY
    """Names of a device that proved itself; kept, for the roster forgets who is removed."""
    ending: Ended | None = None
    said_not_known: bool = False
    """One side could not prove the other when this was last looked at."""
    stays: bool = True
    """False once it is being closed as one too many."""
    remembered_at: int = -limits.REMEMBER_SECONDS
    """When the ledger was last told that both are in sync, in seconds since 1970."""


def peer_row(held: Held, last_sync: int | None) -> dict[str, Any]:
    """A connected device as `peers` lists it; `last_sync` in seconds since 1970."""
    meeting = held.connection.meeting
    state = "not known yet" if held.said_not_known else "connected" if held.device else "connecting"
    return row_of(
        held.device,
        held.member,
        held.who,
        held.connection.address,
        state=state,
        in_sync=meeting.in_sync,
        last_sync=last_sync,
    )
