"""The verbs by which a member says something about a record: pledges, receipts and flags.

Each gives the JSON of `cautions.Said`: the own record's row, `about` and `warnings`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from meshaid import flagging, promises, receipts
from meshaid.arguments import Arguments, Result, Verb, given, maybe
from meshaid.desk import Desk


def _pledge(desk: Desk, arguments: Arguments, now: int) -> Result:
    done = promises.pledge(
        desk,
        given(arguments, "need", str),
        now,
        **_amount(arguments),
        offer=given(arguments, "offer", str, ""),
        eta=arguments.get("eta"),
        hold_until=arguments.get("hold_until"),
        text=given(arguments, "text", str, ""),
    )
    return done.as_json()


def _amount(arguments: Arguments) -> dict[str, Any]:
    """How much: `quantity` as text or a number, which the field's type checks."""
    return {
        "quantity": arguments.get("quantity"),
        "unit": given(arguments, "unit", str, ""),
        "whole": maybe(arguments, "whole", bool),
    }


def _state(state: str, desk: Desk, arguments: Arguments, now: int) -> Result:
    return promises.set_state(desk, given(arguments, "ref", str), state, now).as_json()


def _answer(result: str, desk: Desk, arguments: Arguments, now: int) -> Result:
    ref, text = given(arguments, "ref", str), given(arguments, "text", str, "")
    return receipts.answer(desk, ref, result, now, text=text).as_json()


def _receive(desk: Desk, arguments: Arguments, now: int) -> Result:
    done = receipts.receive(
        desk,
        given(arguments, "ref", str),
        now,
        **_amount(arguments),
        more_coming=maybe(arguments, "more_coming", bool),
        condition=given(arguments, "condition", str, ""),
        text=given(arguments, "text", str, ""),
    )
    return done.as_json()


def _flag(desk: Desk, arguments: Arguments, now: int) -> Result:
    done = flagging.flag(
        desk,
        given(arguments, "ref", str),
        given(arguments, "reason", str),
        now,
        other=given(arguments, "other", str, ""),
        text=given(arguments, "text", str, ""),
    )
    return done.as_json()


def _hide(desk: Desk, arguments: Arguments, now: int) -> Result:
    ref, reason = given(arguments, "ref", str), given(arguments, "reason", str)
    return flagging.hide(desk, ref, reason, now).as_json()


def _unhide(desk: Desk, arguments: Arguments, now: int) -> Result:
    return flagging.unhide(desk, given(arguments, "ref", str), now).as_json()


VERBS: Final[Mapping[str, Verb]] = MappingProxyType(
    {
        "pledge": _pledge,
        "withdraw": partial(_state, "withdrawn"),
        "handed-over": partial(_state, "handed_over"),
        "failed": partial(_state, "failed"),
        "returned": partial(_state, "returned"),
        "accept": partial(_answer, "accepted"),
        "decline": partial(_answer, "declined"),
        "not-received": partial(_answer, "not_received"),
        "receive": _receive,
        "flag": _flag,
        "hide": _hide,
        "unhide": _unhide,
    }
)
