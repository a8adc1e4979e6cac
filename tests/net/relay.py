"""A bad network between two nodes: a TCP relay that delays and cuts, in a process of its own.

It takes the place of `netem`, which many kernels lack. Run as a script it prints a line for every
connection that it cuts.
"""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import trio

from meshaid.addresses import parse_address
from meshaid.testing.lan import Host

DELAY_SECONDS = 0.03
LEAST, MOST = 200, 1_500
"""After how many bytes, both ways together, the first connection is cut."""
GROWTH = 2.0
"""Each later one lives longer than the one before: a network that never carries a whole message
carries none, and each cut doubles the pause before the next dial."""


class Relay:
    """A relay on a host, for as long as the block lasts."""

    def __init__(self, host: Host, *, listen: str, target: str, seed: int) -> None:
        self._host = host
        self._arguments = [sys.executable, str(Path(__file__)), listen, target, str(seed)]
        self._lines: list[bytes] = []

    def __enter__(self) -> Self:
        self._process = self._host.start(self._arguments, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"listening\n"
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        return self

    def _read(self) -> None:
        assert self._process.stdout is not None
        self._lines.extend(self._process.stdout)

    def cuts(self) -> int:
        """How many connections were cut so far."""
        return len(self._lines)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._reader.join()
        self._process.wait()


class Ration:
    """What one connection may carry before it is cut."""

    def __init__(self, size: int) -> None:
        self.left = size

    async def carry(self, source: trio.SocketStream, sink: trio.SocketStream) -> None:
        """Carry one direction until either end is gone or the ration, shared by both, is used."""
        while self.left > 0:
            data = await source.receive_some(4_096)
            if not data:
                return
            await trio.sleep(DELAY_SECONDS)
            kept = data[: max(0, self.left)]
            self.left -= len(data)
            await sink.send_all(kept)
        print("cut", flush=True)


async def serve(listen: str, target: str, seed: int) -> None:
    """Relay every connection, delayed, until its ration is used up."""
    dice = random.Random(seed)
    rations = (int(dice.randint(LEAST, MOST) * GROWTH**number) for number in itertools.count())
    far = parse_address(target)
    host, port = parse_address(listen)

    async def relay(near: trio.SocketStream) -> None:
        ration = Ration(next(rations))
        other = await trio.open_tcp_stream(*far)
        async with near, other, trio.open_nursery() as nursery:

            async def carry(source: trio.SocketStream, sink: trio.SocketStream) -> None:
                with suppress(trio.BrokenResourceError):  # one end is gone, so the other goes too
                    await ration.carry(source, sink)
                nursery.cancel_scope.cancel()

            nursery.start_soon(carry, near, other)
            nursery.start_soon(carry, other, near)

    listeners = await trio.open_tcp_listeners(port, host=host)
    print("listening", flush=True)
    await trio.serve_listeners(relay, listeners)


if __name__ == "__main__":
    trio.run(serve, sys.argv[1], sys.argv[2], int(sys.argv[3]))
