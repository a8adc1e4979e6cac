"""One device against the disks and clocks of everybody, and a liar against another's document."""

from __future__ import annotations

from meshaid import limits
from meshaid.core.delta import Run, decode_delta, encode_delta
from meshaid.core.document import Document
from meshaid.core.messages import Items, Want
from meshaid.core.shapes import Wanted
from tests.core.meeting_pair import Pair
from tests.core.puppet import Puppet
from tests.core.real_world import RealWorld


def test_one_device_cannot_make_actors_without_end() -> None:
    """Changes that do not see each other escape the totals of G17, which look at the past."""
    world = RealWorld()
    hub = world.found("hub")
    author = world.join("author", hub)
    Pair(author, hub, once=True).run()
    genesis, key = author.replica.own_genesis, author.replica.identity.signing_key
    raw = author.replica._documents._genesis[genesis][1]
    runs = []
    for nonce in range(limits.CLOCK_ACTORS + 1):
        draft, actor = Document(raw), key.public + nonce.to_bytes(4, "big")
        written = draft.edit(actor, key, [("make", "a" * 16)])
        assert written is not None
        runs.append(Run(actor, (written.raw,), written.signature))
    empty = Document(raw)
    for start in range(0, len(runs), 500):
        payload = encode_delta(genesis, runs[start : start + 500], empty)
        hub.replica.receive([decode_delta(payload)])

    assert len(hub.replica.document_clock(genesis)) <= limits.CLOCK_ACTORS


def test_a_liar_does_not_give_another_member_an_actor_per_change() -> None:
    """It claims in meeting after meeting that it holds more of the victim's chain."""
    world = RealWorld()
    hub = world.found("hub")
    victim, liar = world.join("victim", hub), world.join("liar", hub)
    for _ in range(2):
        Pair(victim, hub, once=True).run()
        Pair(liar, hub, once=True).run()
    genesis, _ = victim.write("first")
    for number in range(10):
        puppet = Puppet(liar, victim).greet(lambda _: bytes(16))
        puppet.say(Items(()))
        claim = {victim.replica.actor: (60_000, bytes([number]) * 32)}
        puppet.say(Want(1, (Wanted(genesis, claim),)))
        assert puppet.ended is None
        victim.write(f"change {number}")

    assert len(victim.replica.document_clock(genesis)) <= 3
