"""Bad input: nothing is written, and a tired volunteer learns what to do next."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from meshaid import home as homes
from meshaid import limits, store_schema
from meshaid.core import ids
from tests.cli.calls import call, done, failed, found, process
from tests.shell.store_parts import plain_connection


def holding_port() -> tuple[socket.socket, str]:
    taken = socket.create_server(("127.0.0.1", 0))
    return taken, f"127.0.0.1:{taken.getsockname()[1]}"


# ---- invites
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda _: "hello", "begins with MESHAID1"),
        (lambda text: text[:40] + ("A" if text[40] != "A" else "B") + text[41:], "mistake"),
        (lambda text: text[:-8], "copy or scan it again"),
        (lambda text: text[:72], "too short"),
        (lambda text: text.replace("MESHAID1", "MESHAID2"), "another version"),
        (lambda _: "no/such/invite.bin", "no such file"),
    ],
)
def test_a_wrong_or_damaged_invite(
    home: Path, tmp_path: Path, change: Callable[[str], str], told: str
) -> None:
    text = done("invite", home=home)["invite"]
    assert told in failed(2, "join", change(text), "--as", "Ben", home=tmp_path / "ben")
    assert not (tmp_path / "ben").exists()


def test_a_damaged_invite_file(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "invite"
    done("invite", "--file", file, home=home)
    whole = file.read_bytes()
    for data in (whole[:-30], b"\xff\x00\x80", b""):
        file.write_bytes(data)
        assert "again" in failed(2, "join", file, "--as", "Ben", home=tmp_path / "ben")
    file.write_bytes(bytes(limits.INVITE_FILE_BYTES + 1))
    assert "larger" in failed(2, "join", file, "--as", "Ben", home=tmp_path / "ben")
    assert not (tmp_path / "ben").exists()


def test_a_kind_that_the_invite_does_not_allow(home: Path, tmp_path: Path) -> None:
    text = done("invite", "--kind", "household", home=home)["invite"]
    options = ("--as", "Ben", "--kind", "hub", "--letter", "K")
    assert "household" in failed(4, "join", text, *options, home=tmp_path / "ben")
    assert not (tmp_path / "ben").exists()


def test_a_link_needs_a_label_and_an_invite_a_name(home: Path, tmp_path: Path) -> None:
    link, text = done("link", home=home)["invite"], done("invite", home=home)["invite"]
    assert "--label" in failed(2, "join", link, "--as", "Ben", home=tmp_path / "ben")
    assert "--as" in failed(2, "join", text, "--label", "tablet", home=tmp_path / "ben")


def test_only_stewards_invite(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "invite"
    done("invite", "--file", file, home=home)
    done("join", file, "--as", "Ben", home=tmp_path / "ben")
    assert "ask a steward" in failed(4, "invite", home=tmp_path / "ben")


def test_an_invite_file_is_never_overwritten(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "invite"
    file.write_text("mine")
    before = done("status", home=home)["digest"]
    assert "choose another name" in failed(2, "invite", "--file", file, home=home)
    assert file.read_text() == "mine"
    assert done("status", home=home)["digest"] == before


@pytest.mark.parametrize(
    "options",
    [
        ("--uses", "0"),
        ("--uses", "100000"),
        ("--expires", "soon"),
        ("--address", "nowhere"),
        ("--address", "10.0.0.1:0"),
        ("--kind", "army"),
        ("--role", "king"),
    ],
)
def test_bad_options_of_an_invite(home: Path, options: tuple[str, str]) -> None:
    assert "Error" in failed(2, "invite", *options, home=home)


# ---- homes
def test_a_home_that_exists(home: Path, tmp_path: Path) -> None:
    text = done("invite", home=home)["invite"]
    before = done("status", home=home)
    for words in (("init", "--community", "C", "--as", "A"), ("join", text, "--as", "Ben")):
        assert "Choose another with --home" in failed(2, *words, home=home)
    assert done("status", home=home) == before


def test_no_home(tmp_path: Path) -> None:
    for words in (("board",), ("need", "Water"), ("run",), ("sync", "127.0.0.1:9")):
        told = failed(2, *words, home=tmp_path)
        assert "meshaid init" in told
        assert "--home" in told


@pytest.mark.parametrize(
    ("words", "left_over"),
    [
        (("need", "Soup", "for", "two"), "Left over: for two"),
        (("offer", "Water", "--quantity", "5", "L"), "Left over: L"),
        (("notice", "Bridge", "closed"), "Left over: closed"),
    ],
)
def test_words_without_quotation_marks(home: Path, words: tuple[str, ...], left_over: str) -> None:
    told = failed(2, *words, home=home)
    assert "quotation marks" in told
    assert left_over in told
    assert done("board", home=home)["records"] == []


def test_a_bad_term_is_told_with_all_other_fields(home: Path) -> None:
    told = failed(2, "need", "Soup", "--expires", "soon", "--quantity", "lots", home=home)
    assert told.startswith("Error: 2 fields do not fit")
    for part in ("expires: must be a duration such as", "quantity: must be a number"):
        assert part in told
    told = failed(2, "need", "Soup", "--expires", "soon", "--life-threatening", home=home)
    assert "expires: must be a duration" in told


def test_an_opposite_has_no_two_noes(home: Path) -> None:
    told = call("hub", "--help").stdout
    assert "--no-id-needed / --id-needed" in told
    assert "--no-no-" not in told


def test_a_hub_needs_its_letter(tmp_path: Path) -> None:
    words = ("init", "--community", "C", "--as", "A")
    assert "--letter" in failed(2, *words, "--kind", "hub", home=tmp_path / "h")
    assert "--kind hub" in failed(2, *words, "--letter", "C", home=tmp_path / "h")
    assert "letter" in failed(2, *words, "--kind", "hub", "--letter", "O", home=tmp_path / "h")
    found(tmp_path / "h", "--kind", "hub", "--letter", "C")


def test_passphrases(tmp_path: Path) -> None:
    home, right, wrong = tmp_path / "home", tmp_path / "right", tmp_path / "wrong"
    right.write_text("correct horse\n", encoding="utf-8")
    wrong.write_text("battery staple\n", encoding="utf-8")
    found(home, "--passphrase-file", str(right))
    assert done("board", "--passphrase-file", right, home=home)["records"] == []
    assert "locked with a passphrase" in failed(5, "board", home=home)
    assert "does not open" in failed(5, "board", "--passphrase-file", wrong, home=home)
    wrong.write_text("\n")
    assert "first line is empty" in failed(2, "board", "--passphrase-file", wrong, home=home)
    assert "cannot be read" in failed(2, "board", "--passphrase-file", tmp_path / "x", home=home)
    told = call("board", home=home, env={"MESHAID_PASSPHRASE_FILE": str(right)})
    assert told.exit_code == 0


def test_a_damaged_store_is_told_in_a_sentence_and_no_log(home: Path) -> None:
    store = home / "store.db"
    store.write_bytes(store.read_bytes()[:4096] + b"x" * (store.stat().st_size - 4096))
    ended = process("board", home=home)
    assert ended.returncode == 5
    assert ended.stderr.startswith("Error: store.db is damaged")
    developer = process("board", home=home, environment={"MESHAID_DEBUG": "1"})
    assert developer.stderr.startswith("StoreError after CorruptError")


def test_a_newer_store(home: Path) -> None:
    with plain_connection(home, homes.open_key(home)) as inner:
        inner.pragma("user_version", store_schema.VERSION + 1)
    assert "Update meshaid" in failed(5, "board", home=home)


def test_a_damaged_key(home: Path) -> None:
    (home / homes.KEY).write_bytes(b"x" * 80)
    assert "store.key is damaged" in failed(5, "status", home=home)


# ---- networks
def test_a_taken_port(home: Path) -> None:
    taken, address = holding_port()
    with taken:
        told = failed(1, "run", "--no-mdns", "--listen", address, home=home)
    assert address in told
    assert "--listen" in told


def test_an_address_of_nobody_here(home: Path) -> None:
    told = failed(2, "run", "--no-mdns", "--listen", "192.0.2.1:7440", home=home)
    assert "address of this device" in told


def test_nobody_answers(home: Path) -> None:
    closed, address = holding_port()
    closed.close()
    assert "one network" in failed(3, "sync", address, home=home)


@pytest.mark.parametrize("address", ["nowhere", "10.0.0.1", "10.0.0.1:99999", ":7440"])
def test_no_address(home: Path, address: str) -> None:
    assert "Error" in failed(2, "sync", address, home=home)


@pytest.mark.parametrize("verb", ["offline", "online"])
def test_no_node_runs(home: Path, verb: str) -> None:
    assert "meshaid run" in failed(3, verb, home=home)


# ---- records
def test_unknown_fields(home: Path) -> None:
    ref = done("need", "Water", home=home)["ref"]
    told = failed(2, "edit", ref, "--colour", "blue", home=home)
    assert "quantity" in told
    assert "urgency" in told
    assert "No such option" in failed(2, "need", "Water", "--colour", "blue", home=home)


@pytest.mark.parametrize(
    "options",
    [
        ("--quantity", "many"),
        ("--unit", "a unit that is far too long"),
        ("--category", "watr"),
        ("--urgency", "soon"),
        ("--needed-by", "tomorrow"),
        ("--people", "0"),
        ("--access", "stairs"),
        ("--expires", "never"),
    ],
)
def test_values_that_do_not_fit(home: Path, options: tuple[str, str]) -> None:
    told = failed(2, "need", "Water", *options, home=home)
    assert options[0].strip("-").replace("-", "_") in told.replace("--needed-by", "needed_by")
    assert done("board", home=home)["records"] == []


def test_a_need_without_words(home: Path) -> None:
    assert "title" in failed(2, "need", home=home)
    told = failed(2, "need", "Advice", "--category", "private", home=home)
    assert "paper at the desk" in told


def test_an_ambiguous_name(home: Path) -> None:
    written = [done("need", f"Water {number}", home=home)["id"] for number in range(2)]
    member = written[0].partition("/")[0]
    told = failed(2, "show", member[:5], home=home)
    listed = dict(line.split(maxsplit=1) for line in told.splitlines()[1:])
    assert set(listed) == {name.partition("/")[2][:8] for name in written}
    assert {words.partition("Water")[2] for words in listed.values()} == {" 0 · open", " 1 · open"}
    assert all(done("show", name, home=home) for name in listed)
    assert "give more of the id" in told


def test_names_of_nothing(home: Path) -> None:
    assert "meshaid board" in failed(2, "show", "zzzz", home=home)
    assert "misheard?" in failed(2, "show", "C482921", home=home)
    assert "answers to that" in failed(2, "close", "C482912", "--reason", "mistake", home=home)


def test_no_such_member(home: Path, tmp_path: Path) -> None:
    file, ben = tmp_path / "invite", tmp_path / "ben"
    done("invite", "--file", file, home=home)
    done("join", file, "--as", "Ben", home=ben)
    assert "no member has this name" in failed(
        2, "export", "--format", "jsonl", "--member", "Cleo", tmp_path / "out", home=ben
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "REF is missing"),
        (("X123455",), "Nothing to change"),
        (("X123455", "A100000", "--title", "x"), "REF is given twice"),
        (("X123455", "--title"), "--title needs a value"),
        (("X123455", "--title", "--urgency", "now"), "--title needs a value"),
        (("X123455", "--title", "a", "--title", "b"), "given twice"),
        (("X123455", "--texts", "hello"), "LANG=TEXT"),
        (("X123455", "--expires", "never"), "--expires"),
    ],
)
def test_edit_without_sense(home: Path, words: tuple[str, ...], told: str) -> None:
    assert told in failed(2, "edit", *words, home=home)


def test_wrong_reasons(home: Path) -> None:
    ref = done("need", "Water", home=home)["ref"]
    assert "no_longer_needed" in failed(2, "close", ref, "--reason", "bored", home=home)
    assert "--reason" in failed(2, "close", ref, home=home)


def test_unknown_kinds(home: Path) -> None:
    assert "offer" in failed(2, "board", "--kind", "banana", home=home)


# ---- tables and files
def test_tables_in_another_encoding(home: Path, tmp_path: Path) -> None:
    table = tmp_path / "slips.csv"
    text = "kind,title\nneed,Décharge à café\n"
    for encoding in ("latin-1", "utf-16"):
        table.write_bytes(text.encode(encoding))
        assert "CSV UTF-8" in failed(2, "import", table, home=home)
    table.write_bytes(text.encode("utf-8-sig"))
    assert done("import", table, home=home)["imported"] == 1


def test_tables_that_are_none(home: Path, tmp_path: Path) -> None:
    table = tmp_path / "slips.csv"
    assert "cannot be read" in failed(2, "import", table, home=home)
    table.write_text("a,b\n1,2\n")
    assert "name the columns" in failed(2, "import", table, home=home)
    table.write_text("kind,title\nneed,Water\n")
    assert "no column" in failed(2, "import", table, "--where", "hub=C", home=home)
    assert "COLUMN=VALUE" in failed(2, "import", table, "--where", "hub", home=home)
    assert "offset" in failed(2, "import", table, "--start", "2026-03-01T14:00", home=home)
    table.write_bytes(bytes(limits.CSV_BYTES + 1))
    assert "larger" in failed(2, "import", table, home=home)


def test_exports_overwrite_nothing_unless_told(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "out"
    file.write_text("mine")
    words = ("export", "--format", "jsonl", "--member", "me", file)
    assert "choose another name" in failed(2, *words, home=home)
    assert file.read_text() == "mine"
    assert done(*words, "--force", home=home)["records"] == 0
    assert file.read_bytes() == b""


def test_members_that_answer_to_one_name(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "invite"
    done("invite", "--file", file, home=home)
    joined = done("join", file, "--as", "Anna", home=tmp_path / "other")
    words = ("export", "--format", "jsonl", "--member", "Anna", tmp_path / "out")
    told = failed(2, *words, home=tmp_path / "other")
    known = {joined["member"], done("status", home=home)["member"]}
    assert {line.split()[0] for line in told.splitlines()[1:]} == {name[:8] for name in known}
    assert all(len(ids.id_bytes(member)) == 32 for member in known)


# ---- what nobody expected
def test_a_bug_is_called_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("secret words")

    monkeypatch.setattr("meshaid.cli.reach.execute", fail)
    told = failed(1, "board", home=home)
    assert "This is a bug" in told
    assert "ZeroDivisionError" in told
    assert "secret" not in told
    shown = call("board", home=home, env={"MESHAID_DEBUG": "1"})
    assert shown.exit_code == 1
    assert "secret words" in shown.stderr
