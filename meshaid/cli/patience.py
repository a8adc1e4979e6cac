"""A sign of life while a command takes its time."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from meshaid.cli.options import Settings

MOMENT = 1.0
"""Seconds after which somebody at a terminal is told that work goes on."""


@contextmanager
def sign_of_life(settings: Settings, words: str) -> Iterator[None]:
    """Show these words on a terminal's standard error once what is inside takes a moment.

    Nothing inside may ask somebody or draw on the terminal itself.
    """
    if settings.json or not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    status = Console(stderr=True).status(words)
    late = threading.Timer(MOMENT, status.start)
    late.daemon = True
    late.start()
    try:
        yield
    finally:
        late.cancel()
        late.join()  # it may be starting at this very moment
        status.stop()
