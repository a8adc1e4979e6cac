"""Sealed notes: small signed items beside the documents, in no digest, that can be erased.

A note is about one record of its author (or, of kind "key", for one device of it). Its *body* is a
canonical msgpack array:

    [kind, community, author, subject, number, sealed keys, content]

On the wire and in the store a note is the array `[body, device, signature]`; the signature is
Ed25519 by that device over `b"meshaid-note-v1\\0"` + body. The id is SHA-256 of the same bytes: who
signed is no part of it, so a sibling device can sign a note again when the first signer was removed
(what erases the note still names it), and no second signature makes a second note.

An *erasure* is a note that names others of its author: they are erased for good. What a note says
is sealed (sealing.py) and not looked at here; nothing in this file can open one.
Source: docs/protocol.md, "Sealed notes".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from meshaid import limits
from meshaid.core import ids
from meshaid.core.keys import KEY_BYTES, SIGNATURE_BYTES, SigningKey, verify
from meshaid.core.shapes import array_of, pack, unpack
from meshaid.errors import InvalidSignature, RemoteProtocolError

NoteKind: TypeAlias = Literal["contact", "claim", "key", "erasure"]

NOTE_TAG: Final = b"meshaid-note-v1\0"
KINDS: Final[tuple[NoteKind, ...]] = ("contact", "claim", "key", "erasure")
"""In the order of their numbers, from 1."""
NAME_BYTES: Final = 16
MARK_BYTES: Final = 8
SUBJECT_BYTES: Final = ids.RECORD_BYTES
SEALED_KEY_BYTES: Final = 80
"""HPKE: 32 bytes of an ephemeral key, 32 of the content key, 16 of the tag."""
CONTENT_TAG_BYTES: Final = 16

_DEVICE_TAG: Final = b"meshaid-note-device-v1\0"
_MARK_TAG: Final = b"meshaid-note-mark-v1\0"
_CONTENT_SIZES: Final = frozenset(size + CONTENT_TAG_BYTES for size in limits.NOTE_SIZES)


@dataclass(frozen=True, slots=True)
class Note:
    """One note with the bytes that were signed. Its `repr` shows neither content nor keys."""

    kind: NoteKind
    community: bytes
    author: bytes
    """The member id."""
    subject: bytes
    """The 10 bytes of the record's id; of a "key" note, `device_subject` of its device."""
    number: int
    """Rises with each note of the author: the higher of two is the later one."""
    sealed_keys: tuple[bytes, ...] = field(repr=False)
    """The content key, sealed to one reader each; none names its reader."""
    content: bytes = field(repr=False)
    """Sealed; of an erasure the ids of the erased notes."""
    device: bytes
    """Who signed: a device of the author, as far as the roster says so."""
    body: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    id: bytes

    @property
    def name(self) -> bytes:
        """The first 16 bytes of the id: a note's name on the wire."""
        return self.id[:NAME_BYTES]

    @property
    def mark(self) -> bytes:
        """What it is about, for lists: see `mark_of`."""
        return mark_of(self.author, self.subject, erasure=self.kind == "erasure")

    @property
    def wire(self) -> bytes:
        """The note as it travels and as it is kept."""
        return pack((self.body, self.device, self.signature))

    @property
    def erased(self) -> tuple[bytes, ...]:
        """The ids that an erasure names; of other notes none."""
        if self.kind != "erasure":
            return ()
        starts = range(0, len(self.content), ids.ID_BYTES)
        return tuple(self.content[at : at + ids.ID_BYTES] for at in starts)


def device_subject(device: bytes) -> bytes:
    """What a "key" note for this device is about: 10 bytes of a hash of the device's id."""
    return hashlib.sha256(_DEVICE_TAG + device).digest()[:SUBJECT_BYTES]


def mark_of(author: bytes, subject: bytes, *, erasure: bool) -> bytes:
    """8 bytes that tell what a note is about to whoever knows the record, and little to others.

    They begin SHA-256(tag + author + subject); the last bit is 1 for an erasure, else 0.
    """
    mark = bytearray(hashlib.sha256(_MARK_TAG + author + subject).digest()[:MARK_BYTES])
    mark[-1] = mark[-1] & 0xFE | erasure
    return bytes(mark)


# ---- making
def make_note(
    key: SigningKey,
    *,
    kind: NoteKind,
    community: bytes,
    author: bytes,
    subject: bytes,
    number: int,
    sealed_keys: Sequence[bytes],
    content: bytes,
) -> Note:
    """A note signed by this device key. ValueError for what nobody would take."""
    places = (KINDS.index(kind) + 1, community, author, subject, number)
    body = pack((*places, tuple(sealed_keys), content))
    signature = key.sign(NOTE_TAG + body)
    return _read(body, key.public, signature)


def make_erasure(
    key: SigningKey,
    *,
    community: bytes,
    author: bytes,
    subject: bytes,
    number: int,
    erased: Iterable[bytes],
) -> Note:
    """An erasure of these notes (ids), all about one subject. ValueError as `make_note`."""
    return make_note(
        key,
        kind="erasure",
        community=community,
        author=author,
        subject=subject,
        number=number,
        sealed_keys=(),
        content=b"".join(sorted(set(erased))),
    )


def signed_again(note: Note, key: SigningKey) -> Note:
    """The same note, with the same id, signed by another device of its author."""
    return _read(note.body, key.public, key.sign(NOTE_TAG + note.body))


# ---- reading
def decode_note(wire: bytes, community: bytes) -> Note:
    """Read one note of this community and check its signature.

    Whether the signer may speak for the author, and whether there is such a record, is for
    note_set.py to say.

    Raises:
      RemoteProtocolError: wrong form, beyond a limit, another community, or a signature that does
        not fit. No honest device passes such a note on.
    Source: docs/protocol.md, "Sealed notes".
    """
    note = read_own_note(wire)
    if note.community != community:
        raise RemoteProtocolError("a note of another community: drop the peer")
    try:
        verify(note.device, note.signature, NOTE_TAG + note.body)
    except InvalidSignature as error:
        raise RemoteProtocolError("a note whose signature does not fit: drop the peer") from error
    return note


def read_own_note(wire: bytes) -> Note:
    """Read a note whose signature this device checked before it kept it.

    The form is checked as `decode_note` does, the signature is not: never for bytes that came from
    a peer or a file. Raises RemoteProtocolError.
    """
    if len(wire) > limits.MAX_NOTE_BYTES:
        raise RemoteProtocolError("a note beyond the size limit: drop the peer")
    try:
        body, device, signature = array_of(unpack(wire), 3, 3, "a note")
        return _read(body, device, signature)
    except ValueError as error:
        raise RemoteProtocolError(f"a malformed note: {error}") from error


def _read(body: object, device: object, signature: object) -> Note:
    """A note from its three parts. ValueError says what is wrong without showing it."""
    signed = _octets(body, None)
    places = array_of(unpack(signed), 7, 7, "a note's body")
    number_of_kind, community, author, subject, number, keys, content = places
    kind = KINDS[_whole(number_of_kind, 1, len(KINDS)) - 1]
    least, most = (0, 0) if kind == "erasure" else (1, limits.NOTE_RECIPIENTS)
    sealed = tuple(
        _octets(key, SEALED_KEY_BYTES) for key in array_of(keys, least, most, "sealed keys")
    )
    if len(set(sealed)) != len(sealed):
        raise ValueError("a sealed key repeats")
    note = Note(
        kind=kind,
        community=_octets(community, ids.ID_BYTES),
        author=_octets(author, ids.ID_BYTES),
        subject=_octets(subject, SUBJECT_BYTES),
        number=_whole(number, 0, limits.MAX_INTEGER),
        sealed_keys=sealed,
        content=_octets(content, None),
        device=_octets(device, KEY_BYTES),
        body=signed,
        signature=_octets(signature, SIGNATURE_BYTES),
        id=hashlib.sha256(NOTE_TAG + signed).digest(),
    )
    _check_content(note)
    if len(note.wire) > limits.MAX_NOTE_BYTES:
        raise ValueError("a note is beyond the size limit")
    return note


def _check_content(note: Note) -> None:
    """Sealed content has one of a few sizes; an erasure's ids ascend and are not too many."""
    if note.kind != "erasure":
        if len(note.content) not in _CONTENT_SIZES:
            raise ValueError("a note's content has a size that none has")
        return
    count, rest = divmod(len(note.content), ids.ID_BYTES)
    if rest or not 1 <= count <= limits.NOTES_PER_ERASURE:
        raise ValueError(f"an erasure does not name 1 to {limits.NOTES_PER_ERASURE} notes")
    if list(note.erased) != sorted(set(note.erased)):
        raise ValueError("an erasure's notes do not ascend")


def _octets(value: object, size: int | None) -> bytes:
    if type(value) is not bytes or size not in (None, len(value)):
        raise ValueError("a byte string does not have the right length")
    return value


def _whole(value: object, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"a number is not within {least} and {most}")
    return value
