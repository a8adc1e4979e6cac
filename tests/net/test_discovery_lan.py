"""Discovery on real networks: hosts in namespaces, bridges, multicast, changing addresses."""

from __future__ import annotations

import getpass
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zeroconf

from meshaid.testing.lan import Host, Lan, Segment, can_make_namespaces, open_lan

pytestmark = pytest.mark.netns

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
KEY = b"k" * 32

Event = dict[str, Any]


@pytest.fixture
def lan() -> Iterator[Lan]:
    reason = can_make_namespaces()
    if reason:
        pytest.skip(reason)
    with open_lan() as lan:
        yield lan


def lines(process: subprocess.Popen[bytes]) -> Iterator[str]:
    """What a process prints, as it comes; it must not end before it is told to."""
    assert process.stdout is not None
    for line in process.stdout:
        yield line.decode().rstrip("\n")
    raise AssertionError(f"the process has ended with {process.wait()}")


def environment() -> dict[str, str]:
    """Ours, with this tree behind whatever meshaid is installed."""
    path = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(ROOT))))
    return {**os.environ, "PYTHONPATH": path}


class Neighbour:
    """A host that runs discovery, and what it has heard."""

    def __init__(self, host: Host, port: int, listening: str = "0.0.0.0") -> None:  # noqa: S104
        script = [sys.executable, str(HERE / "discover.py"), KEY.hex(), str(port), listening]
        self.process = host.start(script, stdout=subprocess.PIPE, env=environment())
        self.port = port
        self._lines = lines(self.process)

    def wait(self, kind: str, fits: Callable[[Event], bool] | None = None) -> Event:
        """The next event of this kind that fits; what comes before is dropped."""
        for line in self._lines:
            event: Event = json.loads(line)
            if event["event"] == kind and (fits is None or fits(event)):
                return event
        raise AssertionError("unreachable: the lines never end")

    def announced(self) -> str:
        """The name under which it is announced next."""
        return str(self.wait("Announced")["instance"])

    def finds(self, instance: str) -> list[str]:
        """Wait until it has found this instance; its addresses."""
        addresses: list[str] = self.wait("Discovered", lambda e: e["instance"] == instance)[
            "addresses"
        ]
        return addresses

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(30)


def test_three_hosts_find_each_other(lan: Lan) -> None:
    street = lan.add_segment()
    neighbours = []
    for number in (1, 2, 3):
        host = lan.add_host(f"h{number}")
        host.plug(street, f"10.77.0.{number}/24")
        neighbours.append(Neighbour(host, 7000 + number))
    names = [neighbour.announced() for neighbour in neighbours]
    for own, neighbour in enumerate(neighbours):
        missing = {name: i + 1 for i, name in enumerate(names) if i != own}
        while missing:
            event = neighbour.wait("Discovered")
            number = missing.pop(event["instance"], None)
            if number is not None:
                assert event["addresses"][0] == f"10.77.0.{number}:{7000 + number}"


def test_a_changed_address_and_a_cut_link_need_no_restart(lan: Lan) -> None:
    street = lan.add_segment()
    hosts = lan.add_host("a"), lan.add_host("b")
    hosts[0].plug(street, "10.77.0.1/24")
    plug = hosts[1].plug(street, "10.77.0.2/24")
    still, moving = Neighbour(hosts[0], 7001), Neighbour(hosts[1], 7002)
    names = still.announced(), moving.announced()
    assert still.finds(names[1]) == ["10.77.0.2:7002"]
    assert moving.finds(names[0]) == ["10.77.0.1:7001"]

    plug.move("10.77.0.9/24")
    moved = moving.announced()
    assert moved != names[1]
    assert still.finds(moved) == ["10.77.0.9:7002"]
    assert moving.finds(names[0]) == ["10.77.0.1:7001"]

    plug.down()
    alone = moving.wait("Announced")
    assert alone["addresses"] == ["127.0.0.1:7002"]
    plug.up()
    back = moving.wait("Announced", lambda e: e["addresses"] == ["10.77.0.9:7002"])["instance"]
    assert back not in (moved, alone["instance"])
    assert still.finds(back) == ["10.77.0.9:7002"]
    assert moving.finds(names[0]) == ["10.77.0.1:7001"]


def test_a_network_without_addresses_is_enough(lan: Lan) -> None:
    """Nobody hands out IPv4 addresses: the link-local ones of IPv6 do."""
    street = lan.add_segment()
    neighbours = []
    for number in (1, 2):
        host = lan.add_host(f"h{number}")
        host.plug(street)
        neighbours.append(Neighbour(host, 7000 + number, "::"))
    for own, other in ((0, 1), (1, 0)):
        found = neighbours[own].wait("Discovered", lambda e: e["addresses"][0].startswith("[fe80"))
        port = 7001 + other
        assert re.fullmatch(rf"\[fe80::[0-9a-f:]+%eth0\]:{port}", found["addresses"][0])


@pytest.mark.parametrize("ttl", [4500, 2**31 - 1], ids=["honest-ttl", "longest-ttl"])
def test_ten_thousand_fake_services_hide_nobody(lan: Lan, ttl: int) -> None:
    """Attacker 7 of the threat model: zeroconf's cache is full of what will never expire."""
    street = lan.add_segment()
    hosts = [lan.add_host(name) for name in ("a", "b", "stranger")]
    for number, host in enumerate(hosts, start=1):
        host.plug(street, f"10.77.0.{number}/24")
    early = Neighbour(hosts[0], 7001)
    early.announced()
    flood = [sys.executable, str(HERE / "flood.py"), "10.77.0.3", "10000", str(ttl)]
    hosts[2].run(flood, env=environment())
    late = Neighbour(hosts[1], 7002)
    instance = late.announced()
    found = early.wait("Discovered")
    assert (found["instance"], found["addresses"]) == (instance, ["10.77.0.2:7002"])


def test_what_is_said_aloud_names_and_links_nobody(lan: Lan) -> None:
    street = lan.add_segment()
    hosts = lan.add_host("a"), lan.add_host("b")
    hosts[0].plug(street, "10.77.0.1/24")
    hosts[1].plug(street, "10.77.0.2/24")
    starts = [overheard(street, *hosts) for _ in range(2)]
    for names, packets in starts:
        assert packets
        heard = b"".join(packets).lower()
        for secret in (socket.gethostname(), getpass.getuser(), KEY.hex()):
            assert secret.lower().encode() not in heard
        assert KEY not in heard
        assert words(packets) <= {
            "_meshaid",
            "_tcp",
            "_udp",
            "_services",
            "_dns-sd",
            "local",
            *names,
        }
    common = identifiers(starts[0][1]) & identifiers(starts[1][1])
    assert common == {b"v=1"}


def overheard(street: Segment, *hosts: Host) -> tuple[set[str], list[bytes]]:
    """Let the hosts start, find each other and end; their names, and all that was said."""
    script = [sys.executable, str(HERE / "capture.py"), street.bridge]
    ear = subprocess.Popen(street.command(script), stdout=subprocess.PIPE)
    try:
        said = lines(ear)
        assert next(said) == "ready"
        neighbours = [Neighbour(host, 7001) for host in hosts]
        names = [neighbour.announced() for neighbour in neighbours]
        neighbours[0].finds(names[1])
        neighbours[1].finds(names[0])
        for neighbour in neighbours:
            neighbour.end()
        packets = []
        goodbyes: set[str] = set()
        while goodbyes != {*names}:
            packets.append(bytes.fromhex(next(said).split()[1]))
            goodbyes |= farewells(packets[-1])
        return {*names}, packets
    finally:
        ear.terminate()
        ear.communicate(timeout=30)


def farewells(packet: bytes) -> set[str]:
    """The instances that a packet takes back (RFC 6762 section 10.1)."""
    answers = zeroconf.DNSIncoming(packet).answers()
    gone = [record for record in answers if isinstance(record, zeroconf.DNSPointer)]
    return {record.alias.split(".")[0] for record in gone if record.ttl == 0}


def words(packets: list[bytes]) -> set[str]:
    """Every label of every name in the packets."""
    found: set[str] = set()
    for packet in packets:
        incoming = zeroconf.DNSIncoming(packet)
        names = [question.name for question in incoming.questions]
        for record in incoming.answers():
            names.append(record.name)
            names += [getattr(record, field, "") for field in ("alias", "server", "next_name")]
        found.update(label for name in names for label in name.strip(".").split(".") if label)
    return found


def identifiers(packets: list[bytes]) -> set[bytes]:
    """What could tell one device from another: its instance names, host names and texts."""
    found: set[bytes] = set()
    for packet in packets:
        for record in zeroconf.DNSIncoming(packet).answers():
            if isinstance(record, zeroconf.DNSText):
                text = record.text
                while text:
                    found.add(text[1 : 1 + text[0]])
                    text = text[1 + text[0] :]
            elif isinstance(record, zeroconf.DNSService):
                found.update((record.name.encode(), record.server.encode()))
    return found
