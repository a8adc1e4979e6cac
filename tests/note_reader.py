"""A second reader of sealed notes, written from docs/protocol.md and RFC 9180 alone.

It shares no code with meshaid: `tests/tiny_msgpack.py`, and the plain primitives of `cryptography`.
HPKE is written out here, so that the vectors can be made with chosen ephemeral keys and meshaid's
own (the package's) is compared with it.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from tests import tiny_msgpack

TAG = b"meshaid-note-v1\0"
KINDS = {1: "contact", 2: "claim", 3: "key", 4: "erasure"}
SIZES = (128, 512, 3_072)


@dataclass(frozen=True)
class Read:
    """What stands in a note."""

    kind: int
    community: bytes
    author: bytes
    subject: bytes
    number: int
    sealed_keys: list[bytes]
    content: bytes
    device: bytes
    id: bytes
    mark: bytes

    @property
    def binding(self) -> bytes:
        return TAG + bytes([self.kind]) + self.community + self.author + self.subject


def read_note(wire: bytes, community: bytes) -> Read:
    """A note whose signature fits. ValueError for anything that a peer may not send."""
    require(len(wire) <= 6_144, "size")
    parts = tiny_msgpack.read(wire)
    require(type(parts) is list and len(parts) == 3, "parts")
    body, device, signature = parts
    octets(body, None)
    octets(device, 32)
    octets(signature, 64)
    places = tiny_msgpack.read(body)
    require(type(places) is list and len(places) == 7, "places")
    kind, told, author, subject, number, keys, content = places
    require(type(kind) is int and kind in KINDS, "kind")
    require(octets(told, 32) == community, "community")
    octets(author, 32)
    octets(subject, 10)
    require(type(number) is int and 0 <= number <= 2**53, "number")
    require(type(keys) is list, "keys")
    sealed = [octets(key, 80) for key in keys]
    octets(content, None)
    if KINDS[kind] == "erasure":
        ids = [content[at : at + 32] for at in range(0, len(content), 32)]
        require(not sealed and 1 <= len(ids) <= 64 and len(content) % 32 == 0, "erasure")
        require(ids == sorted(set(ids)), "order")
    else:
        require(1 <= len(sealed) <= 24 and len(set(sealed)) == len(sealed), "readers")
        require(len(content) - 16 in SIZES, "content")
    try:
        Ed25519PublicKey.from_public_bytes(device).verify(signature, TAG + body)
    except InvalidSignature as error:
        raise ValueError("signature") from error
    mark = bytearray(hashlib.sha256(b"meshaid-note-mark-v1\0" + author + subject).digest()[:8])
    mark[7] = mark[7] | 1 if KINDS[kind] == "erasure" else mark[7] & 0xFE
    name = hashlib.sha256(TAG + body).digest()
    return Read(
        kind, community, author, subject, number, sealed, content, device, name, bytes(mark)
    )


def open_note(note: Read, seed: bytes) -> bytes | None:
    """What it says to the holder of this X25519 seed; None to everybody else."""
    for sealed in note.sealed_keys:
        try:
            key = hpke_open(seed, sealed[:32], sealed[32:], note.binding)
            padded = ChaCha20Poly1305(key).decrypt(bytes(12), note.content, note.binding)
        except InvalidTag:
            continue
        length = int.from_bytes(padded[:2], "big")
        require(length + 2 <= len(padded) and not any(padded[2 + length :]), "padding")
        return padded[2 : 2 + length]
    return None


# ---- RFC 9180, base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305
KEM_SUITE = b"KEM" + (0x0020).to_bytes(2, "big")
SUITE = b"HPKE" + b"".join(part.to_bytes(2, "big") for part in (0x0020, 0x0001, 0x0003))


def hpke_seal(public: bytes, ephemeral_seed: bytes, plain: bytes, info: bytes) -> bytes:
    """Encapsulated key and ciphertext, with a chosen ephemeral key."""
    ephemeral = X25519PrivateKey.from_private_bytes(ephemeral_seed)
    enc = ephemeral.public_key().public_bytes_raw()
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(public))
    key, nonce = key_schedule(encapsulated(shared, enc, public), info)
    return enc + ChaCha20Poly1305(key).encrypt(nonce, plain, b"")


def hpke_open(seed: bytes, enc: bytes, ciphertext: bytes, info: bytes) -> bytes:
    """The plain bytes. InvalidTag for whoever it is not sealed to."""
    private = X25519PrivateKey.from_private_bytes(seed)
    shared = private.exchange(X25519PublicKey.from_public_bytes(enc))
    public = private.public_key().public_bytes_raw()
    key, nonce = key_schedule(encapsulated(shared, enc, public), info)
    return ChaCha20Poly1305(key).decrypt(nonce, ciphertext, b"")


def encapsulated(shared: bytes, enc: bytes, public: bytes) -> bytes:
    """Section 4.1: ExtractAndExpand."""
    prk = labeled_extract(b"", KEM_SUITE, b"eae_prk", shared)
    return labeled_expand(prk, KEM_SUITE, b"shared_secret", enc + public, 32)


def key_schedule(secret: bytes, info: bytes) -> tuple[bytes, bytes]:
    """Section 5.1, mode_base: key and base nonce."""
    context = (
        b"\0"
        + labeled_extract(b"", SUITE, b"psk_id_hash", b"")
        + labeled_extract(b"", SUITE, b"info_hash", info)
    )
    secret = labeled_extract(secret, SUITE, b"secret", b"")
    key = labeled_expand(secret, SUITE, b"key", context, 32)
    return key, labeled_expand(secret, SUITE, b"base_nonce", context, 12)


def labeled_extract(salt: bytes, suite: bytes, label: bytes, ikm: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + ikm, "sha256")


def labeled_expand(prk: bytes, suite: bytes, label: bytes, info: bytes, length: int) -> bytes:
    """At most one block of HKDF-Expand is needed."""
    data = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return hmac.digest(prk, data + b"\x01", "sha256")[:length]


def octets(value: object, size: int | None) -> bytes:
    if type(value) is not bytes or size not in (None, len(value)):
        raise ValueError("no bytes of that length")
    return value


def require(condition: bool, what: str) -> None:
    if not condition:
        raise ValueError(what)
