"""The report: what is counted where, once, and how long it waits."""

from __future__ import annotations

import json
import random
from typing import Any

from meshaid.core.board import Board
from meshaid.core.fields import Value
from meshaid.core.records import Record
from meshaid.core.reports import report
from meshaid.core.rows import Author
from tests.core import drill
from tests.core.boards import NOW, board, record, reference

HOUR = 3600
HUB = record("hub", "h", "hub", title="Cedar School", letter="C", areas="East; West")


def need(name: str, member: str = "ada", **fields: Value) -> Record:
    return record(member, name, "need", **{"category": "food.meals", "area": "East", **fields})


def row(told: list[dict[str, Any]], **which: Any) -> dict[str, Any]:
    (found,) = [each for each in told if which.items() <= each.items()]
    return found


def total(*records: Record) -> dict[str, Any]:
    told: dict[str, Any] = report(board(HUB, *records))["total"]
    return told


def test_needs_are_counted_by_their_state() -> None:
    one: dict[str, Value] = {"quantity": 4_000, "unit": "meal"}
    told = total(
        need("open", **one),
        need("part", **one),
        record("ben", "p1", "pledge", need=reference("ada", "part"), quantity=1_000, unit="meal"),
        need("pledged", **one),
        record(
            "ben", "p2", "pledge", need=reference("ada", "pledged"), quantity=4_000, unit="meal"
        ),
        need("received", **one),
        record("ada", "r", "receipt", need=reference("ada", "received"), result="received", **one),
        need("paused", status="paused"),
        need("expired", expires_at=NOW - 1),
        need("done", status="closed", closed_reason="received"),
        need("gone", status="closed", closed_reason="no_longer_needed"),
    )
    counts = {name: told[name] for name in told if not name.startswith("waiting")}
    assert counts == {
        "open": 2,
        "paused": 1,
        "pledged": 1,
        "received": 2,
        "expired": 1,
        "closed": 1,
        "offers": 0,
        "hidden": 0,
        "unanswered": 0,
    }


def test_waiting_is_that_of_open_needs() -> None:
    assert total()["waiting_median"] is total()["waiting_longest"] is None
    ages = [1, 2, 9]
    asked = [need(f"n{hours}", created_at=NOW - hours * HOUR) for hours in ages]
    closed = need("old", created_at=NOW - 50 * HOUR, status="closed", closed_reason="received")
    told = total(*asked, closed)
    assert (told["waiting_median"], told["waiting_longest"]) == (2 * HOUR, 9 * HOUR)
    told = total(*asked, need("fourth", created_at=NOW - 4 * HOUR - 1))
    assert told["waiting_median"] == 3 * HOUR
    assert total(need("ahead", created_at=NOW + HOUR))["waiting_longest"] == 0


def test_unanswered_are_open_needs_that_nobody_pledged_for_in_three_hours() -> None:
    old = need("n", created_at=NOW - 3 * HOUR)
    assert total(old)["unanswered"] == 1
    assert total(need("n", created_at=NOW - 3 * HOUR + 1))["unanswered"] == 0
    pledge = record("ben", "p", "pledge", need=old.reference, whole=False)
    assert total(old, pledge)["unanswered"] == 0


def test_duplicates_count_once_with_their_survivor() -> None:
    copy = need(
        "copy",
        "ben",
        status="closed",
        closed_reason="duplicate",
        duplicate_of=reference("ada", "n"),
    )
    told = report(board(HUB, need("n"), copy))
    assert (told["total"]["open"], told["total"]["closed"]) == (1, 0)
    assert told["kinds"] == [{"kind": "need", "count": 1}]


def test_offers_and_hidden_records() -> None:
    flags = [
        record(name, "f", "flag", target=reference("ada", "n"), reason="spam")
        for name in ("ben", "hub", "eve")
    ]
    shown = board(
        HUB,
        need("n"),
        record("ben", "o", "offer", category="food.meals", area="West"),
        record("ben", "p", "offer", category="food.meals", status="closed"),
        *flags,
        eve=Author("eve"),
    )
    told = report(shown)
    assert (told["total"]["offers"], told["total"]["hidden"]) == (1, 1)


def test_rows_are_of_groups_in_the_order_of_the_list_and_of_hubs() -> None:
    shown = board(
        HUB,
        need("a"),
        need("b", category="water.drinking", area="Nowhere"),
        need("c", category="water.of_2040", area="west", created_at=NOW - HOUR),
        need("d", category=None),
        need("e", category="zeta.unknown", member="hub", area="Nowhere"),
    )
    told = report(shown)
    assert [each["code"] for each in told["categories"]] == ["water", "food", "other", "zeta"]
    assert row(told["categories"], code="water")["label"] == "Water"
    assert row(told["categories"], code="zeta")["label"] == "zeta"
    assert row(told["categories"], code="water")["open"] == 2
    at_hub, nowhere = told["hubs"]
    assert (at_hub["letter"], at_hub["name"], at_hub["open"]) == ("C", "Cedar School", 4)
    assert (nowhere["id"], nowhere["open"], nowhere["waiting_longest"]) == (None, 1, 0)
    assert told["not_heard_from"] == ["East", "West"]


def test_the_report_is_plain_and_the_same_whatever_came_first() -> None:
    records = [*drill.Replay().records.values()]
    told = report(Board(records, now=drill.END, members=drill.members()))
    random.Random(1).shuffle(records)
    assert told == report(Board(records, now=drill.END, members=drill.members()))
    assert json.loads(json.dumps(told)) == told


def test_the_drill_is_counted_as_its_answer_key_says() -> None:
    expected = [row for row in drill.table(drill.EXPECTED) if row["id"].startswith("N")]
    told = report(Board(drill.Replay().records.values(), now=drill.END, members=drill.members()))
    states = [row["state"] for row in expected]
    open_ = sum(state in ("open", "part-pledged", "part-received") for state in states)
    assert told["total"]["open"] == open_ > 10
    assert told["total"]["pledged"] == states.count("pledged")
    done = ("received", "closed(received)", "closed(done_by_others)")
    assert told["total"]["received"] == sum(map(states.count, done))
    needs = len(states) - states.count("closed(duplicate)")
    columns = ("open", "paused", "pledged", "received", "expired", "closed")
    assert sum(told["total"][column] for column in columns) == needs
    for rows in ("categories", "hubs"):
        for column in (*columns, "offers", "hidden", "unanswered"):
            assert sum(each[column] for each in told[rows]) == told["total"][column]
