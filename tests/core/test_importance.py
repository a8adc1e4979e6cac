"""What a peer is told to ask for first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from meshaid.core import ids
from meshaid.core.importance import LIFE, URGENT, Importance
from meshaid.core.meeting_events import DocumentChanged
from meshaid.core.records import new_record
from tests.core.meeting_pair import Pair
from tests.core.real_world import NOW, RealDevice, RealWorld
from tests.core.test_replica import bring, full_disk

ANNA, BEN = bytes(32), bytes([1]) * 32


def fields(kind: str = "need", **entered: object) -> dict[str, list[Any]]:
    made = new_record(kind, {"title": "Water", **entered}, now=NOW, ref="")
    return {name: [value] for name, value in made.items()}


@pytest.mark.parametrize(
    ("held", "level"),
    [
        (fields(life_threatening=True, urgency="any"), LIFE),
        (fields("notice", life_threatening=True), LIFE),
        (fields(urgency="now"), URGENT),
        (fields(urgency="week"), 0),
        (fields("offer"), 0),
        ({**fields(life_threatening=True), "status": ["closed"]}, 0),
        ({**fields(life_threatening=True), "status": ["paused"]}, 0),
        ({"kind": ["need"], "life_threatening": [1], "urgency": [b"now"], "created_at": ["x"]}, 0),
        ({"kind": [{"en": "need"}], "urgency": ["now"]}, 0),
        ({}, 0),
    ],
)
def test_a_record_says_how_important_it_is(held: dict[str, list[Any]], level: int) -> None:
    importance = Importance()
    importance.note(ANNA, "a" * 16, held)
    assert importance.rank(ANNA)[0] == -level


def test_an_ended_record_takes_its_importance_along() -> None:
    importance = Importance()
    importance.note(ANNA, "a" * 16, fields(life_threatening=True))
    importance.note(ANNA, "b" * 16, fields(urgency="now"))
    assert importance.rank(ANNA) < importance.rank(BEN)
    importance.note(ANNA, "a" * 16, None)
    assert importance.rank(ANNA) == (-URGENT, -NOW)
    importance.note(ANNA, "b" * 16, {**fields(urgency="now"), "status": ["closed"]})
    assert importance.rank(ANNA) == (0, -NOW)


def test_among_equals_the_newest_comes_first() -> None:
    importance = Importance()
    importance.note(ANNA, "a" * 16, fields(urgency="any"))
    importance.note(BEN, "b" * 16, {**fields(urgency="any"), "created_at": [NOW + 1]})
    assert sorted([ANNA, BEN], key=importance.rank) == [BEN, ANNA]


def post(device: RealDevice, now: int, **entered: object) -> bytes:
    """Write a need; gives the name of the document."""
    made: Mapping[str, Any] = new_record("need", {"title": "x", **entered}, now=now, ref="")
    name = ids.record_id(device.dice(ids.RECORD_BYTES))
    device.replica.write([("make", name), *(("put", name, f, v) for f, v in made.items())])
    return device.replica.own_genesis


def neighbour(world: RealWorld, name: str, inviter: RealDevice) -> RealDevice:
    """Somebody who joined and has met the inviter."""
    device = world.join(name, inviter)
    bring(inviter, device)
    return device


def test_a_newcomer_gets_what_says_that_a_life_is_at_risk_first() -> None:
    world = RealWorld()
    anna = world.found("Anna")
    others = [neighbour(world, name, anna) for name in ("Ben", "Cleo", "Dan", "Eve")]
    calm, late, urgent, life = (
        post(device, NOW + number, **entered)
        for number, (device, entered) in enumerate(
            zip(
                others,
                (
                    {"urgency": "any"},
                    {"urgency": "week"},
                    {"urgency": "now"},
                    {"urgency": "any", "life_threatening": True},
                ),
                strict=True,
            )
        )
    )
    for device in others:
        bring(device, anna)
    own = post(anna, NOW, urgency="any")
    expected = [life, urgent, own, late, calm]
    assert list(anna.replica.items_by_importance()) == expected
    assert anna.replica.items_by_importance() == anna.replica.items()

    pair = Pair(world.join("Fay", anna), anna, chunk=512)
    pair.run()
    assert [e.genesis for e in pair.events[0] if isinstance(e, DocumentChanged)] == expected


def test_a_write_that_failed_makes_nothing_important() -> None:
    world = RealWorld()
    anna = world.found("Anna")
    ben = neighbour(world, "Ben", anna)
    theirs, ours = post(ben, NOW + 9, urgency="week"), post(anna, NOW, urgency="week")
    bring(ben, anna)
    before = list(anna.replica.items_by_importance())
    with full_disk(anna.replica):
        post(anna, NOW, life_threatening=True)
    assert list(anna.replica.items_by_importance()) == before == [ours, theirs]
