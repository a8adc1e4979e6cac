"""Changes as bytes, runs stripped for the wire, and rebuilt exactly."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshaid import _automerge, limits
from meshaid.core import chunk, ids
from meshaid.core.chunk import ChangeParts, build_change, change_hash, parse_change
from meshaid.core.delta import (
    KnownChange,
    Missing,
    Run,
    StrippedRun,
    decode_delta,
    encode_delta,
    rebuild,
    signed_bytes,
)
from meshaid.core.document import Document
from meshaid.errors import LocalProtocolError, RemoteProtocolError
from tests import delta_reader
from tests.devices import GENESIS, LETTERS, Device, drawn_slip, record_id, send, slip, sync


def household(seed: int, steps: int = 40, devices: int = 3) -> list[Device]:
    """Devices that write, now and then meet, and name each other's changes."""
    chance = random.Random(seed)
    members = [Device(number) for number in range(1, devices + 1)]
    records: list[str] = []
    for _ in range(steps):
        one = chance.choice(members)
        if chance.random() < 0.35:
            send(chance.choice(members), one)
        shown = sorted(one.document.records())
        if not shown or chance.random() < 0.4:
            records.append(record_id(chance))
            one.write(drawn_slip(chance, records[-1]), thin=chance.random() < 0.7)
        else:
            field = chance.choice(["title", "note", "status"])
            edits = [("put", chance.choice(shown), field, f"{field} {chance.random()}")]
            one.write(edits, thin=chance.random() < 0.7)
    return members


@pytest.fixture(scope="module")
def member() -> Device:
    """A device that holds all that its household wrote."""
    members = household(5)
    sync(*members)
    return members[0]


# ---- changes
def test_a_change_is_read_and_built_to_the_same_bytes(member: Device) -> None:
    raws = [GENESIS, *(raw for raw, _ in member.disk.values())]
    for raw in raws:
        parts = parse_change(raw)
        assert build_change(parts) == (raw, change_hash(raw))
        assert change_hash(raw) == _automerge.change_hash(raw)


def test_the_count_of_operations_is_that_of_the_gate(member: Device) -> None:
    metas = _automerge.Document(GENESIS).restore([raw for raw, _ in member.disk.values()])
    assert [meta.ops for meta in metas] == [
        parse_change(raw).ops for raw, _ in member.disk.values()
    ]


def test_no_damage_of_a_change_gives_another_error(member: Device) -> None:
    raw = next(raw for raw, _ in member.disk.values())
    for bit in range(8 * len(raw)):
        damaged = bytearray(raw)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ValueError):  # noqa: PT011 - every part of the parser may notice
            parse_change(bytes(damaged))
    for end in range(len(raw)):
        with pytest.raises(ValueError):  # noqa: PT011
            parse_change(raw[:end])


def sealed(body: bytes, *, length: int | None = None) -> bytes:
    """A change chunk with a fitting checksum, whatever is in it."""
    checked = b"\1" + chunk.unsigned(len(body) if length is None else length) + body
    return chunk.MAGIC + hashlib.sha256(checked).digest()[:4] + checked


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (sealed(b"\0", length=2), "length"),
        (sealed(b"\2" + bytes(32)), "dependencies reach beyond"),
        (sealed(b"\0\5abc"), "reaches beyond"),
        (sealed(b"\0\3abc\1\1\0"), "too early"),
        (b"", "not a change"),
        (b"\x85\x6f\x4a\x83" + bytes(4), "too early"),
    ],
)
def test_a_checksum_alone_makes_no_change(raw: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_change(raw)


def test_a_run_length_bomb_is_not_walked() -> None:
    bomb = b"\x01\x42\x05" + chunk.signed(10_000_000) + b"\x01"
    with pytest.raises(ValueError, match="too many operations"):
        chunk.measure_columns(bomb, 0)
    literal = b"\x01\x42\x04" + chunk.signed(-10_000_000)
    with pytest.raises(ValueError, match="too many operations"):
        chunk.measure_columns(literal, 0)


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        (b"\x21" + b"\x42\x00" * 33, "too many columns"),
        (b"\x01\x42\x09\x7f\x01", "beyond the change"),
        (b"\x01\x42\x01\x02\x01", "inside a value"),
        (b"\x01\x42\x82\x00\x7f\x01", "shortest form"),
    ],
)
def test_malformed_columns_are_named(columns: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        chunk.measure_columns(columns, 0)


def test_nulls_count_as_operations() -> None:
    assert chunk.measure_columns(b"\x01\x42\x02\x00\x07", 0) == (7, 5)


@given(st.integers(0, 2**53))
def test_unsigned_numbers_come_back(value: int) -> None:
    data = chunk.unsigned(value)
    assert chunk.read_unsigned(data + b"\xff", 0) == (value, len(data))


@given(st.integers(-(2**62), 2**62))
def test_signed_numbers_come_back(value: int) -> None:
    data = chunk.signed(value)
    assert chunk.read_signed(data + b"\xff", 0) == (value, len(data))


@pytest.mark.parametrize(
    "data",
    [b"\x80\x00", b"\xff\x80\x00", b"\xff" * 8 + b"\x01", b"\xff" * 20, b"\xff" * 7 + b"\x7f"],
)
def test_long_unsigned_numbers_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="number"):
        chunk.read_unsigned(data, 0)


@pytest.mark.parametrize("data", [b"\x80\x00", b"\xff\x7f", b"\xff" * 10 + b"\x01"])
def test_long_signed_numbers_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="number"):
        chunk.read_signed(data, 0)


# ---- stripped and rebuilt
@pytest.mark.parametrize("seed", range(12))
def test_what_honest_devices_write_comes_back_byte_for_byte(seed: int) -> None:
    members = household(seed)
    for sender in members:
        fresh = Device(9)
        assert set(send(sender, fresh, sender.document.whole())) <= {"accepted"}
        assert fresh.document.clock() == sender.document.clock()
        assert {h: raw for h, (raw, _) in fresh.disk.items()} == {
            h: raw for h, (raw, _) in sender.disk.items()
        }


def test_signatures_dropped_at_random_leave_acceptable_runs() -> None:
    chance = random.Random(3)
    for seed in range(6):
        members = household(seed, steps=60)
        sync(*members)
        document = members[0].document
        for digest in chance.sample(sorted(document.signatures()), len(document.signatures())):
            if chance.random() < 0.7:
                document.drop(digest)
        fresh = Device(9)
        assert set(send(members[0], fresh)) == {"accepted"}
        assert fresh.document.state_hash() == document.state_hash()


def test_a_delta_of_nothing_is_fine(member: Device) -> None:
    document = member.document
    empty = decode_delta(encode_delta(document.genesis, [], document))
    assert (empty.genesis, empty.runs) == (document.genesis, ())


def test_what_a_run_weighs(member: Device) -> None:
    document = member.document
    runs = document.owed({})
    assert sum(run.size for run in runs) == sum(len(raw) for raw, _ in member.disk.values())
    for run, stripped_run in zip(runs, stripped(member), strict=True):
        assert 0 < stripped_run.size < run.size


def stripped(member: Device) -> list[StrippedRun]:
    document = member.document
    payload = encode_delta(document.genesis, document.owed({}), document)
    return list(decode_delta(payload).runs)


def test_a_run_without_its_base_or_dependency_is_missing_it(member: Device) -> None:
    empty = Document(GENESIS)
    runs = stripped(member)
    based = next(run for run in runs if run.base)
    assert rebuild(based, empty) == Missing((based.base,))
    naming = next(run for run in runs if not run.base and len(run.changes[0].deps[0]) == 8)
    unknown = replace(naming.changes[0], deps=(b"nowhere.",))
    assert rebuild(replace(naming, changes=(unknown,)), empty) == Missing((b"nowhere.",))


@dataclass(frozen=True)
class Known:
    """A change that only seems to be held."""

    hash: bytes
    actor: bytes
    seq: int = 1
    max_op: int = 7


class Confused:
    """A document that also holds changes whose hashes begin like those of real ones."""

    def __init__(self, document: Document, doubles: dict[bytes, int]) -> None:
        self.document, self.doubles = document, doubles
        self.genesis = document.genesis

    def find(self, prefix: bytes) -> Sequence[KnownChange]:
        found: list[KnownChange] = [*self.document.find(prefix)]
        if len(prefix) == 8:
            for number in range(self.doubles.get(prefix, 0)):
                actor = found[0].actor if found else bytes(36)
                found.insert(0, Known(prefix + number.to_bytes(24, "big"), actor))
        return found


def named_prefixes(runs: Sequence[StrippedRun]) -> Iterator[bytes]:
    for run in runs:
        yield from ([run.base] if run.base else [])
        for change in run.changes:
            yield from (dep for dep in change.deps if len(dep) == 8)


def test_the_signature_tells_which_of_two_alike_is_meant(member: Device) -> None:
    runs = stripped(member)
    fresh = Device(9)
    for run in runs:
        named = set(named_prefixes([run]))
        # At most four pairs of changes that begin alike are told apart.
        confused = Confused(fresh.document, dict.fromkeys(sorted(named)[:4], 1))
        rebuilt = rebuild(run, confused)
        assert isinstance(rebuilt, Run)
        assert fresh.receive(rebuilt).kind == "accepted"
    assert fresh.document.state_hash() == member.document.state_hash()


def test_too_many_alike_make_a_run_wait(member: Device) -> None:
    fresh = Device(9)
    waited = 0
    for run in stripped(member):
        named = list(named_prefixes([run]))
        if named:
            answer = rebuild(run, Confused(fresh.document, dict.fromkeys(named, 16)))
            assert isinstance(answer, Missing)
            assert set(answer.prefixes) <= set(named)
            waited += 1
        rebuilt = rebuild(run, fresh.document)
        assert isinstance(rebuilt, Run)
        fresh.receive(rebuilt)
    assert waited > 5


def test_no_fitting_choice_makes_a_run_wait(member: Device) -> None:
    run = next(run for run in stripped(member) if not run.base)
    forged = replace(run, signature=bytes(64))
    doubles = dict.fromkeys(named_prefixes([run]), 1)
    assert isinstance(rebuild(forged, Confused(Document(GENESIS), doubles)), Missing)


def test_a_sender_that_holds_two_alike_names_the_whole_hash(member: Device) -> None:
    document = member.document
    runs = document.owed({})
    prefix = next(iter(named_prefixes(stripped(member))))
    payload = encode_delta(document.genesis, runs, Confused(document, {prefix: 1}))
    full = document.find(prefix)[0].hash
    sent = decode_delta(payload).runs
    names = {run.base for run in sent} | {d for r in sent for c in r.changes for d in c.deps}
    assert full in names
    assert prefix not in names
    fresh = Device(9)
    for run in sent:
        rebuilt = rebuild(run, fresh.document)
        assert isinstance(rebuilt, Run)
        assert fresh.receive(rebuilt).kind == "accepted"


# ---- what is refused
def test_a_change_with_another_header_cannot_be_sent() -> None:
    device = Device(1)
    written = device.write(slip("a" * 16, title="x"))
    parts = parse_change(written.raw)
    others: list[ChangeParts] = [
        parts._replace(time=1),
        parts._replace(message=b"hello"),
        parts._replace(extra=b"\0"),
        parts._replace(start_op=parts.start_op + 1),
        parts._replace(seq=2),
        parts._replace(actor=Device(2).actor),
        parts._replace(deps=(b"\1" * 32,)),
    ]
    for other in others:
        run = Run(device.actor, (build_change(other)[0],), written.signature)
        with pytest.raises(LocalProtocolError, match="cannot be sent"):
            encode_delta(device.document.genesis, [run], device.document)


def test_hundreds_of_actors_fit_into_one_delta() -> None:
    """A device that draws nonces without end cannot make its document unsendable."""
    device, fresh = Device(1), Device(9)
    for number in range(300):
        device.actor = device.fresh_actor()
        device.write(slip("".join(LETTERS[number >> s & 31] for s in (5, 0)) + "a" * 14, title="x"))
    assert send(device, fresh) == ["accepted"] * 300
    shown = sorted(fresh.document.records())[:60]
    fresh.write([("put", record, "note", "each by another actor") for record in shown])
    assert fresh.document.clock().keys() > device.document.clock().keys()
    assert send(fresh, device) == ["accepted"]


def run_of(device: Device, written: Any) -> Run:
    return Run(device.actor, (written.raw,), written.signature)


def honest_tree() -> list[Any]:
    """A payload as msgpack values, to break one thing at a time."""
    device = Device(1)
    device.write(slip("a" * 16, title="x"))
    device.write(slip("b" * 16, title="y"))
    document = device.document
    tree: list[Any] = msgpack.unpackb(
        encode_delta(document.genesis, document.owed({}), document), raw=True
    )
    return tree


def test_the_shape_of_a_payload() -> None:
    genesis, actors, [[index, base, changes, signature]] = honest_tree()
    assert (len(genesis), [len(actor) for actor in actors]) == (32, [36, 0])
    assert (index, base, len(changes), len(signature)) == (0, b"", 2, 64)
    assert [change[:2] for change in changes] == [[[genesis[:8]], [1]], [[], [1]]]


def broken_trees() -> Iterator[tuple[str, list[Any]]]:
    def changed(name: str, path: list[int], value: object) -> tuple[str, list[Any]]:
        tree = honest_tree()
        at: Any = tree
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = value
        return name, tree

    genesis, actors, runs = honest_tree()
    change = runs[0][2][0]
    yield changed("genesis too short", [0], genesis[:-1])
    yield changed("genesis no bytes", [0], 5)
    yield changed("actors no array", [1], b"")
    yield changed("actor of another length", [1, 0], actors[0][:-1])
    yield changed("actor twice", [1], [actors[0], actors[0]])
    yield changed("run of another arity", [2, 0], [0, b"", [change]])
    yield changed("run no array", [2, 0], 1)
    yield changed("actor index outside", [2, 0, 0], 2)
    yield changed("actor index negative", [2, 0, 0], -1)
    yield changed("actor index a bool", [2, 0, 0], False)
    yield changed("written by the genesis", [2, 0, 0], 1)
    yield changed("base of another length", [2, 0, 1], b"1234567")
    yield changed("no changes", [2, 0, 2], [])
    yield changed("257 changes", [2, 0, 2], [change] * 257)
    yield changed("signature too short", [2, 0, 3], bytes(63))
    yield changed("change of another arity", [2, 0, 2, 0], change[:2])
    yield changed("dependency of another length", [2, 0, 2, 0, 0], [bytes(9)])
    yield changed("65 dependencies", [2, 0, 2, 0, 0], [bytes(8)] * 65)
    yield changed("other actor outside", [2, 0, 2, 0, 1], [2])
    yield changed("65 other actors", [2, 0, 2, 0, 1], [0] * 65)
    yield changed("other actors no array", [2, 0, 2, 0, 1], b"\1")
    yield changed("columns no bytes", [2, 0, 2, 0, 2], 0)
    yield changed("columns too short", [2, 0, 2, 0, 2], change[2][:-1])
    yield changed("surplus behind the columns", [2, 0, 2, 0, 2], change[2] + b"\0")
    yield changed("a run too long", [2, 0, 2], [[[], [], columns_of(60_000)]] * 5)
    yield changed("surplus entry", [2, 0], [0, b"", [change], bytes(64), 1])
    yield changed("text for bytes", [0], "x" * 32)
    yield changed("a map", [2, 0, 2, 0], {})


def columns_of(size: int) -> bytes:
    """One column of an unknown kind and this length."""
    return b"\x01\x57" + chunk.unsigned(size) + bytes(size)


@pytest.mark.parametrize("tree", [pytest.param(tree, id=name) for name, tree in broken_trees()])
def test_another_shape_ends_the_session(tree: list[Any]) -> None:
    with pytest.raises(RemoteProtocolError):
        decode_delta(msgpack.packb(tree))


def test_a_payload_has_one_form_only() -> None:
    tree = honest_tree()
    payload = msgpack.packb(tree)
    decode_delta(payload)
    assert payload[0] == 0x93
    with pytest.raises(RemoteProtocolError, match="shortest"):
        decode_delta(b"\xdc\0\3" + payload[1:])
    for surplus in (payload + b"\0", payload[:-1], b"", b"\xc1", b"\x91" * 2_000):
        with pytest.raises(RemoteProtocolError):
            decode_delta(surplus)


def test_a_payload_has_a_limit() -> None:
    with pytest.raises(RemoteProtocolError, match="too long"):
        decode_delta(bytes(limits.INFLATE_LIMIT + 1))


def test_a_run_that_grows_beyond_the_limits_is_not_rebuilt() -> None:
    genesis, actors, runs = honest_tree()
    prefix = genesis[:8]
    long_columns = columns_of(65_530)
    runs[0][2] = [[[prefix], [], long_columns]]
    run = decode_delta(msgpack.packb([genesis, actors, runs])).runs[0]
    with pytest.raises(RemoteProtocolError, match="too long"):
        rebuild(run, Document(GENESIS))
    runs[0][2] = [[[prefix], [], columns_of(1_000)]] * 256
    run = decode_delta(msgpack.packb([genesis, actors, runs])).runs[0]
    with pytest.raises(RemoteProtocolError, match="too long"):
        rebuild(run, Document(GENESIS))


# ---- damage
def small_exchange() -> tuple[Device, bytes]:
    """A few crossing changes of two devices, and the payload that carries them."""
    one, two = Device(1), Device(2)
    one.write(slip("a" * 16, title="x"))
    sync(one, two)
    two.write([("put", "a" * 16, "title", "y")])
    one.write([("put", "a" * 16, "title", "z")])
    sync(one, two)
    one.write([("put", "a" * 16, "title", "w")])
    document = one.document
    return one, encode_delta(document.genesis, document.owed({}), document)


def test_one_flipped_bit_never_makes_another_change_stand() -> None:
    one, payload = small_exchange()
    outcomes: dict[str, int] = {}
    for bit in range(8 * len(payload)):
        damaged = bytearray(payload)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            delta = decode_delta(bytes(damaged))
        except RemoteProtocolError:
            outcomes["malformed"] = outcomes.get("malformed", 0) + 1
            continue
        fresh = Device(9)
        kinds = []
        for run in delta.runs if delta.genesis == fresh.document.genesis else ():
            rebuilt = rebuild(run, fresh.document)
            kinds.append("waiting" if isinstance(rebuilt, Missing) else fresh.receive(rebuilt).kind)
        assert set(fresh.disk) < set(one.disk), "something is always missing"
        for kind in kinds or ["other document"]:
            outcomes[kind] = outcomes.get(kind, 0) + 1
    assert outcomes.keys() == {"malformed", "waiting", "refused", "accepted", "other document"}


@given(st.binary(max_size=300))
def test_garbage_is_a_protocol_error(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        decode_delta(data)


def test_what_is_signed() -> None:
    actor = bytes(range(36))
    assert signed_bytes(b"g" * 32, actor, 258, b"h" * 32) == (
        b"meshaid-delta-v1\0" + b"g" * 32 + actor + b"\0\0\1\2" + b"h" * 32
    )


# ---- golden vectors
VECTORS = Path(__file__).parents[1] / "vectors"


def vectors(name: str) -> list[Any]:
    loaded: list[Any] = json.loads((VECTORS / name).read_text())["vectors"]
    return loaded


@pytest.mark.parametrize("vector", vectors("genesis.json"), ids=lambda v: f"epoch {v['epoch']}")
def test_a_second_reader_makes_the_same_genesis(vector: dict[str, Any]) -> None:
    community, member, nonce = (bytes.fromhex(vector[k]) for k in ("community", "member", "nonce"))
    actor = bytes.fromhex(vector["actor"])
    assert delta_reader.genesis_actor(community, member, vector["epoch"], nonce) == actor
    assert ids.genesis_actor(community, member, vector["epoch"], nonce) == actor
    raw, digest = delta_reader.genesis_change(actor)
    assert (raw.hex(), digest.hex()) == (vector["raw"], vector["hash"])
    assert _automerge.genesis(actor) == raw
    assert Document(raw).genesis == digest


@pytest.mark.parametrize("vector", vectors("deltas.json"), ids=lambda v: v["name"])
def test_a_second_reader_rebuilds_the_same_changes(vector: dict[str, Any]) -> None:
    actor = bytes.fromhex(vector["genesis_actor"])
    reader = delta_reader.Reader(actor)
    document = Document(_automerge.genesis(actor))
    theirs, ours = [], []
    for payload in map(bytes.fromhex, vector["payloads"]):
        theirs += reader.read(payload)
        for stripped_run in decode_delta(payload).runs:
            run = rebuild(stripped_run, document)
            assert isinstance(run, Run)
            assert document.receive(run, "member").kind == "accepted"
            ours.append((run.actor, [*run.changes], run.signature))
    assert theirs == ours
    assert vector["runs"] == [
        {"actor": a.hex(), "signature": s.hex(), "changes": [raw.hex() for raw in raws]}
        for a, raws, s in theirs
    ]
    clock = {bytes.fromhex(a): (n, bytes.fromhex(h)) for a, n, h in vector["clock"]}
    assert document.clock() == clock
    assert document.state_hash().hex() == vector["state"]
    forked = bool(reader.forks())
    assert forked == (vector["name"] == "a fork and its proof")
    assert (len(document.counted()) < len(document)) == forked


@pytest.mark.parametrize("name", ["genesis", "deltas"])
def test_the_vectors_are_what_their_generator_makes(name: str) -> None:
    spec = importlib.util.spec_from_file_location(f"make_{name}", VECTORS / f"make_{name}.py")
    assert spec is not None
    assert spec.loader is not None
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)
    assert generator.make() == (VECTORS / f"{name}.json").read_text()
