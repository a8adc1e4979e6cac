"""Keys: weak ones are refused, what must not be ignored raises, nothing secret is shown."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from meshaid.core.keys import (
    SigningKey,
    StaticKey,
    check_exchange_key,
    check_public,
    derive,
    verify,
)
from meshaid.errors import InvalidSignature, RemoteProtocolError

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "cards.json").read_text("utf-8"))

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int]


def add(one: Point, other: Point) -> Point:
    """The sum of two points of Ed25519, by RFC 8032 section 5.1.4 in affine coordinates."""
    (x1, y1), (x2, y2) = one, other
    product = D * x1 * x2 * y1 * y2
    return (
        (x1 * y2 + x2 * y1) * pow(1 + product, -1, P) % P,
        (y1 * y2 + x1 * x2) * pow(1 - product, -1, P) % P,
    )


def order(point: Point) -> int:
    """How often a point must be added to itself to give the neutral one; at most 8 tries."""
    total, count = point, 1
    while total != (0, 1) and count < 9:
        total, count = add(total, point), count + 1
    return count


def recover_x(y: int) -> int | None:
    """One x with (x, y) on the curve, or None."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    return x if (x * x - square) % P == 0 else None


def weak_encodings() -> list[bytes]:
    """Every 32-byte string that decodes to a point of small order, found by arithmetic.

    (0, 1) has order 1, (0, -1) order 2, and where y = 0 it is 4. A point has order 8 when its
    double has y = 0, so x^2 = -y^2; put into the curve's equation -x^2 + y^2 = 1 + d x^2 y^2 this
    gives d y^4 + 2 y^2 - 1 = 0, hence y^2 = (-1 +- sqrt(1 + d)) / d.
    """
    values = {0, 1, P - 1}
    root = pow((1 + D) % P, (P + 3) // 8, P)
    if (root * root - 1 - D) % P:
        root = root * pow(2, (P - 1) // 4, P) % P
    for square in ((root - 1) * pow(D, -1, P) % P, (-root - 1) * pow(D, -1, P) % P):
        y = pow(square, (P + 3) // 8, P)
        for candidate in (y, y * pow(2, (P - 1) // 4, P) % P):
            x = recover_x(candidate)
            if x is not None and order((x, candidate)) == 8:
                values |= {candidate, P - candidate}
    encoded = {y for value in values for y in (value, value + P) if y < 2**255}
    return sorted((y | sign << 255).to_bytes(32, "little") for y in encoded for sign in (0, 1))


WEAK = weak_encodings()


def test_there_are_fourteen_weak_encodings() -> None:
    assert len(WEAK) == 14
    ys = {int.from_bytes(key, "little") % 2**255 % P for key in WEAK}
    assert len(ys) == 5
    for y in ys:
        x = recover_x(y)
        assert x is not None
        assert 8 % order((x, y)) == 0


@pytest.mark.parametrize("key", WEAK, ids=bytes.hex)
def test_weak_keys_are_refused(key: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="weak"):
        check_public(key)
    with pytest.raises(InvalidSignature):
        verify(key, key + bytes(32), b"anything")


def test_a_weak_key_would_accept_a_signature_made_without_a_secret() -> None:
    """Why they are refused: the library alone lets such a signature pass."""
    neutral = (1).to_bytes(32, "little")
    Ed25519PublicKey.from_public_bytes(neutral).verify(neutral + bytes(32), b"anything")


@given(st.integers(P, 2**255 - 1), st.booleans())
def test_non_canonical_keys_are_refused(y: int, sign: bool) -> None:
    with pytest.raises(RemoteProtocolError):
        check_public((y | sign << 255).to_bytes(32, "little"))
    with pytest.raises(RemoteProtocolError):
        check_exchange_key(y.to_bytes(32, "little"))


@given(st.binary(min_size=32, max_size=32))
def test_real_keys_pass(seed: bytes) -> None:
    check_public(SigningKey(seed).public)
    check_exchange_key(StaticKey(seed).public)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_keys_of_another_length_are_refused(size: int) -> None:
    for check in (check_public, check_exchange_key):
        with pytest.raises(RemoteProtocolError, match="32 bytes"):
            check(bytes(size))


def test_signatures_hold_for_their_bytes_only() -> None:
    key, other = SigningKey(bytes(32)), SigningKey(b"\1" * 32)
    signature = key.sign(b"one")
    verify(key.public, signature, b"one")
    for public, changed, message in (
        (key.public, signature, b"two"),
        (other.public, signature, b"one"),
        (key.public, signature[:-1], b"one"),
        (key.public, bytes([signature[0] ^ 1]) + signature[1:], b"one"),
        (b"\x02" + bytes(31), signature, b"one"),
    ):
        with pytest.raises(InvalidSignature):
            verify(public, changed, message)


def test_both_sides_of_an_exchange_agree() -> None:
    one, other = StaticKey(bytes(32)), StaticKey(b"\1" * 32)
    assert one.exchange(other.public) == other.exchange(one.public)


WEAK_U = [
    0,
    1,
    P - 1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
]


@pytest.mark.parametrize("u", WEAK_U)
def test_exchange_keys_of_small_order_are_refused(u: int) -> None:
    weak = u.to_bytes(32, "little")
    with pytest.raises(RemoteProtocolError, match="weak"):
        StaticKey(bytes(32)).exchange(weak)
    with pytest.raises(RemoteProtocolError, match="weak"):
        check_exchange_key(weak)


def test_an_exchange_with_a_short_key_is_refused() -> None:
    with pytest.raises(RemoteProtocolError):
        StaticKey(bytes(32)).exchange(bytes(31))


def hkdf(secret: bytes, info: bytes) -> bytes:
    """RFC 5869 with SHA-256, no salt, 32 bytes: written out."""
    extracted = hmac.digest(bytes(32), secret, "sha256")
    return hmac.digest(extracted, info + b"\1", "sha256")


def test_derived_keys_are_hkdf_under_their_labels() -> None:
    door = bytes.fromhex(VECTORS["derived"]["door_key"])
    for label in ("noise-psk", "discovery"):
        assert derive(door, label).hex() == VECTORS["derived"][label]
        assert derive(door, label) == hkdf(door, f"meshaid-{label}-v1".encode())
    assert derive(door, "noise-psk") != derive(door, "discovery")
    for wrong in ((door, "other"), (door[1:], "discovery")):
        with pytest.raises(ValueError, match="two labels"):
            derive(*wrong)


def test_no_key_shows_itself() -> None:
    seed = hashlib.sha256(b"secret").digest()
    for key in (SigningKey(seed), StaticKey(seed)):
        for shown in (repr(key), str(key), f"{key}"):
            assert shown in ("<SigningKey>", "<StaticKey>")
