"""One stream and the meeting on it, over streams in memory; nobody waits for real time here."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial

import pytest
import trio
from trio.testing import (
    MemoryReceiveStream,
    MemorySendStream,
    MockClock,
    lockstep_stream_pair,
    memory_stream_pair,
    memory_stream_pump,
)

from meshaid import limits
from meshaid.connection import FAREWELL_SECONDS, Connection
from meshaid.core.meeting import Meeting
from meshaid.core.meeting_events import Ended, InSync, MeetingEvent
from meshaid.core.noise import Role
from meshaid.core.session import Ending
from tests.core.meeting_pair import fresh_ephemeral
from tests.core.meeting_world import FakeDevice, FakeWorld
from tests.core.puppet import Puppet

Pair = tuple[trio.abc.Stream, trio.abc.Stream]


class OnTheSpot:
    """An owner without a store thread: work is done at once."""

    async def step(self, connection: Connection, work: Callable[[], object]) -> None:
        await trio.lowlevel.checkpoint()
        work()
        connection.take_events(connection.meeting.events())
        connection.wake()

    async def take_outgoing(self, connection: Connection) -> bytes:
        await trio.lowlevel.checkpoint()
        data = connection.meeting.data_to_send()
        connection.take_events(connection.meeting.events())
        return data


class Talk:
    """One side of a conversation."""

    def __init__(
        self, stream: trio.abc.Stream, device: FakeDevice, role: Role, *, once: bool = False
    ) -> None:
        self.events: list[MeetingEvent] = []
        self.meeting = Meeting(
            device.knowledge,
            role=role,
            ephemeral=fresh_ephemeral(),
            now=trio.current_time(),
            once=once,
        )
        self.stream = stream
        self._heard = trio.Event()
        self.connection = Connection(stream, self.meeting, OnTheSpot(), "there:7117", self._hear)

    def _hear(self, event: MeetingEvent) -> None:
        self.events.append(event)
        self._heard.set()
        self._heard = trio.Event()

    async def hears(self, kind: type[MeetingEvent]) -> None:
        while not any(isinstance(event, kind) for event in self.events):
            await self._heard.wait()

    @property
    def ending(self) -> Ending:
        (ended,) = (event for event in self.events if isinstance(event, Ended))
        return ended.ending

    async def assert_over(self) -> None:
        """The meeting has told its end, and the stream is closed."""
        assert self.meeting.closed
        with pytest.raises(trio.ClosedResourceError):
            await self.stream.send_all(b"x")


@pytest.fixture
def devices() -> tuple[FakeDevice, FakeDevice]:
    """Two people who share a door key and know of each other, each with something to tell."""
    world = FakeWorld()
    hub = world.found("hub")
    house = world.join("house", hub)
    for number in range(40):
        hub.write(f"the hub's words {number}")
        house.write(f"the house's words {number}")
    return hub, house


def pumped(most: int) -> Pair:
    """Streams that hand over a few bytes at a time, as slow radios do."""
    left, right = memory_stream_pair()
    for side in (left, right):
        send, receive = side.send_stream, side.receive_stream
        assert isinstance(send, MemorySendStream)
        assert isinstance(receive, MemoryReceiveStream)
    for sender, receiver in ((left, right), (right, left)):
        pump = partial(
            memory_stream_pump, sender.send_stream, receiver.receive_stream, max_bytes=most
        )
        sender.send_stream.send_all_hook = partial(pump_all, pump)
    return left, right


async def pump_all(pump: Callable[[], bool]) -> None:
    while pump():
        await trio.lowlevel.checkpoint()


STREAMS: dict[str, Callable[[], Pair]] = {
    "whole": memory_stream_pair,
    "lockstep": lockstep_stream_pair,
    "seven bytes at a time": partial(pumped, 7),
}


@pytest.fixture(params=STREAMS, ids=list(STREAMS))
def streams(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Both ends of a stream of each kind."""
    return STREAMS[request.param]()


# ---- any stream that keeps its promises will do
@pytest.mark.parametrize("swapped", [False, True])
async def test_two_meet(
    streams: Pair,
    devices: tuple[FakeDevice, FakeDevice],
    swapped: bool,
    autojump_clock: MockClock,
) -> None:
    first, second = reversed(devices) if swapped else devices
    dialer = Talk(streams[0], first, "dialer", once=True)
    listener = Talk(streams[1], second, "listener")
    with trio.fail_after(limits.ANSWER_SECONDS):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(dialer.connection.run)
            nursery.start_soon(listener.connection.run)
    assert devices[0].board() == devices[1].board()
    assert (dialer.ending, listener.ending) == (Ending.DONE, Ending.DONE)
    await dialer.assert_over()
    await listener.assert_over()


async def test_cancelled_it_says_goodbye(
    streams: Pair, devices: tuple[FakeDevice, FakeDevice], autojump_clock: MockClock
) -> None:
    dialer = Talk(streams[0], devices[0], "dialer")
    listener = Talk(streams[1], devices[1], "listener")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(listener.connection.run)
        async with trio.open_nursery() as inner:
            inner.start_soon(dialer.connection.run)
            await dialer.hears(InSync)
            await listener.hears(InSync)
            inner.cancel_scope.cancel()
        assert dialer.ending is Ending.LEAVING
        await dialer.assert_over()
    assert listener.ending is Ending.LEAVING
    await listener.assert_over()


async def test_an_idle_link_lives_until_its_keys_are_worn(
    devices: tuple[FakeDevice, FakeDevice], autojump_clock: MockClock
) -> None:
    streams = memory_stream_pair()
    dialer = Talk(streams[0], devices[0], "dialer")
    listener = Talk(streams[1], devices[1], "listener")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(dialer.connection.run)
        nursery.start_soon(listener.connection.run)
    assert trio.current_time() >= limits.REKEY_SECONDS
    assert {dialer.ending, listener.ending} == {Ending.REKEY}


# ---- peers that do not behave
async def ends(talk: Talk, within: float) -> None:
    """The connection ends by itself in this time, with one second for last words."""
    with trio.fail_after(within + FAREWELL_SECONDS + 0.1):
        await talk.connection.run()
    await talk.assert_over()


@pytest.mark.parametrize("role", ["dialer", "listener"])
async def test_a_peer_that_says_nothing(
    devices: tuple[FakeDevice, FakeDevice], role: Role, autojump_clock: MockClock
) -> None:
    ours, _theirs = memory_stream_pair()
    talk = Talk(ours, devices[0], role)
    await ends(talk, limits.HANDSHAKE_SECONDS)
    assert talk.ending is Ending.HANDSHAKE


async def test_a_peer_that_reads_nothing_from_the_first_byte_on(
    devices: tuple[FakeDevice, FakeDevice], autojump_clock: MockClock
) -> None:
    ours, _theirs = lockstep_stream_pair()
    talk = Talk(ours, devices[0], "dialer")
    await ends(talk, limits.HANDSHAKE_SECONDS)
    assert talk.ending is Ending.HANDSHAKE


async def test_a_member_that_reads_nothing_any_more(
    devices: tuple[FakeDevice, FakeDevice], autojump_clock: MockClock
) -> None:
    """Its keep-alives do not save it: what it was asked must be answered some day."""
    ours, theirs = lockstep_stream_pair()
    talk = Talk(ours, devices[0], "listener")
    ear = Ear(theirs)
    deaf = Talk(ear, devices[1], "dialer")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(deaf.connection.run)
        async with trio.open_nursery() as inner:
            inner.start_soon(talk.connection.run)
            await talk.hears(InSync)
            ear.deaf = True
            deaf.meeting._session._received_at = math.inf  # it does not mind
            for number in range(3):
                genesis, before = devices[0].write(f"nobody hears this {number}")
                talk.meeting.local_change(genesis, before, trio.current_time())
                talk.connection.wake()
            with trio.fail_after(limits.REKEY_SECONDS + FAREWELL_SECONDS):
                await talk.hears(Ended)
        nursery.cancel_scope.cancel()
    assert talk.ending is Ending.PROTOCOL
    await talk.assert_over()


class Ear(trio.abc.Stream):
    """A stream whose reader can be made deaf."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self.deaf = False

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        data = bytes(await self._stream.receive_some(max_bytes))
        if self.deaf:
            await trio.sleep_forever()
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self._stream.aclose()


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n\r\n", bytes(2_000), b"\xff" * 2_000])
async def test_garbage(
    devices: tuple[FakeDevice, FakeDevice], data: bytes, autojump_clock: MockClock
) -> None:
    ours, theirs = memory_stream_pair()
    talk = Talk(ours, devices[0], "listener")
    await theirs.send_all(data)
    await ends(talk, 0.0)
    assert talk.ending is Ending.HANDSHAKE
    assert await theirs.receive_some() == b""


async def test_garbage_in_a_meeting(
    devices: tuple[FakeDevice, FakeDevice], autojump_clock: MockClock
) -> None:
    ours, theirs = memory_stream_pair()
    talk = Talk(ours, devices[0], "listener")
    peer = Talk(theirs, devices[1], "dialer")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(peer.connection.run)
        nursery.start_soon(talk.connection.run)
        await talk.hears(InSync)
        await theirs.send_all(bytes(100))
    assert talk.ending is Ending.PROTOCOL
    await talk.assert_over()
    await peer.assert_over()


@pytest.mark.parametrize("how", ["eof", "broken"])
async def test_a_stream_that_ends_without_a_word(
    devices: tuple[FakeDevice, FakeDevice], how: str, autojump_clock: MockClock
) -> None:
    ours, theirs = memory_stream_pair()
    talk = Talk(ours, devices[0], "listener")
    peer = Talk(theirs, devices[1], "dialer")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(talk.connection.run)
        async with trio.open_nursery() as inner:
            inner.start_soon(peer.connection.run)
            await talk.hears(InSync)
            if how == "broken":
                ours.send_stream.send_all_hook = _break
                genesis, before = devices[0].write("this cannot be sent")
                talk.meeting.local_change(genesis, before, trio.current_time())
                talk.connection.wake()
            else:
                await theirs.send_stream.aclose()
            await talk.hears(Ended)
            inner.cancel_scope.cancel()
    assert talk.ending is Ending.CUT
    await talk.assert_over()


async def _break() -> None:
    raise trio.BrokenResourceError


async def test_a_goodbye_waits_for_nobody(
    devices: tuple[FakeDevice, FakeDevice], autojump_clock: MockClock
) -> None:
    ours, theirs = memory_stream_pair()
    talk = Talk(ours, devices[0], "listener")
    peer = Talk(theirs, devices[1], "dialer")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(peer.connection.run)
        async with trio.open_nursery() as inner:
            inner.start_soon(talk.connection.run)
            await talk.hears(InSync)
            ours.send_stream.send_all_hook = trio.sleep_forever
            before = trio.current_time()
            inner.cancel_scope.cancel()
        assert trio.current_time() == before + FAREWELL_SECONDS
        await talk.assert_over()
        nursery.cancel_scope.cancel()


async def test_an_owner_that_fails_is_not_hidden(
    devices: tuple[FakeDevice, FakeDevice], autojump_clock: MockClock
) -> None:
    """A bug in what the owner does is a bug: it goes up, and the stream is closed all the same."""

    class Failing(OnTheSpot):
        async def step(self, connection: Connection, work: Callable[[], object]) -> None:
            raise ZeroDivisionError

    ours, theirs = memory_stream_pair()
    talk = Talk(ours, devices[0], "listener")
    talk.connection = Connection(ours, talk.meeting, Failing(), "there:7117", talk.events.append)
    await theirs.send_all(b"x")
    with pytest.RaisesGroup(ZeroDivisionError, allow_unwrapped=True, flatten_subgroups=True):
        await talk.connection.run()
    with pytest.raises(trio.ClosedResourceError):
        await ours.send_all(b"x")


async def test_it_says_who_is_there_and_how_it_stands(
    devices: tuple[FakeDevice, FakeDevice], autojump_clock: MockClock
) -> None:
    ours, _theirs = memory_stream_pair()
    talk = Talk(ours, devices[0], "listener")
    assert "there:7117" in repr(talk.connection)
    assert "HANDSHAKE" in repr(talk.connection)
    await ours.aclose()


# ---- a member that lies
async def test_an_illegal_message_ends_it_with_a_goodbye(
    devices: tuple[FakeDevice, FakeDevice], autojump_clock: MockClock
) -> None:
    puppet = Puppet(devices[1], devices[0])
    ours, theirs = memory_stream_pair()
    talk = Talk(ours, devices[0], "listener")
    puppet.meeting = talk.meeting
    async with trio.open_nursery() as nursery:
        nursery.start_soon(talk.connection.run)
        while puppet.digest_key == b"":
            await theirs.send_all(puppet.session.data_to_send())
            puppet.session.receive_data(await theirs.receive_some(), trio.current_time())
            for event in iter(puppet.session.next_event, None):
                puppet.digest_key = getattr(event, "digest_key", puppet.digest_key)
        puppet.throw(b"\x91\x00")
        await theirs.send_all(puppet.session.data_to_send())
        await talk.hears(Ended)
    assert talk.ending is Ending.PROTOCOL
    await talk.assert_over()
