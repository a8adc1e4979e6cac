"""How a record lies in the read model: its fields as one blob, what is searched for beside it."""

from __future__ import annotations

from typing import Final, NamedTuple

import msgpack

from meshaid.core import words
from meshaid.core.ledger import Fields, RecordRow

_BREAK: Final = " \ue000 "
"""Between two texts of one record, so that no phrase is found across them. A character for private
use is never part of a word."""


class Columns(NamedTuple):
    """The indexed columns; None where the winning value is missing or of another type."""

    kind: str | None
    status: str | None
    category: str | None
    area: str | None
    created_at: int | None


def columns(fields: Fields) -> Columns:
    """The winning values that records are selected and ordered by."""
    return Columns(
        _text(fields, "kind"),
        _text(fields, "status"),
        _text(fields, "category"),
        _text(fields, "area"),
        _integer(fields, "created_at"),
    )


def indexed_words(fields: Fields) -> str:
    """The words of a record as FTS5 takes them (tokenizer `ascii`): folded, blanks between."""
    return _BREAK.join(" ".join(text) for text in words.searchable(fields))


def match_expression(query: str) -> str:
    """The FTS5 expression for a search; without words one that finds nothing. Raises InvalidInput.

    Words hold letters, digits and marks only, so nothing in them can end the quotes.
    """
    return " ".join(map(_expression, words.phrases(query))) or '""'


def _expression(phrase: list[str]) -> str:
    """One phrase; a star makes of its last word the beginning of a longer one."""
    return f'"{" ".join(phrase)}"' + (" *" if words.may_begin(phrase[-1]) else "")


def pack(fields: Fields) -> bytes:
    """The fields as one msgpack blob."""
    packed: bytes = msgpack.packb({name: list(values) for name, values in fields.items()})
    return packed


def unpack(member: bytes, record_id: str, blob: bytes) -> RecordRow:
    """A row of the read model. The blob is our own and authenticated with its page."""
    return RecordRow(member, record_id, msgpack.unpackb(blob))


def _text(fields: Fields, name: str) -> str | None:
    values = fields.get(name)
    return values[0] if values and isinstance(values[0], str) else None


def _integer(fields: Fields, name: str) -> int | None:
    values = fields.get(name)
    if values and isinstance(values[0], int) and not isinstance(values[0], bool):
        return values[0]
    return None
