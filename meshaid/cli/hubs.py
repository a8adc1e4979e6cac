"""The command about this hub itself: hub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from meshaid.cli.fields import RecordCommand, entered
from meshaid.cli.options import Settings, say_warnings, with_settings

if TYPE_CHECKING:
    from rich.console import Console


@click.command(
    epilog="With --json: the record as a row, as `meshaid show` gives it, and warnings.",
    cls=RecordCommand,
)
@click.option("--title", metavar="T", help="What the hub is called.")
@click.option(
    "--letter", metavar="C", help="The letter of its spoken codes: A to Z, but not I, O or X."
)
@click.option(
    "--areas",
    metavar="NAMES",
    help="The areas that it serves, with `;` between: these are the names to use for --area.",
)
@click.option(
    "--emergency",
    metavar="T",
    help="What to do when a life is at risk: shown at once to whoever writes such a need.",
)
@click.option(
    "--lat", metavar="N", help="Its latitude in hundredths of a degree, about 1 km: -4129."
)
@click.option("--lon", metavar="N", help="Its longitude in hundredths of a degree: 17478.")
@with_settings
def hub(settings: Settings, **options: Any) -> None:
    """Write or change what this hub tells of itself.

    Without options it shows it. Do it when the hub opens: its areas are how needs and offers find
    each other, and its emergency text is what somebody reads when a life is at risk. Only members
    of kind hub can.
    """
    from meshaid.cli import screen
    from meshaid.cli.reach import perform

    answer = perform(settings, "hub", {"fields": entered(options)})
    say_warnings(answer.result)
    screen.show_at(settings, answer, _page)


hub.kind = "hub"


def _page(console: Console, row: dict[str, Any], now: int) -> None:
    from meshaid.cli.record import record_page

    record_page(console, row, now)
    if not row.get("emergency"):
        console.print(
            '! No emergency text yet: meshaid hub --emergency "What to do when a life is at risk"'
        )
