"""Laptops for tests: a home, a host in a network namespace, and a node in a process of its own.

Waiting is asking: each question to a node is a process of some 0.2 s, so nothing sleeps.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshaid.testing.lan import Host, Lan, Plug, Segment

PATIENCE = 60.0
"""Seconds until something that should happen has not: three times what it takes under load."""
COMMAND = [sys.executable, "-m", "meshaid"]


@dataclass
class Laptop:
    """One device of a community on one host."""

    home: Path
    host: Host
    plugs: list[Plug]
    node: subprocess.Popen[bytes] | None = None

    def meshaid(self, *arguments: str, code: int = 0) -> Any:
        """One command on this laptop; its JSON result, or its error where `code` says so."""
        command = [*COMMAND, "--home", str(self.home), *arguments, "--json"]
        ended = subprocess.run(
            self.host.command(command),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert ended.returncode == code, ended.stderr
        return json.loads(ended.stdout) if code == 0 else ended.stderr

    def start(self, *options: str) -> None:
        """Run the node."""
        command = [*COMMAND, "--home", str(self.home), "run", "--json", *options]
        self.node = self.host.start(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self) -> None:
        """End the node as Ctrl-C does."""
        assert self.node is not None
        self.node.send_signal(signal.SIGINT)
        assert self.node.wait(timeout=PATIENCE) == 0

    def digest(self) -> str:
        digest: str = self.meshaid("status")["digest"]
        return digest

    def titles(self) -> set[str]:
        return {row["title"] for row in self.meshaid("board", "--status", "all")["records"]}


class Street:
    """The laptops of one test and the network between them."""

    def __init__(self, lan: Lan, folder: Path) -> None:
        self.lan = lan
        self._folder = folder
        self._number = 0
        self._nets: dict[str, int] = {}

    def laptop(self, *segments: Segment) -> Laptop:
        """A laptop with a cable to each of these segments, and no home yet."""
        self._number += 1
        host = self.lan.add_host(f"host{self._number}")
        plugs = []
        for segment in segments:
            net = self._nets.setdefault(segment.bridge + segment.namespace, len(self._nets))
            plugs.append(host.plug(segment, f"10.77.{net}.{self._number}/24"))
        return Laptop(self._folder / str(self._number), host, plugs)

    def founder(self, *segments: Segment) -> Laptop:
        """A laptop that has founded the community."""
        laptop = self.laptop(*segments)
        laptop.meshaid("init", "--community", "Street", "--as", "Founder", "--stewards", "0")
        return laptop

    def guests(self, founder: Laptop, *places: Sequence[Segment]) -> list[Laptop]:
        """Laptops that joined by the text of one invite, having met nobody."""
        invite = founder.meshaid("invite", "--uses", str(len(places)))["invite"]
        guests = [self.laptop(*segments) for segments in places]
        for number, guest in enumerate(guests, 1):
            guest.meshaid("join", invite, "--as", f"Guest {number}")
        return guests


def wait_until_equal(*laptops: Laptop) -> None:
    """Ask until all show the same board."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        digests = [laptop.digest() for laptop in laptops]
        if len(set(digests)) == 1:
            return
    raise AssertionError(f"after {PATIENCE:.0f} s the boards still differ: {digests}")
