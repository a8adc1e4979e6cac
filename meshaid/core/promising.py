"""What a pledge remembers of the need that it was made for.

A pledger promised against what it saw. Whether that has changed must be told from the records
alone: history leaves with its epoch, and a need does not say which of its fields an edit touched.
So the pledge itself keeps how much was asked, in which unit, of which category, and every node
compares. A pledge that keeps none of these falls back on `need_rev`: an edit of whatever kind is
then told, because asking once too often is better than staying silent.
Source: docs/protocol.md, "Lifecycle".
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from meshaid.core.fields import Value
from meshaid.core.records import Record, same_value

REMEMBERED: Final[Mapping[str, str]] = MappingProxyType(
    {"need_quantity": "quantity", "need_unit": "unit", "need_category": "category"}
)
"""Fields of a pledge, and the field of the need that each repeats."""


def promised_against(need: Record) -> dict[str, Value]:
    """The fields that tie a new pledge, or a renewed one, to a need as it stands now.

    Values as they are written: amounts in thousandths. What the need lacks is None; leave it out of
    a new pledge, delete it from a renewed one.
    """
    fields: dict[str, Value] = {"need": need.reference, "need_rev": need.number("rev") or 1}
    return fields | {kept: need.fields.get(name) for kept, name in REMEMBERED.items()}


def has_changed(pledge: Record, need: Record) -> bool:
    """Whether a need asks something else than when this was promised.

    Args:
      need: the one that the pledge names, not what survived it as a duplicate.
    """
    if any(kept in pledge.fields for kept in REMEMBERED):
        return not all(
            same_value(pledge.fields.get(kept), need.fields.get(name))
            for kept, name in REMEMBERED.items()
        )
    known = pledge.number("need_rev")
    return known is not None and known < (need.number("rev") or 1)
