"""What this machine takes for what nobody can save: an fsync, a signature check, the bytes."""

from __future__ import annotations

import os
import statistics
import time
import zlib
from pathlib import Path

from meshaid.core.keys import SigningKey, verify
from meshaid.opening import OpenHome

_ROUNDS = 200


def fsync_ms(folder: Path) -> float:
    """Median milliseconds of appending 4 KiB to a file and waiting until they are on the disk."""
    path = folder / "fsync-probe"
    times = []
    with path.open("wb", buffering=0) as file:
        for _ in range(_ROUNDS):
            started = time.perf_counter()
            file.write(bytes(4096))
            os.fsync(file.fileno())
            times.append(time.perf_counter() - started)
    path.unlink()
    return statistics.median(times) * 1e3


def verify_us() -> float:
    """Median microseconds of one Ed25519 check."""
    key, message = SigningKey(bytes(range(32))), b"a change's hash, say"
    signature, times = key.sign(message), []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        verify(key.public, signature, message)
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1e6


def change_bytes(home: OpenHome) -> tuple[int, int]:
    """Bytes of this member's raw changes: as they are, and all together through zlib -9."""
    changes = [raw for raw, _ in home.store.changes(home.replica.own_genesis)]
    whole = b"".join(changes)
    return len(whole), len(zlib.compress(whole, 9))
