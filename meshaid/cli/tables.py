"""Pages of many records, and of this device: the board by kind, status, peers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rich.console import Console

from meshaid.cli import cells
from meshaid.cli.cells import Row
from meshaid.cli.layout import Cell, Column, Entry, print_table, print_wrapped
from meshaid.cli.screen import on_line

PAGE_ROWS: Final = 50
"""Rows that the board shows unless told otherwise: two screens; nobody reads more at once."""
_SECTIONS: Final = {
    "need": "Needs",
    "offer": "Offers",
    "notice": "Notices",
    "hub": "Hubs",
    "pledge": "Promises",
    "receipt": "Answers and receipts",
    "flag": "Flags",
}
_WIDE: Final = 110
"""From so many columns on, place and author have columns of their own."""
_NARROW: Final = 70
"""Below this amount and time go under the title, too."""
_CODE: Final = Column("Code", 9, 9, lines=1)
_WHAT: Final = Column("What", 20, 80)
_AMOUNT: Final = Column("How much", 8, 24)
_WHEN: Final = Column("When", 8, 22)
_STATE: Final = Column("State", 8, 16)
_PLACE: Final = Column("Where", 8, 24)
_FROM: Final = Column("From", 8, 20)
_WRITTEN: Final = Column("Written", 8, 12, lines=1)

_LEFT_OUT: Final[Mapping[str, tuple[str, str]]] = {
    "hidden": ("hidden by flags", "--hidden"),
    "expired": ("past their end", "--status expired"),
    "closed": ("closed", "--status closed"),
    "withdrawn": ("withdrawn", "--status withdrawn"),
    "superseded": ("replaced by newer ones", "--status superseded"),
    "copy": ("copies of imported rows", ""),
    "second_hub": ("second records of one hub", ""),
    "no_hub": ("by members that are no hubs", ""),
    "newer": ("of kinds that this version does not know", ""),
    "unreadable": ("not readable by this version", ""),
}


# ---- the board
def board_page(
    screen: Console, result: Mapping[str, Any], now: int, *, narrowed: bool = False
) -> None:
    """The rows, the kinds one after another; then what is not shown, and how to see it.

    Args:
      narrowed: less than the whole board was asked for.
    """
    rows: Sequence[Row] = result["records"]
    if not rows and narrowed:
        screen.print("Nothing on the board fits. All of it: meshaid board")
    elif not rows:
        screen.print("Nothing here. Write what you need: meshaid need TITLE")
    kinds = dict.fromkeys([*_SECTIONS, *(row["kind"] for row in rows)])
    for kind in kinds:
        group = [row for row in rows if row["kind"] == kind]
        if group:
            screen.print()
            screen.print(f"{_SECTIONS.get(kind, on_line(kind))} ({len(group)})", style="bold")
            print_rows(screen, group, now)
    lines = [*_not_shown(result)]
    if lines:
        screen.print()
        for line in lines:
            print_wrapped(screen, line, "dim")


def print_rows(screen: Console, rows: Sequence[Row], now: int) -> None:
    """Rows as a table for this terminal: what has no column stands below the title."""
    width = screen.width
    columns = [_CODE, _WHAT]
    if width >= _NARROW:
        columns += [_AMOUNT, _WHEN]
    columns.append(_STATE)
    if width >= _WIDE:
        columns += [_PLACE, _FROM, _WRITTEN]
    print_table(screen, columns, [_entry(row, width, now) for row in rows])


def _entry(row: Row, width: int, now: int) -> Entry:
    life = "bold red" if row["life_threatening"] else ""
    amount, when = cells.amount(row), cells.when(row, now)
    place, author = on_line(row["area"] or ""), cells.author(row)
    written = cells.ago(row["created_at"], now)
    told = [Cell(cells.handle(row)), Cell(cells.title(row), life)]
    below = [*cells.of_hub(row)] if row["kind"] == "hub" else []
    if width >= _NARROW:
        told += [Cell(amount), Cell(when)]
    else:
        below += [amount, when]
    told.append(Cell(cells.state(row)))
    if width >= _WIDE:
        told += [Cell(place), Cell(author), Cell(written)]
    else:
        # The time of a notice stands in its column already.
        below += [place, f"from {author}", written if row["kind"] in ("need", "offer") else ""]
    small = " · ".join(part for part in below if part)
    noted = " · ".join(cells.marks(row, now))
    return Entry(
        told,
        [Cell(small, "dim")] * bool(small) + [Cell(f"! {noted}", "yellow")] * bool(noted),
    )


def _not_shown(result: Mapping[str, Any]) -> Iterator[str]:
    more = result.get("more", 0)
    if more:
        yield f"{more} more fit: --limit 0 lists all, --mine, --area or --text fewer."
    told = [
        f"{count} {words}" + (f" ({option})" if option else "")
        for name, (words, option) in _LEFT_OUT.items()
        if (count := result.get("left_out", {}).get(name, 0))
    ]
    if told:
        yield f"Not shown: {', '.join(told)}."


# ---- this device and its peers
_PAIR: Final = (Column("", 9, 12), Column("", 30, 200, lines=8))
_PEERS: Final = (
    Column("Who", 12, 40, lines=3),
    Column("Device", 12, 12, lines=1),
    Column("Address", 12, 48, lines=3),
    Column("State", 9, 24),
    Column("Last equal", 10, 16),
)


def status_page(screen: Console, result: Mapping[str, Any]) -> None:
    """Names and ids, counts, addresses; then the peers."""
    named = [on_line(result[name]) for name in ("member_name", "member_kind", "member_role")]
    own = {"member": ", ".join(filter(None, named)), "device": on_line(result["label"])}
    pairs = [
        (name, " · ".join(filter(None, (own.get(name), str(result[name])))))
        for name in ("community", "member", "device", "digest")
    ]
    pairs += [(name, str(result[name])) for name in ("members", "documents", "changes", "records")]
    listening = ", ".join(result["listening"]) or "no: no node is on a network here"
    pairs.append(("listening", listening))
    print_table(screen, _PAIR, [Entry((Cell(name), Cell(value))) for name, value in pairs])
    screen.print()
    peers_page(screen, result)


def peers_page(screen: Console, result: Mapping[str, Any]) -> None:
    """The devices that this one is connected to, or has met."""
    peers = result["peers"]
    if not peers:
        screen.print("No other device met yet.")
        return
    print_table(screen, _PEERS, [_peer(peer) for peer in peers])


def _peer(peer: Mapping[str, Any]) -> Entry:
    told = f"{peer['state']}, equal now" if peer["in_sync"] else str(peer["state"])
    return Entry(
        (
            Cell(cells.device(peer) or "?"),
            Cell(cells.short(peer["device"]) or "?"),
            Cell(on_line(peer["address"] or "")),
            Cell(told),
            Cell(cells.moment(peer["last_sync"])),
        )
    )
