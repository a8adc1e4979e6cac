"""Make roster_worlds.json.gz: random worlds of cards, and the roster that the model makes of each.

    python -m tests.vectors.make_roster_worlds

It needs the model (`../shared/model/roster.py` beside the project). Each world is
`[steps, members, devices, stewards, effective]`, in the words of tests/worlds.py. Seeds are taken
in order; the worlds under DECISIVE were searched for: in each of them one rule alone decides.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from random import Random
from typing import Any

from tests.roster_model import ModelWorld, load
from tests.worlds import random_world

TARGET = Path(__file__).with_name("roster_worlds.json.gz")

SIZES = ((14, 1_200), (40, 900))
"""(most random steps, worlds)."""

DECISIVE: dict[str, tuple[int, tuple[int, ...]]] = {
    "a way is a simple path": (40, (2062, 3168, 6067, 7866, 10405, 14059, 16029, 21091)),
    "several ways are weighed": (40, (1301, 12667, 13914, 15761, 16756, 21091, 21983)),
    "devices of stewards keep the strong rule": (40, (8831, 24725)),
    "steward by steward invites only": (40, (1046, 1080, 1638, 2068, 2165, 2673, 3121, 3238)),
    "role removals open below the steward": (40, (1116, 1131, 1200, 1274, 1325, 1475, 1487)),
    "a steward grants on to other stewards": (60, (4102, 5030, 5368, 22081, 26599, 29887)),
}
"""Rule to size and seeds of worlds in which the roster is another one without it."""


def main() -> None:
    """Draw the worlds, ask the model, write the file."""
    model = load("roster")
    draws = [(size, seed) for size, count in SIZES for seed in range(count)]
    draws += sorted({(size, seed) for size, seeds in DECISIVE.values() for seed in seeds})
    worlds = [world_of(model, size, seed) for size, seed in draws]
    content = {
        "source": "model/roster.py on random worlds",
        "generator": "tests/vectors/make_roster_worlds.py",
        "format": "each world: steps, members, devices, stewards, effective (tests/worlds.py)",
        "worlds": worlds,
    }
    data = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
    TARGET.write_bytes(gzip.compress(data, mtime=0))


def world_of(model: Any, size: int, seed: int) -> list[Any]:
    """One world with its outcome."""
    steps = random_world(Random(seed), size)
    outcome = ModelWorld(model, steps).outcome()
    return [steps, *(outcome[name] for name in ("members", "devices", "stewards", "effective"))]


if __name__ == "__main__":
    main()
