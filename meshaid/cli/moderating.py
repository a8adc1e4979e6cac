"""Commands that point at other members' records: flag, hide, unhide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from meshaid.cli.completing import complete_records, complete_words, record_argument
from meshaid.cli.options import CodeType, Settings, say_warnings, with_settings

if TYPE_CHECKING:
    from rich.console import Console

_HIDING = ("spam", "abuse", "unsafe", "personal_data")

_JSON = "With --json: the flag as a row, about (the record's row, or null) and warnings."


@click.command(epilog=_JSON)
@record_argument("ref")
@click.option(
    "--reason",
    type=CodeType("flag", "reason"),
    required=True,
    metavar="WORD",
    shell_complete=complete_words("flag", "reason"),
    help="duplicate, wrong_category, wrong_area, wrong_amount, seems_done, confirms, disputes, "
    "unsafe, personal_data, spam or abuse.",
)
@click.option(
    "--other",
    metavar="REF",
    shell_complete=complete_records(),
    help="For a duplicate: the record that should stay.",
)
@click.option("--text", metavar="T", help="A few words. Everybody here reads them.")
@with_settings
def flag(settings: Settings, ref: str, **options: Any) -> None:
    """Point out what is wrong with a record.

    With confirms or disputes say whether a notice is true. Nothing is deleted by it. Its author is
    asked; several flags of one kind fold the record away, and anybody can unfold it with `meshaid
    board --hidden`.
    """
    from meshaid.cli.reach import perform
    from meshaid.cli.screen import show

    answer = perform(settings, "flag", {"ref": ref, **options})
    say_warnings(answer.result)
    show(settings, answer, _flagged)


def _flagged(screen: Console, row: dict[str, Any]) -> None:
    from meshaid.cli.cells import handle, words

    screen.print(f"Flag {handle(row)} is written: {words(row.get('reason'))}.")


@click.command(epilog=_JSON)
@record_argument("ref")
@click.option(
    "--reason",
    required=True,
    type=click.Choice(_HIDING),
    help="Why; with personal_data its words are taken off every screen.",
)
@with_settings
def hide(settings: Settings, ref: str, reason: str) -> None:
    """Fold a record away on every board. Only a steward's word is enough for it.

    For personal_data a hub's word is enough, too.
    """
    from meshaid.cli.reach import perform
    from meshaid.cli.screen import show

    def page(screen: Console, row: dict[str, Any]) -> None:
        folded = bool((row.get("about") or {}).get("hidden"))
        told = "It is hidden now." if folded else "The flag is written; by itself it hides nothing."
        screen.print(f"{told} Undo it with: meshaid unhide {ref}", soft_wrap=True)

    answer = perform(settings, "hide", {"ref": ref, "reason": reason})
    say_warnings(answer.result)
    show(settings, answer, page)


@click.command(epilog=_JSON)
@record_argument("ref")
@with_settings
def unhide(settings: Settings, ref: str) -> None:
    """Take this member's own flags that hide a record back."""
    from meshaid.cli.reach import perform
    from meshaid.cli.screen import show

    def page(screen: Console, row: dict[str, Any]) -> None:
        del row
        screen.print("This member's flags on it are withdrawn.")

    answer = perform(settings, "unhide", {"ref": ref})
    say_warnings(answer.result)
    show(settings, answer, page)
