"""Commands of whoever asked: receive, accept, decline, not-received."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from meshaid.cli.completing import complete_words, record_argument
from meshaid.cli.fields import part_options
from meshaid.cli.options import Settings, say_warnings, with_settings

if TYPE_CHECKING:
    from rich.console import Console

_JSON = "With --json: the receipt as a row, about (the need's row, or null) and warnings."


@click.command(epilog=_JSON)
@record_argument("ref", "need", "pledge", metavar="NEED|PLEDGE")
@part_options
@click.option(
    "--more-coming", is_flag=True, default=None, help="Only a part came; the rest stays promised."
)
@click.option(
    "--condition",
    metavar="WORD",
    shell_complete=complete_words("receipt", "condition"),
    help="How it arrived: good, damaged or wrong.",
)
@click.option("--text", metavar="T", help="A few words. Everybody here reads them.")
@with_settings
def receive(settings: Settings, ref: str, **options: Any) -> None:
    """Say what arrived for one of this member's own needs.

    With a PLEDGE it is what came by this promise. Without --quantity it is all that was promised,
    or asked.
    """
    from meshaid.cli.reach import perform
    from meshaid.cli.screen import show

    answer = perform(settings, "receive", {"ref": ref, **options})
    say_warnings(answer.result)
    show(settings, answer, _received)


def _received(screen: Console, row: dict[str, Any]) -> None:
    from meshaid.cli.layout import print_wrapped
    from meshaid.cli.record import receipt_words, sums

    print_wrapped(screen, f"Written down: {receipt_words(row)}.")
    for line in sums(row["about"]) if row.get("about") else ():
        print_wrapped(screen, line)


def _answering(name: str, told: str, about: str) -> click.Command:
    """A command that answers one pledge on one of this member's own needs."""

    @click.command(
        name,
        help=about,
        epilog=_JSON,
    )
    @record_argument("pledge", "pledge")
    @click.option("--text", metavar="T", help="A few words. Everybody here reads them.")
    @with_settings
    def command(settings: Settings, pledge: str, text: str | None) -> None:
        from meshaid.cli.reach import perform
        from meshaid.cli.screen import show

        answer = perform(settings, name, {"ref": pledge, "text": text})
        say_warnings(answer.result)
        show(settings, answer, lambda screen, _: screen.print(told))

    return command


_NAMED = "\n\nPLEDGE is the beginning of its id, as `meshaid show NEED` prints it."
accept = _answering(
    "accept",
    "Accepted: the other side sees it.",
    f"Answer a promise: yes, please bring it.{_NAMED}",
)
decline = _answering(
    "decline",
    "Declined: the promise no longer counts.",
    f"Answer a promise: no, it is no longer wanted.{_NAMED}",
)
not_received = _answering(
    "not-received",
    "Written down: nothing came by this promise, so its amount is open again.",
    f"Say that nothing came by a promise.\n\nIts amount is open again.{_NAMED}",
)
