"""Every verb of the command line, as one function on an open home.

`execute` is called in two places: by the command line itself when no node runs on this home, and
by a running node for a request on its control socket. So both give the same result and raise the
same errors. Arguments and results are plain JSON values (docs/reference/cli.md).
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from meshaid import limits
from meshaid.core import enrol, ids
from meshaid.core.cards import Role
from meshaid.core.exports import write_json_lines
from meshaid.core.invite import encode_invite_file
from meshaid.desk import Desk
from meshaid.errors import Ambiguous, InvalidInput, NotFound, RefusedByTrust
from meshaid.met import away_rows

Arguments = Mapping[str, Any]
Result = dict[str, Any]
T = TypeVar("T")

OWN = "me"
"""Names this device's own member where a member is asked for."""


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


def _given(arguments: Arguments, name: str, kind: type[T], default: T | None = None) -> T:
    """An argument of this type; anybody who may write to the control socket chose it."""
    value = arguments.get(name)
    if value is None and default is not None:
        return default
    if type(value) is not kind:
        raise InvalidInput(f"{name}: is missing, or not of the type {kind.__name__}")
    return value


def _texts(arguments: Arguments, name: str) -> list[str]:
    """An argument that is a list of texts; empty where it is missing."""
    texts = _given(arguments, name, list, [])
    if not all(isinstance(text, str) for text in texts):
        raise InvalidInput(f"{name}: must be texts")
    return texts


# ---- records
def _add(desk: Desk, arguments: Arguments, now: int) -> Result:
    fields = _with_term(arguments, now)
    row = desk.add(_given(arguments, "kind", str), fields, now)
    return {"id": row.id, "ref": row.record.text("ref")}


def _edit(desk: Desk, arguments: Arguments, now: int) -> Result:
    return desk.edit(_given(arguments, "ref", str), _with_term(arguments, now), now).as_json()


def _with_term(arguments: Arguments, now: int) -> dict[str, object]:
    """The entered fields; `expires` (seconds from now) gives `expires_at`."""
    fields = _given(arguments, "fields", dict, {})
    if arguments.get("expires") is not None:
        fields = {**fields, "expires_at": now + _given(arguments, "expires", int)}
    return fields


def _close(desk: Desk, arguments: Arguments, now: int) -> Result:
    ref, reason = _given(arguments, "ref", str), _given(arguments, "reason", str)
    other = _given(arguments, "duplicate_of", str, "")
    return desk.close(ref, reason, now, duplicate_of=other).as_json()


def _show(desk: Desk, arguments: Arguments, now: int) -> Result:
    board = desk.board(now)
    return board.row(board.find(_given(arguments, "ref", str))).as_json()


def _board(desk: Desk, arguments: Arguments, now: int) -> Result:
    filters = {
        name: _given(arguments, name, str, "") for name in ("kind", "category", "status", "text")
    }
    return {"records": [row.as_json() for row in desk.board(now).rows(**filters)]}


def _import(desk: Desk, arguments: Arguments, now: int) -> Result:
    done = desk.import_slips(
        _bytes(_given(arguments, "data", str)),
        now,
        start=_given(arguments, "start", int, now),
        where=_given(arguments, "where", dict, {}),
    )
    return {
        "imported": done.imported,
        "refused": [{"line": line, "reason": reason} for line, reason in done.refused],
        "ignored_columns": list(done.ignored_columns),
        "unresolved": [{"line": line, "field": field} for line, field in done.unresolved],
    }


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise InvalidInput("data: is no Base64") from error


# ---- the community
def _heading(desk: Desk, arguments: Arguments, now: int) -> Result:
    """What stands above every screen: whose board this is, and whether it is an exercise."""
    del arguments, now
    founding = desk.replica.founding()
    return {
        "community_name": founding.name if founding else None,
        "exercise": founding.exercise if founding else None,
        "known_to_others": desk.replica.is_proven(),
    }


def _status(desk: Desk, arguments: Arguments, now: int) -> Result:
    replica = desk.replica
    return {
        "community": ids.id_text(replica.identity.community),
        **_heading(desk, arguments, now),
        "member": ids.id_text(replica.identity.member),
        "device": ids.id_text(replica.identity.device),
        "digest": replica.digest().hex(),
        "members": sum(map(replica.counts, replica.roster.members)),
        "documents": len(replica.items()),
        "changes": replica.changes(),
        "records": len(desk.board(now).rows(status="all")),
        "overused_invites": len(replica.roster.overused()),
        "listening": [],
        **_peers(desk, arguments, now),
    }


def _peers(desk: Desk, arguments: Arguments, now: int) -> Result:
    """The devices met before; a running node knows better, and answers this verb itself."""
    del arguments, now
    return {"peers": away_rows(desk.replica)}


def _invite(desk: Desk, arguments: Arguments, now: int) -> Result:
    wanted = _given(arguments, "role", str, "member")
    if wanted not in ("member", "steward"):
        raise InvalidInput("role: must be member or steward")
    role: Role = "steward" if wanted == "steward" else "member"
    kinds = _texts(arguments, "kinds") or ["household"]
    if not desk.replica.may_invite(role):
        raise RefusedByTrust("only a steward's device may invite; ask a steward for an invite")
    return _new_invite(desk, role, kinds, arguments, now)


def _link(desk: Desk, arguments: Arguments, now: int) -> Result:
    if desk.replica.device_count() >= limits.DEVICES_PER_MEMBER:
        raise RefusedByTrust(
            f"this member has {limits.DEVICES_PER_MEMBER} devices; remove one before linking more"
        )
    return _new_invite(desk, "device", [], {**arguments, "uses": 1}, now)


def _new_invite(desk: Desk, role: Role, kinds: list[Any], arguments: Arguments, now: int) -> Result:
    invited = enrol.invite(
        desk.replica.identity,
        role=role,
        kinds=kinds,
        uses=_given(arguments, "uses", int, 1),
        expires=now + _given(arguments, "expires", int, limits.INVITE_HOURS * 3600),
        addresses=tuple(_texts(arguments, "addresses")),
        now=now,
        random=desk.random,
    )
    desk.replica.add_cards([invited.card.wire])
    chain = [*desk.replica.chain(), invited.card.wire]
    file = encode_invite_file(invited.text, chain)
    return {"invite": invited.text, "file": base64.b64encode(file).decode()}


# ---- export
def _export(desk: Desk, arguments: Arguments, now: int) -> Result:
    del now
    member = _member_named(desk, _given(arguments, "member", str))
    form = _given(arguments, "format", str)
    records = [*desk.records(member)]
    if form == "automerge":
        data = desk.replica.export(member)
    elif form == "jsonl":
        names = {name: author.name for name, author in desk.authors().items()}
        data = write_json_lines(records, names, exercise=desk.is_exercise()).encode()
    else:
        raise InvalidInput("format: must be automerge or jsonl")
    return {
        "member": ids.id_text(member),
        "records": len(records),
        "data": base64.b64encode(data).decode(),
    }


def _member_named(desk: Desk, text: str) -> bytes:
    """The one member with this id, this beginning of an id, or this shown name; "me" for our own.

    Raises NotFound; Ambiguous with the ids that fit.
    """
    own = desk.replica.identity.member
    if text == OWN:
        return own
    names = {ids.id_text(m): view.name for m, view in desk.replica.roster.members.items()}
    names.setdefault(ids.id_text(own), "")
    found = [name for name, shown in names.items() if text and shown == text]
    found = found or [name for name in names if text and name.startswith(text.lower())]
    if not found:
        raise NotFound(
            f"no member has this name, or an id that begins so; `{OWN}` is this device's own member"
        )
    if len(found) > 1:
        raise Ambiguous(f"{len(found)} members answer to that; give the id", tuple(sorted(found)))
    return ids.id_bytes(found[0])


VERBS: Mapping[str, Callable[[Desk, Arguments, int], Result]] = {
    "add": _add,
    "edit": _edit,
    "close": _close,
    "show": _show,
    "board": _board,
    "import": _import,
    "heading": _heading,
    "status": _status,
    "peers": _peers,
    "invite": _invite,
    "link": _link,
    "export": _export,
}
"""Verbs that need nothing but the open home."""
