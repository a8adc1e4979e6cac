"""Words that flags hide as telling of a person are in no answer, list or file any more."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import pytest

from tests.shell.desks import Town

SECRET = "Rosa 503 555 0123"
FORMATS = ("csv", "hxl", "hxl-json", "geojson", "html", "jsonl")


@pytest.fixture
def town() -> Town:
    return Town("cyd")


def told(town: Town, name: str, reference: str) -> Iterator[tuple[str, str]]:
    """All that a desk says of its board: what was asked, and the answer as text."""
    asked: list[tuple[str, dict[str, object]]] = [
        ("show", {"ref": reference}),
        ("board", {"hidden": True, "status": "all"}),
        ("board", {"attention": True}),
        ("board", {"text": "Rosa"}),
        ("match", {}),
        ("match", {"ref": reference}),
        ("duplicates", {}),
        ("duplicates", {"ref": reference}),
        ("duplicates", {"kind": "need", "fields": {"title": SECRET, "category": "food.meals"}}),
        ("report", {}),
    ]
    asked += [("board", {"kind": kind, "hidden": True}) for kind in ("pledge", "receipt", "flag")]
    for verb, arguments in asked:
        yield f"{verb} {arguments}", json.dumps(town.do(name, verb, **arguments))
    for form in FORMATS:
        done = town.do(name, "export", format=form, text="", private_words=form != "jsonl")
        yield form, base64.b64decode(done["data"]).decode()


def without(town: Town, reference: str) -> None:
    """No desk tells the secret, the author's neither."""
    for name in ("ada", "ben", "hub", "hub2", "cyd"):
        for what, answer in told(town, name, reference):
            assert SECRET not in answer, f"{name}: {what}"


@pytest.mark.parametrize("life_threatening", [False, True])
def test_a_hidden_needs_words_are_nowhere(town: Town, life_threatening: bool) -> None:
    fields = {"title": SECRET, "text": f"ask for {SECRET}", "category": "food.meals"}
    reference = town.need("ben", **fields, life_threatening=life_threatening)
    town.need("ada", title="Meals for Rosa", category="food.meals")
    town.do("ada", "add", kind="offer", fields={"title": "Meals", "category": "food.meals"})
    town.do("ada", "pledge", ref=reference, need=reference, quantity="2", unit="L")
    town.sync()
    town.do("ben", "receive", ref=reference, quantity="1", unit="L")
    town.do("hub", "hide", ref=reference, reason="personal_data")
    town.sync()
    without(town, reference)


def test_edited_words_of_a_hidden_need_stay_hidden(town: Town) -> None:
    reference = town.need("ben", title="Meals", category="food.meals")
    town.do("hub", "hide", ref=reference, reason="personal_data")
    town.sync()
    town.do("ben", "edit", ref=reference, fields={"text": SECRET})
    town.sync()
    without(town, reference)


@pytest.mark.parametrize("verb", ["pledge", "receive", "flag"])
def test_hidden_words_of_an_answer_are_nowhere(town: Town, verb: str) -> None:
    reference = town.need("ben", title="Meals", category="food.meals")
    said = {"ref": reference, "need": reference, "text": SECRET, "reason": "seems_done"}
    writer = "ben" if verb == "receive" else "ada"
    answer = town.do(writer, verb, **said)
    town.sync()
    town.do("hub", "hide", ref=answer["id"], reason="personal_data")
    town.sync()
    without(town, reference)


def test_a_lossless_copy_with_hidden_words_must_be_asked_for(town: Town) -> None:
    reference = town.need("ben", title=SECRET, category="food.meals")
    town.do("hub", "hide", ref=reference, reason="personal_data")
    town.sync()
    kept = town.do("hub", "export", format="jsonl")
    assert kept["left_out"] == {"personal_data": 1}
    assert SECRET not in base64.b64decode(kept["data"]).decode()
    whole = town.do("hub", "export", format="jsonl", private_words=True)
    assert whole["left_out"] == {}
    assert SECRET in base64.b64decode(whole["data"]).decode()
