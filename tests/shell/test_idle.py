"""Two connected nodes that have nothing to say do nothing."""

from __future__ import annotations

from pathlib import Path

import trio

import meshaid
from meshaid.connection import Connection
from meshaid.core.invite import decode_invite
from meshaid.events import PeerInSync
from meshaid.opening import found_home, join_home

NOW = 1_700_000_000


async def test_a_connection_at_rest_asks_nobody_for_words(tmp_path: Path) -> None:
    found_home(tmp_path / "hub", community_name="c", name="hub", now=NOW)
    equal = trio.Event()

    def observe(event: object) -> None:
        if isinstance(event, PeerInSync):
            equal.set()

    async with meshaid.open_node(
        tmp_path / "hub", listen="127.0.0.1:0", mdns=False, observer=observe
    ) as hub:
        invite = decode_invite((await hub.execute("invite", {}, NOW))["invite"])
        join_home(tmp_path / "house", invite, name="m", now=NOW)
        async with meshaid.open_node(
            tmp_path / "house", listen="127.0.0.1:0", mdns=False, peers=hub.listening
        ):
            with trio.fail_after(30):
                await equal.wait()
            asked: list[Connection] = []
            take = hub.take_outgoing

            async def counted(connection: Connection) -> bytes:
                asked.append(connection)
                return await take(connection)

            hub.take_outgoing = counted  # type: ignore[method-assign]
            for _ in range(200):  # each is a round through the store thread
                await hub.status()
    # Digests are compared once or twice when it gets quiet; a busy writer asks at every turn.
    assert len(asked) < 20
