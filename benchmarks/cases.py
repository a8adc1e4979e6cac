"""The cases: each makes its homes, measures, and returns its rows of the table."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trio

import meshaid
from benchmarks import homes
from benchmarks.figures import Figure, percentile
from benchmarks.floor import change_bytes, fsync_ms, verify_us
from meshaid.opening import open_home

RECORDS = 1_000
LIVE_WRITES = 200
CHANGES = 10_000
HANDSHAKE_BYTES = 214
"""Three Noise messages with their frame headers (docs/protocol.md, "Handshake")."""


class Peer:
    """A node in a process of its own (peer.py)."""

    def __init__(self, home: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.peer", str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.address: str = self.wait_for("listening")["address"]

    def ask(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def wait_for(self, event: str) -> dict[str, Any]:
        """The next line that tells of this event."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told: dict[str, Any] = json.loads(line)
            if told["event"] == event:
                return told
        raise RuntimeError(f"the peer ended before it told of: {event}")

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


@contextmanager
def peer(home: Path) -> Iterator[Peer]:
    """A peer for as long as the block lasts."""
    started = Peer(home)
    try:
        yield started
    finally:
        started.close()


def sync_cases(folder: Path) -> list[Figure]:
    """First sync, reconnect with nothing new, and one more record, between two processes."""
    invite = homes.found(folder / "hub")
    with open_home(folder / "hub") as home:
        homes.fill(home, RECORDS)
        raw, packed = change_bytes(home)
    homes.join(folder / "house", invite)
    with peer(folder / "house") as other:
        return trio.run(_sync_cases, folder, other, raw, packed)


async def _sync_cases(folder: Path, other: Peer, raw: int, packed: int) -> list[Figure]:
    async with meshaid.open_node(folder / "hub", listen="127.0.0.1:0", mdns=False) as node:
        other.ask(f"peer {node.listening[0]}")
        started = await trio.to_thread.run_sync(other.wait_for, "dialing")
        while True:
            equal = await trio.to_thread.run_sync(other.wait_for, "in sync")
            if equal["digest"] == (await node.status())["digest"]:
                break
        seconds = equal["at"] - started["at"]
        counted = await _statistics(other)
        figures = [
            Figure(
                f"first sync, {RECORDS:,} records",
                f"{seconds:.3f} s, {sum(counted[:2]):,} B both ways",
                "0.25 s, 120,000 B",
                f"changes {raw:,} B, zlib -9 {packed:,} B",
                {"seconds": seconds, "bytes": sum(counted[:2]), "raw": raw, "zlib": packed},
            ),
            await _reconnect(other),
        ]
        figures += await _live(folder, node, other)
    return figures


async def _statistics(other: Peer) -> tuple[int, int, int]:
    other.ask("statistics")
    told = await trio.to_thread.run_sync(other.wait_for, "statistics")
    sent, received, turns = told["meetings"][-1]
    return sent, received, turns


async def _reconnect(other: Peer) -> Figure:
    other.ask("offline")
    other.ask("online")
    started = await trio.to_thread.run_sync(other.wait_for, "dialing")
    equal = await trio.to_thread.run_sync(other.wait_for, "in sync")
    sent, received, turns = await _statistics(other)
    size = sent + received - HANDSHAKE_BYTES
    milliseconds = (equal["at"] - started["at"]) * 1e3
    return Figure(
        "nothing changed, reconnect",
        f"{turns} round trip after the handshake, {size} B, {milliseconds:.1f} ms in all",
        "1 round trip, 200 B",
        f"handshake {HANDSHAKE_BYTES} B",
        {"round_trips": turns, "bytes": size, "milliseconds": milliseconds},
    )


async def _live(folder: Path, node: meshaid.Node, other: Peer) -> list[Figure]:
    dice, times = random.Random(2), []
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
    return [
        Figure(
            "one more record, connected peer",
            f"p50 {p50:.1f} ms, p95 {p95:.1f} ms, {size:.0f} B with its acknowledgement",
            "p50 8 ms, 250 B",
            f"2 fsync {2 * fsync:.2f} ms, 2 Ed25519 checks {2 * verify_us() / 1e3:.2f} ms",
            {"p50_ms": p50, "p95_ms": p95, "bytes": size, "fsync_ms": fsync},
        )
    ]


def open_case(folder: Path) -> list[Figure]:
    """Cold open and memory at CHANGES changes, in a fresh process."""
    homes.found(folder / "large")
    with open_home(folder / "large") as home:
        homes.fill(home, CHANGES)
    code = "import sys; from benchmarks.cases import measure_open; measure_open(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder / "large")],
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout)
    return [
        Figure(
            f"cold open, {CHANGES:,} changes",
            f"open {told['open']:.3f} s, board {told['board']:.3f} s, "
            f"first write {told['write']:.3f} s, {told['megabytes']:.0f} MB",
            "0.3 s, 150 MB (at 100,000)",
            f"Python with these imports {told['bare_megabytes']:.0f} MB",
            told,
        )
    ]


def measure_open(home: str) -> None:
    """In a fresh process: open, show the board, write once; print seconds and memory as JSON."""
    from meshaid.desk import Desk

    bare = _megabytes()
    started = time.perf_counter()
    with open_home(Path(home)) as opened:
        opened_at = time.perf_counter()
        desk = Desk(opened.replica, random=os.urandom)
        rows = len(desk.board(int(time.time())).rows())
        shown_at = time.perf_counter()
        desk.add("need", {"title": "one more"}, int(time.time()))
        written_at = time.perf_counter()
    told = {
        "open": opened_at - started,
        "board": shown_at - opened_at,
        "write": written_at - shown_at,
        "rows": rows,
        "megabytes": _megabytes(),
        "bare_megabytes": bare,
    }
    print(json.dumps(told))


def _megabytes() -> float:
    """The most memory that this process has had so far (Linux; elsewhere not a number)."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return float("nan")
    peak = next(line for line in lines if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1024
