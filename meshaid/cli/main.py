"""`meshaid`: the one group of commands. Start-up is click alone; each command imports its own."""

from __future__ import annotations

import io
import sys

import click

from meshaid.cli import community, exchange, files, reading, running, writing
from meshaid.cli.options import shared_options


class _Commands(click.Group):
    """The group; errors leave it as a sentence and an exit code."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command. Click's own exceptions and a broken pipe are click's to end with."""
        _speak_any_encoding()
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:
            from meshaid.cli.failures import report

            raise click.exceptions.Exit(report(error)) from error


def _speak_any_encoding() -> None:
    """A terminal that knows no such letter shows its code; what a neighbour wrote fails nothing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _all_options(function: click.decorators.FC) -> click.decorators.FC:
    return shared_options(function, from_environment=True)  # type: ignore[return-value]


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@_all_options
@click.version_option(package_name="meshaid", message="%(prog)s %(version)s")
def main() -> None:
    """One board of needs and offers on every laptop of a neighbourhood, without internet.

    Begin with `meshaid init` or `meshaid join`, then let `meshaid run` keep this board and those of
    the others equal. The options below may stand before or after the command.

    Exit codes: 0 done, 1 failed, 2 usage, 3 not reachable, 4 refused by trust, 5 store trouble.
    """


for _command in (
    community.init,
    community.invite,
    community.link,
    community.join,
    writing.need,
    writing.offer,
    writing.notice,
    writing.edit,
    writing.close,
    reading.show,
    reading.board,
    reading.status,
    reading.peers,
    files.import_,
    files.export,
    running.run,
    exchange.sync,
    exchange.offline,
    exchange.online,
):
    main.add_command(_command)
