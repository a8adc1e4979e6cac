"""Which records of kind hub count: one of each member that is a hub.

Source: docs/protocol.md, "Records" (hub).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from meshaid.core.records import Record
from meshaid.core.rows import Author


def counting_hubs(hubs: Iterable[Record], members: Mapping[str, Author]) -> dict[str, Record]:
    """The hub record that counts for each member: of several the one with the smallest id."""
    found: dict[str, Record] = {}
    for hub in sorted(hubs, key=lambda hub: hub.reference):
        if members[hub.member].kind == "hub":
            found.setdefault(hub.member, hub)
    return found


def why_it_does_not_count(
    hub: Record, counting: Mapping[str, Record], members: Mapping[str, Author]
) -> str:
    """no_hub: its member is none; second_hub: another of the member counts; empty if it counts."""
    if members[hub.member].kind != "hub":
        return "no_hub"
    return "" if counting[hub.member].reference == hub.reference else "second_hub"


def shared_letters(hubs: Iterable[Record]) -> frozenset[str]:
    """Letters of spoken codes that more than one of these hubs has."""
    letters = Counter(hub.text("letter") for hub in hubs)
    return frozenset(letter for letter, count in letters.items() if letter and count > 1)
