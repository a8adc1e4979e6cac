"""An app on asyncio (Flask, Tk and Qt go the same way): the node runs in a thread of its own.

    python examples/embed_asyncio.py [HOME]

Without HOME it founds a community of its own for a moment, away from the network. Opening and
closing the node block, so it is open around the event loop; each call of it blocks, too, and goes
through `asyncio.to_thread`. `main` and the last lines are what to paste into an app.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import meshaid
from meshaid import blocking
from meshaid.events import BoardEvent


async def main(node: blocking.BlockingNode) -> None:
    """Write a need while the app follows the board, and show the board."""
    changes = await asyncio.to_thread(node.board.watch)
    following = asyncio.create_task(follow(changes))
    need = await asyncio.to_thread(
        node.board.add_need, "Blankets", category="shelter.bedding", quantity=10, unit="piece"
    )
    await asyncio.to_thread(node.board.edit, need.id, quantity=12)
    print("seen meanwhile:", *[type(event).__name__ for event in await following])
    for row in await asyncio.to_thread(node.board.records, kind="need"):
        shown = row.as_json()
        print(f"{shown['ref']}  {shown['title']}, {shown['quantity']} {shown['unit']}")


async def follow(changes: blocking.BlockingWatcher) -> list[BoardEvent]:
    """The next two changes; an app would go on until it ends.

    Each turn waits a second at most: asyncio cannot end a thread that waits for ever.
    """
    seen: list[BoardEvent] = []
    while len(seen) < 2:
        event = await asyncio.to_thread(changes.take, 1.0)
        if event is not None:
            seen.append(event)
    return seen


def try_out() -> None:
    """The same in a new community of one household, which nobody else hears of."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        meshaid.found_home(home, community_name="Try-out", name="Me", now=int(time.time()))
        with blocking.open_node(home, listen="127.0.0.1:0", mdns=False) as node:
            asyncio.run(main(node))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        with blocking.open_node(sys.argv[1]) as node:
            asyncio.run(main(node))
    else:
        try_out()
