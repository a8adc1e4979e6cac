"""Calls on `node.board` that look for something and write nothing."""

from __future__ import annotations

from functools import partial
from typing import Any

from meshaid import finding
from meshaid.calls import Calls
from meshaid.finding import Duplicate, Matches


class FindingCalls(Calls):
    """What fits together, what is told twice, and how things stand."""

    async def match(self, ref: str = "") -> Matches:
        """Proposals for one need or offer, or for the whole board; a person decides and pledges.

        The same on every device that holds the same records, within one minute.

        Raises:
          InvalidInput: neither a need nor an offer. NotFound, Ambiguous.
        """
        return await self._node.work(partial(finding.matches, self._desk, self._now(), ref))

    async def duplicates(self, ref: str = "") -> list[Duplicate]:
        """Records that may say the same as one record, or all such pairs of the board.

        Raises InvalidInput, NotFound, Ambiguous.
        """
        return await self._node.work(partial(finding.duplicates, self._desk, self._now(), ref))

    async def report(self) -> dict[str, Any]:
        """Counts and waiting times (seconds) by kind, category and hub, as `meshaid report --json`
        prints them.
        """
        return await self._node.work(partial(finding.report, self._desk, self._now()))
