"""Commands that find what belongs together and what is missing: match, duplicates, report."""

from __future__ import annotations

import click

from meshaid.cli.completing import record_argument
from meshaid.cli.options import Settings, with_settings


@click.command(
    epilog=(
        "With --json: of, total, proposals; each has need and offer (rows), quantity, unit, "
        "whole, reasons (code, words, values), words, mine, pledge (the arguments of that "
        "command)."
    )
)
@record_argument("ref", "need", "offer", metavar="[REF]", required=False)
@with_settings
def match(settings: Settings, ref: str) -> None:
    """Propose which offers and needs fit together.

    For one need or offer REF, or for all; each with its reasons. It assigns nothing: whoever agrees
    types the command that stands below the proposal. Every device with the same records proposes
    the same.
    """
    from meshaid.cli import proposals, screen
    from meshaid.cli.reach import perform

    screen.show_at(settings, perform(settings, "match", {"ref": ref}), proposals.match_page)


@click.command(
    epilog="With --json: total, candidates; each has record and other (rows), reasons, mine."
)
@record_argument("ref", metavar="[REF]", required=False)
@with_settings
def duplicates(settings: Settings, ref: str) -> None:
    """List records that may say the same twice.

    Side by side, for REF or for all. Nothing happens by itself. The command below each pair links
    the two: they count once, and it can be undone.
    """
    from meshaid.cli import proposals, screen
    from meshaid.cli.reach import perform

    answer = perform(settings, "duplicates", {"ref": ref})
    screen.show_at(settings, answer, proposals.duplicates_page)


@click.command(
    epilog=(
        "With --json: total, categories, hubs, kinds, not_heard_from; counts are open, paused, "
        "pledged, received, expired, closed, offers, hidden, unanswered, waiting_median and "
        "waiting_longest (seconds)."
    )
)
@with_settings
def report(settings: Settings) -> None:
    """Count what is open, promised and received.

    By category and by hub, with how long it waits.
    """
    from meshaid.cli import charts, screen
    from meshaid.cli.reach import perform

    screen.show(settings, perform(settings, "report", {}), charts.report_page)
