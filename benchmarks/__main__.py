"""`python -m benchmarks [--large] [--json FILE]`: measure, print the table, write the numbers."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.figures import print_table, write_json
from benchmarks.finding import finding_cases
from benchmarks.opening import large_cases, open_cases
from benchmarks.sync import sync_cases


def main() -> None:
    """Run every case."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--json", type=Path, default=Path("build/benchmarks.json"))
    parser.add_argument("--large", action="store_true", help="also 100,000 changes; takes minutes")
    arguments = parser.parse_args()
    file = arguments.json
    with tempfile.TemporaryDirectory(prefix="meshaid-bench-") as folder:
        figures = finding_cases() + sync_cases(Path(folder)) + open_cases(Path(folder))
        if arguments.large:
            figures += large_cases(Path(folder))
    print_table(figures)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_json(figures, file)
    print(f"\nnumbers in {file}")


if __name__ == "__main__":
    main()
