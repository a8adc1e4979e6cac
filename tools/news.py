"""Check the news fragments: well named, one sentence at least, and present when code changed.

A fragment is newsfragments/<issue number or +word>.<kind>.md, written for users. Kinds are those
of [tool.towncrier] in pyproject.toml.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WATCHED = ("meshaid/", "native/src/")


def fragments() -> list[Path]:
    """Every fragment file, sorted by name."""
    found = (ROOT / "newsfragments").glob("*.md")
    return sorted(path for path in found if path.name != "README.md")


def badly_written() -> list[str]:
    """One line for each fragment that users would stumble over."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    kinds = [kind["directory"] for kind in project["tool"]["towncrier"]["type"]]
    name = re.compile(rf"(\d+|\+[a-z0-9-]+)\.({'|'.join(kinds)})(\.\d+)?\.md")
    faults = []
    for path in fragments():
        text = path.read_text(encoding="utf-8").strip()
        if not name.fullmatch(path.name):
            faults.append(f"{path.name}: name it <number or +word>.<{'|'.join(kinds)}>.md")
        if not text.endswith((".", "!", "?", ")", "`")) or len(text) < 20:
            faults.append(f"{path.name}: write whole sentences for users")
    return faults


def changed_since_release() -> list[str] | None:
    """Watched files changed since the last release tag; None where git cannot tell."""
    try:
        tag = subprocess.run(
            ["git", "-C", str(ROOT), "describe", "--tags", "--match", "v*", "--abbrev=0"],
            capture_output=True,
            text=True,
            check=False,
        )
        since = [tag.stdout.strip()] if tag.returncode == 0 else []
        command = ["diff", "--name-only", *since] if since else ["ls-files"]
        listed = subprocess.run(
            ["git", "-C", str(ROOT), *command],
            capture_output=True,
            text=True,
            check=True,
        )
    except (FileNotFoundError, subprocess.CalledProcessError):
        return None
    return [name for name in listed.stdout.splitlines() if name.startswith(WATCHED)]


def main() -> int:
    """Print what is wrong; 0 when nothing is."""
    faults = badly_written()
    if changed_since_release() and not fragments():
        faults.append("code changed since the last release: add a fragment to newsfragments/")
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
