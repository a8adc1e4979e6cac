"""The network of namespaces itself: it carries what it should, and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from meshaid.testing.lan import Lan, LanError, can_make_namespaces, open_lan

pytestmark = pytest.mark.netns

HEAR = """
import socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 5353))
group = socket.inet_aton("224.0.0.251")
s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group + socket.inet_aton(sys.argv[1]))
print("ready", flush=True)
data, sender = s.recvfrom(100)
print(data.decode(), sender[0], flush=True)
"""
SAY = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(sys.argv[1]))
s.sendto(b"hello", ("224.0.0.251", 5353))
"""
CONNECT = """
import socket, sys
socket.create_connection((sys.argv[1], 7117), timeout=2).close()
"""


@pytest.fixture
def lan() -> Iterator[Lan]:
    reason = can_make_namespaces()
    if reason:
        pytest.skip(reason)
    with open_lan() as lan:
        yield lan


def namespaces() -> str:
    return subprocess.run(
        ["ip", "netns", "list"], check=True, capture_output=True, text=True
    ).stdout


def test_multicast_reaches_every_host_of_a_segment_and_no_other(lan: Lan) -> None:
    street, other = lan.add_segment(), lan.add_segment()
    a, b, c = (lan.add_host(name) for name in "abc")
    a.plug(street, "10.77.0.1/24")
    b.plug(street, "10.77.0.2/24")
    c.plug(other, "10.77.0.3/24")
    ears = [
        host.start([sys.executable, "-c", HEAR, address], stdout=subprocess.PIPE)
        for host, address in ((b, "10.77.0.2"), (c, "10.77.0.3"))
    ]
    for ear in ears:
        assert ear.stdout is not None
        assert ear.stdout.readline() == b"ready\n"
    a.run([sys.executable, "-c", SAY, "10.77.0.1"])
    assert ears[0].communicate(timeout=30)[0] == b"hello 10.77.0.1\n"
    assert ears[1].poll() is None


def test_a_link_goes_down_and_up_and_an_address_moves(lan: Lan) -> None:
    street = lan.add_segment()
    a, b = lan.add_host("a"), lan.add_host("b")
    a.plug(street, "10.77.0.1/24")
    plug = b.plug(street, "10.77.0.2/24")
    listen = "import socket; s = socket.create_server(('', 7117)); print('ready', flush=True)"
    listener = b.start(
        [sys.executable, "-c", f"{listen}\nwhile True: s.accept()"], stdout=subprocess.PIPE
    )
    assert listener.stdout is not None
    assert listener.stdout.readline() == b"ready\n"

    def reach(address: str) -> None:
        a.run([sys.executable, "-c", CONNECT, address])

    reach("10.77.0.2")
    plug.down()
    with pytest.raises(subprocess.CalledProcessError):
        reach("10.77.0.2")
    plug.up()
    reach("10.77.0.2")
    plug.move("10.77.0.9/24")
    reach("10.77.0.9")
    with pytest.raises(subprocess.CalledProcessError):
        reach("10.77.0.2")


def test_nothing_is_left_behind_even_after_an_error(lan: Lan) -> None:
    del lan  # it only says whether namespaces can be made
    before = namespaces()
    process = None

    def fail() -> None:
        nonlocal process
        with open_lan() as broken:
            host = broken.add_host("a")
            host.plug(broken.add_segment(), "10.77.0.1/24")
            process = host.start([sys.executable, "-c", "import time; time.sleep(600)"])
            assert namespaces() != before
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        fail()
    assert process is not None
    assert process.poll() is not None
    assert namespaces() == before


def test_an_impossible_wish_says_what_ip_said(lan: Lan) -> None:
    host = lan.add_host("a")
    with pytest.raises(LanError, match="address"):
        host.plug(lan.add_segment(), "10.77.0.300/24")
