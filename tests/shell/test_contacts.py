"""Contacts at a desk: sealed to those chosen, shown to nobody else, hidden in time, erased."""

from __future__ import annotations

import pytest

from meshaid import contacts, limits
from meshaid.core import ids
from meshaid.core.enrol import join
from meshaid.core.invite import decode_invite
from meshaid.core.shapes import pack
from meshaid.desk import Desk
from meshaid.errors import Ambiguous, InvalidInput, NotFound, RefusedByTrust
from tests.core.note_world import DAY, acquainted, attach, meet, tend
from tests.core.real_world import NOW, Dice, RealDevice, RealWorld

TEXT = "Rosa, +1 503 555 0123, ring twice"


def desk(device: RealDevice) -> Desk:
    return Desk(device.replica, random=device.dice)


@pytest.fixture
def world() -> RealWorld:
    return RealWorld()


@pytest.fixture
def people(world: RealWorld) -> list[RealDevice]:
    """A hub with its record, and three households that know each other."""
    people = acquainted(world, "poster", "helper", "other")
    desk(people[0]).add("hub", {"title": "School", "letter": "C", "type": "hub"}, NOW)
    spread(people)
    return people


def spread(people: list[RealDevice]) -> None:
    for _ in range(2):
        for person in people[1:]:
            meet(person, people[0])


def need(poster: RealDevice, **fields: object) -> str:
    return desk(poster).add("need", {"title": "Insulin", **fields}, NOW).record.text("ref")


def seen(device: RealDevice, ref: str, now: int = NOW) -> list[str]:
    return [contact.text for contact in contacts.show(desk(device), ref, now).contacts]


@pytest.mark.parametrize("to", ["C", "c", "stewards", "Stewards", "hub", "HUB"])
def test_whom_it_was_sealed_to_reads_it(people: list[RealDevice], to: str) -> None:
    hub, poster, helper, _ = people
    ref = need(poster)
    made = contacts.add(desk(poster), ref, f"  {TEXT}\n", [to], NOW)
    assert made.text == TEXT
    spread(people)
    assert seen(hub, ref) == seen(poster, ref) == [TEXT]
    there = contacts.show(desk(helper), ref, NOW)
    assert (there.contacts, there.sealed, there.hidden) == ((), 1, False)
    (contact,) = contacts.show(desk(hub), ref, NOW).contacts
    readers = {desk(hub).authors()[member].name for member in contact.readers}
    assert readers == {"hub", "poster"}
    assert TEXT not in repr(contact)


def test_a_pledger_is_let_in_later(people: list[RealDevice]) -> None:
    """By its id; the text need not be typed again."""
    hub, poster, helper, other = people
    ref = need(poster)
    contacts.add(desk(poster), ref, TEXT, ["C"], NOW)
    spread(people)
    assert seen(helper, ref) == []
    member = ids.id_text(helper.replica.identity.member)
    again = contacts.add(desk(poster), ref, "", [member[:12]], NOW)
    assert (again.text, len(again.readers)) == (TEXT, 2)
    (contact,) = contacts.show(desk(poster), ref, NOW).contacts
    assert len(contact.readers) == 3, "one contact, whoever got it when"
    spread(people)
    assert seen(helper, ref) == seen(hub, ref) == [TEXT]
    assert seen(other, ref) == []


def test_a_pledger_gives_its_own_at_its_pledge(people: list[RealDevice]) -> None:
    _, poster, helper, _ = people
    ref = need(poster)
    spread(people)
    pledge = desk(helper).add("pledge", {"need": desk(helper).board(NOW).find(ref).reference}, NOW)
    contacts.add(desk(helper), pledge.id, "by the blue gate", ["poster"], NOW)
    spread(people)
    assert seen(poster, pledge.id) == ["by the blue gate"]


def test_two_devices_of_one_hub_both_add(world: RealWorld, people: list[RealDevice]) -> None:
    hub, poster, _, _ = people
    second = world.link("second", hub)
    for _ in range(2):
        meet(second, hub)
    ref = need(hub)
    meet(second, hub)
    contacts.add(desk(hub), ref, "at the door", ["poster"], NOW)
    contacts.add(desk(second), ref, "at the window", ["poster"], NOW)
    tend(hub)
    for device in (second, poster):
        meet(device, hub)
    assert sorted(seen(poster, ref)) == ["at the door", "at the window"]
    assert sorted(seen(hub, ref)) == ["at the door", "at the window"]
    tend(second)
    assert sorted(seen(second, ref)) == ["at the door", "at the window"]
    assert contacts.erase(desk(second), ref, NOW) == 2
    meet(second, hub)
    meet(poster, hub)
    for device in (hub, poster, second):
        assert not device.replica.notes.about(
            hub.replica.identity.member, record_of(ref, hub), "contact"
        )


def record_of(ref: str, device: RealDevice) -> str:
    return ids.parse_reference(desk(device).board(NOW).find(ref).reference)[1]


def test_that_there_is_one_everybody_can_tell(people: list[RealDevice]) -> None:
    """Without opening it: for a line below the record."""
    _, poster, helper, _ = people
    ref = need(poster, expires_at=NOW + DAY)
    record = desk(poster).board(NOW).find(ref)
    assert not contacts.is_there(desk(poster), record, NOW)
    contacts.add(desk(poster), ref, TEXT, ["C"], NOW)
    spread(people)
    for device in (poster, helper):
        assert contacts.is_there(desk(device), record, NOW)
        assert not contacts.is_there(desk(device), record, NOW + DAY)
    contacts.erase(desk(poster), ref, NOW)
    assert not contacts.is_there(desk(poster), record, NOW)


def test_hidden_when_the_record_expires(people: list[RealDevice]) -> None:
    hub, poster, _, _ = people
    ref = need(poster, expires_at=NOW + DAY)
    contacts.add(desk(poster), ref, TEXT, ["C"], NOW)
    spread(people)
    for device in (hub, poster):
        assert seen(device, ref, NOW + DAY - 1) == [TEXT]
        there = contacts.show(desk(device), ref, NOW + DAY)
        assert (there.contacts, there.sealed, there.hidden) == ((), 0, True)
    with pytest.raises(InvalidInput, match="expired"):
        contacts.add(desk(poster), ref, TEXT, ["C"], NOW + DAY)
    desk(poster).edit(ref, {"expires_at": NOW + 3 * DAY}, NOW + DAY)
    assert seen(poster, ref, NOW + DAY) == [TEXT], "renewed"


def test_closed_records_keep_it_to_their_term(people: list[RealDevice]) -> None:
    hub, poster, _, _ = people
    ref = need(poster, expires_at=NOW + DAY)
    contacts.add(desk(poster), ref, TEXT, ["C"], NOW)
    desk(poster).close(ref, "received", NOW)
    spread(people)
    assert seen(hub, ref) == [TEXT]
    assert contacts.show(desk(hub), ref, NOW + DAY).hidden


def test_erased_at_everybodys(people: list[RealDevice]) -> None:
    hub, poster, helper, _ = people
    ref = need(poster)
    contacts.add(desk(poster), ref, TEXT, ["C"], NOW)
    contacts.add(desk(poster), ref, "or 555 0199", ["helper"], NOW)
    spread(people)
    assert contacts.erase(desk(poster), ref, NOW) == 2
    spread(people)
    for device in people:
        there = contacts.show(desk(device), ref, NOW)
        assert (there.contacts, there.sealed) == ((), 0)
    contacts.add(desk(poster), ref, "a new one", ["helper"], NOW)
    spread(people)
    assert seen(helper, ref) == ["a new one"]
    assert seen(hub, ref) == []


def test_one_reader_may_be_named_alone(people: list[RealDevice]) -> None:
    hub, poster, _, _ = people
    ref = need(poster)
    contacts.add(desk(poster), ref, TEXT, "stewards", NOW)
    spread(people)
    assert seen(hub, ref) == [TEXT]


def test_what_is_refused(people: list[RealDevice]) -> None:
    hub, poster, _, _ = people
    ref = need(poster)
    mine = desk(poster)
    spread(people)
    for text, to, told in [
        (TEXT, [], "who may read it"),
        (TEXT, "", "no member"),
        (TEXT, "sewards", "no member"),
        (TEXT, ["nobody of this name"], "no member"),
        (TEXT, [""], "no member"),
        (TEXT, ["Z"], "no hub"),
        ("", ["C"], "no contact yet"),
        (" \n\t", ["C"], "no contact yet"),
        ("x" * (limits.CONTACT_CHARS + 1), ["C"], "at most 500"),
    ]:
        with pytest.raises(InvalidInput, match=told):
            contacts.add(mine, ref, text, to, NOW)
    assert not poster.replica.ledger.notes()
    with pytest.raises(InvalidInput, match="another member"):
        contacts.add(desk(hub), ref, TEXT, ["C"], NOW)
    with pytest.raises(InvalidInput, match="another member"):
        contacts.erase(desk(hub), ref, NOW)
    with pytest.raises(NotFound, match="no contact"):
        contacts.erase(mine, ref, NOW)
    with pytest.raises(NotFound):
        contacts.show(mine, "a" * 16, NOW)
    assert contacts.show(mine, ref, NOW).contacts == ()


def test_the_longest_contact_to_many_fits(world: RealWorld, people: list[RealDevice]) -> None:
    hub, poster, _, _ = people
    names = [f"n{number}" for number in range(limits.NOTE_RECIPIENTS - 1)]
    more = [world.join(name, hub) for name in names]
    for device in [*more, poster]:
        meet(device, hub)
    ref = need(poster)
    longest = "\U0001f600" * limits.CONTACT_CHARS
    contacts.add(desk(poster), ref, longest, names, NOW)
    meet(poster, hub)
    meet(more[-1], hub)
    assert seen(more[-1], ref) == [longest]
    with pytest.raises(InvalidInput, match="at most 24 readers"):
        contacts.add(desk(poster), ref, longest, [*names, "C"], NOW)


def test_two_members_of_one_name_are_told_apart(world: RealWorld, people: list[RealDevice]) -> None:
    hub, poster, helper, _ = people
    dice = Dice("twin")
    invite = decode_invite(world._invite(hub, "member"))
    device = RealDevice(join(invite, name="Helper", kind=None, random=dice), dice)
    meet(device, hub)
    meet(poster, hub)
    ref = need(poster)
    with pytest.raises(Ambiguous, match="give the id") as caught:
        contacts.add(desk(poster), ref, TEXT, ["helper"], NOW)
    member = ids.id_text(helper.replica.identity.member)
    assert member in caught.value.matches
    contacts.add(desk(poster), ref, TEXT, [member], NOW)


def test_a_removed_reader_gets_no_more(world: RealWorld, people: list[RealDevice]) -> None:
    hub, poster, helper, _ = people
    ref = need(poster)
    world.remove(hub, helper)
    meet(poster, hub)
    with pytest.raises(NotFound, match="no member"):
        contacts.add(desk(poster), ref, TEXT, ["helper"], NOW)


def test_a_device_without_the_key_says_so(world: RealWorld, people: list[RealDevice]) -> None:
    hub, poster, _, _ = people
    second = world.link("second", hub)
    for _ in range(2):
        meet(second, hub)
    ref = need(poster)
    contacts.add(desk(poster), ref, TEXT, ["C"], NOW)
    meet(poster, hub)
    meet(second, hub)
    with pytest.raises(RefusedByTrust, match="another device of the same member"):
        contacts.show(desk(second), ref, NOW)
    # It can seal all the same; only opening must wait.
    own = need(second)
    assert contacts.add(desk(second), own, TEXT, ["poster"], NOW).text == TEXT
    meet(second, hub)
    assert seen(hub, own) == [TEXT]


@pytest.mark.parametrize(
    "plain",
    [
        b"",
        b"\xc1",
        pack((b"text",)),
        pack((b"\xff\xfe", ())),
        pack((5, ())),
        pack((b"text", 5)),
        pack((b"text", (b"short", 7))),
    ],
)
def test_what_another_program_sealed_wrongly_breaks_nothing(
    people: list[RealDevice], plain: bytes
) -> None:
    hub, poster, _, _ = people
    ref = need(poster)
    attach(poster, record_of(ref, poster), hub, text=plain)
    contacts.add(desk(poster), ref, TEXT, ["C"], NOW)
    spread(people)
    assert TEXT in seen(hub, ref)


def test_what_is_shown_cannot_rewrite_the_screen(people: list[RealDevice]) -> None:
    hub, poster, _, _ = people
    ref = need(poster)
    attach(poster, record_of(ref, poster), hub, text=pack(("\x1b[2J\u202e555".encode(), ())))
    spread(people)
    assert seen(hub, ref) == ["[2J 555"]
