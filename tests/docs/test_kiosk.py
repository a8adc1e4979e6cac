"""The app that the manual builds, as somebody runs it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.docs.blocks import ROOT

KIOSK = ROOT / "examples/kiosk.py"


def test_a_street_desk(tmp_path: Path) -> None:
    """It founds its home, answers line after line, and knows everything when it is opened again."""

    def said(typed: str) -> list[str]:
        run = subprocess.run(
            [sys.executable, str(KIOSK), str(tmp_path / "desk")],
            input=typed,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
            check=True,
        )
        assert run.stderr == ""
        return [re.sub(r"\bX\d{6}\b", "X…", line) for line in run.stdout.splitlines()]

    assert said("need Blankets | 6 piece | North\noffer Quilts | 4 piece\nsing\n") == [
        "X…  need: Blankets, 6 piece (open)",
        "X…  offer: Quilts, 4 piece (open)",
        "say one of: show, need, offer, fits, promise, came, contact",
    ]
    assert said("show blankets\nshow rope\n") == ["X…  need: Blankets, 6 piece (open)", "nothing"]
