"""The power goes at any point of writing: what was acknowledged is there, all or nothing, sound."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from meshaid import limits, store_file
from meshaid.core.ledger import Ledger
from meshaid.store import Store
from tests.shell.power_cut import Acknowledged, RecordedDisk, after_cut, recorded
from tests.shell.store_parts import connection

CUTS = 120
COMMITS = 60
CHECKPOINT_PAGES = 60  # several commits fit in before the log moves into the file
MEMBER = b"m" * 32


def write(ledger: Ledger, number: int) -> None:
    """One group: some of every kind, and large enough that checkpoints come along."""
    chance = random.Random(number)
    with ledger.transaction():
        ledger.put_setting("last", b"%d" % number)
        ledger.put_setting(f"blob {number % 7}", chance.randbytes(chance.randrange(9_000)))
        fields = {"title": [f"water {number}"], "text": ["x" * chance.randrange(700)]}
        ledger.put_records(MEMBER, {f"r{number % 20}": fields})
        if number % 11 == 0:
            ledger.drop_records(MEMBER)


def contents(ledger: Ledger) -> list[object]:
    blobs = [ledger.setting(f"blob {n}") for n in range(7)]
    return [ledger.setting("last"), blobs, ledger.records(), sorted(ledger.search("water"))]


def record_commits(
    folder: Path, key: bytes, monkeypatch: pytest.MonkeyPatch, **pragmas: str
) -> tuple[RecordedDisk, list[list[object]]]:
    """Write, close, go on writing; what the disk was asked, and the contents after each commit."""
    monkeypatch.setitem(store_file.SETTINGS, "wal_autocheckpoint", CHECKPOINT_PAGES)
    for name, value in pragmas.items():
        monkeypatch.setitem(store_file.SETTINGS, name, value)
    Store.create(folder, key).close()
    with recorded(folder, monkeypatch) as disk:
        states: list[list[object]] = []
        for session in range(3):
            with Store.open(folder, key) as store:
                if not states:
                    states.append(contents(store))
                for number in range(session * 20 + 1, session * 20 + 21):
                    write(store, number)
                    disk.steps.append(Acknowledged(number))
                    states.append(contents(store))
    monkeypatch.undo()
    return disk, states


def cut(disk: RecordedDisk, seed: int, place: Path) -> int:
    """Lay out the disk as one cut leaves it; how many commits had been acknowledged."""
    chance = random.Random(seed)
    steps = disk.steps[: chance.randrange(len(disk.steps) + 1)]
    place.mkdir(mode=0o700)
    for name, content in after_cut(disk, steps, chance).items():
        (place / name).write_bytes(content)
    return max((step.number for step in steps if isinstance(step, Acknowledged)), default=0)


def test_no_cut_loses_an_acknowledged_commit(
    folder: Path, key: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, states = record_commits(folder, key, monkeypatch)
    assert len(states) == COMMITS + 1
    monkeypatch.setattr(limits, "BALLAST_BYTES", 16)
    in_flight = 0
    for seed in range(CUTS):
        acknowledged = cut(disk, seed, tmp_path / str(seed))
        with Store.open(tmp_path / str(seed), key) as store:
            held = contents(store)
            assert connection(store).pragma("integrity_check") == "ok"
        assert held in states[acknowledged : acknowledged + 2], f"seed {seed}"
        in_flight += held != states[acknowledged]
    # The cuts fell into commits, too: some that nobody had been told of were whole already.
    assert in_flight


def test_the_same_cuts_find_a_store_that_syncs_too_little(
    folder: Path, key: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, states = record_commits(folder, key, monkeypatch, synchronous="NORMAL")
    monkeypatch.setattr(limits, "BALLAST_BYTES", 16)
    lost = 0
    for seed in range(CUTS // 3):
        acknowledged = cut(disk, seed, tmp_path / str(seed))
        with Store.open(tmp_path / str(seed), key) as store:
            lost += contents(store) not in states[acknowledged : acknowledged + 2]
    assert lost
