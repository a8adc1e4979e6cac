"""The main job on one computer: four laptops of three hubs, no internet, one board.

`make demo` runs it. Four homes run as four processes. They start from invite texts alone, find each
other by multicast DNS, and sync over TCP. Where network namespaces can be made (Linux, root) each
has a computer of its own in a small network with real cables; elsewhere all share this computer and
"pulling the cable" is `meshaid offline`.

Ends with 0 when all four boards are equal in the end, else with 1 and the reason; with 130 when it
is stopped. Whatever happens, no process, network or file of it stays behind.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import dropwhile
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final, NoReturn

from meshaid.testing.lan import Host, LanError, Plug, can_make_namespaces, open_lan

SLIPS: Final = Path(__file__).parent / "drill" / "drill.csv"
MESHAID: Final = (sys.executable, "-m", "meshaid")
PATIENCE: Final = 60.0
"""Seconds until four boards that do not become equal are a failure."""
ENDING_SECONDS: Final = 10.0
"""For a node to say goodbye and close its store."""
PAGE_LINES: Final = 22
BLANKETS: Final = "Blankets for the night room"

Event = dict[str, Any]


class DemoFailed(Exception):
    """The demonstration did not show what it should; the text says what was seen."""


class Story:
    """What happens, line by line. Nodes tell their part from threads; one thread prints it all."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._events: SimpleQueue[tuple[float, Laptop, Event]] = SimpleQueue()
        self._together: set[frozenset[str]] = set()
        self.names: dict[str, str] = {}
        """Device id to laptop, so that the story can say who meets whom."""

    def seconds(self) -> float:
        return time.monotonic() - self._began

    def chapter(self, title: str) -> None:
        """A heading."""
        self.follow()
        print(f"\n{title}", flush=True)

    def tell(self, who: str, what: str) -> None:
        """One line, after all that was heard before it."""
        self.follow()
        self._line(self.seconds(), who, what)

    def hear(self, laptop: Laptop, event: Event) -> None:
        """What a node tells; from any thread. It is told on by the next `follow`."""
        self._events.put((self.seconds(), laptop, event))

    def follow(self, seconds: float = 0.0) -> None:
        """Tell what was heard, and what is heard within so many seconds."""
        until = self.seconds() + seconds
        while True:
            try:
                at, laptop, event = self._events.get(timeout=max(0.0, until - self.seconds()))
            except Empty:
                return
            self._tell_event(at, laptop, event)

    def part(self, laptop: Laptop) -> None:
        """From now on it is news when somebody meets this one."""
        self._together = {pair for pair in self._together if laptop.name not in pair}

    def _tell_event(self, at: float, laptop: Laptop, event: Event) -> None:
        match event["event"]:
            case "Listening" if not laptop.address:
                laptop.address = event["addresses"][0]
                self._line(at, laptop.name, f"listens at {laptop.address}")
            case "PeerFound":
                laptop.sources.add(event["source"])
            case "PeerConnected":
                other = self.names[event["device"]]
                pair = frozenset((laptop.name, other))
                if pair not in self._together:
                    self._together.add(pair)
                    self._line(at, laptop.name, f"and {other} have met and know each other")
            case "DiscoveryFailed" if laptop.connected and not laptop.trouble:
                laptop.trouble = event["reason"]
                self._line(at, laptop.name, laptop.trouble)

    def _line(self, at: float, who: str, what: str) -> None:
        print(f"{at:6.1f} s  {who:<14} {what}", flush=True)


@dataclass(eq=False)
class Laptop:
    """One home, the process of its node, and its network cable."""

    name: str
    home: Path
    story: Story = field(repr=False)
    host: Host | None = None
    plug: Plug | None = None
    node: subprocess.Popen[bytes] | None = None
    ear: threading.Thread | None = None
    connected: bool = True
    address: str = ""
    """Where its node listens; empty until it does."""
    sources: set[str] = field(default_factory=set)
    """How it learned the addresses of others."""
    trouble: str = ""
    """Why multicast DNS did not work."""

    def tell(self, what: str) -> None:
        self.story.tell(self.name, what)

    # ---- what its person types
    def meshaid(self, *arguments: str) -> Any:
        """One command on this laptop; its JSON result."""
        return json.loads(self._run(*arguments, "--json"))

    def page(self, *arguments: str) -> list[str]:
        """The lines that one command shows to a person."""
        return self._run(*arguments).splitlines()

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [*MESHAID, "--home", str(self.home), *arguments],
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=PATIENCE,
            env={**os.environ, "PYTHONUTF8": "1", "COLUMNS": str(screen_width())},
        )
        if done.returncode != 0:
            said = done.stderr.strip() or f"it ended with {done.returncode}"
            raise DemoFailed(f"{self.name}: meshaid {arguments[0]} failed: {said}")
        return done.stdout

    # ---- its node
    def start(self) -> None:
        """Run the node; what it tells goes to the story."""
        start: Callable[..., subprocess.Popen[bytes]] = subprocess.Popen
        if self.host is not None:
            start = self.host.start
        command = [*MESHAID, "--home", str(self.home), "run", "--json"]
        with self._complaints.open("wb") as complaints:
            self.node = start(command, stdout=subprocess.PIPE, stderr=complaints.fileno())
        self.ear = threading.Thread(target=self._listen, args=[self.node.stdout], daemon=True)
        self.ear.start()

    @property
    def _complaints(self) -> Path:
        return self.home.with_suffix(".errors")

    def _listen(self, lines: Iterable[bytes]) -> None:
        for line in lines:
            if line.endswith(b"\n"):  # a killed node may leave half a line
                self.story.hear(self, json.loads(line))

    def check(self) -> None:
        """Raises DemoFailed when the node has ended by itself."""
        if self.node is not None and self.node.poll() is not None:
            self._fail()

    def stop(self) -> None:
        """End the node as Ctrl-C does. Raises DemoFailed when it does not end, or not well."""
        self.check()
        if self.node is None:
            return
        self.node.send_signal(signal.SIGINT)
        try:
            code = self.node.wait(ENDING_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise DemoFailed(f"{self.name}: the node does not end on Ctrl-C") from error
        if code != 0:
            self._fail()

    def _fail(self) -> NoReturn:
        said = self._complaints.read_text("utf-8", "replace").strip() or "it said nothing"
        code = self.node.returncode if self.node is not None else None
        raise DemoFailed(f"{self.name}: the node ended with {code}: {said}")

    def clear_away(self) -> None:
        """End whatever still runs, however the story went."""
        if self.node is not None and self.node.poll() is None:
            self.node.terminate()
            try:
                self.node.wait(ENDING_SECONDS)
            except subprocess.TimeoutExpired:
                self.node.kill()
                self.node.wait()
        if self.ear is not None:
            self.ear.join(ENDING_SECONDS)

    # ---- its network
    def unplug(self) -> None:
        """Take the network away."""
        self.connected = False
        self.story.part(self)
        if self.plug is not None:
            self.plug.down()
            self.tell("has its network cable pulled")
        else:
            self.meshaid("offline")
            self.tell("goes offline")

    def replug(self) -> None:
        """Give the network back; a cable with another address, as most networks do."""
        self.connected = True
        if self.plug is not None:
            network, _, host = self.plug.address.rpartition(".")
            self.plug.move(f"{network}.1{host}")
            self.plug.up()
            self.tell(f"has its cable in again, and another address: {self.plug.address[:-3]}")
        else:
            self.meshaid("online")
            self.tell("is online again")


def screen_width() -> int:
    """Columns for the pages that are shown."""
    return max(80, shutil.get_terminal_size((100, 24)).columns)


# ---- the story
def show(stack: ExitStack, story: Story) -> None:
    """The whole story; `stack` clears it away. Raises DemoFailed."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="meshaid-demo-")))
    names = ("Cedar, desk 1", "Cedar, desk 2", "Harbor", "Riverside")
    cedar, desk2, harbor, riverside = laptops = [
        Laptop(name, folder / f"home{number}", story) for number, name in enumerate(names, 1)
    ]
    wire_up(stack, story, laptops)
    story.chapter("Three hubs and a second desk begin, each alone, from the texts of invites.")
    enrol(cedar, desk2, harbor, riverside)
    slips = bring_slips(cedar, harbor, riverside)
    story.chapter("The laptops are switched on. They look for each other by multicast DNS.")
    switch_on(stack, laptops)
    wait_until_equal(story, laptops, "hold one board")
    check_sources(laptops)
    story.chapter("Riverside is cut off. People write on, on both sides.")
    riverside.unplug()
    edit_on_both_sides(cedar, harbor, riverside)
    slip = edit_one_slip_twice(cedar, desk2)
    show_difference(story, cedar, harbor, desk2, riverside)
    story.chapter("The network is whole again.")
    desk2.replug()
    riverside.replug()
    wait_until_equal(story, laptops, "hold one board again")
    settle(riverside, desk2, slip)
    wait_until_equal(story, laptops, "have heard of it")
    check_boards(laptops, slip, slips)
    show_end(story, laptops)


def wire_up(stack: ExitStack, story: Story, laptops: Sequence[Laptop]) -> None:
    """A computer of its own for each, where this machine can give them one."""
    reason = can_make_namespaces()
    if reason:
        story.tell("this computer", f"plays all four laptops ({reason})")
        return
    lan = stack.enter_context(open_lan())
    segment = lan.add_segment()
    for number, laptop in enumerate(laptops, 1):
        laptop.host = lan.add_host(f"laptop{number}")
        laptop.plug = laptop.host.plug(segment, f"10.77.0.{number}/24")
    story.tell("this computer", "gives each laptop a network of its own and a cable to one switch")


def enrol(cedar: Laptop, desk2: Laptop, harbor: Laptop, riverside: Laptop) -> None:
    """One founds, the others join from the text of an invite; nobody has met anybody yet."""
    hub = ("--kind", "hub", "--letter")
    cedar.meshaid("init", "--community", "River Valley", "--as", "Cedar School", *hub, "C")
    cedar.tell("founds the community River Valley, as hub C")
    invite = cedar.meshaid("invite", "--kind", "hub", "--uses", "2")["invite"]
    cedar.tell(f"writes an invite for two hubs: {invite[:28]}…")
    for laptop, title, letter in ((harbor, "Harbor Hall", "H"), (riverside, "Riverside Gym", "R")):
        laptop.meshaid("join", invite, "--as", title, *hub, letter)
        laptop.tell(f"joins with the text of the invite, as hub {letter}, nobody in reach")
    desk2.meshaid("join", cedar.meshaid("link")["invite"], "--label", "desk 2")
    desk2.tell("becomes the second device of Cedar School, by a link")
    for laptop in (cedar, desk2, harbor, riverside):
        laptop.story.names[laptop.meshaid("status")["device"]] = laptop.name


def bring_slips(*hubs: Laptop) -> int:
    """Each hub types in its pile of paper slips; how many all have together."""
    slips = 0
    for laptop, letter in zip(hubs, "CHR", strict=True):
        done = laptop.meshaid("import", str(SLIPS), "--where", f"hub={letter}")
        if done["refused"] or not done["imported"]:
            raise DemoFailed(f"{laptop.name}: slips were refused: {done['refused'][:3]}")
        laptop.tell(f"enters its {done['imported']} slips of the drill")
        slips += done["imported"]
    return slips


def switch_on(stack: ExitStack, laptops: Sequence[Laptop]) -> None:
    """Start the nodes, and wait until each listens."""
    for laptop in laptops:
        stack.callback(laptop.clear_away)
        laptop.start()
    for laptop in laptops:
        until = time.monotonic() + PATIENCE
        while not laptop.address:
            laptop.check()
            laptop.story.follow(0.05)
            if time.monotonic() > until:
                raise DemoFailed(f"{laptop.name}: the node does not listen")


def check_sources(laptops: Sequence[Laptop]) -> None:
    """They were told nothing but invites without addresses: mDNS is how they have met."""
    sources = set().union(*(laptop.sources for laptop in laptops))
    if sources != {"mdns"}:
        raise DemoFailed(f"addresses were learned otherwise than by mDNS: {sorted(sources)}")


def edit_on_both_sides(cedar: Laptop, harbor: Laptop, riverside: Laptop) -> None:
    """Life goes on while Riverside hears nobody."""
    machine = ("--category", "work.machines")
    need = riverside.meshaid("need", "Pump for a flooded cellar", *machine, "--urgency", "now")
    riverside.tell(f"writes {need['ref']}: a pump is needed now (nobody hears it yet)")
    own = next(row for row in own_needs(riverside, "R") if row["id"] != need["id"])
    riverside.meshaid("close", own["id"], "--reason", "received")
    riverside.tell(f"closes {own['ref']}: received")
    offer = harbor.meshaid("offer", "Pump, with diesel", *machine)
    harbor.tell(f"writes {offer['ref']}: a pump is offered")
    own = own_needs(harbor, "H")[0]
    harbor.meshaid("edit", own["id"], "--area", "Dockside")
    harbor.tell(f"edits {own['ref']}: it is at Dockside")
    cedar.meshaid("notice", "Mill bridge is closed", "--topic", "hazard", "--source", "own_eyes")
    cedar.tell("writes a notice: Mill bridge is closed")


def own_needs(hub: Laptop, letter: str) -> list[Any]:
    """The open needs that this hub wrote."""
    rows = hub.meshaid("board", "--kind", "need")["records"]
    return [row for row in rows if row["ref"].startswith(letter)]


def edit_one_slip_twice(cedar: Laptop, desk2: Laptop) -> str:
    """Two desks of one hub change one slip, neither knowing of the other's change; its id."""
    slip = cedar.meshaid("need", BLANKETS, "--quantity", "10", "--unit", "piece")
    cedar.tell(f"writes {slip['ref']}: 10 blankets")
    wait_until_equal(cedar.story, [cedar, desk2], "both have it")
    desk2.unplug()
    for laptop, quantity in ((cedar, "12"), (desk2, "20")):
        laptop.meshaid("edit", slip["id"], "--quantity", quantity)
        laptop.tell(f"changes {slip['ref']} to {quantity} blankets")
    written: str = slip["id"]
    return written


def show_difference(story: Story, cedar: Laptop, harbor: Laptop, *alone: Laptop) -> None:
    """Where the network is cut the boards are not the same now; else nothing would be shown."""
    digests = [wait_until_equal(story, [cedar, harbor], "hold one board")]
    for laptop in alone:
        digests.append(laptop.meshaid("status")["digest"])
        laptop.tell(f"holds another one: digest {digests[-1][:12]}")
    if len(set(digests)) != len(digests):
        raise DemoFailed("the cut did not keep the boards apart")


def settle(reader: Laptop, desk: Laptop, slip: str) -> None:
    """Both values stand on everybody's board; a person at one of the two desks picks one."""
    row = reader.meshaid("show", slip)
    if sorted(row["conflicts"].get("quantity", [])) != ["12", "20"]:
        raise DemoFailed(f"both numbers of blankets should be shown, not {row['conflicts']}")
    reader.tell("shows that a slip has two answers, and both of them:\n")
    shown = dropwhile(
        lambda line: not line.startswith("Code"), reader.page("board", "--text", BLANKETS)
    )
    answers = [line for line in reader.page("show", slip) if "answers" in line]
    print("\n".join(f"    {line}" for line in [*shown, "", *answers]), end="\n\n", flush=True)
    desk.meshaid("edit", slip, "--quantity", "20")
    desk.tell(f"has asked around and settles {row['ref']}: 20 blankets")


def wait_until_equal(story: Story, laptops: Sequence[Laptop], what: str) -> str:
    """Wait until all of these show the same board; its digest."""
    until = time.monotonic() + PATIENCE
    digests: dict[str, str] = {}
    while time.monotonic() < until:
        for laptop in laptops:
            laptop.check()
            digests[laptop.name] = laptop.meshaid("status")["digest"]
        if len(set(digests.values())) == 1:
            who = "all four" if len(laptops) > 2 else " and ".join(sorted(digests))
            digest = digests[laptops[0].name]
            story.tell("", f"{who}: {what}, digest {digest[:12]}")
            return digest
        story.follow(0.1)
    raise DemoFailed(
        f"after {PATIENCE:.0f} s the boards still differ: "
        + ", ".join(f"{name} {digest[:12]}" for name, digest in digests.items())
        + f". {why_apart(laptops)}"
    )


def why_apart(laptops: Sequence[Laptop]) -> str:
    """What a person can do about boards that stay apart."""
    if any(laptop.sources or laptop.host for laptop in laptops):
        return "This is a fault of meshaid: please report it"
    return (
        "None has found another: multicast DNS does not get through on this computer's network. "
        "Connect it to one, or open UDP port 5353 in its firewall; on Linux the demonstration runs "
        f"on networks of its own with `sudo {sys.executable} {sys.argv[0]}`"
    )


# ---- the end
def check_boards(laptops: Sequence[Laptop], slip: str, slips: int) -> None:
    """Row for row the same on all four, every slip once, and the question settled."""
    now = str(int(time.time()))
    boards = [
        laptop.meshaid("--now", now, "board", "--status", "all")["records"] for laptop in laptops
    ]
    for laptop, board in zip(laptops, boards, strict=True):
        if board != boards[0]:
            raise DemoFailed(f"{laptop.name} shows another board though the digests are equal")
    imported = Counter(row["import_key"] for row in boards[0] if row.get("import_key"))
    if len(imported) != slips or set(imported.values()) != {1}:
        raise DemoFailed(f"{slips} slips were entered, {imported.total()} are on the board")
    (blankets,) = (row for row in boards[0] if row["id"] == slip)
    if blankets["conflicts"] or blankets["quantity"] != "20":
        raise DemoFailed(f"the blankets should be settled, not {blankets['conflicts']}")


def show_end(story: Story, laptops: Sequence[Laptop]) -> None:
    """The board, four digests, and an orderly end."""
    story.follow()
    page = laptops[-1].page("board")
    end = next(n for n in range(PAGE_LINES, len(page)) if not page[n].startswith(" "))
    print(f"\nThe board as {laptops[-1].name} shows it, its first page:\n")
    print("\n".join(page[:end]))
    print(f"… and {len(page[end:])} lines more\n\nFour digests, from four homes:")
    digests = {laptop.name: laptop.meshaid("status")["digest"] for laptop in laptops}
    for name, digest in digests.items():
        print(f"  {name:<14} {digest}")
    if len(set(digests.values())) != 1:
        raise DemoFailed("the digests are not equal")
    for laptop in laptops:
        laptop.stop()
    print(f"\nEqual everywhere, after {story.seconds():.0f} s.", flush=True)


def main() -> int:
    """Show it; 0 when all went well."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if isinstance(sys.stdout, io.TextIOWrapper):  # slips are in many scripts, terminals are not
        sys.stdout.reconfigure(errors="replace")
    try:
        with ExitStack() as stack:
            try:
                show(stack, Story())
            finally:  # clearing away takes a moment, and must not be interrupted
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
    except BrokenPipeError:  # whoever read the story is gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (DemoFailed, LanError, OSError, subprocess.TimeoutExpired) as error:
        print(f"\nThe demonstration failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
