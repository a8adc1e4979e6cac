"""Which networks this device is on right now, read from the operating system.

A network is one address of one interface that is up and reaches others. Virtual private networks
are left out: what stands at their other end is no neighbourhood. Where there is no network at all
the loopback stands in, so that several homes on one computer still find each other.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass

import ifaddr

_UP, _LOOPBACK, _POINT_TO_POINT, _RUNNING, _MULTICAST = 0x1, 0x8, 0x10, 0x40, 0x1000
_SIOCGIFFLAGS = 0x8913
"""Read an interface's flags (Linux, netdevice(7))."""


@dataclass(frozen=True, slots=True, order=True)
class Network:
    """One address of this device: IPv4 or IPv6 without scope, and the length of its prefix."""

    interface: str
    index: int
    address: str
    prefix: int

    @property
    def is_ipv6(self) -> bool:
        """Whether the address is IPv6."""
        return ":" in self.address

    @property
    def is_loopback(self) -> bool:
        """Whether only this device itself is on it."""
        return ipaddress.ip_address(self.address).is_loopback

    def holds(self, address: str) -> bool:
        """Whether `address` (without scope) lies within this network's prefix."""
        own = ipaddress.ip_interface(f"{self.address}/{self.prefix}")
        return ipaddress.ip_address(address) in own.network


LOOPBACK = Network(interface="lo", index=1, address="127.0.0.1", prefix=8)
"""What stands in where there is no network; the name and index are not used for IPv4."""


def read_networks() -> tuple[Network, ...]:
    """Every network that this device is on, sorted; the loopback alone where there is none.

    Takes about a millisecond; it may be called from any thread.

    Raises:
      OSError: the operating system does not tell.
    """
    found = tuple(sorted(set(_outward(ifaddr.get_adapters()))))
    return found or (LOOPBACK,)


def _outward(adapters: Iterable[ifaddr.Adapter]) -> Iterable[Network]:
    for adapter in adapters:
        name = adapter.name
        if not _reaches_others(name):
            continue
        for ip in adapter.ips:
            address = ip.ip[0] if isinstance(ip.ip, tuple) else ip.ip
            network = Network(name, adapter.index or 0, address, ip.network_prefix)
            if not network.is_loopback:
                yield network


def _reaches_others(interface: str) -> bool:
    """Up, with a carrier, multicast, and neither loopback nor one end of a tunnel.

    Only Linux is asked: elsewhere the flags have other numbers, and an interface that is down
    has lost its addresses anyway.
    """
    if sys.platform != "linux":
        return True
    import fcntl

    request = struct.pack("16sH14x", interface.encode()[:15], 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        try:
            answer = fcntl.ioctl(asker, _SIOCGIFFLAGS, request)
        except OSError:  # it went away since it was listed
            return False
    flags: int = struct.unpack_from("16xH", answer)[0]
    wanted = _UP | _RUNNING | _MULTICAST
    return flags & (wanted | _LOOPBACK | _POINT_TO_POINT) == wanted


def seconds_asleep() -> float:
    """How long this device has slept since it started; 0 where that cannot be told.

    A laptop that wakes up has missed everything that was announced meanwhile.
    """
    if sys.platform != "linux":
        return 0.0
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)
