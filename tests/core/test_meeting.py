"""Meetings between devices: every test runs over each world that `make_world` knows."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshaid import limits
from meshaid.core.meeting_events import (
    CardsChanged,
    DocumentChanged,
    Ended,
    InSync,
    NotKnownYet,
    PeerProven,
)
from meshaid.core.messages import ByeReason
from meshaid.core.session import Ending
from meshaid.errors import BrokenError
from tests.core.meeting_pair import Pair
from tests.core.meeting_world import Device, FakeWorld, World
from tests.core.real_world import RealWorld

WORLDS: dict[str, Callable[[], World]] = {"fake": FakeWorld, "real": RealWorld}


@pytest.fixture(params=WORLDS)
def make_world(request: pytest.FixtureRequest) -> Callable[[], World]:
    return WORLDS[request.param]


@pytest.fixture
def world(make_world: Callable[[], World]) -> World:
    return make_world()


@pytest.fixture(params=[False, True], ids=["dials", "listens"])
def swapped(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def meet(one: Device, other: Device, *, swapped: bool = False, **how: object) -> Pair:
    """Let two meet until both are at rest, `one` dialing unless swapped."""
    pair = Pair(other, one, **how) if swapped else Pair(one, other, **how)  # type: ignore[arg-type]
    return pair.run()


def acquainted(world: World, *names: str) -> list[Device]:
    """A founder and members, all of whom have met the founder, twice: the first met has all."""
    founder = world.found("founder")
    members = [world.join(name, founder) for name in names]
    for member in [*members, *members]:
        assert meet(member, founder).in_sync
    return [founder, *members]


# ---- the plain course
def test_two_meet_and_show_the_same_board(world: World, swapped: bool) -> None:
    founder = world.found("founder")
    joiner = world.join("joiner", founder)
    founder.write("soup at six")
    joiner.write("water, 20 l")
    joiner.write("water, 40 l")
    pair = meet(founder, joiner, swapped=swapped)
    assert pair.in_sync
    assert founder.board() == joiner.board()
    assert len(founder.board()) == 2
    for side in (0, 1):
        assert len(pair.happened(side, PeerProven)) == 1
        (in_sync,) = pair.happened(side, InSync)
        assert in_sync == InSync(pair.devices[side].knowledge.digest())
        assert not pair.happened(side, Ended)


def test_nothing_changed_costs_two_hellos(world: World, swapped: bool) -> None:
    founder, joiner = acquainted(world, "joiner")
    pair = Pair(joiner, founder) if swapped else Pair(founder, joiner)
    pair.run()
    assert pair.in_sync
    assert pair.quiet
    handshake = (48 + 2) + (64 + 2), 96 + 2
    frames = [sent - shaken for sent, shaken in zip(pair.sent, handshake, strict=True)]
    assert sum(frames) <= 200
    # The dialer's HELLO rides on its last handshake message; the listener's is the one more turn.
    assert [meeting.statistics().turns for meeting in pair.meetings] == [1, 2]


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_any_chunking(world: World, chunk: int) -> None:
    founder = world.found("founder")
    joiner = world.join("joiner", founder)
    for number in range(5):
        founder.write(f"need {number}")
    pair = Pair(joiner, founder, chunk=chunk).run()
    assert pair.in_sync
    assert founder.board() == joiner.board()


def test_first_sync_of_many_documents(world: World) -> None:
    """In the fake world more than one request holds; real keys are slow."""
    people = limits.DOCUMENTS_PER_REQUEST + 6 if isinstance(world, FakeWorld) else 12
    founder, *members = acquainted(world, *(f"m{number}" for number in range(people)))
    for member in members:
        for number in range(3):
            member.write(f"need {number}")
        meet(member, founder)
    newcomer = world.join("newcomer", founder)
    pair = meet(newcomer, founder)
    assert pair.in_sync
    assert len(newcomer.board()) == people
    assert newcomer.board() == founder.board()


def test_news_travel_through_a_third(world: World) -> None:
    founder, north, south = acquainted(world, "north", "south")
    north.write("blankets")
    meet(north, founder)
    assert meet(founder, south).in_sync
    assert south.board() == north.board()


def test_two_devices_of_one_member(world: World) -> None:
    first = world.found("first")
    second = world.link("second", first)
    first.write("one")
    second.write("two")
    assert meet(second, first).in_sync
    assert first.board() == second.board()
    assert len(first.board()) == 1


# ---- live
def test_live_change_is_pushed_and_acknowledged(world: World, swapped: bool) -> None:
    founder, joiner = acquainted(world, "joiner")
    pair = meet(founder, joiner, swapped=swapped)
    side = pair.devices.index(founder)
    before = sum(pair.sent)
    pair.tell(side, *founder.write("insulin, 2 vials"))
    assert not pair.meetings[side].in_sync
    pair.run()
    assert founder.board() == joiner.board()
    (changed,) = pair.happened(1 - side, DocumentChanged)
    assert isinstance(changed, DocumentChanged)
    assert sum(pair.sent) - before <= 400, "delta and acknowledgement, frames and padding"
    pair.wait(limits.SETTLE_SECONDS)
    assert pair.in_sync
    assert len(pair.happened(0, InSync)) == len(pair.happened(1, InSync)) == 2


def test_changes_on_both_sides_cross(world: World) -> None:
    founder, joiner = acquainted(world, "joiner")
    pair = meet(founder, joiner)
    for number in range(4):
        pair.tell(0, *founder.write(f"north {number}"))
        pair.tell(1, *joiner.write(f"south {number}"))
        pair.step()
    pair.wait(limits.SETTLE_SECONDS * 2)
    assert pair.in_sync
    assert founder.board() == joiner.board()


def test_what_was_not_pushed_is_found_later(world: World) -> None:
    """A shell that forgets to tell the meeting costs time, not data."""
    founder, joiner = acquainted(world, "joiner")
    pair = meet(founder, joiner)
    founder.write("unheard of")
    pair.wait(limits.RECHECK_SECONDS + limits.SETTLE_SECONDS)
    assert pair.in_sync
    assert founder.board() == joiner.board()


def test_change_while_tables_are_exchanged(world: World) -> None:
    founder, joiner = acquainted(world, "joiner")
    for number in range(9):
        founder.write(f"need {number}")
    pair = Pair(founder, joiner)
    for number in range(12):
        pair.step()
        pair.tell(1, *joiner.write(f"offer {number}"))
    pair.wait(limits.SETTLE_SECONDS * 3)
    assert pair.in_sync
    assert founder.board() == joiner.board()


def test_idle_peers_say_little_and_stay_in_sync(world: World) -> None:
    founder, joiner = acquainted(world, "joiner")
    pair = meet(founder, joiner)
    before = sum(pair.sent)
    pair.wait(600)
    assert pair.in_sync
    assert sum(pair.sent) - before < 600 * 12


def test_an_hour_later_the_keys_are_worn(world: World) -> None:
    founder, joiner = acquainted(world, "joiner")
    pair = meet(founder, joiner)
    pair.wait(limits.REKEY_SECONDS + 1)
    assert [pair.ended(side).ending for side in (0, 1)] == [Ending.REKEY, Ending.REKEY]
    assert all(meeting.deadline == math.inf for meeting in pair.meetings)
    assert meet(founder, joiner).in_sync


# ---- cuts and ends
def bytes_of_a_first_meeting(make_world: Callable[[], World]) -> int:
    founder, joiner = strangers(make_world)
    return sum(meet(joiner, founder).sent)


def strangers(make_world: Callable[[], World]) -> tuple[Device, Device]:
    world = make_world()
    founder = world.found("founder")
    joiner = world.join("joiner", founder)
    for number in range(3):
        founder.write(f"need {number}")
        joiner.write(f"offer {number}")
    return founder, joiner


def test_cut_at_each_byte_and_resumed(make_world: Callable[[], World]) -> None:
    """At each byte in the fake world; real keys are slow, so there at some."""
    total = bytes_of_a_first_meeting(make_world)
    for end in range(0, total, 1 if make_world is FakeWorld else 131):
        founder, joiner = strangers(make_world)
        left = end

        def carry(data: bytes) -> bytes | None:
            nonlocal left
            if left <= 0:
                return None
            data, left = data[:left], left - len(data)
            return data

        pair = Pair(joiner, founder)
        pair.on_data = carry
        pair.run()
        pair.cut()
        for side in (0, 1):
            ended = pair.ended(side)
            assert ended.ending in (Ending.CUT, Ending.HANDSHAKE, Ending.PROTOCOL)
            assert ended.error is not None
            assert not pair.meetings[side].in_sync
        again = meet(joiner, founder)
        assert again.in_sync
        assert founder.board() == joiner.board()


def test_end_of_stream_is_no_goodbye(world: World) -> None:
    founder, joiner = acquainted(world, "joiner")
    pair = meet(founder, joiner)
    pair.cut()
    for side in (0, 1):
        assert pair.ended(side).ending is Ending.CUT
        assert isinstance(pair.ended(side).error, BrokenError)
        assert not pair.meetings[side].in_sync


def test_goodbye_ends_both(world: World, swapped: bool) -> None:
    founder, joiner = acquainted(world, "joiner")
    pair = meet(founder, joiner, swapped=swapped)
    side = pair.devices.index(founder)
    pair.meetings[side].close(ByeReason.LEAVING, pair.now)
    pair.note(side)
    pair.run()
    assert pair.ended(side) == Ended(Ending.LEAVING, by_peer=False, error=None)
    assert pair.ended(1 - side) == Ended(Ending.LEAVING, by_peer=True, error=None)
    pair.meetings[side].close(ByeReason.LEAVING, pair.now)
    pair.cut()
    assert pair.run().ended(side).ending is Ending.LEAVING


def test_sending_failed(world: World) -> None:
    founder, joiner = acquainted(world, "joiner")
    pair = Pair(founder, joiner)
    pair.meetings[0].data_to_send()
    pair.meetings[0].send_failed()
    pair.note(0)
    assert pair.ended(0).ending is Ending.CUT
    assert pair.meetings[0].data_to_send() == b""


def test_silence_ends_it(world: World) -> None:
    founder, joiner = acquainted(world, "joiner")
    pair = meet(founder, joiner)
    pair.on_data = lambda _: b""
    pair.wait(limits.SILENCE_SECONDS + limits.KEEPALIVE_SECONDS)
    for side in (0, 1):
        assert pair.ended(side).ending is Ending.SILENT
        assert isinstance(pair.ended(side).error, BrokenError)


def test_once_ends_when_both_are_equal(world: World) -> None:
    founder, joiner = strangers(type(world))
    pair = meet(joiner, founder, once=True)
    assert pair.ended(0) == Ended(Ending.DONE, by_peer=False, error=None)
    assert pair.ended(1) == Ended(Ending.DONE, by_peer=True, error=None)
    assert len(pair.happened(0, InSync)) == len(pair.happened(1, InSync)) == 1
    assert founder.board() == joiner.board()
    assert meet(founder, joiner, once=True).happened(0, InSync)


# ---- trust
def test_first_met_lacks_the_invites_card(world: World) -> None:
    """The joiner meets somebody who cannot know it yet; both say so; later it is proven."""
    founder, friend = acquainted(world, "friend")
    joiner = world.join("joiner", founder)
    joiner.write("hello")
    pair = meet(joiner, friend)
    assert NotKnownYet("them") in pair.events[0]
    assert NotKnownYet("us") in pair.events[1]
    assert not pair.in_sync
    assert not any(pair.happened(side, Ended) for side in (0, 1))

    # The friend hears of the invite from elsewhere while this session still stands.
    meet(friend, founder)
    pair.meetings[1].roster_changed(pair.now)
    pair.wait(1)
    assert pair.in_sync
    assert joiner.board() == friend.board()
    assert len(joiner.board()) == 1


def test_not_known_session_ends_after_a_while(world: World) -> None:
    founder, friend = acquainted(world, "friend")
    joiner = world.join("joiner", founder)
    pair = meet(joiner, friend)
    pair.wait(limits.CARDS_ONLY_SECONDS)
    assert {pair.ended(side).ending for side in (0, 1)} == {Ending.DONE}


def test_two_joiners_meet_first(world: World) -> None:
    founder = world.found("founder")
    north, south = (world.join(name, founder) for name in ("north", "south"))
    north.write("one")
    south.write("two")
    pair = meet(north, south)
    for side in (0, 1):
        assert {NotKnownYet("us"), NotKnownYet("them")} <= set(pair.events[side])
    assert not pair.in_sync
    assert meet(north, founder).in_sync
    assert meet(north, south).in_sync or meet(north, south).in_sync
    assert north.board() == south.board()
    assert len(north.board()) == 2


def test_once_reports_not_known_and_keeps_the_cards(world: World) -> None:
    founder, friend = acquainted(world, "friend")
    joiner = world.join("joiner", founder)
    pair = meet(joiner, friend, once=True)
    assert NotKnownYet("them") in pair.events[0]
    assert pair.ended(0).ending is Ending.DONE
    assert not pair.happened(0, InSync)
    assert pair.happened(0, CardsChanged)
    assert isinstance(pair.events[0][0], CardsChanged)


def test_removed_peer_gets_cards_then_goodbye(world: World) -> None:
    founder, joiner = acquainted(world, "joiner")
    world.remove(founder, joiner)
    joiner.write("still here")
    pair = meet(joiner, founder)
    for side in (0, 1):
        assert pair.ended(side).ending is Ending.REMOVED
    assert not pair.happened(1, DocumentChanged)
    assert pair.happened(0, CardsChanged), "it learns of its removal"


def test_removal_ends_a_live_session_at_once(world: World) -> None:
    founder, joiner = acquainted(world, "joiner")
    pair = meet(founder, joiner)
    world.remove(founder, joiner)
    pair.tell(0, *founder.write("not for you"))
    pair.meetings[0].roster_changed(pair.now)
    pair.note(0)
    pair.run()
    assert pair.ended(0) == Ended(Ending.REMOVED, by_peer=False, error=None)
    assert pair.ended(1) == Ended(Ending.REMOVED, by_peer=True, error=None)
    assert not pair.happened(1, DocumentChanged)


def test_new_card_reaches_a_live_peer_at_once(world: World) -> None:
    founder, friend = acquainted(world, "friend")
    pair = meet(founder, friend)
    newcomer = world.join("newcomer", founder)
    meet(newcomer, founder)
    pair.meetings[0].roster_changed(pair.now)
    pair.wait(limits.SETTLE_SECONDS)
    assert pair.in_sync
    assert pair.happened(1, CardsChanged)
    assert meet(newcomer, friend).in_sync


def test_device_that_meets_itself(world: World) -> None:
    founder = world.found("founder")
    pair = meet(founder, founder)
    assert pair.ended(0).ending is Ending.ITSELF
    assert not pair.happened(1, PeerProven)


# ---- it always ends
@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, int, int]]:
    people = draw(st.integers(2, 5))
    step = st.tuples(
        st.sampled_from(["write", "meet", "meet", "cut"]),
        st.integers(0, people - 1),
        st.integers(0, people - 1),
    )
    return [("people", people, 0), *draw(st.lists(step, max_size=25))]


@given(histories(), st.integers(1, 2000))
@settings(max_examples=25)
def test_random_meetings_end_in_sync(history: list[tuple[str, int, int]], end: int) -> None:
    for make_world in WORLDS.values():
        world = make_world()
        devices = [world.found("p0")]
        for number in range(1, history[0][1]):
            devices.append(world.join(f"p{number}", devices[0]))
        for kind, one, other in history[1:]:
            if kind == "write":
                devices[one].write(f"{other}")
            elif one != other:
                pair = Pair(devices[one], devices[other])
                if kind == "cut":
                    cut_after(pair, end)
                pair.run()
        for _ in range(2):
            for one, other in [*pairwise(devices), *pairwise(reversed(devices))]:
                meet(one, other).wait(1)
        for one, other in pairwise(devices):
            assert Pair(one, other).run(rounds=200).in_sync
            assert one.board() == other.board()


def cut_after(pair: Pair, end: int) -> None:
    left = end

    def carry(data: bytes) -> bytes | None:
        nonlocal left
        left -= len(data)
        return None if left < 0 else data

    pair.on_data = carry


def test_clock_that_stands_still_is_no_loop(world: World) -> None:
    """A tick without a reason changes nothing, and a deadline that is due moves on."""
    founder, joiner = acquainted(world, "joiner")
    pair = Pair(founder, joiner)
    for _ in range(20):
        pair.step()
        for meeting in pair.meetings:
            before = meeting.deadline
            meeting.tick(pair.now)
            assert meeting.deadline >= min(before, pair.now)
    assert pair.run().in_sync
    assert all(meeting.deadline > pair.now for meeting in pair.meetings)


def test_what_a_meeting_says_of_itself(world: World) -> None:
    founder, joiner = acquainted(world, "joiner")
    pair = Pair(founder, joiner)
    assert pair.meetings[0].peer_device is pair.meetings[0].remote_static is None
    pair.run()
    one, other = pair.meetings
    (proven,) = pair.happened(0, PeerProven)
    assert isinstance(proven, PeerProven)
    assert (one.peer_device, one.peer_member) == (proven.device, proven.member)
    assert one.remote_static != other.remote_static
    assert "LIVE" in repr(one)
    statistics = one.statistics(), other.statistics()
    assert [s.bytes_sent for s in statistics] == pair.sent
    assert [s.bytes_received for s in statistics] == pair.sent[::-1]


def test_roster_may_change_at_any_moment(world: World) -> None:
    founder, joiner = acquainted(world, "joiner")
    pair = Pair(founder, joiner)
    for number in range(8):
        world.join(f"n{number}", founder)
        pair.meetings[0].roster_changed(pair.now)
        pair.tell(1, *joiner.write(f"need {number}"))
        pair.step()
    pair.wait(limits.SETTLE_SECONDS * 4)
    assert pair.in_sync
    assert founder.board() == joiner.board()


def test_not_known_is_said_once(world: World) -> None:
    founder, friend = acquainted(world, "friend")
    joiner = world.join("joiner", founder)
    pair = meet(joiner, friend)
    for _ in range(3):
        for meeting in pair.meetings:
            meeting.roster_changed(pair.now)
        pair.tell(0, *joiner.write("nobody hears it"))
        pair.wait(limits.SETTLE_SECONDS * 2)
        for meeting in pair.meetings:
            meeting.tick(pair.now)
        pair.run()
    assert pair.happened(0, NotKnownYet) == [NotKnownYet("them")]
    assert pair.happened(1, NotKnownYet) == [NotKnownYet("us")]
    assert not pair.happened(1, DocumentChanged)
