"""Real documents beside the executable model: the same counts, clocks, verdicts and signatures.

Whole worlds (forks, bad changes, removals, any order, signatures dropped at any time, meetings) are
played by real documents with real hashes; `tests/document_worlds.py` explains them.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.document_oracle import MODEL, load_model, play
from tests.document_worlds import Abstract, World, replay

STORED = Path(__file__).parents[1] / "vectors" / "document_worlds.json.gz"
PARTS = 20
FRESH = range(1_000_000, 1_000_150)
"""Seeds of worlds that are in no file."""


@pytest.fixture(scope="module")
def worlds() -> list[Any]:
    stored: list[Any] = json.loads(gzip.decompress(STORED.read_bytes()))["worlds"]
    return stored


@pytest.mark.parametrize("part", range(PARTS))
def test_stored_worlds_come_out_as_the_model_said(worlds: list[Any], part: int) -> None:
    assert len(worlds) >= 2_000
    for stored in worlds[part::PARTS]:
        changes = [
            Abstract(actor, prev, tuple(deps), bad) for actor, prev, deps, bad in stored["changes"]
        ]
        replay(World(changes), stored["events"])


def test_stored_worlds_hold_every_kind_of_event(worlds: list[Any]) -> None:
    """A file that lost its forks, cuts or refusals would prove little."""
    events = [event for stored in worlds for event in stored["events"]]
    assert {event[0] for event in events} == {"run", "drop", "cut", "view", "meet"}
    assert {event[3] for event in events if event[0] == "run"} == {"ok", "wait", "no"}
    assert {event[3] for event in events if event[0] == "drop"} == {True, False}
    places = [[(change[0], change[1]) for change in stored["changes"]] for stored in worlds]
    forked = sum(len(set(world)) < len(world) for world in places)
    assert forked > len(worlds) // 3


@pytest.mark.skipif(not MODEL.exists(), reason="the executable model is not beside this checkout")
def test_fresh_worlds_come_out_as_the_model_says() -> None:
    model = load_model()
    assert model is not None
    for seed in FRESH:
        play(seed, model)
