"""What is public is a promise: the names are pinned, and every module can be imported first."""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import re
import subprocess
import sys
from pathlib import Path

import meshaid

PUBLIC = {
    "BoardFace",
    "Node",
    "Row",
    "Watcher",
    "decode_invite",
    "found_home",
    "join_home",
    "open_node",
}

IMPORT_EACH_FIRST = """
import importlib, pkgutil, sys
import meshaid
names = [info.name for info in pkgutil.walk_packages(meshaid.__path__, "meshaid.")]
names = [name for name in names if name not in {"meshaid.__main__", "meshaid._automerge"}]
for name in names:
    for loaded in [known for known in sys.modules if known.split(".")[0] == "meshaid"]:
        if loaded != "meshaid._automerge":
            del sys.modules[loaded]
    importlib.import_module(name)
print(len(names))
"""


def test_public_names_are_pinned() -> None:
    """A name that is added or dropped needs a news fragment and a line here."""
    assert set(meshaid.__all__) == PUBLIC
    assert sorted(meshaid.__all__) == list(meshaid.__all__)
    assert [name for name in PUBLIC if not hasattr(meshaid, name)] == []


def test_public_names_have_docstrings() -> None:
    """Each public name says what it is."""
    silent = [name for name in meshaid.__all__ if not getattr(meshaid, name).__doc__]
    assert not silent


def test_each_module_can_be_imported_first() -> None:
    """No import works only because another one came before it."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", IMPORT_EACH_FIRST],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 20


def test_what_the_wheel_holds() -> None:
    """The code lists and the type marker are installed, tests and tools are not."""
    files = importlib.resources.files("meshaid")
    assert files.joinpath("py.typed").is_file()
    assert files.joinpath("data/categories.csv").is_file()
    assert files.joinpath("data/units.csv").is_file()
    licences = importlib.metadata.metadata("meshaid").get_all("License-File") or []
    assert {"LICENSE", "NOTICE"} <= set(licences)


def test_public_names_are_in_the_manual() -> None:
    """docs/reference/api.md describes each public name."""
    page = Path(__file__).resolve().parents[2] / "docs/reference/api.md"
    text = page.read_text(encoding="utf-8")
    described = re.findall(r"^\.\. auto\w+:: (\w+)$", text, re.MULTILINE)
    assert set(described) >= PUBLIC
