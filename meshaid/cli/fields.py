"""Fields of records as options: `needed_by` is `--needed-by`, whatever the schema knows.

A command that writes a record of one kind gets its further options from that kind's schema when it
is used. `edit` learns the kind only from the record, so it takes any name and leaves the judgement
to the desk, which names the fields that the kind has.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from meshaid.cli.completing import NOT_ENTERED, complete_field, complete_words

if TYPE_CHECKING:
    from meshaid.core.fields import FieldType

_ALIASES = {"details": "text"}
_TERM = "expires"
_WORDS_FOR_BOOL = frozenset({"1", "0", "yes", "no", "true", "false", "y", "n"})


class RecordCommand(click.Command):
    """A command that writes records of one kind: its own options, then the kind's other fields."""

    kind: str

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, but what is left over is told in words for who has typed `Soup for two`.

        Raises click.UsageError.
        """
        ctx.allow_extra_args = True
        left_over = super().parse_args(ctx, args)
        if left_over and not ctx.resilient_parsing:
            ctx.fail(
                'Words that belong together go into quotation marks, as in "Soup for two", and '
                f"every other thing behind its option, as in --unit L. Left over: "
                f"{' '.join(left_over)}"
            )
        return left_over

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The written options, those of the schema, those of every command, and `--help`."""
        *written, help_option = super().get_params(ctx)
        own = [param for param in written if param.expose_value]
        shared = [param for param in written if not param.expose_value]
        further = _further(self.kind, frozenset(param.name for param in written))
        return [*own, *further, *shared, help_option]

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The categories, for a kind that has one, then what stands below every help."""
        from meshaid.core.categories import CATEGORIES
        from meshaid.core.schema import KINDS

        if "category" in KINDS[self.kind].fields:
            with formatter.section("Categories"):
                formatter.write_dl([(known.code, known.label) for known in CATEGORIES.values()])
        super().format_epilog(ctx, formatter)


@functools.cache
def _further(kind: str, taken: frozenset[str | None]) -> list[click.Parameter]:
    from meshaid.core.schema import KINDS

    return [
        _option(name, field_type)
        for name, field_type in KINDS[kind].fields.items()
        if name not in taken | NOT_ENTERED
    ]


def _option(name: str, field_type: FieldType) -> click.Option:
    from meshaid.cli.meanings import MEANINGS
    from meshaid.core.fields import Bool, Texts

    flag = "--" + name.replace("_", "-")
    told = f"{MEANINGS.get(name, '')} {describe(field_type)}".strip()
    if isinstance(field_type, Bool):
        opposite = flag.removeprefix("--no-") if name.startswith("no_") else f"no-{flag[2:]}"
        return click.Option([f"{flag}/--{opposite}", name], default=None, help=told)
    if isinstance(field_type, Texts):
        return click.Option([flag, name], multiple=True, metavar="LANG=TEXT", help=told)
    complete = complete_field(field_type)
    return click.Option([flag, name], metavar="VALUE", help=told, shell_complete=complete)


def describe(field_type: FieldType) -> str:
    """What a field takes, in a few words."""
    from meshaid.core import fields

    match field_type:
        case fields.Choice(words):
            return f"One of {', '.join(words)}."
        case fields.Codes(words) if words:
            return f"Some of {', '.join(words)}, with blanks between."
        case fields.Line(most) | fields.Text(most):
            return f"Text of at most {most} characters."
        case fields.Int(least, most):
            return f"A whole number from {least}." if most > 10**9 else f"{least} to {most}."
        case fields.Time():
            return "A time such as 2026-03-01T14:30+01:00."
        case fields.Bool():
            return ""
        case fields.Texts():
            return "The text in another language, by a person; once for each."
        case fields.Ref():
            return "A whole id, as `meshaid show` prints it."
        case fields.Amount():
            return "A number with at most 3 decimals."
        case fields.UnitName():
            return "A unit such as L, kg, piece."
        case fields.Language():
            return "A language tag such as en or pt-BR."
        case _:
            return "Codes with blanks between."


def part_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say how much of a need a pledge or a receipt is about."""
    for option in (
        click.option("--quantity", metavar="N", help="How much, with at most 3 decimals."),
        click.option(
            "--unit",
            metavar="U",
            shell_complete=complete_words("need", "unit"),
            help="In what; the need's own unit, if not said.",
        ),
        click.option(
            "--whole/--part",
            default=None,
            help="Whether it is all of a need that says no amount.",
        ),
    )[::-1]:
        command = option(command)
    return command


# ---- what was entered
def entered(options: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that were given as options."""
    fields = {name: value for name, value in options.items() if value not in (None, ())}
    if "texts" in fields:
        fields["texts"] = dict(_pair(text, "--texts", "LANG=TEXT") for text in fields["texts"])
    return fields


def read_words(words: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """What `edit` was given: the name of the record, and field names with their new values.

    `--name value` or `--name=value`; for yes-or-no fields `--name` and `--no-name`. An empty value
    takes the field away. Raises click.UsageError.
    """
    from meshaid.core.spoken import looks_spoken

    names: list[str] = []
    fields: dict[str, Any] = {}
    for word, value in _joined(words):
        if value is None:
            names.append(word)
            continue
        name = _ALIASES.get(word, word)
        if name == "texts" and value:
            fields.setdefault("texts", {}).update([_pair(value, "--texts", "LANG=TEXT")])
        elif name in fields:
            raise click.UsageError(f"--{word.replace('_', '-')} is given twice.")
        else:
            fields[name] = value
    ref = " ".join(names)
    if len(names) > 1 and not looks_spoken(ref):
        raise click.UsageError(
            "REF is given twice, then --field value for each field that changes."
        )
    if not names:
        raise click.UsageError(
            "REF is missing: give its spoken code or its id, then --field value for each field "
            "that changes."
        )
    if not fields:
        raise click.UsageError("Nothing to change: give --field value, such as --quantity 3.")
    return ref, fields


def _joined(words: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """(field name, value) of each option, and (word, None) of what is no option."""
    rest = deque(words)
    while rest:
        word = rest.popleft()
        if not word.startswith("--"):
            yield word, None
            continue
        option, equals, value = word[2:].partition("=")
        name = option.replace("-", "_")
        if equals:
            yield name, value
        elif _is_flag(name):
            given = rest and rest[0].casefold() in _WORDS_FOR_BOOL
            yield name, rest.popleft() if given else "yes"
        elif _is_flag(name.removeprefix("no_")):
            yield name.removeprefix("no_"), "no"
        elif not rest or rest[0].startswith("--"):
            raise click.UsageError(f"--{option} needs a value.")
        else:
            yield name, rest.popleft()


def _is_flag(name: str) -> bool:
    """Whether this is a yes-or-no field of some kind."""
    from meshaid.core.fields import Bool
    from meshaid.core.schema import KINDS

    return any(isinstance(kind.fields.get(name), Bool) for kind in KINDS.values())


def take_term(fields: dict[str, Any]) -> int | None:
    """Take `expires` (a duration) out of edited fields, in seconds. Raises InvalidInput."""
    from meshaid.core.times import parse_duration
    from meshaid.errors import InvalidInput

    if _TERM not in fields:
        return None
    try:
        return parse_duration(fields.pop(_TERM))
    except InvalidInput as error:
        raise InvalidInput(f"--expires: {error}") from None


def _pair(text: str, option: str, form: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.UsageError(f"{option} takes {form}.")
    return name, value


def pairs(texts: Sequence[str], option: str) -> dict[str, str]:
    """`COLUMN=VALUE` texts as a dict. Raises click.UsageError."""
    return dict(_pair(text, option, "COLUMN=VALUE") for text in texts)
