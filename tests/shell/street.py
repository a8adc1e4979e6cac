"""A street of homes: how they come to be, and nodes that run in them, with all that they tell."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import trio

from meshaid import commands
from meshaid.board_face import Watcher
from meshaid.core.cards import make_removal
from meshaid.core.invite import decode_invite
from meshaid.desk import Desk
from meshaid.events import BoardEvent, NodeEvent
from meshaid.node import Node, open_node
from meshaid.opening import found_home, join_home, open_home

NOON = 1_772_366_400
"""2026-03-01T12:00Z; the street's clocks stand still at it."""
PATIENCE = 20.0
"""Seconds until something that does not happen is a failure; nothing here takes one."""
LOOPBACK = "127.0.0.1:0"

Event = TypeVar("Event", bound=NodeEvent)


@dataclass(eq=False)
class Resident:
    """One running node, and what it has told so far."""

    street: Street
    home: Path
    node: Node = field(init=False)
    told: list[NodeEvent] = field(default_factory=list)

    def observe(self, event: NodeEvent) -> None:
        self.told.append(event)
        self.street.ring()

    @property
    def address(self) -> str:
        return self.node.listening[0]

    def events(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.told if isinstance(event, kind)]

    async def hears(self, kind: type[Event], count: int = 1) -> Event:
        """Wait until it has told of so many of this kind; the last of them."""
        await self.street.until(lambda: len(self.events(kind)) >= count)
        return self.events(kind)[count - 1]

    async def digest(self) -> str:
        digest: str = (await self.node.status())["digest"]
        return digest

    async def titles(self) -> list[str]:
        return sorted(row.record.text("title") for row in await self.node.board.records())


class Street:
    """Homes in one folder, each having seen nothing but an invite, and the nodes that run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._bell = trio.Event()

    # ---- homes
    def found(self, name: str, **options: Any) -> Path:
        home = self._folder / name
        found_home(home, community_name="Riverside", name=name, now=NOON, **options)
        return home

    def join(self, name: str, inviter: Path, **options: Any) -> Path:
        """A new member by an invite text alone."""
        return self.join_by(name, self.invite(inviter, "invite", {"uses": 50}), **options)

    def link(self, name: str, sibling: Path) -> Path:
        """A second device of a member by a link text alone."""
        home = self._folder / name
        text = decode_invite(self.invite(sibling, "link", {}))
        join_home(home, text, label=name, now=NOON)
        return home

    def join_by(self, name: str, text: str, **options: Any) -> Path:
        home = self._folder / name
        join_home(home, decode_invite(text), name=name, now=NOON, **options)
        return home

    def invite(self, home: Path, verb: str, arguments: dict[str, Any]) -> str:
        """What a home whose node does not run gives to whoever joins."""
        text: str = self.do(home, verb, arguments)["invite"]
        return text

    def do(self, home: Path, verb: str, arguments: dict[str, Any]) -> Any:
        """One verb of the command line on a home whose node does not run."""
        with open_home(home) as opened:
            return commands.execute(Desk(opened.replica, random=os.urandom), verb, arguments, NOON)

    # ---- nodes
    @asynccontextmanager
    async def runs(self, home: Path, *peers: Resident, **options: Any) -> AsyncIterator[Resident]:
        """A node of this home on the loopback interface, without mDNS, that dials these peers."""
        resident = Resident(self, home)
        settings = {"listen": LOOPBACK, "mdns": False, "clock": lambda: float(NOON), **options}
        given = [*settings.pop("peers", ()), *(peer.address for peer in peers)]
        async with open_node(home, peers=given, observer=resident.observe, **settings) as node:
            resident.node = node
            yield resident

    def ring(self) -> None:
        """Something has happened somewhere."""
        self._bell.set()
        self._bell = trio.Event()

    async def until(self, condition: Callable[[], bool | Awaitable[bool]]) -> None:
        """Wait until this is so; it is looked at whenever a node tells of something."""
        with trio.fail_after(PATIENCE):
            while True:
                bell = self._bell
                answer = condition()
                if answer if isinstance(answer, bool) else await answer:
                    return
                await bell.wait()

    async def equal(self, *residents: Resident) -> str:
        """Wait until all show one digest; gives it."""
        digests: set[str] = set()

        async def are_equal() -> bool:
            digests.clear()
            digests.update([await resident.digest() for resident in residents])
            return len(digests) == 1

        await self.until(are_equal)
        return digests.pop()

    async def remove(self, remover: Resident, target: Resident) -> None:
        """`remover`, a steward, signs and keeps a card that removes the target's member."""
        replica = remover.node.home.replica
        card = make_removal(
            replica.identity.signing_key,
            community=replica.identity.community,
            target_kind="member",
            target=target.node.home.replica.identity.member,
        )
        await remover.node.work(partial(replica.add_cards, [card.wire]))

    async def next_of(self, watcher: Watcher) -> BoardEvent:
        """What a watcher is told next, within PATIENCE."""
        with trio.fail_after(PATIENCE):
            return await anext(watcher)
