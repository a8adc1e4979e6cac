"""A node in a terminal: it prints what happens until a signal ends it."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import click
import trio

from meshaid.cli import events
from meshaid.cli.options import Settings
from meshaid.cli.screen import console, print_json, show_heading
from meshaid.events import NodeEvent
from meshaid.node import open_node

WAITING_LINES: Final = 10_000
"""Lines waiting for whoever reads the output; beyond that they are counted and left out, for a
reader that stands still must not stop the node."""

Printer = Callable[[Mapping[str, Any]], None]


def clock_from(start: int | None) -> Callable[[], float]:
    """Seconds since 1970: this device's clock, or one that starts there and advances."""
    if start is None:
        return time.time
    began = time.monotonic()
    return lambda: start + (time.monotonic() - began)


def run_node(settings: Settings, arguments: Mapping[str, Any]) -> None:
    """Run a node until SIGINT or SIGTERM. Raises as `open_node`."""
    passphrase = settings.passphrase()
    trio.run(_run, settings, passphrase, arguments)


async def _run(settings: Settings, passphrase: str | None, arguments: Mapping[str, Any]) -> None:
    clock = clock_from(settings.now)
    send, receive = trio.open_memory_channel[dict[str, Any]](WAITING_LINES)
    dropped = 0

    def observe(event: NodeEvent) -> None:
        nonlocal dropped
        try:
            if dropped:
                send.send_nowait({"at": int(clock()), "event": "EventsLeftOut", "count": dropped})
                dropped = 0
            send.send_nowait({"at": int(clock()), **event.as_json()})
        except trio.WouldBlock:
            dropped += 1

    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with open_node(
            settings.folder(), passphrase=passphrase, clock=clock, observer=observe, **arguments
        ) as node:
            if not settings.json:
                show_heading(console(), await node.execute("heading", {}, None))
            broken: BrokenPipeError | None = None
            async with trio.open_nursery() as nursery:

                async def stop_at_signal() -> None:
                    await anext(signals)
                    nursery.cancel_scope.cancel()

                nursery.start_soon(stop_at_signal)
                broken = await _print_all(receive, _json_line if settings.json else _line)
                nursery.cancel_scope.cancel()
        if broken is not None:
            raise broken


async def _print_all(
    receive: trio.MemoryReceiveChannel[dict[str, Any]], printer: Printer
) -> BrokenPipeError | None:
    """Print every event until cancelled, or until nobody reads any more.

    A pipe whose reader stands still blocks a thread, never the node.
    """
    async for told in receive:
        try:
            await trio.to_thread.run_sync(printer, told, abandon_on_cancel=True)
        except BrokenPipeError as error:
            return error
    return None


def _json_line(told: Mapping[str, Any]) -> None:
    print_json(told, indent=None)


def _line(told: Mapping[str, Any]) -> None:
    click.echo(events.line(told))
