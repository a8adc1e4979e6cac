"""What a command prints: one JSON document, or a page for people.

What members wrote is untrusted. It becomes `rich.text.Text`, never markup; control characters are
taken out, and text that runs from right to left is isolated, so that it cannot rearrange the rest
of the line. Everything that is no result goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from meshaid.cli.options import Settings
from meshaid.core.texts import JSON_ESCAPES, clean_line, clean_text

if TYPE_CHECKING:
    from rich.console import Console

    from meshaid.cli.reach import Answer

PIPE_WIDTH = 80
"""Columns where there is no terminal to ask (COLUMNS says otherwise)."""
EXERCISE = "EXERCISE"
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})
ISOLATE, END = "\u2068", "\u2069"
"""What encloses text of a direction of its own (Unicode Annex 9, isolates)."""


def isolated(text: str) -> str:
    """The text as it can stand among other words, whatever direction it has."""
    if any(unicodedata.bidirectional(char) in _RIGHT_TO_LEFT for char in text):
        return f"{ISOLATE}{text}{END}"
    return text


def on_line(text: object) -> str:
    """Somebody's words on one line."""
    return isolated(clean_line(str(text)))


def on_lines(text: object) -> str:
    """Somebody's words with their line breaks."""
    return "\n".join(map(isolated, clean_text(str(text)).split("\n")))


def console() -> Console:
    """Standard output for people: colour on a terminal that wants it, plain otherwise."""
    from rich.console import Console

    plain = Console(highlight=False, markup=False, emoji=False)
    if not plain.is_terminal and "COLUMNS" not in os.environ:
        plain.width = PIPE_WIDTH
    return plain


def show(settings: Settings, answer: Answer, page: Callable[[Console, Any], None]) -> None:
    """Print the result: as JSON, or as a page below the heading."""
    if settings.json:
        print_json(answer.result)
        return
    screen = console()
    with screen.capture() as captured:
        show_heading(screen, answer.heading)
        page(screen, answer.result)
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def show_at(settings: Settings, answer: Answer, page: Callable[[Console, Any, int], None]) -> None:
    """The same for a page that tells how long ago things were."""
    now = moment_of(settings, answer.heading)
    show(settings, answer, lambda screen, result: page(screen, result, now))


@contextmanager
def waiting(settings: Settings, words: str) -> Iterator[None]:
    """Show on a terminal's standard error that something goes on, once it takes over a second."""
    import threading

    from rich.console import Console

    screen = Console(stderr=True, highlight=False, markup=False)
    if settings.json or not screen.is_terminal:
        yield
        return
    if _is_locked(settings) and settings.may_ask():  # nothing moves while somebody types
        screen.print(words)
        yield
        return
    done = threading.Event()

    def show() -> None:
        if not done.wait(1.0):
            with screen.status(words):
                done.wait()

    shower = threading.Thread(target=show)
    shower.start()
    try:
        yield
    finally:
        done.set()
        shower.join()


def _is_locked(settings: Settings) -> bool:
    from meshaid import home

    return home.has_passphrase(settings.folder())


def moment_of(settings: Settings, heading: Mapping[str, Any]) -> int:
    """The moment that a result is of, in seconds since 1970: a node's clock may be another."""
    now = heading.get("now")
    return now if isinstance(now, int) else settings.moment()


def show_heading(screen: Console, heading: Mapping[str, Any]) -> None:
    """Whose board this is, and in an exercise that it is one."""
    from rich.text import Text

    name = heading.get("community_name")
    line = Text(on_line(name) if name else "community not known yet", style="bold")
    if heading.get("exercise"):
        line = Text.assemble((f" {EXERCISE} ", "bold reverse"), " ", line, (" · not real", ""))
    screen.print(line)
    if heading.get("known_to_others") is False:
        screen.print(
            "Not known to others yet: they will see what you write once this device has met one"
            " that holds its invite.",
            style="italic",
        )


def print_json(document: Mapping[str, Any], *, indent: int | None = 2) -> None:
    """Print one JSON document, in ASCII where the output knows no more; a terminal finds no command
    in it."""
    encoding = (getattr(sys.stdout, "encoding", None) or "ascii").lower().replace("-", "")
    text = json.dumps(document, ensure_ascii=encoding != "utf8", indent=indent)
    click.echo(text.translate(JSON_ESCAPES))
