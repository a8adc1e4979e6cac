"""The processes of a benchmark, and what is known of their memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


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
        """Send one line that peer.py obeys."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def wait_for(self, event: str) -> dict[str, Any]:
        """The next line that tells of this event. Raises RuntimeError when the peer ended."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told: dict[str, Any] = json.loads(line)
            if told["event"] == event:
                return told
        raise RuntimeError(f"the peer ended before it told of: {event}")

    def close(self) -> None:
        """End the node and wait for its process."""
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


def measure_alone(function: str, home: Path) -> dict[str, float]:
    """Call `benchmarks.<function>(home)` in a fresh process; what it prints as JSON."""
    module, _, name = function.rpartition(".")
    code = f"import sys; from benchmarks.{module} import {name}; {name}(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", code, str(home)], capture_output=True, text=True, check=True
    )
    told: dict[str, float] = json.loads(done.stdout)
    return told


def megabytes(field: str = "VmRSS") -> float:
    """Memory of this process (VmRSS: now, VmHWM: the most so far), in units of 2**20 bytes.

    Read from Linux's /proc; elsewhere not a number. `getrusage` would not do: its maximum is
    inherited from the process that started this one.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return float("nan")
    line = next(line for line in lines if line.startswith(field))
    return int(line.split()[1]) / 1024
