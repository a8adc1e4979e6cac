"""Reading the board: pages of it, what they leave out, and one record with all that names it."""

from __future__ import annotations

import pytest

from meshaid import limits, lists
from meshaid.core.fields import Value
from meshaid.desk import making
from meshaid.errors import InvalidInput
from tests.shell.desks import HOUR, Town


@pytest.fixture
def town() -> Town:
    return Town()


def titles(told: dict[str, list[dict[str, str]]]) -> list[str]:
    return [row["title"] for row in told["records"]]


def test_a_page_tells_what_it_leaves_out_and_why(town: Town) -> None:
    closed, expired, hidden = town.need(), town.need(expires_at=town.now + HOUR), town.need("ada")
    kept = town.need(title="Tea")
    town.do("hub", "close", ref=closed, reason="received")
    town.do("hub", "hide", ref=hidden, reason="spam")
    town.now += 2 * HOUR
    told = town.do("hub", "board")
    assert [row["id"] for row in told["records"]] == [kept]
    assert (told["total"], told["more"]) == (1, 0)
    assert told["left_out"] == {"closed": 1, "expired": 1, "hidden": 1}
    everything = town.do("hub", "board", status="all", hidden=True)
    assert {row["id"] for row in everything["records"]} == {closed, expired, hidden, kept}


def test_a_short_list_is_whole_and_a_long_one_leaves_room_for_others(town: Town) -> None:
    for number in range(12):
        town.ben.add("need", {"title": f"n{number}", "urgency": "now"}, town.now)
    town.need("ada", title="Tea", urgency="week")
    assert len(town.do("hub", "board", limit=50)["records"]) == 13
    told = town.do("hub", "board", limit=12)
    assert len(told["records"]) == limits.SHOWN_PER_MEMBER + 1
    assert (told["total"], told["more"]) == (13, 13 - len(told["records"]))
    assert titles(told)[-1] == "Tea"
    own = town.do("ben", "board", limit=12)
    assert len(own["records"]) == 12


def test_an_area_that_nobody_here_names_may_be_misspelt(town: Town) -> None:
    town.hub.add("hub", {"title": "School", "letter": "C", "areas": "North; South"}, town.now)
    town.need(area="Mill")
    told = town.do("hub", "board", area="Nort")
    assert (told["records"], [w["field"] for w in told["warnings"]]) == ([], ["area"])
    assert "Did you mean North?" in told["warnings"][0]["words"]
    for area in ("north", "Mill", ""):
        assert town.do("hub", "board", area=area)["warnings"] == []
    assert town.do("hub", "board", area="MILL", kind="offer")["warnings"] == []


def test_own_records_alone(town: Town) -> None:
    town.need("hub", title="Tea")
    town.need("ben", title="Milk")
    assert titles(town.do("ben", "board", mine=True)) == ["Milk"]
    assert titles(town.do("hub2", "board", mine=True)) == ["Tea"]


def test_what_asks_something_of_this_member(town: Town) -> None:
    need = town.need("ada", title="Tea")
    town.need("ada", title="Milk")
    town.do("ben", "flag", ref=need, reason="seems_done")
    town.sync()
    assert titles(town.do("ada", "board", attention=True)) == ["Tea"]
    assert titles(town.do("ben", "board", attention=True)) == []


@pytest.mark.parametrize(
    ("title", "sought"),
    [
        ("Drinking water", "WATER drinking"),
        ("مياه للشرب", "مياه"),
        ("需要热饭", "热饭"),
        ("Nước uống", "nuoc"),
        ("Insulin, 2 vials", "insulin 2"),
    ],
)
def test_words_are_found_in_any_script(town: Town, title: str, sought: str) -> None:
    town.need("ada", title=title)
    town.need("ada", title="Blankets")
    assert titles(town.do("ben", "board", text=sought)) == [title]


@pytest.mark.parametrize("sought", ["!!!", "no such words", "water AND blankets", '"', "*"])
def test_words_that_stand_nowhere_find_nothing(town: Town, sought: str) -> None:
    town.need("ada", title="Water and blankets for NEAR OR NOT")
    assert town.do("ben", "board", text=sought)["total"] == (1 if "AND" in sought else 0)


def test_values_in_conflict_are_found_both(town: Town) -> None:
    need = town.need("hub")
    town.hub.edit(need, {"title": "Apples"}, town.now)
    town.hub2.edit(need, {"title": "Pears"}, town.now)
    town.sync()
    for sought in ("apples", "pears"):
        assert [r["id"] for r in town.do("ben", "board", text=sought)["records"]] == [need]


@pytest.mark.parametrize(
    "arguments",
    [
        {"limit": -1},
        {"limit": "5"},
        {"limit": True},
        {"sort": "sideways"},
        {"kind": "wish"},
        {"mine": "yes"},
        {"text": " ".join(["w"] * (limits.SEARCH_WORDS + 1))},
    ],
)
def test_questions_that_nobody_can_answer(town: Town, arguments: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        town.do("hub", "board", **arguments)


# ---- one record
def test_a_record_is_shown_with_all_that_names_it(town: Town) -> None:
    need = town.need("hub")
    pledge = town.do("ben", "pledge", need=need, quantity=5)["id"]
    town.sync()
    receipt = town.do("hub", "accept", ref=pledge)["id"]
    flag = town.do("ada", "flag", ref=need, reason="seems_done")["id"]
    town.sync()
    for name in town.desks:
        shown = lists.look(town.desks[name], need, town.now)
        assert [row.id for row in shown.related] == [pledge, receipt, flag]
        assert town.row(name, need)["related"] == [row.as_json() for row in shown.related]
    assert [row["id"] for row in town.row("ben", pledge)["related"]] == [receipt]


def test_a_flood_of_answers_leaves_those_of_others_in_sight(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer has its bounds, so two members with 20,000 promises each must not fill it."""
    monkeypatch.setattr(limits, "RELATED_LISTED", 12)
    need = town.need("hub")
    flood = {"need": need, "quantity": 1_000, "unit": "L"}
    for _ in range(20):
        town.ben.write_record("pledge", flood, town.now)
    later = town.ada.write_record("pledge", flood, town.now + 1).id
    mine = [town.hub.write_record("receipt", {"need": need, "result": "accepted"}, town.now).id]
    town.sync()
    told = town.row("hub", need)
    assert {later, *mine} <= {row["id"] for row in told["related"]}
    assert len(told["related"]) == limits.SHOWN_PER_MEMBER + 2
    assert told["related_more"] == 22 - len(told["related"])


def test_needs_that_were_told_in_one_go_lead_to_each_other(town: Town) -> None:
    first, second = (town.need("hub", slip="s1"), town.need("hub", slip="s1"))
    for other in (town.need("hub", slip="s2"), town.need("ada", slip="s1")):
        town.sync()
        assert town.row("ben", other)["told_with"] == []
    assert [row["id"] for row in town.row("ben", first)["told_with"]] == [second]
    assert [row["id"] for row in town.row("hub", second)["told_with"]] == [first]


def test_who_wrote_what_cannot_be_read_is_told_of_it(town: Town) -> None:
    """Nobody sees such a record; its author alone can do something about it."""
    name = town.ada.new_id()
    fields: dict[str, Value] = {"kind": "need", "created_at": town.now, "title": "x" * 81}
    town.ada.replica.write(making(name, fields))
    town.sync()
    (warning,) = town.do("ada", "board", mine=True)["warnings"]
    assert warning["code"] == "unreadable"
    assert name in warning["words"]
    assert "title" in warning["words"]
    assert town.do("ben", "board", mine=True)["warnings"] == []
    assert town.do("ben", "board")["left_out"]["unreadable"] == 1


def test_a_record_tells_that_a_contact_is_sealed_there(town: Town) -> None:
    need = town.need("hub")
    assert town.row("ben", need)["contact"] is False
    town.do("hub", "contact-add", ref=need, text="at No. 7", to=["stewards"])
    town.sync()
    told = town.row("ben", need)
    assert told["contact"] is True
    assert "No. 7" not in repr(told)
