"""What of the board goes into a file for others, and what stays back, with counts of both.

Words of private matters stay out unless somebody chose them, words that were flagged as telling of
a person always, and what was collapsed by flags too. Words come out as entry would have cleaned
them, whoever wrote them. A file says in an exercise that it is one.
Source: docs/protocol.md, "Import and export" (what stays out).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, NamedTuple, final

from meshaid.core.board import Board
from meshaid.core.categories import privacy_of
from meshaid.core.derivation import ENDED
from meshaid.core.fields import Value
from meshaid.core.flags import COLLAPSED
from meshaid.core.places import Places
from meshaid.core.records import Record
from meshaid.core.rows import WORDS, Row, without_words
from meshaid.core.schema import KINDS
from meshaid.core.selection import ALL, SHOWN_KINDS, status_fault
from meshaid.core.texts import clean_text
from meshaid.errors import InvalidInput

_UNCLEAN: Final = re.compile(
    r"[\x00-\t\v-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]|^\s"
)
"""What no entry writes: controls but LF, other line ends, changes of direction, surrogates, and
blanks before the first word."""
REASONS: Final[Mapping[str, str]] = {
    "private_words": "without their words: private matters",
    "personal_data": "without their words: flagged as telling of a person",
    "hidden": "hidden by flags",
    "ended": "closed, expired or withdrawn",
    "filtered": "not asked for",
    "other_kinds": "pledges, receipts, flags and hubs: they go into jsonl",
    "unreadable": "not readable by this version",
}
"""Why records, or their words, are not in a file; as a person reads it."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What somebody wants in a file; without anything all needs, offers and notices."""

    kind: str = ""
    category: str = ""
    status: str = ""
    area: str = ""
    text: str = ""
    member: str = ""
    private_words: bool = False
    """Also the words of private matters."""
    coarse_points: bool = False
    """Give needs and offers their hub's point, where a file knows points."""


@final
class Published(NamedTuple):
    """A row of the board as a file may show it."""

    row: Row
    hub: Record | None
    """The hub that it is counted at."""
    updated: int
    """When it last changed by anybody's word, as far as records tell; seconds since 1970."""

    @property
    def record(self) -> Record:
        return self.row.record


def publish(
    board: Board, choice: Choice, *, ended: bool, hubs: bool = False
) -> tuple[list[Published], dict[str, int]]:
    """The chosen rows, oldest first, and how many of what was left out, by reason.

    Args:
      ended: whether what is closed, expired or withdrawn belongs into the file unless a status is
        asked for.
      hubs: whether hubs belong into it, too, unless one kind is asked for.
    Raises:
      InvalidInput: no such kind, category or status, or too many words to search for.
    """
    kinds = (choice.kind,) if choice.kind else (*SHOWN_KINDS, *(["hub"] if hubs else []))
    fitting = [
        row
        for kind in kinds
        for row in board.rows(
            kind=kind,
            category=choice.category,
            status=ALL,
            area=choice.area,
            text=choice.text,
            member=choice.member,
            hidden=True,
        )
    ]
    if fault := status_fault(choice.status, kinds):
        raise InvalidInput(fields={"status": fault})
    if choice.status not in ("", ALL):
        asked = [row for row in fitting if row.status == choice.status]
    elif choice.status or ended:
        asked = fitting
    else:
        asked = [row for row in fitting if row.status not in ENDED]
    shown = [row for row in asked if row.hidden != "collapsed"]
    held = sum(len(board.records_of_kind(kind)) for kind in kinds)
    missing = len(fitting) - len(asked)
    left_out = Counter(hidden=len(asked) - len(shown), unreadable=len(board.unreadable))
    left_out["filtered" if choice.status else "ended"] = missing
    left_out["filtered"] += held - len(fitting)
    left_out["other_kinds"] = sum(
        len(board.records_of_kind(kind)) for kind in KINDS if kind not in kinds
    )
    places = Places(board.hubs())
    published = []
    for row in sorted(shown, key=_by_age):
        kept = row if choice.private_words else _without_private_words(row)
        left_out["private_words"] += kept is not row
        left_out["personal_data"] += row.hidden == "personal_data"
        updated = max(_moments(board, row.record), default=0)
        hub = _shown_hub(board, places.hub_for(row.record))
        published.append(Published(replace(kept, record=_cleaned(kept.record)), hub, updated))
    return published, {reason: left_out[reason] for reason in REASONS if left_out[reason] > 0}


def _by_age(row: Row) -> tuple[int, str]:
    return row.record.number("created_at") or 0, row.id


def _without_private_words(row: Row) -> Row:
    """The row without its words where they tell of a private matter."""
    privacy = privacy_of(row.record.text("category"))
    private = privacy == 1 or (privacy == 2 and row.record.kind == "need")
    if not private or WORDS.isdisjoint(row.record.fields):
        return row
    return replace(row, record=without_words(row.record))


def _shown_hub(board: Board, hub: Record | None) -> Record | None:
    """A hub as flags leave it."""
    if hub is None or board.hidden(hub.reference) == COLLAPSED:
        return None
    return _cleaned(board.row(hub).record)


def _cleaned(record: Record) -> Record:
    """The record as entry would have cleaned it: other programs write what they like."""
    fields = {name: _clean(value) for name, value in record.fields.items()}
    return replace(record, fields=MappingProxyType(fields))


def _clean(value: Value) -> Value:
    if isinstance(value, str):
        return clean_text(value) if _UNCLEAN.search(value) else value
    if isinstance(value, Mapping):
        return {name: clean_text(words) for name, words in value.items()}
    return value


def _moments(board: Board, record: Record) -> Iterable[int]:
    """When the record and what answers it were written."""
    answers: list[Record] = []
    if record.kind == "need":
        answers += [*board.pledges_on(record.reference), *board.receipts_on(record.reference)]
    elif record.kind == "offer":
        answers += board.pledges_from(record.reference)
    for each in (record, *answers):
        moment = each.number("created_at")
        if moment is not None:
            yield moment
