"""Addresses as people write them: `192.168.1.7:7117`, `hub.local:7117`, `[fe80::1%wlan0]:7117`.

Source: docs/protocol.md, "Discovery".
"""

from __future__ import annotations

import ipaddress
import re

from meshaid.errors import InvalidInput

MAX_HOST_CHARS = 253
"""The longest name in the DNS (RFC 1035 section 2.3.4)."""

_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_SCOPE = re.compile(r"[A-Za-z0-9_.-]{1,32}")
_SHAPE = "write HOST:PORT, for instance 192.168.1.7:7117 or [fe80::1%wlan0]:7117"


def parse_address(text: str, *, listening: bool = False) -> tuple[str, int]:
    """Take `HOST:PORT` apart; the inverse of `format_address`.

    Args:
      text: IPv6 stands in brackets, with `%` and the interface where it is link-local.
      listening: allow port 0 (any free port) and an empty host (every address of this device).
    Returns:
      The host without brackets, lower case, and the port.
    Raises:
      InvalidInput: the text is no such address; the error says how to write one.
    """
    host, separator, digits = text.strip().rpartition(":")
    if not separator or not (digits.isascii() and digits.isdigit()) or len(digits) > 5:
        raise InvalidInput(f"This is no address with a port: {_SHAPE}.")
    port = int(digits)
    if port > 65_535 or (port == 0 and not listening):
        raise InvalidInput("A port is a number from 1 to 65535.")
    if host.startswith("[") and host.endswith("]"):
        return _ipv6(host[1:-1]), port
    if host == "" and listening:
        return "", port
    if ":" in host:
        raise InvalidInput(f"An IPv6 address stands in brackets: {_SHAPE}.")
    return _ipv4_or_name(host), port


def format_address(host: str, port: int) -> str:
    """`HOST:PORT`, with brackets around IPv6; the inverse of `parse_address`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _ipv6(host: str) -> str:
    address, percent, scope = host.partition("%")
    try:
        plain = ipaddress.IPv6Address(address).compressed
    except ValueError:
        raise InvalidInput(f"The part in brackets is no IPv6 address: {_SHAPE}.") from None
    if percent and not _SCOPE.fullmatch(scope):
        raise InvalidInput(f"After % stands the name of the network interface: {_SHAPE}.")
    return f"{plain}%{scope}" if percent else plain


def _ipv4_or_name(host: str) -> str:
    try:
        return ipaddress.IPv4Address(host).compressed
    except ValueError:
        labels = host.rstrip(".").split(".")
    if len(host) > MAX_HOST_CHARS or not all(_LABEL.fullmatch(label) for label in labels):
        raise InvalidInput(f"The host is neither an address nor a name: {_SHAPE}.")
    if labels[-1].isdigit():
        raise InvalidInput(f"The host looks like an IPv4 address but is none: {_SHAPE}.")
    return host.rstrip(".").lower()
