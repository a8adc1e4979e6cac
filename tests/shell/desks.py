"""A town of desks on in-memory ledgers: a hub with two devices, two households, one clock."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from meshaid import commands
from meshaid.desk import Desk
from tests.core.meeting_pair import Pair
from tests.core.real_world import NOW, RealDevice, RealWorld

HOUR = 3600


class Town:
    """Desks by name: `hub` (a steward's), its second device `hub2`, the households ben and ada."""

    def __init__(self, *more: str) -> None:
        world = self.world = RealWorld()
        self.now = NOW
        self.devices: dict[str, RealDevice] = {"hub": world.found("hub")}
        for name in ("ben", "ada", *more):
            self.devices[name] = world.join(name, self.devices["hub"])
        self.devices["hub2"] = world.link("hub2", self.devices["hub"])
        self.sync()
        self.desks = {
            name: Desk(device.replica, random=device.dice) for name, device in self.devices.items()
        }

    def __getattr__(self, name: str) -> Desk:
        try:
            return self.__dict__["desks"][name]  # type: ignore[no-any-return]
        except KeyError:
            raise AttributeError(name) from None

    def sync(self) -> None:
        """Everybody meets until all know the same."""
        devices = list(self.devices.values())
        there_and_back = [*devices, *reversed(devices[:-1])]
        for one, other in pairwise(there_and_back):
            Pair(one, other, once=True).run()
        assert len({device.replica.digest() for device in devices}) == 1

    def do(self, name: str, verb: str, **arguments: Any) -> dict[str, Any]:
        """One verb at a desk, now."""
        return commands.execute(self.desks[name], verb, arguments, self.now)

    def need(self, name: str = "hub", **fields: Any) -> str:
        """A need of 40 L of water, or of what is said; its reference, known to everybody."""
        said = {"title": "Water", "quantity": 40, "unit": "L", **fields}
        row = self.desks[name].add("need", said, self.now)
        self.sync()
        return row.id

    def row(self, name: str, reference: str) -> dict[str, Any]:
        """How a desk shows a record now."""
        return self.do(name, "show", ref=reference)

    def everywhere(self, reference: str, *keys: str) -> list[Any]:
        """What all desks show of a record after they have met: these keys, which are equal."""
        self.sync()
        shown = [[self.row(name, reference)[key] for key in keys] for name in self.desks]
        assert all(row == shown[0] for row in shown)
        return shown[0]
