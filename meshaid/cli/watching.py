"""The command that keeps the board in sight: watch."""

from __future__ import annotations

from typing import Any

import click

from meshaid.cli.completing import complete_words
from meshaid.cli.options import Settings, with_settings


@click.command(
    epilog=(
        "A line of --json: at (seconds since 1970), change (new, changed or gone), id, row "
        "(null when gone)."
    )
)
@click.option(
    "--kind", metavar="K", help="One kind only: need, offer or notice; without it all three."
)
@click.option(
    "--category",
    metavar="C",
    shell_complete=complete_words("need", "category"),
    help="A category; a group takes in all below it.",
)
@click.option("--area", metavar="A", help="Only records of this area.")
@click.option("--mine", is_flag=True, help="Only what this device's member wrote.")
@click.option(
    "--attention", is_flag=True, help="Only what somebody should look at: late, unanswered, …"
)
@click.option(
    "--sort",
    type=click.Choice(["urgency", "waiting", "newest"]),
    help="The most urgent first, if not said; or what waits longest; or the newest.",
)
@with_settings
def watch(settings: Settings, **filters: Any) -> None:
    """Keep the board on this screen, until Ctrl-C.

    It reads through the node that runs on this home; without one it reads the home itself now and
    then. With --json it prints one JSON document a line for each record that comes, changes or
    goes.
    """
    from meshaid.cli.live_board import watch_board

    watch_board(settings, filters)
