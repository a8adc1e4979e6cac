"""Times as people and tables write them. Inside, a time is whole seconds since 1970 UTC.

The author's clock gives it; it is shown and used to hide, and orders nothing.
Source: docs/protocol.md, "Records" (time).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from meshaid import limits
from meshaid.core.texts import unify_digits
from meshaid.errors import InvalidInput

_DURATION: Final = re.compile(r"(\d{1,6}) ?([mhd])")
_SECONDS: Final = {"m": 60, "h": 3_600, "d": 86_400}
_WHOLE: Final = re.compile(r"[+-]?\d{1,16}")


def parse_time(text: str) -> int:
    """Seconds since 1970 from ISO 8601 with an offset, or from a whole number of seconds.

    Raises:
      InvalidInput: neither of the two, or beyond 2^53 seconds.
    """
    text = unify_digits(text.strip())
    if _WHOLE.fullmatch(text):
        seconds = int(text)
        if abs(seconds) > limits.MAX_INTEGER:
            raise InvalidInput("is too far away")
        return seconds
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput("must be a time such as 2026-03-01T14:30+01:00") from None
    if moment.tzinfo is None:
        raise InvalidInput("must end with its offset from UTC, as in 2026-03-01T14:30+01:00")
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)


def show_time(seconds: int) -> str:
    """ISO 8601 in UTC; the plain number where no calendar reaches (before year 1, after 9999)."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    except (OverflowError, ValueError, OSError):
        return str(seconds)


def parse_duration(text: str) -> int:
    """Seconds from "90m", "72h" or "3d".

    Raises:
      InvalidInput: anything else, or nothing at all ("0h").
    """
    match = _DURATION.fullmatch(unify_digits(text.strip()).casefold())
    if match is None or int(match[1]) == 0:
        raise InvalidInput("must be a duration such as 90m, 72h or 3d")
    return int(match[1]) * _SECONDS[match[2]]
