"""A deterministic world of many laptops: real homes, real meetings, no network and no clock.

Each laptop has a home on disk with a real store, made by `found`, `join` or `link` from an invite
text alone, and knows nothing that no meeting brought. Meetings go over streams in memory
(`testing.wire`), with faults. Time and random bytes come from the world, so the same calls give the
same world every time; only the encryption of the stores differs.
"""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations, count
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Final, Self, final

from meshaid import commands, home, opening
from meshaid.core.cards import Kind
from meshaid.core.enrol import Founded
from meshaid.core.identity import Identity
from meshaid.core.invite import decode_invite
from meshaid.core.keys import SigningKey
from meshaid.core.meeting import Meeting
from meshaid.core.meeting_events import NotKnownYet
from meshaid.core.replica import Replica
from meshaid.core.served import Served
from meshaid.desk import Desk
from meshaid.errors import StoreError
from meshaid.store import Store
from meshaid.testing.wire import Faults, Wire

START: Final = 1_700_000_000
_KINDS_SHOWN: Final = ("need", "offer", "notice", "hub")


@final
class Dice:
    """Random bytes that are the same for the same name."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._throws = count()

    def __call__(self, size: int) -> bytes:
        """The next bytes."""
        seed = f"{self._name} {next(self._throws)}".encode()
        return hashlib.shake_256(seed).digest(size)


@final
class Laptop:
    """One device of the world: a home in a folder, open or closed."""

    def __init__(
        self, world: World, name: str, folder: Path, *, machine: str, invite_key: bytes = b""
    ) -> None:
        """The home is there already; it is opened.

        Args:
          machine: what tells copies of a store apart: two laptops of one machine's name hold a copy
            that does not know it is one.
          invite_key: the public key of the invite or link that it joined by.
        """
        self.name: Final = name
        self.folder: Final = folder
        self.machine: Final = machine
        self.invite_key: Final = invite_key
        self._world = world
        self._dice = Dice(f"{name} {folder.name}")
        self.open()

    def __repr__(self) -> str:
        return f"<Laptop {self.name}>"

    def open(self) -> None:
        """Open the home, as a process that starts."""
        self.store = Store.open(self.folder, home.open_key(self.folder))
        data = self.store.setting("identity")
        if data is None:
            raise StoreError("this home was never finished")
        self.replica = Replica(
            self.store, Identity.decode(data), random=self._dice, install=self.machine.encode()
        )
        self.desk = Desk(self.replica, random=self._dice)
        self.knowledge = Served(self.replica)
        self.meetings: set[Meeting] = set()
        self.replica.heal()
        self.replica.take_changes()
        self._told = self.replica.roster

    def close(self) -> None:
        """Close the home. Meetings must be over."""
        self.store.close()

    def restart(self) -> None:
        """Close the home and open it again: what is not on disk is gone."""
        self.close()
        self.open()

    @property
    def device(self) -> bytes:
        return self.replica.identity.device

    @property
    def member(self) -> bytes:
        return self.replica.identity.member

    @property
    def belongs(self) -> bool:
        """Whether this laptop's own cards say that it is a standing device of a standing member."""
        return self.replica.is_proven() and self.replica.counts(self.member)

    def take_new_roster(self) -> bool:
        """Whether the roster is another one than when this was last asked."""
        told, self._told = self._told, self.replica.roster
        return told is not self._told

    def execute(self, verb: str, **arguments: object) -> dict[str, Any]:
        """One verb of the command line; it tells open meetings what is new."""
        result = commands.execute(self.desk, verb, arguments, self._world.tick())
        self._world.spread(self)
        return result

    def board(self, now: int) -> dict[str, dict[str, Any]]:
        """Everything on the board at this moment, ended or not, by reference."""
        board = self.desk.board(now)
        rows = (row for kind in _KINDS_SHOWN for row in board.rows(kind=kind, status="all"))
        return {row.id: row.as_json() for row in rows}


@final
class World:
    """Laptops of one community, who may meet whom, and what has happened so far.

    Close it, or use it in `with`.
    """

    def __init__(self, folder: Path, *, seed: int = 0) -> None:
        """An empty world.

        Args:
          folder: where the homes go; it exists.
          seed: worlds of different seeds have other keys, ids and orders.
        """
        self.laptops: dict[str, Laptop] = {}
        self.happened: Counter[str] = Counter()
        """How often what happened."""
        self.chance = Random(seed)
        self.founded: Founded
        self._folder = folder
        self._seed = seed
        self._now = START
        self._ephemeral = Dice(f"ephemeral {seed}")
        self._groups: Mapping[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every home."""
        for laptop in self.laptops.values():
            laptop.close()

    def tick(self) -> int:
        """A second passes, as with everything that anybody does; the time now."""
        self._now += 1
        return self._now

    def wait_until(self, moment: int) -> None:
        """Let time pass up to this moment, unless it is over."""
        self._now = max(self._now, moment)

    @property
    def now(self) -> int:
        """Seconds since 1970."""
        return self._now

    # ---- who is there
    def found(self, name: str, *, kind: Kind = "household", letter: str | None = None) -> Laptop:
        """Found the community. Its recovery text and invites are `founded`."""
        folder = self._folder / name
        self.founded = opening.found_home(
            folder,
            community_name="Riverside",
            name=name,
            kind=kind,
            letter=letter,
            exercise=True,
            now=self.tick(),
            random=self._dice(name),
        )
        return self._add(name, folder)

    def join(
        self, name: str, invite: str, *, kind: Kind | None = None, letter: str | None = None
    ) -> Laptop:
        """Join as a member with an invite text, with nobody in reach."""
        return self._join(name, invite, {"name": name, "kind": kind, "letter": letter})

    def link(self, name: str, invite: str) -> Laptop:
        """Become one more device of a member with a link's text, with nobody in reach."""
        return self._join(name, invite, {"label": name})

    def _join(self, name: str, invite: str, options: Mapping[str, Any]) -> Laptop:
        folder, text = self._folder / name, decode_invite(invite)
        opening.join_home(folder, text, now=self.tick(), random=self._dice(name), **options)
        return self._add(name, folder, invite_key=SigningKey(text.seed).public)

    def copy(self, laptop: Laptop, name: str) -> Laptop:
        """Copy the closed store and its key elsewhere; both go on as one and the same device."""
        laptop.close()
        folder = self._folder / name
        shutil.copytree(laptop.folder, folder)
        laptop.open()
        return self._add(name, folder, laptop.machine, laptop.invite_key)

    def _add(self, name: str, folder: Path, machine: str = "", invite_key: bytes = b"") -> Laptop:
        machine = machine or f"{name} {self._seed}"
        laptop = Laptop(self, name, folder, machine=machine, invite_key=invite_key)
        self.laptops[name] = laptop
        return laptop

    def _dice(self, name: str) -> Dice:
        return Dice(f"{self._seed} {name}")

    # ---- who may meet whom
    def part(self, groups: Iterable[Iterable[str]]) -> None:
        """From now on laptops meet within their group only; those named nowhere meet nobody."""
        self._groups = {name: place for place, names in enumerate(groups) for name in names}
        self.happened["parted"] += 1

    def reunite(self) -> None:
        """From now on everybody may meet everybody."""
        self._groups = {}
        self.happened["reunited"] += 1

    def may_meet(self, one: Laptop, other: Laptop) -> bool:
        """Whether two laptops are in reach of each other. A device never meets its own copy."""
        if one.device == other.device:
            return False
        if not self._groups:
            return True
        place = self._groups.get(one.name)
        return place is not None and place == self._groups.get(other.name)

    def pairs(self) -> list[tuple[Laptop, Laptop]]:
        """All pairs in reach, in a random order, each with a random dialer."""
        pairs = [pair for pair in combinations(self.laptops.values(), 2) if self.may_meet(*pair)]
        self.chance.shuffle(pairs)
        return [pair if self.chance.random() < 0.5 else pair[::-1] for pair in pairs]

    # ---- meetings
    def connect(
        self, dialer: Laptop, listener: Laptop, *, once: bool = True, faults: Faults | None = None
    ) -> Wire:
        """Open a stream between two laptops; nothing is carried yet."""
        self._note_first_meeting(dialer, listener)
        now = float(self.tick())
        pair = (dialer, listener)
        meetings = (
            Meeting(
                dialer.knowledge,
                role="dialer",
                ephemeral=self._ephemeral(32),
                now=now,
                once=once,
            ),
            Meeting(listener.knowledge, role="listener", ephemeral=self._ephemeral(32), now=now),
        )
        for laptop, meeting in zip(pair, meetings, strict=True):
            laptop.meetings.add(meeting)
        return Wire(
            *meetings,
            now=now,
            faults=faults,
            after_step=lambda side: self.spread(pair[side], source=meetings[side]),
        )

    def meet(
        self,
        dialer: Laptop,
        listener: Laptop,
        *,
        faults: Faults | None = None,
        midway: Callable[[], object] | None = None,
        midway_after: int = 0,
    ) -> Wire:
        """One whole meeting, or what faults leave of it.

        Args:
          midway: what somebody does while the two are at it, after so many bytes.
        """
        wire = self.connect(dialer, listener, faults=faults)
        if midway is not None:
            wire.run(until=midway_after)
            midway()
        wire.run()
        wire.end()
        for laptop, meeting in zip((dialer, listener), wire.meetings, strict=True):
            laptop.meetings.discard(meeting)
        self._note_meeting(wire)
        return wire

    def _note_first_meeting(self, one: Laptop, other: Laptop) -> None:
        knows = [laptop.replica.founding() is not None for laptop in (one, other)]
        if not any(knows):
            self.happened["two joiners met"] += 1
        elif not all(knows):
            joiner, host = (one, other) if knows[1] else (other, one)
            known = host.replica.roster.invite(joiner.invite_key) is not None
            self.happened["joiner met a host" if known else "host lacked the invite"] += 1

    def _note_meeting(self, wire: Wire) -> None:
        self.happened["meetings"] += 1
        self.happened["not known yet"] += any(wire.heard(side, NotKnownYet) for side in (0, 1))
        self.happened["cut"] += wire.was_cut
        self.happened["cut in transfer"] += wire.cut_in_transfer

    def spread(self, laptop: Laptop, *, source: Meeting | None = None) -> None:
        """What a node does after every step: heal, then tell its other meetings what is new."""
        changed, healed = laptop.replica.take_changes_and_heal()
        self.happened["healed"] += bool(healed)
        new_roster = laptop.take_new_roster()
        notes = laptop.replica.notes.take_new()
        for meeting in laptop.meetings:
            if notes and meeting is not source:
                meeting.notes_changed(notes, float(self._now))
            if new_roster:
                meeting.roster_changed(float(self._now))
            for change in healed if meeting is source else (*changed, *healed):
                meeting.local_change(change.genesis, change.before, float(self._now))

    # ---- the end
    def settle(self, *, rounds: int = 8) -> int:
        """Let everybody in reach meet until nothing is left to tell; the rounds that it took.

        Raises AssertionError when that is not so after so many rounds.
        """
        for number in range(rounds):
            before = self.digests()
            for pair in self.pairs():
                self.meet(*pair)
            if self.digests() == before and len(set(before.values())) <= 1:
                return number
        raise AssertionError(f"no equal digests after {rounds} rounds: {self.digests()}")

    def digests(self) -> dict[str, str]:
        """The beginning of each digest, of the laptops that belong, by name."""
        return {
            name: laptop.replica.digest().hex()[:8]
            for name, laptop in self.laptops.items()
            if laptop.belongs
        }

    def standing(self) -> list[Laptop]:
        """The laptops that belong, as far as they know."""
        return [laptop for laptop in self.laptops.values() if laptop.belongs]


def differences(boards: Sequence[dict[str, dict[str, Any]]]) -> list[str]:
    """The references of the rows that are not the same on all of these boards."""
    names = {name for board in boards for name in board}
    return sorted(
        name for name in names if any(board.get(name) != boards[0].get(name) for board in boards)
    )
