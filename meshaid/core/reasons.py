"""Why the board suggests something: a code for programs, its values, and words for people.

The words name no member, so they are the same on every node.
Source: docs/protocol.md, "Matching" and "Duplicates".
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple, final

from meshaid.core.amounts import UNITS

_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "life_threatening": "a life is at risk",
        "overdue": "overdue by {time}",
        "urgency": "needed: {tier}",
        "waiting": "waiting {time}",
        "received_nothing": "has received nothing yet",
        "received_before": "has received something {times} times in 3 days",
        "received_once": "has received something once in 3 days",
        "same_area": "same area",
        "same_hub": "same hub",
        "near_hubs": "hubs {km} km apart",
        "further": "hubs {km} km apart",
        "distance_unknown": "distance not known",
        "covers_all": "needs {needs}, {has} offered",
        "covers_half": "needs {needs}, {has} offered: half or more",
        "covers_less": "needs {needs}, {has} offered: less than half",
        "endless": "needs {needs}, the offer does not run out",
        "amount_unknown": "one of the two says no amount",
        "converted": "converted from {unit}",
        "group_only": "only the group fits",
        "available_from": "not before {time} from now",
        "available_until": "for {time} more",
        "share": "a fair share of {has}",
        "same_household": "by the same person or household",
        "same_amount": "the same amount",
        "similar_words": "{percent} % of the wording is the same",
    }
)
"""Code to words with its values in braces."""


@final
class Reason(NamedTuple):
    """One reason. `values` are plain JSON values; times count seconds."""

    code: str
    values: Mapping[str, Any] = MappingProxyType({})

    @property
    def words(self) -> str:
        """The reason as people read it."""
        shown = {**self.values}
        if "seconds" in shown:
            shown["time"] = duration_words(shown["seconds"])
        return _WORDS[self.code].format(**shown)

    def as_json(self) -> dict[str, Any]:
        """Code, words and values."""
        return {"code": self.code, "words": self.words, "values": dict(self.values)}


def duration_words(seconds: int) -> str:
    """A span as people say it, in the largest unit that it fills: minutes, hours or days."""
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= size and (unit != "days" or seconds >= 2 * size):
            return f"{seconds // size} {unit}"
    return "less than a minute"


def unit_words(unit: str) -> str:
    """A unit as people read it; one that nobody knows as it was typed."""
    known = UNITS.get(unit)
    return known.label if known else unit
