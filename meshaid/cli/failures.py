"""What becomes of an error: its text on standard error, and the exit code that scripts rely on.

0 done · 1 failed · 2 usage · 3 not reachable · 4 refused by trust · 5 store trouble
"""

from __future__ import annotations

import os
import traceback

from meshaid.cli.options import say
from meshaid.errors import (
    Ambiguous,
    InvalidInput,
    InvalidSignature,
    MeshaidError,
    NotReachable,
    RefusedByTrust,
    StoreError,
)

FAILED = 1
_CODES: tuple[tuple[type[MeshaidError], int], ...] = (
    (InvalidInput, 2),
    (NotReachable, 3),
    (RefusedByTrust, 4),
    (InvalidSignature, 4),
    (StoreError, 5),
)
DEBUG = "MESHAID_DEBUG"
"""Set to 1 it shows where an error came from."""


def exit_code(error: MeshaidError) -> int:
    """The exit code of an error that meshaid raised on purpose."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), FAILED)


def report(error: Exception) -> int:
    """Print an error, and what an ambiguous name fits, to standard error; gives the exit code."""
    say(f"Error: {_text(error)}")
    if isinstance(error, Ambiguous):
        say("\n".join(f"  {match}" for match in error.matches))
    if os.environ.get(DEBUG) == "1":
        say("".join(traceback.format_exception(error)))
    return exit_code(error) if isinstance(error, MeshaidError) else FAILED


def _text(error: Exception) -> str:
    if isinstance(error, MeshaidError):
        return str(error) or type(error).__name__
    return (
        f"meshaid failed in a way that nobody expected ({type(error).__name__}). This is a bug: "
        f"please report it, with what {DEBUG}=1 shows (it may hold what you wrote)."
    )
