"""One row of the table, and how rows are printed and written."""

from __future__ import annotations

import json
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured thing. `target` and `floor` are in words, with their units."""

    what: str
    measured: str
    target: str
    floor: str
    values: dict[str, float]


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share (0 to 1) of the values lies, linearly interpolated."""
    cuts = statistics.quantiles(values, n=1000, method="inclusive")
    return cuts[min(998, max(0, round(share * 1000) - 1))]


def print_table(figures: Sequence[Figure]) -> None:
    """The table as text on standard output."""
    rows = [("what", "measured", "target", "floor of this machine")]
    rows += [(f.what, f.measured, f.target, f.floor) for f in figures]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for number, row in enumerate(rows):
        cells = (cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True))
        print("  ".join(cells).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in [*widths, len(row[3])]))


def write_json(figures: Sequence[Figure], path: Path) -> None:
    """The same with plain numbers, for comparing runs."""
    document = {
        "machine": {"python": platform.python_version(), "system": platform.platform()},
        "figures": [asdict(figure) for figure in figures],
    }
    path.write_text(json.dumps(document, indent=2) + "\n")
