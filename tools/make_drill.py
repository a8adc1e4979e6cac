"""Make a drill: three hours at five emergency hubs, as tables, with the answer key.

    python -m tools.make_drill                    write the drill of examples/drill again
    python -m tools.make_drill --check            make it in memory and compare
    python -m tools.make_drill --seed NAME FOLDER write another drill into FOLDER

The same seed gives the same bytes on every machine. examples/drill/README.md explains the columns.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tools.drill_answers import COLUMNS as KEY_COLUMNS
from tools.drill_answers import Key, Row
from tools.drill_follow_ups import FollowUps, in_order
from tools.drill_pile import COLUMNS, EVENT_COLUMNS, HUBS, Pile

SEED: Final = "meshaid-drill-2"
FOLDER: Final = Path(__file__).resolve().parents[1] / "examples" / "drill"
_SLIPS: Final = ("need", "offer", "notice")


def make(seed: str = SEED) -> dict[str, bytes]:
    """The four files of a drill, by name."""
    pile = Pile(seed)
    pile.make_needs()
    pile.make_needs_told_in_one_go()
    pile.make_retold_needs()
    pile.make_offers()
    pile.make_notices()
    later = FollowUps(pile)
    later.make_promises()
    later.make_ends_of_retold_needs()
    later.make_rest()
    rows = in_order(pile.rows)
    key = [*Key(rows, pile.units).lines()]
    hubs = [_hub(hub) for hub in HUBS.values()]
    return {
        "drill.csv": _as_csv(COLUMNS, [row for row in rows if row["kind"] in _SLIPS]),
        "drill_hubs.csv": _as_csv(list(hubs[0]), hubs),
        "drill_events.csv": _as_csv(EVENT_COLUMNS, [r for r in rows if r["kind"] not in _SLIPS]),
        "drill_expected.csv": _as_csv(KEY_COLUMNS, key),
    }


def _hub(hub: Row) -> Row:
    start, end = hub["cut"] or ("", "")
    return {
        "letter": hub["letter"],
        "name": hub["name"],
        "desks": hub["desks"],
        "areas": "|".join(hub["areas"]),
        "languages": " ".join(hub["languages"]),
        "cut_from_minute": start,
        "cut_until_minute": end,
    }


def _as_csv(columns: Sequence[str], rows: list[Row]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, columns, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode("utf-8")


def main() -> int:
    """Write or compare; 0 unless a file differs."""
    parser = argparse.ArgumentParser(description="Make a drill with its answer key.")
    parser.add_argument("--check", action="store_true", help="compare with the files, write none")
    parser.add_argument("--seed", default=SEED, help="another name gives another drill")
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER, help="where the files go")
    arguments = parser.parse_args()
    if not arguments.check and arguments.seed != SEED and arguments.folder == FOLDER:
        parser.error("give a FOLDER for another drill: examples/drill is the one that is shipped")
    same = True
    for name, content in make(arguments.seed).items():
        path = arguments.folder / name
        if not arguments.check:
            arguments.folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            print(f"{path}: {len(content.splitlines()) - 1} lines")
        elif not path.exists() or path.read_bytes() != content:
            print(f"{path}: is not what tools/make_drill.py makes", file=sys.stderr)
            same = False
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
