"""What each command gives with --json: exactly these keys, one document, nothing else."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import Any

import click
import pytest

from meshaid.cli.main import main
from meshaid.core.invite import decode_invite, read_invite_file
from meshaid.core.schema import KINDS
from tests.cli.calls import NOON, call, done, found

ID = 52
DRILL = Path(__file__).resolve().parents[2] / "examples" / "drill" / "drill.csv"


def is_id(text: str) -> bool:
    return len(text) == ID and text.islower()


def test_init(tmp_path: Path) -> None:
    told = found(tmp_path / "home")
    names = {"community", "member", "device", "name", "recovery", "steward_invites"}
    assert set(told) == names
    assert all(is_id(told[name]) for name in ("community", "member", "device"))
    assert told["name"] == "Anna"
    assert told["recovery"].startswith("MESHAIDROOT1")
    assert len(told["steward_invites"]) == 2
    assert {decode_invite(text).role for text in told["steward_invites"]} == {"steward"}


def test_init_prints_recovery_and_invites_once(tmp_path: Path) -> None:
    result = call("init", "--community", "C", "--as", "A", "--stewards", "1", home=tmp_path / "h")
    assert result.exit_code == 0
    assert result.stdout.count("MESHAIDROOT1") == 1
    assert result.stdout.count("MESHAID1") == 1
    assert "only this once" in result.stdout
    assert "Write" in result.stdout


def test_init_of_a_hub_writes_its_record(tmp_path: Path) -> None:
    home = tmp_path / "hub"
    found(home, "--kind", "hub", "--letter", "K")
    (hub,) = done("board", "--kind", "hub", home=home)["records"]
    assert (hub["title"], hub["letter"], hub["status"]) == ("Anna", "K", "open")
    assert done("need", "Water", home=home)["ref"].startswith("K")


def test_invite_and_join(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "invite"
    options = ("--kind", "household", "--kind", "hub", "--address", "10.0.0.1:7440")
    told = done("invite", *options, "--file", file, home=home)
    assert set(told) == {"invite"}
    text, chain = read_invite_file(file.read_bytes())
    assert text == decode_invite(told["invite"])
    assert text.addresses == ("10.0.0.1:7440",)
    assert len(chain) == 5
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    joined = done("join", told["invite"], "--as", "Ben", home=tmp_path / "ben")
    assert set(joined) == {"community", "member", "device", "name"}
    assert joined["name"] == "Ben"
    assert joined["community"] == done("status", home=home)["community"]


@pytest.mark.parametrize("as_file", [False, True])
def test_a_joiner_writes_and_sees_its_own_records(
    home: Path, tmp_path: Path, as_file: bool
) -> None:
    file = tmp_path / "invite"
    text = done("invite", "--file", file, home=home)["invite"]
    ben = tmp_path / "ben"
    done("join", file if as_file else text, "--as", "Ben", home=ben)
    ref = done("need", "Water", home=ben)["ref"]
    (row,) = done("board", home=ben)["records"]
    assert row["ref"] == ref
    assert row["known_to_others"] is as_file
    assert done("status", home=ben)["known_to_others"] is as_file
    told = call("board", home=ben).stdout
    assert ("Not known to others yet" in told) is not as_file


def test_an_invite_in_a_text_file(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "invite.txt"
    file.write_text(done("invite", home=home)["invite"].lower() + "\n")
    assert done("join", file, "--as", "Ben", home=tmp_path / "ben")["name"] == "Ben"


def test_invite_prints_text_and_code(home: Path) -> None:
    both = call("invite", home=home).stdout
    alone = call("invite", "--no-qr", home=home).stdout
    assert "\u2588" in both
    assert "\u2588" not in alone
    assert both.rstrip().splitlines()[-1].startswith("MESHAID1")


def test_link(home: Path, tmp_path: Path) -> None:
    told = done("link", home=home)
    assert set(told) == {"invite"}
    laptop = tmp_path / "laptop"
    linked = done("join", told["invite"], "--label", "kitchen laptop", home=laptop)
    first = done("status", home=home)
    assert linked["member"] == first["member"]
    assert linked["device"] != first["device"]
    assert linked["name"] == "kitchen laptop"


@pytest.mark.parametrize("kind", ["need", "offer", "notice"])
def test_writing(home: Path, kind: str) -> None:
    told = done(kind, "Water", "--area", "Riverside north", "--expires", "5h", home=home)
    assert set(told) == {"id", "ref", "warnings"}
    row = done("show", told["id"], home=home)
    assert (row["kind"], row["title"], row["area"]) == (kind, "Water", "Riverside north")
    assert row["expires_at"] == NOON + 5 * 3600
    assert row["created_at"] == NOON


def test_every_option_of_a_need(home: Path) -> None:
    options = [
        "--category", "water.drinking", "--quantity", "40", "--unit", "litres",
        "--urgency", "now", "--life-threatening", "--area", "Quay", "--details", "for five",
        "--people", "5", "--substitutes-ok", "--access", "no_stairs,wheelchair",
        "--needed-by", "2026-03-01T14:00+00:00", "--on-behalf-of", "h07",
    ]  # fmt: skip
    row = done("show", done("need", "Water", *options, home=home)["ref"], home=home)
    assert (row["category"], row["quantity"], row["unit"]) == ("water.drinking", "40", "L")
    assert (row["urgency"], row["life_threatening"], row["text"]) == ("now", True, "for five")
    assert (row["people"], row["substitutes_ok"]) == (5, True)
    assert row["access"] == "no_stairs wheelchair"
    assert (row["needed_by"], row["on_behalf_of"]) == (NOON + 7200, "h07")


def test_a_private_need_has_no_title(home: Path) -> None:
    ref = done("need", "--category", "private", "--area", "Quay", home=home)["ref"]
    assert done("show", ref, home=home)["title"] is None
    assert "Private matter" in call("board", home=home).stdout


def test_a_notice_in_two_languages(home: Path) -> None:
    told = done("notice", "Bridge", "--texts", "es=Cerrado", "--texts", "fr=Ferme", home=home)
    assert done("show", told["ref"], home=home)["texts"] == {"es": "Cerrado", "fr": "Ferme"}
    done("edit", told["ref"], "--texts", "es=Abierto", home=home)
    assert done("show", told["ref"], home=home)["texts"] == {"es": "Abierto"}


def test_edit(home: Path) -> None:
    ref = done("need", "Water", "--quantity", "40", "--unit", "L", home=home)["ref"]
    spoken = f"{ref[0].lower()} {ref[1:4]}-{ref[4:]}"
    words = ["--quantity", "3,5", "--urgency=now", "--life-threatening", "--details", "-5 degrees"]
    row = done("edit", spoken, *words, "--expires", "2h", home=home)
    assert (row["quantity"], row["urgency"], row["life_threatening"]) == ("3.5", "now", True)
    assert (row["text"], row["rev"], row["expires_at"]) == ("-5 degrees", 2, NOON + 7200)
    row = done("edit", "--text", "", "--no-life-threatening", ref, home=home)
    assert (row["text"], row["life_threatening"], row["title"]) == (None, False, "Water")


def test_close(home: Path) -> None:
    first = done("need", "Water", home=home)
    again = done("need", "Water again", home=home)
    row = done(
        "close", again["ref"], "--reason", "duplicate", "--duplicate-of", first["ref"], home=home
    )
    assert (row["status"], row["closed_reason"]) == ("closed", "duplicate")
    assert row["duplicate_of"] == first["id"]
    assert [row["ref"] for row in done("board", home=home)["records"]] == [first["ref"]]
    assert len(done("board", "--status", "closed", home=home)["records"]) == 1


def test_board(home: Path) -> None:
    assert done("board", home=home)["records"] == []
    done("need", "Drinking water", "--category", "water.drinking", home=home)
    done("offer", "Soup", "--category", "food.meals", home=home)
    titles: dict[tuple[str, ...], list[Any]] = {}
    for filters in (
        (), ("--kind", "offer"), ("--category", "water"), ("--status", "open"),
        ("--text", "drinking"),
    ):  # fmt: skip
        told = done("board", *filters, home=home)
        assert set(told) == {"records", "total", "more", "left_out", "warnings"}
        titles[filters] = [row["title"] for row in told["records"]]
    assert titles == {
        (): ["Drinking water", "Soup"],
        ("--kind", "offer"): ["Soup"],
        ("--category", "water"): ["Drinking water"],
        ("--status", "open"): ["Drinking water", "Soup"],
        ("--text", "drinking"): ["Drinking water"],
    }


def test_import(home: Path, tmp_path: Path) -> None:
    where = ("--where", "hub=C", "--where", "entered_by=desk 3")
    options = ("--start", "2026-03-01T09:00+00:00")
    told = done("import", DRILL, *options, *where, home=home)
    assert set(told) == {
        "format", "imported", "known", "differing", "withdrawn", "refused", "unresolved", "notes",
        "columns", "ignored_columns", "labels",
    }  # fmt: skip
    assert told["imported"] > 10
    assert told["refused"] == []
    assert "hub" in told["ignored_columns"]
    again = done("import", DRILL, *options, *where, home=home)
    assert (again["imported"], again["refused"]) == (0, [])


def test_import_keeps_good_rows(home: Path, tmp_path: Path) -> None:
    table = tmp_path / "slips.csv"
    table.write_text(
        "kind,id,title,quantity,unit,duplicate_of,colour\n"
        "need,1,Water,40,L,,blue\nneed,2,Soup,lots,,,\nbanana,3,X,,,,\nneed,4,Tea,,,99,\n"
    )
    told = done("import", table, home=home)
    assert told["imported"] == 2
    assert [row["line"] for row in told["refused"]] == [3, 4]
    assert all(set(row) == {"line", "reason"} for row in told["refused"])
    assert told["ignored_columns"] == ["colour"]
    assert told["unresolved"] == [{"line": 5, "field": "duplicate_of"}]
    words = call("import", table, home=home)
    assert "line 3: quantity:" in words.stdout
    assert "colour" in words.stdout


def test_minutes_count_from_now_unless_told(home: Path, tmp_path: Path) -> None:
    table = tmp_path / "slips.csv"
    table.write_text("kind,id,title,minute\nneed,1,Water,10\n")
    done("import", table, home=home)
    (row,) = done("board", home=home)["records"]
    assert row["created_at"] == NOON + 600


def test_status(home: Path) -> None:
    done("need", "Water", home=home)
    told = done("status", home=home)
    named = {
        "community", "member", "device", "digest", "members", "documents", "changes", "records",
        "listening", "peers",
    }  # fmt: skip
    assert set(told) >= named
    counts = [told[name] for name in ("members", "documents", "changes", "records")]
    assert counts == [1, 1, 1, 1]
    assert (told["listening"], told["peers"]) == ([], [])
    assert len(bytes.fromhex(told["digest"])) == 32
    own = [told[name] for name in ("member_name", "member_kind", "member_role", "label")]
    assert own == ["Anna", "household", "steward", "first device"]
    page = " ".join(call("status", home=home).stdout.split())
    assert f"Anna, household, steward · {told['member']}" in page
    assert f"first device · {told['device']}" in page


def test_peers(home: Path) -> None:
    assert done("peers", home=home) == {"peers": []}


@pytest.mark.parametrize("member", ["me", "Anna", "id"])
def test_export_as_json_lines(home: Path, tmp_path: Path, member: str) -> None:
    told = done("need", "Water", home=home)
    name = told["id"][:9] if member == "id" else member
    file = tmp_path / "out.jsonl"
    result = done("export", "--format", "jsonl", "--member", name, file, home=home)
    assert set(result) == {
        "file", "format", "bytes", "member", "records", "left_out", "exercise",
    }  # fmt: skip
    assert (result["records"], result["bytes"]) == (1, file.stat().st_size)
    (line,) = map(json.loads, file.read_text().splitlines())
    assert (line["id"], line["fields"]["title"]) == (told["id"], "Water")
    assert "exercise" not in line


def test_export_as_an_automerge_document(home: Path, tmp_path: Path) -> None:
    done("need", "Water", home=home)
    file = tmp_path / "out.automerge"
    done("export", "--format", "automerge", "--member", "me", file, home=home)
    assert file.read_bytes()[:4] == bytes.fromhex("856f4a83")


def test_export_of_an_exercise_says_so_in_every_row(tmp_path: Path) -> None:
    home, file = tmp_path / "home", tmp_path / "out.jsonl"
    found(home, "--exercise")
    done("need", "Water", home=home)
    done("offer", "Tea", home=home)
    done("export", "--format", "jsonl", "--member", "me", file, home=home)
    assert [json.loads(line)["exercise"] for line in file.read_text().splitlines()] == [True, True]


# ---- what the help says of it
def documented(command: str) -> set[str]:
    """The words of a command's help on its JSON, and the fields of every kind."""
    told = main.commands[command].epilog or ""
    fields = {name for kind in KINDS.values() for name in kind.fields}
    return {*re.findall(r"[a-z_]+", told), *fields, *_NAMED}


_NAMED = {f"target_{part}" for part in ("ref", "title", "area", "status", "kind")}


def test_every_key_of_a_row_is_documented(home: Path) -> None:
    ref = done("need", "Water", "--quantity", "40", "--unit", "L", "--people", "5", home=home)[
        "ref"
    ]
    offer = done("offer", "Tank", home=home)["ref"]
    pledge = done("pledge", ref, "--offer", offer, home=home)
    rows = [
        done("show", ref, home=home), done("show", offer, home=home), pledge,
        done("receive", pledge["id"], home=home),
        done("flag", ref, "--reason", "seems_done", home=home),
        done("show", done("notice", "Bridge", home=home)["ref"], home=home),
    ]  # fmt: skip
    for row in rows:
        assert set(row) - {"about", "warnings"} <= documented("show")
    assert set(pledge) <= documented("pledge") | documented("show")


@pytest.mark.parametrize(
    "words",
    [
        ("board",), ("status",), ("peers",), ("match",), ("duplicates",), ("report",),
        ("need", "Soup"), ("invite",), ("link",), ("completion", "bash"),
    ],
    ids=lambda words: words[0],
)  # fmt: skip
def test_every_key_is_documented(home: Path, words: tuple[str, ...]) -> None:
    assert set(done(*words, home=home)) <= documented(words[0])


def test_the_parts_of_proposals_duplicates_and_reports_are_documented(home: Path) -> None:
    same = ("--category", "water.drinking", "--quantity", "40", "--unit", "L")
    for _ in range(2):
        done("need", "Drinking water", *same, home=home)
    done("offer", "Tank", *same, "--range", "anywhere", "--on-behalf-of", "h1", home=home)
    (proposal, *_) = done("match", home=home)["proposals"]
    assert set(proposal) | set(proposal["reasons"][0]) <= documented("match")
    (candidate, *_) = done("duplicates", home=home)["candidates"]
    assert set(candidate) <= documented("duplicates")
    told = done("report", home=home)
    for counts in (told["total"], *told["categories"], *told["hubs"]):
        assert set(counts) - {"code", "label", "id", "letter", "name"} <= documented("report")


def test_every_command_says_what_it_prints_for_programs() -> None:
    commands = dict(main.commands)
    group = commands.pop("contact")
    assert isinstance(group, click.Group)
    commands |= {f"contact {name}": command for name, command in group.commands.items()}
    assert [name for name, command in commands.items() if not command.epilog] == []
