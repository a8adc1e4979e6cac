"""One member's document: accepting, writing, restarting, cuts and forks with real changes."""

from __future__ import annotations

import hashlib
import random
from itertools import permutations

import pytest

from meshaid import _automerge, limits
from meshaid.core.chunk import build_change, change_hash, parse_change
from meshaid.core.delta import Run, signed_bytes
from meshaid.core.document import Document, Written
from meshaid.core.keys import SigningKey
from meshaid.errors import DocumentPoisoned, InvalidInput, LocalProtocolError, StoreError
from tests.devices import GENESIS, Device, drawn_slip, record_id, send, slip, sync

A, B, C = "a" * 16, "b" * 16, "c" * 16


def values(document: Document, record: str, field: str) -> list[object]:
    """The values that stand in a field, winner first."""
    shown = document.records([record])
    return [value[0] for value in shown[record]["fields"].get(field, ())]


def run_of(*written: Written) -> Run:
    return Run(written[0].actor, tuple(w.raw for w in written), written[-1].signature)


def sign(key: SigningKey, raw: bytes) -> Run:
    """A run of one raw change, signed as its own header says."""
    parts = parse_change(raw)
    genesis = change_hash(GENESIS)
    message = signed_bytes(genesis, parts.actor, parts.seq, change_hash(raw))
    return Run(parts.actor, (raw,), key.sign(message))


# ---- accepting
def test_an_empty_document_counts_nothing() -> None:
    document = Document(GENESIS)
    assert document.genesis == change_hash(GENESIS)
    assert (len(document), document.clock(), document.state_hash()) == (0, {}, b"")
    assert document.owed({}) == document.whole() == []
    assert document.records() == {}
    assert not document.holds(document.genesis)


def test_a_run_is_accepted_whole_and_shown() -> None:
    one, two = Device(1), Device(2)
    written = [one.write(slip(A, title="x")), one.write([("put", A, "title", "y")])]
    outcome = two.document.receive(run_of(*written), "member")
    assert (outcome.kind, outcome.rule, outcome.forked) == ("accepted", "", False)
    assert [s.hash for s in outcome.new] == [w.hash for w in written]
    assert outcome.signed == ((written[1].hash, written[1].signature),)
    assert values(two.document, A, "title") == ["y"]
    assert two.document.clock() == {one.actor: (2, written[1].hash)}
    assert two.document.take_changed_records() == {A}
    assert two.document.take_changed_records() == set()


def test_what_is_held_changes_nothing() -> None:
    one, two = Device(1), Device(2)
    runs = [run_of(one.write(slip(A, title="x"))), run_of(one.write(slip(B, title="y")))]
    for run in runs:
        two.receive(run)
    before = (two.document.state_hash(), dict(two.document.signatures()))
    for run in (*runs, Run(one.actor, runs[0].changes, bytes(64))):
        outcome = two.document.receive(run, "member")
        assert (outcome.kind, outcome.new, outcome.signed) == ("accepted", (), ())
    assert (two.document.state_hash(), dict(two.document.signatures())) == before


@pytest.mark.parametrize(("standing", "kind"), [("other", "refused"), ("unknown", "waiting")])
def test_the_cards_decide_who_writes_here(standing: str, kind: str) -> None:
    one, two = Device(1), Device(2)
    run = run_of(one.write(slip(A, title="x")))
    outcome = two.document.receive(run, standing)  # type: ignore[arg-type]
    assert (outcome.kind, outcome.rule) == (kind, "G4")
    assert len(two.document) == 0


def test_a_run_waits_for_its_predecessors() -> None:
    one, two, three = Device(1), Device(2), Device(3)
    first, second = one.write(slip(A, title="x")), one.write([("put", A, "title", "y")])
    sync(one, two)
    reply = two.write([("put", A, "title", "z")])
    for run in (run_of(second), run_of(reply)):
        outcome = three.document.receive(run, "member")
        assert (outcome.kind, outcome.rule) == ("waiting", "G3")
    for run in (run_of(first), run_of(second), run_of(reply)):
        assert three.receive(run).kind == "accepted"
    assert three.document.state_hash() == two.document.state_hash()


def test_a_wrong_signature_is_refused_before_the_gate_looks() -> None:
    one, two = Device(1), Device(2)
    written = one.write(slip(A, title="x"))
    other = SigningKey(b"\7" * 32)
    message = signed_bytes(one.document.genesis, written.actor, written.seq, written.hash)
    elsewhere = signed_bytes(bytes(32), written.actor, written.seq, written.hash)
    for signature in (bytes(64), other.sign(message), one.key.sign(elsewhere), b"short"):
        run = Run(one.actor, (written.raw,), signature)
        outcome = two.document.receive(run, "member")
        assert (outcome.kind, outcome.rule) == ("refused", "SIG")
    assert len(two.document) == 0


def test_a_run_must_be_of_its_actor() -> None:
    one, two = Device(1), Device(2)
    written = one.write(slip(A, title="x"))
    for actor, changes in (
        (two.actor, (written.raw,)),
        (b"short", (written.raw,)),
        (one.actor, ()),
    ):
        outcome = two.document.receive(Run(actor, changes, written.signature), "member")
        assert (outcome.kind, outcome.rule) == ("refused", "G4")


def test_damaged_bytes_are_refused_by_the_first_rule() -> None:
    one, two = Device(1), Device(2)
    written = one.write(slip(A, title="x"))
    for raw in (written.raw[:-1], b"", b"\x85" * 60, written.raw + b"\0"):
        outcome = two.document.receive(Run(one.actor, (raw,), written.signature), "member")
        assert (outcome.kind, outcome.rule) == ("refused", "G1")


def test_a_run_is_refused_whole_for_one_bad_change() -> None:
    """The device signs a good change and, upon it, one that breaks the schema."""
    one, two = Device(1), Device(2)
    good = one.write(slip(A, title="x"))
    second = one.write(slip(B, title="y"))
    parts = parse_change(second.raw)
    raw, _ = build_change(parts._replace(columns=parts.columns.replace(b"b" * 16, b"B" * 16)))
    bad = sign(one.key, raw)
    outcome = two.document.receive(Run(one.actor, (good.raw, raw), bad.signature), "member")
    assert (outcome.kind, outcome.rule) == ("refused", "G16")
    assert len(two.document) == 0
    assert two.document.receive(run_of(good), "member").kind == "accepted"


def test_a_sequence_number_has_a_limit() -> None:
    one = Device(1)
    parts = parse_change(one.write(slip(A, title="x")).raw)
    for seq in (0, limits.MAX_SEQ + 1, 2**40):
        raw, _ = build_change(parts._replace(seq=seq))
        outcome = Document(GENESIS).receive(Run(one.actor, (raw,), bytes(64)), "member")
        assert outcome.kind == "refused"


# ---- order and crossing
def test_crossing_edits_of_three_devices_show_alike_everywhere() -> None:
    devices = [Device(number) for number in (1, 2, 3)]
    one, two, three = devices
    one.write(slip(A, title="x"))
    sync(*devices)
    for device, title in zip(devices, ("red", "green", "blue"), strict=True):
        device.write([("put", A, "title", title)])
    sync(*devices)
    shown = [values(device.document, A, "title") for device in devices]
    assert sorted(map(str, shown[0])) == ["blue", "green", "red"]
    assert shown[0] == shown[1] == shown[2]
    two.write([("put", A, "title", "white")])
    sync(*devices)
    assert values(three.document, A, "title") == ["white"]
    assert one.document.records() == three.document.records()


def test_any_order_of_arrival_gives_one_state() -> None:
    one, two = Device(1), Device(2)
    runs = [run_of(one.write(slip(A, title="x")))]
    send(one, two)
    runs.append(run_of(two.write([("put", A, "title", "y")])))
    runs.append(run_of(one.write([("put", A, "note", "n")])))
    send(two, one)
    runs.append(run_of(one.write([("put", A, "title", "z")])))
    states = set()
    for order in permutations(runs):
        device = Device(9)
        waiting = list(order)
        while waiting:
            waiting = [run for run in waiting if device.receive(run).kind != "accepted"]
        states.add(device.document.state_hash())
    assert states == {one.document.state_hash()}


def test_the_state_is_a_hash_of_the_clock() -> None:
    one, two = Device(1), Device(2)
    first = one.write(slip(A, title="x"))
    other = two.write(slip(B, title="y"))
    sync(one, two)
    entries = sorted([(one.actor, first.hash), (two.actor, other.hash)])
    expected = hashlib.sha256(b"meshaid-state-v1\0")
    for actor, head in entries:
        expected.update(actor + b"\0\0\0\1" + head)
    assert one.document.state_hash() == expected.digest()


def test_a_clock_once_asked_for_stays_as_it_was() -> None:
    one = Device(1)
    one.write(slip(A, title="x"))
    before = one.document.clock()
    second = one.write(slip(B, title="y"))
    assert before[one.actor][0] == 1
    assert one.document.owed(before) == [run_of(second)]


# ---- writing
def test_an_edit_that_changes_nothing_writes_nothing() -> None:
    one = Device(1)
    one.write(slip(A, title="x"))
    assert one.document.edit(one.actor, one.key, [("put", A, "title", "x")]) is None
    assert one.document.edit(one.actor, one.key, []) is None
    assert len(one.document) == 1


def test_an_edit_that_breaks_a_limit_leaves_the_document_usable() -> None:
    one = Device(1)
    one.write(slip(A, title="x"))
    full = [("put", A, f"text{n}", "é" * 1_400) for n in range(6)]
    state = one.document.state_hash()
    with pytest.raises(InvalidInput, match="G16"):
        one.document.edit(one.actor, one.key, full)
    for bad in ([("put", B, "title", "no such record")], [("put", A, "Title", "x")]):
        with pytest.raises(InvalidInput, match="cannot be written"):
            one.document.edit(one.actor, one.key, bad)
    assert one.document.state_hash() == state
    one.write([("put", A, "title", "y")])
    two = Device(2)
    assert send(one, two) == ["accepted"]
    assert values(two.document, A, "title") == ["y"]


def test_a_device_writes_as_itself_only() -> None:
    one, two = Device(1), Device(2)
    with pytest.raises(LocalProtocolError, match="itself"):
        one.document.edit(two.actor, one.key, slip(A, title="x"))


def test_a_change_stands_at_once_and_is_shown_as_touched() -> None:
    one = Device(1)
    written = one.write(slip(A, title="x"))
    assert one.document.holds(written.hash)
    assert one.document.clock() == {one.actor: (1, written.hash)}
    assert one.document.take_changed_records() == {A}
    assert one.document.find(written.hash[:8])[0].hash == written.hash
    assert one.document.counted() == {written.hash}


# ---- restarting
@pytest.mark.parametrize("seed", range(4))
def test_a_restart_changes_nothing(seed: int) -> None:
    chance = random.Random(seed)
    one, two = Device(1, run_changes=5), Device(2, run_changes=5)
    copy = one
    for step in range(30):
        device = chance.choice([one, two])
        device.write(drawn_slip(chance, record_id(chance)))
        if step == 10:
            copy = one.copy()
        if chance.random() < 0.3:
            sync(one, two)
    copy.write(slip(C, title="a forgotten backup writes"))
    sync(one, two, copy)
    before = one.document
    one.restart()
    assert one.document.clock() == before.clock()
    assert one.document.state_hash() == before.state_hash()
    assert one.document.records() == before.records()
    assert one.document.owed({}) == before.owed({})
    assert one.document.signatures() == before.signatures()
    assert one.document.take_changed_records() == set(before.records())


def test_a_store_that_lost_a_signature_is_told() -> None:
    one = Device(1)
    one.write(slip(A, title="x"))
    rows = [(raw, None) for raw, _ in one.disk.values()]
    with pytest.raises(StoreError, match="lacks a signature"):
        Document.load(GENESIS, rows)


def test_stored_nonsense_poisons_the_document() -> None:
    one = Device(1)
    written = [one.write(slip(A, title="x")), one.write(slip(B, title="y"))]
    rows = [(w.raw, w.signature) for w in written]
    for nonsense in ([(b"junk", None)], rows[::-1], rows[1:]):
        with pytest.raises(DocumentPoisoned):
            Document.load(GENESIS, nonsense)


def test_only_a_genesis_names_a_document() -> None:
    one = Device(1)
    for raw in (b"", one.write(slip(A, title="x")).raw, GENESIS + b"\0"):
        with pytest.raises(ValueError, match=r"."):
            Document(raw)
    assert _automerge.change_hash(GENESIS) == one.document.genesis


# ---- cuts and forks
@pytest.mark.parametrize("at", range(1, 6))
def test_a_fork_at_every_place_with_dependants(at: int) -> None:
    """A copy of a device writes on from an old backup; a sibling built upon the lost branch."""
    one, two, three = Device(1), Device(2), Device(3)
    for number in range(1, 6):
        if number == at:
            copy = one.copy()
        one.write(slip(record_id(random.Random(number)), title=str(number)))
    sync(one, two)
    reply = two.write(slip(A, title="built upon all five"))
    copy.write(slip(B, title="from the backup"))
    sync(one, two, three, copy)
    shown = three.document.records()
    assert len(shown) == at - 1, "neither branch counts, nor what was built upon it"
    assert A not in shown
    assert B not in shown
    for device in (one, two, copy):
        assert device.document.records() == shown
    assert reply.hash not in three.document.counted()
    late = Device(7)
    assert set(send(three, late)) <= {"accepted"}
    assert late.document.state_hash() == three.document.state_hash()


def test_a_fork_is_reported_once_it_is_seen() -> None:
    one, two = Device(1), Device(2)
    copy = one.copy()
    first = one.write(slip(A, title="x"))
    other = copy.write(slip(B, title="y"))
    assert two.receive(run_of(first)).forked is False
    two.document.take_changed_records()
    assert two.receive(run_of(other)).forked is True
    assert two.document.take_changed_records() == {A}
    assert two.document.records() == {}


def test_an_actor_whose_changes_are_left_out_writes_no_more() -> None:
    one = Device(1)
    copy = one.copy()
    one.write(slip(A, title="x"))
    copy.write(slip(B, title="y"))
    sync(one, copy)
    assert not one.document.continues(one.actor)
    with pytest.raises(LocalProtocolError, match="nonce"):
        one.document.edit(one.actor, one.key, slip(C, title="z"))
    one.actor = one.fresh_actor()
    assert one.document.continues(one.actor)
    one.write(slip(C, title="z"))


def test_a_removal_cuts_and_its_end_brings_back() -> None:
    one, two = Device(1), Device(2)
    kept = one.write(slip(A, title="kept"))
    one.write(slip(B, title="after"))
    sync(one, two)
    reply = two.write([("put", B, "note", "a reply")])
    assert two.document.set_cuts({one.key.public: (frozenset([kept.hash]),)})
    assert two.document.clock() == {one.actor: (1, kept.hash)}
    assert two.document.take_changed_records() == {A, B}
    assert set(two.document.records()) == {A}
    assert not two.document.set_cuts({one.key.public: (frozenset([kept.hash]),)})
    assert two.document.set_cuts({})
    assert two.document.clock()[two.actor] == (1, reply.hash)
    assert values(two.document, B, "note") == ["a reply"]


def test_a_copy_of_the_whole_can_be_made_of_what_does_not_count() -> None:
    one, two = Device(1), Device(2)
    copy = one.copy()
    one.write(slip(A, title="x"))
    copy.write(slip(B, title="y"))
    sync(one, copy)
    assert one.document.owed({}) == [], "nothing counts there either: the states are equal"
    assert send(one, two, one.document.whole()) == ["accepted", "accepted"]
    assert len(two.document) == 2


def test_an_export_opens_as_a_cache() -> None:
    one = Device(1)
    one.write(slip(A, title="x"))
    assert one.document.export()[:4] == b"\x85\x6f\x4a\x83"
