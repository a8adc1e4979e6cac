"""A desk: own records and nobody else's, their terms, and a board that is laid out once."""

from __future__ import annotations

import pytest

from meshaid.core import ids
from meshaid.errors import InvalidInput, NotFound
from tests.shell.desks import HOUR, Town


@pytest.fixture
def town() -> Town:
    return Town()


def test_only_the_author_changes_a_record(town: Town) -> None:
    need = town.need("ada")
    for verb, arguments in (
        ("edit", {"fields": {"title": "Mine"}}),
        ("close", {"reason": "mistake"}),
        ("pause", {}),
        ("reopen", {}),
    ):
        with pytest.raises(InvalidInput, match="another member's record"):
            town.do("ben", verb, ref=need, **arguments)
    assert town.everywhere(need, "title", "status") == ["Water", "open"]


@pytest.mark.parametrize("verb", ["add", "check"])
def test_what_does_not_fit_and_what_is_missing_is_named_at_once(town: Town, verb: str) -> None:
    fields = {"quantity": "lots", "per_pack": 9, "colour": "red"}
    with pytest.raises(InvalidInput) as caught:
        town.do("hub", verb, kind="need", fields=fields)
    assert caught.value.fields.keys() == {"quantity", "colour", "per_unit", "title"}
    assert town.do("hub", "board")["records"] == []


def test_an_edit_names_all_that_does_not_fit(town: Town) -> None:
    need = town.need("ben")
    with pytest.raises(InvalidInput) as error:
        town.ben.edit(need, {"quantity": "x", "urgency": "soon", "people": 0}, town.now)
    assert {*error.value.fields} == {"quantity", "urgency", "people"}


# ---- the life of a record
def test_pausing_and_opening_again(town: Town) -> None:
    need = town.need("ben")
    assert town.do("ben", "pause", ref=need)["status"] == "paused"
    assert town.everywhere(need, "status") == ["paused"]
    assert town.do("ben", "reopen", ref=need)["status"] == "open"


def test_reopening_clears_how_it_was_closed_and_gives_a_whole_new_term(town: Town) -> None:
    stays, need = town.need("ben"), town.need("ben")
    town.do("ben", "close", ref=need, reason="duplicate", duplicate_of=stays)
    town.now += 50 * HOUR
    told = town.do("ben", "reopen", ref=need)
    assert (told["status"], told["closed_reason"]) == ("open", None)
    assert "duplicate_of" not in told
    assert told["expires_at"] == town.now + 72 * HOUR


def test_opening_what_is_open_says_that_it_is_still_true(town: Town) -> None:
    need = town.need("ben")
    town.now += 71 * HOUR
    assert "still_true" in town.row("ben", need)["marks"]
    town.do("ben", "reopen", ref=need)
    assert "still_true" not in town.everywhere(need, "marks")[0]
    town.now += 70 * HOUR
    assert town.everywhere(need, "status") == ["open"]


def test_a_longer_term_is_not_shortened(town: Town) -> None:
    end = town.now + 500 * HOUR
    need = town.need("ben", expires_at=end)
    assert town.do("ben", "reopen", ref=need)["expires_at"] == end


def test_closing_a_notice_withdraws_it_and_opening_gives_it_a_new_term(town: Town) -> None:
    notice = town.hub.add("notice", {"title": "Boil water", "certainty": "confirmed"}, town.now).id
    assert town.everywhere(notice, "status") == ["confirmed"]
    town.do("hub", "close", ref=notice, reason="mistake")
    assert town.everywhere(notice, "status") == ["withdrawn"]
    town.now += 60 * HOUR
    town.do("hub", "reopen", ref=notice)
    assert town.everywhere(notice, "status", "expires_at") == [
        "unconfirmed",
        town.now + 48 * HOUR,
    ]


def test_a_field_names_another_record_by_its_spoken_code(town: Town) -> None:
    old = town.hub.add("notice", {"title": "Bridge closed"}, town.now)
    code = town.row("hub", old.id)["ref"]
    fresh = {"title": "Bridge open", "supersedes": f"{code[0]} {code[1:4]} {code[4:]}".lower()}
    assert town.do("hub", "check", kind="notice", fields=fresh)["warnings"] == []
    new = town.do("hub", "add", kind="notice", fields=fresh)["id"]
    assert town.everywhere(new, "supersedes") == [old.id]
    assert town.everywhere(old.id, "status") == ["superseded"]
    for wrong in (f"{code[:-1]}{(int(code[-1]) + 1) % 10}", "zzzz"):
        with pytest.raises(InvalidInput) as caught:
            town.do("hub", "edit", ref=new, fields={"supersedes": wrong})
        assert caught.value.fields.keys() == {"supersedes"}
    unheard_of = f"{'a' * 52}/{'b' * 16}"
    town.do("hub", "edit", ref=new, fields={"supersedes": unheard_of})
    assert town.everywhere(old.id, "status") == ["unconfirmed"]


@pytest.mark.parametrize("verb", ["pause", "reopen"])
def test_a_pledge_is_neither_paused_nor_reopened(town: Town, verb: str) -> None:
    pledge = town.do("ben", "pledge", need=town.need())["id"]
    with pytest.raises(InvalidInput, match="a pledge is not"):
        town.do("ben", verb, ref=pledge)


def test_a_notice_is_not_paused(town: Town) -> None:
    notice = town.hub.add("notice", {"title": "Boil water"}, town.now).id
    with pytest.raises(InvalidInput, match="a notice is not paused"):
        town.do("hub", "pause", ref=notice)


# ---- two devices of one member
def test_two_answers_are_shown_until_somebody_picks(town: Town) -> None:
    need = town.need("hub")
    town.hub.edit(need, {"quantity": 50, "title": "Drinking water"}, town.now)
    town.hub2.edit(need, {"quantity": 60}, town.now)
    (conflicts,) = town.everywhere(need, "conflicts")
    assert sorted(conflicts["quantity"]) == ["50", "60"]
    assert [*conflicts] == ["quantity"]
    assert "two_answers" in town.row("ada", need)["marks"]
    winner = town.row("hub", need)["quantity"]
    town.hub.edit(need, {"quantity": winner}, town.now)
    assert town.everywhere(need, "conflicts", "quantity") == [{}, winner]


# ---- names of records
def test_a_whole_reference_may_be_of_a_record_that_is_not_here_yet(town: Town) -> None:
    unknown = f"{town.ada.member}/{ids.record_id(bytes(10))}"
    assert town.ben.find_reference(f" {unknown.upper()} ", town.now) == unknown
    for text in ("", "zzzzzz", unknown[:-1], unknown.partition("/")[2]):
        with pytest.raises(NotFound):
            town.ben.find_reference(text, town.now)


# ---- the board, laid out once
def test_the_board_is_the_same_until_something_changes(town: Town) -> None:
    need = town.need("ben")
    board = town.ada.board(town.now)
    assert town.ada.board(town.now) is board
    assert town.ada.board(town.now + 1) is not board
    board = town.ada.board(town.now)
    town.ben.edit(need, {"quantity": 5}, town.now)
    assert town.ada.board(town.now) is board
    town.sync()
    again = town.ada.board(town.now)
    assert again is not board
    assert again.row(again.find(need)).as_json()["quantity"] == "5"


def test_an_own_word_is_on_the_board_at_once(town: Town) -> None:
    before = town.ben.board(town.now)
    need = town.ben.add("need", {"title": "Water"}, town.now).id
    assert before.record(need) is None
    assert town.ben.board(town.now).record(need) is not None
