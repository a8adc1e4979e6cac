"""What people see: tables that are plain in pipes, and foreign words that stay words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from meshaid.cli import cells, events, qr, record, screen, tables
from meshaid.cli.main import main
from meshaid.core.schema import KINDS
from meshaid.events import NodeEvent
from tests.cli.calls import NOON, call, done, found

NOBODY = {"member_name": "", "label": ""}

EVERY_SCREEN = (
    ("need", "Water"),
    ("offer", "Tea"),
    ("notice", "Bridge"),
    ("board",),
    ("status",),
    ("peers",),
    ("invite",),
    ("link", "--no-qr"),
)


def row(**fields: object) -> dict[str, object]:
    """A row of a need, as `Row.as_json` gives it."""
    return {
        "id": "m" * 52 + "/" + "r" * 16, "ref": "C482912", "kind": "need", "title": "Water",
        "text": None, "category": "water.drinking", "quantity": "40", "unit": "L",
        "urgency": "now", "tier": "now", "overdue": False, "life_threatening": False,
        "area": None, "status": "open", "closed_reason": None, "member": "m" * 52,
        "member_name": "Anna", "known_to_others": True, "created_at": NOON, "expires_at": None,
        "exercise": False, "conflicts": {}, **fields,
    }  # fmt: skip


def printed(page: Callable[..., None], told: object, *, width: int = 120, **more: object) -> str:
    console = Console(width=width, highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        page(console, told, **more)
    return captured.get()


def board(*rows: object, **more: Any) -> str:
    return printed(tables.board_page, {"records": rows}, now=NOON, **more)


def page_of(told: object) -> str:
    return printed(record.record_page, told, now=NOON)


def test_the_board_by_kind(home: Path) -> None:
    done("notice", "Bridge closed", home=home)
    done("offer", "Soup", "--available-until", str(NOON), home=home)
    ref = done("need", "Insulin", "--life-threatening", "--quantity", "2", home=home)["ref"]
    lines = call("board", home=home).stdout.splitlines()
    assert lines[0] == "Riverside"
    sections = [line for line in lines if line.endswith("(1)")]
    assert sections == ["Needs (1)", "Offers (1)", "Notices (1)"]
    (insulin,) = [line for line in lines if "Insulin" in line]
    assert insulin.startswith(f"{ref[0]} {ref[1:4]} {ref[4:]}")
    assert "LIFE AT RISK: Insulin" in insulin
    assert "from Anna" in lines[lines.index(insulin) + 1]


@pytest.mark.parametrize("words", EVERY_SCREEN, ids=lambda words: words[0])
def test_an_exercise_says_so_on_every_screen(tmp_path: Path, words: tuple[str, ...]) -> None:
    home = tmp_path / "home"
    founding = call("init", "--community", "Drill", "--as", "A", "--exercise", home=home)
    assert founding.stdout.startswith(" EXERCISE  Drill")
    assert call(*words, home=home).stdout.startswith(" EXERCISE  Drill")


def test_no_exercise_where_there_is_none(home: Path) -> None:
    assert all("EXERCISE" not in call(*words, home=home).stdout for words in EVERY_SCREEN)


def test_an_exercise_says_so_after_writing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    found(home, "--exercise")
    ref = done("need", "Water", home=home)["ref"]
    for words in (
        ("edit", ref, "--quantity", "3"),
        ("show", ref),
        ("close", ref, "--reason", "mistake"),
    ):
        assert "EXERCISE" in call(*words, home=home).stdout


@pytest.mark.parametrize(
    "title", ["[red]Water[/red]", "[bold", ":warning: Water", "{0} %s \\[x]", "[link=x]y[/link]"]
)
def test_words_are_no_markup(title: str) -> None:
    assert title in board(row(title=title))
    assert title in page_of(row(title=title))
    assert title in events.line({"at": NOON, "event": "RecordAdded", "row": row(title=title)})


@pytest.mark.parametrize("name", ["title", "area", "unit", "status", "member_name", "ref"])
def test_control_characters_are_taken_out(name: str) -> None:
    hostile = "a\x1b[31m\x07b\u202ec\x9bd\r\ne"
    told = row(**{name: hostile})
    pages = (
        board(told),
        page_of(told),
        events.line({"at": NOON, "event": "RecordAdded", "row": told}),
    )
    for page in pages:
        assert not set(page) & set("\x1b\x07\u202e\x9b\r")


def test_text_from_right_to_left_is_isolated() -> None:
    arabic = "\u0645\u0627\u0621"
    assert screen.on_line(arabic) == f"\u2068{arabic}\u2069"
    assert screen.on_line("Water") == "Water"
    assert screen.on_lines(f"a\n{arabic}\n") == f"a\n\u2068{arabic}\u2069"


def test_differing_answers_are_shown() -> None:
    told = row(conflicts={"quantity": ["40", "25"]})
    assert "2 answers: quantity" in board(told)
    page = page_of(told)
    assert "quantity: 2 answers" in page
    assert "40 / 25" in page


def test_what_is_open_still_stands_beside_the_amount() -> None:
    told = row(still_open="15", overdue=True)
    page = board(told)
    assert "40 L (15 open)" in page
    assert "now, overdue" in page


@pytest.mark.parametrize("seconds", [-(2**53), 0, NOON, 2**53])
def test_any_time_can_be_shown(seconds: int) -> None:
    assert cells.moment(seconds)


def test_a_record_of_every_kind_can_be_shown() -> None:
    for kind in KINDS:
        told = row(kind=kind, title=None, category=None, unit=None, quantity=None, ref=None)
        assert "From" in board(told)
        assert kind in page_of(told)


def test_an_empty_board_says_what_to_do(home: Path) -> None:
    assert "meshaid need TITLE" in call("board", home=home).stdout


def test_contacts_in_free_text_are_pointed_out(home: Path) -> None:
    for words in (
        ("need", "Call 021 123 4567"),
        ("offer", "Tea", "--details", "ask@example.org"),
        ("notice", "News", "--texts", "es=www.example.org"),
    ):
        result = call(*words, "--json", home=home)
        assert "Everybody here will read this" in result.stderr
        (caution,) = json.loads(result.stdout)["warnings"]
        assert caution["code"] == "contact"
    ref = done("need", "Water", home=home)["ref"]
    assert "read this" not in call("edit", ref, "--title", "Water, 40 L", home=home).stderr
    assert "`text`" in call("edit", ref, "--details", "021 123 4567", home=home).stderr


# ---- colours
def test_colour_on_a_terminal_that_wants_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done("need", "Insulin", "--life-threatening", home=home)
    monkeypatch.setenv("FORCE_COLOR", "1")
    runner = CliRunner()
    words = ["--home", str(home), "--now", str(NOON), "board"]
    assert "\x1b[1;31m" in runner.invoke(main, words, color=True).stdout
    plain = runner.invoke(main, words, color=True, env={"NO_COLOR": "1"}).stdout
    assert "31m" not in plain
    assert "LIFE AT RISK" in plain


def test_the_code_has_its_quiet_zone() -> None:
    lines = qr.code_lines("MESHAID1" + "A" * 168)
    assert len({len(line) for line in lines}) == 1
    assert set("".join(lines)) <= set(" \u2580\u2584\u2588")
    assert not lines[0].strip()
    assert all(line.startswith("  ") for line in lines)
    with pytest.raises(ValueError, match="alphanumeric"):
        qr.code_lines("lower case")


# ---- what a node tells
def test_every_event_has_words() -> None:
    names = {kind.__name__ for kind in NodeEvent.__args__}  # type: ignore[attr-defined]
    assert names <= set(events._WORDS)


def test_event_lines() -> None:
    told = {"at": NOON, "event": "RecordAdded", "row": row(exercise=True, life_threatening=True)}
    line = events.line(told).partition("  ")[2]
    assert line == ("EXERCISE new need C 482 912 · LIFE AT RISK: Water · 40 L · open · from Anna")
    lost = {"at": NOON, "event": "PeerLost", "device": "d" * 52, "reason": "silent", **NOBODY}
    assert events.line(lost).endswith("lost dddddddddddd: silent")
    desk = {"device": "d" * 52, "member_name": "School\n", "label": "desk 2", "address": "a:1"}
    assert events.line({"at": NOON, "event": "PeerConnected", **desk}).endswith(
        "connected to School, desk 2 (dddddddddddd) at a:1"
    )
    assert events.line({"at": NOON, "event": "PeerInSync", **desk}).endswith(
        "equal with School, desk 2 (dddddddddddd)"
    )
    unread = {"at": NOON, "event": "RecordChanged", "id": "m/rrr", "row": {}}
    assert "cannot be shown" in events.line(unread)


def test_a_flood_of_promises_leaves_the_others_in_sight() -> None:
    def pledge(member: str, number: int) -> dict[str, object]:
        return row(kind="pledge", ref=None, id=f"m/{member}{number:015}", member=member)

    flood = [pledge("f", number) for number in range(1_000)]
    told = page_of(row(related=[*flood, pledge("b", 0), *(pledge("m" * 52, n) for n in range(9))]))
    lines = told.splitlines()
    assert sum(line.startswith("f0000000") for line in lines) == 5
    assert sum(line.startswith("b0000000") for line in lines) == 1
    assert sum(line.startswith("mmmm") for line in lines) == 9
    assert "Promises (1010)" in told
    assert "995 more: --json lists all" in told
