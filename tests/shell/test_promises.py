"""Pledges and how they go: what may be said, by whom, and what the board makes of it."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import pytest

from meshaid import promises
from meshaid.cautions import Said
from meshaid.core import ids
from meshaid.errors import Ambiguous, InvalidInput, NotFound
from tests.shell.desks import HOUR, Town


@pytest.fixture
def town() -> Town:
    return Town()


def codes(said: Said) -> list[str]:
    return [caution.code for caution in said.warnings]


def refused(error: pytest.ExceptionInfo[InvalidInput]) -> Iterable[str]:
    return error.value.fields


# ---- how much
def test_a_pledge_of_nothing_said_is_of_all_that_is_open(town: Town) -> None:
    need = town.need()
    said = promises.pledge(town.ben, need, town.now)
    told = said.as_json()
    assert (told["quantity"], told["unit"], told["need"]) == ("40", "L", need)
    assert told["hold_until"] == town.now + 24 * HOUR
    assert (told["about"]["status"], told["about"]["still_open"]) == ("pledged", "0")
    assert told["warnings"] == []
    assert town.everywhere(need, "status", "promised") == ["pledged", "40"]


def test_a_part_is_in_the_unit_of_the_need(town: Town) -> None:
    need = town.need()
    promises.pledge(town.ben, need, town.now, quantity="12,5")
    assert town.everywhere(need, "status", "promised", "still_open") == [
        "part-pledged",
        "12.5",
        "27.5",
    ]


def test_a_part_in_another_unit_is_converted(town: Town) -> None:
    need = town.need()
    said = promises.pledge(town.ben, need, town.now, quantity=2, unit="gallons")
    assert said.row.as_json()["unit"] == "gal_us"
    assert said.about is not None
    assert said.about.as_json()["promised"] == "7.57"


def test_the_whole_fills_a_need_even_where_the_rest_cannot_be_said_in_thousandths(
    town: Town,
) -> None:
    need = town.need(quantity=10, unit="L")
    promises.pledge(town.ben, need, town.now, quantity=1, unit="gal_us")
    town.sync()
    said = promises.pledge(town.ada, need, town.now, whole=True)
    assert said.row.as_json()["quantity"] == "6.215"  # 6.214588216 L are open
    assert town.everywhere(need, "status") == ["pledged"]


def test_nothing_is_left_to_take_without_saying_how_much(town: Town) -> None:
    need = town.need()
    promises.pledge(town.ben, need, town.now)
    town.sync()
    for whole in (None, True):
        with pytest.raises(InvalidInput, match="say how much") as error:
            promises.pledge(town.ada, need, town.now, whole=whole)
        assert [*refused(error)] == ["quantity"]
    assert town.everywhere(need, "promised") == ["40"]


def test_more_than_was_asked_is_written_and_told(town: Town) -> None:
    need = town.need()
    promises.pledge(town.ben, need, town.now)
    town.sync()
    said = promises.pledge(town.ada, need, town.now, quantity=20)
    assert codes(said) == ["over_pledged"]
    assert "60 L promised, 40 L asked" in said.warnings[0].words
    assert town.everywhere(need, "status", "over") == ["pledged", "20"]


def test_a_need_without_an_amount_is_pledged_as_a_whole_or_a_part(town: Town) -> None:
    need = town.need(quantity=None, unit=None, title="Somebody to carry boxes")
    promises.pledge(town.ben, need, town.now, whole=False)
    assert town.everywhere(need, "status") == ["part-pledged"]
    promises.pledge(town.ada, need, town.now)
    assert town.everywhere(need, "status") == ["pledged"]


def test_a_part_of_which_nobody_can_say_how_much(town: Town) -> None:
    need = town.need()
    said = promises.pledge(town.ben, need, town.now, whole=False)
    assert said.row.as_json()["quantity"] is None
    assert codes(said) == ["uncounted"]
    assert town.everywhere(need, "status", "promised") == ["part-pledged", "0"]


def test_a_unit_that_converts_to_nothing_is_told(town: Town) -> None:
    need = town.need()
    said = promises.pledge(town.ben, need, town.now, quantity=3, unit="litr")
    assert codes(said) == ["uncounted"]
    assert "L" in said.warnings[0].words
    assert town.everywhere(need, "status") == ["part-pledged"]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"quantity": "a lot"}, "quantity"),
        ({"quantity": 0}, "quantity"),
        ({"quantity": "1,000"}, "quantity"),
        ({"quantity": 10**30}, "quantity"),
        ({"quantity": Decimal("1E+999999")}, "quantity"),
        ({"quantity": 1.5}, "quantity"),
        ({"quantity": True}, "quantity"),
        ({"unit": "L"}, "quantity"),
        ({"quantity": 5, "whole": True}, "quantity"),
        ({"quantity": 5, "unit": "a unit that is far too long"}, "unit"),
        ({"eta": "soon"}, "eta"),
        ({"hold_until": 5}, "hold_until"),
        ({"text": "x" * 201}, "text"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_written(
    town: Town, fields: dict[str, object], named: str
) -> None:
    need = town.need()
    with pytest.raises(InvalidInput) as error:
        promises.pledge(town.ben, need, town.now, **fields)  # type: ignore[arg-type]
    assert [*refused(error)] == [named]
    assert not [*town.ben.records(town.ben.replica.identity.member)]


def test_all_that_does_not_fit_is_named_at_once(town: Town) -> None:
    need = town.need()
    with pytest.raises(InvalidInput) as error:
        promises.pledge(town.ben, need, town.now, quantity="x", eta="soon", text="x" * 201)
    assert {*refused(error)} == {"quantity", "eta", "text"}


def test_bidi_overrides_and_control_characters_are_replaced(town: Town) -> None:
    need = town.need()
    said = promises.pledge(town.ben, need, town.now, quantity=1, text="on\u202ethe\x07 way")
    assert said.row.record.text("text") == "on the  way"


def test_a_phone_number_in_the_words_is_warned_of(town: Town) -> None:
    need = town.need()
    said = promises.pledge(town.ben, need, town.now, quantity=1, text="call ٠١٢٣٤٥٦٧")
    assert [(c.code, c.field) for c in said.warnings] == [("contact", "text")]


# ---- how long
def test_the_hold_lasts_until_it_comes(town: Town) -> None:
    need = town.need()
    later = town.now + 30 * HOUR
    assert promises.pledge(town.ben, need, town.now, quantity=1, eta=later).row.as_json()[
        "hold_until"
    ] == (later)


def test_a_pledge_whose_hold_has_run_out_is_renewed_by_pledging_again(town: Town) -> None:
    need = town.need()
    first = promises.pledge(town.ben, need, town.now, quantity=15)
    town.now += 25 * HOUR
    assert town.everywhere(need, "status", "stale_pledges") == ["open", [first.row.id]]
    again = promises.pledge(town.ben, need, town.now)
    assert (again.row.id, codes(again)) == (first.row.id, ["renewed"])
    assert again.row.as_json()["quantity"] == "15"
    assert town.everywhere(need, "status", "promised") == ["part-pledged", "15"]


def test_a_renewed_pledge_may_say_another_amount(town: Town) -> None:
    need = town.need()
    first = promises.pledge(town.ben, need, town.now, quantity=15)
    town.now += 25 * HOUR
    again = promises.pledge(town.ben, need, town.now, quantity=20)
    assert again.row.id == first.row.id
    assert town.everywhere(need, "promised") == ["20"]


def test_a_second_pledge_beside_a_live_one_counts_too(town: Town) -> None:
    need = town.need()
    promises.pledge(town.ben, need, town.now, quantity=10)
    again = promises.pledge(town.ben, need, town.now, quantity=10)
    assert codes(again) == ["pledged_before"]
    assert town.everywhere(need, "promised") == ["20"]


def test_editing_the_hold_renews_too_and_takes_note_of_the_changed_need(town: Town) -> None:
    need = town.need()
    pledge = promises.pledge(town.ben, need, town.now, quantity=10).row.id
    town.sync()
    town.hub.edit(need, {"quantity": 50}, town.now)
    town.sync()
    assert "changed" in town.row("ben", pledge)["marks"]
    town.do("ben", "edit", ref=pledge, fields={"hold_until": town.now + 40 * HOUR})
    assert "changed" not in town.everywhere(pledge, "marks")[0]


# ---- what may be promised
@pytest.mark.parametrize(
    ("verb", "state", "told"),
    [("close", "closed", "need_closed"), ("pause", "paused", "need_paused")],
)
def test_what_is_not_wanted_now_may_be_pledged_with_a_warning(
    town: Town, verb: str, state: str, told: str
) -> None:
    """Somebody who has not heard of it writes the same; the sums count it once it is open again."""
    need = town.need()
    arguments = {"reason": "no_longer_needed"} if verb == "close" else {}
    town.do("hub", verb, ref=need, **arguments)
    town.sync()
    said = promises.pledge(town.ben, need, town.now)
    assert codes(said) == [told]
    assert "need_ended" in said.row.marks
    assert town.everywhere(need, "status") == [state]
    town.do("hub", "reopen", ref=need)
    assert town.everywhere(need, "status") == ["pledged"]


def test_what_has_expired_may_be_pledged_with_a_warning(town: Town) -> None:
    need = town.need(expires_at=town.now + HOUR)
    town.now += 2 * HOUR
    assert codes(promises.pledge(town.ben, need, town.now)) == ["expired"]


def test_only_needs_are_pledged(town: Town) -> None:
    offer = town.ada.add("offer", {"title": "Water"}, town.now).id
    town.sync()
    with pytest.raises(InvalidInput, match="name a need"):
        promises.pledge(town.ben, offer, town.now)


def test_a_need_that_is_not_here_yet(town: Town) -> None:
    unknown = f"{town.hub.member}/{ids.record_id(bytes(10))}"
    said = promises.pledge(town.ben, unknown, town.now, quantity=3, unit="L")
    assert (said.about, codes(said)) == (None, ["not_here_yet"])
    assert promises.pledge(town.ben, unknown, town.now).row.id != said.row.id
    with pytest.raises(NotFound):
        promises.pledge(town.ben, "C 482 912", town.now)


def test_it_counts_once_the_need_has_come(town: Town) -> None:
    need = town.hub.add("need", {"title": "Water", "quantity": 40, "unit": "L"}, town.now).id
    promises.pledge(town.ben, need, town.now, quantity=3, unit="L")
    assert town.everywhere(need, "promised") == ["3"]


def test_a_pledge_on_a_duplicate_counts_for_the_slip_that_stays(town: Town) -> None:
    stays, copy = town.need(), town.need(quantity=30)
    town.do("hub", "close", ref=copy, reason="duplicate", duplicate_of=stays)
    town.sync()
    said = promises.pledge(town.ben, copy, town.now)
    assert codes(said) == ["duplicate"]
    assert said.about is not None
    assert said.about.id == stays
    assert said.row.as_json()["quantity"] == "40"
    assert town.everywhere(stays, "status") == ["pledged"]


# ---- from an offer
def test_an_offer_gives_no_more_than_it_has_left(town: Town) -> None:
    offer = town.do("ben", "add", kind="offer", fields={"title": "Water", "quantity": "25"})
    town.ben.edit(offer["id"], {"unit": "L"}, town.now)
    need = town.need()
    said = promises.pledge(town.ben, need, town.now, offer=offer["ref"])
    assert said.row.as_json()["quantity"] == "25"
    assert town.everywhere(offer["id"], "status", "still_open") == ["taken", "0"]
    with pytest.raises(InvalidInput, match="nothing is left of the offer"):
        promises.pledge(town.ben, need, town.now, offer=offer["ref"])
    more = promises.pledge(town.ben, need, town.now, offer=offer["ref"], quantity=5)
    assert codes(more) == ["pledged_before", "over_taken"]


def test_packs_of_an_offer_are_counted_by_what_they_hold(town: Town) -> None:
    packs = {"title": "Water", "quantity": 8, "unit": "pack", "per_pack": 9, "per_unit": "L"}
    offer = town.ben.add("offer", packs, town.now).id
    need = town.need(quantity=100)
    said = promises.pledge(town.ben, need, town.now, offer=offer)
    assert (said.row.as_json()["quantity"], said.row.as_json()["unit"]) == ("72", "L")
    assert town.everywhere(offer, "status") == ["taken"]


def test_packs_of_an_offer_count_as_what_they_hold(town: Town) -> None:
    packs = {"title": "Water", "quantity": 8, "unit": "pack", "per_pack": 9, "per_unit": "L"}
    offer = town.ben.add("offer", packs, town.now).id
    need = town.need(quantity=40)
    said = promises.pledge(town.ben, need, town.now, offer=offer, quantity=5, unit="pack")
    assert codes(said) == ["over_pledged"]
    assert "45 L promised, 40 L asked" in said.warnings[0].words


def test_nobody_draws_on_an_offer_of_others(town: Town) -> None:
    offer = town.ada.add("offer", {"title": "Water", "quantity": 5, "unit": "L"}, town.now).id
    need = town.need()
    with pytest.raises(InvalidInput, match="offer of this member"):
        promises.pledge(town.ben, need, town.now, offer=offer)
    with pytest.raises(InvalidInput, match="offer of this member"):
        promises.pledge(town.ben, need, town.now, offer=need)


def test_an_offer_that_is_paused_or_closed_is_told_of(town: Town) -> None:
    offer = town.ben.add("offer", {"title": "Water"}, town.now).id
    town.ben.pause(offer, town.now)
    need = town.need()
    assert codes(promises.pledge(town.ben, need, town.now, offer=offer)) == ["offer_ended"]


# ---- how it went
@pytest.mark.parametrize(
    ("verb", "state", "promised"),
    [
        ("withdraw", "withdrawn", "0"),
        ("failed", "failed", "0"),
        ("returned", "returned", "0"),
        ("handed-over", "handed_over", "40"),
    ],
)
def test_the_pledger_says_how_it_went(town: Town, verb: str, state: str, promised: str) -> None:
    need = town.need()
    pledge = promises.pledge(town.ben, need, town.now).row.id
    told = town.do("ben", verb, ref=pledge.partition("/")[2][:6])
    assert (told["id"], told["status"], told["warnings"]) == (pledge, state, [])
    assert told["about"]["promised"] == promised
    assert town.everywhere(need, "promised") == [promised]
    again = town.do("ben", verb, ref=pledge)
    assert [caution["code"] for caution in again["warnings"]] == ["unchanged"]


def test_a_pledge_that_was_handed_over_is_never_stale(town: Town) -> None:
    need = town.need()
    promises.pledge(town.ben, need, town.now)
    town.do("ben", "handed-over", ref=need)
    town.now += 30 * HOUR
    assert town.everywhere(need, "promised", "stale_pledges") == ["40", []]


def test_only_the_pledger_says_how_it_went(town: Town) -> None:
    need = town.need()
    pledge = promises.pledge(town.ben, need, town.now).row.id
    town.sync()
    for name in ("ada", "hub"):
        with pytest.raises(InvalidInput, match="another member's promise"):
            town.do(name, "withdraw", ref=pledge)
    with pytest.raises(NotFound):
        town.do("ada", "withdraw", ref=need)
    assert town.everywhere(need, "promised") == ["40"]


def test_the_need_stands_for_the_one_own_pledge_on_it(town: Town) -> None:
    need = town.need()
    ref = town.row("ben", need)["ref"]
    promises.pledge(town.ben, need, town.now, quantity=10)
    promises.pledge(town.ada, need, town.now, quantity=5)
    town.sync()
    spoken = f"{ref[0].lower()} {ref[1:4]} {ref[4:]}"
    assert town.do("ben", "withdraw", ref=spoken)["status"] == "withdrawn"
    assert town.everywhere(need, "promised") == ["5"]


def test_several_own_pledges_are_listed_in_words(town: Town) -> None:
    need = town.need()
    made = [
        promises.pledge(town.ben, need, town.now, quantity=n, text="by bike").row.id for n in (3, 4)
    ]
    with pytest.raises(Ambiguous) as error:
        town.do("ben", "withdraw", ref=need)
    assert sorted(error.value.matches) == sorted(made)
    assert sorted(error.value.words) == [
        "ben, 3 L, offered, by bike",
        "ben, 4 L, offered, by bike",
    ]
    town.do("ben", "withdraw", ref=made[0])
    assert town.do("ben", "withdraw", ref=need)["id"] == made[1]


def test_the_two_devices_of_a_hub_speak_with_one_voice(town: Town) -> None:
    need = town.need("ada")
    promises.pledge(town.hub, need, town.now)
    town.sync()
    assert town.do("hub2", "handed-over", ref=need)["status"] == "handed_over"
    assert town.everywhere(need, "status") == ["pledged"]


def test_what_was_received_is_not_taken_back(town: Town) -> None:
    need = town.need()
    pledge = promises.pledge(town.ben, need, town.now).row.id
    town.sync()
    town.do("hub", "receive", ref=pledge)
    town.sync()
    for verb in ("withdraw", "failed", "handed-over"):
        with pytest.raises(InvalidInput, match="was received"):
            town.do("ben", verb, ref=need)
    assert town.do("ben", "returned", ref=need)["status"] == "returned"
    assert town.everywhere(need, "status", "received") == ["received", "40"]


def test_handing_over_what_was_declined_is_told(town: Town) -> None:
    need = town.need()
    pledge = promises.pledge(town.ben, need, town.now).row.id
    town.sync()
    town.do("hub", "decline", ref=pledge)
    town.sync()
    told = town.do("ben", "handed-over", ref=pledge)
    assert [caution["code"] for caution in told["warnings"]] == ["declined"]
