"""The devices that this one knows from meetings: the rows of `meshaid peers`."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from meshaid.core import ids
from meshaid.core.replica import Replica
from meshaid.core.roster import Roster


class Who(NamedTuple):
    """Whose device one is, in their own words; each empty where the roster does not know it."""

    member_name: str = ""
    label: str = ""


NOBODY: Final = Who()


def who(roster: Roster, device: bytes | None, member: bytes | None) -> Who:
    """The shown name of the member, and what it calls this device of its own."""
    named = roster.members.get(member) if member else None
    called = roster.devices.get(device) if device else None
    return Who(
        named.name if named else "", called.label if called and called.member == member else ""
    )


def row_of(
    device: bytes | None,
    member: bytes | None,
    named: Who,
    address: str | None,
    *,
    state: str,
    in_sync: bool = False,
    last_sync: int | None = None,
) -> dict[str, Any]:
    """One device as JSON; `last_sync` in seconds since 1970."""
    return {
        "device": ids.id_text(device) if device else None,
        "member": ids.id_text(member) if member else None,
        **named._asdict(),
        "address": address,
        "state": state,
        "in_sync": in_sync,
        "last_sync": last_sync,
    }


def last_syncs(replica: Replica) -> dict[bytes, int]:
    """When each device that was met was last in sync, in seconds since 1970."""
    return {row.device: row.in_sync_at for row in replica.ledger.meetings()}


def away_rows(
    replica: Replica, present: frozenset[bytes | None] = frozenset()
) -> list[dict[str, Any]]:
    """The standing devices that were met, or whose address is known, and are not `present`."""
    met = last_syncs(replica)
    remembered = {row.device: row.address for row in replica.ledger.addresses() if row.device}
    return [
        row_of(
            device,
            view.member,
            who(replica.roster, device, view.member),
            remembered.get(device),
            state="away",
            last_sync=met.get(device),
        )
        for device, view in sorted(replica.roster.devices.items())
        if device in (met.keys() | remembered.keys()) - present
    ]
