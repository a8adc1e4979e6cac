"""What the shell completes: names of commands and options, words of fields, codes of open records.

Completing must never hang and never ask: codes come from a running node within a moment, and
without one nothing is opened for it. What cannot be completed is typed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import click
from click.shell_completion import CompletionItem

from meshaid.cli.options import Settings, with_settings

if TYPE_CHECKING:
    from meshaid.core.fields import FieldType

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem[str]]]

NOT_ENTERED: Final = frozenset(
    {"rev", "ref", "import_key", "status", "closed_reason", "duplicate_of"}
)
"""Fields that the desk sets, and no option does."""
_NODE_SECONDS: Final = 0.5
"""How long a running node may take to list its records; a person waits with a finger on Tab."""
_LISTED: Final = 50


@click.command(epilog="With --json: shell, script.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@with_settings
def completion(settings: Settings, shell: str) -> None:
    """Print the script that lets a SHELL complete words.

    For bash: put eval "$(meshaid completion bash)" into ~/.bashrc. For zsh the same with zsh into
    ~/.zshrc. For fish: meshaid completion fish > ~/.config/fish/completions/meshaid.fish
    """
    from click.shell_completion import get_completion_class

    context = click.get_current_context().find_root()
    completes = get_completion_class(shell)
    if completes is None:
        raise click.UsageError(f"No completion for {shell}.")
    script = completes(context.command, {}, "meshaid", "_MESHAID_COMPLETE").source()
    if settings.json:
        from meshaid.cli.screen import print_json

        print_json({"shell": shell, "script": script})
        return
    click.echo(script)


# ---- words of fields
def complete_words(kind: str, field: str) -> Complete:
    """Completes the words that a field of a kind takes."""

    def complete(
        ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        from meshaid.core.schema import KINDS

        del ctx, param
        return _beginning(_field_words(KINDS[kind].fields[field]), incomplete)

    return complete


def complete_field(field_type: FieldType) -> Complete:
    """Completes the words that a field of this type takes."""

    def complete(
        ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        del ctx, param
        return _beginning(_field_words(field_type), incomplete)

    return complete


def _field_words(field_type: FieldType) -> Mapping[str, str]:
    """The words of a field's type, each with what it means where that is another word."""
    from meshaid.core import fields
    from meshaid.core.amounts import UNITS
    from meshaid.core.categories import CATEGORIES

    match field_type:
        case fields.Choice(words) | fields.Codes(words):
            return dict.fromkeys(words, "")
        case fields.CategoryCode():
            return {code: category.label for code, category in CATEGORIES.items()}
        case fields.UnitName():
            return dict.fromkeys(UNITS, "")
        case fields.Bool():
            return {"yes": "", "no": ""}
    return {}


def _beginning(words: Mapping[str, str], incomplete: str) -> list[CompletionItem[str]]:
    typed = incomplete.casefold()
    return [
        CompletionItem(word, help=told or None)
        for word, told in words.items()
        if word.casefold().startswith(typed)
    ]


class FieldsCommand(click.Command):
    """A command that takes any field as `--field value`: it completes the names of all fields."""

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[Any]]:
        """The command's own options, and a name for each field that somebody may change."""
        from meshaid.core.schema import KINDS

        names = dict.fromkeys(name for kind in KINDS.values() for name in kind.fields)
        options = {f"--{name.replace('_', '-')}": "" for name in names if name not in NOT_ENTERED}
        return [*_beginning(options, incomplete), *super().shell_complete(ctx, incomplete)]


def complete_change(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """Completes what `edit` takes: a code first, and after `--field` the words of that field."""
    from meshaid.core.schema import KINDS

    words = ctx.params.get(str(param.name)) or ()
    if not words:
        return complete_records()(ctx, param, incomplete)
    name = str(words[-1]).removeprefix("--").replace("-", "_")
    found: dict[str, str] = {}
    for kind in KINDS.values():
        if name in kind.fields:
            found |= _field_words(kind.fields[name])
    return _beginning(found, incomplete)


# ---- codes of records
def complete_records(*kinds: str) -> Complete:
    """Completes the spoken codes of open records of these kinds; of those on the board if none."""

    def complete(
        ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        del param
        settings = ctx.find_object(Settings) or Settings()
        listed = dict(_listed(settings, kinds or ("need", "offer", "notice")))
        return _beginning(listed, incomplete)[:_LISTED]

    return complete


def record_argument(
    name: str, *kinds: str, metavar: str = "", required: bool = True
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The argument that names one record of these kinds.

    A spoken code may be typed as it is shown, with blanks: its pieces are put together again.
    """
    return click.argument(
        name,
        nargs=-1,
        required=required,
        metavar=metavar or name.upper(),
        callback=_in_one_piece,
        shell_complete=complete_records(*kinds),
    )


def _in_one_piece(ctx: click.Context, param: click.Parameter, pieces: tuple[str, ...]) -> str:
    del ctx, param
    return " ".join(pieces)


def _listed(settings: Settings, kinds: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """(name, title) of the open records that a running node has; nothing without one.

    The name is a code or an id, never what somebody wrote: the shell puts it on the line as it is.
    """
    from meshaid import control
    from meshaid.cli.cells import short_title, typed
    from meshaid.errors import MeshaidError

    for kind in kinds:
        try:
            result: Mapping[str, Any] = control.ask(
                settings.folder(), "board", {"kind": kind}, settings.now, timeout=_NODE_SECONDS
            )
        except (control.NoNode, MeshaidError):
            return
        for row in result["records"]:
            yield typed(row), short_title(row)
