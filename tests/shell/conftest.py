"""A fresh home on disk for whoever asks: its folder, its data key, its open store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from meshaid import home
from meshaid.store import Store
from tests.shell.street import Street


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the home is, or will be once `key` is asked for."""
    return tmp_path / "home"


@pytest.fixture
def key(folder: Path) -> bytes:
    """The data key of a home without a passphrase and, so far, without a store."""
    return home.create(folder)


@pytest.fixture
def store(folder: Path, key: bytes) -> Iterator[Store]:
    """Its store, empty and open."""
    with Store.create(folder, key) as store:
        yield store


@pytest.fixture
def street(tmp_path: Path) -> Street:
    """Homes to come, and nodes in them."""
    return Street(tmp_path)
