"""What a cell of somebody else's table says: times, amounts, urgency, states, places.

People write "N/A", "3/19/2020", "5 cases", "High". Here is what such a cell means, or that it means
nothing. A field's own form is checked later, by the field (fields.py).
Source: docs/protocol.md, "Import and export" (other tables).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, Literal

from meshaid.core.amounts import UNITS, parse_unit
from meshaid.core.texts import clean_line, unify_digits

EMPTY: Final = frozenset(
    {"", "-", "--", "?", "n/a", "na", "none", "null", "unknown", "tbd", "unsure", "unclear"}
)
"""Words for nothing, in lower case."""
URGENCY_WORDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("emergency", "immediate", "critical", "asap", "urgent"), "now"),
    **dict.fromkeys(("immediately", "right away", "right now", "very urgent"), "now"),
    **dict.fromkeys(("high", "alta", "haute"), "today"),
    **dict.fromkeys(("medium", "moderate", "normal", "media", "moyenne"), "tomorrow"),
    "by tomorrow": "tomorrow",
    **dict.fromkeys(("low", "minor", "baja", "basse", "this week"), "week"),
    **dict.fromkeys(("any time", "anytime", "whenever", "no hurry"), "any"),
}
YES: Final = frozenset({"yes", "y", "x", "true"})
NO: Final = frozenset({"no", "n", "false"})
"""What stands in a column that asks whether a thing is urgent."""
KIND_WORDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("needs", "needed", "i need", "request", "wanted"), "need"),
    **dict.fromkeys(("offers", "offered", "i can give", "have", "donation"), "offer"),
    "notices": "notice",
}
STATUS_WORDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("open", "active", "new", "activo", "abierto", "actif", "ouvert"), "open"),
    **dict.fromkeys(("paused", "on hold", "waiting"), "paused"),
    **dict.fromkeys(
        (
            "closed",
            "inactive",
            "done",
            "complete",
            "completed",
            "fulfilled",
            "resolved",
            "received",
        ),
        "closed",
    ),
    **dict.fromkeys(("inactivo", "cerrado", "inactif", "fermé"), "closed"),
}
ELLIPSIS: Final = "…"
LEFT_OUT: Final = "[…]"
"""Stands where a contact was."""

DateOrder = Literal["day", "month", ""]
"""What comes first in 3/19/2020; empty where a column's dates do not tell."""

_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            "jan january", "feb february", "mar march", "apr april", "may", "jun june",
            "jul july", "aug august", "sep sept september", "oct october", "nov november",
            "dec december",
        ),
        1,
    )
    for name in names.split()
}  # fmt: skip
_CLOCK: Final = (
    r"(?:[ T]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?\s*(?P<half>[ap]m)?)?"
)
_NUMERIC: Final = re.compile(
    r"(?P<a>\d{1,4})(?P<mark>[/.-])(?P<b>\d{1,2})(?P=mark)(?P<c>\d{2}|\d{4})" + _CLOCK,
    re.IGNORECASE,
)
_NAMED: Final = re.compile(
    r"(?P<a>\d{1,2})[ -](?P<b>[a-z]{3,9})\.?[ -](?P<c>\d{4})" + _CLOCK, re.IGNORECASE
)
_WITH_UNIT: Final = re.compile(r"(\d[\d.,]*)\s*([^\d\s.,][^\d]{0,15}|[^\W\d]{1,15}\d)")
_TAG: Final = re.compile(r"[A-Za-z]{1,2}[ -]?\d{1,4}")
_SUM: Final = re.compile(r"(grand )?totals?:?|sum:?|sub-?total:?", re.IGNORECASE)
_STREET: Final = re.compile(
    r"\d.*\b(st|street|rd|road|ave|avenue|blvd|lane|drive|dr|way|calle|rue|str|straße|apt)\b\.?"
    r"|\b(calle|rue|avenida)\b.*\d",
    re.IGNORECASE,
)
_CONTACT: Final = re.compile(
    # The bounds keep a cell of one long word from being looked at again at each of its characters.
    r"[^\s@]{1,64}@[^\s@]{1,100}|https?://\S+|\bwww\.\S+|\+?\(?\d[\d().\s-]{5,}\d"
)
_DATE_LIKE: Final = re.compile(r"\d{4}-\d{2}-\d{2}|\d{1,2}[.-]\d{1,2}[.-]\d{4}|\d[\d ]*")


def filled(cell: str) -> str:
    """The cell on one line, or empty where it holds a word for nothing."""
    line = clean_line(cell)
    return "" if line.casefold() in EMPTY else line


def date_order(cells: Iterable[str]) -> DateOrder:
    """Whether the day or the month comes first in a column of dates such as 3/19/2020."""
    day = month = False
    for cell in cells:
        match = _NUMERIC.fullmatch(unify_digits(cell.strip()))
        if match and len(match["a"]) <= 2:
            if match["mark"] == ".":
                day = True
            day |= int(match["a"]) > 12
            month |= int(match["b"]) > 12
    if day == month:
        return ""
    return "day" if day else "month"


def read_moment(cell: str, order: DateOrder, *, end: bool = False) -> int | None:
    """Seconds since 1970 of a date with or without a time of day, taken as UTC; None if unclear.

    Args:
      order: as `date_order` found it for the column.
      end: a date alone means the end of that day, not its beginning.
    """
    text = unify_digits(cell.strip())
    match = _NUMERIC.fullmatch(text) or _NAMED.fullmatch(text)
    if match is None:
        return _iso(text)
    parts = _day_of(match, order)
    if parts is None:
        return None
    half = (match["half"] or "").casefold()
    hour = int(match["hour"] or 0)
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    try:
        moment = datetime(
            *parts, hour, int(match["minute"] or 0), int(match["second"] or 0), tzinfo=UTC
        )
    except ValueError:
        return None
    return int(moment.timestamp()) + (86_399 if end and match["hour"] is None else 0)


def _iso(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _day_of(match: re.Match[str], order: DateOrder) -> tuple[int, int, int] | None:
    """Year, month and day; a year of two digits is one of this century."""
    first, middle, last = match["a"], match["b"], match["c"]
    if middle.isalpha():
        month = _MONTHS.get(middle.casefold())
        return None if month is None else (int(last), month, int(first))
    if len(first) == 4:
        return int(first), int(middle), int(last)
    if len(first) == 3 or not order:
        return None
    year = int(last) + (2000 if len(last) == 2 else 0)
    day, month = (int(first), int(middle)) if order == "day" else (int(middle), int(first))
    return year, month, day


def is_tag(cell: str) -> bool:
    """Whether it can stand for a household and names nobody: `h07`."""
    return _TAG.fullmatch(cell) is not None


def is_sum(row: Sequence[str]) -> bool:
    """Whether a row sums up others: its first filled cell says so."""
    return _SUM.fullmatch(next(filter(None, map(str.strip, row)), "")) is not None


def singular(unit: str) -> str:
    """A unit in the plural as the one that is known: `boxes` as `box`; else as it is."""
    ones = (unit[: -len(ending)] for ending in ("s", "es") if unit.endswith(ending))
    return next((code for one in ones if (code := parse_unit(one or unit)) in UNITS), unit)


def split_amount(cell: str) -> tuple[str, str]:
    """ "5 cases" as ("5", "cases"); what is not a number and a word stays whole."""
    match = _WITH_UNIT.fullmatch(cell)
    return (match[1], match[2].strip()) if match else (cell, "")


def is_street(cell: str) -> bool:
    """Whether a place is given so finely that it is an address."""
    return _STREET.search(cell) is not None


def without_contacts(text: str) -> str:
    """The text with e-mail addresses, links and telephone numbers taken out."""
    return _CONTACT.sub(_unless_date, text)


def _unless_date(match: re.Match[str]) -> str:
    found = match[0]
    digits = sum(char.isdigit() for char in found)
    if "@" in found or found[0] in "hw" or (digits > 6 and not _DATE_LIKE.fullmatch(found)):
        return LEFT_OUT
    return found


def shortened(text: str, most: int) -> str:
    """At most so many characters: cut behind a word or a comma, and marked as cut."""
    if len(text) <= most:
        return text
    kept = text[: most - 1]
    space = max(kept.rfind(" "), kept.rfind(","))
    return (kept[:space] if space > most // 2 else kept).rstrip(" ,;") + ELLIPSIS
