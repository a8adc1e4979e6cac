"""How soon: time words that age as their time runs out.

Source: docs/protocol.md, "Urgency".
"""

from __future__ import annotations

from typing import Final

from meshaid.core.records import Record
from meshaid.core.schema import URGENCIES

TIERS: Final = tuple(URGENCIES)
"""The words, the most urgent first."""


def tier_of(record: Record, now: int) -> tuple[str, int | None]:
    """The word whose window holds the time that is left, and the deadline (seconds since 1970).

    Empty and None for what is no need; "any" and None for a need without a deadline.
    """
    if record.kind != "need":
        return "", None
    deadline = record.number("needed_by")
    if deadline is None:
        word = record.text("urgency")
        window = URGENCIES[word if word in URGENCIES else "today"]
        if window is None:
            return "any", None
        # A clock that is ahead must not make a need less urgent than its own word.
        deadline = min(record.number("created_at") or 0, now) + window
    left = deadline - now
    return next(
        word for word, reach in URGENCIES.items() if reach is None or left <= reach
    ), deadline
