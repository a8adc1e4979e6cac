"""Each example is run as a person would run it, and what it prints is read."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from meshaid.opening import open_home
from tests.cli.calls import done

EXAMPLES = Path(__file__).parents[2] / "examples"
QUIET = ("--no-mdns", "--listen", "127.0.0.1:0")


def run(name: str, *arguments: str | Path, typed: str = "") -> str:
    """What an example prints; it must end well within a minute."""
    ended = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *map(str, arguments)],
        input=typed,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_embedding_on_trio_shows_what_changes() -> None:
    lines = run("embed_trio.py").splitlines()
    assert [line.partition("  ")[2] for line in lines] == [
        "Insulin, 2 vials, 2 vial: open",
        "Insulin, 2 vials, 3 vial: open",
        "Insulin, 2 vials, 3 vial: closed",
    ]


def test_embedding_on_trio_writes_into_the_given_home(home: Path) -> None:
    run("embed_trio.py", home)
    (row,) = done("board", "--status", "closed", home=home)["records"]
    assert (row["title"], row["quantity"]) == ("Insulin, 2 vials", "3")


def test_embedding_on_asyncio_goes_on_meanwhile(home: Path) -> None:
    lines = run("embed_asyncio.py", home).splitlines()
    assert lines[0].endswith("Blankets, 12 piece")
    assert lines[1] == "the app went on meanwhile"
    assert [row["title"] for row in done("board", home=home)["records"]] == ["Blankets"]


def test_tester_founds_types_and_sends_back_a_log_without_words(tmp_path: Path) -> None:
    home = tmp_path / "field"
    typed = "need MARKER water\nboard\nnonsense\noffline\noffer MARKER soup\nonline\nquit\n"
    shown = run("node.py", "--home", home, "--found", "MARKER street", *QUIET, typed=typed)
    assert "Keep this on paper: MESHAIDROOT1" in shown
    assert "need  MARKER water  open" in shown
    assert "there is no command 'nonsense'" in shown
    assert "offline: the board can be read and written" in shown
    assert {row["title"] for row in done("board", home=home)["records"]} == {
        "MARKER water",
        "MARKER soup",
    }
    log = home.with_suffix(".log").read_text()
    assert "MARKER" not in log
    assert "127.0.0.1" not in log
    notes = [json.loads(line) for line in log.splitlines()]
    assert [note["word"] for note in notes if note["what"] == "command"] == [
        *("need", "board", "nonsense", "offline", "offer", "online")
    ]
    assert notes[-1]["counts"]["RecordAdded"] == 2


@pytest.mark.parametrize("as_file", [False, True], ids=["text", "file"])
def test_tester_joins_by_an_invite(home: Path, tmp_path: Path, *, as_file: bool) -> None:
    file = tmp_path / "invite.meshaid"
    invite = done("invite", "--file", file, home=home)["invite"]
    field = tmp_path / "field"
    handed = str(file) if as_file else invite
    shown = run(
        "node.py", "--home", field, "--join", handed, "--as", "Bo", *QUIET, typed="status\n"
    )
    assert "joined" in shown
    with open_home(field) as opened, open_home(home) as founder:
        assert opened.replica.identity.community == founder.replica.identity.community
        assert opened.replica.is_proven() is as_file


def test_tester_ends_well_on_ctrl_c(home: Path) -> None:
    node = subprocess.Popen(
        [sys.executable, str(EXAMPLES / "node.py"), "--home", str(home), *QUIET],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert node.stdout is not None
    for line in node.stdout:
        if line.startswith("listening"):
            break
    node.send_signal(signal.SIGINT)
    out, err = node.communicate(timeout=30)
    assert (node.returncode, err) == (0, "")
    assert "stopped" in out
    with open_home(home) as opened:
        assert opened.replica.is_proven()
