"""The sentences around results: what each command tells a person who reads along."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshaid.cli import events, tables
from meshaid.cli.qr import print_code
from tests.cli.calls import NOON, call, done, running
from tests.cli.test_screen import NOBODY, printed


def said(*words: str | Path, home: Path) -> str:
    """What a call that must succeed prints for people, joined to one line."""
    result = call(*words, home=home)
    assert result.exit_code == 0, result.stderr
    return " ".join(result.stdout.split())


def test_joining(home: Path, tmp_path: Path) -> None:
    text = done("invite", home=home)["invite"]
    told = said("join", text, "--as", "Ben", home=tmp_path / "ben")
    assert "Joined as member" in told
    assert "community not known yet" in told
    assert "Not known to others yet" in told
    assert "meshaid run" in told


def test_an_invite_file(home: Path, tmp_path: Path) -> None:
    result = call("link", "--no-qr", "--file", tmp_path / "link", home=home)
    assert "as secret as the text" in result.stderr
    assert result.stdout.splitlines()[0] == "Riverside"
    assert len(result.stdout.splitlines()) == 2


def test_writing(home: Path) -> None:
    result = call("need", "Insulin", "--life-threatening", home=home)
    assert result.stderr.startswith("LIFE AT RISK. Do not wait for the board: call for help")
    assert result.stdout.splitlines()[-1].endswith(" is on the board.")


def test_one_record(home: Path) -> None:
    words = ("--details", "two\nlines", "--access", "hearing", "--category", "water")
    ref = done("need", "Water", *words, "--people", "5", home=home)["ref"]
    told = said("show", ref, home=home)
    for part in ("Water (water)", "two lines", "access hearing", "people 5", "2026-03-0"):
        assert part in told
    done("notice", "Bridge", "--texts", "es=Cerrado", home=home)
    (notice,) = done("board", "--kind", "notice", home=home)["records"]
    assert "texts es: Cerrado" in said("show", notice["ref"], home=home)


def test_imports_and_exports(home: Path, tmp_path: Path) -> None:
    table = tmp_path / "slips.csv"
    table.write_text("kind,id,title,supersedes\nnotice,1,Bridge,77\n", encoding="utf-8")
    result = call("import", table, home=home)
    assert "1 record imported, 0 rows refused." in result.stdout
    assert "line 2: supersedes names a row that is not here" in result.stderr
    words = ("export", "--format", "jsonl", "--member", "me", tmp_path / "out")
    assert "1 record written" in said(*words, home=home)


def test_meeting(home: Path, tmp_path: Path) -> None:
    ben, file = tmp_path / "ben", tmp_path / "invite"
    done("invite", "--file", file, home=home)
    done("join", file, "--as", "Ben", home=ben)
    with running(home) as node:
        told = said("sync", node.address, home=ben)
        assert told.startswith("Riverside Both boards are equal.")
        assert told.endswith(done("status", home=home)["digest"])
        assert f"listening {node.address}" in said("status", home=home)
        (peer,) = done("peers", home=home)["peers"]
        told = said("peers", home=home)
        assert (peer["member_name"], peer["label"]) == ("Ben", "first device")
        assert "Ben, first device" in told
        assert peer["device"][:12] in told
        assert "off its networks" in said("offline", home=home)
        assert "no node is on a network here" in said("status", home=home)
        assert "on its networks" in said("online", home=home)


def test_a_device_that_is_known_by_its_address_alone() -> None:
    peer = {
        "device": None, "member": None, "member_name": "", "label": "", "state": "connecting",
        "address": "10.0.0.1:7440", "in_sync": False, "last_sync": None,
    }  # fmt: skip
    told = printed(tables.peers_page, {"peers": [peer, {**peer, "in_sync": True}]})
    assert "?" in told
    assert "connecting, equal now" in told


def test_a_device_whose_names_mean_harm() -> None:
    peer = {
        "device": "d" * 52, "member": "m" * 52, "member_name": "Ben\n\x1b[2Jx", "label": "\u202ea",
        "address": "10.0.0.1:7440", "state": "connected", "in_sync": True, "last_sync": None,
    }  # fmt: skip
    told = printed(tables.peers_page, {"peers": [peer]})
    assert "\x1b" not in told
    assert "\u202e" not in told
    assert len(told.splitlines()) == 2
    line = events.line({"at": NOON, "event": "PeerConnected", **peer})
    assert "\u202e" not in line
    assert "\n" not in line
    assert "\x1b" not in line


def test_the_code_is_black_on_white_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    print_code("MESHAID1AB")
    assert "\x1b" not in capsys.readouterr().out
    monkeypatch.setattr("meshaid.cli.qr.sys.stdout.isatty", lambda: True)
    print_code("MESHAID1AB")
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith("\x1b[38;2;0;0;0;48;2;255;255;255m") for line in lines)
    assert all(line.endswith("\x1b[0m") for line in lines)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (
            {"event": "RunRefused", "device": "d", "by": "us", "rule": "G7", **NOBODY},
            "refused from d: rule G7",
        ),
        (
            {
                "event": "RunRefused",
                "device": "d",
                "by": "them",
                "rule": "G7",
                "member_name": "Ben",
                "label": "",
            },
            "refused by Ben (d)",
        ),
        ({"event": "NotYetKnown", "address": "a:1", "by": "them"}, "this device is not known yet"),
        ({"event": "NotYetKnown", "address": "a:1", "by": "us"}, "the other is not known yet"),
        ({"event": "DiscoveryFailed", "reason": "no network"}, "--peer"),
        ({"event": "PeerFound", "address": "a:1", "source": "mdns"}, "found a:1 (mdns)"),
        ({"event": "EventsLeftOut", "count": 3}, "3 lines left out"),
        ({"event": "OfTomorrow"}, "OfTomorrow"),
    ],
)
def test_what_a_node_tells(told: dict[str, object], words: str) -> None:
    assert words in events.line({"at": NOON, **told})


def test_json_lines_of_a_node(home: Path) -> None:
    with running(home, "--now", str(NOON)) as node:
        written = done("need", "Water", home=home)
        told = node.event("RecordAdded")
    assert (told["id"], told["row"]["ref"]) == (written["id"], written["ref"])
    assert NOON <= told["at"] < NOON + 600


def test_what_is_one_is_not_told_as_many() -> None:
    one = {"at": NOON, "event": "CardsChanged", "members": 1}
    assert events.line(one).endswith("the community has 1 member")
    assert events.line({**one, "members": 2}).endswith("the community has 2 members")
    notes = {"at": NOON, "event": "NotesChanged", "count": 1}
    assert events.line(notes).endswith("new: 1 sealed note")


def test_the_key_of_an_imported_row_is_not_for_people(home: Path, tmp_path: Path) -> None:
    table = tmp_path / "slips.csv"
    table.write_text("kind,id,title\nneed,1,Tea\n", encoding="utf-8")
    done("import", table, home=home)
    (row,) = done("board", home=home)["records"]
    assert row["import_key"]
    assert "import key" not in said("show", row["ref"], home=home)
