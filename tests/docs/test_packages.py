"""Floors and locks agree: nobody develops on, or installs, a version with a known hole."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DEPENDENCIES: list[str] = PROJECT["project"]["dependencies"]
LOCKS = ("requirements/test.txt", "requirements/dev.txt")
# Below these there are published faults (CVE numbers stand beside the floors in pyproject.toml).
HARD_FLOORS = {
    "apsw-sqlite3mc": "3.51.3",
    "cryptography": "47",
    "msgpack": "1.2.1",
    "trio": "0.32",
    "zeroconf": "0.150.0",
}
# Names of packages whose modules are called otherwise.
MODULES = {"apsw-sqlite3mc": "apsw"}
# What only meshaid.testing may import: the test groups of those who use it bring it.
TEST_TOOLS = {"hypothesis", "pytest"}


def number(version: str) -> tuple[int, ...]:
    """A version as numbers to compare: "1.2.1" is (1, 2, 1)."""
    return tuple(int(part) for part in re.findall(r"\d+", version))


def locked(lock: str) -> dict[str, str]:
    """Name and version of everything in a lock file."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", text, re.MULTILINE))


def floor(requirement: str) -> tuple[str, str]:
    """Name and floor of a requirement `name>=version`."""
    match = re.fullmatch(r"([a-z0-9-]+)(?:>=|==)([\d.]+)", requirement)
    assert match, f"{requirement}: write it as name>=version, without an upper bound"
    return match[1], match[2]


@pytest.mark.parametrize("requirement", DEPENDENCIES)
@pytest.mark.parametrize("lock", LOCKS)
def test_locks_are_at_or_above_the_floors(requirement: str, lock: str) -> None:
    """What we test is what the floors allow."""
    name, lowest = floor(requirement)
    assert number(locked(lock)[name]) >= number(lowest)


@pytest.mark.parametrize(("name", "lowest"), HARD_FLOORS.items())
def test_floors_are_above_known_holes(name: str, lowest: str) -> None:
    """Nobody lowers a floor below a published fault by accident."""
    floors = dict(floor(requirement) for requirement in DEPENDENCIES)
    assert number(floors[name]) >= number(lowest)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_hashes(lock: str) -> None:
    """pip checks each file against the lock."""
    entries = re.split(r"\n(?=[a-z])", (ROOT / lock).read_text(encoding="utf-8").strip())
    packages = [entry for entry in entries if "==" in entry.partition("\n")[0]]
    assert len(packages) == len(locked(lock))
    assert [entry for entry in packages if "--hash=sha256:" not in entry] == []


def test_automerge_is_pinned_exactly() -> None:
    """The gate's rules were found on one version of the crate; another one is a decision."""
    cargo = tomllib.loads((ROOT / "native/Cargo.toml").read_text(encoding="utf-8"))
    assert cargo["dependencies"]["automerge"] == "=0.11.0"
    lock = tomllib.loads((ROOT / "native/Cargo.lock").read_text(encoding="utf-8"))
    versions = [crate["version"] for crate in lock["package"] if crate["name"] == "automerge"]
    assert versions == ["0.11.0"]


def imported(path: Path) -> set[str]:
    """Top-level names of all modules that a file imports, lazily or not."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names - {"meshaid"} - sys.stdlib_module_names


def test_every_import_is_a_declared_dependency() -> None:
    """What only comes along with another package today may be gone tomorrow."""
    declared = {floor(requirement)[0] for requirement in DEPENDENCIES}
    modules = {MODULES.get(name, name) for name in declared}
    used: dict[str, set[str]] = {}
    for path in sorted((ROOT / "meshaid").rglob("*.py")):
        allowed = modules | (TEST_TOOLS if "testing" in path.parts else set())
        for name in imported(path) - allowed:
            used.setdefault(name, set()).add(path.name)
    assert used == {}
    all_used = set().union(*(imported(path) for path in (ROOT / "meshaid").rglob("*.py")))
    assert modules - all_used == set()
