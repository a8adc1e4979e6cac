"""Commands that read: show, board, status, peers."""

from __future__ import annotations

import click

from meshaid.cli.options import Settings, with_settings


@click.command()
@with_settings
@click.argument("ref")
def show(settings: Settings, ref: str) -> None:
    """Show one record: REF is its spoken code, its id or the beginning of its id."""
    from meshaid.cli import screen, tables
    from meshaid.cli.reach import perform

    screen.show(settings, perform(settings, "show", {"ref": ref}), tables.record_page)


@click.command()
@with_settings
@click.option(
    "--kind",
    metavar="K",
    help="One kind: need, offer, notice, hub, pledge, receipt or "
    "flag. Without it needs, offers and notices.",
)
@click.option("--category", metavar="C", help="A category; a group takes in all below it.")
@click.option(
    "--status",
    metavar="S",
    help="One state, such as open or closed; `all` hides nothing. Without it what has not ended.",
)
@click.option("--text", metavar="WORDS", help="Only records in which all these words stand.")
def board(
    settings: Settings,
    kind: str | None,
    category: str | None,
    status: str | None,
    text: str | None,
) -> None:
    """Show the board: what is needed, what is offered, what to know; the most urgent first."""
    from meshaid.cli import screen, tables
    from meshaid.cli.reach import perform

    filters = {"kind": kind, "category": category, "status": status, "text": text}
    screen.show(settings, perform(settings, "board", filters), tables.board_page)


@click.command()
@with_settings
def status(settings: Settings) -> None:
    """Show who this device is, what it holds and whom it knows.

    Two devices with an equal digest show the same board.
    """
    from meshaid.cli import screen, tables
    from meshaid.cli.reach import perform

    screen.show(settings, perform(settings, "status", {}), tables.status_page)


@click.command()
@with_settings
def peers(settings: Settings) -> None:
    """List the devices that this one is connected to, or has met."""
    from meshaid.cli import screen, tables
    from meshaid.cli.reach import perform

    screen.show(settings, perform(settings, "peers", {}), tables.peers_page)
