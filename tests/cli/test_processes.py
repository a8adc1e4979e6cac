"""Real processes: exit codes, pipes, signals, and commands beside a running node."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.calls import COMMAND, NOON, Running, call, done, failed, found, process, running


@pytest.fixture
def node(home: Path) -> Iterator[Running]:
    """A node that runs on the home."""
    with running(home) as node:
        yield node


def joined(home: Path, folder: Path, *, with_chain: bool, name: str = "Ben") -> Path:
    """A second home that joined the community, with all cards or with the text alone."""
    file = folder.with_suffix(".invite")
    text = done("invite", "--file", file, home=home)["invite"]
    done("join", file if with_chain else text, "--as", name, home=folder)
    return folder


# ---- pipes
def test_exit_codes_and_streams(home: Path) -> None:
    good = process("board", "--json", home=home)
    assert (good.returncode, good.stderr) == (0, "")
    assert json.loads(good.stdout)["records"] == []
    bad = process("show", "zzzz", "--json", home=home)
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr.startswith("Error: ")


def test_pipes_are_plain(home: Path) -> None:
    done("need", "Insulin", "--life-threatening", home=home)
    for environment in ({}, {"NO_COLOR": "1"}, {"TERM": "dumb"}):
        told = process("--now", str(NOON), "board", home=home, environment=environment)
        assert "LIFE AT RISK" in told.stdout
        assert "\x1b" not in told.stdout
        assert all(line == line.rstrip() for line in told.stdout.splitlines())


def test_an_output_that_knows_few_letters(home: Path) -> None:
    done("need", "\u6c34", home=home)
    few = {"PYTHONIOENCODING": "iso8859-2"}
    told = process("--now", str(NOON), "board", home=home, environment=few)
    assert (told.returncode, "\\u6c34" in told.stdout) == (0, True)
    assert "from Anna - just now" in told.stdout
    told = process("--now", str(NOON), "board", "--json", home=home, environment=few)
    assert json.loads(told.stdout)["records"][0]["title"] == "\u6c34"


def into_a_broken_pipe(home: Path, *words: str) -> tuple[int, bytes]:
    """The exit code and standard error of a call whose output nobody reads."""
    read, write = os.pipe()
    os.close(read)
    try:
        ended = subprocess.run(
            [*COMMAND, "--home", str(home), *words],
            stdout=write,
            stderr=subprocess.PIPE,
            check=False,
            timeout=60,
        )
    finally:
        os.close(write)
    return ended.returncode, ended.stderr


@pytest.mark.parametrize(
    "words", [("board",), ("board", "--json"), ("invite",), ("--help",), ("watch",)]
)
def test_a_broken_pipe_is_quiet(home: Path, words: tuple[str, ...]) -> None:
    assert into_a_broken_pipe(home, *words) == (1, b"")


def test_a_node_whose_output_nobody_reads_ends(home: Path) -> None:
    words = ("run", "--no-mdns", "--listen", "127.0.0.1:0")
    assert into_a_broken_pipe(home, *words) == (1, b"")


# ---- a node that runs
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_a_node_cleanly(home: Path, number: signal.Signals) -> None:
    with running(home) as node:
        assert node.end(number) == 0
    assert not (home / "control.sock").exists()
    assert done("board", home=home)["records"] == []


def test_readable_lines(home: Path) -> None:
    words = [*COMMAND, "run", "--home", str(home), "--no-mdns", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "Riverside\n"
        assert "listening at 127.0.0.1:" in child.stdout.readline()
        done("need", "Water", home=home)
        assert "new need X " in child.stdout.readline()
        child.terminate()
        assert child.wait(30) == 0


def test_both_ways_give_the_same(home: Path) -> None:
    ref = done("need", "Water", "--quantity", "40", "--unit", "L", home=home)["ref"]
    reading = (("board",), ("show", ref), ("board", "--text", "nothing"))
    wrong = (("show", "zzzz"), ("edit", ref, "--colour", "x"), ("close", ref, "--reason", "x"))
    alone = [done(*words, home=home) for words in reading]
    refused = [failed(2, *words, home=home) for words in wrong]
    with running(home):
        assert [done(*words, home=home) for words in reading] == alone
        assert [failed(2, *words, home=home) for words in wrong] == refused
        done("edit", ref, "--quantity", "25", home=home)
        done("offer", "Tea", home=home)
        through = done("board", home=home)
    assert done("board", home=home) == through


def test_ambiguous_names_list_their_matches_through_a_node(home: Path, node: Running) -> None:
    written = [done("need", f"Water {number}", home=home)["id"] for number in range(2)]
    told = failed(2, "show", written[0][:5], home=home)
    listed = {line.split()[0] for line in told.splitlines()[1:]}
    assert listed == {name.partition("/")[2][:8] for name in written}


def test_the_time_of_one_call_goes_through_a_node(home: Path, node: Running) -> None:
    row = done("show", done("need", "Water", home=home)["ref"], home=home)
    assert row["created_at"] == NOON
    assert done("board", "--now", str(NOON + 80 * 3600), home=home)["records"] == []


def test_a_node_whose_clock_starts_elsewhere(home: Path) -> None:
    with running(home, "--now", str(NOON)):
        told = process("need", "Water", "--json", home=home)
    row = done("show", json.loads(told.stdout)["ref"], home=home)
    assert NOON <= row["created_at"] < NOON + 600


def test_files_go_through_a_node(home: Path, tmp_path: Path, node: Running) -> None:
    table, invite = tmp_path / "slips.csv", tmp_path / "invite"
    table.write_text("kind,id,title,minute\nneed,1,Water,10\n", encoding="utf-8")
    assert done("import", table, home=home)["imported"] == 1
    for form in ("automerge", "jsonl"):
        out = tmp_path / form
        done("export", "--format", form, "--member", "me", out, home=home)
        assert out.stat().st_size > 0
    done("invite", "--file", invite, home=home)
    assert invite.stat().st_size > 0


def test_a_node_has_the_passphrase_already(tmp_path: Path) -> None:
    home, secret = tmp_path / "home", tmp_path / "secret"
    secret.write_text("correct horse\n", encoding="utf-8")
    found(home, "--passphrase-file", str(secret))
    with running(home, "--passphrase-file", str(secret)):
        assert done("board", home=home)["records"] == []
    assert "locked" in failed(5, "board", home=home)


def test_two_nodes_on_one_home(home: Path, node: Running) -> None:
    told = process("run", "--no-mdns", home=home)
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr.startswith("Error: ")
    assert "Traceback" not in told.stderr


# ---- meeting
def test_sync(home: Path, tmp_path: Path, node: Running) -> None:
    ben = joined(home, tmp_path / "ben", with_chain=True)
    done("need", "Water", home=home)
    done("offer", "Tea", home=ben)
    told = done("sync", node.address, home=ben)
    assert set(told) == {"digest", "equal", "reason"}
    assert told["equal"] is True
    assert told["digest"] == done("status", home=home)["digest"]
    assert done("board", home=ben)["records"] == done("board", home=home)["records"]
    assert len(done("board", home=ben)["records"]) == 2
    (water,) = done("board", "--kind", "need", home=ben)["records"]
    told = failed(2, "edit", water["ref"], "--quantity", "3", home=ben)
    assert "another member's record" in told


def test_time_runs_out(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        result = call("sync", address, "--timeout", "0.1", "--json", home=home)
    told = json.loads(result.stdout)
    assert (result.exit_code, told["equal"]) == (1, False)
    assert "--timeout" in told["reason"]


def test_sync_through_a_node_of_ones_own(home: Path, tmp_path: Path, node: Running) -> None:
    ben = joined(home, tmp_path / "ben", with_chain=False)
    with running(ben):
        told = done("sync", node.address, home=ben)
        assert told["equal"] is True
        assert told["digest"] == done("status", home=home)["digest"]


def test_not_known_yet_keeps_the_cards(home: Path, tmp_path: Path) -> None:
    ben = joined(home, tmp_path / "ben", with_chain=False)
    cleo = joined(home, tmp_path / "cleo", with_chain=False, name="Cleo")
    done("need", "Water", home=ben)
    with running(ben) as node:
        told = failed(4, "sync", node.address, home=cleo)
    assert "not known yet" in told
    assert "kept" in told
    assert done("board", home=cleo)["records"] == []


def test_an_address_in_the_invite_is_dialed(home: Path, tmp_path: Path, node: Running) -> None:
    text = done("invite", "--address", node.address, home=home)["invite"]
    ben = tmp_path / "ben"
    done("join", text, "--as", "Ben", home=ben)
    with running(ben) as other:
        assert other.event("PeerInSync")["digest"] == done("status", home=ben)["digest"]
        (peer,) = done("status", home=home)["peers"]
        assert set(peer) == {
            "device", "member", "member_name", "label", "address", "state", "in_sync", "last_sync",
        }  # fmt: skip
        assert peer["device"] == done("status", home=ben)["device"]
        assert peer["state"] == "connected"


def test_offline_and_online(home: Path, tmp_path: Path, node: Running) -> None:
    ben = joined(home, tmp_path / "ben", with_chain=True)
    assert done("offline", home=home) == {"online": False}
    assert done("status", home=home)["listening"] == []
    failed(3, "sync", node.address, home=ben)
    done("need", "Water", home=home)
    assert done("online", home=home) == {"online": True}
    assert done("status", home=home)["listening"] == [node.address]
    assert done("sync", node.address, home=ben)["equal"] is True
