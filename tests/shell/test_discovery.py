"""Discovery: one acceptance suite for multicast DNS and its fake, then what is real alone."""

from __future__ import annotations

import itertools
import logging
import os
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from functools import partial

import pytest
import trio
import zeroconf
from hypothesis import given
from hypothesis import strategies as st

from meshaid import discovery, limits
from meshaid.discovery import Inbox, open_discovery
from meshaid.dns_sd import (
    SERVICE_TYPE,
    Announced,
    Discovered,
    DiscoveryEvent,
    Expired,
    Unavailable,
    announceable,
    instance_tag,
    reachable,
    recognise,
)
from meshaid.networks import LOOPBACK, Network, read_networks
from meshaid.testing.discovery import MemoryLan

WIFI = Network("wlan0", 3, "192.168.1.7", 24)
WIFI_V6 = Network("wlan0", 3, "fe80::7", 64)
PUBLIC = Network("eth0", 2, "203.0.113.7", 24)

Events = trio.MemoryReceiveChannel[DiscoveryEvent]
Opening = Callable[..., AbstractAsyncContextManager[Events]]

_PORTS = itertools.count(20_001)


def multicast_on_loopback() -> str:
    """Why real multicast cannot be tried here, or ""."""
    try:
        group = socket.inet_aton("224.0.0.251") + socket.inet_aton("127.0.0.1")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
            ear.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
    except OSError as error:
        return f"the loopback takes no multicast: {error}"
    return ""


def real() -> Opening:
    return partial(open_discovery, networks=lambda: (LOOPBACK,))


def fake() -> Opening:
    return MemoryLan().host("127.0.0.1").open_discovery


@pytest.fixture(
    params=[pytest.param(fake, id="fake"), pytest.param(real, id="real", marks=pytest.mark.mdns)]
)
def opening(request: pytest.FixtureRequest) -> Opening:
    """`open_discovery` on a network of its own, but for the strangers on the loopback."""
    if request.param is real and (reason := multicast_on_loopback()):
        pytest.skip(reason)
    make: Callable[[], Opening] = request.param
    return make()


@pytest.fixture
def keys() -> list[bytes]:
    """The keys of a community that no other test knows."""
    return [os.urandom(32)]


async def next_of(events: Events, kind: type[DiscoveryEvent]) -> DiscoveryEvent:
    """The next event of this kind; whatever else comes before is dropped."""
    with trio.fail_after(30):
        async for event in events:
            if isinstance(event, kind):
                return event
    raise AssertionError("the channel has ended")


async def announced(events: Events) -> Announced:
    event = await next_of(events, Announced)
    assert isinstance(event, Announced)
    return event


class TestAcceptance:
    async def test_two_find_each_other(self, opening: Opening, keys: list[bytes]) -> None:
        ports = next(_PORTS), next(_PORTS)
        async with (
            opening(discovery_keys=keys, port=ports[0], random=os.urandom) as first,
            opening(discovery_keys=keys, port=ports[1], random=os.urandom) as second,
        ):
            names = [await first.receive(), await second.receive()]
            assert isinstance(names[0], Announced)
            assert isinstance(names[1], Announced)
            assert names[0].addresses == (f"127.0.0.1:{ports[0]}",)
            assert names[0].instance != names[1].instance
            assert await next_of(first, Discovered) == Discovered(
                names[1].instance, (f"127.0.0.1:{ports[1]}",), 0
            )
            assert await next_of(second, Discovered) == Discovered(
                names[0].instance, (f"127.0.0.1:{ports[0]}",), 0
            )

    async def test_whoever_comes_late_is_heard_and_hears(
        self, opening: Opening, keys: list[bytes]
    ) -> None:
        early = [
            opening(discovery_keys=keys, port=next(_PORTS), random=os.urandom) for _ in range(2)
        ]
        async with early[0] as first, early[1] as second:
            names = {(await announced(first)).instance, (await announced(second)).instance}
            await next_of(first, Discovered)
            await next_of(second, Discovered)
            late = opening(discovery_keys=keys, port=next(_PORTS), random=os.urandom)
            async with late as third:
                name = (await announced(third)).instance
                heard: set[str] = set()
                while heard != names:
                    event = await next_of(third, Discovered)
                    assert isinstance(event, Discovered)
                    heard.add(event.instance)
                    assert event.instance in names
                for events in (first, second):
                    event = await next_of(events, Discovered)
                    while isinstance(event, Discovered) and event.instance in names:
                        event = await next_of(events, Discovered)  # said twice
                    assert isinstance(event, Discovered)
                    assert event.instance == name

    async def test_a_goodbye_is_heard(self, opening: Opening, keys: list[bytes]) -> None:
        async with opening(discovery_keys=keys, port=next(_PORTS), random=os.urandom) as stays:
            goes = opening(discovery_keys=keys, port=next(_PORTS), random=os.urandom)
            async with goes as events:
                name = (await announced(events)).instance
                await next_of(stays, Discovered)
            assert await next_of(stays, Expired) == Expired(name)

    async def test_each_start_has_a_new_name(self, opening: Opening, keys: list[bytes]) -> None:
        names = set()
        for _ in range(2):
            async with opening(discovery_keys=keys, port=next(_PORTS), random=os.urandom) as events:
                names.add((await announced(events)).instance)
        assert len(names) == 2

    async def test_strangers_and_ourselves_are_not_told(
        self, opening: Opening, keys: list[bytes]
    ) -> None:
        async with (
            opening(discovery_keys=keys, port=next(_PORTS), random=os.urandom) as ours,
            opening(discovery_keys=[b"x" * 32], port=next(_PORTS), random=os.urandom) as theirs,
        ):
            await announced(ours)
            await announced(theirs)
            friend = opening(discovery_keys=keys, port=next(_PORTS), random=os.urandom)
            async with friend as events:
                name = (await announced(events)).instance
                event = await next_of(ours, Discovered)
                assert isinstance(event, Discovered)
                assert event.instance == name
        with pytest.raises(trio.ClosedResourceError):
            ours.receive_nowait()

    async def test_an_older_key_is_recognised_and_named(
        self, opening: Opening, keys: list[bytes]
    ) -> None:
        newer = [b"n" * 32, *keys]
        async with (
            opening(discovery_keys=newer, port=next(_PORTS), random=os.urandom) as updated,
            opening(discovery_keys=keys, port=next(_PORTS), random=os.urandom),
        ):
            event = await next_of(updated, Discovered)
            assert isinstance(event, Discovered)
            assert event.generation == 1

    async def test_an_error_in_the_body_surfaces_as_itself(
        self, opening: Opening, keys: list[bytes]
    ) -> None:
        async def fail() -> None:
            async with opening(discovery_keys=keys, port=next(_PORTS), random=os.urandom):
                raise ValueError("mine")

        with pytest.raises(ValueError, match="mine"):
            await fail()

    async def test_cancellation_leaves_nothing_running(
        self, opening: Opening, keys: list[bytes]
    ) -> None:
        with trio.fail_after(30), trio.move_on_after(60) as scope:
            async with opening(discovery_keys=keys, port=next(_PORTS), random=os.urandom) as events:
                await announced(events)
                scope.cancel()
                await trio.sleep_forever()
        assert scope.cancelled_caught


class TestFakeNetwork:
    async def test_cut_off_and_back_and_moved(self, keys: list[bytes]) -> None:
        lan = MemoryLan()
        one, two = lan.host("10.0.0.1"), lan.host("10.0.0.2")
        async with (
            one.open_discovery(discovery_keys=keys, port=1, random=os.urandom) as first,
            two.open_discovery(discovery_keys=keys, port=2, random=os.urandom) as second,
        ):
            await next_of(first, Discovered)
            await announced(second)
            two.down()
            assert (await announced(second)).addresses == ()
            two.up()
            back = await announced(second)
            assert await next_of(first, Discovered) == Discovered(back.instance, ("10.0.0.2:2",), 0)
            two.move("10.0.0.9")
            assert await next_of(first, Expired) == Expired(back.instance)
            moved = await next_of(first, Discovered)
            assert isinstance(moved, Discovered)
            assert moved.addresses == ("10.0.0.9:2",)


@pytest.mark.mdns
class TestRealAlone:
    @pytest.fixture(autouse=True)
    def loopback(self) -> None:
        if reason := multicast_on_loopback():
            pytest.skip(reason)

    async def test_a_changed_network_brings_a_new_name_and_address(
        self, keys: list[bytes], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, "NETWORK_CHECK_SECONDS", 0.01)
        on = [(LOOPBACK,)]
        moving = open_discovery(
            discovery_keys=keys, port=next(_PORTS), random=os.urandom, networks=lambda: on[0]
        )
        still = real()(discovery_keys=keys, port=next(_PORTS), random=os.urandom)
        async with still as events, moving as own:
            before = await announced(own)
            await next_of(events, Discovered)
            on[0] = (Network("lo", 1, "127.0.0.2", 8),)
            after = await announced(own)
            assert after.instance != before.instance
            assert after.addresses[0].startswith("127.0.0.2:")
            assert await next_of(events, Expired) == Expired(before.instance)
            assert await next_of(events, Discovered) == Discovered(
                after.instance, after.addresses, 0
            )

    async def test_what_was_lost_comes_with_the_next_scan(
        self, keys: list[bytes], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, "NETWORK_CHECK_SECONDS", 0.01)
        monkeypatch.setattr(limits, "RESCAN_SECONDS", 0.2)
        opening = real()
        async with (
            opening(discovery_keys=keys, port=next(_PORTS), random=os.urandom) as first,
            opening(discovery_keys=keys, port=next(_PORTS), random=os.urandom) as second,
        ):
            name = (await announced(second)).instance
            for _ in range(3):
                event = await next_of(first, Discovered)
                assert isinstance(event, Discovered)
                assert event.instance == name

    async def test_no_network_is_said_and_tried_again(
        self, keys: list[bytes], autojump_clock: trio.testing.MockClock
    ) -> None:
        failures = 0

        def fail_twice() -> tuple[Network, ...]:
            nonlocal failures
            failures += 1
            if failures <= 2:
                raise OSError(19, "No such device")
            return (LOOPBACK,)

        async with open_discovery(
            discovery_keys=keys, port=next(_PORTS), random=os.urandom, networks=fail_twice
        ) as events:
            for _ in range(2):
                event = await events.receive()
                assert isinstance(event, Unavailable)
                assert "No such device" in event.reason
                assert "--peer" in event.reason
            assert isinstance(await events.receive(), Announced)
        assert trio.current_time() >= 2 * limits.DISCOVERY_RETRY_SECONDS

    async def test_a_taken_port_is_said(
        self, keys: list[bytes], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def taken(networks: object) -> zeroconf.Zeroconf:
            raise OSError(98, "Address already in use")

        monkeypatch.setattr(discovery, "_open_zeroconf", taken)
        async with real()(discovery_keys=keys, port=1, random=os.urandom) as events:
            event = await next_of(events, Unavailable)
            assert isinstance(event, Unavailable)
            assert "Address already in use" in event.reason

    async def test_a_service_with_missing_records_is_asked_for(self, keys: list[bytes]) -> None:
        """Another device announces a bare name first; the answer to our question completes it."""
        instance, port = os.urandom(8).hex(), next(_PORTS)
        with incomplete_service(keys[0], instance, port):
            async with real()(discovery_keys=keys, port=next(_PORTS), random=os.urandom) as events:
                event = await next_of(events, Discovered)
                assert event == Discovered(instance, (f"127.0.0.1:{port}",), 0)


@contextmanager
def incomplete_service(key: bytes, instance: str, port: int) -> Iterator[None]:
    """A responder that leaves TXT, SRV and addresses out of its answers to a search."""
    info = zeroconf.ServiceInfo(
        SERVICE_TYPE,
        f"{instance}.{SERVICE_TYPE}",
        port=port,
        properties={b"v": b"1", b"t": instance_tag(key, instance).encode()},
        server=f"{instance}.local.",
        parsed_addresses=["127.0.0.1"],
        other_ttl=4500,
    )
    responder = zeroconf.Zeroconf(interfaces=["127.0.0.1"], use_asyncio=False)
    try:
        responder.registry.async_add(info)
        yield
    finally:
        responder.registry.async_remove(info)
        responder.close()


class TestInbox:
    async def test_what_does_not_fit_is_dropped(self, caplog: pytest.LogCaptureFixture) -> None:
        send, receive = trio.open_memory_channel[DiscoveryEvent](2)
        inbox = Inbox(send)
        with send, receive, caplog.at_level(logging.INFO):
            for number in range(5):
                inbox.put(Discovered(f"{number:016x}", ("10.0.0.1:1",), 0))
            assert send.statistics().current_buffer_used == 2
            assert "dropped Discovered" in caplog.text
            assert "10.0.0.1" not in caplog.text

    async def test_the_goodbye_of_somebody_unknown_is_not_told(self) -> None:
        send, receive = trio.open_memory_channel[DiscoveryEvent](200)
        inbox = Inbox(send)
        with send, receive:
            inbox.put(Expired("0" * 16))
            for number in range(limits.MAX_CANDIDATES + 1):
                inbox.put(Discovered(f"{number:016x}", ("10.0.0.1:1",), 0))
            inbox.put(Expired("0" * 16))  # the oldest is forgotten
            inbox.put(Expired("1".zfill(16)))
            inbox.put(Expired("1".zfill(16)))
            assert send.statistics().current_buffer_used == limits.MAX_CANDIDATES + 2

    async def test_nobody_listens_any_more(self) -> None:
        send, receive = trio.open_memory_channel[DiscoveryEvent](1)
        inbox = Inbox(send)
        receive.close()
        inbox.put(Announced("0" * 16, ()))
        send.close()
        inbox.put(Announced("0" * 16, ()))
        assert send.statistics().open_receive_channels == 0

    def test_an_event_after_the_end_of_trio_is_dropped(self) -> None:
        kept: list[Inbox] = []

        async def make() -> None:
            send, receive = trio.open_memory_channel[DiscoveryEvent](1)
            kept.append(Inbox(send))
            send.close()
            receive.close()

        trio.run(make)
        kept[0].put_from_thread(Expired("0" * 16))  # zeroconf's thread must not die of it


class TestJudgement:
    KEY = b"k" * 32
    NAME = "00112233445566aa"

    def text(self, **changes: bytes | None) -> dict[bytes, bytes | None]:
        text: dict[bytes, bytes | None] = {
            b"v": b"1",
            b"t": instance_tag(self.KEY, self.NAME).encode(),
        }
        return text | {name.encode(): value for name, value in changes.items()}

    def test_the_tag_is_pinned(self) -> None:
        # Computed once with `printf 00112233445566aa | openssl dgst -sha256 -hmac kkkk…k`.
        assert instance_tag(self.KEY, self.NAME) == "33cbfb7e801967f2"

    def test_ours_is_recognised_by_any_of_our_keys(self) -> None:
        name = f"{self.NAME}.{SERVICE_TYPE}"
        assert recognise(name, self.text(), [self.KEY]) == (self.NAME, 0)
        assert recognise(name, self.text(), [b"a" * 32, self.KEY]) == (self.NAME, 1)
        assert recognise(name, self.text(extra=b"1"), [self.KEY]) == (self.NAME, 0)

    @pytest.mark.parametrize(
        "changes", [{"v": b"2"}, {"v": None}, {"t": None}, {"t": b""}, {"t": b"\xff" * 16}]
    )
    def test_another_version_or_tag_is_not(self, changes: dict[str, bytes | None]) -> None:
        assert recognise(f"{self.NAME}.{SERVICE_TYPE}", self.text(**changes), [self.KEY]) is None

    @pytest.mark.parametrize(
        "name",
        [
            *("", SERVICE_TYPE, f"x.{SERVICE_TYPE}", f"00112233445566AA.{SERVICE_TYPE}"),
            *(f"00112233445566aa.{SERVICE_TYPE}x", "00112233445566aa._http._tcp.local."),
        ],
    )
    def test_another_name_is_not(self, name: str) -> None:
        assert recognise(name, self.text(), [self.KEY]) is None

    @given(st.text(max_size=60), st.dictionaries(st.binary(max_size=4), st.binary(max_size=20)))
    def test_garbage_is_nobody(self, name: str, text: dict[bytes, bytes]) -> None:
        assert recognise(name, dict(text), [self.KEY]) is None

    def test_ipv4_comes_first_and_few_are_taken(self) -> None:
        heard = ["fd00::1", *(f"192.168.1.{n}" for n in range(10))]
        found = reachable(heard, 7, [WIFI])
        assert found == tuple(f"192.168.1.{n}:7" for n in range(limits.ADDRESSES_PER_INSTANCE))

    @pytest.mark.parametrize(
        ("host", "networks", "is_neighbour"),
        [
            ("192.168.7.9", [WIFI], True),
            ("8.8.8.8", [WIFI], False),
            ("203.0.113.9", [PUBLIC], True),
            ("127.0.0.1", [WIFI], False),
            ("127.0.0.1", [LOOPBACK], True),
            ("224.0.0.251", [WIFI], False),
            ("0.0.0.0", [WIFI], False),  # noqa: S104
            ("fe80::9", [WIFI, WIFI_V6], False),
            ("2001:4860:4860::8888", [WIFI, WIFI_V6], False),
        ],
    )
    def test_only_neighbours_are_dialed(
        self, host: str, networks: list[Network], is_neighbour: bool
    ) -> None:
        assert bool(reachable([host], 7, networks)) is is_neighbour

    def test_a_link_local_address_names_its_interface(self) -> None:
        index, name = socket.if_nameindex()[0]
        assert reachable([f"fe80::9%{index}"], 7, [WIFI_V6]) == (f"[fe80::9%{name}]:7",)
        assert reachable(["fe80::9%99999"], 7, [WIFI_V6]) == ("[fe80::9%99999]:7",)

    @pytest.mark.parametrize("port", [None, 0, 65_536, -1])
    def test_without_a_port_nothing_is_reachable(self, port: int | None) -> None:
        assert reachable(["192.168.1.9"], port, [WIFI]) == ()

    def test_what_is_announced_depends_on_where_the_node_listens(self) -> None:
        networks = [WIFI_V6, Network("wlan0", 3, "2001:db8::1", 64), WIFI, PUBLIC]
        every_ipv4 = "0.0.0.0"  # noqa: S104
        assert announceable(networks, every_ipv4) == ("192.168.1.7", "203.0.113.7")
        assert announceable(networks, "192.168.1.7") == ("192.168.1.7",)
        assert announceable(networks, "fe80::7%wlan0") == ("fe80::7",)
        assert announceable(networks, "127.0.0.1") == ()
        everywhere = announceable(networks, "")
        assert everywhere[:2] == ("192.168.1.7", "203.0.113.7")
        assert "fe80::7" in everywhere
        assert everywhere == announceable(networks, "::")


def test_the_networks_of_this_computer_are_read() -> None:
    networks = read_networks()
    assert networks == tuple(sorted(networks))
    assert networks == (LOOPBACK,) or not any(n.is_loopback for n in networks)


def test_a_packet_that_is_no_dns_is_survived() -> None:
    """The bytes of a header alone; zeroconf's own parser must not raise into its loop."""
    incoming = zeroconf.DNSIncoming(struct.pack(">6H", 0, 0x8400, 0, 65_535, 0, 0))
    assert incoming.answers() == []
