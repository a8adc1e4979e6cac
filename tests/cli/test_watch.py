"""The live board: on a terminal, in a pipe, as JSON; with a node and without one."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from meshaid.cli import live_board
from meshaid.cli.live_board import Looking, View, changes, page
from meshaid.cli.options import Settings
from meshaid.cli.screen import console
from meshaid.errors import BusyError, InvalidInput
from tests.cli.calls import COMMAND, NOON, done, found, running
from tests.cli.terminal import terminal
from tests.cli.test_screen import row

AT_NOON = ("--now", str(NOON))


def view(*rows: dict[str, Any], note: str = "") -> View:
    return View({"records": rows}, {"community_name": "Riverside"}, NOON, note)


# ---- on a terminal
def test_on_a_terminal_without_a_node(home: Path) -> None:
    done("need", "Water", home=home)
    with terminal(*AT_NOON, "watch", home=home) as shown:
        frame = shown.until("Ctrl-C ends")
        assert "Riverside" in frame
        assert "Water" in frame
        shown.until("No node runs on this home")
        done("need", "Blankets", home=home)
        shown.until("Riverside")
        frame = shown.until("Ctrl-C ends")
        assert "Water" in frame
        assert "Blankets" in frame
        shown.press("\x03")
        assert shown.ended() == 0
    assert "Traceback" not in shown.text
    assert shown.raw.endswith("\x1b[?25h\x1b[?1049l")


def test_on_a_terminal_through_a_node(home: Path) -> None:
    done("need", "Water", home=home)
    with running(home, *AT_NOON), terminal(*AT_NOON, "watch", home=home) as shown:
        assert "No node" not in shown.until("Ctrl-C ends")
        done("need", "Blankets", "--life-threatening", home=home)
        assert "LIFE AT RISK: Blankets" in shown.until("no answer yet")
        shown.press("\x03")
        assert shown.ended() == 0


def test_it_fits_and_follows_the_size(home: Path) -> None:
    for number in range(12):
        done("need", f"Blankets number {number} " + "\u6c34" * 30, home=home)
    with terminal(*AT_NOON, "watch", home=home) as shown:
        shown.until(" of 12 shown: make it taller for more")
        shown.resize(120, 60)
        frame = shown.until("Ctrl-C ends")
        assert "make it taller" not in frame
        assert "number 11" in frame
        shown.process.send_signal(signal.SIGTERM)
        assert shown.ended() == 0


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"NO_COLOR": "1"}])
def test_a_terminal_without_colours(home: Path, environment: dict[str, str]) -> None:
    done("need", "Insulin", "--life-threatening", home=home)
    with terminal(*AT_NOON, "watch", home=home, environment=environment) as shown:
        assert "LIFE AT RISK: Insulin" in shown.until("No node runs")
        shown.press("\x03")
        assert shown.ended() == 0
    assert "31m" not in shown.raw
    assert ("\x1b[?1049h" in shown.raw) is ("TERM" not in environment)


def test_a_storm_of_signals_stops_nothing(home: Path) -> None:
    done("need", "Water", home=home)
    with terminal(*AT_NOON, "watch", home=home) as shown:
        shown.until("Ctrl-C ends")
        for number in range(300):
            shown.resize(80 + number % 2, 24)
        shown.resize(100, 30)
        done("need", "Blankets", home=home)
        shown.until("Blankets")
        shown.press("\x03")
        assert shown.ended() == 0


# ---- where nobody looks
def lines_of(home: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *AT_NOON, "watch", "--home", str(home), *words],
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


@pytest.mark.parametrize("node", [False, True])
def test_one_document_for_each_change(home: Path, node: bool) -> None:
    ref = done("need", "Water", home=home)["ref"]
    if node:
        with running(home, *AT_NOON):
            follow(home, ref)
    else:
        follow(home, ref)


def follow(home: Path, ref: str) -> None:
    with lines_of(home, "--json") as child:
        assert child.stdout is not None

        def next_change() -> Any:
            assert child.stdout is not None
            return json.loads(child.stdout.readline())

        first = next_change()
        assert (first["change"], first["row"]["title"]) == ("new", "Water")
        done("edit", ref, "--quantity", "3", home=home)
        second = next_change()
        assert (second["change"], second["row"]["quantity"]) == ("changed", "3")
        done("close", ref, "--reason", "mistake", home=home)
        assert next_change() == {"at": NOON, "change": "gone", "id": first["id"], "row": None}
        child.send_signal(signal.SIGINT)
        assert child.wait(30) == 0


def test_pages_in_a_pipe(home: Path) -> None:
    with lines_of(home) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "Riverside\n"
        done("need", "Water", home=home)
        for line in child.stdout:
            assert "\x1b" not in line
            if "Water" in line:
                break
        child.send_signal(signal.SIGTERM)
        assert child.wait(30) == 0


def test_without_a_home(tmp_path: Path) -> None:
    with lines_of(tmp_path / "none") as child:
        assert child.wait(30) == 2


def test_a_passphrase_is_asked_for_once_and_before_the_board(tmp_path: Path) -> None:
    home, secret = tmp_path / "home", tmp_path / "secret"
    secret.write_text("correct horse\n", encoding="utf-8")
    found(home, "--passphrase-file", str(secret))
    with terminal(*AT_NOON, "watch", home=home) as shown:
        assert "\x1b[?1049h" not in shown.until("Passphrase of this home")
        shown.press("correct horse\r")
        shown.until("Ctrl-C ends")
        done("need", "Water", "--passphrase-file", str(secret), home=home)
        assert "Passphrase" not in shown.until("Water")
        shown.press("\x03")
        assert shown.ended() == 0


# ---- its parts
def test_changes_between_two_looks() -> None:
    first, second = row(id="m/a"), row(id="m/b")
    rows, told = changes({}, view(first, second))
    assert [(one["change"], one["id"]) for one in told] == [("new", "m/a"), ("new", "m/b")]
    assert changes(rows, view(first, second)) == (rows, [])
    _, told = changes(rows, view({**first, "status": "pledged"}))
    assert [(one["change"], one["id"]) for one in told] == [("changed", "m/a"), ("gone", "m/b")]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (60, 10), (120, 50), (20, 3), (80, 1)])
def test_a_page_has_the_height_of_the_screen(width: int, height: int) -> None:
    screen = console()
    screen.width = width
    for count in (0, 1, 40):
        shown = view(*(row(title=f"Water {number}") for number in range(count)), note="Alone.")
        lines = page(screen, shown, height=height).splitlines()
        assert len(lines) == max(height, 3)
        shown_rows, cut, _ = lines[-2].removeprefix("Ctrl-C ends · ").partition(" of ")
        if cut:
            begun = [line for line in lines[:-2] if line.startswith("C 482 912")]
            assert shown_rows == str(len(begun))
        assert "Ctrl-C ends" in lines[-2]
        assert lines[-1] == "Alone."


def test_the_home_is_read_only_when_it_was_written(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = 0
    perform = live_board.reach.perform

    def counted(*arguments: Any, **more: Any) -> Any:
        nonlocal opened
        opened += 1
        return perform(*arguments, **more)

    monkeypatch.setattr(live_board.reach, "perform", counted)
    seconds = 0.0
    looking = Looking(Settings(home=home, now=NOON), {}, lambda: seconds)
    for _ in range(5):
        assert looking.look(0).result["records"] == []
    assert opened == 1
    done("need", "Water", home=home)
    opened = 0
    assert [told["title"] for told in looking.look(0).result["records"]] == ["Water"]
    assert opened == 1
    seconds = live_board.AGED - 1
    looking.look(0)
    assert opened == 1
    seconds += 1
    looking.look(0)
    assert opened == 2
    looking.look(5)
    assert opened == 3


@pytest.mark.parametrize(("takes", "rest"), [(0.0, 0.5), (0.1, 2.0), (3.0, 10.0)])
def test_a_slow_board_is_looked_at_more_rarely(
    home: Path, monkeypatch: pytest.MonkeyPatch, takes: float, rest: float
) -> None:
    seconds = 100.0
    perform = live_board.reach.perform

    def slow(*arguments: Any, **more: Any) -> Any:
        nonlocal seconds
        seconds += takes
        return perform(*arguments, **more)

    monkeypatch.setattr(live_board.reach, "perform", slow)
    looking = Looking(Settings(home=home, now=NOON), {}, lambda: seconds)
    looking.look(0)
    assert looking.rest == pytest.approx(rest)


def test_a_busy_home_leaves_the_last_view(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looking = Looking(Settings(home=home, now=NOON), {})

    def busy(*_: Any, **__: Any) -> Any:
        raise BusyError("the home is in use")

    before = looking.look(0)
    monkeypatch.setattr(live_board.control, "ask", busy)
    after = looking.look(0)
    assert (after.result, after.note) == (before.result, "the home is in use")
    with pytest.raises(BusyError):
        Looking(Settings(home=home), {}).look(0)


def test_wrong_filters_are_told_at_once(home: Path) -> None:
    with pytest.raises(InvalidInput):
        Looking(Settings(home=home, now=NOON), {"kind": "weather"}).look(0)
