"""The world of meeting_world.py with every real part: keys, cards, roster, documents, Automerge.

Only the disk is missing; a MemoryLedger stands for it.
"""

from __future__ import annotations

import hashlib
from itertools import count

from meshaid.core import ids
from meshaid.core.cards import SignedCard, make_removal
from meshaid.core.enrol import Enrolled, found, invite, join, link
from meshaid.core.invite import decode_invite
from meshaid.core.replica import Replica
from meshaid.core.served import Served
from meshaid.core.shapes import Clock
from meshaid.testing import MemoryLedger
from tests.core.meeting_world import Device

NOW = 1_700_000_000


class Dice:
    """Random bytes that are the same in every run."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._throws = count()

    def __call__(self, size: int) -> bytes:
        seed = f"{self._name} {next(self._throws)}".encode()
        return hashlib.shake_256(seed).digest(size)


class RealDevice:
    """A replica with its own cards kept."""

    def __init__(self, enrolled: Enrolled, dice: Dice) -> None:
        self.dice = dice
        self.replica = Replica(MemoryLedger(), enrolled.identity, random=dice)
        self.replica.add_cards([card.wire for card in enrolled.cards])
        self._served = Served(self.replica)

    @property
    def knowledge(self) -> Served:
        return self._served

    def keep(self, card: SignedCard) -> None:
        self.replica.add_cards([card.wire])

    def write(self, text: str) -> tuple[bytes, Clock]:
        genesis = self.replica.own_genesis
        before = self.replica.document_clock(genesis)
        record = ids.record_id(self.dice(ids.RECORD_BYTES))
        self.replica.write([("make", record), ("put", record, "title", text)])
        return genesis, before

    def board(self) -> dict[bytes, object]:
        items = self.replica.items()
        rows = self.replica.ledger.records()
        shown = {
            genesis: sorted(
                (row.record_id, repr(row.fields))
                for row in rows
                if row.member == self.replica.member_of(genesis)
            )
            for genesis in items
        }
        assert all(shown.values())
        return {genesis: (items[genesis], shown[genesis]) for genesis in shown}


class RealWorld:
    """See `meeting_world.World`."""

    def __init__(self) -> None:
        self._dice = Dice("world")

    def found(self, name: str) -> RealDevice:
        dice = Dice(name)
        founded = found(
            community_name="Riverside",
            name=name,
            kind="hub",
            exercise=True,
            stewards=0,
            keep_root=False,
            now=NOW,
            random=dice,
        )
        return RealDevice(founded, dice)

    def _invite(self, inviter: Device, role: str) -> str:
        assert isinstance(inviter, RealDevice)
        invited = invite(
            inviter.replica.identity,
            role=role,  # type: ignore[arg-type]
            kinds=() if role == "device" else ("household",),
            uses=1 if role == "device" else 50,
            expires=NOW + 3600,
            addresses=(),
            now=NOW,
            random=self._dice,
        )
        inviter.keep(invited.card)
        return invited.text

    def join(self, name: str, inviter: Device) -> RealDevice:
        dice = Dice(name)
        text = decode_invite(self._invite(inviter, "member"))
        return RealDevice(join(text, name=name, kind=None, random=dice), dice)

    def link(self, name: str, sibling: Device) -> RealDevice:
        dice = Dice(name)
        text = decode_invite(self._invite(sibling, "device"))
        return RealDevice(link(text, label=name, random=dice), dice)

    def remove(self, remover: Device, target: Device) -> None:
        assert isinstance(remover, RealDevice)
        assert isinstance(target, RealDevice)
        identity = remover.replica.identity
        remover.keep(
            make_removal(
                identity.signing_key,
                community=identity.community,
                target_kind="member",
                target=target.replica.identity.member,
            )
        )
