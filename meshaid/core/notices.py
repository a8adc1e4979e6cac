"""Where notices stand: how sure each is, and what replaced or ended it.

Source: docs/protocol.md, "Lifecycle" and "Flags".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import final

from meshaid.core.flags import Flags
from meshaid.core.records import Record, has_expired


@final
class Notices:
    """The notices of one board at one moment."""

    def __init__(
        self,
        notices: Iterable[Record],
        record: Callable[[str], Record | None],
        flags: Flags,
        now: int,
    ) -> None:
        """Find out which are superseded.

        Args:
          notices: readable records of kind notice.
          record: the record of this board with this reference, or that stands for it.
          now: seconds since 1970.
        """
        self._flags = flags
        self._now = now
        self._superseded = {old for notice in notices if (old := _superseded_by(notice, record))}

    def status(self, notice: Record) -> str:
        """withdrawn, superseded, expired; else disputed, confirmed or unconfirmed."""
        if notice.text("certainty") == "withdrawn":
            return "withdrawn"
        if notice.reference in self._superseded:
            return "superseded"
        return "expired" if has_expired(notice, self._now) else self._flags.certainty(notice)


def _superseded_by(notice: Record, record: Callable[[str], Record | None]) -> str:
    """The notice of the same member that this one replaces; a withdrawn one replaces nothing."""
    old = record(notice.text("supersedes")) if "supersedes" in notice.fields else None
    if (
        old is None
        or old.member != notice.member
        or old.reference == notice.reference
        or notice.text("certainty") == "withdrawn"
    ):
        return ""
    return old.reference
