"""One record on a page of its own, with the promises, receipts and flags that name it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rich.console import Console

from meshaid import limits
from meshaid.cli import cells
from meshaid.cli.cells import Row
from meshaid.cli.layout import Cell, Column, Entry, print_table, print_wrapped
from meshaid.cli.screen import on_line, on_lines
from meshaid.core.fields import Ref, Time
from meshaid.core.schema import KINDS

_NOT_LISTED: Final = frozenset(
    {"about", "conflicts", "contact", "created_at", "exercise", "flagged", "hidden", "id",
     "import_key", "kind", "known_to_others", "life_threatening", "marks", "member",
     "member_name", "need", "over", "overdue", "promised", "quantity", "received", "ref",
     "related", "related_more", "rev", "stale_pledges", "state", "status", "still_open",
     "target", "tier", "title", "told_with", "unit", "waiting_since", "warnings"}
)  # fmt: skip
"""What the page says in sentences, or what says nothing to a person."""
_TIMES: Final = frozenset(
    name for kind in KINDS.values() for name, of in kind.fields.items() if isinstance(of, Time)
)
_CODED: Final = frozenset(
    {"urgency", "reason", "result", "closed_reason", "delivery", "reach_by", "intake_channel",
     "topic", "lifeline", "level", "certainty", "source", "severity", "condition", "range", "type"}
)  # fmt: skip
_REFERENCES: Final = frozenset(
    name for kind in KINDS.values() for name, of in kind.fields.items() if isinstance(of, Ref)
)
_ABOUT: Final = ("need_", "target_")
"""How the names of what a promise, a receipt or a flag is about begin."""
_OVER: Final = frozenset({"over_promised", "over_taken", "need_over"})
"""Marks that the line of sums says with an amount."""
_MOST: Final = 30
"""Promises, receipts or flags that are listed whoever wrote them; of more it is few of each."""
_FIELDS: Final = (Column("", 12, 18), Column("", 20, 200, lines=40))
_RELATED: Final = (
    Column("", 8, 9, lines=1),
    Column("", 12, 44),
    Column("", 12, 30),
    Column("", 9, 12, lines=1),
)
_SECTIONS: Final = {
    "pledge": "Promises",
    "receipt": "Answers and receipts",
    "flag": "Flags",
    "need": "On the same slip",
}


def record_page(screen: Console, row: Row, now: int) -> None:
    """Everything that a record says, and what others say about it."""
    style = "bold red" if row.get("life_threatening") else "bold"
    heading = f"{on_line(row['kind'])} {cells.handle(row)}  {cells.title(row)}"
    print_wrapped(screen, heading, style)
    for line in _sentences(row, now):
        print_wrapped(screen, line)
    print_table(screen, _FIELDS, [Entry((Cell(n), Cell(v))) for n, v in _fields(row, now)])
    print_wrapped(screen, f"id {row['id']}", "dim")
    related: Sequence[Row] = [*row.get("related", ()), *row.get("told_with", ())]
    for kind, words in _SECTIONS.items():
        group = [other for other in related if other["kind"] == kind]
        if group:
            screen.print(f"\n{words} ({len(group)})", style="bold")
            listed = _listed(group, row["member"])
            print_table(screen, _RELATED, [_related(other, now) for other in listed])
            if len(listed) < len(group):
                screen.print(f"{len(group) - len(listed)} more: --json lists all", style="dim")
    if row.get("related_more"):
        screen.print(f"{row['related_more']} more, of members who wrote very many", style="dim")


def _listed(group: Sequence[Row], own: str) -> list[Row]:
    """What is shown of many: all of the record's own member, and few of each other one, so that a
    flood leaves the others in sight."""
    if len(group) <= _MOST:
        return [*group]
    seen: Counter[str] = Counter()
    listed = []
    for row in group:
        seen[row["member"]] += 1
        if row["member"] == own or seen[row["member"]] <= limits.SHOWN_PER_MEMBER:
            listed.append(row)
    return listed


# ---- in sentences
def _sentences(row: Row, now: int) -> Iterator[str]:
    state = [cells.state(row)]
    if row.get("tier"):
        state.append(cells.when(row))
    state += [f"from {cells.author(row)}"]
    if row["created_at"] is not None:
        state.append(f"written {cells.when_said(row['created_at'], now)}")
    yield " · ".join(state)
    if row["kind"] in ("need", "offer"):
        yield from sums(row)
    if row["kind"] == "pledge":
        yield pledge_words(row)
    if row["kind"] == "receipt":
        yield receipt_words(row)
    if row.get("contact"):
        yield f"A contact is sealed with it: meshaid contact show {cells.typed(row)}"
    for mark in cells.marks({**_without(row, _OVER), "conflicts": {}}, now):
        yield f"! {mark}"
    for name, values in row["conflicts"].items():
        answers = " / ".join(_value(name, value, now) for value in values)
        yield f"! {_name(name)}: {len(values)} answers: {answers}"
        yield f"  Pick one: meshaid edit {cells.typed(row)} --{name.replace('_', '-')} VALUE"


def sums(row: Row) -> Iterator[str]:
    """`40 L asked · 60 L promised · 12 L received`, and what is open or too much."""
    unit = row.get("unit")
    need = row["kind"] == "need"
    parts = []
    if row.get("quantity") is not None:
        parts.append(f"{cells.measure(row['quantity'], unit)} {'asked' if need else 'offered'}")
    for name, words in (("promised", "promised" if need else "taken"), ("received", "received")):
        if row.get(name) not in (None, "0"):
            parts.append(f"{cells.measure(row[name], unit)} {words}")
    if row.get("still_open") is not None:
        parts.append(f"{cells.measure(row['still_open'], unit)} still {'open' if need else 'left'}")
    if parts:
        yield " · ".join(parts)
    if row.get("over") not in (None, "0"):
        yield f"! {cells.measure(row['over'], unit)} more than {'asked' if need else 'offered'}"


def pledge_words(row: Row) -> str:
    """What a pledge promises, and for which need."""
    what = cells.measure(row.get("quantity"), row.get("unit"))
    what = what or ("a part" if row.get("whole") is False else "all of it")
    return f"{what} {cells.about(row)}".strip()


def receipt_words(row: Row) -> str:
    """What came, or how a pledge was answered."""
    what = cells.measure(row.get("quantity"), row.get("unit"))
    result = cells.words(row.get("result") or "received")
    said = [" ".join(part for part in (what, result, cells.about(row)) if part)]
    if row.get("condition"):
        said.append(cells.words(row["condition"]))
    if row.get("more_coming"):
        said.append("more is coming")
    return ", ".join(said)


def _without(row: Row, marks: frozenset[str]) -> Row:
    """The row without marks that the page says better."""
    return {**row, "marks": [mark for mark in row.get("marks", ()) if mark not in marks]}


# ---- field by field
def _fields(row: Row, now: int) -> Iterator[tuple[str, str]]:
    for name, value in row.items():
        if name in _NOT_LISTED or name.startswith(_ABOUT):
            continue
        if value not in (None, "", [], {}, False):
            for number, line in enumerate(_value(name, value, now).split("\n")):
                yield "" if number else _name(name), line


def _name(field: str) -> str:
    return on_line(field.replace("_", " "))


def _value(name: str, value: Any, now: int) -> str:
    if value is True:
        return "yes"
    if value is False:
        return "no"
    if name in _TIMES and type(value) is int:
        return cells.when_said(value, now)
    if name == "category":
        return f"{cells.category(value)} ({on_line(value)})"
    if name in _CODED:
        return cells.words(value)
    if name in _REFERENCES:
        return on_line(str(value).rpartition("/")[2])
    if isinstance(value, Mapping):
        return "\n".join(f"{on_line(tag)}: {on_lines(text)}" for tag, text in value.items())
    if isinstance(value, list):
        return ", ".join(map(on_line, value))
    return on_lines(value)


# ---- what others say
def _related(row: Row, now: int) -> Entry:
    told = [
        Cell(cells.handle(row)),
        Cell(_said(row)),
        Cell(f"from {cells.author(row)}"),
        Cell(cells.ago(row["created_at"], now), "dim"),
    ]
    below = [Cell(f"! {mark}", "yellow") for mark in cells.marks(_without(row, _OVER), now)]
    if row["kind"] == "pledge":
        below += _times(row, now)
    if row.get("text") and row["kind"] != "need":
        below.append(Cell(on_line(row["text"]), "dim"))
    return Entry(told, below)


def _said(row: Row) -> str:
    if row["kind"] == "need":
        return f"{cells.title(row)}, {cells.state(row)}"
    if row["kind"] == "pledge":
        what = cells.measure(row.get("quantity"), row.get("unit")) or "all of it"
        return f"{what}, {cells.state(row)}"
    if row["kind"] == "receipt":
        return receipt_words({**row, "need": None})
    withdrawn = ", withdrawn" if row.get("state") == "withdrawn" else ""
    return f"{cells.words(row.get('reason'))}{withdrawn}"


def _times(row: Row, now: int) -> Iterator[Cell]:
    for name, words in (("eta", "expected"), ("hold_until", "held until")):
        if isinstance(row.get(name), int):
            at = f"{cells.moment(row[name])} ({cells.ago(row[name], now)})"
            yield Cell(f"{words} {at}", "dim")
