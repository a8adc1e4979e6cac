"""An index that follows what is written gives what a new one gives, whatever happens, in any order.

After every batch the index that followed is compared with one that reads everything, and with a
plain reading of the rules that compares every need with every offer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from meshaid import limits
from meshaid.core.match_index import MatchIndex
from meshaid.core.records import Record
from tests.core.boards import member_id, record, record_id, reference
from tests.core.matching_rules import every_match
from tests.core.neighbourhoods import (
    HOUR,
    MEMBERS,
    START,
    any_record,
    hub_record,
    neighbourhoods,
    often,
)


class FollowingAnIndex(RuleBasedStateMachine):
    """Records are written, changed and taken away; time goes on."""

    @initialize(held=neighbourhoods(), every=st.sampled_from([1, 1, 3]))
    def begin(self, held: dict[str, Record], every: int) -> None:
        self.now, self.steps, self.every, self.held = START, 0, every, held
        self.waiting: dict[str, Record | None] = {}
        self.index = MatchIndex(self.held.values(), members=MEMBERS, now=self.now)

    def write(self, new: Record) -> None:
        self.held[new.reference] = self.waiting[new.reference] = new

    @rule(made=st.lists(any_record(), min_size=1, max_size=3))
    def write_some(self, made: list[Record]) -> None:
        for new in made:
            self.write(new)

    @rule(lat=st.sampled_from([None, 5_000]))
    def move_hub(self, lat: int | None) -> None:
        self.write(hub_record(lat=lat, lon=None if lat is None else 0))

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def take_away(self, data: st.DataObject) -> None:
        gone = data.draw(st.sampled_from(sorted(self.held)))
        del self.held[gone]
        self.waiting[gone] = None

    @rule(seconds=often(60, 1, 59, 600, HOUR, 5 * HOUR, 40 * HOUR))
    def pass_time(self, seconds: int) -> None:
        self.now += seconds

    def compare(self) -> None:
        fresh = MatchIndex(self.held.values(), members=MEMBERS, now=self.now)
        plain = every_match(self.held.values(), MEMBERS, self.now)
        assert self.index.first(10**6) == fresh.first(10**6)
        for name in self.held:
            assert self.index.ask(name) == fresh.ask(name)
            assert self.index.gift(name) == fresh.gift(name)
            expected = [match for match in plain if match.need == name]
            assert self.index.for_need(name) == fresh.for_need(name) == expected
            expected = [match for match in plain if match.offer == name]
            assert self.index.for_offer(name) == fresh.for_offer(name) == expected
        # Each need has fewer offers here than the whole board's list takes of it.
        if len(self.held) <= limits.PROPOSALS_PER_NEED:
            assert self.index.first(10**6) == plain

    @invariant()
    def follow(self) -> None:
        """After every step, or only after some more."""
        self.steps += 1
        if self.steps % self.every == 0:
            self.index.advance(self.waiting, members=MEMBERS, now=self.now)
            self.waiting = {}
            self.compare()


FollowingAnIndex.TestCase.settings = settings(max_examples=150, stateful_step_count=12)
TestFollowingAnIndex = FollowingAnIndex.TestCase


# ---- what chance finds rarely


def need(name: str, **fields: Any) -> Record:
    return record("ada", name, "need", category="water.drinking", urgency="any", **fields)


def offer(**fields: Any) -> Record:
    return record("ben", "o", "offer", category="water.drinking", **fields)


def follow(held: Iterable[Record], *written: Record | str, later: int = 0) -> MatchIndex:
    """An index of some records that went on: it is one of all of them, asked at the later time."""
    known = {each.reference: each for each in held}
    index = MatchIndex(known.values(), members=MEMBERS, now=START)
    index.advance({}, members=MEMBERS, now=START + max(0, later - 60))
    index.first(10)
    told: dict[str, Record | None] = {}
    for each in written:
        name = each if isinstance(each, str) else each.reference
        told[name] = None if isinstance(each, str) else each
        known.pop(name, None)
        if isinstance(each, Record):
            known[name] = each
    index.advance(told, members=MEMBERS, now=START + later)
    fresh = MatchIndex(known.values(), members=MEMBERS, now=START + later)
    for name in known:
        assert index.ask(name) == fresh.ask(name)
        assert index.gift(name) == fresh.gift(name)
    assert index.first(10**6) == fresh.first(10**6)
    assert index.first(10**6) == every_match(known.values(), MEMBERS, START + later)
    return index


def received(name: str, what: str, **fields: Any) -> Record:
    need_name = reference("ada", what)
    return record("ada", name, "receipt", need=need_name, result="received", **fields)


def tiers(index: MatchIndex) -> list[int]:
    asks = (index.ask(match.need) for match in index.first(10))
    return [ask.rank.received for ask in asks if ask is not None]


def test_what_one_need_received_counts_for_the_others_of_its_household() -> None:
    held = [need("n1"), need("n2", status="closed", closed_reason="received"), offer()]
    came = received("r", "n2")
    assert tiers(follow(held, came)) == [1]
    assert tiers(follow([*held, came], came.reference)) == [0]
    third = [received(f"r{number}", "n2") for number in range(2)]
    assert tiers(follow([*held, came], *third)) == [2]
    assert tiers(follow([*held, came], need("n2", on_behalf_of="h1"))) == [0]


def test_what_was_received_three_days_ago_is_forgotten_in_time() -> None:
    held = [need("n1"), need("n2", status="closed"), offer(expires_at=START + 99 * HOUR)]
    held[0] = need("n1", expires_at=START + 99 * HOUR)
    came = received("r", "n2", created_at=START - HOUR)
    assert tiers(follow([*held, came], later=71 * HOUR)) == [1]
    assert tiers(follow([*held, came], later=71 * HOUR + 60)) == [0]


def test_a_flag_that_expires_shows_again_what_it_hid() -> None:
    spam = record(
        "ann", "f", "flag", target=offer().reference, reason="spam", expires_at=START + 90
    )
    assert follow([need("n1"), offer(), spam]).first(9) == []
    assert follow([need("n1"), offer(), spam], later=60).first(9) == []
    assert len(follow([need("n1"), offer(), spam], later=120).first(9)) == 1


def test_a_need_is_given_up_a_day_after_its_deadline() -> None:
    held = [need("n1", needed_by=START), offer()]
    assert len(follow(held, later=24 * HOUR).first(9)) == 1
    assert follow(held, later=24 * HOUR + 60).first(9) == []


def test_a_receipt_on_one_need_for_a_pledge_on_another_is_read_with_its_offer() -> None:
    """What came is told in packs, and only the offer behind that pledge says what a pack holds."""
    packs = record(
        "ben",
        "o2",
        "offer",
        category="food.meals",
        quantity=9_000,
        unit="pack",
        per_pack=9_000,
        per_unit="L",
    )
    pledge = record(
        "ben", "p", "pledge", need=reference("ada", "n2"), offer=packs.reference, unit="pack"
    )
    came = received("r", "n1", pledge=pledge.reference, quantity=1_000, unit="pack")
    held = [need("n1", quantity=20_000, unit="L"), offer(), packs, pledge, came]
    held.append(need("n2", on_behalf_of="h2"))
    index = follow(held, need("n1", quantity=30_000, unit="L"))
    ask = index.ask(reference("ada", "n1"))
    assert ask is not None
    assert ask.left == 21_000


def test_what_its_duplicates_were_promised_counts_for_a_need() -> None:
    copies = [
        need(
            name,
            on_behalf_of=name,
            status="closed",
            closed_reason="duplicate",
            duplicate_of=reference("ada", of),
        )
        for name, of in (("n2", "n1"), ("n3", "n2"), ("n4", "n3"), ("n5", "n4"), ("n6", "n5"))
    ]
    pledge = record("hub", "p", "pledge", need=reference("ada", "n6"), quantity=5_000, unit="L")
    held = [need("n1", quantity=20_000, unit="L"), *copies, offer(), pledge]
    ask = follow(held, need("n1", quantity=30_000, unit="L")).ask(reference("ada", "n1"))
    assert ask is not None
    assert ask.left == 25_000


def test_an_earlier_time_other_members_and_many_records_are_read_anew() -> None:
    held = [need("n1"), offer(available_until=START)]
    index = follow(held, later=HOUR)
    assert index.first(9) == []
    index.advance({}, members=MEMBERS, now=START)
    assert len(index.first(9)) == 1
    alone = {name: author for name, author in MEMBERS.items() if name != member_id("ben")}
    index.advance({}, members=alone, now=START)
    assert index.first(9) == []
    many = [need(f"n{number}") for number in range(50)]
    assert len(follow([offer()], *many).first(10)) == 50


def test_withdrawing_one_flag_of_too_many_lets_another_in() -> None:
    """Of one member only so many flags count, those with the smallest ids."""
    names = sorted((f"f{number}" for number in range(limits.FLAGS_PER_MEMBER + 1)), key=record_id)
    elsewhere = [
        record("ann", name, "flag", target=reference("ben", f"x{name}"), reason="spam")
        for name in names[:-1]
    ]
    last = record("ann", names[-1], "flag", target=offer().reference, reason="spam")
    held = [need("n1"), offer(), *elsewhere, last]
    assert len(follow(held, need("n1", title="Water")).first(9)) == 1
    assert follow(held, elsewhere[0].reference).first(9) == []


def test_a_promise_that_is_held_no_longer_is_open_again() -> None:
    pledge = record("hub", "p", "pledge", need=need("n1").reference, hold_until=START + 90)
    assert follow([need("n1"), offer(), pledge], later=60).first(9) == []
    assert len(follow([need("n1"), offer(), pledge], later=120).first(9)) == 1


def test_a_flood_is_followed_as_a_new_index_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "OFFERS_WEIGHED", 4)
    monkeypatch.setattr(limits, "NEEDS_WEIGHED", 3)
    held = {each.reference: each for each in (need(f"n{number}") for number in range(6))}
    index = MatchIndex(held.values(), members=MEMBERS, now=START)
    for number in range(9):
        index.first(100)
        category = "water" if number % 3 else "water.drinking"
        new = record("ben", f"o{number}", "offer", category=category, quantity=number * 1000 + 1)
        gone = reference("ben", f"o{number - 6}")
        held[new.reference] = new
        told: dict[str, Record | None] = {new.reference: new}
        if held.pop(gone, None) is not None:
            told[gone] = None
        index.advance(told, members=MEMBERS, now=START)
        fresh = MatchIndex(held.values(), members=MEMBERS, now=START)
        assert index.first(100) == fresh.first(100)
    assert len({match.need for match in index.first(100)}) == 3
