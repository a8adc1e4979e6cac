"""The command line keeps the names that people and scripts rely on, and explains every one."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from tests.docs.blocks import ROOT, documents
from tests.docs.command_tree import COMMANDS, OPTIONS, command_group

GROUP = command_group()
SHOWN = {name: command for name, command in GROUP.commands.items() if not command.hidden}


def options_of(command: click.Command) -> dict[str, click.Parameter]:
    """Long option names of a command with their parameters."""
    return {
        name: parameter
        for parameter in command.params
        for name in (*parameter.opts, *parameter.secondary_opts)
        if name.startswith("--")
    }


def test_exactly_these_commands() -> None:
    """A command that is added or renamed needs a new line here, and a reason."""
    assert set(SHOWN) == set(COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_options(name: str) -> None:
    """Each command takes the options that were promised."""
    missing = COMMANDS[name] - set(options_of(GROUP.commands[name]))
    assert not missing


def test_global_options() -> None:
    """`--home`, `--json`, `--passphrase-file` stand before the command; `--now` is for drills."""
    options = options_of(GROUP)
    assert set(options) >= OPTIONS
    hidden = options["--now"]
    assert isinstance(hidden, click.Option)
    assert hidden.hidden


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_everything_has_help(name: str) -> None:
    """Each command and each option that is shown says what it does."""
    command = SHOWN[name]
    assert command.help
    assert len(command.get_short_help_str()) > 10
    silent = [
        parameter.name
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.hidden and not parameter.help
    ]
    assert not silent


@pytest.mark.parametrize("page", documents(), ids=lambda page: str(page.relative_to(ROOT)))
def test_documents_name_real_commands(page: Path) -> None:
    """`meshaid word` in backticks or after a prompt is a command that exists."""
    text = page.read_text(encoding="utf-8")
    quoted = re.findall(r"`meshaid ((?:--[^\s`]+ (?:[^\s`]+ )?)*)([a-z]+(?:-[a-z]+)*)", text)
    prompted = re.findall(
        r"^\$ meshaid ((?:--\S+ (?:\S+ )?)*?)([a-z]+(?:-[a-z]+)*)\b", text, re.MULTILINE
    )
    named = {word for _, word in quoted + prompted}
    assert named - set(SHOWN) == set()
