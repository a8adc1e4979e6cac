"""Amounts and units, exact everywhere: sums must be equal on every node.

A record stores an amount as integer thousandths of its unit. Calculation uses rationals; only
showing rounds, and always down. Units convert inside one dimension (mass, volume, length, area,
time, energy, power, count). A unit that stands alone (pack, box, bottle …) converts through what
one of it holds: 8 packs of 9 L are 72 L. Nothing turns pieces into kilograms.
Source: docs/protocol.md, "Amounts and units".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Final, NamedTuple, final

from meshaid.core.tables import UNIT_ROWS
from meshaid.core.texts import clean_line, near_words, unify_digits
from meshaid.errors import InvalidInput

MAX_THOUSANDTHS: Final = 10**12
"""The largest amount, a thousand million units; sums of all records stay far below 2^63."""
MAX_UNIT_CHARS: Final = 16
"""A unit that nobody knows is kept as typed up to this length."""


@final
@dataclass(frozen=True, slots=True)
class Unit:
    """One row of the list of units."""

    code: str
    label: str
    dimension: str
    """Units of one dimension convert; a unit that stands alone has its own code here."""
    to_base: Fraction
    """How many of the dimension's base unit one of this is."""

    @property
    def alone(self) -> bool:
        """Whether it converts only through what one of it holds."""
        return self.dimension == self.code


@final
class Contents(NamedTuple):
    """What one of a pack-like unit holds, as in "packs of 9 L"."""

    value: Fraction
    unit: str


UNITS: Final[Mapping[str, Unit]] = MappingProxyType(
    {row[0]: Unit(row[0], row[1], row[2], Fraction(row[3], row[4])) for row in UNIT_ROWS}
)
"""Code to unit, in the order of the list."""

_NAMES: Final = {alias: row[0] for row in UNIT_ROWS for alias in (row[0], row[1], *row[5])}
_NAMES_FOLDED: Final = {name.casefold(): code for name, code in _NAMES.items()}

_POINTS: Final = str.maketrans({"\u066b": ",", "\uff0e": ".", "\uff0c": ","})
_DECIMAL: Final = re.compile(r"(?P<whole>\d{1,13})(?:(?P<mark>[.,])(?P<part>\d{1,9}))?")
_WANTED: Final = "must be a number above 0 with at most three decimals, such as 2 or 2.5"


def parse_amount(value: object) -> int:
    """Integer thousandths from an int, a Decimal, or text with a decimal comma or point.

    Text may use any script's digits. "1,000" is refused: it says one to some and a thousand to
    others. A float is refused, because it is rarely the number that was meant.

    Raises:
      InvalidInput: none of these, more than three decimals, or outside 0.001 to 10^9.
    """
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise InvalidInput(f"{_WANTED} (as text, int or Decimal)")
    if isinstance(value, str):
        return _in_range(_parse_text(value))
    if isinstance(value, Decimal) and not value.is_finite():
        raise InvalidInput(_WANTED)
    # A Decimal such as 1E+999999 must not be multiplied out.
    if value > MAX_THOUSANDTHS:
        raise InvalidInput("is too large; the most is 1000000000")
    thousandths = value * 1000
    if thousandths != int(thousandths):
        raise InvalidInput(_WANTED)
    return _in_range(int(thousandths))


def _parse_text(text: str) -> int:
    match = _DECIMAL.fullmatch(unify_digits(text.strip()).translate(_POINTS))
    if match is None:
        raise InvalidInput(_WANTED)
    whole, part = match["whole"], (match["part"] or "").rstrip("0")
    if len(part) > 3:
        raise InvalidInput(_WANTED)
    if match["mark"] == "," and len(match["part"]) == 3 and len(whole) <= 3 and whole[0] != "0":
        raise InvalidInput(
            "can be read in two ways; leave out the comma, or use a point for decimals"
        )
    return int(whole) * 1000 + int(part.ljust(3, "0"))


def _in_range(thousandths: int) -> int:
    if thousandths < 1:
        raise InvalidInput(_WANTED)
    if thousandths > MAX_THOUSANDTHS:
        raise InvalidInput("is too large; the most is 1000000000")
    return thousandths


def show_amount(thousandths: Fraction | int) -> str:
    """Thousandths as a decimal number without surplus zeros; parts of a thousandth are dropped."""
    whole, part = divmod(int(thousandths), 1000)
    return f"{whole}.{part:03d}".rstrip("0") if part else str(whole)


def parse_unit(text: str) -> str:
    """The code of a unit given by code, label or alias; one that nobody knows as it was typed.

    Raises:
      InvalidInput: empty, or unknown and longer than 16 characters.
    """
    typed = clean_line(text)
    code = _NAMES.get(typed) or _NAMES_FOLDED.get(typed.casefold())
    if code:
        return code
    if not 0 < len(typed) <= MAX_UNIT_CHARS:
        raise InvalidInput(
            f"must be a unit such as L, kg or piece, at most {MAX_UNIT_CHARS} letters"
        )
    return typed


def near_units(unit: str) -> list[str]:
    """Codes of units that somebody may have meant by one that nobody knows; empty for known ones.

    An unknown unit is kept as typed, but converts to nothing: worth asking back.
    """
    if unit in UNITS:
        return []
    return [*dict.fromkeys(_NAMES_FOLDED[name] for name in near_words(unit, _NAMES_FOLDED))]


def convert(
    value: Fraction,
    unit: str,
    into: str,
    *,
    contents: Contents | None = None,
    into_contents: Contents | None = None,
) -> Fraction | None:
    """An amount in another unit, exactly; None when it cannot be told.

    Args:
      value: any count of `unit`; the result counts `into` in the same scale.
      contents: what one `unit` holds, if it stands alone.
      into_contents: what one `into` holds, if it stands alone.
    """
    if unit == into:
        return value
    factor = _factor(unit, contents)
    into_factor = _factor(into, into_contents)
    if factor is None or into_factor is None or factor[0] != into_factor[0]:
        return None
    return value * factor[1] / into_factor[1]


def _factor(code: str, contents: Contents | None) -> tuple[str, Fraction] | None:
    """The dimension that one of this unit is measured in, and how much of its base it is."""
    unit = UNITS.get(code)
    if unit is None:
        return None
    if unit.alone and contents is not None:
        inner = UNITS.get(contents.unit)
        return None if inner is None else (inner.dimension, contents.value * inner.to_base)
    return unit.dimension, unit.to_base
