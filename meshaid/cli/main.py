"""`meshaid`: the one group of commands. Start-up is click alone; each command imports its own."""

from __future__ import annotations

import codecs
import io
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import click

from meshaid.cli import (
    community,
    completing,
    exchange,
    files,
    finding,
    hubs,
    moderating,
    notes,
    promising,
    reading,
    receiving,
    running,
    watching,
    writing,
)
from meshaid.cli.options import shared_options

PURPOSES: Final[Mapping[str, tuple[click.Command, ...]]] = MappingProxyType(
    {
        "Post": (
            writing.need,
            writing.offer,
            writing.notice,
            writing.edit,
            writing.pause,
            writing.reopen,
            writing.close,
        ),
        "Promise": (
            promising.pledge,
            promising.handed_over,
            promising.withdraw,
            promising.failed,
            promising.returned,
        ),
        "Receive": (
            receiving.receive,
            receiving.accept,
            receiving.decline,
            receiving.not_received,
        ),
        "Find": (
            reading.board,
            reading.show,
            watching.watch,
            finding.match,
            finding.duplicates,
            finding.report,
        ),
        "Private": (notes.contact, notes.claim),
        "Moderate": (moderating.flag, moderating.hide, moderating.unhide),
        "Files": (files.import_, files.export),
        "Community": (
            community.init,
            community.invite,
            community.link,
            community.join,
            hubs.hub,
        ),
        "Network": (
            running.run,
            exchange.sync,
            reading.status,
            reading.peers,
            exchange.offline,
            exchange.online,
        ),
        "Shell": (completing.completion,),
    }
)
"""What a person wants to do, with the commands for it, in the order of `meshaid --help`."""


class _Commands(click.Group):
    """The group; errors leave it as a sentence and an exit code."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command. Click's own exceptions and a broken pipe are click's to end with."""
        _speak_any_encoding()
        _keep_logs_off_the_terminal()
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except BaseExceptionGroup as group:
            if group.subgroup(KeyboardInterrupt):  # trio hands Ctrl-C on in a group
                raise click.Abort from group
            if not isinstance(group, ExceptionGroup):
                raise
            raise _failure(group) from group
        except Exception as error:
            raise _failure(error) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands by purpose, each with the first sentence of its help."""
        del ctx
        room = formatter.width - 6 - max(len(str(name)) for name in self.commands)
        for purpose, commands in PURPOSES.items():
            with formatter.section(purpose):
                formatter.write_dl(
                    [(str(command.name), command.get_short_help_str(room)) for command in commands]
                )


_PLAIN: Final = {"\u00b7": "-", "\u2026": "...", "\u2068": "", "\u2069": ""}
"""What our own marks become on a terminal that does not know them."""


def _failure(error: Exception) -> click.exceptions.Exit:
    """Tell what went wrong; how the command then ends."""
    from meshaid.cli.failures import report

    return click.exceptions.Exit(report(error))


def _speak_any_encoding() -> None:
    """A terminal that knows no such letter shows its code; what a neighbour wrote fails nothing."""
    codecs.register_error("meshaid", _in_known_letters)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="meshaid")


def _keep_logs_off_the_terminal() -> None:
    """What is logged is for developers: whoever sits there gets a sentence for the same."""
    import logging
    import os

    from meshaid.cli.failures import DEBUG

    if os.environ.get(DEBUG) != "1":
        logging.getLogger("meshaid").addHandler(logging.NullHandler())


def _in_known_letters(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    unknown = error.object[error.start : error.end]
    shown = (
        _PLAIN.get(char, char.encode("ascii", "backslashreplace").decode()) for char in unknown
    )
    return "".join(shown), error.end


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


for _commands in PURPOSES.values():
    for _command in _commands:
        main.add_command(_command)
