"""Fields of records as options: `needed_by` is `--needed-by`, whatever the schema knows.

A command that writes a record of one kind gets its further options from that kind's schema when it
is used. `edit` learns the kind only from the record, so it takes any name and leaves the judgement
to the desk, which names the fields that the kind has.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from meshaid.cli.options import say

if TYPE_CHECKING:
    from meshaid.core.fields import FieldType

_SET_BY_THE_DESK = frozenset(
    {"rev", "ref", "import_key", "status", "closed_reason", "duplicate_of"}
)
_ALIASES = {"details": "text"}
_TERM = "expires"
_FREE_TEXT = frozenset({"title", "text", "area", "on_behalf_of", "entered_by", "emergency"})
_WORDS_FOR_BOOL = frozenset({"1", "0", "yes", "no", "true", "false", "y", "n"})


class RecordCommand(click.Command):
    """A command that writes records of one kind: its own options, then the kind's other fields."""

    kind: str

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The written options, those of the schema, and `--help`."""
        *written, help_option = super().get_params(ctx)
        return [*written, *_further(self.kind, frozenset(p.name for p in written)), help_option]


@functools.cache
def _further(kind: str, taken: frozenset[str | None]) -> list[click.Parameter]:
    from meshaid.core.schema import KINDS

    return [
        _option(name, field_type)
        for name, field_type in KINDS[kind].fields.items()
        if name not in taken | _SET_BY_THE_DESK
    ]


def _option(name: str, field_type: FieldType) -> click.Option:
    from meshaid.core.fields import Bool, Texts

    flag = "--" + name.replace("_", "-")
    told = describe(field_type)
    if isinstance(field_type, Bool):
        return click.Option([f"{flag}/--no-{flag[2:]}", name], default=None, help=told)
    if isinstance(field_type, Texts):
        return click.Option([flag, name], multiple=True, metavar="LANG=TEXT", help=told)
    return click.Option([flag, name], metavar="VALUE", help=told)


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
            return "Yes or no."
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
    if len(names) != 1:
        told = "is missing: give its spoken code or its id" if not names else "is given twice"
        raise click.UsageError(f"REF {told}, then --field value for each field that changes.")
    if not fields:
        raise click.UsageError("Nothing to change: give --field value, such as --quantity 3.")
    return names[0], fields


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


def warn_of_contacts(fields: Mapping[str, Any]) -> None:
    """Say so where free text seems to hold a phone number, an address or a link. It only warns."""
    from meshaid.core.texts import looks_like_contact

    texts = [(name, str(fields[name])) for name in sorted(fields.keys() & _FREE_TEXT)]
    texts += [("texts", text) for text in dict(fields.get("texts") or {}).values()]
    for name in dict.fromkeys(name for name, text in texts if looks_like_contact(text)):
        say(
            f"Note: `{name}` looks like it holds a phone number, an e-mail address or a link. "
            "Everybody in the community will read it; `meshaid edit` can change it."
        )
