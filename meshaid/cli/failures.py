"""What becomes of an error: its text on standard error, and the exit code that scripts rely on.

0 done · 1 failed · 2 usage · 3 not reachable · 4 refused by trust · 5 store trouble
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from itertools import zip_longest

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
_NAMED = 8
"""Characters of an id that are told at least, as on every other page."""
DEBUG = "MESHAID_DEBUG"
"""Set to 1 it shows where an error came from."""


def exit_code(error: MeshaidError) -> int:
    """The exit code of an error that meshaid raised on purpose."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), FAILED)


def report(error: Exception) -> int:
    """Print an error, and what an ambiguous name fits, to standard error; gives the exit code."""
    say("\n".join(_lines(error)))
    if os.environ.get(DEBUG) == "1":
        say("".join(traceback.format_exception(error)))
    return exit_code(error) if isinstance(error, MeshaidError) else FAILED


def _lines(error: Exception) -> Iterator[str]:
    """The text; several faulty fields one a line, and each thing that an ambiguous name fits."""
    if isinstance(error, InvalidInput) and len(error.fields) > 1:
        yield f"Error: {len(error.fields)} fields do not fit; nothing was written."
        for name, sentence in error.fields.items():
            yield f"  {name}: {sentence}"
        return
    yield f"Error: {_text(error)}"
    if isinstance(error, Ambiguous):
        from meshaid.cli.screen import on_line

        names = map(on_line, _told_apart(error.matches))
        for name, words in zip_longest(names, error.words[: len(error.matches)], fillvalue=""):
            yield f"  {name}  {on_line(words)}".rstrip()


def _told_apart(matches: tuple[str, ...]) -> list[str]:
    """What to type for each of several records: so much of its own id that no two begin alike."""
    names = [match.rpartition("/")[2] for match in matches]
    for length in range(_NAMED, max(map(len, names), default=0)):
        if len({name[:length] for name in names}) == len(names):
            return [name[:length] for name in names]
    return list(matches)


def _text(error: Exception) -> str:
    if isinstance(error, MeshaidError):
        return str(error) or type(error).__name__
    return (
        f"meshaid failed in a way that nobody expected ({type(error).__name__}). This is a bug: "
        f"please report it, with what {DEBUG}=1 shows (it may hold what you wrote)."
    )
