"""Finding other devices of the community on the local network by multicast DNS.

The rules
  - **A hint, never an authority.** What is heard here is an address worth a try. Who is there is
    proven by the handshake alone; nothing here is remembered, trusted or passed on.
  - **Nothing of this device is said.** The instance name is eight random bytes, new at each start
    and on each network; it is the host name too. The only text is the version and a tag that
    members can check and strangers cannot tell from random bytes.
  - **Strangers cannot fill it.** Only a service whose tag fits its name is passed on. Without the
    door key one can at most repeat the announcements of members. All else that a flood can
    touch is bounded here and in zeroconf (its cache ends at 10,000 records).
  - **A changed network is a new start.** Where an address, a cable or a sleep changed what this
    device is connected to, everything is closed and announced again under a new name. So nothing
    from the old network lingers, and devices do not carry a name from one network to the next.

How it works
  python-zeroconf runs its own event loop on one thread and calls back on another, both of which
  know nothing of trio. One trio task owns them: it opens and closes them in worker threads (they
  block), reads the networks every few seconds, and asks for all services anew now and then. The
  callback thread judges what it hears, and hands over only what is ours, through one bounded
  channel. When that is full the event is dropped, and comes again with the next scan.
  Names are not probed for: that costs 1.6 seconds and protects against a collision of 64 random
  bits. A second device with our name would make both hard to find, until either changes network.

What it does not do: dial, keep candidates, count failures (links.py), or check an identity.

Source: docs/protocol.md, "Discovery"; RFC 6762 (multicast DNS), RFC 6763 (service discovery).
"""

from __future__ import annotations

import logging
import socket
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

import trio
import zeroconf

from meshaid import limits
from meshaid.addresses import format_address
from meshaid.dns_sd import (
    INSTANCE_BYTES,
    SERVICE_TYPE,
    Announced,
    Discovered,
    DiscoveryEvent,
    Expired,
    Unavailable,
    announceable,
    instance_of,
    instance_tag,
    reachable,
    recognise,
)
from meshaid.networks import Network, read_networks, seconds_asleep

log = logging.getLogger("meshaid.discovery")

_TTL_SECONDS: Final = 4500
"""All records of an announcement live equally long (RFC 6762 section 10 gives those that name no
host 75 minutes): shorter-lived ones would be the first to leave a flooded cache. Our names do not
outlive their network, so no address under them ever changes."""


class Inbox:
    """Between zeroconf's threads and the trio task that takes the events."""

    def __init__(self, send: trio.MemorySendChannel[DiscoveryEvent]) -> None:
        self._send = send
        self._token = trio.lowlevel.current_trio_token()
        self._offered: OrderedDict[str, None] = OrderedDict()

    def put_from_thread(self, event: Discovered | Expired) -> None:
        """Hand over one event, waiting for trio; drop it where trio has ended."""
        try:
            trio.from_thread.run_sync(self.put, event, trio_token=self._token)
        except trio.RunFinishedError:
            log.debug("dropped %s: the node has ended", type(event).__name__)

    def put(self, event: DiscoveryEvent) -> None:
        """Hand over one event without waiting; what does not fit is dropped."""
        if isinstance(event, Announced):
            self._offered.clear()
        elif isinstance(event, Discovered):
            self._offered[event.instance] = None
            self._offered.move_to_end(event.instance)
            if len(self._offered) > limits.MAX_CANDIDATES:
                self._offered.popitem(last=False)
        elif isinstance(event, Expired) and self._offered.pop(event.instance, self) is self:
            return  # never offered: not ours, or forgotten
        try:
            self._send.send_nowait(event)
        except trio.WouldBlock:
            log.info("dropped %s: nobody takes the events", type(event).__name__)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            log.debug("dropped %s: nobody is listening any more", type(event).__name__)


class _Service:
    """One announcement and one search, on the networks of one moment. All of it blocks."""

    def __init__(
        self,
        networks: Sequence[Network],
        instance: str,
        discovery_keys: Sequence[bytes],
        report: Callable[[Discovered | Expired], None],
    ) -> None:
        self.instance = instance
        self._networks = networks
        self._keys = discovery_keys
        self._report = report
        self._incomplete: deque[str] = deque(maxlen=limits.MAX_CANDIDATES)
        self._unjudged: deque[str] = deque(maxlen=limits.MAX_CANDIDATES)
        self._zeroconf = _open_zeroconf(networks)
        self._browser: zeroconf.ServiceBrowser | None = None

    def announce(self, addresses: Sequence[str], port: int) -> None:
        """Say that we are here: three times within half a second."""
        text = {b"v": b"1", b"t": instance_tag(self._keys[0], self.instance).encode()}
        info = _service_info(
            f"{self.instance}.{SERVICE_TYPE}",
            port=port,
            properties=text,
            parsed_addresses=list(addresses),
            host_ttl=_TTL_SECONDS,
            other_ttl=_TTL_SECONDS,
        )
        self._zeroconf.register_service(info, cooperating_responders=True)

    def search(self) -> None:
        """Ask everybody; a second call asks anew and reports again what is known already."""
        if self._browser is not None:
            self._browser.cancel()
        self._browser = zeroconf.ServiceBrowser(
            self._zeroconf, SERVICE_TYPE, handlers=[self._heard]
        )

    def bind_late(self) -> None:
        """Take up addresses that could not be bound: a fresh IPv6 address waits for a second."""
        self._zeroconf.update_interfaces()

    def resolve_some(self) -> None:
        """Ask for missing records: of a few services of ours, and of fewer that nobody knows.

        A flood pushes the short-lived records out of zeroconf's cache at once. An answer that is
        waited for is taken even then. The newest come first: after a flood they are the real ones.
        """
        for waiting in (self._incomplete, self._unjudged):
            for _ in range(min(limits.RESOLVES_PER_CHECK, len(waiting))):
                info = _service_info(waiting.pop())
                if info.request(self._zeroconf, limits.RESOLVE_SECONDS * 1000):
                    self._judge(info)

    def close(self) -> None:
        """Say goodbye and end both threads. The browser's thread outlives zeroconf otherwise."""
        if self._browser is not None:
            self._browser.cancel()
        self._zeroconf.close()

    def _heard(
        self,
        zeroconf: zeroconf.Zeroconf,
        service_type: str,  # noqa: ARG002
        name: str,
        state_change: zeroconf.ServiceStateChange,
    ) -> None:
        """Called on the browser's thread, with arguments by these names."""
        instance = instance_of(name)
        if instance is None or instance == self.instance:
            return
        if state_change is _Change.Removed:
            self._report(Expired(instance))
            return
        info = _service_info(name)
        if info.load_from_cache(zeroconf):
            self._judge(info)
        elif b"t" not in info.properties:
            self._unjudged.append(name)
        elif recognise(name, info.properties, self._keys) is not None:
            self._incomplete.append(name)

    def _judge(self, info: zeroconf.ServiceInfo) -> None:
        ours = recognise(info.name, info.properties, self._keys)
        if ours is None:
            return
        addresses = reachable(info.parsed_scoped_addresses(), info.port, self._networks)
        if addresses:
            self._report(Discovered(ours[0], addresses, ours[1]))


# `_heard` has an argument that hides the module.
_Change = zeroconf.ServiceStateChange


def _service_info(name: str, **fields: Any) -> zeroconf.ServiceInfo:
    """A service whose host is named like its instance, as all of ours are.

    With that name known the addresses are asked for at once, and taken in any order.
    """
    host = name.removesuffix(SERVICE_TYPE) + "local."
    return zeroconf.ServiceInfo(SERVICE_TYPE, name, server=host, **fields)


def _open_zeroconf(networks: Sequence[Network]) -> zeroconf.Zeroconf:
    """Open the sockets: IPv4 by address, IPv6 by interface; IPv4 alone where IPv6 is off."""
    v4 = [network.address for network in networks if not network.is_ipv6]
    v6 = sorted({network.index for network in networks if network.is_ipv6 and network.index})
    if v6 and socket.has_ipv6:
        try:
            return zeroconf.Zeroconf(
                interfaces=[*v4, *v6],
                ip_version=zeroconf.IPVersion.All if v4 else zeroconf.IPVersion.V6Only,
                use_asyncio=False,
            )
        except OSError:
            if not v4:
                raise
    return zeroconf.Zeroconf(interfaces=v4, ip_version=zeroconf.IPVersion.V4Only, use_asyncio=False)


@asynccontextmanager
async def open_discovery(
    *,
    discovery_keys: Sequence[bytes],
    port: int,
    random: Callable[[int], bytes],
    host: str = "0.0.0.0",  # noqa: S104
    networks: Callable[[], tuple[Network, ...]] = read_networks,
) -> AsyncIterator[trio.MemoryReceiveChannel[DiscoveryEvent]]:
    """Announce this device and listen for others, until the block is left.

    It opens at once and never fails: where multicast DNS cannot be used it says so by an event
    and tries again. Leaving says goodbye, which takes up to half a second.

    Args:
      discovery_keys: derived from the door keys, newest first; the first one announces.
      port: where this node listens.
      random: gives that many random bytes; two calls must never agree.
      host: the address on which this node listens; see `announceable`.
      networks: which networks this device is on; called in worker threads.
    Returns:
      The events, in a channel of `limits.MAX_DISCOVERY_EVENTS`; when it is full, the newest
      event is dropped.
    """
    send, receive = trio.open_memory_channel[DiscoveryEvent](limits.MAX_DISCOVERY_EVENTS)
    inbox = Inbox(send)

    def start(on: tuple[Network, ...]) -> _Service:
        return _Service(
            on, random(INSTANCE_BYTES).hex(), tuple(discovery_keys), inbox.put_from_thread
        )

    body: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(
                partial(_keep_announced, inbox, start, networks, host=host, port=port)
            )
            with send, receive:
                try:
                    yield receive
                except BaseException as error:
                    body = error
                    raise
                finally:
                    nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        if body is None or group.exceptions != (body,):
            raise
        raise body from body.__cause__


async def _keep_announced(
    inbox: Inbox,
    start: Callable[[tuple[Network, ...]], _Service],
    read: Callable[[], tuple[Network, ...]],
    *,
    host: str,
    port: int,
) -> None:
    """One service after the other, each for as long as the networks stay what they are."""
    while True:
        try:
            on = await trio.to_thread.run_sync(read)
            service = await trio.to_thread.run_sync(start, on)
            try:
                await _announce(inbox, service, announceable(on, host), port)
                await _until_changed(service, on, read)
            finally:
                with trio.CancelScope(shield=True):
                    await trio.to_thread.run_sync(service.close)
        except (OSError, RuntimeError, zeroconf.Error) as error:
            log.info("multicast DNS is unavailable: %s", type(error).__name__)
            inbox.put(Unavailable(_reason(error)))
            await trio.sleep(limits.DISCOVERY_RETRY_SECONDS)


async def _announce(inbox: Inbox, service: _Service, addresses: tuple[str, ...], port: int) -> None:
    inbox.put(
        Announced(service.instance, tuple(format_address(address, port) for address in addresses))
    )
    # Only now: whoever takes the events throws away what came before `Announced`.
    await trio.to_thread.run_sync(service.search)
    if addresses:
        await trio.to_thread.run_sync(service.announce, addresses, port)


async def _until_changed(
    service: _Service, on: tuple[Network, ...], read: Callable[[], tuple[Network, ...]]
) -> None:
    """Return when this device is connected otherwise than it was, or has slept."""
    asleep = seconds_asleep()
    scan_at = trio.current_time() + limits.RESCAN_SECONDS
    while True:
        await trio.to_thread.run_sync(service.resolve_some)
        await trio.sleep(limits.NETWORK_CHECK_SECONDS)
        await trio.to_thread.run_sync(service.bind_late)
        if await trio.to_thread.run_sync(read) != on or seconds_asleep() - asleep > 1.0:
            return
        if trio.current_time() >= scan_at:
            await trio.to_thread.run_sync(service.search)
            scan_at = trio.current_time() + limits.RESCAN_SECONDS


def _reason(error: Exception) -> str:
    detail = error.strerror if isinstance(error, OSError) and error.strerror else "no answer"
    return (
        f"Devices on this network cannot be found by multicast DNS ({type(error).__name__}: "
        f"{detail}). Connect by address with --peer HOST:PORT; it is tried again by itself."
    )
