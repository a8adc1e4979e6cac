"""Write requirements/test.txt and requirements/dev.txt: every package with version and hashes.

The floors and the groups stand in pyproject.toml; this pins what they resolve to today. Run it as
`make lock`, read the difference, run `make test`, then commit both.
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


def lock(lines: list[str], target: Path) -> None:
    """Resolve `lines` with pip-compile and write the result to `target`."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "wanted.in")
        source.write_text("\n".join(lines) + "\n", encoding="utf-8")
        result = Path(folder, "locked.txt")
        command = [sys.executable, "-m", "piptools", "compile", *FLAGS.split()]
        command += ["--output-file", str(result), str(source)]
        subprocess.run(command, check=True, cwd=folder)
        target.write_text(HEADER + result.read_text(encoding="utf-8"), encoding="utf-8")


def main() -> None:
    """Lock the group of the tests and the group of everything."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for group in ("test", "dev"):
        lock(requirements(project, group), ROOT / "requirements" / f"{group}.txt")


if __name__ == "__main__":
    main()
