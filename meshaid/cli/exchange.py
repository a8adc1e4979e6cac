"""Commands about other devices: sync, offline, online."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from meshaid.cli.options import AddressType, Settings, with_settings

if TYPE_CHECKING:
    from rich.console import Console


@click.command(epilog="With --json: equal, digest, reason.")
@click.argument("address", type=AddressType(), metavar="HOST:PORT")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="S",
    help="Seconds to wait for equal digests; 30 if not said.",
)
@with_settings
def sync(settings: Settings, address: str, timeout: float | None) -> None:
    """Meet one device once, until both digests are equal.

    Exit code 3: nobody of this community answers. 4: one of the two cannot prove yet that it
    belongs; the cards received are kept. 1: the time was up, or the meeting was cut.
    """
    from meshaid import limits
    from meshaid.cli.failures import FAILED
    from meshaid.cli.reach import perform
    from meshaid.cli.screen import show, waiting
    from meshaid.meet_once import meet_once

    seconds = limits.SYNC_SECONDS if timeout is None else timeout
    with waiting(settings, f"Meeting {address} until both boards are equal"):
        answer = perform(
            settings,
            "sync",
            {"address": address, "timeout": seconds},
            alone=lambda home: meet_once(home, address, seconds),
            seconds=seconds + limits.CONTROL_SECONDS,
        )
    show(settings, answer, _sync_page)
    if not answer.result["equal"]:
        raise click.exceptions.Exit(FAILED)


def _sync_page(screen: Console, result: dict[str, Any]) -> None:
    told = "Both boards are equal." if result["equal"] else f"Not equal: {result['reason']}."
    screen.print(f"{told}\ndigest {result['digest']}")


@click.command(epilog="With --json: online.")
@with_settings
def offline(settings: Settings) -> None:
    """Let the running node leave its networks.

    Reading and writing go on. Exit code 3: no node runs on this home.
    """
    _ask(settings, "offline", "The node is off its networks.")


@click.command(epilog="With --json: online.")
@with_settings
def online(settings: Settings) -> None:
    """Let the running node come back to its networks. Exit code 3: no node runs on this home."""
    _ask(settings, "online", "The node is on its networks.")


def _ask(settings: Settings, verb: str, words: str) -> None:
    from meshaid.cli.reach import ask_node
    from meshaid.cli.screen import show

    show(settings, ask_node(settings, verb), lambda screen, _: screen.print(words))
