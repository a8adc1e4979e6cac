"""What a device does for its notes by itself: often, quietly, and never in the way."""

from __future__ import annotations

import pytest

from meshaid import upkeep
from meshaid.errors import StoreFull
from meshaid.events import NotesChanged, StoreTrouble
from tests.core.meeting_pair import Pair
from tests.core.note_world import acquainted, attach, meet, need, tend
from tests.core.real_world import NOW, RealWorld
from tests.shell.street import Street


def test_doing_it_again_changes_nothing() -> None:
    world = RealWorld()
    hub, poster = acquainted(world, "poster")
    second = world.link("second", hub)
    meet(second, hub)
    attach(hub, need(hub), poster)
    tend(hub)
    notes = hub.replica.ledger.notes()
    assert [row.kind for row in notes].count("key") == 1
    for _ in range(3):
        tend(hub)
        tend(second)
    assert hub.replica.ledger.notes() == notes


def test_nobody_hands_on_a_key_before_it_is_known_itself() -> None:
    world = RealWorld()
    hub = world.found("hub")
    joiner = world.join("joiner", hub)
    tend(joiner)
    assert joiner.replica.ledger.notes() == []
    assert joiner.replica.identity.member_sealing_seed is not None


def test_a_key_is_for_the_siblings_alone() -> None:
    """Not for other members' devices, and not for one that was removed."""
    world = RealWorld()
    hub, poster = acquainted(world, "poster")
    tend(hub)
    tend(poster)
    assert hub.replica.ledger.notes() == poster.replica.ledger.notes() == []
    second = world.link("second", poster)
    meet(second, poster)
    meet(poster, hub)
    tend(hub)
    assert hub.replica.ledger.notes() == []
    world.remove(hub, poster)
    meet(hub, world.join("other", hub))
    Pair(poster, hub).run()  # it learns of its removal
    tend(poster)
    assert poster.replica.ledger.notes() == []


async def test_trouble_with_the_disk_is_told_and_the_node_goes_on(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = street.found("hub", kind="hub", letter="C")

    def full(*_: object) -> None:
        raise StoreFull("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(upkeep, "tend", full)
        async with street.runs(hub) as at_hub:
            assert (await at_hub.hears(StoreTrouble)).reason == "The disk is full."
            assert await at_hub.digest()
    async with street.runs(hub) as at_hub:
        row = await at_hub.node.board.add_need("Insulin")
        await at_hub.node.board.contact_add(row.id, "555 0123", to=["C"])
        assert (await at_hub.hears(NotesChanged)).count == 1
        assert at_hub.events(StoreTrouble) == []


async def test_a_link_made_while_both_run(street: Street) -> None:
    """The second device has the key as soon as its card has come, with nobody asking for it."""
    hub = street.found("hub", kind="hub", letter="C")
    second = street.link("second", hub)
    async with street.runs(hub) as at_hub, street.runs(second, at_hub) as linked:
        replica = linked.node.home.replica
        await street.until(lambda: replica.identity.member_sealing_seed is not None)
        of_hub = at_hub.node.home.replica
        assert replica.identity.member_sealing_seed == of_hub.identity.member_sealing_seed
        await street.until(lambda: replica.digest() == of_hub.digest())  # the key may come first
    with_key = street.do(second, "add", {"kind": "need", "fields": {"title": "Water"}})
    street.do(second, "contact-add", {"ref": with_key["ref"], "text": "555", "to": ["C"]})
    shown = street.do(second, "contact-show", {"ref": with_key["ref"]})
    assert [contact["text"] for contact in shown["contacts"]] == ["555"]


def test_times_are_of_this_device() -> None:
    hub = RealWorld().found("hub")
    note = attach(hub, need(hub))
    tend(hub, NOW)
    assert [row.id for row in hub.replica.ledger.notes()] == [note.id]
    tend(hub, NOW + 100 * 86_400)
    assert hub.replica.ledger.notes() == []
