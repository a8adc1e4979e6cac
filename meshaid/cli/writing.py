"""Commands that write records: need, offer, notice, edit, pause, reopen, close."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

from meshaid.cli.completing import (
    FieldsCommand,
    complete_change,
    complete_records,
    complete_words,
    record_argument,
)
from meshaid.cli.fields import RecordCommand, entered, read_words, take_term
from meshaid.cli.options import (
    CodeType,
    Settings,
    on_terminal,
    say,
    say_warnings,
    with_settings,
)

if TYPE_CHECKING:
    from rich.console import Console


_ADDED = "With --json: id, ref, warnings (each code, field, words), claim_code if one was drawn."
_ROW = "With --json: the record as a row, as `meshaid show` gives it"


def _item(command: Callable[..., None]) -> Callable[..., None]:
    """The options that needs and offers share."""
    for option in (
        click.option(
            "--category",
            metavar="CODE",
            shell_complete=complete_words("need", "category"),
            help="Such as water.drinking or food.meals; `other`, if not said. `private` takes no "
            "words: they stay at the desk.",
        ),
        click.option("--quantity", metavar="N", help="How many, with at most 3 decimals."),
        click.option(
            "--unit",
            metavar="U",
            shell_complete=complete_words("need", "unit"),
            help="Of what: L, kg, piece, meal, …",
        ),
        click.option(
            "--claim/--no-claim",
            default=None,
            help="Draw a code with which whoever is spoken for can change or close it later; a "
            "hub does so with --on-behalf-of unless told not to.",
        ),
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


@click.command(cls=RecordCommand, epilog=_ADDED)
@click.argument("title", required=False)
@_item
@click.option(
    "--urgency",
    metavar="WORD",
    shell_complete=complete_words("need", "urgency"),
    help="now, today (if not said; now with --life-threatening), tomorrow, week or any.",
)
@_life
@_common
@with_settings
def need(settings: Settings, title: str | None, expires: str | None, **options: Any) -> None:
    """Write what is needed.

    Everybody in the community can read it: no names, no diagnoses. It leaves the board after 72
    hours unless --expires says otherwise. Only a `private` need has no TITLE.
    """
    _write(settings, "need", title, expires, options)


@click.command(cls=RecordCommand, epilog=_ADDED)
@click.argument("title", required=False)
@_item
@_common
@with_settings
def offer(settings: Settings, title: str | None, expires: str | None, **options: Any) -> None:
    """Write what can be given.

    Everybody in the community can read it. It leaves the board after 72 hours unless --expires says
    otherwise.
    """
    _write(settings, "offer", title, expires, options)


@click.command(cls=RecordCommand, epilog=_ADDED)
@click.argument("title", required=False)
@_life
@_common
@with_settings
def notice(settings: Settings, title: str | None, expires: str | None, **options: Any) -> None:
    """Write what others should know.

    Hazards, open shops, closed roads: with --source, so that others know how sure it is. It leaves
    the board after 48 hours unless --expires says otherwise.
    """
    _write(settings, "notice", title, expires, options)


need.kind, offer.kind, notice.kind = "need", "offer", "notice"


def _write(
    settings: Settings, kind: str, title: str | None, expires: str | None, options: dict[str, Any]
) -> None:
    from meshaid.cli import emergency
    from meshaid.cli.reach import perform
    from meshaid.cli.screen import show

    claim = options.pop("claim", None)
    fields = entered({"title": title, **options})
    term = _term(settings, kind, fields, expires)
    urgent = bool(fields.get("life_threatening"))
    if urgent:
        emergency.show_instruction(settings, str(fields.get("area", "")))
    arguments = {"kind": kind, "fields": fields, "expires": term, "claim": claim}
    alike = [] if urgent else _alike(settings, arguments)
    answer = perform(settings, "add", arguments)
    say_warnings(answer.result)

    def page(screen: Console, result: dict[str, Any]) -> None:
        screen.print("\n".join(_written(kind, result)))
        for name in alike:
            same = f"meshaid close {result['ref']} --reason duplicate --duplicate-of {name}"
            screen.print(f"If it is the same: {same}", soft_wrap=True)

    show(settings, answer, page)
    if urgent and kind == "need":
        emergency.ask_handed_to(settings, answer.result["id"])


def _term(settings: Settings, kind: str, fields: dict[str, Any], expires: str | None) -> int | None:
    """How long it stays, in seconds. Raises InvalidInput, with all other fields that do not fit."""
    from meshaid.cli.reach import perform
    from meshaid.core.times import parse_duration
    from meshaid.errors import InvalidInput

    if expires is None:
        return None
    try:
        return parse_duration(expires)
    except InvalidInput as error:
        faults = {"expires": str(error)}
    try:
        perform(settings, "check", {"kind": kind, "fields": fields})
    except InvalidInput as error:
        faults = {**error.fields, **faults}
    raise InvalidInput(fields=faults)


def _alike(settings: Settings, arguments: dict[str, Any]) -> list[str]:
    """Ask whoever sits there "is it one of these?", and give the codes of these.

    A script is told nothing, and nobody is kept from writing.
    """
    from meshaid.cli.cells import amount, handle, title, typed
    from meshaid.cli.reach import perform
    from meshaid.cli.screen import on_line

    if settings.json or not on_terminal():
        return []
    found = perform(settings, "check", arguments).result["duplicates"]
    if found:
        say("Is it one of these?")
    for candidate in found:
        row = candidate["record"]
        why = ", ".join(reason["words"] for reason in candidate["reasons"])
        said = (handle(row), title(row), amount(row), on_line(why))
        say("  " + " · ".join(part for part in said if part))
    return [typed(candidate["record"]) for candidate in found]


def _written(kind: str, result: dict[str, Any]) -> Iterator[str]:
    from meshaid.cli.cells import code, in_pairs

    yield f"{kind} {code(result['ref'])} is on the board."
    if result.get("claim_code"):
        yield (
            f"Claim code {in_pairs(result['claim_code'])}: write both codes on paper for whoever "
            "asked. It is shown only this once."
        )


@click.command(
    epilog=f"{_ROW}, and warnings.",
    cls=FieldsCommand,
    context_settings={"ignore_unknown_options": True},
    options_metavar="REF --FIELD VALUE...",
)
@click.argument(
    "words", nargs=-1, type=click.UNPROCESSED, metavar="", shell_complete=complete_change
)
@with_settings
def edit(settings: Settings, words: tuple[str, ...]) -> None:
    """Change fields of one of this member's own records.

    REF is its spoken code, its id or the beginning of its id. Any field of its kind can be given
    as --FIELD VALUE, such as --quantity 3 --urgency now --needed-by 2026-03-01T14:30+01:00; an
    empty VALUE takes the field away. `meshaid need --help` lists the fields of a need. A field
    with several answers is settled by giving the one that holds.
    """
    from meshaid.cli.reach import perform
    from meshaid.cli.record import record_page
    from meshaid.cli.screen import show_at

    ref, fields = read_words(words)
    term = take_term(fields)
    answer = perform(settings, "edit", {"ref": ref, "fields": fields, "expires": term})
    say_warnings(answer.result)
    show_at(settings, answer, record_page)


@click.command(epilog=f"{_ROW}.")
@record_argument("ref")
@click.option(
    "--reason",
    type=CodeType("need", "closed_reason"),
    required=True,
    metavar="WORD",
    shell_complete=complete_words("need", "closed_reason"),
    help="Why: received, given, "
    "done_by_others, no_longer_needed, no_longer_available, expired, out_of_area, "
    "duplicate, cannot_reach, rejected or mistake.",
)
@click.option(
    "--duplicate-of",
    metavar="REF",
    shell_complete=complete_records(),
    help="The record that stays instead of this one.",
)
@with_settings
def close(settings: Settings, ref: str, reason: str, duplicate_of: str | None) -> None:
    """Close one of this member's own records.

    A notice is withdrawn by it. `meshaid reopen` undoes it.
    """
    from meshaid.cli.reach import perform
    from meshaid.cli.record import record_page
    from meshaid.cli.screen import show_at

    arguments = {"ref": ref, "reason": reason, "duplicate_of": duplicate_of}
    show_at(settings, perform(settings, "close", arguments), record_page)


def _turning(verb: str, told: str, about: str) -> click.Command:
    """A command that sets the status of one of this member's own records."""

    @click.command(verb, help=about, epilog=f"{_ROW}.")
    @record_argument("ref")
    @with_settings
    def command(settings: Settings, ref: str) -> None:
        from meshaid.cli.cells import handle, title
        from meshaid.cli.layout import print_wrapped
        from meshaid.cli.reach import perform
        from meshaid.cli.screen import show

        def page(screen: Console, row: dict[str, Any]) -> None:
            print_wrapped(screen, f"{row['kind']} {handle(row)} {title(row)}: {told}.")

        show(settings, perform(settings, verb, {"ref": ref}), page)

    return command


pause = _turning(
    "pause",
    "paused; `meshaid reopen` brings it back",
    "Pause one of this member's own records. It stays in sight, but nothing is proposed for it "
    "until it is reopened.",
)
reopen = _turning(
    "reopen",
    "open again",
    "Open again what this member paused or closed.",
)
