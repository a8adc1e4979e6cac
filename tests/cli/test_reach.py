"""The two ways to a home, the race between them, and what a home asks before it opens."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from meshaid import control
from meshaid.cli import reach
from meshaid.cli.options import Settings
from meshaid.cli.patience import sign_of_life
from meshaid.errors import BusyError
from meshaid.opening import open_home
from tests.cli.calls import call, failed, found
from tests.cli.terminal import terminal


class Socket:
    """A control socket that answers from the given turn on, and counts the questions."""

    def __init__(self, answers_from: int) -> None:
        self.asked: list[str] = []
        self._from = answers_from

    def ask(self, folder: Path, verb: str, *_: object, **__: object) -> dict[str, Any]:
        self.asked.append(verb)
        if len(self.asked) < self._from:
            raise control.NoNode
        return {"by": "node"}


@pytest.fixture
def locked(home: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of a call on a home that another process holds."""

    def refuse(*_: object, **__: object) -> None:
        raise BusyError("another process has this home open; try again")

    monkeypatch.setattr(reach, "open_home", refuse)
    return Settings(home=home, json=True)


def test_the_loser_of_the_race_asks_again(
    locked: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = Socket(answers_from=2)
    monkeypatch.setattr(control, "ask", node.ask)
    assert reach.perform(locked, "board", {}).result == {"by": "node"}
    assert node.asked == ["board", "board"]


def test_then_it_is_busy(locked: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    node = Socket(answers_from=9)
    monkeypatch.setattr(control, "ask", node.ask)
    with pytest.raises(BusyError, match="try again"):
        reach.perform(locked, "board", {})
    assert node.asked == ["board", "board"]


def test_a_node_that_is_busy_is_not_asked_twice(
    locked: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def ask(folder: Path, verb: str, *_: object, **__: object) -> dict[str, Any]:
        asked.append(verb)
        raise BusyError("the running node does not answer")

    monkeypatch.setattr(control, "ask", ask)
    with pytest.raises(BusyError, match="does not answer"):
        reach.perform(locked, "add", {"kind": "need", "fields": {"title": "Water"}})
    assert asked == ["add"]


def test_a_late_answer_is_told_of_as_perhaps_done(home: Path) -> None:
    """A node that hangs takes the question and carries it out later: no second slip then."""
    settings, said = Settings(home=home), {"kind": "need", "fields": {"title": "Water"}}
    with control.listening(home), pytest.raises(BusyError, match="look at the board before"):
        reach.perform(settings, "add", said, seconds=0.01)


def test_somebody_at_a_terminal_is_told_that_the_node_takes_its_time(home: Path) -> None:
    def answer(listener: socket.socket, result: dict[str, Any]) -> None:
        with listener.accept()[0] as connection, connection.makefile("rb") as lines:
            lines.readline()
            connection.sendall(control.encode({"result": result}))

    with control.listening(home) as (listener, _), terminal("offline", home=home) as shown:
        shown.until("Waiting for the running node")
        answer(listener, {"online": False})
        answer(listener, {"community_name": "Riverside"})
        assert shown.ended() == 0
    assert "The node is off its networks." in shown.text
    assert "\x1b[?25h" in shown.raw.rpartition("Waiting")[2], "the cursor is left hidden"


def test_nobody_is_told_in_a_pipe_or_of_json(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with sign_of_life(Settings(home=home), "At work"), sign_of_life(Settings(json=True), "At work"):
        assert not any(isinstance(thread, threading.Timer) for thread in threading.enumerate())
    assert capfd.readouterr() == ("", "")


def test_a_held_home_fails_with_exit_code_1(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshaid.limits.LOCK_SECONDS", 0.01)
    with open_home(home):
        assert "Error" in failed(1, "board", home=home)
    assert call("board", home=home).exit_code == 0


def test_what_an_earlier_node_left_behind_is_no_node(home: Path) -> None:
    with control.listening(home):
        pass
    (home / control.SOCKET).touch()
    assert call("board", home=home).exit_code == 0


def test_a_passphrase_is_asked_for_on_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, secret = tmp_path / "home", tmp_path / "secret"
    secret.write_text("correct horse\n", encoding="utf-8")
    found(home, "--passphrase-file", str(secret))
    monkeypatch.setattr("meshaid.cli.options.on_terminal", lambda: True)
    told = call("board", "--json", home=home, input="correct horse\n")
    assert told.exit_code == 0
    assert "Passphrase of this home" in told.stderr
    assert "correct horse" not in told.output
    assert call("board", home=home, input="battery staple\n").exit_code == 5


def test_a_home_without_one_asks_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshaid.cli.options.on_terminal", lambda: True)
    told = call("board", home=home)
    assert (told.exit_code, told.stderr) == (0, "")
