"""Runs that wait are nobody's fault, cost little, and harm no other member's document."""

from __future__ import annotations

import msgpack
import pytest

from meshaid import limits
from meshaid.core import chunk
from meshaid.core.delta import (
    Run,
    StrippedChange,
    StrippedDelta,
    StrippedRun,
    decode_delta,
    encode_delta,
)
from meshaid.core.document import Document, Outcome, Standing
from meshaid.core.keys import SigningKey
from meshaid.core.messages import Delta, encode
from meshaid.core.waiting import WaitingRuns
from tests.core.meeting_pair import Pair
from tests.core.puppet import Puppet
from tests.core.real_world import RealDevice, RealWorld

EMPTY = b"\0"
TOO_LONG = b"\1\1" + chunk.unsigned(65_520) + bytes(65_520)
"""Columns within every limit, in a change that is beyond them once it is rebuilt."""


@pytest.fixture
def devices() -> tuple[RealDevice, RealDevice, RealDevice, RealDevice]:
    """A hub, a victim, an attacker and a bystander who all hold each other's cards."""
    world = RealWorld()
    hub = world.found("hub")
    others = [world.join(name, hub) for name in ("victim", "attacker", "bystander")]
    for one in others:
        Pair(one, hub, once=True).run()
    for one in others:
        Pair(one, hub, once=True).run()
    return hub, others[0], others[1], others[2]


def planted(victim: RealDevice, columns: bytes) -> bytes:
    """A run with a forged signature right above the victim's last change."""
    genesis, actor = victim.replica.own_genesis, victim.replica.actor
    _, head = victim.replica.document_clock(genesis)[actor]
    forged = [0, head[:8], [[[], [], columns]], bytes([1]) * 64]
    return bytes(msgpack.packb([genesis, [actor], [forged]]))


@pytest.mark.parametrize("columns", [EMPTY, TOO_LONG])
def test_who_brings_what_a_forged_run_waits_for_is_not_blamed(
    devices: tuple[RealDevice, ...], columns: bytes
) -> None:
    hub, victim, attacker, bystander = devices
    genesis, _ = victim.write("insulin")
    Pair(victim, hub, once=True).run()
    Puppet(attacker, bystander).greet().say(Delta(0, (planted(victim, columns),)))
    assert bystander.replica.waiting_runs() == 1

    honest = Pair(hub, bystander).run()

    assert honest.in_sync
    assert bystander.replica.items()[genesis] == victim.replica.items()[genesis]
    assert bystander.replica.waiting_runs() == 0


def test_a_run_that_is_too_long_once_rebuilt_is_refused_alone(
    devices: tuple[RealDevice, ...],
) -> None:
    _, victim, attacker, bystander = devices
    genesis, _ = victim.write("insulin")
    Pair(victim, attacker, once=True).run()
    (honest,) = attacker.replica.encode(genesis, attacker.replica.owed(genesis, {}))
    puppet = Puppet(attacker, bystander).greet()
    puppet.throw(encode(Delta(0, (honest,))))
    puppet.throw(encode(Delta(0, (planted(victim, TOO_LONG),))))
    puppet.exchange()

    assert puppet.ended is not None
    assert bystander.replica.items()[genesis] == victim.replica.items()[genesis]
    assert [change.genesis for change in bystander.replica.take_changes()] == [genesis]


def test_what_was_committed_before_a_failed_transaction_is_still_told(
    devices: tuple[RealDevice, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, victim, _, bystander = devices
    genesis, _ = victim.write("insulin")
    deltas = [
        decode_delta(payload)
        for payload in victim.replica.encode(genesis, victim.replica.owed(genesis, {}))
    ]
    bystander.replica.receive(deltas)

    def fail(*_: object) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(bystander.replica.ledger, "put_document", fail)
    with pytest.raises(OSError, match="disk"):
        bystander.write("never stored")

    assert genesis in {change.genesis for change in bystander.replica.take_changes()}


def test_runs_of_unknown_devices_are_not_judged_again_for_every_change(
    devices: tuple[RealDevice, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, victim, _, bystander = devices
    replica, genesis = victim.replica, victim.replica.own_genesis
    victim.write("first")
    raw = replica._documents._genesis[genesis][1]
    key = SigningKey(bytes([7]) * 32)
    runs = []
    for nonce in range(50):
        draft, actor = Document(raw), key.public + nonce.to_bytes(4, "big")
        written = draft.edit(actor, key, [("make", "a" * 16)])
        assert written is not None
        runs.append(Run(actor, (written.raw,), written.signature))
    bystander.replica.receive([decode_delta(encode_delta(genesis, runs, Document(raw)))])
    assert bystander.replica.waiting_runs() == 50

    judged = []
    receive = Document.receive

    def counted(self: Document, run: Run, standing: Standing) -> Outcome:
        judged.append(run)
        return receive(self, run, standing)

    monkeypatch.setattr(Document, "receive", counted)
    for payload in replica.encode(genesis, replica.owed(genesis, {})):
        bystander.replica.receive([decode_delta(payload)])

    assert len(judged) == 1
    assert bystander.replica.waiting_runs() == 50


def test_empty_runs_have_a_weight() -> None:
    total = limits.WAITING_BYTES
    waiting = WaitingRuns(total=total)
    for document in range(20):
        for number in range(limits.WAITING_CHANGES):
            name = (document << 32 | number).to_bytes(64, "big")
            change = StrippedChange((), (), EMPTY, 0)
            waiting.keep(bytes([document]) * 32, StrippedRun(b"", name[:8], (change,), name))
    assert 0 < len(waiting) < total // 256


def test_a_run_too_heavy_to_wait_leaves_nothing_behind() -> None:
    waiting = WaitingRuns(size=1_000, total=2_000)
    heavy = StrippedRun(b"", b"", (StrippedChange((), (), bytes(5_000), 0),), b"a")
    light = StrippedRun(b"", b"", (StrippedChange((), (), EMPTY, 0),), b"b")
    waiting.keep(b"one", heavy)
    for number in range(5):
        waiting.keep(bytes([number]), light)
    assert waiting.documents() == [bytes([3]), bytes([4])]
    assert StrippedDelta(b"", (light,)).runs == tuple(waiting.take(bytes([4])))
