"""How codes are said to people: one table for screens and printed sheets.

Files for other programs keep the codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "part-pledged": "part promised",
        "part-received": "part received",
        "part-taken": "part taken",
        "pledged": "promised",
        "offered": "promised",
        "stale": "still coming?",
        "handed_over": "handed over",
        "whole": "all of it",
        "cannot_reach": "cannot be reached",
        "mistake": "a mistake",
        "duplicate": "a duplicate",
        "expired": "past its end",
        "any": "any time",
        "week": "this week",
        "personal_data": "personal data",
        "own_eyes": "seen with own eyes",
        "confirms": "says that it is so",
        "disputes": "says that it is not so",
        "seems_done": "seems to be done",
    }
)
"""Codes that need other words than their own; the rest is read with blanks for underscores."""


def in_words(code: str) -> str:
    """A code as a person reads it; one of a later version as it is, with blanks."""
    return WORDS.get(code) or code.replace("_", " ")
