"""What must be so when a drill is over, and at its checkpoints.

Run as a program it plays many drills in many orders of meetings and checks the end of each:
`make drill`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from meshaid import limits
from tests.net.drill_play import BOARD, Device, Town
from tests.net.drill_script import SLIPS, Drill, moment
from tools.drill_answers import END
from tools.make_drill import make

CHECKPOINTS: Final = (60, 120)


def seen(device: Device, minute: int) -> tuple[str, str]:
    """The digest of a device, and its board as the command line prints it."""
    digest: str = device.run(("status",), moment(minute))["digest"]
    return digest, json.dumps(device.run(BOARD, moment(minute)))


def check_end(town: Town) -> None:
    """All meet; then every device shows the same, and it is what the answer key says."""
    town.gather(town.devices.values())
    everything = {row["id"] for row in (*town.drill.slips, *town.drill.events)}
    assert all(device.held == everything for device in town.devices.values())
    boards = {seen(device, END) for device in town.devices.values()}
    assert len(boards) == 1, f"{len(boards)} boards that differ"
    device = next(iter(town.devices.values()))
    board = town.board(device, END)
    told = zip(town.outcomes(board), town.drill.expected, strict=True)
    different = [(found, key) for found, key in told if found != key]
    assert not different, f"not as the answer key says: {different}"
    check_slips(town, board)
    check_all_is_there(town, device, board)
    check_visitors(town)


def check_slips(town: Town, board: list[dict[str, Any]]) -> None:
    """Every slip is its owner's, as of its minute, with no second answer and its links resolved."""
    shown = {row["id"]: row for row in board}
    superseded = set()
    for slip in town.drill.slips:
        row = shown[town.script.ids[slip["id"]]]
        assert (row["member"], row["kind"]) == (town.actor(slip).member, slip["kind"])
        assert row["created_at"] == moment(slip["minute"])
        assert row["conflicts"] == {}
        if slip["supersedes"]:
            superseded.add(town.script.ids[slip["supersedes"]])
    assert superseded == {name for name, row in shown.items() if row["status"] == "superseded"}


def check_all_is_there(town: Town, device: Device, board: list[dict[str, Any]]) -> None:
    """Every record that anybody wrote can be listed, each once."""
    listed = [row["id"] for row in board]
    for kind in ("pledge", "receipt", "flag"):
        rows = device.run((*BOARD, "--kind", kind), moment(END))["records"]
        listed += [row["id"] for row in rows]
    assert sorted(listed) == sorted({*town.script.ids.values()})


def check_visitors(town: Town) -> None:
    """A visitor's code opens the slip at every desk of its hub, and at no other hub's."""
    codes = {town.drill_row(name)["hub"]: name for name in town.script.claim_codes}
    for hub, name in codes.items():
        words = ("claim", town.script.called(name), town.script.claim_codes[name], "show")
        for desk in town.desks(hub):
            assert desk.run(words, moment(END))["id"] == town.script.ids[name]
        stranger = town.chance.choice([desk for desk in town.desks() if desk.hub != hub])
        assert "another hub keeps this slip" in stranger.refused(words, moment(END))


def check_in_parts(town: Town) -> Callable[[int], None]:
    """At checkpoints: desks that reach each other meet, and then show the same to the last byte."""

    def check(minute: int) -> None:
        if minute not in CHECKPOINTS:
            return
        parts = [[desk for desk in town.desks() if desk.hub not in town.apart]]
        parts += [town.desks(letter) for letter in sorted(town.apart)]
        for part in parts:
            town.gather(part)
        shown = {device: seen(device, minute) for part in parts for device in part}
        assert [len({shown[device] for device in part}) for part in parts] == [1] * len(parts)
        assert len({digest for digest, _ in shown.values()}) == len(parts) > 1

    return check


def play_many(drills: int, orders: int) -> int:
    """Play the drill that is shipped and others, each in several orders; how many went wrong.

    In every other order all slips are imported from the table as it is.
    """
    limits.BALLAST_BYTES = 16  # type: ignore[misc]  # homes of a minute need no reserve
    wrong = 0
    for number in range(drills):
        files = make(f"drill {number}") if number else make()
        drill = Drill.read(files)
        name = f"drill {number}" if number else "the drill that is shipped"
        for order in range(1, orders + 1):
            began = time.monotonic()
            table = None if order % 2 else files[SLIPS]
            with (
                TemporaryDirectory() as folder,
                Town(Path(folder), drill, order=order, table=table) as town,
            ):
                try:
                    town.play(check_in_parts(town) if order % 2 else None)
                    check_end(town)
                except AssertionError as error:
                    wrong += 1
                    print(f"{name}, order {order}: {error}", file=sys.stderr)
                    continue
            print(
                f"{name}, order {order}: {len(town.devices)} devices, {town.meetings} meetings, "
                f"as its answer key says, {time.monotonic() - began:.0f} s",
                flush=True,
            )
    return wrong


def main() -> int:
    """0 if every drill ended as its answer key says."""
    parser = argparse.ArgumentParser(description="Play drills through the command line.")
    parser.add_argument("--drills", type=int, default=4, help="how many, the shipped one first")
    parser.add_argument("--orders", type=int, default=3, help="orders of meetings for each")
    arguments = parser.parse_args()
    return int(play_many(arguments.drills, arguments.orders) > 0)


if __name__ == "__main__":
    sys.exit(main())
