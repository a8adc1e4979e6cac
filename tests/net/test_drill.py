"""The drill as it would be played: 12 desks, 33 households, two hubs cut off in the middle of it.

Every desk and household is a laptop with a home of its own that starts from an invite text alone.
Slips are entered where and when the table says, ten minutes at a time; hubs that are cut off meet
their own people only. In the end every board is the same and holds every slip once.
"""

from __future__ import annotations

import base64
import csv
import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meshaid import limits
from meshaid.core import ids
from meshaid.core.slips import import_key
from meshaid.testing.world import START, Laptop, World, differences

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "drill"
ROUND_MINUTES = 10
LAST_MINUTE = 180
STRANGERS = 6
"""Meetings between desks of different hubs in one round."""

Row = dict[str, str]


def table(name: str) -> list[Row]:
    with (EXAMPLES / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def as_csv(rows: list[Row]) -> str:
    """Some rows of the drill as a table of their own, for `import`."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return base64.b64encode(text.getvalue().encode()).decode()


class Drill:
    """The town: desks by (hub, desk), households by their tag, and what is still to be entered."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.hubs = table("drill_hubs.csv")
        self.slips = table("drill.csv")
        self.desks: dict[tuple[str, str], Laptop] = {}
        self.households: dict[str, Laptop] = {}
        self.imported = 0
        self._found()

    def _found(self) -> None:
        """The first hub founds the community and invites the others, each hub its people."""
        founder, *others = self.hubs
        first = self.world.found(founder["letter"] + "1", kind="hub", letter=founder["letter"])
        self.desks[founder["letter"], "desk 1"] = first
        for hub in others:
            letter = hub["letter"]
            invite = first.execute("invite", role="steward", kinds=["hub"])["invite"]
            laptop = self.world.join(letter + "1", invite, kind="hub", letter=letter)
            self.desks[letter, "desk 1"] = laptop
            self.world.meet(laptop, first)  # only whom others know as a steward may invite
        for hub in self.hubs:
            letter = hub["letter"]
            own = self.desks[letter, "desk 1"]
            for number in range(2, int(hub["desks"]) + 1):
                link = own.execute("link")["invite"]
                self.desks[letter, f"desk {number}"] = self.world.link(f"{letter}{number}", link)
            invite = own.execute("invite", kinds=["household"], uses=limits.INVITE_USES)["invite"]
            tags = (row["on_behalf_of"] for row in self.slips if is_own(row, letter))
            for tag in dict.fromkeys(tags):
                self.households[tag] = self.world.join(tag, invite)

    def author(self, row: Row) -> Laptop:
        """Who enters a slip: a household, a desk, or the first desk for a visitor's phone."""
        if row["intake_channel"] == "own_device":
            return self.households[row["on_behalf_of"]]
        return self.desks[row["hub"], row["entered_by"] or "desk 1"]

    def people_of(self, letter: str) -> list[str]:
        """The names of a hub's laptops and of its households'."""
        return [
            *(desk.name for (hub, _), desk in self.desks.items() if hub == letter),
            *(tag for tag in self.households if tag[0] == letter),
        ]

    def cut_off(self, minute: int) -> list[str]:
        """The letters of the hubs that nobody else reaches at this minute."""
        return [
            hub["letter"]
            for hub in self.hubs
            if hub["cut_from_minute"]
            and int(hub["cut_from_minute"]) <= minute < int(hub["cut_until_minute"])
        ]

    def play(self) -> None:
        """Ten minutes after ten minutes: who is apart, who meets, what is entered."""
        for minute in range(0, LAST_MINUTE, ROUND_MINUTES):
            self.world.wait_until(START + 60 * minute)
            apart = self.cut_off(minute)
            together = [hub["letter"] for hub in self.hubs if hub["letter"] not in apart]
            self.world.part(
                [
                    [name for letter in together for name in self.people_of(letter)],
                    *(self.people_of(letter) for letter in apart),
                ]
            )
            self.meet()
            self.enter(minute)

    def meet(self) -> None:
        """Desks of one hub meet each other, some meet another hub's, some households their hub."""
        pairs = self.world.pairs()
        desks = set(self.desks.values())
        away = STRANGERS
        for one, other in pairs:
            at_desks = {one, other} <= desks
            if at_desks and one.member == other.member:
                self.world.meet(one, other)
            elif at_desks and away:
                away -= 1
                self.world.meet(one, other)
        for tag, laptop in self.households.items():
            if self.world.chance.random() < 0.25:
                self.world.meet(laptop, self.desks[tag[0], "desk 1"])

    def enter(self, minute: int) -> None:
        """Everybody enters the slips of the coming ten minutes."""
        due: dict[Laptop, list[Row]] = {}
        for row in self.slips:
            if minute <= int(row["minute"]) < minute + ROUND_MINUTES:
                due.setdefault(self.author(row), []).append(row)
        for laptop, rows in due.items():
            result = laptop.execute("import", data=as_csv(rows), start=START)
            assert result["refused"] == result["unresolved"] == []
            assert result["imported"] == len(rows)
            self.imported += len(rows)

    def gather(self) -> None:
        """All can meet again: people their hub's first desk, and these each other."""
        self.world.reunite()
        firsts = [self.desks[hub["letter"], "desk 1"] for hub in self.hubs]
        for _ in range(3):
            for one in firsts:
                for name in self.people_of(one.name[0]):
                    if self.world.may_meet(one, self.world.laptops[name]):
                        self.world.meet(self.world.laptops[name], one)
            for one, other in zip(firsts, [*firsts[1:], firsts[0]], strict=True):
                self.world.meet(one, other)


def is_own(row: Row, letter: str) -> bool:
    return row["hub"] == letter and row["intake_channel"] == "own_device"


@pytest.fixture
def drill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Drill]:
    monkeypatch.setattr(limits, "BALLAST_BYTES", 16)
    with World(tmp_path, seed=240) as world:
        yield Drill(world)


def slips_by_key(board: dict[str, dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in board.values():
        if row["kind"] != "hub":
            found.setdefault(row["import_key"], []).append(row)
    return found


def test_every_slip_is_on_every_board_once(drill: Drill) -> None:
    assert Counter(hub for hub, _ in drill.desks) == {"C": 3, "H": 3, "L": 2, "P": 2, "R": 2}
    assert len(drill.households) == 33
    drill.play()
    assert drill.imported == len(drill.slips) == 240
    before = drill.world.digests()
    assert len(set(before.values())) > 1, "two hubs were away: something is still to be told"
    drill.gather()
    laptops = drill.world.standing()
    assert len(laptops) == len(drill.desks) + len(drill.households) == 45
    assert len({laptop.replica.digest() for laptop in laptops}) == 1
    now = START + 60 * LAST_MINUTE
    boards = [laptop.board(now) for laptop in laptops]
    assert differences(boards) == []
    check_board(drill, boards[0])
    for laptop in (laptops[0], laptops[-1]):
        laptop.restart()
        assert laptop.board(now) == boards[0]


def check_board(drill: Drill, board: dict[str, dict[str, Any]]) -> None:
    """Every slip stands there once, by its author, with its links resolved."""
    assert {row["title"] for row in board.values() if row["kind"] == "hub"} == {
        hub["letter"] + "1" for hub in drill.hubs
    }
    shown = slips_by_key(board)
    assert {key: len(rows) for key, rows in shown.items()} == {
        import_key(row["id"]): 1 for row in drill.slips
    }
    superseded = set()
    for slip in drill.slips:
        (row,) = shown[import_key(slip["id"])]
        assert row["member"] == ids.id_text(drill.author(slip).member)
        assert (row["title"] or "", row["kind"]) == (slip["title"], slip["kind"])
        assert row["created_at"] == START + 60 * int(slip["minute"])
        assert row["conflicts"] == {}
        if slip["supersedes"]:
            (older,) = shown[import_key(slip["supersedes"])]
            assert row["supersedes"] == older["id"]
            superseded.add(older["id"])
    assert superseded == {name for name, row in board.items() if row["status"] == "superseded"}
    assert len(superseded) == 6
