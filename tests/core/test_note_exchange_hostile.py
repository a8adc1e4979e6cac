"""A lying peer and sealed notes: bounded work, and at worst the end of its own session."""

from __future__ import annotations

from itertools import pairwise

import pytest

from meshaid import limits
from meshaid.core.messages import (
    Hello,
    Items,
    Message,
    Ping,
    Sealed,
    SealedDigest,
    SealedList,
    SealedWant,
)
from meshaid.core.note_exchange import NOTES
from meshaid.core.reconcile import KeyedDigest
from meshaid.core.session import Ending
from meshaid.errors import RemoteProtocolError
from tests.core.meeting_pair import Pair
from tests.core.meeting_world import FakeDevice, FakeNotes, FakeWorld, sha
from tests.core.puppet import Puppet


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


@pytest.fixture
def puppet(pair: tuple[FakeDevice, FakeDevice]) -> Puppet:
    """A hostile peer after an honest greeting."""
    for number in range(3):
        notes(pair[1]).write(f"{number} is kept")
    puppet = Puppet(*pair).greet()
    assert puppet.meeting.in_sync
    return puppet


def assert_dropped(puppet: Puppet) -> None:
    assert puppet.ended is not None
    assert puppet.ended.ending is Ending.PROTOCOL
    assert isinstance(puppet.ended.error, RemoteProtocolError)


def digest(puppet: Puppet, *more: bytes) -> SealedDigest:
    shown = dict(puppet.knowledge.notes.shown()) | dict.fromkeys(more, bytes(8))
    return SealedDigest(KeyedDigest(puppet.digest_key, NOTES).of(shown))


ROW = (bytes(16), b"record 1")


@pytest.mark.parametrize(
    "words",
    [
        [Sealed(1, ())],
        [Sealed(0, (b"bad note",))],
        [SealedWant(1, (bytes(16),))],
        [SealedList(()), SealedList(())],
        [SealedList((ROW,)), Sealed(1, (b"record 1 is another note",))],
        [SealedList((ROW,)), Sealed(2, ())],
        [SealedList((ROW,)), Sealed(1, ()), Sealed(1, ())],
    ],
)
def test_words_out_of_place_end_it(puppet: Puppet, words: list[Message]) -> None:
    puppet.say(*words)
    assert_dropped(puppet)


def test_a_note_may_be_wanted_once(puppet: Puppet) -> None:
    puppet.say(SealedList(()))
    (listed,) = puppet.took(SealedList)
    assert isinstance(listed, SealedList)
    names = tuple(name for name, _ in listed.table)
    assert len(names) == 3
    puppet.say(SealedWant(1, names[:2]), SealedWant(2, names[2:]))
    answers = puppet.took(Sealed)
    assert [(a.request, len(a.wires)) for a in answers if isinstance(a, Sealed)] == [(1, 2), (2, 1)]
    puppet.say(SealedWant(3, names[:1]))
    assert_dropped(puppet)


def test_a_note_that_was_listed_and_pushed_may_be_wanted_twice(puppet: Puppet) -> None:
    """The push crossed the request: what came by it may have been impossible to place."""
    puppet.say(SealedList(()))
    (listed,) = puppet.took(SealedList)
    assert isinstance(listed, SealedList)
    name, _ = listed.table[0]
    puppet.meeting.notes_changed([name], 0.0)
    for number in (1, 2):
        puppet.say(SealedWant(number, (name,)))
        assert puppet.ended is None
    puppet.say(SealedWant(3, (name,)))
    assert_dropped(puppet)


def test_nobody_asks_without_reading(puppet: Puppet) -> None:
    others = [notes(puppet_owner(puppet)).write(f"{number} is another") for number in range(20)]
    puppet.meeting.notes_changed(others, 0.0)
    puppet.exchange()
    for number, name in enumerate(others[: limits.REQUESTS_IN_FLIGHT + 1]):
        puppet.meeting.receive_data(frame(puppet, SealedWant(number + 1, (name,))), 0.0)
    puppet.events += puppet.meeting.events()
    assert_dropped(puppet)


def puppet_owner(puppet: Puppet) -> FakeDevice:
    """The honest device, by its meeting's knowledge."""
    device = object.__new__(FakeDevice)
    device.knowledge = puppet.meeting._knowledge  # type: ignore[assignment]
    return device


def frame(puppet: Puppet, message: Message) -> bytes:
    from meshaid.core import messages

    puppet.throw(messages.encode(message))
    return puppet.session.data_to_send()


def test_ever_new_digests_get_few_lists(puppet: Puppet) -> None:
    """Each shows another difference, and each time it names nothing that is not held."""
    lists = 0
    for number in range(limits.PASSES_AT_ONCE * 3):
        puppet.say(digest(puppet, sha(b"%d" % number)[:16]), SealedList(()), digest(puppet))
        lists += len(puppet.took(SealedList))
        if puppet.ended is not None:
            break
    assert lists <= limits.PASSES_AT_ONCE
    assert puppet.meeting.deadline < float("inf") or puppet.ended


def test_who_lists_what_it_does_not_have_holds_up_nothing(puppet: Puppet) -> None:
    ghosts = tuple((sha(b"ghost %d" % number)[:16], b"record 1") for number in range(1_000))
    puppet.say(SealedList(ghosts))
    wants = puppet.took(SealedWant)
    assert len(wants) == limits.REQUESTS_IN_FLIGHT
    for number in range(1_000 // 64 + 1):
        puppet.say(Sealed(number + 1, ()))
    assert puppet.ended is None
    assert puppet.meeting.in_sync
    # What was not given is not asked for again in this session.
    assert len(puppet.took(SealedWant)) == 1_000 // 64 + 1 - limits.REQUESTS_IN_FLIGHT
    puppet.wait(limits.KEEPALIVE_SECONDS)
    assert not puppet.took(SealedWant)


def test_who_never_answers_is_dropped_in_time(puppet: Puppet) -> None:
    puppet.say(SealedList((ROW,)))
    assert puppet.took(SealedWant)
    for _ in range(int(limits.ANSWER_SECONDS // limits.KEEPALIVE_SECONDS)):
        assert puppet.ended is None
        puppet.wait(limits.KEEPALIVE_SECONDS)
        puppet.say(Ping())
    assert_dropped(puppet)


def test_a_list_in_the_middle_of_a_pass_waits(pair: tuple[FakeDevice, FakeDevice]) -> None:
    """It is answered when documents are done; till then nobody runs in a circle over it."""
    puppet = Puppet(*pair).greet(lambda told: sha(told)[:16])
    assert puppet.took(Items)
    puppet.say(SealedList(()))
    assert not puppet.took(SealedList)
    assert puppet.meeting.deadline > puppet.now
    puppet.say(Items(()), puppet.digest())
    assert len(puppet.took(SealedList)) == 1
    assert puppet.meeting.in_sync


def test_ghosts_beyond_number_are_not_remembered(puppet: Puppet) -> None:
    notes(puppet_owner(puppet)).places = set()
    ghosts = tuple((sha(b"%d" % number)[:16], bytes(8)) for number in range(5_000))
    puppet.say(SealedList(ghosts))
    assert not puppet.took(SealedWant)
    exchange = puppet.meeting._notes
    assert len(exchange._unplaced) == limits.UNPLACED_NOTES


def test_useless_notes_end_it(puppet: Puppet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "USELESS_BYTES", 10 * limits.USELESS_LEAST)
    note = b"record 1 again and again"
    for _ in range(10):
        puppet.say(Sealed(0, (note,)))
    assert puppet.ended is None, "the first was new"
    puppet.say(Sealed(0, (note,)), Sealed(0, (note,)))
    assert puppet.ended is not None
    assert puppet.ended.ending is Ending.DUPLICATE


def test_nobody_gets_notes_before_it_is_proven(pair: tuple[FakeDevice, FakeDevice]) -> None:
    one, other = pair
    notes(other).write("a contact")
    for words in (SealedDigest(bytes(16)), SealedList(()), SealedWant(1, (bytes(16),))):
        puppet = Puppet(one, other).shake_hands()
        told = puppet.digest()
        puppet.say(Hello(puppet.knowledge.own_card(), told.cards, b""), words)
        assert_dropped(puppet)
        assert not puppet.took(Sealed)
        assert not puppet.took(SealedList)
