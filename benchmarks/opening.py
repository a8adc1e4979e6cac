"""Cold open and memory: homes with 10,000 changes, each opened in a fresh process."""

from __future__ import annotations

import json
import os
import random
import statistics
import time
from pathlib import Path

from benchmarks import homes
from benchmarks.figures import Figure
from benchmarks.processes import measure_alone, megabytes
from benchmarks.sync import crowd_sync
from meshaid.desk import Desk
from meshaid.opening import open_home

CHANGES = 10_000
MEMBERS = 500
LARGE_MEMBERS = 5_000
EACH = 20
"""Changes of each member: half of them make a record, half edit one."""
MORE_WRITES = 50


def open_cases(folder: Path) -> list[Figure]:
    """One large document, and as many changes spread over many members."""
    homes.found(folder / "large")
    with open_home(folder / "large") as home:
        homes.fill(home, CHANGES)
    homes.found(folder / "crowd")
    with open_home(folder / "crowd") as home:
        homes.crowd(home, MEMBERS, EACH)
    return [
        _figure("10,000 changes of one member", folder / "large", rows=CHANGES),
        _figure("10,000 changes of 500 members", folder / "crowd", rows=MEMBERS * EACH // 2),
    ]


def large_cases(folder: Path) -> list[Figure]:
    """The design's own size, which takes minutes to make: 100,000 changes of 5,000 members."""
    what, hub, house = "100,000 changes of 5,000 members", folder / "city", folder / "newcomer"
    homes.join(house, homes.found(hub))
    with open_home(hub) as home:
        homes.crowd(home, LARGE_MEMBERS, EACH)
    return [crowd_sync(hub, house, what), _figure(what, hub, rows=LARGE_MEMBERS * EACH // 2)]


def _figure(what: str, home: Path, *, rows: int) -> Figure:
    told = measure_alone("opening.measure_open", home)
    assert told["rows"] == rows, "the board does not show what was written"
    return Figure(
        f"cold open, {what}",
        f"open {told['open']:.3f} s, board {told['board']:.3f} s, first write "
        f"{told['write']:.3f} s, then {told['next_write_ms']:.1f} ms; "
        f"{told['board_megabytes']:.0f} MB with the board, {told['megabytes']:.0f} after writing, "
        f"{told['peak_megabytes']:.0f} at most",
        "0.3 s, 150 MB (both at 100,000)",
        f"Python with these imports {told['bare_megabytes']:.0f} MB",
        told,
    )


def measure_open(home: str) -> None:
    """In a fresh process: open, show the board, write; print seconds and memory as JSON."""
    bare, dice = megabytes(), random.Random(3)
    started = time.perf_counter()
    with open_home(Path(home)) as opened:
        opened_at = time.perf_counter()
        desk = Desk(opened.replica, random=os.urandom)
        rows = len(desk.board(int(time.time())).rows())
        shown_at, board_megabytes = time.perf_counter(), megabytes()
        desk.add("need", homes.need_fields(dice), int(time.time()))
        written_at = time.perf_counter()
        more = []
        for _ in range(MORE_WRITES):
            before = time.perf_counter()
            desk.add("need", homes.need_fields(dice), int(time.time()))
            more.append((time.perf_counter() - before) * 1e3)
    told = {
        "open": opened_at - started,
        "board": shown_at - opened_at,
        "write": written_at - shown_at,
        "next_write_ms": statistics.median(more),
        "rows": rows,
        "board_megabytes": board_megabytes,
        "megabytes": megabytes(),
        "peak_megabytes": megabytes("VmHWM"),
        "bare_megabytes": bare,
    }
    print(json.dumps(told))
