"""Small dramas: three members with two devices each say anything about anything, and meet or not.

Whatever they do, and whoever has heard of what: in the end all six boards are the same, and
nothing that anybody wrote is out of sight without a reason that the board tells.
"""

from __future__ import annotations

import copy
import functools
import json
from typing import Any, Final

from hypothesis import reject, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from meshaid.commands import execute
from meshaid.core.board import ENDED, Board
from meshaid.core.derivation import Standing
from meshaid.core.identity import Identity
from meshaid.core.meeting import Meeting
from meshaid.core.replica import Replica
from meshaid.core.served import Served
from meshaid.desk import Desk
from meshaid.errors import Ambiguous, InvalidInput, NotFound, RefusedByTrust
from meshaid.testing import MemoryLedger
from meshaid.testing.wire import Wire
from tests.core.real_world import Dice, RealWorld

NOON: Final = 1_700_000_000
HOUR: Final = 3600
LATER: Final = 100 * HOUR
"""Past every expiry that is not chosen."""
KINDS: Final = ("need", "offer", "pledge", "receipt", "flag")
NAMES: Final = ("hub", "hub 2", "ada", "ada 2", "ben", "ben 2")
REFUSALS: Final = (InvalidInput, NotFound, Ambiguous, RefusedByTrust)

VERBS: Final = (
    *("pledge", "withdraw", "handed-over", "failed", "returned", "accept", "decline"),
    *("not-received", "receive", "flag", "hide", "unhide", "pause", "reopen", "close", "edit"),
)

names = st.sampled_from(NAMES)
amounts = st.sampled_from(
    [
        {},
        {"whole": False},
        *(
            {"quantity": quantity, "unit": unit}
            for quantity in ("1", "2.5", "12")
            for unit in ("L", "gal_us", "pack", "buckets")
        ),
    ]
)
reasons = st.sampled_from(["received", "no_longer_needed", "duplicate", "mistake"])
flags = st.sampled_from(["spam", "personal_data", "duplicate", "seems_done", "wrong_area"])


@functools.cache
def founded() -> dict[str, tuple[Identity, MemoryLedger]]:
    """The six devices with all cards of each other."""
    world = RealWorld()
    hub = world.found("hub")
    devices = [hub, world.link("hub 2", hub)]
    for name in ("ada", "ben"):
        first = world.join(name, hub)
        devices += [first, world.link(f"{name} 2", first)]
    replicas = [device.replica for device in devices]
    for _ in range(2):
        for replica in replicas[1:]:
            meet(replicas[0], replica)
    found: dict[str, tuple[Identity, MemoryLedger]] = {}
    for name, replica in zip(NAMES, replicas, strict=True):
        assert len(replica.roster.members) == 3
        ledger = replica.ledger
        assert isinstance(ledger, MemoryLedger)
        found[name] = replica.identity, ledger
    return found


def meet(one: Replica, other: Replica) -> None:
    """One whole meeting."""
    replicas = (one, other)

    def heal(side: int) -> None:
        for change in replicas[side].take_changes_and_heal()[1]:
            wire.meetings[side].local_change(change.genesis, change.before, 0.0)

    wire = Wire(
        Meeting(Served(one), role="dialer", ephemeral=b"\1" * 32, now=0.0, once=True),
        Meeting(Served(other), role="listener", ephemeral=b"\2" * 32, now=0.0),
        now=0.0,
        after_step=heal,
    )
    wire.run()
    wire.end()


written = precondition(lambda self: self.written)
promised = precondition(lambda self: "pledge" in self.written.values())


class Drama(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = NOON
        self.desks: dict[str, Desk] = {}
        self.known: dict[str, set[str]] = {name: set() for name in NAMES}
        """References of what each device has heard of."""
        self.written: dict[str, str] = {}
        """Kind by reference of everything that anybody wrote."""
        self.needs: dict[str, str] = {}
        """The need that a pledge or receipt names."""

    @initialize()
    def begin(self) -> None:
        for name, (identity, ledger) in founded().items():
            dice = Dice(f"drama {name}")
            replica = Replica(copy.deepcopy(ledger), identity, random=dice)
            self.desks[name] = Desk(replica, random=dice)

    # ---- who says what
    def say(self, name: str, verb: str, **arguments: object) -> None:
        """Try it; what is refused has written nothing."""
        desk = self.desks[name]
        before = desk.replica.digest()
        try:
            result = execute(desk, verb, arguments, self.now)
        except REFUSALS:
            assert desk.replica.digest() == before
            return
        record = desk.board(self.now).record(result["id"])
        assert record is not None
        self.written[record.reference] = record.kind
        self.needs[record.reference] = record.text("need")
        self.known[name].add(record.reference)

    def pick(self, data: st.DataObject, *kinds: str, whose: str = "any") -> tuple[str, str]:
        """A device and a record on it: one of its member, one on a need of its member, or any."""
        pairs = [
            (name, ref)
            for name in NAMES
            for ref, kind in self.written.items()
            if kind in kinds and ref in self.known[name]
            if whose == "any" or self.is_of(name, self.needs[ref] if whose == "asked" else ref)
        ]
        if not pairs:
            reject()
        return data.draw(st.sampled_from(pairs))

    def is_of(self, name: str, reference: str) -> bool:
        return reference.partition("/")[0] == self.desks[name].member

    def another(self, data: st.DataObject, name: str, *kinds: str, own: bool = False) -> str:
        """A record that a device holds, or none."""
        held = [
            ref
            for ref, kind in self.written.items()
            if kind in kinds and ref in self.known[name] and (not own or self.is_of(name, ref))
        ]
        return str(data.draw(st.sampled_from(["", *held])))

    @rule(name=names, amount=amounts, kind=st.sampled_from(["need", "need", "offer"]))
    def post(self, name: str, amount: dict[str, Any], kind: str) -> None:
        fields = {key: value for key, value in amount.items() if key != "whole"}
        self.say(name, "add", kind=kind, fields={"title": "Water", **fields}, claim=False)

    @written
    @rule(data=st.data(), amount=amounts, held=st.booleans())
    def pledge(self, data: st.DataObject, amount: dict[str, Any], held: bool) -> None:
        name, need = self.pick(data, "need")
        offer = self.another(data, name, "offer", own=True)
        until = {} if held else {"hold_until": self.now + HOUR}
        self.say(name, "pledge", need=need, offer=offer, **amount, **until)

    @promised
    @rule(data=st.data(), verb=st.sampled_from(["withdraw", "handed-over", "failed", "returned"]))
    def change_pledge(self, data: st.DataObject, verb: str) -> None:
        name, ref = self.pick(data, "pledge", whose="own")
        self.say(name, verb, ref=ref)

    @promised
    @rule(data=st.data(), verb=st.sampled_from(["accept", "decline", "not-received"]))
    def answer(self, data: st.DataObject, verb: str) -> None:
        name, ref = self.pick(data, "pledge", whose="asked")
        self.say(name, verb, ref=ref)

    @promised
    @rule(data=st.data(), amount=amounts, more=st.booleans())
    def receive_promised(self, data: st.DataObject, amount: dict[str, Any], more: bool) -> None:
        name, ref = self.pick(data, "pledge", whose="asked")
        self.say(name, "receive", ref=ref, more_coming=more, **amount)

    @written
    @rule(data=st.data(), amount=amounts)
    def receive(self, data: st.DataObject, amount: dict[str, Any]) -> None:
        name, ref = self.pick(data, "need")
        self.say(name, "receive", ref=ref, **amount)

    @written
    @rule(data=st.data(), verb=st.sampled_from(VERBS))
    def meddle(self, data: st.DataObject, verb: str) -> None:
        """Anybody may try anything with anything."""
        name, ref = self.pick(data, *KINDS)
        self.say(name, verb, ref=ref, need=ref, reason="spam", fields={"quantity": "3"})

    @written
    @rule(data=st.data(), reason=flags)
    def flag(self, data: st.DataObject, reason: str) -> None:
        name, ref = self.pick(data, "need", "offer")
        other = self.another(data, name, "need", "offer") if reason == "duplicate" else ""
        self.say(name, "flag", ref=ref, reason=reason, other=other)

    @written
    @rule(data=st.data(), verb=st.sampled_from(["pause", "reopen"]))
    def turn(self, data: st.DataObject, verb: str) -> None:
        name, ref = self.pick(data, "need", "offer", whose="own")
        self.say(name, verb, ref=ref)

    @written
    @rule(data=st.data(), reason=reasons)
    def close(self, data: st.DataObject, reason: str) -> None:
        name, ref = self.pick(data, "need", "offer", whose="own")
        other = self.another(data, name, self.written[ref]) if reason == "duplicate" else ""
        self.say(name, "close", ref=ref, reason=reason, duplicate_of=other)

    @written
    @rule(data=st.data(), quantity=st.sampled_from(["1", "7", ""]))
    def edit(self, data: st.DataObject, quantity: str) -> None:
        name, ref = self.pick(data, "need", "offer", whose="own")
        self.say(name, "edit", ref=ref, fields={"quantity": quantity})

    @written
    @rule(one=names, other=names)
    def sync(self, one: str, other: str) -> None:
        if one != other:
            meet(self.desks[one].replica, self.desks[other].replica)
            self.known[one] |= self.known[other]
            self.known[other] |= self.known[one]

    @written
    @rule(minutes=st.sampled_from([10, 90, 30 * 60]))
    def wait(self, minutes: int) -> None:
        self.now += 60 * minutes

    # ---- what holds at any time, and in the end
    @invariant()
    def sums_are_sound(self) -> None:
        for desk in self.desks.values():
            board = desk.board(self.now)
            for row in board.rows(kind="need", status="all", hidden=True):
                check_sums(row.standing)

    def teardown(self) -> None:
        if not self.desks:
            return
        first, *others = (desk.replica for desk in self.desks.values())
        for replica in (*others, *others):
            meet(first, replica)
        for now in (self.now, self.now + LATER):
            boards = [desk.board(now) for desk in self.desks.values()]
            assert len({everything(board) for board in boards}) == 1
            self.check_nothing_is_lost(boards[0])

    def check_nothing_is_lost(self, board: Board) -> None:
        """Everything can be listed, each once; what the usual list leaves out says why."""
        for kind in KINDS:
            wanted = sorted(ref for ref, of in self.written.items() if of == kind)
            rows = board.rows(kind=kind, status="all", hidden=True)
            assert sorted(row.id for row in rows) == wanted
            shown = {row.id for row in board.rows(kind=kind)}
            told = {row.id for row in rows if row.status in ENDED or row.hidden}
            assert shown | told == set(wanted)
        for reference, kind in self.written.items():
            if kind in ("pledge", "receipt"):
                self.check_is_with_its_need(board, reference)

    def check_is_with_its_need(self, board: Board, reference: str) -> None:
        record = board.record(reference)
        assert record is not None
        need = board.record(record.text("need"))
        assert need is not None
        assert reference in {row.id for row in board.related(need)}


def everything(board: Board) -> str:
    """All rows of all kinds as one text."""
    rows = [
        row.as_json() for kind in KINDS for row in board.rows(kind=kind, status="all", hidden=True)
    ]
    return json.dumps([rows, board.left_out()])


def check_sums(standing: Standing) -> None:
    """No sum is below zero; what is wanted is received, promised or open."""
    assert min(standing.received, standing.promised) >= 0
    if standing.wanted is None:
        assert (standing.left, standing.over) == (None, None)
    else:
        assert standing.left is not None
        assert standing.over is not None
        assert min(standing.left, standing.over) == 0 <= max(standing.left, standing.over)
        held = standing.received + standing.promised
        assert held + standing.left == standing.wanted + standing.over


def test_whatever_people_do_all_boards_end_the_same_and_nothing_is_lost() -> None:
    run_state_machine_as_test(
        Drama, settings=settings(max_examples=40, stateful_step_count=30, deadline=None)
    )
