"""Which documents a peer should ask for first: those that say that a life is at risk.

A slow link may break before all is across, so the order is part of what a board is for: documents
with an open life-threatening record come first, then those with an urgent need, then those that
were written last. It reads what authors said and no clock, and changes nothing but the order.
Source: docs/protocol.md, "Reconciliation".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, final

from meshaid.core.ledger import Fields, RecordRow

LIFE: Final = 2
URGENT: Final = 1
_URGENT_WORDS: Final = frozenset({"now", "today"})


@final
class Importance:
    """What the records of each member say, kept up to date record by record."""

    def __init__(self, rows: Iterable[RecordRow] = ()) -> None:
        self._levels: dict[bytes, dict[str, int]] = {}
        """Per member the records above the ordinary; few, so nothing else is kept of a record."""
        self._newest: dict[bytes, int] = {}
        for row in rows:
            self.note(row.member, row.record_id, row.fields)

    def note(self, member: bytes, record_id: str, fields: Fields | None) -> None:
        """A record is now this; None when it is no more."""
        level = 0 if fields is None else _level(fields)
        if level:
            self._levels.setdefault(member, {})[record_id] = level
        elif member in self._levels:
            self._levels[member].pop(record_id, None)
        created_at = _winner(fields or {}, "created_at")
        if type(created_at) is int:
            self._newest[member] = max(created_at, self._newest.get(member, created_at))

    def rank(self, member: bytes) -> tuple[int, int]:
        """Sorts members: the smaller, the sooner."""
        level = max(self._levels.get(member, {}).values(), default=0)
        return -level, -self._newest.get(member, 0)


def _level(fields: Fields) -> int:
    if _winner(fields, "status") in ("closed", "paused"):
        return 0
    kind = _winner(fields, "kind")
    if kind in ("need", "notice") and _winner(fields, "life_threatening") is True:
        return LIFE
    return URGENT if kind == "need" and _winner(fields, "urgency") in _URGENT_WORDS else 0


def _winner(fields: Fields, name: str) -> object:
    values = fields.get(name)
    return values[0] if values else None
