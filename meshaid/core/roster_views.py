"""What the roster shows of members, devices, invites and door keys; none prints a name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from meshaid.core.cards import Kind, Role
from meshaid.core.ids import short

Status: TypeAlias = Literal["member", "steward", "hidden", "purged"]


@dataclass(frozen=True, slots=True, repr=False)
class MemberView:
    """A member with a standing member card. Of "hidden" and "purged" ones no document is shown."""

    id: bytes
    name: str
    kind: Kind
    role: Literal["member", "steward"]
    status: Status
    sealing_key: bytes
    key: bytes

    def __repr__(self) -> str:
        return f"<MemberView {short(self.id)}: {self.status}>"


@dataclass(frozen=True, slots=True)
class DeviceView:
    """A standing device of a member that is neither hidden nor purged, by one of its cards."""

    key: bytes
    member: bytes
    static_key: bytes
    sealing_key: bytes
    label: str = field(repr=False)
    card_hash: bytes


@dataclass(frozen=True, slots=True)
class InviteView:
    """An invite key, with what its ever-valid cards say together."""

    key: bytes
    role: Role
    kinds: tuple[Kind, ...]
    uses: int
    expires: int
    members: int
    """Members that it brought in, removed ones too."""
    standing: bool


@dataclass(frozen=True, slots=True)
class DoorView:
    """A generation of the door key. The first has no card: its key came with the invite."""

    generation: int
    key_hash: bytes
    voided: frozenset[bytes]
    card_hash: bytes
