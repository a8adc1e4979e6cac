"""Receipts: who may say that something came, how much, and what a later word changes."""

from __future__ import annotations

import pytest

from meshaid import promises, receipts
from meshaid.cautions import Said
from meshaid.core import ids
from meshaid.errors import Ambiguous, InvalidInput, NotFound
from tests.shell.desks import Town


@pytest.fixture
def town() -> Town:
    return Town()


def codes(said: Said) -> list[str]:
    return [caution.code for caution in said.warnings]


def pledged(town: Town, need: str, name: str = "ben", **said: object) -> str:
    """A pledge that everybody knows."""
    made = promises.pledge(town.desks[name], need, town.now, **said)  # type: ignore[arg-type]
    town.sync()
    return made.row.id


# ---- what came
def test_what_came_by_a_pledge_is_what_it_promised(town: Town) -> None:
    need = town.need()
    pledge = pledged(town, need, quantity=15)
    told = receipts.receive(town.hub, pledge, town.now).as_json()
    assert (told["quantity"], told["unit"], told["result"]) == ("15", "L", "received")
    assert (told["pledge"], told["need"], told["received_at"]) == (pledge, need, town.now)
    assert told["warnings"] == []
    assert town.everywhere(need, "status", "received", "promised") == ["part-received", "15", "0"]


def test_less_than_was_promised_settles_the_pledge(town: Town) -> None:
    need = town.need()
    pledge = pledged(town, need)
    receipts.receive(town.hub, pledge, town.now, quantity=30)
    assert town.everywhere(need, "received", "promised", "still_open") == ["30", "0", "10"]


def test_with_more_coming_the_rest_stays_promised(town: Town) -> None:
    need = town.need()
    pledge = pledged(town, need)
    receipts.receive(town.hub, pledge, town.now, quantity=30, more_coming=True)
    assert town.everywhere(need, "received", "promised") == ["30", "10"]
    receipts.receive(town.hub, pledge, town.now)
    assert town.everywhere(need, "received", "promised", "status") == ["40", "0", "received"]


def test_what_came_in_other_units_is_converted(town: Town) -> None:
    need = town.need()
    pledge = pledged(town, need)
    receipts.receive(town.hub, pledge, town.now, quantity=2, unit="gal_us", more_coming=True)
    assert town.everywhere(need, "received", "promised") == ["7.57", "32.429"]


def test_a_unit_that_converts_to_nothing_is_told(town: Town) -> None:
    need = town.need(unit="piece")
    said = receipts.receive(town.hub, need, town.now, quantity=2, unit="L")
    assert codes(said) == ["uncounted"]
    assert codes(receipts.receive(town.hub, need, town.now, quantity=1, unit="dozen")) == []
    offer = town.ben.add(
        "offer",
        {"title": "Eggs", "quantity": 9, "unit": "box", "per_pack": 6, "per_unit": "piece"},
        town.now,
    )
    pledge = pledged(town, need, offer=offer.id, quantity=3, unit="box")
    assert codes(receipts.receive(town.hub, pledge, town.now, quantity=2)) == []
    other = receipts.receive(town.ada, need, town.now, quantity=2, unit="L")
    assert "does_not_count" in codes(other)
    assert "uncounted" not in codes(other)


def test_a_second_receipt_of_everything_needs_an_amount(town: Town) -> None:
    need = town.need()
    pledge = pledged(town, need)
    receipts.receive(town.hub, pledge, town.now)
    with pytest.raises(InvalidInput, match="received before") as error:
        receipts.receive(town.hub, pledge, town.now)
    assert [*error.value.fields] == ["quantity"]
    receipts.receive(town.hub, pledge, town.now, quantity=2)
    assert town.everywhere(need, "received", "over") == ["42", "2"]


def test_what_came_by_a_pledge_that_was_given_up(town: Town) -> None:
    need = town.need()
    pledge = pledged(town, need, quantity=15)
    town.do("ben", "failed", ref=pledge)
    town.sync()
    assert receipts.receive(town.hub, pledge, town.now).row.as_json()["quantity"] == "15"
    assert town.everywhere(need, "received") == ["15"]


# ---- a need that is named
def test_a_need_stands_for_its_one_live_pledge(town: Town) -> None:
    need = town.need()
    pledge = pledged(town, need, quantity=15)
    given_up = pledged(town, need, "ada", quantity=5)
    town.do("ada", "withdraw", ref=given_up)
    town.sync()
    assert receipts.receive(town.hub, need, town.now).row.as_json()["pledge"] == pledge
    assert town.everywhere(need, "received") == ["15"]


def test_a_need_with_several_live_pledges_stands_for_none_of_them(town: Town) -> None:
    need = town.need()
    made = [pledged(town, need, name, quantity=5) for name in ("ben", "ada")]
    for verb in ("receive", "accept", "decline", "not-received"):
        with pytest.raises(Ambiguous) as error:
            town.do("hub", verb, ref=need)
        assert sorted(error.value.matches) == sorted(made)
        assert sorted(error.value.words) == ["ada, 5 L, offered", "ben, 5 L, offered"]


def test_a_need_with_an_amount_came_without_a_pledge(town: Town) -> None:
    need = town.need()
    pledged(town, need, quantity=15)
    said = receipts.receive(town.hub, need, town.now, quantity=10)
    assert "pledge" not in said.row.record.fields
    assert codes(said) == ["still_promised"]
    assert town.everywhere(need, "received", "promised") == ["10", "15"]


def test_a_need_that_nobody_pledged_for_came_whole(town: Town) -> None:
    need = town.need()
    receipts.receive(town.hub, need, town.now, quantity=10)
    assert receipts.receive(town.hub, need, town.now).row.as_json()["quantity"] == "30"
    assert town.everywhere(need, "status") == ["received"]
    with pytest.raises(InvalidInput, match="received before"):
        receipts.receive(town.hub, need, town.now, whole=True)


def test_a_part_of_which_nobody_can_say_how_much(town: Town) -> None:
    need = town.need()
    receipts.receive(town.hub, need, town.now, whole=False)
    assert town.everywhere(need, "status", "received") == ["part-received", "0"]


def test_a_need_without_an_amount(town: Town) -> None:
    need = town.need(quantity=None, unit=None)
    receipts.receive(town.hub, need, town.now, whole=False)
    assert town.everywhere(need, "status") == ["part-received"]
    receipts.receive(town.hub, need, town.now)
    assert town.everywhere(need, "status") == ["received"]


@pytest.mark.parametrize("verb", ["pause", "close"])
def test_what_comes_after_the_need_has_ended_is_written(town: Town, verb: str) -> None:
    need = town.need()
    pledge = pledged(town, need)
    town.do("hub", verb, ref=need, **({"reason": "mistake"} if verb == "close" else {}))
    receipts.receive(town.hub, pledge, town.now)
    assert town.everywhere(need, "received") == ["40"]


def test_a_need_that_is_not_here_yet(town: Town) -> None:
    unknown = f"{town.hub.member}/{ids.record_id(bytes(10))}"
    said = receipts.receive(town.hub, unknown, town.now, quantity=3, unit="L")
    assert (said.about, said.row.record.text("need")) == (None, unknown)


# ---- whose word counts
def test_only_the_word_of_who_asked_counts(town: Town) -> None:
    need = town.need("ada")
    pledge = pledged(town, need)
    of_pledger = receipts.receive(town.ben, pledge, town.now)
    assert codes(of_pledger) == ["does_not_count"]
    assert "handed-over" in of_pledger.warnings[0].words
    of_driver = receipts.receive(town.hub, pledge, town.now)
    assert codes(of_driver) == ["does_not_count"]
    assert "ask it" in of_driver.warnings[0].words
    assert town.everywhere(need, "status", "received", "promised") == ["pledged", "0", "40"]
    assert "says_handed_over" in town.everywhere(of_driver.row.id, "marks")[0]


@pytest.mark.parametrize("verb", ["accept", "decline", "not-received"])
def test_nobody_else_answers_a_pledge(town: Town, verb: str) -> None:
    need = town.need("ada")
    pledge = pledged(town, need)
    for name in ("ben", "hub"):
        with pytest.raises(InvalidInput, match="only the household or hub that asked"):
            town.do(name, verb, ref=pledge)
    assert not [*town.hub.records(town.hub.replica.identity.member)]


def test_either_device_of_a_hub_may_answer(town: Town) -> None:
    need = town.need("hub")
    pledge = pledged(town, need)
    first = town.do("hub2", "accept", ref=need)
    town.sync()
    second = town.do("hub", "decline", ref=pledge)
    assert first["id"] == second["id"]
    assert town.everywhere(need, "status") == ["open"]


def test_the_owner_of_the_slip_that_stays_answers_for_its_duplicates(town: Town) -> None:
    stays, copy = town.need("hub"), town.need("ada")
    pledge = pledged(town, copy, quantity=15)
    town.do("ada", "close", ref=copy, reason="duplicate", duplicate_of=stays)
    town.sync()
    with pytest.raises(InvalidInput, match="only the household or hub that asked"):
        town.do("ada", "accept", ref=pledge)
    told = receipts.receive(town.hub, pledge, town.now).as_json()
    assert (told["need"], told["about"]["id"], told["warnings"]) == (stays, stays, [])
    assert town.everywhere(stays, "received", "promised") == ["15", "0"]
    town.do("ada", "reopen", ref=copy)
    assert town.everywhere(stays, "received") == ["15"]


# ---- answers
def test_one_answer_a_pledge(town: Town) -> None:
    need = town.need()
    pledge = pledged(town, need)
    made = {receipts.answer(town.hub, pledge, "accepted", town.now).row.id}
    assert town.everywhere(need, "promised") == ["40"]
    made.add(receipts.answer(town.hub, pledge, "declined", town.now, text="too late").row.id)
    assert town.everywhere(need, "promised") == ["0"]
    made.add(receipts.answer(town.hub, need, "accepted", town.now).row.id)
    assert town.everywhere(need, "promised") == ["40"]
    assert len(made) == 1


def test_an_accepted_pledge_is_never_stale(town: Town) -> None:
    need = town.need()
    pledge = pledged(town, need)
    receipts.answer(town.hub, pledge, "accepted", town.now)
    town.now += 30 * 3600
    assert town.everywhere(need, "promised", "stale_pledges") == ["40", []]


def test_what_was_not_received_is_open_again(town: Town) -> None:
    need = town.need()
    pledge = pledged(town, need)
    receipts.answer(town.hub, pledge, "not_received", town.now)
    assert town.everywhere(need, "status", "promised") == ["open", "0"]
    receipts.receive(town.hub, pledge, town.now, quantity=12)
    assert town.everywhere(need, "received", "promised") == ["12", "0"]


def test_after_a_denial_more_may_come_all_the_same(town: Town) -> None:
    need = town.need()
    pledge = pledged(town, need)
    receipts.answer(town.hub, pledge, "declined", town.now)
    receipts.receive(town.hub, pledge, town.now, quantity=10, more_coming=True)
    assert town.everywhere(need, "received", "promised") == ["10", "30"]


def test_a_receipt_by_mistake_is_taken_back(town: Town) -> None:
    need = town.need()
    pledge = pledged(town, need)
    receipt = receipts.receive(town.hub, pledge, town.now, condition="good").row.id
    for result in ("accepted", "declined"):
        with pytest.raises(InvalidInput, match="not-received"):
            receipts.answer(town.hub, pledge, result, town.now)
    said = receipts.answer(town.hub, pledge, "not_received", town.now)
    assert said.row.id == receipt
    assert not {"quantity", "unit", "condition", "received_at"} & said.row.record.fields.keys()
    assert town.everywhere(need, "status", "received") == ["open", "0"]


def test_which_of_several_receipts_was_wrong_cannot_be_guessed(town: Town) -> None:
    need = town.need()
    pledge = pledged(town, need)
    made = [
        receipts.receive(town.hub, pledge, town.now, quantity=n, more_coming=True).row.id
        for n in (10, 12)
    ]
    with pytest.raises(Ambiguous) as error:
        receipts.answer(town.hub, pledge, "not_received", town.now)
    assert sorted(error.value.matches) == sorted(made)
    town.do("hub", "edit", ref=made[0], fields={"result": "not_received"})
    assert town.everywhere(need, "received") == ["12"]


def test_the_rest_of_a_part_may_be_declined(town: Town) -> None:
    need = town.need()
    pledge = pledged(town, need)
    receipts.receive(town.hub, pledge, town.now, quantity=10, more_coming=True)
    receipts.answer(town.hub, pledge, "declined", town.now)
    assert town.everywhere(need, "received", "promised") == ["10", "0"]


def test_two_denials_of_devices_apart_are_taken_back_together(town: Town) -> None:
    need = town.need()
    pledge = pledged(town, need)
    receipts.answer(town.hub, pledge, "accepted", town.now)
    town.sync()
    receipts.answer(town.hub, pledge, "declined", town.now)
    receipts.answer(town.hub2, pledge, "not_received", town.now)
    town.desks["hub2"].add(
        "receipt", {"need": need, "pledge": pledge, "result": "declined"}, town.now
    )
    assert town.everywhere(need, "promised") == ["0"]
    receipts.answer(town.hub, pledge, "accepted", town.now)
    assert town.everywhere(need, "promised") == ["40"]
    receipts.answer(town.hub, pledge, "declined", town.now)
    town.desks["hub2"].add(
        "receipt", {"need": need, "pledge": pledge, "result": "declined"}, town.now
    )
    town.sync()
    receipts.receive(town.hub, pledge, town.now, quantity=10, more_coming=True)
    assert town.everywhere(need, "received", "promised") == ["10", "30"]


def test_answering_what_was_taken_back_is_told(town: Town) -> None:
    need = town.need()
    pledge = pledged(town, need)
    town.do("ben", "withdraw", ref=pledge)
    town.sync()
    said = receipts.answer(town.hub, pledge, "accepted", town.now)
    assert codes(said) == ["taken_back"]
    assert town.everywhere(need, "promised") == ["0"]


# ---- what does not fit
@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"quantity": "-3"}, "quantity"),
        ({"quantity": 10**40}, "quantity"),
        ({"unit": "L"}, "quantity"),
        ({"quantity": 1, "condition": "mouldy"}, "condition"),
        ({"quantity": 1, "more_coming": "perhaps"}, "more_coming"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_written(
    town: Town, fields: dict[str, object], named: str
) -> None:
    need = town.need()
    before = len([*town.hub.records()])
    with pytest.raises(InvalidInput) as error:
        receipts.receive(town.hub, need, town.now, **fields)  # type: ignore[arg-type]
    assert [*error.value.fields] == [named]
    assert len([*town.hub.records()]) == before


def test_only_answers_answer(town: Town) -> None:
    need = town.need()
    pledge = pledged(town, need)
    with pytest.raises(InvalidInput) as error:
        receipts.answer(town.hub, pledge, "received", town.now)
    assert [*error.value.fields] == ["result"]
    with pytest.raises(NotFound):
        receipts.answer(town.hub, town.need(), "accepted", town.now)
    with pytest.raises(InvalidInput, match="name a need"):
        receipts.answer(town.hub, town.hub.add("offer", {"title": "x"}, town.now).id, "accepted", 0)
