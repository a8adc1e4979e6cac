"""The command that stays: run."""

from __future__ import annotations

from typing import Any

import click

from meshaid.cli.options import AddressType, Settings, with_settings


class _ListenType(click.ParamType[str]):
    """HOST:PORT to listen at; `:0` is every address and a free port."""

    name = "address"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        from meshaid.addresses import parse_address
        from meshaid.errors import InvalidInput

        try:
            parse_address(str(value), listening=True)
        except InvalidInput as error:
            self.fail(str(error), param, ctx)
        return str(value)


@click.command(
    epilog="A line of --json: at (seconds since 1970), event, and what the event tells of."
)
@click.option(
    "--listen",
    type=_ListenType(),
    default=":0",
    metavar="HOST:PORT",
    help="Where to listen; if not said every address, at the port of last time.",
)
@click.option(
    "--peer",
    "peers",
    type=AddressType(),
    multiple=True,
    metavar="HOST:PORT",
    help="An address to try; may be given several times.",
)
@click.option("--no-mdns", is_flag=True, help="Neither announce this node nor look for others.")
@with_settings
def run(settings: Settings, listen: str, peers: tuple[str, ...], no_mdns: bool) -> None:
    """Be a node: keep all boards in reach equal.

    Until Ctrl-C. While it runs, the other commands on this home go through it. It prints what
    happens, with --json one JSON document a line.
    """
    from meshaid.cli.live import run_node

    arguments: dict[str, Any] = {"listen": listen, "peers": peers, "mdns": not no_mdns}
    run_node(settings, arguments)
