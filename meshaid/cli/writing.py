"""Commands that write records: need, offer, notice, edit, close."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from meshaid.cli.fields import RecordCommand, entered, read_words, take_term, warn_of_contacts
from meshaid.cli.options import DurationType, Settings, say, with_settings

if TYPE_CHECKING:
    from rich.console import Console

_LIFE = (
    "A life is at risk: do not wait for the board. Call for help, or send somebody to the hub, now."
)


def _item(command: Callable[..., None]) -> Callable[..., None]:
    """The options that needs and offers share."""
    for option in (
        click.option(
            "--category",
            metavar="CODE",
            help="Such as water.drinking; a need without "
            "one is `other`. `private` takes no words: they stay at the desk.",
        ),
        click.option("--quantity", metavar="N", help="How many, with at most 3 decimals."),
        click.option("--unit", metavar="U", help="Of what: L, kg, piece, meal, …"),
    )[::-1]:
        command = option(command)
    return command


def _common(command: Callable[..., None]) -> Callable[..., None]:
    """The options that all three kinds share."""
    for option in (
        click.option("--area", metavar="A", help="Where, coarsely: a name that the hubs use."),
        click.option(
            "--details",
            "--text",
            "text",
            metavar="T",
            help="More words. No names, phone numbers or addresses: everybody here reads them.",
        ),
        click.option(
            "--expires",
            type=DurationType(),
            metavar="72h",
            help="Hide it after this time, such as 90m, 72h or 3d.",
        ),
    )[::-1]:
        command = option(command)
    return command


_life = click.option(
    "--life-threatening/--no-life-threatening",
    default=None,
    help="A life is at risk. Shown above all else.",
)


@click.command(cls=RecordCommand)
@with_settings
@click.argument("title", required=False)
@_item
@click.option("--urgency", metavar="WORD", help="now, today (if not said), tomorrow, week or any.")
@_life
@_common
def need(settings: Settings, title: str | None, expires: int | None, **options: Any) -> None:
    """Write what is needed. Only a `private` need has no TITLE."""
    _write(settings, "need", title, expires, options)


@click.command(cls=RecordCommand)
@with_settings
@click.argument("title", required=False)
@_item
@_common
def offer(settings: Settings, title: str | None, expires: int | None, **options: Any) -> None:
    """Write what can be given."""
    _write(settings, "offer", title, expires, options)


@click.command(cls=RecordCommand)
@with_settings
@click.argument("title", required=False)
@_life
@_common
def notice(settings: Settings, title: str | None, expires: int | None, **options: Any) -> None:
    """Write what others should know: hazards, open shops, closed roads."""
    _write(settings, "notice", title, expires, options)


need.kind, offer.kind, notice.kind = "need", "offer", "notice"


def _write(
    settings: Settings, kind: str, title: str | None, expires: int | None, options: dict[str, Any]
) -> None:
    from meshaid.cli.reach import perform
    from meshaid.cli.screen import show
    from meshaid.cli.tables import code

    fields = entered({"title": title, **options})
    if fields.get("life_threatening"):
        say(_LIFE)
    answer = perform(settings, "add", {"kind": kind, "fields": fields, "expires": expires})
    warn_of_contacts(fields)

    def page(screen: Console, result: dict[str, Any]) -> None:
        screen.print(f"{kind} {code(result['ref'])} is on the board.")

    show(settings, answer, page)


@click.command(
    context_settings={"ignore_unknown_options": True}, options_metavar="REF --FIELD VALUE..."
)
@with_settings
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="")
def edit(settings: Settings, words: tuple[str, ...]) -> None:
    """Change fields of one of this member's own records.

    REF is its spoken code, its id or the beginning of its id. Any field of its kind can be given
    as --FIELD VALUE, such as --quantity 3 --urgency now --needed-by 2026-03-01T14:30+01:00; an
    empty VALUE takes the field away. `meshaid need --help` lists the fields of a need. A field
    with several answers is settled by giving the one that holds.
    """
    from meshaid.cli.reach import perform
    from meshaid.cli.screen import show
    from meshaid.cli.tables import record_page

    ref, fields = read_words(words)
    term = take_term(fields)
    answer = perform(settings, "edit", {"ref": ref, "fields": fields, "expires": term})
    warn_of_contacts(fields)
    show(settings, answer, record_page)


@click.command()
@with_settings
@click.argument("ref")
@click.option(
    "--reason",
    required=True,
    metavar="WORD",
    help="Why: received, given, "
    "done_by_others, no_longer_needed, no_longer_available, expired, out_of_area, "
    "duplicate, cannot_reach, rejected or mistake.",
)
@click.option("--duplicate-of", metavar="REF", help="The record that stays instead of this one.")
def close(settings: Settings, ref: str, reason: str, duplicate_of: str | None) -> None:
    """Close one of this member's own records; a notice is withdrawn."""
    from meshaid.cli.reach import perform
    from meshaid.cli.screen import show
    from meshaid.cli.tables import record_page

    arguments = {"ref": ref, "reason": reason, "duplicate_of": duplicate_of}
    show(settings, perform(settings, "close", arguments), record_page)
