"""Drills made from other seeds: their records stand where their answer keys say.

The keys are worked out by tools/drill_answers.py, which shares no code with the derivation.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from meshaid.core.board import Board
from tests.core import drill
from tools.make_drill import make

STATES = {
    *("open", "part-pledged", "pledged", "part-received", "received", "part-taken", "taken"),
    *("paused", "closed(received)", "closed(duplicate)", "closed(done_by_others)"),
}


@pytest.fixture(scope="module", params=range(3), ids=lambda number: f"drills {number}")
def folders(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Ten drills, each in a folder of its own."""
    found = []
    for number in range(10):
        folder = tmp_path_factory.mktemp("drill")
        for name, content in make(f"other drill {request.param} {number}").items():
            (folder / name).write_bytes(content)
        found.append(folder)
    return found


def test_other_drills_end_in_their_answer_keys(folders: list[Path]) -> None:
    seen: set[str] = set()
    for folder in folders:
        replay = drill.Replay(folder)
        board = Board(replay.records.values(), now=drill.END, members=drill.members(folder))
        found = {row["id"]: row for row in drill.states(board, replay)}
        expected = {row["id"]: row for row in drill.table(folder / drill.EXPECTED.name)}
        assert found == expected
        seen |= {row["state"] for row in expected.values()}
    assert seen >= STATES
