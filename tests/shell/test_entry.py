"""Before and after a slip is saved: warnings, possible duplicates, what to do in an emergency, and
the claim code of whoever it is for."""

from __future__ import annotations

import pytest

from meshaid import entry
from meshaid.desk import Desk
from meshaid.errors import InvalidInput, NotFound
from tests.shell.desks import Town


@pytest.fixture
def town() -> Town:
    return Town()


# ---- checking
def test_checking_writes_nothing(town: Town) -> None:
    before = town.hub.replica.digest()
    told = town.do("hub", "check", kind="need", fields={"title": "Water", "quantity": 3})
    assert told == {"warnings": [], "duplicates": [], "emergency": None}
    assert town.hub.replica.digest() == before


def test_checking_names_all_that_does_not_fit(town: Town) -> None:
    with pytest.raises(InvalidInput) as error:
        entry.check(town.hub, "need", {"title": "x" * 81, "quantity": "x", "person": 1}, town.now)
    assert {*error.value.fields} >= {"title", "quantity"}
    with pytest.raises(InvalidInput, match="title"):
        entry.check(town.hub, "need", {}, town.now)


@pytest.mark.parametrize("field", ["title", "text", "area"])
def test_contacts_in_free_text_are_warned_of(town: Town, field: str) -> None:
    fields = {"title": "Water", field: "ask ada@example.org"}
    told = town.do("hub", "check", kind="need", fields=fields)
    assert [(w["code"], w["field"]) for w in told["warnings"]] == [("contact", field)]


def test_contacts_in_translations_are_warned_of(town: Town) -> None:
    fields = {"title": "Boil water", "texts": {"en": "all well", "es": "llame 600 123 456"}}
    told = town.do("hub", "check", kind="notice", fields=fields)
    assert [(w["code"], w["field"]) for w in told["warnings"]] == [("contact", "texts")]


def test_a_mistyped_unit_is_warned_of(town: Town) -> None:
    fields = {"title": "Water", "quantity": 3, "unit": "litr"}
    warnings = town.do("hub", "add", kind="need", fields=fields)["warnings"]
    assert [(w["code"], w["field"]) for w in warnings] == [("unit", "unit")]
    assert "L" in warnings[0]["words"]
    edited = town.do("hub", "edit", ref=town.need("hub"), fields={"unit": "litr"})
    assert [w["code"] for w in edited["warnings"]] == ["unit"]


def test_areas_with_commas_between_are_warned_of(town: Town) -> None:
    def warned(areas: object) -> list[str]:
        return [caution.field for caution in entry.cautions_of("hub", {"areas": areas})]

    assert warned("Centre, North") == ["areas"]
    assert warned("Centre; North, upper part") == warned("Centre") == warned(["A, B", "C"]) == []
    told = town.do("hub", "hub", fields={"title": "School", "areas": "Centre, North"})
    assert "North; South" in told["warnings"][0]["words"]
    assert told["areas"] == "Centre, North"


def test_what_may_be_told_twice_is_shown_before_it_is_saved(town: Town) -> None:
    need = town.need("hub", area="North", title="Drinking water for six")
    fields = {"title": "drinking water for six", "area": "North", "quantity": 40, "unit": "L"}
    told = town.do("hub", "check", kind="need", fields=fields)
    assert [each["record"]["id"] for each in told["duplicates"]] == [need]
    assert all(reason["words"] for reason in told["duplicates"][0]["reasons"])
    other = {"title": "A ladder", "area": "South"}
    assert town.do("hub", "check", kind="offer", fields=other)["duplicates"] == []


# ---- a life at risk
def test_what_the_own_hub_says_is_shown_at_once(town: Town) -> None:
    town.do("hub", "hub", fields={"title": "Cedar School", "emergency": "Ring the bell."})
    fields = {"title": "Chest pain", "life_threatening": True}
    told = town.do("hub", "check", kind="need", fields=fields)
    assert told["emergency"] == {"text": "Ring the bell.", "hub": "Cedar School"}
    calm = town.do("hub", "check", kind="need", fields={**fields, "life_threatening": False})
    assert calm["emergency"] is None
    offer = town.do("hub", "check", kind="offer", fields={"title": "Water"})
    assert offer["emergency"] is None


def test_a_household_sees_what_the_hub_of_its_area_says(town: Town) -> None:
    said = {"title": "Cedar School", "emergency": "Ring the bell.", "areas": "Cedar; Élan Quarter"}
    town.do("hub", "hub", fields=said)
    town.sync()
    for area in ("elan quarter", "", "elsewhere"):
        assert town.do("ben", "emergency", area=area)["text"] == "Ring the bell."


def test_without_a_word_of_any_hub_there_is_none(town: Town) -> None:
    assert town.do("ben", "emergency") == {"text": "", "hub": ""}
    town.do("hub", "hub", fields={"title": "Cedar School"})
    town.sync()
    fields = {"title": "Chest pain", "life_threatening": "yes"}
    assert town.do("ben", "check", kind="notice", fields=fields)["emergency"] == {
        "text": "",
        "hub": "",
    }


# ---- the hub's own page
def test_a_hub_makes_and_changes_its_page(town: Town) -> None:
    with pytest.raises(NotFound):
        town.do("hub", "hub")
    made = town.do("hub", "hub", fields={"title": "Cedar School", "letter": "C"})
    town.sync()
    changed = town.do("hub2", "hub", fields={"receiving": True})
    assert (changed["id"], changed["receiving"], changed["title"]) == (
        made["id"],
        True,
        "Cedar School",
    )
    town.sync()
    assert town.do("hub", "hub")["receiving"] is True
    assert town.do("hub", "add", kind="need", fields={"title": "Water"})["ref"].startswith("C")


def test_two_pages_that_devices_made_apart_become_one(town: Town) -> None:
    town.do("hub", "hub", fields={"title": "Cedar School", "letter": "C"})
    town.do("hub2", "hub", fields={"title": "Cedar", "letter": "C", "areas": "Cedar; Mill"})
    town.sync()
    assert town.do("ben", "board", kind="hub")["left_out"] == {"second_hub": 1}
    counting = town.do("ben", "board", kind="hub")["records"][0]
    told = town.do("hub", "hub", fields={"emergency": "Ring the bell."})
    assert (told["id"], told["title"]) == (counting["id"], counting["title"])
    assert (told["areas"], told["emergency"]) == ("Cedar; Mill", "Ring the bell.")
    again = town.do("hub", "hub", fields={"giving": True})
    assert again["rev"] == told["rev"] + 1
    assert town.everywhere(told["id"], "status", "areas") == ["open", "Cedar; Mill"]


def test_a_household_has_no_page(town: Town) -> None:
    with pytest.raises(InvalidInput, match="no hub"):
        town.do("ben", "hub", fields={"title": "Mine"})


# ---- claim codes
def test_a_hub_gives_a_claim_code_to_whoever_it_enters_a_slip_for(town: Town) -> None:
    fields = {"title": "Water", "on_behalf_of": "h07"}
    told = town.do("hub", "add", kind="need", fields=fields)
    assert told["claim_code"].isdecimal()
    assert len(told["claim_code"]) == 6
    shown = town.do("hub", "claim", ref=told["ref"], code=told["claim_code"], action="show")
    assert shown["id"] == told["id"]


@pytest.mark.parametrize(
    ("name", "kind", "fields", "claim", "given"),
    [
        ("hub", "need", {}, None, False),
        ("hub", "need", {}, True, True),
        ("hub", "offer", {"on_behalf_of": "h07"}, None, True),
        ("hub", "need", {"on_behalf_of": "h07"}, False, False),
        ("hub", "notice", {"on_behalf_of": "h07"}, None, False),
        ("ben", "need", {"on_behalf_of": "h07"}, None, False),
    ],
)
def test_who_gets_a_claim_code(
    town: Town, name: str, kind: str, fields: dict[str, str], claim: bool | None, given: bool
) -> None:
    told = town.do(name, "add", kind=kind, fields={"title": "Water", **fields}, claim=claim)
    assert ("claim_code" in told) is given


def test_a_slip_is_written_even_if_no_claim_code_can_be_drawn(town: Town) -> None:
    # A linked device that has met nobody yet does not know its member's sealing key.
    device = town.world.link("hub3", town.devices["hub"])
    desk = Desk(device.replica, random=device.dice)
    entered = entry.enter(desk, "need", {"title": "Water"}, town.now, claim=True)
    assert (entered.claim_code, [c.code for c in entered.warnings]) == ("", ["no_claim_code"])
    assert desk.board(town.now).record(entered.row.id) is not None
