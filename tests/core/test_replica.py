"""What one device knows: durable when it says so, the same whatever order things came in."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

import pytest

from meshaid.core import enrol
from meshaid.core.cards import SignedCard, make_removal
from meshaid.core.delta import StrippedDelta, decode_delta
from meshaid.core.invite import decode_invite
from meshaid.core.replica import Replica
from meshaid.core.shapes import Clock
from meshaid.errors import RefusedByTrust, StoreFull
from meshaid.testing import MemoryLedger
from tests.core.real_world import Dice, RealDevice, RealWorld

ORDERS = 60
_openings = count()
WATER, BREAD, SOUP, INSULIN = (letter * 16 for letter in "abcd")


def put(device: RealDevice, record: str, title: str) -> None:
    """Make a record, or give it another title."""
    held = device.replica.ledger.record(device.replica.identity.member, record)
    make = [] if held else [("make", record)]
    device.replica.write([*make, ("put", record, "title", title)])


def titles(replica: Replica) -> dict[str, list[object]]:
    """Record to titles, winner first, of every member that counts."""
    rows = replica.ledger.records()
    return {row.record_id: list(row.fields["title"]) for row in rows if replica.counts(row.member)}


def runs_of(device: RealDevice, theirs: Clock | None = None) -> list[StrippedDelta]:
    """The member's document as deltas of one run each, acceptable in turn."""
    replica = device.replica
    genesis = replica.own_genesis
    owed = replica.owed(genesis, theirs or {})
    return [decode_delta(data) for run in owed for data in replica.encode(genesis, [run])]


def wires_of(device: RealDevice) -> list[bytes]:
    return [card.wire for card in device.replica.roster.cards]


def bring(sender: RealDevice, receiver: RealDevice) -> None:
    """All cards, then what the receiver lacks of the sender's own document."""
    receiver.replica.add_cards(wires_of(sender))
    clock = receiver.replica.document_clock(sender.replica.own_genesis)
    receiver.replica.receive(runs_of(sender, clock))


def state(replica: Replica) -> tuple[object, ...]:
    """All that this replica shows."""
    shown = sorted(
        (row.member, row.record_id, repr(row.fields)) for row in replica.ledger.records()
    )
    return replica.digest(), shown, replica.card_names(), replica.changes(), replica.actor


def opened(replica: Replica, *, install: bytes = b"") -> Replica:
    """As another process would find it, upon a copy of what is durable."""
    ledger = replica.ledger
    assert isinstance(ledger, MemoryLedger)
    dice = Dice(f"opened {next(_openings)}")
    return Replica(ledger.reopen(), replica.identity, random=dice, install=install)


class Street:
    """Anna founded it; Ben has two devices that write into one document; Carl only reads."""

    def __init__(self) -> None:
        self.world = RealWorld()
        self.anna = self.world.found("Anna")
        self.ben = self.world.join("Ben", self.anna)
        self.carl = self.world.join("Carl", self.anna)
        bring(self.anna, self.ben)
        self.tablet = self.world.link("tablet", self.ben)
        bring(self.ben, self.tablet)

    def write_in_turn(self) -> None:
        """Each device edits what the other wrote, so that their changes name each other's."""
        put(self.ben, WATER, "water")
        bring(self.ben, self.tablet)
        put(self.tablet, WATER, "water, 5 L")
        put(self.tablet, BREAD, "bread")
        bring(self.tablet, self.ben)
        put(self.ben, BREAD, "bread, two")
        bring(self.ben, self.tablet)
        put(self.tablet, SOUP, "soup")
        bring(self.tablet, self.ben)

    def removal(
        self, remover: RealDevice, target: RealDevice, last: Sequence[bytes] = ()
    ) -> SignedCard:
        """The removal of a device, which lets these changes stay."""
        identity = remover.replica.identity
        return make_removal(
            identity.signing_key,
            community=identity.community,
            target_kind="device",
            target=(target.replica.identity.member, target.replica.identity.device),
            last=last,
        )

    def removed_member(self) -> SignedCard:
        identity = self.anna.replica.identity
        return make_removal(
            identity.signing_key,
            community=identity.community,
            target_kind="member",
            target=self.ben.replica.identity.member,
        )

    def heads(self, of: RealDevice, seen_by: RealDevice) -> list[bytes]:
        """The last changes of a device that another one shows."""
        replica = seen_by.replica
        clock = replica.document_clock(replica.own_genesis)
        device = of.replica.identity.device
        return [head for actor, (_, head) in clock.items() if actor[:32] == device]

    def newcomer(self) -> enrol.Enrolled:
        """Somebody who has an invite, and has met nobody."""
        text = decode_invite(self.world._invite(self.anna, "member"))
        return enrol.join(text, name="Dora", kind=None, random=Dice("Dora"))


@pytest.fixture
def street() -> Street:
    return Street()


# ---- every order of arrival
@dataclass(frozen=True)
class Orders:
    """What came of all orders of arrival: the same titles in the end, and how many runs waited in
    any of them, on the way and in the end."""

    shown: dict[str, list[object]]
    waited: int
    waiting: int


def all_orders(street: Street, cards: Sequence[bytes], deltas: Sequence[StrippedDelta]) -> Orders:
    """Bring everything to a newcomer, in many orders; a third of them restarts all the time.

    What was left alone comes again in the end, as it does from a peer whose digest differs.
    """
    enrolled = street.newcomer()
    everything: list[bytes | StrippedDelta] = [*cards, *wires_of(street.anna), *deltas]
    digests, shown = set(), []
    waited = waiting = 0
    for seed in range(ORDERS):
        reader = RealDevice(enrolled, Dice(f"reader {seed}")).replica
        for piece in random.Random(seed).sample(everything, len(everything)):
            if isinstance(piece, bytes):
                reader.add_cards([piece])
            else:
                reader.receive([piece])
            waited = max(waited, reader.waiting_runs())
            reader = opened(reader) if seed % 3 == 0 else reader
        reader.receive(deltas)
        waiting = max(waiting, reader.waiting_runs())
        for again in (reader, opened(reader)):
            digests.add(again.digest())
            shown.append(titles(again))
    assert len(digests) == 1
    assert all(one == shown[0] for one in shown)
    return Orders(shown[0], waited, waiting)


def test_cards_and_deltas_in_every_order(street: Street) -> None:
    street.write_in_turn()
    orders = all_orders(street, wires_of(street.ben), runs_of(street.ben))
    assert orders.shown == {WATER: ["water, 5 L"], BREAD: ["bread, two"], SOUP: ["soup"]}
    assert orders.waited > 1
    assert orders.waiting == 0


def test_a_removal_keeps_what_it_names_in_every_order(street: Street) -> None:
    street.write_in_turn()
    kept = street.heads(of=street.tablet, seen_by=street.ben)
    put(street.tablet, INSULIN, "not seen when it was removed")
    removal = street.removal(street.ben, street.tablet, kept)
    cards = [removal.wire, *wires_of(street.tablet)]
    orders = all_orders(street, cards, runs_of(street.tablet))
    assert orders.shown == {WATER: ["water, 5 L"], BREAD: ["bread, two"], SOUP: ["soup"]}
    assert orders.waiting == 0


def test_a_removal_that_names_nothing_takes_all_with_it(street: Street) -> None:
    street.write_in_turn()
    removal = street.removal(street.ben, street.tablet)
    orders = all_orders(street, [removal.wire, *wires_of(street.tablet)], runs_of(street.tablet))
    assert orders.shown == {WATER: ["water"]}


def test_a_hidden_member_does_not_come_back_in_any_order(street: Street) -> None:
    street.write_in_turn()
    removal = street.removed_member()
    orders = all_orders(street, [removal.wire, *wires_of(street.ben)], runs_of(street.ben))
    assert orders.shown == {}


def test_a_hidden_member_leaves_the_digest(street: Street) -> None:
    street.write_in_turn()
    anna = street.anna.replica
    bring(street.ben, street.anna)
    assert len(anna.items()) == 1
    street.anna.keep(street.removed_member())
    assert anna.items() == {}
    assert anna.owed(street.ben.replica.own_genesis, {}) == []
    bring(street.ben, street.anna)
    assert anna.items() == {}
    assert opened(anna).digest() == anna.digest()


def linked_twice(street: Street) -> tuple[RealDevice, RealDevice]:
    """Two devices that joined by one link: the cap lets the second stay."""
    text = decode_invite(street.world._invite(street.ben, "device"))
    one = enrol.link(text, label="first", random=Dice("first"))
    others = (
        enrol.link(text, label="second", random=Dice(f"second {number}")) for number in range(100)
    )
    other = next(found for found in others if found.cards[0].hash < one.cards[0].hash)
    return RealDevice(one, Dice("one")), RealDevice(other, Dice("other"))


def test_a_device_that_a_cap_leaves_out_counts_nowhere_in_any_order(street: Street) -> None:
    street.write_in_turn()
    first, second = linked_twice(street)
    bring(street.ben, first)
    put(first, INSULIN, "written before anybody knew of the second")
    bring(first, street.ben)
    assert INSULIN in titles(street.ben.replica)
    cards, deltas = wires_of(street.ben), runs_of(street.ben)
    late = second.replica.chain()[-1]
    street.ben.replica.add_cards([late])
    assert INSULIN not in titles(street.ben.replica)
    orders = all_orders(street, [*cards, late], deltas)
    assert orders.shown == titles(street.ben.replica)
    assert orders.waiting == 1, "the run of a device that nobody will ever know of"


# ---- own cards
def test_a_left_out_device_keeps_its_own_card_and_is_told(street: Street) -> None:
    first, second = linked_twice(street)
    bring(street.ben, first)
    put(first, WATER, "counted until the second came")
    first.replica.add_cards([second.replica.chain()[-1]])
    for replica in (first.replica, opened(first.replica)):
        assert replica.own_device_card() == first.replica.own_device_card()
        assert replica.is_removed()
        with pytest.raises(RefusedByTrust, match="join in a new home"):
            replica.write([("make", BREAD), ("put", BREAD, "title", "x")])
        assert replica.items() == {}


def test_pending_cards_are_bounded_and_never_crowd_out_our_own(street: Street) -> None:
    text = decode_invite(street.world._invite(street.anna, "member"))
    enrolled = enrol.join(text, name="Dora", kind=None, random=Dice("Dora"))
    ledger = MemoryLedger()
    replica = Replica(ledger, enrolled.identity, random=Dice("d"), pending_cards=5)
    replica.add_cards([card.wire for card in enrolled.cards])
    strangers = [
        enrol.join(text, name="S", kind=None, random=Dice(f"stranger {n}")).cards[0]
        for n in range(20)
    ]
    for card in strangers:
        replica.add_cards([card.wire])
    held = {row.hash for row in ledger.cards()}
    assert held == {card.hash for card in (*enrolled.cards, *strangers[-5:])}
    assert replica.own_member_card() is not None
    replica.add_cards(wires_of(street.anna))
    assert replica.is_proven()
    assert len(replica.roster.members) == 1 + 1 + 5, "Anna, ourselves, and the last strangers"


def test_a_card_is_written_once(street: Street) -> None:
    """Each of 10,000 cards again for every new one: that would be the end of a small laptop."""
    ledger = street.carl.replica.ledger
    bring(street.anna, street.carl)
    written: list[bytes] = []
    put_card = ledger.put_card
    ledger.put_card = lambda row: (written.append(row.hash), put_card(row))  # type: ignore[method-assign, assignment, func-returns-value]
    before = street.carl.replica.roster.hashes
    card = street.removal(street.ben, street.tablet)
    street.carl.replica.add_cards([*wires_of(street.tablet), card.wire])
    assert sorted(written) == sorted(street.carl.replica.roster.hashes - before)


# ---- durable, or not at all
def test_whatever_returned_is_durable(street: Street) -> None:
    street.write_in_turn()
    reader = RealDevice(street.newcomer(), Dice("reader"))
    for sender in (street.anna, street.tablet, street.ben):
        bring(sender, reader)
        assert state(opened(reader.replica)) == state(reader.replica)
    put(reader, WATER, "own")
    assert state(opened(reader.replica)) == state(reader.replica)
    reader.replica.renew_nonce()
    assert state(opened(reader.replica)) == state(reader.replica)


@contextmanager
def full_disk(replica: Replica) -> Iterator[None]:
    """Inside, every commit fails when all is written, right before it would be durable."""
    ledger = replica.ledger
    whole = ledger.transaction

    @contextmanager
    def failing() -> Iterator[None]:
        with whole():
            yield
            raise StoreFull("the disk is full")

    ledger.transaction = failing  # type: ignore[method-assign]
    with pytest.raises(StoreFull):
        yield
    ledger.transaction = whole  # type: ignore[method-assign]


def fork_of(street: Street) -> None:
    """A copy of Ben's store writes, and Ben hears of it."""
    copy = opened(street.ben.replica)
    copy.write([("make", INSULIN), ("put", INSULIN, "title", "from the copy")])
    put(street.ben, WATER, "from the original")
    genesis = copy.own_genesis
    clock = street.ben.replica.document_clock(genesis)
    for data in copy.encode(genesis, copy.owed(genesis, clock)):
        street.ben.replica.receive([decode_delta(data)])


STEPS: dict[str, Callable[[Street], object]] = {
    "write": lambda street: put(street.ben, SOUP, "soup"),
    "cards": lambda street: street.ben.keep(street.removed_member()),
    "removal": lambda street: street.ben.keep(street.removal(street.ben, street.tablet)),
    "receive": lambda street: bring(street.tablet, street.ben),
    "renew": lambda street: street.ben.replica.renew_nonce(),
    "heal": lambda street: street.ben.replica.heal(),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_commit_that_fails_leaves_memory_as_the_disk_is(street: Street, step: str) -> None:
    put(street.ben, WATER, "water")
    bring(street.ben, street.tablet)
    put(street.tablet, WATER, "seen by nobody yet")
    if step == "heal":
        fork_of(street)
    ben = street.ben.replica
    before = state(ben)
    with full_disk(ben):
        STEPS[step](street)
    assert state(ben) == state(opened(ben)) == before
    assert ben.take_changes(), "what was committed before is still to be told"
    STEPS[step](street)
    assert state(ben) == state(opened(ben)) != before


def test_few_documents_in_memory_change_nothing(street: Street) -> None:
    street.write_in_turn()
    put(street.anna, INSULIN, "insulin")
    enrolled = street.newcomer()
    readers = [
        Replica(MemoryLedger(), enrolled.identity, random=Dice("r"), documents_in_memory=number)
        for number in (1, 100)
    ]
    for reader in readers:
        reader.add_cards([*wires_of(street.anna), *wires_of(street.ben)])
        reader.receive([*runs_of(street.ben), *runs_of(street.anna), *runs_of(street.tablet)])
        reader.add_cards([street.removal(street.ben, street.tablet).wire])
    assert readers[0].digest() == readers[1].digest()
    assert titles(readers[0]) == titles(readers[1]) == {WATER: ["water"], INSULIN: ["insulin"]}


# ---- waiting
def test_a_run_waits_for_the_card_of_its_device(street: Street) -> None:
    put(street.tablet, WATER, "water")
    unknown = street.tablet.replica.chain()[-1]
    assert unknown not in wires_of(street.ben)
    carl = street.carl.replica
    carl.add_cards(wires_of(street.ben))
    received = carl.receive(runs_of(street.tablet))
    assert [(r.accepted, r.rules) for r in received] == [(0, ("G4",))]
    assert carl.waiting_runs() == 1
    assert titles(carl) == {}
    carl.add_cards([unknown])
    assert carl.waiting_runs() == 0
    assert titles(carl) == {WATER: ["water"]}
    assert [change.records for change in carl.take_changes()] == [{WATER}]


def test_a_removal_that_comes_while_a_run_waits(street: Street) -> None:
    """The document is in memory, and not on disk yet, when the removal takes its effect."""
    put(street.tablet, WATER, "water")
    unknown = street.tablet.replica.chain()[-1]
    carl = street.carl.replica
    carl.add_cards(wires_of(street.ben))
    carl.receive(runs_of(street.tablet))
    assert carl.waiting_runs() == 1
    carl.add_cards([street.removal(street.ben, street.tablet).wire, unknown])
    assert carl.waiting_runs() == 0
    assert titles(carl) == {}
    assert carl.items() == {}


def test_a_removal_that_comes_right_after_a_restart(street: Street) -> None:
    """No document is in memory when the removal takes its effect."""
    street.write_in_turn()
    removal = street.removal(street.ben, street.tablet)
    bring(street.ben, street.carl)
    restarted = opened(street.carl.replica)
    for replica in (street.carl.replica, restarted):
        replica.add_cards([removal.wire])
        assert titles(replica) == {WATER: ["water"]}
    assert restarted.digest() == street.carl.replica.digest()


# ---- copies and backups
def test_a_copy_elsewhere_goes_on_as_another_actor(street: Street) -> None:
    here = opened(street.ben.replica, install=b"this disk")
    assert opened(here, install=b"this disk").actor == here.actor
    assert opened(here, install=b"another disk").actor != here.actor


def test_a_restored_backup_learns_from_a_peer_that_it_is_one(street: Street) -> None:
    put(street.ben, WATER, "water")
    backup = opened(street.ben.replica)
    put(street.ben, BREAD, "published, then the disk broke")
    bring(street.ben, street.anna)
    peer, genesis = street.anna.replica, backup.own_genesis
    assert not backup.note_peer_clock(street.anna.replica.own_genesis, {backup.actor: (9, b"")})
    assert not backup.note_peer_clock(genesis, backup.document_clock(genesis))
    old = backup.actor
    assert backup.note_peer_clock(genesis, peer.document_clock(genesis))
    assert backup.actor != old == street.ben.replica.actor
    assert opened(backup).actor == backup.actor
    backup.write([("make", SOUP), ("put", SOUP, "title", "after the restore")])
    deltas = backup.encode(genesis, backup.owed(genesis, peer.document_clock(genesis)))
    received = peer.receive(map(decode_delta, deltas))
    assert [r.rules for r in received] == [()], "no fork"
    assert set(titles(peer)) == {WATER, BREAD, SOUP}


def test_a_fork_heals_and_nothing_is_lost(street: Street) -> None:
    """A restored backup writes before it meets anybody; a sibling writes meanwhile."""
    put(street.ben, WATER, "water")
    bring(street.ben, street.tablet)
    copy = RealDevice.__new__(RealDevice)
    copy.replica = opened(street.ben.replica)
    put(copy, WATER, "from the backup")
    put(copy, BREAD, "bread")
    put(street.ben, WATER, "from the lost disk")
    put(street.ben, SOUP, "soup")
    put(street.tablet, WATER, "from the tablet")
    everybody = (street.ben, copy, street.tablet, street.anna)
    for _ in range(4):
        for one in everybody:
            for other in everybody:
                one.replica.add_cards(wires_of(other))
                genesis = street.ben.replica.own_genesis
                runs = other.replica.owed(genesis, one.replica.document_clock(genesis))
                if runs:
                    one.replica.receive(map(decode_delta, other.replica.encode(genesis, runs)))
                one.replica.take_changes_and_heal()
    assert len({device.replica.digest() for device in everybody}) == 1
    shown = titles(street.anna.replica)
    assert set(shown) == {WATER, BREAD, SOUP}
    assert {*shown[WATER]} == {"from the backup", "from the lost disk", "from the tablet"}
    for device in everybody[:2]:
        put(device, INSULIN, "and both go on")


def test_whose_actor_was_healed_by_a_copy_goes_on_as_another(street: Street) -> None:
    put(street.ben, WATER, "water")
    copy = opened(street.ben.replica)
    copy.write([("put", WATER, "title", "copy")])
    put(street.ben, WATER, "original")
    genesis, ben = copy.own_genesis, street.ben.replica
    copy.receive(map(decode_delta, ben.encode(genesis, ben.owed(genesis, {}))))
    assert copy.heal()
    ben.receive(map(decode_delta, copy.encode(genesis, copy.owed(genesis, {}))))
    assert not ben.heal()
    old = ben.actor
    put(street.ben, BREAD, "bread")
    assert ben.actor != old
    assert {*titles(ben)[WATER]} == {"copy", "original"}


def test_a_removed_device_neither_heals_nor_writes(street: Street) -> None:
    bring(street.ben, street.tablet)
    put(street.tablet, WATER, "water")
    street.tablet.keep(street.removal(street.ben, street.tablet))
    tablet = street.tablet.replica
    assert titles(tablet) == {}
    assert not tablet.heal()
    with pytest.raises(RefusedByTrust, match="was removed"):
        put(street.tablet, BREAD, "bread")
    assert tablet.changes() == 1
