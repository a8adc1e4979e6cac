"""Pages of pairs: proposals of what fits together, and records that may say the same twice."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from rich.console import Console

from meshaid.cli import cells
from meshaid.cli.cells import Row
from meshaid.cli.layout import Cell, Column, Entry, print_table, print_wrapped
from meshaid.cli.screen import on_line

_SHOWN: Final = 20
"""Pairs on one page: an hour's work at a desk. --json gives all that were found."""
_PAIR: Final = (Column("", 18, 18, lines=1), Column("", 20, 200))
_BESIDE: Final = (Column("", 8, 10, lines=1), Column("", 20, 60, lines=3), Column("", 20, 60, 3))


# ---- proposals
def match_page(screen: Console, result: Mapping[str, Any], now: int) -> None:
    """Each proposal: the two, why, and the one command that makes a promise of it."""
    proposals: Sequence[Mapping[str, Any]] = result["proposals"][:_SHOWN]
    if not proposals:
        screen.print("Nothing fits together at present.")
    for number, proposal in enumerate(proposals, 1):
        need, offer = proposal["need"], proposal["offer"]
        screen.print()
        print_wrapped(screen, f"{number}. {_given(proposal)}", "bold")
        print_table(screen, _PAIR, [_side("need", need, now), _side("offer", offer, now)])
        _print_words(screen, "Because", proposal["words"])
        screen.print(_how(proposal), soft_wrap=True)
    left = result["total"] - len(proposals)
    if left > 0:
        screen.print(f"\n{left} more: name one need or offer to see those for it.", style="dim")


def _given(proposal: Mapping[str, Any]) -> str:
    what = cells.measure(proposal.get("quantity"), proposal.get("unit"))
    covers = "all that is open" if proposal.get("whole") else "a part of what is open"
    return f"{what}, {covers}" if what else covers


def _side(kind: str, row: Row, now: int) -> Entry:
    parts = [cells.amount(row), cells.when(row, now), on_line(row["area"] or "")]
    small = " · ".join(part for part in [*parts, f"from {cells.author(row)}"] if part)
    life = "bold red" if row["life_threatening"] else ""
    told = (Cell(f"   {kind:5} {cells.handle(row)}"), Cell(cells.title(row), life))
    return Entry(told, [Cell(small, "dim")])


def _how(proposal: Mapping[str, Any]) -> str:
    """The command to type, or who has to type it."""
    command = pledge_command(proposal)
    if proposal.get("mine"):
        return f"   {command}"
    return f"   {cells.author(proposal['offer'])} can promise it: {command}"


def pledge_command(proposal: Mapping[str, Any]) -> str:
    """The command that promises what is proposed, as the shell takes it."""
    words = ["pledge", cells.typed(proposal["need"]), "--offer", cells.typed(proposal["offer"])]
    if proposal.get("quantity") is not None:
        words += ["--quantity", on_line(proposal["quantity"])]
        if proposal.get("unit"):
            words += ["--unit", on_line(proposal["unit"])]
    return command_line(words)


def command_line(words: Iterable[str]) -> str:
    """A command to copy. A unit is anybody's words: quoted, so that the shell takes it as one."""
    return f"meshaid {shlex.join(words)}"


# ---- duplicates
def duplicates_page(screen: Console, result: Mapping[str, Any], now: int) -> None:
    """Each pair side by side, why they look alike, and the command that links them."""
    candidates: Sequence[Mapping[str, Any]] = result["candidates"][:_SHOWN]
    if not candidates:
        screen.print("No two records look like the same.")
    for number, candidate in enumerate(candidates, 1):
        record, other = candidate["record"], candidate["other"]
        screen.print()
        screen.print(f"{number}.", style="bold")
        print_table(screen, _BESIDE, [*_beside(record, other, now)])
        _print_words(screen, "Because", [reason["words"] for reason in candidate["reasons"]])
        screen.print(f"   The same? {link_command(candidate)}", soft_wrap=True)
    left = result["total"] - len(candidates)
    if left > 0:
        screen.print(f"\n{left} more: name one record to see those for it.", style="dim")


def _beside(record: Row, other: Row, now: int) -> Iterator[Entry]:
    def line(name: str, left: str, right: str) -> Iterator[Entry]:
        if left or right:
            yield Entry((Cell(name), Cell(left), Cell(right)))

    yield Entry((Cell(""), Cell(cells.handle(record), "bold"), Cell(cells.handle(other), "bold")))
    yield from line("what", cells.title(record), cells.title(other))
    yield from line("details", on_line(record["text"] or ""), on_line(other["text"] or ""))
    yield from line("amount", cells.amount(record), cells.amount(other))
    yield from line("where", on_line(record["area"] or ""), on_line(other["area"] or ""))
    yield from line("state", cells.state(record), cells.state(other))
    yield from line("from", _writer(record), _writer(other))
    at = (cells.ago(row["created_at"], now) for row in (record, other))
    yield from line("written", *at)


def _writer(row: Row) -> str:
    household = row.get("on_behalf_of")
    return cells.author(row) + (f" for {on_line(household)}" if household else "")


def link_command(candidate: Mapping[str, Any]) -> str:
    """Closing one's own record as a duplicate, else a flag that asks its author to."""
    record, other = cells.typed(candidate["record"]), cells.typed(candidate["other"])
    if candidate.get("mine"):
        return command_line(["close", record, "--reason", "duplicate", "--duplicate-of", other])
    return command_line(["flag", record, "--reason", "duplicate", "--other", other])


def _print_words(screen: Console, name: str, words: Sequence[str]) -> None:
    print_wrapped(screen, f"{name}: {', '.join(map(on_line, words))}", indent=3, lines=6)
