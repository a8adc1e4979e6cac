"""The main job on one computer: four laptops of three hubs, no internet, one board.

`make demo` runs it. Four homes run as four processes. They start from invite texts alone, find each
other by multicast DNS, and sync over TCP. Where network namespaces can be made (Linux, root) each
has a computer of its own in a small network with real cables; elsewhere all share this computer and
"pulling the cable" is `meshaid offline`.

Ends with 0 when all four boards are equal in the end, else with 1 and the reason.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from meshaid.testing.lan import Host, Plug, can_make_namespaces, open_lan

SLIPS = Path(__file__).parent / "drill" / "drill.csv"
MESHAID = [sys.executable, "-m", "meshaid"]
PATIENCE = 60.0
"""Seconds until four boards that do not become equal are a failure."""
BEGIN = time.monotonic()


class DemoFailed(Exception):
    """The demonstration did not show what it should; the text says what was seen."""


def tell(who: str, what: str) -> None:
    """One line of the story."""
    print(f"{time.monotonic() - BEGIN:6.1f} s  {who:<16} {what}", flush=True)


@dataclass
class Laptop:
    """One home, the process of its node, and its network cable."""

    name: str
    home: Path
    host: Host | None = None
    plug: Plug | None = None
    node: subprocess.Popen[bytes] | None = None
    names: dict[str, str] = field(default_factory=dict)
    """Device id to name, the same for all laptops: so that the story can say who meets whom."""
    met: set[str] = field(default_factory=set)

    def meshaid(self, *arguments: str) -> Any:
        """One command on this laptop, its JSON result."""
        command = [*MESHAID, "--home", str(self.home), *arguments, "--json"]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
        if done.returncode != 0:
            raise DemoFailed(f"{self.name}: meshaid {arguments[0]} failed: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def start(self) -> None:
        """Run the node; what it tells is told on."""
        command = [*MESHAID, "--home", str(self.home), "run", "--json"]
        start: Callable[..., subprocess.Popen[bytes]] = subprocess.Popen
        if self.host is not None:
            start = self.host.start
        self.node = start(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        threading.Thread(target=self._listen, args=[self.node.stdout], daemon=True).start()

    def _listen(self, lines: Iterable[bytes]) -> None:
        for line in lines:
            self._hear(json.loads(line))

    def _hear(self, event: dict[str, Any]) -> None:
        match event["event"]:
            case "Listening":
                tell(self.name, f"listens at {', '.join(event['addresses'][:1])}")
            case "PeerConnected" if event["device"] not in self.met:
                self.met.add(event["device"])
                tell(self.name, f"meets {self.names[event['device']]}")
            case "PeerLost" if event["reason"] in ("cut", "silent"):
                self.met.discard(event["device"])
                tell(self.name, f"has lost {self.names[event['device']]} and looks for it again")

    def unplug(self) -> None:
        """Take the network away."""
        if self.plug is not None:
            self.plug.down()
            tell(self.name, "the network cable is pulled")
        else:
            self.meshaid("offline")
            tell(self.name, "goes offline")

    def replug(self) -> None:
        """Give the network back."""
        if self.plug is not None:
            self.plug.up()
            tell(self.name, "the cable is in again")
        else:
            self.meshaid("online")
            tell(self.name, "is online again")

    def stop(self) -> None:
        """End the node as Ctrl-C does; it must end by itself, and well."""
        if self.node is None or self.node.poll() is not None:
            return
        self.node.send_signal(signal.SIGINT)
        if self.node.wait(timeout=10) != 0:
            raise DemoFailed(f"{self.name}: the node ended with {self.node.returncode}")


def main() -> int:
    """Show it; 0 when all went well."""
    try:
        with ExitStack() as stack:
            show(stack)
    except DemoFailed as error:
        print(f"\nThe demonstration failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130
    return 0


def show(stack: ExitStack) -> None:
    """The whole story."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="meshaid-demo-")))
    names = ("Cedar, desk 1", "Cedar, desk 2", "Harbor", "Riverside")
    devices: dict[str, str] = {}
    cedar, desk2, harbor, riverside = laptops = [
        Laptop(name, folder / str(number), names=devices) for number, name in enumerate(names)
    ]
    wire_up(stack, laptops)
    enrol(cedar, desk2, harbor, riverside)
    bring_slips(cedar, harbor, riverside)
    for laptop in laptops:
        laptop.start()
        stack.callback(laptop.stop)
    wait_until_equal(laptops, "all four have found each other")
    riverside.unplug()
    edit_on_both_sides(cedar, harbor, riverside)
    slip = edit_one_slip_twice(cedar, desk2)
    riverside.replug()
    digest = wait_until_equal(laptops, "the network is whole again")
    show_board(cedar, slip)
    print("\nfour digests, taken at four homes:")
    for laptop in laptops:
        print(f"  {laptop.name:<16} {laptop.meshaid('status')['digest']}")
        if laptop.meshaid("status")["digest"] != digest:
            raise DemoFailed(f"{laptop.name} does not show the same board")
    print(f"\nEqual everywhere, after {time.monotonic() - BEGIN:.0f} s.")


def wire_up(stack: ExitStack, laptops: Sequence[Laptop]) -> None:
    """A computer of its own for each, where this machine can give them one."""
    reason = can_make_namespaces()
    if reason:
        tell("this computer", f"plays all four laptops ({reason})")
        return
    lan = stack.enter_context(open_lan())
    segment = lan.add_segment()
    for number, laptop in enumerate(laptops, 1):
        laptop.host = lan.add_host(f"laptop{number}")
        laptop.plug = laptop.host.plug(segment, f"10.77.0.{number}/24")
    tell("this computer", "gives each laptop a network namespace and a cable to one switch")


def enrol(cedar: Laptop, desk2: Laptop, harbor: Laptop, riverside: Laptop) -> None:
    """One founds, the others join from the text of an invite; nobody has met anybody yet."""
    hub = ("--kind", "hub", "--letter")
    cedar.meshaid("init", "--community", "River Valley", "--as", "Cedar School", *hub, "C")
    tell(cedar.name, "founds the community River Valley")
    invite = cedar.meshaid("invite", "--kind", "hub", "--uses", "2")["invite"]
    tell(cedar.name, f"writes an invite for hubs: {invite[:28]}…")
    for laptop, title, letter in ((harbor, "Harbor Hall", "H"), (riverside, "Riverside Gym", "R")):
        laptop.meshaid("join", invite, "--as", title, *hub, letter)
        tell(laptop.name, "joins with the invite's text, nobody in reach")
    desk2.meshaid("join", cedar.meshaid("link")["invite"], "--label", "desk 2")
    tell(desk2.name, "becomes the second device of Cedar School")
    for laptop in (cedar, desk2, harbor, riverside):
        laptop.names[laptop.meshaid("status")["device"]] = laptop.name


def bring_slips(*hubs: Laptop) -> None:
    """Each hub types in its pile of paper slips."""
    for laptop, letter in zip(hubs, "CHR", strict=True):
        arguments = ("import", str(SLIPS), "--where", f"hub={letter}")
        done = laptop.meshaid(*arguments)
        if done["refused"] or not done["imported"]:
            raise DemoFailed(f"{laptop.name}: slips were refused: {done['refused'][:3]}")
        tell(laptop.name, f"enters {done['imported']} slips of the drill")


def edit_on_both_sides(cedar: Laptop, harbor: Laptop, riverside: Laptop) -> None:
    """Life goes on while Riverside hears nobody."""
    lost = riverside.meshaid(
        "need", "Pump for a flooded cellar", "--category", "work.machines", "--urgency", "now"
    )
    tell(riverside.name, f"writes {lost['ref']}: a pump is needed now (nobody hears it yet)")
    needs = riverside.meshaid("board", "--kind", "need")["records"]
    own = next(r for r in needs if r["id"] != lost["id"] and r["ref"].startswith("R"))
    riverside.meshaid("close", own["id"], "--reason", "received")
    tell(riverside.name, f"closes {own['ref']}: received")
    offer = harbor.meshaid("offer", "Pump, with diesel", "--category", "work.machines")
    tell(harbor.name, f"writes {offer['ref']}: a pump is offered")
    cedar.meshaid("notice", "Mill bridge is closed", "--topic", "hazard", "--source", "own_eyes")
    tell(cedar.name, "writes a notice: Mill bridge is closed")


def edit_one_slip_twice(cedar: Laptop, desk2: Laptop) -> str:
    """Two desks of one hub change one slip, neither knowing of the other's change."""
    slip = cedar.meshaid("need", "Blankets", "--quantity", "10", "--unit", "piece")
    tell(cedar.name, f"writes {slip['ref']}: 10 blankets")
    wait_until_equal([cedar, desk2], "both desks of Cedar School have it")
    desk2.unplug()
    for laptop, quantity in ((cedar, "12"), (desk2, "20")):
        laptop.meshaid("edit", slip["id"], "--quantity", quantity)
        tell(laptop.name, f"changes {slip['ref']} to {quantity} blankets")
    desk2.replug()
    reference: str = slip["id"]
    return reference


def wait_until_equal(laptops: Sequence[Laptop], what: str) -> str:
    """Wait until all of these show the same board; returns its digest."""
    until = time.monotonic() + PATIENCE
    digests: dict[str, str] = {}
    while time.monotonic() < until:
        digests = {laptop.name: laptop.meshaid("status")["digest"] for laptop in laptops}
        digest = digests[laptops[0].name]
        if set(digests.values()) == {digest}:
            tell("all" if len(laptops) > 2 else "both", f"{what}: digest {digest[:12]}")
            return digest
        time.sleep(0.2)
    raise DemoFailed(f"after {PATIENCE:.0f} s the boards still differ: {digests}")


def show_board(laptop: Laptop, slip: str) -> None:
    """The board as a person sees it, and the slip that two desks changed."""
    command = [*MESHAID, "--home", str(laptop.home), "board", "--kind", "need"]
    board = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    lines = board.splitlines()
    print(f"\nthe board as {laptop.name} shows it (the first lines of {len(lines)}):\n")
    print("\n".join(lines[:24]))
    conflicts = laptop.meshaid("show", slip)["conflicts"]
    if sorted(conflicts.get("quantity", [])) != ["12", "20"]:
        raise DemoFailed(f"both answers to the blankets should be shown, not {conflicts}")
    print(f"\ntwo desks changed one slip: both answers stay until a person picks: {conflicts}")


if __name__ == "__main__":
    sys.exit(main())
