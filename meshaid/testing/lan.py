"""A real local network on one computer: Linux network namespaces joined by bridges.

Each host is a namespace with its own interfaces and addresses, each segment a bridge that carries
multicast like the switch of a house. Nothing of the computer's own network is touched: the bridges
have a namespace of their own, too. It needs root and the command `ip` (iproute2).

    with open_lan() as lan:
        street = lan.add_segment()
        hub = lan.add_host("hub")
        plug = hub.plug(street, "10.77.0.1/24")
        hub.run(["ip", "address"])
        plug.down()
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_NUMBERS = itertools.count(1)
_IP_SECONDS = 10.0
"""How long one call of `ip` may take before something is badly wrong."""
_END_SECONDS = 5.0
"""How long a process in a host gets to end by itself when the network is taken down."""


class LanError(Exception):
    """The network could not be built or changed as asked; the text is what `ip` said."""


def can_make_namespaces() -> str:
    """Why no network can be made here; "" when it can. It tries, and leaves nothing behind."""
    if sys.platform != "linux":
        return "network namespaces are a part of Linux"
    if shutil.which("ip") is None:
        return "the command `ip` (iproute2) is not installed"
    if os.geteuid() != 0:
        return "making network namespaces needs root"
    try:
        with open_lan() as lan:
            lan.add_host("try").plug(lan.add_segment(), "10.77.0.1/24")
    except LanError as error:
        return f"network namespaces cannot be made: {error}"
    return ""


@contextmanager
def open_lan() -> Iterator[Lan]:
    """An empty network; leaving ends every process in it and takes everything down.

    Raises:
      LanError: namespaces cannot be made here; `can_make_namespaces` says why.
    """
    with ExitStack() as stack:
        yield Lan(f"lan{os.getpid()}-{next(_NUMBERS)}", stack)


class Lan:
    """Hosts and segments, until `open_lan` is left."""

    def __init__(self, name: str, stack: ExitStack) -> None:
        self._name = name
        self._stack = stack
        self._switch = self._add_namespace("switch")
        self._segments = itertools.count(0)
        self._ports = itertools.count(0)

    def add_segment(self) -> Segment:
        """One more bridge: what is plugged into it hears each other's multicast."""
        bridge = f"br{next(self._segments)}"
        # Without snooping the bridge floods multicast at once, as a cheap switch does.
        _ip("-n", self._switch, "link", "add", bridge, "type", "bridge", "mcast_snooping", "0")
        _ip("-n", self._switch, "link", "set", bridge, "up")
        return Segment(self._switch, bridge, self._ports)

    def add_host(self, name: str) -> Host:
        """One more computer, with a loopback and nothing else."""
        host = Host(name, self._add_namespace(name))
        self._stack.callback(host.end_processes)
        _ip("-n", host.namespace, "link", "set", "lo", "up")
        return host

    def _add_namespace(self, name: str) -> str:
        namespace = f"{self._name}-{name}"
        _ip("netns", "add", namespace)
        self._stack.callback(_ip, "netns", "delete", namespace)
        return namespace


@dataclass(frozen=True, slots=True)
class Segment:
    """One bridge. Whatever is sent on it can be read in its own namespace."""

    namespace: str
    bridge: str
    ports: Iterator[int] = field(repr=False)

    def command(self, arguments: Sequence[str]) -> list[str]:
        """The command that runs `arguments` where the bridge is, to listen to everything."""
        return ["ip", "netns", "exec", self.namespace, *arguments]


@dataclass(slots=True)
class Plug:
    """One interface of a host, and its address with the length of the prefix."""

    host: Host
    interface: str
    address: str

    def down(self) -> None:
        """Take the link down: routes go, addresses stay, as when Wi-Fi is switched off."""
        _ip("-n", self.host.namespace, "link", "set", self.interface, "down")

    def up(self) -> None:
        """Bring it up again."""
        _ip("-n", self.host.namespace, "link", "set", self.interface, "up")

    def move(self, address: str) -> None:
        """Change the IPv4 address to another one, as when another lease is given."""
        _ip("-n", self.host.namespace, "address", "del", self.address, "dev", self.interface)
        _ip("-n", self.host.namespace, "address", "add", address, "dev", self.interface)
        self.address = address


@dataclass(slots=True)
class Host:
    """One computer: a namespace, its interfaces, and the processes that run in it."""

    name: str
    namespace: str
    plugs: list[Plug] = field(default_factory=list)
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def plug(self, segment: Segment, address: str = "") -> Plug:
        """A cable to a segment. The first interface is eth0.

        Args:
          address: IPv4 with the length of the prefix, for instance 10.77.0.1/24; without one the
            interface has its link-local IPv6 address alone, as where nobody hands out addresses.
        """
        interface, port = f"eth{len(self.plugs)}", f"port{next(segment.ports)}"
        ends = ["link", "add", port, "type", "veth", "peer", "name", interface]
        _ip("-n", segment.namespace, *ends, "netns", self.namespace)
        _ip("-n", segment.namespace, "link", "set", port, "master", segment.bridge, "up")
        if address:
            _ip("-n", self.namespace, "address", "add", address, "dev", interface)
        _ip("-n", self.namespace, "link", "set", interface, "up")
        plug = Plug(self, interface, address)
        self.plugs.append(plug)
        return plug

    def command(self, arguments: Sequence[str]) -> list[str]:
        """The command that runs `arguments` on this host."""
        return ["ip", "netns", "exec", self.namespace, *arguments]

    def run(
        self,
        arguments: Sequence[str],
        *,
        timeout: float = 60.0,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run one command to its end and return what it printed.

        Raises:
          subprocess.CalledProcessError: it failed; its output is in the error.
          subprocess.TimeoutExpired: it did not end in `timeout` seconds.
        """
        return subprocess.run(  # noqa: S603
            self.command(arguments),
            check=True,
            capture_output=True,
            text=True,
            timeout=timeout,
            env=dict(env) if env is not None else None,
        )

    def start(
        self,
        arguments: Sequence[str],
        *,
        stdout: int | None = None,
        stderr: int | None = None,
        stdin: int | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | Path | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a process; whatever still runs when the network is taken down is ended then.

        `ip netns exec` becomes the command itself: the process id and signals are the command's.
        """
        process = subprocess.Popen(  # noqa: S603
            self.command(arguments),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=dict(env) if env is not None else None,
            cwd=cwd,
        )
        self._processes.append(process)
        return process

    def end_processes(self) -> None:
        """End what was started and still runs: politely, then not."""
        running = [process for process in self._processes if process.poll() is None]
        for process in running:
            process.terminate()
        for process in running:
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for process in self._processes:
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
        self._processes.clear()


def _ip(*arguments: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603
            ["ip", *arguments],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=_IP_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LanError(f"`ip` cannot be run: {error}") from error
    if done.returncode != 0:
        raise LanError(f"`ip {' '.join(arguments)}`: {done.stderr.strip()}")
    return done.stdout
