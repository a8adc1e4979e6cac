"""When a life is at risk: what the community says to do, at once; then who took it on.

The record is never held up: it is on the board before anything is asked, and nothing is asked
where nobody sits.
"""

from __future__ import annotations

import click

from meshaid.cli.options import Settings, on_terminal, say, say_warnings

_ANYWHERE = "Do not wait for the board: call for help, or send somebody to the hub, now."
_MOST = 80
"""Characters of the answer: a service or a post, no story."""


def show_instruction(settings: Settings, area: str) -> None:
    """Print the hub's emergency text to standard error, before the record is written."""
    from meshaid.cli.cells import LIFE
    from meshaid.cli.reach import perform
    from meshaid.cli.screen import on_lines
    from meshaid.errors import MeshaidError

    try:
        text = perform(settings, "emergency", {"area": area}).result["text"]
    except MeshaidError:
        text = ""  # whatever is wrong, the record comes next and will tell
    click.secho(f"{LIFE}. {on_lines(text or _ANYWHERE)}", err=True, bold=True)


def ask_handed_to(settings: Settings, reference: str) -> None:
    """Ask on a terminal who has been told; the answer is a promise of this desk on the need."""
    from meshaid.cli.reach import perform

    if settings.json or not on_terminal():
        return
    handed_to = _asked()
    if not handed_to:
        say("Handed to nobody yet: the board shows how long it waits until somebody answers.")
        return
    text = f"Handed to: {handed_to}"
    answer = perform(settings, "pledge", {"need": reference, "text": text})
    say_warnings(answer.result)
    say("Written as a promise on it, so the clock stops. `meshaid failed` starts it again.")


def _asked() -> str:
    """The answer on one line; empty too when the question is broken off: the record stands."""
    try:
        answer: str = click.prompt(
            "Handed to whom, such as ambulance or desk 1? Enter alone if to nobody yet",
            default="",
            show_default=False,
            err=True,
        )
    except click.Abort:
        click.echo(err=True)
        return ""
    return answer[:_MOST].strip()
