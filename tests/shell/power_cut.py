"""A disk that remembers what was written and what was synced, so that the power can go anywhere.

Every write, truncation, sync, creation and deletion that SQLite makes below its encryption goes
into one list; the test adds an `Acknowledged` after each commit. The disk after a cut holds

* of every file: all that was synced, and of what was written since any part, in 512-byte sectors,
* of the folder: all names as of its last sync, and of what was done since any first part.

A new file's first sync makes its name durable too, as SQLite's Unix layer does.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias

import apsw
import pytest

_SECTOR = 512
_numbers = count()


@dataclass(frozen=True)
class Wrote:
    inode: int
    offset: int
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Truncated:
    inode: int
    size: int


@dataclass(frozen=True)
class Synced:
    inode: int


@dataclass(frozen=True)
class Created:
    inode: int
    name: str


@dataclass(frozen=True)
class Deleted:
    name: str
    durable: bool


@dataclass(frozen=True)
class Acknowledged:
    number: int


Step: TypeAlias = Wrote | Truncated | Synced | Created | Deleted | Acknowledged


class RecordedDisk(apsw.VFS):
    """SQLite's Unix layer, and a list of what it was asked to do in one folder."""

    def __init__(self, folder: Path) -> None:
        self.steps: list[Step] = []
        self.inodes = {path.name: next(_numbers) for path in folder.iterdir()}
        self.before = {path.name: path.read_bytes() for path in folder.iterdir()}
        self.start = dict(self.inodes)
        self.name = f"recorded{next(_numbers)}"
        super().__init__(self.name, "unix")

    def xOpen(self, name: Any, flags: list[int]) -> _RecordedFile:  # noqa: N802
        path = Path(name.filename() if isinstance(name, apsw.URIFilename) else name)
        if path.name not in self.inodes:
            self.inodes[path.name] = next(_numbers)
            self.steps.append(Created(self.inodes[path.name], path.name))
        return _RecordedFile(self, self.inodes[path.name], name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        self.steps.append(Deleted(Path(filename).name, bool(syncdir)))
        self.inodes.pop(Path(filename).name, None)
        super().xDelete(filename, syncdir)


class _RecordedFile(apsw.VFSFile):
    def __init__(self, disk: RecordedDisk, inode: int, name: Any, flags: list[int]) -> None:
        self.disk = disk
        self.inode = inode
        super().__init__("unix", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self.disk.steps.append(Wrote(self.inode, offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self.disk.steps.append(Truncated(self.inode, newsize))
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self.disk.steps.append(Synced(self.inode))
        super().xSync(flags)


@contextmanager
def recorded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordedDisk]:
    """Let every SQLite connection opened inside go through a recorded disk."""
    disk = RecordedDisk(folder)
    real = apsw.Connection

    def connect(filename: str, flags: int) -> apsw.Connection:
        return real(filename, flags=flags, vfs=f"multipleciphers-{disk.name}")

    with monkeypatch.context() as patch:
        patch.setattr(apsw, "Connection", connect)
        yield disk


@dataclass
class _File:
    synced: bytearray = field(default_factory=bytearray)
    since: list[Wrote | Truncated] = field(default_factory=list)
    fresh: bool = False

    def sync(self) -> None:
        for step in self.since:
            _apply(self.synced, step)
        self.since.clear()

    def after_cut(self, chance: random.Random) -> bytes:
        content = bytearray(self.synced)
        for step in self.since:
            if isinstance(step, Truncated):
                if chance.random() < 0.5:
                    _apply(content, step)
                continue
            for at in range(0, len(step.data), _SECTOR):
                if chance.random() < 0.5:
                    part = step.data[at : at + _SECTOR]
                    _apply(content, Wrote(step.inode, step.offset + at, part))
        return bytes(content)


def _apply(content: bytearray, step: Wrote | Truncated) -> None:
    if isinstance(step, Truncated):
        del content[step.size :]
        return
    end = step.offset + len(step.data)
    if len(content) < end:
        content.extend(bytes(end - len(content)))
    content[step.offset : end] = step.data


def after_cut(disk: RecordedDisk, steps: Sequence[Step], chance: random.Random) -> dict[str, bytes]:
    """One of the states in which the disk may be found when the power went after these steps."""
    files = {inode: _File(bytearray(disk.before[name])) for name, inode in disk.start.items()}
    durable = dict(disk.start)
    pending: list[Created | Deleted] = []

    def sync_names(upto: int) -> None:
        for step in pending[:upto]:
            if isinstance(step, Created):
                durable[step.name] = step.inode
            else:
                durable.pop(step.name, None)
        del pending[:upto]

    for step in steps:
        match step:
            case Wrote() | Truncated():
                files[step.inode].since.append(step)
            case Synced():
                files[step.inode].sync()
                if files[step.inode].fresh:
                    files[step.inode].fresh = False
                    sync_names(len(pending))
            case Created():
                files[step.inode] = _File(fresh=True)
                pending.append(step)
            case Deleted():
                pending.append(step)
                if step.durable:
                    sync_names(len(pending))
            case Acknowledged():
                pass
    sync_names(chance.randint(0, len(pending)))
    return {name: files[inode].after_cut(chance) for name, inode in durable.items()}
