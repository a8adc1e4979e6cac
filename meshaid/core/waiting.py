"""Runs that cannot be judged yet: a card or a predecessor is missing. Bounded, oldest out first.

They wait here, in memory and outside Automerge, and are not acknowledged: what is pushed out is
asked for again at the next comparison of digests (docs/protocol.md, "Waiting").
"""

from __future__ import annotations

from collections import OrderedDict

from meshaid import limits
from meshaid.core.delta import StrippedRun


class WaitingRuns:
    """Per document the waiting runs, one of each signature."""

    def __init__(
        self,
        *,
        changes: int = limits.WAITING_CHANGES,
        size: int = limits.WAITING_BYTES,
        total: int = limits.WAITING_TOTAL_BYTES,
    ) -> None:
        self._most_changes, self._most_bytes, self._total = changes, size, total
        self._runs: OrderedDict[bytes, OrderedDict[bytes, StrippedRun]] = OrderedDict()

    def keep(self, genesis: bytes, run: StrippedRun) -> None:
        """Hold a run; older ones of this document, then of others, make room for it."""
        runs = self._runs.setdefault(genesis, OrderedDict())
        self._runs.move_to_end(genesis)
        runs[run.signature] = run
        while runs and self._too_much(runs):
            runs.popitem(last=False)
        while sum(r.size for kept in self._runs.values() for r in kept.values()) > self._total:
            oldest = next(iter(self._runs))
            self._runs[oldest].popitem(last=False)
            if not self._runs[oldest]:
                del self._runs[oldest]

    def _too_much(self, runs: OrderedDict[bytes, StrippedRun]) -> bool:
        return (
            sum(len(run.changes) for run in runs.values()) > self._most_changes
            or sum(run.size for run in runs.values()) > self._most_bytes
        )

    def take(self, genesis: bytes) -> list[StrippedRun]:
        """All waiting runs of a document, oldest first; they wait no longer."""
        return list(self._runs.pop(genesis, OrderedDict()).values())

    def count(self, genesis: bytes) -> int:
        return len(self._runs.get(genesis, ()))

    def documents(self) -> list[bytes]:
        return list(self._runs)
