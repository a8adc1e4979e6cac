"""Rows of one file that name each other: a slip is written after those that it names.

Source: docs/protocol.md, "Import and export".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from meshaid.core.slips import LINKS, Slip


def linked(slip: Slip, keys: Mapping[str, str], *, held: Callable[[str], bool]) -> Slip:
    """The slip with references to records that are not here, but come in its file, as links.

    Args:
      keys: import keys by row id, of the whole file.
      held: whether a record with this reference is here.
    """
    links = {
        name: reference
        for name in LINKS
        for reference in [str(slip.fields.get(name, ""))]
        if reference in keys and not held(reference)
    }
    if not links:
        return slip
    fields = {name: value for name, value in slip.fields.items() if name not in links}
    return replace(slip, fields=fields, links={**slip.links, **links})


def targets_first(slips: Sequence[Slip], keys: Mapping[str, str]) -> list[Slip]:
    """The slips in their order, but each after those that it names.

    An import may be killed between two batches; then no record may name one that never came.
    In a circle one must come first: its link is left out, and reported.
    """
    waiting = {slip.import_key: slip for slip in slips}
    ordered: list[Slip] = []
    for first in slips:
        slip, chain = first, []
        while waiting.pop(slip.import_key, None):
            chain.append(slip)
            targets = (waiting.get(keys.get(row_id, "")) for row_id in slip.links.values())
            slip = next(filter(None, targets), slip)
        ordered += reversed(chain)
    return ordered
