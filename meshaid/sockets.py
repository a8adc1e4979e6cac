"""Listening sockets, and the addresses at which others reach them."""

from __future__ import annotations

import errno
import logging
import os
import socket
from collections.abc import Iterable

import trio

from meshaid.addresses import format_address
from meshaid.dns_sd import announceable
from meshaid.errors import BusyError, InvalidInput
from meshaid.networks import read_networks

log = logging.getLogger("meshaid.network")


async def open_listeners(host: str, port: int) -> list[trio.SocketListener]:
    """Listen at one address; an empty host means every address, IPv6 on the same port as IPv4."""
    if host:
        return list(await trio.open_tcp_listeners(port, host=host))
    listeners = list(await trio.open_tcp_listeners(port, host="0.0.0.0"))  # noqa: S104
    port = listeners[0].socket.getsockname()[1]
    try:
        listeners += await trio.open_tcp_listeners(port, host="::")
    except OSError as error:
        log.info("not listening on IPv6: %s", type(error).__name__)
    return listeners


async def close_all(listeners: Iterable[trio.SocketListener]) -> None:
    """Close every one; those that are closed already stay so."""
    for listener in listeners:
        await listener.aclose()


def peer_of(stream: trio.SocketStream) -> tuple[str, int] | None:
    """Host and port at the other end; None when the peer has broken it off already."""
    try:
        host, port = stream.socket.getpeername()[:2]
    except OSError:
        return None
    return host, port


def has_address_of(stream: trio.SocketStream) -> bool:
    """Whether this device still has the address from which a connection was made."""
    try:
        host, _, *scope = stream.socket.getsockname()
        with socket.socket(stream.socket.family, socket.SOCK_STREAM) as trial:
            trial.bind((host, 0, *scope))
    except OSError:
        return False
    return True


def not_listening(host: str, port: int, error: OSError) -> BusyError | InvalidInput:
    """What to raise when this address cannot be listened at: BusyError when the port is taken."""
    where = format_address(host, port) if host else f"port {port}"
    if error.errno == errno.EADDRINUSE:
        return BusyError(
            f"cannot listen at {where}: another program has it; choose another with --listen, "
            "or leave it out to take a free port"
        )
    return InvalidInput(
        f"cannot listen at {where} ({os.strerror(error.errno or 0)}): give an address of this "
        "device with --listen, or leave it out"
    )


def own_hosts(host: str) -> tuple[str, ...]:
    """The addresses at which others reach a listener on this host. Reads the interfaces."""
    return announceable(read_networks(), host) or (host or "127.0.0.1",)
