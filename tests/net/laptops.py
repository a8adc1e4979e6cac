"""Laptops for tests: a home, a host in a network namespace, and a node in a process of its own.

Waiting is asking: each question to a node is a process of some 0.2 s, so nothing sleeps.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from meshaid.testing.lan import Host, Lan, Plug, Segment

PATIENCE = 60.0
"""Seconds until something that should happen has not: many times what it takes under load."""
COMMAND = [sys.executable, "-m", "meshaid"]


@dataclass(eq=False)
class Laptop:
    """One device of a community on one host."""

    home: Path
    host: Host
    plugs: list[Plug]
    nodes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.host.name

    def meshaid(self, *arguments: str) -> Any:
        """One command on this laptop; its JSON result."""
        command = [*COMMAND, "--home", str(self.home), *arguments, "--json"]
        ended = subprocess.run(
            self.host.command(command),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)

    # ---- its node
    def start(self, *options: str) -> None:
        """Run the node; what it tells goes into files beside the home."""
        command = [*COMMAND, "--home", str(self.home), "run", "--json", *options]
        with self._told.open("ab") as told, self._complaints.open("ab") as complaints:
            node = self.host.start(command, stdout=told.fileno(), stderr=complaints.fileno())
        self.nodes.append(node)

    def stop(self) -> None:
        """End the node as Ctrl-C does; it must have run well until then."""
        node = self.nodes.pop()
        node.send_signal(signal.SIGINT)
        assert (node.wait(timeout=PATIENCE), self._complaints.read_text()) == (0, "")
        told = {json.loads(line)["event"] for line in self._told.read_text().splitlines()}
        assert not told & {"RunRefused", "StoreTrouble", "DiscoveryFailed"}

    @property
    def _told(self) -> Path:
        return self.home.with_suffix(".told")

    @property
    def _complaints(self) -> Path:
        return self.home.with_suffix(".complaints")

    # ---- what it shows
    def status(self) -> Any:
        return self.meshaid("status")

    def peers(self) -> list[Any]:
        rows: list[Any] = self.meshaid("peers")["peers"]
        return rows

    def titles(self) -> set[str]:
        return {row["title"] for row in self.meshaid("board", "--status", "all")["records"]}


class Street:
    """The laptops of one test and the network between them."""

    def __init__(self, lan: Lan, folder: Path) -> None:
        self.lan = lan
        self.laptops: list[Laptop] = []
        self._folder = folder
        self._nets: dict[str, int] = {}

    def laptop(self, *segments: Segment) -> Laptop:
        """A laptop with a cable to each of these segments, and no home yet."""
        number = len(self.laptops) + 1
        host = self.lan.add_host(f"host{number}")
        plugs = []
        for segment in segments:
            net = self._nets.setdefault(segment.bridge, len(self._nets))
            plugs.append(host.plug(segment, f"10.77.{net}.{number}/24"))
        self.laptops.append(Laptop(self._folder / host.name, host, plugs))
        return self.laptops[-1]

    def founder(self, *segments: Segment) -> Laptop:
        """A laptop that has founded the community."""
        laptop = self.laptop(*segments)
        laptop.meshaid("init", "--community", "Street", "--as", "Founder", "--stewards", "0")
        return laptop

    def guests(self, founder: Laptop, *places: Sequence[Segment]) -> list[Laptop]:
        """Laptops that joined by the text of one invite, having met nobody."""
        invite = founder.meshaid("invite", "--uses", str(len(places)))["invite"]
        guests = [self.laptop(*segments) for segments in places]
        for guest in guests:
            guest.meshaid("join", invite, "--as", f"Guest at {guest.name}")
        return guests

    def end(self) -> None:
        """Stop every node that runs; all must have run well."""
        for laptop in self.laptops:
            if laptop.nodes:
                laptop.stop()


def wait_until(holds: Callable[[], object], what: Callable[[], object]) -> None:
    """Ask until it is so; `what` is told where it never is."""
    until = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < until, f"after {PATIENCE:.0f} s: {what()}"


def wait_until_equal(*laptops: Laptop) -> None:
    """Ask until all show the same board."""
    digests: dict[str, str] = {}

    def equal() -> bool:
        digests.update({laptop.name: laptop.status()["digest"] for laptop in laptops})
        return len(set(digests.values())) == 1

    wait_until(equal, lambda: f"the boards differ: {digests}")


def wait_for_state(laptop: Laptop, state: str) -> None:
    """Ask until a peer of this laptop is in this state."""
    wait_until(
        lambda: state in {peer["state"] for peer in laptop.peers()},
        lambda: f"no peer of {laptop.name} is {state!r}: {laptop.peers()}",
    )
