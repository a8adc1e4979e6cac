"""Make `genesis.json`, the golden vectors of genesis changes.

    python tests/vectors/make_genesis.py            write the file
    python tests/vectors/make_genesis.py --check    compare it, exit 1 when it differs

Written by meshaid; verified by `tests/delta_reader.py`, which shares no code with it.

Format: community and member are 32-byte ids, epoch a number, nonce 16 bytes (zeros in epoch 1),
actor the 16 bytes that follow from them (docs/protocol.md, "Genesis"), raw the whole change, and
hash its hash, which names the document. All bytes are hex strings.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from meshaid import _automerge
from meshaid.core import ids

FILE = Path(__file__).with_name("genesis.json")


def make() -> str:
    """The file's text."""
    vectors = []
    for number, (epoch, nonce) in enumerate(
        [(1, bytes(16)), (2, bytes(range(16))), (256, b"\xff" * 16), (2**32 - 1, b"\x01" * 16)]
    ):
        community = hashlib.sha256(b"community %d" % number).digest()
        member = hashlib.sha256(b"member %d" % number).digest()
        actor = ids.genesis_actor(community, member, epoch, nonce)
        raw = _automerge.genesis(actor)
        vectors.append(
            {
                "community": community.hex(),
                "member": member.hex(),
                "epoch": epoch,
                "nonce": nonce.hex(),
                "actor": actor.hex(),
                "raw": raw.hex(),
                "hash": _automerge.change_hash(raw).hex(),
            }
        )
    head = {"source": "meshaid", "generator": "make_genesis.py", "witness": "tests/delta_reader.py"}
    return json.dumps({**head, "vectors": vectors}, indent=1) + "\n"


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(FILE.read_text() != make())
    FILE.write_text(make())
