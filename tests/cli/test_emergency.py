"""When a life is at risk: the instruction, then the record; questions only to people."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.calls import NOON, call, done, found
from tests.cli.terminal import terminal

INSTRUCTION = "Ring the bell at the quay, or call 112."
AT_NOON = ("--now", str(NOON))
LIFE = ("need", "Insulin", "--life-threatening")


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    """The home of a hub that says what to do."""
    home = tmp_path / "hub"
    found(home, "--kind", "hub", "--letter", "C")
    done(
        "hub",
        "--title",
        "Quay hub",
        "--areas",
        "Quay; Old town",
        "--emergency",
        INSTRUCTION,
        home=home,
    )
    return home


def test_the_instruction_comes_before_anything_else(hub: Path) -> None:
    result = call(*LIFE, home=hub)
    assert result.exit_code == 0
    assert result.stderr.startswith(f"LIFE AT RISK. {INSTRUCTION}")
    assert call("notice", "Gas leak", "--life-threatening", home=hub).stderr.startswith("LIFE AT")
    assert "LIFE" not in call("need", "Tea", home=hub).stderr


def test_without_an_instruction_there_is_one_all_the_same(home: Path) -> None:
    assert call(*LIFE, home=home).stderr.startswith("LIFE AT RISK. Do not wait for the board")


def test_scripts_are_never_asked(hub: Path) -> None:
    result = call(*LIFE, "--json", home=hub, input="")
    assert result.exit_code == 0
    assert set(json.loads(result.stdout)) >= {"id", "ref"}
    assert "Handed to" not in result.stderr


def test_a_person_is_asked_and_the_answer_stops_the_clock(hub: Path) -> None:
    with terminal(*AT_NOON, *LIFE, home=hub) as shown:
        assert INSTRUCTION in shown.until("is on the board")
        shown.until("Handed to whom")
        (need,) = done("board", "--kind", "need", home=hub)["records"]
        assert need["status"] == "open"
        shown.press("ambulance\r")
        shown.until("the clock stops")
        assert shown.ended() == 0
    (need,) = done("board", "--kind", "need", home=hub)["records"]
    assert need["status"] == "pledged"
    assert "Handed to: ambulance" in call("show", need["ref"], home=hub).stdout


@pytest.mark.parametrize("keys", ["\r", "\x03", "\x04"])
def test_whoever_has_no_answer_loses_nothing(hub: Path, keys: str) -> None:
    with terminal(*AT_NOON, *LIFE, home=hub) as shown:
        shown.until("Enter alone if to nobody yet")
        shown.press(keys)
        # Python's input() can miss a Ctrl-C that comes just before it begins to wait.
        shown.until("Handed to nobody yet", pressing=keys)
        assert shown.ended() == 0
    (need,) = done("board", "--kind", "need", home=hub)["records"]
    assert need["status"] == "open"


def test_the_clock_runs_until_somebody_answers(hub: Path) -> None:
    ref = done(*LIFE, home=hub)["ref"]
    later = str(NOON + 12 * 60)
    told = call("board", "--now", later, home=hub).stdout
    assert "no answer yet for 12 min" in told
    done("pledge", ref, home=hub)
    assert "no answer yet" not in call("board", "--now", later, home=hub).stdout
    assert "LIFE AT RISK: Insulin" in call("board", "--now", later, home=hub).stdout
