"""Run in a process of its own: throw every bomb at a hub that may take 64 MiB more than it has.

Prints a line of JSON per bomb: its name, what came of it, and whether honest work goes on. What is
too much for the hub ends the process: by MemoryError, by SIGXCPU, or by an abort.
"""

from __future__ import annotations

import json
import resource
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import msgpack

from meshaid.core import chunk
from meshaid.core.delta import decode_delta, encode_delta, signed_bytes
from meshaid.core.documents import Received
from meshaid.errors import RemoteProtocolError
from tests import forge
from tests.core.meeting_pair import Pair
from tests.core.puppet import Puppet
from tests.core.real_world import RealDevice, RealWorld

MEMORY = 64 * 2**20
CPU_SECONDS = 10
"""For all bombs together, and the honest work in between; one bomb alone could take as long."""
TEN_MILLION = 10_000_000
RUN = chunk.signed(TEN_MILLION)


def column(spec: int, data: bytes) -> bytes:
    """The columns of a change that has only this one."""
    return b"\1" + chunk.unsigned(spec) + chunk.unsigned(len(data)) + data


COLUMNS: Mapping[str, bytes] = {
    "ten million operations": column(forge.ACTION, RUN + b"\1"),
    "ten million nulls": column(forge.ACTION, b"\0" + chunk.unsigned(TEN_MILLION)),
    "ten million keys": column(forge.KEY, RUN + b"\1a"),
    "ten million predecessors": column(forge.PRED_COUNT, b"\1" + chunk.unsigned(TEN_MILLION)),
    "ten million inserts": column(forge.INSERT, chunk.unsigned(TEN_MILLION)),
    "a deflated column": column(forge.ACTION | 8, zlib.compress(bytes(2**24), 9)),
    "a column longer than the change": b"\1\x42" + chunk.unsigned(2**31) + b"\1",
    "very many columns": chunk.unsigned(10_000) + b"\x42\0" * 10_000,
}
"""Columns of a change that its author has signed."""
MESSAGES: Mapping[str, bytes] = {
    "a million empty maps": b"\xdd\x00\x0f\x42\x40" + b"\x80" * 1_000_000,
    "a million lists in lists": b"\x91" * 1_000_000,
    "four billion entries announced": b"\xdd\xff\xff\xff\xff\x90",
    "four billion bytes announced": b"\xc6\xff\xff\xff\xff",
    "256 MiB of zeros, deflated": msgpack.packb([8, 1_000_000, zlib.compress(bytes(2**28), 9)]),
    "256 MiB of cards, deflated": msgpack.packb([4, 1_000_000, zlib.compress(bytes(2**28), 9)]),
}
"""Messages of a member that has shaken hands."""


def signed_bomb(author: RealDevice, columns: bytes) -> bytes:
    """A delta of one change with these columns, well signed by its author."""
    replica = author.replica
    document = replica._documents.get(replica.own_genesis)
    (run,) = replica.owed(replica.own_genesis, {})
    parts = chunk.parse_change(run.changes[0])._replace(columns=columns)
    _, change_hash = chunk.build_change(parts)
    signature = replica.identity.signing_key.sign(
        signed_bytes(replica.own_genesis, run.actor, parts.seq, change_hash)
    )
    tree = msgpack.unpackb(encode_delta(replica.own_genesis, [run], document), raw=True)
    ((index, base, ((deps, others, _),), _),) = tree[2]
    tree[2] = [[index, base, [[deps, others, columns]], signature]]
    return bytes(msgpack.packb(tree))


def receive(hub: RealDevice, payload: bytes) -> str:
    """What a hub makes of a delta."""
    try:
        (receipt,) = hub.replica.receive([decode_delta(payload)])
    except RemoteProtocolError:
        return "no delta"
    assert isinstance(receipt, Received)
    assert receipt.accepted == 0
    return ", ".join(sorted(rule for rule, _ in receipt.refused)) or "waits"


def throw(member: RealDevice, hub: RealDevice, message: bytes) -> str:
    """What a hub makes of a message."""
    puppet = Puppet(member, hub)
    puppet.exchange()
    puppet.throw(message)
    puppet.exchange()
    return puppet.ended.ending.value if puppet.ended else "goes on"


def main() -> None:
    """All bombs, one after the other."""
    world = RealWorld()
    hub = world.found("hub")
    house, bomber = world.join("house", hub), world.join("bomber", hub)
    for device in (house, bomber):
        Pair(device, hub, once=True).run()
    bomber.write("the change whose columns are replaced; it is never sent itself")
    thrown: dict[str, Callable[[], str]] = {}
    for name, columns in COLUMNS.items():
        payload = signed_bomb(bomber, columns)
        thrown[name] = lambda payload=payload: receive(hub, payload)  # type: ignore[misc]
    for name, message in MESSAGES.items():
        thrown[name] = lambda message=message: throw(bomber, hub, message)  # type: ignore[misc]
    limit_memory()
    for name, do in thrown.items():
        outcome = do()
        house.write(f"after {name}")
        Pair(house, hub, once=True).run()
        sound = hub.replica.digest() == house.replica.digest()
        print(json.dumps([name, outcome, sound]), flush=True)


def limit_memory() -> None:
    """Whatever takes more from now on fails."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime) + CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
