"""Two processes that make a home in one folder, and one that is killed while it does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from meshaid import opening
from meshaid.desk import Desk
from meshaid.errors import InvalidInput

NOW = 1_700_000_000


def test_whoever_comes_second_never_takes_a_finished_home_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other process comes between the creation of store.key and its first byte."""
    folder = tmp_path / "home"
    fdopen = os.fdopen
    made = []

    def interrupted(*args: Any) -> Any:
        monkeypatch.setattr(os, "fdopen", fdopen)
        made.append(opening.found_home(folder, community_name="c", name="quick", now=NOW))
        return fdopen(*args)

    monkeypatch.setattr(os, "fdopen", interrupted)
    with pytest.raises(InvalidInput, match="home in this folder already"):
        opening.found_home(folder, community_name="c", name="slow", now=NOW)

    with opening.open_home(folder) as opened:
        assert opened.replica.identity.community == made[0].identity.community


class Killed(BaseException):
    """As if the process ended here: nothing is tidied up."""


def test_a_home_whose_making_was_cut_off_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise Killed

    folder = tmp_path / "home"
    monkeypatch.setattr(Desk, "add", die)
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
    with pytest.raises(Killed):
        opening.found_home(folder, community_name="c", name="hub", kind="hub", letter="H", now=NOW)
    monkeypatch.undo()

    with pytest.raises(InvalidInput, match="never finished"):
        opening.open_home(folder)
