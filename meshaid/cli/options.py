"""What holds for every command: which home, JSON or not, its passphrase, and for drills the time.

These options may stand before the command or after it. Importing this costs no more than click.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import click

P = ParamSpec("P")
R = TypeVar("R")
_DURATION_ENDS = ("m", "h", "d")
"""What a duration ends with, and no time."""


@dataclass(slots=True)
class Settings:
    """What was said for this one call."""

    home: Path | None = None
    json: bool = False
    passphrase_file: Path | None = None
    now: int | None = None
    """Seconds since 1970 that this call is at; None for the clock of this device."""
    asked: str | None = field(default=None, repr=False)
    """The passphrase that somebody typed: one call asks once, however often it opens the home."""

    def folder(self) -> Path:
        """The home's folder: as said, else the platform's data folder for meshaid."""
        from meshaid import home

        return self.home or home.default_folder()

    def moment(self) -> int:
        """Seconds since 1970, as said or by the clock."""
        import time

        return int(time.time()) if self.now is None else self.now

    def when(self, time: int | timedelta | None) -> int | None:
        """The moment that a WhenType option names; None where it was not given."""
        if isinstance(time, timedelta):
            return self.moment() + round(time.total_seconds())
        return time

    def new_passphrase(self) -> str | None:
        """The passphrase for a home that is being made; None for none. Raises InvalidInput."""
        return _read_passphrase(self.passphrase_file) if self.passphrase_file else None

    def passphrase(self) -> str | None:
        """The passphrase of an existing home, asked for on a terminal if it has one.

        Raises InvalidInput when there is no home or the file cannot be read; StoreError.
        """
        from meshaid import home

        if not home.has_passphrase(self.folder()):
            return None
        if self.passphrase_file:
            return _read_passphrase(self.passphrase_file)
        if self.asked is None and on_terminal():
            self.asked = click.prompt("Passphrase of this home", hide_input=True, err=True)
        return self.asked

    def may_ask(self) -> bool:
        """Whether opening the home may ask somebody for its passphrase."""
        return on_terminal() and self.passphrase_file is None and self.asked is None


def on_terminal() -> bool:
    """Whether somebody is there to be asked."""
    return sys.stdin.isatty()


def _read_passphrase(path: Path) -> str:
    """The first line of the file, without its end."""
    from meshaid import limits
    from meshaid.errors import InvalidInput

    try:
        with path.open(encoding="utf-8-sig") as file:
            line = file.readline(limits.PASSPHRASE_CHARS + 2)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise InvalidInput(
            f"--passphrase-file: cannot be read ({reason}); check its name"
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidInput(
            "--passphrase-file: cannot be read as UTF-8 text; give a file whose first line is the "
            "passphrase"
        ) from error
    passphrase = line.rstrip("\r\n")
    if not passphrase:
        raise InvalidInput("--passphrase-file: its first line is empty; write the passphrase there")
    return passphrase


class CodeType(click.ParamType[str]):
    """One of the codes of a field; the desk judges what was given, and lists them all if it was
    nothing."""

    name = "word"

    def __init__(self, kind: str, field: str) -> None:
        self._kind, self._field = kind, field

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """The text as given."""
        del param, ctx
        return str(value)

    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None) -> str:
        """The codes to choose from."""
        del param, ctx
        from meshaid.core.fields import Choice
        from meshaid.core.schema import KINDS

        field = KINDS[self._kind].fields[self._field]
        return f"Choose from: {', '.join(field.words)}." if isinstance(field, Choice) else ""


class TimeType(click.ParamType[int]):
    """A time: ISO 8601 with an offset, or seconds since 1970."""

    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        from meshaid.core.times import parse_time

        return value if isinstance(value, int) else _converted(self, parse_time, value, param, ctx)


class DurationType(click.ParamType[int]):
    """A duration such as 90m, 72h or 3d, in seconds."""

    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        from meshaid.core.times import parse_duration

        if isinstance(value, int):
            return value
        return _converted(self, parse_duration, value, param, ctx)


class WhenType(click.ParamType[int | timedelta]):
    """A moment: a time as TimeType takes it, or a duration such as 2h counted from now."""

    name = "moment"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | timedelta:
        from meshaid.core.times import parse_duration, parse_time
        from meshaid.errors import InvalidInput

        if isinstance(value, int | timedelta):
            return value
        if str(value).strip()[-1:].casefold() in _DURATION_ENDS:
            seconds = _converted(self, parse_duration, value, param, ctx)
            return timedelta(seconds=seconds)
        try:
            return parse_time(str(value))
        except InvalidInput as error:
            self.fail(f"{error}, or a duration such as 2h", param, ctx)


class AddressType(click.ParamType[str]):
    """HOST:PORT, as it is written everywhere else."""

    name = "address"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        from meshaid.addresses import format_address, parse_address

        def parse(text: str) -> str:
            return format_address(*parse_address(text))

        return _converted(self, parse, value, param, ctx)


def _converted(
    kind: click.ParamType[Any],
    parse: Callable[[str], R],
    value: object,
    param: click.Parameter | None,
    ctx: click.Context | None,
) -> R:
    from meshaid.errors import InvalidInput

    try:
        return parse(str(value))
    except InvalidInput as error:
        kind.fail(str(error), param, ctx)


def _keep(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    """Put an option that was given into the settings of the whole call; the later one counts."""
    settings = ctx.ensure_object(Settings)
    if value is not None and value is not False:
        setattr(settings, str(param.name), value)


def shared_options(command: Callable[P, R], *, from_environment: bool = False) -> Callable[P, R]:
    """Add the options that every command takes."""
    keep: Any = functools.partial(click.option, callback=_keep, expose_value=False)
    for option in (
        keep(
            "--now",
            type=TimeType(),
            hidden=True,
            help="The time of this one call, for drills and tests.",
        ),
        keep(
            "--passphrase-file",
            type=click.Path(path_type=Path),
            metavar="FILE",
            envvar="MESHAID_PASSPHRASE_FILE" if from_environment else None,
            show_envvar=from_environment,
            help="File whose first line is the home's passphrase.",
        ),
        keep("--json", is_flag=True, help="Print one JSON document on standard output."),
        keep(
            "--home",
            type=click.Path(path_type=Path),
            metavar="DIR",
            envvar="MESHAID_HOME" if from_environment else None,
            show_envvar=from_environment,
            help="The home's folder; without it the platform's data folder.",
        ),
    ):
        command = option(command)
    return command


def with_settings(function: Callable[..., R]) -> Callable[..., R]:
    """Give a command the settings as its first argument, and the shared options."""

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> R:
        return function(click.get_current_context().ensure_object(Settings), *args, **kwargs)

    return shared_options(called)


def say_warnings(result: Mapping[str, Any]) -> None:
    """Say what a verb warns of; with --json it stands in the result, too."""
    for caution in result.get("warnings", ()):
        field = f"`{caution['field']}`: " if caution.get("field") else ""
        say(f"Note: {field}{caution['words']}")


def say(text: str) -> None:
    """A remark that is no result: to standard error, on a terminal no wider than it is."""
    from meshaid.core.texts import without_controls

    lines = without_controls(text).split("\n")
    if sys.stderr.isatty():
        lines = [part for line in lines for part in _on_terminal_width(line)]
    click.echo("\n".join(lines), err=True)


def _on_terminal_width(line: str) -> Iterator[str]:
    """A line cut between its words; what goes on below it stands in."""
    import shutil

    from meshaid.cli.layout import wrap

    words = line.lstrip(" ")
    indent = " " * (len(line) - len(words))
    room = shutil.get_terminal_size().columns - len(indent)
    first, *further = wrap(words, room - 2, len(words) + 1)
    yield indent + first
    yield from (f"{indent}  {part}" for part in further)
