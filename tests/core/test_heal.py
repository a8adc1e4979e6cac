"""A device that finds its own changes left out writes them again."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshaid import limits
from meshaid.core.heal import again, effect_of
from meshaid.errors import LocalProtocolError
from tests.devices import Device, drawn_slip, record_id, send, slip, sync

A, B, C = "a" * 16, "b" * 16, "c" * 16


def values(device: Device, record: str, field: str) -> list[Any]:
    """The values that stand in a field, sorted."""
    shown = device.document.records([record]).get(record, {"fields": {}})
    return sorted((value[0] for value in shown["fields"].get(field, ())), key=repr)


def settle(*devices: Device) -> None:
    """Sync and heal until nobody has anything to heal."""
    for _ in range(8):
        sync(*devices)
        if not [device for device in devices if device.heal()]:
            return
    raise AssertionError("healing does not end")


# ---- a restored backup
def test_both_branches_of_a_restored_copy_stand_side_by_side() -> None:
    one, relay = Device(1), Device(9)
    one.write(slip(A, title="shared"))
    copy = one.copy()
    one.write([("put", A, "title", "before the disk broke")])
    copy.write([("put", A, "title", "from the backup")])
    sync(one, relay)
    sync(copy, relay)
    assert values(relay, A, "title") == ["shared"]
    settle(copy, relay)
    assert values(relay, A, "title") == ["before the disk broke", "from the backup"]
    settle(one, copy, relay)
    assert len(relay.document.counted()) == 3, "no branch was written twice"


def test_a_branch_is_written_again_in_its_order() -> None:
    one, two = Device(1), Device(2)
    copy = one.copy()
    one.write(slip(A, title="1"))
    one.write([("put", A, "title", "2")])
    one.write([("put", A, "title", "3"), ("put", A, "note", "n")])
    copy.write(slip(B, title="other"))
    sync(one, two, copy)
    assert two.document.records() == {}
    written = one.heal()
    assert [w.seq for w in written] in ([1, 2, 3, 1], [1, 1, 2, 3])
    assert len({w.actor for w in written}) == 2
    assert not one.document.needs_heal(one.key.public)
    settle(one, two, copy)
    assert values(two, A, "title") == ["3"]
    assert values(two, B, "title") == ["other"]


def test_nothing_is_healed_that_counts() -> None:
    one = Device(1)
    one.write(slip(A, title="x"))
    assert not one.document.needs_heal(one.key.public)
    assert one.heal() == []
    assert one.document.heal(one.key.public, one.key, one.fresh_actor) == []


def test_a_relay_or_sibling_heals_nothing_of_others() -> None:
    one, two = Device(1), Device(2)
    copy = one.copy()
    one.write(slip(A, title="x"))
    copy.write(slip(B, title="y"))
    sync(one, two, copy)
    assert two.heal() == []


# ---- a sibling's fork
def test_who_built_upon_a_forked_branch_writes_again() -> None:
    thief, two, three = Device(1), Device(2), Device(3)
    thief.write(slip(A, title="x"))
    copy = thief.copy()
    sync(thief, two, three)
    thief.write([("put", A, "status", "open")])
    sync(thief, two)
    two.write([("put", A, "note", "built upon it")])
    two.write(slip(B, title="and one more"))
    sync(two, three)
    copy.write([("put", A, "status", "closed")])
    sync(copy, two, three)
    assert set(two.document.records()) == {A}
    two.heal()
    sync(two, three)
    assert values(three, A, "note") == ["built upon it"]
    assert values(three, B, "title") == ["and one more"]
    assert values(three, A, "status") == [], "the thief's own words are the thief's to heal"


@pytest.mark.parametrize("lowered", range(1, 5))
def test_a_cut_that_comes_lower_and_lower_does_not_multiply_changes(lowered: int) -> None:
    """A stolen sibling forks at 5, then at 4, and so on: each edit is written once each time."""
    thief, two = Device(1), Device(2)
    copies = []
    for number in range(5):
        copies.append(thief.copy())
        thief.write(slip(record_id(random.Random(number)), title=str(number)))
    sync(thief, two)
    for number in range(4):
        two.write(slip("mnop"[number] * 16, title=f"mine {number}"))
    for step in range(lowered):
        copy = copies[-1 - step]
        copy.write(slip("efgh"[step] * 16, title="fork"))
        send(copy, two, copy.document.whole())
        assert len(two.heal()) == 4
        assert not two.document.needs_heal(two.key.public)
    counted = [
        h for h in two.document.counted() if two.document.find(h)[0].actor[:32] == two.key.public
    ]
    assert len(counted) == 4
    for number in range(4):
        assert values(two, "mnop"[number] * 16, "title") == [f"mine {number}"]


# ---- what counts as done
def forked(one: Device) -> None:
    """Leave out all that this device wrote, by a branch at seq 1."""
    empty = Device(one.number)
    empty.actor = one.key.public + (1).to_bytes(4, "big")
    empty.write(slip("z" * 16, title="an empty copy writes"))
    assert send(empty, one, empty.document.whole()) == ["accepted"]
    assert one.document.needs_heal(one.key.public)


def test_an_equal_edit_made_twice_is_written_twice() -> None:
    """Open, closed, and open again: the last word must be open."""
    one, two = Device(1), Device(2)
    one.write(slip(A, status="new"))
    one.write([("put", A, "status", "open")])
    one.write([("put", A, "status", "closed")])
    one.write([("put", A, "status", "open")])
    forked(one)
    one.heal()
    send(one, two)
    assert values(two, A, "status") == ["open"]


def test_equal_edits_seen_by_way_of_siblings_are_two() -> None:
    """The later one was written under another nonce and saw the first through two siblings only."""
    one, two, three = Device(1), Device(2), Device(3)
    one.write(slip(A, status="open"))
    sync(one, two, three)
    two.write([("put", A, "note", "two")])
    three.write([("put", A, "mark", "three")])
    one.write([("put", A, "status", "closed")])
    send(two, three)
    three.write([("put", A, "more", "upon both")])
    sync(one, two, three)
    two.write([("put", A, "more", "upon all")])
    sync(one, two, three)
    one.actor = one.fresh_actor()
    one.write([("put", A, "status", "open")])
    one.write([("put", A, "status", "closed")])
    forked(one)
    written = one.heal()
    assert len(written) == 5, "open, closed, open, closed, and the other branch"
    assert "closed" in values(one, A, "status")
    one.restart()
    assert not one.document.needs_heal(one.key.public)


def test_the_branch_of_the_later_one_may_end_first() -> None:
    """A copy of the later of two equal edits does not stand for the earlier one as well."""
    one = Device(1)
    first = one.actor
    one.write(slip(A, status="open"))
    one.actor = one.fresh_actor()
    one.write([("put", A, "status", "closed")])
    one.write([("put", A, "status", "open")])
    one.actor = first
    one.write(slip(B, title="the older nonce goes on"))
    forked(one)
    one.heal()
    one.restart()
    assert not one.document.needs_heal(one.key.public)


def test_an_older_equal_edit_of_another_nonce_is_no_copy() -> None:
    """The first open was seen by what was left out; it cannot stand for the later one."""
    one = Device(1)
    one.write(slip(A, status="new"))
    one.write([("put", A, "status", "open")])
    one.actor = one.fresh_actor()
    backup = one.copy()
    one.write([("put", A, "status", "closed")])
    one.write([("put", A, "status", "open")])
    backup.write(slip(B, title="y"))
    send(backup, one, backup.document.whole())
    assert values(one, A, "status") == ["open"]
    assert {w.seq for w in one.heal()} == {1, 2}
    assert values(one, A, "status") == ["open"]
    sync(one, backup)
    assert one.document.records() == backup.document.records()
    backup.heal()
    sync(one, backup)
    assert values(backup, A, "status") == ["open"]


def test_what_is_shown_already_is_written_all_the_same() -> None:
    """Else nothing would tell later that it stands, and it would come back over a newer word."""
    one, two = Device(1), Device(2)
    two.write(slip(A, title="x"))
    sync(one, two)
    one.write([("put", A, "status", "closed"), ("put", A, "quantity", 1)])
    forked(one)
    send(one, two)
    two.write([("put", A, "status", "closed"), ("put", A, "quantity", True)])
    send(two, one)
    one.heal()
    assert values(one, A, "status") == ["closed", "closed"], "side by side, not one upon the other"
    assert values(one, A, "quantity") == [1, True]
    assert {type(value) for value in values(one, A, "quantity")} == {int, bool}
    sync(one, two)
    two.write([("put", A, "status", "open again")])
    sync(one, two)
    one.restart()
    assert not one.document.needs_heal(one.key.public)
    settle(one, two)
    assert values(one, A, "status") == ["open again"]


def test_a_deletion_is_written_again() -> None:
    one, two = Device(1), Device(2)
    two.write(slip(A, title="x", note="n"))
    two.write([("put_in", A, "texts", "de", "eins"), ("put_in", A, "texts", "en", "one")])
    sync(one, two)
    one.write([("delete", A, "note"), ("delete_in", A, "texts", "de")])
    forked(one)
    send(one, two)
    assert values(one, A, "note") == ["n"]
    one.heal()
    sync(one, two)
    for device in (one, two):
        assert values(device, A, "note") == []
        assert [sorted(value) for value in values(device, A, "texts")] == [["en"]]
    two.write([("put", A, "note", "a new one")])
    sync(one, two)
    one.restart()
    assert one.heal() == []
    assert values(one, A, "note") == ["a new one"]


def test_a_deletion_of_what_is_gone_is_remembered_too() -> None:
    one, two = Device(1), Device(2)
    two.write(slip(A, title="x", note="n"))
    two.write([("put_in", A, "texts", "de", "eins")])
    sync(one, two)
    one.write([("delete", A, "note"), ("delete_in", A, "texts", "de")])
    forked(one)
    two.write([("delete", A, "note"), ("delete_in", A, "texts", "de")])
    send(two, one)
    assert len(one.heal()) >= 1
    two.write([("put", A, "note", "a new one"), ("put_in", A, "texts", "de", "zwei")])
    settle(one, two)
    one.restart()
    settle(one, two)
    assert [value for value in values(one, A, "note") if value is not None] == ["a new one"]


def test_a_settled_conflict_is_settled_again() -> None:
    """Settling by the value that wins already is written as a deletion of the other one."""
    one, two = Device(1), Device(2)
    copy = one.copy()
    two.write(slip(A, title="x"))
    sync(one, two)
    two.write([("put", A, "title", "red")])
    third = Device(3)
    send(one, third)
    third.write([("put", A, "title", "blue")])
    send(two, one)
    send(third, one)
    winner = one.document.records([A])[A]["fields"]["title"][0][0]
    one.write([("put", A, "title", winner)])
    assert values(one, A, "title") == [winner]
    copy.write(slip(B, title="from a backup"))
    send(copy, one, copy.document.whole())
    assert values(one, A, "title") == ["blue", "red"]
    assert len(one.heal()) == 2
    assert values(one, A, "title") == [winner]
    assert not one.document.needs_heal(one.key.public)
    one.restart()
    assert not one.document.needs_heal(one.key.public)


def test_what_a_sibling_wrote_meanwhile_stays_beside_it() -> None:
    """Its author had not seen the left-out change, so neither may take the other's place."""
    one, two = Device(1), Device(2)
    two.write(slip(A, title="x"))
    sync(one, two)
    one.write([("put", A, "title", "one's")])
    forked(one)
    two.write([("put", A, "title", "two's")])
    send(two, one)
    assert values(one, A, "title") == ["two's"]
    settle(one, two)
    assert values(two, A, "title") == ["one's", "two's"]


def test_what_a_branch_had_seen_on_its_way_it_replaces_again() -> None:
    one, two = Device(1), Device(2)
    two.write(slip(A, title="x"))
    sync(one, two)
    one.write([("put", A, "note", "first")])
    two.write([("put", A, "title", "two's")])
    send(two, one)
    one.write([("put", A, "title", "one's, in reply")])
    forked(one)
    assert values(one, A, "title") == ["two's"]
    assert one.heal()
    assert values(one, A, "title") == ["one's, in reply"]


def test_a_change_that_fits_no_longer_is_passed_over() -> None:
    """The sibling whose records it filled left them out; made along with them, it is too long."""
    thief, one = Device(1), Device(2)
    records = [record_id(random.Random(number)) for number in range(12)]
    copy = thief.copy()
    thief.write([("make", record) for record in records])
    sync(thief, one)
    fields = [(record, f"f{n}") for n in range(43) for record in records]
    one.write([("put", *place, 1) for place in fields[: limits.MAX_CHANGE_OPS]])
    one.write(slip(B, title="this one fits"))
    copy.write(slip(C, title="forked"))
    send(copy, one)
    assert one.document.records() == {}
    one.heal()
    assert values(one, B, "title") == ["this one fits"]
    assert values(one, *fields[0]) == []
    assert not one.document.needs_heal(one.key.public), "it does not try for ever"
    one.write(slip(C, title="and the device goes on"))
    one.restart()
    assert one.document.needs_heal(one.key.public), "a later start tries again"


def test_a_removed_device_heals_nothing() -> None:
    one = Device(1)
    one.write(slip(A, title="x"))
    forked(one)
    one.document.set_cuts({one.key.public: (frozenset(),)})
    assert not one.document.needs_heal(one.key.public)


def test_a_nonce_drawn_twice_is_noticed() -> None:
    one = Device(1)
    one.write(slip(A, title="x"))
    forked(one)
    with pytest.raises(LocalProtocolError, match="of its own"):
        one.document.heal(one.key.public, one.key, lambda: one.actor)


def test_a_record_without_fields_needs_no_healing() -> None:
    one = Device(1)
    one.write([("make", A)])
    forked(one)
    one.heal()
    assert set(one.document.records()) == {"z" * 16}


# ---- edits
def test_the_last_edit_of_each_field_remains() -> None:
    edits = [
        ("make", A),
        ("put", A, "title", "x"),
        ("put_in", A, "texts", "de", "eins"),
        ("put", A, "title", "y"),
        ("delete", A, "texts"),
        ("put_in", A, "texts", "en", "one"),
    ]
    assert list(effect_of(edits).values()) == [
        ("put", A, "title", "y"),
        ("delete", A, "texts"),
        ("put_in", A, "texts", "en", "one"),
    ]


def test_an_edit_is_forced_only_where_it_would_write_nothing() -> None:
    fields = {"title": [("x", 1, b"", b"")], "texts": [({"de": [("eins", 2, b"")]}, 1, b"", b"")]}
    put, same = ("put", A, "title", "y"), ("put", A, "title", "x")
    assert again(effect_of([put]), {A: fields}) == [put]
    assert again(effect_of([same]), {A: fields}) == [("delete", A, "title"), same]
    assert again(effect_of([put]), {}) == [("make", A), put]
    inside = ("put_in", A, "texts", "de", "eins")
    assert again(effect_of([inside]), {A: fields}) == [("delete_in", A, "texts", "de"), inside]
    gone = ("delete_in", A, "texts", "en")
    assert again(effect_of([gone]), {A: fields}) == [("put_in", A, "texts", "en", ""), gone]
    gone = ("delete", A, "note")
    assert again(effect_of([gone]), {A: fields}) == [("put", A, "note", None), gone]


# ---- life
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["write", "edit", "sync", "backup", "restore", "fork"]),
        st.integers(0, 2),
        st.integers(0, 2),
    ),
    max_size=20,
)


@settings(max_examples=60)
@given(STEPS, st.integers(0, 2**32))
def test_no_edit_of_a_live_device_is_lost(steps: list[tuple[str, int, int]], seed: int) -> None:
    """Two honest devices and a thief; backups are restored unknowingly, the thief forks. In the
    end every record that a live honest device wrote stands everywhere."""
    chance = random.Random(seed)
    devices = [Device(1), Device(2), Device(3)]
    backups: dict[int, Device] = {}
    written: dict[int, set[str]] = {0: set(), 1: set(), 2: set()}
    kept: dict[int, set[str]] = {}
    for kind, x, y in steps:
        device = devices[x]
        if kind in ("write", "edit"):
            device.heal()
            shown = sorted(device.document.records())
            if kind == "edit" and shown:
                record = chance.choice(shown)
                note = "b" if values(device, record, "note") == ["a"] else "a"
                device.write([("put", record, "note", note)])
            else:
                record = record_id(chance)
                device.write(drawn_slip(chance, record))
                written[x].add(record)
        elif kind == "sync" and x != y:
            send(device, devices[y])
            send(devices[y], device)
        elif kind == "backup":
            backups[x], kept[x] = device.copy(), set(written[x])
        elif kind == "restore" and x in backups:
            devices[x] = backups[x].copy()
            # What only the lost disk held is gone; what others have comes back.
            written[x] = set(kept[x])
        elif kind == "fork":
            thief = devices[2].copy()
            thief.heal()
            thief.write(slip(record_id(chance), title="fork"))
            send(thief, devices[y])
    settle(*devices[:2], devices[2])
    shown_everywhere = set(devices[2].document.records())
    assert written[0] | written[1] <= shown_everywhere
    assert len({device.document.state_hash() for device in devices}) == 1
    for device in devices:
        device.restart()
        assert not device.document.needs_heal(device.key.public), "nothing is written twice"


def test_the_longest_change_can_be_forced() -> None:
    """Each edit of a full change is shown already: forcing doubles the operations."""
    one, two = Device(1), Device(2)
    records = ["".join("abcdefgh"[n >> s & 7] for s in (6, 3, 0)) + "a" * 13 for n in range(400)]
    two.write([("make", r) for r in records[:255]] + [("put", r, "n", 0) for r in records[:255]])
    sync(one, two)
    edits = [("put", r, "n", 1) for r in records[:255]]
    assert 2 * len(edits) <= limits.MAX_CHANGE_OPS
    one.write(edits)
    forked(one)
    two.write(edits)
    send(two, one)
    assert len(one.heal()) >= 1
    assert not one.document.needs_heal(one.key.public)
