"""First sync, reconnect with nothing new, and one more record: two nodes in two processes."""

from __future__ import annotations

import random
import shutil
import statistics
import time
from pathlib import Path

import trio

import meshaid
from benchmarks import homes
from benchmarks.figures import Figure, percentile
from benchmarks.floor import change_bytes, fsync_ms, verify_us
from benchmarks.processes import Peer, peer
from benchmarks.split import split
from meshaid.opening import open_home

RECORDS = 1_000
ROUNDS = 5
RECONNECTS = 5
LIVE_WRITES = 200
HANDSHAKE_BYTES = 214
"""Three Noise messages with their frame headers (docs/protocol.md, "Handshake")."""


def sync_cases(folder: Path) -> list[Figure]:
    """All rows of two nodes. In every round both processes are new and have read nothing yet."""
    hub, house = folder / "hub", folder / "house"
    invite = homes.found(hub)
    with open_home(hub) as home:
        homes.fill(home, RECORDS)
        raw, packed = change_bytes(home)
    homes.join(house, invite)
    seconds: list[float] = []
    sizes: list[int] = []
    more: list[Figure] = []
    for number in range(ROUNDS):
        copies = [path.with_name(f"{path.name}-{number}") for path in (hub, house)]
        for original, copy in zip((hub, house), copies, strict=True):
            shutil.copytree(original, copy)
        with peer(copies[1]) as other:
            last = number == ROUNDS - 1
            took, size, more = trio.run(_round, copies[0], other, last)
            seconds.append(took)
            sizes.append(size)
    took, size = statistics.median(seconds), statistics.median_low(sizes)
    first = Figure(
        f"first sync, {RECORDS:,} records",
        f"{took:.3f} s (median of {ROUNDS}, least {min(seconds):.3f}), {size:,.0f} B both ways",
        "0.25 s, 120,000 B",
        f"changes {raw:,} B, zlib -9 {packed:,} B",
        {"seconds": took, "least_seconds": min(seconds), "bytes": size, "raw": raw, "zlib": packed},
    )
    return [first, split(hub, house), *more]


def crowd_sync(hub: Path, house: Path, what: str) -> Figure:
    """The first sync of a home with many members, once."""
    with peer(house) as other:
        took, size, _ = trio.run(_round, hub, other, False)
    return Figure(
        f"first sync, {what}",
        f"{took:.1f} s, {size / 1e6:.2f} MB both ways",
        "12 s, 3.5 MB",
        "",
        {"seconds": took, "bytes": size},
    )


async def _round(hub: Path, other: Peer, last: bool) -> tuple[float, int, list[Figure]]:
    """One first sync: seconds from the dial until both digests are equal, and bytes; in the last
    round the other two cases too."""
    async with meshaid.open_node(hub, listen="127.0.0.1:0", mdns=False) as node:
        other.ask(f"peer {node.listening[0]}")
        started = await trio.to_thread.run_sync(other.wait_for, "dialing")
        digest = (await node.status())["digest"]
        while True:
            equal = await trio.to_thread.run_sync(other.wait_for, "in sync")
            if equal["digest"] == digest or equal["digest"] == (await node.status())["digest"]:
                break
        sent, received, _ = await _statistics(other)
        more = [await _reconnect(other), await _live(hub.parent, node, other)] if last else []
    return equal["at"] - started["at"], sent + received, more


async def _statistics(other: Peer) -> tuple[int, int, int]:
    other.ask("statistics")
    told = await trio.to_thread.run_sync(other.wait_for, "statistics")
    sent, received, turns = told["meetings"][-1]
    return sent, received, turns


async def _reconnect(other: Peer) -> Figure:
    """The two once more, everything in memory already."""
    times = []
    sent, received, turns = 0, 0, 0
    for _ in range(RECONNECTS):
        other.ask("offline")
        other.ask("online")
        started = await trio.to_thread.run_sync(other.wait_for, "dialing")
        equal = await trio.to_thread.run_sync(other.wait_for, "in sync")
        times.append((equal["at"] - started["at"]) * 1e3)
        sent, received, turns = await _statistics(other)
    size, took = sent + received - HANDSHAKE_BYTES, statistics.median(times)
    return Figure(
        "nothing changed, reconnect",
        f"{turns} round trip after the handshake, {size} B, {took:.1f} ms in all",
        "1 round trip, 200 B",
        f"handshake {HANDSHAKE_BYTES} B",
        {"round_trips": turns, "bytes": size, "milliseconds": took},
    )


async def _live(folder: Path, node: meshaid.Node, other: Peer) -> Figure:
    """Write, flush, send, check, flush, shown: LIVE_WRITES times, one after the other."""
    dice, times = random.Random(2), []
    other.ask("watch")
    before = await _statistics(other)
    for _ in range(LIVE_WRITES):
        fields = homes.need_fields(dice)
        started = time.monotonic()
        await node.board.add_need(str(fields.pop("title")), **fields)
        shown = await trio.to_thread.run_sync(other.wait_for, "record")
        times.append((shown["at"] - started) * 1e3)
    after = await _statistics(other)
    size = (sum(after[:2]) - sum(before[:2])) / LIVE_WRITES
    p50, p95 = percentile(times, 0.5), percentile(times, 0.95)
    fsync = fsync_ms(folder)
    return Figure(
        "one more record, connected peer",
        f"p50 {p50:.1f} ms, p95 {p95:.1f} ms, {size:.0f} B with its acknowledgement",
        "p50 8 ms, 250 B",
        f"2 fsync {2 * fsync:.2f} ms, 2 Ed25519 checks {2 * verify_us() / 1e3:.2f} ms",
        {"p50_ms": p50, "p95_ms": p95, "bytes": size, "fsync_ms": fsync},
    )
