"""One line of the board, and how it looks to other programs.

Source: docs/protocol.md, "Board".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Final, NamedTuple, final

from meshaid.core.amounts import show_amount
from meshaid.core.derivation import Standing
from meshaid.core.fields import Amount, Value
from meshaid.core.records import FIXED, Record, expires_at
from meshaid.core.schema import KINDS

WORDS: Final = frozenset({"title", "text", "texts", "ext_code"})
"""Fields that stay out of files where the category is a private matter."""


ABOUT: Final = {"pledge": ("need",), "receipt": ("need", "pledge"), "flag": ("target", "other")}
"""Fields by which a record names those that it is about, the one that its row tells of first."""


@final
@dataclass(frozen=True, slots=True)
class Author:
    """What the board knows about a member whose records it shows."""

    name: str
    """A pseudonym by default."""
    kind: str = "household"
    steward: bool = False
    known: bool = True
    """False for the own member while its chain of cards is not proven to others yet."""


@final
class Named(NamedTuple):
    """The record that a pledge, receipt or flag is about, as far as its own row tells of it."""

    ref: str
    """Its spoken code, or empty."""
    kind: str
    title: str
    """Empty where it says none, or where its words are hidden."""
    area: str
    status: str
    """Its derived state."""


@final
@dataclass(frozen=True, slots=True)
class Row:
    """One record as the board shows it. Its repr holds no content."""

    record: Record
    """Without its words where they are hidden: nothing that is made of rows can show them."""
    author: Author
    standing: Standing
    tier: str
    """The urgency word whose window holds the time left; empty for what has no urgency."""
    overdue: bool
    deadline: int | None
    exercise: bool
    marks: tuple[str, ...] = ()
    """What somebody should look at: codes of `core.attention.MARKS`, in one order."""
    hidden: str = ""
    """ "collapsed": anybody may unfold it; "personal_data": its words are taken out for all. A row
    that is collapsed may lack its words, too: then `marks` says so."""
    named: Named | None = None
    """What a pledge, receipt or flag is about, if that is here."""
    promised: Fraction | None = None
    """What a pledge still promises, in thousandths of its own unit; None if it cannot be said."""

    def __repr__(self) -> str:
        return f"<Row {self.record.reference} {self.standing.status}>"

    @property
    def id(self) -> str:
        """The full reference, member/record."""
        return self.record.reference

    @property
    def status(self) -> str:
        """The derived state, one word."""
        return self.standing.status

    @property
    def waiting_since(self) -> int | None:
        """When a need that nobody has answered yet was entered, in seconds since 1970."""
        if self.record.kind != "need" or self.status != "open":
            return None
        return self.record.number("created_at")

    def as_json(self) -> dict[str, Any]:
        """The row as plain values: amounts as decimal text, times as seconds since 1970.

        Keys that always stand are null where the record says nothing; further fields of the
        record's kind follow where it has them.
        """
        record = self.record
        row: dict[str, Any] = {
            "id": record.reference,
            "ref": self._value("ref"),
            "kind": record.kind,
            "title": self._value("title"),
            "text": self._value("text"),
            "category": self._value("category"),
            "quantity": self._value("quantity"),
            "unit": self._value("unit"),
            "urgency": self._value("urgency"),
            "tier": self.tier or None,
            "overdue": self.overdue,
            "life_threatening": record.flag("life_threatening"),
            "area": self._value("area"),
            "status": self.status,
            "closed_reason": self._value("closed_reason"),
            "member": record.member,
            "member_name": self.author.name,
            "known_to_others": self.author.known,
            "created_at": self._value("created_at"),
            "expires_at": expires_at(record),
            "exercise": self.exercise,
            "conflicts": {
                name: [_shown(record.kind, name, value) for value in values]
                for name, values in record.conflicts.items()
                if name not in FIXED
            },
        }
        row |= {"marks": list(self.marks), "hidden": self.hidden}
        if record.kind in ("need", "offer"):
            row |= self._sums()
        if record.kind == "need":
            row["waiting_since"] = self.waiting_since
        row |= self._about()
        kind = KINDS.get(record.kind)
        for name in kind.fields if kind else sorted(record.fields):
            if name in record.fields:
                row.setdefault(name, _shown(record.kind, name, record.fields[name]))
        return row

    def _value(self, name: str) -> Any:
        """A field as JSON can hold it: in a kind of a later version it may be of any type."""
        return _shown(self.record.kind, name, self.record.fields.get(name))

    def _about(self) -> dict[str, Any]:
        """What a pledge, receipt or flag is about; null throughout if that is not here."""
        if self.record.kind not in ABOUT:
            return {}
        about = ABOUT[self.record.kind][0]
        named = Named("", "", "", "", "") if self.named is None else self.named
        told: dict[str, Any] = {
            f"{about}_{name}": value or None for name, value in named._asdict().items()
        }
        if self.record.kind == "pledge":
            told["promised"] = None if self.promised is None else show_amount(self.promised)
        return told

    def _sums(self) -> dict[str, Any]:
        standing = self.standing
        left, over = standing.left, standing.over
        return {
            "received": show_amount(standing.received),
            "promised": show_amount(standing.promised),
            "still_open": None if left is None else show_amount(left),
            "over": None if over is None else show_amount(over),
            "stale_pledges": list(standing.stale),
        }


def _shown(kind: str, name: str, value: Value | None) -> Any:
    """A field's value for JSON: amounts as decimal text, bytes in hexadecimal, maps as dicts."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return dict(value)
    known = KINDS.get(kind)
    if type(value) is int and known and isinstance(known.fields.get(name), Amount):
        return show_amount(value)
    return value


def without_words(record: Record) -> Record:
    """A record without the words that a private matter is told in."""
    fields = {name: value for name, value in record.fields.items() if name not in WORDS}
    conflicts = {name: said for name, said in record.conflicts.items() if name not in WORDS}
    return replace(record, fields=MappingProxyType(fields), conflicts=MappingProxyType(conflicts))
