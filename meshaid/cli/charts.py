"""The report: counts by category and by hub, with a small chart made of characters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Console

from meshaid.cli import cells
from meshaid.cli.layout import Cell, Column, Entry, print_table, print_wrapped
from meshaid.cli.screen import on_line

Counts = Mapping[str, Any]

_PARTS: Final = ("open", "pledged", "received")
_BLOCKS: Final = ("\u2588", "\u2592", "\u2591")
_ASCII: Final = ("#", "=", ".")
_LEAST_BAR: Final = 4
_COUNTS: Final = (
    Column("Open", 4, 6, lines=1),
    Column("Promised", 8, 8, lines=1),
    Column("Received", 8, 8, lines=1),
    Column("Waiting", 7, 8, lines=1),
)
_WORDS: Final = ("open", "promised", "received")


def report_page(screen: Console, result: Mapping[str, Any]) -> None:
    """What is open, promised and received, first by category, then by hub."""
    glyphs = _BLOCKS if screen.encoding.lower().startswith("utf") else _ASCII
    _print_groups(screen, "By category", "label", result["categories"], glyphs, result["total"])
    screen.print()
    _print_groups(screen, "By hub", "name", result["hubs"], glyphs)
    screen.print()
    print_wrapped(screen, _in_words(result["total"]))
    keys = " ".join(f"{glyph} {words}" for glyph, words in zip(glyphs, _WORDS, strict=True))
    print_wrapped(screen, f"{keys} · waiting: the longest that an open need waits", "dim")
    if result.get("not_heard_from"):
        names = ", ".join(map(on_line, result["not_heard_from"]))
        print_wrapped(screen, f"Not heard from: {names}. No notice tells of how it is there.")


def _in_words(total: Counts) -> str:
    """What has no column of its own."""
    told = [
        f"{total[name]} {words}"
        for name, words in (
            ("unanswered", "unanswered for 3 h"),
            ("paused", "paused"),
            ("expired", "past their end"),
            ("closed", "closed otherwise"),
            ("hidden", "hidden by flags"),
        )
        if total.get(name)
    ]
    needs = f"Needs: {', '.join(told)}. " if told else ""
    return f"{needs}Offers with something left: {total.get('offers', 0)}."


def _print_groups(
    screen: Console,
    heading: str,
    name: str,
    groups: Sequence[Counts],
    glyphs: Sequence[str],
    total: Counts | None = None,
) -> None:
    if not groups:
        screen.print(f"{heading}: nothing yet.")
        return
    named = Column(heading, 12, screen.width // 3)
    length = max(screen.width - named.most - 40, _LEAST_BAR)
    most = max(sum(group[part] for part in _PARTS) for group in groups)
    entries = [
        _entry(_named(group, name), group, bar(group, most, glyphs, length)) for group in groups
    ]
    if total is not None:
        entries.append(_entry("In all", total, ""))
    print_table(screen, (named, *_COUNTS, Column("", _LEAST_BAR, length, lines=1)), entries)


def _named(group: Counts, name: str) -> str:
    letter = on_line(group.get("letter") or "")
    return " ".join(part for part in (letter, on_line(group[name] or "")) if part) or "no hub"


def _entry(name: str, counts: Counts, chart: str) -> Entry:
    waiting = counts.get("waiting_longest")
    numbers = [
        Cell(str(counts[part]).rjust(len(column.heading)))
        for part, column in zip(_PARTS, _COUNTS, strict=False)
    ]
    waits = Cell("" if waiting is None else cells.span(waiting) if waiting >= 60 else "0 min")
    return Entry((Cell(name), *numbers, waits, Cell(chart)))


def bar(counts: Counts, most: int, glyphs: Sequence[str], length: int) -> str:
    """A bar of at most `length` characters; what is there at all has at least one of them."""
    drawn = ""
    for part, glyph in zip(_PARTS, glyphs, strict=True):
        if counts[part]:
            drawn += glyph * max(1, counts[part] * length // max(most, 1))
    return drawn[:length]
