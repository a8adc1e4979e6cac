"""An app on trio: write to the board and follow what changes on it.

    python examples/embed_trio.py [HOME]

Without HOME it founds a community of its own for a moment, away from the network. `main` is what
to paste into an app.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import trio

import meshaid
from meshaid.events import RecordRemoved


async def main(home: Path, **options: Any) -> None:
    """Run the home as a node, write a need, and show what changes until it is closed."""
    async with meshaid.open_node(home, **options) as node:
        changes = node.board.watch()  # from here on, also what others write
        need = await node.board.add_need(
            "Insulin, 2 vials",
            category="health.medicine",
            quantity=2,
            unit="vial",
            urgency="today",
            area="Riverside north",
        )
        await node.board.edit(need.id, quantity=3)
        await node.board.close(need.id, "received")
        async for event in changes:
            if isinstance(event, RecordRemoved):
                print("a record is gone")
                continue
            row = event.row.as_json()
            print(f"{row['ref']}  {row['title']}, {row['quantity']} {row['unit']}: {row['status']}")
            if event.id == need.id and event.row.status == "closed":
                break


def try_out() -> None:
    """The same in a new community of one household, which nobody else hears of."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        meshaid.found_home(home, community_name="Try-out", name="Me", now=int(time.time()))
        trio.run(lambda: main(home, listen="127.0.0.1:0", mdns=False))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        trio.run(main, Path(sys.argv[1]))
    else:
        try_out()
