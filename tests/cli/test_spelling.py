"""Mistyped words: what was meant is named; several wrong fields are told at once, one a line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from meshaid.cli.failures import report
from meshaid.cli.main import PURPOSES, main
from meshaid.core.categories import CATEGORIES
from meshaid.errors import Ambiguous, InvalidInput
from tests.cli.calls import call, done, failed


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("plege", "C482912"), "pledge"),
        (("handedover", "C482912"), "handed-over"),
        (("boarrd",), "board"),
        (("need", "Water", "--urgancy", "now"), "--urgency"),
        (("board", "--mines"), "--mine"),
        (("pledge", "C482912", "--quanity", "3"), "--quantity"),
    ],
)
def test_commands_and_options(words: tuple[str, ...], meant: str) -> None:
    result = call(*words)
    assert result.exit_code == 2
    assert "Did you mean" in result.stderr
    assert meant in result.stderr


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("need", "Water", "--category", "water.drinkin"), "water.drinking"),
        (("need", "Water", "--urgency", "noww"), "now"),
        (("close", "REF", "--reason", "receiveed"), "received"),
        (("flag", "REF", "--reason", "seemsdone"), "seems_done"),
        (("hide", "REF", "--reason", "personaldata"), "personal_data"),
        (("edit", "REF", "--quantiti", "3"), "quantity"),
    ],
)
def test_words_of_fields(home: Path, words: tuple[str, ...], meant: str) -> None:
    ref = done("need", "Water", home=home)["ref"]
    told = failed(2, *(ref if word == "REF" else word for word in words), home=home)
    assert meant in told


def test_all_wrong_fields_at_once_one_a_line(home: Path) -> None:
    wrong = ("--quantity", "many", "--people", "none", "--needed-by", "soon", "--lang", "?")
    told = failed(2, "need", "Water", *wrong, home=home)
    for name in ("quantity", "people", "needed_by", "lang"):
        assert any(line.strip().startswith(f"{name}:") for line in told.splitlines())
    assert "many" not in told
    assert done("board", home=home)["records"] == []


def test_one_wrong_field_is_one_sentence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert report(InvalidInput(fields={"people": "must be a whole number"})) == 2
    assert capsys.readouterr().err == "Error: people: must be a whole number\n"


def test_words_beside_ambiguous_matches_are_cleaned(capsys: pytest.CaptureFixture[str]) -> None:
    error = Ambiguous("2 records answer to that", ("m/a", "m/b"))
    error.words = ("need, \x1b[31mWater\u202e", "offer, Tea")  # type: ignore[attr-defined]
    assert report(error) == 2
    assert capsys.readouterr().err.splitlines()[1:] == [
        "  m/a  need, [31mWater",
        "  m/b  offer, Tea",
    ]


def test_a_code_is_typed_as_it_is_shown(home: Path) -> None:
    ref = done("need", "Water", home=home)["ref"]
    shown = (ref[0], ref[1:4], ref[4:])
    assert done("show", *shown, home=home)["ref"] == ref
    assert done("edit", *shown, "--quantity", "3", home=home)["quantity"] == "3"
    assert done("edit", "--quantity", "4", *shown, home=home)["quantity"] == "4"
    assert done("pledge", *shown, "--quantity", "3", home=home)["need_ref"] == ref
    assert done("match", *shown, home=home)["of"] == "need"
    assert done("close", *shown, "--reason", "mistake", home=home)["status"] == "closed"
    assert "nothing on this board" in failed(2, "show", ref, ref, home=home)
    assert "Missing argument" in call("show", home=home).stderr


HOMELESS = {
    "need": ("T",), "offer": ("T",), "notice": ("T",), "edit": ("C482912", "--quantity", "3"),
    "close": ("C482912", "--reason", "mistake"), "flag": ("C482912", "--reason", "spam"),
    "hide": ("C482912", "--reason", "spam"), "board": (), "status": (), "peers": (), "match": (),
    "duplicates": (), "report": (), "watch": (), "hub": (),
}  # fmt: skip
NAMED = (
    "show", "pause", "reopen", "pledge", "withdraw", "handed-over", "failed", "returned",
    "receive", "accept", "decline", "not-received", "unhide",
)  # fmt: skip


@pytest.mark.parametrize("command", [*HOMELESS, *NAMED])
def test_without_a_home_every_command_says_how_to_begin(tmp_path: Path, command: str) -> None:
    told = failed(2, command, *HOMELESS.get(command, ("C482912",)), home=tmp_path / "none")
    assert "meshaid init" in told
    assert "meshaid join" in told


def test_the_help_groups_every_command_by_purpose() -> None:
    told = call("--help").stdout
    sections = [line[:-1] for line in told.splitlines() if line.endswith(":") and line[0] != " "]
    assert sections == ["Options", *PURPOSES]
    listed = [str(command.name) for commands in PURPOSES.values() for command in commands]
    assert sorted(listed) == sorted(main.commands)
    lines = [line.split()[0] for line in told.splitlines() if line.startswith("  ")]
    assert set(listed) <= set(lines)
    assert max(map(len, told.splitlines())) <= 80


@pytest.mark.parametrize(
    ("command", "word"), [("close", "no_longer_needed"), ("flag", "seems_done"), ("hide", "abuse")]
)
def test_a_missing_reason_is_told_with_all_there_are(home: Path, command: str, word: str) -> None:
    ref = done("need", "Water", home=home)["ref"]
    assert word in failed(2, command, ref, home=home)


def test_help_lists_what_goes_into_a_category() -> None:
    for command in ("need", "offer"):
        told = call(command, "--help").stdout
        for code, known in CATEGORIES.items():
            assert re.search(rf"{re.escape(code)} +{re.escape(known.label)}", told)
    assert "Categories:" not in call("notice", "--help").stdout
