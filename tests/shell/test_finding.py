"""Finding on desks: proposals that can be pledged, duplicates while somebody types, the report.

Each desk here is kept open, so its indexes follow what is written and what others bring.
"""

from __future__ import annotations

import gc
import json
import logging
import weakref
from pathlib import Path
from typing import Any

import pytest

from meshaid import blocking, finding, limits
from meshaid.core.match_index import MatchIndex
from meshaid.desk import Desk
from meshaid.errors import InvalidInput, NotFound
from tests.shell.desks import HOUR, Town
from tests.shell.street import LOOPBACK, Street

WATER: dict[str, Any] = {"category": "water.drinking", "area": "East"}


@pytest.fixture
def town() -> Town:
    return Town()


def offer(town: Town, name: str = "ben", **fields: Any) -> str:
    """90 L of water, or what is said; its reference, known to everybody."""
    said = {**WATER, "title": "Water", "quantity": 90, "unit": "L", **fields}
    row = town.desks[name].add("offer", said, town.now)
    town.sync()
    return row.id


def proposed(town: Town, name: str, ref: str = "") -> list[tuple[str, str, str | None]]:
    found = town.do(name, "match", ref=ref)["proposals"]
    return [(each["need"]["id"], each["offer"]["id"], each["quantity"]) for each in found]


def everywhere(town: Town, ref: str = "") -> list[tuple[str, str, str | None]]:
    """What all desks propose, which is the same, and what a desk that has just opened proposes."""
    town.sync()
    lists = [proposed(town, name, ref) for name in town.desks]
    hub = town.devices["hub"]
    fresh = Desk(hub.replica, random=hub.dice)
    newly = finding.matches(fresh, town.now, ref).listed
    assert all(found == lists[0] for found in lists)
    assert [(each.need.id, each.offer.id) for each in newly] == [found[:2] for found in lists[0]]
    return lists[0]


# ---- match


def test_a_proposal_is_pledged_with_its_own_arguments(town: Town) -> None:
    need, gift = town.need(**WATER), offer(town)
    assert everywhere(town) == [(need, gift, "40")]
    (told,) = town.do("ben", "match")["proposals"]
    assert told["mine"]
    assert told["whole"]
    assert told["unit"] == "L"
    assert told["words"] == [reason["words"] for reason in told["reasons"]]
    assert "same area" in told["words"]
    pledged = town.do("ben", "pledge", **told["pledge"])
    assert pledged["about"]["status"] == "pledged"
    assert everywhere(town) == []
    assert town.do("ben", "match", ref=gift)["proposals"] == []


def test_who_does_not_own_the_offer_is_told_and_gets_no_arguments(town: Town) -> None:
    town.need(**WATER)
    offer(town)
    for name in ("hub", "hub2", "ada"):
        (told,) = town.do(name, "match")["proposals"]
        assert not told["mine"]
        assert told["pledge"] is None
    (match,) = finding.matches(town.ben, town.now).listed
    assert match.mine
    assert match.proposal.amount == 40


def test_what_is_written_anywhere_changes_the_next_proposals_everywhere(town: Town) -> None:
    assert everywhere(town) == []
    need = town.need(**WATER)
    assert everywhere(town) == []
    gift = offer(town)
    assert everywhere(town) == [(need, gift, "40")]
    town.do("ben", "edit", ref=gift, fields={"quantity": "10"})
    assert everywhere(town) == [(need, gift, "10")]
    town.do("ada", "flag", ref=need, reason="spam")
    assert everywhere(town) == [(need, gift, "10")]
    pledge = town.do("ada", "pledge", need=need, quantity="35", unit="L")["id"]
    assert everywhere(town) == [(need, gift, "5")]
    town.do("ada", "withdraw", ref=pledge)
    assert everywhere(town) == [(need, gift, "10")]
    town.do("hub2", "pause", ref=need)
    assert everywhere(town) == []
    town.do("hub", "reopen", ref=need)
    town.do("ben", "close", ref=gift, reason="given")
    assert everywhere(town) == []


def test_a_steward_hides_an_offer_from_the_proposals(town: Town) -> None:
    town.need(**WATER)
    gift = offer(town)
    assert len(everywhere(town)) == 1
    town.do("hub", "hide", ref=gift, reason="abuse")
    assert everywhere(town) == []
    town.do("hub", "unhide", ref=gift)
    assert len(everywhere(town)) == 1


def test_time_alone_changes_what_is_proposed(town: Town) -> None:
    need, gift = town.need(**WATER), offer(town, available_until=town.now + HOUR)
    assert len(everywhere(town)) == 1
    town.do("ada", "pledge", need=need)
    assert everywhere(town) == []
    town.now += HOUR // 2
    assert everywhere(town) == []
    lasting = offer(town)
    town.now += 24 * HOUR  # the promise was held for a day; the first offer ended within it
    assert everywhere(town) == [(need, lasting, "40")]
    assert gift != lasting
    town.now += 24 * HOUR
    assert everywhere(town) == []


def test_an_offer_is_split_and_a_need_has_its_offers(town: Town) -> None:
    asked = [town.need(**WATER, on_behalf_of=f"h{number}") for number in range(3)]
    gift = offer(town)
    small = offer(town, quantity=5, on_behalf_of="g")
    told = town.do("hub", "match", ref=gift)
    assert (told["of"], told["total"]) == ("offer", 3)
    assert sorted(each["quantity"] for each in told["proposals"]) == ["30", "30", "30"]
    assert {each["need"]["id"] for each in told["proposals"]} == set(asked)
    told = town.do("hub", "match", ref=asked[0])
    assert told["of"] == "need"
    assert [each["offer"]["id"] for each in told["proposals"]] == [gift, small]
    assert [each["quantity"] for each in told["proposals"]] == ["40", "5"]
    assert town.do("hub", "match")["total"] == 6


def test_only_needs_and_offers_are_matched(town: Town) -> None:
    notice = town.hub.add("notice", {"title": "Bridge closed"}, town.now)
    for name, ref in (("hub", notice.id), ("hub", notice.record.text("ref"))):
        with pytest.raises(InvalidInput, match="only needs and offers"):
            town.do(name, "match", ref=ref)
    for verb in ("match", "duplicates"):
        with pytest.raises(NotFound):
            town.do("hub", verb, ref="nothing")
        with pytest.raises(InvalidInput):
            town.do("hub", verb, ref=7)


def test_answers_are_bounded(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PROPOSALS_LISTED", 2)
    monkeypatch.setattr(limits, "DUPLICATES_LISTED", 1)
    for number in range(3):
        town.need(**WATER, on_behalf_of="h1")
        offer(town, on_behalf_of=f"g{number}")
    told = town.do("hub", "match")
    assert (len(told["proposals"]), told["total"]) == (2, 9)
    gift = told["proposals"][0]["offer"]["id"]
    assert len(town.do("hub", "match", ref=gift)["proposals"]) == 2
    need = told["proposals"][0]["need"]["id"]
    assert (len(town.do("hub", "match", ref=need)["proposals"])) == 2
    told = town.do("hub", "duplicates")
    assert (len(told["candidates"]), told["total"]) == (1, 6)


def test_a_second_question_reads_only_what_was_written_since(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    reading = MatchIndex._read_all

    def counted(index: MatchIndex) -> None:
        read.append(1)
        reading(index)

    monkeypatch.setattr(MatchIndex, "_read_all", counted)
    for _ in range(3):
        town.need(**WATER)
        offer(town)
        town.do("hub", "match")
    assert len(read) == 1
    town.do("hub", "hub", fields={"title": "Cedar", "areas": "East; West"})
    town.do("hub", "match")
    assert len(read) == 2


# ---- duplicates


def test_while_it_is_typed_others_are_shown(town: Town) -> None:
    first = town.need(**WATER, on_behalf_of="h1", people=3)
    found = finding.duplicates_of_draft(
        town.hub2, "need", {**WATER, "quantity": "40", "unit": "L"}, town.now
    )
    assert [row.id for row, _ in found] == [first]
    told = town.do("ada", "duplicates", kind="need", fields={**WATER, "title": "water"})
    assert [each["other"]["id"] for each in told["candidates"]] == [first]
    assert told["candidates"][0]["reasons"][0]["code"] == "similar_words"
    for fields in ({}, {"title": "Soup"}, {**WATER, "people": "many", "quantity": "half"}):
        assert town.do("ada", "duplicates", kind="need", fields=fields)["candidates"] == []
    assert town.do("ada", "duplicates", kind="offer", fields=WATER)["total"] == 0
    with pytest.raises(InvalidInput, match="kind"):
        town.do("ada", "duplicates", kind="wish", fields={})


def test_at_most_five_are_shown_and_none_that_have_ended(town: Town) -> None:
    made = [town.need(**WATER) for _ in range(limits.CANDIDATES_SHOWN + 2)]
    draft = {**WATER, "title": "Water"}
    assert len(finding.duplicates_of_draft(town.hub, "need", draft, town.now)) == 5
    assert len(finding.duplicates(town.hub, town.now, made[0])) == 5
    for ref in made[2:]:
        town.do("hub", "close", ref=ref, reason="received")
    assert len(finding.duplicates_of_draft(town.hub, "need", draft, town.now)) == 2
    assert len(finding.duplicates(town.hub, town.now)) == 1
    town.now += 80 * HOUR
    assert finding.duplicates(town.hub, town.now) == []


def test_the_later_or_the_own_one_is_to_be_closed_and_can_come_back(town: Town) -> None:
    first = town.need("hub", **WATER)
    town.now += 60
    second = town.need("ada", **WATER)
    pairs = {name: town.do(name, "duplicates")["candidates"] for name in town.desks}
    for name, (pair,) in pairs.items():
        own = {"hub": first, "hub2": first}.get(name, second)
        assert pair["record"]["id"] == own
        assert pair["mine"] == (name != "ben")
    town.do("ada", "close", ref=second, reason="duplicate", duplicate_of=first)
    town.sync()
    assert all(not town.do(name, "duplicates")["candidates"] for name in town.desks)
    town.do("ada", "reopen", ref=second)
    town.sync()
    assert all(town.do(name, "duplicates")["total"] == 1 for name in town.desks)


def test_what_somebody_flagged_as_the_same_is_not_asked_again(town: Town) -> None:
    first, second = town.need("hub", **WATER), town.need("ada", **WATER)
    assert town.do("ben", "duplicates", ref=first)["total"] == 1
    town.do("ben", "flag", ref=second, reason="duplicate", other=first)
    town.sync()
    for ref in ("", first, second):
        assert town.do("hub", "duplicates", ref=ref)["total"] == 0


def test_in_danger_comes_what_is_kept(town: Town) -> None:
    danger = town.need("hub", **WATER, life_threatening=True)
    town.now -= 60
    earlier = town.need("hub", **WATER)
    (pair,) = finding.duplicates(town.hub, town.now)
    assert (pair.record.id, pair.other.id) == (earlier, danger)


# ---- the report, and all of it


def test_the_report_is_the_same_at_every_desk(town: Town) -> None:
    town.do("hub", "hub", fields={"title": "Cedar", "areas": "East; West", "letter": "C"})
    town.need(**WATER)
    town.need("ada", category="food.meals", area="West", title="Soup")
    offer(town)
    town.do("ben", "pledge", need=town.need(**WATER), quantity="40", unit="L")
    town.sync()
    told = [town.do(name, "report") for name in town.desks]
    assert all(each == told[0] for each in told)
    assert json.loads(json.dumps(told[0])) == told[0]
    total = told[0]["total"]
    assert (total["open"], total["pledged"], total["offers"]) == (2, 1, 1)
    assert [row["code"] for row in told[0]["categories"]] == ["water", "food"]
    assert told[0]["hubs"][0]["letter"] == "C"
    assert told[0]["not_heard_from"] == ["East", "West"]


def test_an_empty_board_gives_empty_answers(town: Town) -> None:
    assert town.do("hub", "match") == {"of": "board", "total": 0, "proposals": []}
    assert town.do("hub", "duplicates") == {"total": 0, "candidates": []}
    assert town.do("hub", "report")["total"]["open"] == 0


def test_nothing_of_it_is_kept_when_the_desk_is_gone(town: Town) -> None:
    device = town.devices["hub"]
    desk = Desk(device.replica, random=device.dice)
    finding.matches(desk, town.now)
    gone = weakref.ref(desk)
    del desk
    gc.collect()
    assert gone() is None


def test_what_is_found_prints_no_content(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = {"title": "XYZZY", "text": "XYZZY", "area": "XYZZY", "on_behalf_of": "XYZZY"}
    for name in ("hub", "ada"):
        town.need(name, category="water.drinking", **secret)
    offer(town, **secret)
    found = [finding.matches(town.hub, town.now), *finding.duplicates(town.hub, town.now)]
    assert len(found) == 2
    assert "XYZZY" not in repr(found)
    assert "XYZZY" not in caplog.text


async def test_an_app_asks_its_node(tmp_path: Path) -> None:
    street = Street(tmp_path)
    async with street.runs(street.found("anna")) as anna:
        board = anna.node.board
        need = await board.add_need("Water", **WATER, quantity=9, unit="L", on_behalf_of="h1")
        gift = await board.add_offer("Water", **WATER, quantity=2, unit="L")
        found = await board.match()
        assert [(each.need.id, each.offer.id) for each in found.listed] == [(need.id, gift.id)]
        match = found.listed[0]
        said = await board.pledge(
            match.need.id,
            offer=match.offer.id,
            quantity=match.proposal.amount,
            unit=match.proposal.unit,
        )
        assert said.about is not None
        assert said.about.as_json()["still_open"] == "7"
        assert (await board.match(need.record.text("ref"))).listed == ()
        assert await board.duplicates() == []
        assert (await board.report())["total"]["open"] == 1


def test_a_blocking_app_asks_its_node(tmp_path: Path) -> None:
    home = Street(tmp_path).found("anna")
    with blocking.open_node(home, listen=LOOPBACK, mdns=False) as node:
        node.board.add_need("Water", **WATER)
        assert node.board.match().total == 0
        assert node.board.report()["total"]["open"] == 1
        assert node.board.duplicates() == []
