"""Sealed notes by themselves: one form each, signed, sealed to their readers, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgpack
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from hypothesis import given
from hypothesis import strategies as st

from meshaid import limits
from meshaid.core.keys import SigningKey, StaticKey, verify
from meshaid.core.notes import (
    KINDS,
    NOTE_TAG,
    Note,
    NoteKind,
    decode_note,
    device_subject,
    make_erasure,
    make_note,
    mark_of,
    read_own_note,
    signed_again,
)
from meshaid.core.sealing import binding, seal, unseal
from meshaid.errors import InvalidInput, RemoteProtocolError
from tests import note_reader
from tests.core.real_world import Dice
from tests.vectors import make_notes

DICE = Dice("notes")
COMMUNITY, AUTHOR, OTHER = (DICE(32) for _ in range(3))
SUBJECT, ANOTHER = DICE(10), DICE(10)
DEVICE, SIBLING = SigningKey(DICE(32)), SigningKey(DICE(32))
READERS = [DICE(32) for _ in range(limits.NOTE_RECIPIENTS)]
TEXT = b"Rosa, door code 1234, ring twice"


def bound(kind: NoteKind = "contact", subject: bytes = SUBJECT) -> bytes:
    return binding(kind, COMMUNITY, AUTHOR, subject)


def note(
    plain: bytes = TEXT,
    readers: int = 2,
    *,
    kind: NoteKind = "contact",
    subject: bytes = SUBJECT,
    number: int = 7,
) -> Note:
    public = [StaticKey(seed).public for seed in READERS[:readers]]
    keys, content = seal(plain, public, bound(kind, subject), DICE(32))
    return make_note(
        DEVICE,
        kind=kind,
        community=COMMUNITY,
        author=AUTHOR,
        subject=subject,
        number=number,
        sealed_keys=keys,
        content=content,
    )


def erasure(*erased: bytes, subject: bytes = SUBJECT) -> Note:
    return make_erasure(
        DEVICE, community=COMMUNITY, author=AUTHOR, subject=subject, number=8, erased=erased
    )


# ---- golden vectors
VECTORS: dict[str, Any] = json.loads(make_notes.FILE.read_text("utf-8"))


def test_vectors_are_what_the_generator_makes() -> None:
    assert make_notes.FILE.read_text("utf-8") == make_notes.make()


@pytest.mark.parametrize("vector", VECTORS["notes"], ids=lambda vector: vector["shows"])
def test_golden_note(vector: dict[str, Any]) -> None:
    community, wire = bytes.fromhex(VECTORS["community"]), bytes.fromhex(vector["bytes"])
    mine, second = decode_note(wire, community), note_reader.read_note(wire, community)
    assert mine.wire == wire
    assert mine.id == second.id == bytes.fromhex(vector["id"])
    assert mine.mark == second.mark == bytes.fromhex(vector["mark"])
    assert (mine.kind, note_reader.KINDS[second.kind]) == (vector["kind"], vector["kind"])
    assert mine.subject.hex() == second.subject.hex() == vector["subject"]
    assert [each.hex() for each in mine.erased] == vector["erased"]
    for seed, said in vector["opened"]:
        expected = bytes.fromhex(said) if said is not None else None
        assert unseal(mine, bytes.fromhex(seed)) == expected
        assert note_reader.open_note(second, bytes.fromhex(seed)) == expected


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda vector: vector[0])
def test_golden_refusal(vector: list[str]) -> None:
    community, wire = bytes.fromhex(VECTORS["community"]), bytes.fromhex(vector[1])
    with pytest.raises(RemoteProtocolError):
        decode_note(wire, community)
    with pytest.raises(ValueError):  # noqa: PT011 - any
        note_reader.read_note(wire, community)


@given(st.binary(max_size=200), st.integers(1, 4))
def test_the_second_reader_opens_what_is_sealed_by_chance(plain: bytes, readers: int) -> None:
    made = note(plain, readers)
    second = note_reader.read_note(made.wire, COMMUNITY)
    assert {note_reader.open_note(second, seed) for seed in READERS[:readers]} == {plain}
    assert note_reader.open_note(second, READERS[-1]) is None


# ---- sealing
@given(st.binary(max_size=limits.NOTE_SIZES[-1] - 2), st.integers(1, limits.NOTE_RECIPIENTS))
def test_readers_open_it_and_nobody_else(plain: bytes, readers: int) -> None:
    made = note(plain, readers)
    for seed in READERS[:readers]:
        assert unseal(made, seed) == plain
    for seed in READERS[readers : readers + 1]:
        assert unseal(made, seed) is None
    assert unseal(made, DICE(32)) is None
    assert len(made.wire) <= limits.MAX_NOTE_BYTES


def test_what_is_sealed_stands_nowhere_in_it() -> None:
    made = note()
    assert TEXT not in made.wire
    assert TEXT[:8] not in made.wire
    assert repr(TEXT)[2:10] not in repr(made)
    for seed in READERS:
        assert StaticKey(seed).public not in made.wire, "readers are not named"


def test_sizes_tell_little() -> None:
    assert {len(note(b"x" * n).content) for n in range(127)} == {128 + 16}
    assert {len(note(b"x" * n).content) for n in (127, 200, 510)} == {512 + 16}
    with pytest.raises(InvalidInput, match="too long"):
        note(b"x" * 3_071)


def test_too_many_readers() -> None:
    public = [StaticKey(DICE(32)).public for _ in range(limits.NOTE_RECIPIENTS + 1)]
    with pytest.raises(InvalidInput, match="at most"):
        seal(TEXT, public, bound(), DICE(32))
    with pytest.raises(InvalidInput, match="at most"):
        seal(TEXT, [], bound(), DICE(32))


def test_one_reader_named_twice_is_one() -> None:
    public = StaticKey(READERS[0]).public
    keys, _ = seal(TEXT, [public, public], bound(), DICE(32))
    assert len(keys) == 1


def test_parts_of_a_note_mean_nothing_elsewhere() -> None:
    """Sealed parts under another kind, author, record or community do not open."""
    made = note()
    for moved in (
        replace(made, subject=ANOTHER),
        replace(made, author=OTHER),
        replace(made, community=OTHER),
        replace(made, kind="claim"),
        replace(made, content=note().content),
        replace(made, sealed_keys=note().sealed_keys),
    ):
        assert unseal(moved, READERS[0]) is None


@pytest.mark.parametrize(
    "padded",
    [
        b"\x00\x7f" + bytes(126),  # longer than it is
        b"\x00\x01xy" + bytes(124),  # padding that says something
    ],
)
def test_wrong_padding_is_not_shown(padded: bytes) -> None:
    key = DICE(32)
    content = ChaCha20Poly1305(key).encrypt(bytes(12), padded, bound())
    public = X25519PrivateKey.from_private_bytes(READERS[0]).public_key()
    sealed = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305).encrypt(
        key, public, info=bound()
    )
    made = replace(note(), content=content, sealed_keys=(sealed,))
    assert unseal(made, READERS[0]) is None


@pytest.mark.parametrize("number", [0, 1, 2**255 - 20, 2**255 - 19, 2**255 - 18, 2**256 - 1])
def test_weak_ephemeral_keys_open_nothing_and_break_nothing(number: int) -> None:
    """Its author may put anything where a sealed key stands."""
    weak = number.to_bytes(32, "little")
    key, at = note(readers=1).sealed_keys[0], StaticKey(READERS[0]).public
    places = (weak + key[32:], at + key[32:], bytes(80), b"\xff" * 80, key)
    assert unseal(replace(note(readers=1), sealed_keys=places[:4]), READERS[0]) is None
    made = note(readers=1)
    mixed = replace(made, sealed_keys=(*places[:4], *made.sealed_keys))
    assert unseal(mixed, READERS[0]) == TEXT, "one bad place does not hide the good one"


# ---- form
def test_there_and_back() -> None:
    for kind in KINDS[:3]:
        made = note(kind=kind)
        assert decode_note(made.wire, COMMUNITY) == read_own_note(made.wire) == made
        assert made.erased == ()
    ids = tuple(sorted(DICE(32) for _ in range(limits.NOTES_PER_ERASURE)))
    made = erasure(*ids)
    assert decode_note(made.wire, COMMUNITY) == made
    assert made.erased == ids
    assert made.name == made.id[:16]


def test_ids_and_marks_follow_from_the_bytes() -> None:
    made = note()
    assert made.id == hashlib.sha256(b"meshaid-note-v1\0" + made.body).digest()
    digest = hashlib.sha256(b"meshaid-note-mark-v1\0" + AUTHOR + SUBJECT).digest()
    assert made.mark == digest[:7] + bytes([digest[7] & 0xFE])
    assert erasure(made.id).mark == digest[:7] + bytes([digest[7] | 1])
    assert mark_of(AUTHOR, SUBJECT, erasure=False) == note(number=9).mark
    expected = hashlib.sha256(b"meshaid-note-device-v1\0" + DEVICE.public).digest()[:10]
    assert device_subject(DEVICE.public) == expected


def test_a_sibling_signs_the_same_note() -> None:
    made = note()
    again = signed_again(made, SIBLING)
    assert (again.id, again.body, again.device) == (made.id, made.body, SIBLING.public)
    assert again.wire != made.wire
    assert decode_note(again.wire, COMMUNITY) == again


def places(made: Note) -> list[Any]:
    value: list[Any] = msgpack.unpackb(made.body)
    return value


def resigned(change: Callable[[list[Any]], object]) -> bytes:
    """A note with another body, signed by whoever made it."""
    body = places(note())
    change(body)
    return signed(bytes(msgpack.packb(body)))


def signed(body: bytes) -> bytes:
    return bytes(msgpack.packb([body, DEVICE.public, DEVICE.sign(NOTE_TAG + body)]))


BAD_BODIES: dict[str, Callable[[list[Any]], object]] = {
    "an unknown kind": lambda b: b.__setitem__(0, 5),
    "kind zero": lambda b: b.__setitem__(0, 0),
    "a kind as a boolean": lambda b: b.__setitem__(0, True),
    "another community": lambda b: b.__setitem__(1, OTHER),
    "a short community": lambda b: b.__setitem__(1, bytes(31)),
    "a long author": lambda b: b.__setitem__(2, bytes(33)),
    "a record id as text": lambda b: b.__setitem__(3, "aaaaaaaaaaaaaaaa"),
    "a short record id": lambda b: b.__setitem__(3, bytes(9)),
    "a negative number": lambda b: b.__setitem__(4, -1),
    "a number beyond 2^53": lambda b: b.__setitem__(4, 2**53 + 1),
    "no reader": lambda b: b.__setitem__(5, []),
    "too many readers": lambda b: b.__setitem__(5, [DICE(80) for _ in range(25)]),
    "a reader twice": lambda b: b.__setitem__(5, b[5][:1] * 2),
    "a short sealed key": lambda b: b.__setitem__(5, [bytes(79)]),
    "readers that are no array": lambda b: b.__setitem__(5, bytes(80)),
    "content of another size": lambda b: b.__setitem__(6, bytes(145)),
    "no content": lambda b: b.__setitem__(6, b""),
    "content as text": lambda b: b.__setitem__(6, "x" * 144),
    "a field too many": lambda b: b.append(0),
    "a field too few": lambda b: b.pop(),
    "an erasure with readers": lambda b: b.__setitem__(0, 4),
}


@pytest.mark.parametrize("what", BAD_BODIES)
def test_other_bodies_are_refused(what: str) -> None:
    with pytest.raises(RemoteProtocolError):
        decode_note(resigned(BAD_BODIES[what]), COMMUNITY)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        bytes(31),
        bytes(33),
        bytes(32) * 2,
        bytes([2]) * 32 + bytes([1]) * 32,
        b"".join(n.to_bytes(32, "big") for n in range(limits.NOTES_PER_ERASURE + 1)),
    ],
    ids=["empty", "short", "long", "twice", "descending", "too many"],
)
def test_other_erasures_are_refused(content: bytes) -> None:
    body = bytes(msgpack.packb([4, COMMUNITY, AUTHOR, SUBJECT, 1, [], content]))
    with pytest.raises(RemoteProtocolError):
        decode_note(signed(body), COMMUNITY)


def test_other_signatures_are_refused() -> None:
    made = note()
    body, device, signature = msgpack.unpackb(made.wire)
    weak = bytes(32)
    another = note(number=8)
    for wrong in (
        [body, SIBLING.public, signature],
        [body, device, bytes(64)],
        [body, device, signature[:-1]],
        [body, device, another.signature],
        [another.body, device, signature],
        [body, weak, signature],
        [body, device, DEVICE.sign(body)],  # without the domain tag
        [body, device],
        [body, device, signature, None],
        {"body": body},
        body,
    ):
        with pytest.raises(RemoteProtocolError):
            decode_note(msgpack.packb(wrong), COMMUNITY)


def test_swapped_readers_are_refused() -> None:
    """The signature covers who may read it, and in which order they stand."""
    made = note()

    def swap(body: list[Any]) -> None:
        body[5] = body[5][::-1]

    body = places(made)
    swap(body)
    wire = msgpack.packb([msgpack.packb(body), made.device, made.signature])
    with pytest.raises(RemoteProtocolError, match="signature"):
        decode_note(wire, COMMUNITY)


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        b"\x90",
        b"\xc1",
        b"\x91" * 500 + b"\x90",
        bytes(limits.MAX_NOTE_BYTES + 1),
        b"\xdd\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
    ],
)
def test_garbage_is_refused(wire: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        decode_note(wire, COMMUNITY)


def test_a_second_encoding_is_refused() -> None:
    made = note()
    body, device, signature = msgpack.unpackb(made.wire)
    long_form = b"\xdc\x00\x03" + b"".join(map(msgpack.packb, (body, device, signature)))
    with pytest.raises(RemoteProtocolError, match="shortest"):
        decode_note(long_form, COMMUNITY)
    spaced = b"\xdc\x00\x07" + body[1:]
    with pytest.raises(RemoteProtocolError, match="shortest"):
        decode_note(signed(spaced), COMMUNITY)


@given(st.data())
def test_damage_is_noticed(data: st.DataObject) -> None:
    wire = bytearray(data.draw(st.sampled_from(SAMPLES)))
    at = data.draw(st.integers(0, len(wire) - 1))
    before = wire[at]
    wire[at] = data.draw(st.integers(0, 255).filter(lambda byte: byte != before))
    with pytest.raises(RemoteProtocolError):
        decode_note(bytes(wire), COMMUNITY)


SAMPLES = [note().wire, note(readers=24).wire, erasure(DICE(32)).wire]


@given(st.binary(max_size=400))
def test_any_bytes_are_refused_in_one_way(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        decode_note(data, COMMUNITY)


def test_the_largest_note_fits() -> None:
    made = note(bytes(3_070), limits.NOTE_RECIPIENTS, number=2**53)
    assert len(made.wire) <= limits.MAX_NOTE_BYTES
    assert decode_note(made.wire, COMMUNITY) == made


def test_signatures_are_over_the_tag_and_the_body() -> None:
    made = note()
    verify(DEVICE.public, made.signature, b"meshaid-note-v1\0" + made.body)
