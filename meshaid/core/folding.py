"""Copies of one imported row, joined into one record.

Two devices of a member may import the same table before they have met. Each makes records with ids
of its own, and the import key tells that they are the same. Folding happens within one document
only: nobody's record can stand for a stranger's.
Source: docs/protocol.md, "Records" (import_key).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from types import MappingProxyType

from meshaid.core.fields import Value
from meshaid.core.records import Record, distinct


def fold(records: Iterable[Record]) -> tuple[dict[str, Record], dict[str, str]]:
    """Join records that one member imported under one key, perhaps on two devices apart.

    Returns:
      The records to show by reference, in order of their references; and for each copy that was
      folded away, the reference of the one that stands for it.
    """
    shown: dict[str, Record] = {}
    copies: defaultdict[tuple[str, str, str], list[Record]] = defaultdict(list)
    for record in records:
        import_key = record.text("import_key")
        if import_key:
            copies[record.member, record.kind, import_key].append(record)
        else:
            shown[record.reference] = record
    aliases: dict[str, str] = {}
    for group in copies.values():
        first, *others = sorted(group, key=lambda record: record.id)
        shown[first.reference] = _joined(first, others) if others else first
        aliases.update((other.reference, first.reference) for other in others)
    return {reference: shown[reference] for reference in sorted(shown)}, aliases


def _joined(first: Record, others: Sequence[Record]) -> Record:
    """The record with the smallest id; what it lacks comes from the others, smaller ids first."""
    said: defaultdict[str, list[Value]] = defaultdict(list)
    for copy in (first, *others):
        for name in copy.fields:
            said[name] += values_of(copy, name)
    values = {name: distinct(found) for name, found in said.items()}
    ends = [value for value in values.get("expires_at", ()) if type(value) is int]
    if ends:  # nobody has to decide when a copy ends: what is still true for one is so for all
        values["expires_at"] = [max(ends)]
    return replace(
        first,
        fields=MappingProxyType({name: found[0] for name, found in values.items()}),
        conflicts=MappingProxyType(
            {name: tuple(found) for name, found in sorted(values.items()) if len(found) > 1}
        ),
        folded=tuple(other.reference for other in others),
    )


def values_of(record: Record, name: str) -> tuple[Value, ...]:
    """All values that a field holds, the winner first."""
    if name in record.conflicts:
        return record.conflicts[name]
    return (record.fields[name],) if name in record.fields else ()
