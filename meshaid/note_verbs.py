"""The verbs of sealed notes: arguments read, a function called, JSON given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from meshaid import claims, contacts
from meshaid.arguments import Arguments, Result, Verb, given, texts
from meshaid.desk import Desk


def _contact_add(desk: Desk, arguments: Arguments, now: int) -> Result:
    ref, text = given(arguments, "ref", str), given(arguments, "text", str, "")
    added = contacts.add(desk, ref, text, texts(arguments, "to"), now)
    return added.as_json(desk.board(now))


def _contact_show(desk: Desk, arguments: Arguments, now: int) -> Result:
    return contacts.show(desk, given(arguments, "ref", str), now).as_json(desk.board(now))


def _contact_erase(desk: Desk, arguments: Arguments, now: int) -> Result:
    return {"erased": contacts.erase(desk, given(arguments, "ref", str), now)}


def _claim(desk: Desk, arguments: Arguments, now: int) -> Result:
    claimed = claims.claim(
        desk,
        given(arguments, "ref", str),
        given(arguments, "code", str),
        cast("claims.Action", given(arguments, "action", str)),
        now,
        reason=given(arguments, "reason", str, claims.DEFAULT_REASON),
        fields=given(arguments, "fields", dict, {}),
    )
    return {**claimed.row.as_json(), "flagged": claimed.flagged}


VERBS: Mapping[str, Verb] = {
    "contact-add": _contact_add,
    "contact-show": _contact_show,
    "contact-erase": _contact_erase,
    "claim": _claim,
}
