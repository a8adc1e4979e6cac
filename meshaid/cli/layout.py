"""Tables that fit the terminal, whatever members wrote into them.

Widths are counted in cells: a Chinese character takes two, a combining accent none. Words that are
too long for their column go on below, at most a few lines, and end with an ellipsis if there is
more. Text from right to left is isolated on every line of its own, so that it cannot rearrange the
columns beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from rich.cells import cell_len, chop_cells
from rich.text import Text

from meshaid.cli.screen import END, ISOLATE

if TYPE_CHECKING:
    from rich.console import Console

GAP: Final = 2
"""Blank cells between two columns."""
BELOW_LINES: Final = 4
"""Lines of one thing that stands below a row."""
MORE: Final = "\u2026"


class Cell(NamedTuple):
    """Words of one cell, cleaned and isolated already, and how they look."""

    words: str
    style: str = ""


class Column(NamedTuple):
    """A column's heading and bounds, in cells and in lines."""

    heading: str
    least: int = 6
    most: int = 80
    lines: int = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a table: its cells, and what stands in small below them."""

    cells: Sequence[Cell]
    below: Sequence[Cell] = ()


def print_table(screen: Console, columns: Sequence[Column], entries: Sequence[Entry]) -> None:
    """Print a table below its headings, no wider than the terminal."""
    room = screen.width
    widths = fitting(columns, entries, room)
    out = Text()
    if any(column.heading for column in columns):
        _append_line(out, [Cell(column.heading, "bold") for column in columns], widths)
    for entry in entries:
        _append_entry(out, columns, entry, widths, room)
    if out:
        out.right_crop(1)  # the last line break: print adds its own
        screen.print(out, no_wrap=True, overflow="ignore", crop=False)


def _append_entry(
    out: Text, columns: Sequence[Column], entry: Entry, widths: Sequence[int], room: int
) -> None:
    """The lines of one row: its cells beside each other, then what stands below them."""
    wrapped = [
        wrap(cell.words, width, column.lines)
        for cell, width, column in zip(entry.cells, widths, columns, strict=True)
    ]
    for number in range(max(map(len, wrapped))):
        words = (lines[number] if number < len(lines) else "" for lines in wrapped)
        styles = (cell.style for cell in entry.cells)
        _append_line(out, [*map(Cell, words, styles)], widths)
    below = (widths[0], room - widths[0] - GAP)
    for cell in entry.below:
        for line in wrap(cell.words, below[1], BELOW_LINES):
            _append_line(out, (Cell(""), Cell(line, cell.style)), below)


def print_wrapped(
    screen: Console, words: str, style: str = "", *, indent: int = 0, lines: int = 100
) -> None:
    """Print a sentence over the whole width, indented, on at most so many lines."""
    out = Text("\n".join(" " * indent + line for line in wrap(words, screen.width - indent, lines)))
    screen.print(out, style=style or None, no_wrap=True, overflow="ignore", crop=False)


def _append_line(out: Text, cells: Sequence[Cell], widths: Sequence[int]) -> None:
    last = max((number for number, cell in enumerate(cells) if cell.words), default=0)
    for number, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        out.append(cell.words, cell.style or None)
        if number < last:
            out.append(" " * (width - cell_len(cell.words) + GAP))
    out.append("\n")


def fitting(columns: Sequence[Column], entries: Iterable[Entry], room: int) -> list[int]:
    """The width of each column: what its longest cell needs, less where the terminal has less.

    The widest columns give way first; none below its `least`.
    """
    widths = [cell_len(column.heading) for column in columns]
    for entry in entries:
        for number, cell in enumerate(entry.cells):
            widths[number] = max(widths[number], cell_len(cell.words))
    widths = [min(width, column.most) for width, column in zip(widths, columns, strict=True)]
    over = sum(widths) + GAP * (len(widths) - 1) - room
    while over > 0:
        spare = [
            (width, number)
            for number, (width, column) in enumerate(zip(widths, columns, strict=True))
            if width > column.least
        ]
        if not spare:
            break
        widths[max(spare)[1]] -= 1
        over -= 1
    return widths


def wrap(words: str, width: int, lines: int) -> list[str]:
    """The words on at most so many lines of at most so many cells; "…" says that there is more."""
    width = max(width, 2)
    if cell_len(words) <= width:
        return [words]
    filled = _fill(words, width)
    if len(filled) > lines:
        filled = [*filled[: lines - 1], _ended(filled[lines - 1], width)]
    return _balanced(filled)


def _fill(words: str, width: int) -> list[str]:
    lines: list[str] = []
    line = ""
    for word in words.split(" "):
        joined = f"{line} {word}" if line else word
        if cell_len(joined) <= width:
            line = joined
            continue
        if line and cell_len(word) <= width:
            lines.append(line)
            joined = word
        # Scripts without blanks, and words longer than a line, are cut wherever the line ends.
        *whole, line = chop_cells(joined, width) or [""]
        lines += whole
    return [*lines, line]


def _ended(line: str, width: int) -> str:
    """The line with an ellipsis at its end."""
    if cell_len(line) < width:
        return line + MORE
    return (chop_cells(line, width - 1) or [""])[0] + MORE


def _balanced(lines: Sequence[str]) -> list[str]:
    """Close at the end of each line what is isolated there, and open it again on the next."""
    balanced: list[str] = []
    isolating = False
    for line in lines:
        begun = ISOLATE + line if isolating else line
        isolating = begun.rfind(ISOLATE) > begun.rfind(END)
        balanced.append(begun + END if isolating else begun)
    return balanced
