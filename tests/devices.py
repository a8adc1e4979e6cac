"""Real devices of one member that write into its document, and a wire between them."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Sequence
from typing import Any

from meshaid import _automerge
from meshaid.core.delta import Missing, Run, decode_delta, encode_delta, rebuild
from meshaid.core.document import Document, Edit, Outcome, Written
from meshaid.core.keys import SigningKey

GENESIS = _automerge.genesis(b"a member's first")
_COPIES = itertools.count(1)
LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


def record_id(chance: random.Random) -> str:
    return "".join(chance.choice(LETTERS) for _ in range(16))


def slip(record: str, **fields: Any) -> list[Edit]:
    """The edits that make one record with these fields."""
    return [("make", record), *(("put", record, name, value) for name, value in fields.items())]


def drawn_slip(chance: random.Random, record: str) -> list[Edit]:
    """A need of about 200 bytes."""
    words = [
        "".join(chance.choice("aeioulmnrst") for _ in range(chance.randint(3, 9)))
        for _ in range(14)
    ]
    return slip(
        record,
        kind="need",
        title=" ".join(words[:5]),
        text=" ".join(words[5:]),
        category="health.medicine",
        created_at=1_790_000_000 + chance.randrange(1_000_000),
    )


class Device:
    """A device with its key, its document, and the rows that its disk would hold."""

    def __init__(self, number: int, *, run_changes: int = 256) -> None:
        self.key = SigningKey(number.to_bytes(32, "big"))
        self.number = number
        self._nonces = 0
        self.run_changes = run_changes
        self.document = Document(GENESIS, run_changes=run_changes)
        self.disk: dict[bytes, tuple[bytes, bytes | None]] = {}
        self.actor = self.fresh_actor()

    def fresh_actor(self) -> bytes:
        """A new actor of this device; its nonces count up."""
        self._nonces += 1
        return self.key.public + self._nonces.to_bytes(4, "big")

    def store(self, outcomes: Iterable[Outcome | Written], *, thin: bool = True) -> None:
        """What a caller does with what was accepted or written."""
        for outcome in outcomes:
            for stored in outcome.new:
                self.disk[stored.hash] = (stored.raw, None)
            for digest, signature in outcome.signed:
                self.disk[digest] = (self.disk[digest][0], signature)
        for digest in self.document.thin() if thin else ():
            self.disk[digest] = (self.disk[digest][0], None)

    def write(self, edits: Sequence[Edit], *, thin: bool = True) -> Written:
        written = self.document.edit(self.actor, self.key, edits)
        assert written is not None
        self.store([written], thin=thin)
        return written

    def heal(self) -> list[Written]:
        """Heal if that is needed, and go on under a new nonce where the old one may not."""
        if not self.document.needs_heal(self.key.public):
            if not self.document.continues(self.actor):
                self.actor = self.fresh_actor()
            return []
        written = self.document.heal(self.key.public, self.key, self.fresh_actor)
        self.actor = self.fresh_actor()
        self.store(written)
        return written

    def receive(self, run: Run, *, thin: bool = True) -> Outcome:
        outcome = self.document.receive(run, "member")
        self.store([outcome], thin=thin)
        return outcome

    def restart(self) -> None:
        """Load the document again from the disk."""
        self.document = Document.load(GENESIS, self.disk.values(), run_changes=self.run_changes)

    def copy(self) -> Device:
        """A copy of this device that does not know that it is one: same key, same nonce."""
        copy = Device(self.number, run_changes=self.run_changes)
        copy.actor, copy._nonces = self.actor, next(_COPIES) * 1_000
        copy.disk = dict(self.disk)
        copy.restart()
        return copy


def send(sender: Device, receiver: Device, runs: Sequence[Run] | None = None) -> list[str]:
    """Send what the receiver lacks, or these runs, over the wire; returns what came of each."""
    if runs is None:
        runs = sender.document.owed(receiver.document.clock())
    payload = encode_delta(sender.document.genesis, runs, sender.document)
    kinds = []
    for run, stripped in zip(runs, decode_delta(payload).runs, strict=True):
        rebuilt = rebuild(stripped, receiver.document)
        if isinstance(rebuilt, Missing):
            kinds.append("missing")
        else:
            assert rebuilt == run
            kinds.append(receiver.receive(rebuilt).kind)
    return kinds


def sync(*devices: Device) -> None:
    """Let each meet each until all count the same; at most a few times are needed."""
    for _ in range(6):
        if len({device.document.state_hash() for device in devices}) == 1:
            return
        for one in devices:
            for other in devices:
                if one is not other:
                    send(one, other)
    raise AssertionError("the devices do not settle")
