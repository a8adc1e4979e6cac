"""Write requirements/test.txt and requirements/dev.txt: every package with version and hashes.

The floors and the groups stand in pyproject.toml; this pins what they resolve to today. Run it as
`make lock` on Python 3.11, the oldest that we support; read the difference, run `make test`, then
commit both. The locks are complete, so they are installed with --no-deps: a package that only a
newer Python would add (libcst asks for a YAML reader, which nothing here uses) is left out.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
HEADER = "# Written by `make lock` from pyproject.toml: change the floors there.\n"
FLAGS = (
    "--quiet --generate-hashes --allow-unsafe --strip-extras --no-header --no-annotate "
    "--no-emit-index-url --no-emit-find-links --no-emit-trusted-host"
)


def requirements(project: dict[str, Any], group: str) -> list[str]:
    """What the library needs at run time, with a dependency group and the groups it includes."""
    found = list(project["project"]["dependencies"])
    waiting = [group]
    while waiting:
        for entry in project["dependency-groups"][waiting.pop()]:
            if isinstance(entry, str):
                found.append(entry)
            else:
                waiting.append(entry["include-group"])
    return sorted(found)


def lock(lines: list[str]) -> str:
    """Resolve `lines` with pip-compile: every package with version and hashes."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "wanted.in")
        source.write_text("\n".join(lines) + "\n", encoding="utf-8")
        result = Path(folder, "locked.txt")
        command = [sys.executable, "-m", "piptools", "compile", *FLAGS.split()]
        command += ["--output-file", str(result), str(source)]
        subprocess.run(command, check=True, cwd=folder)
        return result.read_text(encoding="utf-8")


def main() -> None:
    """Lock the group of the tests and the group of everything."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for group in ("test", "dev"):
        text = HEADER + lock(requirements(project, group))
        (ROOT / "requirements" / f"{group}.txt").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
