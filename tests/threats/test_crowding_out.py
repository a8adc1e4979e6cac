"""A member makes up offers that fit everything, or writes one thing a hundred times."""

from __future__ import annotations

import pytest

from meshaid import limits
from tests.shell.desks import Town


def test_made_up_offers_do_not_push_out_a_real_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are nearer and cover all; the real one is smaller, and listed all the same."""
    monkeypatch.setattr(limits, "PROPOSALS_LISTED", 20)
    town = Town("cyd")
    reference = town.need("ben", category="water.drinking", area="Hill")
    water = {"title": "Water", "category": "water.drinking", "unit": "L"}
    real = town.desks["ada"].add("offer", {**water, "quantity": 5, "range": "anywhere"}, town.now)
    for _ in range(30):
        said = {**water, "quantity": 1_000, "area": "Hill"}
        town.desks["cyd"].add("offer", said, town.now)
    town.sync()
    found = town.do("hub", "match", ref=reference)
    offers = [proposal["offer"]["id"] for proposal in found["proposals"]]
    assert found["total"] == 31
    assert len(offers) == 20
    assert offers[-1] == real.id


def test_what_one_member_repeats_does_not_push_out_what_two_have_told() -> None:
    town = Town("cyd")
    for _ in range(40):
        town.desks["cyd"].add("need", {"title": "Blankets", "quantity": 2}, town.now)
    twice = {
        town.desks[name].add("need", {"title": "Insulin for Rosa", "area": area}, town.now).id
        for name, area in (("ada", "Hill"), ("ben", "Hill"))
    }
    town.sync()
    found = town.do("hub", "duplicates")
    assert found["total"] > len(found["candidates"]) == limits.DUPLICATES_LISTED
    told = [{pair["record"]["id"], pair["other"]["id"]} for pair in found["candidates"]]
    assert twice in told
