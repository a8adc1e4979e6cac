"""Run on a host of the network: discover, and print every event as one line of JSON.

SIGTERM ends it with a goodbye.

python discover.py KEY_HEX PORT [LISTENING_HOST]
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import asdict

import trio

from meshaid.discovery import open_discovery


async def main(key: str, port: str, host: str = "0.0.0.0") -> None:  # noqa: S104
    """Print events until SIGTERM."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(print_events, key, port, host)
        with trio.open_signal_receiver(signal.SIGTERM) as signals:
            async for _ in signals:
                nursery.cancel_scope.cancel()
                return


async def print_events(key: str, port: str, host: str) -> None:
    """Discover until cancelled."""
    async with open_discovery(
        discovery_keys=[bytes.fromhex(key)], port=int(port), random=os.urandom, host=host
    ) as events:
        async for event in events:
            print(json.dumps({"event": type(event).__name__} | asdict(event)), flush=True)


if __name__ == "__main__":
    trio.run(main, *sys.argv[1:])
