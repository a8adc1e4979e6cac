"""The commands and options that were promised, and the real ones."""

from __future__ import annotations

import importlib

import click

OPTIONS = {"--home", "--json", "--passphrase-file", "--now"}

_ENTRY = {"--category", "--quantity", "--unit", "--area", "--details", "--expires"}
_PART = {"--quantity", "--unit", "--whole"}
_FILTERS = {"--kind", "--category", "--area", "--mine", "--attention", "--sort"}
_NEED = _ENTRY | {"--urgency", "--life-threatening"}

COMMANDS: dict[str, set[str]] = {
    "init": {
        "--community", "--as", "--kind", "--letter", "--exercise", "--stewards", "--keep-root",
    },
    "invite": {"--role", "--kind", "--uses", "--expires", "--address", "--file"},
    "link": set(),
    "join": {"--as", "--kind", "--letter", "--label"},
    "need": _NEED,
    "offer": _ENTRY,
    "notice": {"--area", "--details", "--expires"},
    "edit": set(),
    "close": {"--reason"},
    "pause": set(),
    "reopen": set(),
    "pledge": _PART | {"--offer", "--eta", "--hold-until", "--text"},
    "withdraw": set(),
    "handed-over": set(),
    "failed": set(),
    "returned": set(),
    "receive": _PART | {"--more-coming", "--condition", "--text"},
    "accept": {"--text"},
    "decline": {"--text"},
    "not-received": {"--text"},
    "show": set(),
    "board": _FILTERS | {"--status", "--text", "--hidden", "--limit"},
    "watch": _FILTERS,
    "match": set(),
    "duplicates": set(),
    "report": set(),
    "flag": {"--reason", "--other", "--text"},
    "hide": {"--reason"},
    "unhide": set(),
    "contact": set(),
    "claim": {"--reason"},
    "hub": {"--title", "--letter", "--areas", "--emergency"},
    "completion": set(),
    "import": {"--start", "--where"},
    "run": {"--listen", "--peer", "--no-mdns"},
    "sync": {"--timeout"},
    "status": set(),
    "peers": set(),
    "export": {"--format", "--member"},
    "offline": set(),
    "online": set(),
}  # fmt: skip


def command_group() -> click.Group:
    """The one command group of the command line."""
    module = importlib.import_module("meshaid.cli.main")
    return next(thing for thing in vars(module).values() if isinstance(thing, click.Group))
