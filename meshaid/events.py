"""What a running node tells: frozen events, for `watch()`, for observers and for `meshaid run`.

Events about people's words carry references; only the record events carry a row of the board.
Events about a device that proved itself name it: its member's shown name, and the device's label.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any, Self, TypeAlias, final

from meshaid.core import ids
from meshaid.core.rows import Row


class _Event:
    """Gives every event its JSON form: its name and its fields, ids as text."""

    __slots__ = ()

    def as_json(self) -> dict[str, Any]:
        """The event as plain values; `event` is its class name."""
        told: dict[str, Any] = {"event": type(self).__name__}
        for entry in fields(self):  # type: ignore[arg-type]
            told[entry.name] = _plain(getattr(self, entry.name))
        return told


class _BoardEvent(_Event):
    """An event of the board; `lagged` tells that events before it were dropped untaken."""

    __slots__ = ()

    def after_gap(self) -> Self:
        return replace(self, lagged=True)  # type: ignore[type-var]


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return ids.id_text(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value.as_json() if isinstance(value, Row) else value


@final
@dataclass(frozen=True, slots=True)
class Listening(_Event):
    """The node accepts connections at these HOST:PORT addresses."""

    addresses: tuple[str, ...]


@final
@dataclass(frozen=True, slots=True)
class PeerFound(_Event):
    """An address that may lead to a device of this community; a hint, nothing is proven."""

    address: str
    source: str
    """given, remembered, invite or mdns."""


@final
@dataclass(frozen=True, slots=True)
class PeerConnected(_Event):
    """A device of the community proved who it is."""

    device: bytes
    member: bytes
    address: str
    member_name: str = field(default="", repr=False)
    label: str = field(default="", repr=False)


@final
@dataclass(frozen=True, slots=True)
class PeerInSync(_Event):
    """Both boards are equal at this moment."""

    device: bytes
    digest: str
    member_name: str = field(default="", repr=False)
    label: str = field(default="", repr=False)


@final
@dataclass(frozen=True, slots=True)
class PeerLost(_Event):
    """The connection to a proven device ended; the node tries again by itself."""

    device: bytes
    reason: str
    member_name: str = field(default="", repr=False)
    label: str = field(default="", repr=False)


@final
@dataclass(frozen=True, slots=True)
class NotYetKnown(_Event):
    """One side cannot prove the other yet: "us" or "them". Cards were exchanged."""

    address: str
    by: str


@final
@dataclass(frozen=True, slots=True)
class ConnectionFailed(_Event):
    """A connection ended before a device was proven."""

    address: str
    reason: str


@final
@dataclass(frozen=True, slots=True)
class CardsChanged(_Event):
    """The roster is another one now."""

    members: int


@final
@dataclass(frozen=True, slots=True)
class RunRefused(_Event):
    """Signed changes broke a rule of the gate and were not taken."""

    device: bytes
    by: str
    """us: we refused what the peer passed on; them: the peer refused what we did."""
    rule: str
    member_name: str = field(default="", repr=False)
    label: str = field(default="", repr=False)


@final
@dataclass(frozen=True, slots=True)
class RecordAdded(_BoardEvent):
    """A record is on the board that was not there before."""

    id: str
    row: Row = field(repr=False)
    lagged: bool = False


@final
@dataclass(frozen=True, slots=True)
class RecordChanged(_BoardEvent):
    """A record on the board shows something else now: it was changed itself, or a pledge, a receipt
    or a flag that bears on it came or changed. What only time does is not told."""

    id: str
    row: Row = field(repr=False)
    lagged: bool = False


@final
@dataclass(frozen=True, slots=True)
class RecordRemoved(_BoardEvent):
    """A record is no longer held, or can no longer be read."""

    id: str
    lagged: bool = False


@final
@dataclass(frozen=True, slots=True)
class NotesChanged(_Event):
    """Sealed notes came, or were written here: `contact_show` may give something else now."""

    count: int


@final
@dataclass(frozen=True, slots=True)
class DiscoveryFailed(_Event):
    """Devices on this network cannot be found by mDNS at present; the node tries again."""

    reason: str


@final
@dataclass(frozen=True, slots=True)
class StoreTrouble(_Event):
    """What a peer sent could not be written; it is asked for again later."""

    reason: str


@final
@dataclass(frozen=True, slots=True)
class WentOffline(_Event):
    """The node left its networks on request; the board can be read and written."""


@final
@dataclass(frozen=True, slots=True)
class WentOnline(_Event):
    """The node is on its networks again."""


BoardEvent: TypeAlias = RecordAdded | RecordChanged | RecordRemoved
NodeEvent: TypeAlias = (
    Listening
    | PeerFound
    | PeerConnected
    | PeerInSync
    | PeerLost
    | NotYetKnown
    | ConnectionFailed
    | CardsChanged
    | RunRefused
    | NotesChanged
    | DiscoveryFailed
    | StoreTrouble
    | WentOffline
    | WentOnline
    | BoardEvent
)
