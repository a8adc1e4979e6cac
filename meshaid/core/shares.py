"""How a large offer is split among the needs that it fits: a proposal, never an assignment.

Where a life is at risk first, in full. What is left goes round: in each round every need that is
not filled yet gets an equal share, in whole units, or what it still wants if that is less. Thus
the smallest wants are met, and nobody gets more than somebody else who wanted as much. What is too
little for another round goes by order, a unit each.
Source: docs/protocol.md, "Matching".
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final, NamedTuple, final

_NOTHING: Final = Fraction(0)
UNIT: Final = Fraction(1000)
"""One unit, in thousandths."""


@final
class Want(NamedTuple):
    """What one need still wants, in thousandths of the offer's unit, at least nothing."""

    open: Fraction
    life_threatening: bool = False


def share_out(left: Fraction, wants: Sequence[Want]) -> list[Fraction]:
    """How much of an offer each need should get.

    Args:
      left: what there is to give, in thousandths of the offer's unit.
      wants: what the needs want, in the order of proposals.
    Returns:
      One amount for each want, exact, in the same unit. None is above what is wanted, and together
      they are all that is left or all that is wanted, whichever is less.
    """
    given = [_NOTHING] * len(wants)
    for place, want in enumerate(wants):
        if want.life_threatening:
            given[place] = min(want.open, left)
            left -= given[place]
    waiting = [p for p, w in enumerate(wants) if not w.life_threatening and w.open > 0]
    while waiting and (share := left // len(waiting) // UNIT * UNIT):
        for place in waiting:
            part = min(share, wants[place].open - given[place])
            given[place] += part
            left -= part
        waiting = [place for place in waiting if given[place] < wants[place].open]
    while waiting and left:
        for place in waiting:
            part = min(UNIT, wants[place].open - given[place], left)
            given[place] += part
            left -= part
        waiting = [place for place in waiting if given[place] < wants[place].open]
    return given
