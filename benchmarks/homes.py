"""Homes with invented records, the same ones in every run."""

from __future__ import annotations

import base64
import os
import random
import time
from pathlib import Path

from meshaid import commands
from meshaid.core import enrol
from meshaid.core.delta import StrippedDelta, decode_delta
from meshaid.core.invite import decode_invite, read_invite_file
from meshaid.core.replica import Replica
from meshaid.desk import Desk
from meshaid.opening import OpenHome, found_home, join_home, open_home
from meshaid.testing import MemoryLedger

_SYLLABLES = "ba de ko lu mi no pa re si tu va wen zor hal gri"
_USES = 50


def _words(dice: random.Random, count: int) -> str:
    parts = _SYLLABLES.split()
    return " ".join("".join(dice.choices(parts, k=dice.randint(1, 4))) for _ in range(count))


def need_fields(dice: random.Random) -> dict[str, object]:
    """A need of about 200 bytes: a title, a few sentences, an amount and a place."""
    return {
        "title": _words(dice, 5),
        "text": _words(dice, 16),
        "category": dice.choice(["water.drinking", "food.meals", "shelter.bedding", "work.hands"]),
        "quantity": str(dice.randint(1, 40)),
        "unit": dice.choice(["L", "piece", "meal", "hour"]),
        "area": _words(dice, 1),
    }


def found(folder: Path) -> str:
    """A hub's home at `folder`; returns an invite text for households."""
    now = int(time.time())
    found_home(
        folder, community_name="Bench", name="Hub", kind="hub", letter="B", stewards=0, now=now
    )
    with open_home(folder) as home:
        text: str = _invite(home, now)["invite"]
    return text


def _invite(home: OpenHome, now: int) -> dict[str, str]:
    """An invite, as text and as file, for as many households as one may let in."""
    desk, wanted = Desk(home.replica, random=os.urandom), {"kinds": ["household"], "uses": _USES}
    made: dict[str, str] = commands.execute(desk, "invite", wanted, now)
    return made


def join(folder: Path, invite: str) -> None:
    """A household's home at `folder`, which has met nobody yet."""
    join_home(folder, decode_invite(invite), name="Home", now=int(time.time()))


def lone_replica() -> Replica:
    """A hub's replica in memory, of a community that nobody else has joined."""
    now = int(time.time())
    founded = enrol.found(
        community_name="Bench",
        name="Hub",
        kind="hub",
        exercise=False,
        stewards=0,
        keep_root=False,
        now=now,
        random=os.urandom,
    )
    replica = Replica(MemoryLedger(), founded.identity, random=os.urandom)
    replica.add_cards([card.wire for card in founded.cards])
    return replica


def fill(home: OpenHome, count: int) -> None:
    """Write `count` needs, one change and one commit each."""
    dice, desk = random.Random(1), Desk(home.replica, random=os.urandom)
    now = int(time.time())
    for _ in range(count):
        desk.add("need", need_fields(dice), now)


def crowd(home: OpenHome, members: int, changes: int) -> None:
    """Let many households join and bring `changes` changes each: needs, every one edited once."""
    dice, now = random.Random(4), int(time.time())
    for first in range(0, members, _USES):
        text, chain = read_invite_file(base64.b64decode(_invite(home, now)["file"]))
        cards: list[bytes] = []
        deltas: list[StrippedDelta] = []
        for number in range(first, min(first + _USES, members)):
            joined = enrol.join(text, name=f"House {number}", kind=None, random=os.urandom)
            household = Replica(MemoryLedger(), joined.identity, random=os.urandom)
            own = [card.wire for card in joined.cards]
            household.add_cards([*chain, *own])
            _write_and_edit(household, dice, now, changes // 2)
            genesis = household.own_genesis
            payloads = household.encode(genesis, household.owed(genesis, {}))
            cards += own
            deltas += map(decode_delta, payloads)
        home.replica.add_cards(cards)
        home.replica.receive(deltas)


def _write_and_edit(replica: Replica, dice: random.Random, now: int, count: int) -> None:
    desk = Desk(replica, random=os.urandom)
    for _ in range(count):
        row = desk.add("need", need_fields(dice), now)
        desk.edit(row.id, {"quantity": str(dice.randint(41, 80))}, now)
