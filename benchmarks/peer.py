"""The other process of a benchmark: a node that says on standard output what happens and when.

Times are of the system-wide monotonic clock, so that two processes can be compared. Single records
are told of only after `watch`: a first sync must not be slowed by a thousand lines of output.
"""

from __future__ import annotations

import json
import sys
import time

import trio

import meshaid
from meshaid.events import NodeEvent, PeerInSync, RecordAdded


class Witness:
    """Tells what the measuring side waits for."""

    def __init__(self) -> None:
        self.watching = False
        self.node: meshaid.Node

    def say(self, **told: object) -> None:
        """One line of JSON with the moment."""
        print(json.dumps({**told, "at": time.monotonic()}), flush=True)

    def observe(self, event: NodeEvent) -> None:
        """The node's observer."""
        if isinstance(event, PeerInSync):
            self.say(event="in sync", digest=event.digest)
        elif self.watching and isinstance(event, RecordAdded):
            self.say(event="record", id=event.id)

    async def obey(self, line: str) -> None:
        """`peer HOST:PORT`, `offline`, `online`, `watch` or `statistics`."""
        word, _, rest = line.strip().partition(" ")
        if word == "peer":
            self.say(event="dialing")
            self.node.add_peer(rest)
        elif word == "offline":
            await self.node.offline()
        elif word == "online":
            self.say(event="dialing")
            await self.node.online()
        elif word == "watch":
            self.watching = True
        elif word == "statistics":
            meetings = [c.meeting.statistics() for c in self.node.network.connections]
            counts = [(m.bytes_sent, m.bytes_received, m.turns) for m in meetings]
            self.say(event="statistics", meetings=counts)


async def main(home: str) -> None:
    """Run the home as a node until standard input ends."""
    witness = Witness()
    async with meshaid.open_node(
        home, listen="127.0.0.1:0", mdns=False, observer=witness.observe
    ) as node:
        witness.node = node
        witness.say(event="listening", address=node.listening[0])
        async for line in trio.wrap_file(sys.stdin):
            await witness.obey(line)


if __name__ == "__main__":
    trio.run(main, sys.argv[1])
