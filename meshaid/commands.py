"""Every verb of the command line, as one function on an open home.

`execute` is called in two places: by the command line itself when no node runs on this home, and
by a running node for a request on its control socket. So both give the same result and raise the
same errors. Arguments and results are plain JSON values (docs/reference/cli.md).
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from meshaid import limits
from meshaid.core import enrol, ids
from meshaid.core.exports import write_json_lines
from meshaid.core.invite import encode_invite_file
from meshaid.core.times import parse_time
from meshaid.desk import Desk
from meshaid.errors import InvalidInput, NotFound, RefusedByTrust

Arguments = Mapping[str, Any]
Result = dict[str, Any]


def execute(desk: Desk, verb: str, arguments: Arguments, now: int) -> Result:
    """Carry out one verb at this moment (seconds since 1970).

    Raises:
      MeshaidError: as the verb's function says; nothing was written.
      InvalidInput: there is no such verb.
    """
    command = VERBS.get(verb)
    if command is None:
        raise InvalidInput(f"no such command: {verb}")
    return command(desk, arguments, now)


def _add(desk: Desk, arguments: Arguments, now: int) -> Result:
    row = desk.add(arguments["kind"], arguments["fields"], now)
    return {"id": row.id, "ref": row.record.text("ref")}


def _edit(desk: Desk, arguments: Arguments, now: int) -> Result:
    return desk.edit(arguments["ref"], arguments["fields"], now).as_json()


def _close(desk: Desk, arguments: Arguments, now: int) -> Result:
    other = arguments.get("duplicate_of") or ""
    return desk.close(arguments["ref"], arguments["reason"], now, duplicate_of=other).as_json()


def _show(desk: Desk, arguments: Arguments, now: int) -> Result:
    board = desk.board(now)
    return board.row(board.find(arguments["ref"])).as_json()


def _board(desk: Desk, arguments: Arguments, now: int) -> Result:
    rows = desk.board(now).rows(
        kind=arguments.get("kind") or "",
        category=arguments.get("category") or "",
        status=arguments.get("status") or "",
        text=arguments.get("text") or "",
    )
    return {"records": [row.as_json() for row in rows]}


def _import(desk: Desk, arguments: Arguments, now: int) -> Result:
    start = arguments.get("start")
    done = desk.import_slips(
        base64.b64decode(arguments["data"]),
        now,
        start=parse_time(start) if isinstance(start, str) else start,
        where=dict(arguments.get("where") or ()),
    )
    return {
        "imported": done.imported,
        "refused": [{"line": line, "reason": reason} for line, reason in done.refused],
        "ignored_columns": list(done.ignored_columns),
        "unresolved": [{"line": line, "field": field} for line, field in done.unresolved],
    }


def _status(desk: Desk, arguments: Arguments, now: int) -> Result:
    replica = desk.replica
    items = replica.items()
    founding = replica.founding()
    return {
        "community": ids.id_text(replica.identity.community),
        "community_name": founding.name if founding else None,
        "exercise": founding.exercise if founding else None,
        "member": ids.id_text(replica.identity.member),
        "device": ids.id_text(replica.identity.device),
        "known_to_others": replica.is_proven(),
        "digest": replica.digest().hex(),
        "members": sum(map(replica.counts, replica.roster.members)),
        "documents": len(items),
        "changes": replica.changes(),
        "records": len(desk.board(now).rows(status="all")),
        "listening": [],
        "peers": [],
    }


def _invite(desk: Desk, arguments: Arguments, now: int) -> Result:
    role = arguments.get("role") or "member"
    if role not in ("member", "steward"):
        raise InvalidInput("role: must be member or steward")
    kinds = tuple(arguments.get("kinds") or ("household",))
    if not desk.replica.may_invite(role):
        raise RefusedByTrust("only a steward's device may invite; ask a steward for an invite")
    return _new_invite(desk, role, kinds, arguments, now)


def _link(desk: Desk, arguments: Arguments, now: int) -> Result:
    if desk.replica.device_count() >= limits.DEVICES_PER_MEMBER:
        raise RefusedByTrust(
            f"this member has {limits.DEVICES_PER_MEMBER} devices; remove one before linking more"
        )
    return _new_invite(desk, "device", (), {**arguments, "uses": 1}, now)


def _new_invite(
    desk: Desk, role: Any, kinds: tuple[Any, ...], arguments: Arguments, now: int
) -> Result:
    invited = enrol.invite(
        desk.replica.identity,
        role=role,
        kinds=kinds,
        uses=arguments.get("uses") or 1,
        expires=now + (arguments.get("expires") or limits.INVITE_HOURS * 3600),
        addresses=tuple(arguments.get("addresses") or ()),
        now=now,
        random=desk.random,
    )
    desk.replica.add_cards([invited.card.wire])
    chain = [*desk.replica.chain(), invited.card.wire]
    file = encode_invite_file(invited.text, chain)
    return {"invite": invited.text, "file": base64.b64encode(file).decode()}


def _export(desk: Desk, arguments: Arguments, now: int) -> Result:
    member = _member_named(desk, arguments["member"])
    if arguments["format"] == "automerge":
        data = desk.replica.export(member)
        count = len(desk.replica.ledger.records(member))
    elif arguments["format"] == "jsonl":
        records = [*desk.records(member)]
        names = {name: author.name for name, author in desk.authors().items()}
        data, count = write_json_lines(records, names).encode(), len(records)
    else:
        raise InvalidInput("format: must be automerge or jsonl")
    return {"data": base64.b64encode(data).decode(), "records": count}


def _member_named(desk: Desk, text: str) -> bytes:
    """The member whose id begins so, or whose shown name it is, if that is one only."""
    roster = desk.replica.roster
    names = {ids.id_text(member): view.name for member, view in roster.members.items()}
    names.setdefault(ids.id_text(desk.replica.identity.member), "")
    found = [name for name, shown in names.items() if text and name.startswith(text.lower())]
    found = found or [name for name, shown in names.items() if shown == text]
    if len(found) != 1:
        raise NotFound(
            "no one member has an id that begins so, or this name; `meshaid status` shows your own"
        )
    return ids.id_bytes(found[0])


VERBS: Mapping[str, Callable[[Desk, Arguments, int], Result]] = {
    "add": _add,
    "edit": _edit,
    "close": _close,
    "show": _show,
    "board": _board,
    "import": _import,
    "status": _status,
    "invite": _invite,
    "link": _link,
    "export": _export,
}
"""Verbs that need nothing but the open home."""
