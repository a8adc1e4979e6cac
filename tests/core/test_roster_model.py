"""The real roster and the model agree on stored worlds and on fresh ones; and the properties that
the model is checked for hold for the real roster.

Worlds are as in tests/worlds.py. Stored ones suffice for a clone alone.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshaid.core.cards import Member, SignedCard
from meshaid.core.roster import Roster, RosterCaps
from tests import roster_model
from tests.vectors import make_roster_worlds
from tests.worlds import (
    CAPS,
    DEVICES,
    World,
    device_id,
    member_id,
    random_removal,
    random_steps,
    random_world,
)

STORED = json.loads(gzip.decompress(make_roster_worlds.TARGET.read_bytes()))["worlds"]
OUTCOME = ("members", "devices", "stewards", "effective")
HAS_MODEL = (roster_model.FOLDER / "roster.py").exists()
needs_model = pytest.mark.skipif(not HAS_MODEL, reason="the model does not lie beside the project")

randoms = st.randoms(use_true_random=False)


def pruned(roster: Roster, cards: Sequence[SignedCard]) -> list[SignedCard]:
    """What a store keeps: what counts and what may count later."""
    return [c for c in cards if c.hash in roster.hashes or c.hash in roster.pending]


def live(world: World, roster: Roster) -> tuple[set[str], set[str], set[tuple[str, str]]]:
    """Stewards, members and devices that stand, by name."""
    outcome = world.outcome(roster)
    members = {m for m, _, status in outcome["members"] if status in ("member", "steward")}
    return set(outcome["stewards"]), members, {(m, d) for m, d in outcome["devices"]}


# ---- agreement with the model
def test_there_are_enough_stored_worlds_and_they_differ() -> None:
    assert len(STORED) >= 2_000
    assert len({json.dumps(world) for world in STORED}) > 2_000
    removed = [w for w in STORED if any(step[0] == "removal" for step in w[0])]
    statuses = {status for w in STORED for _, _, status in w[1]}
    assert len(removed) > 1_000
    assert statuses == {"member", "steward", "hidden", "purged"}


@pytest.mark.parametrize("part", range(8))
def test_stored_worlds_give_the_models_roster(part: int) -> None:
    for steps, *expected in STORED[part::8]:
        world = World.of(steps)
        outcome = world.outcome(world.roster())
        assert [outcome[name] for name in OUTCOME] == expected, steps


@needs_model
@given(randoms, st.sampled_from([14, 40]))
@settings(max_examples=400)
def test_fresh_worlds_give_the_models_roster(rng: Random, size: int) -> None:
    steps = random_world(rng, size)
    world = World.of(steps)
    model = roster_model.ModelWorld(roster_model.load("roster"), steps)
    assert world.outcome(world.roster()) == model.outcome()


@needs_model
def test_the_generator_gives_the_stored_worlds() -> None:
    model = roster_model.load("roster")
    for number in (0, 500, make_roster_worlds.SIZES[0][1] - 1):
        assert make_roster_worlds.world_of(model, 14, number) == STORED[number]


def test_two_ways_are_not_enough_for_the_stored_worlds() -> None:
    """The cap on ways is far above what they need, and it does act."""
    narrow = RosterCaps(members_per_invite=3, devices_per_link=1_000, grant_ways=1)
    wider = RosterCaps(members_per_invite=3, devices_per_link=1_000, grant_ways=4)
    differing = 0
    for steps, *_ in STORED[-40:]:
        world = World.of(steps)
        outcome = world.outcome(world.roster())
        assert world.outcome(world.roster(caps=wider)) == outcome
        differing += world.outcome(world.roster(caps=narrow)) != outcome
    assert differing > 0


# ---- any order
@given(randoms, st.data())
def test_any_order_of_arrival_gives_one_roster(rng: Random, data: st.DataObject) -> None:
    """Pruned at any time. A removal of an invite brings along the member cards that it names."""
    world = World.of(random_world(rng, 20))
    numbers = data.draw(st.permutations(range(len(world.cards))))
    final = world.roster()
    held: dict[bytes, SignedCard] = {}
    for number in numbers:
        card = world.cards[number]
        held[card.hash] = card
        for other in brought_along(world, card):
            held[other.hash] = other
        if data.draw(st.booleans()):
            kept = pruned(world.roster(held.values()), list(held.values()))
            held = {c.hash: c for c in kept}
    roster = world.roster(held.values())
    assert world.outcome(roster) == world.outcome(final)
    assert roster.hashes == final.hashes


def brought_along(world: World, card: SignedCard) -> list[SignedCard]:
    """The member cards that a removal of their invite names."""
    target, stay = getattr(card.card, "target", None), getattr(card.card, "stay", ())
    if getattr(card.card, "target_kind", "") != "invite":
        return []
    return [
        other
        for other in world.cards
        if getattr(other.card, "invite_key", None) == target
        and getattr(other.card, "member", None) in stay
    ]


@given(randoms, randoms)
def test_two_stores_that_swap_what_counts_agree(rng: Random, split: Random) -> None:
    """Each holds a part; they show each other the effective cards until nothing is new."""
    world = World.of(random_world(rng, 30))
    one = {c.hash: c for c in world.cards if split.random() < 0.7}
    other = {c.hash: c for c in world.cards if split.random() < 0.7 or c.hash not in one}
    for _ in range(len(world.cards)):
        left, right = world.roster(one.values()), world.roster(other.values())
        if left.hashes == right.hashes:
            break
        one |= {h: other[h] for h in right.hashes}
        other |= {h: one[h] for h in left.hashes}
    assert left.hashes == right.hashes
    assert left.pairs == right.pairs
    assert left.members == right.members


# ---- never undone
@given(randoms, randoms)
def test_one_more_removal_brings_nobody_back(rng: Random, extra: Random) -> None:
    steps = random_world(rng, 20)
    members: dict[int, set[str]] = {}
    for step in steps:
        if step[0] == "member":
            members.setdefault(step[1], set()).add(step[2])
    if any(len(names) > CAPS.members_per_invite for names in members.values()):
        return
    invites = [number for number, step in enumerate(steps) if step[0] == "invite"]
    before = World.of(steps)
    after = World.of([*steps, random_removal(extra, invites)])
    held, left = live(before, before.roster()), live(after, after.roster())
    assert all(now <= then for now, then in zip(left, held, strict=True)), (left, held)


# ---- one hand
ONE_HAND = [
    ["invite", "root", "steward", "0"],
    ["invite", "root", "steward", "1"],
    ["invite", "root", "steward", "2"],
    ["invite", "t1", "steward", ""],
    ["member", 0, "f", 0, ""],
    ["device", "f", "f1", -1],
    ["member", 1, "g", 0, ""],
    ["device", "g", "g1", -1],
    ["member", 2, "h", 0, ""],
    ["device", "h", "h1", -1],
    ["member", 1, "t", 0, ""],
    ["device", "t", "t1", -1],
    ["member", 3, "k", 0, ""],
    ["device", "k", "k1", -1],
    ["removal", "root", "role", "t", ["k"]],
]
PUPPETS = [
    ["invite", "f1", "steward", "p"],
    ["invite", "p1", "steward", "q"],
    ["member", 15, "p", 0, ""],
    ["device", "p", "p1", -1],
    ["member", 16, "q", 0, ""],
    ["device", "q", "q1", -1],
]
evil_targets = st.sampled_from(
    [("member", m) for m in "ghkt"]
    + [("role", m) for m in "ghkt"]
    + [("device", [m, m + "1"]) for m in "ghkt"]
    + [("invite", number) for number in range(4)]
)
evil_removals = st.builds(
    lambda signer, target, stay: ["removal", signer, *target, stay],
    st.sampled_from(["f1", "p1", "q1"]),
    evil_targets,
    st.lists(st.sampled_from("gh"), max_size=1),
)


@given(st.lists(evil_removals, max_size=4))
def test_one_hand_never_drops_a_steward_of_another_line(evil: list[list[Any]]) -> None:
    """f (line 0) and its puppets, against g, h (lines 1, 2) and k, whom the root kept."""
    world = World.of([*ONE_HAND, *PUPPETS, *evil])
    stewards, _, devices = live(world, world.roster())
    assert {"g", "h", "k"} <= stewards
    assert {("g", "g1"), ("h", "h1"), ("k", "k1")} <= devices


# ---- grants end
GRANTS_END = [
    ["invite", "root", "steward", "0"],
    ["invite", "f1", "member", "1"],
    ["invite", "f1", "link", "0"],
    ["member", 0, "f", 0, ""],
    ["device", "f", "f1", -1],
    ["device", "f", "f2", 2],
    ["member", 1, "a", 0, ""],
    ["device", "a", "a1", -1],
    ["removal", "f2", "device", ["f", "f1"], ["f2", "a"]],
]


@given(randoms, st.integers(1, 8))
def test_what_a_removed_device_grants_later_counts_for_nothing(rng: Random, count: int) -> None:
    """f1 is stolen and removed; whatever it and its puppet z then make changes nothing."""
    steps = list(GRANTS_END)
    for number in range(count):
        invites = [n for n, step in enumerate(steps) if step[0] == "invite" and n != 0]
        kind = rng.choice(["invite", "member", "device"])
        if kind == "invite":
            role = rng.choice(["steward", "member", "link"])
            steps.append(["invite", rng.choice(["f1", "z1", "z2"]), role, f"e{number}"])
        elif kind == "member":
            steps.append(["member", rng.choice(invites), "z", number, ""])
            steps.append(["device", "z", "z1", -1])
        else:
            links = [-1, *(n for n in invites if steps[n][2] == "link")]
            steps.append(["device", rng.choice("fz"), rng.choice(["z1", "z2"]), rng.choice(links)])
    world = World.of(steps)
    standing = {("f", "f2"), ("a", "a1")}
    assert live(world, world.roster()) == ({"f"}, {"f", "a"}, standing)


# ---- grinding
@given(st.lists(st.integers(0, 60), min_size=1, max_size=8), st.booleans())
def test_named_members_survive_any_cards_of_a_thief(numbers: list[int], revoke: bool) -> None:
    names = [chr(0x400 + number) for number in numbers]
    steps: list[list[Any]] = [
        ["invite", "root", "steward", "0"],
        ["invite", "f1", "steward", "1"],
        ["member", 0, "f", 0, ""],
        ["device", "f", "f1", -1],
        ["member", 1, "a", 0, ""],
        ["device", "a", "a1", -1],
        ["removal", "a1", "member", "x", []],
        ["removal", "f1", "invite", 1, ["a"]],
    ]
    for name in names:
        steps += [["member", 1, name, 0, ""], ["device", name, name + "1", -1]]
    if revoke:
        steps.append(["removal", names[0] + "1", "invite", 1, names])
    world = World.of(steps)
    roster = world.roster()
    assert "a" in live(world, roster)[0]
    invite_key = world.cards[1].card.possession
    invited = [
        c for c in roster.cards if isinstance(c.card, Member) and c.card.signer == invite_key
    ]
    assert len(invited) <= CAPS.members_per_invite


# ---- hostile and honest worlds alike
@given(randoms)
def test_a_superset_of_grants_never_hides_who_stands(rng: Random) -> None:
    """Without removals everybody ever valid stands, and more grants take nothing away."""
    steps = random_world(rng, 20, removals=False)
    world = World.of(steps)
    grown = World.of([*steps, *random_steps(rng, steps, "device", "more")])
    wide = RosterCaps(members_per_invite=1_000, devices_per_link=1_000)
    before, after = world.roster(caps=wide), grown.roster(caps=wide)
    assert before.hashes <= after.hashes
    assert before.pairs <= after.pairs
    assert before.pairs == {
        (member_id(member), device_id(device))
        for member in "fabcd"
        for device in DEVICES
        if device_id(device) in before.ever_devices(member_id(member))
    }
