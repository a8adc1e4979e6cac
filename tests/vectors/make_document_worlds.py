"""Make `document_worlds.json.gz`: what the executable model says of drawn worlds.

    python tests/vectors/make_document_worlds.py [count]     write the file (2,000 worlds)

It needs the model beside the checkout (`tests/document_oracle.py` says where). Every world was
played by real documents at the same time, and both gave the same answers, or nothing is written.
The format is described in `tests/document_worlds.py`. Run it from the project's root.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT))

from tests.document_oracle import load_model, play  # noqa: E402

FILE = Path(__file__).with_name("document_worlds.json.gz")


def make(count: int) -> bytes:
    """The file's bytes: worlds of the seeds 0 to `count` - 1."""
    model = load_model()
    if model is None:
        sys.exit("the executable model does not lie beside this checkout")
    worlds = []
    for seed in range(count):
        world, events = play(seed, model)
        worlds.append({"changes": world.changes, "events": events})
    head = {"source": "the executable model, documents.py", "generator": "make_document_worlds.py"}
    text = json.dumps({**head, "worlds": worlds}, separators=(",", ":"))
    return gzip.compress(text.encode(), 9, mtime=0)


if __name__ == "__main__":
    FILE.write_bytes(make(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000))
