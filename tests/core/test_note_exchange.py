"""Sealed notes between two meetings: they come across, cost little, and never hold up documents."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshaid import limits
from meshaid.core.meeting_events import InSync, NotesArrived
from meshaid.core.session import Ending
from tests.core.meeting_pair import Pair
from tests.core.meeting_world import FakeDevice, FakeNotes, FakeWorld

HANDSHAKE = (48 + 2) + (64 + 2) + (96 + 2)
HELLO_BYTES = 156
"""Frames of two greetings when nothing differs."""


def notes(device: FakeDevice) -> FakeNotes:
    return device.knowledge.notes


@pytest.fixture
def pair() -> tuple[FakeDevice, FakeDevice]:
    """Two members who have met."""
    return friends()


def friends() -> tuple[FakeDevice, FakeDevice]:
    world = FakeWorld()
    one = world.found("one")
    other = world.join("other", one)
    assert Pair(other, one).run().in_sync
    return one, other


def same(*devices: FakeDevice) -> bool:
    return all(notes(one).held == notes(other).held for one, other in pairwise(devices))


# ---- they come across
@pytest.mark.parametrize("here", [0, 1, 3, 150])
@pytest.mark.parametrize("there", [0, 2, 70])
def test_each_gets_what_it_lacks(
    pair: tuple[FakeDevice, FakeDevice], here: int, there: int
) -> None:
    one, other = pair
    for number in range(here):
        notes(one).write(f"{number} from one")
    for number in range(there):
        notes(other).write(f"{number} from the other")
    both = notes(one).write("both have it")
    notes(other).held[both] = notes(one).held[both]
    meeting = Pair(one, other).run()
    assert meeting.in_sync
    assert same(one, other)
    assert len(notes(one).held) == here + there + 1
    came = [name for e in meeting.happened(0, NotesArrived) for name in arrived(e)]
    assert len(came) == len(set(came)) == there


def arrived(event: object) -> tuple[bytes, ...]:
    assert isinstance(event, NotesArrived)
    return event.names


def test_they_come_with_the_first_meeting_of_strangers() -> None:
    world = FakeWorld()
    one = world.found("one")
    other = world.join("other", one)
    notes(one).write("from one")
    notes(other).write("from the other")
    one.write("a need")
    assert Pair(other, one, once=True).run().in_sync is False  # it has ended
    assert same(one, other)
    assert len(notes(one).held) == 2


def test_who_came_once_stays_for_the_notes(pair: tuple[FakeDevice, FakeDevice]) -> None:
    one, other = pair
    for number in range(200):
        notes(one).write(f"{number} from one")
        notes(other).write(f"{number} from the other")
    meeting = Pair(one, other, once=True).run()
    assert meeting.ended(0).ending is meeting.ended(1).ending is Ending.DONE
    assert same(one, other)
    assert len(notes(one).held) == 400


def test_nothing_new_costs_one_message(pair: tuple[FakeDevice, FakeDevice]) -> None:
    one, other = pair
    for number in range(5):
        notes(one).write(f"{number} from one")
    assert Pair(one, other).run().in_sync
    again = Pair(one, other).run()
    assert again.in_sync
    assert sum(again.sent) == HANDSHAKE + HELLO_BYTES + 42
    assert [meeting.statistics().turns for meeting in again.meetings] == [1, 2]
    again.wait(600)
    assert sum(again.sent) - HANDSHAKE < 600 * 12


@pytest.mark.parametrize("sweeper_dials", [False, True])
def test_what_one_has_erased_leaves_both_in_sync(
    pair: tuple[FakeDevice, FakeDevice], sweeper_dials: bool
) -> None:
    """One node's clock is ahead: it sweeps, the other keeps, and nobody asks for it again."""
    one, other = pair
    old = [notes(one).write(f"{number} is old") for number in range(40)]
    assert Pair(one, other).run().in_sync
    for name in old:
        notes(other).erase(name)
    meeting = (Pair(other, one) if sweeper_dials else Pair(one, other)).run()
    assert meeting.in_sync
    assert len(meeting.happened(0, InSync)) == len(meeting.happened(1, InSync)) == 1
    assert not notes(other).held
    before = sum(meeting.sent)
    assert before < HANDSHAKE + HELLO_BYTES + 1_400, "one list of forty, once"
    # New notes do not bring the lists back.
    for number in range(10):
        name = notes(one).write(f"{number} is new")
        side = meeting.devices.index(one)
        meeting.meetings[side].notes_changed([name], meeting.now)
        meeting.tell(side, *one.write("words"))
        meeting.wait(limits.SETTLE_SECONDS * 2)
    meeting.wait(limits.RECHECK_SECONDS)
    assert meeting.in_sync
    assert len(notes(other).held) == 10
    assert sum(meeting.sent) - before < 10 * 600 + 40 * 24 + 200, "one more list at most"


def test_documents_that_differ_for_good_do_not_hold_up_notes(
    pair: tuple[FakeDevice, FakeDevice],
) -> None:
    one, other = pair
    one.write("words")
    one.knowledge.owed = lambda *_: []  # type: ignore[method-assign]
    notes(one).write("from one")
    notes(other).write("from the other")
    meeting = Pair(one, other, once=True).run()
    meeting.wait(limits.ANSWER_SECONDS)
    assert same(one, other)
    assert meeting.ended(0).ending is Ending.DONE
    assert not meeting.in_sync


def test_what_cannot_be_placed_is_asked_for_when_it_can(
    pair: tuple[FakeDevice, FakeDevice],
) -> None:
    one, other = pair
    name = notes(one).write("record 1: a contact")
    notes(other).places = set()
    meeting = Pair(one, other).run()
    assert meeting.in_sync
    assert not notes(other).held
    notes(other).places = {b"record 1"}
    meeting.tell(1, *other.write("the record comes"))
    meeting.wait(limits.SETTLE_SECONDS * 2)
    assert set(notes(other).held) == {name}
    assert meeting.in_sync


def test_a_pushed_note_that_cannot_be_placed_is_asked_for_later(
    pair: tuple[FakeDevice, FakeDevice],
) -> None:
    one, other = pair
    meeting = Pair(one, other).run()
    notes(other).places = set()
    name = notes(one).write("record 1: a contact")
    meeting.meetings[0].notes_changed([name], meeting.now)
    meeting.run()
    assert not notes(other).held
    assert not meeting.happened(1, NotesArrived)
    notes(other).places = None
    meeting.tell(0, *one.write("the record comes"))
    meeting.wait(limits.SETTLE_SECONDS * 2)
    assert set(notes(other).held) == {name}


def test_a_new_roster_is_a_reason_to_look_again(pair: tuple[FakeDevice, FakeDevice]) -> None:
    """Notes of a device whose card comes later: asked for, not taken, and asked for once more."""
    one, other = pair
    notes(one).write("of a stranger")
    notes(other).strangers = True
    meeting = Pair(one, other).run()
    assert meeting.in_sync
    for number in range(3):  # nobody asks again for nothing, or more often than it may
        pushed = notes(one).write(f"{number} of a stranger")
        meeting.meetings[0].notes_changed([pushed], meeting.now)
        meeting.tell(0, *one.write("words"))
        meeting.wait(limits.SETTLE_SECONDS * 2)
    assert not notes(other).held
    notes(other).strangers = False
    for side in (0, 1):
        meeting.meetings[side].roster_changed(meeting.now)
    meeting.wait(1)
    assert same(one, other)
    assert meeting.in_sync


def test_a_note_listed_and_pushed_at_once(pair: tuple[FakeDevice, FakeDevice]) -> None:
    """Each offer may be taken up once, however they cross."""
    one, other = pair
    notes(other).strangers = True
    meeting = Pair(one, other)
    for number in range(12):
        name = notes(one).write(f"{number} of a stranger")
        meeting.meetings[0].notes_changed([name], meeting.now)
        meeting.tell(1, *other.write(f"words {number}"))
        meeting.step()
    meeting.wait(limits.RECHECK_SECONDS * 8)
    assert meeting.in_sync
    notes(other).strangers = False
    meeting.meetings[1].roster_changed(meeting.now)
    meeting.wait(limits.RECHECK_SECONDS)
    assert same(one, other)


# ---- live
def test_a_new_note_is_pushed_and_passed_on() -> None:
    one, middle = friends()
    world = FakeWorld()
    far = world.join("far", middle)
    assert Pair(far, middle).run().in_sync
    first, second = Pair(one, middle).run(), Pair(middle, far).run()
    name = notes(one).write("a contact")
    first.meetings[0].notes_changed([name], 0.0)
    first.run()
    (event,) = first.happened(1, NotesArrived)
    second.meetings[0].notes_changed(arrived(event), 0.0)
    second.run()
    assert same(one, middle, far)
    assert first.meetings[0].in_sync


def test_a_note_erased_before_it_went_out_stays_here(pair: tuple[FakeDevice, FakeDevice]) -> None:
    one, other = pair
    meeting = Pair(one, other).run()
    name = notes(one).write("a contact")
    meeting.meetings[0].notes_changed([name], 0.0)
    notes(one).erase(name)
    meeting.run()
    assert not notes(other).held
    assert meeting.in_sync


def test_what_was_not_pushed_is_found_later(pair: tuple[FakeDevice, FakeDevice]) -> None:
    """A shell that forgets to tell the meeting costs time, not notes."""
    one, other = pair
    meeting = Pair(one, other).run()
    notes(one).write("unheard of")
    notes(other).write("unheard of, too")
    meeting.wait(limits.RECHECK_SECONDS * 2)
    assert same(one, other)


# ---- cuts
def test_cut_at_each_byte_and_resumed() -> None:
    def strangers() -> tuple[FakeDevice, FakeDevice]:
        one, other = friends()
        for number in range(3):
            notes(one).write(f"{number} from one")
            notes(other).write(f"{number} from the other")
        return one, other

    total = sum(Pair(*strangers()).run().sent)
    for end in range(0, total, 5):
        one, other = strangers()
        meeting = Pair(one, other)
        meeting.on_data = carrying(end)
        meeting.run()
        meeting.cut()
        assert Pair(one, other).run().in_sync
        assert same(one, other)


def carrying(left: int) -> Callable[[bytes], bytes | None]:
    def carry(data: bytes) -> bytes | None:
        nonlocal left
        if left <= 0:
            return None
        data, left = data[:left], left - len(data)
        return data

    return carry


# ---- any history
steps = st.lists(
    st.tuples(
        st.sampled_from(["write", "write", "erase", "meet", "cut", "push"]),
        st.integers(0, 3),
        st.integers(0, 3),
        st.integers(1, 1500),
    ),
    max_size=30,
)


@given(steps)
@settings(max_examples=60)
def test_after_any_history_all_hold_what_nobody_erased(
    history: list[tuple[str, int, int, int]],
) -> None:
    world = FakeWorld()
    people = [world.found("p0")]
    people += [world.join(f"p{number}", people[0]) for number in range(1, 4)]
    for person in [*people[1:], *people[1:]]:
        assert Pair(person, people[0]).run().in_sync
    for step, (kind, one, other, number) in enumerate(history):
        if kind == "write":
            notes(people[one]).write(f"note {step}")
        elif kind == "erase" and notes(people[one]).held:
            notes(people[one]).erase(min(notes(people[one]).held))
        elif one != other and kind in ("meet", "cut", "push"):
            meeting = Pair(people[one], people[other])
            if kind == "cut":
                meeting.on_data = carrying(number)
            meeting.run()
            if kind == "push":
                name = notes(people[one]).write(f"pushed {step}")
                meeting.meetings[0].notes_changed([name], 0.0)
                meeting.run()
    for _ in range(2):
        for one, other in combinations(people, 2):
            assert Pair(one, other).run().in_sync
    everything = set().union(*(notes(person).held for person in people))
    for person in people:
        assert set(notes(person).held) == everything - notes(person).over
