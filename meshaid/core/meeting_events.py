"""What a meeting tells its shell, in the order in which it happened."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from meshaid.core.session import Ending
from meshaid.core.shapes import Clock
from meshaid.errors import MeshaidError

Side: TypeAlias = Literal["us", "them"]


@dataclass(frozen=True, slots=True)
class PeerProven:
    """The peer is a standing device of this community."""

    device: bytes
    member: bytes


@dataclass(frozen=True, slots=True)
class NotKnownYet:
    """All cards were exchanged, and one side is still not proven to the other.

    `by` "us": its chain of cards cannot be proven here. `by` "them": ours cannot be proven there.
    The session goes on with cards only for a while, in case the missing card comes.
    """

    by: Side


@dataclass(frozen=True, slots=True)
class CardsChanged:
    """Cards from this peer made another roster: tell the other meetings (`roster_changed`)."""


@dataclass(frozen=True, slots=True)
class DocumentChanged:
    """Runs from this peer were accepted: tell the other meetings (`local_change`)."""

    genesis: bytes
    before: Clock = field(repr=False)
    """The document's clock before."""


@dataclass(frozen=True, slots=True)
class NotesArrived:
    """Sealed notes from this peer were kept: tell the other meetings (`notes_changed`)."""

    names: tuple[bytes, ...]
    """16 bytes each."""


@dataclass(frozen=True, slots=True)
class InSync:
    """Both hold the same cards and documents; `digest` (32 bytes) is that of `status`."""

    digest: bytes


@dataclass(frozen=True, slots=True)
class OutOfSync:
    """Both differ, and looking again would not help now. It is tried again later."""


@dataclass(frozen=True, slots=True)
class RunRefused:
    """A run broke a rule: `by` "us", the peer sent it; `by` "them", we did.

    It speaks against its author, and against who passed it on.
    """

    by: Side
    name: bytes
    """The document, 16 bytes."""
    rule: str
    run: bytes
    """What names the run, 16 bytes."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The last event: why it is over, who ended it, and what was wrong, if anything was."""

    ending: Ending
    by_peer: bool
    error: MeshaidError | None


MeetingEvent: TypeAlias = (
    PeerProven
    | NotKnownYet
    | CardsChanged
    | DocumentChanged
    | NotesArrived
    | InSync
    | OutOfSync
    | RunRefused
    | Ended
)
