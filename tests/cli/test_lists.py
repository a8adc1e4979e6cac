"""The board's filters, orders and ends, as a person uses them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from meshaid.cli.tables import PAGE_ROWS
from tests.cli.calls import NOON, call, done, found, running

HOUR = 3_600


def titles(home: Path, *words: str) -> list[Any]:
    return [row["title"] for row in done("board", *words, home=home)["records"]]


def page(home: Path, *words: str) -> str:
    result = call("board", *words, home=home)
    assert result.exit_code == 0, result.stderr
    return " ".join(result.stdout.split())


@pytest.fixture
def full(home: Path) -> Path:
    """A home with a few records of different age, place and urgency."""
    done("need", "Water", "--urgency", "today", "--area", "Quay", home=home)
    later = ("--now", str(NOON + HOUR))
    done("need", "Blankets", "--urgency", "now", "--area", "Old town", *later, home=home)
    done("offer", "Soup", "--area", "Quay", "--now", str(NOON + 2 * HOUR), home=home)
    return home


def test_filters(full: Path) -> None:
    at = ("--now", str(NOON + 2 * HOUR))
    assert titles(full, *at, "--area", "quay") == ["Water", "Soup"]
    assert titles(full, *at, "--mine") == ["Blankets", "Water", "Soup"]
    assert titles(full, *at, "--attention") == []
    assert titles(full, "--now", str(NOON + 4 * HOUR), "--attention") == ["Blankets", "Water"]


def test_orders(full: Path) -> None:
    at = ("--now", str(NOON + 2 * HOUR))
    assert titles(full, *at)[:2] == ["Blankets", "Water"]
    assert titles(full, *at, "--sort", "waiting")[:2] == ["Water", "Blankets"]
    assert titles(full, *at, "--sort", "newest") == ["Soup", "Blankets", "Water"]
    assert "urgency" in call("board", "--sort", "loudest", home=full).stderr


def test_what_is_left_out_is_said_with_the_option_that_shows_it(full: Path) -> None:
    ref = done("need", "Tea", home=full)["ref"]
    done("close", ref, "--reason", "mistake", home=full)
    told = page(full, "--now", str(NOON + 73 * HOUR))
    assert "1 closed (--status closed)" in told
    assert "past their end (--status expired)" in told
    assert "Tea" in page(full, "--status", "closed")
    assert "Not shown" not in page(full, "--kind", "offer")


def test_a_board_that_fits_shows_everything_of_one_member(home: Path) -> None:
    for number in range(12):
        done("need", f"Blankets {number}", home=home)
    assert len(titles(home)) == 12
    told = page(home)
    assert "Needs (12)" in told
    assert "more fit" not in told
    assert "2 more fit: --limit 0 lists all" in page(home, "--limit", "10")
    assert len(titles(home, "--limit", "10")) == 10
    assert "Needs (12)" in page(home, "--limit", "0")


def test_a_flood_of_one_member_leaves_the_others_in_sight(home: Path, tmp_path: Path) -> None:
    ben, invite, table = tmp_path / "ben", tmp_path / "invite", tmp_path / "flood.csv"
    done("invite", "--file", invite, home=home)
    done("join", invite, "--as", "Ben", home=ben)
    flood = "".join(f"need,{n},Cheap watches {n},now\n" for n in range(PAGE_ROWS + 30))
    table.write_text(f"kind,id,title,urgency\n{flood}", encoding="utf-8")
    done("import", table, home=ben)
    done("need", "Water", "--urgency", "week", home=home)
    with running(home, "--now", str(NOON)) as node:
        assert done("sync", node.address, home=ben)["equal"]
    told = page(home)
    assert "Water" in told
    assert told.count("Cheap watches") == 5
    assert f"{PAGE_ROWS + 25} more fit" in told
    assert len(titles(home)) == PAGE_ROWS + 31


@pytest.mark.parametrize("limit", ["-1", "few", "1.5"])
def test_limits_that_are_none(home: Path, limit: str) -> None:
    assert call("board", "--limit", limit, home=home).exit_code == 2


def test_a_state_may_be_named_as_the_screen_does(home: Path) -> None:
    ref = done("need", "Water", "--quantity", "20", "--unit", "L", home=home)["ref"]
    done("need", "Tea", home=home)
    pledge = done("pledge", ref, "--quantity", "5", home=home)
    for words in ("part promised", "Part  Promised", "part-pledged"):
        assert titles(home, "--status", words) == ["Water"]
    done("pledge", ref, home=home)
    assert titles(home, "--status", "promised") == ["Water"]
    promised = done("board", "--kind", "pledge", "--status", "promised", home=home)["records"]
    assert len(promised) == 2
    done("handed-over", pledge["id"], home=home)
    handed = done("board", "--kind", "pledge", "--status", "handed over", home=home)["records"]
    assert [row["id"] for row in handed] == [pledge["id"]]
    assert "status" in call("board", "--status", "finished", home=home).stderr


def test_a_list_without_rows_tells_whether_there_are_others(home: Path) -> None:
    assert "Write what you need: meshaid need TITLE" in page(home)
    assert "Nothing on the board fits. All of it: meshaid board" in page(home, "--text", "tea")
    done("need", "Water", home=home)
    assert "Nothing on the board fits" in page(home, "--category", "food")


def test_hubs_are_listed_with_what_one_looks_up_of_them(tmp_path: Path) -> None:
    home = tmp_path / "hub"
    found(home, "--kind", "hub", "--letter", "C")
    words = ("--areas", "Quay; Old town", "--receiving-hours", "9 to 18", "--giving")
    done("hub", *words, home=home)
    told = page(home, "--kind", "hub")
    assert "Hubs (1)" in told
    assert "letter C \u00b7 Quay; Old town \u00b7 takes in 9 to 18 \u00b7 gives out now" in told


@pytest.mark.parametrize(
    ("kind", "heading"), [("pledge", "Promises (1)"), ("receipt", "Answers and receipts (1)")]
)
def test_each_kind_has_a_heading_in_words(home: Path, kind: str, heading: str) -> None:
    ref = done("need", "Water", home=home)["ref"]
    done("pledge", ref, home=home)
    done("receive", ref, home=home)
    assert heading in page(home, "--kind", kind)
