"""The connections that a node holds, and the rows of `meshaid peers`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from meshaid import limits
from meshaid.connection import Connection
from meshaid.core import ids
from meshaid.core.meeting_events import Ended


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
    ending: Ended | None = None
    said_not_known: bool = False
    remembered_at: int = -limits.REMEMBER_SECONDS
    """When the ledger was last told that both are in sync, in seconds since 1970."""


def peer_row(held: Held, last_sync: int | None) -> dict[str, Any]:
    """A connected device as `peers` lists it; `last_sync` in seconds since 1970."""
    meeting = held.connection.meeting
    state = "connected" if held.device else "not known yet" if held.said_not_known else "connecting"
    return {
        "device": ids.id_text(held.device) if held.device else None,
        "member": ids.id_text(held.member) if held.member else None,
        "address": held.connection.address,
        "state": state,
        "in_sync": meeting.in_sync,
        "last_sync": last_sync,
    }


def away_row(
    device: bytes, member: bytes, address: str | None, last_sync: int | None
) -> dict[str, Any]:
    """A device that was met before and is not connected."""
    return {
        "device": ids.id_text(device),
        "member": ids.id_text(member),
        "address": address,
        "state": "away",
        "in_sync": False,
        "last_sync": last_sync,
    }
