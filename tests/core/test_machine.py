"""Many laptops with real stores, and everything that may happen to them, in every order.

Hypothesis chooses who writes, who meets whom, where a stream is cut, who is parted from whom, which
store is copied, who joins and who is removed. Whatever it chooses, in the end, when everybody can
meet: equal digests and equal boards, every acknowledged record on every board once, no acknowledged
value gone but by an edit that had seen it, nothing left waiting, and all of it again after a clean
reload from the stores.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from meshaid import limits
from meshaid.core import ids
from meshaid.core.cards import Device, Invite, Member, make_removal
from meshaid.core.document import Document
from meshaid.core.documents import fields_of
from meshaid.core.roster import Roster
from meshaid.errors import RefusedByTrust
from meshaid.testing.wire import Faults
from meshaid.testing.world import Laptop, World, differences

EXAMPLES = 80
STEPS = 40
FIRST_REMOVAL = 10
"""Steps before anybody is removed: else there is little to remove."""
MOST_COPIES = 2

fired: Counter[str] = Counter()
T = TypeVar("T")
numbers = st.integers(0, 11)
pairs = st.integers(0, 41)
bytes_carried = st.integers(150, 4_000)


class Neighbourhood(RuleBasedStateMachine):
    """Two hubs or households with two laptops each, and one more household that comes late."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="machine"))
        self.world: World | None = None
        self.steps = self.copies = self.texts = 0
        self.owners: dict[str, str] = {}  # acknowledged records: reference to the laptop's name
        self.live: dict[tuple[str, str], str] = {}  # (reference, title) to the laptop's name
        self.doomed: set[str] = set()  # records that a removal does not let stay
        self.removed: set[bytes] = set()  # devices
        self.gone: set[bytes] = set()  # members
        self.last_pair: tuple[Laptop, Laptop] | None = None
        self.late = ""
        self.parted = False

    # ---- the beginning: invite texts alone
    @initialize(seed=st.integers(0, 2**20), acquainted=st.sampled_from((True, True, False)))
    def begin(self, seed: int, acquainted: bool) -> None:
        self.world = world = World(self.folder, seed=seed)
        anna = world.found("A1", kind="hub", letter="A")
        street = anna.execute("invite", kinds=["household"], uses=2)["invite"]
        self.late = anna.execute("invite", kinds=["household"])["invite"]
        link = anna.execute("link")["invite"]
        ben = world.join("B1", street)
        world.link("B2", ben.execute("link")["invite"])
        world.link("A2", link)
        if acquainted:
            world.settle()
            for laptop in self.laptops():
                self.add_record(laptop)
            world.settle()

    # ---- choosing
    def note(self, what: str) -> World:
        fired[what] += 1
        self.steps += 1
        assert self.world is not None
        return self.world

    def laptops(self) -> list[Laptop]:
        assert self.world is not None
        return list(self.world.laptops.values())

    def writers(self) -> list[Laptop]:
        """All but those that know that they were removed."""
        return [laptop for laptop in self.laptops() if not laptop.replica.is_removed()]

    def siblings(self) -> list[tuple[Laptop, Laptop]]:
        """Two laptops of one member and of two devices, neither of them removed."""
        writers = [laptop for laptop in self.writers() if laptop.device not in self.removed]
        return [
            (one, other)
            for one in writers
            for other in writers
            if one.member == other.member and one.device != other.device
        ]

    def write_title(self, laptop: Laptop, ref: str) -> None:
        """Give a record a title that nobody gave before."""
        self.texts += 1
        title = f"slip {self.texts}"
        seen = titles(laptop, ref)
        laptop.execute("edit", ref=ref, fields={"title": title})
        if laptop.device not in self.removed:
            for old in seen:
                self.live.pop((ref, old), None)
            self.live[ref, title] = laptop.name

    def own_records(self, laptop: Laptop) -> list[str]:
        """References of the needs of its own member that a laptop shows."""
        assert self.world is not None
        rows = laptop.board(self.world.now).values()
        own = [row["id"] for row in rows if row["kind"] == "need"]
        return sorted(ref for ref in own if ref.startswith(ids.id_text(laptop.member)))

    # ---- writing
    @rule(who=numbers)
    def write(self, who: int) -> None:
        self.note("write")
        laptop = pick(self.laptops(), who)
        if laptop.replica.is_removed():
            self.write_in_vain(laptop)
        else:
            self.add_record(laptop)

    def write_in_vain(self, laptop: Laptop) -> None:
        fired["writing refused after a removal"] += 1
        with pytest.raises(RefusedByTrust):
            laptop.execute("add", kind="need", fields={"title": "nobody would see it"})

    def add_record(self, laptop: Laptop) -> str:
        self.texts += 1
        title = f"slip {self.texts}"
        ref: str = laptop.execute("add", kind="need", fields={"title": title})["id"]
        self.owners[ref] = laptop.name
        if laptop.device in self.removed:
            self.doomed.add(ref)
        else:
            self.live[ref, title] = laptop.name
        return ref

    @rule(who=numbers, which=numbers)
    def edit(self, who: int, which: int) -> None:
        laptop = pick(self.writers(), who)
        records = self.own_records(laptop)
        if records:
            self.note("edit")
            self.write_title(laptop, pick(records, which))

    @rule(who=numbers, which=numbers, first=st.booleans())
    def edit_same_record(self, who: int, which: int, first: bool) -> None:
        """Two laptops of one member change the same record without knowing of each other."""
        siblings = self.siblings()
        if not siblings:
            return
        pair = pick(siblings, who)
        shared = sorted(set(self.own_records(pair[0])) & set(self.own_records(pair[1])))
        if not shared:
            return
        self.note("edit the same record")
        for laptop in pair if first else pair[::-1]:
            self.write_title(laptop, pick(shared, which))

    @rule(who=numbers, which=numbers)
    def close(self, who: int, which: int) -> None:
        laptop = pick(self.writers(), who)
        records = self.own_records(laptop)
        if records:
            self.note("close")
            laptop.execute("close", ref=pick(records, which), reason="received")

    # ---- meeting
    def meet(self, which: int, what: str, faults: Faults | None = None, **more: Any) -> None:
        assert self.world is not None
        pairs = [
            (a, b) for a in self.laptops() for b in self.laptops() if self.world.may_meet(a, b)
        ]
        if pairs:
            self.note(what)
            self.last_pair = pair = pick(pairs, which)
            self.world.meet(*pair, faults=faults, **more)

    @rule(which=pairs)
    def deliver(self, which: int) -> None:
        self.meet(which, "deliver")

    @rule(which=pairs, cut_after=bytes_carried)
    def drop(self, which: int, cut_after: int) -> None:
        self.meet(which, "drop", Faults(cut_after=cut_after))

    @precondition(lambda self: self.last_pair)
    @rule()
    def duplicate(self) -> None:
        """The same two meet again, the other way round."""
        pair, self.last_pair = self.last_pair, None
        if pair and self.world and self.world.may_meet(*pair):
            self.note("duplicate")
            self.world.meet(*pair[::-1])

    @rule(which=pairs, piece=st.sampled_from((1, 7, 100)), midway=bytes_carried)
    def reorder(self, which: int, piece: int, midway: int) -> None:
        """The listener speaks first, in small pieces, and somebody writes in the middle of it."""

        def write_meanwhile() -> None:
            writers = self.writers()
            self.add_record(pick(writers, which))

        faults = Faults(piece=piece, listener_first=True)
        self.meet(which, "reorder", faults, midway=write_meanwhile, midway_after=midway)

    # ---- who reaches whom
    @rule(mask=st.integers(1, 62))
    def cut(self, mask: int) -> None:
        world = self.note("cut")
        names = list(world.laptops)
        self.parted = True
        here = [name for place, name in enumerate(names) if mask >> place & 1]
        world.part([here, [name for name in names if name not in here]])

    @precondition(lambda self: self.parted)
    @rule()
    def heal(self) -> None:
        self.parted = False
        self.note("heal").reunite()

    # ---- laptops
    @rule(who=numbers)
    def restart(self, who: int) -> None:
        world = self.note("restart")
        laptop = pick(self.laptops(), who)
        before = laptop.replica.digest(), laptop.board(world.now)
        laptop.restart()
        assert (laptop.replica.digest(), laptop.board(world.now)) == before

    @precondition(lambda self: self.copies < MOST_COPIES)
    @rule(who=numbers)
    def copy_store(self, who: int) -> None:
        """A copy of the closed file comes into the world; neither knows that there are two."""
        world = self.note("copy a store")
        laptop = pick(self.laptops(), who)
        self.copies += 1
        world.copy(laptop, f"{laptop.name}-copy{self.copies}")

    @precondition(lambda self: self.late)
    @rule()
    def join_late(self) -> None:
        world = self.note("join late")
        invite, self.late = self.late, ""
        carl = world.join("C1", invite)
        world.link("C2", carl.execute("link")["invite"])

    # ---- removals
    @precondition(lambda self: self.steps >= FIRST_REMOVAL and not self.removed)
    @rule(which=numbers, forgiving=st.booleans())
    def remove_device(self, which: int, forgiving: bool) -> None:
        """A laptop removes another one of its member; all that it shows of that one's stays, or
        nothing."""
        choice = [
            (remover, target)
            for remover, target in self.siblings()
            if target.name != "A1" and target.device in remover.replica.roster.devices
            if remover.belongs
        ]
        if not choice:
            return
        self.note("remove a device")
        remover, target = pick(choice, which)
        replica = remover.replica
        clock = replica.document_clock(replica.own_genesis)
        card = make_removal(
            replica.identity.signing_key,
            community=replica.identity.community,
            target_kind="device",
            target=(target.member, target.device),
            stay=[label for label in labels(replica.roster) if label != target.device],
            last=[
                head
                for actor, (_, head) in clock.items()
                if forgiving and actor[:32] == target.device
            ],
        )
        shown = remover.board(self.world.now) if self.world and forgiving else {}
        names = {laptop.name for laptop in self.laptops() if laptop.device == target.device}
        self.doomed |= {ref for ref, name in self.owners.items() if name in names} - shown.keys()
        for ref, title in [key for key, name in self.live.items() if name in names]:
            if not forgiving or title not in titles(remover, ref):
                del self.live[ref, title]
        self.removed.add(target.device)
        self.add_card(remover, card.wire)

    @precondition(lambda self: self.steps >= FIRST_REMOVAL and not self.gone and not self.late)
    @rule()
    def remove_member(self) -> None:
        """The founder removes the household that came late; its document is hidden everywhere."""
        assert self.world is not None
        founder, late = self.world.laptops["A1"], self.world.laptops["C1"]
        member = late.member
        if self.world.may_meet(founder, late):
            self.world.meet(late, founder)
        if member not in founder.replica.roster.members:
            return
        self.note("remove a member")
        identity = founder.replica.identity
        card = make_removal(
            identity.signing_key,
            community=identity.community,
            target_kind="member",
            target=member,
        )
        self.gone.add(member)
        self.add_card(founder, card.wire)

    def add_card(self, laptop: Laptop, wire: bytes) -> None:
        assert self.world is not None
        laptop.replica.add_cards([wire])
        self.world.spread(laptop)

    # ---- the end
    def teardown(self) -> None:
        try:
            if self.world is not None:
                self.check(self.world)
        finally:
            if self.world is not None:
                self.world.close()
            shutil.rmtree(self.folder)

    def check(self, world: World) -> None:
        world.reunite()
        rounds = world.settle()
        self.judge(world)
        self.work_together(world)
        world.settle()
        self.judge(world)
        for laptop in self.laptops():
            laptop.restart()
            assert laptop.replica.is_removed() == (laptop.device in self.removed)
            if laptop.replica.is_removed():
                self.write_in_vain(laptop)
        self.judge(world)
        count_documents(world)
        fired["rounds to settle"] += rounds
        fired.update({f"- {what}": number for what, number in world.happened.items()})

    def work_together(self, world: World) -> None:
        """All goes on afterwards: two laptops of each member change one record at the same time."""
        for one, other in self.siblings():
            if one.name < other.name and one.member not in self.gone:
                records = self.own_records(one)
                for laptop in (one, other) if records else ():
                    self.write_title(laptop, records[0])
        for laptop in self.writers():
            self.add_record(laptop)

    def judge(self, world: World) -> None:
        standing = world.standing()
        assert len({laptop.replica.digest() for laptop in standing}) == 1
        boards = [laptop.board(world.now) for laptop in standing]
        assert differences(boards) == []
        for laptop in standing:
            assert not stale_rows(laptop)
            assert not waiting_in_vain(laptop)
        gone = tuple(map(ids.id_text, self.gone))
        expected = {ref for ref in self.owners if not ref.startswith(gone)} - self.doomed
        missing = {ref: self.owners[ref] for ref in expected - boards[0].keys()}
        assert not missing, "acknowledged, and on no board"
        assert not self.doomed & boards[0].keys(), "a removal takes what it does not name"
        needs = {ref for ref, row in boards[0].items() if row["kind"] == "need"}
        assert needs <= self.owners.keys()
        lost = [
            (ref, title, name)
            for (ref, title), name in self.live.items()
            if ref in expected and title not in titles(standing[0], ref)
        ]
        assert not lost, "acknowledged values that no later edit had seen, and they are gone"


def pick(of: Sequence[T], number: int) -> T:
    return of[number % len(of)]


def titles(laptop: Laptop, ref: str) -> list[Any]:
    """All titles that a laptop shows for a record."""
    row = laptop.store.record(*ids.parse_reference(ref))
    return list(row.fields.get("title", ())) if row else []


def labels(roster: Roster) -> Iterator[bytes]:
    """What a stay-list calls every card."""
    for signed in roster.cards:
        match signed.card:
            case Invite(invite_key=label) | Member(member=label) | Device(device_key=label):
                yield label


def documents(laptop: Laptop) -> Iterator[tuple[bytes, Document]]:
    for genesis in laptop.replica.items():
        member = laptop.replica.member_of(genesis)
        assert member is not None
        yield member, laptop.replica._documents.get(genesis)


def stale_rows(laptop: Laptop) -> list[str]:
    """Records whose row in the read model is not what the document shows."""
    stale = []
    for member, document in documents(laptop):
        shown = {name: fields_of(view) for name, view in document.records().items()}
        rows = {row.record_id: dict(row.fields) for row in laptop.store.records(member)}
        stale += [name for name in shown.keys() | rows.keys() if shown.get(name) != rows.get(name)]
    return stale


def waiting_in_vain(laptop: Laptop) -> bool:
    """Whether a run waits, and not for the rest of a branch that counts for nobody: of a branch
    beyond its fork nothing is owed."""
    forked = any(document._history.forks for _, document in documents(laptop))
    return laptop.replica.waiting_runs() > 0 and not forked


def count_documents(world: World) -> None:
    """Note how many documents were what they should be."""
    for _, document in documents(world.standing()[0]):
        changes = document._history.changes
        named = {
            (change.actor[:32], changes[dep].actor[:32])
            for change in changes.values()
            for dep in change.deps
            if dep in changes
        }
        crossing = any((b, a) in named for a, b in named if a != b)
        fired["documents"] += 1
        fired["documents with crossing predecessors"] += crossing
        fired["documents with forks"] += bool(document._history.forks)


RULES = (
    "write",
    "edit",
    "edit the same record",
    "close",
    "deliver",
    "drop",
    "duplicate",
    "reorder",
    "cut",
    "heal",
    "restart",
    "copy a store",
    "join late",
    "remove a device",
    "remove a member",
)
EVENTS = (
    "writing refused after a removal",
    "- two joiners met",
    "- joiner met a host",
    "- host lacked the invite",
    "- not known yet",
    "- cut",
    "- cut in transfer",
    "- healed",
    "documents with forks",
)


@pytest.mark.timeout(900)  # that is for making a failure small; else it takes less than one minute
def test_all_boards_are_one_in_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(limits, "BALLAST_BYTES", 16)
    fired.clear()
    run_state_machine_as_test(
        Neighbourhood,
        settings=settings(max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None),
    )
    with capsys.disabled():
        print("\nwhat happened: " + ", ".join(f"{what} {n}" for what, n in sorted(fired.items())))
    never = [what for what in (*RULES, *EVENTS) if not fired[what]]
    assert not never
    assert fired["documents with crossing predecessors"] * 2 >= fired["documents"]
