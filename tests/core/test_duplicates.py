"""What may be told twice: rule by rule, bounded, and measured on the drill's answer key."""

from __future__ import annotations

from collections.abc import Container

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshaid import limits
from meshaid.core.duplicates import (
    DuplicateIndex,
    Subject,
    pairs,
    parts_of,
    reasons_between,
)
from meshaid.core.fields import Value
from meshaid.core.records import Record, complete_record
from tests.core import drill
from tests.core.boards import NOW, member_id, record, record_id, reference, stored
from tests.core.neighbourhoods import any_record

HOUR = 3600
WORDS: dict[str, Value] = {"title": "Insulin in a cool bag", "text": "For one night, please."}


def need(name: str, member: str = "ada", **fields: Value) -> Record:
    given_: dict[str, Value] = {"category": "food.meals", "area": "East", **fields}
    return record(member, name, "need", **given_)


def codes(one: Record, other: Record, *, hubs: Container[str] = ()) -> list[str]:
    """The reasons by which one record is a candidate for the other, and the other for it."""
    index = DuplicateIndex([one, other], hubs=hubs)
    there = _found(index, one, other)
    assert there == _found(index, other, one)
    return there


def _found(index: DuplicateIndex, one: Record, other: Record) -> list[str]:
    subject = index.get(one.reference)
    assert subject is not None
    candidates = {each.reference: each.reasons for each in index.candidates(subject)}
    return [reason.code for reason in candidates.get(other.reference, ())]


# ---- the tests of two records


def test_the_same_household_asking_for_the_same_kind_of_thing() -> None:
    one = need("a", member="hub", on_behalf_of="h1")
    assert codes(one, need("b", member="hub", on_behalf_of="h1")) == ["same_household"]
    assert codes(one, need("b", member="hub", on_behalf_of="h2")) == []
    assert codes(one, need("b", member="ben", on_behalf_of="h1")) == []
    assert codes(need("a"), need("b")) == ["same_household"]


def test_what_a_hub_writes_without_a_tag_is_of_many_households() -> None:
    hubs = {member_id("hub")}
    untagged = [need(name, member="hub") for name in "ab"]
    assert codes(*untagged, hubs=hubs) == []
    assert codes(*untagged, hubs={member_id("ada")}) == ["same_household"]
    tagged = [need(name, member="hub", on_behalf_of="h1") for name in "ab"]
    assert codes(*tagged, hubs=hubs) == ["same_household"]
    assert codes(untagged[0], tagged[1], hubs=hubs) == []
    same = [need(name, member="hub", **WORDS) for name in "ab"]
    assert codes(*same, hubs=hubs) == ["similar_words"]


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ({"quantity": 6_000, "unit": "meal"}, {"quantity": 6_000, "unit": "meal"}, True),
        ({"quantity": 6_000, "unit": "meal"}, {"quantity": 7_000, "unit": "meal"}, False),
        ({"quantity": 12_000, "unit": "piece"}, {"quantity": 1_000, "unit": "dozen"}, True),
        ({"quantity": 6_000, "unit": "meal"}, {"quantity": 6_000, "unit": "piece"}, False),
        (
            {"quantity": 2_000, "unit": "pack", "per_pack": 9_000, "per_unit": "L"},
            {"quantity": 18_000, "unit": "L"},
            True,
        ),
        ({"quantity": 6_000, "people": 3}, {"quantity": 6_000, "people": 3}, True),
        ({"quantity": 6_000, "people": 3}, {"quantity": 6_000}, True),
        ({"quantity": 6_000, "people": 3}, {"quantity": 6_000, "people": 4}, False),
        ({}, {}, False),
        ({"quantity": 6_000}, {}, False),
        ({"people": 3}, {"people": 3}, False),
    ],
)
def test_equal_amounts_for_equal_or_unknown_people(
    first: dict[str, Value], second: dict[str, Value], same: bool
) -> None:
    found = codes(need("a", **first), need("b", member="ben", **second))
    assert found == (["same_amount"] if same else [])


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (WORDS, True),
        ({"title": "INSULIN in a COOL bag", "text": "for one  night,\nplease."}, True),
        ({"title": "Insulin in a cool bag", "text": "for"}, True),
        ({"title": "Insulin in a cool bag"}, False),
        ({"title": "Insulin", "text": "cold, one night"}, False),
        ({"title": "Blankets and a torch"}, False),
        ({}, False),
    ],
)
def test_half_of_the_wording_is_the_same(other: dict[str, Value], same: bool) -> None:
    found = codes(need("a", **WORDS), need("b", member="ben", **other))
    assert found == (["similar_words"] if same else [])


def test_wording_is_compared_in_every_script() -> None:
    assert parts_of("\uff37ater \uff11\uff12") == parts_of("water ١٢") == parts_of("WATER 12")
    assert parts_of("热饭") == {"热饭"}
    assert parts_of("") == parts_of(" \n") == frozenset()
    assert codes(need("a", title="需要热饭"), need("b", "ben", title="需要热饭!")) == [
        "similar_words"
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"category": "water.drinking"},
        {"area": "West"},
        {"created_at": NOW - 72 * HOUR - 1},
        {"slip": "s1"},
    ],
)
def test_what_is_elsewhere_or_long_ago_or_on_one_slip_is_not_compared(
    fields: dict[str, Value],
) -> None:
    assert codes(need("a", slip="s1", **WORDS), need("b", **{**WORDS, **fields})) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"category": "food"},
        {"category": "food.baby"},
        {"area": None},
        {"area": "EAST "},
        {"created_at": NOW - 72 * HOUR},
        {"slip": "s2"},
        {"slip": None},
    ],
)
def test_what_is_near_enough_is_compared(fields: dict[str, Value]) -> None:
    assert codes(need("a", slip="s1"), need("b", **fields)) == ["same_household"]


def test_kinds_are_compared_with_their_own() -> None:
    one = record("ada", "a", "offer", category="food.meals", area="East")
    assert codes(one, need("b")) == []
    notices = [record("ada", n, "notice", topic="hazard", **WORDS) for n in "ab"]
    assert codes(*notices) == ["same_household", "similar_words"]
    other = record("ada", "c", "notice", topic="weather", **WORDS)
    assert codes(notices[0], other) == []
    pledges = [record("ada", n, "pledge", need=reference("ada", "n")) for n in "ab"]
    assert DuplicateIndex(pledges).items() == {}.items()


def test_of_private_matters_only_the_household_says_anything() -> None:
    private: dict[str, Value] = {"category": "private", "quantity": 2_000}
    one = need("a", member="hub", on_behalf_of="h1", **private, **WORDS)
    same = need("b", member="hub", on_behalf_of="h1", **private)
    assert codes(one, same) == ["same_household"]
    assert codes(one, need("b", member="ben", **private, **WORDS)) == []


# ---- the index


def test_the_likest_come_first() -> None:
    drafted = need("d", member="hub", quantity=6_000, **WORDS)
    held = [
        need("one", member="ben", quantity=6_000),
        need("two", member="ben", quantity=6_000, **WORDS),
        need("three", member="hub", quantity=6_000, **WORDS),
        need("half", member="ben", title="Insulin in a cool bag", text="for"),
    ]
    found = DuplicateIndex(held).candidates(Subject.of(drafted))
    names = ["three", "two", "half", "one"]
    expected = [held[["one", "two", "three", "half"].index(name)].reference for name in names]
    assert [each.reference for each in found] == expected


def test_each_pair_is_told_once_unless_it_is_marked_or_has_ended() -> None:
    held = [need("a"), need("b"), need("c")]
    names = [each.reference for each in held]

    def told(shown: list[str], linked: list[set[str]]) -> set[frozenset[str]]:
        index = DuplicateIndex(held)
        found = pairs(index, shown.__contains__, lambda one, two: {one, two} in linked)
        assert all(name != other.reference for name, other in found)
        assert len(found) == len({frozenset((name, other.reference)) for name, other in found})
        return {frozenset((name, other.reference)) for name, other in found}

    both = {frozenset(names[:2]), frozenset(names[1:]), frozenset(names[::2])}
    assert told(names, []) == both
    assert told(names[:2], []) == {frozenset(names[:2])}
    assert told(names, [set(names[:2])]) == both - {frozenset(names[:2])}
    assert told([], []) == set()


def test_a_flood_is_compared_only_around_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "COMPARED_AROUND", 3)
    flood = [need(f"n{number}", created_at=NOW - number) for number in range(50)]
    index = DuplicateIndex(flood)
    subject = index.get(flood[20].reference)
    assert subject is not None
    found = {each.reference for each in index.candidates(subject)}
    assert found == {flood[at].reference for at in (17, 18, 19, 21, 22, 23)}
    shown = pairs(index, lambda _: True, lambda *_: False)
    assert len(shown) <= 50 * limits.CANDIDATES_SHOWN


def test_what_names_no_area_is_compared_with_the_nearest_in_time_of_all_areas(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "COMPARED_AROUND", 3)
    spread = [need(f"n{n}", area=f"x{n}", created_at=NOW - n) for n in range(50)]
    nowhere = need("a", area=None, created_at=NOW - 20)
    found = DuplicateIndex(spread).candidates(Subject.of(nowhere))
    assert 3 <= len(found) <= 7
    assert {each.reference for each in found} <= {each.reference for each in spread[16:25]}


@given(st.lists(st.tuples(any_record(), st.booleans()), max_size=12))
def test_an_index_that_followed_finds_what_a_new_one_finds(
    changes: list[tuple[Record, bool]],
) -> None:
    followed, held = DuplicateIndex(), {}
    for new, goes in changes:
        if goes:
            followed.remove(new.reference)
            held.pop(new.reference, None)
        else:
            followed.put(new)
            held[new.reference] = new
    fresh = DuplicateIndex(reversed(held.values()))
    assert followed.items() == fresh.items()
    for subject in dict(fresh.items()).values():
        assert followed.candidates(subject) == fresh.candidates(subject)


@given(st.lists(any_record(), max_size=8, unique_by=lambda each: each.reference))
def test_within_limits_nothing_is_missed(held: list[Record]) -> None:
    index = DuplicateIndex(held)
    for name, subject in index.items():
        expected = {
            other_name: reasons
            for other_name, other in index.items()
            if other_name != name and (subject.kind, subject.group) == (other.kind, other.group)
            if (reasons := reasons_between(subject, other))
        }
        assert dict(index.candidates(subject)) == expected


# ---- the drill


def drill_slips() -> dict[str, Record]:
    """Every slip as it was written, by its id in the file, without the answer key."""
    rows = {row["id"]: row for row in drill.table(drill.SLIPS)}
    made = {}
    for slip in drill.slips():
        row, fields = rows[slip.row_id], dict(slip.fields)
        for name in ("status", "closed_reason"):
            fields.pop(name, None)
        owner = drill.owner(row["hub"], row["intake_channel"], row["on_behalf_of"])
        fields = complete_record(slip.kind, fields, now=drill.START, ref="")
        made[slip.row_id] = stored(f"{owner}/{record_id(slip.row_id)}", fields)
    return made


def test_the_drill_shows_every_true_duplicate_and_few_others() -> None:
    """While the 240 slips are typed one after the other, as a desk that knows all sees them."""
    rows = drill.table(drill.SLIPS)
    truth = {frozenset((r["id"], r["truth_duplicate_of"])) for r in rows if r["truth_duplicate_of"]}
    made = drill_slips()
    ids = {each.reference: name for name, each in made.items()}
    hubs = {member for member, author in drill.members().items() if author.kind == "hub"}
    index, shown, asked = DuplicateIndex(hubs=hubs), set(), 0
    for name in sorted(made, key=lambda name: (made[name].number("created_at"), name)):
        candidates = index.candidates(Subject.of(made[name]))
        assert len(candidates) <= limits.CANDIDATES_SHOWN
        shown |= {frozenset((name, ids[each.reference])) for each in candidates}
        asked += bool(candidates)
        index.put(made[name])
    assert len(truth) == 16
    assert truth <= shown
    assert len(shown - truth) == 9
    assert asked == 23
