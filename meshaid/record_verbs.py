"""The verbs that write and show records: arguments read, a desk's function called, JSON given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from meshaid import entry, lists
from meshaid.arguments import Arguments, Result, Verb, given, maybe
from meshaid.cautions import Caution
from meshaid.desk import Desk


def _add(desk: Desk, arguments: Arguments, now: int) -> Result:
    kind, fields = given(arguments, "kind", str), _with_term(arguments, now)
    done = entry.enter(desk, kind, fields, now, claim=maybe(arguments, "claim", bool))
    told: Result = {"id": done.row.id, "ref": done.row.record.text("ref")}
    if done.claim_code:
        told["claim_code"] = done.claim_code
    return {**told, "warnings": _as_json(done.warnings)}


def _as_json(warnings: Iterable[Caution]) -> list[dict[str, str]]:
    return [caution.as_json() for caution in warnings]


def _check(desk: Desk, arguments: Arguments, now: int) -> Result:
    kind = given(arguments, "kind", str)
    return entry.check(desk, kind, _with_term(arguments, now), now).as_json()


def _emergency(desk: Desk, arguments: Arguments, now: int) -> Result:
    return entry.emergency(desk, now, given(arguments, "area", str, "")).as_json()


def _edit(desk: Desk, arguments: Arguments, now: int) -> Result:
    fields = _with_term(arguments, now)
    row = desk.edit(given(arguments, "ref", str), fields, now)
    return {**row.as_json(), "warnings": _as_json(entry.cautions_of(row.record.kind, fields))}


def _hub(desk: Desk, arguments: Arguments, now: int) -> Result:
    fields = _with_term(arguments, now)
    row = entry.own_hub(desk, fields, now)
    return {**row.as_json(), "warnings": _as_json(entry.cautions_of("hub", fields))}


def _with_term(arguments: Arguments, now: int) -> dict[str, object]:
    """The entered fields; `expires` (seconds from now) gives `expires_at`."""
    fields = given(arguments, "fields", dict, {})
    expires = maybe(arguments, "expires", int)
    return fields if expires is None else {**fields, "expires_at": now + expires}


def _close(desk: Desk, arguments: Arguments, now: int) -> Result:
    ref, reason = given(arguments, "ref", str), given(arguments, "reason", str)
    other = given(arguments, "duplicate_of", str, "")
    return desk.close(ref, reason, now, duplicate_of=other).as_json()


def _pause(desk: Desk, arguments: Arguments, now: int) -> Result:
    return desk.pause(given(arguments, "ref", str), now).as_json()


def _reopen(desk: Desk, arguments: Arguments, now: int) -> Result:
    return desk.reopen(given(arguments, "ref", str), now).as_json()


def _show(desk: Desk, arguments: Arguments, now: int) -> Result:
    return lists.look(desk, given(arguments, "ref", str), now).as_json()


def _board(desk: Desk, arguments: Arguments, now: int) -> Result:
    words = ("kind", "category", "status", "text", "area")
    filters: dict[str, Any] = {name: given(arguments, name, str, "") for name in words}
    switches = ("mine", "attention", "hidden")
    filters |= {name: given(arguments, name, bool, False) for name in switches}
    filters |= {"sort": given(arguments, "sort", str, "urgency")}
    filters |= {"limit": given(arguments, "limit", int, 0)}
    return lists.page(desk, now, **filters).as_json()


VERBS: Final[Mapping[str, Verb]] = MappingProxyType(
    {
        "add": _add,
        "check": _check,
        "emergency": _emergency,
        "edit": _edit,
        "close": _close,
        "pause": _pause,
        "reopen": _reopen,
        "show": _show,
        "board": _board,
        "hub": _hub,
    }
)
