"""The drill played through the command line, in compressed time.

Every desk is a device with a home of its own, every household with a phone too: 12 desks of five
hubs and, in the drill that is shipped, 33 households. Whatever anybody does is one command on that
home, at the minute that the table says (`--now`). Devices meet at random, two at a time, never
across a cut; whoever acts on a record has heard of it before by some meeting, and never in another
way.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final, Self

from click.testing import CliRunner, Result

from meshaid import limits
from meshaid.cli.main import main as command_line
from meshaid.core.meeting import Meeting
from meshaid.core.meeting_events import NotKnownYet
from meshaid.core.served import Served
from meshaid.core.slips import import_key
from meshaid.opening import OpenHome, open_home
from meshaid.testing.wire import Wire
from tests.net.drill_script import Drill, Row, Script, mentions, moment, outcome, owner

BEFORE: Final = -60
"""The minute at which the hubs opened."""
TRIES: Final = 12
"""Meetings after which somebody has heard of a record that others in reach hold."""
BOARD: Final = ("board", "--status", "all")


@dataclass(eq=False)
class Device:
    """One device, its home, and what its holder has heard of."""

    name: str
    home: Path
    hub: str
    member: str = ""
    held: set[str] = field(default_factory=set)
    """Ids of the drill's rows that are on this device."""
    _open: tuple[OpenHome, Served] | None = None

    def __repr__(self) -> str:
        return f"<{self.name}>"

    def run(self, words: Sequence[str], now: int) -> Any:
        """One command at this moment (seconds since 1970), in this process; its JSON result."""
        ended = self._call(words, now)
        assert ended.exit_code == 0, f"{self}: meshaid {words}: {ended.output}"
        return json.loads(ended.stdout)

    def refused(self, words: Sequence[str], now: int) -> str:
        """What a command says that must fail."""
        ended = self._call(words, now)
        assert ended.exit_code != 0, f"{self}: meshaid {words} was not refused"
        return ended.stderr

    def _call(self, words: Sequence[str], now: int) -> Result:
        self.rest()
        before = ["--home", str(self.home), "--now", str(now), "--json"]
        return CliRunner().invoke(command_line, [*before, *words])

    def opened(self) -> tuple[OpenHome, Served]:
        """Its home, open for meetings until the next command."""
        if self._open is None:
            home = open_home(self.home)
            self._open = home, Served(home.replica)
        return self._open

    def rest(self) -> None:
        """Close the home."""
        if self._open is not None:
            self._open[0].close()
            self._open = None


Meet = Callable[[Device, Device], bool]
"""One whole meeting, dialer first; False if one cannot prove to the other yet that it belongs."""


def meet_in_memory(dialer: Device, listener: Device) -> bool:
    """The meeting that `meshaid sync` holds, over a stream in memory."""
    (one, known), (other, known_there) = dialer.opened(), listener.opened()
    homes = (one, other)
    wire = Wire(
        Meeting(known, role="dialer", ephemeral=os.urandom(32), now=0.0, once=True),
        Meeting(known_there, role="listener", ephemeral=os.urandom(32), now=0.0),
        now=0.0,
        after_step=lambda side: _spread(homes[side], wire.meetings[side]),
    )
    wire.run()
    wire.end()
    unknown = any(wire.heard(side, NotKnownYet) for side in (0, 1))
    assert wire.in_sync or unknown, f"{dialer} and {listener} did not come to an end"
    return wire.in_sync


def _spread(home: OpenHome, meeting: Meeting) -> None:
    """What every step of a meeting ends with: write again what a fork lost, and tell it."""
    for change in home.replica.take_changes_and_heal()[1]:
        meeting.local_change(change.genesis, change.before, 0.0)


class Town:
    """The devices of a drill, who may meet whom, and how far the play is."""

    def __init__(
        self,
        folder: Path,
        drill: Drill,
        *,
        order: int,
        meet: Meet = meet_in_memory,
        table: bytes | None = None,
    ) -> None:
        """The community, founded and joined by all.

        Args:
          folder: where the homes go.
          order: the seed of who meets whom and when.
          table: the slips as they are shipped, with what became of them later: all are imported
            from it, each at its minute. Without it they are typed in, and only piles imported.
        """
        self.drill = drill
        self.chance = Random(order)
        self.apart: set[str] = set()
        """Letters of the hubs that nobody else reaches at this minute."""
        self.meetings = 0
        self.devices: dict[str, Device] = {}
        self._folder = folder
        self._meet = meet
        self._rows = {row["id"]: row for row in (*drill.slips, *drill.events)}
        self._done: set[str] = set()
        path = folder / "slips.csv"
        path.write_bytes(drill.piles() if table is None else table)
        self.script = Script(drill, path, all_imported=table is not None)
        self._found()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        for device in self.devices.values():
            device.rest()

    # ---- who is there
    def _found(self) -> None:
        """The first hub founds the community and invites the others, each hub its people."""
        founder, *others = self.drill.hubs
        named = ("--as", founder["name"], "--kind", "hub", "--letter", founder["letter"])
        words = ("init", "--community", "Riverside", "--exercise", "--stewards", "0", *named)
        first = self._add(f"{founder['letter']} desk 1", founder["letter"], words)
        self._open(founder, first)
        for hub in others:
            invite = ("invite", "--role", "steward", "--kind", "hub")
            named = ("--as", hub["name"], "--kind", "hub", "--letter", hub["letter"])
            words = ("join", self._invite(first, *invite), *named)
            desk = self._add(f"{hub['letter']} desk 1", hub["letter"], words)
            self.meet(desk, first)  # only whom others know as a steward may invite
            self._open(hub, desk)
        self.gather(self.devices[f"{hub['letter']} desk 1"] for hub in self.drill.hubs)

    def _open(self, hub: Row, first: Device) -> None:
        """A hub says what it is, and links its desks and invites its households."""
        letter = hub["letter"]
        areas = hub["areas"].replace("|", "; ")
        first.run(("hub", "--areas", areas, "--langs", hub["languages"]), moment(BEFORE))
        for number in range(2, int(hub["desks"]) + 1):
            words = ("join", self._invite(first, "link"), "--label", f"desk {number}")
            self.meet(self._add(f"{letter} desk {number}", letter, words), first)
        tags = dict.fromkeys(
            owner(row) for row in self._rows.values() if row["hub"] == letter and is_own(row)
        )
        if tags:
            uses = ("--uses", str(limits.INVITE_USES))
            invite = self._invite(first, "invite", "--kind", "household", *uses)
            for tag in tags:
                self.meet(self._add(tag, letter, ("join", invite, "--as", tag)), first)

    def _invite(self, device: Device, *words: str) -> str:
        invite: str = device.run(words, moment(BEFORE))["invite"]
        return invite

    def _add(self, name: str, hub: str, words: Sequence[str]) -> Device:
        device = Device(name, self._folder / name.replace(" ", "-"), hub)
        device.member = device.run(words, moment(BEFORE))["member"]
        self.devices[name] = device
        return device

    def desks(self, hub: str = "") -> list[Device]:
        """The desks of one hub, or all of them."""
        return [d for name, d in self.devices.items() if " desk " in name and hub in ("", d.hub)]

    def drill_row(self, name: str) -> Row:
        """A row of the drill's tables by its id."""
        return self._rows[name]

    def actor(self, row: Row) -> Device:
        """Who does this: a household, a desk, or the first desk for a visitor's phone."""
        if is_own(row):
            return self.devices[row["on_behalf_of"]]
        return self.devices[f"{row['hub']} {row['entered_by'] or 'desk 1'}"]

    # ---- who meets whom
    def in_reach(self, device: Device) -> list[Device]:
        """Whom a device can meet at this minute."""
        return [
            other
            for other in self.devices.values()
            if other is not device
            and (other.hub == device.hub or not {other.hub, device.hub} & self.apart)
        ]

    def meet(self, one: Device, other: Device) -> bool:
        """Two meet, either of them dialing; afterwards each holds what the other held."""
        self.meetings += 1
        dialer, listener = self.chance.sample((one, other), 2)
        met = self._meet(dialer, listener)
        if met:
            one.held |= other.held
            other.held |= one.held
        return met

    def wander(self) -> None:
        """Some meet by chance."""
        for _ in range(self.chance.choice((0, 0, 1, 1, 2))):
            one = self.chance.choice([*self.devices.values()])
            other = self.chance.choice(self.in_reach(one))
            self.meet(one, other)

    def tell(self, device: Device, names: Iterable[str]) -> None:
        """Let a device hear of rows: from somebody who holds them, or through a third."""
        for name in names:
            for _ in range(TRIES):
                if name in device.held:
                    break
                others = self.in_reach(device)
                holders = [other for other in others if name in other.held]
                assert holders, f"{device} cannot know of {name} yet"
                holder = self.chance.choice(holders)
                third = self.chance.choice([holder, *others])
                if third is not holder and third in self.in_reach(holder):
                    self.meet(holder, third)
                self.meet(third, device)
            assert name in device.held, f"{device} never hears of {name}"

    def gather(self, devices: Iterable[Device]) -> None:
        """These meet, along a random tree up and down, until all hold the same."""
        places = [*devices]
        self.chance.shuffle(places)
        tree = [(places[n], places[self.chance.randrange(n)]) for n in range(1, len(places))]
        for one, other in (*reversed(tree), *tree):
            for _ in range(TRIES):
                if self.meet(one, other):
                    break
            else:
                raise AssertionError(f"{one} and {other} never know each other")

    # ---- the play
    def play(self, after_minute: Callable[[int], object] | None = None) -> None:
        """From the first minute to the last."""
        for minute, rows in self.drill.acts():
            self._cut(minute)
            self.wander()
            for row in rows:
                self.act(row)
            if after_minute is not None:
                after_minute(minute)

    def act(self, row: Row) -> None:
        """Somebody does one thing, having heard of what it is about."""
        actor, name = self.actor(row), row["id"]
        self.tell(actor, mentions(row))
        written = self.command(actor, self.script.words(row), row["minute"])
        if "imported" in written:
            assert (written["imported"], written["refused"]) == (1, [])
            self.script.learn(name, self._imported(actor, row))
        elif row["kind"] in ("need", "offer", "notice", "pledge", "receipt", "flag"):
            assert written["id"].partition("/")[0] == actor.member
            self.script.learn(name, written)
        self._done.add(name)
        actor.held.add(name)

    def command(self, device: Device, words: Sequence[str], minute: int | str) -> Any:
        """One command at this minute; its JSON result."""
        return device.run(words, moment(minute))

    def _imported(self, device: Device, row: Row) -> Row:
        """The record that a row of the imported table became."""
        rows = self.board(device, int(row["minute"]))
        (record,) = (r for r in rows if r.get("import_key") == import_key(row["id"]))
        return record

    def _cut(self, minute: int) -> None:
        """Hubs come back into reach, others are cut off after their last meetings."""
        for hub in self.drill.hubs:
            if hub["cut_until_minute"] == str(minute):
                self.apart.remove(hub["letter"])
        for hub in self.drill.hubs:
            if hub["cut_from_minute"] == str(minute):
                self._last_meetings(hub["letter"])
                self.apart.add(hub["letter"])

    def _last_meetings(self, letter: str) -> None:
        """What people of this hub or of others go by later crosses now, before it is cut off."""
        for row in self._rows.values():
            if row["id"] in self._done or row["hub"] in self.apart:
                continue
            for name in mentions(row):
                away = self._rows[name]["hub"]
                people = [d for d in self.devices.values() if d.hub == row["hub"]]
                if (
                    name in self._done
                    and letter in (away, row["hub"])
                    and away not in self.apart
                    and not any(name in device.held for device in people)
                ):
                    self.tell(self.chance.choice(people), [name])

    # ---- what comes of it
    def board(self, device: Device, minute: int) -> list[dict[str, Any]]:
        """Everything on this device's board, ended or not, as the command line tells it."""
        records: list[dict[str, Any]] = self.command(device, BOARD, minute)["records"]
        return records

    def outcomes(self, board: Iterable[dict[str, Any]]) -> list[Row]:
        """Every need and offer in the form of the answer key, in its order."""
        shown = {row["id"]: row for row in board}
        names = [row["id"] for row in self.drill.expected]
        return [outcome(name, shown[self.script.ids[name]]) for name in names]


def is_own(row: Row) -> bool:
    """Whether a household does this on its own device."""
    return row["intake_channel"] == "own_device"
