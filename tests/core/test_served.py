"""Who a peer is to us: the device whose card it names and whose static key the handshake proved."""

from __future__ import annotations

import pytest

from meshaid.core.cards import Device, make_device
from meshaid.core.keys import SigningKey
from meshaid.core.knowledge import NotProven, Proven, Removed
from meshaid.core.served import Served
from meshaid.errors import RemoteProtocolError
from tests.core.real_world import Dice, RealDevice, RealWorld


def neighbours() -> tuple[RealWorld, RealDevice, RealDevice, RealDevice]:
    """A founder who knows two members."""
    world = RealWorld()
    founder = world.found("founder")
    ana, ben = world.join("Ana", founder), world.join("Ben", founder)
    for device in (ana, ben):
        founder.replica.add_cards(device.replica.chain())
    return world, founder, ana, ben


def own_card(device: RealDevice) -> tuple[bytes, bytes]:
    """Static key and card name with which a device greets."""
    served = Served(device.replica)
    return device.replica.identity.static_key.public, served.own_card()


def copy_static_key(thief: RealDevice, victim: RealDevice) -> bytes:
    """A card of the thief's own member for a new device with the victim's static key, as wire."""
    identity = thief.replica.identity
    assert identity.member_seed is not None
    return make_device(
        SigningKey(identity.member_seed),
        SigningKey(Dice("copy")(32)),
        community=identity.community,
        member=identity.member,
        static_key=victim.replica.identity.static_key.public,
        sealing_key=victim.replica.identity.static_key.public,
        label="copy",
    ).wire


def test_a_device_is_known_by_card_and_static_key() -> None:
    """Before HELLO by the static key alone, then by both; a card of another key is a fault."""
    _, founder, ana, ben = neighbours()
    static, card = own_card(ana)
    proven = Proven(ana.replica.identity.device, ana.replica.identity.member)
    assert founder.knowledge.standing(static, None) == proven
    assert founder.knowledge.standing(static, card) == proven
    assert founder.knowledge.standing(static, bytes(16)) == NotProven()
    with pytest.raises(RemoteProtocolError):
        founder.knowledge.standing(static, own_card(ben)[1])


def test_a_copied_static_key_shuts_nobody_out() -> None:
    """Nobody proves to hold the static key on a card: a copy of it on another card says nothing."""
    _, founder, ana, ben = neighbours()
    static, card = own_card(ana)
    copy = copy_static_key(ben, ana)
    assert founder.replica.add_cards([copy]).changed
    assert founder.knowledge.standing(static, None) == NotProven()
    assert founder.knowledge.standing(static, card) == Proven(
        ana.replica.identity.device, ana.replica.identity.member
    )


def test_a_removed_member_is_told_so() -> None:
    """Its card is held and was valid once."""
    world, founder, ana, _ = neighbours()
    static, card = own_card(ana)
    world.remove(founder, ana)
    held = founder.replica.held_card(card)
    assert held is not None
    assert isinstance(held.card, Device)
    assert founder.knowledge.standing(static, card) == Removed()
