"""Commands of whoever promises something: pledge, withdraw, handed-over, failed, returned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from meshaid.cli.completing import complete_records, record_argument
from meshaid.cli.fields import part_options
from meshaid.cli.options import Settings, WhenType, say_warnings, with_settings

if TYPE_CHECKING:
    from rich.console import Console

_JSON = "With --json: the promise as a row, about (the need's row, or null) and warnings."


@click.command(epilog=_JSON)
@record_argument("need", "need")
@part_options
@click.option(
    "--offer",
    metavar="REF",
    shell_complete=complete_records("offer"),
    help="This member's own offer that it is taken from.",
)
@click.option(
    "--eta", type=WhenType(), metavar="T", help="When it will come: 2h from now, or a time."
)
@click.option(
    "--hold-until",
    type=WhenType(),
    metavar="T",
    help="How long others should count on it; 24 hours, if not said.",
)
@click.option("--text", metavar="T", help="A few words. Everybody here reads them.")
@with_settings
def pledge(settings: Settings, need: str, **options: Any) -> None:
    """Promise what a NEED asks for, or a part of it.

    NEED is the need's spoken code, as on the board. Without --quantity all that is still open is
    promised. More than was asked is never refused: everybody sees it and decides.
    """
    from meshaid.cli.reach import perform
    from meshaid.cli.screen import show

    for name in ("eta", "hold_until"):
        options[name] = settings.when(options[name])
    answer = perform(settings, "pledge", {"need": need, **options})
    say_warnings(answer.result)
    show(settings, answer, _promised)


def _promised(screen: Console, row: dict[str, Any]) -> None:
    from meshaid.cli.cells import handle
    from meshaid.cli.layout import print_wrapped
    from meshaid.cli.record import pledge_words, sums

    name = handle(row)
    print_wrapped(screen, f"Promise {name} is written: {pledge_words(row)}.")
    for line in sums(row["about"]) if row.get("about") else ():
        print_wrapped(screen, line)
    print_wrapped(screen, f"When it is handed over: meshaid handed-over {name}")


def _changing(state: str, told: str, about: str) -> click.Command:
    """A command that sets the state of one of this member's own pledges."""

    @click.command(
        state.replace("_", "-"),
        help=about,
        epilog=_JSON,
    )
    @record_argument("pledge", "pledge")
    @with_settings
    def command(settings: Settings, pledge: str) -> None:
        from meshaid.cli.cells import handle
        from meshaid.cli.layout import print_wrapped
        from meshaid.cli.reach import perform
        from meshaid.cli.record import pledge_words
        from meshaid.cli.screen import show

        def page(screen: Console, row: dict[str, Any]) -> None:
            print_wrapped(screen, f"Promise {handle(row)} is {told}: {pledge_words(row)}.")

        answer = perform(settings, state.replace("_", "-"), {"ref": pledge})
        say_warnings(answer.result)
        show(settings, answer, page)

    return command


_NAMED = (
    "\n\nPLEDGE is the beginning of its id, as `meshaid show NEED` prints it, or the code of the "
    "need if this member has one promise there."
)
withdraw = _changing("withdraw", "taken back", f"Take a promise back: it will not come.{_NAMED}")
handed_over = _changing(
    "handed_over",
    "handed over",
    f"Say that a promise was handed over.{_NAMED}",
)
failed = _changing("failed", "marked as failed", f"Say that a promise could not be kept.{_NAMED}")
returned = _changing(
    "returned",
    "marked as returned",
    f"Say that what was lent came back; its offer is free again.{_NAMED}",
)
