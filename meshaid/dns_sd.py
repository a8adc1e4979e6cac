"""What is said and heard in DNS-SD: the events, and every judgement that needs no network.

Source: docs/protocol.md, "Discovery"; RFC 6763 (service discovery), RFC 4007 section 11 (scopes).
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from meshaid import limits
from meshaid.addresses import format_address
from meshaid.networks import Network

SERVICE_TYPE: Final = "_meshaid._tcp.local."
INSTANCE_BYTES: Final = 8
TAG_BYTES: Final = 8
_NAME = re.compile(r"([0-9a-f]{16})\." + re.escape(SERVICE_TYPE))


@dataclass(frozen=True, slots=True)
class Announced:
    """This device announces itself anew: at the start, and whenever its networks have changed.

    Whatever was discovered before is void and will be heard again where it still holds.
    """

    instance: str
    """Our own instance name from now on, 16 hexadecimal digits."""
    addresses: tuple[str, ...]
    """Where others can reach us, as HOST:PORT, IPv4 first."""


@dataclass(frozen=True, slots=True)
class Discovered:
    """A device of this community says where it listens. It may come again at any time."""

    instance: str
    """Its instance name: random, and gone with its next start or network."""
    addresses: tuple[str, ...]
    """Where to dial, as HOST:PORT, IPv4 first; 1 to `limits.ADDRESSES_PER_INSTANCE`."""
    generation: int
    """Which of the discovery keys it was recognised by: an index, 0 for the newest."""


@dataclass(frozen=True, slots=True)
class Expired:
    """A device that was discovered said goodbye, or has not been heard for an hour."""

    instance: str


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Multicast DNS cannot be used at the moment; it is tried again by itself."""

    reason: str
    """A sentence for people: what is wrong, and what to do meanwhile."""


DiscoveryEvent = Announced | Discovered | Expired | Unavailable


def instance_of(name: str) -> str | None:
    """The instance in a service's full name; None where it cannot be one of ours."""
    match = _NAME.fullmatch(name)
    return None if match is None else match[1]


def instance_tag(discovery_key: bytes, instance: str) -> str:
    """The tag by which members recognise each other: 16 hexadecimal digits."""
    return hmac.digest(discovery_key, instance.encode(), "sha256")[:TAG_BYTES].hex()


def recognise(
    name: str, text: Mapping[bytes, bytes | None], discovery_keys: Sequence[bytes]
) -> tuple[str, int] | None:
    """Judge one service: its instance name and the index of the key that it knows, if any.

    Args:
      name: the full name of the service, as heard.
      text: its TXT record (RFC 6763 section 6).
      discovery_keys: newest first.
    """
    instance = instance_of(name)
    tag = text.get(b"t")
    if instance is None or tag is None or text.get(b"v") != b"1":
        return None
    for generation, key in enumerate(discovery_keys):
        if hmac.compare_digest(instance_tag(key, instance).encode(), tag):
            return instance, generation
    return None


def reachable(
    heard: Sequence[str], port: int | None, networks: Sequence[Network]
) -> tuple[str, ...]:
    """The addresses of a service that are worth a dial, as HOST:PORT, IPv4 first.

    Neighbours are on one of our networks or at least on a private one: whoever announces an
    address elsewhere wants us to knock at somebody else's door. A link-local IPv6 address needs
    the interface over which it was heard.

    Args:
      heard: addresses without port; IPv6 with `%` and an interface index where one is known.
    """
    if port is None or not 0 < port < 65_536:
        return ()
    hosts = [host for host in heard if _is_neighbour(host, networks)]
    hosts.sort(key=lambda host: ":" in host)
    chosen = hosts[: limits.ADDRESSES_PER_INSTANCE]
    return tuple(format_address(_with_interface_name(host), port) for host in chosen)


def announceable(networks: Sequence[Network], host: str) -> tuple[str, ...]:
    """The addresses to announce, IPv4 first, for a node that listens on `host`.

    An empty host or `::` means every address, `0.0.0.0` every IPv4 address. Of IPv6 only
    link-local and private addresses are said: the others are known far beyond this network.
    """
    plain = host.partition("%")[0]
    wanted = [
        network.address
        for network in networks
        if plain in ("", "::", network.address) or (host == "0.0.0.0" and not network.is_ipv6)  # noqa: S104
    ]
    local = [a for a in wanted if ":" not in a or ipaddress.ip_address(a).is_private]
    return tuple(sorted(local, key=lambda address: ":" in address))


def _is_neighbour(host: str, networks: Sequence[Network]) -> bool:
    plain, _, scope = host.partition("%")
    address = ipaddress.ip_address(plain)
    if address.is_unspecified or address.is_multicast:
        return False
    if address.is_loopback:
        return all(network.is_loopback for network in networks)
    if address.version == 6 and address.is_link_local:
        return bool(scope)
    return address.is_private or any(network.holds(plain) for network in networks)


def _with_interface_name(host: str) -> str:
    """`%3` to `%wlan0`: a number may mean another interface after the next start."""
    plain, _, scope = host.partition("%")
    if not scope.isdigit():
        return host
    try:
        return f"{plain}%{socket.if_indextoname(int(scope))}"
    except OSError:  # it went away since the packet came
        return host
