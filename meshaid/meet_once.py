"""One meeting with one address, until both digests are equal: what `meshaid sync` does.

It works beside a running node (through the node's store thread) and without one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import trio

from meshaid import limits
from meshaid.addresses import parse_address
from meshaid.connection import Connection, Owner
from meshaid.core.ledger import AddressRow, Ledger, MeetingRow
from meshaid.core.meeting import Meeting
from meshaid.core.meeting_events import Ended, InSync, MeetingEvent, NotKnownYet, PeerProven
from meshaid.core.replica import Replica
from meshaid.core.served import Served
from meshaid.core.session import Ending
from meshaid.errors import NotKnownYet as NotKnownYetError
from meshaid.errors import NotReachable
from meshaid.opening import OpenHome

_REASONS = {
    Ending.BUSY: "the other device is busy; try again in a moment",
    Ending.DUPLICATE: "these two devices are in another meeting; try again in a moment",
    Ending.REMOVED: "the other device says that this one was removed from the community",
    Ending.LEAVING: "the other device left its network",
    Ending.SILENT: "the other device fell silent",
    Ending.CUT: "the connection was cut; what arrived is kept",
    Ending.HANDSHAKE: "no device of this community answers there",
    Ending.ITSELF: "this is the address of this device itself",
}


@dataclass(frozen=True, slots=True)
class Met:
    """What came of one meeting."""

    device: bytes | None
    """The peer, if it was proven."""
    equal: bool
    ending: Ending | None
    """None when the time was up."""

    def as_json(self, digest: bytes) -> dict[str, Any]:
        """`{digest, equal, reason}`; `digest` is ours at the end."""
        return {"digest": digest.hex(), "equal": self.equal, "reason": self.reason}

    @property
    def reason(self) -> str:
        """Why both are not equal, in words; "equal" when they are."""
        if self.equal:
            return "equal"
        if self.ending is None:
            return "the time was up before both were equal; try again, or give more --timeout"
        return _REASONS.get(self.ending, "the meeting ended before both were equal; try again")


async def dial(address: str) -> trio.SocketStream:
    """Connect to HOST:PORT.

    Raises InvalidInput for what is no address, NotReachable when nobody answers.
    """
    host, port = parse_address(address)
    try:
        with trio.fail_after(limits.DIAL_SECONDS):
            return await trio.open_tcp_stream(host, port)
    except (OSError, trio.TooSlowError) as error:
        raise NotReachable(
            f"nobody answers at {address}: is meshaid running there, and are both on one network?"
        ) from error


async def meet(
    stream: trio.abc.Stream, meeting: Meeting, owner: Owner, address: str, timeout: float
) -> Met:
    """Hold a meeting that was opened with `once`, for at most `timeout` seconds.

    Raises NotReachable when no device of this community answers; NotKnownYet when one side cannot
    prove the other yet, the cards received are kept.
    """
    events: list[MeetingEvent] = []
    connection = Connection(stream, meeting, owner, address, events.append)
    with trio.move_on_after(timeout) as scope:
        await connection.run()
    proven = next((e.device for e in events if isinstance(e, PeerProven)), None)
    unknown = next((e for e in events if isinstance(e, NotKnownYet)), None)
    ended = next((e for e in events if isinstance(e, Ended)), None)
    ending = None if scope.cancelled_caught or ended is None else ended.ending
    equal = any(isinstance(event, InSync) for event in events)
    if unknown is not None and not equal:
        raise NotKnownYetError(_not_known(unknown))
    if ending is Ending.HANDSHAKE:
        raise NotReachable(f"no device of this community answers at {address}")
    return Met(proven, equal, ending)


def _not_known(event: NotKnownYet) -> str:
    who = "the other device cannot be" if event.by == "us" else "this device cannot be"
    return (
        f"not known yet: {who} proven to belong, because a card is missing. The cards received "
        "are kept; sync again after meeting the device that made the invite"
    )


@final
class _Alone:
    """The owner of a connection where no node runs: work is done on the spot."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica

    async def step(self, connection: Connection, work: Callable[[], object]) -> None:
        work()
        _, healed = self._replica.take_changes_and_heal()
        for change in healed:
            connection.meeting.local_change(change.genesis, change.before, trio.current_time())
        connection.take_events(connection.meeting.events())
        connection.wake()

    async def take_outgoing(self, connection: Connection) -> bytes:
        data = connection.meeting.data_to_send()
        connection.take_events(connection.meeting.events())
        return data


def meet_once(
    home: OpenHome, address: str, timeout: float, *, clock: Callable[[], float] = time.time
) -> dict[str, Any]:
    """`sync` without a running node: `{digest, equal, reason}`. Raises as `dial` and `meet`."""

    async def run() -> Met:
        async with await dial(address) as stream:
            meeting = Meeting(
                Served(home.replica),
                role="dialer",
                ephemeral=os.urandom(32),
                now=trio.current_time(),
                once=True,
            )
            return await meet(stream, meeting, _Alone(home.replica), address, timeout)

    met = trio.run(run)
    if met.equal and met.device is not None:
        remember_meeting(home.store, met.device, address, int(clock()))
    return met.as_json(home.replica.digest())


def remember_meeting(ledger: Ledger, device: bytes, address: str | None, met_at: int) -> None:
    """Keep when a device was last in sync, and the address at which it was dialed, if it was."""
    with ledger.transaction():
        ledger.put_meeting(MeetingRow(device, met_at))
        if address is not None:
            ledger.remember_address(AddressRow(address, device, met_at))
