"""The board that stays on the screen: read again when something may have changed, drawn again when
something did.

Through a running node the board is asked for again and again, the more rarely the longer an answer
takes. Without one the home is opened for a moment, but only when its store was written since, or a
minute went by: other commands must find it free. Nothing here keeps a processor busy.
"""

from __future__ import annotations

import select
import signal
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from meshaid import control, home, limits
from meshaid.cli import reach
from meshaid.cli.cells import handle, moment
from meshaid.cli.options import Settings, say
from meshaid.cli.screen import console, moment_of, print_json, show_heading
from meshaid.cli.tables import board_page
from meshaid.errors import BusyError

SHORTEST: Final = 0.5
"""Seconds between two looks: whoever types a need beside it sees it come."""
LONGEST: Final = 10.0
"""The same at most, on a slow device with a long board."""
SHARE: Final = 20
"""A look that took a second is followed by so many of rest: never more than a twentieth of the
time goes into looking."""
AGED: Final = 60.0
"""After so many seconds a board without a node is read anyway: urgency ages by the clock."""

_CODE_CELLS: Final = 9
Stamp = tuple[tuple[int, int], ...]
_NO_NODE: Final = "No node runs on this home, so nothing comes from others: meshaid run"


@dataclass(frozen=True, slots=True)
class View:
    """The board at one moment."""

    result: Mapping[str, Any]
    heading: Mapping[str, Any]
    now: int
    note: str
    """What a person should know about where it comes from; empty through a running node."""


class Looking:
    """Reads the board through the node, or from the home while no node runs on it."""

    def __init__(
        self,
        settings: Settings,
        filters: Mapping[str, Any],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rest = SHORTEST
        """Seconds to leave the board alone before the next look."""
        self._settings = settings
        self._filters = filters
        self._clock = clock
        self._view: View | None = None
        self._stamp: Stamp = ()
        self._asked: Mapping[str, Any] = {}
        self._read_at = 0.0

    def look(self, limit: int) -> View:
        """The board as it is now, or as it was when a busy home could last be read.

        Args:
          limit: how many rows at most; 0 for all.
        Raises:
          MeshaidError: what the first reading raises; a later BusyError leaves the last view.
        """
        began = self._clock()
        view = self._look({**self._filters, "limit": limit})
        self.rest = min(max((self._clock() - began) * SHARE, SHORTEST), LONGEST)
        return view

    def _look(self, arguments: Mapping[str, Any]) -> View:
        try:
            return self._keep(self._ask("board", arguments), self._ask("heading", {}), "")
        except control.NoNode:
            return self._read(arguments)
        except BusyError as error:
            return self._stale(error)

    def _ask(self, verb: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        settings = self._settings
        return control.ask(
            settings.folder(), verb, arguments, settings.now, timeout=limits.CONTROL_SECONDS
        )

    def _read(self, arguments: Mapping[str, Any]) -> View:
        """Open the home, if its store was written since the last time or a minute went by."""
        same = self._asked == arguments and self._stamp == self._written()
        if self._view is not None and same and self._clock() - self._read_at < AGED:
            return self._view
        try:
            answer = reach.perform(self._settings, "board", arguments, draws=True)
        except BusyError as error:
            return self._stale(error)
        self._read_at, self._stamp, self._asked = self._clock(), self._written(), arguments
        return self._keep(answer.result, answer.heading, _NO_NODE)

    def _written(self) -> Stamp:
        """What tells whether the store was written: never its content."""
        folder = self._settings.folder()
        files = (folder / home.STORE, folder / f"{home.STORE}-wal")
        stats = [file.stat() for file in files if file.exists()]
        return tuple((told.st_mtime_ns, told.st_size) for told in stats)

    def _keep(self, result: Mapping[str, Any], heading: Mapping[str, Any], note: str) -> View:
        self._view = View(result, heading, moment_of(self._settings, heading), note)
        return self._view

    def _stale(self, error: BusyError) -> View:
        if self._view is None:
            raise error
        return View(self._view.result, self._view.heading, self._view.now, str(error))


# ---- what is shown of it
def changes(
    before: Mapping[str, Mapping[str, Any]], view: View
) -> tuple[dict[str, Mapping[str, Any]], list[dict[str, Any]]]:
    """The rows by id now, and one document for each that is new, changed or gone."""
    rows = {row["id"]: row for row in view.result["records"]}
    told = [
        {"at": view.now, "change": "changed" if name in before else "new", "id": name, "row": row}
        for name, row in rows.items()
        if before.get(name) != row
    ]
    told += [
        {"at": view.now, "change": "gone", "id": name, "row": None}
        for name in before
        if name not in rows
    ]
    return rows, told


def page(screen: Console, view: View, *, height: int | None = None) -> str:
    """The board as it fits on this screen; the last lines say what does not, and how to end."""
    with screen.capture() as captured:
        show_heading(screen, view.heading)
        board_page(screen, view.result, view.now)
    lines = [line.rstrip() for line in captured.get().splitlines()]
    note = [view.note] if view.note else []
    if height is None:
        return "\n".join([*lines, *note])
    room = max(height - 1 - len(note), 1)
    foot = f"Ctrl-C ends · {moment(view.now)}"
    if len(lines) > room:
        total = view.result.get("total", len(view.result["records"]))
        begun = _rows_in(lines[:room], view)
        foot = f"Ctrl-C ends · {begun} of {total} shown: make it taller for more"
    return "\n".join([*lines[:room], *[""] * (room - len(lines)), foot, *note])


def _rows_in(lines: Iterable[str], view: View) -> int:
    """How many records begin on these lines: each with its code at the very left."""
    codes = {handle(row) for row in view.result["records"]}
    plain = (Text.from_ansi(line).plain for line in lines)
    return sum(line[:_CODE_CELLS].rstrip() in codes for line in plain)


# ---- until Ctrl-C
def watch_board(settings: Settings, filters: Mapping[str, Any]) -> None:
    """Show the board until SIGINT or SIGTERM, which end it as a success. Raises as `look`."""
    looking = Looking(settings, filters)
    with _ticks() as wait:
        if settings.json:
            _print_changes(looking, wait)
        elif console().is_terminal and not console().is_dumb_terminal:
            _draw(looking, wait)
        else:
            _print_pages(looking, wait)


@contextmanager
def _ticks() -> Iterator[Callable[[float], object]]:
    """A wait of so many seconds that ends early when the terminal has another size; SIGINT and
    SIGTERM end the block.

    A signal's function runs in the middle of anything, so it may take no lock: it writes a byte.
    """
    woken, waker = socket.socketpair()
    for end in (woken, waker):
        end.setblocking(False)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    def wake(*_: object) -> None:
        with suppress(BlockingIOError):  # so many bytes wait already
            waker.send(b"\0")

    def wait(seconds: float) -> None:
        if select.select([woken], [], [], seconds)[0]:
            woken.recv(4096)

    handlers = {signal.SIGINT: stop, signal.SIGTERM: stop}
    if hasattr(signal, "SIGWINCH"):
        handlers[signal.SIGWINCH] = wake
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield wait
    except KeyboardInterrupt:
        return
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        woken.close()
        waker.close()


def _print_changes(looking: Looking, wait: Callable[[float], object]) -> None:
    rows: dict[str, Mapping[str, Any]] = {}
    note = ""
    while True:
        view = looking.look(0)
        if view.note != note:
            note = view.note
            say(note or "A node runs on this home again.")
        rows, told = changes(rows, view)
        for document in told:
            print_json(document, indent=None)
        wait(looking.rest)


def _print_pages(looking: Looking, wait: Callable[[float], object]) -> None:
    """Where nothing can be drawn anew: the page again each time when something changed."""
    shown = ""
    while True:
        screen = console()
        text = page(screen, looking.look(0))
        if text != shown:
            click.echo(f"{text}\n")
            shown = text
        wait(looking.rest)


def _draw(looking: Looking, wait: Callable[[float], object]) -> None:
    screen = console()
    view = looking.look(screen.height)  # a passphrase is asked for, and errors told, before it
    with Live(console=screen, screen=True, auto_refresh=False, transient=True) as live:
        drawn = ("", screen.size)
        while True:
            size = screen.size
            text = page(_like(screen), view, height=size.height)
            if (text, size) != drawn:
                live.update(Text.from_ansi(text, no_wrap=True, overflow="crop"), refresh=True)
                drawn = (text, size)
            wait(looking.rest)
            view = looking.look(screen.height)


def _like(screen: Console) -> Console:
    """A console of the same kind and size, to draw a page on while the screen stays."""
    drawing = console()
    drawing.size = screen.size
    return drawing
