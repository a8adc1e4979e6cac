"""A member against the board: floods that must stay cheap, words that must stay hidden."""

from __future__ import annotations

import json

import pytest

from meshaid.core import duplicates, match_index
from meshaid.core.board import Board
from meshaid.core.duplicates import DuplicateIndex
from meshaid.core.fields import Value
from meshaid.core.match_index import MatchIndex
from meshaid.core.records import Record
from meshaid.core.relations import Relations
from meshaid.core.rows import Author
from tests.core.boards import NOW, board, member_id, record, reference

SECRET = "Rosa 5550123"
MEMBERS = {member_id(name): Author(name) for name in ("ada", "ben")}
WATER: dict[str, Value] = {
    "title": "Water",
    "category": "water.drinking",
    "quantity": 40_000,
    "unit": "L",
}


class Counted:
    """Counts the calls of a function that stands for the work done."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, owner: object, name: str) -> None:
        self.calls = 0
        real = getattr(owner, name)

        def counting(*arguments: object, **named: object) -> object:
            self.calls += 1
            return real(*arguments, **named)

        monkeypatch.setattr(owner, name, counting)


# ---- floods
def test_ten_thousand_receipts_on_one_need_are_told_in_linear_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    need = record("ada", "need", "need", **WATER)
    receipts = [
        record("ada", f"r{n}", "receipt", need=need.reference, result="received", quantity=1)
        for n in range(300)
    ]
    shown = board(need, *receipts)
    compared = Counted(monkeypatch, Record, "__eq__")
    assert len(shown.related(need)) == len(receipts)
    assert compared.calls < 10 * len(receipts)


def test_a_flood_of_needs_and_offers_is_matched_in_bounded_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each need weighs at most so many offers, and so many needs come to that: 3 microseconds
    each, while nothing else moves on this device."""
    needs = [record("ada", f"n{n}", "need", area="Hill", **WATER) for n in range(1_000)]
    offers = [record("ben", f"o{n}", "offer", area="Hill", **WATER) for n in range(1_000)]
    index = MatchIndex([*needs, *offers], members=MEMBERS, now=NOW)
    weighed = Counted(monkeypatch, match_index, "_fit")
    assert len(index.first(200)) >= 200
    assert weighed.calls <= 200_000


def test_a_flood_of_needs_leaves_others_in_the_list() -> None:
    """Of needs that come equally early those that fit best come first: a thousand small ones of
    one member would fill the list."""
    flood = [record("ada", f"n{n}", "need", area="Hill", **WATER) for n in range(500)]
    large = record("cyd", "large", "need", area="Hill", **{**WATER, "quantity": 400_000})
    offers = [record("ben", f"o{n}", "offer", area="Hill", **WATER) for n in range(20)]
    members = {**MEMBERS, member_id("cyd"): Author("cyd")}
    index = MatchIndex([*flood, large, *offers], members=members, now=NOW)
    assert large.reference in {match.need for match in index.first(200)[:200]}


def test_a_chain_of_duplicates_is_followed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever closes each of its needs as a duplicate of the next makes one change cost all."""
    count = 200
    ring = [
        record(
            "ada", f"n{n}", "need", **WATER, status="closed", closed_reason="duplicate",
            duplicate_of=reference("ada", f"n{(n + 1) % count}"),
        )
        for n in range(count)
    ]  # fmt: skip
    index = MatchIndex(ring, members=MEMBERS, now=NOW)
    asked = Counted(monkeypatch, Relations, "get")
    looked = Counted(monkeypatch, Relations, "_shown")
    index.advance({ring[0].reference: ring[0]}, members=MEMBERS, now=NOW)
    assert asked.calls + looked.calls <= 20 * count


@pytest.mark.parametrize("flooder", ["ada", "ben"])
def test_records_without_area_are_not_compared_with_everything(
    flooder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = "ben" if flooder == "ada" else "ada"
    here = [record(flooder, f"a{n}", "need", area=f"Street {n}", **WATER) for n in range(400)]
    nowhere = [record(other, f"b{n}", "need", **WATER) for n in range(400)]
    index = DuplicateIndex([*here, *nowhere])
    compared = Counted(monkeypatch, duplicates, "reasons_between")
    duplicates.pairs(index, lambda _: True, lambda *_: False)
    assert compared.calls <= 2 * 800 * 101


# ---- words that tell of a person
def hidden_need(**fields: str) -> tuple[Board, Record]:
    """A need whose words two members hide."""
    need = record("ada", "need", "need", **{"category": "food.meals", **fields})
    flags = [
        record(member, f"flag {member}", "flag", target=need.reference, reason="personal_data")
        for member in ("ben", "cyd")
    ]
    return board(need, *flags, cyd=Author("cyd")), need


@pytest.mark.parametrize(
    "name",
    ["title", "text", "ext_code", "area", "on_behalf_of", "entered_by", "unit", "slip", "per_unit"],
)
def test_hidden_words_are_in_no_field(name: str) -> None:
    """Whoever writes a name and number into another field is hidden there, too."""
    shown, need = hidden_need(**{name: SECRET[:12]})
    row = shown.row(need)
    assert row.hidden == "personal_data"
    assert SECRET[:12] not in json.dumps(row.as_json())


def test_who_answers_a_hidden_need_does_not_tell_its_words() -> None:
    shown, need = hidden_need(title=SECRET, area=SECRET)
    pledge = record("ben", "pledge", "pledge", need=need.reference)
    again = board(*shown._records.values(), pledge, cyd=Author("cyd"))
    assert SECRET not in json.dumps(again.row(pledge).as_json())


def test_two_strangers_do_not_bring_back_what_was_collapsed() -> None:
    """Flags against words add to those against the record; they do not take their place."""
    spam = record("ada", "spam", "need", title="Buy now")
    flags = [record("hub", "steward", "flag", target=spam.reference, reason="spam")]
    hub, cyd = Author("hub", "hub", steward=True), Author("cyd")
    assert board(spam, *flags, hub=hub, cyd=cyd).rows() == []
    flags += [
        record(member, f"flag {member}", "flag", target=spam.reference, reason="personal_data")
        for member in ("ben", "cyd")
    ]
    shown = board(spam, *flags, hub=hub, cyd=cyd)
    assert shown.rows() == []
    assert shown.left_out() == {"hidden": 1}
