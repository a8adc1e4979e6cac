"""Flags: one a member, target and reason; hiding is a steward's, and can be undone."""

from __future__ import annotations

import pytest

from meshaid import flagging, limits
from meshaid.cautions import Said
from meshaid.core import ids
from meshaid.errors import InvalidInput, NotFound, RefusedByTrust
from tests.shell.desks import Town


@pytest.fixture
def town() -> Town:
    return Town()


def codes(said: Said) -> list[str]:
    return [caution.code for caution in said.warnings]


def test_a_flag_asks_the_author(town: Town) -> None:
    need = town.need("ada")
    said = flagging.flag(town.ben, need, "seems_done", town.now, text="the tap runs again")
    assert said.row.as_json()["target"] == need
    assert said.about is not None
    assert "seems_done" in said.about.marks
    assert "seems_done" in town.everywhere(need, "marks")[0]


def test_the_same_flag_again_is_the_same_flag(town: Town) -> None:
    need = town.need("ada")
    made = {flagging.flag(town.hub, need, "spam", town.now).row.id}
    town.sync()
    made.add(flagging.flag(town.hub2, need, "spam", town.now, text="again").row.id)
    assert len(made) == 1
    made.add(flagging.flag(town.hub, need, "abuse", town.now).row.id)
    assert len(made) == 2


def test_a_flag_that_was_taken_back_is_opened_again(town: Town) -> None:
    need = town.need("ada")
    flag = flagging.flag(town.ben, need, "seems_done", town.now).row.id
    town.do("ben", "edit", ref=flag, fields={"state": "withdrawn"})
    assert "seems_done" not in town.everywhere(need, "marks")[0]
    assert flagging.flag(town.ben, need, "seems_done", town.now).row.id == flag
    assert "seems_done" in town.everywhere(need, "marks")[0]


def test_a_flag_on_an_own_record_is_shown_and_does_not_count(town: Town) -> None:
    need = town.need("hub")
    said = flagging.flag(town.hub, need, "personal_data", town.now)
    assert codes(said) == ["own_record"]
    assert "not_counted" in said.row.marks
    assert town.everywhere(need, "hidden") == [""]


def test_a_duplicate_names_the_record_that_stays(town: Town) -> None:
    stays, copy = town.need("ada"), town.need("ada")
    ref = town.row("ben", stays)["ref"]
    said = flagging.flag(town.ben, copy, "duplicate", town.now, other=ref)
    assert said.row.as_json()["other"] == stays
    assert "same_as" in town.everywhere(stays, "marks")[0]


@pytest.mark.parametrize(
    ("reason", "other", "named"),
    [
        ("duplicate", "", "other"),
        ("spam", "{need}", "other"),
        ("duplicate", "{need}", "other"),
        ("confirms", "", "reason"),
        ("boring", "", "reason"),
    ],
)
def test_flags_that_say_nothing(town: Town, reason: str, other: str, named: str) -> None:
    need = town.need("ada")
    with pytest.raises(InvalidInput) as error:
        flagging.flag(town.ben, need, reason, town.now, other=other.format(need=need))
    assert [*error.value.fields] == [named]
    assert not [*town.ben.records(town.ben.replica.identity.member)]


def test_a_target_that_is_not_here_yet(town: Town) -> None:
    unknown = f"{town.hub.member}/{ids.record_id(bytes(10))}"
    said = flagging.flag(town.ben, unknown, "spam", town.now)
    assert (said.about, codes(said)) == (None, ["not_here_yet"])


def test_of_too_many_flags_the_member_is_told(town: Town) -> None:
    needs = [
        town.hub.add("need", {"title": str(n)}, town.now).id
        for n in range(limits.FLAGS_PER_MEMBER + 1)
    ]
    town.sync()
    said = [flagging.flag(town.ben, need, "spam", town.now) for need in needs]
    assert [codes(each) for each in said] == [[]] * limits.FLAGS_PER_MEMBER + [["too_many"]]


# ---- hiding
@pytest.mark.parametrize("reason", ["spam", "abuse", "unsafe"])
def test_a_steward_hides_and_shows_again(town: Town, reason: str) -> None:
    need = town.need("ada")
    said = flagging.hide(town.hub, need, reason, town.now)
    assert said.about is not None
    assert said.about.hidden == "collapsed"
    assert town.everywhere(need, "hidden", "title") == ["collapsed", "Water"]
    assert town.do("ben", "board")["left_out"] == {"hidden": 1}
    assert [r["id"] for r in town.do("ben", "board", hidden=True)["records"]] == [need]
    flagging.unhide(town.hub2, need, town.now)
    assert town.everywhere(need, "hidden") == [""]
    assert town.do("ben", "board")["total"] == 1


def test_words_that_tell_of_a_person_are_taken_away(town: Town) -> None:
    need = town.need("ada", text="ask for Zebulon")
    flagging.hide(town.hub, need, "personal_data", town.now)
    assert town.everywhere(need, "hidden", "title", "text") == ["personal_data", None, None]
    for name in town.desks:
        assert "Zebulon" not in repr(town.do(name, "show", ref=need))
        assert town.do(name, "board", text="zebulon")["total"] == 0
    flagging.unhide(town.hub, need, town.now)
    assert town.everywhere(need, "text") == ["ask for Zebulon"]


def test_only_stewards_hide(town: Town) -> None:
    need = town.need("ada")
    for verb, arguments in (("hide", {"reason": "spam"}), ("unhide", {})):
        with pytest.raises(RefusedByTrust, match="steward"):
            town.do("ben", verb, ref=need, **arguments)
    assert town.everywhere(need, "hidden") == [""]


def test_a_steward_hides_for_four_reasons_only(town: Town) -> None:
    with pytest.raises(InvalidInput) as error:
        flagging.hide(town.hub, town.need("ada"), "seems_done", town.now)
    assert [*error.value.fields] == ["reason"]


def test_only_own_flags_are_taken_back(town: Town) -> None:
    need = town.need("ada")
    flagging.flag(town.ben, need, "spam", town.now)
    town.sync()
    with pytest.raises(NotFound):
        flagging.unhide(town.hub, need, town.now)


def test_it_stays_hidden_while_others_flag_it() -> None:
    town = Town("cem", "dov")
    need = town.need("ada")
    for name in ("ben", "cem", "dov"):
        flagging.flag(town.desks[name], need, "spam", town.now)
    town.sync()
    assert town.everywhere(need, "hidden") == ["collapsed"]
    flagging.hide(town.hub, need, "spam", town.now)
    assert codes(flagging.unhide(town.hub, need, town.now)) == ["still_hidden"]
