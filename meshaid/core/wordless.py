"""What is left of a record whose words tell of a person: only what can hold nobody's words.

Names and numbers do not stand in the text alone: whoever means harm, or is in a hurry, writes them
into the area, the unit or the tag of a household. So a value stays only if it is one of the codes
of this version, a reference, a number or a yes or no; and an area, if some hub serves it.
Source: docs/protocol.md, "Flags" (personal_data).
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import replace
from types import MappingProxyType

from meshaid.core import spoken
from meshaid.core.amounts import UNITS
from meshaid.core.categories import CATEGORIES
from meshaid.core.fields import (
    CategoryCode,
    Choice,
    Codes,
    FieldType,
    HubLetter,
    Ref,
    Spoken,
    UnitName,
    Value,
)
from meshaid.core.places import area_key
from meshaid.core.records import Record
from meshaid.core.schema import KINDS
from meshaid.errors import InvalidInput


def wordless(record: Record, areas: Container[str]) -> Record:
    """The record with nothing in it that somebody wrote freely.

    Args:
      areas: keys (`places.area_key`) of the areas that hubs serve.
    """
    kind = KINDS.get(record.kind)
    known: Mapping[str, FieldType] = kind.fields if kind else {}

    def may_stay(name: str, value: Value) -> bool:
        if isinstance(value, str):
            if name == "area":
                return area_key(value) in areas
            return _is_known(known.get(name), value)
        return not isinstance(value, bytes | Mapping)

    fields = {name: value for name, value in record.fields.items() if may_stay(name, value)}
    several = {
        name: tuple(value for value in values if may_stay(name, value))
        for name, values in record.conflicts.items()
        if name in fields
    }
    return replace(
        record,
        fields=MappingProxyType(fields),
        conflicts=MappingProxyType({n: values for n, values in several.items() if len(values) > 1}),
    )


def _is_known(field: FieldType | None, value: str) -> bool:
    """Whether a text is a code that this version knows, and not somebody's words in its place."""
    if isinstance(field, Ref):
        return field.fits(value)
    if isinstance(field, Choice):
        return value in field.words
    if isinstance(field, CategoryCode):
        return value in CATEGORIES
    if isinstance(field, Codes):
        return all(code in (field.words or CATEGORIES) for code in value.split(" "))
    if isinstance(field, UnitName):
        return value in UNITS
    if isinstance(field, HubLetter):
        return field.fits(value)
    return isinstance(field, Spoken) and _is_spoken(value)


def _is_spoken(value: str) -> bool:
    try:
        return spoken.parse_spoken(value) == value
    except InvalidInput:
        return False
