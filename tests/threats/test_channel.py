"""Attackers 1 to 5, 8 and 10 of the threat model: those who have the wire, not the cards."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Iterator
from unittest.mock import patch

import msgpack
import pytest

from meshaid.core import noise
from meshaid.core.meeting import Meeting
from meshaid.core.meeting_events import Ended, PeerProven
from meshaid.core.session import Ending
from tests.core.meeting_pair import Pair, fresh_ephemeral
from tests.core.puppet import Puppet
from tests.core.real_world import RealDevice, RealWorld


@pytest.fixture
def founder() -> RealDevice:
    return RealWorld().found("founder of Riverside")


@pytest.fixture
def world() -> RealWorld:
    return RealWorld()


def recorded(pair: Pair) -> bytes:
    """All bytes that a listener on the Wi-Fi hears of one whole meeting."""
    heard = bytearray()

    def hear(data: bytes) -> bytes:
        heard.extend(data)
        return data

    pair.on_data = hear
    pair.run()
    assert pair.meetings[0].in_sync
    return bytes(heard)


def test_01_passer_by_hears_nothing_that_two_sessions_share(world: RealWorld) -> None:
    hub = world.found("Cedar School")
    house = world.join("Okafor family", hub)
    house.write("insulin, 2 vials, for Maria")
    first = recorded(Pair(house, hub))
    second = recorded(Pair(house, hub))

    def pieces(data: bytes) -> set[bytes]:
        return {data[start : start + 8] for start in range(len(data) - 7)}

    assert not pieces(first) & pieces(second)
    for secret in (b"insulin", b"Maria", b"Cedar", b"Okafor", b"Riverside", b"meshaid"):
        assert secret not in first + second
    for device in (hub, house):
        identity = device.replica.identity
        for name in (identity.community, identity.member, identity.device):
            assert name not in first + second
        assert identity.static_key.public not in first + second


def test_02_stranger_gets_no_reply_and_costs_no_key_agreement(world: RealWorld) -> None:
    hub = world.found("hub")
    house = world.join("house", hub)
    puppet = Puppet(house, hub, psk=bytes(32))
    message = puppet.session.data_to_send()
    victim = Meeting(hub.knowledge, role="listener", ephemeral=fresh_ephemeral(), now=0.0)
    with patch.object(noise, "_agree", wraps=noise._agree) as agreed:
        victim.receive_data(message, 0.0)
    assert not agreed.called
    assert victim.closed
    assert victim.data_to_send() == b""
    (ended,) = victim.events()
    assert isinstance(ended, Ended)
    assert ended.ending is Ending.HANDSHAKE


def test_04_replayed_bytes_act_on_nothing(world: RealWorld) -> None:
    hub = world.found("hub")
    house = world.join("house", hub)
    house.write("bread")
    pair = Pair(house, hub)
    sent: list[bytes] = []

    def hear(data: bytes) -> bytes:
        sent.append(data)
        return data

    pair.on_data = hear
    pair.run()
    before = (hub.replica.digest(), hub.board())
    for start in range(len(sent)):
        victim = Meeting(hub.knowledge, role="listener", ephemeral=fresh_ephemeral(), now=0.0)
        for data in sent[start:]:
            victim.receive_data(data, 0.0)
        assert not victim.in_sync
        assert not any(isinstance(event, PeerProven) for event in victim.events())
    assert (hub.replica.digest(), hub.board()) == before


def test_05_man_in_the_middle_of_a_joining_changes_nothing(world: RealWorld) -> None:
    """Whatever bit he turns, cards arrive as they were sent or not at all."""
    hub = world.found("hub")
    dice = random.Random(5)
    for number in range(60):
        house = world.join(f"house {number}", hub)
        pair = Pair(house, hub)
        at = dice.randrange(4_000)
        seen = 0

        def turn(data: bytes, at: int = at) -> bytes:
            nonlocal seen
            place, seen = at - seen, seen + len(data)
            if not 0 <= place < len(data):
                return data
            changed = bytearray(data)
            changed[place] ^= 1 << (place % 8)
            return bytes(changed)

        pair.on_data = turn
        pair.run()
        roster = hub.replica.roster
        card = roster.devices.get(house.replica.identity.device)
        assert card is None or card.static_key == house.replica.identity.static_key.public
        Pair(house, hub).run()
        assert house.replica.identity.device in hub.replica.roster.devices


def test_08_a_cut_in_the_middle_leaves_no_half_state(world: RealWorld) -> None:
    hub = world.found("hub")
    house = world.join("house", hub)
    house.write("blankets")
    house.write("water")
    for at in range(0, 4_000, 97):
        left = at

        def cut(data: bytes) -> bytes | None:
            nonlocal left
            left -= len(data)
            return data if left > 0 else None

        pair = Pair(house, hub)
        pair.on_data = cut
        pair.run()
        ends = [event for side in pair.events for event in side if isinstance(event, Ended)]
        assert all(end.error is not None for end in ends)
    pair = Pair(house, hub)
    pair.run()
    assert pair.meetings[1].in_sync
    assert hub.board() == house.board()


def bombs() -> Iterator[tuple[str, bytes]]:
    yield "empty maps", b"\xdd\x00\x0f\xff\xff" + b"\x80" * 1_000_000
    yield "nested arrays", b"\x91" * 1_000_000
    yield "a huge announced array", b"\xdd\xff\xff\xff\xff"
    yield "a huge announced string", b"\xc6\xff\xff\xff\xff"
    yield "a list of cards", msgpack.packb([2, bytes(16) * 60_001])


@pytest.mark.parametrize("bomb", [b for _, b in bombs()], ids=[name for name, _ in bombs()])
def test_10_bomb_costs_little_and_ends_its_session_only(world: RealWorld, bomb: bytes) -> None:
    hub = world.found("hub")
    house = world.join("house", hub)
    Pair(house, hub).run()
    puppet = Puppet(house, hub)
    puppet.exchange()
    tracemalloc.start()
    puppet.throw(bomb)
    puppet.exchange()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert puppet.meeting.closed
    assert peak < 64 * 2**20
    Pair(house, hub).run()
    assert hub.board() == house.board()
