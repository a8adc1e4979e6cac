"""Homes for the command line's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.calls import found


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home of a community of one household."""
    folder = tmp_path / "home"
    found(folder)
    return folder
