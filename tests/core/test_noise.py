"""The secure channel against published vectors, against a second implementation, and attacked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from meshaid import limits
from meshaid.core import noise
from meshaid.core.noise import DialedItself, Handshake, Role, channel_prologue
from meshaid.core.transport import Transport
from meshaid.errors import LocalProtocolError, RemoteProtocolError
from tests.vectors import make_noise

TESTS = Path(__file__).parents[1]
CACOPHONY = json.loads((TESTS / "data" / "noise_vectors.json").read_text())["vectors"]
OURS = json.loads((TESTS / "vectors" / "noise_xxpsk0.json").read_text())["vectors"]

COMMUNITY = b"\x11" * 32
DOOR = b"\x22" * 32
ROLES: tuple[Role, Role] = ("dialer", "listener")
STATIC: dict[Role, bytes] = {"dialer": b"\x33" * 32, "listener": b"\x44" * 32}
EPHEMERAL: dict[Role, bytes] = {"dialer": b"\x55" * 32, "listener": b"\x66" * 32}

# Encodings of points of small order on Curve25519: X25519 gives zero for them.
P = 2**255 - 19
SMALL_ORDER = [
    number.to_bytes(32, "little")
    for number in (
        0,
        1,
        325606250916557431795983626356110631294008115727848805560023387167927233504,
        39382357235489614581723060781553021112529911719440698176882885853963445705823,
        P - 1,
        P,
        P + 1,
        2**255,  # the top bit is ignored
    )
]


def a_handshake(role: Role, **changed: Any) -> Handshake:
    given_keys: dict[str, Any] = {
        "static": STATIC[role],
        "ephemeral": EPHEMERAL[role],
        "psk": DOOR,
        "prologue": channel_prologue(COMMUNITY),
    }
    return Handshake(role, **(given_keys | changed))


def run(dialer: Any, listener: Any) -> list[bytes]:
    """The three messages of a handshake that goes well."""
    messages = [dialer.write()]
    listener.read(messages[0])
    messages.append(listener.write())
    dialer.read(messages[1])
    messages.append(dialer.write())
    listener.read(messages[2])
    return messages


def reading_sides() -> Iterator[tuple[int, Handshake, bytes]]:
    """For each message of a handshake: its index, the side that reads it next, the message."""
    for index in range(3):
        dialer, listener = a_handshake("dialer"), a_handshake("listener")
        sender, receiver = dialer, listener
        for _ in range(index):
            receiver.read(sender.write())
            sender, receiver = receiver, sender
        yield index, receiver, sender.write()


# ---- vectors


def cacophony_side(vector: dict[str, Any], role: Role) -> noise._HandshakeState:
    prefix = "init" if role == "dialer" else "resp"

    def value(name: str) -> bytes | None:
        text = vector.get(f"{prefix}_{name}")
        return None if text is None else bytes.fromhex(text)

    (psk,) = vector.get(f"{prefix}_psks", [""])
    return noise._HandshakeState(
        vector["protocol_name"].split("_")[1],
        role,
        ephemeral=bytes.fromhex(vector[f"{prefix}_ephemeral"]),
        prologue=bytes.fromhex(vector[f"{prefix}_prologue"]),
        static=value("static"),
        psk=bytes.fromhex(psk),
        remote_static=value("remote_static"),
    )


def test_there_are_eighteen_published_vectors() -> None:
    assert len(CACOPHONY) == 18


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("vector", CACOPHONY, ids=lambda vector: vector["protocol_name"])
def test_published_vector(vector: dict[str, Any], role: Role) -> None:
    """One role against the file alone, so that no mistake can cancel out with its mirror image."""
    side = cacophony_side(vector, role)
    transport: Transport | None = None
    for message, sender in zip(vector["messages"], cycle(ROLES)):
        payload, ciphertext = (bytes.fromhex(message[k]) for k in ("payload", "ciphertext"))
        if transport is None and side.done:
            transport = side.split()
        if transport is None:
            if sender == role:
                assert side.write(payload) == ciphertext
            else:
                assert side.read(ciphertext) == payload
        elif sender == role:
            assert transport.encrypt(payload) == ciphertext
        else:
            assert transport.decrypt(ciphertext) == payload
    assert transport is not None
    assert side.handshake_hash.hex() == vector["handshake_hash"]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("vector", OURS, ids=lambda vector: vector["name"])
def test_golden_vector(vector: dict[str, Any], role: Role) -> None:
    """Format: the docstring of tests/vectors/make_noise.py."""
    side = Handshake(
        role,
        static=bytes.fromhex(vector[f"{role}_static"]),
        ephemeral=bytes.fromhex(vector[f"{role}_ephemeral"]),
        psk=bytes.fromhex(vector["psk"]),
        prologue=bytes.fromhex(vector["prologue"]),
    )
    messages = [
        (bytes.fromhex(message["payload"]), bytes.fromhex(message["ciphertext"]))
        for message in vector["messages"]
    ]
    for (payload, ciphertext), sender in zip(messages[:3], cycle(ROLES)):
        if sender == role:
            assert side.write(payload) == ciphertext
        else:
            assert side.read(ciphertext) == payload
    assert side.handshake_hash.hex() == vector["handshake_hash"]
    transport = side.split()
    for (payload, ciphertext), listener_sends in zip(messages[3:], cycle((True, False))):
        if listener_sends == (role == "listener"):
            assert transport.encrypt(payload) == ciphertext
        else:
            assert transport.decrypt(ciphertext) == payload


def test_the_golden_file_is_what_its_generator_writes() -> None:
    assert make_noise.FILE.read_text() == make_noise.make()


def test_the_prologue_is_the_version_and_the_community() -> None:
    assert channel_prologue(COMMUNITY) == b"meshaid/1" + COMMUNITY
    assert all(v["prologue"].startswith(b"meshaid/1".hex()) for v in OURS)


# ---- against the second implementation


@pytest.mark.parametrize("our_role", ROLES)
def test_handshake_with_the_second_implementation(our_role: Role) -> None:
    their_role: Role = "listener" if our_role == "dialer" else "dialer"
    ours = a_handshake(our_role)
    theirs = make_noise.Witness(
        their_role,
        static=STATIC[their_role],
        ephemeral=EPHEMERAL[their_role],
        psk=DOOR,
        prologue=channel_prologue(COMMUNITY),
    )
    messages = run(*((ours, theirs) if our_role == "dialer" else (theirs, ours)))
    assert [len(message) for message in messages] == [48, 96, 64]
    assert ours.handshake_hash == theirs.handshake_hash
    transport = ours.split()
    for size in [*range(16), 65_519]:
        plaintext = bytes(size)
        assert theirs.decrypt(transport.encrypt(plaintext)) == plaintext
        assert transport.decrypt(theirs.encrypt(plaintext)) == plaintext


# ---- two of ours


def test_both_sides_learn_the_static_key_of_the_other_and_one_hash() -> None:
    dialer, listener = a_handshake("dialer"), a_handshake("listener")
    run(dialer, listener)
    for side, other in ((dialer, "listener"), (listener, "dialer")):
        key = X25519PrivateKey.from_private_bytes(STATIC[other])  # type: ignore[index]
        assert side.remote_static == key.public_key().public_bytes_raw()
    assert dialer.handshake_hash == listener.handshake_hash


def test_a_key_object_serves_as_well_as_raw_bytes() -> None:
    raw = a_handshake("dialer")
    key_object = a_handshake("dialer", static=X25519PrivateKey.from_private_bytes(STATIC["dialer"]))
    assert run(raw, a_handshake("listener")) == run(key_object, a_handshake("listener"))


def test_fresh_ephemeral_keys_leave_no_common_bytes() -> None:
    """Two recordings of the same pair share no 8 bytes: a listener cannot tell who met."""
    first = b"".join(run(a_handshake("dialer"), a_handshake("listener")))
    second = b"".join(
        run(
            a_handshake("dialer", ephemeral=b"\x77" * 32),
            a_handshake("listener", ephemeral=b"\x88" * 32),
        )
    )
    pieces = {first[i : i + 8] for i in range(len(first) - 7)}
    assert not pieces & {second[i : i + 8] for i in range(len(second) - 7)}


def test_the_static_keys_never_travel_in_clear() -> None:
    recording = b"".join(run(a_handshake("dialer"), a_handshake("listener")))
    for secret in STATIC.values():
        key = X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()
        assert key not in recording


@pytest.mark.parametrize("name", ["static", "ephemeral", "psk"])
@pytest.mark.parametrize("size", [0, 31, 33])
def test_keys_of_another_length_are_refused(name: str, size: int) -> None:
    with pytest.raises(LocalProtocolError, match="32 bytes"):
        a_handshake("dialer", **{name: bytes(size)})


def test_a_community_id_of_another_length_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match="32 bytes"):
        channel_prologue(b"short")


def test_an_unknown_role_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match="dialer or listener"):
        Handshake("client", static=DOOR, ephemeral=DOOR, psk=DOOR, prologue=b"")  # type: ignore[arg-type]


# ---- order of calls


def test_reading_and_writing_out_of_turn_is_our_bug_and_harms_nothing() -> None:
    dialer, listener = a_handshake("dialer"), a_handshake("listener")
    with pytest.raises(LocalProtocolError, match="message 1 is ours to write"):
        dialer.read(bytes(48))
    with pytest.raises(LocalProtocolError, match="message 1 is ours to read"):
        listener.write()
    run(dialer, listener)
    assert (dialer.done, listener.done) == (True, True)


def test_nothing_comes_out_before_the_handshake_is_done() -> None:
    dialer, listener = a_handshake("dialer"), a_handshake("listener")
    listener.read(dialer.write())
    dialer.read(listener.write())  # the dialer has read the static key, but is not done
    for side in (dialer, listener):
        assert not side.done
        with pytest.raises(LocalProtocolError, match="not done"):
            _ = side.remote_static
        with pytest.raises(LocalProtocolError, match="not done"):
            _ = side.handshake_hash
        with pytest.raises(LocalProtocolError, match="not done"):
            side.split()


def test_a_finished_handshake_takes_no_more_messages_and_splits_once() -> None:
    dialer, listener = a_handshake("dialer"), a_handshake("listener")
    run(dialer, listener)
    with pytest.raises(LocalProtocolError, match="over"):
        dialer.write()
    with pytest.raises(LocalProtocolError, match="over"):
        listener.read(bytes(64))
    listener.split()
    with pytest.raises(LocalProtocolError, match="already"):
        listener.split()


# ---- attacks on the handshake


@pytest.fixture
def agreements(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The public keys with which key agreements were made."""
    made: list[bytes] = []
    agree = noise._agree

    def counted(private: X25519PrivateKey, public: bytes) -> bytes:
        made.append(public)
        return agree(private, public)

    monkeypatch.setattr(noise, "_agree", counted)
    return made


def test_a_good_handshake_makes_three_agreements_a_side(agreements: list[bytes]) -> None:
    run(a_handshake("dialer"), a_handshake("listener"))
    assert len(agreements) == 6


@pytest.mark.parametrize(
    "changed",
    [
        {"psk": b"\x23" + DOOR[1:]},
        {"prologue": channel_prologue(b"\x12" + COMMUNITY[1:])},
        {"prologue": b"meshaid/2" + COMMUNITY},
    ],
    ids=["door key", "community", "version"],
)
def test_a_stranger_is_refused_at_message_one_without_a_key_agreement(
    changed: dict[str, bytes], agreements: list[bytes]
) -> None:
    listener = a_handshake("listener")
    with pytest.raises(RemoteProtocolError, match="message 1 was refused"):
        listener.read(a_handshake("dialer", **changed).write())
    assert agreements == []
    with pytest.raises(LocalProtocolError, match="over"):
        listener.write()  # no answer, so nothing to learn from


def test_a_device_that_dials_itself_notices() -> None:
    dialer = a_handshake("dialer")
    listener = a_handshake("listener", static=STATIC["dialer"])
    listener.read(dialer.write())
    with pytest.raises(DialedItself):
        dialer.read(listener.write())
    assert not dialer.done


def test_a_listener_notices_its_own_key_too() -> None:
    """A dialer that does not check itself, as a clone of our disk might not."""
    witness = make_noise.Witness(
        "dialer",
        static=STATIC["listener"],
        ephemeral=EPHEMERAL["dialer"],
        psk=DOOR,
        prologue=channel_prologue(COMMUNITY),
    )
    listener = a_handshake("listener")
    listener.read(witness.write())
    witness.read(listener.write())
    with pytest.raises(DialedItself):
        listener.read(witness.write())


def test_a_recorded_message_one_leads_nowhere() -> None:
    """It is accepted again: whoever replays it cannot read the answer nor write message 3."""
    recorded = run(a_handshake("dialer"), a_handshake("listener"))
    listener = a_handshake("listener", ephemeral=b"\x99" * 32)
    assert listener.read(recorded[0]) == b""
    assert listener.write() != recorded[1]
    with pytest.raises(RemoteProtocolError, match="message 3 was refused"):
        listener.read(recorded[2])
    assert not listener.done


@pytest.mark.parametrize("public", SMALL_ORDER, ids=lambda public: public[:4].hex())
def test_public_keys_of_small_order_are_refused(
    public: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A member who knows the door key sends one as its ephemeral key."""
    dialer = a_handshake("dialer")

    def write_bad_ephemeral() -> bytes:
        dialer._mix_ephemeral(public)
        return public

    monkeypatch.setattr(dialer, "_write_ephemeral", write_bad_ephemeral)
    listener = a_handshake("listener")
    listener.read(dialer.write())
    with pytest.raises(RemoteProtocolError, match="small order"):
        listener.write()
    with pytest.raises(LocalProtocolError, match="over"):
        listener.write()


@pytest.mark.parametrize("index", range(3))
def test_each_single_byte_of_a_handshake_is_protected(index: int) -> None:
    _, _, message = list(reading_sides())[index]
    for position in range(len(message)):
        receiver = list(reading_sides())[index][1]
        damaged = bytearray(message)
        damaged[position] ^= 0x01
        with pytest.raises(RemoteProtocolError):
            receiver.read(bytes(damaged))
        assert not receiver.done


@pytest.mark.parametrize("index", range(3))
@pytest.mark.parametrize("size", [*range(16), 31, 32, 47, 48, 64, 95, 65_535, 65_536])
def test_handshake_messages_of_any_wrong_length_are_refused(index: int, size: int) -> None:
    _, receiver, message = list(reading_sides())[index]
    resized = message[:size].ljust(size, b"\x00")
    if resized == message:
        assert receiver.read(resized) == b""
        return
    with pytest.raises(RemoteProtocolError):
        receiver.read(resized)


def test_a_well_made_message_longer_than_noise_allows_is_refused() -> None:
    too_long = a_handshake("dialer").write(bytes(limits.MAX_FRAME + 1 - 48))
    assert len(too_long) == limits.MAX_FRAME + 1
    with pytest.raises(RemoteProtocolError, match="wrong length"):
        a_handshake("listener").read(too_long)


@given(st.binary(max_size=200))
def test_garbage_gives_a_remote_protocol_error(garbage: bytes) -> None:
    for _, receiver, _ in reading_sides():
        with pytest.raises(RemoteProtocolError):
            receiver.read(garbage)
        assert not receiver.done
