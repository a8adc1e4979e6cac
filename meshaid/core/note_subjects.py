"""What a sealed note may be about, as this device sees it: records held, and devices that stand.

Source: docs/protocol.md, "Sealed notes".
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from meshaid import limits
from meshaid.core import ids
from meshaid.core.ledger import Fields, Ledger
from meshaid.core.note_index import ERASURE, About
from meshaid.core.notes import device_subject, mark_of
from meshaid.core.schema import KINDS

_DAY: Final = 86_400


class NoteSubjects:
    """Records by what marks them in lists, and when each ends. A cache upon the ledger."""

    def __init__(self, ledger: Ledger, touched: set[tuple[bytes, str]]) -> None:
        """`touched` gathers (member, record id) of records to read again; it is emptied here."""
        self._ledger = ledger
        self._touched = touched
        self._devices: frozenset[About] = frozenset()
        self.forget()

    def forget(self) -> None:
        """Read everything again when it is needed: after a commit that failed."""
        self._ends: dict[About, float | None] = {}
        self._marked: dict[bytes, About] | None = None

    def know(self, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        """Another roster, with these (member, device) standing."""
        self._devices = frozenset((member, device_subject(device)) for member, device in pairs)
        self._marked = None

    def refresh(self) -> None:
        """Take note of records that changed."""
        while self._touched:
            member, record = self._touched.pop()
            about = (member, ids.from_base32(record))
            self._ends.pop(about, None)
            if self._marked is not None:
                self._marked[mark_of(*about, erasure=False)] = about

    def marked(self, mark: bytes) -> About | None:
        """What a mark in a peer's list means, if that is known here."""
        if self._marked is None:  # made only once a peer lists something
            held = {(member, ids.from_base32(name)) for member, name in self._ledger.record_names()}
            self._marked = {mark_of(*about, erasure=False): about for about in held | self._devices}
        return self._marked.get(mark[:-1] + bytes([mark[-1] & 0xFE]))

    def has(self, kind: str, about: About) -> bool:
        """Whether there is such a thing for a note of this kind: the record is in its author's
        document; for a "key" note, the device stands."""
        if about in self._devices:
            return kind in ("key", ERASURE)
        return kind != "key" and self.end(about) is not None

    def end(self, about: About) -> float | None:
        """When its notes are hidden (seconds since 1970); None when it is not held."""
        if about in self._devices:
            return math.inf
        if about not in self._ends:
            author, subject = about
            row = self._ledger.record(author, ids.to_base32(subject))
            self._ends[about] = end_of(row.fields) if row is not None else None
        return self._ends[about]

    def is_over(self, about: About, as_of: int) -> bool:
        """Whether its notes are to be erased at this time, or it is not held."""
        end = self.end(about)
        return end is None or end + limits.NOTE_DAYS * _DAY <= as_of


def end_of(fields: Fields) -> float:
    """When a record's notes are hidden (seconds since 1970): at its expiry; NOTE_DAYS after it was
    made where its kind never expires; long ago for a record that nobody can read."""
    kind, created, says = (_winner(fields, name) for name in ("kind", "created_at", "expires_at"))
    if not isinstance(kind, str) or type(created) is not int:
        return -math.inf
    if type(says) is int:
        return says
    hours = KINDS[kind].hours if kind in KINDS else None
    return created + (hours * 3600 if hours is not None else limits.NOTE_DAYS * _DAY)


def _winner(fields: Fields, name: str) -> object:
    values = fields.get(name)
    return values[0] if values else None
