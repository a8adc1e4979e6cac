"""`python -m benchmarks [--json FILE]`: measure, print the table, write the numbers."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks import cases
from benchmarks.figures import print_table, write_json


def main() -> None:
    """Run every case."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--json", type=Path, default=Path("build/benchmarks.json"))
    file = parser.parse_args().json
    with tempfile.TemporaryDirectory(prefix="meshaid-bench-") as folder:
        figures = cases.sync_cases(Path(folder)) + cases.open_case(Path(folder))
    print_table(figures)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_json(figures, file)
    print(f"\nnumbers in {file}")


if __name__ == "__main__":
    main()
