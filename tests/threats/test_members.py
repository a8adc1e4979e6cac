"""Attackers 7, 12 to 20, 25 and 29: members, thieves, clocks and old clients."""

from __future__ import annotations

import copy
import logging
import random
from itertools import permutations

import pytest

from meshaid.core import ids
from meshaid.core.board import Board
from meshaid.core.cards import decode_card, make_device, make_removal
from meshaid.core.clocks import state_hash
from meshaid.core.delta import Run, decode_delta, encode_delta, signed_bytes
from meshaid.core.enrol import found, invite, join
from meshaid.core.invite import decode_invite
from meshaid.core.keys import SigningKey, StaticKey
from meshaid.core.noise import channel_prologue
from meshaid.core.records import read_record
from meshaid.core.replica import Replica
from meshaid.core.rows import Author
from meshaid.core.served import Served
from meshaid.dns_sd import Discovered
from meshaid.errors import InvalidSignature, RemoteProtocolError
from meshaid.mesh import Links
from tests import forge
from tests.core.meeting_pair import Pair
from tests.core.real_world import NOW, Dice, RealDevice, RealWorld


class ThreatWorld(RealWorld):
    """A world with stewards, copies of stores and a root key that is at hand."""

    def __init__(self) -> None:
        super().__init__()
        self.dice = Dice("threats")

    def found(self, name: str) -> RealDevice:
        dice = Dice(name)
        founded = found(
            community_name="Riverside",
            name=name,
            kind="hub",
            exercise=True,
            stewards=0,
            keep_root=True,
            now=NOW,
            random=dice,
        )
        return RealDevice(founded, dice)

    def join_with(self, name: str, text: str) -> RealDevice:
        dice = Dice(name)
        return RealDevice(join(decode_invite(text), name=name, kind=None, random=dice), dice)

    def steward(self, name: str, inviter: RealDevice) -> RealDevice:
        return self.join_with(name, self._invite(inviter, "steward"))

    def copy(self, device: RealDevice) -> RealDevice:
        """The same store on another laptop that does not know it is a copy."""
        twin = copy.copy(device)
        twin.dice = Dice(f"copy {id(twin)}")
        ledger = copy.deepcopy(device.replica.ledger)
        twin.replica = Replica(ledger, device.replica.identity, random=twin.dice)
        twin._served = Served(twin.replica)
        return twin


@pytest.fixture
def world() -> ThreatWorld:
    return ThreatWorld()


def meet(*devices: RealDevice) -> None:
    for one in devices:
        for other in devices:
            if one is not other:
                Pair(one, other).run()


def test_07_a_flood_of_false_services_does_not_crowd_out_the_real_one() -> None:
    links = Links(device=bytes(32), static=bytes(32), random=random.Random(7).random)
    links.add("10.0.0.9:7117", "given")
    for number in range(10_000):
        address = f"10.{number >> 16}.{(number >> 8) & 255}.{number & 255}:1"
        links.discovered(Discovered(f"{number:016x}", (address,), 0), now=float(number))
    assert "10.0.0.9:7117" in {candidate.address for candidate in links.candidates()}
    assert len(links.candidates()) < 200


def forged(author: RealDevice, genesis: bytes, signer: SigningKey) -> Run:
    """A change that the author wrote, shown as a change of another document or device."""
    document = author.replica._documents.get(author.replica.own_genesis)
    (run,) = document.whole()[-1:]
    last = forge.parse_header(run.changes[-1])
    text = signed_bytes(genesis, run.actor, last.seq, forge.hash_of(run.changes[-1]))
    return Run(run.actor, run.changes, signer.sign(text))


def test_13_nobody_writes_as_another_or_into_anothers_document(world: ThreatWorld) -> None:
    hub = world.found("hub")
    rogue = world.join("rogue", hub)
    meet(hub, rogue)
    hub.write("true words")
    rogue.write("false words")
    meet(hub, rogue)
    before = hub.board()
    own = rogue.replica.identity.signing_key
    document = rogue.replica._documents.get(rogue.replica.own_genesis)
    for genesis in (hub.replica.own_genesis, rogue.replica.own_genesis):
        for signer in (own, SigningKey(b"x" * 32)):
            run = forged(rogue, genesis, signer)
            payload = encode_delta(rogue.replica.own_genesis, [run], document)
            delta = decode_delta(payload.replace(rogue.replica.own_genesis, genesis, 1))
            hub.replica.receive([delta])
            assert hub.board() == before


def test_14_15_a_restored_copy_forks_itself_and_every_node_ends_the_same(
    world: ThreatWorld,
) -> None:
    """Three nodes learn of two branches in every order: one state, and nothing is lost."""
    for order in permutations(range(3)):
        hub = world.found(f"hub {order}")
        house = world.join(f"house {order}", hub)
        meet(hub, house)
        house.write("before the backup")
        copy = world.copy(house)
        house.write("after the backup")
        copy.write("in the restored copy")
        relay = world.join(f"relay {order}", hub)
        meet(hub, relay)
        nodes = [house, copy, relay]
        for number in order:
            Pair(nodes[number], hub).run()
        for _ in range(4):
            meet(hub, house, copy, relay)
            house.replica.heal()
            copy.replica.heal()
        meet(hub, house, copy, relay)
        digests = {node.replica.digest() for node in (hub, *nodes)}
        assert len(digests) == 1
        titles = {row.fields["title"][0] for row in hub.replica.ledger.records()}
        assert {"before the backup", "after the backup", "in the restored copy"} <= titles


def test_16_one_key_one_device(world: ThreatWorld) -> None:
    """A card for a weak key, or for somebody else's key, is refused before it counts."""
    hub = world.found("hub")
    identity = hub.replica.identity
    member = SigningKey(identity.member_seed or b"")
    honest = make_device(
        member,
        SigningKey(b"n" * 32),
        community=identity.community,
        member=identity.member,
        static_key=StaticKey(b"s" * 32).public,
        sealing_key=StaticKey(b"t" * 32).public,
        label="new",
    )
    decode_card(honest.wire)
    stranger = SigningKey(b"v" * 32).public
    for key in (bytes(32), b"\x01" + bytes(31), stranger):
        stolen = honest.wire.replace(SigningKey(b"n" * 32).public, key)
        with pytest.raises((RemoteProtocolError, InvalidSignature)):
            decode_card(stolen)
        hub.replica.add_cards([stolen])
        assert key not in hub.replica.roster.devices


def test_18_one_removal_takes_all_that_a_bad_inviter_brought(world: ThreatWorld) -> None:
    hub = world.found("hub")
    bad = world.steward("bad inviter", hub)
    meet(hub, bad)
    guests = [world.join(f"guest {number}", bad) for number in range(3)]
    for guest in guests:
        guest.write("noise")
        meet(guest, bad)
    meet(hub, bad)
    assert len(hub.replica.items()) >= 3
    root = SigningKey(hub.replica.identity.root_seed or b"")
    removal = make_removal(
        root,
        community=hub.replica.identity.community,
        target_kind="role",
        target=bad.replica.identity.member,
    )
    hub.keep(removal)
    assert not any(hub.replica.counts(guest.replica.identity.member) for guest in guests)


def test_19_removed_member_is_hidden_everywhere_and_gets_nothing(world: ThreatWorld) -> None:
    hub = world.found("hub")
    house, bad = world.join("house", hub), world.join("bad", hub)
    meet(hub, house, bad)
    bad.write("seen until now")
    meet(hub, house, bad)
    assert bad.replica.own_genesis in house.replica.items()
    world.remove(hub, bad)
    Pair(hub, house).run()
    assert bad.replica.own_genesis not in house.replica.items()
    house.write("not for the removed one")
    bad.write("still writing")
    pair = Pair(bad, house)
    pair.run()
    titles = {row.fields["title"][0] for row in bad.replica.ledger.records()}
    assert "not for the removed one" not in titles
    assert pair.meetings[0].closed
    shown = {row.fields["title"][0] for row in house.replica.ledger.records()}
    assert "still writing" not in shown


def test_20_rogue_steward_removes_no_steward_of_another_line(world: ThreatWorld) -> None:
    hub = world.found("hub")
    rogue = world.steward("rogue", hub)
    puppet = world.steward("puppet", rogue)
    meet(hub, rogue, puppet)
    for by in (rogue, puppet):
        for kind in ("role", "member"):
            removal = make_removal(
                by.replica.identity.signing_key,
                community=by.replica.identity.community,
                target_kind=kind,  # type: ignore[arg-type]
                target=hub.replica.identity.member,
            )
            by.keep(removal)
    meet(hub, rogue, puppet)
    for node in (hub, rogue, puppet):
        assert node.replica.roster.is_steward(hub.replica.identity.member)
        assert node.replica.counts(hub.replica.identity.member)


@pytest.mark.parametrize("wrong", [0, NOW - 31_536_000, NOW + 31_536_000, 2**53])
def test_25_wrong_clocks_hide_but_never_stop_sync(world: ThreatWorld, wrong: int) -> None:
    """Times order nothing and grant nothing: an invite that is long over still lets in."""
    hub = world.found("hub")
    expired = invite(
        hub.replica.identity,
        role="member",
        kinds=("household",),
        uses=1,
        expires=0,
        addresses=(),
        now=wrong,
        random=world.dice,
    )
    hub.keep(expired.card)
    house = world.join_with("house", expired.text)
    record = ids.record_id(house.dice(ids.RECORD_BYTES))
    house.replica.write(
        [("make", record), ("put", record, "kind", "need"), ("put", record, "created_at", wrong)]
    )
    meet(hub, house)
    assert hub.replica.digest() == house.replica.digest()
    row = hub.replica.ledger.record(house.replica.identity.member, record)
    assert row is not None
    member = ids.id_text(house.replica.identity.member)
    held = read_record(f"{member}/{record}", row.fields)
    board = Board([held], now=NOW, members={member: Author("house")})
    assert [shown.id for shown in board.rows(status="all")] == [held.reference]


def test_29_another_version_shares_no_prologue_and_no_document() -> None:
    """A client of another version fails the handshake; it cannot half understand."""
    assert channel_prologue(b"c" * 32) == b"meshaid/1" + b"c" * 32
    first = ids.genesis_actor(b"c" * 32, b"m" * 32, 1, bytes(16))
    assert first != ids.genesis_actor(b"c" * 32, b"m" * 32, 2, bytes(16))
    assert state_hash({}) == b""


def test_logs_hold_no_words_of_people(world: ThreatWorld, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    hub = world.found("MARKERhub")
    house = world.join("MARKERhouse", hub)
    house.write("MARKERinsulin")
    pair = Pair(house, hub)
    pair.run()
    told = [repr(event) for side in pair.events for event in side]
    told += [repr(house.replica.identity), repr(pair.meetings[0])]
    told += [repr(row) for row in house.replica.ledger.records()]
    assert "MARKER" not in caplog.text + "".join(told)
    for secret in (house.replica.identity.device_seed, house.replica.identity.door_key):
        assert secret.hex() not in caplog.text + "".join(told)
        assert repr(secret) not in caplog.text + "".join(told)
