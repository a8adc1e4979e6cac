"""How much somebody says: what was typed, or all that there is to say it of."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import ceil

from meshaid.core.amounts import convert
from meshaid.core.derivation import contents_of
from meshaid.core.records import Record
from meshaid.errors import InvalidInput


def said_amount(
    quantity: str | int | Decimal | None,
    unit: str,
    whole: bool | None,
    *,
    of: Record | None,
    all_of_it: Fraction | None,
    done: str,
) -> dict[str, object]:
    """The fields `quantity` and `unit` to enter; None where nothing is said.

    Args:
      quantity, unit, whole: as somebody gave them; `unit` may be empty.
      of: the need or pledge that it is said of; its unit is taken if none is given.
      all_of_it: in thousandths of that unit, what `whole`, or saying nothing, stands for; None if
        nobody can say.
      done: what to tell somebody who says no amount, if there is nothing left.
    Raises:
      InvalidInput: an amount beside `whole` where that means another one; a unit without an amount;
        or nothing is left.
    """
    own_unit = "" if of is None else of.text("unit")
    if quantity is not None and whole and all_of_it is not None:
        raise InvalidInput(fields={"quantity": "give either an amount, or that it is all of it"})
    if quantity is not None:
        return {"quantity": quantity, "unit": unit or own_unit or None}
    if unit:
        raise InvalidInput(fields={"quantity": "give how many of the unit"})
    if whole is False or all_of_it is None:
        return {"quantity": None, "unit": None}
    if all_of_it <= 0:
        raise InvalidInput(fields={"quantity": done})
    return {"quantity": Decimal(ceil(all_of_it)).scaleb(-3), "unit": own_unit or None}


def in_unit(thousandths: Fraction, of: Record, into: Record) -> Fraction | None:
    """An amount of one record in the unit of another one; None if nobody can say."""
    return convert(
        thousandths,
        of.text("unit"),
        into.text("unit"),
        contents=contents_of(of),
        into_contents=contents_of(into),
    )
