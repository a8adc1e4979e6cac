"""An app on trio: write to the board and watch what changes on it.

    python examples/embed_trio.py [HOME]

Without HOME it founds a community of its own for a moment. Paste `main` into your app.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import trio

import meshaid


async def main(home: Path) -> None:
    """Run the home as a node, write a need, and show the first three changes of the board."""
    async with meshaid.open_node(home) as node:
        changes = node.board.watch()
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
        for _ in range(3):
            event = await anext(changes)  # or: async for event in changes
            row = event.as_json()["row"]
            print(f"{row['ref']}  {row['title']}, {row['quantity']} {row['unit']}: {row['status']}")


def own_home(folder: str) -> Path:
    """A new community with one household, for trying things out."""
    home = Path(folder) / "home"
    meshaid.found_home(home, community_name="Try-out", name="Me", now=int(time.time()))
    return home


if __name__ == "__main__":
    if len(sys.argv) > 1:
        trio.run(main, Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            trio.run(main, own_home(folder))
