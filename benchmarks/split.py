"""Where the time of a first sync goes: the same steps by hand, one after the other, in one process.

Between two processes the steps of different messages overlap, so these add up to more than the
whole; sockets, encryption and threads are not among them.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from benchmarks.figures import Figure
from meshaid.core import ids, messages
from meshaid.core.delta import StrippedDelta, decode_delta
from meshaid.core.messages import Delta
from meshaid.core.replica import Replica
from meshaid.desk import Desk
from meshaid.opening import open_home

T = TypeVar("T")


def split(hub: Path, house: Path) -> Figure:
    """Milliseconds of each step, for copies of these two homes."""
    copies = [path.with_name(path.name + "-split") for path in (hub, house)]
    for original, copy in zip((hub, house), copies, strict=True):
        shutil.copytree(original, copy)
    with open_home(copies[0]) as sender, open_home(copies[1]) as receiver:
        receiver.replica.add_cards(sender.replica.chain())
        took = _steps(sender.replica, receiver.replica)
    told = ", ".join(f"{step} {milliseconds:.0f}" for step, milliseconds in took.items())
    return Figure("  of that, by itself", f"{told} ms", "", "", took)


def _steps(sender: Replica, receiver: Replica) -> dict[str, float]:
    took: dict[str, float] = {}

    def timed(step: str, work: Callable[[], T]) -> T:
        started = time.perf_counter()
        result = work()
        took[step] = (time.perf_counter() - started) * 1e3
        return result

    genesis, desk = sender.own_genesis, Desk(receiver, random=os.urandom)
    desk.rows([], 0)
    timed("load", lambda: sender.owed(genesis, sender.document_clock(genesis)))
    payloads = timed("encode", lambda: [*sender.encode(genesis, sender.owed(genesis, {}))])
    sent = timed("deflate", lambda: [messages.encode(Delta(1, (p,))) for p in payloads])
    deltas = timed("decode", lambda: [_deltas(message) for message in sent])
    timed("judge and store", lambda: [receiver.receive(delta) for delta in deltas])
    member = sender.identity.member
    touched = [ids.reference(member, r) for c in receiver.take_changes() for r in c.records]
    timed("show", lambda: desk.rows(touched, int(time.time())))
    return took


def _deltas(message: bytes) -> list[StrippedDelta]:
    read = messages.decode(message)
    assert isinstance(read, Delta)
    return [decode_delta(payload) for payload in read.payloads]
