"""The roster by hand: written-out communities, each rule where it decides."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from meshaid import limits
from meshaid.core import cards, ids
from meshaid.core.caps import DEFAULT_CAPS, member_rank
from meshaid.core.circles import circles
from meshaid.core.roster import Roster, RosterCaps
from meshaid.core.standing import Standing
from tests.worlds import (
    CAPS,
    COMMUNITY,
    World,
    device_card,
    device_id,
    exchange_key,
    founding,
    key,
    member_id,
    signer_key,
)

Steps = list[list[Any]]


def outcome(steps: Steps, caps: RosterCaps = CAPS) -> dict[str, Any]:
    """The roster of some steps, by name."""
    world = World.of(steps)
    return world.outcome(world.roster(caps=caps))


def stewards(steps: Steps) -> set[str]:
    return set(outcome(steps)["stewards"])


def status(steps: Steps, name: str) -> str | None:
    """How a member stands; None when it has no standing card."""
    return {member: how for member, _, how in outcome(steps)["members"]}.get(name)


def lines(*names: str) -> Steps:
    """One steward per name, each invited by the root: each a line of its own."""
    steps: Steps = [["invite", "root", "steward", name] for name in names]
    for number, name in enumerate(names):
        steps += person(number, name)
    return steps


def person(invite: int, name: str) -> Steps:
    """A member with a first device."""
    return [["member", invite, name, 0, ""], ["device", name, f"{name}1", -1]]


def role(by: Iterable[str], name: str, stay: Iterable[str] = ()) -> Steps:
    """The end of a steward's role, by the first devices of these stewards."""
    return [["removal", f"{one}1", "role", name, list(stay)] for one in by]


# ---- the model's stories
def test_two_independent_stewards_end_a_role_and_one_does_not() -> None:
    base = lines("f", "g", "h")
    assert stewards([*base, *role("gh", "f")]) == {"g", "h"}
    assert stewards([*base, *role("g", "f")]) == {"f", "g", "h"}
    assert stewards([*base, ["removal", "root", "role", "f", []]]) == {"g", "h"}


def test_circular_removals_all_count() -> None:
    base = lines("f", "g", "h")
    assert stewards([*base, *role("gh", "f"), *role("fh", "g"), *role("fg", "h")]) == set()
    assert stewards([*base, *role("gh", "f"), *role("fg", "h")]) == {"g"}


def test_one_steward_hides_a_member_and_two_lines_purge_it() -> None:
    base = [*lines("f", "g", "h"), ["invite", "f1", "member", ""]]
    base += person(len(base) - 1, "a")
    west, east = ["removal", "f1", "member", "a", []], ["removal", "g1", "member", "a", []]
    assert status(base, "a") == "member"
    assert status([*base, west], "a") == "hidden"
    assert status([*base, west, east], "a") == "purged"
    assert status([*base, ["removal", "root", "member", "a", []]], "a") == "purged"
    assert status([*base, ["removal", "a1", "member", "f", []]], "f") == "steward"
    assert ["a", "a1"] not in outcome([*base, west])["devices"]


def test_lists_of_several_removals_intersect() -> None:
    base = [*lines("f", "g", "h"), ["invite", "f1", "member", ""]]
    guest = len(base) - 1
    base += person(guest, "a")
    unnamed = ["removal", "f1", "invite", guest, []]
    naming = ["removal", "g1", "invite", guest, ["a"]]
    assert status([*base, naming], "a") == "member"
    assert status([*base, unnamed, naming], "a") is None


def test_in_a_community_of_one_line_only_the_root_ends_a_role() -> None:
    base: Steps = lines("f")
    base += [["invite", "f1", "steward", "g"], ["invite", "f1", "steward", "h"]]
    base += [*person(3, "g"), *person(4, "h")]
    assert stewards([*base, *role("gh", "f")]) == {"f", "g", "h"}
    by_root = ["removal", "root", "role", "f", ["g"]]
    assert stewards([*base, by_root]) == {"g"}
    assert stewards([*base, by_root, *role("g", "f")]) == {"g"}


def test_who_came_through_a_removed_steward_falls_unless_named() -> None:
    base: Steps = lines("f")
    base += [["invite", "f1", "steward", "g"], ["invite", "f1", "steward", "h"]]
    base += [*person(3, "g"), *person(4, "h"), ["invite", "root", "steward", "k"]]
    base += person(len(base) - 1, "k")
    assert stewards([*base, *role("gk", "f")]) == {"k"}
    assert stewards([*base, *role("gk", "f", "gh")]) == {"g", "h", "k"}


def test_a_steward_alone_cannot_silence_anothers_device() -> None:
    base = lines("f", "g", "h")
    weak = ["removal", "f1", "device", ["g", "g1"], []]
    assert ["g", "g1"] in outcome([*base, weak])["devices"]
    assert ["g", "g1"] not in outcome([*base, weak, [*weak[:1], "h1", *weak[2:]]])["devices"]


def test_a_sibling_removes_a_stolen_device_with_what_it_granted() -> None:
    base: Steps = [*lines("f"), ["invite", "f1", "link", ""], ["device", "f", "f2", 3]]
    base += [["invite", "f1", "steward", "p"], *person(5, "p")]
    stolen = ["removal", "f2", "device", ["f", "f1"], ["f2"]]
    assert outcome([*base, stolen])["devices"] == [["f", "f2"]]
    assert stewards([*base, stolen]) == {"f"}
    assert outcome([*base, [*stolen[:4], []]])["devices"] == []
    assert outcome([*base, [*stolen[:4], ["f2", "p"]]])["devices"] == [["f", "f2"], ["p", "p1"]]


def test_the_strong_rule_keeps_what_a_steward_device_granted() -> None:
    """g and h remove f's device, h naming a: what is left against a is g alone, and not strong."""
    base = [*lines("f", "g", "h"), ["invite", "f1", "member", ""]]
    base += person(len(base) - 1, "a")
    by_g = ["removal", "g1", "device", ["f", "f1"], []]
    by_h = ["removal", "h1", "device", ["f", "f1"], ["a"]]
    assert status([*base, by_g, by_h], "a") == "member"
    assert status([*base, by_g, [*by_h[:4], []]], "a") is None


# ---- several cards under one invite key
def two_handed(role_by_g: str) -> tuple[list[cards.SignedCard], bytes]:
    """f and g sign an invite card each for one and the same key; m joins under it."""
    world = World.of(lines("f", "g", "h"))
    shared, made = key("shared invite"), []
    for signer, granted in (("f1", "member"), ("g1", role_by_g)):
        made.append(
            cards.make_invite(
                signer_key(signer),
                shared,
                community=COMMUNITY,
                role=granted,
                kinds=["household"] if signer == "f1" else ["hub"],
                uses=1,
                expires=0,
                created=0,
            )
        )
    joined = cards.make_member(
        shared,
        key("member m"),
        community=COMMUNITY,
        counter=0,
        name="M",
        kind="hub",
        sealing_key=exchange_key("m"),
    )
    return [*world.cards, *made, joined, device_card("m", "m1", None)], shared.public


def removal(signer: str, kind: Any, target: Any, stay: Iterable[bytes] = ()) -> cards.SignedCard:
    return cards.make_removal(
        signer_key(signer), community=COMMUNITY, target_kind=kind, target=target, stay=stay
    )


def test_cards_under_one_invite_key_are_granters_of_their_own() -> None:
    held, shared = two_handed("member")
    by_role = [removal(s, "role", member_id("g")) for s in ("f1", "h1")]
    roster = Roster(COMMUNITY, [*held, *by_role])
    assert member_id("g") not in roster.stewards
    assert roster.members[member_id("m")].status == "member"
    both = [*by_role, removal("root", "role", member_id("f"))]
    assert member_id("m") not in Roster(COMMUNITY, [*held, *both]).members
    view = roster.invite(shared)
    assert view is not None
    assert (view.role, view.kinds, view.members) == ("member", ("household", "hub"), 1)


def test_a_steward_needs_a_way_through_a_steward_invite() -> None:
    """Once g falls, its second card no longer makes stewards of those whom f invited as members."""
    held, _ = two_handed("steward")
    assert member_id("m") in Roster(COMMUNITY, held).stewards
    by_role = [removal(s, "role", member_id("g")) for s in ("f1", "h1")]
    roster = Roster(COMMUNITY, [*held, *by_role])
    assert roster.members[member_id("m")].status == "member"
    assert not roster.is_steward(member_id("m"))


def test_a_steward_invite_found_deeper_still_makes_stewards() -> None:
    """f invites m as a member; p, whom f invited as steward, signs a second card for that key."""
    steps = [*lines("f"), ["invite", "f1", "steward", "p"], *person(3, "p")]
    steps += [["invite", "f1", "member", "m"], *person(6, "m")]
    steps += [["invite", "m1", "member", "a"], *person(9, "a")]
    world = World.of(steps)
    assert member_id("a") not in world.roster().members
    for role_by_p, expected in (("member", False), ("steward", True)):
        second = cards.make_invite(
            signer_key("p1"),
            key("invite f1 member m"),
            community=COMMUNITY,
            role=role_by_p,
            kinds=["household"],
            uses=1,
            expires=0,
            created=0,
        )
        roster = world.roster([*world.cards, second])
        assert roster.is_steward(member_id("m")) == expected
        assert (member_id("a") in roster.members) == expected


def test_two_steward_cards_under_one_key_are_two_ways() -> None:
    world, shared = World.of(lines("f", "g", "h")), key("shared invite")
    made = [
        cards.make_invite(
            signer_key(signer),
            shared,
            community=COMMUNITY,
            role="steward",
            kinds=["household"],
            uses=1,
            expires=0,
            created=0,
        )
        for signer in ("f1", "g1")
    ]
    held = [*world.cards, *made, member_card_under(shared, "m"), device_card("m", "m1", None)]
    roots = [removal("root", "role", member_id(name)) for name in "fg"]
    for gone, expected in ((roots[:1], True), (roots[1:], True), (roots, False)):
        roster = Roster(COMMUNITY, [*held, *gone])
        assert roster.is_steward(member_id("m")) == expected
        assert (member_id("m") in roster.members) == expected


def test_a_link_under_the_same_key_takes_no_kinds_away() -> None:
    """g falls, m is named as staying; the one card under m's invite key that stands is f's link."""
    world = World.of([*lines("f", "g", "h"), ["invite", "g1", "member", "m"], *person(9, "m")])
    shared = key("invite g1 member m")
    link = cards.make_invite(
        signer_key("f1"),
        shared,
        community=COMMUNITY,
        role="device",
        kinds=[],
        uses=1,
        expires=0,
        created=0,
    )
    by_role = [removal(s, "role", member_id("g"), [member_id("m")]) for s in ("f1", "h1")]
    roster = world.roster([*world.cards, link, *by_role])
    assert roster.members[member_id("m")].kind == "household"
    view = roster.invite(shared.public)
    assert view is not None
    assert (view.role, view.standing) == ("member", True)


def test_kinds_come_from_the_invites_that_stand() -> None:
    held, _ = two_handed("member")
    assert Roster(COMMUNITY, held).members[member_id("m")].kind == "hub"
    by_role = [removal(s, "role", member_id("g")) for s in ("f1", "h1")]
    assert Roster(COMMUNITY, [*held, *by_role]).members[member_id("m")].kind == "household"


def test_a_stranger_cannot_name_puppets_ahead_under_a_stolen_invite() -> None:
    """The thief has the invite's seed and signs an invite card with a key of its own."""
    world = World.of([*lines("f"), ["invite", "f1", "member", ""]])
    shared = signer_key_of_invite = key("invite f1 member ")
    stranger = key("device stranger")
    puppets = [member_card_under(signer_key_of_invite, f"puppet {n}") for n in range(9)]
    names = [card.card.member for card in puppets if isinstance(card.card, cards.Member)]
    forged = cards.make_invite(
        stranger,
        shared,
        community=COMMUNITY,
        role="member",
        kinds=["household"],
        uses=1,
        expires=0,
        created=0,
    )
    naming = cards.make_removal(
        stranger, community=COMMUNITY, target_kind="invite", target=shared.public, stay=names
    )
    roster = Roster(COMMUNITY, [*world.cards, *puppets, forged, naming], caps=CAPS)
    joined = [m for m in roster.members if m != member_id("f")]
    assert joined == sorted(sorted(names, key=lambda m: member_rank(shared.public, m))[:3])
    assert {forged.hash, naming.hash} <= roster.pending


def member_card_under(
    invite: Any, name: str, *, counter: int = 0, shown: str = "N"
) -> cards.SignedCard:
    return cards.make_member(
        invite,
        key(f"member {name}"),
        community=COMMUNITY,
        counter=counter,
        name=shown,
        kind="household",
        sealing_key=exchange_key("sealing"),
    )


# ---- settings
def test_where_members_may_invite_they_invite_members_only() -> None:
    steps = [*lines("f"), ["invite", "f1", "member", ""], *person(3, "a")]
    steps += [["invite", "a1", "member", ""], *person(6, "b"), ["invite", "a1", "steward", ""]]
    steps += person(9, "c")
    world = World.of(steps)
    closed = world.roster([founding(), *world.cards])
    opened = world.roster([founding("members"), *world.cards])
    assert set(closed.members) == {member_id("f"), member_id("a")}
    assert set(opened.members) == {member_id("f"), member_id("a"), member_id("b")}
    assert not closed.may_invite(device_id("a1"))
    assert opened.may_invite(device_id("a1"))
    assert opened.may_invite(device_id("b1"))
    assert not opened.may_invite(device_id("a1"), "steward")
    assert not opened.may_invite(device_id("c1"))


def test_removing_a_bad_inviter_takes_all_that_it_invited_but_those_named() -> None:
    steps = [*lines("f"), ["invite", "f1", "member", ""], *person(3, "a")]
    steps += [["invite", "a1", "member", ""], *person(6, "b"), *person(6, "c")]
    world = World.of([*steps, ["removal", "f1", "member", "a", ["b"]]])
    roster = world.roster([founding("members"), *world.cards])
    assert roster.members[member_id("a")].status == "hidden"
    assert roster.members[member_id("b")].status == "member"
    assert member_id("c") not in roster.members


def test_the_founding_card_with_the_smallest_hash_counts() -> None:
    both = [founding("stewards"), founding("members")]
    first = min(both, key=lambda card: card.hash)
    for order in (both, both[::-1]):
        roster = Roster(COMMUNITY, order)
        assert roster.founding == first.card
        assert roster.hashes == {first.hash}
        assert roster.pending == frozenset()


def test_cards_of_another_community_are_a_bug_of_the_caller() -> None:
    with pytest.raises(ValueError, match="one community"):
        Roster(bytes(32), [founding()])


def test_nothing_is_known_of_an_empty_set() -> None:
    roster = Roster(COMMUNITY, [])
    assert roster.founding is None
    assert not roster.members
    assert not roster.hashes
    assert roster.door() is None
    assert roster.chain(device_id("f1")) == ()
    assert roster.invite(bytes(32)) is None
    assert roster.overused() == ()


# ---- members
def test_across_invites_the_highest_counter_gives_the_name() -> None:
    steps = [*lines("f"), ["invite", "f1", "member", "x"], ["invite", "f1", "member", "y"]]
    steps += [["member", 3, "a", 1, "old"], ["member", 4, "a", 2, "new"]]
    assert ["a", "new", "member"] in outcome(steps)["members"]
    revoked = [*steps, ["removal", "f1", "invite", 4, []]]
    assert ["a", "old", "member"] in outcome(revoked)["members"]


def test_superseded_member_cards_leave_the_set() -> None:
    world = World.of([*lines("f"), ["member", 0, "f", 5, "x"], ["member", 0, "f", 4, "y"]])
    roster = world.roster()
    assert roster.members[member_id("f")].name == "x"
    gone = [world.cards[1].hash, world.cards[4].hash]
    assert not roster.hashes.union(roster.pending).intersection(gone)


def test_a_kind_that_the_invite_does_not_allow_counts_as_the_first_allowed() -> None:
    world = World.of([*lines("f"), ["invite", "f1", "member", ""]])
    card = cards.make_member(
        key("invite f1 member "),
        key("member a"),
        community=COMMUNITY,
        counter=0,
        name="A",
        kind="hub",
        sealing_key=exchange_key("a"),
    )
    assert Roster(COMMUNITY, [*world.cards, card]).members[member_id("a")].kind == "household"


def test_views_hold_what_the_cards_say_and_print_no_names() -> None:
    world = World.of(lines("f"))
    roster = world.roster()
    member, device = roster.members[member_id("f")], roster.devices[device_id("f1")]
    assert (member.id, member.key, member.role) == (
        member_id("f"),
        key("member f").public,
        "steward",
    )
    assert member.sealing_key == exchange_key("sealing f")
    assert (device.member, device.static_key) == (member_id("f"), exchange_key("static f1"))
    assert device.sealing_key == exchange_key("sealing f1")
    named = replace(member, name="Riverside")
    assert "Riverside" not in repr(named)
    assert "desk" not in repr(replace(device, label="desk"))


# ---- devices
def test_ever_valid_devices_are_known_beyond_their_removal() -> None:
    steps = [*lines("f"), ["invite", "f1", "link", ""], ["device", "f", "f2", 3]]
    world = World.of([*steps, ["removal", "f1", "device", ["f", "f2"], []]])
    roster = world.roster()
    assert set(roster.devices) == {device_id("f1")}
    assert roster.ever_devices(member_id("f")) == {device_id("f1"), device_id("f2")}
    assert roster.member_of_ever(device_id("f2")) == {member_id("f")}
    assert roster.member_of_ever(device_id("x1")) == frozenset()
    assert roster.ever_devices(member_id("x")) == frozenset()


def test_a_device_that_two_members_card_stands_for_both() -> None:
    """As in the model. The smaller hash speaks; acceptance looks at both."""
    base = [*lines("f"), ["invite", "f1", "member", ""], *person(3, "a"), ["device", "f", "a1", -1]]
    world = World.of(base)
    roster = world.roster()
    assert roster.member_of_ever(device_id("a1")) == {member_id("a"), member_id("f")}
    assert {(member_id("a"), device_id("a1")), (member_id("f"), device_id("a1"))} <= roster.pairs
    smaller = min(world.cards[5], world.cards[6], key=lambda card: card.hash)
    assert roster.devices[device_id("a1")].card_hash == smaller.hash


def test_devices_are_found_by_card_and_static_key() -> None:
    world = World.of(lines("f", "g"))
    roster = world.roster()
    card = world.cards[3]
    assert roster.device_by_card(card.hash16) == roster.devices[device_id("f1")]
    assert roster.device_by_card(bytes(16)) is None
    assert roster.device_by_static(exchange_key("static f1")) == roster.devices[device_id("f1")]
    assert roster.device_by_static(bytes(32)) is None


def test_a_copied_static_key_speaks_for_nobody() -> None:
    world = World.of(lines("f", "g"))
    copy = cards.make_device(
        key("member g"),
        key("device g2"),
        community=COMMUNITY,
        member=member_id("g"),
        static_key=exchange_key("static f1"),
        sealing_key=exchange_key("sealing g2"),
        label="",
    )
    roster = Roster(COMMUNITY, [*world.cards, copy])
    assert roster.device_by_static(exchange_key("static f1")) is None
    by_card = roster.device_by_card(world.cards[3].hash16)
    assert by_card is not None
    assert by_card.key == device_id("f1")


# ---- what removals leave of a device's changes
def removed(signer: str, device: str, last: Iterable[str]) -> cards.SignedCard:
    return cards.make_removal(
        signer_key(signer),
        community=COMMUNITY,
        target_kind="device",
        target=(member_id(device[0]), device_id(device)),
        last=[change(name) for name in last],
        stay=[device_id(device[0] + "2")],
    )


def change(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def cut(*names: str) -> frozenset[bytes]:
    return frozenset(change(name) for name in names)


def with_a() -> World:
    """Three lines; a is a plain member of two devices, as f is."""
    steps = [*lines("f", "g", "h"), ["invite", "f1", "member", ""], *person(9, "a")]
    steps += [["invite", "a1", "link", ""], ["device", "a", "a2", 12]]
    return World.of([*steps, ["invite", "f1", "link", ""], ["device", "f", "f2", 14]])


def cuts_of(device: str, *extra: cards.SignedCard) -> set[frozenset[bytes]] | None:
    roster = Roster(COMMUNITY, [*with_a().cards, *extra])
    cuts = roster.cuts(member_id(device[0]), device_id(device))
    return None if cuts is None else set(cuts)


def test_nothing_is_cut_of_a_device_that_stands() -> None:
    assert cuts_of("a1") is None
    assert cuts_of("a2", removed("a2", "a1", ["x"])) is None


def test_each_acting_removal_of_a_members_device_cuts() -> None:
    extra = [removed("a2", "a1", ["x", "y"]), removed("f1", "a1", ["x"])]
    assert cuts_of("a1", *extra) == {cut("x", "y"), cut("x")}


def test_of_a_stewards_device_only_strong_removals_and_siblings_cut() -> None:
    weak = removed("g1", "f1", ["x"])
    assert cuts_of("f1", weak) is None
    assert cuts_of("f1", weak, removed("f2", "f1", ["y"])) == {cut("y")}
    assert cuts_of("f1", removed("root", "f1", ["z"]), weak) == {cut("z")}
    assert cuts_of("f1", weak, removed("h1", "f1", ["y"])) == {cut("x", "y")}
    same_line = removed("g1", "f1", ["w"])
    assert cuts_of("f1", weak, same_line) is None
    by_h = removed("h1", "f1", ["y"])
    assert cuts_of("f1", weak, same_line, by_h) == {cut("x", "y"), cut("w", "y")}


def test_a_device_that_fell_with_another_takes_its_removals() -> None:
    by_f = cards.make_removal(
        signer_key("f1"),
        community=COMMUNITY,
        target_kind="device",
        target=(member_id("a"), device_id("a1")),
        last=[change("x")],
    )
    assert cuts_of("a2", by_f) == {cut("x")}


def test_a_device_whose_link_was_revoked_keeps_nothing() -> None:
    link = with_a().cards[12].card
    assert isinstance(link, cards.Invite)
    revoked = removal("a1", "invite", link.invite_key)
    assert cuts_of("a2", revoked) is None, "a is no steward: only stewards revoke invites"
    assert cuts_of("a2", removal("f1", "invite", link.invite_key)) == {frozenset()}


def test_a_device_beyond_a_cap_keeps_nothing() -> None:
    steps = [*lines("f"), ["invite", "f1", "link", ""]]
    steps += [["device", "f", "f2", 3], ["device", "f", "f3", 3]]
    world = World.of(steps)
    roster = world.roster(caps=DEFAULT_CAPS)
    kept, lost = sorted(world.cards[4:], key=lambda card: card.hash)
    assert isinstance(kept.card, cards.Device)
    assert isinstance(lost.card, cards.Device)
    assert kept.card.device_key in roster.devices
    assert roster.cuts(member_id("f"), kept.card.device_key) is None
    assert roster.cuts(member_id("f"), lost.card.device_key) == (frozenset(),)
    assert lost.hash not in roster.hashes | roster.pending


def test_nothing_is_cut_of_a_hidden_member_or_an_unproven_device() -> None:
    assert cuts_of("a1", removal("f1", "member", member_id("a"))) is None
    assert cuts_of("x1", device_card("x", "x1", None)) is None


# ---- caps
def test_a_link_adds_one_device_and_the_named_one_comes_first() -> None:
    steps = [*lines("f"), ["invite", "f1", "link", ""]]
    steps += [["device", "f", "f2", 3], ["device", "f", "f3", 3]]
    second = max(World.of(steps).cards[4:], key=lambda card: card.hash).card
    assert isinstance(second, cards.Device)
    name = "f2" if second.device_key == device_id("f2") else "f3"
    found = outcome([*steps, ["removal", "f1", "invite", 3, [name]]], DEFAULT_CAPS)
    assert found["devices"] == [["f", "f1"], ["f", name]]


def test_of_an_issuer_the_smallest_hashes_count_and_the_root_names_exceptions() -> None:
    caps = RosterCaps(cards_per_issuer=4)
    steps = [*lines("f"), *(["invite", "f1", "member", str(n)] for n in range(9))]
    world = World.of(steps)
    ranked = sorted(world.cards[3:], key=lambda card: card.hash)
    roster = world.roster(caps=caps)
    assert {card.hash for card in ranked[:4]} == roster.hashes & {c.hash for c in ranked}
    last = ranked[-1].card
    assert isinstance(last, cards.Invite)
    naming = removal("root", "device", (member_id("f"), device_id("f1")), [last.invite_key])
    named = world.roster([*world.cards, naming], caps=caps)
    assert {card.hash for card in [*ranked[:3], ranked[-1]]} == named.hashes & {
        c.hash for c in ranked
    }


def test_devices_that_the_root_names_come_before_the_cap() -> None:
    caps = RosterCaps(cards_per_issuer=2)
    made = [device_card("f", f"f{n}", None) for n in range(2, 7)]
    base = World.of(lines("f")[:2]).cards
    lost = max(made, key=lambda card: card.hash).card
    assert isinstance(lost, cards.Device)
    assert lost.device_key not in Roster(COMMUNITY, [*base, *made], caps=caps).devices
    naming = removal("root", "device", (member_id("f"), device_id("f9")), [lost.device_key])
    named = Roster(COMMUNITY, [*base, *made, naming], caps=caps)
    assert lost.device_key in named.devices
    assert len(named.ever_devices(member_id("f"))) == 2


def test_of_one_signers_removals_the_smallest_hashes_count() -> None:
    caps = RosterCaps(cards_per_issuer=4)
    world = World.of(lines("f"))
    made = [removal("f1", "member", member_id(f"x{n}")) for n in range(9)]
    roster = world.roster([*world.cards, *made], caps=caps)
    kept = sorted(card.hash for card in made)[:4]
    assert roster.hashes.issuperset(kept)
    assert not (roster.hashes | roster.pending).intersection(
        card.hash for card in made if card.hash not in kept
    )


def test_caps_do_not_act_on_what_is_not_granted_yet() -> None:
    """Else a thief who comes first could push a newcomer's card off its own disk."""
    world = World.of([*lines("f"), ["invite", "f1", "member", ""]])
    invite = key("invite f1 member ")
    members = [member_card_under(invite, f"m{n}") for n in range(9)]
    unproven = world.roster(members)
    assert unproven.pending == {card.hash for card in members}
    proven = world.roster([*world.cards, *members])
    assert len(proven.members) == 1 + CAPS.members_per_invite


def test_grants_end_at_the_depth_limit() -> None:
    steps: Steps = lines("f")
    names = ["f", *(chr(0x400 + n) for n in range(20))]
    for above, name in pairwise(names):
        steps.append(["invite", f"{above}1", "steward", ""])
        steps += person(len(steps) - 1, name)
    world = World.of(steps)
    roster = world.roster(caps=RosterCaps(grant_depth=5))
    assert len(roster.members) == 5
    assert len(roster.pending) == len(world.cards) - len(roster.hashes) > 40
    assert len(world.roster().members) == 21


def test_depth_is_that_of_the_shortest_way() -> None:
    """c is five invites below the root by one way, and two by another."""
    steps: Steps = lines("f")
    for above, name in ("fa", "ab", "bd", "dc"):
        steps.append(["invite", f"{above}1", "steward", ""])
        steps += person(len(steps) - 1, name)
    shallow = [*steps, ["invite", "f1", "member", "short"], ["member", len(steps), "c", 0, ""]]
    caps = RosterCaps(grant_depth=4)
    assert member_id("c") not in World.of(steps).roster(caps=caps).members
    assert member_id("c") in World.of(shallow).roster(caps=caps).members


# ---- invites
def test_overused_invites_are_shown() -> None:
    steps = [*lines("f"), ["invite", "f1", "member", ""], *person(3, "a")]
    assert World.of(steps).roster().overused() == ()
    roster = World.of([*steps, *person(3, "b")]).roster()
    (view,) = roster.overused()
    assert (view.members, view.uses, view.standing) == (2, 1, True)
    revoked = World.of([*steps, *person(3, "b"), ["removal", "f1", "invite", 3, []]]).roster()
    assert [view.standing for view in revoked.overused()] == [False]


def test_only_devices_that_stand_may_invite() -> None:
    base = [*lines("f", "g", "h"), ["invite", "f1", "member", ""], *person(9, "a")]
    roster = World.of([*base, *role("gh", "f")]).roster()
    assert roster.may_invite(device_id("g1"))
    assert roster.may_invite(device_id("g1"), "steward")
    for device in ("f1", "a1", "x1"):
        assert not roster.may_invite(device_id(device))
    assert World.of(base).roster().may_invite(device_id("a1"), "device")
    assert not roster.may_invite(device_id("x1"), "device")


# ---- door keys
def door(signer: str, generation: int, salt: str = "", voided: Iterable[bytes] = ()) -> Any:
    return cards.make_door(
        signer_key(signer),
        community=COMMUNITY,
        generation=generation,
        key_hash=change(f"door {generation} {signer} {salt}"),
        voided=voided,
    )


def test_the_newest_three_door_keys_of_standing_stewards_count() -> None:
    base = with_a().cards
    made = [door("f1", 2), door("g1", 3, voided=[key("v").public]), door("f1", 4), door("f1", 5)]
    plain, stranger = door("a1", 9), door("x1", 9)
    roster = Roster(COMMUNITY, [*base, *made, plain, stranger])
    assert [view.generation for view in roster.doors] == [5, 4, 3]
    assert roster.doors[2].voided == {key("v").public}
    current = roster.door()
    assert current is not None
    assert current.card_hash == made[3].hash
    assert not roster.hashes & {plain.hash, stranger.hash}
    fallen = Roster(
        COMMUNITY, [*base, *made, *World.of([*lines("f", "g", "h"), *role("gh", "f")]).cards]
    )
    assert [view.generation for view in fallen.doors] == [3]


def test_two_rotations_of_one_generation_both_open() -> None:
    made = sorted([door("f1", 2), door("g1", 2), door("h1", 2)], key=lambda card: card.hash)
    for order in (made, made[::-1]):
        roster = Roster(COMMUNITY, [*with_a().cards, *order])
        assert [view.card_hash for view in roster.doors] == [card.hash for card in made]


def test_an_issuers_older_door_cards_leave_the_set() -> None:
    made = [door("f1", generation) for generation in range(2, 7)]
    roster = Roster(COMMUNITY, [*with_a().cards, *made])
    assert roster.hashes.issuperset(card.hash for card in made[2:])
    assert not (roster.hashes | roster.pending) & {card.hash for card in made[:2]}


def test_the_root_may_change_the_door_key() -> None:
    roster = Roster(COMMUNITY, [*with_a().cards, door("root", 2)])
    assert [view.generation for view in roster.doors] == [2]


# ---- epochs
def epoch(signer: str, member: str, parent: bytes, number: int, salt: str = "") -> Any:
    return cards.make_epoch(
        signer_key(signer),
        community=COMMUNITY,
        member=member_id(member),
        parent=parent,
        number=number,
        nonce=change(f"nonce {number} {salt}")[:16],
        closing=[],
        head=change("head"),
    )


def test_epochs_count_once_their_chain_is_known() -> None:
    second = epoch("a1", "a", b"", 2)
    third = epoch("a2", "a", second.hash, 3)
    base = with_a().cards
    assert Roster(COMMUNITY, [*base, third]).epochs(member_id("a")) == ()
    assert Roster(COMMUNITY, [*base, third]).pending == {third.hash}
    roster = Roster(COMMUNITY, [*base, third, second])
    assert roster.epochs(member_id("a")) == (second, third)
    assert {second.hash, third.hash} <= roster.hashes
    assert roster.epochs(member_id("f")) == ()


def test_epochs_of_other_signers_or_with_gaps_do_not_count() -> None:
    second = epoch("a1", "a", b"", 2)
    wrong = [
        epoch("f1", "a", b"", 2),
        epoch("x1", "a", b"", 2),
        epoch("a1", "a", second.hash, 4),
        epoch("f1", "f", second.hash, 3),
    ]
    roster = Roster(COMMUNITY, [*with_a().cards, second, *wrong])
    assert roster.epochs(member_id("a")) == (second,)
    assert roster.pending == {card.hash for card in wrong}


def test_epochs_of_a_removed_device_still_count() -> None:
    second = epoch("a1", "a", b"", 2)
    roster = Roster(COMMUNITY, [*with_a().cards, second, removed("a2", "a1", [])])
    assert roster.epochs(member_id("a")) == (second,)


def test_beyond_the_cap_the_highest_numbers_fall() -> None:
    chain = [epoch("a1", "a", b"", 2)]
    for number in range(3, 8):
        chain.append(epoch("a1", "a", chain[-1].hash, number))
    second = epoch("a1", "a", b"", 2, "other")
    roster = Roster(
        COMMUNITY, [*with_a().cards, *chain, second], caps=RosterCaps(epochs_per_member=4)
    )
    kept = sorted([chain[0], second], key=lambda card: card.hash) + chain[1:3]
    assert list(roster.epochs(member_id("a"))) == kept
    assert not (roster.hashes | roster.pending) & {card.hash for card in chain[3:]}


# ---- chains
def test_a_chain_proves_a_device_by_itself() -> None:
    world = with_a()
    roster = Roster(COMMUNITY, [founding(), *world.cards])
    for device in ("f1", "a1", "a2"):
        chain = roster.chain(device_id(device))
        assert chain[0] == founding()
        assert device_id(device) in Roster(COMMUNITY, chain).devices
        assert not any(isinstance(card.card, cards.Removal) for card in chain)
        assert len(chain) < len(world.cards)


def test_a_chain_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    roster = Roster(COMMUNITY, [founding(), *with_a().cards])
    whole = roster.chain(device_id("a2"))
    monkeypatch.setattr(limits, "MAX_CHAIN_CARDS", 4)
    assert roster.chain(device_id("a2")) == (whole[0], *whole[-3:])


def test_an_unproven_chain_goes_as_far_as_it_is_held() -> None:
    world = with_a()
    invite, member, device, link, second = world.cards[9:14]
    own = Roster(COMMUNITY, [device, member])
    assert device_id("a1") not in own.devices
    assert own.chain(device_id("a1")) == (member, device)
    more = Roster(COMMUNITY, [second, device, link, member, invite])
    assert more.chain(device_id("a2")) == (invite, member, device, link, second)


# ---- hostile sets cost bounded work
def tangle(size: int) -> Steps:
    """Puppets of f who all invite each other, so that everybody's grants lead to everybody."""
    names = [chr(0x400 + n) for n in range(size)]
    steps: Steps = [*lines("f", "g"), ["invite", "f1", "steward", "first"]]
    steps += person(6, names[0])
    for above in names:
        for below in names:
            steps.append(["invite", f"{above}1", "steward", below])
            steps.append(["member", len(steps) - 1, below, 0, ""])
        steps.append(["device", above, f"{above}1", -1])
    return steps


def count_steps(monkeypatch: pytest.MonkeyPatch, steps: Steps) -> tuple[Roster, int]:
    """The roster of a world, and how often a way went on to a card."""
    world, counted = World.of(steps), 0
    arrive = Standing._arrive

    def counting(self: Standing, *arguments: Any) -> Any:
        nonlocal counted
        counted += 1
        return arrive(self, *arguments)

    monkeypatch.setattr(Standing, "_arrive", counting)
    return world.roster(caps=DEFAULT_CAPS), counted


def test_a_tangle_without_removals_is_not_walked(monkeypatch: pytest.MonkeyPatch) -> None:
    roster, counted = count_steps(monkeypatch, tangle(12))
    assert counted == 0
    assert len(roster.stewards) == 14


def test_one_removal_in_a_tangle_is_walked_in_few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ways with nothing open need no memory of where they went, so they do not multiply."""
    steps = tangle(12)
    roster, counted = count_steps(monkeypatch, [*steps, ["removal", "root", "invite", 6, []]])
    assert roster.stewards == {member_id("f"), member_id("g")}
    inner = next(n for n, step in enumerate(steps) if n > 20 and step[0] == "invite")
    roster, counted = count_steps(monkeypatch, [*steps, ["removal", "root", "invite", inner, []]])
    assert len(roster.stewards) == 14
    grants = len(steps)
    assert counted < 3 * 6 * grants


def test_a_tangle_with_removals_costs_bounded_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    rng, size = Random(1), 12
    names = [chr(0x400 + n) for n in range(size)]
    steps = tangle(size)
    steps.append(["removal", "root", "role", "f", rng.sample(names, 2)])
    for name in names:
        steps.append(["removal", "root", "role", name, rng.sample(names, 3)])
        steps.append(["removal", f"{name}1", "invite", 6, rng.sample(names, 3)])
    roster, counted = count_steps(monkeypatch, steps)
    grants = sum(step[0] != "removal" for step in steps)
    assert counted < 3 * 8 * DEFAULT_CAPS.grant_ways * grants
    assert member_id("g") in roster.stewards


def test_a_long_line_of_puppets_ends_at_the_depth_limit() -> None:
    steps: Steps = lines("f")
    names = ["f", *(chr(0x400 + n) for n in range(1_000))]
    for above, name in pairwise(names):
        steps.append(["invite", f"{above}1", "steward", ""])
        steps += person(len(steps) - 1, name)
    world = World.of([*steps, ["removal", "root", "role", "f", [names[1]]]])
    roster = world.roster(caps=DEFAULT_CAPS)
    assert len(roster.members) == DEFAULT_CAPS.grant_depth
    assert member_id(names[1]) in roster.stewards
    assert ids.short(member_id(names[1])) in repr(roster.members[member_id(names[1])])


def test_a_line_beyond_any_recursion_limit_is_walked() -> None:
    steps: Steps = lines("f")
    names = ["f", *(chr(0x400 + n) for n in range(1_500))]
    for above, name in pairwise(names):
        steps.append(["invite", f"{above}1", "steward", ""])
        steps += person(len(steps) - 1, name)
    world = World.of([*steps, ["removal", "root", "role", "f", [names[1]]]])
    roster = world.roster(caps=RosterCaps(grant_depth=2_000))
    assert len(roster.stewards) == 1_500


# ---- circles
def test_circles_are_found_from_the_top() -> None:
    graph = {0: [1], 1: [2, 5], 2: [3], 3: [1, 4], 4: [], 5: [4], 6: [0, 6]}
    found = [sorted(group) for group in circles(graph)]
    assert sorted(found) == [[0], [1, 2, 3], [4], [5], [6]]
    place = {node: number for number, group in enumerate(found) for node in group}
    assert all(place[node] <= place[child] for node in graph for child in graph[node])
