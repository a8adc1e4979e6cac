"""Commands about what is not on the board: contact (how to reach somebody), claim (a slip's code).

A contact given as an argument stands in the shell's history; without it somebody is asked, or it is
read from standard input.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import click
from click.shell_completion import CompletionItem

from meshaid.cli.completing import complete_records
from meshaid.cli.fields import read_words, take_term
from meshaid.cli.options import Settings, on_terminal, with_settings

if TYPE_CHECKING:
    from rich.console import Console

    from meshaid.cli.reach import Answer

_ACTIONS: Final = ("show", "close", "edit")
_ref = click.argument("ref", shell_complete=complete_records())


@click.group()
def contact() -> None:
    """How to reach whoever a record is for, sealed to those you choose.

    It is never on the board. Everybody's laptop carries it, only the chosen ones open it. It is
    hidden when the record expires, and erased 14 days later.
    """


@contact.command("add", epilog="With --json: text, readers (each with member, name).")
@_ref
@click.argument("text", required=False)
@click.option(
    "--to",
    "to",
    multiple=True,
    required=True,
    metavar="WHO",
    help="Who may read it: stewards, a hub's letter, or a member's name or id. Several times for "
    "several.",
)
@click.option("--same", is_flag=True, help="Let WHO read the contact that is there already.")
@with_settings
def contact_add(
    settings: Settings, ref: str, text: str | None, to: tuple[str, ...], same: bool
) -> None:
    """Attach a contact to one of this member's own records.

    Leave TEXT out to be asked for it, or give it on standard input: then it does not stand in the
    history of your shell.
    """
    from meshaid.cli.reach import perform
    from meshaid.cli.screen import show

    if same and text:
        raise click.UsageError("Give TEXT or --same, not both.")
    said = "" if same else text or _asked()
    answer = perform(settings, "contact-add", {"ref": ref, "text": said, "to": list(to)})
    show(settings, answer, _added)


def _asked() -> str:
    """The contact from whoever sits there, or from a pipe."""
    from meshaid import limits

    if on_terminal():
        text: str = click.prompt("How can they be reached", err=True)
    else:
        text = sys.stdin.read(4 * limits.CONTACT_CHARS + 2)
    if not text.strip():
        raise click.UsageError("TEXT is empty: say how they can be reached.")
    return text


def _added(screen: Console, result: dict[str, Any]) -> None:
    screen.print("The contact is sealed. Who may read it:")
    _print_readers(screen, result)
    screen.print("What somebody has read, nobody can take back.")


@contact.command(
    "show",
    epilog="With --json: id, contacts (text, readers), sealed (how many others), hidden.",
)
@_ref
@with_settings
def contact_show(settings: Settings, ref: str) -> None:
    """Show the contacts at a record that this member may read."""
    from meshaid.cli.reach import perform
    from meshaid.cli.screen import show

    show(settings, perform(settings, "contact-show", {"ref": ref}), _contacts)


def _contacts(screen: Console, result: dict[str, Any]) -> None:
    from meshaid.cli.screen import on_lines

    if result["hidden"]:
        screen.print("This record has expired: its contact is hidden, and will be erased.")
        return
    for each in result["contacts"]:
        screen.print(on_lines(each["text"]), style="bold")
        _print_readers(screen, each)
    if result["contacts"]:
        return  # what is sealed besides is mostly the same once more, for somebody else
    if result["sealed"]:
        screen.print("There is a contact that this member may not read. Ask at its hub.")
    else:
        screen.print("There is no contact at this record.")


def _print_readers(screen: Console, found: dict[str, Any]) -> None:
    from meshaid.cli.screen import on_line

    names = [on_line(reader["name"] or reader["member"][:8]) for reader in found["readers"]]
    screen.print("  " + ", ".join(names))


@contact.command("erase", epilog="With --json: erased (how many notes).")
@_ref
@with_settings
def contact_erase(settings: Settings, ref: str) -> None:
    """Erase all contacts of this member at a record, on every laptop, for good."""
    from meshaid.cli.reach import perform
    from meshaid.cli.screen import show

    def page(screen: Console, result: dict[str, Any]) -> None:
        del result
        screen.print("Erased here, and on every other laptop as soon as it hears of it.")

    show(settings, perform(settings, "contact-erase", {"ref": ref}), page)


def _complete_claim(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """A code first, then what to do."""
    if not ctx.params.get(str(param.name)):
        return complete_records()(ctx, param, incomplete)
    return [CompletionItem(word) for word in _ACTIONS if word.startswith(incomplete)]


@click.command(
    context_settings={"ignore_unknown_options": True},
    options_metavar="REF CODE show|close|edit [--reason WORD] [--FIELD VALUE...]",
    epilog="With --json: the record as a row, as `meshaid show` gives it, and flagged.",
)
@click.argument(
    "words", nargs=-1, type=click.UNPROCESSED, metavar="", shell_complete=_complete_claim
)
@click.option("--reason", metavar="WORD", help="Why it is closed; no_longer_needed if not said.")
@with_settings
def claim(settings: Settings, words: tuple[str, ...], reason: str | None) -> None:
    """See, correct or close a slip with the code that its visitor was given.

    At another hub than the one that wrote it down, `close` tells its owner that it seems to be
    done. Five wrong codes within an hour close a slip to codes for that hour.
    """
    from meshaid.cli.reach import perform

    ref, code, action, rest = _parted(words)
    fields: dict[str, Any] = {}
    if action == "edit":
        _, fields = read_words((ref, *rest))
        if term := take_term(fields):
            fields["expires_at"] = settings.moment() + term
    elif rest:
        raise click.UsageError(f"{action} takes no fields; use edit to change them.")
    if reason and action != "close":
        raise click.UsageError("--reason is for close.")
    said = {"ref": ref, "code": code, "action": action, "reason": reason, "fields": fields}
    answer = perform(settings, "claim", said)
    _show_claimed(settings, answer)


def _parted(words: tuple[str, ...]) -> tuple[str, str, str, tuple[str, ...]]:
    """The slip, the code, what to do, and the rest; both codes may have blanks, as on the paper.

    Raises click.UsageError.
    """
    from meshaid.claims import DIGITS

    at = next((at for at, word in enumerate(words) if word in _ACTIONS), None)
    if at is None:
        raise click.UsageError(
            "Say what to do: show, close or edit, after the code of the slip and its six digits."
        )
    name, digits = [*words[:at]], ""
    while len(name) > 1 and len(digits) < DIGITS:
        digits = name.pop() + digits
    if not digits:
        raise click.UsageError(f"Both codes are needed before {words[at]}: REF CODE {words[at]}.")
    return " ".join(name), digits, words[at], words[at + 1 :]


def _show_claimed(settings: Settings, answer: Answer) -> None:
    from meshaid.cli.options import say
    from meshaid.cli.record import record_page
    from meshaid.cli.screen import show_at

    if answer.result["flagged"]:
        say("Another hub keeps this slip: it is told that the slip seems to be done.")
    show_at(settings, answer, record_page)
