"""Sealing and unsealing of notes: one random key per note, handed to each reader by HPKE.

HPKE (RFC 9180) in base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305, from
`cryptography`, which draws the ephemeral keys itself: the one chance in core/ that is no argument.
The content is ChaCha20-Poly1305 under the note's own key, with a nonce of zeros, since no key is
used twice. Both are bound to kind, community, author and subject, so that a part of one note means
nothing in another.

Readers are not named: whoever holds a sealing key tries each place. So those who carry a note do
not learn who may read it.

Nothing that handles a peer's bytes may import this file; an import contract sees to it. Opening is
what a person asks for (contacts.py, claims.py) or this device does for itself (upkeep.py).
Source: docs/protocol.md, "Sealed notes".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from meshaid import limits
from meshaid.core.notes import KINDS, NOTE_TAG, Note, NoteKind
from meshaid.errors import InvalidInput

CONTENT_KEY_BYTES: Final = 32
_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
_NONCE: Final = bytes(12)
_LENGTH_BYTES: Final = 2


def binding(kind: NoteKind, community: bytes, author: bytes, subject: bytes) -> bytes:
    """What a sealed thing is bound to: HPKE's info and the content's associated data."""
    return NOTE_TAG + bytes([KINDS.index(kind) + 1]) + community + author + subject


def seal(
    plain: bytes, readers: Iterable[bytes], bound: bytes, content_key: bytes
) -> tuple[list[bytes], bytes]:
    """Seal for these readers.

    Args:
      readers: X25519 sealing keys of members (or of one device); each is used once.
      bound: see `binding`.
      content_key: 32 fresh random bytes, never used before and never again.
    Returns:
      The content key sealed to each reader, 80 bytes each, and the sealed content.
    Raises:
      InvalidInput: too long, or too many readers.
    """
    keys = sorted(set(readers))
    if not 1 <= len(keys) <= limits.NOTE_RECIPIENTS:
        sentence = f"a note has at most {limits.NOTE_RECIPIENTS} readers, author too"
        raise InvalidInput(fields={"to": sentence})
    sealed = [
        _SUITE.encrypt(content_key, X25519PublicKey.from_public_bytes(key), info=bound)
        for key in keys
    ]
    content = ChaCha20Poly1305(content_key).encrypt(_NONCE, _padded(plain), bound)
    return sorted(sealed), content


def unseal(note: Note, seed: bytes) -> bytes | None:
    """What a note says, if it is sealed to the holder of this X25519 seed; else None.

    None also for content that its author sealed wrongly: nobody can read that.
    """
    bound = binding(note.kind, note.community, note.author, note.subject)
    key = X25519PrivateKey.from_private_bytes(seed)
    for sealed in note.sealed_keys:
        try:
            content_key = _SUITE.decrypt(sealed, key, info=bound)
            return _unpadded(ChaCha20Poly1305(content_key).decrypt(_NONCE, note.content, bound))
        except (InvalidTag, ValueError):
            continue
    return None


def _padded(plain: bytes) -> bytes:
    """Its length (2 bytes), itself, zeros up to the smallest size that holds it."""
    framed = len(plain).to_bytes(_LENGTH_BYTES, "big") + plain
    for size in limits.NOTE_SIZES:
        if len(framed) <= size:
            return framed.ljust(size, b"\0")
    raise InvalidInput(fields={"text": "is too long for a sealed note; shorten it"})


def _unpadded(padded: bytes) -> bytes:
    """What was padded. ValueError for anything that `_padded` never makes."""
    length = int.from_bytes(padded[:_LENGTH_BYTES], "big")
    plain = padded[_LENGTH_BYTES : _LENGTH_BYTES + length]
    if len(plain) != length or any(padded[_LENGTH_BYTES + length :]):
        raise ValueError("a sealed note's padding is wrong")
    return plain
