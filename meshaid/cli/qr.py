"""A QR code on a terminal: black on white whatever the terminal's colours are, two rows a line."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click
import segno

_BLACK_ON_WHITE = "\x1b[38;2;0;0;0;48;2;255;255;255m"
_PLAIN = "\x1b[0m"
_BORDER = 2
_HALVES = {(0, 0): " ", (1, 0): "\u2580", (0, 1): "\u2584", (1, 1): "\u2588"}


def code_lines(text: str) -> list[str]:
    """The lines of the code, its dark modules as blocks.

    Alphanumeric mode and the lowest error correction: a screen is not scratched, and fewer modules
    are scanned from further away. Raises ValueError for text beyond that mode's characters.
    """
    code = segno.make_qr(text, mode="alphanumeric", error="l", boost_error=False)
    rows: list[Sequence[int]] = [tuple(row) for row in code.matrix_iter(border=_BORDER)]
    if len(rows) % 2:
        rows.append((0,) * len(rows[0]))
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return [
        "".join(_HALVES[bool(up), bool(low)] for up, low in zip(upper, lower, strict=True))
        for upper, lower in pairs
    ]


def print_code(text: str) -> None:
    """Print the code. On a terminal its two colours are part of it, also where NO_COLOR is set:
    an inverted code does not scan. In a pipe the blocks are the ink on white paper."""
    on_terminal = sys.stdout.isatty()
    for line in code_lines(text):
        click.echo(f"{_BLACK_ON_WHITE}{line}{_PLAIN}" if on_terminal else line, color=on_terminal)
