"""The commands about files, as people call them: what they print, take and refuse."""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import pty
import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from meshaid import control, limits
from meshaid.errors import BusyError
from tests.cli.calls import NOON, call, done, failed, found, running
from tests.core.samples import DATA, SITES

TABLE = (
    "kind,id,title,category,quantity,unit,area\n"
    "need,1,Water,water.drinking,40,L,Quay\n"
    "offer,2,=Soup,food.meals,10,meal,Quay\n"
    "notice,3,Bridge out,,,,\n"
    "need,4,insulin,health.medicine,1,pack,Mill\n"
)


@pytest.fixture
def slips(tmp_path: Path) -> Path:
    file = tmp_path / "slips.csv"
    file.write_text(TABLE, encoding="utf-8")
    return file


def refusals(told: Any) -> list[int]:
    return [row["line"] for row in told["refused"]]


# ---- import


def test_every_real_table_through_the_command(home: Path) -> None:
    told = done("import", DATA / SITES, "--map", "name=text", home=home)
    assert (told["imported"], told["format"]) == (470, "table")
    assert {"column": "accepting", "field": "title"} in told["columns"]
    assert told["ignored_columns"] == ["open_box", "org_type", "lat", "lng"]
    again = done("import", DATA / SITES, "--map", "name=text", home=home)
    assert (again["imported"], again["known"]) == (0, 470)
    stock = done("import", DATA / "sahana-eden/RMS_Demo_inv_item.csv", home=home)
    assert (stock["imported"], refusals(stock)) == (16, [14, 16, 17, 19, 20, 21])
    tagged = DATA / "hxl-libhxl-tests/input-valid.json"
    assert done("import", tagged, "--kind", "need", home=home)["imported"] == 4
    alert = done("import", DATA / "cap/flood_alert.xml", home=home)
    assert (alert["format"], alert["imported"]) == ("cap", 1)


def test_the_page_shows_what_became_of_columns_and_labels(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "stock.csv"
    file.write_text("Item,Qty,Colour\nWidget,2,red\nTents,x,\nBlankets,3,\n", encoding="utf-8")
    page = call("import", file, "--kind", "offer", home=home).stdout
    assert "2 records imported, 1 row refused." in page
    assert "Columns: item -> title, qty -> quantity." in page
    assert "Columns that are no fields, ignored: colour." in page
    assert "widget -> other, 1 row" in page
    assert "blankets -> shelter.bedding, 1 row" in page
    assert page.index("widget") < page.index("blankets")
    assert "line 3: quantity: must be a number" in page


def test_a_better_map_comes_too_late_and_the_page_says_what_to_do(
    home: Path, tmp_path: Path
) -> None:
    file = tmp_path / "needs.csv"
    file.write_text("What,Spot\nSoup,North\nTents,\n", encoding="utf-8")
    done("import", file, "--kind", "need", home=home)
    plain = call("import", file, "--kind", "need", home=home).stdout
    assert "2 known already" in plain
    assert "meshaid edit" not in plain
    page = call("import", file, "--kind", "need", "--map", "Spot=area", home=home).stdout
    words = " ".join(page.split())
    assert "1 row known already says something else than the board, which stays as it is" in words
    assert "`meshaid edit`" in words
    assert "`meshaid close`" in words


def test_a_label_said_once_is_remembered(home: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "1.csv", tmp_path / "2.csv"
    first.write_text("item\nWidget\n", encoding="utf-8")
    second.write_text("item,n\nWidget,2\n", encoding="utf-8")
    done("import", first, "--kind", "offer", "--label", "widget=goods.tools", home=home)
    told = done("import", second, "--kind", "offer", home=home)
    assert told["labels"] == [{"label": "widget", "category": "goods.tools", "rows": 1}]
    assert "no such category" in failed(
        2, "import", second, "--kind", "offer", "--label", "a=shoes", home=home
    )


@pytest.mark.parametrize(
    ("text", "options", "says"),
    [
        ("Qué?,Quién?\n1,2\n", [], "no tag row in the first 25 rows"),
        ("item\nTents\n", [], "--kind need, offer or notice"),
        ("item\nTents\n", ["--kind", "offer", "--map", "item"], "--map takes"),
        ("item\nTents\n", ["--kind", "offer", "--map", "item=shoes"], "--map"),
        ("item,phone\nTents,1\n", ["--kind", "offer", "--map", "phone=text"], "never taken over"),
        ("item\nTents\n", ["--kind", "offer", "--category", "shoes"], "no such category"),
        ("item\nTents\n", ["--format", "cap"], "well-formed"),
        ("item\nTents\n", ["--format", "json"], "JSON"),
        ("<a/>", [], "no CAP 1.2"),
    ],
)
def test_files_that_are_refused_say_what_to_do(
    home: Path, tmp_path: Path, text: str, options: list[str], says: str
) -> None:
    file = tmp_path / "file"
    file.write_text(text, encoding="utf-8")
    assert says in failed(2, "import", file, *options, home=home)
    assert done("board", "--status", "all", home=home)["records"] == []


def test_rows_of_an_exercise_are_refused_elsewhere(tmp_path: Path, slips: Path) -> None:
    drill, real, out = tmp_path / "drill", tmp_path / "real", tmp_path / "out.csv"
    found(drill, "--exercise")
    found(real)
    done("import", slips, home=drill)
    told = done("export", "--format", "csv", out, home=drill)
    assert told["exercise"] is True
    again = done("import", out, home=real)
    assert (again["imported"], len(again["refused"])) == (0, 4)
    assert "exercise" in again["refused"][0]["reason"]


# ---- export


def test_a_table_that_is_read_back(home: Path, slips: Path, tmp_path: Path) -> None:
    done("import", slips, home=home)
    out, other = tmp_path / "out.csv", tmp_path / "other"
    told = done("export", "--format", "csv", "--with-private-words", out, home=home)
    assert told == {
        "file": str(out),
        "format": "csv",
        "bytes": out.stat().st_size,
        "records": 4,
        "exercise": False,
        "left_out": {},
    }
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    found(other)
    assert done("import", out, home=other)["imported"] == 4
    kept = ("title", "text", "category", "quantity", "unit", "area", "ref", "urgency", "created_at")

    def board(folder: Path) -> list[dict[str, Any]]:
        rows = done("board", "--status", "all", home=folder)["records"]
        return sorted(
            ({name: row.get(name) for name in kept} for row in rows), key=lambda row: row["title"]
        )

    assert board(home) == board(other)
    again = tmp_path / "again.csv"
    done("export", "--format", "csv", "--with-private-words", again, home=other)

    def cells(file: Path) -> list[dict[str, str]]:
        rows = csv.DictReader(io.StringIO(file.read_text("utf-8"), newline=""))
        return sorted(({**row, "id": ""} for row in rows), key=lambda row: row["title"])

    assert cells(out) == cells(again)


def test_private_words_stay_back_and_are_counted(home: Path, slips: Path, tmp_path: Path) -> None:
    done("import", slips, home=home)
    for form in ("csv", "hxl", "hxl-json", "geojson", "html"):
        file = tmp_path / form
        page = call("export", "--format", form, file, home=home).stdout
        assert "4 records written" in page
        assert "Left out: 1 without their words: private matters." in page
        assert "insulin" not in file.read_text("utf-8")
    chosen = tmp_path / "chosen"
    done("export", "--format", "html", "--with-private-words", chosen, home=home)
    assert "insulin" in chosen.read_text("utf-8")


def test_a_part_of_the_board(home: Path, slips: Path, tmp_path: Path) -> None:
    done("import", slips, home=home)

    def titles(*options: str) -> list[str]:
        file = tmp_path / "part.jsonl"
        done("export", "--format", "jsonl", "--force", *options, file, home=home)
        lines = file.read_text("utf-8").splitlines()
        return sorted(json.loads(line)["fields"]["title"] for line in lines)

    assert titles() == ["=Soup", "Bridge out", "Water", "insulin"]
    assert titles("--kind", "need") == ["Water", "insulin"]
    assert titles("--category", "food") == ["=Soup"]
    assert titles("--area", "quay") == ["=Soup", "Water"]
    assert titles("--text", "bridge") == ["Bridge out"]
    assert titles("--status", "closed") == []
    assert titles("--member", "me") == ["=Soup", "Bridge out", "Water", "insulin"]
    assert "kind" in failed(
        2, "export", "--format", "csv", "--kind", "wish", tmp_path / "x", home=home
    )
    assert "member" in failed(2, "export", "--format", "automerge", tmp_path / "x", home=home)


def test_json_lines_hold_every_kind(home: Path, slips: Path, tmp_path: Path) -> None:
    done("import", slips, home=home)
    need = next(
        row["id"]
        for row in done("board", "--kind", "need", home=home)["records"]
        if row["title"] == "Water"
    )
    done("pledge", need, "--quantity", "4", home=home)
    table, lines = tmp_path / "t.csv", tmp_path / "l.jsonl"
    told = done("export", "--format", "csv", table, home=home)
    assert (told["records"], told["left_out"]) == (4, {"private_words": 1, "other_kinds": 1})
    assert done("export", "--format", "jsonl", lines, home=home)["records"] == 5


def test_a_dash_is_standard_output_and_input(
    home: Path, slips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done("import", slips, home=home)
    monkeypatch.chdir(tmp_path)
    meshaid = [sys.executable, "-m", "meshaid"]
    piped = subprocess.run(
        [*meshaid, "--home", home, "export", "--format", "csv", "-"],
        capture_output=True,
        check=True,
    )
    done("export", "--format", "csv", "board.csv", home=home)
    assert piped.stdout == Path("board.csv").read_bytes()
    assert b"written" in piped.stderr
    assert not Path("-").exists()
    failed(2, "export", "--format", "csv", "-", home=home)
    again = subprocess.run(
        [*meshaid, "--home", home, "--json", "import", "-"],
        input=slips.read_bytes(),
        capture_output=True,
        check=True,
    )
    assert json.loads(again.stdout)["imported"] == 0


def test_nothing_is_written_over_unasked(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "board.html"
    file.write_text("mine", encoding="utf-8")
    assert "already" in failed(2, "export", "--format", "html", file, home=home)
    assert file.read_text(encoding="utf-8") == "mine"
    done("export", "--format", "html", "--force", file, home=home)
    assert file.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


# ---- through a running node


def test_a_node_gives_the_same_and_tells_its_progress(home: Path, tmp_path: Path) -> None:
    rows = 3 * limits.IMPORT_BATCH + 1
    file = tmp_path / "many.csv"
    file.write_text(
        "id,kind,title\n" + "".join(f"{i},need,Water {i}\n" for i in range(rows)), encoding="utf-8"
    )
    told: list[tuple[int, int]] = []
    with running(home):
        answer = control.ask(
            home,
            "import",
            {"data": base64.b64encode(file.read_bytes()).decode()},
            NOON,
            timeout=60.0,
            told=lambda done, total: told.append((done, total)),
        )
        assert (answer["imported"], answer["refused"]) == (rows, [])
        assert told == [(limits.IMPORT_BATCH * n, rows) for n in (1, 2, 3)]
        assert done("import", file, home=home)["known"] == rows
        assert "no such category" in failed(2, "import", file, "--category", "shoes", home=home)
        out = tmp_path / "out.csv"
        assert done("export", "--format", "csv", out, home=home)["records"] == rows


IMPATIENT = (
    "import meshaid.cli.files as files; files.MOMENT = -1.0;"
    "from meshaid.cli.main import main; main()"
)


def test_a_bar_on_a_terminal_and_none_elsewhere(home: Path, tmp_path: Path) -> None:
    """A real terminal, and a command that shows how far it is at once."""
    rows = 3 * limits.IMPORT_BATCH
    file = tmp_path / "many.csv"
    lines = (f"{i},need,Water {i}\n" for i in range(rows))
    file.write_text("id,kind,title\n" + "".join(lines), encoding="utf-8")
    words = [sys.executable, "-c", IMPATIENT, "--home", str(home), "import", str(file)]
    screen, inside = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=inside, env=environment) as child:
        os.close(inside)
        drawn = bytearray()
        with suppress(OSError):  # raised once the other end is closed
            while piece := os.read(screen, 65_536):
                drawn += piece
        out = child.stdout.read().decode() if child.stdout else ""
    os.close(screen)
    assert child.returncode == 0
    assert f"{rows} records imported, 0 rows refused." in out
    assert b"Importing" in drawn
    again = subprocess.run(words, capture_output=True, check=True)
    assert again.stderr == b""


def test_a_member_is_named_by_a_beginning_or_a_shown_name(home: Path, tmp_path: Path) -> None:
    other, invite, out = tmp_path / "other", tmp_path / "invite", tmp_path / "out"
    done("invite", "--file", invite, home=home)
    member = done("join", invite, "--as", "Anna", home=other)["member"]
    with running(home) as node:
        assert done("sync", node.address, home=other)["equal"] is True
    lines = ("export", "--format", "jsonl", "--force", "--member")
    assert done(*lines, member[:9], out, home=home)["member"] == member
    told = failed(2, *lines, "Anna", out, home=home)
    assert "2 members answer to that" in told
    assert member[:8] in told
    assert "no member has this name" in failed(2, *lines, "Zoe", out, home=home)


def test_a_node_that_is_killed_while_a_file_comes_in(home: Path, tmp_path: Path) -> None:
    """SIGKILL after the first batch; the same file again brings the rest, nothing twice."""
    rows = 10 * limits.IMPORT_BATCH
    file = tmp_path / "many.csv"
    lines = (f"{i},need,Water {i},{rows - 1 - i if i < 50 else ''}\n" for i in range(rows))
    file.write_text("id,kind,title,duplicate_of\n" + "".join(lines), encoding="utf-8")
    arguments = {"data": base64.b64encode(file.read_bytes()).decode()}
    with running(home) as node:

        def kill(done: int, total: int) -> None:
            node.process.kill()

        with pytest.raises(BusyError):
            control.ask(home, "import", arguments, NOON, timeout=60.0, told=kill)
    held = done("board", "--status", "all", home=home)["records"]
    assert limits.IMPORT_BATCH <= len(held) <= rows
    told = done("import", file, home=home)
    assert (told["known"], told["imported"], told["unresolved"]) == (
        len(held),
        rows - len(held),
        [],
    )
    found = {row["title"]: row for row in done("board", "--status", "all", home=home)["records"]}
    assert len(found) == rows
    for number in range(50):
        target = found[f"Water {rows - 1 - number}"]["id"]
        assert found[f"Water {number}"]["duplicate_of"] == target
