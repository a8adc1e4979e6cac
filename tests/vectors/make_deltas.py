"""Make `deltas.json`, the golden vectors of deltas on the wire.

    python tests/vectors/make_deltas.py            write the file
    python tests/vectors/make_deltas.py --check    compare it, exit 1 when it differs

Written by meshaid with keys from fixed seeds; verified by `tests/delta_reader.py`, which shares no
code with it. Run it from the project's root, so that `tests` is found.

Format: per vector the genesis' 16-byte actor, the payloads in order (plain, before compression),
and what a document holds after the last: `runs` with actor, signature and raw changes as they came,
`clock` as [actor, length, head] of what counts, and `state`, the hash of that clock. All bytes are
hex strings.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT))

from meshaid.core.chunk import parse_change  # noqa: E402
from meshaid.core.delta import KnownChange, Run, encode_delta  # noqa: E402
from tests.devices import GENESIS, Device, send, slip, sync  # noqa: E402

FILE = Path(__file__).with_name("deltas.json")
A, B, C = "a" * 16, "b" * 16, "c" * 16


class Doubled:
    """A document whose every change seems to have a double: names whole hashes."""

    def __init__(self, device: Device) -> None:
        self._document = device.document
        self.genesis = device.document.genesis

    def find(self, prefix: bytes) -> Sequence[KnownChange]:
        found = self._document.find(prefix)
        return [*found, *found] if len(prefix) == 8 else found


def one_writer() -> dict[str, Any]:
    """Three changes of one device: one run."""
    one = Device(1)
    one.write(slip(A, kind="need", title="Water, 10 litres", quantity=10))
    one.write([("put", A, "quantity", 5), ("put_in", A, "texts", "de", "Wasser, 10 Liter")])
    one.write([("delete", A, "quantity")])
    return vector("one writer", one, [one.document.owed({})])


def live_push() -> dict[str, Any]:
    """A first delta, then one more change alone, upon what is held."""
    one = Device(1)
    one.write(slip(A, title="first"))
    first, clock = one.document.owed({}), one.document.clock()
    one.write([("put", A, "title", "second")])
    return vector("one more change", one, [first, one.document.owed(clock)])


def crossing() -> dict[str, Any]:
    """Three devices that name each other's changes; a conflict stands."""
    devices = [Device(number) for number in (1, 2, 3)]
    devices[0].write(slip(A, title="shared"))
    sync(*devices)
    for device, title in zip(devices, ("red", "green", "blue"), strict=True):
        device.write([("put", A, "title", title)])
        device.write(slip((B, C, "d" * 16)[device.number - 1], title=title))
    sync(*devices)
    devices[2].write([("put", A, "note", "all three were seen")])
    return vector("three devices crossing", devices[2], [devices[2].document.owed({})])


def fork_proof() -> dict[str, Any]:
    """A forgotten backup writes on: both branches, and what was built upon one, do not count."""
    one, two = Device(1), Device(2)
    one.write(slip(A, title="before"))
    copy = one.copy()
    sync(one, two)
    one.write([("put", A, "title", "one branch")])
    sync(one, two)
    two.write([("put", A, "note", "built upon it")])
    copy.write([("put", A, "title", "the other branch")])
    send(copy, two)
    return vector("a fork and its proof", two, [two.document.whole()])


def whole_hashes() -> dict[str, Any]:
    """Names of 32 bytes, as of a sender that holds two changes which begin alike."""
    one, two = Device(1), Device(2)
    one.write(slip(A, title="x"))
    sync(one, two)
    two.write([("put", A, "title", "y")])
    one.write([("put", A, "title", "z")])
    sync(one, two)
    one.write([("put", A, "title", "w")])
    return vector("whole hashes", one, [one.document.owed({})], doubled=True)


def vector(
    name: str, device: Device, deltas: Sequence[Sequence[Run]], *, doubled: bool = False
) -> dict[str, Any]:
    document = device.document
    graph = Doubled(device) if doubled else document
    payloads = [encode_delta(document.genesis, runs, graph) for runs in deltas]
    return {
        "name": name,
        "genesis_actor": parse_change(GENESIS).actor.hex(),
        "payloads": [payload.hex() for payload in payloads],
        "runs": [
            {
                "actor": run.actor.hex(),
                "signature": run.signature.hex(),
                "changes": [raw.hex() for raw in run.changes],
            }
            for runs in deltas
            for run in runs
        ],
        "clock": [
            [actor.hex(), length, head.hex()]
            for actor, (length, head) in sorted(document.clock().items())
        ],
        "state": document.state_hash().hex(),
    }


def make() -> str:
    """The file's text."""
    vectors = [one_writer(), live_push(), crossing(), fork_proof(), whole_hashes()]
    head = {"source": "meshaid", "generator": "make_deltas.py", "witness": "tests/delta_reader.py"}
    return json.dumps({**head, "vectors": vectors}, indent=1) + "\n"


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(FILE.read_text() != make())
    FILE.write_text(make())
