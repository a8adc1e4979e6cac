"""How single things are said to a person: a code, a time, an amount, a state, a mark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from meshaid.cli.screen import on_line
from meshaid.core.amounts import UNITS
from meshaid.core.attention import MARKS
from meshaid.core.categories import CATEGORIES
from meshaid.core.selection import STATES
from meshaid.core.spoken import looks_spoken, show_spoken
from meshaid.core.times import show_time
from meshaid.core.wording import in_words

Row = Mapping[str, Any]

LIFE: Final = "LIFE AT RISK"
_SHORT_ID: Final = 12
_HANDLE: Final = 8
"""So much of a record's own id is told: 40 bits tell the promises of a neighbourhood apart."""
_MINUTE: Final = 60
_SPANS: Final = ((86_400, "day", "days"), (3_600, "h", "h"), (60, "min", "min"))
_UNANSWERED: Final = frozenset({"life_waiting", "unanswered"})
"""Marks that the clock says better."""
_TWO_ANSWERS: Final = "two_answers"


def moment(seconds: Any) -> str:
    """A time by this device's zone, to the minute; what is no time, as it is."""
    if type(seconds) is not int:
        return "" if seconds is None else on_line(seconds)
    try:
        return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M")
    except (OverflowError, ValueError, OSError):
        return show_time(seconds)


def span(seconds: int) -> str:
    """A length of time in its largest unit: `5 min`, `3 h`, `2 days`."""
    for size, one, many in _SPANS:
        if abs(seconds) >= size:
            count = abs(seconds) // size
            return f"{count} {one if count == 1 else many}"
    return "less than a minute"


def ago(seconds: Any, now: int) -> str:
    """A time as seen from now: `2 h ago`, `in 3 days`, `just now`; what is no time, as it is."""
    if type(seconds) is not int:
        return moment(seconds)
    left = seconds - now
    if abs(left) < _MINUTE:
        return "just now"
    # What is two hours ahead but for a second is still "in 2 h" to a person.
    return f"in {span(left + 59)}" if left > 0 else f"{span(left)} ago"


def when_said(seconds: Any, now: int) -> str:
    """A time both ways: `2 h ago (2026-03-01 14:30)`."""
    if type(seconds) is not int:
        return moment(seconds)
    return f"{ago(seconds, now)} ({moment(seconds)})"


def code(ref: Any) -> str:
    """A spoken code as it is read aloud, `C 482 912`."""
    ref = str(ref or "")
    return show_spoken(ref) if looks_spoken(ref) else on_line(ref)


def short(name: Any) -> str:
    """The beginning of an id that tells it from others in practice."""
    return str(name or "")[:_SHORT_ID]


def handle(row: Row) -> str:
    """What to call a record: its spoken code, else the beginning of its id."""
    ref = str(row.get("ref") or "")
    if looks_spoken(ref):
        return show_spoken(ref)
    return on_line(str(row["id"]).partition("/")[2][:_HANDLE])


def typed(row: Row) -> str:
    """The same as it is typed in a command: `C482912`."""
    return handle(row).replace(" ", "")


def in_pairs(digits: object) -> str:
    """`123456` as `12 34 56`: how a number is read aloud and copied."""
    text = on_line(digits)
    return " ".join(text[at : at + 2] for at in range(0, len(text), 2))


def words(value: object) -> str:
    """A code as words; one of a later version as it is, with blanks."""
    return on_line(in_words(str(value or "")))


def category(name: Any) -> str:
    """A category's label; an unknown code as it is."""
    known = CATEGORIES.get(str(name or ""))
    return known.label if known else on_line(name or "")


def title(row: Row) -> str:
    """What it is; where a life is at risk the words say so, not a colour alone."""
    name = short_title(row)
    return f"{LIFE}: {name}" if row.get("life_threatening") else name


def short_title(row: Row) -> str:
    """A record's title on one line; else its category, or what it is about."""
    return on_line(row.get("title") or "") or category(row.get("category")) or about(row)


def about(row: Row) -> str:
    """The record that a promise, a receipt or a flag is about: `for C 482 912 Water`."""
    field = {"pledge": "need", "receipt": "need", "flag": "target"}.get(row["kind"], "")
    if not field or row.get(field) is None:
        return ""
    if row.get(f"{field}_kind") is None:
        return "for a record that is not here yet"
    return f"for {code(row.get(f'{field}_ref'))} {on_line(row.get(f'{field}_title') or '')}".strip()


def measure(quantity: object, unit: object) -> str:
    """`40 L`; a unit that nobody knows as it was typed. Empty without a quantity."""
    if quantity is None:
        return ""
    known = UNITS.get(str(unit or ""))
    return f"{on_line(quantity)} {known.label if known else on_line(unit or '')}".rstrip()


def amount(row: Row) -> str:
    """`40 L`, and how much of it is open still."""
    left = row.get("still_open")
    text = measure(row.get("quantity"), row.get("unit"))
    if text and left not in (None, row["quantity"]):
        text += f" ({on_line(left)} open)"
    return text


def when(row: Row, now: int | None = None) -> str:
    """A need's urgency by now, an offer's end, the time of a notice."""
    if row["kind"] == "need":
        tier = words(row["tier"])
        return f"{tier}, overdue" if row["overdue"] else tier
    if row["kind"] == "offer":
        until = row.get("available_until")
        return f"until {moment(until)}" if until is not None else ""
    at = row["created_at"]
    return moment(at) if now is None else ago(at, now)


def state(row: Row) -> str:
    """The derived state in words."""
    return words(row["status"])


def state_named(said: str, kind: str) -> str:
    """The code of a state that somebody names as the screens do: `part promised`."""
    plain = " ".join(said.casefold().split())
    for states in [STATES[kind]] if kind in STATES else STATES.values():
        for code in states:
            if plain in (code, in_words(code)):
                return code
    return said


def of_hub(row: Row) -> Iterator[str]:
    """What one looks up of a hub: the letter of its codes, its areas, when it is open."""
    if row.get("letter"):
        yield f"letter {on_line(row['letter'])}"
    if row.get("areas"):
        yield on_line(row["areas"])
    for name, does in (("receiving", "takes in"), ("giving", "gives out")):
        hours = row.get(f"{name}_hours")
        if hours:
            yield f"{does} {on_line(hours)}"
        elif row.get(name):
            yield f"{does} now"


def author(row: Row) -> str:
    """A member's shown name, else the beginning of its id."""
    return on_line(row["member_name"]) or short(row["member"])


def device(peer: Row) -> str:
    """Whose device it is, and which of theirs: `School, desk 2`; empty if nobody knows."""
    return ", ".join(on_line(name) for name in (peer["member_name"], peer["label"]) if name)


def marks(row: Row, now: int) -> Iterator[str]:
    """What a person should notice about a record, each in words; how long it waits as a clock."""
    told = list(row.get("marks", ()))
    waiting = row.get("waiting_since")
    if type(waiting) is int and _UNANSWERED.intersection(told):
        waited = now - waiting
        yield "no answer yet" + (f" for {span(waited)}" if waited >= _MINUTE else "")
        told = [code for code in told if code not in _UNANSWERED]
    for code in told:
        if code != _TWO_ANSWERS:
            yield MARKS[code].words if code in MARKS else words(code)
    for name, values in row["conflicts"].items():
        yield f"{len(values)} answers: {on_line(name)}"
