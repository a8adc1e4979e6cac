"""One row imported on two devices of a member, apart: two records that are one on the board."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.calls import done, running

TABLE = "kind,id,title,quantity,unit,text\nneed,1,Water,40,L,for five\nnotice,2,Bridge,,,\n"


@pytest.fixture
def copies(home: Path, tmp_path: Path) -> Path:
    """A home with two copies of each row."""
    file, laptop, table = tmp_path / "link", tmp_path / "laptop", tmp_path / "slips.csv"
    table.write_text(TABLE, encoding="utf-8")
    done("link", "--file", file, home=home)
    done("join", file, "--label", "laptop", home=laptop)
    assert done("import", table, home=home)["imported"] == 2
    assert done("import", table, home=laptop)["imported"] == 2
    with running(home) as node:
        assert done("sync", node.address, home=laptop)["equal"] is True
    out = tmp_path / "out"
    assert done("export", "--format", "jsonl", "--member", "me", out, home=home)["records"] == 4
    return home


def only(home: Path, kind: str) -> dict[str, object]:
    (row,) = done("board", "--kind", kind, "--status", "all", home=home)["records"]
    return dict(row)


def test_an_edit_leaves_one_answer(copies: Path) -> None:
    ref = str(only(copies, "need")["id"])
    done("edit", ref, "--quantity", "25", "--area", "Quay", "--text", "", home=copies)
    row = only(copies, "need")
    assert (row["quantity"], row["area"], row["text"]) == ("25", "Quay", None)
    assert not set(row["conflicts"]) - {"ref"}  # type: ignore[call-overload]


def test_closing_closes_both(copies: Path) -> None:
    done("close", str(only(copies, "need")["id"]), "--reason", "received", home=copies)
    assert only(copies, "need")["status"] == "closed"
    done("close", str(only(copies, "notice")["id"]), "--reason", "mistake", home=copies)
    assert only(copies, "notice")["status"] == "withdrawn"


def test_taking_away_what_one_copy_lacks(copies: Path) -> None:
    ref = str(only(copies, "need")["id"])
    done("edit", ref, "--area", "Quay", home=copies)
    done("edit", ref, "--area", "", home=copies)
    assert only(copies, "need")["area"] is None


def test_our_own_table_brings_nothing_new(copies: Path, tmp_path: Path) -> None:
    from meshaid.core.exports import read_json_lines, write_csv

    out, table = tmp_path / "again.jsonl", tmp_path / "again.csv"
    done("need", "Tea", home=copies)
    done("export", "--format", "jsonl", "--member", "me", out, home=copies)
    records = read_json_lines(out.read_text(encoding="utf-8"))
    table.write_bytes(write_csv(records).encode())
    told = done("import", table, home=copies)
    assert told["imported"] == 0
