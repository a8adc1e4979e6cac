"""Every verb of the command line, as one function on an open home.

`execute` is called in two places: by the command line itself when no node runs on this home, and
by a running node for a request on its control socket. So both give the same result and raise the
same errors. Arguments and results are plain JSON values (docs/reference/cli.md).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, cast

from meshaid import (
    file_verbs,
    finding_verbs,
    inviting,
    limits,
    note_verbs,
    record_verbs,
    saying_verbs,
)
from meshaid.arguments import Arguments, Result, Verb, given, texts
from meshaid.core import ids
from meshaid.core.board import SHOWN_KINDS
from meshaid.core.cards import Kind
from meshaid.core.replica import Replica
from meshaid.desk import Desk
from meshaid.errors import InvalidInput
from meshaid.met import away_rows, who


def execute(desk: Desk, verb: str, arguments: Arguments, now: int) -> Result:
    """Carry out one verb at this moment (seconds since 1970).

    Raises:
      MeshaidError: as the verb's function says; nothing was written.
      InvalidInput: there is no such verb, or an argument is missing or of another type.
    """
    command = VERBS.get(verb)
    if command is None:
        raise InvalidInput(f"no such command: {verb}")
    return command(desk, arguments, now)


# ---- the community
def _heading(desk: Desk, arguments: Arguments, now: int) -> Result:
    """What stands above every screen: whose board this is, whether it is an exercise, and when."""
    del arguments
    founding = desk.replica.founding()
    return {
        "community_name": founding.name if founding else None,
        "exercise": founding.exercise if founding else None,
        "known_to_others": desk.replica.is_proven(),
        "now": now,
    }


def _status(desk: Desk, arguments: Arguments, now: int) -> Result:
    replica = desk.replica
    return {
        "community": ids.id_text(replica.identity.community),
        **_heading(desk, arguments, now),
        "member": ids.id_text(replica.identity.member),
        "device": ids.id_text(replica.identity.device),
        **_own_names(replica),
        "digest": replica.digest().hex(),
        "members": sum(map(replica.counts, replica.roster.members)),
        "documents": len(replica.items()),
        "changes": replica.changes(),
        "records": sum(len(desk.board(now).records_of_kind(kind)) for kind in SHOWN_KINDS),
        "overused_invites": len(replica.roster.overused()),
        "listening": [],
        **_peers(desk, arguments, now),
    }


def _own_names(replica: Replica) -> Result:
    """What others see of this device; empty once its member's card stands no more."""
    identity = replica.identity
    member = replica.roster.members.get(identity.member)
    return {
        **who(replica.roster, identity.device, identity.member)._asdict(),
        "member_kind": member.kind if member else "",
        "member_role": member.role if member else "",
    }


def _peers(desk: Desk, arguments: Arguments, now: int) -> Result:
    """The devices met before; a running node knows better, and answers this verb itself."""
    del arguments, now
    return {"peers": away_rows(desk.replica)}


def _invite(desk: Desk, arguments: Arguments, now: int) -> Result:
    return _told(
        inviting.invite(
            desk,
            now,
            role=given(arguments, "role", str, "member"),
            kinds=cast("list[Kind]", texts(arguments, "kinds")) or ["household"],  # judged there
            uses=given(arguments, "uses", int, 1),
            **_when_and_where(arguments),
        )
    )


def _link(desk: Desk, arguments: Arguments, now: int) -> Result:
    return _told(inviting.link(desk, now, **_when_and_where(arguments)))


def _when_and_where(arguments: Arguments) -> dict[str, Any]:
    term = given(arguments, "expires", int, limits.INVITE_HOURS * 3600)
    return {"term": term, "addresses": texts(arguments, "addresses")}


def _told(made: inviting.Invitation) -> Result:
    return {"invite": made.text, "file": base64.b64encode(made.file).decode()}


VERBS: Mapping[str, Verb] = {
    **record_verbs.VERBS,
    **saying_verbs.VERBS,
    **note_verbs.VERBS,
    **file_verbs.VERBS,
    **finding_verbs.VERBS,
    "heading": _heading,
    "status": _status,
    "peers": _peers,
    "invite": _invite,
    "link": _link,
}
"""Verbs that need nothing but the open home."""
