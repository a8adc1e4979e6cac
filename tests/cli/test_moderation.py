"""Flags, duplicates, proposals and reports on the command line."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from meshaid.cli import charts, proposals
from tests.cli.calls import NOON, call, done, failed, running
from tests.cli.test_screen import printed, row


@pytest.fixture
def ben(home: Path, tmp_path: Path) -> Path:
    """The home of a second member, who has not met the first yet."""
    folder, invite = tmp_path / "ben", tmp_path / "invite"
    done("invite", "--file", invite, home=home)
    done("join", invite, "--as", "Ben", home=folder)
    return folder


def meet(home: Path, other: Path) -> None:
    with running(home, "--now", str(NOON)) as node:
        assert done("sync", node.address, home=other)["equal"]


def text(*words: str, home: Path) -> str:
    result = call(*words, home=home)
    assert result.exit_code == 0, result.stderr
    return " ".join(result.stdout.split())


# ---- flags
def test_a_steward_hides_and_shows_again(home: Path, ben: Path) -> None:
    ref = done("need", "Cheap watches", home=ben)["ref"]
    meet(home, ben)
    assert "Undo it with: meshaid unhide" in text("hide", ref, "--reason", "spam", home=home)
    told = text("board", home=home)
    assert "Cheap watches" not in told
    assert "1 hidden by flags (--hidden)" in told
    assert "Cheap watches" in text("board", "--hidden", home=home)
    assert "Flags (1)" in text("show", ref, home=home)
    assert "withdrawn" in text("unhide", ref, home=home)
    assert "Cheap watches" in text("board", home=home)


def test_words_about_a_person_are_taken_off_every_screen(home: Path, ben: Path) -> None:
    ref = done("need", "Insulin for Mrs Miller", "--details", "third floor", home=ben)["ref"]
    meet(home, ben)
    done("hide", ref, "--reason", "personal_data", home=home)
    for words in (("board",), ("board", "--hidden"), ("show", ref), ("board", "--json")):
        told = text(*words, home=home)
        assert "Miller" not in told
        assert "third floor" not in told
    assert ref in call("board", "--json", home=home).stdout


def test_flags_of_members_ask_the_author(home: Path, ben: Path) -> None:
    ref = done("need", "Water", home=home)["ref"]
    meet(home, ben)
    assert "seems to be done" in text("flag", ref, "--reason", "seems_done", home=ben)
    meet(home, ben)
    assert "somebody says that this is done" in text("show", ref, home=home)
    assert "Water" in text("board", "--attention", home=home)


def test_reasons_that_are_none(home: Path) -> None:
    ref = done("need", "Water", home=home)["ref"]
    assert "seems_done" in failed(2, "flag", ref, "--reason", "seem_done", home=home)
    assert "spam" in call("hide", ref, "--reason", "spamm", home=home).stderr
    assert done("show", ref, home=home)["related"] == []


# ---- duplicates
def test_duplicates_and_the_command_that_links_them(home: Path) -> None:
    words = ("--category", "water.drinking", "--quantity", "40", "--unit", "L", "--area", "Quay")
    first = done("need", "Drinking water for ten", *words, home=home)["ref"]
    done("need", "Drinking water for ten", *words, "--now", str(NOON + 60), home=home)
    told = call("duplicates", "--now", str(NOON + 60), home=home).stdout
    (command,) = [line for line in told.splitlines() if "The same?" in line]
    typed = shlex.split(command.partition("? meshaid ")[2])
    assert typed[0] == "close"
    done(*typed, "--now", str(NOON + 60), home=home)
    later = ("--now", str(NOON + 60))
    assert "No two records look like the same." in text("duplicates", *later, home=home)
    assert [told["ref"] for told in done("board", *later, home=home)["records"]] == [first]


def test_no_duplicates(home: Path) -> None:
    assert "No two records" in text("duplicates", home=home)
    assert done("duplicates", home=home)["candidates"] == []


def pair(**more: Any) -> dict[str, Any]:
    return {
        "candidates": [
            {
                "record": row(title="\u6c34" * 40, on_behalf_of="h07"),
                "other": row(ref="X314154", title="Water", text="two\nlines"),
                "reasons": [{"words": "the same amount"}],
                **more,
            }
        ],
        "total": 3,
    }


def test_side_by_side() -> None:
    told = printed(proposals.duplicates_page, pair(mine=True), width=80, now=NOON)
    assert "meshaid close C482912 --reason duplicate --duplicate-of X314154" in told
    assert "Anna for h07" in told
    assert "2 more" in told
    assert "Because: the same amount" in told
    other = printed(proposals.duplicates_page, pair(mine=False), width=80, now=NOON)
    assert "meshaid flag C482912 --reason duplicate --other X314154" in other


# ---- proposals
def test_a_proposal_becomes_a_promise_by_its_command(home: Path) -> None:
    words = ("--category", "water.drinking", "--quantity")
    need = done("need", "Water", *words, "40", "--unit", "L", "--on-behalf-of", "h1", home=home)
    done("offer", "Tank", *words, "100", "--unit", "L", "--range", "anywhere", home=home)
    told = call("match", home=home).stdout
    assert "Because:" in told
    (command,) = [line for line in told.splitlines() if "meshaid pledge" in line]
    done(*shlex.split(command.strip().removeprefix("meshaid ")), home=home)
    assert done("show", need["ref"], home=home)["status"] == "pledged"
    assert "Nothing fits together" in text("match", home=home)


def test_units_of_strangers_are_quoted() -> None:
    proposal = {
        "need": row(unit="$(rm -rf ~)"), "offer": row(ref="`reboot`"), "quantity": "25",
        "unit": "$(rm -rf ~)\n; x", "whole": True, "words": ["same hub"], "mine": False,
    }  # fmt: skip
    command = proposals.pledge_command(proposal)
    assert shlex.split(command) == [
        "meshaid", "pledge", "C482912", "--offer", "r" * 8, "--quantity", "25",
        "--unit", "$(rm -rf ~) ; x",
    ]  # fmt: skip
    told = printed(proposals.match_page, {"proposals": [proposal], "total": 9}, now=NOON)
    assert "Anna can promise it: meshaid pledge" in told
    assert "8 more" in told


def test_a_page_has_room_for_some_pairs_only() -> None:
    proposal = {
        "need": row(), "offer": row(ref="X314154"), "quantity": "25", "unit": "L",
        "whole": True, "words": ["same hub"], "mine": True,
    }  # fmt: skip
    told = printed(proposals.match_page, {"proposals": [proposal] * 200, "total": 900}, now=NOON)
    assert told.count("meshaid pledge") == 20
    assert "880 more: name one need or offer" in told
    many = {"candidates": pair()["candidates"] * 50, "total": 50}
    assert "30 more: name one record" in printed(proposals.duplicates_page, many, now=NOON)


# ---- the report
def counts(**more: Any) -> dict[str, Any]:
    return {
        "open": 0, "pledged": 0, "received": 0, "paused": 0, "expired": 0, "closed": 0,
        "offers": 0, "hidden": 0, "unanswered": 0, "waiting_median": None,
        "waiting_longest": None, **more,
    }  # fmt: skip


def test_the_report_of_a_real_board(home: Path) -> None:
    done("need", "Water", "--category", "water.drinking", home=home)
    ref = done("need", "Soup", "--category", "food.meals", home=home)["ref"]
    done("receive", ref, home=home)
    told = text("report", "--now", str(NOON + 5 * 3600), home=home)
    assert "1 unanswered for 3 h" in told
    lines = call("report", "--now", str(NOON + 5 * 3600), home=home).stdout.splitlines()
    (line,) = [line for line in lines if line.startswith("Water")]
    assert line.split()[1:5] == ["1", "0", "0", "5"]
    assert {"categories", "hubs", "total", "not_heard_from"} <= set(done("report", home=home))


@pytest.mark.parametrize("width", [60, 80, 120])
def test_bars_fit_and_differ_without_colour(width: int) -> None:
    told = printed(
        charts.report_page,
        {
            "categories": [
                {"label": "\u6c34" * 30, **counts(open=1_000_000, pledged=2, received=1)},
                {"label": "Food", **counts(open=1, waiting_longest=7_200)},
            ],
            "hubs": [{"letter": None, "name": None, **counts()}],
            "total": counts(open=1_000_001),
            "not_heard_from": ["Quay"],
        },
        width=width,
    )
    assert max(Console().render_str(line).cell_len for line in told.splitlines()) <= width
    assert "no hub" in told
    assert "2 h" in told
    assert "Not heard from: Quay." in told


def test_a_bar_shows_whatever_is_there() -> None:
    assert charts.bar(counts(open=1_000, pledged=1), 1_001, "#=.", 20) == "#" * 19 + "="
    assert charts.bar(counts(), 0, "#=.", 20) == ""
    assert len(charts.bar(counts(open=1, pledged=1, received=1), 3, "#=.", 4)) <= 4
