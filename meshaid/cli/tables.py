"""Pages for people: the board by kind, one record, status, peers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from meshaid.cli.screen import on_line, on_lines
from meshaid.core.categories import CATEGORIES
from meshaid.core.fields import Time
from meshaid.core.schema import KINDS
from meshaid.core.spoken import looks_spoken, show_spoken
from meshaid.core.times import show_time

Row = Mapping[str, Any]

LIFE: Final = "LIFE AT RISK"
_SECTIONS: Final = {"need": "Needs", "offer": "Offers", "notice": "Notices"}
_SHORT_ID: Final = 12
_NOT_LISTED: Final = frozenset({"conflicts", "exercise", "known_to_others", "rev", "id", "ref"})
_TIMES: Final = frozenset(
    name for kind in KINDS.values() for name, of in kind.fields.items() if isinstance(of, Time)
)


def moment(seconds: int | None) -> str:
    """A time by this device's zone, to the minute."""
    if seconds is None:
        return ""
    try:
        return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M")
    except (OverflowError, ValueError, OSError):
        return show_time(seconds)


def code(ref: Any) -> str:
    """A spoken code as it is read aloud, `C 482 912`."""
    ref = str(ref or "")
    return show_spoken(ref) if looks_spoken(ref) else on_line(ref)


def short(name: Any) -> str:
    """The beginning of an id that tells it from others in practice."""
    return str(name or "")[:_SHORT_ID]


def _columns(*names: str) -> Table:
    """A table without lines; a cell that is too long goes on below."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in names:
        table.add_column(name, overflow="fold")
    return table


# ---- the board
def board_page(screen: Console, result: Mapping[str, Any]) -> None:
    """All rows, the kinds one after another."""
    rows: Sequence[Row] = result["records"]
    if not rows:
        screen.print("Nothing here. Write what you need: meshaid need TITLE")
        return
    kinds = dict.fromkeys([*_SECTIONS, *(row["kind"] for row in rows)])
    for kind in kinds:
        group = [row for row in rows if row["kind"] == kind]
        if group:
            screen.print()
            screen.print(f"{_SECTIONS.get(kind, on_line(kind))} ({len(group)})", style="bold")
            screen.print(_group(group))


def _group(rows: Iterable[Row]) -> Table:
    table = _columns("Code", "What", "How much", "When", "Where", "State", "From")
    table.columns[0].no_wrap = True
    for row in rows:
        table.add_row(
            code(row["ref"]) or short(row["id"].partition("/")[2]),
            title(row),
            amount(row),
            when(row),
            on_line(row["area"] or ""),
            state(row),
            on_line(row["member_name"]) or short(row["member"]),
        )
    return table


def title(row: Row) -> Text:
    """What it is; where a life is at risk the words say so, not a colour alone."""
    words = Text(on_line(row["title"] or "")) or Text(_category(row["category"]))
    if row["life_threatening"]:
        return Text.assemble((f"{LIFE}: ", "bold red"), words)
    return words


def _category(name: Any) -> str:
    known = CATEGORIES.get(str(name or ""))
    return known.label if known else on_line(name or "")


def amount(row: Row) -> str:
    """`40 L`, and how much of it is open still."""
    if row["quantity"] is None:
        return ""
    unit = on_line(row["unit"] or "")
    text = f"{row['quantity']} {unit}".rstrip()
    left = row.get("still_open")
    if left not in (None, row["quantity"]):
        text += f" ({left} open)"
    return text


def when(row: Row) -> str:
    """A need's urgency by now, an offer's end, the time of a notice."""
    if row["kind"] == "need":
        return f"{row['tier']}, overdue" if row["overdue"] else str(row["tier"])
    if row["kind"] == "offer":
        until = row.get("available_until")
        return f"until {moment(until)}" if until is not None else ""
    return moment(row["created_at"])


def state(row: Row) -> str:
    """The derived state, and whether a person must choose between answers."""
    answers = "".join(f", {len(v)} answers: {k}" for k, v in row["conflicts"].items())
    return on_line(row["status"]) + on_line(answers)


# ---- one record
def record_page(screen: Console, row: Row) -> None:
    """Everything that a record says."""
    screen.print(Text.assemble((f"{row['kind']} {code(row['ref'])}  ", "bold"), title(row)))
    table = _columns("", "")
    table.show_header = False
    for name, value in row.items():
        if name not in _NOT_LISTED and value not in (None, "", [], {}, False):
            table.add_row(name.replace("_", " "), _value(name, value))
    for name, values in row["conflicts"].items():
        answers = " / ".join(_value(name, value) for value in values)
        table.add_row(f"{name.replace('_', ' ')}: {len(values)} answers", answers)
    table.add_row("id", row["id"])
    screen.print(table)


def _value(name: str, value: Any) -> str:
    if value is True:
        return "yes"
    if name in _TIMES and type(value) is int:
        return moment(value)
    if name == "category":
        return f"{_category(value)} ({on_line(value)})"
    if isinstance(value, Mapping):
        return "\n".join(f"{on_line(tag)}: {on_lines(text)}" for tag, text in value.items())
    if isinstance(value, list):
        return ", ".join(map(on_line, value))
    return on_lines(value)


# ---- this device and its peers
def status_page(screen: Console, result: Mapping[str, Any]) -> None:
    """Ids, counts, addresses; then the peers."""
    table = _columns("", "")
    table.show_header = False
    for name in ("community", "member", "device", "digest"):
        table.add_row(name, result[name])
    for name in ("members", "documents", "changes", "records"):
        table.add_row(name, str(result[name]))
    table.add_row("listening", ", ".join(result["listening"]) or "no: no node is on a network here")
    screen.print(table)
    screen.print()
    peers_page(screen, result)


def peers_page(screen: Console, result: Mapping[str, Any]) -> None:
    """The devices that this one is connected to, or has met."""
    peers = result["peers"]
    if not peers:
        screen.print("No other device met yet.")
        return
    table = _columns("Device", "Member", "Address", "State", "Last equal")
    for peer in peers:
        told = f"{peer['state']}, equal now" if peer["in_sync"] else peer["state"]
        table.add_row(
            short(peer["device"]) or "?",
            short(peer["member"]) or "?",
            on_line(peer["address"] or ""),
            told,
            moment(peer["last_sync"]),
        )
    screen.print(table)
