"""A terminal of a given size, with a command in it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r")
_TAKE_TERMINAL = """
import fcntl, runpy, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
runpy.run_module("meshaid", run_name="__main__", alter_sys=True)
"""
"""The command, once its terminal is the one whose Ctrl-C it hears."""
PATIENCE = 30.0


class Terminal:
    """What a command shows, and the keys that a person presses."""

    def __init__(self, master: int, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._master = master
        self.raw = ""
        self._read = 0

    @property
    def text(self) -> str:
        """All that was shown so far, without the terminal's own codes."""
        return _CODES.sub("", self.raw)

    def until(self, words: str, *, pressing: str = "") -> str:
        """Read until these words come; gives what was shown since the words of the last call.

        Args:
          pressing: keys that an impatient person presses again every second until then.
        """
        ends = time.monotonic() + PATIENCE
        while (found := self.text.find(words, self._read)) < 0:
            if select.select([self._master], [], [], 1.0)[0]:
                self.raw += os.read(self._master, 65_536).decode(errors="replace")
            elif pressing:
                self.press(pressing)
            if time.monotonic() > ends:
                raise AssertionError(f"{words!r} was not shown:\n{self.text[-3000:]}")
        shown = self.text[self._read : found + len(words)]
        self._read = found + len(words)
        return shown

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def resize(self, columns: int, lines: int) -> None:
        set_size(self._master, columns, lines)
        self.process.send_signal(signal.SIGWINCH)

    def ended(self) -> int:
        """The exit code, once everything is read."""
        while True:
            try:
                piece = os.read(self._master, 65_536)
            except OSError:  # the other side has closed it
                break
            if not piece:
                break
            self.raw += piece.decode(errors="replace")
        return self.process.wait(PATIENCE)


def set_size(descriptor: int, columns: int, lines: int) -> None:
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))


@contextmanager
def terminal(
    *words: str | Path,
    home: Path,
    size: tuple[int, int] = (80, 24),
    environment: dict[str, str] | None = None,
) -> Iterator[Terminal]:
    """A command of meshaid on a terminal of so many columns and lines."""
    master, slave = pty.openpty()
    set_size(slave, *size)
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    child = subprocess.Popen(
        [sys.executable, "-c", _TAKE_TERMINAL, "--home", str(home), *map(str, words)],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**kept, "TERM": "xterm-256color", **(environment or {})},
        start_new_session=True,
    )
    os.close(slave)
    try:
        yield Terminal(master, child)
    finally:
        if child.poll() is None:
            child.kill()
        child.wait(PATIENCE)
        os.close(master)
