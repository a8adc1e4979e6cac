"""The other process of a benchmark: a node that says on standard output what happens and when.

Times are of the system-wide monotonic clock, so that two processes can be compared.
"""

from __future__ import annotations

import json
import sys
import time

import trio

import meshaid
from meshaid.events import NodeEvent, PeerInSync, RecordAdded


def say(**told: object) -> None:
    """One line of JSON with the moment."""
    print(json.dumps({**told, "at": time.monotonic()}), flush=True)


def observe(event: NodeEvent) -> None:
    """What the measuring side waits for."""
    if isinstance(event, PeerInSync):
        say(event="in sync", digest=event.digest)
    elif isinstance(event, RecordAdded):
        say(event="record", id=event.id)


async def main(home: str) -> None:
    """Run the home as a node; standard input says `peer HOST:PORT`, `offline`, `statistics`…"""
    async with meshaid.open_node(home, listen="127.0.0.1:0", mdns=False, observer=observe) as node:
        say(event="listening", address=node.listening[0])
        lines = trio.wrap_file(sys.stdin)
        async for line in lines:
            word, _, rest = line.strip().partition(" ")
            if word == "peer":
                say(event="dialing")
                node.add_peer(rest)
            elif word == "offline":
                await node.offline()
            elif word == "online":
                say(event="dialing")
                await node.online()
            elif word == "statistics":
                meetings = [c.meeting.statistics() for c in node.network.connections]
                counts = [(m.bytes_sent, m.bytes_received, m.turns) for m in meetings]
                say(event="statistics", meetings=counts)


if __name__ == "__main__":
    trio.run(main, sys.argv[1])
