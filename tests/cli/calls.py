"""Calling the command line in tests: in this process, and as real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from meshaid.cli.main import main

COMMAND = (sys.executable, "-m", "meshaid")
NOON = 1_772_366_400
"""2026-03-01T12:00Z; what these tests write is written around then."""


def call(*arguments: str | Path, home: Path | None = None, **options: Any) -> Result:
    """One call of the command line in this process, at NOON unless --now is given."""
    words = [str(argument) for argument in arguments]
    before = [] if home is None else ["--home", str(home)]
    return CliRunner().invoke(main, ["--now", str(NOON), *before, *words], **options)


def done(*arguments: str | Path, home: Path | None = None) -> Any:
    """The JSON result of a call that must succeed."""
    result = call(*arguments, "--json", home=home)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def failed(code: int, *arguments: str | Path, home: Path | None = None) -> str:
    """The text of a call that must fail with this exit code, with nothing on standard output."""
    result = call(*arguments, "--json", home=home)
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    return result.stderr


def found(home: Path, *options: str) -> Any:
    """A community named Riverside, founded by Anna."""
    return done("init", "--community", "Riverside", "--as", "Anna", *options, home=home)


def process(
    *arguments: str | Path, home: Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """One call as a process of its own, its output in pipes."""
    words = [*COMMAND, "--home", str(home), *map(str, arguments)]
    return subprocess.run(
        words,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )


@dataclass
class Running:
    """A node that runs as a process of its own."""

    home: Path
    address: str
    process: subprocess.Popen[str]

    def event(self, name: str) -> Any:
        """The next event of this name."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            told = json.loads(line)
            if told["event"] == name:
                return told
        raise AssertionError(f"the node ended before {name}")

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal; gives the exit code."""
        self.process.send_signal(number)
        return self.process.wait(30)


@contextmanager
def running(home: Path, *options: str) -> Iterator[Running]:
    """A node of this home on the loopback interface, without mDNS, until the block ends."""
    words = [*COMMAND, "run", "--home", str(home), "--json", "--no-mdns"]
    words += ["--listen", "127.0.0.1:0", *options]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, encoding="utf-8") as child:
        try:
            node = Running(home, "", child)
            node.address = node.event("Listening")["addresses"][0]
            yield node
        finally:
            if child.poll() is None:
                child.terminate()
