"""What may be matched, in which order, and why: rule by rule, and at three moments of the drill."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from meshaid import limits
from meshaid.core.fields import Value
from meshaid.core.match_index import MatchIndex
from meshaid.core.matching import Fit, Match
from meshaid.core.places import Band
from meshaid.core.proposals import Proposal, propose, propose_split
from meshaid.core.reasons import Reason
from meshaid.core.records import Record
from meshaid.core.rows import Author
from tests.core import drill
from tests.core.boards import NOW, member_id, record, reference
from tests.core.matching_rules import every_match

HOUR = 3600
MEMBERS = {
    member_id("ada"): Author("ada"),
    member_id("ben"): Author("ben"),
    member_id("hub"): Author("hub", "hub"),
    member_id("north"): Author("north", "hub"),
    member_id("ann"): Author("ann", steward=True),
}
HUB = record("hub", "h", "hub", letter="C", areas="East;West", lat=0, lon=0)
NORTH = record("north", "h", "hub", letter="H", areas="Moor", lat=4, lon=0)


def need(name: str = "n", member: str = "ada", **fields: Value) -> Record:
    fields = {"category": "water.drinking", "urgency": "today", "area": "East", **fields}
    return record(member, name, "need", **fields)


def offer(name: str = "o", member: str = "ben", **fields: Value) -> Record:
    fields = {"category": "water.drinking", "area": "East", "range": "anywhere", **fields}
    return record(member, name, "offer", **fields)


def litres(quantity: int) -> dict[str, Value]:
    return {"quantity": quantity * 1000, "unit": "L"}


def index(*records: Record, now: int = NOW) -> MatchIndex:
    return MatchIndex([HUB, NORTH, *records], members=MEMBERS, now=now)


def found(*records: Record, now: int = NOW) -> list[Match]:
    """The matches of these records, which the plain reading of the rules finds, too."""
    matches = index(*records, now=now).first(100)
    assert matches == every_match([HUB, NORTH, *records], MEMBERS, now)
    return matches


def proposals(*records: Record, now: int = NOW) -> list[Proposal]:
    laid_out = index(*records, now=now)
    return propose(laid_out, laid_out.first(100))


def words(*records: Record, now: int = NOW) -> list[str]:
    (proposal,) = proposals(*records, now=now)
    return [reason.words for reason in proposal.reasons]


def pledge(**fields: Value) -> Record:
    given: dict[str, Value] = {"need": reference("ada", "n"), "offer": reference("ben", "o")}
    return record("ben", "p", "pledge", **{**given, **fields})


def receipt(name: str = "r", **fields: Value) -> Record:
    return record(
        "ada", name, "receipt", **{"need": reference("ada", "n"), "result": "received", **fields}
    )


# ---- the filters


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ({}, {}),
        ({"category": "water"}, {}),
        ({}, {"category": "water"}),
        ({"category": "water.of_2040"}, {"category": "water.of_2040"}),
        (litres(5), litres(9)),
        (litres(5), {"quantity": 1_000, "unit": "gal_us"}),
        (litres(5), {"quantity": 8_000, "unit": "pack", "per_pack": 9_000, "per_unit": "L"}),
        (litres(5), {}),
        ({}, {"quantity": 3_000, "unit": "crate"}),
        ({"quantity": 1_000, "unit": "crate"}, {"quantity": 3_000, "unit": "crate"}),
        ({"area": "West"}, {"range": "hub"}),
        ({"area": "Moor"}, {"range": "anywhere"}),
        ({"area": None}, {"range": None}),
        ({"urgency": "now", "created_at": NOW - 26 * HOUR}, {}),
        ({}, {"available_until": NOW}),
        ({}, {"available_from": NOW + HOUR}),
        ({}, {"inexhaustible": True, **litres(1)}),
    ],
)
def test_these_two_may_be_matched(asked: dict[str, Value], given: dict[str, Value]) -> None:
    assert len(found(need(**asked), offer(**given))) == 1


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ({}, {"category": "water.washing"}),
        ({}, {"category": "food"}),
        ({"category": "other"}, {"category": "other"}),
        ({"category": "private"}, {"category": "private"}),
        ({"category": "other.new"}, {"category": "other"}),
        ({"category": None}, {"category": None}),
        (litres(5), {"quantity": 9_000, "unit": "kg"}),
        (litres(5), {"quantity": 9_000, "unit": "pack"}),
        (litres(5), {"quantity": 9_000, "unit": "pack", "per_pack": 1_000, "per_unit": "kg"}),
        (litres(5), {"quantity": 9_000, "unit": "kg", "inexhaustible": True}),
        ({"area": "West"}, {"range": "area"}),
        ({"area": "Moor"}, {"range": "hub"}),
        ({"area": None}, {"range": "hub"}),
        ({"area": None}, {"area": None, "range": "area"}),
        ({"urgency": "now", "created_at": NOW - 27 * HOUR}, {}),
        ({"needed_by": NOW - 24 * HOUR - 60}, {}),
        ({}, {"available_until": NOW - 60}),
        ({"status": "paused"}, {}),
        ({}, {"status": "paused"}),
        ({"status": "closed", "closed_reason": "received"}, {}),
        ({}, {"status": "closed", "closed_reason": "given"}),
        ({"expires_at": NOW - 60}, {}),
        ({}, {"expires_at": NOW - 60}),
    ],
)
def test_these_two_may_not_be_matched(asked: dict[str, Value], given: dict[str, Value]) -> None:
    assert found(need(**asked), offer(**given)) == []


def test_nobody_is_offered_what_they_offer_themselves() -> None:
    assert found(need(), offer(member="ada")) == []
    asked, given = need(member="hub", on_behalf_of="h1"), offer(member="hub", on_behalf_of="h1")
    assert found(asked, given) == []
    assert len(found(asked, offer(member="hub", on_behalf_of="h2"))) == 1
    assert len(found(asked, offer(member="hub"))) == 1
    assert len(found(asked, offer(member="ben", on_behalf_of="h1"))) == 1


def test_a_live_pledge_of_the_offer_on_the_need_says_it_all() -> None:
    both = need(**litres(40)), offer(**litres(90))
    assert found(*both, pledge(**litres(5))) == []
    assert found(*both, pledge()) == []
    for state in ("withdrawn", "failed", "returned"):
        assert len(found(*both, pledge(state=state, **litres(5)))) == 1
    assert len(found(*both, pledge(created_at=NOW - 25 * HOUR, **litres(5)))) == 1
    assert found(*both, pledge(created_at=NOW - 25 * HOUR, state="handed_over", **litres(5))) == []
    settled = receipt(pledge=reference("ben", "p"), **litres(5))
    assert len(found(*both, pledge(**litres(5)), settled)) == 1
    other = offer("other", member="hub")
    (match,) = found(*both, other, pledge(**litres(5)))
    assert match.offer == other.reference


def test_what_has_all_it_wants_asks_for_nothing() -> None:
    other = offer("other", member="hub", **litres(50))
    asked, given = need(**litres(40)), offer(**litres(90))
    assert found(asked, given, other, pledge(**litres(40))) == []
    half = pledge(**litres(20)), receipt(**litres(20))
    assert found(asked, given, other, *half) == []
    assert found(need(), given, other, pledge(whole=True)) == []
    assert len(found(need(), given, other, pledge(whole=False))) == 1


def test_what_is_given_away_is_not_offered() -> None:
    more = need("more", member="hub", **litres(40))
    both = need(**litres(40)), offer(**litres(30))
    assert found(*both, more, pledge(**litres(30))) == []
    (match,) = found(*both, more, pledge(**litres(29)))
    assert (match.need, match.fit) == (more.reference, Fit.LESS)


def test_what_flags_collapse_is_not_matched_but_what_they_take_the_words_of_is() -> None:
    for target in (reference("ada", "n"), reference("ben", "o")):
        spam = record("ann", "f", "flag", target=target, reason="spam")
        assert found(need(), offer(), spam) == []
        taken = record("ann", "f", "flag", target=target, reason="personal_data")
        assert len(found(need(), offer(), taken)) == 1


def test_a_duplicate_is_matched_by_its_survivor_alone() -> None:
    closed = need(
        "copy",
        member="hub",
        status="closed",
        closed_reason="duplicate",
        duplicate_of=reference("ada", "n"),
    )
    (match,) = found(need(), closed, offer())
    assert match.need == reference("ada", "n")


# ---- the order


def order(first: Record, second: Record, *others: Record, now: int = NOW) -> None:
    """The first need comes before the second, whichever of the two has which id."""
    for one, other in ((first, second), (_swapped(first, second), _swapped(second, first))):
        matches = [match.need for match in found(one, other, *others, now=now)]
        assert matches.index(one.reference) < matches.index(other.reference)


def _swapped(taking: Record, giving: Record) -> Record:
    return replace(taking, reference=giving.reference)


def test_where_a_life_is_at_risk_comes_before_all_that_is_more_urgent() -> None:
    danger = need("a", life_threatening=True, urgency="any", area="Moor")
    order(danger, need("b", urgency="now", created_at=NOW - 13 * HOUR), offer())


def test_urgency_words_age_and_come_before_how_long_somebody_waits() -> None:
    order(need("a", urgency="now"), need("b", urgency="today", created_at=NOW - 9 * HOUR), offer())
    aged = need("a", urgency="today", created_at=NOW - 11 * HOUR)
    order(aged, need("b", urgency="today"), offer())
    order(need("a", urgency="week", needed_by=NOW + HOUR), need("b", urgency="today"), offer())


@pytest.mark.parametrize("hours", [1, 3, 6, 12])
def test_who_waits_longer_comes_first_by_bands(hours: int) -> None:
    waiting = {"urgency": "any", "created_at": NOW - hours * HOUR}
    shorter = {"urgency": "any", "created_at": NOW - hours * HOUR + 60}
    far = {"area": "Moor"}
    order(need("a", **waiting, **far), need("b", **shorter), offer())


def test_who_received_less_comes_before_who_is_nearer() -> None:
    served = need("b", on_behalf_of="h1"), need("old", on_behalf_of="h1", status="closed")
    less = need("a", on_behalf_of="h2", area="Moor")
    came = record(
        "ada", "r", "receipt", need=reference("ada", "old"), result="received", **litres(1)
    )
    matches = [match.need for match in found(less, *served, came, offer())]
    assert matches == [less.reference, served[0].reference]
    # Two times are as good as one, three are more, and three days ago is forgotten.
    for times, ago, first in ((2, 0, "same"), (3, 0, "less"), (3, 73, "near")):
        more = [
            record(
                "ada",
                f"r{number}",
                "receipt",
                need=reference("ada", "old"),
                result="received",
                created_at=NOW - ago * HOUR,
            )
            for number in range(times)
        ]
        once = record("ada", "x", "need", on_behalf_of="h2", category="food.meals", status="closed")
        had = record("ada", "rx", "receipt", need=once.reference, result="received")
        matches = [match.need for match in found(less, *served, *more, once, had, offer())]
        nearer = [served[0].reference, less.reference]
        expected = {"same": nearer, "less": nearer[::-1], "near": nearer}[first]
        assert matches == expected


def test_what_a_hub_receives_for_itself_counts_for_nothing() -> None:
    def receiving(tag: str | None) -> list[str]:
        asked = need("a", member="hub", on_behalf_of=tag)
        came = record("hub", "r", "receipt", need=asked.reference, result="received", whole=False)
        further = need("b", member="ada", area="West")
        return [match.need for match in found(asked, came, further, offer())]

    assert receiving(None)[0] == reference("hub", "a")
    assert receiving("h1")[0] == reference("ada", "b")


def test_a_receipt_that_others_write_counts_for_nothing() -> None:
    came = record("ben", "r", "receipt", need=reference("ada", "n"), result="received")
    assert words(need(), came, offer())[1] == "has received nothing yet"


def test_offers_are_ordered_by_nearness_then_fit_then_category() -> None:
    asked = need(**litres(10))
    given = [
        offer("1", area="East", **litres(10)),
        offer("2", area="East", category="water", **litres(10)),
        offer("3", area="East", **litres(5)),
        offer("4", area="East", **litres(4)),
        offer("5", area="East"),
        offer("6", area="West", **litres(10)),
        offer("7", area="Moor", **litres(10)),
        offer("8", area=None, **litres(10)),
    ]
    matches = index(asked, *given).for_need(asked.reference)
    assert [match.offer for match in matches] == [each.reference for each in given]
    assert [match.band for match in matches[5:]] == [Band.SAME_HUB, Band.NEAR_HUBS, Band.FURTHER]


def test_equal_matches_come_in_an_order_that_nobody_chose() -> None:
    asked = [need(f"n{number}") for number in range(4)]
    given = [offer(f"o{number}") for number in range(4)]
    ties = [match.tie for match in found(*asked, *given)]
    assert ties == sorted(ties)
    assert len(set(ties)) == 16


# ---- the same everywhere


def drill_hubs() -> list[Record]:
    return [
        record(
            row["letter"], "h", "hub", letter=row["letter"], areas=row["areas"].replace("|", ";")
        )
        for row in drill.table(drill.SLIPS.with_name("drill_hubs.csv"))
    ]


def everything() -> list[Record]:
    return [*drill.Replay().records.values(), *drill_hubs()]


def test_the_order_of_arrival_plays_no_part() -> None:
    records = everything()
    first = MatchIndex(records, members=drill.members(), now=drill.END).first(1000)
    random.Random(1).shuffle(records)
    other = MatchIndex(records, members=drill.members(), now=drill.END).first(1000)
    piecemeal = MatchIndex([], members=drill.members(), now=drill.START)
    for at in range(0, len(records), 7):
        some = {each.reference: each for each in records[at : at + 7]}
        piecemeal.advance(some, members=drill.members(), now=drill.START + at)
    piecemeal.advance({}, members=drill.members(), now=drill.END)
    assert first == other == piecemeal.first(1000)
    assert len(first) == 40


@pytest.mark.parametrize("minute", [60, 120, 180])
def test_the_drill_reads_sensibly(minute: int) -> None:
    """At any hour a desk sees those in danger first, then who waits longest, with understandable
    reasons; and it is what the plain reading of the rules finds."""
    now = drill.START + minute * 60
    known = [each for each in everything() if each.kind == "hub" or _written_by(each, now)]
    danger = need("danger", member="C", life_threatening=True, urgency="any", created_at=now)
    known.append(replace_fields(danger, category="food.meals", on_behalf_of="C-h99"))
    laid_out = MatchIndex(known, members=drill.members(), now=now)
    matches = laid_out.first(1000)
    plain = every_match(known, drill.members(), now)
    for each in {match.need for match in plain}:
        assert laid_out.for_need(each) == [match for match in plain if match.need == each]
    assert {match.need for match in plain} == {match.need for match in matches}
    assert matches[0].need == danger.reference
    ranks = [ask.rank for match in matches if (ask := laid_out.ask(match.need))]
    assert ranks == sorted(ranks)
    assert len({rank.tier for rank in ranks}) > 1
    for proposal in propose(laid_out, matches):
        assert 4 <= len(proposal.reasons) <= 9
        assert all(reason.words and "{" not in reason.words for reason in proposal.reasons)


def _written_by(each: Record, now: int) -> bool:
    return (each.number("created_at") or 0) <= now


def test_shown_names_play_no_part() -> None:
    renamed = {name: replace(author, name="zzz") for name, author in drill.members().items()}
    one = MatchIndex(everything(), members=drill.members(), now=drill.END)
    other = MatchIndex(everything(), members=renamed, now=drill.END)
    assert one.first(1000) == other.first(1000)
    assert propose(one, one.first(50)) == propose(other, other.first(50))


def test_within_a_minute_nothing_changes() -> None:
    start = NOW - NOW % 60
    given = offer(available_until=start)
    for second in (0, 1, 59):
        assert len(index(need(), given, now=start + second).first(9)) == 1
    assert index(need(), given, now=start + 60).first(9) == []


# ---- reasons and amounts


def test_reasons_are_words_that_say_it_all() -> None:
    asked = need(created_at=NOW - 4 * HOUR, quantity=25_000, unit="L")
    assert words(asked, offer(area="West", **litres(40))) == [
        "needed: today",
        "waiting 4 h",
        "has received nothing yet",
        "same hub",
        "needs 25 L, 40 L offered",
    ]
    packs: dict[str, Value] = {"unit": "pack", "per_pack": 2_000, "per_unit": "L"}
    urgent = need(life_threatening=True, urgency="now", created_at=NOW - 5 * HOUR, **litres(25))
    vague = offer(
        area="Moor", category="water", quantity=8_000, available_until=NOW + 90 * 60, **packs
    )
    assert words(urgent, vague) == [
        "a life is at risk",
        "overdue by 3 h",
        "waiting 5 h",
        "has received nothing yet",
        "hubs 4.4 km apart",
        "needs 25 L, 16 L offered: half or more",
        "converted from pack",
        "only the group fits",
        "for 1 h more",
    ]


def test_reasons_without_amounts_and_places() -> None:
    assert words(need(**litres(2)), offer(area=None, available_from=NOW + 2 * HOUR)) == [
        "needed: today",
        "has received nothing yet",
        "distance not known",
        "one of the two says no amount",
        "not before 2 h from now",
    ]
    assert "needs 2 L, the offer does not run out" in words(
        need(**litres(2)), offer(inexhaustible=True)
    )


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (Reason("received_before", {"times": 2}), "has received something 2 times in 3 days"),
        (Reason("received_once"), "has received something once in 3 days"),
        (Reason("available_until", {"seconds": 59}), "for less than a minute more"),
        (Reason("available_until", {"seconds": 47 * HOUR}), "for 47 h more"),
        (Reason("available_until", {"seconds": 50 * HOUR}), "for 2 days more"),
        (Reason("share", {"has": "8 pack"}), "a fair share of 8 pack"),
        (Reason("further", {"km": "12.4"}), "hubs 12.4 km apart"),
    ],
)
def test_words_of_reasons(reason: Reason, words: str) -> None:
    assert reason.words == words
    assert reason.as_json() == {
        "code": reason.code,
        "words": words,
        "values": dict(reason.values),
    }


def quantity(asked: dict[str, Value], given: dict[str, Value]) -> tuple[int | None, str, bool]:
    (proposal,) = proposals(need(**asked), offer(**given))
    return proposal.quantity, proposal.unit, proposal.covers


@pytest.mark.parametrize(
    ("asked", "given", "expected"),
    [
        (litres(25), litres(40), (25_000, "L", True)),
        (litres(25), litres(10), (10_000, "L", False)),
        (litres(25), {}, (None, "L", False)),
        ({}, litres(10), (None, "L", False)),
        ({}, {}, (None, "", False)),
        (litres(25), {"inexhaustible": True}, (25_000, "L", True)),
        (litres(25), {"quantity": 1_000, "unit": "gal_us"}, (3_785, "L", False)),
        # No half pairs, unless there is nothing else.
        (
            {"quantity": 5_000, "unit": "pair"},
            {"quantity": 7_000, "unit": "piece"},
            (3_000, "pair", False),
        ),
        (
            {"quantity": 1_000, "unit": "dozen"},
            {"quantity": 3_000, "unit": "piece"},
            (250, "dozen", False),
        ),
        # Less than a thousandth of a tonne is better said in grams.
        ({"quantity": 1_000, "unit": "t"}, {"quantity": 5_000, "unit": "g"}, (5_000, "g", False)),
    ],
)
def test_what_to_pledge(
    asked: dict[str, Value], given: dict[str, Value], expected: tuple[int | None, str, bool]
) -> None:
    assert quantity(asked, given) == expected


def split(given: Record, *others: Record) -> list[tuple[str, Any]]:
    laid_out = index(given, *others)
    matches = laid_out.for_offer(given.reference)
    return [(each.need, each.quantity) for each in propose_split(laid_out, matches)]


def test_a_large_offer_is_split_fairly_in_the_units_of_the_needs() -> None:
    small = need("small", urgency="any", **litres(10))
    large = need("large", urgency="any", member="hub", **litres(100))
    gallons = need("gallons", urgency="now", member="ann", quantity=10_000, unit="gal_us")
    packs = offer(quantity=8_000, unit="pack", per_pack=9_000, per_unit="L")
    # Two packs each, and what fills the small one; then one each; the rest by order.
    assert dict(split(packs, small, large, gallons)) == {
        small.reference: 10_000,
        large.reference: 27_000,
        gallons.reference: 9_246,  # 35 L
    }
    danger = replace_fields(large, life_threatening=True)
    assert split(packs, small, danger) == [(danger.reference, 72_000)]


def replace_fields(old: Record, **fields: Value) -> Record:
    return replace(old, fields={**old.fields, **fields})


def test_an_offer_without_an_amount_is_not_split() -> None:
    asked = need("a", **litres(10)), need("b", member="hub", **litres(100))
    assert dict(split(offer(inexhaustible=True), *asked)) == {
        asked[0].reference: 10_000,
        asked[1].reference: 100_000,
    }
    assert dict(split(offer(), *asked)) == {each.reference: None for each in asked}
    assert split(offer(status="paused"), *asked) == []


# ---- the whole board


def test_each_need_has_its_best_few_offers_in_the_list_of_the_board() -> None:
    many = limits.PROPOSALS_PER_NEED + 3
    given = [offer(f"o{number}", area="West") for number in range(many)]
    near = offer("near", area="East")
    asked = need("n"), need("m", member="hub")
    laid_out = index(*asked, *given, near)
    assert len(laid_out.for_need(asked[0].reference)) == many + 1
    listed = laid_out.first(1000)
    assert len(listed) == 2 * limits.PROPOSALS_PER_NEED
    for each in asked:
        best = [match for match in listed if match.need == each.reference]
        assert best == laid_out.for_need(each.reference)[: limits.PROPOSALS_PER_NEED]
    assert laid_out.first(3) == listed  # both needs come equally early


def test_of_a_flood_of_offers_some_are_weighed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "OFFERS_WEIGHED", 20)
    given = [offer(f"o{number}") for number in range(60)]
    asked = [need(f"n{number}", member="hub") for number in range(3)]
    laid_out = index(*asked, *given)
    for each in asked:
        listed = [match for match in laid_out.first(1000) if match.need == each.reference]
        assert len(listed) == limits.PROPOSALS_PER_NEED
    assert len(laid_out.for_need(asked[0].reference)) == 60


def test_of_a_flood_of_needs_each_member_has_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "NEEDS_WEIGHED", 10)
    flood = [need(f"n{number}", member="hub", on_behalf_of=f"h{number}") for number in range(60)]
    others = [need("n", member=name) for name in ("ada", "ann")]
    laid_out = index(*flood, *others, offer())
    listed = {match.need for match in laid_out.first(1000)}
    assert len(listed) == 10
    assert listed >= {each.reference for each in others}
    assert len(laid_out.for_offer(offer().reference)) == 62
