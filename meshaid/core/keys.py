"""Keys that are hard to misuse: they sign, verify, exchange and derive, and never show themselves.

Ed25519 (RFC 8032) signs cards and changes, X25519 (RFC 7748) is for Noise and for sealing, each
with keys of its own. Seeds come in as arguments, since core/ draws no random bytes. What must not
be ignored raises: `verify` returns nothing (docs/protocol.md, "Keys").
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidSignature as ForeignInvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from meshaid.errors import InvalidSignature, RemoteProtocolError

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64

_FIELD: Final = 2**255 - 19
_SIGN_BIT: Final = 2**255
_ORDER_8: Final = tuple(
    int.from_bytes(bytes.fromhex(text), "little")
    for text in (
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    )
)
_WEAK_Y: Final = frozenset({0, 1, _FIELD - 1, *_ORDER_8})
"""The y coordinates of the eight points whose order divides 8. Under such a key a signature made
without any secret passes for every second to every message."""
_WEAK_U: Final = frozenset(
    {
        0,
        1,
        _FIELD - 1,
        325606250916557431795983626356110631294008115727848805560023387167927233504,
        39382357235489614581723060781553021112529911719440698176882885853963445705823,
    }
)
"""The same points on the X25519 side: every exchange with them gives zeros."""


def check_public(public: bytes) -> None:
    """Refuse Ed25519 public keys of small order or in a non-canonical encoding.

    Raises:
      RemoteProtocolError: not 32 bytes, y not below 2^255 - 19, or one of the 14 weak encodings.
    """
    if len(public) != KEY_BYTES:
        raise RemoteProtocolError(f"a public key has {KEY_BYTES} bytes, not {len(public)}")
    y = int.from_bytes(public, "little") % _SIGN_BIT
    if y >= _FIELD or y in _WEAK_Y:
        raise RemoteProtocolError("a public key in a weak or non-canonical encoding")


def check_exchange_key(public: bytes) -> None:
    """Refuse X25519 public keys of small order or in a non-canonical encoding.

    Raises:
      RemoteProtocolError: not 32 bytes, u not below 2^255 - 19, or a point of small order.
    """
    if len(public) != KEY_BYTES:
        raise RemoteProtocolError(f"an exchange key has {KEY_BYTES} bytes, not {len(public)}")
    u = int.from_bytes(public, "little")
    if u >= _FIELD or u in _WEAK_U:
        raise RemoteProtocolError("an exchange key in a weak or non-canonical encoding")


def verify(public: bytes, signature: bytes, message: bytes) -> None:
    """Check an Ed25519 signature; return nothing when it holds.

    Raises:
      InvalidSignature: it does not fit, or the key is one that `check_public` refuses.
    """
    try:
        check_public(public)
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (ForeignInvalidSignature, RemoteProtocolError, ValueError) as error:
        raise InvalidSignature("a signature does not fit the bytes that it stands on") from error


class SigningKey:
    """An Ed25519 key pair from a 32-byte seed. Its `repr` shows no part of either key."""

    __slots__ = ("_key", "public")

    def __init__(self, seed: bytes) -> None:
        """Raises ValueError unless the seed has 32 bytes."""
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public: Final = self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature. Messages start with a domain tag, so none serves two purposes."""
        return self._key.sign(message)

    def __repr__(self) -> str:
        return "<SigningKey>"


class StaticKey:
    """An X25519 key pair from a 32-byte seed. Its `repr` shows no part of either key."""

    __slots__ = ("_key", "public")

    def __init__(self, seed: bytes) -> None:
        """Raises ValueError unless the seed has 32 bytes."""
        self._key = X25519PrivateKey.from_private_bytes(seed)
        self.public: Final = self._key.public_key().public_bytes_raw()

    def exchange(self, peer: bytes) -> bytes:
        """The 32-byte shared secret with a peer's public key.

        Raises:
          RemoteProtocolError: the peer's key has another length, or the result is all zeros
            (a key of small order, RFC 7748 section 6.1).
        """
        try:
            return self._key.exchange(X25519PublicKey.from_public_bytes(peer))
        except ValueError as error:
            raise RemoteProtocolError("the peer's exchange key is weak or damaged") from error

    def __repr__(self) -> str:
        return "<StaticKey>"


def derive(door_key: bytes, label: str) -> bytes:
    """HKDF-SHA256 (RFC 5869) of a door key: 32 bytes, no salt, info `meshaid-<label>-v1`.

    Args:
      label: what the result is for: `noise-psk` or `discovery`. One label per use.
    Raises:
      ValueError: the door key has not 32 bytes, or nothing is derived under this label.
    """
    if len(door_key) != KEY_BYTES or label not in ("noise-psk", "discovery"):
        raise ValueError("a door key has 32 bytes, and is used under two labels only")
    info = f"meshaid-{label}-v1".encode("ascii")
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(door_key)
