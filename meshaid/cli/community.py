"""Commands about who belongs: init, invite, link, join."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meshaid.cli.options import AddressType, DurationType, Settings, say, with_settings

if TYPE_CHECKING:
    from meshaid.cli.reach import Answer
    from meshaid.core.enrol import Enrolled
    from meshaid.core.invite import InviteText

_KINDS = click.Choice(["household", "hub", "team"])
_letter = click.option(
    "--letter", metavar="C", help="A hub's letter, with which its spoken codes begin."
)
_files = click.option(
    "--file",
    "file",
    type=click.Path(path_type=Path),
    metavar="F",
    help="Also write a file that carries the invite with all cards that prove it.",
)
_no_qr = click.option("--no-qr", is_flag=True, help="Print the text alone.")
_addresses = click.option(
    "--address",
    "addresses",
    type=AddressType(),
    multiple=True,
    metavar="HOST:PORT",
    help="Where a node can be reached; may be given several times.",
)


@click.command(
    epilog="With --json: community, member, device (ids), name, recovery, steward_invites."
)
@click.option("--community", required=True, metavar="NAME", help="The name of the community.")
@click.option(
    "--as",
    "name",
    required=True,
    metavar="NAME",
    help="This member's shown name; a pseudonym will do.",
)
@click.option("--kind", type=_KINDS, default="household", show_default=True, help="What it is.")
@_letter
@click.option("--exercise", is_flag=True, help="An exercise, for ever: every screen says so.")
@click.option(
    "--stewards",
    type=int,
    default=2,
    show_default=True,
    metavar="N",
    help="How many further stewards to invite now.",
)
@click.option("--keep-root", is_flag=True, help="Keep the root key on this device, too.")
@with_settings
def init(settings: Settings, **options: Any) -> None:
    """Found a community in a new home.

    This device's member is its first steward. With --passphrase-file the home is locked with that
    passphrase.
    """
    from meshaid.cli import screen
    from meshaid.core import ids
    from meshaid.opening import found_home

    community_name = options.pop("community")
    founded = found_home(
        settings.folder(),
        community_name=community_name,
        passphrase=settings.new_passphrase(),
        now=settings.moment(),
        **options,
    )
    if settings.json:
        screen.print_json(
            {
                "community": ids.id_text(founded.identity.community),
                "member": ids.id_text(founded.identity.member),
                "device": ids.id_text(founded.identity.device),
                "name": options["name"],
                "recovery": founded.recovery,
                "steward_invites": list(founded.steward_invites),
            }
        )
        return
    heading = {"community_name": community_name, "exercise": options["exercise"]}
    screen.show_heading(screen.console(), heading)
    for line in _founding_words(founded.recovery, founded.steward_invites):
        click.echo(line)


def _founding_words(recovery: str, steward_invites: tuple[str, ...]) -> list[str]:
    lines = [
        "The community is founded, and this device belongs to its first steward.",
        "",
        "Write the following down on paper, now. It is shown only this once.",
        "",
        "Recovery text: it is the community's root key. Keep it where nobody finds it; with it a",
        "lost or hostile steward can be removed.",
        "",
        f"  {recovery}",
    ]
    if steward_invites:
        lines += [
            "",
            "Invites for further stewards, one each: give them to people who do not depend on each",
            "other. Two stewards together can remove a third.",
        ]
        for number, invite in enumerate(steward_invites, 1):
            lines += ["", f"  {number}. {invite}"]
    return [*lines, "", "Invite members with `meshaid invite`; meet them with `meshaid run`."]


@click.command(epilog="With --json: invite (its text).")
@click.option(
    "--role",
    type=click.Choice(["member", "steward"]),
    default="member",
    show_default=True,
    help="What the newcomer becomes.",
)
@click.option(
    "--kind",
    "kinds",
    type=_KINDS,
    multiple=True,
    help="What it may be; may be given several times. A household, if not said.",
)
@click.option(
    "--uses", type=int, default=1, show_default=True, metavar="N", help="For how many newcomers."
)
@click.option(
    "--expires",
    type=DurationType(),
    metavar="72h",
    help="Advice to stewards: how long it should be used.",
)
@_addresses
@_files
@_no_qr
@with_settings
def invite(settings: Settings, file: Path | None, no_qr: bool, **options: Any) -> None:
    """Invite a new member, by text, QR code or file. Only stewards' devices can.

    Whoever holds the invite can join: hand it over as you would a key.
    """
    _give_invite(settings, "invite", options, file, no_qr=no_qr)


@click.command(epilog="With --json: invite (its text).")
@_addresses
@_files
@_no_qr
@with_settings
def link(settings: Settings, file: Path | None, no_qr: bool, **options: Any) -> None:
    """Invite a second device of this same member."""
    _give_invite(settings, "link", options, file, no_qr=no_qr)


def _give_invite(
    settings: Settings, verb: str, options: dict[str, Any], file: Path | None, *, no_qr: bool
) -> None:
    import base64

    from meshaid.cli import screen
    from meshaid.cli.reach import Answer, perform
    from meshaid.cli.written import check_free, write_private

    if file is not None:
        check_free(file)
    answer = perform(
        settings, verb, {k: list(v) if isinstance(v, tuple) else v for k, v in options.items()}
    )
    result = answer.result
    if file is not None:
        write_private(file, base64.b64decode(result["file"]))
        say("The file is written; it is as secret as the text.")
    shown = Answer({"invite": result["invite"]}, answer.heading)
    if settings.json:
        screen.print_json(shown.result)
        return
    _print_invite(shown, no_qr=no_qr)


def _print_invite(answer: Answer, *, no_qr: bool) -> None:
    from meshaid.cli import screen
    from meshaid.cli.qr import print_code

    screen.show_heading(screen.console(), answer.heading)
    text = answer.result["invite"]
    if not no_qr:
        print_code(text)
    click.echo(text)


@click.command(epilog="With --json: community, member, device (ids), name.")
@click.argument("invite")
@click.option(
    "--as", "name", metavar="NAME", help="The new member's shown name; a pseudonym will do."
)
@click.option(
    "--kind",
    type=_KINDS,
    help="What it is, among what the invite allows; if not said the first of these.",
)
@_letter
@click.option("--label", metavar="NAME", help="For a link: what to call this device.")
@with_settings
def join(settings: Settings, invite: str, **options: Any) -> None:
    """Join in a new home, with the text of an INVITE or a file. Nobody needs to be in reach.

    With --passphrase-file the home is locked with that passphrase.
    """
    from meshaid.cli import screen
    from meshaid.core import ids
    from meshaid.opening import join_home

    text, chain = _read_invite(invite)
    enrolled = join_home(
        settings.folder(),
        text,
        chain=chain,
        passphrase=settings.new_passphrase(),
        now=settings.moment(),
        **options,
    )
    if settings.json:
        screen.print_json(
            {
                "community": ids.id_text(enrolled.identity.community),
                "member": ids.id_text(enrolled.identity.member),
                "device": ids.id_text(enrolled.identity.device),
                "name": options["name"] or options["label"],
            }
        )
        return
    _print_joined(settings, enrolled)


def _print_joined(settings: Settings, enrolled: Enrolled) -> None:
    from meshaid.cli import screen
    from meshaid.cli.reach import perform
    from meshaid.core import ids

    answer = perform(settings, "heading", {})
    screen.show_heading(screen.console(), answer.heading)
    click.echo(f"Joined as member {ids.id_text(enrolled.identity.member)}.")
    click.echo("You can write at once: `meshaid need TITLE`. Meet the others with `meshaid run`.")


def _read_invite(given: str) -> tuple[InviteText, tuple[bytes, ...]]:
    """An invite as text, or as the file that it names. Raises InvalidInput."""
    from meshaid import limits
    from meshaid.cli.written import read_at_most
    from meshaid.core.invite import PREFIX, decode_invite, is_invite_file, read_invite_file
    from meshaid.errors import InvalidInput

    path = Path(given)
    if not _is_file(path):
        if not given.strip().upper().startswith(PREFIX) and {"/", ".", "\\"} & set(given):
            raise InvalidInput("there is no such file, and this is no invite; give one of the two")
        return decode_invite(given), ()
    data = read_at_most(path, limits.INVITE_FILE_BYTES)
    if is_invite_file(data):
        return read_invite_file(data)
    try:
        return decode_invite(data.decode("utf-8-sig")), ()
    except UnicodeDecodeError:
        raise InvalidInput("this file is no invite file, or damaged; copy it again") from None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False  # too long for a file's name, as an invite with addresses is
