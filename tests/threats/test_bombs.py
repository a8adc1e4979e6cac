"""Attackers 10 to 12: a member whose well signed changes and messages are bombs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.threats.bomb_victim import COLUMNS, MESSAGES

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's")

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def outcomes() -> dict[str, tuple[str, bool]]:
    """What came of each bomb, in one process that may take 64 MiB for all of them."""
    program = (
        f"import sys; sys.path.append({str(ROOT)!r});"  # behind an installed meshaid
        "from tests.threats.bomb_victim import main; main()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120
    )
    assert ended.returncode == 0, ended.stderr
    return {name: (came, sound) for name, came, sound in map(json.loads, ended.stdout.splitlines())}


@pytest.mark.parametrize("name", COLUMNS)
def test_11_12_a_bomb_in_a_change_is_refused_before_it_grows(
    outcomes: dict[str, tuple[str, bool]], name: str
) -> None:
    came, sound = outcomes[name]
    assert came == "no delta" or came.startswith("G")
    assert sound, "honest work does not go on"


@pytest.mark.parametrize("name", MESSAGES)
def test_10_a_bomb_in_a_message_ends_its_session_only(
    outcomes: dict[str, tuple[str, bool]], name: str
) -> None:
    assert outcomes[name] == ("protocol", True)
