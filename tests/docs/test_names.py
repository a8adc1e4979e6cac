"""Documents name only files that there are, and the generated pages are current."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT, documents

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
QUOTED_PATH = re.compile(
    r"`((?:docs|examples|meshaid|native|tests|tools|benchmarks|requirements|newsfragments)"
    r"/[\w./+-]*)`"
)
BUILT = {"meshaid/_automerge"}
PAGES = documents()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_paths_lead_somewhere(page: Path) -> None:
    """Relative links and paths in backticks name files of this tree."""
    text = page.read_text(encoding="utf-8")
    absent = []
    for target in LINK.findall(text):
        path = target.partition("#")[0]
        if "://" in target or target.startswith("mailto:") or not path:
            continue
        if not (page.parent / path).exists():
            absent.append(target)
    quoted = QUOTED_PATH.findall(text)
    absent += [path for path in quoted if path not in BUILT and not (ROOT / path).exists()]
    assert not absent


@pytest.mark.parametrize("tool", ["tools/reference.py", "tools/pictures.py", "tools/screens.py"])
def test_generated_pages_are_current(tool: str) -> None:
    """Generated pages and pictures hold what the code says today: `make reference` writes them."""
    checked = subprocess.run(
        [sys.executable, str(ROOT / tool), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


def test_every_page_is_in_the_manual() -> None:
    """The index reaches each page (Sphinx warns too, but only where Sphinx runs)."""
    index = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    missing = [page.stem for page in (ROOT / "docs").glob("*.md") if page.stem not in index.split()]
    assert [name for name in missing if name != "index"] == []
