"""Verbs as the control socket may be asked for them: by anybody who can write JSON into it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshaid.commands import VERBS, execute
from meshaid.desk import Desk
from meshaid.errors import InvalidInput, MeshaidError
from meshaid.opening import open_home
from tests.cli.calls import NOON, found

NAMES = (
    "kind", "fields", "expires", "ref", "reason", "duplicate_of", "category", "status", "text",
    "data", "start", "where", "role", "kinds", "uses", "addresses", "member", "format", "need",
    "offer", "quantity", "unit", "whole", "eta", "hold_until", "more_coming", "condition", "other",
    "area", "mine", "attention", "sort", "hidden", "limit", "claim", "to", "code", "action",
)  # fmt: skip
WORDS = st.sampled_from(["need", "offer", "me", "jsonl", "automerge", "steward", "title", "X", ""])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder: Path = tmp_path_factory.mktemp("commands") / "home"
    found(folder)
    with open_home(folder) as opened:
        yield Desk(opened.replica, random=Random(7).randbytes)


@pytest.mark.parametrize(
    "verb",
    [
        "add",
        "edit",
        "close",
        "show",
        "pledge",
        "withdraw",
        "receive",
        "accept",
        "flag",
        "hide",
        "unhide",
        "pause",
        "import",
    ],
)
def test_arguments_that_are_missing(desk: Desk, verb: str) -> None:
    with pytest.raises(InvalidInput, match="is missing"):
        execute(desk, verb, {}, NOON)


def test_no_such_verb(desk: Desk) -> None:
    with pytest.raises(InvalidInput, match="no such command"):
        execute(desk, "destroy", {}, NOON)


@pytest.mark.parametrize(
    ("verb", "arguments", "told"),
    [
        ("import", {"data": "no base64!"}, "Base64"),
        ("export", {"member": "me", "format": "pdf"}, "one of .*automerge"),
        ("invite", {"role": "king"}, "member or steward"),
        ("invite", {"kinds": ["army"]}, "household, hub, team"),
        ("invite", {"kinds": [[]]}, "texts"),
        ("invite", {"addresses": ["a", "b", "c", "d", "e"]}, "at most"),
        ("add", {"kind": "need", "fields": []}, "dict"),
    ],
)
def test_arguments_that_do_not_fit(
    desk: Desk, verb: str, arguments: dict[str, object], told: str
) -> None:
    with pytest.raises(InvalidInput, match=told):
        execute(desk, verb, arguments, NOON)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(verb=st.sampled_from(sorted(VERBS)), data=st.data())
def test_nonsense_raises_our_errors_only(desk: Desk, verb: str, data: st.DataObject) -> None:
    names = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6)
    with suppress(MeshaidError):
        assert isinstance(execute(desk, verb, data.draw(names), NOON), dict)
