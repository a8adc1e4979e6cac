"""Whoever holds the door key, and is nobody, must not take all places of a node."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import trio

import meshaid
from meshaid import limits
from meshaid.core.invite import InviteText, decode_invite
from meshaid.core.keys import derive
from meshaid.core.messages import Hello
from meshaid.core.noise import channel_prologue
from meshaid.core.session import HandshakeDone, Session, SessionEnded
from meshaid.opening import found_home, join_home

NOW = 1_700_000_000


async def _sit(
    port: int, invite: InviteText, number: int, *, task_status: trio.TaskStatus[None]
) -> None:
    """Greet as a device that nobody knows, and stay. Started once the greeting is answered."""
    started = False
    seeds = [sha256(b"%d %d" % (number, part)).digest() for part in range(3)]
    session = Session(
        "dialer",
        static=seeds[0],
        ephemeral=seeds[1],
        psks=[derive(invite.door_key, "noise-psk")],
        prologue=channel_prologue(invite.community),
        now=0.0,
    )
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        try:
            while not session.closed:
                await stream.send_all(session.data_to_send())
                session.receive_data(await stream.receive_some(65_536), 0.0)
                while (event := session.next_event()) is not None:
                    if isinstance(event, HandshakeDone):
                        session.send(Hello(seeds[2][:16], seeds[2][16:], b""), 0.0)
                    elif isinstance(event, SessionEnded):
                        return
                    elif not started:
                        started = True
                        task_status.started()
        except trio.BrokenResourceError:
            return


async def test_a_member_still_gets_in_beside_many_who_are_not_proven(tmp_path: Path) -> None:
    found_home(tmp_path / "hub", community_name="c", name="hub", now=NOW)
    async with (
        meshaid.open_node(tmp_path / "hub", listen="127.0.0.1:0", mdns=False) as hub,
        trio.open_nursery() as nursery,
    ):
        answer = await hub.execute("invite", {"uses": 2}, NOW)
        invite = decode_invite(answer["invite"])
        port = int(hub.listening[0].rpartition(":")[2])
        with trio.fail_after(20):
            for number in range(limits.MAX_SESSIONS):
                await nursery.start(_sit, port, invite, number)
        join_home(tmp_path / "member", invite, name="m", now=NOW)
        async with meshaid.open_node(
            tmp_path / "member", listen="127.0.0.1:0", mdns=False
        ) as member:
            met = await member.sync(hub.listening[0], timeout=10)
        assert met["equal"]
        nursery.cancel_scope.cancel()
