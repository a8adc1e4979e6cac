"""Inviting as a typed call: who may, what comes of it, and the same through every door."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

import meshaid
from meshaid import blocking, inviting, limits
from meshaid.blocking import BlockingNode
from meshaid.core.cards import decode_card
from meshaid.core.invite import decode_invite, read_invite_file
from meshaid.errors import InvalidInput, RefusedByTrust
from meshaid.node import Node
from tests.core.real_world import NOW
from tests.shell.desks import Town


@pytest.fixture
def town() -> Town:
    return Town()


def test_a_steward_invites_and_the_card_says_what_was_asked(town: Town) -> None:
    made = inviting.invite(
        town.hub, town.now, kinds=["hub", "team"], uses=3, term=60, addresses=["10.0.0.1:7117"]
    )
    text, cards = read_invite_file(made.file)
    assert text == decode_invite(made.text)
    assert decode_invite(made.text).addresses == ("10.0.0.1:7117",)
    card = decode_card(cards[-1]).card
    assert (card.kinds, card.uses, card.expires) == (("hub", "team"), 3, town.now + 60)  # type: ignore[union-attr]
    assert made.text not in repr(made)


def test_nobody_else_invites_and_wrong_words_are_named(town: Town) -> None:
    with pytest.raises(RefusedByTrust, match="steward"):
        inviting.invite(town.ben, town.now)
    with pytest.raises(InvalidInput) as caught:
        inviting.invite(town.hub, town.now, role="king")
    assert caught.value.fields.keys() == {"role"}
    for wrong in ({"kinds": ["castle"]}, {"uses": 0}, {"uses": limits.INVITE_USES + 1}):
        with pytest.raises(InvalidInput):
            inviting.invite(town.hub, town.now, **wrong)  # type: ignore[arg-type]


def test_every_member_links_up_to_its_number_of_devices(town: Town) -> None:
    made = inviting.link(town.ben, town.now)
    assert decode_invite(made.text).member == town.ben.replica.identity.member
    hub = town.devices["hub"]
    while hub.replica.device_count() < limits.DEVICES_PER_MEMBER:
        one_more = town.world.link(f"desk {hub.replica.device_count()}", hub)
        hub.replica.add_cards(one_more.replica.chain())
    with pytest.raises(RefusedByTrust, match="devices"):
        inviting.link(town.hub, town.now)


def found(folder: Path) -> None:
    meshaid.found_home(
        folder, community_name="Riverside", name="Cedar", kind="hub", letter="C", now=NOW
    )


async def test_a_node_invites_whoever_joins_with_it(tmp_path: Path) -> None:
    found(tmp_path / "hub")
    async with meshaid.open_node(tmp_path / "hub", listen="127.0.0.1:0", mdns=False) as node:
        made, linked = decode_invite((await node.invite()).text), await node.link()
        device = decode_invite(linked.text)
        assert (await node.status())["members"] == 1
    ben = meshaid.join_home(tmp_path / "ben", made, name="Ben", now=NOW)
    second = meshaid.join_home(tmp_path / "second", device, label="second", now=NOW)
    assert ben.identity.community == second.identity.community == made.community
    assert second.identity.member == device.member != ben.identity.member


@pytest.mark.parametrize("call", ["invite", "link"])
def test_blocking_takes_the_same(call: str) -> None:
    of_node, waiting = getattr(Node, call), getattr(BlockingNode, call)
    assert inspect.signature(of_node).parameters == inspect.signature(waiting).parameters


def test_blocking_invites(tmp_path: Path) -> None:
    found(tmp_path / "hub")
    with blocking.open_node(tmp_path / "hub", listen="127.0.0.1:0", mdns=False) as node:
        assert decode_invite(node.invite().text) != decode_invite(node.link().text)
