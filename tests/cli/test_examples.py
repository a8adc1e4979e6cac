"""Each example is run as a person would run it, and what it prints is read."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from meshaid.core import ids
from meshaid.opening import open_home
from tests.cli.calls import done

EXAMPLES = Path(__file__).parents[2] / "examples"
QUIET = ("--no-mdns", "--listen", "127.0.0.1:0")
PATIENCE = 60
"""Seconds until something that does not happen is a failure."""


def words(name: str, *arguments: str | Path) -> list[str]:
    return [sys.executable, str(EXAMPLES / name), *map(str, arguments)]


def ended(name: str, *arguments: str | Path, typed: str = "") -> subprocess.CompletedProcess[str]:
    """An example that has run to its end."""
    return subprocess.run(
        words(name, *arguments),
        input=typed,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=PATIENCE,
    )


def printed(name: str, *arguments: str | Path, typed: str = "") -> str:
    """What an example prints that must end well, without a word of trouble."""
    run = ended(name, *arguments, typed=typed)
    assert (run.returncode, run.stderr) == (0, "")
    return run.stdout


# ---- the two for apps
def test_embedding_on_trio_shows_what_changes() -> None:
    lines = printed("embed_trio.py").splitlines()
    assert [line.partition("  ")[2] for line in lines] == [
        "Insulin, 2 vials, 2 vial: open",
        "Insulin, 2 vials, 3 vial: open",
        "Insulin, 2 vials, 3 vial: closed",
    ]


def test_embedding_on_trio_writes_into_the_given_home(home: Path) -> None:
    printed("embed_trio.py", home)
    (row,) = done("board", "--status", "closed", home=home)["records"]
    assert (row["title"], row["quantity"]) == ("Insulin, 2 vials", "3")


def test_embedding_on_asyncio_goes_on_meanwhile() -> None:
    seen, row = printed("embed_asyncio.py").splitlines()
    assert seen == "seen meanwhile: RecordAdded RecordChanged"
    assert row.partition("  ")[2] == "Blankets, 12 piece"


def test_embedding_on_asyncio_writes_into_the_given_home(home: Path) -> None:
    printed("embed_asyncio.py", home)
    (row,) = done("board", home=home)["records"]
    assert (row["title"], row["quantity"]) == ("Blankets", "12")


# ---- the field tester's node
@dataclass
class Typist:
    """A tester at a node that runs."""

    process: subprocess.Popen[str]

    def type(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def sees(self, text: str) -> str:
        """The next line that holds this text."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if text in line:
                return line.strip()
        raise AssertionError(f"the node ended before {text!r}")

    def end(self, number: signal.Signals) -> tuple[int, str]:
        """End it by a signal; its exit code and what it printed last."""
        self.process.send_signal(number)
        self.process.wait(PATIENCE)  # before its input ends, which would end it, too
        last, trouble = self.process.communicate(timeout=PATIENCE)
        assert trouble == ""
        return self.process.returncode, last


@contextmanager
def at_node(home: Path, *options: str | Path) -> Iterator[Typist]:
    """The node as a process of its own, ended at the latest with the block."""
    with subprocess.Popen(
        words("node.py", "--home", home, *QUIET, *options),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        try:
            yield Typist(process)
        finally:
            process.kill()


def field_log(home: Path) -> list[dict[str, Any]]:
    lines = home.with_name(f"{home.name}.log").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_tester_founds_and_types(tmp_path: Path) -> None:
    home = tmp_path / "field.home"
    typed = (
        'need Water for ten quantity=40 unit=L urgency=today area="North bank"\n'
        "offline\noffer Anna's soup\nonline\nboard\npeers\nstatus\nhelp\nquit\nneed Too late\n"
    )
    shown = printed("node.py", "--home", home, "--found", "Riverside", *QUIET, typed=typed)
    assert "Keep this on paper, it is shown only now: MESHAIDROOT1" in shown
    assert shown.count("one more steward, shown only now: MESHAID1") == 2
    for line in (
        "offline: the board can be read and written",
        "online again",
        "Needs (1)",
        "Offers (1)",
        "No other device met yet.",
        "listening  127.0.0.1:",
        "close REF REASON",
        "stopped; the field log is",
    ):
        assert line in shown
    need, offer = done("board", home=home)["records"]
    assert (need["title"], need["quantity"], need["unit"]) == ("Water for ten", "40", "L")
    assert (need["tier"], need["area"]) == ("today", "North bank")
    assert offer["title"] == "Anna's soup"


def test_tester_shows_and_closes_by_the_code(home: Path) -> None:
    with at_node(home) as node:
        node.type("need Water")
        ref = node.sees("written: ").removeprefix("written: ")
        node.type(f"show {ref}")
        assert "Water" in node.sees(f"need {ref}")
        node.type(f"close {ref} received")
        assert node.sees(" is ") == f"{ref} is closed"
        node.type(f"show {ref}")
        assert "received" in node.sees("closed reason")


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("dance", "not done: there is no such command"),
        ("close H482913", "not done: close needs a code and a reason"),
        ("show H482913", "not done: "),
        ('need Water area="North', 'not done: a " is missing'),
        ("need Water wings=2", "not done: wings"),
        ("need Water kind=offer", "not done: kind"),
        ("need Water self=1", "not done: self"),
        ("need", "not done: "),
        ("invite dragon", "not done: "),
    ],
)
def test_what_cannot_be_done_is_answered_and_the_node_goes_on(
    home: Path, line: str, answer: str
) -> None:
    shown = printed("node.py", "--home", home, *QUIET, typed=f"\n{line}\nneed Wood")
    assert answer in shown
    assert [row["title"] for row in done("board", home=home)["records"]] == ["Wood"]


def test_what_others_wrote_cannot_reach_the_terminal_raw(home: Path) -> None:
    shown = printed("node.py", "--home", home, *QUIET, typed="need Wa\u202eter\nboard\n")
    assert "\u202e" not in shown
    assert "\x1b" not in shown


def test_testers_meet_by_an_invite_and_an_address(tmp_path: Path) -> None:
    anna, bo = tmp_path / "anna", tmp_path / "bo"
    with at_node(anna, "--found", "Riverside", "--as", "Anna") as first:
        address = first.sees("listening at").rpartition(" ")[2]
        first.type("need Water")
        first.type("invite household")
        invite = first.sees("hand this over").rpartition(" ")[2]
        with at_node(bo, "--join", invite, "--as", "Bo", "--peer", address) as second:
            second.sees("joined")
            assert "Water · open · from Anna" in second.sees("new need")
            second.sees("equal with")
            second.type("offer Soup")
            first.sees("new offer")
            assert second.end(signal.SIGTERM)[0] == 0
        first.sees("lost")
        assert first.end(signal.SIGINT)[0] == 0
    told = field_log(bo)
    kinds = [line["what"] for line in told]
    assert kinds.index("PeerConnected") < kinds.index("in_sync_after") < kinds.index("end")
    (founder,) = {line["member"] for line in told if line["what"] == "PeerConnected"}
    with open_home(anna) as opened:
        assert founder == ids.id_text(opened.replica.identity.member)[:8]
    assert "leaving" in [line.get("reason") for line in field_log(anna)]
    assert "127.0.0.1" not in json.dumps([*told, *field_log(anna)])


def test_the_field_log_holds_no_words_names_or_addresses(tmp_path: Path) -> None:
    home = tmp_path / "field"
    typed = "need MARKER water\nMARKER water\nboard\nshow MARKER\noffline\nonline\nquit\n"
    made = ("--found", "MARKER street", "--as", "MARKER house")
    printed("node.py", "--home", home, *made, *QUIET, "--peer", "127.0.0.1:1", typed=typed)
    told = field_log(home)
    text = json.dumps(told)
    for secret in ("MARKER", "127.0.0.1", "water", str(tmp_path)):
        assert secret not in text
    assert [(line["word"], line["outcome"]) for line in told if line["what"] == "command"] == [
        ("need", "done"),
        ("?", "InvalidInput"),
        ("board", "done"),
        ("show", "NotFound"),
        ("offline", "done"),
        ("online", "done"),
    ]
    assert told[0]["what"] == "start"
    assert (told[-2]["what"], told[-2]["records"], told[-2]["members"]) == ("state", 1, 1)
    assert (told[-1]["what"], told[-1]["by"]) == ("end", "quit")
    assert told[-1]["events"]["RecordAdded"] == 1


def test_a_full_disk_ends_the_field_log_not_the_node(home: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    shown = printed("node.py", "--home", home, *QUIET, "--log", "/dev/full", typed="need Wood\n")
    assert "the field log ended early: No space left on device" in shown
    assert [row["title"] for row in done("board", home=home)["records"]] == ["Wood"]


@pytest.mark.parametrize("as_file", [False, True], ids=["text", "file"])
def test_tester_joins_by_an_invite(home: Path, tmp_path: Path, *, as_file: bool) -> None:
    file = tmp_path / "invite.meshaid"
    invite = done("invite", "--file", file, home=home)["invite"]
    field = tmp_path / "field"
    handed = str(file) if as_file else invite
    printed("node.py", "--home", field, "--join", handed, "--as", "Bo", *QUIET)
    with open_home(field) as opened, open_home(home) as founder:
        assert opened.replica.identity.community == founder.replica.identity.community
        assert opened.replica.is_proven() is as_file


def test_tester_joins_as_a_second_device(home: Path, tmp_path: Path) -> None:
    link = done("link", home=home)["invite"]
    field = tmp_path / "field"
    printed("node.py", "--home", field, "--join", link, "--as", "Phone", *QUIET)
    with open_home(field) as opened, open_home(home) as founder:
        assert opened.replica.identity.member == founder.replica.identity.member


@pytest.mark.parametrize(
    "options",
    [(), ("--join", "MESHAID1QQQQ"), ("--join", __file__), ("--found", "R", "--kind", "hub")],
    ids=["no home", "damaged invite", "no invite", "a hub without a letter"],
)
def test_what_is_no_home_is_said_and_nothing_is_made(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    run = ended("node.py", "--home", tmp_path / "field", *options, *QUIET)
    assert run.returncode == 1
    assert len(run.stderr.splitlines()) == 1
    assert not (tmp_path / "field").exists() or not list((tmp_path / "field").iterdir())


def test_a_log_that_cannot_be_written_is_said(home: Path) -> None:
    run = ended("node.py", "--home", home, *QUIET, "--log", home / "no" / "log")
    assert (run.returncode, run.stderr.count("\n")) == (1, 1)
    assert "--log FILE" in run.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["INT", "TERM"])
def test_tester_ends_well_on_a_signal(home: Path, number: signal.Signals) -> None:
    with at_node(home) as node:
        node.sees("listening at")
        code, last = node.end(number)
    assert code == 0
    assert "stopped" in last
    assert field_log(home)[-1]["by"] == "signal"
    open_home(home).close()


def test_tester_ends_when_nobody_reads(home: Path) -> None:
    with at_node(home) as node:
        node.sees("listening at")
        assert node.process.stdout is not None
        node.process.stdout.close()
        node.type("help")
        assert node.process.wait(PATIENCE) == 0
        assert node.process.stderr is not None
        assert node.process.stderr.read() == ""
    assert field_log(home)[-1]["what"] == "end"


# ---- on a terminal
@dataclass
class Terminal:
    """A terminal of 30 lines of 100 characters, in which the node runs."""

    keyboard: int
    shown: str = ""

    def type(self, keys: str) -> None:
        os.write(self.keyboard, keys.encode())

    def sees(self, text: str) -> None:
        """Wait until this text is shown, after all that was seen before."""
        while text not in self.shown:
            ready, _, _ = select.select([self.keyboard], [], [], PATIENCE)
            assert ready, f"{text!r} is not shown"
            self.shown += os.read(self.keyboard, 65_536).decode("utf-8", "replace")
        self.shown = self.shown.partition(text)[2]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_on_a_terminal_the_table_renews_itself(home: Path) -> None:
    import pty
    import termios

    mine, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (30, 100))
    before = termios.tcgetattr(theirs)
    process = subprocess.Popen(
        words("node.py", "--home", home, *QUIET),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm"},
    )
    try:
        screen = Terminal(mine)
        screen.sees("0 on the board")
        screen.type("need Watr\x7fer\x1b[A quantity=3")
        screen.sees("> need Water quantity=3_")
        screen.type("\n")
        screen.sees("1 on the board")
        screen.sees("written: ")
        screen.type("dance\n")
        screen.sees("there is no such command")
        screen.type("half a line\x15caf")
        screen.sees("> caf_")
        process.send_signal(signal.SIGINT)
        screen.sees("stopped")
        assert process.wait(PATIENCE) == 0
        assert termios.tcgetattr(theirs) == before
    finally:
        process.kill()
        process.wait()
        os.close(mine)
        os.close(theirs)
    assert [row["title"] for row in done("board", home=home)["records"]] == ["Water"]
