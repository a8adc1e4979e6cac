"""Homes with invented records, the same ones in every run."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

from meshaid import commands
from meshaid.core.invite import decode_invite
from meshaid.desk import Desk
from meshaid.opening import OpenHome, found_home, join_home, open_home

_SYLLABLES = [
    "ba",
    "de",
    "ko",
    "lu",
    "mi",
    "no",
    "pa",
    "re",
    "si",
    "tu",
    "va",
    "wen",
    "zor",
    "hal",
    "gri",
]


def _words(dice: random.Random, count: int) -> str:
    return " ".join("".join(dice.choices(_SYLLABLES, k=dice.randint(1, 4))) for _ in range(count))


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
        desk = Desk(home.replica, random=os.urandom)
        invite: str = commands.execute(desk, "invite", {"kinds": ["household"], "uses": 50}, now)[
            "invite"
        ]
    return invite


def join(folder: Path, invite: str) -> None:
    """A household's home at `folder`, which has met nobody yet."""
    join_home(folder, decode_invite(invite), name="Home", now=int(time.time()))


def fill(home: OpenHome, count: int, *, seed: int = 1) -> None:
    """Write `count` needs, one change and one commit each."""
    dice, desk = random.Random(seed), Desk(home.replica, random=os.urandom)
    now = int(time.time())
    for _ in range(count):
        desk.add("need", need_fields(dice), now)
