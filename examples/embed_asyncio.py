"""An app on asyncio (Flask, Tk and Qt go the same way): the node runs in a thread of its own.

    python examples/embed_asyncio.py [HOME]

Without HOME it founds a community of its own for a moment. Each call of the node blocks, so it goes
through `asyncio.to_thread`.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import meshaid
from meshaid import blocking


async def main(home: Path) -> None:
    """Run the home as a node, write a need beside the app's own work, and show the board."""
    with blocking.open_node(home) as node:
        clock = asyncio.create_task(own_work())
        need = await asyncio.to_thread(
            node.board.add_need, "Blankets", category="shelter.bedding", quantity=10, unit="piece"
        )
        await asyncio.to_thread(node.board.edit, need.id, quantity=12)
        for row in await asyncio.to_thread(node.board.records, kind="need"):
            shown = row.as_json()
            print(f"{shown['ref']}  {shown['title']}, {shown['quantity']} {shown['unit']}")
        print(await clock)


async def own_work() -> str:
    """What the app does meanwhile."""
    await asyncio.sleep(0)
    return "the app went on meanwhile"


def own_home(folder: str) -> Path:
    """A new community with one household, for trying things out."""
    home = Path(folder) / "home"
    meshaid.found_home(home, community_name="Try-out", name="Me", now=int(time.time()))
    return home


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(main(Path(sys.argv[1])))
    else:
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(main(own_home(folder)))
