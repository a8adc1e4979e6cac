"""Make `notes.json`, the golden vectors of sealed notes.

    python -m tests.vectors.make_notes            write the file
    python -m tests.vectors.make_notes --check    compare it, exit 1 when it differs

The notes' form and signatures come from meshaid, the sealing from tests/note_reader.py with chosen
ephemeral keys: HPKE draws them by chance otherwise. All byte strings are hex.

Format: `notes` holds for each note what it shows, its bytes, id, mark and the parts of its body;
`opened` pairs seeds of sealing keys with what the note says to their holders, null for nobody.
`refused` holds [what is wrong, bytes]; the community is the same for all.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from meshaid.core.keys import SigningKey, StaticKey
from meshaid.core.notes import NOTE_TAG, Note, NoteKind, device_subject, make_erasure, make_note
from meshaid.core.sealing import binding
from tests.note_reader import hpke_seal

FILE = Path(__file__).with_name("notes.json")


def octets(name: str, size: int = 32) -> bytes:
    """The bytes that a name stands for."""
    return hashlib.shake_256(name.encode()).digest(size)


COMMUNITY, AUTHOR = octets("community"), octets("author")
SUBJECT = octets("record", 10)
DEVICE, SIBLING = SigningKey(octets("device")), SigningKey(octets("sibling"))
READERS = [octets(f"reader {number}") for number in range(24)]
SCRYPT = hashlib.scrypt(b"042137", salt=octets("salt", 16), n=4_096, r=8, p=1, dklen=32)


def sealed_note(
    kind: NoteKind, plain: bytes, readers: list[bytes], subject: bytes = SUBJECT
) -> Note:
    bound = binding(kind, COMMUNITY, AUTHOR, subject)
    key = octets(f"content key of {kind} {len(plain)}")
    sealed = [
        hpke_seal(StaticKey(seed).public, octets(f"ephemeral {kind} {number}"), key, bound)
        for number, seed in enumerate(readers)
    ]
    framed = len(plain).to_bytes(2, "big") + plain
    size = next(size for size in (128, 512, 3_072) if len(framed) <= size)
    content = ChaCha20Poly1305(key).encrypt(bytes(12), framed.ljust(size, b"\0"), bound)
    return make_note(
        DEVICE,
        kind=kind,
        community=COMMUNITY,
        author=AUTHOR,
        subject=subject,
        number=300,
        sealed_keys=sorted(sealed),
        content=content,
    )


def contact(text: str, readers: int) -> bytes:
    names = sorted(octets(f"member {number}", 16) for number in range(readers))
    return bytes(msgpack.packb([text.encode(), names]))


def notes() -> Iterator[tuple[str, Note, dict[bytes, bytes | None]]]:
    """What it shows, the note, and what it says to whom."""
    short = contact("Rosa, 555 0123", 2)
    yield (
        "a contact for two",
        sealed_note("contact", short, READERS[:2]),
        {READERS[0]: short, READERS[1]: short, READERS[2]: None},
    )
    longer = contact("ring twice, " * 30, 1)
    made = sealed_note("contact", longer, READERS[:1])
    yield "a contact in the second size", made, {READERS[0]: longer}
    most = contact("\U0001f600" * 500, 24)
    yield (
        "the longest contact for the most readers",
        sealed_note("contact", most, READERS),
        {READERS[23]: most},
    )
    claim = bytes(msgpack.packb([octets("salt", 16), SCRYPT]))
    yield "a claim of 042137", sealed_note("claim", claim, READERS[:1]), {READERS[0]: claim}
    seed = octets("member's sealing seed")
    subject = device_subject(SIBLING.public)
    key = sealed_note("key", seed, [octets("sibling's sealing seed")], subject)
    yield "the member's key for a sibling", key, {octets("sibling's sealing seed"): seed}
    erased = [octets(f"note {number}") for number in range(3)]
    erasure = make_erasure(
        DEVICE, community=COMMUNITY, author=AUTHOR, subject=SUBJECT, number=301, erased=erased
    )
    yield "an erasure of three", erasure, {READERS[0]: None}


def refused() -> Iterator[tuple[str, bytes]]:
    """What nobody may send, and why."""
    good = sealed_note("contact", b"x", READERS[:2])
    body: list[Any] = msgpack.unpackb(good.body)

    def signed(places: list[Any]) -> bytes:
        packed = bytes(msgpack.packb(places))
        return bytes(msgpack.packb([packed, DEVICE.public, DEVICE.sign(NOTE_TAG + packed)]))

    def other(place: int, value: object) -> bytes:
        return signed([*body[:place], value, *body[place + 1 :]])

    yield "nothing", b""
    yield "cut short", good.wire[:-1]
    yield "bytes behind it", good.wire + b"\0"
    yield "kind zero", other(0, 0)
    yield "kind five", other(0, 5)
    yield "another community", other(1, octets("another community"))
    yield "a subject of nine bytes", other(3, bytes(9))
    yield "a negative number", other(4, -1)
    yield "a number beyond 2^53", other(4, 2**53 + 1)
    yield "no reader", other(5, [])
    yield "a reader twice", other(5, body[5][:1] * 2)
    yield "25 readers", other(5, [octets(f"sealed {n}", 80) for n in range(25)])
    yield "content of a size that none has", other(6, bytes(145))
    yield "an erasure with readers", other(0, 4)
    yield "an erasure of nothing", signed([4, *body[1:5], [], b""])
    yield "an erasure out of order", signed([4, *body[1:5], [], b"\2" * 32 + b"\1" * 32])
    yield (
        "readers in another order than was signed",
        bytes(
            msgpack.packb(
                [
                    msgpack.packb([*body[:5], body[5][::-1], body[6]]),
                    good.device,
                    good.signature,
                ]
            )
        ),
    )
    yield "another signer", bytes(msgpack.packb([good.body, SIBLING.public, good.signature]))
    yield (
        "signed without the tag",
        bytes(msgpack.packb([good.body, DEVICE.public, DEVICE.sign(good.body)])),
    )


def make() -> str:
    """The file's text."""
    made = [
        {
            "shows": shows,
            "bytes": note.wire.hex(),
            "id": note.id.hex(),
            "mark": note.mark.hex(),
            "kind": note.kind,
            "author": note.author.hex(),
            "subject": note.subject.hex(),
            "number": note.number,
            "device": note.device.hex(),
            "erased": [each.hex() for each in note.erased],
            "opened": [
                [seed.hex(), said.hex() if said is not None else None]
                for seed, said in opened.items()
            ],
        }
        for shows, note, opened in notes()
    ]
    body = {
        "source": "written for meshaid by tests/vectors/make_notes.py",
        "verified": "against tests/note_reader.py by tests/core/test_notes.py",
        "format": "see the generator",
        "community": COMMUNITY.hex(),
        "notes": made,
        "refused": [[what, data.hex()] for what, data in refused()],
    }
    return json.dumps(body, indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    """Write or compare the file."""
    text = make()
    if "--check" in sys.argv:
        return int(FILE.read_text("utf-8") != text)
    FILE.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
