"""The page of what others asked for names, for each wish that is met, the tests that check it."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT

PAGE = (ROOT / "docs/asked.md").read_text(encoding="utf-8")
ROWS = [
    tuple(cell.strip() for cell in line.strip("|").split("|"))
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith("| asked ")
]
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
THREAD = re.compile(r"^[\w.-]+/[\w.-]+(?:#\d+| pull request #\d+)")


@cache
def functions(path: Path) -> frozenset[str]:
    """The names of all functions and classes of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].partition(":")[0][:40])
def test_each_wish_is_named_answered_and_checked(row: tuple[str, ...]) -> None:
    """A row begins with a public thread; what is here has a test, and that test exists."""
    asked, here, checked = row
    assert THREAD.match(asked)
    assert here
    named = TEST.findall(checked)
    assert named or here.startswith("**Not here.**")
    assert [name for path, name in named if name not in functions(ROOT / path)] == []


def test_rows_are_found() -> None:
    """The reader of rows itself, and that none was lost: two dozen threads and more."""
    assert len(ROWS) >= 24
