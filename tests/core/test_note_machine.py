"""Random lives of sealed notes among real devices: in the end all hold the same, and only that.

What must be left follows from the union of what the devices hold before they all meet: a small
model, made of notes, erasures and ends of records alone.
"""

from __future__ import annotations

from itertools import combinations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from meshaid import limits
from meshaid.core import ids
from meshaid.core.note_subjects import end_of
from meshaid.core.notes import Note, read_own_note
from meshaid.core.replica import Replica
from meshaid.core.served import Served
from meshaid.testing import MemoryLedger
from tests.core.meeting_pair import Pair
from tests.core.note_world import DAY, acquainted, attach, meet, need, renew, tend
from tests.core.real_world import NOW, RealDevice, RealWorld

PEOPLE = 4
people = st.integers(0, PEOPLE - 1)
days = st.integers(0, 25)


class Notes(RuleBasedStateMachine):
    """A hub with two devices, and two households."""

    @initialize()
    def begin(self) -> None:
        world = RealWorld()
        hub, poster, other = acquainted(world, "poster", "other")
        second = world.link("second", hub)
        for _ in range(2):
            for device in (second, poster, other):
                meet(device, hub)
        self.devices = [hub, second, poster, other]
        self.records = [need(device) for device in self.devices]
        for _ in range(2):
            for one, another in combinations(self.devices, 2):
                meet(one, another)
        self.now = NOW
        self.backups: list[tuple[int, MemoryLedger]] = []

    # ---- what people do
    @rule(who=people, reader=people)
    def attach(self, who: int, reader: int) -> None:
        device = self.devices[who]
        held = [row for row in device.replica.ledger.notes() if row.kind == "contact"]
        if len(held) < limits.NOTES_PER_RECORD - 1:
            attach(device, self.records[who], self.devices[reader])

    @rule(who=people)
    def erase(self, who: int) -> None:
        device = self.devices[who]
        member = device.replica.identity.member
        notes = device.replica.notes.about(member, self.records[who], "contact")
        if notes:
            device.replica.notes.erase(notes[:2])

    @rule(who=people, days=days)
    def renew(self, who: int, days: int) -> None:
        renew(self.devices[who], self.records[who], self.now + days * DAY)

    # ---- what happens
    @rule(days=days)
    def time_passes(self, days: int) -> None:
        self.now += days * DAY

    @rule(who=people, wrong=st.sampled_from([0, 0, 0, -400, 400]))
    def upkeep(self, who: int, wrong: int) -> None:
        tend(self.devices[who], self.now + wrong * DAY)

    @rule(one=people, other=people, end=st.none() | st.integers(0, 4_000))
    def meet(self, one: int, other: int, end: int | None) -> None:
        if one == other:
            return
        pair = Pair(self.devices[one], self.devices[other])
        if end is not None:
            cut_after(pair, end)
        pair.run()
        pair.cut()

    @rule(who=people)
    def back_up(self, who: int) -> None:
        ledger = self.devices[who].replica.ledger
        assert isinstance(ledger, MemoryLedger)
        self.backups.append((who, ledger.reopen()))

    @rule(number=st.integers(0, 99))
    def restore(self, number: int) -> None:
        if self.backups:
            who, ledger = self.backups[number % len(self.backups)]
            self.devices[who] = reopened(self.devices[who], ledger.reopen())

    @rule(who=people)
    def restart(self, who: int) -> None:
        ledger = self.devices[who].replica.ledger
        assert isinstance(ledger, MemoryLedger)
        before = self.devices[who].replica.notes.shown()
        self.devices[who] = reopened(self.devices[who], ledger.reopen())
        assert self.devices[who].replica.notes.shown() == before

    # ---- how it ends
    def teardown(self) -> None:
        if not hasattr(self, "devices"):
            return
        for _ in range(2):  # documents first: a renewal decides what is over
            for one, other in combinations(self.devices, 2):
                Pair(one, other).run()
        for device in self.devices:
            device.replica.notes.sweep(self.now)
        expected = self.left()
        for _ in range(2):
            for one, other in combinations(self.devices, 2):
                assert Pair(one, other).run().in_sync
        for device in self.devices:
            assert {note.id for note in held(device)} == expected
            assert device.replica.digest() == self.devices[0].replica.digest()

    def left(self) -> set[bytes]:
        """What all must hold, by what any of them holds."""
        union = {note.id: note for device in self.devices for note in held(device)}
        erasures = [note for note in union.values() if note.kind == "erasure"]
        erased = {(note.author, each) for note in erasures for each in note.erased}
        kept = {
            note.id
            for note in union.values()
            if note.kind != "erasure"
            and (note.author, note.id) not in erased
            and (note.kind == "key" or not self.is_over(note))
        }
        sets = {note.id: frozenset(note.erased) for note in erasures}
        subjects = {note.id: (note.author, note.subject) for note in erasures}
        redundant = {
            one
            for one, other in ((a, b) for a in sets for b in sets)
            if subjects[one] == subjects[other] and sets[one] < sets[other]
        }
        return kept | (sets.keys() - redundant)

    def is_over(self, note: Note) -> bool:
        row = self.devices[0].replica.ledger.record(note.author, ids.record_id(note.subject))
        assert row is not None
        return end_of(row.fields) + limits.NOTE_DAYS * DAY <= self.now


def held(device: RealDevice) -> list[Note]:
    ledger = device.replica.ledger
    wires = [ledger.note(row.id) for row in ledger.notes()]
    return [read_own_note(wire) for wire in wires if wire is not None]


def reopened(device: RealDevice, ledger: MemoryLedger) -> RealDevice:
    """The device on another ledger, as after a restart or a restored backup."""
    again = object.__new__(RealDevice)
    again.dice = device.dice
    identity = device.replica.identity
    again.replica = Replica(ledger, identity, random=device.dice)
    again._served = Served(again.replica)
    return again


def cut_after(pair: Pair, end: int) -> None:
    left = end

    def carry(data: bytes) -> bytes | None:
        nonlocal left
        left -= len(data)
        return None if left < 0 else data

    pair.on_data = carry


TestNotes = Notes.TestCase
TestNotes.settings = settings(max_examples=30, stateful_step_count=25)
