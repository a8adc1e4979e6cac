"""Runs that cannot be judged yet: a card or a predecessor is missing. Bounded, oldest out first.

They wait here, in memory and outside Automerge, and are not acknowledged: what is pushed out is
asked for again at the next comparison of digests (docs/protocol.md, "Waiting").
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from meshaid import limits
from meshaid.core.delta import StrippedRun

_RUN_OVERHEAD: Final = 512
_CHANGE_OVERHEAD: Final = 256
"""Memory of the objects around a run's and a change's bytes, so that empty ones have a weight."""


def _weight(run: StrippedRun) -> int:
    return _RUN_OVERHEAD + _CHANGE_OVERHEAD * len(run.changes) + run.size


class _Document:
    """The waiting runs of one document by signature, with their sums."""

    def __init__(self) -> None:
        self.runs: OrderedDict[bytes, StrippedRun] = OrderedDict()
        self.changes = self.bytes = 0

    def add(self, run: StrippedRun) -> None:
        self.remove(run.signature)
        self.runs[run.signature] = run
        self.changes += len(run.changes)
        self.bytes += _weight(run)

    def remove(self, signature: bytes) -> None:
        run = self.runs.pop(signature, None)
        if run is not None:
            self.changes -= len(run.changes)
            self.bytes -= _weight(run)

    def remove_oldest(self) -> None:
        self.remove(next(iter(self.runs)))


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
        self._documents: OrderedDict[bytes, _Document] = OrderedDict()
        self._bytes = 0

    def keep(self, genesis: bytes, run: StrippedRun) -> None:
        """Hold a run; older ones of this document, then of others, make room for it."""
        document = self._documents.setdefault(genesis, _Document())
        self._documents.move_to_end(genesis)
        self._bytes -= document.bytes
        document.add(run)
        while document.changes > self._most_changes or document.bytes > self._most_bytes:
            document.remove_oldest()
        self._bytes += document.bytes
        if not document.runs:
            del self._documents[genesis]
        while self._bytes > self._total:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        """Let go of the oldest run of the document that was waited for longest ago."""
        genesis, document = next(iter(self._documents.items()))
        self._bytes -= document.bytes
        document.remove_oldest()
        self._bytes += document.bytes
        if not document.runs:
            del self._documents[genesis]

    def take(self, genesis: bytes) -> list[StrippedRun]:
        """All waiting runs of a document, oldest first; they wait no longer."""
        document = self._documents.pop(genesis, None)
        if document is None:
            return []
        self._bytes -= document.bytes
        return list(document.runs.values())

    def __len__(self) -> int:
        return sum(len(document.runs) for document in self._documents.values())

    def documents(self) -> list[bytes]:
        return list(self._documents)
